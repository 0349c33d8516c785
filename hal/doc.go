// Package hal is the contract between the station and the hardware of its
// cabinet, and the Governor that keeps every backend within its electrical
// limits.
//
// A backend (hal/sim, hal/gpio, hal/rs485) implements Driver: it can pulse one
// lock for a given time and read all doors. Govern puts the Governor above it
// and yields a Cabinet, which is all that the station ever sees.
//
// # How data moves through it
//
// Cabinet.Run polls the driver, debounces, compares with what was known and
// calls the sink with one Event per change. Polling is the truth; edges and
// unsolicited frames only bring the next poll forward (Driver may implement
// Waker). Cabinet.Unlock orders one pulse of configured length. Unlocks go
// before polls, which they keep back for a second at most. Whoever can not keep
// up with the events puts Handover between.
//
// Without Run, the Governor works in step mode: one goroutine calls Poll,
// Unlock, Snapshot and Stop in turn, on whatever Clock it likes.
//
// # What is promised
//
//   - Pulse length comes from validated configuration, never from the caller,
//     and is capped at 1 s; duty ≤ 10 %; a cool-down of at least 10 s per lock;
//     one coil at a time, at least 50 ms apart.
//   - All outputs are switched off and verified at the start of Run and at its
//     end. A cancelled context ends waiting, never the switching-off.
//   - An unlock is never repeated. ErrNotSent means that certainly no coil was
//     energised; ErrOutcomeUnknown that one may have been.
//   - What can not be read is Unknown. A failed read is never "closed" and
//     never "empty".
//
// # What it never does
//
// It does not remember pulses over a restart: a controller that dies and comes
// back within the cool-down may pulse the same lock earlier than that.
//
// It has no On, Off or OpenAll, knows no codes, deliveries or permissions,
// gives no verdicts such as jammed or forced, stores nothing and serves no
// HTTP. It never imports locker or firmware.
package hal
