package hal_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"abholstation/hal"
	"abholstation/hal/sim"
)

// stepStation is a Governor in step mode over a world on a virtual clock.
func stepStation(t testing.TB, n int, s sim.Sensors) (*hal.Governor, *sim.World, *sim.VirtualClock) {
	t.Helper()
	clock := sim.NewVirtualClock(sim.Epoch())
	w, err := sim.New(sim.Options{Seed: 1, Clock: clock, Compartments: sim.Uniform(n, s)})
	if err != nil {
		t.Fatal(err)
	}
	g, err := hal.Govern(w.Driver(), clock, hal.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return g, w, clock
}

func TestOptionsOutOfRangeAreRefused(t *testing.T) {
	for _, c := range []struct {
		name string
		o    hal.Options
		want []string // parts of the message
	}{
		{"defaults", hal.Options{}, nil},
		{"longest pulse", hal.Options{Pulse: time.Second}, nil},
		{"pulse beyond the cap", hal.Options{Pulse: 1001 * time.Millisecond}, []string{"pulse of 1.001s", "50ms to 1s"}},
		{"negative pulse", hal.Options{Pulse: -1}, []string{"pulse of -1ns"}},
		{"short cool-down", hal.Options{Cooldown: 9 * time.Second}, []string{"cool-down of 9s", "10s to 10m0s"}},
		{"short gap", hal.Options{Gap: time.Millisecond}, []string{"gap between coils of 1ms"}},
		{"two coils", hal.Options{Coils: 2}, []string{"2 coils at once"}},
		{"duty beyond 10 %", hal.Options{Duty: 0.2}, []string{"duty of 0.2"}},
		{"duty that the cool-down does not keep", hal.Options{Duty: 0.01}, []string{"at least 39.6s, not 10s"}},
		{"duty that the cool-down keeps", hal.Options{Duty: 0.01, Cooldown: 40 * time.Second}, nil},
		{"slow poll", hal.Options{Poll: time.Minute}, []string{"poll interval of 1m0s"}},
		{"fast poll slower than poll", hal.Options{FastPoll: time.Second}, []string{"fast poll interval of 1s"}},
		{"no debounce", hal.Options{Debounce: time.Microsecond}, []string{"debounce time of 1µs"}},
		{"all errors at once", hal.Options{Pulse: time.Hour, Coils: -1, Gap: time.Hour}, []string{"pulse", "coils", "gap"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			w, _ := sim.New(sim.Options{Compartments: sim.Uniform(1, sim.All)})
			_, err := hal.Govern(w.Driver(), hal.SystemClock(), c.o)
			if (err != nil) != (c.want != nil) {
				t.Fatalf("error %v", err)
			}
			for _, part := range c.want {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("error %q does not say %q", err, part)
				}
			}
		})
	}
}

func TestStepModeRunsAWholeUnlockInOneGoroutine(t *testing.T) {
	g, w, clock := stepStation(t, 3, sim.All)
	var told []hal.Event
	sink := func(e hal.Event) { told = append(told, e) }
	ctx := context.Background()

	if err := g.Poll(ctx, sink); err != nil || len(told) != 3 {
		t.Fatalf("first poll: %v, %d events; want each door once", err, len(told))
	}
	r, err := g.Unlock(ctx, 2)
	if err != nil || r.Pulse != hal.Sent || r.Door != hal.Yes || r.End.Sub(r.Start) != 400*time.Millisecond {
		t.Fatalf("Unlock = %+v, %v; want a pulse of 400 ms and an open door", r, err)
	}
	told = nil
	_ = g.Poll(ctx, sink)
	if len(told) != 1 || told[0].Lock != 2 || told[0].After.Open != hal.Yes || told[0].After.Locked != hal.No {
		t.Fatalf("told %+v, want that door 2 is open and unlocked", told)
	}
	if err := w.Put(2, "passport"); err != nil {
		t.Fatal(err)
	}
	_ = w.Close(2)
	clock.Advance(time.Second)
	s, err := g.Snapshot(ctx)
	if d := s.Doors[1]; err != nil || d.Open != hal.No || d.Locked != hal.Yes || d.Item != hal.Yes {
		t.Fatalf("snapshot %+v, %v; want a closed, locked door with something behind it", d, err)
	}
	told = nil
	_ = g.Poll(ctx, sink) // the snapshot has taken no event away
	if len(told) != 1 || told[0].Before.Open != hal.Yes || told[0].After.Item != hal.Yes {
		t.Fatalf("told %+v, want that door 2 was closed", told)
	}
	if err := g.Stop(ctx); err != nil {
		t.Fatal(err)
	}
	if _, err := g.Unlock(ctx, 1); !errors.Is(err, hal.ErrInhibited) {
		t.Errorf("Unlock after Stop = %v", err)
	}
	if v := w.Violations(); len(v) != 0 {
		t.Errorf("violations %q", v)
	}
}

