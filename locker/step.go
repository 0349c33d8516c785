package locker

import (
	"slices"
	"time"
)

// NewState returns the State of a station that has never run: every compartment
// is to be checked.
func (r *Rules) NewState() State {
	s := State{Meta: &Meta{NextDelivery: 1, NextGroup: 1, NextIntent: 1}}
	for _, p := range r.Layout {
		s.Compartments = append(s.Compartments, &Compartment{Number: p.Number, Use: ToCheck})
	}
	return s
}

// Step decides one event. It is a pure function: same arguments, same Result.
// Cost: proportional to the number of compartments and deliveries, some
// microseconds for a full cabinet.
func (r *Rules) Step(s State, ev Event, now Now) Result {
	d := &draft{r: r, in: s, s: s, now: now}
	_, booting := ev.(Booted)
	d.passTime(booting)
	refusal := d.decide(ev)
	if refusal != nil && !d.counted {
		return Result{State: s, Refusal: refusal}
	}
	d.accountOutages()
	return Result{State: d.s, Records: d.records, Effects: d.effects, Answer: d.answer, Refusal: refusal}
}

// draft is a State in the making. Rows are copied before they are changed.
type draft struct {
	r       *Rules
	in, s   State
	now     Now
	records []Record
	effects []Effect
	answer  Answer
	missed  time.Duration // time without power that this step has learnt of
	counted bool          // a refusal that is a change of its own
}

func (d *draft) decide(ev Event) *Refusal {
	switch ev := ev.(type) {
	case Booted:
		d.boot(ev)
		return nil
	case Observed:
		if !recordType(ev.Type) || !recordCode(ev.Code) {
			return &Refusal{Code: BadField, What: "type_or_code"}
		}
		d.record(Record{Type: ev.Type, Actor: Self, Compartment: ev.Compartment, Detail: Detail{Code: ev.Code}})
		return nil
	case StaffNote:
		if !recordType(ev.Type) || !recordCode(ev.Code) {
			return &Refusal{Code: BadField, What: "type_or_code"}
		}
		d.record(Record{Type: ev.Type, Actor: ev.By, Detail: Detail{Code: ev.Code}})
		return nil
	}
	if !d.s.Started {
		return refuse(StationClosed)
	}
	switch ev := ev.(type) {
	case Tick:
		d.tick()
	case DoorsRead:
		d.read(ev.Readings)
	case UnlockDone:
		d.unlockDone(ev)
	case Reachability:
		return d.reachability(ev)
	case Power:
		d.power(ev)
	case CodeMade:
		return d.codeMade(ev)

	case Admit:
		return d.admit(ev.QR)
	case Present:
		return d.present(ev)
	case OpenNext:
		return d.openNext(ev)
	case Word:
		return d.word(ev)
	case Problem:
		return d.problem(ev)
	case Leave:
		if g := d.s.Grant; g != nil && g.Session == ev.Session {
			d.s.Grant = nil
		}

	case Announce:
		return d.announce(ev)
	case Confirm:
		return d.confirm(ev)
	case Approve:
		return d.approve(ev)
	case Load:
		return d.load(ev)
	case Loaded:
		return d.loaded(ev)
	case Correct:
		return d.correct(ev)
	case Extend:
		return d.extend(ev)
	case Reissue:
		return d.reissue(ev)
	case Cancel:
		return d.cancel(ev)
	case Retrieve:
		return d.retrieve(ev)
	case RetrieveWord:
		return d.retrieveWord(ev)
	case Relocate:
		return d.relocate(ev)
	case SettleDispute:
		return d.settleDispute(ev)
	case MakeGroup:
		return d.makeGroup(ev)

	case Block:
		return d.block(ev)
	case Unblock:
		return d.unblock(ev)
	case Inspect:
		return d.inspect(ev)
	case Inspected:
		return d.inspected(ev)
	case StartInventory:
		return d.startInventory(ev)
	case TrustClock:
		return d.trustClock(ev.By)
	default:
		return &Refusal{Code: BadField, What: "event"}
	}
	return nil
}

func refuse(code Reason) *Refusal { return &Refusal{Code: code} }

func (d *draft) record(rec Record)  { d.records = append(d.records, rec) }
func (d *draft) effect(eff Effect)  { d.effects = append(d.effects, eff) }
func (d *draft) place(i int) *Place { return &d.r.Layout[i] }

// compartment returns a copy of row i that may be changed.
func (d *draft) compartment(i int) *Compartment {
	if i < len(d.in.Compartments) && d.s.Compartments[i] != d.in.Compartments[i] {
		return d.s.Compartments[i] // copied already
	}
	if i < len(d.in.Compartments) && sameSlice(d.s.Compartments, d.in.Compartments) {
		d.s.Compartments = slices.Clone(d.s.Compartments)
	}
	c := *d.s.Compartments[i]
	if c.Intent != nil {
		in := *c.Intent
		c.Intent = &in
	}
	d.s.Compartments[i] = &c
	return &c
}

