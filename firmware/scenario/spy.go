package scenario

import (
	"context"
	"fmt"
	"syscall"
	"time"

	"abholstation/hal"
	"abholstation/hal/sim"
)

// errNoSpace is what a full disk says.
var errNoSpace = fmt.Errorf("cannot write: %w", syscall.ENOSPC)

// spy stands between Governor and cabinet: it has every pulse judged at the
// moment it is ordered, and loses power around it.
type spy struct {
	*sim.Driver
	c *city
}

var _ hal.Driver = (*spy)(nil)

// Pulse implements hal.Driver.
func (s *spy) Pulse(ctx context.Context, id hal.LockID, d time.Duration) (p hal.Pulse, err error) {
	c, n := s.c, int(id)
	if !c.alive {
		panic(powerCut{})
	}
	c.faultBeforePulse(n)
	before := len(c.world.PulsesFrom(c.pulses))
	j := c.judgePulse(n)
	c.pulsing = true
	defer func() {
		c.pulsing = false
		if len(c.world.PulsesFrom(c.pulses)) == before {
			c.takeBack(j) // no coil was energised
		} else {
			c.pulses++
			c.report.Pulses++
			c.box(n).pulsed = c.clock.Now()
		}
		c.stirBox(c.box(n))
	}()
	p, err = s.Driver.Pulse(ctx, id, d)
	if p == hal.PulseUnsure && j.request != nil {
		j.request.unsure = true
	}
	if c.faulty() && c.odds(800) == 0 {
		c.cut("after a pulse", c.chance(500))
	}
	return p, err
}

// faultBeforePulse lets something happen around the next pulse.
func (c *city) faultBeforePulse(n int) {
	if c.opt.OnPulse != nil {
		c.opt.OnPulse(n)
	}
	if !c.faulty() {
		return
	}
	switch c.odds(500) {
	case 0:
		c.cut("between commit and pulse", c.chance(500))
	case 1:
		all := c.chance(500)
		c.clock.At(c.clock.Now().Add(c.draw(0, 400*time.Millisecond)), func() { c.cut("in a pulse", all) })
	case 7, 8:
		if b := c.box(n); b.broken == 0 {
			c.count("door wire cut while it opens")
			c.start("fault", func(p *person) { c.cutWhileOpening(p, b) })
		}
	case 2, 3:
		c.count("order refused by the lock board")
		_ = c.world.FailPulse(n, false)
	case 4, 5, 6:
		c.count("answer of the lock board lost")
		_ = c.world.FailPulse(n, true)
		if c.chance(400) && c.world.Hold(n) == nil { // and somebody leans against it
			c.clock.At(c.clock.Now().Add(3*time.Second), func() { _ = c.world.LetGo(n) })
		}
	}
}

// cutWhileOpening: nobody can see any more what has become of a pulse.
func (c *city) cutWhileOpening(p *person, b *box) {
	b.broken++
	p.between(0, 2*time.Second)
	_ = c.world.CutWire(b.n, sim.DoorSensor, true)
	b.blind, b.cutAt = true, c.clock.Now()
	c.stir(time.Second)
	p.between(2*time.Minute, 2*time.Hour)
	for b.user != nil {
		p.sleep(time.Minute)
	}
	c.mend(b)
}
