package locker

import (
	"bytes"
	"slices"
)

// wrongFactorsMax wrong factors end a code; staff reissue it, the factor stays.
const wrongFactorsMax = 5

// admit says whether a code may be tried now.
func (d *draft) admit(qr bool) *Refusal {
	switch {
	case d.s.Meta.Inventory.Required:
		return refuse(InventoryDue)
	case d.s.Meta.MainsLost:
		return refuse(PowerLow)
	}
	admit := d.s.Meta.Limiter.Admit
	if qr {
		admit = d.s.Meta.Limiter.AdmitQR
	}
	if ok, wait := admit(d.now.Mono); !ok {
		return &Refusal{Code: Locked, Wait: wait}
	}
	return nil
}

// present judges an entry whose tags were made beside the station.
func (d *draft) present(ev Present) *Refusal {
	if ref := d.admit(ev.QR); ref != nil {
		return ref
	}
	owner, cred := d.s.lookup(ev.CodeTag, ev.QR)
	if cred == nil || !Equal(cred.FactorTag, ev.FactorTag) || !bytes.Equal(cred.FactorSalt, ev.Salt) {
		d.rejected(ev.QR, owner, cred)
		return refuse(Rejected)
	}
	if cred.Suspended {
		return refuse(Unavailable)
	}
	members := d.members(owner)
	var choices []DeliveryID
	for _, x := range members {
		switch x.State {
		case Opening, Open:
			return &Refusal{Code: AlreadyOpen, Compartment: x.Compartment, Delivery: x.ID}
		}
		if d.mayCollect(x) {
			choices = append(choices, x.ID)
		}
	}
	if len(choices) == 0 {
		return refuse(Unavailable)
	}
	slices.SortFunc(choices, func(a, b DeliveryID) int {
		return d.s.Delivery(a).Compartment - d.s.Delivery(b).Compartment
	})
	g := &Grant{Session: ev.Session, Until: d.now.Mono + d.r.GrantFor}
	for _, x := range members {
		g.Deliveries = append(g.Deliveries, x.ID)
	}
	d.s.Grant = g
	d.clearWrong(owner, *cred)
	if ev.QR {
		m := d.meta()
		m.Limiter = m.Limiter.UseQR(d.now.Mono)
	}
	d.answer = Answer{Delivery: owner.Delivery, Group: owner.Group, Choices: choices}
	d.record(Record{Type: "code.accepted", Actor: Citizen, Delivery: owner.Delivery, Group: owner.Group, Detail: Detail{Code: method(ev.QR), Count: len(choices)}})
	if len(choices) > 1 {
		return nil // the terminal opens them in turn
	}
	only := d.s.Delivery(choices[0])
	if key := d.confirmation(only); key != "" {
		d.answer.Delivery, d.answer.Confirm = only.ID, key
		return nil
	}
	return d.collect(only.ID)
}

func method(qr bool) string {
	if qr {
		return "qr"
	}
	return "digits"
}

// lookup finds who a code belongs to. It compares with every tag, each in
// constant time, so that the time tells nothing about where a match stood.
func (s State) lookup(tag Tag, qr bool) (Owner, *Credential) {
	var owner Owner
	var found *Credential
	look := func(o Owner, c *Credential) {
		have := c.CodeTag
		if qr {
			have = c.QRTag
		}
		if Equal(have, tag) {
			owner, found = o, c
		}
	}
	for _, x := range s.Deliveries {
		look(Owner{Delivery: x.ID}, &x.Credential)
	}
	for _, g := range s.Groups {
		look(Owner{Group: g.ID}, &g.Credential)
	}
	return owner, found
}

// Lookup returns the salt of the factor that belongs to a code's tag, and
// whether there is one; else use a dummy salt, so that time does not tell.
func (s State) Lookup(tag Tag, qr bool) (salt []byte, ok bool) {
	_, c := s.lookup(tag, qr)
	if c == nil {
		return nil, false
	}
	return c.FactorSalt, true
}

func (d *draft) members(o Owner) []*Delivery {
	if o.Group == 0 {
		return []*Delivery{d.s.Delivery(o.Delivery)}
	}
	var out []*Delivery
	for _, id := range d.s.Group(o.Group).Deliveries {
		if x := d.s.Delivery(id); x != nil && x.Group == o.Group {
			out = append(out, x)
		}
	}
	return out
}

// credential returns the owner's credential in a row that may be changed.
func (d *draft) credential(o Owner) *Credential {
	if o.Group != 0 {
		if g := d.group(o.Group); g != nil {
			return &g.Credential
		}
		return nil
	}
	if x := d.delivery(o.Delivery); x != nil {
		return &x.Credential
	}
	return nil
}

func (d *draft) clearWrong(o Owner, c Credential) {
	if c.WrongFactors != 0 {
		d.credential(o).WrongFactors = 0
	}
}

