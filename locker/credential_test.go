package locker

import (
	"testing"
	"time"
)

// A code works in the states of the table and in no other. Each state is reached
// and the right entry is made.
func TestACodeWorksOnlyWhileItShould(t *testing.T) {
	accepted := Reason("")
	for _, c := range []struct {
		state DeliveryState
		want  Reason
		reach func(w *world, id DeliveryID)
	}{
		{Ready, accepted, func(*world, DeliveryID) {}},
		{Due, accepted, func(w *world, id DeliveryID) { w.reach(id, Due) }},
		{Due, Rejected, func(w *world, id DeliveryID) { // a retrieval has begun
			w.reach(id, Due)
			w.do(Retrieve{By: clerk, Delivery: id})
		}},
		{Opening, AlreadyOpen, func(w *world, id DeliveryID) { w.do(w.entry(id)) }},
		{Open, AlreadyOpen, func(w *world, id DeliveryID) { w.opened(id) }},
		{Asking, accepted, func(w *world, id DeliveryID) {
			w.opened(id)
			w.shut(doorOnly)
		}},
		{Collected, Rejected, func(w *world, id DeliveryID) {
			w.opened(id)
			w.shut(doorOnly)
			w.do(Word{Session: 1, Delivery: id, Taken: true})
		}},
		{Cancelled, Rejected, func(w *world, id DeliveryID) { w.do(Cancel{By: clerk, Delivery: id}) }},
		{Disputed, Unavailable, func(w *world, id DeliveryID) { w.reach(id, Disputed) }},
		{Retrieved, Rejected, func(w *world, id DeliveryID) {
			w.do(Cancel{By: clerk, Delivery: id})
			w.do(Retrieve{By: clerk, Delivery: id, ByKey: true})
			w.do(RetrieveWord{By: clerk, Delivery: id, Taken: true})
		}},
		{Lost, Rejected, func(w *world, id DeliveryID) {
			w.reach(id, Disputed)
			w.do(SettleDispute{By: clerk, Second: second, Delivery: id, As: Lost})
		}},
		{Loading, Unavailable, func(w *world, id DeliveryID) { w.do(Relocate{By: clerk, Delivery: id}) }},
		{Announced, Unavailable, func(w *world, id DeliveryID) {
			to := w.do(Relocate{By: clerk, Delivery: id}).Answer.Compartment
			w.do(UnlockDone{Compartment: to, Intent: w.s.Compartment(to).Intent.ID, NotSent: true})
		}},
		{Settling, Unavailable, func(w *world, id DeliveryID) {
			to := w.do(Relocate{By: clerk, Delivery: id, To: 5}).Answer.Compartment
			w.open(to)
			w.shut(to)
			w.do(Loaded{By: clerk, Delivery: id, Inside: true})
		}},
	} {
		for _, qr := range []bool{false, true} {
			w := newWorld(t)
			id := w.ready(doorOnly)
			digits, scan := w.entry(id), w.scan(id)
			c.reach(w, id)
			w.is(id, c.state)
			entry := digits
			if qr {
				entry = scan
			}
			if c.want == accepted {
				if got := w.do(entry).Answer; got.Compartment != doorOnly || got.Delivery != id {
					t.Errorf("%s: %+v", c.state, got)
				}
				continue
			}
			w.refused(entry, c.want)
		}
	}
}

func TestFiveWrongFactorsEndACodeAndAReissueKeepsTheFactor(t *testing.T) {
	w := newWorld(t)
	id := w.ready(1)
	right := w.entry(id)
	wrong := right
	wrong.FactorTag = tagOf("wrong")
	for range wrongFactorsMax - 1 {
		w.refused(wrong, Rejected)
		w.wait(2 * time.Minute)
	}
	w.do(right) // four are forgiven by a right one
	w.do(UnlockDone{Compartment: 1, Intent: w.s.Compartment(1).Intent.ID, NotSent: true})
	for n := range wrongFactorsMax {
		if !w.x(id).Live() {
			t.Fatalf("ended after %d", n)
		}
		w.refused(wrong, Rejected)
		w.wait(2 * time.Minute)
	}
	w.told("code.ended")
	w.refused(right, Rejected)
	w.wait(2 * time.Minute)
	if got := w.do(Reissue{By: clerk, Owner: Owner{Delivery: id}}).Answer; got.Generation != 1 {
		t.Fatalf("%+v", got)
	}
	w.slip(Owner{Delivery: id})
	w.refused(right, Rejected) // the old code
	w.opened(id)               // the new one with the same factor
}

