package locker

import (
	"testing"
	"time"
)

// calm reads all doors again, so that waiting for days makes none of them stale.
func (w *world) calm() { w.do(DoorsRead{w.readings()}) }

func TestTheHoldPeriodEndsAt2359OfAWorkingDayAndNotASecondEarlier(t *testing.T) {
	w := newWorld(t)
	id := w.ready(1)
	end := local(t, "2026-06-22 23:59") // ten working days after Monday, 8 June
	if got := w.x(id).HoldUntil; !got.Equal(end) {
		t.Fatalf("hold until %v, expected %v", got, end)
	}
	w.skipTo(end)
	w.is(id, Ready)
	w.wait(time.Second)
	w.do(Tick{})
	w.is(id, Due)
	if w.recorded("delivery.expired") != 1 {
		t.Fatal("not told once")
	}
}

func TestTheHoldPeriodIsTheClerksElseTheKindsElseTheStations(t *testing.T) {
	w := newWorld(t)
	if got := w.x(w.ready(1, "plain", "long")).HoldDays; got != 20 {
		t.Errorf("%d days, expected the longest of the kinds", got)
	}
	a := announcement("C", "long")
	a.HoldDays = 3
	id := w.do(a).Answer.Delivery
	w.loadTo(id, 2)
	w.pass(w.r.Grace)
	if got := w.x(id).HoldDays; got != 3 {
		t.Errorf("%d days, expected the clerk's word", got)
	}
}

func TestRemindersOnDayFiveAndOnTheLastDayEachOnceAndWithoutACode(t *testing.T) {
	w := newWorld(t)
	id := w.ready(1)
	var days []string
	for w.x(id).State == Ready {
		before := w.recorded("delivery.reminder")
		w.skipTo(w.now.Wall.Add(time.Hour))
		if w.recorded("delivery.reminder") > before {
			days = append(days, w.now.Wall.In(berlin(t)).Format("01-02"))
		}
	}
	if len(days) != 2 || days[0] != "06-15" || days[1] != "06-22" {
		t.Fatalf("reminded on %v", days)
	}
}

func TestExtendingMovesTheEndAndTheLastReminder(t *testing.T) {
	w := newWorld(t)
	id := w.ready(1)
	w.skipTo(local(t, "2026-06-22 12:00"))
	if w.recorded("delivery.reminder") != 2 {
		t.Fatal("two reminders expected")
	}
	w.do(Extend{By: clerk, Delivery: id, Days: 2})
	if got, want := w.x(id).HoldUntil, local(t, "2026-06-24 23:59"); !got.Equal(want) || w.x(id).HoldDays != 12 {
		t.Fatalf("hold until %v (%d days), expected %v", got, w.x(id).HoldDays, want)
	}
	w.do(Tick{})
	if w.recorded("delivery.reminder") != 2 {
		t.Fatal("reminded at once")
	}
	w.skipTo(local(t, "2026-06-24 12:00"))
	if w.recorded("delivery.reminder") != 3 {
		t.Fatal("no reminder on the new last day")
	}
	w.due(id)
	w.do(Extend{By: clerk, Delivery: id, Days: 1})
	if got, want := w.x(id).HoldUntil, local(t, "2026-06-26 23:59"); !got.Equal(want) { // it was the 25th
		t.Fatalf("hold until %v, expected %v: from today", got, want)
	}
	w.is(id, Ready)
	w.due(id)
	if w.recorded("delivery.expired") != 2 {
		t.Fatal("the second end was not told")
	}
}

func TestExtendingAfterABegunRetrievalGivesANewCode(t *testing.T) {
	w := newWorld(t)
	a := announcement("A", "plain")
	a.Contact = []byte("sealed")
	id := w.do(a).Answer.Delivery
	w.loadTo(id, withAll)
	w.pass(w.r.Grace)
	w.do(w.code(Owner{Delivery: id}, Self, []byte("n")))
	w.reach(id, Due)
	w.do(Retrieve{By: clerk, Delivery: id})
	w.open(withAll)
	w.shut(withAll) // left inside after all
	w.is(id, Due)
	w.wanted = nil
	w.do(Extend{By: clerk, Delivery: id, Days: 1})
	if len(w.wanted) != 1 || w.wanted[0].Generation != 2 {
		t.Fatalf("code wanted: %v", w.wanted)
	}
}

