package locker

import "slices"

func (d *draft) startInventory(ev StartInventory) *Refusal {
	m := d.meta()
	if m.Inventory.Running {
		return &Refusal{Code: WrongState, What: "inventory_running"}
	}
	m.Inventory.Running, m.Inventory.Done, m.Inventory.By = true, nil, ev.By
	if m.Inventory.Why == "" {
		m.Inventory.Why = "requested"
	}
	d.record(Record{Type: "inventory.started", Actor: ev.By, Detail: Detail{Code: m.Inventory.Why}})
	return nil
}

func (d *draft) inspect(ev Inspect) *Refusal {
	i := d.s.Index(ev.Compartment)
	if i < 0 {
		return &Refusal{Code: UnknownCompartment, Compartment: ev.Compartment}
	}
	if in := d.s.Compartments[i].Intent; in != nil && in.Purpose == ForInspect && in.Phase == PhaseAsking {
		d.compartment(i).Intent = nil // the clerk looks in once more
	}
	if ref := d.openable(i); ref != nil {
		return ref
	}
	c := d.s.Compartments[i]
	if c.Use == Occupied && !d.s.Meta.Inventory.Running && !c.PresenceDoubt {
		if x := d.s.Delivery(c.Delivery); x != nil && x.State != Disputed {
			return &Refusal{Code: NotFree, Compartment: c.Number, Delivery: c.Delivery, What: string(x.State)}
		}
	}
	d.openDoor(i, ForInspect, 0, ev.By)
	d.answer.Compartment = ev.Compartment
	return nil
}

func (d *draft) inspected(ev Inspected) *Refusal {
	i := d.s.Index(ev.Compartment)
	if i < 0 {
		return &Refusal{Code: UnknownCompartment, Compartment: ev.Compartment}
	}
	in := d.s.Compartments[i].Intent
	switch {
	case in != nil && in.Purpose != ForInspect:
		return &Refusal{Code: InUse, Compartment: ev.Compartment, What: string(in.Purpose)}
	case in != nil && in.Phase != PhaseAsking:
		_, ref := d.asked(ev.Compartment)
		return ref
	case in == nil && !ev.ByKey:
		return &Refusal{Code: WrongState, Compartment: ev.Compartment, What: "not_opened"}
	case d.s.Doors[i].Fresh && d.s.Doors[i].Open == Yes:
		return &Refusal{Code: DoorIsOpen, Compartment: ev.Compartment}
	}
	var ref *Refusal
	switch ev.Finding {
	case FoundEmpty, FoundOther:
		if d.item(i) == Yes && !ev.Sure {
			return &Refusal{Code: SensorDisagrees, Compartment: ev.Compartment}
		}
		d.foundEmpty(i)
	case FoundDocument:
		ref = d.foundDocument(i, ev)
	default:
		ref = &Refusal{Code: BadField, Compartment: ev.Compartment, What: "finding"}
	}
	if ref != nil {
		return ref
	}
	c := d.compartment(i)
	c.Intent = nil
	if c.Fault == DoorForced || c.Fault == DoorUnread {
		c.Fault = "" // somebody has looked; a lock's own faults need an unblock
	}
	if item := d.item(i); item == No && ev.Finding == FoundDocument || item == Yes && ev.Finding != FoundDocument {
		c.PresenceDoubt = true // eyes against sensor
	}
	d.record(Record{Type: "compartment.inspected", Actor: ev.By, Compartment: c.Number, Delivery: c.Delivery, Detail: Detail{Code: string(ev.Finding)}})
	d.inventoried(ev)
	return nil
}

// foundEmpty: a clerk has looked in, and nothing is there (any more). A delivery
// that was believed to be inside is in dispute.
func (d *draft) foundEmpty(i int) {
	c := d.compartment(i)
	if x := d.s.Delivery(c.Delivery); x != nil && x.Compartment == c.Number && x.State != Announced {
		if !x.State.Ended() {
			x = d.delivery(x.ID)
			if x.State != Disputed {
				d.dispute(x, "not_found")
			}
			x.Compartment = 0
		}
	}
	c.Use, c.Delivery = Free, 0
}

// foundDocument: a clerk has looked in and seen a delivery's documents.
func (d *draft) foundDocument(i int, ev Inspected) *Refusal {
	c := d.s.Compartments[i]
	id := ev.Delivery
	if id == 0 {
		id = c.Delivery
	}
	x := d.s.Delivery(id)
	if x == nil {
		return &Refusal{Code: UnknownDelivery, Compartment: ev.Compartment, Delivery: id}
	}
	if ev.Delivery == 0 && x.Compartment != 0 && x.Compartment != ev.Compartment {
		// It only may have been here once: the clerk has to say whose this is.
		return &Refusal{Code: UnknownDelivery, Compartment: ev.Compartment}
	}
	if ref := d.doorBusy(x); ref != nil && x.Compartment != ev.Compartment {
		return ref // a clerk has the door open where it is believed to be
	}
	if x.State == Loading || x.State == Opening || x.State == Open {
		return &Refusal{Code: InUse, Delivery: id, Compartment: x.Compartment, What: string(x.State)}
	}
	if c.Delivery != 0 && c.Delivery != id {
		d.foundEmpty(i) // of whoever was believed to be here
	}
	if old := d.s.Index(x.Compartment); old >= 0 && old != i && d.s.Compartments[old].Delivery == id {
		o := d.compartment(old)
		o.Use, o.Delivery = ToCheck, 0
	}
	cc := d.compartment(i)
	x = d.delivery(id)
	switch {
	case x.State == Announced && len(x.FactorTag) == 0 && x.Group == 0:
		return &Refusal{Code: WrongState, Delivery: id, What: string(x.State)}
	case x.State == Announced:
		d.settle(cc, x, ev.By)
		return nil
	case x.State.Ended():
		x.State = Ready // so that dispute tells the truth about what it was
		d.dispute(x, "found_again")
	case x.State == Asking:
		d.dispute(x, "found_again")
	}
	x.Compartment, x.Retrieving = cc.Number, false
	cc.Use, cc.Delivery = Occupied, id
	return nil
}

// inventoried ends a round when every compartment was seen. What was not found
// is in dispute; what was found may be opened with its code again.
func (d *draft) inventoried(ev Inspected) {
	if !d.s.Meta.Inventory.Running {
		return
	}
	inv := &d.meta().Inventory
	if !slices.Contains(inv.Done, ev.Compartment) {
		inv.Done = append(slices.Clone(inv.Done), ev.Compartment)
	}
	for _, c := range d.s.Compartments { // by number: the layout may have changed since
		if !slices.Contains(inv.Done, c.Number) {
			return
		}
	}
	why := inv.Why
	*inv = Inventory{}
	for _, x := range d.s.Deliveries {
		switch x.State {
		case Settling, Ready, Due, Cancelled, Asking:
			i := d.s.Index(x.Compartment)
			if i < 0 || d.s.Compartments[i].Delivery != x.ID {
				x = d.delivery(x.ID)
				d.dispute(x, "not_found")
				x.Compartment = 0
			}
		}
		// Also what is not loaded yet: a restore suspends everything, and nothing
		// else would ever wake it.
		if x.Suspended && x.State != Disputed {
			d.delivery(x.ID).Suspended = false
		}
	}
	for _, g := range d.s.Groups {
		if g.Suspended {
			d.group(g.ID).Suspended = false
		}
	}
	d.record(Record{Type: "inventory.finished", Actor: ev.By, Detail: Detail{Code: why}})
}
