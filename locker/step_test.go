package locker

import (
	"testing"
	"time"
)

// The rows of the table in deploy/docs/lifecycle.md, one test each and in its order.

func TestAnnouncedStaffLoadDoorOpensLoadingReserved(t *testing.T) {
	forProfiles(t, func(t *testing.T, w *world, n int) {
		id := w.announce("A")
		if got := w.do(Load{By: clerk, Delivery: id, Compartment: n}).Answer; got.Compartment != n || got.Delivery != id {
			t.Fatalf("answer %+v", got)
		}
		if len(w.pulsed) != 1 || w.pulsed[0].Compartment != n || w.pulsed[0].Lock != uint16(100+n) {
			t.Fatalf("pulses %v", w.pulsed)
		}
		w.open(n)
		w.is(id, Loading)
		w.use(n, Reserved)
		w.told("door.unlocking", "door.opened")
	})
}

func TestAnnouncedStaffLoadDoorDoesNotOpenAnnouncedAnotherIsOffered(t *testing.T) {
	forProfiles(t, func(t *testing.T, w *world, n int) {
		id := w.announce("A")
		w.do(Load{By: clerk, Delivery: id, Compartment: n})
		w.pass(w.r.Observe + time.Second)
		if len(w.pulsed) != 2 || w.s.Compartment(n).Retries != 1 {
			t.Fatalf("one repeat by itself expected, pulses %v", w.pulsed)
		}
		w.pass(w.r.Observe + time.Second)
		w.is(id, Announced)
		w.use(n, ToCheck)
		w.fault(n, LockJammed)
		w.told("lock.retried", "door.not_opened", "compartment.fault", "delivery.load_aborted")
		if got := w.do(Load{By: clerk, Delivery: id}).Answer.Compartment; got == n || got == 0 {
			t.Fatalf("another compartment expected, got %d", got)
		}
		if len(w.pulsed) != 3 {
			t.Fatalf("pulses %v", w.pulsed)
		}
	})
}

func TestLoadingClosedInsideSettlingOccupied(t *testing.T) {
	forProfiles(t, func(t *testing.T, w *world, n int) {
		id := w.announce("A")
		w.do(Load{By: clerk, Delivery: id, Compartment: n})
		w.open(n)
		w.put(n)
		w.shut(n)
		if !hasItem(n) {
			w.is(id, Loading) // a clerk has to say so
			w.do(Loaded{By: clerk, Delivery: id, Inside: true})
		}
		w.is(id, Settling)
		w.use(n, Occupied)
		w.told("door.closed", "delivery.loaded")
		if w.x(id).CodeTag != nil || len(w.wanted) != 0 {
			t.Fatal("a code before the grace period is over")
		}
	})
}

func TestLoadingClosedEmptyAnnouncedFreeOrToCheck(t *testing.T) {
	forProfiles(t, func(t *testing.T, w *world, n int) {
		id := w.announce("A")
		w.do(Load{By: clerk, Delivery: id, Compartment: n})
		w.open(n)
		w.shut(n)
		if hasItem(n) {
			w.is(id, Announced)
			w.use(n, Free)
			return
		}
		w.do(Loaded{By: clerk, Delivery: id, Inside: false})
		w.is(id, Announced)
		w.use(n, ToCheck)
		w.told("delivery.load_aborted")
	})
}

func TestLoadingClerkWalksAwayAnnouncedToCheck(t *testing.T) {
	forProfiles(t, func(t *testing.T, w *world, n int) {
		id := w.announce("A")
		w.do(Load{By: clerk, Delivery: id, Compartment: n})
		w.open(n)
		w.pass(w.r.GiveUp + time.Second)
		w.is(id, Announced)
		w.use(n, ToCheck)
		w.told("door.left_open", "door.given_up", "delivery.load_aborted")
	})
}

func TestLoadingClosedWithoutAWordAnnouncedToCheck(t *testing.T) {
	for _, n := range []int{doorOnly, withLatch} {
		w := newWorld(t)
		id := w.announce("A")
		w.do(Load{By: clerk, Delivery: id, Compartment: n})
		w.open(n)
		w.put(n)
		w.shut(n)
		w.pass(w.r.Reopen + time.Second)
		w.is(id, Announced)
		w.use(n, ToCheck)
		w.told("door.unanswered")
	}
}

