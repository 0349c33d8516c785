package locker

import (
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// TestWhateverHappensInWhateverOrder plays plausible and nonsensical events, a
// cabinet that does what it likes, crashes and restores. The world checks every
// step; in the end clerks must be able to bring every compartment back to free.
func TestWhateverHappensInWhateverOrder(t *testing.T) {
	t.Parallel()
	rules := testRules(t)
	rules.GiveUp, rules.Reopen, rules.Grace = 5*time.Minute, 4*time.Minute, 3*time.Minute // or it takes ten times as long
	rapid.Check(t, func(rt *rapid.T) {
		p := &player{world: newWorldFor(rt, rules), rt: rt}
		for range 1 + p.pick("steps", 40) {
			p.move()
		}
		p.tidyUp()
	})
}

type player struct {
	*world
	rt   *rapid.T
	refs int
}

// pick draws 0…n-1, all equally likely: rapid's own ranges prefer their ends, and
// most moves would never be made.
func (p *player) pick(label string, n int) int {
	z := rapid.Uint64().Draw(p.rt, label) + 0x9e3779b97f4a7c15
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return int((z ^ z>>31) % uint64(n))
}

func (p *player) chance(label string, percent int) bool {
	return p.pick(label, 100) < percent
}
func (p *player) door() int { return 1 + p.pick("door", len(p.r.Layout)) }

// id is mostly a delivery that exists.
func (p *player) id() DeliveryID {
	if n := len(p.s.Deliveries); n > 0 && !p.chance("nobody", 3) {
		return p.s.Deliveries[n-1-min(p.pick("delivery", n), n-1)].ID
	}
	return DeliveryID(p.pick("unknown delivery", 3))
}

func (p *player) owner() Owner {
	if n := len(p.s.Groups); n > 0 && p.chance("a group", 30) {
		return Owner{Group: p.s.Groups[p.pick("group", n)].ID}
	}
	return Owner{Delivery: p.id()}
}

func (p *player) actor() Actor { return []Actor{clerk, second}[p.pick("actor", 2)] }

func (p *player) move() {
	switch k := p.pick("move", 100); {
	case k < 22:
		p.moveWorld()
	case k < 34:
		p.letTimePass()
	case k < 40:
		p.stationHappens()
	case k < 56:
		p.citizen()
	case k < 64:
		p.oneLifeOn()
	default:
		p.staff()
	}
}

// moveWorld moves a door, a paper or a sensor, and mostly lets it be read.
func (p *player) moveWorld() {
	n := p.door()
	if len(p.pulsed) > 0 && p.chance("the one that was pulsed", 70) {
		n = p.pulsed[len(p.pulsed)-1].Compartment
	}
	c := p.cab[n]
	switch k := p.pick("what moves", 12); {
	case k < 4 && c.open:
		c.open, c.locked = false, true
	case k < 4:
		in := p.s.Compartment(n).Intent
		if in != nil || p.chance("force", 10) {
			c.open, c.locked = true, false
		}
	case k < 7 && c.open:
		c.inside = !c.inside
	case k == 7:
		c.unread = !c.unread && p.chance("cut", 30)
	case k == 8 && !c.open:
		c.locked = !p.chance("loose", 20)
	}
	p.wait(time.Duration(p.pick("ms", 2000)) * time.Millisecond)
	switch p.pick("read", 4) {
	case 0:
		p.step(DoorsRead{p.readings()})
	case 1: // steadily
		p.read(n)
		p.wait(time.Second)
		p.read(n)
	case 2:
		p.read(n)
	}
}

func (p *player) letTimePass() {
	d := []time.Duration{time.Second, 13 * time.Second, 31 * time.Second, 2 * time.Minute, 11 * time.Minute, 26 * time.Hour}[p.pick("time", 6)]
	switch p.pick("how", 4) {
	case 0:
		p.wait(min(d, time.Hour))
		p.step(Tick{})
	case 1:
		p.ticksMakeProgress()
	case 2:
		if d > time.Hour {
			p.skipTo(p.now.Wall.Add(time.Duration(p.pick("days", 20)) * 24 * time.Hour / 4))
			return
		}
		p.pass(d)
	default:
		p.pass(min(d, 15*time.Minute))
	}
}

// ticksMakeProgress: a Tick at its time changes something, or the next one is
// not at once.
func (p *player) ticksMakeProgress() {
	for range 3 {
		before := asJSON(p.s)
		p.wait(p.r.Next(p.s, p.now))
		p.step(Tick{})
		if next := p.r.Next(p.s, p.now); next < time.Second && asJSON(p.s) == before {
			p.rt.Fatalf("a tick changed nothing and the next is due in %v", next)
		}
	}
}

func (p *player) stationHappens() {
	n := p.door()
	switch p.pick("station", 9) {
	case 0:
		p.crash(time.Duration(p.pick("off for minutes", 3000)) * time.Minute)
	case 1:
		p.crashBlind(time.Minute, nil)
	case 2:
		if p.chance("restore", 40) {
			p.restored()
		}
	case 3:
		p.step(Power{MainsLost: p.chance("lost", 30)})
	case 4:
		p.step(Reachability{Compartment: n, Down: p.chance("down", 40)})
	case 5, 6:
		ev := UnlockDone{Compartment: n, Intent: uint64(p.pick("intent", 50)), NotSent: p.chance("not sent", 50), Unknown: p.chance("unknown", 50), Cause: "cooldown"}
		if k := len(p.pulsed); k > 0 && p.chance("of the last pulse", 90) {
			ev.Compartment, ev.Intent = p.pulsed[k-1].Compartment, p.pulsed[k-1].Intent
		}
		if in := p.s.Compartment(ev.Compartment).Intent; ev.NotSent && in != nil && in.ID == ev.Intent && in.Phase == PhaseOpening {
			p.cab[ev.Compartment].open = false
		}
		p.step(ev)
	case 7:
		p.now.Wall = p.now.Wall.Add(time.Duration(p.pick("clock hours", 200)-100) * time.Hour)
		p.step(Tick{})
	case 8:
		p.now.Synced = !p.now.Synced
		p.step(Tick{})
	}
}

func (p *player) anEntry() Present {
	o := p.owner()
	factor := "group"
	if x := p.s.Delivery(o.Delivery); x != nil {
		factor = x.Reference
	}
	e := p.entryOf(o, factor)
	e.Session = uint64(p.pick("session", 2))
	if p.chance("scan", 20) {
		e.QR, e.CodeTag = true, tagOf("qr "+p.codes[o])
	}
	if p.chance("wrong factor", 10) {
		e.FactorTag = tagOf("wrong")
	}
	if p.chance("wrong code", 5) {
		e.CodeTag = tagOf("wrong")
	}
	return e
}

func (p *player) citizen() {
	session := uint64(p.pick("session", 2))
	switch p.pick("citizen", 10) {
	case 0, 1, 2, 3:
		required := p.s.Meta.Inventory.Required
		if res := p.step(p.anEntry()); required && res.Refusal == nil {
			p.rt.Fatalf("a code was accepted before the inventory")
		}
	case 4, 5:
		p.step(OpenNext{Session: session, Delivery: p.id(), Confirmed: p.chance("confirmed", 80)})
	case 6, 7:
		p.step(Word{Session: session, Delivery: p.id(), Taken: p.chance("taken", 50)})
	case 8:
		p.step(Problem{Session: session, Delivery: p.id()})
	case 9:
		p.step(Leave{Session: session})
	}
}

// oneLifeOn brings one delivery a good step on, as people do who know how.
func (p *player) oneLifeOn() {
	n := p.door()
	if p.r.Usable(p.s, n) == nil && !p.s.Meta.Inventory.Required && !p.s.Meta.MainsLost && !p.cab[n].unread && !p.cab[n].open {
		p.refs++
		id := p.announce(fmt.Sprintf("L-%d", p.refs), []string{"plain", "confirm", "hard"}[p.pick("kind", 3)])
		p.step(Load{By: clerk, Delivery: id, Compartment: n})
		p.cab[n].open, p.cab[n].locked, p.cab[n].inside = true, false, true
		p.wait(time.Second)
		p.read(n)
		p.cab[n].open, p.cab[n].locked = false, true
		p.wait(time.Second)
		p.read(n)
		p.wait(time.Second)
		p.read(n)
		p.step(Loaded{By: clerk, Delivery: id, Inside: true})
		if p.chance("until ready", 70) {
			p.pass(p.r.Grace)
			p.step(p.code(Owner{Delivery: id}, clerk, nil))
		}
		return
	}
	if k := len(p.wanted); k > 0 {
		m := p.wanted[k-1]
		p.step(p.code(m.Owner, Self, []byte("notice")))
	}
}

func (p *player) staff() {
	id, n, by := p.id(), p.door(), p.actor()
	switch p.pick("staff", 24) {
	case 0, 1:
		p.refs++
		a := announcement(fmt.Sprintf("S-%d", p.refs), []string{"plain", "confirm", "conditional", "two", "hard"}[p.pick("kind", 5)])
		if p.chance("contact", 50) {
			a.Contact = []byte("sealed")
		}
		p.step(a)
	case 2:
		p.step(Confirm{By: by, Delivery: id, Condition: "pin_letter_confirmed"})
	case 3:
		p.step(Approve{By: by, Delivery: id})
	case 4, 5:
		p.step(Load{By: by, Delivery: id, Compartment: n * p.pick("choose", 2)})
	case 6, 7:
		p.step(Loaded{By: by, Delivery: id, Inside: p.chance("inside", 70)})
	case 8:
		p.step(Correct{By: by, Delivery: id})
	case 9:
		p.step(Extend{By: by, Delivery: id, Days: p.pick("days", 8)})
	case 10:
		p.step(Reissue{By: by, Owner: p.owner()})
	case 11:
		p.step(Cancel{By: by, Delivery: id})
	case 12, 13:
		p.step(Retrieve{By: by, Delivery: id, ByKey: p.chance("by key", 30)})
	case 14, 15:
		p.step(RetrieveWord{By: by, Delivery: id, Taken: p.chance("taken", 70), Missing: p.chance("missing", 30)})
	case 16:
		p.step(Relocate{By: by, Delivery: id, To: n * p.pick("choose", 2)})
	case 17:
		if p.chance("block", 50) {
			p.step(Block{By: by, Compartment: n, Why: "repair"})
		} else {
			p.step(Unblock{By: by, Compartment: n})
		}
	case 18:
		p.step(Inspect{By: by, Compartment: n})
	case 19:
		ev := Inspected{By: by, Compartment: n, ByKey: p.chance("by key", 70), Sure: p.chance("sure", 30), Finding: []Finding{FoundEmpty, FoundDocument, FoundOther}[p.pick("finding", 3)]}
		if p.chance("whose", 40) {
			ev.Delivery = id
		}
		p.step(ev)
	case 20:
		p.step(SettleDispute{By: by, Second: p.actor(), Delivery: id, As: []DeliveryState{Ready, Collected, Lost}[p.pick("as", 3)]})
	case 21:
		p.step(MakeGroup{By: by, Deliveries: []DeliveryID{id, p.id()}, FactorSalt: saltOf("group"), FactorTag: tagOf("factor group")})
	case 22:
		p.step(p.code(p.owner(), by, []byte("notice")[:6*p.pick("notice", 2)]))
	case 23:
		switch p.pick("rare", 6) {
		case 0:
			p.step(StartInventory{By: by})
		case 1:
			p.step(TrustClock{By: by})
		case 2:
			if p.s.Meta.Inventory.Required {
				p.inventory()
			}
		default:
			p.step(Admit{QR: p.chance("qr", 50)})
		}
	}
}

// inventory is a round by key: every compartment is found as the station
// believes it to be.
func (w *world) inventory() {
	w.t.Helper()
	if !w.s.Meta.Inventory.Running {
		w.do(StartInventory{By: clerk})
	}
	for n := range w.cab {
		w.cab[n].open, w.cab[n].locked, w.cab[n].unread = false, true, false
	}
	w.pass(w.r.GiveUp + w.r.Reopen + time.Minute)
	w.wait(time.Second)
	w.do(DoorsRead{w.readings()})
	for _, p := range w.r.Layout {
		c := w.s.Compartment(p.Number)
		ev := Inspected{By: clerk, Compartment: p.Number, ByKey: true, Finding: FoundEmpty}
		if x := w.s.Delivery(c.Delivery); x != nil && x.Compartment == p.Number && !x.State.Ended() {
			ev.Finding = FoundDocument
		} else { // what does not belong there is taken out
			w.take(p.Number)
			w.wait(time.Millisecond)
			w.read(p.Number)
		}
		w.do(ev)
	}
	if inv := w.s.Meta.Inventory; inv.Required || inv.Running {
		w.t.Fatalf("the round is over and not done: %+v", inv)
	}
}

// tidyUp is what clerks do in the end: nothing that can happen may leave a
// compartment or a delivery for which nobody can do anything any more. Only with
// keys, only with accepted events.
func (w *world) tidyUp() {
	w.t.Helper()
	w.do(Power{})
	for _, p := range w.r.Layout {
		c := w.cab[p.Number]
		c.open, c.locked, c.unread = false, true, false
		w.do(Reachability{Compartment: p.Number})
	}
	w.pass(w.r.GiveUp + w.r.Reopen + w.r.Grace + time.Minute) // whatever was going on ends by itself
	for _, c := range w.s.Compartments {
		if c.Intent != nil {
			w.t.Fatalf("compartment %d still has %+v", c.Number, c.Intent)
		}
	}
	if w.s.Meta.Inventory.Required || w.s.Meta.Inventory.Running {
		w.inventory()
	}
	for _, x := range w.s.Deliveries {
		switch x.State {
		case Announced, Settling, Ready, Due:
			w.do(Cancel{By: clerk, Delivery: x.ID})
		}
		switch x = w.x(x.ID); {
		case x.State.Ended():
		case x.Compartment == 0:
			w.do(SettleDispute{By: clerk, Second: second, Delivery: x.ID, As: Lost})
		default:
			w.do(Retrieve{By: clerk, Delivery: x.ID, ByKey: true})
			w.take(x.Compartment)
			w.wait(time.Second)
			w.read(x.Compartment)
			w.do(RetrieveWord{By: clerk, Delivery: x.ID, Taken: true})
		}
		if x = w.x(x.ID); !x.State.Ended() {
			w.t.Fatalf("delivery %d stays %s", x.ID, x.State)
		}
	}
	for _, p := range w.r.Layout {
		n := p.Number
		w.take(n)
		w.wait(time.Second)
		w.read(n)
		if c := w.s.Compartment(n); c.Use != Free {
			w.do(Inspected{By: clerk, Compartment: n, Finding: FoundEmpty, ByKey: true})
		}
		w.do(Unblock{By: clerk, Compartment: n})
		if ref := w.r.Usable(w.s, n); ref != nil {
			w.t.Fatalf("compartment %d stays unusable: %v, %+v", n, ref, w.s.Compartment(n))
		}
	}
}
