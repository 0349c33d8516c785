package terminal

import (
	"context"
	"slices"
	"time"

	"abholstation/firmware"
	"abholstation/locker"
)

// step is how far a session has come. What the page shows at stepDoor follows
// from the View, see doorPhase.
type step string

const (
	stepAttract step = "attract"
	stepCode    step = "code"
	stepFactor  step = "factor"
	stepWorking step = "working"
	stepLocked  step = "locked"
	stepConfirm step = "confirm"
	stepChoice  step = "choice"
	stepDoor    step = "door"
	stepNotice  step = "notice" // something that the citizen can not settle here: text and phone number
	stepDone    step = "done"
)

const (
	codeDigits   = 9
	factorDigits = 4
)

// session is everything that is known of the person in front of the terminal.
type session struct {
	id      uint64
	step    step
	code    []byte // digits typed
	qr      []byte // scanned instead of digits
	factor  []byte
	scanned bool // the entry that was handed to the Station was a QR
	hidden  bool
	message *note // at the entry fields, or above a door's buttons
	busy    bool  // an answer of the Station is waited for

	granted []locker.DeliveryID
	current locker.DeliveryID
	confirm string // key of what must be confirmed before current opens
	base    int    // StillInside of current when it was last opened
	notice  note   // of stepNotice
	pulsed  bool   // the Station has ordered an opening of current

	until   time.Time // end of stepLocked or stepDone
	touched time.Time // last key
	dialog  time.Time // the idle dialog is shown since; zero: it is not
	help    bool      // the help page lies above everything

	lang             string
	high, large, low bool
}

// note is a text and what goes into it.
type note struct {
	key  string
	tone string // "error" or "info"
	args []string
}

func failed(key string, args ...string) *note { return &note{key: key, tone: "error", args: args} }
func told(key string, args ...string) *note   { return &note{key: key, tone: "info", args: args} }

// wipe overwrites what was typed.
func (s *session) wipe() {
	for _, b := range []*[]byte{&s.code, &s.qr, &s.factor} {
		clear((*b)[:cap(*b)])
		*b = nil
	}
}

// reset makes it the session of nobody.
func (s *session) reset(id uint64, now time.Time, lang string) {
	s.wipe()
	*s = session{id: id, step: stepAttract, touched: now, lang: lang}
}

// untouched says that nothing would be lost by a reset.
func (s *session) untouched(lang string) bool {
	return s.step == stepAttract && !s.help && s.lang == lang && !s.high && !s.large && !s.low
}

// take moves out the bytes of an entry; the Station wipes them.
func (s *session) take() firmware.Entry {
	e := firmware.Entry{Session: s.id, QR: s.qr != nil, Code: s.code, Factor: s.factor}
	if e.QR {
		e.Code = s.qr
		clear(s.code[:cap(s.code)])
	}
	s.code, s.qr, s.factor = nil, nil, nil
	return e
}

// look lets time and the View act on the session.
func (t *Terminal) look(now time.Time) {
	s := &t.s
	if s.busy {
		return
	}
	switch s.step {
	case stepCode, stepFactor, stepLocked:
		if t.closed() != "" {
			t.leave(now)
			return
		}
	case stepDoor:
		if t.doorPhase() == phaseTaken {
			t.afterTaken(now)
		}
	case stepChoice:
		if len(t.waiting()) == 0 {
			t.notice("refused.unavailable", 0)
		}
	}
	switch {
	case s.step == stepLocked && !now.Before(s.until):
		s.step = stepCode
	case s.step == stepDone && !s.help && s.dialog.IsZero() && !now.Before(s.until):
		t.leave(now)
	}
	t.idle(now)
}

// idle shows the dialog to who has not pressed anything for a while, and ends
// the session of who does not answer it. An open door is never left.
func (t *Terminal) idle(now time.Time) {
	s := &t.s
	switch {
	case t.patient():
		s.touched, s.dialog = now, time.Time{}
	case !s.dialog.IsZero():
		if !now.Before(s.dialog.Add(dialogFor)) {
			t.leave(now)
		}
	case now.Before(s.touched.Add(idleAfter)):
	case s.untouched(t.texts.first()):
		s.touched = now
	case s.step == stepAttract && !s.help:
		t.leave(now) // only the looks are reset: nothing to ask for
	default:
		s.dialog = now
	}
}

// patient says that the person has something to do that is no key.
func (t *Terminal) patient() bool {
	if t.s.busy || t.s.step == stepDone && !t.s.help {
		return true
	}
	for _, id := range t.s.granted {
		d := t.seen.State.Delivery(id)
		if d != nil && (d.State == locker.Opening || d.State == locker.Open) {
			return true
		}
	}
	return false
}