func TestSettlingClerkCorrectsLoading(t *testing.T) {
	forProfiles(t, func(t *testing.T, w *world, n int) {
		id := w.announce("A")
		w.loadTo(id, n)
		w.do(Correct{By: clerk, Delivery: id})
		w.open(n)
		w.is(id, Loading)
		w.use(n, Reserved)
		w.take(n)
		w.shut(n)
		if !hasItem(n) {
			w.do(Loaded{By: clerk, Delivery: id, Inside: false})
			w.use(n, ToCheck)
		} else {
			w.use(n, Free)
		}
		w.is(id, Announced)
		w.pass(w.r.Grace + time.Second)
		w.is(id, Announced) // no code for what is not inside
	})
}

func TestSettlingCorrectionThatDoesNotOpenLeavesItInside(t *testing.T) {
	forProfiles(t, func(t *testing.T, w *world, n int) {
		id := w.announce("A")
		w.loadTo(id, n)
		w.do(Correct{By: clerk, Delivery: id})
		w.pass(2*w.r.Observe + 2*time.Second)
		w.is(id, Settling)
		w.use(n, Occupied)
		w.fault(n, LockJammed)
		w.pass(w.r.Grace)
		w.is(id, Ready)
	})
}

func TestSettlingGraceOverReadyAndTheCodeIsMadeNow(t *testing.T) {
	forProfiles(t, func(t *testing.T, w *world, n int) {
		a := announcement("A", "plain")
		a.Contact = []byte("sealed")
		id := w.do(a).Answer.Delivery
		w.loadTo(id, n)
		w.pass(w.r.Grace - 5*time.Second)
		w.is(id, Settling)
		w.refused(w.code(Owner{Delivery: id}, Self, []byte("n")), TooEarly)
		w.pass(6 * time.Second)
		w.is(id, Ready)
		w.use(n, Occupied)
		w.told("delivery.ready")
		if len(w.wanted) != 1 || w.wanted[0] != (MakeCode{Owner: Owner{Delivery: id}, Generation: 1}) {
			t.Fatalf("code wanted: %v", w.wanted)
		}
		w.do(w.code(Owner{Delivery: id}, Self, []byte("notice")))
		if x := w.x(id); !x.Live() || x.Wanted || x.Generation != 1 {
			t.Fatalf("%+v", x.Credential)
		}
		made := w.log[len(w.log)-1]
		if made.Type != "code.made" || string(made.Personal.Notice) != "notice" || made.Detail.Code != "notice" {
			t.Fatalf("%+v", made)
		}
	})
}

func TestReadyOrDueCodeAndFactorRightOpeningDurableAndOnePulse(t *testing.T) {
	for _, due := range []bool{false, true} {
		forProfiles(t, func(t *testing.T, w *world, n int) {
			id := w.ready(n)
			if due {
				w.due(id)
				w.do(DoorsRead{w.readings()})
			}
			w.pulsed = nil
			res := w.do(w.entry(id))
			w.is(id, Opening)
			w.use(n, Occupied)
			in := w.s.Compartment(n).Intent
			if len(w.pulsed) != 1 || in == nil || in.Purpose != ForCollect || in.Delivery != id || w.pulsed[0].Intent != in.ID {
				t.Fatalf("pulses %v, intent %+v", w.pulsed, in)
			}
			if res.Answer.Compartment != n {
				t.Fatalf("%+v", res.Answer)
			}
			w.told("code.accepted", "door.unlocking")
		})
	}
}

func TestOpeningDoorOpenOpen(t *testing.T) {
	forProfiles(t, func(t *testing.T, w *world, n int) {
		id := w.ready(n)
		w.opened(id)
		w.use(n, Occupied)
		w.told("door.opened")
		w.sounded("opened")
	})
}

func TestOpeningStayedClosedReadyAndTriesAreCounted(t *testing.T) {
	forProfiles(t, func(t *testing.T, w *world, n int) {
		id := w.ready(n)
		for try := 1; try <= w.r.RetryMax; try++ {
			w.pulsed = nil
			w.do(w.entry(id))
			w.pass(w.r.Observe - time.Second)
			w.is(id, Opening)
			if len(w.pulsed) != 1 {
				t.Fatal("the repeat waits for the observation window")
			}
			w.pass(w.r.Observe + 3*time.Second)
			if len(w.pulsed) != 2 {
				t.Fatalf("pulses %v", w.pulsed)
			}
			w.is(id, Ready)
			w.use(n, Occupied)
			if got := len(w.x(id).Opened); got != try {
				t.Fatalf("%d tries counted, expected %d", got, try)
			}
		}
		w.fault(n, LockJammed)
		w.told("lock.jammed", "door.not_opened")
		if wait := w.refused(w.entry(id), TooManyTries).Wait; wait <= 0 || wait > w.r.RetryWindow {
			t.Fatalf("wait %v", wait)
		}
		w.pass(w.r.RetryWindow)
		w.opened(id) // it did open after all
		w.fault(n, "")
	})
}

