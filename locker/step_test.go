package locker

import (
	"testing"
	"time"
)

// The rows of the table in deploy/docs/lifecycle.md, one test each and
// in its order: here up to ready, then in collect_test.go and staff_test.go.

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
