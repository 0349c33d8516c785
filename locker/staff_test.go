package locker

import (
	"testing"
	"time"
)

// The rows of expiry and staff, and what goes with them; see step_test.go.

func TestReadyHoldPeriodOverDueAndTheCodeWorksUntilTheRetrieval(t *testing.T) {
	forProfiles(t, func(t *testing.T, w *world, n int) {
		id := w.ready(n)
		w.due(id)
		w.use(n, Occupied)
		if w.recorded("delivery.expired") != 1 || !w.x(id).Live() {
			t.Fatalf("%+v", w.x(id))
		}
		w.read(n)
		w.opened(id)
		w.shut(n)
		if hasItem(n) {
			w.is(id, Due)
		}
		if w.recorded("delivery.expired") != 1 {
			t.Fatal("told twice")
		}
	})
}

func TestReadyHardEndTheCodeEndsWithTheHoldPeriod(t *testing.T) {
	w := newWorld(t)
	id := w.ready(withAll, "hard")
	e := w.entry(id)
	w.due(id)
	w.read(withAll)
	w.refused(e, Rejected)
	w.refused(w.code(Owner{Delivery: id}, clerk, nil), WrongState)
	w.refused(Reissue{By: clerk, Owner: Owner{Delivery: id}}, WrongState)
	w.do(Extend{By: clerk, Delivery: id, Days: 2})
	w.slip(Owner{Delivery: id})
	w.opened(id)
}

func TestHardEndDuringAnOpeningEndsTheCodeAfterIt(t *testing.T) {
	w := newWorld(t)
	id := w.ready(withAll, "hard")
	w.skipTo(w.x(id).HoldUntil.Add(-5 * time.Second))
	w.read(withAll)
	w.opened(id)
	w.wait(time.Minute)
	w.shut(withAll)
	w.is(id, Due)
	if w.x(id).CodeTag != nil || w.recorded("delivery.expired") != 1 {
		t.Fatalf("%+v", w.x(id))
	}
}

func TestSettlingReadyDueCancelledOccupiedUntilAClerkHasTakenItOut(t *testing.T) {
	for _, from := range []DeliveryState{Settling, Ready, Due} {
		forProfiles(t, func(t *testing.T, w *world, n int) {
			var id DeliveryID
			if from == Settling {
				id = w.announce("A")
				w.loadTo(id, n)
			} else {
				id = w.ready(n)
			}
			if from == Due {
				w.due(id)
				w.read(n)
			}
			w.do(Cancel{By: clerk, Delivery: id})
			w.is(id, Cancelled)
			w.use(n, Occupied)
			if w.x(id).CodeTag != nil {
				t.Fatal("the code lives")
			}
			w.told("delivery.cancelled")
			w.pass(w.r.Grace)
			w.is(id, Cancelled)
			w.do(Retrieve{By: clerk, Delivery: id})
			w.open(n)
			w.take(n)
			w.shut(n)
			if !hasItem(n) {
				w.is(id, Cancelled)
				w.do(RetrieveWord{By: clerk, Delivery: id, Taken: true})
			}
			w.is(id, Retrieved)
			w.use(n, Free)
		})
	}
}

func TestDueCancelledDisputedRetrievedFree(t *testing.T) {
	forProfiles(t, func(t *testing.T, w *world, n int) {
		for _, from := range []DeliveryState{Due, Cancelled, Disputed} {
			for _, byKey := range []bool{false, true} {
				w := newWorldFor(t, w.r)
				id := w.ready(n)
				e := w.entry(id)
				w.reach(id, from)
				w.pulsed, w.log = nil, nil
				w.do(Retrieve{By: clerk, Delivery: id, ByKey: byKey})
				if byKey != (len(w.pulsed) == 0) {
					t.Fatalf("by key %v: pulses %v", byKey, w.pulsed)
				}
				w.step(e)
				if r := w.last.Refusal; r == nil {
					t.Fatal("the code lives on in a retrieval")
				}
				w.open(n)
				if w.recorded("door.forced") != 0 {
					t.Fatal("a retrieval is no force")
				}
				w.refused(RetrieveWord{By: clerk, Delivery: id, Taken: true}, DoorIsOpen)
				w.take(n)
				w.shut(n)
				if !hasItem(n) {
					w.do(RetrieveWord{By: clerk, Delivery: id, Taken: true})
				}
				w.is(id, Retrieved)
				w.use(n, Free)
				w.told("delivery.retrieved")
			}
		}
	})
}

// reach brings a ready delivery into another state.
func (w *world) reach(id DeliveryID, to DeliveryState) {
	w.t.Helper()
	n := w.x(id).Compartment
	switch to {
	case Due:
		w.due(id)
		w.read(n)
	case Cancelled:
		w.do(Cancel{By: clerk, Delivery: id})
	case Disputed:
		w.open(n)
		w.shut(n)
	}
	w.is(id, to)
}