func TestOpeningIsNotRepeatedForSomebodyWhoLeft(t *testing.T) {
	w := newWorld(t)
	id := w.ready(doorOnly)
	w.pulsed = nil
	w.do(w.entry(id))
	w.do(Leave{Session: 1})
	w.pass(2*w.r.Observe + 2*time.Second)
	w.is(id, Ready)
	if len(w.pulsed) != 1 {
		t.Fatalf("pulses %v", w.pulsed)
	}
}

func TestOpeningDoorUnknownDisputedAlarmToCheck(t *testing.T) {
	forProfiles(t, func(t *testing.T, w *world, n int) {
		id := w.ready(n)
		w.pulsed = nil
		w.do(w.entry(id))
		w.cab[n].unread = true
		w.pass(w.r.Observe + settleSlack + 2*time.Second)
		w.is(id, Disputed)
		w.use(n, ToCheck)
		w.fault(n, DoorUnread)
		w.told("delivery.disputed", "compartment.fault")
		if len(w.pulsed) != 1 {
			t.Fatalf("a pulse was repeated on an unknown door: %v", w.pulsed)
		}
		w.cab[n].unread = false
		w.read(n)
		w.refused(w.entry(id), Unavailable)
	})
}

func TestOpeningClosedButNotLockedDisputedAlarmToCheck(t *testing.T) {
	for _, n := range []int{withLatch, withAll} {
		w := newWorld(t)
		id := w.ready(n)
		w.do(w.entry(id))
		w.cab[n].locked = false
		w.pass(w.r.Observe - time.Second)
		w.is(id, Opening)
		w.wait(time.Second)
		w.read(n)
		w.is(id, Disputed)
		w.sounded("alarm")
		w.use(n, ToCheck)
		w.fault(n, LockLoose)
	}
}

func TestOpeningStayedClosedButEmptyDisputed(t *testing.T) {
	for _, n := range []int{withItem, withAll} {
		w := newWorld(t)
		id := w.ready(n)
		w.pulsed = nil
		w.do(w.entry(id))
		w.take(n) // opened, taken and closed between two readings
		w.pass(w.r.Observe + 2*time.Second)
		w.is(id, Disputed)
		w.use(n, ToCheck)
		if len(w.pulsed) != 1 {
			t.Fatalf("pulses %v", w.pulsed)
		}
	}
}

func TestOpenClosedEmptyCollectedFree(t *testing.T) {
	for _, n := range []int{withItem, withAll} {
		w := newWorld(t)
		id := w.ready(n)
		w.opened(id)
		w.take(n)
		w.shut(n)
		w.is(id, Collected)
		w.sounded("done")
		w.use(n, Free)
		if x := w.x(id); x.Unverified || x.CodeTag != nil || x.FactorTag != nil || x.CollectedAt.IsZero() {
			t.Fatalf("%+v", x)
		}
		w.told("door.closed", "delivery.collected")
	}
}

func TestOpenClosedForLessThanTheSettleTimeIsStillOpen(t *testing.T) {
	w := newWorld(t)
	id := w.ready(withAll)
	w.opened(id)
	w.take(withAll)
	w.cab[withAll].open, w.cab[withAll].locked = false, true
	for range 5 { // bouncing
		w.wait(300 * time.Millisecond)
		w.read(withAll)
		w.wait(300 * time.Millisecond)
		w.cab[withAll].open = !w.cab[withAll].open
		w.read(withAll)
		w.is(id, Open)
	}
}

