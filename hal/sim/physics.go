package sim

import (
	"fmt"
	"math/rand/v2"
	"time"

	"abholstation/hal"
)

// Times of the mechanics. Orders of magnitude of spring-loaded electric cabinet
// latches; no model in particular.
const (
	retractTime = 15 * time.Millisecond // coil on until the latch is out of the way
	popTime     = 60 * time.Millisecond // latch out until the spring has moved the door
	popJitter   = 40 * time.Millisecond
	swingTime   = 300 * time.Millisecond // for the drawing
	bounceTime  = 10 * time.Millisecond  // contacts bounce at most so long, unless Bounce says more
	wearStep    = 3000                   // openings that make an opening 1 ms slower
	overshoot   = 50 * time.Millisecond  // by which a real timer may be late
	minGap      = 50 * time.Millisecond  // between two coils
	coldRate    = 0.1                    // seconds of heat that a resting coil loses in a second: a duty of 10 %
	pullVolts   = 18                     // below it a coil does not retract the latch
)

// box is the physical state of one compartment.
type box struct {
	Compartment
	rnd *rand.Rand

	engaged bool // the latch holds the door, or would if it were shut
	open    bool
	held    bool // somebody leans against the door
	papers  []string
	moved   time.Time // of the door
	cycles  int

	coil    bool
	since   time.Time // coil on
	left    bool      // its controller died or was cut off while it was on
	scorch  bool      // its heat is partly from such a time
	pulse   int       // index in World.pulses
	heat    float64   // seconds
	heatAt  time.Time
	lamp    bool
	bouncy  time.Time // contact bounces until then
	release bool      // latch was retracted in this pulse

	// Pending movements; zero: none.
	retractAt, popAt, boardOffAt, overAt, reboundAt time.Time

	// Faults.
	jam, sticky, loose, blind bool
	stickyFor, bounceFor      time.Duration
	cut                       map[Sensor]bool
	cutAt                     time.Time // first of them
	stuck                     map[Sensor]hal.Tri
	failPulse                 failure
}

func (b *box) nextMove() time.Time {
	if !b.coil && b.popAt.IsZero() && b.reboundAt.IsZero() {
		return time.Time{}
	}
	t := earliest(b.retractAt, b.popAt)
	t = earliest(t, b.boardOffAt)
	t = earliest(t, b.overAt)
	return earliest(t, b.reboundAt)
}

// due takes a pending movement if its time has come.
func (w *World) due(t *time.Time) bool {
	if t.IsZero() || t.After(w.now) {
		return false
	}
	*t = time.Time{}
	return true
}

// move makes the movements of b whose time has come.
func (w *World) move(b *box) {
	w.version++
	if w.due(&b.overAt) {
		w.overheated(b)
	}
	if w.due(&b.retractAt) {
		b.retract(w.now)
	}
	if w.due(&b.popAt) && !b.open && !b.engaged {
		if b.held {
			b.relatch()
		} else {
			w.setDoor(b, true)
		}
	}
	if w.due(&b.boardOffAt) {
		w.coilOff(b)
	}
	if w.due(&b.reboundAt) && !b.open {
		b.engaged = false
		w.setDoor(b, true)
	}
}

// retract takes the latch out of the door's way and plans the spring's push.
func (b *box) retract(now time.Time) {
	b.engaged, b.release = false, true
	if b.open || b.Manual {
		return
	}
	d := popTime + time.Duration(b.rnd.Int64N(int64(popJitter))) + time.Duration(b.cycles/wearStep)*time.Millisecond
	if b.sticky {
		d = b.stickyFor
		if d == 0 {
			d = time.Second + time.Duration(b.rnd.Int64N(int64(29*time.Second)))
		}
	}
	b.popAt = now.Add(d)
}

// relatch lets the latch fall back in front of a shut door, where nothing keeps
// it from that.
func (b *box) relatch() {
	if !b.open && !b.coil && !b.Manual && !b.loose {
		b.engaged = true
		b.popAt = time.Time{}
	}
}

