package locker

import (
	"slices"
	"time"
)

func (d *draft) extend(ev Extend) *Refusal {
	x, ref := d.inState(ev.Delivery, Ready, Due)
	if ref != nil {
		return ref
	}
	if ev.Days < 1 || ev.Days > maxExtend {
		return &Refusal{Code: BadField, Delivery: x.ID, What: "days"}
	}
	if x.State == Due && d.s.Clock.Untrusted != "" {
		return refuse(ClockUntrusted)
	}
	if ref := d.doorBusy(x); ref != nil {
		return ref
	}
	x = d.delivery(x.ID)
	from := x.HoldUntil
	if x.State == Due {
		from = d.now.Wall // from today, or it would be over again at once
		x.Retrieving = false
		d.wantCode(x) // where its hard end or a begun retrieval has ended the code
	}
	x.HoldUntil = d.r.Calendar.Extend(from, ev.Days)
	x.HoldDays += ev.Days
	x.State = Ready
	x.Reminders &^= remindedLastDay | expiryTold
	d.record(Record{Type: "delivery.extended", Actor: ev.By, Delivery: x.ID, Compartment: x.Compartment, Detail: Detail{Count: ev.Days, Until: x.HoldUntil}})
	return nil
}

// doorBusy makes staff wait while a clerk's door of this delivery is opening,
// open or waiting for a word.
func (d *draft) doorBusy(x *Delivery) *Refusal {
	c := d.s.Compartment(x.Compartment)
	if c == nil || c.Intent == nil || c.Intent.Purpose == ForCollect {
		return nil
	}
	return &Refusal{Code: InUse, Delivery: x.ID, Compartment: c.Number, What: string(c.Intent.Purpose)}
}

func (d *draft) reissue(ev Reissue) *Refusal {
	o := ev.Owner
	if o.Group != 0 {
		if d.s.Group(o.Group) == nil {
			return &Refusal{Code: UnknownDelivery, What: "group"}
		}
		for _, x := range d.members(o) {
			if x.State == Opening || x.State == Open || x.State == Asking {
				return &Refusal{Code: InUse, Delivery: x.ID, Compartment: x.Compartment}
			}
		}
	} else {
		x, ref := d.inState(o.Delivery, Ready, Due)
		if ref != nil {
			return ref
		}
		if x.Group != 0 {
			return &Refusal{Code: NotMember, Delivery: x.ID}
		}
		if ref := d.doorBusy(x); ref != nil {
			return ref
		}
		if x.State == Due && d.hardEnd(x) {
			return &Refusal{Code: WrongState, Delivery: x.ID, What: string(Due)} // extend first
		}
		d.delivery(x.ID).Retrieving = false // documents stay for the citizen after all
	}
	cred := d.credential(o)
	if len(cred.FactorTag) == 0 {
		return &Refusal{Code: WrongState, Delivery: o.Delivery, What: "ended"}
	}
	cred.End()
	d.dropGrant(o)
	d.record(Record{Type: "code.reissued", Actor: ev.By, Delivery: o.Delivery, Group: o.Group, Detail: Detail{Generation: cred.Generation}})
	d.answer = Answer{Delivery: o.Delivery, Group: o.Group, Generation: cred.Generation}
	for _, x := range d.members(o) {
		if d.mayCollect(x) {
			d.wantCode(d.delivery(x.ID))
			break
		}
	}
	return nil
}

// dropGrant ends a session that was opened with a code which has ended.
func (d *draft) dropGrant(o Owner) {
	g := d.s.Grant
	if g == nil {
		return
	}
	for _, x := range d.members(o) {
		if slices.Contains(g.Deliveries, x.ID) {
			d.s.Grant = nil
			return
		}
	}
}

