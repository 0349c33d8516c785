package firmware_test

import (
	"errors"
	"testing"
	"time"

	"abholstation/firmware"
	"abholstation/locker"
	"abholstation/locker/store"
)

func TestWhatWasAskedForLongAgoIsRefusedRatherThanDone(t *testing.T) {
	s := newStepper(t)
	s.store.set(func() { s.store.fail = store.ErrFull }) // not even the start can be stored
	s.pass(time.Second)
	var long, short error
	answered := 0
	offer := func(err *error) {
		s.station.Offer(locker.StartInventory{By: clerk}, func(_ locker.Answer, e error) { *err, answered = e, answered+1 })
	}
	offer(&long)
	s.pass(10 * time.Minute)
	offer(&short)
	s.store.set(func() { s.store.fail = nil })
	s.pass(10 * time.Second)
	if answered != 2 || !errors.Is(long, firmware.ErrBusy) || short != nil {
		t.Errorf("%d answers; asked ten minutes ago: %v, just now: %v", answered, long, short)
	}
}

func TestAStartThatCouldNotBeStoredIsMadeOnceAndSoon(t *testing.T) {
	s := newStepper(t)
	s.store.set(func() { s.store.fail = store.ErrFull })
	s.pass(5 * time.Second)
	s.store.set(func() { s.store.fail = nil })
	s.pass(3 * time.Second)
	if v := s.station.View(); !v.State.Started || !v.State.Door(1).Fresh {
		t.Errorf("started: %t, the first door: %+v", v.State.Started, v.State.Door(1))
	}
	s.pass(time.Minute)
	started := 0
	for _, r := range s.store.records {
		if r.Type == "station.started" {
			started++
		}
	}
	if started != 1 {
		t.Errorf("started %d times", started)
	}
}
