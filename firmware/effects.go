package firmware

import (
	"context"
	"errors"
	"fmt"
	"time"

	"abholstation/hal"
	"abholstation/locker"
)

// effect does what a commit asks for. It starts things; it waits for none.
func (s *Station) effect(ctx context.Context, e locker.Effect) {
	switch e := e.(type) {
	case locker.Unlock:
		s.unlock(ctx, e)
	case locker.ReadDoors:
		s.readDoors(ctx)
	case locker.MakeCode:
		s.makeCode(e.Owner)
	case locker.Tone:
		if b, ok := s.o.Cabinet.(hal.Buzzer); ok {
			s.beside("tone", func() { b.Buzz(e.Name) })
		}
	}
}

// pulseState remembers what was pulsed, so that no bug above can pulse twice.
type pulseState struct {
	firstIntent uint64              // intents below were found at the start: never pulsed
	sent        map[int]pulseCount  // by compartment: its newest intent
	flying      map[int]flyingPulse // by compartment
	stopping    bool
	cancel      context.CancelFunc // of all pulses that still wait for a lock
	ctx         context.Context
}

type pulseCount struct {
	intent uint64
	n      int
}

type flyingPulse struct {
	intent uint64
	since  time.Time // on clock.Now
}

func newPulseState(state locker.State) pulseState {
	p := pulseState{sent: map[int]pulseCount{}, flying: map[int]flyingPulse{}}
	if state.Meta != nil {
		p.firstIntent = state.Meta.NextIntent
	}
	p.ctx, p.cancel = context.WithCancel(context.Background())
	return p
}

// unlock starts one pulse beside the Station. It is called after the commit of
// its intent, once per order.
func (s *Station) unlock(_ context.Context, e locker.Unlock) {
	intent, err := s.mayPulse(e)
	if err != nil {
		s.o.Log.Error("a pulse was withheld", "compartment", e.Compartment, "intent", e.Intent, "reason", err)
		s.pending = append(s.pending, item{event: locker.UnlockDone{
			Compartment: e.Compartment, Intent: e.Intent, NotSent: true, Cause: "withheld",
		}})
		return
	}
	now := s.o.Clock.Now()
	count := s.pulses.sent[e.Compartment]
	if count.intent != e.Intent {
		count = pulseCount{intent: e.Intent}
	}
	count.n++
	s.pulses.sent[e.Compartment] = count
	s.pulses.flying[e.Compartment] = flyingPulse{intent: e.Intent, since: now}

	// The pulse may wait for the lock's cool-down, but must be over well before
	// its opening is settled by reading.
	wait := max(time.Second, intent.Deadline-s.time.mono(now)-pulseTail)
	ctx, cancel := s.o.WithTimeout(s.pulses.ctx, wait)
	s.beside("unlock", func() {
		defer cancel()
		done := locker.UnlockDone{Compartment: e.Compartment, Intent: e.Intent, Unknown: true, Cause: "panic"}
		defer func() {
			s.queue.call(func() { s.landed(e.Compartment, e.Intent) })
			s.queue.result(item{event: done})
		}()
		report, err := s.o.Cabinet.Unlock(ctx, hal.LockID(e.Lock))
		done = unlockDone(e, report, err)
	})
}

func (s *Station) landed(compartment int, intent uint64) {
	if s.pulses.flying[compartment].intent == intent {
		delete(s.pulses.flying, compartment)
	}
}

// mayPulse is the last look before a coil: the committed state must order
// exactly this pulse.
func (s *Station) mayPulse(e locker.Unlock) (*locker.Intent, error) {
	i := s.state.Index(e.Compartment)
	if i < 0 || i >= len(s.o.Rules.Layout) {
		return nil, errors.New("no such compartment")
	}
	in := s.state.Compartments[i].Intent
	sent := s.pulses.sent[e.Compartment]
	_, flying := s.pulses.flying[e.Compartment]
	switch {
	case s.pulses.stopping:
		return nil, errors.New("the station is stopping")
	case s.o.Rules.Layout[i].Lock != e.Lock:
		return nil, fmt.Errorf("lock %d is not that of the compartment", e.Lock)
	case in == nil || in.ID != e.Intent:
		return nil, errors.New("no such intent is stored")
	case e.Intent < s.pulses.firstIntent || in.Settle:
		return nil, errors.New("the intent is older than this start")
	case flying:
		return nil, errors.New("the last pulse is not over")
	case sent.intent > e.Intent:
		return nil, errors.New("a newer intent was pulsed")
	case sent.intent == e.Intent && sent.n >= in.Pulses:
		return nil, errors.New("this pulse was sent before")
	}
	return in, nil
}

// causes are hal's error classes. All but the first mean that certainly no coil
// was energised.
var causes = []struct {
	err  error
	name string
}{
	{hal.ErrOutcomeUnknown, "outcome_unknown"},
	{hal.ErrNotSent, "not_sent"},
	{hal.ErrCooldown, "cooldown"},
	{hal.ErrPowerLow, "power_low"},
	{hal.ErrBoardOffline, "board_offline"},
	{hal.ErrInhibited, "inhibited"},
	{hal.ErrUnknownLock, "unknown_lock"},
}

// unlockDone is the domain's word for a report. What is not clear is unknown.
func unlockDone(e locker.Unlock, r hal.UnlockReport, err error) locker.UnlockDone {
	done := locker.UnlockDone{Compartment: e.Compartment, Intent: e.Intent}
	if err == nil {
		done.Unknown = r.Pulse != hal.Sent
		if done.Unknown {
			done.Cause = "outcome_unknown"
		}
		return done
	}
	done.Unknown, done.Cause = true, "error"
	for _, c := range causes {
		if errors.Is(err, c.err) {
			done.Cause = c.name
			done.Unknown = c.err == hal.ErrOutcomeUnknown || r.Pulse != hal.NotSent
			break
		}
	}
	done.NotSent = !done.Unknown
	return done
}
