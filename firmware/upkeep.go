package firmware

import (
	"context"
	"errors"
	"time"

	"abholstation/hal"
	"abholstation/locker"
)

// savedState follows what has been made safe beyond the commit.
type savedState struct {
	entries int // of the log since the last checkpoint
	copying bool
}

// expire does what the clock asks for; true if there was something.
func (s *Station) expire(ctx context.Context, now locker.Now) bool {
	at := s.o.Clock.Now()
	if !s.boot.begun {
		s.start(ctx)
		return true
	}
	did := s.timers.expired(retryTimer, at)
	for _, t := range []struct {
		timer timer
		f     func()
	}{
		{bootTimer, s.bootBlind},
		{readTimer, func() { s.readDoors(ctx) }},
		{healthTimer, s.askHealth},
		{checkpointTimer, func() { s.checkpoint(now) }},
		{snapshotTimer, func() { s.copyState(now) }},
		{typoTimer, s.recordTypos},
		{codeTimer, s.wantedCodes},
	} {
		if s.timers.expired(t.timer, at) {
			t.f()
			did = true
		}
	}
	return did
}

// tickFloor keeps a rule that is always due from taking the whole processor.
const tickFloor = 10 * time.Millisecond

// schedule follows a commit.
func (s *Station) schedule() {
	at := s.o.Clock.Now()
	// From now, not from before the commit: a slow disk must not delay ticks.
	s.timers.set(tickTimer, at.Add(max(tickFloor, s.o.Rules.Next(s.state, s.time.now()))))
	switch {
	case s.saved.entries >= s.o.CheckpointAfter:
		s.timers.soonest(checkpointTimer, at)
	case s.saved.entries > 0:
		s.timers.soonest(checkpointTimer, at.Add(s.o.CheckpointEvery))
	}
}

// checkpoint closes the newest part of the audit log.
func (s *Station) checkpoint(now locker.Now) {
	if _, _, err := s.o.Store.Checkpoint(now); err != nil {
		s.o.Log.Error("cannot make a checkpoint", "error", err)
		s.health.raise("checkpoint.failing")
		s.timers.set(checkpointTimer, s.o.Clock.Now().Add(s.o.CheckpointEvery))
		return
	}
	s.saved.entries = 0
	s.health.clear("checkpoint.failing")
}

// copyState has the live state copied, beside the Station.
func (s *Station) copyState(now locker.Now) {
	s.timers.set(snapshotTimer, s.o.Clock.Now().Add(s.o.SnapshotEvery))
	if s.saved.copying {
		return
	}
	s.saved.copying = true
	s.beside("snapshot", func() {
		err := errors.New("panic")
		defer func() { s.queue.call(func() { s.copied(err) }) }()
		err = s.o.Store.Snapshot(now)
	})
}

func (s *Station) copied(err error) {
	s.saved.copying = false
	if err != nil {
		s.o.Log.Error("cannot copy the state", "error", err)
		s.health.raise("snapshot.failing")
		s.timers.soonest(snapshotTimer, s.o.Clock.Now().Add(time.Hour))
		return
	}
	s.health.clear("snapshot.failing")
}

// cabinetSettled is how long a cabinet has to run before it counts as started: it
// may still fail to switch everything off.
const cabinetSettled = 2 * time.Second

// cabinetState is what the cabinet said of itself when it was last asked.
type cabinetState struct {
	asking bool
	since  time.Time // of the question, on clock.Now
	health hal.Health
	down   []bool // told to the domain, same order as Layout
}

// askHealth looks at the store's space and asks the cabinet, beside the Station:
// hardware that hangs must not stop it.
func (s *Station) askHealth() {
	at := s.o.Clock.Now()
	s.timers.set(healthTimer, at.Add(s.o.HealthEvery))
	s.watchClock(at)
	s.health.space = s.o.Store.Space() // asks the file system: not at every commit
	if s.cabinet.asking {
		s.refresh() // it may be hanging by now
		return
	}
	s.cabinet.asking, s.cabinet.since = true, at
	s.beside("health", func() {
		var h hal.Health
		defer func() { s.queue.call(func() { s.haveHealth(h) }) }()
		h = s.o.Cabinet.Health()
	})
}

// watchClock brings the next Tick forward when somebody has set the wall clock:
// nothing else looks at it while nobody is there.
func (s *Station) watchClock(at time.Time) {
	if s.boot.done && s.state.ClockMoved(s.time.now()) {
		s.timers.soonest(tickTimer, at)
	}
}

func (s *Station) haveHealth(h hal.Health) {
	s.cabinet.asking, s.cabinet.health = false, h
	if since := s.running.Load(); since != nil && s.o.Clock.Now().Sub(*since) > cabinetSettled {
		s.health.clear("cabinet.down")
	}
	s.tellReachability()
	s.refresh()
}

// refresh publishes a View if what is unhealthy has changed.
func (s *Station) refresh() {
	now := s.time.now()
	if !sameProblems(s.problems(now), s.view.Load().Problems) {
		s.publish(now)
	}
}

// tellReachability tells the domain which locks the hardware has lost or
// regained: those that a problem of the cabinet names, unless they still work.
func (s *Station) tellReachability() {
	places := s.o.Rules.Layout
	down := make([]bool, len(places))
	for _, p := range s.cabinet.health {
		if p.Works {
			continue
		}
		for i := range places {
			down[i] = down[i] || len(p.Locks) == 0 || concerns(p, places[i].Lock)
		}
	}
	if s.cabinet.down == nil {
		s.cabinet.down = make([]bool, len(places))
	}
	for i, p := range places {
		if down[i] != s.cabinet.down[i] {
			s.pending = append(s.pending, item{event: locker.Reachability{Compartment: p.Number, Down: down[i]}})
		}
	}
	s.cabinet.down = down
}

func concerns(p hal.Problem, lock uint16) bool {
	for _, id := range p.Locks {
		if uint16(id) == lock {
			return true
		}
	}
	return false
}
