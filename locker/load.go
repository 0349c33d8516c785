package locker

import (
	"slices"
	"time"
)

// Bounds of what staff may say.
const (
	maxReference = 64
	maxKinds     = 16
	maxContact   = 4096 // bytes of a sealed contact
	maxHoldDays  = 60
	maxExtend    = 30
	saltBytes    = 16
	tagBytes     = 32
)

func (d *draft) announce(ev Announce) *Refusal {
	if ref := d.checkAnnounce(ev); ref != nil {
		return ref
	}
	m := d.meta()
	x := &Delivery{
		ID: m.NextDelivery, Reference: ev.Reference, Kinds: slices.Clone(ev.Kinds), State: Announced,
		Size: ev.Size, Reachable: ev.Reachable, Met: slices.Clone(ev.Met), Contact: ev.Contact, Lang: ev.Lang,
		HoldDays: ev.HoldDays, AnnouncedAt: d.wall(), AnnouncedBy: ev.By,
		Credential: Credential{FactorSalt: ev.FactorSalt, FactorTag: ev.FactorTag},
	}
	m.NextDelivery++
	d.s.Deliveries = append(slices.Clip(d.s.Deliveries), x)
	d.answer.Delivery = x.ID
	d.record(Record{
		Type: "delivery.announced", Actor: ev.By, Delivery: x.ID,
		Detail: Detail{Kinds: x.Kinds}, Personal: &Personal{Reference: x.Reference},
	})
	return nil
}

func (d *draft) checkAnnounce(ev Announce) *Refusal {
	bad := func(field string) *Refusal { return &Refusal{Code: BadField, What: field} }
	switch {
	case !validReference(ev.Reference):
		return bad("reference")
	case len(ev.Kinds) == 0 || len(ev.Kinds) > maxKinds:
		return bad("kinds")
	case ev.Size < SizeS || ev.Size > SizeL:
		return bad("size")
	case len(ev.FactorSalt) != saltBytes || len(ev.FactorTag) != tagBytes:
		return bad("factor")
	case len(ev.Contact) > maxContact:
		return bad("contact")
	case !validCode(ev.Lang, 16):
		return bad("lang")
	case ev.HoldDays < 0 || ev.HoldDays > maxHoldDays:
		return bad("hold_days")
	case len(d.s.Deliveries) >= d.r.MaxDeliveries:
		return refuse(StoreFull)
	}
	for n, k := range ev.Kinds {
		if slices.Contains(ev.Kinds[:n], k) {
			return bad("kinds")
		}
		if _, ok := d.r.Kinds[k]; !ok {
			return &Refusal{Code: UnknownKind, What: k}
		}
	}
	for _, c := range ev.Met {
		if !d.knownCondition(ev.Kinds, c) {
			return bad("conditions")
		}
	}
	for _, x := range d.s.Deliveries {
		if x.Reference == ev.Reference && !x.State.Ended() {
			return &Refusal{Code: DuplicateReference, Delivery: x.ID}
		}
	}
	return nil
}

func (d *draft) knownCondition(kinds []string, condition string) bool {
	return slices.ContainsFunc(kinds, func(k string) bool { return slices.Contains(d.r.Kinds[k].Conditions, condition) })
}

// validReference: the office's job number, printable ASCII without spaces, so
// that a scanner's and a typist's are the same.
func validReference(s string) bool {
	if s == "" || len(s) > maxReference {
		return false
	}
	for _, b := range []byte(s) {
		switch {
		case b >= '0' && b <= '9', b >= 'A' && b <= 'Z', b >= 'a' && b <= 'z':
		case b == '-', b == '_', b == '.', b == '/':
		default:
			return false
		}
	}
	return true
}

// validCode: a word of a closed kind, not free text. Empty is valid.
func validCode(s string, limit int) bool {
	if len(s) > limit {
		return false
	}
	for _, b := range []byte(s) {
		if (b < '0' || b > '9') && (b < 'a' || b > 'z') && (b < 'A' || b > 'Z') && b != '_' && b != '-' {
			return false
		}
	}
	return true
}

// inState returns the delivery if it is in one of the states.
func (d *draft) inState(id DeliveryID, states ...DeliveryState) (*Delivery, *Refusal) {
	x := d.s.Delivery(id)
	if x == nil {
		return nil, &Refusal{Code: UnknownDelivery, Delivery: id}
	}
	if !slices.Contains(states, x.State) {
		code := WrongState
		if x.State == Opening || x.State == Open || x.State == Loading || x.State == Asking {
			code = InUse
		}
		return nil, &Refusal{Code: code, Delivery: id, Compartment: x.Compartment, What: string(x.State)}
	}
	return x, nil
}