func (d *draft) codeMade(ev CodeMade) *Refusal {
	stale := &Refusal{Code: Stale, Delivery: ev.Owner.Delivery}
	contact, ref := d.codeWelcome(ev.Owner)
	if ref != nil {
		return ref
	}
	cred := d.credential(ev.Owner)
	switch {
	case len(cred.CodeTag) > 0:
		return &Refusal{Code: CodeExists, Delivery: ev.Owner.Delivery}
	case ev.Generation != cred.Generation+1, len(ev.CodeTag) != tagBytes, len(ev.QRTag) != tagBytes:
		return stale
	case len(cred.FactorTag) == 0:
		return stale
	case ev.Notice == nil && len(contact) > 0:
		return &Refusal{Code: HasContact, Delivery: ev.Owner.Delivery}
	}
	for _, qr := range []bool{false, true} {
		tag := ev.CodeTag
		if qr {
			tag = ev.QRTag
		}
		if _, taken := d.s.lookup(tag, qr); taken != nil {
			return stale // drawn twice: draw again
		}
	}
	cred.Generation, cred.CodeTag, cred.QRTag, cred.WrongFactors, cred.Wanted = ev.Generation, ev.CodeTag, ev.QRTag, 0, false
	rec := Record{Type: "code.made", Actor: ev.By, Delivery: ev.Owner.Delivery, Group: ev.Owner.Group, Detail: Detail{Generation: ev.Generation, Code: "slip"}}
	if ev.Notice != nil {
		rec.Detail.Code = "notice"
		rec.Personal = &Personal{Notice: ev.Notice}
	}
	d.record(rec)
	d.answer = Answer{Delivery: ev.Owner.Delivery, Group: ev.Owner.Group, Generation: ev.Generation}
	return nil
}

// codeWelcome says whether an owner may have a code now, and its contact.
func (d *draft) codeWelcome(o Owner) ([]byte, *Refusal) {
	ready := func(x *Delivery) bool { return x.State != Asking && d.mayCollect(x) }
	if o.Group != 0 {
		g := d.s.Group(o.Group)
		if g == nil || !slices.ContainsFunc(d.members(o), ready) {
			return nil, &Refusal{Code: Stale}
		}
		return g.Contact, nil
	}
	x := d.s.Delivery(o.Delivery)
	switch {
	case x == nil:
		return nil, &Refusal{Code: UnknownDelivery, Delivery: o.Delivery}
	case x.Group != 0:
		return nil, &Refusal{Code: NotMember, Delivery: x.ID}
	case x.State == Settling:
		return nil, &Refusal{Code: TooEarly, Delivery: x.ID, Wait: x.GraceUntil - d.now.Mono}
	case !ready(x):
		return nil, &Refusal{Code: WrongState, Delivery: x.ID, What: string(x.State)}
	}
	return x.Contact, nil
}

func (d *draft) cancel(ev Cancel) *Refusal {
	x, ref := d.inState(ev.Delivery, Announced, Settling, Ready, Due, Opening, Open)
	if ref != nil {
		return ref
	}
	if ref := d.doorBusy(x); ref != nil {
		return ref
	}
	x = d.delivery(x.ID)
	switch x.State {
	case Opening, Open:
		x.Pending = "cancel"
		d.record(Record{Type: "delivery.cancel_pending", Actor: ev.By, Delivery: x.ID, Compartment: x.Compartment})
	case Announced:
		// Nothing is inside: it ends here. A compartment that may hold it after
		// an unfinished loading is to be checked anyway.
		d.record(Record{Type: "delivery.cancelled", Actor: ev.By, Delivery: x.ID})
		x.State = Retrieved
		d.end(x)
	default:
		d.cancelled(x, ev.By)
	}
	return nil
}

func (d *draft) cancelled(x *Delivery, by Actor) {
	x.State, x.GraceUntil, x.Pending, x.AskUntil = Cancelled, 0, "", 0
	d.dropGrant(Owner{Delivery: x.ID})
	x.End()
	d.record(Record{
		Type: "delivery.cancelled", Actor: by, Delivery: x.ID, Compartment: x.Compartment,
		Personal: &Personal{Reference: x.Reference},
	})
	d.dropFromGroup(x)
}

