package sim_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"abholstation/hal"
	"abholstation/hal/sim"
)

const ms = time.Millisecond

// scene is a world of three compartments on a virtual clock with a live
// controller.
type scene struct {
	*sim.World
	*testing.T
	clock *sim.VirtualClock
	drv   *sim.Driver
}

func play(t *testing.T, o sim.Options) *scene {
	t.Helper()
	clock := sim.NewVirtualClock(sim.Epoch())
	o.Clock = clock
	if o.Compartments == nil {
		o.Compartments = sim.Uniform(3, sim.All)
	}
	w, err := sim.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return &scene{World: w, T: t, clock: clock, drv: w.Driver()}
}

func (s *scene) pulse(n int) {
	s.Helper()
	if p, err := s.drv.Pulse(context.Background(), hal.LockID(n), 400*ms); p != hal.Sent || err != nil {
		s.Fatalf("pulse of %d: %d, %v", n, p, err)
	}
}

func (s *scene) ok(err error) {
	s.Helper()
	if err != nil {
		s.Fatal(err)
	}
}

func (s *scene) refused(err error, want string) {
	s.Helper()
	if err == nil || err.Error() != want {
		s.Errorf("error %v, want %q", err, want)
	}
}

func (s *scene) open(n int, want bool) {
	s.Helper()
	if got := s.IsOpen(n); got != want {
		s.Errorf("door %d open: %t, want %t", n, got, want)
	}
}

// sensed is what the sensors of compartment n say, as "open locked item".
func (s *scene) sensed(n int) string {
	s.Helper()
	r := hal.Reading{Doors: make([]hal.DoorState, 3), Inputs: map[hal.Input]bool{}}
	if err := s.drv.Read(context.Background(), &r); err != nil {
		return "unread"
	}
	d := r.Doors[n-1]
	if d.Quality != hal.Fresh {
		return "fault"
	}
	word := func(t hal.Tri) string { return [...]string{"?", "no", "yes"}[t] }
	return word(d.Open) + " " + word(d.Locked) + " " + word(d.Item)
}

func TestPeopleCanOnlyDoWhatDoorsAllow(t *testing.T) {
	s := play(t, sim.Options{})
	s.refused(s.Pull(2), "the door of compartment 2 is locked")
	s.refused(s.Close(2), "the door of compartment 2 is closed already")
	s.refused(s.Slam(2), "the door of compartment 2 is closed already")
	s.refused(s.Put(2, "a"), "the door of compartment 2 is closed")
	_, err := s.Take(2)
	s.refused(err, "the door of compartment 2 is closed")
	s.refused(s.Pull(9), "there is no compartment 9")
	s.refused(s.LetGo(2), "nobody holds the door of compartment 2")

	s.pulse(2)
	s.open(2, true)
	s.open(1, false)
	s.refused(s.Pull(2), "the door of compartment 2 is open already")
	s.refused(s.Pry(2), "the door of compartment 2 is open already")
	s.refused(s.Hold(2), "the door of compartment 2 is open: close it before holding it shut")
	s.ok(s.Put(2, "a"))
	s.ok(s.Put(2, "b"))
	s.ok(s.Close(2))
	if got := s.Inside(2); !slices.Equal(got, []string{"a", "b"}) {
		t.Errorf("inside: %v", got)
	}
	s.ok(s.Pry(2))
	got, err := s.Take(2)
	if s.ok(err); !slices.Equal(got, []string{"a", "b"}) {
		t.Errorf("taken: %v", got)
	}
	if got, err := s.Take(2); err != nil || len(got) != 0 {
		t.Errorf("taken from an empty compartment: %v, %v", got, err)
	}
}