// delivery returns a copy of the delivery's row that may be changed, or nil.
func (d *draft) delivery(id DeliveryID) *Delivery {
	i, ok := slices.BinarySearchFunc(d.s.Deliveries, id, func(x *Delivery, id DeliveryID) int { return cmpID(x.ID, id) })
	if !ok {
		return nil
	}
	cur := d.s.Deliveries[i]
	if cur != d.in.Delivery(id) {
		return cur
	}
	if sameSlice(d.s.Deliveries, d.in.Deliveries) {
		d.s.Deliveries = slices.Clone(d.s.Deliveries)
	}
	x := *cur
	// Appending to a shared slice would write into the old row's spare room.
	x.Opened, x.Met = slices.Clip(x.Opened), slices.Clip(x.Met)
	d.s.Deliveries[i] = &x
	return &x
}

func (d *draft) group(id GroupID) *Group {
	i := slices.IndexFunc(d.s.Groups, func(g *Group) bool { return g.ID == id })
	if i < 0 {
		return nil
	}
	if d.s.Groups[i] != d.in.Group(id) {
		return d.s.Groups[i]
	}
	d.s.Groups = slices.Clone(d.s.Groups)
	g := *d.s.Groups[i]
	d.s.Groups[i] = &g
	return &g
}

func (d *draft) meta() *Meta {
	if d.s.Meta == d.in.Meta {
		m := *d.s.Meta
		d.s.Meta = &m
	}
	return d.s.Meta
}

// recordType and recordCode keep free text out of the log: what comes in from
// outside the domain has to be a word of a closed kind.
func recordType(s string) bool { return s != "" && recordCode(s) }

func recordCode(s string) bool {
	for _, b := range []byte(s) {
		if (b < '0' || b > '9') && (b < 'a' || b > 'z') && b != '_' && b != '.' && b != '-' {
			return false
		}
	}
	return len(s) <= 40
}

func sameSlice[T any](a, b []T) bool {
	return len(a) == len(b) && (len(a) == 0 || &a[0] == &b[0])
}

// tick lets time pass.
func (d *draft) tick() {
	for i := range d.s.Compartments {
		if d.s.Compartments[i].Intent != nil {
			d.tickIntent(i)
		}
	}
	// By index: a delivery may be copied, but none is added or removed here.
	for i := range d.s.Deliveries {
		d.tickDelivery(d.s.Deliveries[i])
	}
	d.erase()
	if g := d.s.Grant; g != nil && d.now.Mono >= g.Until && !d.granteeAtDoor(g) {
		d.s.Grant = nil
	}
	if d.now.Mono-d.s.Meta.Heartbeat >= d.r.Heartbeat {
		d.meta().Heartbeat = d.now.Mono
	}
}

func (d *draft) tickDelivery(x *Delivery) {
	switch x.State {
	case Settling:
		if d.now.Mono >= x.GraceUntil {
			d.becomeReady(d.delivery(x.ID))
		}
	case Asking:
		if d.now.Mono >= x.AskUntil {
			d.collected(d.delivery(x.ID), Self, false)
		}
	case Ready:
		d.tickHold(x)
	}
}

// tickHold lets the hold period of a ready delivery run; only a trusted clock
// may do so.
func (d *draft) tickHold(x *Delivery) {
	if d.s.Clock.Untrusted != "" || x.HoldUntil.IsZero() || d.s.Meta.Inventory.Required {
		return
	}
	if d.now.Wall.After(x.HoldUntil) {
		d.expire(d.delivery(x.ID))
		return
	}
	if bits := d.r.ReminderDue(x.ReadyAt, x.HoldUntil, d.now.Wall); bits&^x.Reminders != 0 {
		x = d.delivery(x.ID)
		x.Reminders |= bits
		d.record(Record{Type: "delivery.reminder", Actor: Self, Delivery: x.ID, Compartment: x.Compartment, Detail: Detail{Until: x.HoldUntil}})
	}
}

// Bits of Delivery.Reminders that tickHold keeps beside those of ReminderDue.
const (
	remindedLastDay = 1 << 1
	expiryTold      = 1 << 2 // the end of the hold period is in the log
)

// expire ends the hold period. It is told once, however often a citizen or a
// dispute makes the delivery ready again.
func (d *draft) expire(x *Delivery) {
	x.State = Due
	if d.hardEnd(x) {
		x.End()
	}
	if x.Reminders&expiryTold != 0 {
		return
	}
	x.Reminders |= expiryTold
	d.record(Record{Type: "delivery.expired", Actor: Self, Compartment: x.Compartment, Delivery: x.ID})
}

// mayCollect says whether a delivery's own or group code may open it now.
func (d *draft) mayCollect(x *Delivery) bool {
	switch x.State {
	case Ready, Asking:
		return true
	case Due:
		// The code of a group lives on for its other members.
		return !x.Retrieving && !d.hardEnd(x)
	}
	return false
}