func (d *draft) retrieve(ev Retrieve) *Refusal {
	x, ref := d.inState(ev.Delivery, Due, Cancelled, Disputed)
	if ref != nil {
		return ref
	}
	i := d.s.Index(x.Compartment)
	if i < 0 || d.s.Compartments[i].Delivery != x.ID {
		return &Refusal{Code: WrongState, Delivery: x.ID, What: "no_compartment"}
	}
	ref = d.openable(i)
	if ref != nil && (!ev.ByKey || ref.Code == InUse) {
		return ref
	}
	x = d.delivery(x.ID)
	d.dropGrant(Owner{Delivery: x.ID})
	x.End()
	x.Retrieving = true
	c := d.s.Compartments[i]
	if ev.ByKey {
		// The door belongs to the clerk until the word: no alarm when it opens, and
		// none is missed if it is never seen to open.
		c, m := d.compartment(i), d.meta()
		c.Intent = &Intent{ID: m.NextIntent, Purpose: ForRetrieve, Delivery: x.ID, By: ev.By}
		m.NextIntent++
		d.ask(c)
		d.record(Record{Type: "door.by_key", Actor: ev.By, Compartment: c.Number, Delivery: x.ID, Intent: c.Intent.ID, Detail: Detail{Purpose: ForRetrieve}})
	} else {
		d.openDoor(i, ForRetrieve, x.ID, ev.By)
	}
	d.answer.Delivery, d.answer.Compartment = x.ID, c.Number
	return nil
}

func (d *draft) retrieveClosed(c *Compartment, item Tri) {
	x := d.delivery(c.Intent.Delivery)
	switch item {
	case No:
		by := c.Intent.By
		c.Intent = nil
		d.retrieved(c, x, by)
		c.Use = Free
	case Yes:
		d.record(Record{Type: "delivery.still_inside", Actor: c.Intent.By, Compartment: c.Number, Delivery: x.ID})
		c.Intent = nil
		x.Retrieving = false // not taken: a later word needs a door that was opened
		if c.Use == ToCheck {
			return // a disputed delivery: a clerk still has to say what it is
		}
		c.Use = Occupied
	default:
		d.ask(c)
	}
}

func (d *draft) retrieved(c *Compartment, x *Delivery, by Actor) {
	c.Delivery = 0
	x.State = Retrieved
	d.record(Record{
		Type: "delivery.retrieved", Actor: by, Compartment: c.Number, Delivery: x.ID,
		Detail: Detail{Kinds: x.Kinds}, Personal: &Personal{Reference: x.Reference},
	})
	d.end(x)
	x.Retrieving = false
}

func (d *draft) retrieveWord(ev RetrieveWord) *Refusal {
	x, ref := d.inState(ev.Delivery, Due, Cancelled, Disputed)
	if ref != nil {
		return ref
	}
	i := d.s.Index(x.Compartment)
	if !x.Retrieving || i < 0 || d.s.Compartments[i].Delivery != x.ID {
		return &Refusal{Code: WrongState, Delivery: x.ID, What: "not_retrieving"}
	}
	if in := d.s.Compartments[i].Intent; in != nil {
		if _, ref := d.asked(x.Compartment); ref != nil {
			return ref
		}
	} else if door := d.s.Doors[i]; door.Fresh && door.Open == Yes {
		return &Refusal{Code: DoorIsOpen, Delivery: x.ID, Compartment: x.Compartment}
	}
	if ev.Taken == ev.Missing {
		return &Refusal{Code: BadField, Delivery: x.ID, What: "taken"}
	}
	c := d.compartment(i)
	c.Intent = nil
	x = d.delivery(x.ID)
	if ev.Missing {
		c.Use = ToCheck
		d.record(Record{Type: "delivery.missing", Actor: ev.By, Compartment: c.Number, Delivery: x.ID})
		if x.State != Disputed {
			d.dispute(x, "missing")
		}
		return nil
	}
	d.retrieved(c, x, ev.By)
	// The clerk has looked in. A sensor that contradicts makes it a doubt.
	c.Use = Free
	if d.place(i).HasItem && !c.PresenceDoubt && d.item(i) != No {
		c.Use = ToCheck
	}
	return nil
}

