package firmware

import (
	"slices"
	"time"

	"abholstation/hal"
)

// A lock that reports more changes than flapMax in a minute is suppressed to
// one reading per flapEvery. One opening by a person is about six changes
// (door, latch and presence, twice each).
const (
	flapMax   = 60
	flapEvery = time.Second
	inputsMax = 32
)

// sensors coalesces what the hardware reports: per lock the newest level, and
// the last level with the door open if it is closed again by now, so that no
// opening is overlooked however long the Station was busy.
type sensors struct {
	locks  map[hal.LockID]*sensedLock
	order  []hal.LockID // with something waiting, in order of arrival
	inputs []hal.Event
	resync bool
}

type sensedLock struct {
	latest, opened *hal.DoorState
	windowFrom     time.Time // of the minute in which changes are counted
	changes        int
	flaps          bool
	taken          time.Time
}

// taken is what the owner gets.
type taken struct {
	opened, latest []lockReading // of doors that were open in between; newest levels
	inputs         []hal.Event
	resync         bool
}

type lockReading struct {
	lock hal.LockID
	door hal.DoorState
}

func newSensors() sensors { return sensors{locks: map[hal.LockID]*sensedLock{}} }

func (s *sensors) add(ev hal.Event) {
	switch ev.Kind {
	case hal.Resync:
		s.resync = true
	case hal.InputChanged:
		s.addInput(ev)
	case hal.DoorChanged:
		s.addDoor(ev)
	}
}

func (s *sensors) addInput(ev hal.Event) {
	if len(s.inputs) >= inputsMax {
		i := slices.IndexFunc(s.inputs, func(o hal.Event) bool { return o.Input == ev.Input })
		if i < 0 {
			i = 0
		}
		s.inputs = slices.Delete(s.inputs, i, i+1)
	}
	s.inputs = append(s.inputs, ev)
}

func (s *sensors) addDoor(ev hal.Event) {
	l := s.locks[ev.Lock]
	if l == nil {
		l = &sensedLock{windowFrom: ev.At}
		s.locks[ev.Lock] = l
	}
	l.count(ev.At)
	switch {
	case l.latest == nil:
		s.order = append(s.order, ev.Lock)
	case l.latest.Open == hal.Yes && ev.After.Open != hal.Yes && !l.flaps:
		l.opened = l.latest
	}
	after := ev.After
	l.latest = &after
}

// count follows how often a lock changes. It flaps from the change that is too
// many in a minute on until a minute with no more than half of that has passed.
func (l *sensedLock) count(at time.Time) {
	if d := at.Sub(l.windowFrom); d >= time.Minute || d < 0 {
		l.flaps = l.flaps && l.changes > flapMax/2 && d < 2*time.Minute
		l.windowFrom, l.changes = at, 0
	}
	if l.changes++; l.changes > flapMax {
		l.flaps, l.opened = true, nil
	}
}

// calm ends the flapping of a lock that has been still.
func (l *sensedLock) calm(now time.Time) {
	if now.Sub(l.windowFrom) >= 2*time.Minute {
		l.flaps = false
	}
}

func (l *sensedLock) wait(now time.Time) time.Duration {
	if !l.flaps || l.taken.IsZero() {
		return 0
	}
	return max(0, flapEvery-now.Sub(l.taken))
}

func (s *sensors) take(now time.Time) taken {
	t := taken{inputs: s.inputs, resync: s.resync}
	s.inputs, s.resync = nil, false
	var later []hal.LockID
	for _, id := range s.order {
		l := s.locks[id]
		if l.wait(now) > 0 {
			later = append(later, id)
			continue
		}
		if l.opened != nil {
			t.opened = append(t.opened, lockReading{id, *l.opened})
		}
		t.latest = append(t.latest, lockReading{id, *l.latest})
		l.opened, l.latest, l.taken = nil, nil, now
	}
	s.order = later
	return t
}

func (s *sensors) due(now time.Time) (time.Duration, bool) {
	if s.resync || len(s.inputs) > 0 {
		return 0, true
	}
	wait, any := time.Duration(0), false
	for _, id := range s.order {
		if w := s.locks[id].wait(now); !any || w < wait {
			wait, any = w, true
		}
	}
	return wait, any
}

// flapping lists the locks that are suppressed, ascending.
func (s *sensors) flapping(now time.Time) []hal.LockID {
	var ids []hal.LockID
	for id, l := range s.locks {
		if l.calm(now); l.flaps {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids
}