func TestRetrieveClosedWithSomethingInsideIsNotRetrieved(t *testing.T) {
	for _, n := range []int{withItem, withAll} {
		w := newWorld(t)
		id := w.ready(n)
		w.do(Cancel{By: clerk, Delivery: id})
		w.do(Retrieve{By: clerk, Delivery: id})
		w.open(n)
		w.shut(n)
		w.is(id, Cancelled)
		w.use(n, Occupied)
		w.told("delivery.still_inside")
		w.refused(RetrieveWord{By: clerk, Delivery: id, Taken: true}, WrongState) // no door was opened since
	}
}

func TestRetrieveThatDoesNotOpenLeavesTheDeliveryAndNamesTheLock(t *testing.T) {
	forProfiles(t, func(t *testing.T, w *world, n int) {
		id := w.ready(n)
		w.do(Cancel{By: clerk, Delivery: id})
		w.do(Retrieve{By: clerk, Delivery: id})
		w.pass(2*w.r.Observe + 2*time.Second)
		w.is(id, Cancelled)
		w.use(n, Occupied)
		w.fault(n, LockJammed)
		w.do(Retrieve{By: clerk, Delivery: id, ByKey: true})
		w.open(n)
		w.fault(n, LockJammed) // a key proves nothing about the lock
		w.take(n)
		w.shut(n)
		if !hasItem(n) {
			w.do(RetrieveWord{By: clerk, Delivery: id, Taken: true})
		}
		w.is(id, Retrieved)
	})
}

func TestRetrieveFoundMissingIsDisputed(t *testing.T) {
	w := newWorld(t)
	id := w.ready(doorOnly)
	w.do(Cancel{By: clerk, Delivery: id})
	w.do(Retrieve{By: clerk, Delivery: id})
	w.open(doorOnly)
	w.shut(doorOnly)
	w.do(RetrieveWord{By: clerk, Delivery: id, Missing: true})
	w.is(id, Disputed)
	w.use(doorOnly, ToCheck)
	w.told("delivery.missing", "delivery.disputed")
}

func TestRetrieveWithoutAWordIsToCheck(t *testing.T) {
	w := newWorld(t)
	id := w.ready(doorOnly)
	w.do(Cancel{By: clerk, Delivery: id})
	w.do(Retrieve{By: clerk, Delivery: id})
	w.open(doorOnly)
	w.shut(doorOnly)
	w.pass(w.r.Reopen + time.Second)
	w.is(id, Cancelled)
	w.use(doorOnly, ToCheck)
	w.do(RetrieveWord{By: clerk, Delivery: id, Taken: true})
	w.is(id, Retrieved)
}

func TestCompartmentFailsClerkRelocatesSameCodeBlocked(t *testing.T) {
	for _, from := range []DeliveryState{Settling, Ready, Due} {
		forProfiles(t, func(t *testing.T, w *world, n int) {
			id := w.announce("A")
			w.loadTo(id, n)
			var e Present
			if from != Settling {
				w.pass(w.r.Grace)
				w.slip(Owner{Delivery: id})
				e = w.entry(id)
			}
			if from == Due {
				w.due(id)
			}
			w.do(DoorsRead{w.readings()})
			hold := w.x(id).HoldUntil
			w.log = nil
			to := w.do(Relocate{By: clerk, Delivery: id}).Answer.Compartment
			if c := w.s.Compartment(n); to == n || c.Use != ToCheck || c.Blocked == "" || c.Delivery != 0 {
				t.Fatalf("to %d, old %+v", to, c)
			}
			w.told("compartment.blocked")
			w.take(n)
			w.open(to)
			w.put(to)
			w.shut(to)
			if !hasItem((to-1)%4 + 1) {
				w.do(Loaded{By: clerk, Delivery: id, Inside: true})
			}
			w.pass(w.r.Grace)
			if from == Settling {
				w.is(id, Ready)
				w.told("delivery.ready") // nobody has been told of it yet
				return
			}
			w.told("delivery.relocated")
			if !w.x(id).HoldUntil.Equal(hold) {
				t.Fatal("another hold period")
			}
			if from == Due {
				w.pass(w.r.Heartbeat)
				w.is(id, Due)
				if w.recorded("delivery.expired") != 0 {
					t.Fatal("told twice")
				}
			}
			if got := w.do(e).Answer.Compartment; got != to {
				t.Fatalf("the same code opens %d, expected %d", got, to)
			}
		})
	}
}