func (w *World) setDoor(b *box, open bool) {
	if b.open == open {
		return
	}
	b.open, b.moved = open, w.now
	b.popAt, b.reboundAt = time.Time{}, time.Time{}
	if open {
		b.engaged = false
		b.cycles++
	}
	d := time.Duration(b.rnd.Int64N(int64(bounceTime)))
	if b.bounceFor > 0 {
		d = b.bounceFor
	}
	b.bouncy = w.now.Add(d)
}

// shut closes the door; whether it is latched depends on lock and coil.
func (w *World) shut(b *box) {
	w.setDoor(b, false)
	switch {
	case b.coil:
		b.retract(w.now)
	case !b.loose:
		b.engaged = true
	}
}

// coilOn energises a coil. pulse is what a board's timer is set to.
func (w *World) coilOn(b *box, pulse time.Duration) {
	if b.coil {
		w.violation(b, false, "coil energised while it was on")
		return
	}
	if w.coils > 0 {
		w.violation(b, false, fmt.Sprintf("coil energised beside %d others", w.coils))
	}
	if gap := w.now.Sub(w.coilEnd); !w.coilEnd.IsZero() && gap < minGap {
		w.violation(b, false, fmt.Sprintf("coil energised %s after the last one", gap))
	}
	b.cool(w.now)
	b.coil, b.since, b.left, b.release = true, w.now, false, false
	b.pulse = len(w.pulses)
	w.pulses = append(w.pulses, PulseSeen{Compartment: b.Number, At: w.now})
	w.coils++
	w.version++
	// Heat is counted in seconds of coil: one longest pulse from cold is allowed.
	room := min(w.opt.MaxPulse, time.Duration((w.opt.MaxPulse.Seconds()-b.heat)*float64(time.Second)))
	b.overAt = w.now.Add(max(0, room) + overshoot)
	if w.opt.BoardTimed {
		b.boardOffAt = w.now.Add(pulse)
	}
	if !b.jam && w.volts() >= pullVolts {
		b.retractAt = w.now.Add(retractTime)
	}
}

func (w *World) coilOff(b *box) {
	if !b.coil {
		return
	}
	b.heat += w.now.Sub(b.since).Seconds()
	b.heatAt = w.now
	b.coil = false
	b.scorch = b.scorch || b.left
	b.retractAt, b.overAt, b.boardOffAt = time.Time{}, time.Time{}, time.Time{}
	w.pulses[b.pulse].End = w.now
	w.coils--
	w.coilEnd = w.now
	if b.left {
		w.coilEnd = time.Time{}
	}
	w.version++
	if !b.sticky || !b.release {
		b.relatch()
	}
}

// cool brings the heat of a resting coil up to date.
func (b *box) cool(now time.Time) {
	if !b.coil {
		b.heat = max(0, b.heat-now.Sub(b.heatAt).Seconds()*coldRate)
		b.heatAt = now
		b.scorch = b.scorch && b.heat > 0
	}
}

// overheated is called when a coil has been on for longer than it may.
func (w *World) overheated(b *box) {
	on := w.now.Sub(b.since)
	if on >= w.opt.MaxPulse {
		w.violation(b, b.left, fmt.Sprintf("coil on for longer than %s", w.opt.MaxPulse))
		return
	}
	w.violation(b, b.left || b.scorch, fmt.Sprintf("coil on more than its duty allows: %s after %.1f s of earlier heat", on, b.heat))
}

func (w *World) violation(b *box, excused bool, what string) {
	s := fmt.Sprintf("%s: compartment %d: %s (seed %d)", w.now.UTC().Format(time.RFC3339Nano), b.Number, what, w.opt.Seed)
	if excused && !w.opt.BoardTimed {
		w.excused = append(w.excused, s)
		return
	}
	w.illegal = append(w.illegal, s)
}

// volts is the supply: 24 V, 0.8 V less under load, falling by 0.4 V a minute on
// the battery.
func (w *World) volts() float64 {
	v := 24 - w.sag - 0.8*float64(w.coils)
	if !w.mainsLost.IsZero() {
		v -= 0.4 * w.now.Sub(w.mainsLost).Minutes()
	}
	return max(0, v)
}