func (d *draft) settleDispute(ev SettleDispute) *Refusal {
	x, ref := d.inState(ev.Delivery, Disputed)
	if ref != nil {
		return ref
	}
	if ev.Second == "" || ev.Second == ev.By {
		return &Refusal{Code: NeedsSecond, Delivery: x.ID}
	}
	i := d.s.Index(x.Compartment)
	here := i >= 0 && d.s.Compartments[i].Delivery == x.ID
	if here && d.s.Compartments[i].Intent != nil {
		return &Refusal{Code: InUse, Delivery: x.ID, Compartment: x.Compartment}
	}
	rec := Record{
		Type: "delivery.settled", Actor: ev.By, Delivery: x.ID, Compartment: x.Compartment,
		Detail: Detail{Code: string(ev.As), Second: ev.Second}, Personal: &Personal{Reference: x.Reference},
	}
	switch ev.As {
	case Ready:
		if !here || d.s.Compartments[i].Use != Occupied {
			return &Refusal{Code: WrongState, Delivery: x.ID, What: "not_seen_inside"}
		}
		d.record(rec)
		x = d.delivery(x.ID)
		x.Suspended, x.Retrieving = false, false
		d.becomeReady(x)
	case Collected, Lost:
		d.record(rec)
		x = d.delivery(x.ID)
		if ev.As == Collected {
			d.collected(x, ev.By, false)
		} else {
			x.State = Lost
			d.record(Record{Type: "delivery.lost", Actor: ev.By, Delivery: x.ID, Compartment: x.Compartment, Detail: Detail{Second: ev.Second}})
			d.end(x)
		}
		if here {
			// Whatever is in there: a clerk looks in and frees it.
			d.compartment(i).Use = ToCheck
		}
	default:
		return &Refusal{Code: BadField, Delivery: x.ID, What: "as"}
	}
	return nil
}

func (d *draft) makeGroup(ev MakeGroup) *Refusal {
	bad := func(field string) *Refusal { return &Refusal{Code: BadField, What: field} }
	switch {
	case len(ev.Deliveries) < 2 || len(ev.Deliveries) > maxKinds:
		return bad("deliveries")
	case len(ev.FactorSalt) != saltBytes || len(ev.FactorTag) != tagBytes:
		return bad("factor")
	case len(ev.Contact) > maxContact:
		return bad("contact")
	case !validCode(ev.Lang, 16):
		return bad("lang")
	}
	for n, id := range ev.Deliveries {
		x, ref := d.inState(id, Announced, Settling, Ready, Due)
		if ref != nil {
			return ref
		}
		if x.Group != 0 {
			return &Refusal{Code: NotMember, Delivery: id}
		}
		if ref := d.doorBusy(x); ref != nil {
			return ref
		}
		if slices.Contains(ev.Deliveries[:n], id) {
			return bad("deliveries")
		}
	}
	m := d.meta()
	g := &Group{
		ID: m.NextGroup, Deliveries: slices.Clone(ev.Deliveries), Contact: ev.Contact, Lang: ev.Lang,
		Credential: Credential{FactorSalt: ev.FactorSalt, FactorTag: ev.FactorTag},
	}
	m.NextGroup++
	d.s.Groups = append(slices.Clip(d.s.Groups), g)
	var ready *Delivery
	for _, id := range ev.Deliveries {
		d.dropGrant(Owner{Delivery: id})
		x := d.delivery(id)
		x.Group = g.ID
		x.End()
		x.FactorSalt, x.FactorTag, x.Contact = nil, nil, nil
		if d.mayCollect(x) {
			ready = x
		}
	}
	d.answer.Group = g.ID
	d.record(Record{Type: "group.made", Actor: ev.By, Group: g.ID, Detail: Detail{Count: len(g.Deliveries)}})
	if ready != nil {
		d.wantCode(ready)
	}
	return nil
}

