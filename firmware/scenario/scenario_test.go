package scenario

import (
	"testing"
	"time"
	_ "time/tzdata"

	"abholstation/hal/sim"
	"abholstation/locker"
)

// town is a city without chance and without faults, with one citizen at a time.
type town struct {
	testing.TB
	*city
}

func newTown(t testing.TB, profile sim.Sensors) *town {
	t.Helper()
	o := Options{Seed: 1, Compartments: 4, Profile: &profile, Dir: t.TempDir(), BoardTimed: true}
	if err := o.fill(); err != nil {
		t.Fatal(err)
	}
	c, err := newCity(o)
	if err != nil {
		t.Fatal(err)
	}
	c.tame, c.wantBoot = true, true
	tn := &town{t, c}
	t.Cleanup(func() {
		tn.electricity()
		tn.verify()
		for _, v := range c.report.Found {
			t.Error(v)
		}
		c.end()
	})
	tn.story(time.Minute, func(p *person) { p.sleep(time.Second); c.round(p) })
	return tn
}

// story has one person do something, and gives it so much time.
func (t *town) story(limit time.Duration, f func(*person)) {
	t.Helper()
	done := false
	if err := t.settle(); err != nil {
		t.Fatal(err)
	}
	t.start("somebody", func(p *person) { f(p); done = true })
	if err := t.run(t.clock.Now().Add(limit), func() bool { return done }); err != nil {
		t.Fatal(err)
	}
	if !done {
		t.Fatalf("not done within %s", limit)
	}
}

func (t *town) wait(d time.Duration) {
	t.Helper()
	if err := t.run(t.clock.Now().Add(d), func() bool { return false }); err != nil {
		t.Fatal(err)
	}
}

// loaded has papers announced, loaded and ready, with a code in the citizen's
// hands.
func (t *town) loaded(n int) *citizen {
	t.Helper()
	z := t.commission(n)
	z.on = true // comes when the test says so
	t.wait(2 * time.Hour)
	if z.code == nil {
		t.Fatalf("no code after two hours: %v", z.papers)
	}
	return z
}

func (t *town) is(x *paper, want locker.DeliveryState) {
	t.Helper()
	if d := t.page(x); d == nil || d.State != want {
		t.Fatalf("%v is %v, want %s", x, d, want)
	}
}

func (t *town) use(n int, want locker.Use) {
	t.Helper()
	if k := t.station.View().State.Compartment(n); k.Use != want {
		t.Fatalf("compartment %d is %s, want %s", n, k.Use, want)
	}
}

// comes has a citizen collect.
func (t *town) comes(z *citizen) {
	t.Helper()
	t.story(time.Hour, func(p *person) { t.terminal(p); z.visit(p); t.inFront = nil })
}

// enters types a code and says what the Station answers.
func (t *town) enters(z *citizen, k *code) (a locker.Answer, err error) {
	t.Helper()
	t.story(10*time.Minute, func(p *person) {
		t.terminal(p)
		a, err = z.try(p, k, z.factor, false)
		t.inFront = nil
	})
	return a, err
}

func (t *town) clerkRound() {
	t.Helper()
	t.story(time.Hour, func(p *person) { t.round(p) })
}

func TestADocumentIsLoadedAndCollectedWithEverySetOfSensors(t *testing.T) {
	for profile := sim.DoorOnly; profile <= sim.All; profile++ {
		t.Run(profile.String(), func(t *testing.T) {
			tn := newTown(t, profile)
			z := tn.loaded(1)
			x := z.papers[0]
			tn.is(x, locker.Ready)
			n := x.box
			tn.comes(z)
			tn.wait(11 * time.Minute)
			if x.at != atHome {
				t.Fatalf("%v", x)
			}
			tn.is(x, locker.Collected)
			if profile&sim.Presence == 0 {
				tn.use(n, locker.ToCheck)
				tn.clerkRound()
			}
			tn.use(n, locker.Free)
			if _, err := tn.enters(z, z.code); refusal(err) != locker.Rejected {
				t.Errorf("the used code: %v", err)
			}
		})
	}
}

