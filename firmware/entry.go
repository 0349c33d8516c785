package firmware

import (
	"context"
	"strconv"
	"sync"
	"time"

	"abholstation/locker"
)

const (
	typosPerMinute = 30
	typoEvery      = time.Minute // one record for all typing errors in it
)

// entryGate lets one entry in at a time and counts typing errors.
type entryGate struct {
	mu    sync.Mutex
	busy  bool
	from  time.Time // of the minute in which typos are counted
	typos int
}

func (g *entryGate) enter() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	was := g.busy
	g.busy = true
	return !was
}

func (g *entryGate) leave() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.busy = false
}

// typo counts one and says what the citizen is told.
func (g *entryGate) typo(now time.Time) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if now.Sub(g.from) >= time.Minute {
		g.from, g.typos = now, 0
	}
	if g.typos++; g.typos > typosPerMinute {
		return ErrTypoRate
	}
	return nil
}

// limited says whether too many typos were made in this minute.
func (g *entryGate) limited(now time.Time) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return now.Sub(g.from) < time.Minute && g.typos >= typosPerMinute
}

// Enter takes what a citizen typed or scanned: grammar first, then admission,
// then always the same work whether or not the code exists (two argon2id runs
// for digits, one for a QR code), then locker.Present. One entry at a time; a
// second one gets ErrBusy. When ctx ends first, the door may still open.
func (s *Station) Enter(ctx context.Context, e Entry) (locker.Answer, error) {
	return await(ctx, func(reply func(locker.Answer, error)) { s.StartEnter(e, reply) })
}

// StartEnter is Enter without waiting; reply is called once, as for Offer. Both
// slices of e are wiped before that, and belong to the Station until then.
func (s *Station) StartEnter(e Entry, reply func(locker.Answer, error)) {
	done := func(a locker.Answer, err error) {
		clear(e.Code)
		clear(e.Factor)
		reply(a, err)
	}
	if err := s.grammar(&e); err != nil {
		done(locker.Answer{}, err)
		return
	}
	if !s.entry.enter() {
		done(locker.Answer{}, ErrBusy)
		return
	}
	leave := func(a locker.Answer, err error) {
		s.entry.leave()
		done(a, err)
	}
	s.Offer(locker.Admit{QR: e.QR}, func(_ locker.Answer, err error) {
		if err != nil {
			leave(locker.Answer{}, err)
			return
		}
		s.citizen(func(stopping bool) { s.present(e, stopping, leave) })
	})
}

// present makes the tags, beside the Station.
func (s *Station) present(e Entry, stopping bool, reply func(locker.Answer, error)) {
	if stopping {
		reply(locker.Answer{}, ErrStopping)
		return
	}
	made := false
	defer func() {
		if !made { // a panic is under way
			reply(locker.Answer{}, ErrBusy)
		}
	}()
	var tag locker.Tag
	if e.QR {
		tag = s.o.Keys.QRTag(e.Code)
	} else {
		tag = s.o.Keys.CodeTag(e.Code)
	}
	// Looked up after the first run: the state may have changed meanwhile, and
	// Step looks again in any case.
	salt, ok := s.view.Load().State.Lookup(tag, e.QR)
	if dummy := s.o.Keys.DummySalt(tag); !ok {
		salt = dummy
	}
	ev := locker.Present{Session: e.Session, QR: e.QR, CodeTag: tag, FactorTag: s.o.Keys.FactorTag(e.Factor, salt), Salt: salt}
	made = true
	s.queue.result(item{event: ev, reply: reply})
}

// grammar checks the form and brings the code into the form of which tags are
// made. Its errors cost no attempt.
func (s *Station) grammar(e *Entry) error {
	now := s.o.Clock.Now()
	if s.entry.limited(now) {
		return ErrTypoRate
	}
	var code string
	var err error
	if e.QR {
		code, err = locker.ParseQR(string(e.Code))
	} else {
		code, err = locker.ParseCode(string(e.Code))
	}
	if err != nil {
		s.queue.call(func() { s.typed() })
		if err := s.entry.typo(now); err != nil {
			return err
		}
		return ErrTypo
	}
	if len(e.Factor) != 4 {
		return ErrFactor
	}
	for _, c := range e.Factor {
		if c < '0' || c > '9' {
			return ErrFactor
		}
	}
	// In place, so that wiping the caller's slice wipes the code.
	e.Code = e.Code[:copy(e.Code, code)]
	return nil
}

// typed counts a typing error for the record of this minute.
func (s *Station) typed() {
	s.typos++
	s.timers.soonest(typoTimer, s.o.Clock.Now().Add(typoEvery))
}

// recordTypos puts the typing errors of the last minute into the log as one
// record.
func (s *Station) recordTypos() {
	s.pending = append(s.pending, item{event: locker.Observed{Type: "code.typos", Code: strconv.Itoa(s.typos)}})
	s.typos = 0
}