func (d *draft) confirm(ev Confirm) *Refusal {
	x, ref := d.inState(ev.Delivery, Announced)
	if ref != nil {
		return ref
	}
	if !d.knownCondition(x.Kinds, ev.Condition) {
		return &Refusal{Code: BadField, Delivery: x.ID, What: "condition"}
	}
	if slices.Contains(x.Met, ev.Condition) {
		return nil
	}
	x = d.delivery(x.ID)
	x.Met = append(x.Met, ev.Condition)
	d.record(Record{Type: "delivery.condition_met", Actor: ev.By, Delivery: x.ID, Detail: Detail{Code: ev.Condition}})
	return nil
}

func (d *draft) approve(ev Approve) *Refusal {
	x, ref := d.inState(ev.Delivery, Announced)
	if ref != nil {
		return ref
	}
	x = d.delivery(x.ID)
	x.ApprovedBy = ev.By
	d.record(Record{Type: "delivery.approved", Actor: ev.By, Delivery: x.ID})
	return nil
}

// loadable says why an announced delivery may not be loaded.
func (d *draft) loadable(x *Delivery, by Actor) *Refusal {
	if d.s.Meta.Inventory.Required {
		return refuse(InventoryDue)
	}
	for _, k := range x.Kinds {
		for _, c := range d.r.Kinds[k].Conditions {
			if !slices.Contains(x.Met, c) {
				return &Refusal{Code: ConditionOpen, Delivery: x.ID, What: c}
			}
		}
		if d.r.Kinds[k].TwoPeople && (x.ApprovedBy == "" || x.ApprovedBy == by) {
			return &Refusal{Code: NeedsSecond, Delivery: x.ID, What: k}
		}
	}
	return nil
}

func (d *draft) load(ev Load) *Refusal {
	x, ref := d.inState(ev.Delivery, Announced)
	if ref != nil {
		return ref
	}
	if ref := d.loadable(x, ev.By); ref != nil {
		return ref
	}
	return d.loadInto(ev.By, x.ID, ev.Compartment)
}

// loadInto opens a free compartment (0: the station chooses) for a delivery.
func (d *draft) loadInto(by Actor, id DeliveryID, number int) *Refusal {
	x := d.s.Delivery(id)
	if d.s.Meta.MainsLost {
		return refuse(PowerLow)
	}
	if number == 0 {
		n, ok := d.r.Allocate(d.s, x.Size, x.Reachable)
		if !ok {
			return &Refusal{Code: NoCompartment, Delivery: id}
		}
		number = n
	} else if ref := d.r.Usable(d.s, number); ref != nil {
		return ref
	}
	i := d.s.Index(number)
	if p := d.place(i); p.Size < x.Size || x.Reachable && !p.Reachable() {
		return &Refusal{Code: NotFree, Compartment: number, What: "size"}
	}
	x = d.delivery(id)
	x.State, x.Compartment, x.LoadedBy, x.LoadedAt = Loading, number, by, time.Time{}
	c := d.openDoor(i, ForLoad, id, by)
	c.Use, c.Delivery = Reserved, id
	d.answer.Delivery, d.answer.Compartment = id, number
	return nil
}

// loadClosed: the clerk has closed the door.
func (d *draft) loadClosed(c *Compartment, item Tri) {
	x := d.delivery(c.Intent.Delivery)
	switch item {
	case Yes:
		d.loadDone(c, x)
	case No:
		by := c.Intent.By
		c.Intent = nil
		c.Use, c.Delivery = Free, 0
		d.backToAnnounced(x, by, "closed_empty")
	default:
		d.ask(c)
	}
}

func (d *draft) loadDone(c *Compartment, x *Delivery) {
	by := c.Intent.By
	c.Intent = nil
	d.settle(c, x, by)
}

// settle begins the grace period in which a clerk may still correct.
func (d *draft) settle(c *Compartment, x *Delivery, by Actor) {
	c.Use, c.Delivery = Occupied, x.ID
	x.State, x.Compartment, x.LoadedAt, x.LoadedBy = Settling, c.Number, d.wall(), by
	x.GraceUntil = d.now.Mono + d.r.Grace
	for i, o := range d.s.Compartments {
		if o.Delivery == x.ID && o.Number != c.Number {
			d.compartment(i).Delivery = 0 // it may have been there: now it is known to be here
		}
	}
	d.record(Record{
		Type: "delivery.loaded", Actor: by, Compartment: c.Number, Delivery: x.ID,
		Detail: Detail{Kinds: x.Kinds, Second: x.ApprovedBy}, Personal: &Personal{Reference: x.Reference},
	})
}

func (d *draft) backToAnnounced(x *Delivery, by Actor, why string) {
	x.State, x.Compartment, x.LoadedAt, x.GraceUntil = Announced, 0, time.Time{}, 0
	d.record(Record{Type: "delivery.load_aborted", Actor: by, Delivery: x.ID, Detail: Detail{Code: why}})
}