// over says that nothing is left to do on the screen that is shown but to read
// it and go, and that no door of this person is open or about to be.
func (t *Terminal) over() bool {
	s := &t.s
	switch s.step {
	case stepDone:
	case stepNotice:
		if s.notice.key == "refused.already_open" && t.leftOpen() != 0 {
			return false
		}
	case stepDoor:
		if t.doorPhase() != phaseUnclear || len(t.waiting()) > 0 {
			return false
		}
	default:
		return false
	}
	for _, id := range s.granted {
		d := t.seen.State.Delivery(id)
		if d == nil {
			continue
		}
		door := t.seen.State.Door(d.Compartment)
		if d.State == locker.Opening || d.State == locker.Open || d.Compartment != 0 && door.Fresh && door.Open == locker.Yes {
			return false
		}
	}
	return true
}

// afterTaken goes on when a compartment's documents were taken: to the next
// compartment of the group, or to the end.
func (t *Terminal) afterTaken(now time.Time) {
	s := &t.s
	s.message, s.confirm, s.pulsed, s.help = nil, "", false, false
	if len(t.waiting()) > 0 {
		s.step = stepChoice
		return
	}
	s.step, s.until = stepDone, now.Add(doneFor)
}

// waiting are the granted deliveries that can still be collected, in order.
func (t *Terminal) waiting() []locker.DeliveryID {
	var out []locker.DeliveryID
	for _, id := range t.s.granted {
		if d := t.seen.State.Delivery(id); d != nil {
			switch d.State {
			case locker.Ready, locker.Due, locker.Asking, locker.Opening, locker.Open:
				out = append(out, id)
			}
		}
	}
	return out
}

// press handles one input. Its error is ErrNotOffered or nil.
func (t *Terminal) press(p Press) error {
	s := &t.s
	now := t.clock.Now()
	s.touched = now
	if !s.dialog.IsZero() {
		return t.pressDialog(p, now)
	}
	if t.pressView(p) || s.busy {
		return nil
	}
	if s.help {
		if slices.Contains([]string{"ok", "back", "cancel"}, p.Key) || p.Action == "close" {
			s.help = false
		}
		return nil
	}
	if t.over() && p.startsAnew() {
		t.leave(now) // what comes next is somebody else's, or a new beginning
		if p.Key == "cancel" || p.Key == "back" {
			return nil
		}
	}
	switch {
	case p.Scan != "":
		t.scan(p.Scan)
	case p.Choice != 0:
		return t.choose(p.Choice)
	case p.Action != "":
		return t.act(p.Action, now)
	case p.Key >= "0" && p.Key <= "9":
		t.digit(p.Key[0])
	case p.Key == "back" && t.erase():
	case p.Key == "ok" && t.enter():
	default:
		t.actKey(p.Key, now)
	}
	return nil
}

// pressDialog: any key extends, only the button for it ends.
func (t *Terminal) pressDialog(p Press, now time.Time) error {
	if p.Action == actFinish || p.Key == "cancel" {
		t.leave(now)
		return nil
	}
	t.s.dialog = time.Time{}
	return nil
}

// pressView handles what changes only how things look, on any screen.
func (t *Terminal) pressView(p Press) bool {
	s := &t.s
	switch {
	case p.Language != "":
		s.lang = p.Language
		if s.step == stepAttract && !s.help && t.closed() == "" {
			t.start()
		}
	case p.Action == actContrast:
		s.high = !s.high
	case p.Action == actSize:
		s.large = !s.large
	case p.Action == actLow:
		s.low = !s.low
	case p.Action == actHide:
		s.hidden = !s.hidden
	case p.Action == actHelp:
		s.help = !s.help
	default:
		return false
	}
	return true
}

// start shows the code screen, and asks early whether codes are taken now, so
// that nobody types everything in vain.
func (t *Terminal) start() {
	t.s.step = stepCode
	t.call(callAdmit, false, func(ctx context.Context) (locker.Answer, error) {
		return t.station.Do(ctx, locker.Admit{})
	})
}

func (t *Terminal) digit(d byte) {
	s := &t.s
	switch s.step {
	case stepAttract:
		if t.closed() == "" {
			t.start()
			t.codeDigit(d)
		}
	case stepCode:
		t.codeDigit(d)
	case stepFactor:
		if len(s.factor) == factorDigits {
			return
		}
		s.message = nil
		s.factor = append(room(s.factor, factorDigits), d)
		if len(s.factor) == factorDigits {
			t.submit()
		}
	case stepChoice:
		_ = t.choose(int(d - '0')) // a digit without a door is no key here
	}
}

