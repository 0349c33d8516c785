package sim

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"abholstation/hal"
)

// Driver is one controller's hold on the World; it implements hal.Driver,
// hal.Buzzer and hal.Indicator. After ControllerDied or PowerCut it can do
// nothing any more and a new one is made.
type Driver struct {
	w     *World
	clock hal.Clock
	epoch int
}

var (
	_ hal.Driver    = (*Driver)(nil)
	_ hal.Buzzer    = (*Driver)(nil)
	_ hal.Indicator = (*Driver)(nil)
)

var (
	errDead      = errors.New("this controller is dead")
	errUnplugged = errors.New("the adapter to the lock boards is unplugged")
)

// Driver connects a controller. The World must have a Clock.
func (w *World) Driver() *Driver {
	w.mu.Lock()
	defer w.mu.Unlock()
	return &Driver{w: w, clock: w.opt.Clock, epoch: w.epoch}
}

// Inventory implements hal.Driver.
func (d *Driver) Inventory() []hal.Lock {
	g := hal.SoftwareOnly
	if d.w.opt.BoardTimed {
		g = hal.BoardTimed
	}
	locks := make([]hal.Lock, len(d.w.boxes))
	for i, b := range d.w.boxes {
		locks[i] = hal.Lock{
			ID: b.Lock, HasLatch: b.Sensors&Latch != 0, HasItem: b.Sensors&Presence != 0,
			Guarantee: g, Where: fmt.Sprintf("simulated compartment %d", b.Number),
		}
	}
	return locks
}

// Pulse implements hal.Driver.
func (d *Driver) Pulse(ctx context.Context, id hal.LockID, length time.Duration) (hal.Pulse, error) {
	b, lost, err := d.begin(id, length)
	if err != nil {
		return hal.NotSent, err
	}
	_ = d.clock.Sleep(context.WithoutCancel(ctx), length)
	if err := d.end(b); err != nil {
		return hal.PulseUnsure, err
	}
	if lost {
		return hal.PulseUnsure, errors.New("no answer from the lock board")
	}
	return hal.Sent, nil
}

func (d *Driver) begin(id hal.LockID, length time.Duration) (b *box, lost bool, err error) {
	err = d.use(func() error {
		i, ok := slices.BinarySearchFunc(d.w.boxes, id, func(b *box, id hal.LockID) int { return int(b.Lock) - int(id) })
		if !ok {
			return hal.ErrUnknownLock
		}
		b = d.w.boxes[i]
		fail := b.failPulse
		b.failPulse = noFailure
		if fail == refuseBefore {
			return errors.New("the lock board refused the order")
		}
		lost = fail == loseAnswer
		d.w.coilOn(b, length)
		return nil
	})
	return b, lost, err
}

func (d *Driver) end(b *box) error {
	return d.use(func() error { d.w.coilOff(b); return nil })
}

// AllOff implements hal.Driver.
func (d *Driver) AllOff(context.Context) error {
	return d.use(func() error {
		for _, b := range d.w.boxes {
			d.w.coilOff(b)
		}
		return nil
	})
}

// use runs f with the World, unless this controller is dead or cut off.
func (d *Driver) use(f func() error) error {
	w := d.w
	w.mu.Lock()
	defer w.mu.Unlock()
	w.sync()
	if err := d.cutOff(); err != nil {
		return err
	}
	err := f()
	w.plan()
	return err
}

func (d *Driver) cutOff() error {
	switch {
	case d.epoch != d.w.epoch:
		return errDead
	case d.w.unplugged:
		return fmt.Errorf("%w: %w", hal.ErrBoardOffline, errUnplugged)
	}
	return nil
}

// Read implements hal.Driver.
func (d *Driver) Read(_ context.Context, r *hal.Reading) error {
	w := d.w
	w.mu.Lock()
	defer w.mu.Unlock()
	w.sync()
	if err := d.cutOff(); err != nil {
		return err
	}
	for i, b := range w.boxes {
		r.Doors[i] = w.sense(b)
	}
	r.Inputs[hal.MainsFail] = !w.mainsLost.IsZero()
	r.Inputs[hal.CaseTamper] = w.tamper
	return nil
}

// sense is what the sensors of b say now.
func (w *World) sense(b *box) hal.DoorState {
	s := hal.DoorState{Quality: hal.Fresh, Open: tri(b.open)}
	if w.now.Before(b.bouncy) && w.noise(b) {
		s.Open = tri(!b.open)
	}
	if b.Sensors&Latch != 0 {
		s.Locked = tri(b.engaged && !b.open)
	}
	if b.Sensors&Presence != 0 {
		s.Item = tri(len(b.papers) > 0 && !b.blind)
	}
	if len(b.stuck) > 0 {
		stick(&s.Open, b.stuck[DoorSensor])
		stick(&s.Locked, b.stuck[LatchSensor])
		stick(&s.Item, b.stuck[ItemSensor])
	}
	if len(b.cut) > 0 {
		if b.cut[LatchSensor] {
			s.Locked = hal.Unknown
		}
		if b.cut[ItemSensor] {
			s.Item = hal.Unknown
		}
		if b.cut[DoorSensor] {
			s = hal.DoorState{Quality: hal.Fault}
		}
	}
	return s
}

// noise says whether a bouncing contact reads wrong in this millisecond.
func (w *World) noise(b *box) bool {
	x := w.opt.Seed ^ uint64(b.Number)<<40 ^ uint64(w.now.UnixMilli())
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return (x^x>>31)&1 == 1
}

func stick(v *hal.Tri, to hal.Tri) {
	if to != hal.Unknown {
		*v = to
	}
}

func tri(b bool) hal.Tri {
	if b {
		return hal.Yes
	}
	return hal.No
}

// Health implements hal.Driver.
func (d *Driver) Health() hal.Health {
	w := d.w
	w.mu.Lock()
	defer w.mu.Unlock()
	var h hal.Health
	for _, b := range w.boxes {
		if len(b.cut) > 0 {
			h = append(h, hal.Problem{
				Key: fmt.Sprintf("compartment.%d.sensor_wire", b.Number), Locks: []hal.LockID{b.Lock}, Since: b.cutAt,
				Works: !b.cut[DoorSensor], // without latch or presence it is a simpler lock
				Text:  fmt.Sprintf("Fach %d: ein Sensor lässt sich nicht lesen.", b.Number), Check: "Leitung und Stecker des Sensors prüfen.",
			})
		}
	}
	return h
}

// Buzz implements hal.Buzzer: the Snapshot shows the last tone.
func (d *Driver) Buzz(name string) {
	_ = d.use(func() error {
		d.w.tone, d.w.toneAt = name, d.w.now
		d.w.version++
		return nil
	})
}

// Indicate implements hal.Indicator.
func (d *Driver) Indicate(id hal.LockID, on bool) error {
	return d.use(func() error {
		for _, b := range d.w.boxes {
			if b.Lock == id {
				b.lamp = on
				d.w.version++
				return nil
			}
		}
		return hal.ErrUnknownLock
	})
}