func TestASinkMayUnlockInStepMode(t *testing.T) {
	g, w, clock := stepStation(t, 2, sim.DoorOnly)
	_ = g.Poll(context.Background(), func(hal.Event) {})
	_ = w.Pry(1)
	clock.Advance(50 * time.Millisecond) // the contact has settled
	_ = g.Poll(context.Background(), func(e hal.Event) {
		if _, err := g.Unlock(context.Background(), 2); err != nil {
			t.Error(err)
		}
	})
	if n := len(w.Pulses()); n != 1 {
		t.Errorf("%d pulses, want 1", n)
	}
}

func TestAContactThatNeverSettlesIsUnknownInASnapshot(t *testing.T) {
	g, w, clock := stepStation(t, 2, sim.DoorOnly)
	ctx := context.Background()
	_ = g.Poll(ctx, func(hal.Event) {})
	_ = w.Bounce(1, 10*time.Second)
	_ = w.Pry(1)
	unsettled := 0
	for range 80 {
		clock.Advance(10 * time.Millisecond)
		s, err := g.Snapshot(ctx)
		if err != nil {
			t.Fatal(err)
		}
		d := s.Doors[0]
		if d.Quality == hal.Fault && d.Open == hal.Unknown {
			unsettled++
		}
		if s.Doors[1].Quality != hal.Fresh || s.Doors[1].Open != hal.No {
			t.Fatalf("the steady door is %+v", s.Doors[1])
		}
	}
	if unsettled == 0 {
		t.Error("a contact that bounces for seconds always had a value")
	}
}

// scripted is a driver whose answers a test writes.
type scripted struct {
	hal.Driver
	locks  []hal.Lock
	pulse  func() (hal.Pulse, error)
	read   func(*hal.Reading) error
	off    func() error
	wake   chan struct{}
	ctx    context.Context // of the last pulse
	pulses int
	offs   int
	inside atomic.Int32
	crowd  atomic.Bool // two goroutines were in the driver at a time
}

func (s *scripted) enter() (leave func()) {
	if s.inside.Add(1) > 1 {
		s.crowd.Store(true)
	}
	return func() { s.inside.Add(-1) }
}

func (s *scripted) Inventory() []hal.Lock { return s.locks }
func (s *scripted) Health() hal.Health    { return nil }
func (s *scripted) Wake() <-chan struct{} { return s.wake }
func (s *scripted) Pulse(ctx context.Context, _ hal.LockID, _ time.Duration) (hal.Pulse, error) {
	s.ctx = ctx
	defer s.enter()()
	s.pulses++
	return s.pulse()
}

func (s *scripted) Read(_ context.Context, r *hal.Reading) error {
	defer s.enter()()
	if s.read != nil {
		return s.read(r)
	}
	for i := range r.Doors {
		r.Doors[i] = hal.DoorState{Open: hal.No, Locked: hal.Yes, Item: hal.No, Quality: hal.Fresh}
	}
	return nil
}

func (s *scripted) AllOff(context.Context) error {
	defer s.enter()()
	s.offs++
	if s.off != nil {
		return s.off()
	}
	return nil
}

