package sim

import (
	"fmt"
	"time"

	"abholstation/hal"
)

// failure is how the next order to pulse fails.
type failure uint8

const (
	noFailure failure = iota
	refuseBefore
	loseAnswer
)

// Jam keeps the latch from retracting.
func (w *World) Jam(n int, on bool) error {
	return w.on(n, func(b *box) error { b.jam = on; return nil })
}

// Sticky makes the door open late: the latch retracts and stays so, but the door
// moves only after late, or after a drawn 1 to 30 s if late is 0.
func (w *World) Sticky(n int, on bool, late time.Duration) error {
	return w.on(n, func(b *box) error {
		if late < 0 || late > time.Minute {
			return fmt.Errorf("cannot make compartment %d open %s late: must be 0 to 1m", n, late)
		}
		b.sticky, b.stickyFor = on, late
		return nil
	})
}

// Loose makes the door close without locking.
func (w *World) Loose(n int, on bool) error {
	return w.on(n, func(b *box) error {
		b.loose = on
		if !on && !b.open && !b.coil {
			b.engaged = true
		}
		return nil
	})
}

// Blind makes the presence sensor say "empty" whatever is inside.
func (w *World) Blind(n int, on bool) error {
	return w.on(n, func(b *box) error { b.blind = on; return nil })
}

// Bounce makes the door contact bounce for d at each movement; 0 restores the
// usual few milliseconds.
func (w *World) Bounce(n int, d time.Duration) error {
	return w.on(n, func(b *box) error {
		if d < 0 || d > 10*time.Second {
			return fmt.Errorf("cannot let compartment %d bounce for %s: must be 0 to 10s", n, d)
		}
		b.bounceFor = d
		return nil
	})
}

// Wear adds openings to a lock's life; each 3000 make it a millisecond slower.
func (w *World) Wear(n, openings int) error {
	return w.on(n, func(b *box) error { b.cycles = max(0, b.cycles+openings); return nil })
}

// CutWire cuts or mends the wire of a sensor: cut, it can not be read.
func (w *World) CutWire(n int, s Sensor, cut bool) error {
	return w.on(n, func(b *box) error {
		if err := b.has(s); err != nil {
			return err
		}
		if !cut {
			delete(b.cut, s)
			return nil
		}
		if len(b.cut) == 0 {
			b.cut, b.cutAt = map[Sensor]bool{}, w.now
		}
		b.cut[s] = true
		return nil
	})
}

// StickSensor makes a sensor say v whatever is true; hal.Unknown frees it.
func (w *World) StickSensor(n int, s Sensor, v hal.Tri) error {
	return w.on(n, func(b *box) error {
		if err := b.has(s); err != nil {
			return err
		}
		if b.stuck == nil {
			b.stuck = map[Sensor]hal.Tri{}
		}
		b.stuck[s] = v
		return nil
	})
}

// FailPulse lets the next order to pulse this lock fail: before the coil is
// energised, or after it, when only the answer is lost.
func (w *World) FailPulse(n int, after bool) error {
	return w.on(n, func(b *box) error {
		b.failPulse = refuseBefore
		if after {
			b.failPulse = loseAnswer
		}
		return nil
	})
}

// LeaveOn energises a coil the way a controller that died a moment ago left it.
// A board's timer ends it; without one it stays on until all is switched off.
func (w *World) LeaveOn(n int) error {
	return w.on(n, func(b *box) error {
		w.coilOn(b, w.opt.MaxPulse/2)
		b.left = true
		return nil
	})
}

// Mend takes all faults away from one compartment.
func (w *World) Mend(n int) error {
	return w.on(n, func(b *box) error {
		b.jam, b.sticky, b.loose, b.blind = false, false, false, false
		b.stickyFor, b.bounceFor, b.failPulse = 0, 0, noFailure
		b.cut, b.stuck = nil, nil
		if !b.open && !b.coil && b.popAt.IsZero() && !b.Manual {
			b.engaged = true
		}
		return nil
	})
}

func (b *box) has(s Sensor) error {
	switch {
	case s == DoorSensor,
		s == LatchSensor && b.Sensors&Latch != 0,
		s == ItemSensor && b.Sensors&Presence != 0:
		return nil
	}
	return fmt.Errorf("compartment %d has no %q sensor", b.Number, s)
}

// Mains takes the mains away or brings them back. Without, the mains-fail input
// is active and the battery's voltage falls.
func (w *World) Mains(on bool) {
	w.all(func() {
		switch {
		case on:
			w.mainsLost = time.Time{}
		case w.mainsLost.IsZero():
			w.mainsLost = w.now
		}
	})
}

// Sag lowers the supply by volts; 0 restores it. Below 18 V no latch retracts.
func (w *World) Sag(volts float64) { w.all(func() { w.sag = max(0, volts) }) }

// Tamper sets the case's tamper contact.
func (w *World) Tamper(on bool) { w.all(func() { w.tamper = on }) }

// Unplug takes the adapter between controller and lock boards away: nothing can
// be read or switched. A SoftwareOnly coil that is on stays on.
func (w *World) Unplug(on bool) {
	w.all(func() {
		w.unplugged = on
		if on {
			w.leaveCoils()
		}
	})
}

// ControllerDied is the end of the process or the machine while the lock supply
// stays: all its Drivers are dead. Coils that are on stay on unless a board's
// timer ends them, until the next controller switches all off.
func (w *World) ControllerDied() {
	w.all(func() {
		w.epoch++
		w.leaveCoils()
	})
}

// PowerCut takes all power away, battery and lock supply included, and so kills
// the controller and ends every pulse.
func (w *World) PowerCut() {
	w.all(func() {
		w.epoch++
		w.leaveCoils()
		for _, b := range w.boxes {
			w.coilOff(b)
			b.lamp = false
		}
	})
}

func (w *World) leaveCoils() {
	for _, b := range w.boxes {
		b.left = b.left || b.coil
	}
}

func (w *World) all(f func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.sync()
	f()
	w.version++
	w.plan()
}