func TestAPowerCutBetweenCommitAndPulseOpensNothingLater(t *testing.T) {
	tn := newTown(t, sim.All)
	z := tn.loaded(1)
	before := len(tn.world.Pulses())
	tn.opt.OnPulse = func(int) { tn.opt.OnPulse = nil; tn.cut("between commit and pulse", true) }
	_, _ = tn.enters(z, z.code) // the screen may still have said that it opens
	if tn.opt.OnPulse != nil {
		t.Fatal("nothing was pulsed")
	}
	tn.wait(time.Hour)
	if n := len(tn.world.Pulses()); n != before {
		t.Fatalf("%d pulses that nobody waits for", n-before)
	}
	tn.is(z.papers[0], locker.Ready)
	tn.comes(z)
	tn.is(z.papers[0], locker.Collected)
}

func TestAPowerCutInsideACommitLeavesNothingHalfDone(t *testing.T) {
	tn := newTown(t, sim.All)
	z := tn.loaded(1)
	for range 3 {
		left := 1 + len(tn.report.Counts)%3
		tn.opt.OnCommit = func(at storePoint) {
			if left--; left == 0 {
				tn.opt.OnCommit = nil
				tn.cut(string(at), false)
			}
		}
		_, _ = tn.enters(z, z.code)
		tn.opt.OnCommit = nil
		tn.wait(time.Hour)
	}
	if x := z.papers[0]; x.at == inCabinet {
		if d := tn.page(x); d.State == locker.Open || d.State == locker.Disputed {
			tn.clerkRound() // the door was found open
			tn.clerkRound()
		}
	}
}

func TestWhatIsLeftInsideTwiceMayBeSomethingElse(t *testing.T) {
	tn := newTown(t, sim.All)
	z := tn.loaded(1)
	x := z.papers[0]
	n := x.box
	tn.story(time.Hour, func(p *person) {
		tn.terminal(p)
		defer func() { tn.inFront = nil }()
		session := tn.session
		if _, err := z.try(p, z.code, z.factor, false); err != nil {
			t.Error(err)
		}
		for i := range 2 {
			if !p.awaitOpen(n) {
				t.Error("did not open")
			}
			if i == 1 {
				z.takeHome(n)
				tn.litter(n)
			}
			p.close(n)
			p.sleep(3 * time.Second)
			if d := tn.page(x); d.State != locker.Ready || d.StillInside != i+1 {
				t.Errorf("after closing %d: %s, still inside %d times", i+1, d.State, d.StillInside)
			}
			if i == 0 {
				z.asks(tn.city)
				if _, err := p.do(locker.OpenNext{Session: session, Delivery: x.id, Confirmed: true}); err != nil {
					t.Error(err)
				}
			}
		}
		if _, err := p.do(locker.Word{Session: session, Delivery: x.id, Taken: true}); err != nil {
			t.Error(err)
		}
	})
	tn.is(x, locker.Collected)
	tn.use(n, locker.ToCheck)
	tn.clerkRound()
	tn.use(n, locker.Free)
	if len(tn.world.Inside(n)) > 0 {
		t.Error("the cup is still there")
	}
}

func TestWithoutAPresenceSensorTheDoorMayBeOpenedAgain(t *testing.T) {
	tn := newTown(t, sim.DoorOnly)
	z := tn.loaded(1)
	x := z.papers[0]
	n := x.box
	tn.story(time.Hour, func(p *person) {
		tn.terminal(p)
		defer func() { tn.inFront = nil }()
		session := tn.session
		if _, err := z.try(p, z.code, z.factor, false); err != nil || !p.awaitOpen(n) {
			t.Errorf("did not open: %v", err)
		}
		p.close(n)
		p.sleep(30 * time.Second)
		tn.is(x, locker.Asking)
		z.asks(tn.city)
		if _, err := p.do(locker.OpenNext{Session: session, Delivery: x.id, Confirmed: true}); err != nil || !p.awaitOpen(n) {
			t.Errorf("did not open again: %v", err)
		}
		z.takeHome(n)
		p.close(n)
		p.sleep(3 * time.Second)
		if _, err := p.do(locker.Word{Session: session, Delivery: x.id, Taken: true}); err != nil {
			t.Error(err)
		}
	})
	tn.is(x, locker.Collected)
	tn.use(n, locker.ToCheck)
}

func TestADoorThatIsLeftOpenEndsInDoubt(t *testing.T) {
	for profile, want := range map[sim.Sensors]locker.DeliveryState{sim.All: locker.Collected, sim.Latch: locker.Disputed} {
		tn := newTown(t, profile)
		z := tn.loaded(1)
		n := z.papers[0].box
		tn.story(time.Hour, func(p *person) {
			tn.terminal(p)
			if _, err := z.try(p, z.code, z.factor, false); err != nil || !p.awaitOpen(n) {
				t.Errorf("did not open: %v", err)
			}
			p.sleep(time.Second)
			z.takeHome(n)
			tn.inFront = nil
		})
		tn.wait(31 * time.Minute)
		tn.is(z.papers[0], want)
		tn.use(n, locker.ToCheck)
	}
}