func TestDoorsAndLatchesInAPulse(t *testing.T) {
	for _, c := range []struct {
		name     string
		manual   bool
		before   func(*scene)
		after    func(*scene) // after the pulse
		wantOpen bool
		sensed   string // in the end
	}{
		{name: "a spring opens the door", wantOpen: true, sensed: "yes no no"},
		{name: "without a spring it stays shut and unlatched", manual: true, sensed: "no no no"},
		{
			name: "without a spring a person pulls", manual: true,
			after:    func(s *scene) { s.ok(s.Pull(1)) },
			wantOpen: true, sensed: "yes no no",
		},
		{
			name: "without a spring it is latched after closing", manual: true,
			after:  func(s *scene) { s.ok(s.Pull(1)); s.ok(s.Close(1)) },
			sensed: "no yes no",
		},
		{name: "a jam keeps it shut", before: func(s *scene) { s.ok(s.Jam(1, true)) }, sensed: "no yes no"},
		{name: "a weak supply keeps it shut", before: func(s *scene) { s.Sag(7) }, sensed: "no yes no"},
		{
			name:   "held shut it latches again",
			before: func(s *scene) { s.ok(s.Hold(1)) },
			after:  func(s *scene) { s.ok(s.LetGo(1)) },
			sensed: "no yes no",
		},
		{
			name:   "sticky: still shut after the pulse, but unlatched",
			before: func(s *scene) { s.ok(s.Sticky(1, true, 5*time.Second)) },
			sensed: "no no no",
		},
		{
			name:     "sticky: opens late",
			before:   func(s *scene) { s.ok(s.Sticky(1, true, 5*time.Second)) },
			after:    func(s *scene) { s.clock.Advance(5 * time.Second) },
			wantOpen: true, sensed: "yes no no",
		},
		{
			name:     "sticky: a person pulls earlier",
			before:   func(s *scene) { s.ok(s.Sticky(1, true, 0)) },
			after:    func(s *scene) { s.ok(s.Pull(1)) },
			wantOpen: true, sensed: "yes no no",
		},
		{
			name:   "loose: closed, not locked",
			before: func(s *scene) { s.ok(s.Loose(1, true)) },
			after:  func(s *scene) { s.ok(s.Close(1)) },
			sensed: "no no no",
		},
		{
			name:   "worn out: the pulse ends before the door has moved",
			before: func(s *scene) { s.ok(s.Wear(1, 3000*500)) },
			sensed: "no yes no",
		},
		{
			name:   "closed again it is latched",
			after:  func(s *scene) { s.ok(s.Put(1, "a")); s.ok(s.Close(1)) },
			sensed: "no yes yes",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			cs := sim.Uniform(3, sim.All)
			cs[0].Manual = c.manual
			s := play(t, sim.Options{Seed: 3, Compartments: cs})
			if c.before != nil {
				c.before(s)
			}
			s.pulse(1)
			if c.after != nil {
				c.after(s)
			}
			s.clock.Advance(50 * ms) // contacts settle
			s.open(1, c.wantOpen)
			if got := s.sensed(1); got != c.sensed {
				t.Errorf("sensors say %q, want %q", got, c.sensed)
			}
			if v := s.Violations(); len(v) != 0 {
				t.Errorf("violations %q", v)
			}
		})
	}
}

