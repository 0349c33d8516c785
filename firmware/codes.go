package firmware

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"

	"abholstation/locker"
)

const drawsMax = 10 // a code that is in use is drawn again

// codeGate keeps one code in the making per owner, and lends out Options.Rand.
type codeGate struct {
	mu     sync.Mutex
	making map[locker.Owner]bool
	rand   sync.Mutex
}

func (g *codeGate) begin(o locker.Owner) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.making[o] {
		return false
	}
	g.making[o] = true
	return true
}

func (g *codeGate) end(o locker.Owner) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.making, o)
}

// lockedReader lets several goroutines draw from one source.
type lockedReader struct {
	mu *sync.Mutex
	r  io.Reader
}

func (l lockedReader) Read(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return io.ReadFull(l.r, p)
}

func (s *Station) random() io.Reader { return lockedReader{&s.codes.rand, s.o.Rand} }

// owned is whom a code is for, as the view has it.
type owned struct {
	cred    locker.Credential
	contact []byte
	lang    string
	items   []*locker.Delivery
}

func ownedBy(st locker.State, o locker.Owner) (owned, bool) {
	if o.Group != 0 {
		g := st.Group(o.Group)
		if g == nil {
			return owned{}, false
		}
		w := owned{cred: g.Credential, contact: g.Contact, lang: g.Lang}
		for _, id := range g.Deliveries {
			if d := st.Delivery(id); d != nil && d.Group == o.Group && !d.State.Ended() {
				w.items = append(w.items, d)
			}
		}
		return w, true
	}
	d := st.Delivery(o.Delivery)
	if d == nil {
		return owned{}, false
	}
	return owned{cred: d.Credential, contact: d.Contact, lang: d.Lang, items: []*locker.Delivery{d}}, true
}

// secret is a code in plain text; it lives as long as the work on it.
type secret struct {
	code, qr       string
	codeTag, qrTag locker.Tag
}

// draw makes a code that no live credential has.
func (s *Station) draw() (secret, error) {
	st := s.view.Load().State
	for range drawsMax {
		code, err := locker.NewCode(s.random())
		if err != nil {
			return secret{}, err
		}
		plain := []byte(code)
		tag := s.o.Keys.CodeTag(plain)
		clear(plain)
		if _, used := st.Lookup(tag, false); used {
			continue
		}
		qr, err := locker.NewQR(s.random())
		if err != nil {
			return secret{}, err
		}
		plain = []byte(qr)
		qrTag := s.o.Keys.QRTag(plain)
		clear(plain)
		return secret{code: code, qr: qr, codeTag: tag, qrTag: qrTag}, nil
	}
	return secret{}, errors.New("cannot draw a code that is not in use: the random source does not vary")
}

// makeCode has a code made for a sealed contact, beside the Station. It is asked
// for again as long as the State wants it.
func (s *Station) makeCode(o locker.Owner) {
	if s.o.Notifier == nil {
		s.health.raise("notices.no_key")
		return
	}
	if !s.codes.begin(o) {
		// One is on its way, perhaps of the generation that was just ended: look
		// again, or nobody would make the next.
		s.codeFailed()
		return
	}
	s.slowly(func(stopping bool) {
		ev, err := locker.CodeMade{}, error(ErrStopping)
		sent := false
		defer func() {
			if sent {
				return
			}
			s.codes.end(o)
			if err != nil {
				s.o.Log.Error("cannot make a code", "delivery", o.Delivery, "group", o.Group, "error", err)
				s.queue.call(func() { s.codeFailed() })
			}
		}()
		if stopping {
			err = nil
			return
		}
		err = errors.New("panic")
		if ev, err = s.codeFor(o); err != nil || ev.CodeTag == nil {
			return
		}
		sent = true
		s.queue.result(item{event: ev, reply: func(_ locker.Answer, err error) {
			s.codes.end(o)
			if err != nil { // overtaken, or the store failed: look again
				s.o.Log.Warn("a code was not taken", "delivery", o.Delivery, "group", o.Group, "error", err)
				s.codeFailed()
			}
		}})
	}, false)
}

// codeFailed tries again a little later.
func (s *Station) codeFailed() {
	s.timers.soonest(codeTimer, s.o.Clock.Now().Add(codeRetry))
}