// rejected counts a wrong entry. The count is committed before the answer shows.
func (d *draft) rejected(qr bool, o Owner, c *Credential) {
	d.counted = true
	m := d.meta()
	d.record(Record{Type: "code.rejected", Actor: Citizen, Detail: Detail{Code: method(qr)}})
	if qr {
		m.Limiter = m.Limiter.UseQR(d.now.Mono)
	} else {
		m.Limiter = m.Limiter.Fail(d.now.Mono)
		if ok, wait := m.Limiter.Admit(d.now.Mono); !ok {
			d.record(Record{Type: "terminal.locked", Actor: Self, Detail: Detail{Seconds: int64(wait.Seconds())}})
		}
	}
	if c == nil {
		return
	}
	cred := d.credential(o)
	cred.WrongFactors++
	if cred.WrongFactors >= wrongFactorsMax {
		cred.End()
		d.record(Record{Type: "code.ended", Actor: Self, Delivery: o.Delivery, Group: o.Group, Detail: Detail{Code: "wrong_factors"}})
	}
}

func (d *draft) confirmation(x *Delivery) string {
	for _, k := range x.Kinds {
		if key := d.r.Kinds[k].Confirm; key != "" {
			return key
		}
	}
	return ""
}

// collect opens the door of a delivery whose right to be opened is settled.
func (d *draft) collect(id DeliveryID) *Refusal {
	x := d.s.Delivery(id)
	i := d.s.Index(x.Compartment)
	if i < 0 {
		return &Refusal{Code: Unavailable, Delivery: id}
	}
	c := d.s.Compartments[i]
	if d.s.Meta.Inventory.Required {
		return refuse(InventoryDue)
	}
	if d.granteeAtDoor(d.s.Grant) {
		return refuse(DoorInUse)
	}
	if ref := d.openable(i); ref != nil {
		if ref.Code == PowerLow {
			return ref
		}
		return &Refusal{Code: Unavailable, Compartment: c.Number, Delivery: id}
	}
	// In a compartment that is to be checked nobody knows what the door would show.
	if c.Blocked != "" || c.Use != Occupied || c.Delivery != id || d.s.Doors[i].Open != No {
		return &Refusal{Code: Unavailable, Compartment: c.Number, Delivery: id}
	}
	if n := d.recentTries(x); n >= d.r.RetryMax {
		return &Refusal{Code: TooManyTries, Compartment: c.Number, Delivery: id, Wait: x.Opened[0] + d.r.RetryWindow - d.now.Mono}
	}
	x = d.delivery(id)
	x.State = Opening
	d.openDoor(i, ForCollect, id, Citizen)
	d.answer.Delivery, d.answer.Compartment = id, c.Number
	return nil
}

// recentTries counts the openings that stayed closed within the window.
func (d *draft) recentTries(x *Delivery) int {
	n := 0
	for _, t := range x.Opened {
		if d.now.Mono-t < d.r.RetryWindow {
			n++
		}
	}
	return n
}

// granteeAtDoor says whether a door of this grant is opening or open: the next
// one waits for it.
func (d *draft) granteeAtDoor(g *Grant) bool {
	return g != nil && slices.ContainsFunc(g.Deliveries, func(id DeliveryID) bool {
		x := d.s.Delivery(id)
		return x != nil && (x.State == Opening || x.State == Open)
	})
}

// granted returns the delivery if whoever stands at the terminal may act on it.
func (d *draft) granted(session uint64, id DeliveryID) (*Delivery, *Refusal) {
	g := d.s.Grant
	if g == nil || g.Session != session || d.now.Mono >= g.Until || !slices.Contains(g.Deliveries, id) {
		return nil, refuse(NoGrant)
	}
	x := d.s.Delivery(id)
	if x == nil {
		return nil, refuse(NoGrant)
	}
	return x, nil
}

func (d *draft) openNext(ev OpenNext) *Refusal {
	x, ref := d.granted(ev.Session, ev.Delivery)
	if ref != nil {
		return ref
	}
	switch {
	case x.State == Opening, x.State == Open:
		return &Refusal{Code: AlreadyOpen, Compartment: x.Compartment, Delivery: x.ID}
	case !d.mayCollect(x):
		return &Refusal{Code: Unavailable, Delivery: x.ID}
	}
	// Ended, suspended or reissued since: the grant died with the code.
	if cred := d.ownCredential(x); !cred.Live() {
		return refuse(NoGrant)
	}
	if key := d.confirmation(x); key != "" && !ev.Confirmed {
		return &Refusal{Code: NeedsConfirm, Delivery: x.ID, What: key}
	}
	return d.collect(x.ID)
}

func (d *draft) ownCredential(x *Delivery) Credential {
	if g := d.s.Group(x.Group); g != nil {
		return g.Credential
	}
	return x.Credential
}

func (d *draft) word(ev Word) *Refusal {
	x, ref := d.granted(ev.Session, ev.Delivery)
	if ref != nil {
		return ref
	}
	asked := x.State == Asking || (x.State == Ready || x.State == Due) && x.StillInside >= 2
	if !asked {
		return &Refusal{Code: WrongState, Delivery: x.ID, What: string(x.State)}
	}
	if ev.Taken {
		d.collected(d.delivery(x.ID), Citizen, false)
	}
	return nil
}

