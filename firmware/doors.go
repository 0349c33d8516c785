package firmware

import (
	"context"
	"errors"
	"time"

	"abholstation/hal"
	"abholstation/locker"
)

type bootState struct {
	begun, done bool
	blind       bool // started without a reading
}

// readState is one reading of the whole cabinet at a time, and the wish for
// another one after it.
type readState struct {
	busy, again bool
	since       time.Time // on clock.Now
	failures    int
}

// readDoors asks for a fresh reading of the whole cabinet.
func (s *Station) readDoors(ctx context.Context) {
	if s.read.busy {
		s.read.again = true
		return
	}
	s.read.busy, s.read.again, s.read.since = true, false, s.o.Clock.Now()
	s.timers.stop(readTimer)
	ctx, cancel := s.o.WithTimeout(context.WithoutCancel(ctx), readWithin)
	s.beside("read", func() {
		defer cancel()
		snap, err := hal.Snapshot{}, errors.New("the reading panicked")
		defer func() { s.queue.call(func() { s.haveRead(snap, err) }) }()
		snap, err = s.o.Cabinet.Snapshot(ctx)
	})
}

// haveRead takes the outcome of a reading, on the owner's goroutine.
func (s *Station) haveRead(snap hal.Snapshot, err error) {
	s.read.busy = false
	at := s.o.Clock.Now()
	if err != nil {
		s.o.Log.Warn("cannot read the cabinet", "error", err)
		s.read.failures++
		s.health.raise("cabinet.unread")
		retry := readRetry
		if s.read.failures >= readTries {
			// From here on it is a fact that nothing can be read.
			s.haveReadings(s.unread())
			retry = readPause
		}
		s.timers.soonest(readTimer, at.Add(retry))
		return
	}
	s.read.failures = 0
	s.health.clear("cabinet.unread")
	s.haveReadings(s.readings(snap))
	if s.read.again {
		s.timers.soonest(readTimer, at)
	}
}

func (s *Station) haveReadings(r []locker.Reading) {
	if s.boot.done {
		s.pending = append(s.pending, item{event: locker.DoorsRead{Readings: r}})
		return
	}
	s.boot.blind = s.read.failures > 0
	s.pending = append([]item{{event: locker.Booted{Readings: r}}}, s.pending...)
}

// start makes the first reading. Until it is there, or has failed, nothing is
// committed.
func (s *Station) start(ctx context.Context) {
	s.boot.begun = true
	s.timers.set(bootTimer, s.o.Clock.Now().Add(bootWithin))
	s.timers.set(healthTimer, s.o.Clock.Now())
	s.timers.set(snapshotTimer, s.o.Clock.Now().Add(min(firstCopy, s.o.SnapshotEvery)))
	s.readDoors(ctx)
}

// booted follows the commit of the first event.
func (s *Station) booted() {
	s.boot.done = true
	s.timers.stop(bootTimer)
	if s.boot.blind {
		s.timers.soonest(readTimer, s.o.Clock.Now().Add(readRetry))
	}
	s.timers.set(codeTimer, s.o.Clock.Now())
	s.o.Log.Info("the station is running", "read", !s.boot.blind)
}

// bootBlind starts without a reading: everything is Unknown, and nothing opens
// before something has been read.
func (s *Station) bootBlind() {
	s.o.Log.Error("starting without a reading of the cabinet")
	s.read.failures = max(s.read.failures, readTries)
	s.health.raise("cabinet.unread")
	s.haveReadings(s.unread())
}

// unread is the reading of a cabinet that can not be read.
func (s *Station) unread() []locker.Reading {
	at := s.time.mono(s.o.Clock.Now())
	out := make([]locker.Reading, len(s.o.Rules.Layout))
	for i, p := range s.o.Rules.Layout {
		out[i] = locker.Reading{Compartment: p.Number, Sensed: locker.Sensed{At: at}}
	}
	return out
}

// readings turns the hardware's words into the domain's. A lock that is not in
// the snapshot is unread.
func (s *Station) readings(snap hal.Snapshot) []locker.Reading {
	out := make([]locker.Reading, len(s.o.Rules.Layout))
	for i, p := range s.o.Rules.Layout {
		d := hal.DoorState{At: snap.At, Quality: hal.Fault}
		if j := s.order[hal.LockID(p.Lock)]; j < len(snap.Doors) {
			d = snap.Doors[j]
		}
		out[i] = s.reading(p, d)
	}
	return out
}

func (s *Station) reading(p locker.Place, d hal.DoorState) locker.Reading {
	r := locker.Sensed{At: s.time.mono(d.At), Fresh: d.Quality == hal.Fresh}
	if r.Fresh {
		// A level that is not fresh is no level.
		r.Open = tri(d.Open)
		if p.HasLatch {
			r.Locked = tri(d.Locked)
		}
		if p.HasItem {
			r.Item = tri(d.Item)
		}
	}
	if r.Fresh != s.state.Door(p.Number).Fresh {
		// A lock was lost or is back: the cabinet knows more about it.
		s.timers.soonest(healthTimer, s.o.Clock.Now())
	}
	return locker.Reading{Compartment: p.Number, Sensed: r}
}

func tri(t hal.Tri) locker.Tri {
	switch t {
	case hal.No:
		return locker.No
	case hal.Yes:
		return locker.Yes
	default:
		return locker.Unknown
	}
}

// sensed turns what the hardware reported into events: doors that were open in
// between first, then the newest levels, then the inputs of the case.
func (s *Station) sensed(t taken) []item {
	var out []item
	for _, group := range [][]lockReading{t.opened, t.latest} {
		var rs []locker.Reading
		for _, lr := range group {
			if p := s.place(lr.lock); p != nil {
				rs = append(rs, s.reading(*p, lr.door))
			}
		}
		if len(rs) > 0 {
			out = append(out, item{event: locker.DoorsRead{Readings: rs}})
		}
	}
	for _, ev := range t.inputs {
		if e := inputEvent(ev); e != nil {
			out = append(out, item{event: e})
		}
	}
	if t.resync {
		s.timers.set(readTimer, s.o.Clock.Now())
	}
	return out
}

func inputEvent(ev hal.Event) locker.Event {
	switch {
	case ev.Input == hal.MainsFail:
		return locker.Power{MainsLost: ev.Active}
	case ev.Input == hal.CaseTamper && ev.Active:
		return locker.Observed{Type: "case.opened"}
	case ev.Input == hal.CaseTamper:
		return locker.Observed{Type: "case.closed"}
	}
	return nil
}

// place is the compartment behind a lock, or nil.
func (s *Station) place(id hal.LockID) *locker.Place {
	for i := range s.o.Rules.Layout {
		if p := &s.o.Rules.Layout[i]; hal.LockID(p.Lock) == id {
			return p
		}
	}
	return nil
}
