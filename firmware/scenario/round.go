package scenario

import (
	"slices"
	"time"

	"abholstation/locker"
)

// rounds are what clerks do every few hours: they look at the page and bring
// everything in order that they can.
func (c *city) rounds(p *person) {
	for {
		p.between(90*time.Minute, 4*time.Hour)
		p.light()
		c.round(p)
	}
}

func (c *city) round(p *person) {
	c.report.Rounds++
	v := c.station.View()
	if !v.State.Started {
		return
	}
	if v.State.Clock.Untrusted != "" && c.wallRight() {
		if _, err := p.do(locker.TrustClock{By: c.clerk()}); err == nil {
			c.count("clerk confirmed the clock")
		}
	}
	if v.State.Meta.Inventory.Required {
		c.inventory(p)
	} else if c.faulty() && c.chance(3) {
		c.inventory(p) // asked for without need
	}
	for _, b := range c.boxes {
		c.tend(p, b)
	}
	c.orphans(p)
	for _, x := range c.sorted() {
		p.light()
		if !x.clerk {
			x.clerk = true
			c.care(p, x)
			x.clerk = false
		}
	}
}

// inventory looks into every compartment.
func (c *city) inventory(p *person) {
	switch _, err := p.do(locker.StartInventory{By: "staff:i"}); {
	case err == nil:
		clear(c.inspected)
	case refusal(err) != locker.WrongState: // it is running already
		return
	}
	c.count("inventory round")
	for round := 0; round < 3; round++ {
		for _, b := range c.boxes {
			p.light()
			if !c.inspected[b.n] {
				c.lookInto(p, b)
			}
		}
		if c.alive && !c.station.View().State.Meta.Inventory.Running {
			return
		}
	}
}

// tend looks after one compartment.
func (c *city) tend(p *person, b *box) {
	p.light()
	if c.attended(b.n) {
		return
	}
	if c.world.IsOpen(b.n) {
		c.count("door found open and closed")
		p.close(b.n)
		p.sleep(2 * time.Second)
		p.light()
	}
	st := c.station.View().State
	k, door := st.Compartment(b.n), st.Door(b.n)
	if k.Intent != nil && k.Intent.Phase != locker.PhaseAsking {
		return
	}
	if k.PresenceDoubt && b.broken == 0 {
		c.count("presence sensor repaired after a doubt")
		if k.Use == locker.Occupied {
			c.lookInto(p, b) // it may have told the truth
		}
	}
	if (k.Blocked != "" || k.Fault == locker.LockJammed || k.Fault == locker.LockLoose || k.PresenceDoubt) && b.broken == 0 {
		if _, err := p.do(locker.Unblock{By: c.clerk(), Compartment: b.n}); err == nil {
			c.count("compartment unblocked")
		}
	}
	odd := k.Use == locker.Free && door.Fresh && door.Item == locker.Yes
	if k.Use == locker.ToCheck || k.Fault == locker.DoorForced || k.Fault == locker.DoorUnread && b.broken == 0 || odd {
		c.lookInto(p, b)
	}
}

// lookInto opens a compartment, looks in, and says what is there.
func (c *city) lookInto(p *person, b *box) {
	if c.attended(b.n) {
		return
	}
	b.user = p
	defer func() { b.user = nil }()
	byKey := false
	c.request(request{by: "staff:i", purpose: locker.ForInspect, number: b.n})
	_, err := p.do(locker.Inspect{By: "staff:i", Compartment: b.n})
	switch {
	case err == nil:
		if !p.awaitOpen(b.n) && c.alive {
			byKey = c.key(p, b.n)
		}
	case refusal(err) == locker.DoorUnknown:
		byKey = c.key(p, b.n)
	case refusal(err) == locker.NotFree:
		return
	}
	if !c.world.IsOpen(b.n) {
		return
	}
	p.sleep(3 * time.Second)
	finding, id := c.find(b)
	p.close(b.n)
	sure := false
	for range 4 {
		p.sleep(3 * time.Second)
		c.inspected[b.n] = true
		_, err = p.do(locker.Inspected{By: "staff:i", Compartment: b.n, Finding: finding, Delivery: id, ByKey: byKey, Sure: sure})
		switch {
		case refusal(err) == locker.SensorDisagrees:
			sure = true // has seen it with own eyes
			c.count("clerk insists against the sensor")
		case err == nil:
			c.count("compartment inspected: " + string(finding))
			return
		case unclear(err):
			return // said or not: the end of the round tells
		}
		delete(c.inspected, b.n)
		switch refusal(err) {
		case locker.UnknownDelivery, locker.WrongState:
			b.empty = finding == locker.FoundDocument
			return // the next round takes it out
		}
	}
}

