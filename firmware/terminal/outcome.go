package terminal

import (
	"context"
	"errors"
	"slices"
	"time"

	"abholstation/firmware"
	"abholstation/locker"
)

// settle takes the Station's answer into the session.
func (t *Terminal) settle(o outcome) {
	s := &t.s
	if o.session != s.id {
		return // of somebody who has gone
	}
	now := t.clock.Now()
	t.seen, t.seenM = t.station.View(), now // what the answer speaks of is in it
	switch o.what {
	case callAdmit:
		if ref, ok := errors.AsType[*locker.Refusal](o.err); ok && ref.Code == locker.Locked && (s.step == stepCode || s.step == stepFactor && s.qr == nil) {
			t.lock(ref.Wait, now)
		}
		return
	case callTypo:
		if errors.Is(o.err, firmware.ErrTypoRate) && s.step == stepCode {
			s.message = failed("code.typo_rate")
		}
		return
	}
	s.busy = false
	s.touched = now
	if o.err != nil {
		t.refused(o, now)
		return
	}
	switch o.what {
	case callEnter:
		t.accepted(o.answer)
	case callOpen:
		t.opening(s.current, o.answer)
	case callProblem:
		s.message = told("problem.noted", "phone", t.opts.Help)
		if s.step == stepDone {
			s.until = now.Add(problemFor)
		}
	}
}

// accepted goes on after a right code and factor.
func (t *Terminal) accepted(a locker.Answer) {
	s := &t.s
	s.granted = slices.Clone(a.Choices)
	if len(s.granted) == 0 && a.Delivery != 0 {
		s.granted = []locker.DeliveryID{a.Delivery}
	}
	switch {
	case a.Compartment != 0:
		t.opening(a.Delivery, a)
	case a.Confirm != "":
		s.current, s.confirm, s.step = a.Delivery, a.Confirm, stepConfirm
	default:
		s.step = stepChoice
	}
}

// opening shows the door that the Station opens now.
func (t *Terminal) opening(id locker.DeliveryID, a locker.Answer) {
	s := &t.s
	if a.Confirm != "" && a.Compartment == 0 {
		s.current, s.confirm, s.step = id, a.Confirm, stepConfirm
		return
	}
	s.current, s.confirm, s.step, s.pulsed, s.message = id, "", stepDoor, true, nil
	s.base = 0
	if d := t.seen.State.Delivery(id); d != nil {
		s.base = d.StillInside
	}
}

// refused says what to do about an answer that is no.
func (t *Terminal) refused(o outcome, now time.Time) {
	s := &t.s
	ref, isRefusal := errors.AsType[*locker.Refusal](o.err)
	if !isRefusal {
		t.broken(o)
		return
	}
	switch ref.Code {
	case locker.Rejected:
		s.step, s.message = stepCode, failed("refused.rejected")
	case locker.Locked:
		if s.scanned {
			s.step, s.message = stepCode, failed("code.qr_wait")
			return
		}
		t.lock(ref.Wait, now)
	case locker.NeedsConfirm:
		if ref.Delivery != 0 {
			s.current = ref.Delivery
		}
		s.confirm, s.step = ref.What, stepConfirm
	case locker.AlreadyOpen:
		if len(s.granted) > 0 && s.current != 0 {
			s.step, s.pulsed = stepDoor, true
			return
		}
		t.notice("refused.already_open", ref.Compartment)
	default:
		key := "refused." + string(ref.Code)
		if !t.texts.known(key + ".title") {
			t.log.Warn("cannot explain a refusal to a citizen", "code", string(ref.Code))
			key = "refused.unavailable"
		}
		if s.step == stepDoor && ref.Code == locker.DoorInUse || s.step == stepChoice && ref.Code == locker.DoorInUse {
			s.message = failed("refused.door_in_use.text")
			return
		}
		number := ref.Compartment
		if d := t.seen.State.Delivery(s.current); number == 0 && d != nil {
			number = d.Compartment
		}
		t.notice(key, number)
	}
}

// broken is an error that is no refusal: the Station could not do its work.
func (t *Terminal) broken(o outcome) {
	s := &t.s
	key := "broken.other"
	switch {
	case errors.Is(o.err, firmware.ErrBusy):
		key = "broken.busy"
	case errors.Is(o.err, firmware.ErrStopping):
		key = "broken.stopping"
	case errors.Is(o.err, firmware.ErrStore):
		key = "broken.store"
	case errors.Is(o.err, firmware.ErrTypo):
		key = "code.typo"
		if s.scanned {
			key = "code.qr"
		}
	case errors.Is(o.err, firmware.ErrTypoRate):
		key = "code.typo_rate"
	case errors.Is(o.err, firmware.ErrFactor):
		key = "factor.short"
	default:
		if !errors.Is(o.err, context.Canceled) {
			t.log.Error("cannot get an answer from the station", "call", string(o.what), "err", o.err)
		}
	}
	s.message = failed(key, "phone", t.opts.Help)
	if s.step != stepWorking {
		return
	}
	// An answer that came too late may have opened the door all the same: the
	// grant tells.
	if g := t.seen.State.Grant; g != nil && g.Session == s.id {
		s.granted = slices.Clone(g.Deliveries)
		for _, id := range s.granted {
			if d := t.seen.State.Delivery(id); d != nil && (d.State == locker.Opening || d.State == locker.Open) {
				t.opening(id, locker.Answer{Compartment: d.Compartment})
				return
			}
		}
		s.step = stepChoice
		return
	}
	s.step = stepCode
}

func (t *Terminal) lock(wait time.Duration, now time.Time) {
	t.s.wipe()
	t.s.step, t.s.until, t.s.message = stepLocked, now.Add(wait), nil
}

// notice shows a text that sends the citizen elsewhere.
func (t *Terminal) notice(key string, compartment int) {
	t.s.step, t.s.message = stepNotice, nil
	t.s.notice = note{key: key, args: []string{"n", number(compartment)}}
}