func (d *draft) problem(ev Problem) *Refusal {
	x, ref := d.granted(ev.Session, ev.Delivery)
	if ref != nil {
		return ref
	}
	d.record(Record{Type: "citizen.problem", Actor: Citizen, Delivery: x.ID, Compartment: x.Compartment})
	return nil
}

// collectNotOpened: the observation window of a pickup is over, the door was
// not seen open.
func (d *draft) collectNotOpened(i int, c *Compartment, out outcome) {
	x := d.delivery(c.Intent.Delivery)
	restarted := c.Intent.Settle
	switch {
	case out != stayedClosed:
		d.faultOf(c, out, restarted)
		c.Use = ToCheck
		d.dispute(x, out.code())
		return
	case d.item(i) == No && x.AskUntil == 0:
		// Closed and locked, yet empty: somebody was faster than the sensors, or
		// took it while the power was off.
		c.Use = ToCheck
		d.dispute(x, "found_empty")
		return
	}
	if !restarted {
		x.Opened = slices.DeleteFunc(slices.Clone(x.Opened), func(t Mono) bool { return d.now.Mono-t >= d.r.RetryWindow })
		x.Opened = append(x.Opened, d.now.Mono)
		if len(x.Opened) >= d.r.RetryMax {
			d.faultOf(c, out, false)
			d.record(Record{Type: "lock.jammed", Actor: Self, Compartment: c.Number, Delivery: x.ID, Detail: Detail{Count: len(x.Opened)}})
		}
	}
	d.backToReady(x)
}

// backToReady undoes Opening. What waited for the end happens now.
func (d *draft) backToReady(x *Delivery) {
	switch {
	case x.AskUntil > 0:
		x.State, x.Pending = Asking, "" // taken or not: its window decides
	case x.Reminders&expiryTold != 0, d.s.Clock.Untrusted == "" && !x.HoldUntil.IsZero() && d.now.Wall.After(x.HoldUntil):
		d.expire(x)
	default:
		x.State = Ready
	}
	if x.Pending == "cancel" {
		d.cancelled(x, Self)
	}
}

// collectClosed: the citizen has closed the door.
func (d *draft) collectClosed(c *Compartment, item Tri) {
	x := d.delivery(c.Intent.Delivery)
	c.Intent = nil
	switch item {
	case No:
		d.collected(x, Citizen, true)
		c.Use, c.Delivery = Free, 0
	case Yes:
		x.StillInside++
		d.record(Record{Type: "delivery.still_inside", Actor: Self, Compartment: c.Number, Delivery: x.ID, Detail: Detail{Count: x.StillInside}})
		d.backToReady(x)
	default:
		x.AskUntil = d.now.Mono + d.r.Reopen
		d.backToReady(x)
	}
}

// collected ends a delivery that the citizen has taken. Unverified: no sensor
// saw the compartment empty behind a closed door, so a clerk must look in.
func (d *draft) collected(x *Delivery, by Actor, verified bool) {
	x.State, x.Unverified = Collected, !verified
	x.CollectedAt = d.wall()
	d.record(Record{
		Type: "delivery.collected", Actor: by, Compartment: x.Compartment, Delivery: x.ID,
		Detail: Detail{Unverified: !verified, Kinds: x.Kinds}, Personal: &Personal{Reference: x.Reference},
	})
	d.end(x)
	if by == Citizen {
		d.effect(Tone{Name: "done"})
	}
	if i := d.s.Index(x.Compartment); i >= 0 && !verified && d.s.Compartments[i].Delivery == x.ID {
		c := d.compartment(i)
		c.Use = ToCheck
	}
}

// end forgets what a finished delivery does not need any more.
func (d *draft) end(x *Delivery) {
	x.End()
	x.Suspended = false
	x.FactorSalt, x.FactorTag, x.Contact = nil, nil, nil
	x.AskUntil, x.GraceUntil, x.Pending, x.Opened = 0, 0, "", nil
	x.EndedAt, x.EndedMono = d.wall(), d.now.Mono
	d.dropFromGroup(x)
}

// dropFromGroup ends a group's code when nothing is left that it could open.
func (d *draft) dropFromGroup(x *Delivery) {
	g := d.s.Group(x.Group)
	if g == nil || len(g.FactorTag) == 0 {
		return
	}
	for _, id := range g.Deliveries {
		if y := d.s.Delivery(id); y != nil && y.ID != x.ID && !y.State.Ended() && y.State != Cancelled {
			return
		}
	}
	if !x.State.Ended() && x.State != Cancelled {
		return // a disputed last member may become ready again
	}
	g = d.group(g.ID)
	g.End()
	g.FactorSalt, g.FactorTag, g.Contact = nil, nil, nil
	d.record(Record{Type: "code.ended", Actor: Self, Group: g.ID, Detail: Detail{Code: "group_done"}})
}