// loadAborted: the clerk has gone, or the power was; what is inside is unknown,
// and the compartment remembers whose it may be.
func (d *draft) loadAborted(c *Compartment, x *Delivery) {
	c.Use = ToCheck
	d.backToAnnounced(x, Self, "unfinished")
}

// loadNotOpened: another compartment is to be chosen; a document that is inside
// already (Correct) stays where it is.
func (d *draft) loadNotOpened(c *Compartment, out outcome) {
	x := d.delivery(c.Intent.Delivery)
	d.faultOf(c, out, c.Intent.Settle)
	if !x.LoadedAt.IsZero() && out == stayedClosed {
		c.Use, x.State, x.GraceUntil = Occupied, Settling, d.now.Mono+d.r.Grace
		return
	}
	c.Use = ToCheck
	if out == stayedClosed {
		c.Delivery = 0 // nothing can have been put in
	}
	d.backToAnnounced(x, Self, out.code())
}

// loadUndone: certainly nothing was pulsed, everything is as before.
func (d *draft) loadUndone(c *Compartment, x *Delivery) {
	if !x.LoadedAt.IsZero() {
		c.Use, x.State, x.GraceUntil = Occupied, Settling, d.now.Mono+d.r.Grace
		return
	}
	c.Use, c.Delivery = Free, 0
	d.backToAnnounced(x, Self, "not_sent")
}

func (d *draft) loaded(ev Loaded) *Refusal {
	x := d.s.Delivery(ev.Delivery)
	if x == nil {
		return &Refusal{Code: UnknownDelivery, Delivery: ev.Delivery}
	}
	if x.State != Loading {
		return &Refusal{Code: WrongState, Delivery: x.ID, What: string(x.State)}
	}
	i, ref := d.asked(x.Compartment)
	if ref != nil {
		return ref
	}
	c := d.compartment(i)
	x = d.delivery(x.ID)
	if ev.Inside {
		c.Intent.By = ev.By
		d.loadDone(c, x)
		return nil
	}
	c.Intent = nil
	c.Use = ToCheck
	d.backToAnnounced(x, ev.By, "aborted")
	return nil
}

// asked returns the index of a compartment whose closed door waits for a word.
func (d *draft) asked(number int) (int, *Refusal) {
	i := d.s.Index(number)
	if i < 0 {
		return 0, &Refusal{Code: UnknownCompartment, Compartment: number}
	}
	switch in := d.s.Compartments[i].Intent; {
	case in == nil:
		return 0, &Refusal{Code: WrongState, Compartment: number, What: "not_opened"}
	case in.Phase == PhaseOpen:
		return 0, &Refusal{Code: DoorIsOpen, Compartment: number}
	case in.Phase == PhaseOpening:
		return 0, &Refusal{Code: InUse, Compartment: number, What: string(in.Purpose)}
	}
	return i, nil
}

func (d *draft) correct(ev Correct) *Refusal {
	x, ref := d.inState(ev.Delivery, Settling)
	if ref != nil {
		return ref
	}
	i := d.s.Index(x.Compartment)
	if i < 0 {
		return &Refusal{Code: UnknownCompartment, Compartment: x.Compartment}
	}
	if ref := d.openable(i); ref != nil {
		return ref
	}
	x = d.delivery(x.ID)
	x.State, x.GraceUntil = Loading, 0
	c := d.openDoor(i, ForLoad, x.ID, ev.By)
	c.Use = Reserved
	d.answer.Delivery, d.answer.Compartment = x.ID, c.Number
	return nil
}

func (d *draft) relocate(ev Relocate) *Refusal {
	x, ref := d.inState(ev.Delivery, Settling, Ready, Due)
	if ref != nil {
		return ref
	}
	if d.s.Meta.Inventory.Required {
		return refuse(InventoryDue)
	}
	old := d.s.Index(x.Compartment)
	if old >= 0 && d.s.Compartments[old].Intent != nil {
		return &Refusal{Code: InUse, Compartment: x.Compartment}
	}
	if ev.To == x.Compartment {
		return &Refusal{Code: NotFree, Compartment: ev.To}
	}
	if ref := d.loadInto(ev.By, x.ID, ev.To); ref != nil {
		return ref
	}
	x = d.delivery(x.ID)
	x.Relocating = !x.ReadyAt.IsZero() // else nobody has been told of the old place
	if old >= 0 {
		c := d.compartment(old)
		c.Use, c.Delivery, c.Blocked = ToCheck, 0, "relocated"
		d.record(Record{Type: "compartment.blocked", Actor: ev.By, Compartment: c.Number, Delivery: x.ID, Detail: Detail{Code: c.Blocked}})
	}
	return nil
}