func governScripted(t *testing.T, s *scripted) (*hal.Governor, *sim.VirtualClock) {
	t.Helper()
	if s.locks == nil {
		s.locks = []hal.Lock{{ID: 1}, {ID: 2}}
	}
	clock := sim.NewVirtualClock(sim.Epoch())
	g, err := hal.Govern(s, clock, hal.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return g, clock
}

func TestADriverIsNeverToldToGiveAPulseUp(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	s := &scripted{pulse: func() (hal.Pulse, error) { cancel(); return hal.Sent, nil }}
	g, _ := governScripted(t, s)
	if r, err := g.Unlock(ctx, 1); err != nil || r.Door != hal.No {
		t.Errorf("Unlock = %+v, %v; want a pulse and a reading after it", r, err)
	}
	if s.ctx.Err() != nil || s.offs != 1 {
		t.Errorf("the driver was told %v", s.ctx.Err())
	}
}

func TestOneGoroutineIsInTheDriverAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow := func() { time.Sleep(30 * time.Millisecond) }
		s := &scripted{locks: []hal.Lock{{ID: 1}, {ID: 2}, {ID: 3}}}
		s.pulse = func() (hal.Pulse, error) { slow(); return hal.PulseUnsure, nil }
		s.read = func(*hal.Reading) error { slow(); return nil }
		s.off = func() error { slow(); return nil }
		g, err := hal.Govern(s, hal.SystemClock(), hal.Options{})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(context.Background())
		var wg sync.WaitGroup
		wg.Go(func() { _ = g.Run(ctx, func(hal.Event) {}) })
		for _, l := range s.locks {
			wg.Go(func() { _, _ = g.Unlock(context.Background(), l.ID) })
			wg.Go(func() {
				for range 20 {
					_, _ = g.Snapshot(context.Background())
				}
			})
		}
		time.Sleep(500 * time.Millisecond)
		cancel() // in the midst of it
		wg.Wait()
		if s.crowd.Load() {
			t.Error("two goroutines were in the driver at a time")
		}
	})
}

func TestWhatADriverSaysBecomesTheContractsErrors(t *testing.T) {
	odd := errors.New("odd")
	for _, c := range []struct {
		name  string
		pulse hal.Pulse
		err   error
		want  hal.Pulse
		is    error // nil: no error
	}{
		{"sent", hal.Sent, nil, hal.Sent, nil},
		{"not sent for a known reason", hal.NotSent, hal.ErrBoardOffline, hal.NotSent, hal.ErrBoardOffline},
		{"not sent for any other reason", hal.NotSent, odd, hal.NotSent, hal.ErrNotSent},
		{"sent, but something failed", hal.Sent, odd, hal.Sent, hal.ErrOutcomeUnknown},
		{"unsure", hal.PulseUnsure, odd, hal.PulseUnsure, hal.ErrOutcomeUnknown},
		{"unsure without a reason", hal.PulseUnsure, nil, hal.PulseUnsure, hal.ErrOutcomeUnknown},
		{"not sent without a reason is not believed", hal.NotSent, nil, hal.PulseUnsure, hal.ErrOutcomeUnknown},
		{"not sent with an unknown outcome is not believed", hal.NotSent, hal.ErrOutcomeUnknown, hal.PulseUnsure, hal.ErrOutcomeUnknown},
		{"unsure, board offline", hal.PulseUnsure, hal.ErrBoardOffline, hal.PulseUnsure, hal.ErrOutcomeUnknown},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := &scripted{pulse: func() (hal.Pulse, error) { return c.pulse, c.err }}
			g, _ := governScripted(t, s)
			r, err := g.Unlock(context.Background(), 1)
			if r.Pulse != c.want || !errors.Is(err, c.is) || (err == nil) != (c.is == nil) {
				t.Errorf("Unlock = pulse %d, %v; want %d, %v", r.Pulse, err, c.want, c.is)
			}
			if s.pulses != 1 {
				t.Errorf("the driver was asked %d times", s.pulses)
			}
			if doubt := errors.Is(err, hal.ErrOutcomeUnknown); doubt != (s.offs == 2) {
				t.Errorf("all was switched off %d times; want once at first and once more in doubt", s.offs)
			}
		})
	}
}