// codeDigit takes a digit of the code and goes on when all nine are there and
// the check digit fits.
func (t *Terminal) codeDigit(d byte) {
	s := &t.s
	if len(s.code) == codeDigits {
		return
	}
	s.message = nil
	s.code = append(room(s.code, codeDigits), d)
	if len(s.code) == codeDigits {
		t.codeComplete()
	}
}

// room makes b a buffer that never moves, so that no copy escapes wipe.
func room(b []byte, n int) []byte {
	if b == nil {
		return make([]byte, 0, n)
	}
	return b
}

func (t *Terminal) codeComplete() {
	s := &t.s
	if locker.CheckCode(string(s.code)) {
		s.step, s.message = stepFactor, nil
		return
	}
	s.message = failed("code.typo")
	// The Station counts typing errors; it takes no attempt for one.
	e := firmware.Entry{Session: s.id, Code: slices.Clone(s.code)}
	t.call(callTypo, false, func(ctx context.Context) (locker.Answer, error) { return t.station.Enter(ctx, e) })
}

// enter is the OK key at an entry field; false elsewhere.
func (t *Terminal) enter() bool {
	s := &t.s
	switch s.step {
	case stepAttract:
		if t.closed() == "" {
			t.start()
		}
	case stepCode:
		if len(s.code) == codeDigits {
			t.codeComplete()
			return true
		}
		s.message = failed("code.short")
	case stepFactor:
		if len(s.factor) == factorDigits {
			t.submit()
			return true
		}
		s.message = failed("factor.short")
	default:
		return false
	}
	return true
}

// erase is the correction key at an entry field; false elsewhere.
func (t *Terminal) erase() bool {
	s := &t.s
	switch s.step {
	case stepCode:
		s.code = chop(s.code)
	case stepFactor:
		if len(s.factor) == 0 {
			s.step = stepCode
			clear(s.qr)
			s.qr = nil
		}
		s.factor = chop(s.factor)
	default:
		return false
	}
	s.message = nil
	return true
}

func chop(b []byte) []byte {
	if len(b) == 0 {
		return b
	}
	b[len(b)-1] = 0
	return b[:len(b)-1]
}

// scan takes a QR in place of the nine digits on every screen before a door.
func (t *Terminal) scan(text string) {
	s := &t.s
	switch s.step {
	case stepAttract, stepCode, stepFactor, stepLocked:
	case stepConfirm, stepChoice, stepNotice:
		if s.pulsed {
			return
		}
	default:
		return
	}
	if t.closed() != "" {
		return
	}
	if s.step == stepAttract {
		s.step = stepCode
	}
	qr, err := locker.ParseQR(text)
	if err != nil {
		s.message = failed("code.qr")
		return
	}
	if len(s.granted) > 0 { // somebody's next code: a session of its own, in the same language
		lang, high, large, low := s.lang, s.high, s.large, s.low
		t.leave(t.clock.Now())
		s.lang, s.high, s.large, s.low = lang, high, large, low
	}
	factor := s.factor
	s.factor = nil
	s.wipe()
	s.factor = factor
	s.qr, s.step, s.message = []byte(qr), stepFactor, told("factor.scanned")
}

// submit hands code and factor to the Station.
func (t *Terminal) submit() {
	s := &t.s
	s.step, s.message = stepWorking, nil
	e := s.take()
	s.scanned = e.QR
	t.call(callEnter, true, func(ctx context.Context) (locker.Answer, error) { return t.station.Enter(ctx, e) })
}

// choose opens one of the compartments that the choice screen shows.
func (t *Terminal) choose(n int) error {
	if t.s.step != stepChoice || n > len(t.s.granted) {
		return ErrNotOffered
	}
	if n == 0 {
		return nil
	}
	id := t.s.granted[n-1]
	if !slices.Contains(t.waiting(), id) {
		return ErrNotOffered
	}
	t.open(id, false)
	return nil
}

// open asks the Station to open one of the granted compartments.
func (t *Terminal) open(id locker.DeliveryID, confirmed bool) {
	s := &t.s
	s.current, s.message = id, nil
	ev := locker.OpenNext{Session: s.id, Delivery: id, Confirmed: confirmed}
	t.call(callOpen, true, func(ctx context.Context) (locker.Answer, error) { return t.station.Do(ctx, ev) })
}