func (d *draft) hardEnd(x *Delivery) bool {
	return slices.ContainsFunc(x.Kinds, func(k string) bool { return d.r.Kinds[k].HardEnd })
}

// becomeReady ends the grace period: now the code is made, or a slip may be
// printed.
func (d *draft) becomeReady(x *Delivery) {
	x.State, x.GraceUntil = Ready, 0
	if x.ReadyAt.IsZero() {
		x.ReadyAt = d.wall()
		x.HoldDays = d.holdDays(x)
		x.HoldUntil = d.r.Calendar.HoldEnd(x.ReadyAt, x.HoldDays)
	}
	kind := "delivery.ready"
	if x.Relocating {
		kind, x.Relocating = "delivery.relocated", false
	}
	d.record(Record{
		Type: kind, Actor: Self, Compartment: x.Compartment, Delivery: x.ID, Detail: Detail{Until: x.HoldUntil},
		Personal: &Personal{Reference: x.Reference},
	})
	d.wantCode(x)
}

// wantCode asks for a code where none is live and a sealed contact waits for it.
func (d *draft) wantCode(x *Delivery) {
	if x.Group != 0 {
		g := d.s.Group(x.Group)
		if g != nil && len(g.CodeTag) == 0 && len(g.Contact) > 0 {
			g = d.group(g.ID)
			g.Wanted = true
			d.effect(MakeCode{Owner: Owner{Group: g.ID}, Generation: g.Generation + 1})
		}
		return
	}
	if len(x.CodeTag) == 0 && len(x.Contact) > 0 {
		x.Wanted = true
		d.effect(MakeCode{Owner: Owner{Delivery: x.ID}, Generation: x.Generation + 1})
	}
}

// holdDays: the clerk's word, else the longest of the kinds, else the station's.
func (d *draft) holdDays(x *Delivery) int {
	if x.HoldDays > 0 {
		return x.HoldDays
	}
	days := 0
	for _, k := range x.Kinds {
		days = max(days, d.r.Kinds[k].HoldDays)
	}
	if days == 0 {
		days = d.r.HoldDays
	}
	return days
}

// erase forgets deliveries some days after their end, unless a compartment may
// still hold their documents.
func (d *draft) erase() {
	gone := func(x *Delivery) bool {
		if !x.State.Ended() {
			return false
		}
		byWall := d.s.Clock.Untrusted == "" && !x.EndedAt.IsZero() && d.now.Wall.Sub(x.EndedAt) >= d.r.EraseAfter
		if d.now.Mono-x.EndedMono < d.r.EraseAfter && !byWall {
			return false
		}
		return !slices.ContainsFunc(d.s.Compartments, func(c *Compartment) bool { return c.Delivery == x.ID })
	}
	if !slices.ContainsFunc(d.s.Deliveries, gone) {
		return
	}
	kept := make([]*Delivery, 0, len(d.s.Deliveries))
	for _, x := range d.s.Deliveries {
		if gone(x) {
			d.record(Record{Type: "delivery.erased", Actor: Self, Delivery: x.ID})
			continue
		}
		kept = append(kept, x)
	}
	d.s.Deliveries = kept
	if slices.ContainsFunc(d.s.Groups, d.groupEmpty) {
		d.s.Groups = slices.DeleteFunc(slices.Clone(d.s.Groups), d.groupEmpty)
	}
}

func (d *draft) groupEmpty(g *Group) bool {
	return !slices.ContainsFunc(g.Deliveries, func(id DeliveryID) bool { return d.s.Delivery(id) != nil })
}

// Next returns how long it is until a Tick has something to do; at least 1 ms
// and at most Heartbeat. Hold periods are looked at with the heartbeat.
func (r *Rules) Next(s State, now Now) time.Duration {
	next := now.Mono + r.Heartbeat
	if !s.Started {
		return r.Heartbeat // nothing but Booted is decided
	}
	if s.Meta != nil {
		next = min(next, s.Meta.Heartbeat+r.Heartbeat)
	}
	at := func(m Mono) {
		// What is overdue waits for a reading: once a second is enough.
		if m <= now.Mono {
			m = now.Mono + time.Second
		}
		next = min(next, m)
	}
	for i, c := range s.Compartments {
		in := c.Intent
		if in == nil {
			continue
		}
		if in.Phase != PhaseOpen {
			at(in.Deadline)
			continue
		}
		for stage, after := range [...]time.Duration{r.Prompt, r.Tone, r.Alarm, r.GiveUp} {
			if in.Stage <= stage {
				at(in.Since + after)
				break
			}
		}
		if i < len(s.Doors) && s.Doors[i].Fresh && s.Doors[i].Open == No {
			at(s.Doors[i].Changed + r.CloseSettle)
		}
	}
	for _, x := range s.Deliveries {
		switch x.State {
		case Settling:
			at(x.GraceUntil)
		case Asking:
			at(x.AskUntil)
		}
	}
	return max(next-now.Mono, time.Millisecond)
}
