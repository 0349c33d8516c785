package hal_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"testing"
	"time"

	"abholstation/hal"
	"abholstation/hal/sim"
)

// life is a cabinet in the hands of chance: people, faults, dying controllers.
type life struct {
	*testing.T
	seed  uint64
	rnd   *rand.Rand
	clock *sim.VirtualClock
	world *sim.World
	gov   *hal.Governor

	known   [8]hal.DoorState // as told by events
	seq     uint64
	pulses  int // that reports admit
	unsure  int // pulses in which the controller died
	unlocks int
}

type died struct{}

func (l *life) fatal(format string, args ...any) {
	l.Helper()
	l.Fatalf("seed %d: "+format, append([]any{l.seed}, args...)...)
}

// boot makes a new controller, as after a restart.
func (l *life) boot() {
	g, err := hal.Govern(l.world.Driver(), l.clock, hal.Options{})
	if err != nil {
		l.fatal("%v", err)
	}
	l.gov, l.seq, l.known = g, 0, [8]hal.DoorState{}
}

func (l *life) sink(e hal.Event) {
	l.seq++
	if e.Seq != l.seq {
		l.fatal("event %d, want %d", e.Seq, l.seq)
	}
	if e.Kind != hal.DoorChanged {
		return
	}
	k := &l.known[e.Lock-1]
	if e.Before != *k && !(e.Before.Open == k.Open && e.Before.Locked == k.Locked && e.Before.Item == k.Item) {
		l.fatal("event %+v, but before was %+v", e, *k)
	}
	if e.After.Quality == hal.Fault && (e.After.Open != hal.Unknown || e.After.Item != hal.Unknown) {
		l.fatal("event %+v claims what it can not know", e)
	}
	*k = e.After
}

// step does one random thing.
func (l *life) step() {
	n := l.rnd.IntN(8) + 1
	yes := l.rnd.IntN(2) == 0
	switch l.rnd.IntN(20) {
	case 0, 1, 2:
		l.unlock(n)
	case 3, 4:
		_ = l.world.Close(n)
	case 5:
		_ = l.world.Slam(n)
	case 6:
		_ = l.world.Pry(n)
	case 7:
		_ = l.world.Pull(n)
	case 8:
		_ = l.world.Jam(n, yes)
	case 9:
		_ = l.world.Sticky(n, yes, 0)
	case 10:
		_ = l.world.CutWire(n, sim.DoorSensor, yes)
	case 11:
		_ = l.world.FailPulse(n, yes)
	case 12:
		l.world.Mains(l.rnd.IntN(4) > 0)
	case 13:
		l.world.Unplug(l.rnd.IntN(8) == 0)
	case 14:
		_ = l.world.Hold(n)
	case 15:
		_ = l.world.LetGo(n)
	case 16:
		l.snapshot()
	case 17:
		_ = l.world.Mend(n)
	default:
		_ = l.gov.Poll(context.Background(), l.sink)
	}
	l.clock.Advance(time.Duration(l.rnd.Int64N(int64(3 * time.Second))))
}

// unlock orders a pulse; now and then the controller dies before, in or after.
func (l *life) unlock(n int) {
	defer func() {
		switch r := recover(); r {
		case nil:
		case died{}:
			l.unsure++
			l.boot()
		default:
			panic(r)
		}
	}()
	if l.rnd.IntN(10) == 0 {
		kill := l.world.ControllerDied
		if l.rnd.IntN(2) == 0 {
			kill = l.world.PowerCut
		}
		cancel := l.clock.At(l.clock.Now().Add(time.Duration(l.rnd.IntN(600))*time.Millisecond), func() {
			kill()
			panic(died{})
		})
		defer cancel()
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Duration(l.rnd.IntN(2))*time.Hour+time.Second)
	defer cancel()
	before := len(l.world.Pulses())
	r, err := l.gov.Unlock(ctx, hal.LockID(n))
	l.unlocks++
	seen := l.world.PulsesFrom(before)
	switch {
	case len(seen) > 1, len(seen) == 1 && seen[0].Compartment != n:
		l.fatal("unlock %d pulsed %v", n, seen)
	case len(seen) == 1 && r.Pulse == hal.NotSent:
		l.fatal("unlock %d says not sent, but %v", n, seen)
	case len(seen) == 0 && r.Pulse == hal.Sent:
		l.fatal("unlock %d says sent, but no coil was energised", n)
	case (r.Pulse == hal.NotSent) != (err != nil && !errors.Is(err, hal.ErrOutcomeUnknown)):
		l.fatal("unlock %d: pulse %d does not fit %v", n, r.Pulse, err)
	}
	l.pulses += len(seen)
}

// snapshot checks a fresh reading against the physical world.
func (l *life) snapshot() {
	s, err := l.gov.Snapshot(context.Background())
	if err != nil {
		return
	}
	for i, d := range s.Doors {
		if d.Quality == hal.Fresh && (d.Open == hal.Yes) != l.world.IsOpen(i+1) && l.clock.Now().Sub(d.At) == 0 {
			l.fatal("snapshot says %+v of door %d, which is open: %t", d, i+1, l.world.IsOpen(i+1))
		}
	}
}

func TestWhateverHappensNoLimitIsBroken(t *testing.T) {
	for seed := range uint64(20) {
		for _, timed := range []bool{true, false} {
			clock := sim.NewVirtualClock(sim.Epoch())
			w, err := sim.New(sim.Options{Seed: seed, Clock: clock, Compartments: sim.Uniform(8, sim.Sensors(seed%4)), BoardTimed: timed})
			if err != nil {
				t.Fatal(err)
			}
			l := &life{T: t, seed: seed, rnd: rand.New(rand.NewPCG(seed, 1)), clock: clock, world: w}
			l.boot()
			for range 1500 {
				l.step()
			}
			w.Unplug(false)
			if err := l.gov.Stop(context.Background()); err != nil {
				l.fatal("Stop: %v", err)
			}
			if v := w.Violations(); len(v) != 0 {
				l.fatal("violations %q", v)
			}
			if timed && len(w.Excused()) != 0 {
				l.fatal("excused although boards time the pulses: %q", w.Excused())
			}
			if n := w.CoilsOn(); n != 0 {
				l.fatal("%d coils on at the end", n)
			}
			if l.pulses < 50 || l.unsure < 3 {
				l.fatal("%d pulses and %d deaths in %d unlocks are too few to prove anything", l.pulses, l.unsure, l.unlocks)
			}
		}
	}
}