func TestReadyDueDoorOpensWithoutAnIntentDisputedSuspendedAlarm(t *testing.T) {
	for _, due := range []bool{false, true} {
		forProfiles(t, func(t *testing.T, w *world, n int) {
			id := w.ready(n)
			if due {
				w.reach(id, Due)
			}
			w.open(n)
			w.is(id, Disputed)
			w.sounded("alarm")
			w.use(n, ToCheck)
			w.fault(n, DoorForced)
			w.told("door.forced", "delivery.disputed")
			w.shut(n)
			w.refused(w.entry(id), Unavailable)
		})
	}
}

func TestAFaultyReadingThatSaidOpenHidesNoForcedDoor(t *testing.T) {
	w := newWorld(t)
	id := w.ready(doorOnly)
	w.wait(time.Second)
	w.do(DoorsRead{[]Reading{{doorOnly, Sensed{Open: Yes, At: w.now.Mono}}}})
	w.is(id, Ready)
	w.open(doorOnly)
	w.is(id, Disputed)
}

func TestAForcedFreeCompartmentIsToCheck(t *testing.T) {
	forProfiles(t, func(t *testing.T, w *world, n int) {
		w.open(n)
		w.use(n, ToCheck)
		w.told("door.forced")
		w.shut(n)
		w.use(n, ToCheck)
	})
}

func TestForceDoesNotHideALocksOwnFault(t *testing.T) {
	w := newWorld(t)
	id := w.announce("A")
	w.do(Load{By: clerk, Delivery: id, Compartment: 1})
	w.pass(2*w.r.Observe + 2*time.Second)
	w.fault(1, LockJammed)
	w.open(1)
	w.shut(1)
	w.do(Inspected{By: clerk, Compartment: 1, Finding: FoundEmpty, ByKey: true})
	w.fault(1, LockJammed)
	w.do(Unblock{By: clerk, Compartment: 1})
	w.fault(1, "")
	w.use(1, Free)
}

func TestDisputedStaffSettleInsideHandedOverMissing(t *testing.T) {
	forProfiles(t, func(t *testing.T, w *world, n int) {
		for _, as := range []DeliveryState{Ready, Collected, Lost} {
			w := newWorldFor(t, w.r)
			id := w.ready(n)
			w.reach(id, Disputed)
			settle := SettleDispute{By: clerk, Second: second, Delivery: id, As: as}
			alone := settle
			alone.Second = clerk
			w.refused(alone, NeedsSecond)
			if as == Ready {
				w.refused(settle, WrongState) // nobody has looked in
				w.do(Inspect{By: clerk, Compartment: n})
				w.open(n)
				w.shut(n)
				w.do(Inspected{By: clerk, Compartment: n, Finding: FoundDocument})
				w.is(id, Disputed)
			}
			w.log = nil
			w.do(settle)
			w.is(id, as)
			w.told("delivery.settled")
			switch as {
			case Ready:
				w.use(n, Occupied)
				w.opened(id) // the same code
			case Lost:
				w.told("delivery.lost")
				fallthrough
			default:
				w.use(n, ToCheck)
				w.take(n)
				w.read(n)
				w.do(Inspected{By: clerk, Compartment: n, Finding: FoundEmpty, ByKey: true})
				w.use(n, Free)
			}
		}
	})
}

func TestStaffAndExpiryThatMeetOpeningOrOpenWaitForItsEnd(t *testing.T) {
	forProfiles(t, func(t *testing.T, w *world, n int) {
		id := w.ready(n)
		w.skipTo(w.x(id).HoldUntil.Add(-10 * time.Second))
		w.read(n)
		w.do(w.entry(id))
		for _, st := range []DeliveryState{Opening, Open} {
			w.is(id, st)
			for _, ev := range []Event{
				Retrieve{By: clerk, Delivery: id},
				Extend{By: clerk, Delivery: id, Days: 1},
				Reissue{By: clerk, Owner: Owner{Delivery: id}},
				Relocate{By: clerk, Delivery: id},
				Inspect{By: clerk, Compartment: n},
				Inspected{By: clerk, Compartment: n, Finding: FoundEmpty, ByKey: true},
				MakeGroup{By: clerk, Deliveries: []DeliveryID{id, id}, FactorSalt: saltOf("g"), FactorTag: tagOf("g")},
				Retrieve{By: clerk, Delivery: id, ByKey: true},
			} {
				w.refused(ev, InUse)
			}
			w.open(n)
		}
		w.do(Cancel{By: clerk, Delivery: id})
		w.is(id, Open)
		w.pass(20 * time.Second) // the hold period is over now
		w.is(id, Open)
		w.shut(n)
		if hasItem(n) {
			w.is(id, Cancelled) // still inside
		} else {
			w.is(id, Asking)
		}
	})
}