func TestAWrongEntryIsCountedInTheSameStepThatRefusesIt(t *testing.T) {
	w := newWorld(t)
	before := w.s.Meta
	res := w.step(Present{CodeTag: tagOf("x")})
	if res.Refusal.Code != Rejected || w.s.Meta == before || w.s.Meta.Limiter.Failures24h(w.now.Mono) != 1 || len(res.Records) != 1 || res.Records[0].Type != "code.rejected" {
		t.Fatalf("%+v", res)
	}
	for range limiterCapacity - 1 {
		w.refused(Present{CodeTag: tagOf("x")}, Rejected)
	}
	w.told("terminal.locked")
	w.refused(Admit{}, Locked)
	w.crash(time.Hour) // pulling the plug clears nothing
	w.refused(Admit{}, Locked)
}

func TestASuccessNeverEmptiesTheLimiter(t *testing.T) {
	w := newWorld(t)
	id := w.ready(1)
	for range 3 {
		w.refused(Present{CodeTag: tagOf("x")}, Rejected)
	}
	before := w.s.Meta.Limiter
	w.opened(id)
	if got := w.s.Meta.Limiter; got != before {
		t.Fatalf("%+v, expected %+v", got, before)
	}
}

func TestAScanHasItsOwnBucketAndTheDigitsOneStaysAsItIs(t *testing.T) {
	w := newWorld(t)
	id := w.ready(1)
	for range limiterCapacity {
		w.refused(Present{CodeTag: tagOf("x")}, Rejected)
	}
	w.refused(Admit{}, Locked)
	w.do(Admit{QR: true})
	w.refused(Present{QR: true, CodeTag: tagOf("x")}, Rejected)
	w.refused(Admit{QR: true}, Locked)
	w.wait(limiterQR)
	level := w.s.Meta.Limiter.Failures24h(w.now.Mono)
	w.do(w.scan(id))
	if w.s.Meta.Limiter.Failures24h(w.now.Mono) != level {
		t.Fatal("a scan was counted with the digits")
	}
	w.refused(Admit{QR: true}, Locked) // right ones count for the pace too
	wrong := w.scan(id)
	if wrong.CodeTag, wrong.QR = tagOf("qr "+w.codes[Owner{Delivery: id}]), false; w.s.Delivery(id) != nil {
		w.wait(10 * time.Minute)
		w.refused(wrong, Rejected) // a scan's tag is no code that can be typed
	}
}

func TestAScanReplacesTheDigitsAndNeverTheFactor(t *testing.T) {
	w := newWorld(t)
	id := w.ready(1)
	e := w.scan(id)
	e.FactorTag = nil
	w.refused(e, Rejected)
	if w.x(id).WrongFactors != 1 {
		t.Fatal("not counted")
	}
}

