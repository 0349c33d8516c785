package scenario

import (
	"os"
	"path/filepath"
	"time"

	"abholstation/hal"
	"abholstation/hal/sim"
	"abholstation/locker"
)

// fate brings faults, one after the other.
func (c *city) fate(p *person) {
	rarely := c.draw(6*time.Hour, 12*time.Hour)
	if c.opt.Often {
		rarely /= 10
	}
	for !c.calm {
		p.between(5*time.Minute, rarely)
		if c.calm {
			return
		}
		f := faults[c.rnd.IntN(len(faults))]
		c.trace("fault", 0, f.name)
		c.count("fault: " + f.name)
		c.report.Faults++
		c.start("fault", func(p *person) { f.strike(c, p) })
	}
}

// faults are what can go wrong; each is struck equally often, some are there
// twice.
var faults = []struct {
	name   string
	strike func(*city, *person)
}{
	{"jammed lock", onBox(func(w *sim.World, b *box) { _ = w.Jam(b.n, true) }, nil)},
	{"late opening", onBox(func(w *sim.World, b *box) { _ = w.Sticky(b.n, true, 0); b.slow = true }, nil)},
	{"loose latch", onBox(func(w *sim.World, b *box) { _ = w.Loose(b.n, true) }, nil)},
	{"bouncing contact", onBox(func(w *sim.World, b *box) { _ = w.Bounce(b.n, 2*time.Second); b.slow = true }, nil)},
	{"cut door wire", cutWire(sim.DoorSensor)},
	{"cut door wire", cutWire(sim.DoorSensor)},
	{"cut latch wire", cutWire(sim.LatchSensor)},
	{"cut presence wire", cutWire(sim.ItemSensor)},
	{"stuck door contact", stick(sim.DoorSensor)},
	{"stuck latch contact", stick(sim.LatchSensor)},
	{"stuck presence sensor", stick(sim.ItemSensor)},
	{"blind presence sensor", onBox(func(w *sim.World, b *box) { _ = w.Blind(b.n, true); b.lies = true }, nil)},
	{"adapter unplugged", unplug},
	{"mains lost", mains},
	{"case opened", func(c *city, p *person) { c.world.Tamper(true); p.sleep(time.Minute); c.world.Tamper(false) }},
	{"door forced", force},
	{"door forced", force},
	{"clock jumped", jump},
	{"clock jumped", jump},
	{"power cut", powerOff},
	{"power cut", powerOff},
	{"disk full", diskFull},
	{"store damaged", damageStore},
	{"backup made", backup},
	{"backup restored", restore},
	{"late code", lateCode},
	{"late code", lateCode},
}

// victim is a compartment without another fault.
func (c *city) victim(want func(*box) bool) *box {
	for range 20 {
		b := c.boxes[c.rnd.IntN(len(c.boxes))]
		if b.broken == 0 && (want == nil || want(b)) {
			return b
		}
	}
	return nil
}

func onBox(on func(*sim.World, *box), want func(*box) bool) func(*city, *person) {
	return func(c *city, p *person) {
		b := c.victim(want)
		if b == nil {
			return
		}
		b.broken++
		on(c.world, b)
		c.trace("broken", b.n, "")
		c.stir(time.Second)
		p.between(5*time.Minute, 8*time.Hour)
		for b.user != nil { // the technician waits
			p.sleep(time.Minute)
		}
		c.mend(b)
	}
}

func (c *city) mend(b *box) {
	c.trace("mended", b.n, "")
	if b.lies && (c.world.IsOpen(b.n) || len(b.inside) > 0) {
		b.blur = true // what happened behind the lie stays unseen
	}
	if b.blind {
		c.visibleAgain(b)
	}
	_ = c.world.Mend(b.n)
	b.broken, b.lies, b.blind, b.latchCut, b.slow = 0, false, false, false, false
	c.stir(time.Second)
}

// visibleAgain: only now can the station see that a door is closed, and counts
// from here.
func (c *city) visibleAgain(b *box) {
	for _, p := range c.papers {
		if p.box == b.n && p.at == atHome {
			p.left = c.on()
		}
	}
}

func cutWire(s sim.Sensor) func(*city, *person) {
	return func(c *city, p *person) {
		onBox(func(w *sim.World, b *box) {
			if w.CutWire(b.n, s, true) != nil {
				return
			}
			b.cutAt = c.clock.Now()
			b.blind = b.blind || s == sim.DoorSensor
			b.latchCut = b.latchCut || s == sim.LatchSensor
		}, has(s))(c, p)
	}
}

func has(s sim.Sensor) func(*box) bool {
	return func(b *box) bool {
		return s == sim.DoorSensor || s == sim.LatchSensor && b.sensors&sim.Latch != 0 || s == sim.ItemSensor && b.sensors&sim.Presence != 0
	}
}

func stick(s sim.Sensor) func(*city, *person) {
	return func(c *city, p *person) {
		v := hal.Tri(1 + c.rnd.IntN(2))
		onBox(func(w *sim.World, b *box) { b.lies = w.StickSensor(b.n, s, v) == nil }, has(s))(c, p)
	}
}

func unplug(c *city, p *person) {
	if c.loose {
		return
	}
	c.loose = true
	c.world.Unplug(true)
	c.stir(time.Second)
	p.between(time.Minute, 20*time.Minute)
	c.world.Unplug(false)
	c.loose = false
	for _, b := range c.boxes {
		c.visibleAgain(b)
	}
	c.stir(time.Second)
}

