package locker

import "slices"

// invariants checks what must hold after every step, whatever the event.
func (w *world) invariants(before State, ev Event, res Result) {
	w.t.Helper()
	if !res.State.Started {
		return
	}
	w.unlocksOnlyWhatIsIntended(before, ev, res)
	w.freesOnlyOnEvidence(before, ev, res)
	w.bothMachinesAgree(ev, res.State)
	w.codesLiveOnlyWhereAllowed(ev, res.State)
	w.intentsAreUnique(before, ev, res.State)
	w.recordsHoldNoFreeText(ev, res)
	if next := w.r.Next(res.State, w.now); next < 1_000_000 || next > w.r.Heartbeat {
		w.t.Fatalf("%T: next tick in %v", ev, next)
	}
}

func (w *world) unlocksOnlyWhatIsIntended(before State, ev Event, res Result) {
	w.t.Helper()
	seen := map[int]bool{}
	for _, e := range res.Effects {
		u, ok := e.(Unlock)
		if !ok {
			continue
		}
		i := res.State.Index(u.Compartment)
		c := res.State.Compartments[i]
		in := c.Intent
		switch {
		case in == nil || in.ID != u.Intent || in.Phase != PhaseOpening:
			w.t.Fatalf("%T unlocks %d without its intent", ev, u.Compartment)
		case in.Settle:
			w.t.Fatalf("%T pulses %d again though its outcome is to be read", ev, u.Compartment)
		case in.Pulses < 1 || in.Pulses > 2:
			w.t.Fatalf("%T: pulse %d of one intent", ev, in.Pulses)
		case u.Lock != w.r.Layout[i].Lock:
			w.t.Fatalf("%T: lock %d is not that of compartment %d", ev, u.Lock, u.Compartment)
		case seen[u.Compartment]:
			w.t.Fatalf("%T pulses %d twice at once", ev, u.Compartment)
		case before.Meta.Inventory.Required && in.Purpose != ForInspect && in.Purpose != ForRetrieve && in.Pulses == 1 && in.Since == w.now.Mono && in.Purpose != ForLoad:
			w.t.Fatalf("%T opens %d for a code before the inventory", ev, u.Compartment)
		}
		seen[u.Compartment] = true
		switch ev.(type) {
		case Present, OpenNext, Load, Correct, Relocate, Retrieve, Inspect:
			if in.Pulses != 1 {
				w.t.Fatalf("%T repeats a pulse", ev)
			}
		case DoorsRead:
			if d := res.State.Doors[i]; in.Pulses != 2 || !d.Fresh || d.Open != No {
				w.t.Fatalf("a pulse is repeated on %+v", d)
			}
		default:
			w.t.Fatalf("%T unlocks a door", ev)
		}
		if !slices.ContainsFunc(res.Records, func(r Record) bool {
			return r.Intent == in.ID && (r.Type == "door.unlocking" || r.Type == "lock.retried")
		}) {
			w.t.Fatalf("%T unlocks %d without a record", ev, u.Compartment)
		}
	}
}

func (w *world) freesOnlyOnEvidence(before State, ev Event, res Result) {
	w.t.Helper()
	for i, c := range res.State.Compartments {
		was := before.Compartment(c.Number)
		if c.Use != Free || was == nil || was.Use == Free {
			continue
		}
		switch e := ev.(type) {
		case Inspected:
			if e.Compartment == c.Number && e.Finding != FoundDocument {
				continue
			}
		case RetrieveWord:
			if e.Taken && was.Delivery == e.Delivery {
				continue
			}
		case UnlockDone:
			if e.NotSent && was.Use == Reserved && e.Compartment == c.Number {
				continue
			}
		case DoorsRead, Booted:
			p, d := w.r.Layout[i], res.State.Doors[i]
			if p.HasItem && !was.PresenceDoubt && d.Fresh && d.Open == No && d.Item == No && d.Locked != No {
				continue
			}
		}
		w.t.Fatalf("%T freed compartment %d: %+v", ev, c.Number, res.State.Doors[i])
	}
}

