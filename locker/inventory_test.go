package locker

import (
	"testing"
	"time"
)

func TestADocumentOfAnUnfinishedLoadingIsFoundAndSettles(t *testing.T) {
	w := newWorld(t)
	id := w.announce("A")
	w.do(Load{By: clerk, Delivery: id, Compartment: doorOnly})
	w.open(doorOnly)
	w.put(doorOnly)
	w.shut(doorOnly)
	w.crash(time.Minute)
	w.is(id, Announced)
	w.use(doorOnly, ToCheck)
	w.do(Inspect{By: clerk, Compartment: doorOnly})
	w.open(doorOnly)
	w.shut(doorOnly)
	w.do(Inspected{By: clerk, Compartment: doorOnly, Finding: FoundDocument})
	w.is(id, Settling)
	w.use(doorOnly, Occupied)
	w.pass(w.r.Grace)
	w.is(id, Ready)
}

func TestAnotherDocumentThanBelievedPutsTheBelievedOneInDispute(t *testing.T) {
	w := newWorld(t)
	a, b := w.ready(1), w.ready(2)
	w.do(Inspected{By: clerk, Compartment: 1, Finding: FoundDocument, Delivery: b, ByKey: true})
	w.is(a, Disputed)
	w.is(b, Ready)
	w.use(2, ToCheck)
	if w.x(a).Compartment != 0 || w.x(b).Compartment != 1 {
		t.Fatalf("%+v %+v", w.x(a), w.x(b))
	}
	w.refused(Retrieve{By: clerk, Delivery: a, ByKey: true}, WrongState) // it is nowhere
}

func TestADocumentThatTheCitizenLeftInsideIsInDisputeWhenFound(t *testing.T) {
	w := newWorld(t)
	id := w.ready(1)
	w.opened(id)
	w.shut(1)
	w.is(id, Asking)
	w.do(Inspected{By: clerk, Compartment: 1, Finding: FoundDocument, ByKey: true})
	w.is(id, Disputed)
	w.use(1, Occupied)
}

func TestADocumentIsNotFoundElsewhereWhileItsDoorIsInUse(t *testing.T) {
	for _, begin := range []func(w *world, id DeliveryID){
		func(w *world, id DeliveryID) { w.opened(id) },
		func(w *world, id DeliveryID) { w.do(Relocate{By: clerk, Delivery: id, To: 5}) },
		func(w *world, id DeliveryID) {
			w.do(Cancel{By: clerk, Delivery: id})
			w.do(Retrieve{By: clerk, Delivery: id})
		},
	} {
		w := newWorld(t)
		id := w.ready(1)
		begin(w, id)
		w.refused(Inspected{By: clerk, Compartment: 2, Finding: FoundDocument, Delivery: id, ByKey: true}, InUse)
	}
}

func TestWhoseADocumentIsHasToBeSaidWhereItOnlyMayHaveBeen(t *testing.T) {
	w := newWorld(t)
	id := w.announce("A")
	w.do(Load{By: clerk, Delivery: id, Compartment: 1})
	w.open(1)
	w.pass(w.r.GiveUp + time.Second)
	w.shut(1)
	w.do(Load{By: clerk, Delivery: id, Compartment: 2})
	w.open(2)
	w.shut(2)
	w.refused(Inspected{By: clerk, Compartment: 1, Finding: FoundDocument, ByKey: true}, UnknownDelivery)
}

func TestSomethingElseThatAClerkTakesOutLeavesACompartmentFree(t *testing.T) {
	w := newWorld(t)
	w.open(1)
	w.shut(1)
	w.do(Inspected{By: clerk, Compartment: 1, Finding: FoundOther, ByKey: true})
	w.use(1, Free)
	w.fault(1, "")
}

func TestAProblemThatACitizenReportsIsRecorded(t *testing.T) {
	w := newWorld(t)
	id := w.ready(1)
	w.opened(id)
	w.do(Problem{Session: 1, Delivery: id})
	w.told("citizen.problem")
}
