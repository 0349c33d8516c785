package firmware

import (
	"context"
	"time"

	"abholstation/hal"
	"abholstation/locker"
)

// SystemClock is the machine's clock. Elapsed time is CLOCK_MONOTONIC, which
// does not count sleep and power cuts; Wall asks the kernel whether a time
// server disciplines the clock. Where the kernel can not be asked (anything but
// Linux) it says no.
type SystemClock struct{}

var _ Clock = SystemClock{}

// Now is the time with its monotonic reading.
func (SystemClock) Now() time.Time { return time.Now() }

// Sleep waits for d or for the end of ctx.
func (SystemClock) Sleep(ctx context.Context, d time.Duration) error {
	return hal.SystemClock().Sleep(ctx, d)
}

// Wall is the wall clock in UTC, and whether the kernel calls it synchronised.
func (SystemClock) Wall() (time.Time, bool) {
	return time.Now().UTC().Round(0), synchronised()
}

// After is a timer.
func (SystemClock) After(d time.Duration) (<-chan time.Time, func()) {
	t := time.NewTimer(d)
	return t.C, func() { t.Stop() }
}

// timekeeper turns the clock's time into the station's powered-on time: what
// the store last saw, plus what has passed since the store was opened. It is
// immutable and so safe for concurrent use.
type timekeeper struct {
	clock  Clock
	opened time.Time   // on clock.Now
	stored locker.Mono // at opened
}

func newTimekeeper(clock Clock, stored locker.Mono) timekeeper {
	return timekeeper{clock: clock, opened: clock.Now(), stored: stored}
}

// mono is the powered-on time at a moment of the clock.
func (t timekeeper) mono(at time.Time) locker.Mono {
	return t.stored + max(0, at.Sub(t.opened))
}

// now is what an event is decided at.
func (t timekeeper) now() locker.Now {
	wall, synced := t.clock.Wall()
	return locker.Now{Mono: t.mono(t.clock.Now()), Wall: wall.UTC(), Synced: synced}
}