// find looks at what is in an open compartment. One paper that the Station knows
// stays; everything else is taken out.
func (c *city) find(b *box) (locker.Finding, locker.DeliveryID) {
	if len(b.inside) == 0 {
		return locker.FoundEmpty, 0
	}
	var known *paper
	if len(b.inside) == 1 && !b.empty {
		if x := c.papers[b.inside[0]]; x != nil && c.page(x) != nil && !x.over {
			known = x
		}
	}
	if known != nil {
		b.blur = false
		return locker.FoundDocument, known.id
	}
	b.empty = false
	c.take(b.n, atOffice)
	return locker.FoundOther, 0
}

// key opens a door mechanically.
func (c *city) key(p *person, n int) bool {
	if !c.world.IsOpen(n) {
		c.count("opened with the key")
		c.pry(n)
	}
	p.sleep(time.Second)
	return true
}

// care does for one paper what its delivery needs.
func (c *city) care(p *person, x *paper) {
	d := c.page(x)
	switch {
	case x.done():
		c.finish(x)
	case c.restored:
	case d == nil && x.at == atOffice, d != nil && d.State.Ended() && x.at == atOffice:
		if c.calm {
			c.finish(x)
			return
		}
		x.again()
		c.start("clerk", func(p *person) { c.bring(p, x) })
	case d == nil && (x.at == atHome || x.at == stolen):
		x.over = true
	case d != nil:
		c.move(p, x, d)
	}
}

// again: the paper is announced under a new reference.
func (x *paper) again() {
	x.rounds++
	x.ref = x.name + "-" + string(rune('a'+x.rounds%26))
	x.id, x.over, x.group, x.inBoxes = 0, false, 0, false
}

func (c *city) finish(x *paper) {
	if c.papers[x.name] == x {
		delete(c.papers, x.name)
		c.active--
	}
}

// move does what a delivery's state asks for.
func (c *city) move(p *person, x *paper, d *locker.Delivery) {
	k := c.station.View().State.Compartment(d.Compartment)
	c.judgeWanted(x, d)
	switch d.State {
	case locker.Announced:
		switch {
		case x.at == atOffice && c.calm, x.at == atHome, x.at == stolen:
			_, _ = p.do(locker.Cancel{By: c.clerk(), Delivery: x.id})
		case x.at == atOffice:
			c.start("clerk", func(p *person) { c.bring(p, x) })
		}
	case locker.Settling, locker.Ready:
		switch {
		case c.calm, c.chance(4):
			c.cancel(p, x)
		case k != nil && k.Intent == nil && x.at == inCabinet && (k.Fault == locker.LockJammed || k.Fault == locker.LockLoose) && c.box(k.Number).broken > 0:
			c.relocate(p, x, k.Number)
		case d.State == locker.Ready && (x.lost || c.chance(10)) && x.code != nil:
			c.reissue(p, x)
		case d.State == locker.Ready && x.code == nil && !x.contact:
			c.slip(p, x)
		}
	case locker.Due:
		if x.at == inCabinet && !c.calm && c.chance(200) {
			c.extend(p, x)
			return
		}
		c.retrieve(p, x, d.Compartment)
	case locker.Cancelled:
		c.retrieve(p, x, d.Compartment)
	case locker.Disputed:
		c.settleDispute(p, x, d, k)
	}
}

// endingOwn is ending for what leaves the code of a group to its other members.
func (c *city) endingOwn(x *paper, why string, do func() error) error {
	if x.group != 0 {
		return do()
	}
	return c.ending(x, why, do)
}

// judgeWanted: a code that is wanted for a contact is made within the hour.
func (c *city) judgeWanted(x *paper, d *locker.Delivery) {
	wanted, gen := d.Wanted, d.Generation
	if g := c.station.View().State.Group(d.Group); g != nil {
		wanted, gen = g.Wanted, g.Generation
	}
	switch now := c.clock.Now(); {
	case !wanted || d.State != locker.Ready || c.clock.Now().Sub(c.fullAt) < time.Hour:
		x.wantedAt = time.Time{}
	case x.wantedAt.IsZero() || x.wantedBoot != c.boots || x.wantedGen != gen:
		x.wantedAt, x.wantedBoot, x.wantedGen = now, c.boots, gen
	case now.Sub(x.wantedAt) > time.Hour:
		c.violate("stuck", x.box, "a code is wanted and nobody makes it: %v", x)
	}
}

func (c *city) cancel(p *person, x *paper) {
	do := func() error {
		_, err := p.do(locker.Cancel{By: c.clerk(), Delivery: x.id})
		return err
	}
	err := c.endingOwn(x, "cancelled", do)
	if err != nil {
		return
	}
	c.count("cancelled")
	if d := c.page(x); x.group == 0 && x.code != nil && (d == nil || d.State != locker.Cancelled) {
		x.code.standing = unsure // it waits for the end of what is going on at the door
	}
}