func (d *draft) block(ev Block) *Refusal {
	i := d.s.Index(ev.Compartment)
	if i < 0 {
		return &Refusal{Code: UnknownCompartment, Compartment: ev.Compartment}
	}
	if ev.Why == "" || !validCode(ev.Why, 32) {
		return &Refusal{Code: BadField, Compartment: ev.Compartment, What: "why"}
	}
	c := d.compartment(i)
	c.Blocked = ev.Why // what is opening or open comes to its end
	d.record(Record{Type: "compartment.blocked", Actor: ev.By, Compartment: c.Number, Detail: Detail{Code: ev.Why}})
	return nil
}

func (d *draft) unblock(ev Unblock) *Refusal {
	i := d.s.Index(ev.Compartment)
	if i < 0 {
		return &Refusal{Code: UnknownCompartment, Compartment: ev.Compartment}
	}
	c := d.compartment(i)
	c.Blocked, c.Fault, c.PresenceDoubt = "", "", false
	d.record(Record{Type: "compartment.unblocked", Actor: ev.By, Compartment: c.Number})
	return nil
}

// accountOutages adds up the time in which a right code could not have opened
// the door, and pauses the hold period for it.
func (d *draft) accountOutages() {
	if len(d.s.OutSince) != len(d.s.Compartments) {
		return
	}
	fold := d.s.Meta.Heartbeat != d.in.Meta.Heartbeat
	for i, c := range d.s.Compartments {
		since := d.s.OutSince[i]
		out := c.Delivery != 0 && d.unusable(i)
		if (since < 0) != out && !(out && fold) {
			continue // as before
		}
		if sameSlice(d.s.OutSince, d.in.OutSince) {
			d.s.OutSince = slices.Clone(d.s.OutSince)
		}
		if since >= 0 {
			d.addOutage(c, d.now.Mono-since)
		}
		d.s.OutSince[i] = -1
		if out {
			d.s.OutSince[i] = d.now.Mono
		}
	}
}

func (d *draft) unusable(i int) bool {
	c := d.s.Compartments[i]
	return c.Blocked != "" || c.Fault != "" || c.Use == ToCheck || d.s.Down[i] || !d.s.Doors[i].Fresh || d.s.Meta.MainsLost || d.s.Meta.Inventory.Required
}

// holds says whether a hold period is running, also while somebody is at the door
// or the delivery is in dispute: it goes on afterwards.
func holds(x *Delivery) bool {
	switch x.State {
	case Ready, Opening, Open, Asking, Disputed:
		return !x.HoldUntil.IsZero()
	}
	return false
}

func (d *draft) addOutage(c *Compartment, t time.Duration) {
	x := d.s.Delivery(c.Delivery)
	// A compartment in doubt may still name a delivery that is elsewhere.
	if x == nil || x.Compartment != c.Number || t <= 0 || !holds(x) {
		return
	}
	x = d.delivery(x.ID)
	x.Outage += t
	if x.Outage < d.r.OutageFrom {
		return
	}
	const day = 24 * time.Hour
	days := int((x.Outage + day - 1) / day)
	if days <= x.OutageDays {
		return
	}
	x.HoldUntil = d.r.Calendar.Extend(x.HoldUntil, days-x.OutageDays)
	x.OutageDays = days
	x.Reminders &^= remindedLastDay // the last day is another one now
	d.record(Record{Type: "delivery.hold_paused", Actor: Self, Delivery: x.ID, Compartment: x.Compartment, Detail: Detail{Count: days, Until: x.HoldUntil}})
}