func TestAReissueEndsTheOldCodeAtOnceAndTellsTheContact(t *testing.T) {
	w := newWorld(t)
	a := announcement("A", "confirm")
	a.Contact = []byte("sealed")
	id := w.do(a).Answer.Delivery
	w.loadTo(id, 1)
	w.pass(w.r.Grace)
	w.do(w.code(Owner{Delivery: id}, Self, []byte("n")))
	old := w.entry(id)
	w.do(old) // somebody has a session
	w.wanted = nil
	w.do(Reissue{By: clerk, Owner: Owner{Delivery: id}})
	if len(w.wanted) != 1 || w.wanted[0].Generation != 2 || !w.x(id).Wanted {
		t.Fatalf("%v", w.wanted)
	}
	w.refused(OpenNext{Session: 1, Delivery: id, Confirmed: true}, NoGrant)
	w.refused(old, Rejected)
	w.crash(time.Minute)
	if !w.x(id).Wanted {
		t.Fatal("forgotten over a restart")
	}
	w.do(w.code(Owner{Delivery: id}, Self, []byte("n")))
	w.do(w.entry(id))
	w.do(OpenNext{Session: 1, Delivery: id, Confirmed: true})
	w.is(id, Opening)
}

func TestACodeThatComesTooLateForARetrievalIsNotTaken(t *testing.T) {
	w := newWorld(t)
	id := w.ready(1)
	w.reach(id, Due)
	w.do(Reissue{By: clerk, Owner: Owner{Delivery: id}})
	late := w.code(Owner{Delivery: id}, clerk, nil)
	w.do(Retrieve{By: clerk, Delivery: id})
	w.refused(late, WrongState)
}

func TestAGroupsCodeOpensItsDeliveriesInTurnAndEndsWithTheLast(t *testing.T) {
	w := newWorld(t)
	a, b, c := w.ready(withAll), w.ready(withItem), w.announce("C")
	alone := w.entry(a)
	g := w.groupOf(a, b, c)
	w.refused(alone, Rejected) // their own codes have ended
	if w.x(a).FactorTag != nil {
		t.Fatal("a second factor is left")
	}
	e := w.entryOf(g, "group")
	got := w.do(e).Answer
	if got.Group != g.Group || len(got.Choices) != 2 || got.Choices[0] != b || got.Choices[1] != a || got.Compartment != 0 {
		t.Fatalf("%+v", got) // in order of compartment
	}
	w.do(OpenNext{Session: 1, Delivery: b})
	w.refused(OpenNext{Session: 1, Delivery: a}, DoorInUse)
	w.open(withItem)
	w.refused(OpenNext{Session: 1, Delivery: a}, DoorInUse)
	w.refused(e, AlreadyOpen)
	w.take(withItem)
	w.shut(withItem)
	w.is(b, Collected)
	w.do(OpenNext{Session: 1, Delivery: a})
	w.open(withAll)
	w.take(withAll)
	w.shut(withAll)
	w.is(a, Collected)
	w.refused(e, Unavailable) // right, but the third is not here yet
	w.loadTo(c, 1)
	w.pass(w.r.Grace)
	if got := w.do(e).Answer; got.Compartment != 1 {
		t.Fatalf("%+v", got) // the only one opens at once
	}
	w.open(1)
	w.shut(1)
	w.do(Word{Session: 1, Delivery: c, Taken: true})
	w.told("code.ended")
	w.refused(e, Rejected)
}

func TestAGroupsCodeLeavesAloneWhatIsBeingRetrieved(t *testing.T) {
	w := newWorld(t)
	a, b := w.ready(withAll), w.ready(withItem)
	g := w.groupOf(a, b)
	w.reach(a, Due)
	w.due(b)
	w.calm()
	w.do(Retrieve{By: clerk, Delivery: a})
	w.pass(2*w.r.Observe + 2*time.Second) // it did not open: the code has ended all the same
	got := w.do(w.entryOf(g, "group")).Answer
	if len(got.Choices) != 1 || got.Compartment != withItem {
		t.Fatalf("%+v", got)
	}
	w.refused(OpenNext{Session: 1, Delivery: a}, Unavailable)
}

