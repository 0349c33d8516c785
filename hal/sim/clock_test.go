package sim_test

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"abholstation/hal"
	"abholstation/hal/sim"
)

func TestVirtualTimeRunsWhatIsScheduledInOrder(t *testing.T) {
	c := sim.NewVirtualClock(sim.Epoch())
	var order []string
	at := func(d time.Duration, name string) func() {
		return c.At(sim.Epoch().Add(d), func() {
			order = append(order, name+" "+c.Now().Sub(sim.Epoch()).String())
		})
	}
	at(3*time.Second, "c")
	at(time.Second, "a")
	at(time.Second, "b") // the same time: as scheduled
	cancel := at(2*time.Second, "never")
	cancel()
	c.At(sim.Epoch().Add(4*time.Second), func() {
		at(4*time.Second, "d") // in the past of the sleep that is going on
		at(9*time.Second, "later")
		_ = c.Sleep(context.Background(), 500*time.Millisecond) // people take time
	})
	if err := c.Sleep(context.Background(), 5*time.Second); err != nil {
		t.Fatal(err)
	}
	if want := []string{"a 1s", "b 1s", "c 3s", "d 4s"}; !slices.Equal(order, want) {
		t.Errorf("order %q, want %q", order, want)
	}
	if d := c.Now().Sub(sim.Epoch()); d != 5*time.Second {
		t.Errorf("%s have passed, want 5s", d)
	}
	if next, ok := c.Next(); !ok || next.Sub(sim.Epoch()) != 9*time.Second {
		t.Errorf("next is %s, %t", next, ok)
	}
	c.Forget()
	if _, ok := c.Next(); ok {
		t.Error("something is scheduled after Forget")
	}
}

func TestAPanicInVirtualTimeEndsTheSleeperOnly(t *testing.T) {
	c := sim.NewVirtualClock(sim.Epoch())
	c.At(sim.Epoch().Add(time.Second), func() { panic("power cut") })
	func() {
		defer func() {
			if recover() != "power cut" {
				t.Error("the sleeper was not ended")
			}
		}()
		_ = c.Sleep(context.Background(), time.Hour)
	}()
	if d := c.Now().Sub(sim.Epoch()); d != time.Second {
		t.Errorf("%s have passed, want 1s", d)
	}
	c.Advance(time.Second) // still works
}

func TestAVirtualTimerFiresWhenItsTimeIsSleptThrough(t *testing.T) {
	c := sim.NewVirtualClock(sim.Epoch())
	fires, _ := c.After(time.Second)
	given, stop := c.After(time.Second)
	stop()
	past, _ := c.After(0)
	<-past
	c.Advance(999 * time.Millisecond)
	if len(fires) != 0 {
		t.Error("fired early")
	}
	c.Advance(time.Millisecond)
	if len(fires) != 1 || len(given) != 0 {
		t.Error("want the one timer fired and the other given up")
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := c.Sleep(ctx, time.Hour); err == nil || c.Now().Sub(sim.Epoch()) != time.Second {
		t.Error("slept although the context had ended")
	}
}

// clock is what both clocks offer beside passing time.
type clock interface {
	hal.Clock
	Wall() (time.Time, bool)
	After(time.Duration) (<-chan time.Time, func())
	Jump(time.Duration)
	SetSynced(bool)
}

var _, _ clock = (*sim.VirtualClock)(nil), (*sim.RealClock)(nil)

func TestAWallClockJumpsAloneAndSaysWhetherItIsSynced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, c := range []clock{sim.NewVirtualClock(sim.Epoch()), sim.NewRealClock()} {
			now := c.Now()
			wall, synced := c.Wall()
			if !synced || !wall.Equal(now) || wall.Location() != time.UTC {
				t.Errorf("%T begins with wall %s, %t at %s", c, wall, synced, now)
			}
			c.Jump(-48 * time.Hour)
			c.SetSynced(false)
			wall, synced = c.Wall()
			if synced || wall.Sub(now) != -48*time.Hour || c.Now() != now {
				t.Errorf("%T after a jump: wall %s, %t, now %s", c, wall, synced, c.Now())
			}
		}
	})
}

func TestPassedTimeWakesSleepersAndTimers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := sim.NewRealClock()
		begin, real := c.Now(), time.Now()
		slept := make(chan time.Time, 1)
		go func() {
			_ = c.Sleep(context.Background(), 10*time.Minute)
			slept <- c.Now()
		}()
		later, stop := c.After(11 * time.Minute)
		defer stop()
		synctest.Wait()
		time.Sleep(time.Minute)
		c.Pass(9 * time.Minute)
		if d := (<-slept).Sub(begin); d != 10*time.Minute {
			t.Errorf("slept %s, want 10m", d)
		}
		if d := time.Since(real); d != time.Minute {
			t.Errorf("that took %s of real time, want 1m", d)
		}
		if len(later) != 0 {
			t.Error("the later timer fired early")
		}
		<-later
		if d := c.Now().Sub(begin); d != 11*time.Minute {
			t.Errorf("the later timer fired after %s, want 11m", d)
		}
		if wall, _ := c.Wall(); !wall.Equal(c.Now()) {
			t.Errorf("wall %s, now %s: passing time moves both", wall, c.Now())
		}
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		if err := c.Sleep(ctx, time.Hour); err == nil {
			t.Error("a context could not end the sleep")
		}
	})
}

func TestPassingTimeWaitsForTheEndOfAPulse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := sim.NewRealClock()
		w, err := sim.New(sim.Options{Clock: c, Compartments: sim.Uniform(2, sim.All)})
		if err != nil {
			t.Fatal(err)
		}
		go func() { _, _ = w.Driver().Pulse(context.Background(), 1, 400*time.Millisecond) }()
		synctest.Wait()
		if err := w.PassTime(c, 10*time.Minute); err != nil {
			t.Fatal(err)
		}
		if v := w.Violations(); len(v) != 0 {
			t.Errorf("violations %q", v)
		}
		_ = w.LeaveOn(2)
		if err := w.PassTime(c, time.Minute); err == nil {
			t.Error("time was passed with a coil on")
		}
	})
}