// An outage counts from four hours on, in whole days, with one record each.
func TestAnOutagePausesTheHoldPeriodByWholeDaysFromFourHoursOn(t *testing.T) {
	for name, out := range map[string]struct{ begin, end Event }{
		"blocked":     {Block{By: clerk, Compartment: 1, Why: "repair"}, Unblock{By: clerk, Compartment: 1}},
		"unreachable": {Reachability{Compartment: 1, Down: true}, Reachability{Compartment: 1}},
		"on battery":  {Power{MainsLost: true}, Power{}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			id := w.ready(1)
			end := w.x(id).HoldUntil
			w.do(out.begin)
			w.skipTo(w.now.Wall.Add(4*time.Hour - time.Minute))
			w.do(out.end)
			if got := w.x(id); !got.HoldUntil.Equal(end) || got.Outage < 4*time.Hour-2*time.Minute {
				t.Fatalf("less than four hours: hold until %v, outage %v", got.HoldUntil, got.Outage)
			}
			w.skipTo(w.now.Wall.Add(time.Hour))
			w.do(out.begin)
			w.wait(2 * time.Minute)
			w.do(out.end)
			want := w.r.Calendar.Extend(end, 1)
			if got := w.x(id).HoldUntil; !got.Equal(want) || w.recorded("delivery.hold_paused") != 1 {
				t.Fatalf("hold until %v, expected %v", got, want)
			}
			w.do(out.begin)
			w.skipTo(w.now.Wall.Add(48 * time.Hour))
			w.do(out.end)
			want = w.r.Calendar.Extend(end, 3) // 52 hours and a minute in all
			if got := w.x(id).HoldUntil; !got.Equal(want) || w.recorded("delivery.hold_paused") != 3 {
				t.Fatalf("hold until %v, expected %v, %d records", got, want, w.recorded("delivery.hold_paused"))
			}
		})
	}
}

func TestAStaleDoorIsAnOutageAndWrongCodesAreNone(t *testing.T) {
	w := newWorld(t)
	id := w.ready(1)
	for range 5 {
		w.refused(Present{CodeTag: tagOf("x")}, Rejected)
		w.skipTo(w.now.Wall.Add(2 * time.Hour))
	}
	if got := w.x(id).Outage; got != 0 {
		t.Fatalf("a locked terminal paused %v", got)
	}
	w.cab[1].unread = true
	w.read(1)
	w.skipTo(w.now.Wall.Add(5 * time.Hour))
	if got := w.x(id).OutageDays; got != 1 {
		t.Fatalf("%d days for five hours without a reading, while it lasts", got)
	}
}

func TestOutagesOfACompartmentWhereItOnlyMayHaveBeenDoNotCount(t *testing.T) {
	w := newWorld(t)
	id := w.announce("A")
	w.do(Load{By: clerk, Delivery: id, Compartment: 1})
	w.open(1)
	w.pass(w.r.GiveUp + time.Minute) // to check, may hold it
	w.shut(1)
	w.loadTo(id, 2)
	w.pass(w.r.Grace)
	w.skipTo(w.now.Wall.Add(30 * time.Hour))
	if x := w.x(id); x.Outage != 0 || w.s.Compartment(1).Delivery != 0 {
		t.Fatalf("outage %v", x.Outage)
	}
}

func TestTimeWithoutPowerPausesTheHoldPeriod(t *testing.T) {
	for _, c := range []struct {
		off  time.Duration
		days int
	}{{3 * time.Hour, 0}, {5 * time.Hour, 1}, {23 * time.Hour, 1}} {
		w := newWorld(t)
		id := w.ready(1)
		end := w.x(id).HoldUntil
		w.crash(c.off)
		if got, want := w.x(id).HoldUntil, w.r.Calendar.Extend(end, c.days); !got.Equal(want) {
			t.Errorf("off for %v: hold until %v, expected %v", c.off, got, want)
		}
		if s := w.log[len(w.log)-1]; w.recorded("station.started") != 1 || w.recorded("delivery.hold_paused") != min(c.days, 1) {
			t.Errorf("%+v", s)
		}
	}
}

func TestDaysWithoutPowerAreDoubtedUntilATimeServerOrAClerkConfirms(t *testing.T) {
	for _, byClerk := range []bool{true, false} {
		w := newWorld(t)
		id := w.ready(1)
		end := w.x(id).HoldUntil
		w.crash(30 * 24 * time.Hour)
		if w.s.Clock.Untrusted != "jumped" {
			t.Fatalf("%+v", w.s.Clock)
		}
		w.skipTo(w.now.Wall.Add(time.Hour))
		w.is(id, Ready) // though the wall clock says that it is over
		if byClerk {
			w.do(TrustClock{By: clerk})
		} else {
			w.now.Synced = true
			w.do(Tick{})
		}
		w.told("clock.trusted")
		want := w.r.Calendar.Extend(end, 30)
		if got := w.x(id).HoldUntil; w.s.Clock.Untrusted != "" || !got.Equal(want) {
			t.Fatalf("by clerk %v: hold until %v, expected %v", byClerk, got, want)
		}
		w.do(Tick{})
		w.is(id, Ready)
	}
}