func TestAPulseThatWasNotSentUndoesEverything(t *testing.T) {
	forProfiles(t, func(t *testing.T, w *world, n int) {
		id := w.announce("A")
		notSent := func() UnlockDone {
			return UnlockDone{Compartment: n, Intent: w.s.Compartment(n).Intent.ID, NotSent: true, Cause: "power_low"}
		}
		w.do(Load{By: clerk, Delivery: id, Compartment: n})
		w.do(notSent())
		w.is(id, Announced)
		w.use(n, Free)
		w.loadTo(id, n)
		w.do(Correct{By: clerk, Delivery: id})
		w.do(notSent())
		w.is(id, Settling)
		w.use(n, Occupied)
		w.pass(w.r.Grace)
		w.slip(Owner{Delivery: id})
		w.do(w.entry(id))
		w.do(notSent())
		w.is(id, Ready)
		if len(w.x(id).Opened) != 0 {
			t.Fatal("counted as a try")
		}
		w.told("door.pulse_failed")
		w.opened(id)
	})
}

func TestAPulseOfUnknownOutcomeIsNeverRepeated(t *testing.T) {
	forProfiles(t, func(t *testing.T, w *world, n int) {
		id := w.ready(n)
		w.pulsed = nil
		w.do(w.entry(id))
		w.do(UnlockDone{Compartment: n, Intent: w.s.Compartment(n).Intent.ID, Unknown: true, Cause: "Not A Code!"})
		w.pass(3 * w.r.Observe)
		w.is(id, Ready)
		w.use(n, Occupied)
		w.fault(n, "") // nothing was shown about the lock
		if len(w.pulsed) != 1 {
			t.Fatalf("pulses %v", w.pulsed)
		}
	})
}

func TestABlockedOrDoubtfulCompartmentOpensForNoCode(t *testing.T) {
	w := newWorld(t)
	id := w.ready(withAll)
	w.do(Block{By: clerk, Compartment: withAll, Why: "repair"})
	w.refused(w.entry(id), Unavailable)
	w.do(Unblock{By: clerk, Compartment: withAll})
	w.do(Reachability{Compartment: withAll, Down: true})
	w.refused(w.entry(id), Unavailable)
	w.do(Reachability{Compartment: withAll, Down: false})
	w.do(Power{MainsLost: true})
	w.refused(w.entry(id), PowerLow)
	w.do(Power{MainsLost: false})
	w.opened(id)
	w.told("hardware.lost", "hardware.back", "power.mains_lost", "power.mains_back", "compartment.unblocked")
}

func TestAnEndedDeliveryIsForgottenAfterTwoWeeksUnlessItMayStillBeInside(t *testing.T) {
	w := newWorld(t)
	a, b := w.ready(withAll), w.ready(doorOnly)
	w.opened(a)
	w.take(withAll)
	w.shut(withAll)
	w.do(Leave{Session: 1})
	w.opened(b)
	w.shut(doorOnly)
	w.do(Word{Session: 1, Delivery: b, Taken: true})
	w.skipTo(w.now.Wall.Add(w.r.EraseAfter + time.Hour))
	if w.s.Delivery(a) != nil || w.s.Delivery(b) == nil {
		t.Fatalf("%v", w.s.Deliveries)
	}
	w.told("delivery.erased")
	w.do(Inspected{By: clerk, Compartment: doorOnly, Finding: FoundEmpty, ByKey: true})
	w.do(Tick{})
	if len(w.s.Deliveries) != 0 {
		t.Fatal("not erased")
	}
}

func TestACodesDoorThatStandsOpenIsNotOpenedAgain(t *testing.T) {
	w := newWorld(t)
	id := w.ready(1)
	g := w.ready(2, "confirm")
	w.do(w.entry(g))
	w.do(Power{MainsLost: true})
	w.refused(OpenNext{Session: 1, Delivery: g, Confirmed: true}, PowerLow)
	w.do(Power{})
	w.do(Inspect{By: clerk, Compartment: 3})
	w.opened(id) // a clerk at another door hinders nobody
}

func TestTwoFuturesOfOneStateDoNotShareMemory(t *testing.T) {
	w := newWorld(t)
	w.r.Kinds["many"] = Kind{Name: "many", Conditions: []string{"a", "b", "c", "d", "e"}}
	id := w.announce("A", "many")
	for _, c := range []string{"a", "b", "c"} { // a slice that grew has room to spare
		w.do(Confirm{By: clerk, Delivery: id, Condition: c})
	}
	one := w.r.Step(w.s, Confirm{By: clerk, Delivery: id, Condition: "d"}, w.now).State
	before := asJSON(one)
	w.r.Step(w.s, Confirm{By: clerk, Delivery: id, Condition: "e"}, w.now)
	if after := asJSON(one); before != after {
		t.Fatalf("%s\n%s", before, after)
	}
}
