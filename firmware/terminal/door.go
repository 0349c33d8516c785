package terminal

import (
	"strings"
	"time"

	"abholstation/firmware"
	"abholstation/locker"
)

// phase is what has become of the door in front of the citizen.
type phase string

const (
	phaseOpening   phase = "opening"    // pulsed, not yet seen open
	phaseRetry     phase = "retry"      // the Station has repeated the pulse by itself
	phaseOpen      phase = "open"       //
	phaseLeftOpen  phase = "left_open"  // for longer than Rules.Prompt
	phaseNotOpened phase = "not_opened" // stayed closed
	phaseInside    phase = "inside"     // closed, and the sensor says that something is inside
	phaseAgain     phase = "inside_again"
	phaseAsking    phase = "asking" // closed, no sensor
	phaseTaken     phase = "taken"
	phaseUnclear   phase = "unclear" // staff must look
)

// doorPhase derives the phase of the current delivery's door from the View.
func (t *Terminal) doorPhase() phase {
	s := &t.s
	d := t.seen.State.Delivery(s.current)
	if d == nil {
		return phaseUnclear
	}
	switch d.State {
	case locker.Opening:
		if in := t.intent(d); in != nil && in.Pulses > 1 {
			return phaseRetry
		}
		return phaseOpening
	case locker.Open:
		if t.openFor(d) >= t.seen.Rules.Prompt {
			return phaseLeftOpen
		}
		return phaseOpen
	case locker.Asking:
		return phaseAsking
	case locker.Ready, locker.Due:
		switch {
		case d.StillInside <= s.base:
			return phaseNotOpened
		case d.StillInside == 1:
			return phaseInside
		}
		return phaseAgain
	case locker.Collected:
		return phaseTaken
	}
	return phaseUnclear
}

func (t *Terminal) intent(d *locker.Delivery) *locker.Intent {
	c := t.seen.State.Compartment(d.Compartment)
	if c == nil {
		return nil
	}
	return c.Intent
}

// openFor is how long a delivery's door has been open: by the Intent, and by
// the terminal's clock since the View was made. A stage that the Station has
// reached counts as reached.
func (t *Terminal) openFor(d *locker.Delivery) time.Duration {
	in := t.intent(d)
	if in == nil || in.Phase != locker.PhaseOpen {
		return 0
	}
	r := t.seen.Rules
	open := t.seen.Now.Mono - in.Since + t.clock.Now().Sub(t.seenM)
	for stage, least := range []time.Duration{0, r.Prompt, r.Tone, r.Alarm} {
		if in.Stage >= stage {
			open = max(open, least)
		}
	}
	return open
}

// closed says why no pickup can be started, as the key of a text, or "".
func (t *Terminal) closed() string {
	v := t.seen
	switch {
	case !v.State.Started:
		return "closed.starting"
	case v.State.Meta != nil && v.State.Meta.Inventory.Required:
		return "closed.inventory"
	case v.State.Meta != nil && v.State.Meta.MainsLost:
		return "closed.power"
	}
	for _, p := range v.Problems {
		if p.BreaksPickups && p.Severity == firmware.Critical && p.Compartment == 0 {
			if strings.HasPrefix(p.Key, "store") {
				return "closed.store"
			}
			return "closed.fault"
		}
	}
	return ""
}

// leftOpen is a door that stands open although its citizen has gone, or 0.
func (t *Terminal) leftOpen() int {
	for _, c := range t.seen.State.Compartments {
		if in := c.Intent; in != nil && in.Purpose == locker.ForCollect && in.Phase == locker.PhaseOpen {
			return c.Number
		}
	}
	return 0
}