func TestAClockThatIsNotTrustedExpiresNothingAndCodesWork(t *testing.T) {
	for name, step := range map[string]time.Duration{"forward": 40 * 24 * time.Hour, "a little": 3 * time.Minute, "back": -3 * time.Minute} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			id := w.ready(withAll)
			mark := w.s.Clock.Wall
			end := w.x(id).HoldUntil
			w.now.Wall = w.now.Wall.Add(step)
			w.do(Tick{})
			w.told("clock.stepped")
			if w.s.Clock.Untrusted == "" {
				t.Fatal("trusted")
			}
			for range 20 {
				w.wait(24 * time.Hour)
				w.do(Tick{})
			}
			w.calm()
			if got := w.s.Clock.Wall; got.After(mark.Add(time.Second)) {
				t.Fatalf("the high-water mark moved to %v without trust", got)
			}
			if x := w.x(id); x.State != Ready || !x.HoldUntil.Equal(end) || x.Reminders != 0 {
				t.Fatalf("%+v", x)
			}
			if w.recorded("clock.stepped") != 1 {
				t.Fatal("told more than once")
			}
			w.opened(id)
			w.take(withAll)
			w.shut(withAll)
			w.is(id, Collected)
		})
	}
}

func TestADueDeliveryStaysDueWhileTheClockIsNotTrusted(t *testing.T) {
	w := newWorld(t)
	id := w.ready(withAll)
	w.reach(id, Due)
	w.now.Wall = w.now.Wall.Add(-20 * 24 * time.Hour)
	w.do(Tick{})
	w.opened(id)
	w.shut(withAll)
	w.is(id, Due)
}

func TestAClockThatComesBackByItselfIsTrustedAgain(t *testing.T) {
	w := newWorld(t)
	w.now.Wall = w.now.Wall.Add(time.Hour)
	w.do(Tick{})
	w.now.Wall = w.now.Wall.Add(-time.Hour)
	w.do(Tick{})
	if w.s.Clock.Untrusted != "" {
		t.Fatalf("%+v", w.s.Clock)
	}
}

func TestARestartExplainsNoStepThatWasSeenBefore(t *testing.T) {
	w := newWorld(t)
	id := w.ready(1)
	w.now.Wall = w.now.Wall.Add(20 * time.Hour)
	w.do(Tick{})
	w.crash(time.Minute)
	if x := w.x(id); w.s.Clock.Untrusted == "" || x.Outage != 0 {
		t.Fatalf("%+v, outage %v", w.s.Clock, x.Outage)
	}
}

func TestTheHighWaterMarkSurvivesAndAClockBehindItIsNotTrusted(t *testing.T) {
	w := newWorld(t)
	w.skipTo(w.now.Wall.Add(time.Hour))
	mark := w.s.Clock.Wall
	w.crash(-30 * time.Minute)
	if w.s.Clock.Untrusted != "behind" || !w.s.Clock.Wall.Equal(mark) {
		t.Fatalf("%+v", w.s.Clock)
	}
	w.do(TrustClock{By: clerk}) // staff say that the clock is right: it was wrong before
	if w.s.Clock.Untrusted != "" || !w.s.Clock.Wall.Equal(w.now.Wall) {
		t.Fatalf("%+v", w.s.Clock)
	}
}

func TestADriftingCrystalIsNoStep(t *testing.T) {
	w := newWorld(t)
	for range 30 * 24 {
		w.wait(time.Hour)
		w.now.Wall = w.now.Wall.Add(360 * time.Millisecond) // 100 ppm
		w.do(Tick{})
	}
	if w.s.Clock.Untrusted != "" || w.recorded("clock.stepped") != 0 {
		t.Fatalf("%+v", w.s.Clock)
	}
}

func TestAClockThatWasNeverSetIsNotTrusted(t *testing.T) {
	r := testRules(t)
	s := r.Step(r.NewState(), Booted{}, Now{Wall: time.Unix(0, 0)}).State
	if s.Clock.Untrusted != "behind" {
		t.Fatalf("%+v", s.Clock)
	}
}
