package locker

import "time"

// boot takes the state over from before: the layout may have changed, intents
// without an outcome are settled by reading, and nothing is pulsed.
func (d *draft) boot(ev Booted) {
	s := &d.s
	s.Grant = nil
	d.adoptLayout()
	n := len(d.r.Layout)
	s.Doors, s.Down, s.OutSince = make([]Sensed, n), make([]bool, n), make([]Mono, n)
	for i := range s.OutSince {
		s.OutSince[i] = -1
	}
	s.Started = true
	m := d.meta()
	m.Heartbeat = d.now.Mono
	m.MainsLost = false // reported again if it still is; the supply guards itself
	for _, rd := range ev.Readings {
		if i := s.Index(rd.Compartment); i >= 0 {
			rd.Sensed.Changed = rd.Sensed.At
			s.Doors[i] = rd.Sensed
		}
	}
	d.record(Record{Type: "station.started", Actor: Self, Detail: Detail{Seconds: int64(d.downtime() / time.Second)}})
	d.accountDowntime()
	for i := range s.Compartments {
		d.bootCompartment(i)
	}
}

// adoptLayout gives every configured compartment its row, in the layout's order.
func (d *draft) adoptLayout() {
	same := len(d.s.Compartments) == len(d.r.Layout)
	for i := 0; same && i < len(d.r.Layout); i++ {
		same = d.s.Compartments[i].Number == d.r.Layout[i].Number
	}
	if same {
		return
	}
	old := d.s
	d.s.Compartments = make([]*Compartment, 0, len(d.r.Layout))
	for _, p := range d.r.Layout {
		c := old.Compartment(p.Number)
		if c == nil {
			c = &Compartment{Number: p.Number, Use: ToCheck}
			d.record(Record{Type: "compartment.added", Actor: Self, Compartment: p.Number})
		}
		d.s.Compartments = append(d.s.Compartments, c)
	}
	for _, c := range old.Compartments {
		if d.s.Index(c.Number) >= 0 {
			continue
		}
		d.record(Record{Type: "compartment.removed", Actor: Self, Compartment: c.Number, Delivery: c.Delivery})
		if x := d.s.Delivery(c.Delivery); x != nil && !x.State.Ended() && x.State != Announced {
			x = d.delivery(x.ID)
			d.dispute(x, "compartment_removed")
			x.Compartment = 0
		}
	}
	// The copies above are new slices; later changes must not think of the old.
	d.in.Compartments = d.s.Compartments
	d.s.Compartments = append([]*Compartment(nil), d.s.Compartments...)
}

// bootCompartment settles what was going on when the power went.
func (d *draft) bootCompartment(i int) {
	c, door := d.s.Compartments[i], d.s.Doors[i]
	in := c.Intent
	switch {
	case in == nil && door.Fresh && door.Open == Yes:
		if c.Use != ToCheck {
			d.forced(i)
		}
	case in == nil && c.Use == ToCheck && c.Delivery == 0 && d.seenEmpty(i):
		// A sensor that says empty behind a closed door.
		c = d.compartment(i)
		c.Use = Free
		d.record(Record{Type: "compartment.seen_empty", Actor: Self, Compartment: c.Number})
	case in == nil:
		d.doubtPresence(i)
	case in.Purpose == ForCollect:
		d.bootCollect(i)
	case in.Purpose == ForLoad:
		d.bootLoad(i)
	default:
		c = d.compartment(i)
		if !d.seenEmpty(i) || c.Use != Free {
			if !(in.Purpose == ForRetrieve && d.closedInside(i) && c.Use == Occupied) {
				c.Use = ToCheck
			}
		}
		d.record(Record{Type: "door.unfinished", Actor: Self, Compartment: c.Number, Delivery: in.Delivery, Intent: in.ID, Detail: Detail{Purpose: in.Purpose}})
		c.Intent = nil
	}
}

// seenEmpty: a sensor says empty behind a closed, not unlocked door, and nothing
// speaks against it.
func (d *draft) seenEmpty(i int) bool {
	p, c, door := d.place(i), d.s.Compartments[i], d.s.Doors[i]
	return door.Fresh && door.Open == No && d.item(i) == No && (!p.HasLatch || door.Locked == Yes) &&
		c.Fault == "" && !d.s.Meta.Inventory.Required
}

func (d *draft) closedInside(i int) bool {
	door := d.s.Doors[i]
	return door.Open == No && d.item(i) == Yes
}

// bootCollect: the intent owns its door for one observation window more.
func (d *draft) bootCollect(i int) {
	c := d.compartment(i)
	in := c.Intent
	in.Settle = true
	if in.Phase == PhaseOpening {
		in.Deadline = d.now.Mono + d.r.Observe
	}
	if door := d.s.Doors[i]; door.Fresh && door.Open == Yes && in.Phase == PhaseOpening {
		d.opened(i)
	}
}

// bootLoad: the clerk is gone; the delivery is announced again.
func (d *draft) bootLoad(i int) {
	c := d.compartment(i)
	x := d.delivery(c.Intent.Delivery)
	c.Intent = nil
	if d.seenEmpty(i) {
		c.Use, c.Delivery = Free, 0
		d.backToAnnounced(x, Self, "restart")
		return
	}
	d.loadAborted(c, x)
}