// codeFor makes the event; without a CodeTag if no code is wanted any more.
func (s *Station) codeFor(o locker.Owner) (locker.CodeMade, error) {
	w, ok := ownedBy(s.view.Load().State, o)
	if !ok || !w.cred.Wanted || len(w.contact) == 0 {
		return locker.CodeMade{}, nil
	}
	sec, err := s.draw()
	if err != nil {
		return locker.CodeMade{}, err
	}
	n := Notice{Code: locker.FormatCode(sec.code), QR: sec.qr, Lang: langOr(w.lang)}
	for _, d := range w.items {
		n.Items = append(n.Items, NoticeItem{Reference: d.Reference, Compartment: d.Compartment, HoldUntil: d.HoldUntil})
	}
	sealed, err := s.sealNotice(n, w.contact)
	if err != nil {
		return locker.CodeMade{}, err
	}
	return locker.CodeMade{
		Owner: o, Generation: w.cred.Generation + 1, CodeTag: sec.codeTag, QRTag: sec.qrTag, Notice: sealed, By: locker.Self,
	}, nil
}

// wantedCodes starts what the State wants and nobody is making.
func (s *Station) wantedCodes() {
	wanted := false
	for _, d := range s.state.Deliveries {
		if d.Wanted {
			wanted = true
			s.makeCode(locker.Owner{Delivery: d.ID})
		}
	}
	for _, g := range s.state.Groups {
		if g.Wanted {
			wanted = true
			s.makeCode(locker.Owner{Group: g.ID})
		}
	}
	if wanted {
		s.codeFailed()
	} else {
		s.health.clear("notices.no_key")
	}
}

// Slip makes the code of a ready delivery, or of a group, that has no contact.
// The plain text is in its result and nowhere else, and it is not returned
// before the code is durable. When ctx ends first a code may have been made that
// nobody knows: it is reissued then.
func (s *Station) Slip(ctx context.Context, by locker.Actor, o locker.Owner) (Slip, error) {
	return await(ctx, func(reply func(Slip, error)) { s.StartSlip(by, o, reply) })
}

// StartSlip is Slip without waiting; reply is called once, as for Offer.
func (s *Station) StartSlip(by locker.Actor, o locker.Owner, reply func(Slip, error)) {
	fail := func(err error) { reply(Slip{}, err) }
	w, ok := ownedBy(s.view.Load().State, o)
	switch {
	case !ok || len(w.items) == 0:
		fail(&locker.Refusal{Code: locker.UnknownDelivery, Delivery: o.Delivery})
		return
	case len(w.contact) > 0:
		fail(&locker.Refusal{Code: locker.HasContact, Delivery: o.Delivery})
		return
	case len(w.cred.CodeTag) > 0:
		fail(&locker.Refusal{Code: locker.CodeExists, Delivery: o.Delivery})
		return
	case !s.codes.begin(o):
		fail(ErrBusy)
		return
	}
	end := func(sl Slip, err error) {
		s.codes.end(o)
		reply(sl, err)
	}
	if !s.clerk(func(stopping bool) { s.slip(by, o, stopping, end) }) {
		end(Slip{}, ErrBusy)
	}
}

func (s *Station) slip(by locker.Actor, o locker.Owner, stopping bool, reply func(Slip, error)) {
	err := error(ErrBusy) // should it panic
	sent := false
	defer func() {
		if !sent {
			reply(Slip{}, err)
		}
	}()
	if stopping {
		err = ErrStopping
		return
	}
	w, ok := ownedBy(s.view.Load().State, o)
	if !ok || len(w.items) == 0 {
		err = &locker.Refusal{Code: locker.UnknownDelivery, Delivery: o.Delivery}
		return
	}
	sec, derr := s.draw()
	if derr != nil {
		err = fmt.Errorf("cannot make a slip: %w", derr)
		return
	}
	first := w.items[0]
	sl := Slip{
		Delivery: o.Delivery, Group: o.Group, Reference: first.Reference, Code: locker.FormatCode(sec.code), QR: sec.qr,
		Compartment: first.Compartment, HoldUntil: first.HoldUntil, Lang: langOr(w.lang),
	}
	sent = true
	s.queue.result(item{
		event: locker.CodeMade{Owner: o, Generation: w.cred.Generation + 1, CodeTag: sec.codeTag, QRTag: sec.qrTag, By: by},
		reply: func(_ locker.Answer, err error) {
			if err != nil {
				sl = Slip{}
			}
			reply(sl, err)
		},
	})
}