func mains(c *city, p *person) {
	c.world.Mains(false)
	c.stir(time.Second)
	p.between(time.Minute, 30*time.Minute)
	c.world.Mains(true)
	c.stir(time.Second)
}

// force is somebody with a crowbar.
func force(c *city, p *person) {
	b := c.victim(func(b *box) bool { return b.user == nil && !b.blur })
	if b == nil || !c.alive || c.loose || c.clock.Now().Sub(b.pulsed) < 2*time.Minute || c.world.IsOpen(b.n) {
		return
	}
	k := c.station.View().State.Compartment(b.n)
	if k == nil || k.Intent != nil || !c.pry(b.n) {
		return
	}
	boot := c.boots
	c.forced[b.n] = c.clock.Now()
	b.user = p
	p.sleep(5 * time.Second)
	if _, open := c.forced[b.n]; open && c.alive && c.boots == boot && b.broken == 0 && !c.loose && !c.full && k.Use != locker.ToCheck {
		c.violate("forced", b.n, "a door was forced, and the station has not noticed")
	}
	if c.chance(300) {
		if got, _ := c.take(b.n, stolen); len(got) > 0 {
			c.count("stolen from a forced door")
		}
	}
	p.close(b.n)
	b.user = nil
}

// jump sets the wall clock wrong; a time server or a clerk puts it right.
func jump(c *city, p *person) {
	if c.jumped {
		return
	}
	c.jumped = true
	defer func() { c.jumped = false }()
	by := c.draw(10*time.Minute, 40*24*time.Hour)
	if c.chance(400) {
		by = -by
	}
	c.clock.SetSynced(false)
	c.clock.Jump(by)
	p.between(time.Hour, 30*time.Hour)
	c.clock.Jump(-by)
	if c.chance(500) {
		c.clock.SetSynced(true)
		return
	}
	p.between(time.Hour, 10*time.Hour)
	c.clock.SetSynced(true)
}

func powerOff(c *city, _ *person) { c.cutSoon("at rest", c.chance(500)) }

// cutSoon takes the power from outside of any story: it ends what the controller
// does, not the one who tells it.
func (c *city) cutSoon(why string, all bool) {
	c.clock.At(c.clock.Now().Add(time.Millisecond), func() { c.cut(why, all) })
}

func diskFull(c *city, p *person) {
	c.full = true
	p.between(time.Minute, 15*time.Minute)
	c.full = false
}

func (c *city) backupPath() string { return filepath.Join(c.opt.Dir, "backup.db") }

func backup(c *city, _ *person) {
	if !c.alive {
		return
	}
	f, err := os.Create(c.backupPath())
	if err == nil {
		err = c.store.Backup(f)
		_ = f.Close()
	}
	if err != nil {
		c.violate("store", 0, "a backup failed: %v", err)
	}
}

// damageStore has the power go and something bad happen to the file.
func damageStore(c *city, _ *person) {
	if !c.alive || c.restored || c.rnd.IntN(5) > 0 {
		return
	}
	kind := c.rnd.IntN(3)
	at := c.rnd.Int64N(1 << 30)
	c.damage = func() {
		c.count([...]string{"store file gone", "store file cut short", "store file scribbled on"}[kind])
		switch kind {
		case 0:
			_ = os.Remove(c.path())
		case 1:
			_ = os.Truncate(c.path(), 4096*4)
		default:
			c.scribble(at)
		}
	}
	c.cutSoon("and a damaged store", true)
}

// scribble spoils one of the two heads of the file: the newer one, and a commit is
// lost, or the older one, and nothing is. (What is spoiled elsewhere is the store's
// own test; where what lies in the file is not decided by the seed.)
func (c *city) scribble(at int64) {
	f, err := os.OpenFile(c.path(), os.O_RDWR, 0)
	if err != nil {
		return
	}
	defer f.Close()
	_, _ = f.WriteAt([]byte("scribble scribble scribble"), at%2*4096+16)
}

// lateCode has a result of slow work come long after everybody has forgotten it:
// the tags of a code that was reissued since.
func lateCode(c *city, p *person) {
	if !c.alive || c.restored {
		return
	}
	for _, x := range c.sorted() {
		d := c.page(x)
		if x.code == nil || x.group != 0 || d == nil || d.State != locker.Ready || d.Compartment == 0 || len(d.CodeTag) > 0 && c.chance(950) {
			continue
		}
		k, gen := x.code, d.Generation
		if len(d.CodeTag) > 0 {
			if c.ending(x, "reissued", func() error {
				_, err := p.do(locker.Reissue{By: c.clerk(), Owner: locker.Owner{Delivery: x.id}})
				return err
			}) != nil {
				return
			}
			x.lost = !x.contact
		}
		digits := []byte(plain(k.digits))
		_, err := p.do(locker.CodeMade{
			Owner: locker.Owner{Delivery: x.id}, Generation: gen, By: locker.Self, Notice: late(x),
			CodeTag: c.keys.CodeTag(digits), QRTag: c.keys.QRTag([]byte(k.qr)),
		})
		if err == nil {
			c.count("late code taken")
		}
		return
	}
}

func late(x *paper) []byte {
	if x.contact {
		return []byte("{}")
	}
	return nil
}

func plain(digits string) string {
	out := make([]byte, 0, 9)
	for i := range len(digits) {
		if digits[i] != ' ' {
			out = append(out, digits[i])
		}
	}
	return string(out)
}
