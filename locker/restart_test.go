package locker

import (
	"fmt"
	"testing"
	"time"
)

// reading is what the first look at a compartment after a restart says.
type firstLook struct {
	name               string
	open, inside, read bool
	loose              bool // closed, and the latch says not locked
}

var firstLooks = []firstLook{
	{"closed and empty", false, false, true, false},
	{"closed with something inside", false, true, true, false},
	{"open and empty", true, false, true, false},
	{"open with something inside", true, true, true, false},
	{"closed and not locked", false, true, true, true},
	{"not read", false, true, false, false},
}

// expected after a restart: right after it, and in the end when nobody comes.
type expected struct {
	now, end DeliveryState
	use      Use // in the end
}

func TestARestartInEveryPhaseOfEveryPurpose(t *testing.T) {
	t.Parallel()
	for purpose, phases := range map[Purpose][]Phase{
		ForCollect: {PhaseOpening, PhaseOpen}, ForLoad: {PhaseOpening, PhaseOpen, PhaseAsking},
		ForRetrieve: {PhaseOpening, PhaseOpen, PhaseAsking}, ForInspect: {PhaseOpening, PhaseOpen, PhaseAsking},
	} {
		for _, phase := range phases {
			for _, look := range firstLooks {
				forProfiles(t, func(t *testing.T, w *world, n int) {
					w.r.GiveUp, w.r.Reopen = 5*time.Minute, 4*time.Minute // or it takes ten times as long
					t.Run(fmt.Sprintf("%s %s, %s", purpose, phase, look.name), func(t *testing.T) {
						restart(newWorldFor(t, w.r), n, purpose, phase, look)
					})
				})
			}
		}
	}
}

func restart(w *world, n int, purpose Purpose, phase Phase, look firstLook) {
	w.t.Helper()
	id := w.begin(n, purpose, phase)
	if in := w.s.Compartment(n).Intent; in == nil || in.Phase != phase || in.Purpose != purpose {
		if phase == PhaseAsking && hasItem(n) {
			return // the sensor has said it
		}
		w.t.Fatalf("%s %s: %+v", purpose, phase, in)
	}
	c := w.cab[n]
	c.open, c.inside, c.unread, c.locked = look.open, look.inside, !look.read, !look.open && !look.loose
	w.pulsed, w.log = nil, nil
	w.crash(time.Minute)
	want := afterRestart(n, purpose, phase, look)
	if id != 0 {
		w.is(id, want.now)
	}
	for range 4 { // the doors are polled, and nobody comes
		w.pass(2 * time.Minute)
		w.do(DoorsRead{w.readings()})
	}
	if id != 0 {
		w.is(id, want.end)
	}
	w.use(n, want.use)
	if len(w.pulsed) != 0 {
		w.t.Fatalf("pulsed after a restart: %v", w.pulsed)
	}
	if w.s.Compartment(n).Intent != nil {
		w.t.Fatalf("%+v", w.s.Compartment(n).Intent)
	}
	if n == doorOnly || n == withAll {
		w.tidyUp()
	}
}

// begin brings a compartment into a phase of an intent; the delivery, if any.
func (w *world) begin(n int, purpose Purpose, phase Phase) DeliveryID {
	w.t.Helper()
	var id DeliveryID
	switch purpose {
	case ForCollect:
		id = w.ready(n)
		w.do(w.entry(id))
	case ForLoad:
		id = w.announce("A")
		w.do(Load{By: clerk, Delivery: id, Compartment: n})
	case ForRetrieve:
		id = w.ready(n)
		w.do(Cancel{By: clerk, Delivery: id})
		w.do(Retrieve{By: clerk, Delivery: id})
	case ForInspect:
		w.open(n) // forced: a reason to look in
		w.shut(n)
		w.do(Inspect{By: clerk, Compartment: n})
	}
	if phase != PhaseOpening {
		w.open(n)
	}
	if phase == PhaseAsking {
		w.shut(n)
	}
	return id
}