func TestSensorsAndTheirFaults(t *testing.T) {
	for _, c := range []struct {
		name    string
		sensors sim.Sensors
		fault   func(*scene) error
		want    string // of a closed, latched door with a paper behind it
	}{
		{"door switch only", sim.DoorOnly, nil, "no ? ?"},
		{"latch feedback", sim.Latch, nil, "no yes ?"},
		{"presence", sim.Presence, nil, "no ? yes"},
		{"all", sim.All, nil, "no yes yes"},
		{"blind presence", sim.All, func(s *scene) error { return s.Blind(1, true) }, "no yes no"},
		{"door wire cut", sim.All, func(s *scene) error { return s.CutWire(1, sim.DoorSensor, true) }, "fault"},
		{"latch wire cut", sim.All, func(s *scene) error { return s.CutWire(1, sim.LatchSensor, true) }, "no ? yes"},
		{"presence wire cut", sim.All, func(s *scene) error { return s.CutWire(1, sim.ItemSensor, true) }, "no yes ?"},
		{"door switch stuck", sim.All, func(s *scene) error { return s.StickSensor(1, sim.DoorSensor, hal.Yes) }, "yes yes yes"},
		{"latch stuck", sim.All, func(s *scene) error { return s.StickSensor(1, sim.LatchSensor, hal.No) }, "no no yes"},
		{"presence stuck", sim.All, func(s *scene) error { return s.StickSensor(1, sim.ItemSensor, hal.No) }, "no yes no"},
		{"unplugged", sim.All, func(s *scene) error { s.Unplug(true); return nil }, "unread"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := play(t, sim.Options{Compartments: sim.Uniform(3, c.sensors)})
			s.ok(s.Pry(1))
			s.ok(s.Put(1, "a"))
			s.ok(s.Close(1))
			s.clock.Advance(50 * ms)
			if c.fault != nil {
				s.ok(c.fault(s))
			}
			if got := s.sensed(1); got != c.want {
				t.Errorf("sensors say %q, want %q", got, c.want)
			}
			s.Unplug(false)
			s.ok(s.Mend(1))
			if got := s.sensed(1); strings.Contains(got, "fault") || !strings.HasPrefix(got, "no") {
				t.Errorf("mended, sensors say %q", got)
			}
		})
	}
	s := play(t, sim.Options{Compartments: sim.Uniform(3, sim.DoorOnly)})
	s.refused(s.CutWire(1, sim.ItemSensor, true), `compartment 1 has no "item" sensor`)
	s.refused(s.StickSensor(1, sim.LatchSensor, hal.Yes), `compartment 1 has no "latch" sensor`)
}

func TestASlammedDoorSometimesComesBack(t *testing.T) {
	s := play(t, sim.Options{Seed: 5})
	back := 0
	for range 60 {
		s.ok(s.Pry(1))
		s.ok(s.Slam(1))
		s.open(1, false)
		s.clock.Advance(time.Second)
		if s.IsOpen(1) {
			back++
			s.ok(s.Close(1))
		}
	}
	if back < 10 || back > 35 {
		t.Errorf("%d of 60 slammed doors came back, want about a third", back)
	}
}

