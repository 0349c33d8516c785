package terminal

import (
	"context"
	"slices"
	"time"

	"abholstation/locker"
)

// The actions of buttons. A page offers some of them.
const (
	actConfirm = "confirm" // the condition on the screen is confirmed
	actDecline = "decline" // it is not
	actOpen    = "open"    // again, or at all
	actTaken   = "taken"   // "yes, everything taken"
	actProblem = "problem" // something is wrong
	actFinish  = "finish"  // go
	actNext    = "next"    // somebody else goes on while a door is left open
	actOthers  = "others"  // back to the other compartments of the group
	actClose   = "close"   // of the help page
)

// act does what a button of the shown page says.
func (t *Terminal) act(action string, now time.Time) error {
	offered := t.page(now).Buttons
	if !slices.ContainsFunc(offered, func(b Button) bool { return b.Action == action }) {
		return ErrNotOffered
	}
	s := &t.s
	switch action {
	case actConfirm:
		t.open(s.current, true)
	case actDecline:
		t.notice("declined", 0)
	case actOpen:
		t.open(s.current, s.pulsed) // confirmed before its first opening
	case actTaken:
		t.tell(callWord, locker.Word{Session: s.id, Delivery: s.current, Taken: true})
	case actProblem:
		t.tell(callProblem, locker.Problem{Session: s.id, Delivery: s.problemOf()})
	case actOthers:
		s.step, s.message = stepChoice, nil
	case actFinish, actNext:
		t.leave(now)
	}
	return nil
}

// actKey is the button that a key stands for; keys without one do nothing.
func (t *Terminal) actKey(key string, now time.Time) {
	for _, b := range t.page(now).Buttons {
		if b.Key == key {
			_ = t.act(b.Action, now) // it is offered: just found there
			return
		}
	}
}

func (t *Terminal) tell(what call, ev locker.Event) {
	t.s.message = nil
	t.call(what, true, func(ctx context.Context) (locker.Answer, error) { return t.station.Do(ctx, ev) })
}

// problemOf is the delivery that a "something is wrong" is about.
func (s *session) problemOf() locker.DeliveryID {
	if s.current != 0 || len(s.granted) == 0 {
		return s.current
	}
	return s.granted[0]
}
