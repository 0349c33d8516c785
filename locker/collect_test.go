package locker

import (
	"testing"
	"time"
)

// The rows from ready on, as long as a citizen is at the door; see step_test.go.

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