func TestTheWorldFindsElectricalFaults(t *testing.T) {
	ctx := context.Background()
	for _, c := range []struct {
		name    string
		timed   bool
		act     func(*scene)
		want    string // in Violations
		excused string // in Excused
	}{
		{name: "a good pulse", act: func(s *scene) { s.pulse(1) }},
		{
			name: "two pulses of one lock without rest",
			act:  func(s *scene) { s.pulse(1); s.clock.Advance(50 * ms); s.pulse(1) },
		},
		{
			name: "three pulses of one lock without rest",
			act: func(s *scene) {
				for range 3 {
					s.pulse(1)
					s.clock.Advance(50 * ms)
				}
			},
			want: "compartment 1: coil on more than its duty allows",
		},
		{
			name: "a pulse every eleven seconds",
			act: func(s *scene) {
				for range 20 {
					_, _ = s.drv.Pulse(ctx, 1, time.Second)
					s.clock.Advance(10 * time.Second)
				}
			},
		},
		{
			name: "a long pulse", want: "compartment 2: coil on for longer than 1s",
			act: func(s *scene) { _, _ = s.drv.Pulse(ctx, 2, 2*time.Second) },
		},
		{
			name: "two coils at once", want: "compartment 3: coil energised beside 1 others",
			act: func(s *scene) {
				s.clock.At(s.clock.Now().Add(100*ms), func() { _, _ = s.drv.Pulse(ctx, 3, 100*ms) })
				s.pulse(2)
			},
		},
		{
			name: "no gap between two coils", want: "compartment 3: coil energised 20ms after the last one",
			act: func(s *scene) { s.pulse(2); s.clock.Advance(20 * ms); s.pulse(3) },
		},
		{
			name: "a dead controller without a board timer", excused: "compartment 1: coil on for longer than 1s",
			act: func(s *scene) { dieInPulse(s); s.clock.Advance(10 * time.Second); s.stillOn(1) },
		},
		{
			name: "a dead controller with a board timer", timed: true,
			act: func(s *scene) { dieInPulse(s); s.clock.Advance(time.Second); s.stillOn(0) },
		},
		{
			name: "the next controller switches off",
			act: func(s *scene) {
				dieInPulse(s)
				s.drv = s.Driver()
				s.ok(s.drv.AllOff(ctx))
				s.stillOn(0)
			},
		},
		{
			name: "an adapter unplugged in the pulse", excused: "compartment 1: coil on for longer than 1s",
			act: func(s *scene) {
				s.clock.At(s.clock.Now().Add(100*ms), func() { s.Unplug(true) })
				if p, err := s.drv.Pulse(ctx, 1, 400*ms); p != hal.PulseUnsure || err == nil {
					s.Errorf("pulse %d, %v; want unsure", p, err)
				}
				s.clock.Advance(5 * time.Second)
				s.stillOn(1)
			},
		},
		{
			name: "a power cut ends the pulse",
			act: func(s *scene) {
				s.clock.At(s.clock.Now().Add(100*ms), s.PowerCut)
				_, _ = s.drv.Pulse(ctx, 1, 400*ms)
				s.stillOn(0)
				if d := s.Pulses()[0]; d.End.Sub(d.At) != 100*ms {
					s.Errorf("the pulse lasted %s", d.End.Sub(d.At))
				}
			},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := play(t, sim.Options{BoardTimed: c.timed})
			c.act(s)
			check := func(what string, got []string, want string) {
				if (want == "") != (len(got) == 0) || want != "" && !strings.Contains(got[0], want) {
					t.Errorf("%s: %q, want %q", what, got, want)
				}
			}
			check("violations", s.Violations(), c.want)
			check("excused", s.Excused(), c.excused)
		})
	}
}

func TestACancelledPulseIsFinished(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, err := sim.New(sim.Options{Clock: hal.SystemClock(), Compartments: sim.Uniform(1, sim.All)})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(context.Background(), 100*ms)
		defer cancel()
		if p, err := w.Driver().Pulse(ctx, 1, 400*ms); p != hal.Sent || err != nil {
			t.Errorf("Pulse = %d, %v", p, err)
		}
		if p := w.Pulses()[0]; p.End.Sub(p.At) != 400*ms {
			t.Errorf("the pulse lasted %s, want 400ms", p.End.Sub(p.At))
		}
	})
}

// dieInPulse lets the controller die 100 ms into a pulse of lock 1.
func dieInPulse(s *scene) {
	s.clock.At(s.clock.Now().Add(100*ms), s.ControllerDied)
	if p, err := s.drv.Pulse(context.Background(), 1, 400*ms); p != hal.PulseUnsure || err == nil {
		s.Errorf("a dead controller says %d, %v", p, err)
	}
	if err := s.drv.AllOff(context.Background()); err == nil {
		s.Error("a dead controller has switched off")
	}
}

func (s *scene) stillOn(want int) {
	s.Helper()
	if n := s.CoilsOn(); n != want {
		s.Errorf("%d coils on, want %d", n, want)
	}
}