func TestAGroupsFirstReadyDeliveryWantsTheCode(t *testing.T) {
	w := newWorld(t)
	a, b := w.announce("A"), w.announce("B")
	g := w.do(MakeGroup{By: clerk, Deliveries: []DeliveryID{a, b}, FactorSalt: saltOf("group"), FactorTag: tagOf("factor group"), Contact: []byte("sealed")}).Answer.Group
	w.loadTo(a, 1)
	w.pass(w.r.Grace)
	if len(w.wanted) != 1 || w.wanted[0].Owner != (Owner{Group: g}) {
		t.Fatalf("%v", w.wanted)
	}
	w.do(w.code(Owner{Group: g}, Self, []byte("n")))
	w.loadTo(b, 2)
	w.pass(w.r.Grace)
	if len(w.wanted) != 1 {
		t.Fatalf("a second code: %v", w.wanted)
	}
}

func TestLookupGivesTheSaltOfACodeThatExists(t *testing.T) {
	w := newWorld(t)
	id := w.ready(1)
	salt, ok := w.s.Lookup(w.entry(id).CodeTag, false)
	if !ok || string(salt) != string(w.x(id).FactorSalt) {
		t.Fatal("not found")
	}
	for _, tag := range []Tag{nil, tagOf("x"), w.scan(id).CodeTag} {
		if _, ok := w.s.Lookup(tag, false); ok {
			t.Fatalf("%x found", tag)
		}
	}
}

func TestAfterARestoreNoCodeOpensAnythingBeforeTheRoundAndAllDoAfterIt(t *testing.T) {
	w := newWorld(t)
	a, b, c := w.ready(1), w.ready(2), w.announce("C")
	w.ready(3)
	w.restored()
	for _, ev := range []Event{w.entry(a), w.scan(a), Admit{}, Admit{QR: true}, Load{By: clerk, Delivery: c}} {
		w.refused(ev, InventoryDue)
	}
	w.skipTo(w.x(a).HoldUntil.Add(time.Hour))
	w.is(a, Ready) // nothing expires either
	w.do(StartInventory{By: clerk})
	for _, p := range w.r.Layout {
		f := FoundEmpty
		if p.Number <= 2 {
			f = FoundDocument
		}
		w.calm()
		w.do(Inspect{By: clerk, Compartment: p.Number})
		w.open(p.Number)
		if f == FoundEmpty {
			w.take(p.Number) // stolen, while the station knew of nothing
		}
		w.shut(p.Number)
		w.refused(w.entry(a), InventoryDue)
		w.do(Inspected{By: clerk, Compartment: p.Number, Finding: f})
	}
	w.told("inventory.started", "inventory.finished")
	w.is(3+1, Disputed) // what compartment 3 should have held
	if x := w.x(3 + 1); x.Compartment != 0 || w.s.Compartment(3).Use != Free {
		t.Fatalf("%+v", x)
	}
	w.loadTo(c, 5)
	w.pass(w.r.Grace)
	w.slip(Owner{Delivery: c})
	for _, id := range []DeliveryID{b, c} {
		w.do(Leave{Session: 1})
		w.opened(id)
	}
}

func TestADocumentThatIsFoundElsewhereMovesItsDelivery(t *testing.T) {
	w := newWorld(t)
	id := w.ready(1)
	w.do(Inspected{By: clerk, Compartment: 2, Finding: FoundDocument, Delivery: id, ByKey: true})
	if x := w.x(id); x.Compartment != 2 || x.State != Ready {
		t.Fatalf("%+v", x)
	}
	w.use(1, ToCheck)
	w.use(2, Occupied)
	if got := w.do(w.entry(id)).Answer.Compartment; got != 2 {
		t.Fatalf("the code opens %d", got)
	}
}

func TestWhatWasCollectedAndIsFoundAgainIsInDispute(t *testing.T) {
	w := newWorld(t)
	id := w.ready(withAll)
	w.opened(id)
	w.take(withAll)
	w.shut(withAll)
	w.do(Inspected{By: clerk, Compartment: 2, Finding: FoundDocument, Delivery: id, ByKey: true})
	w.is(id, Disputed)
	w.use(2, Occupied)
	w.do(Retrieve{By: clerk, Delivery: id, ByKey: true})
	w.do(RetrieveWord{By: clerk, Delivery: id, Taken: true})
	w.is(id, Retrieved)
}