func TestOpenClosedInsideReadyAndTheSecondTimeCollectedOnTheCitizensWord(t *testing.T) {
	for _, n := range []int{withItem, withAll} {
		w := newWorld(t)
		id := w.ready(n)
		w.opened(id)
		w.shut(n)
		w.is(id, Ready)
		w.use(n, Occupied)
		w.told("delivery.still_inside")
		w.refused(Word{Session: 1, Delivery: id, Taken: true}, WrongState) // not the first time
		w.do(OpenNext{Session: 1, Delivery: id})
		w.open(n)
		w.shut(n)
		w.is(id, Ready)
		w.do(Word{Session: 1, Delivery: id, Taken: false})
		w.is(id, Ready)
		w.do(Word{Session: 1, Delivery: id, Taken: true})
		w.is(id, Collected)
		w.use(n, ToCheck)
		if !w.x(id).Unverified {
			t.Fatal("collected with something inside is not verified")
		}
	}
}

func TestOpenClosedNoSensorAskedReopenThenCollectedUnverifiedToCheck(t *testing.T) {
	for _, n := range []int{doorOnly, withLatch} {
		w := newWorld(t)
		id := w.ready(n)
		w.opened(id)
		w.shut(n)
		w.is(id, Asking)
		w.use(n, Occupied)
		w.pass(5 * time.Minute)
		w.crash(time.Minute) // durable
		w.is(id, Asking)
		w.opened(id)
		w.take(n)
		w.shut(n)
		w.is(id, Asking)
		w.pass(w.r.Reopen + time.Second)
		w.is(id, Collected)
		w.use(n, ToCheck)
		if x := w.x(id); !x.Unverified || x.CodeTag != nil {
			t.Fatalf("%+v", x)
		}
		w.do(Inspect{By: clerk, Compartment: n})
		w.open(n)
		w.shut(n)
		w.use(n, ToCheck)
		w.do(Inspected{By: clerk, Compartment: n, Finding: FoundEmpty})
		w.use(n, Free)
	}
}

func TestOpenClosedNoSensorTheCitizensWordEndsIt(t *testing.T) {
	w := newWorld(t)
	id := w.ready(doorOnly)
	w.opened(id)
	w.take(doorOnly)
	w.shut(doorOnly)
	w.do(Word{Session: 1, Delivery: id, Taken: true})
	w.is(id, Collected)
	w.use(doorOnly, ToCheck)
}

func TestAskingReopenThatDoesNotOpenStaysAsking(t *testing.T) {
	w := newWorld(t)
	id := w.ready(doorOnly)
	w.opened(id)
	w.shut(doorOnly)
	w.do(OpenNext{Session: 1, Delivery: id})
	w.is(id, Opening)
	w.pass(2*w.r.Observe + 2*time.Second)
	w.is(id, Asking)
	w.pass(w.r.Reopen)
	w.is(id, Collected)
}

func TestOpenNotClosedPromptToneAlarmThenCollectedUnverifiedOrDisputed(t *testing.T) {
	forProfiles(t, func(t *testing.T, w *world, n int) {
		for _, taken := range []bool{true, false} {
			w := newWorldFor(t, w.r)
			id := w.ready(n)
			w.opened(id)
			if taken {
				w.take(n)
				w.wait(time.Second)
				w.read(n)
			}
			for _, at := range []struct {
				after time.Duration
				stage int
				tone  string
			}{{w.r.Prompt, 1, ""}, {w.r.Tone, 2, "left_open"}, {w.r.Alarm, 3, "alarm"}} {
				w.wait(at.after - (w.now.Mono - w.s.Compartment(n).Intent.Since))
				w.do(Tick{})
				if got := w.s.Compartment(n).Intent.Stage; got != at.stage {
					t.Fatalf("stage %d after %v", got, at.after)
				}
				if at.tone != "" {
					w.sounded(at.tone)
				}
			}
			w.pass(w.r.GiveUp)
			want := Disputed
			if taken && hasItem(n) {
				want = Collected
			}
			w.is(id, want)
			w.use(n, ToCheck)
			if want == Collected && !w.x(id).Unverified {
				t.Fatal("verified behind an open door")
			}
			w.told("door.left_open", "door.given_up")
			w.log = nil
			w.shut(n)
			if w.recorded("door.forced") != 0 {
				t.Fatal("closing is no force")
			}
		}
	})
}

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
				Retrieve{By: clerk, Delivery: id}, Extend{By: clerk, Delivery: id, Days: 1},
				Reissue{By: clerk, Owner: Owner{Delivery: id}}, Relocate{By: clerk, Delivery: id}, Inspect{By: clerk, Compartment: n},
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