func TestTheSupplyFallsWithoutMains(t *testing.T) {
	s := play(t, sim.Options{})
	read := func() (mains, tamper bool) {
		r := hal.Reading{Doors: make([]hal.DoorState, 3), Inputs: map[hal.Input]bool{}}
		s.ok(s.drv.Read(context.Background(), &r))
		return r.Inputs[hal.MainsFail], r.Inputs[hal.CaseTamper]
	}
	s.Mains(false)
	s.Tamper(true)
	if m, c := read(); !m || !c {
		t.Errorf("inputs %t %t, want both active", m, c)
	}
	s.clock.Advance(10 * time.Minute)
	if v := s.Snapshot().Volts; v > 20.1 || v < 19.9 {
		t.Errorf("%.1f V after 10 min on the battery, want 20", v)
	}
	s.Mains(true)
	s.Tamper(false)
	if m, c := read(); m || c {
		t.Errorf("inputs %t %t, want none active", m, c)
	}
	if v := s.Snapshot().Volts; v != 24 {
		t.Errorf("%.1f V with mains, want 24", v)
	}
}

func TestAPictureIsJSON(t *testing.T) {
	s := play(t, sim.Options{})
	s.ok(s.StickSensor(1, sim.LatchSensor, hal.Yes))
	s.pulse(1)
	s.ok(s.Put(1, "passport"))
	v := s.Version()
	text, err := json.Marshal(s.Snapshot())
	s.ok(err)
	for _, part := range []string{
		`"number":1`, `"open":true`, `"papers":["passport"]`, `"sensors":"all"`, `"stuck":{"latch":"yes"}`, `"volts":24`,
	} {
		if !strings.Contains(string(text), part) {
			t.Errorf("the picture lacks %s: %s", part, text)
		}
	}
	if s.Version() != v {
		t.Error("looking has changed the version")
	}
	if s.ok(s.Close(1)); s.Version() == v {
		t.Error("closing has not changed the version")
	}
}

func TestABadWorldIsRefused(t *testing.T) {
	for _, c := range []struct {
		cs   []sim.Compartment
		want string
	}{
		{nil, "cannot make a world without compartments"},
		{[]sim.Compartment{{Number: 0}}, "cannot make compartment 0: numbers are positive and unique"},
		{[]sim.Compartment{{Number: 1}, {Number: 1}}, "cannot make compartment 1: numbers are positive and unique"},
		{[]sim.Compartment{{Number: 1}, {Number: 2, Lock: 1}}, "cannot make compartment 2: its lock 1 is compartment 1's"},
		{[]sim.Compartment{{Number: 1, Sensors: 9}}, "cannot make compartment 1: unknown sensor profile 9"},
	} {
		if _, err := sim.New(sim.Options{Compartments: c.cs}); err == nil || err.Error() != c.want {
			t.Errorf("New = %v, want %q", err, c.want)
		}
	}
}

// A seed and the same calls give the same world, whatever happens in it.
func TestEqualSeedsGiveEqualWorlds(t *testing.T) {
	const seed = 42
	run := func(seed uint64) (sim.Picture, []sim.PulseSeen, string) {
		s := play(t, sim.Options{Seed: seed})
		rnd := rand.New(rand.NewPCG(1, 1))
		var seen strings.Builder
		for range 2000 {
			n := rnd.IntN(3) + 1
			switch rnd.IntN(8) {
			case 0:
				s.pulse(n)
			case 1:
				_ = s.Slam(n)
			case 2:
				_ = s.Put(n, fmt.Sprint(rnd.IntN(100)))
			case 3:
				_, _ = s.Take(n)
			case 4:
				_ = s.Sticky(n, rnd.IntN(2) == 0, 0)
			case 5:
				_ = s.Hold(n)
			case 6:
				_ = s.LetGo(n)
			}
			s.clock.Advance(time.Duration(rnd.IntN(3000)) * ms)
			seen.WriteString(s.sensed(n))
		}
		return s.Snapshot(), s.Pulses(), seen.String()
	}
	a, ap, as := run(seed)
	b, bp, bs := run(seed)
	if !reflect.DeepEqual(a, b) || !slices.Equal(ap, bp) || as != bs {
		t.Errorf("seed %d gives two different worlds", seed)
	}
	if _, _, cs := run(seed + 1); cs == as {
		t.Errorf("seeds %d and %d give the same world", seed, seed+1)
	}
}