func TestNothingIsUnlockedUntilAllIsKnownToBeOff(t *testing.T) {
	broken := true
	s := &scripted{
		pulse: func() (hal.Pulse, error) { return hal.Sent, nil },
		off: func() error {
			if broken {
				return errors.New("no answer")
			}
			return nil
		},
	}
	g, _ := governScripted(t, s)
	ctx := context.Background()
	limited, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	if err := g.Run(limited, func(hal.Event) {}); err == nil {
		t.Fatal("Run has started without switching off")
	}
	if _, err := g.Unlock(ctx, 1); !errors.Is(err, hal.ErrInhibited) {
		t.Fatalf("Unlock = %v, want inhibited", err)
	}
	if h := g.Health(); len(h) == 0 || h[0].Key != "cabinet.outputs_unverified" {
		t.Errorf("health %v does not say that outputs are unverified", h)
	}
	broken = false
	if _, err := g.Unlock(ctx, 1); err != nil {
		t.Fatal(err)
	}
	if err := g.Stop(ctx); err != nil {
		t.Fatal(err)
	}
	if s.pulses != 1 {
		t.Errorf("%d pulses, want 1", s.pulses)
	}
}

func TestADriverCanNotInventReadings(t *testing.T) {
	s := &scripted{locks: []hal.Lock{{ID: 1}, {ID: 2, HasLatch: true}, {ID: 3, HasItem: true}, {ID: 4, HasLatch: true, HasItem: true}}}
	s.read = func(r *hal.Reading) error {
		for _, d := range r.Doors {
			if d.Open != hal.Unknown || d.Quality != hal.Fault {
				t.Errorf("the buffer still says %+v", d)
			}
		}
		full := hal.DoorState{Open: hal.No, Locked: hal.Yes, Item: hal.No, Quality: hal.Fresh}
		r.Doors[0], r.Doors[1], r.Doors[2] = full, full, full
		r.Doors[3] = hal.DoorState{Locked: hal.Yes, Item: hal.No, Quality: hal.Fresh} // door not read
		return nil
	}
	g, _ := governScripted(t, s)
	snap, err := g.Snapshot(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	want := []hal.DoorState{
		{Open: hal.No, Quality: hal.Fresh},
		{Open: hal.No, Locked: hal.Yes, Quality: hal.Fresh},
		{Open: hal.No, Item: hal.No, Quality: hal.Fresh},
		{Quality: hal.Fault},
	}
	for i, d := range snap.Doors {
		d.At, d.Changed = time.Time{}, time.Time{}
		if d != want[i] {
			t.Errorf("lock %d is %+v, want %+v", i+1, d, want[i])
		}
	}
	s.read = func(r *hal.Reading) error { r.Doors = r.Doors[:1]; return nil }
	for range 2 { // also when the buffers are used again
		if _, err := g.Snapshot(context.Background()); err == nil {
			t.Error("a reading of too few locks was taken")
		}
	}
}

func TestAWakingDriverIsPolledAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		open := hal.No
		s := &scripted{locks: []hal.Lock{{ID: 1}}, wake: make(chan struct{}, 1)}
		s.read = func(r *hal.Reading) error {
			r.Doors[0] = hal.DoorState{Open: open, Quality: hal.Fresh}
			return nil
		}
		g, err := hal.Govern(s, hal.SystemClock(), hal.Options{Poll: 5 * time.Second})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(context.Background())
		sink, events := hal.Handover(10)
		done := make(chan error)
		go func() { done <- g.Run(ctx, sink) }()
		<-events
		synctest.Wait()
		open = hal.Yes
		s.wake <- struct{}{}
		before := time.Now()
		<-events
		if d := time.Since(before); d > 20*time.Millisecond {
			t.Errorf("the change was told after %s", d)
		}
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		if err := g.Run(context.Background(), sink); err == nil {
			t.Error("a cabinet could be run twice")
		}
	})
}