func (c *city) extend(p *person, x *paper) {
	if _, err := p.do(locker.Extend{By: c.clerk(), Delivery: x.id, Days: 2}); err == nil {
		c.count("hold period extended")
		x.agreed = weekdaysAfter(c.clock.Now(), 2)
		if x.code == nil || x.code.standing == dead {
			x.lost = x.code != nil
		}
	} else if unclear(err) {
		x.agreed = time.Time{}
	}
}

// retrieve takes a paper back to the office.
func (c *city) retrieve(p *person, x *paper, n int) {
	if n == 0 || c.attended(n) {
		return
	}
	b := c.box(n)
	b.user = p
	defer func() { b.user = nil }()
	by := c.clerk()
	c.request(request{by: string(by), purpose: locker.ForRetrieve, papers: []*paper{x}})
	byKey := b.broken > 0 && c.chance(500)
	err := c.endingOwn(x, "retrieval", func() error {
		_, err := p.do(locker.Retrieve{By: by, Delivery: x.id, ByKey: byKey})
		if err != nil && refusal(err) == locker.DoorUnknown {
			byKey = true
			_, err = p.do(locker.Retrieve{By: by, Delivery: x.id, ByKey: true})
		}
		return err
	})
	if err != nil {
		return
	}
	c.count("retrieval begun")
	if byKey {
		c.key(p, n)
	} else if !p.awaitOpen(n) {
		return
	}
	if c.chance(20) {
		c.count("clerk walked away from a retrieval")
		return
	}
	p.sleep(3 * time.Second)
	got, ok := c.take(n, atOffice)
	if !ok {
		return
	}
	if slices.ContainsFunc(got, func(q *paper) bool { return q != x }) {
		c.violate("wrong_door", n, "a retrieval of %v has brought %v", x, got)
	}
	p.close(n)
	for range 4 {
		p.sleep(3 * time.Second)
		d := c.page(x)
		if d == nil || d.State.Ended() {
			return
		}
		had := slices.Contains(got, x)
		_, _ = p.do(locker.RetrieveWord{By: by, Delivery: x.id, Taken: had, Missing: !had})
	}
}

// relocate moves a paper out of a compartment whose lock fails.
func (c *city) relocate(p *person, x *paper, from int) {
	by := c.clerk()
	a, err := p.load(by, locker.Relocate{By: by, Delivery: x.id}, x)
	if err != nil {
		return
	}
	c.count("relocated")
	old, b := c.box(from), c.box(a.Compartment)
	old.user, b.user = p, p
	defer func() { old.user, b.user = nil, nil }()
	if !p.awaitOpen(a.Compartment) {
		return
	}
	c.key(p, from)
	if _, ok := c.take(from, atOffice); ok {
		p.close(from)
		c.put(a.Compartment, x)
	}
	p.close(a.Compartment)
	c.wordLoaded(p, by, x)
}

// settleDispute: two clerks say what has become of a paper.
func (c *city) settleDispute(p *person, x *paper, d *locker.Delivery, k *locker.Compartment) {
	as := locker.Lost
	switch {
	case x.at == atHome:
		as = locker.Collected
	case x.at == inCabinet && k != nil && k.Number == x.box && k.Use == locker.Occupied && len(d.FactorTag)+int(d.Group) > 0 && !c.calm && c.chance(700):
		as = locker.Ready
	case x.at == inCabinet && d.Compartment != 0:
		c.retrieve(p, x, d.Compartment)
		return
	case x.at == inCabinet:
		return // it is going to be found
	}
	if _, err := p.do(locker.SettleDispute{By: "staff:a", Second: "staff:b", Delivery: x.id, As: as}); err == nil {
		c.count("dispute settled: " + string(as))
		if as == locker.Ready && x.group == 0 && x.code != nil && x.code.standing == asleep {
			x.code.standing = live
		}
	}
}

func (c *city) wallRight() bool {
	wall, _ := c.clock.Wall()
	off := wall.Sub(c.clock.Now())
	return off < time.Minute && off > -time.Minute
}

// orphans are deliveries that nobody in the office knows of any more: a restore
// has brought them back.
func (c *city) orphans(p *person) {
	if c.restored || !c.alive {
		return
	}
	for _, d := range c.station.View().State.Deliveries {
		if d.State.Ended() || c.byID[d.ID] != nil && c.byID[d.ID].ref == d.Reference {
			continue
		}
		p.light()
		var ev locker.Event
		switch d.State {
		case locker.Announced, locker.Settling, locker.Ready:
			ev = locker.Cancel{By: c.clerk(), Delivery: d.ID}
		case locker.Disputed:
			ev = locker.SettleDispute{By: "staff:a", Second: "staff:b", Delivery: d.ID, As: locker.Lost}
		default:
			continue
		}
		if _, err := p.do(ev); err == nil {
			c.count("revived delivery ended")
		}
	}
}
