package firmware_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"abholstation/firmware"
	"abholstation/hal"
	"abholstation/hal/sim"
	"abholstation/locker"
)

// stepper drives a Station without a goroutine and without real time, as long
// simulations do.
type stepper struct {
	*rig
	virtual *sim.VirtualClock
	gov     *hal.Governor
	todo    []func()
}

func newStepper(t testing.TB) *stepper {
	s := &stepper{rig: newRig(t), virtual: sim.NewVirtualClock(sim.Epoch())}
	w, err := sim.New(sim.Options{Seed: 1, Clock: s.virtual, Compartments: sim.Uniform(boxes, sim.All), BoardTimed: true})
	if err != nil {
		t.Fatal(err)
	}
	if s.gov, err = hal.Govern(w.Driver(), s.virtual, hal.Options{}); err != nil {
		t.Fatal(err)
	}
	s.world, s.cabinet = w, &cabinet{Cabinet: s.gov}
	s.opt.Clock, s.opt.Cabinet = s.virtual, s.cabinet
	s.opt.Go = func(_ string, f func()) { s.todo = append(s.todo, f) }
	s.opt.WithTimeout = func(c context.Context, _ time.Duration) (context.Context, context.CancelFunc) {
		return context.WithCancel(c)
	}
	s.opt.HealthEvery = 10 * time.Minute
	if s.station, err = firmware.New(s.opt); err != nil {
		t.Fatal(err)
	}
	return s
}

// settle does everything that can be done now; pass lets time go by.
func (s *stepper) settle() {
	for {
		_ = s.gov.Poll(context.Background(), s.station.Sink)
		for s.station.Pump(context.Background()) {
		}
		if len(s.todo) == 0 {
			return
		}
		f := s.todo[0]
		s.todo = s.todo[1:]
		f()
	}
}

func (s *stepper) pass(d time.Duration) {
	until := s.virtual.Now().Add(d)
	for s.settle(); s.virtual.Now().Before(until); s.settle() {
		s.virtual.Advance(min(max(s.station.Due(), time.Millisecond), until.Sub(s.virtual.Now()), time.Minute))
	}
}

// ask runs a Start… or Offer to its answer.
func ask[T any](s *stepper, start func(func(T, error))) (v T, err error) {
	answered := false
	start(func(got T, e error) { v, err, answered = got, e, true })
	s.settle()
	if !answered {
		s.Fatal("no answer")
	}
	return v, err
}

func (s *stepper) lifecycle() []string {
	s.pass(time.Second)
	a := s.must(ask(s, func(reply func(locker.Answer, error)) {
		s.station.StartAnnounce(firmware.Announcement{By: clerk, Reference: "A-1", Kinds: []string{"passport"}, Factor: factor}, reply)
	}))
	n := s.must(ask(s, func(reply func(locker.Answer, error)) {
		s.station.Offer(locker.Load{By: clerk, Delivery: a.Delivery}, reply)
	})).Compartment
	s.pass(time.Second)
	s.hand(s.world.Put(n, "paper"))
	s.pass(time.Second)
	s.hand(s.world.Close(n))
	s.pass(15 * time.Minute)
	slip, err := ask(s, func(reply func(firmware.Slip, error)) {
		s.station.StartSlip(clerk, locker.Owner{Delivery: a.Delivery}, reply)
	})
	if err != nil {
		s.Fatal(err)
	}
	s.must(ask(s, func(reply func(locker.Answer, error)) { s.station.StartEnter(entry(slip.Code), reply) }))
	s.pass(2 * time.Second)
	if _, err := s.world.Take(n); err != nil {
		s.Fatal(err)
	}
	s.hand(s.world.Close(n))
	s.pass(time.Minute)
	if st := s.delivery(a.Delivery).State; st != locker.Collected {
		s.Errorf("delivery is %s", st)
	}
	s.pass(24 * time.Hour)
	if err := s.station.Halt(context.Background()); err != nil {
		s.Error(err)
	}
	var log []string
	for _, r := range s.store.records {
		log = append(log, r.Type)
	}
	return log
}

func TestAStationIsDrivenStepByStepAndReplaysExactly(t *testing.T) {
	first := newStepper(t).lifecycle()
	second := newStepper(t).lifecycle()
	if !slices.Equal(first, second) || len(first) < 10 {
		t.Errorf("first %v\nthen %v", first, second)
	}
}

func TestAnIdleDayTakesFewSteps(t *testing.T) {
	s := newStepper(t)
	s.pass(time.Minute)
	n := 0
	s.store.onApply(func([]locker.Event) { n++ })
	s.pass(24 * time.Hour)
	if n > 24*6+10 {
		t.Errorf("%d commits in an idle day", n)
	}
}