// afterRestart is the law for the table above, written down independently of
// the code: what sensors say decides, what they do not say is to check.
func afterRestart(n int, purpose Purpose, phase Phase, look firstLook) expected {
	closed := look.read && !look.open
	loose := look.loose && hasLatch(n)
	empty := hasItem(n) && closed && !look.inside && !loose
	inside := hasItem(n) && closed && look.inside && !loose
	switch purpose {
	case ForLoad:
		if empty {
			return expected{Announced, Announced, Free}
		}
		return expected{Announced, Announced, ToCheck}
	case ForRetrieve:
		if inside || hasItem(n) && closed && look.inside {
			return expected{Cancelled, Cancelled, Occupied}
		}
		return expected{Cancelled, Cancelled, ToCheck}
	case ForInspect:
		return expected{use: ToCheck} // forced: not even a sensor frees it before somebody has looked
	}
	if phase == PhaseOpening {
		switch {
		case look.open && hasItem(n) && !look.inside:
			return expected{Open, Collected, ToCheck} // nobody closes it
		case look.open:
			return expected{Open, Disputed, ToCheck}
		case !look.read, loose, empty:
			return expected{Opening, Disputed, ToCheck}
		}
		return expected{Opening, Ready, Occupied}
	}
	switch {
	case look.open && hasItem(n) && !look.inside:
		return expected{Open, Collected, ToCheck}
	case !closed, loose:
		return expected{Open, Disputed, ToCheck}
	case empty:
		return expected{Open, Collected, Free}
	case inside:
		return expected{Open, Ready, Occupied}
	}
	return expected{Open, Collected, ToCheck} // asked, and nobody answered
}

func TestAfterARestartTheIntentOwnsItsDoorAndTheCodeIsEnteredAgain(t *testing.T) {
	w := newWorld(t)
	id := w.ready(doorOnly)
	w.do(w.entry(id))
	w.crash(time.Minute)
	w.refused(w.entry(id), AlreadyOpen)
	w.refused(OpenNext{Session: 1, Delivery: id}, NoGrant)
	w.open(doorOnly) // the pulse before the power cut: late, and no force
	w.is(id, Open)
	w.shut(doorOnly)
	w.is(id, Asking)
	w.opened(id)
}

func TestADoorThatStandsOpenAtTheStartIsForced(t *testing.T) {
	w := newWorld(t)
	id := w.ready(1)
	w.cab[1].open = true
	w.crash(time.Minute)
	w.is(id, Disputed)
	w.told("door.forced")
}

func TestARestartWithASensorThatSaysEmptyFreesWhatWasToBeChecked(t *testing.T) {
	r := testRules(t)
	w := &world{t: t, r: r, s: r.NewState(), now: Now{Mono: time.Hour, Wall: monday}, cab: map[int]*physical{}, codes: map[Owner]string{}}
	for _, p := range r.Layout {
		w.cab[p.Number] = &physical{locked: true}
	}
	w.cab[withItem].inside = true
	w.do(Booted{w.readings()})
	for n := 1; n <= 4; n++ {
		want := ToCheck
		if n == withAll {
			want = Free
		}
		w.use(n, want)
	}
	w.told("compartment.seen_empty")
}

func TestTheLayoutMayChangeBetweenTwoStarts(t *testing.T) {
	w := newWorld(t)
	gone, stays := w.ready(8), w.ready(1)
	smaller := testRules(t)
	smaller.Layout = smaller.Layout[:7]
	w.r = smaller
	w.crash(time.Minute)
	w.is(gone, Disputed)
	w.told("compartment.removed")
	w.do(StartInventory{By: clerk})
	w.do(Inspected{By: clerk, Compartment: 7, Finding: FoundEmpty, ByKey: true})
	w.r = testRules(t)
	w.crash(time.Minute)
	w.told("compartment.added")
	w.use(8, ToCheck)
	w.opened(stays)
	w.take(1)
	w.shut(1)
	w.do(Word{Session: 1, Delivery: stays, Taken: true})
	for n := 1; n <= 6; n++ {
		w.do(Inspected{By: clerk, Compartment: n, Finding: FoundEmpty, ByKey: true})
		if !w.s.Meta.Inventory.Running {
			t.Fatal("a round ended that has not seen everything")
		}
	}
	w.do(Inspected{By: clerk, Compartment: 8, Finding: FoundDocument, Delivery: gone, ByKey: true})
	if w.s.Meta.Inventory.Running {
		t.Fatal("a round does not end")
	}
	w.do(SettleDispute{By: clerk, Second: second, Delivery: gone, As: Ready})
	w.do(Leave{Session: 1})
	w.opened(gone)
}