func TestUnlocksGoBeforePollsButDoNotBlind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var pulsesAt, polls []time.Time
		s := &scripted{pulse: func() (hal.Pulse, error) {
			pulsesAt = append(pulsesAt, time.Now())
			time.Sleep(400 * time.Millisecond)
			return hal.Sent, nil
		}}
		for i := range 40 {
			s.locks = append(s.locks, hal.Lock{ID: hal.LockID(i + 1)})
		}
		s.read = func(r *hal.Reading) error {
			polls = append(polls, time.Now())
			time.Sleep(100 * time.Millisecond) // a slow bus
			for i := range r.Doors {
				r.Doors[i] = hal.DoorState{Open: hal.No, Quality: hal.Fresh}
			}
			return nil
		}
		g, err := hal.Govern(s, hal.SystemClock(), hal.Options{})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan error)
		go func() { done <- g.Run(ctx, func(hal.Event) {}) }()
		time.Sleep(time.Second)
		begin := time.Now()
		results := make(chan error, len(s.locks))
		for _, l := range s.locks {
			go func() {
				_, err := g.Unlock(ctx, l.ID)
				results <- err
			}()
		}
		for range s.locks {
			if err := <-results; err != nil {
				t.Error(err)
			}
		}
		// 40 × (400 ms pulse + 100 ms reading, which is longer than the gap), and a poll a second.
		if d := time.Since(begin); d > 26*time.Second {
			t.Errorf("40 unlocks took %s", d)
		}
		if first := pulsesAt[0].Sub(begin); first > 150*time.Millisecond {
			t.Errorf("the first unlock waited %s behind polls", first)
		}
		longest := time.Duration(0)
		for i := range polls[1:] {
			longest = max(longest, polls[i+1].Sub(polls[i]))
		}
		if longest > 2*time.Second {
			t.Errorf("no reading for %s", longest)
		}
		cancel()
		<-done
	})
}

func TestAHandoverThatOverflowsAsksForASnapshot(t *testing.T) {
	sink, events := hal.Handover(3)
	for i := range 10 {
		sink(hal.Event{Seq: uint64(i + 1)})
	}
	take := func() (seqs []uint64, kinds []hal.EventKind) {
		for len(events) > 0 {
			e := <-events
			seqs, kinds = append(seqs, e.Seq), append(kinds, e.Kind)
		}
		return seqs, kinds
	}
	seqs, kinds := take()
	if !slices.Equal(seqs, []uint64{1, 2, 3, 4}) || kinds[3] != hal.Resync {
		t.Errorf("told %v of kinds %v, want three events and a resync", seqs, kinds)
	}
	sink(hal.Event{Seq: 11})
	if seqs, kinds = take(); !slices.Equal(seqs, []uint64{11}) || kinds[0] != hal.DoorChanged {
		t.Errorf("after the resync was taken: %v of kinds %v", seqs, kinds)
	}
}

func TestAnOptionalCapabilityIsPassedThrough(t *testing.T) {
	g, w, _ := stepStation(t, 2, sim.DoorOnly)
	g.Buzz("opened")
	if err := g.Indicate(2, true); err != nil {
		t.Fatal(err)
	}
	if p := w.Snapshot(); p.Tone != "opened" || !p.Compartments[1].Lamp || p.Compartments[0].Lamp {
		t.Errorf("tone %q, lamps %v", p.Tone, p.Compartments)
	}
	plain, _ := governScripted(t, &scripted{})
	plain.Buzz("opened") // nothing sounds
	if err := plain.Indicate(1, true); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("Indicate without lamps = %v", err)
	}
}

// BenchmarkPoll is one idle poll of 160 compartments, physics included.
func BenchmarkPoll(b *testing.B) {
	g, _, clock := stepStation(b, 160, sim.All)
	ctx, sink := context.Background(), func(hal.Event) {}
	_ = g.Poll(ctx, sink)
	b.ReportAllocs()
	for b.Loop() {
		clock.Advance(100 * time.Millisecond)
		_ = g.Poll(ctx, sink)
	}
}

// BenchmarkCycle is one unlock of 160 compartments with opening, closing, and
// the polls of the 20 s between.
func BenchmarkCycle(b *testing.B) {
	g, w, clock := stepStation(b, 160, sim.All)
	ctx, sink := context.Background(), func(hal.Event) {}
	n := 0
	for b.Loop() {
		id := n%160 + 1
		n++
		if _, err := g.Unlock(ctx, hal.LockID(id)); err != nil {
			b.Fatal(err)
		}
		for range 10 {
			_ = g.Poll(ctx, sink)
			clock.Advance(2 * time.Second)
		}
		if err := w.Close(id); err != nil {
			b.Fatal(err)
		}
		_ = g.Poll(ctx, sink)
	}
}
