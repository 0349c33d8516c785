// Package haltest is the conformance suite of hal.Cabinet. Every backend passes
// it, with the Governor above its driver, through one call of Run.
//
// The suite sees the cabinet from both sides: through hal as the station does,
// and through World as somebody who stands in front of it with a meter in hand.
// Each test runs in a testing/synctest bubble of its own, so rigs are made of
// goroutines and the system clock, and nothing waits for real.
package haltest

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"abholstation/hal"
)

// Pulse is one that was physically seen. End is zero while it lasts.
type Pulse struct {
	Lock       hal.LockID
	Start, End time.Time
}

// World is the physical side of a Rig; n is a lock's ID. An error ends the test.
type World interface {
	Pulses() []Pulse // all so far, in order
	CoilsOn() int
	LeaveOn(n int) error // a coil is on, as a controller that died a moment ago left it
	Pry(n int) error     // opens a door whatever holds it
	Close(n int) error
	Bounce(n int, d time.Duration) error   // from now on, contacts bounce so long at each movement
	CutDoorWire(n int, cut bool) error     // its door can not be read
	FailPulse(n int, afterCoil bool) error // the next order fails before or after the coil is energised
	Mains(on bool)                         // the supply, and with it the mains-fail input
	Unplug(on bool)                        // nothing can be reached
	Violations() []string                  // of electrical rules
}

// Rig is a cabinet of at least three locks, all doors shut, whose Run nobody has
// called, under a Governor with default polling and debouncing, and what else it
// was built with.
type Rig struct {
	Cabinet hal.Cabinet
	Clock   hal.Clock
	World   World
	Pulse   time.Duration // configured
	Gap     time.Duration
	Cool    time.Duration
}

// Run checks the cabinets that newRig makes, one for each test.
func Run(t *testing.T, newRig func(t *testing.T) Rig) {
	for _, c := range []struct {
		name string
		test func(*testing.T, *bench)
	}{
		{"inventory is stable and ascending", inventoryIsStable},
		{"unlock pulses the asked lock once and no other", unlockPulsesOnce},
		{"an unknown lock is refused", unknownLockIsRefused},
		{"a pulse is no longer than configured", pulseIsBounded},
		{"a cooling lock is refused before a deadline and waited for without one", coolDownIsKept},
		{"unlocks at the same time never overlap", unlocksDoNotOverlap},
		{"a cancelled context ends waiting, not switching off", cancelSwitchesOff},
		{"a cancelled unlock that waits is not sent", cancelWhileWaiting},
		{"a snapshot is fresh", snapshotIsFresh},
		{"what can not be read is unknown", unreadableIsUnknown},
		{"nothing reachable makes every door unknown", unpluggedIsUnknown},
		{"events come in order with before and after", eventsAreOrdered},
		{"bounce makes no events", bounceIsSuppressed},
		{"a coil left on is switched off at the start", offAtStart},
		{"everything is off after the end", offAtEnd},
		{"a coil that should not be on is off after the end", strayOffAtEnd},
		{"nothing is unlocked after the end", inhibitedAfterEnd},
		{"nothing is unlocked without mains", powerIsRequired},
		{"an error before the coil is ErrNotSent", errorBefore},
		{"an error after the coil is ErrOutcomeUnknown and not repeated", errorAfter},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := &bench{Rig: newRig(t), t: t}
				c.test(t, b)
				b.stop()
				if v := b.World.Violations(); len(v) > 0 {
					t.Errorf("electrical rules were broken: %q", v)
				}
				if n := b.World.CoilsOn(); n != 0 {
					t.Errorf("%d coils are on at the end", n)
				}
			})
		})
	}
}

// bench is a Rig with its Run in a goroutine and the events it told.
type bench struct {
	Rig
	t      *testing.T
	cancel context.CancelFunc
	done   chan error
	events chan hal.Event
}

// start runs the cabinet and waits until all doors were told.
func (b *bench) start() {
	b.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	b.cancel, b.done = cancel, make(chan error, 1)
	b.events = make(chan hal.Event, 10000)
	go func() { b.done <- b.Cabinet.Run(ctx, func(e hal.Event) { b.events <- e }) }()
	b.pass(time.Second)
	b.checkEvents(b.told(), len(b.Cabinet.Inventory()))
}

// stop ends Run and checks its error.
func (b *bench) stop() {
	b.t.Helper()
	if b.cancel == nil {
		return
	}
	b.cancel()
	b.cancel = nil
	if err := <-b.done; err != nil {
		b.t.Errorf("Run ended with %v", err)
	}
}

// pass lets time pass.
func (b *bench) pass(d time.Duration) {
	_ = b.Clock.Sleep(context.Background(), d)
	synctest.Wait()
}

func (b *bench) do(err error) {
	b.t.Helper()
	if err != nil {
		b.t.Fatal(err)
	}
}

// told takes the events that have come since it was last asked.
func (b *bench) told() []hal.Event {
	var es []hal.Event
	for {
		select {
		case e := <-b.events:
			es = append(es, e)
		default:
			return es
		}
	}
}

func (b *bench) checkEvents(es []hal.Event, atLeast int) {
	b.t.Helper()
	if len(es) < atLeast {
		b.t.Errorf("%d events were told, want at least %d", len(es), atLeast)
	}
}

// id of the lock at an index.
func (b *bench) id(i int) hal.LockID { return b.Cabinet.Inventory()[i].ID }

func (b *bench) index(id hal.LockID) int {
	for i, l := range b.Cabinet.Inventory() {
		if l.ID == id {
			return i
		}
	}
	b.t.Fatalf("lock %d is not in the inventory", id)
	return -1
}

func (b *bench) unlock(id hal.LockID) hal.UnlockReport {
	b.t.Helper()
	r, err := b.Cabinet.Unlock(context.Background(), id)
	if err != nil {
		b.t.Fatalf("Unlock(%d) = %v", id, err)
	}
	return r
}

// refused asks for an unlock that must not energise any coil.
func (b *bench) refused(ctx context.Context, id hal.LockID, want error) {
	b.t.Helper()
	before := len(b.World.Pulses())
	r, err := b.Cabinet.Unlock(ctx, id)
	if !errors.Is(err, want) || errors.Is(err, hal.ErrOutcomeUnknown) || r.Pulse != hal.NotSent {
		b.t.Errorf("Unlock(%d) = pulse %d, %v; want not sent, %v", id, r.Pulse, err, want)
	}
	if n := len(b.World.Pulses()); n != before {
		b.t.Errorf("a refused unlock energised %d coils", n-before)
	}
}

func (b *bench) door(id hal.LockID) hal.DoorState {
	b.t.Helper()
	s, err := b.Cabinet.Snapshot(context.Background())
	if err != nil {
		b.t.Fatalf("Snapshot: %v", err)
	}
	if len(s.Doors) != len(b.Cabinet.Inventory()) {
		b.t.Fatalf("a snapshot has %d doors of %d", len(s.Doors), len(b.Cabinet.Inventory()))
	}
	return s.Doors[b.index(id)]
}