func TestAForcedDoorPutsTheCodeToSleepUntilTwoClerksHaveLooked(t *testing.T) {
	tn := newTown(t, sim.Latch)
	z := tn.loaded(1)
	x := z.papers[0]
	tn.story(time.Hour, func(p *person) {
		if !tn.pry(x.box) {
			t.Error("too strong")
		}
		p.sleep(3 * time.Second)
		p.close(x.box)
		p.sleep(3 * time.Second)
	})
	tn.is(x, locker.Disputed)
	if _, err := tn.enters(z, z.code); refusal(err) != locker.Unavailable {
		t.Errorf("the sleeping code: %v", err)
	}
	tn.story(time.Hour, func(p *person) {
		tn.tend(p, tn.box(x.box))
		_, err := p.do(locker.SettleDispute{By: "staff:a", Second: "staff:b", Delivery: x.id, As: locker.Ready})
		if err != nil {
			t.Error(err)
		}
	})
	tn.comes(z)
	if x.at != atHome {
		t.Errorf("%v", x)
	}
}

func TestWhatNobodyCollectsIsRetrieved(t *testing.T) {
	tn := newTown(t, sim.Presence)
	z := tn.loaded(1)
	x := z.papers[0]
	n := x.box
	tn.wait(8 * 24 * time.Hour)
	tn.is(x, locker.Due)
	tn.clerkRound()
	tn.is(x, locker.Retrieved)
	tn.use(n, locker.Free)
	if x.at != atOffice {
		t.Errorf("%v", x)
	}
	if _, err := tn.enters(z, z.code); refusal(err) != locker.Rejected {
		t.Errorf("the code of what was retrieved: %v", err)
	}
}

func TestAfterARestoreNoCodeOpensAnythingBeforeTheInventory(t *testing.T) {
	tn := newTown(t, sim.DoorOnly)
	z := tn.loaded(1)
	backup(tn.city, nil)
	late := tn.loaded(1) // the backup knows nothing of it
	tn.restoreBackup()
	tn.wait(time.Hour)
	for _, who := range []*citizen{z, late} {
		if _, err := tn.enters(who, who.code); refusal(err) != locker.InventoryDue {
			t.Errorf("before the inventory: %v", err)
		}
	}
	tn.clerkRound()
	if tn.restored {
		t.Fatal("the inventory is not over")
	}
	if _, err := tn.enters(late, late.code); refusal(err) != locker.Rejected {
		t.Errorf("a code that nobody knows any more: %v", err)
	}
	tn.comes(z)
	if z.papers[0].at != atHome {
		t.Errorf("%v", z.papers[0])
	}
}

func TestOneCodeOpensAllDoorsOfAGroupInTurn(t *testing.T) {
	tn := newTown(t, sim.All)
	z := tn.loaded(2)
	if z.papers[0].box == z.papers[1].box || z.papers[0].group == 0 {
		t.Fatalf("no group: %v", z.papers)
	}
	tn.comes(z)
	for _, x := range z.papers {
		tn.is(x, locker.Collected)
	}
	if _, err := tn.enters(z, z.code); refusal(err) != locker.Rejected {
		t.Errorf("the group's code: %v", err)
	}
}

func TestAClockThatJumpsEndsNoHoldPeriod(t *testing.T) {
	tn := newTown(t, sim.All)
	z := tn.loaded(1)
	tn.clock.SetSynced(false)
	tn.clock.Jump(60 * 24 * time.Hour)
	tn.wait(3 * time.Hour)
	tn.is(z.papers[0], locker.Ready)
	tn.comes(z)
	tn.is(z.papers[0], locker.Collected)
}

func TestAFullDiskChangesNothingAndIsSaid(t *testing.T) {
	tn := newTown(t, sim.All)
	z := tn.loaded(1)
	before := len(tn.world.Pulses())
	tn.full = true
	if _, err := tn.enters(z, z.code); err == nil {
		t.Error("accepted, though nothing could be stored")
	}
	tn.wait(time.Minute)
	if n := len(tn.world.Pulses()); n != before {
		t.Error("pulsed, though nothing could be stored")
	}
	tn.full = false
	tn.wait(time.Minute)
	tn.comes(z)
	tn.is(z.papers[0], locker.Collected)
}
