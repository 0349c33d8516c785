package sim

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"abholstation/hal"
)

// Sensors says which sensors a compartment has beside its door switch.
type Sensors uint8

// The sensor profiles.
const (
	DoorOnly Sensors = 0
	Latch    Sensors = 1 // door switch and latch feedback
	Presence Sensors = 2 // door switch and presence sensor
	All      Sensors = Latch | Presence
)

// String names the profile.
func (s Sensors) String() string {
	if int(s) < len(sensorNames) {
		return sensorNames[s]
	}
	return fmt.Sprintf("Sensors(%d)", uint8(s))
}

// MarshalText makes the profile readable in JSON.
func (s Sensors) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

var sensorNames = [...]string{"door", "latch", "presence", "all"}

// Sensor names one sensor of a compartment.
type Sensor string

// The sensors.
const (
	DoorSensor  Sensor = "door"
	LatchSensor Sensor = "latch"
	ItemSensor  Sensor = "item"
)

// Compartment describes one compartment.
type Compartment struct {
	Number  int
	Lock    hal.LockID // 0: the same as Number
	Sensors Sensors
	Manual  bool // no spring: once unlatched it stays so until a person has pulled it open and shut it
}

// Uniform returns n compartments, numbered from 1, with equal sensors.
func Uniform(n int, s Sensors) []Compartment {
	cs := make([]Compartment, n)
	for i := range cs {
		cs[i] = Compartment{Number: i + 1, Sensors: s}
	}
	return cs
}

// Options describe a World.
type Options struct {
	Seed         uint64
	Clock        hal.Clock // nil: only Advance moves time, and there is no Driver
	Compartments []Compartment
	// BoardTimed gives the lock boards a timer of their own, which ends a pulse
	// whatever the controller does. Without it the locks are SoftwareOnly.
	BoardTimed bool
	MaxPulse   time.Duration // beyond it a coil is a violation; default 1 s
}

// PulseSeen is one pulse that physically happened. End is zero while it lasts.
type PulseSeen struct {
	Compartment int       `json:"compartment"`
	At          time.Time `json:"at"`
	End         time.Time `json:"end,omitzero"`
}

// World is the simulated cabinet. Make it with New.
type World struct {
	opt Options

	mu        sync.Mutex
	now       time.Time
	next      time.Time // of the earliest pending movement; zero: none
	boxes     []*box    // by lock
	byNumber  map[int]*box
	epoch     int // counts dead controllers
	version   uint64
	pulses    []PulseSeen
	illegal   []string
	excused   []string
	coils     int       // on now
	coilEnd   time.Time // of the last pulse
	mainsLost time.Time // zero: mains are there
	sag       float64
	tamper    bool
	unplugged bool
	tone      string
	toneAt    time.Time
}

// New makes a world with all doors shut, latched and empty. Its time begins at
// the clock's, or at Epoch without one.
func New(o Options) (*World, error) {
	if len(o.Compartments) == 0 {
		return nil, errors.New("cannot make a world without compartments")
	}
	if o.MaxPulse == 0 {
		o.MaxPulse = time.Second
	}
	w := &World{opt: o, byNumber: map[int]*box{}, now: Epoch()}
	if o.Clock != nil {
		w.now = o.Clock.Now()
	}
	for _, c := range o.Compartments {
		if c.Number <= 0 || w.byNumber[c.Number] != nil {
			return nil, fmt.Errorf("cannot make compartment %d: numbers are positive and unique", c.Number)
		}
		if c.Lock == 0 {
			c.Lock = hal.LockID(c.Number)
		}
		if c.Sensors > All {
			return nil, fmt.Errorf("cannot make compartment %d: unknown sensor profile %d", c.Number, c.Sensors)
		}
		b := &box{
			Compartment: c, engaged: true, moved: w.now, heatAt: w.now,
			rnd: rand.New(rand.NewPCG(o.Seed, uint64(c.Number))),
		}
		w.boxes = append(w.boxes, b)
		w.byNumber[c.Number] = b
	}
	slices.SortFunc(w.boxes, func(a, b *box) int { return int(a.Lock) - int(b.Lock) })
	for i, b := range w.boxes[1:] {
		if b.Lock == w.boxes[i].Lock {
			return nil, fmt.Errorf("cannot make compartment %d: its lock %d is compartment %d's", b.Number, b.Lock, w.boxes[i].Number)
		}
	}
	return w, nil
}

// Epoch is where virtual time begins unless told otherwise: a Monday morning,
// 2026-01-05 07:00 UTC.
func Epoch() time.Time { return time.Date(2026, 1, 5, 7, 0, 0, 0, time.UTC) }

// Advance moves the world to a time; earlier times change nothing.
func (w *World) Advance(to time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.advance(to)
}

// PassTime passes d on clock at once, but not while a coil is on: it would be on
// for all of that time. Pulses end within a second.
func (w *World) PassTime(c *RealClock, d time.Duration) error {
	for range 100 {
		w.mu.Lock()
		w.sync()
		if w.coils == 0 {
			c.Pass(d)
			w.sync()
			w.version++
			w.mu.Unlock()
			return nil
		}
		w.mu.Unlock()
		time.Sleep(20 * time.Millisecond)
	}
	return errors.New("cannot let time pass: a coil is on and does not go off")
}

// Pulses returns every pulse that physically happened, in order.
func (w *World) Pulses() []PulseSeen { return w.PulsesFrom(0) }

// PulsesFrom returns the pulses after the first n.
func (w *World) PulsesFrom(n int) []PulseSeen {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.sync()
	return slices.Clone(w.pulses[min(n, len(w.pulses)):])
}

// Violations are the broken electrical rules that no guarantee excuses.
func (w *World) Violations() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.sync()
	return slices.Clone(w.illegal)
}

// Excused are the broken electrical rules that SoftwareOnly locks do not exclude:
// coils that stayed on because their controller died or lost its wires.
func (w *World) Excused() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.sync()
	return slices.Clone(w.excused)
}

// CoilsOn is how many coils are energised now.
func (w *World) CoilsOn() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.sync()
	return w.coils
}

// Version grows with every change that Snapshot would show, but for the passing
// of time.
func (w *World) Version() uint64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.sync()
	return w.version
}

// sync advances to the clock's time.
func (w *World) sync() {
	if w.opt.Clock != nil {
		w.advance(w.opt.Clock.Now())
	}
}

func (w *World) advance(to time.Time) {
	for !w.next.IsZero() && !w.next.After(to) {
		if w.next.After(w.now) {
			w.now = w.next
		}
		for _, b := range w.boxes {
			if t := b.nextMove(); !t.IsZero() && !t.After(w.now) {
				w.move(b)
			}
		}
		w.plan()
	}
	if to.After(w.now) {
		w.now = to
	}
}

// plan finds the earliest pending movement.
func (w *World) plan() {
	w.next = time.Time{}
	for _, b := range w.boxes {
		w.next = earliest(w.next, b.nextMove())
	}
}

// on runs f with compartment n at the present time.
func (w *World) on(n int, f func(*box) error) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.sync()
	b := w.byNumber[n]
	if b == nil {
		return fmt.Errorf("there is no compartment %d", n)
	}
	err := f(b)
	if err == nil {
		w.version++
		w.plan()
	}
	return err
}

func earliest(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}