// bothMachinesAgree: what a delivery says of its compartment is what that
// compartment says of it.
func (w *world) bothMachinesAgree(ev Event, s State) {
	w.t.Helper()
	for _, x := range s.Deliveries {
		c := s.Compartment(x.Compartment)
		here := c != nil && c.Delivery == x.ID
		var in Intent
		if here && c.Intent != nil {
			in = *c.Intent
		}
		ok := true
		switch x.State {
		case Announced:
			ok = x.Compartment == 0
		case Loading:
			ok = here && c.Use == Reserved && in.Purpose == ForLoad
		case Settling, Ready, Due, Cancelled:
			ok = here && c.Use != Free && c.Use != Reserved && in.Purpose != ForCollect && in.Purpose != ForLoad
		case Opening:
			ok = here && in.Purpose == ForCollect && in.Phase == PhaseOpening
		case Open:
			ok = here && in.Purpose == ForCollect && in.Phase == PhaseOpen
		case Asking:
			ok = here && c.Use != Free && x.AskUntil > 0
		case Disputed:
			ok = x.Compartment == 0 || here
		}
		if x.AskUntil != 0 && x.State != Asking && x.State != Opening {
			ok = false
		}
		if !ok {
			w.t.Fatalf("%T: delivery %d is %s, its compartment %+v", ev, x.ID, x.State, c)
		}
	}
	for _, c := range s.Compartments {
		x := s.Delivery(c.Delivery)
		mine := x != nil && x.Compartment == c.Number && !x.State.Ended()
		load := c.Intent != nil && c.Intent.Purpose == ForLoad
		ok := true
		switch c.Use {
		case Free:
			ok = c.Delivery == 0 && !load && (c.Intent == nil || c.Intent.Purpose == ForInspect)
		case Reserved:
			ok = mine && load && x.State == Loading
		case Occupied:
			ok = mine && !load
		case ToCheck:
			ok = !load
		default:
			ok = false
		}
		if c.Intent != nil && c.Intent.Delivery != 0 && (c.Intent.Delivery != c.Delivery || !mine) {
			ok = false
		}
		if !ok {
			w.t.Fatalf("%T: compartment %+v, intent %+v, delivery %+v do not agree", ev, c, c.Intent, x)
		}
	}
}

func (w *world) codesLiveOnlyWhereAllowed(ev Event, s State) {
	w.t.Helper()
	tags := map[string]bool{}
	unique := func(c Credential) {
		for _, tag := range []Tag{c.CodeTag, c.QRTag} {
			if tag != nil && tags[string(tag)] {
				w.t.Fatalf("%T: two owners of one code", ev)
			}
			tags[string(tag)] = true
		}
	}
	for _, x := range s.Deliveries {
		unique(x.Credential)
		if x.CodeTag == nil && x.QRTag == nil {
			continue
		}
		ok := false
		switch x.State {
		case Ready, Opening, Open, Asking:
			ok = true
		case Due:
			ok = !x.Retrieving
		case Disputed:
			ok = x.Suspended
		case Announced, Loading, Settling:
			ok = x.Relocating
		}
		if !ok || x.Group != 0 {
			w.t.Fatalf("%T: delivery %d is %s (retrieving %v, group %d) and has a code", ev, x.ID, x.State, x.Retrieving, x.Group)
		}
	}
	for _, g := range s.Groups {
		unique(g.Credential)
		live := slices.ContainsFunc(g.Deliveries, func(id DeliveryID) bool {
			x := s.Delivery(id)
			return x != nil && !x.State.Ended() && x.State != Cancelled
		})
		if g.CodeTag != nil && !live {
			w.t.Fatalf("%T: the code of group %d outlives its deliveries", ev, g.ID)
		}
	}
	for _, x := range s.Deliveries {
		if x.State.Ended() && (x.FactorTag != nil || x.Contact != nil || x.Suspended && !s.Meta.Inventory.Required || x.EndedMono == 0) {
			w.t.Fatalf("%T: delivery %d has ended and is not forgotten: %+v", ev, x.ID, x)
		}
	}
}

func (w *world) intentsAreUnique(before State, ev Event, s State) {
	w.t.Helper()
	seen := map[uint64]bool{}
	for _, c := range s.Compartments {
		in := c.Intent
		if in == nil {
			continue
		}
		was := before.Compartment(c.Number)
		newer := was == nil || was.Intent == nil || was.Intent.ID != in.ID
		if seen[in.ID] || in.ID >= s.Meta.NextIntent || newer && in.ID < before.Meta.NextIntent {
			w.t.Fatalf("%T: intent %d of compartment %d is not new or not unique", ev, in.ID, c.Number)
		}
		seen[in.ID] = true
	}
	if s.Meta.NextIntent < before.Meta.NextIntent || s.Meta.NextDelivery < before.Meta.NextDelivery {
		w.t.Fatalf("%T: counters went back", ev)
	}
}

func (w *world) recordsHoldNoFreeText(ev Event, res Result) {
	w.t.Helper()
	for _, r := range res.Records {
		// A clerk's reason for a block may have capital letters.
		if !recordType(r.Type) || r.Actor == "" || !validCode(r.Detail.Code, 40) && !recordCode(r.Detail.Code) {
			w.t.Fatalf("%T: record %+v", ev, r)
		}
	}
}
