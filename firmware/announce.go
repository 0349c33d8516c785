package firmware

import (
	"context"
	"fmt"
	"io"
	"strings"

	"abholstation/locker"
)

const saltSize = 16

// Announce makes a tag of the factor, seals the contact, and announces the
// delivery. The errors are those of Do, and ErrFactor, which wraps what
// locker.ParseFactor says.
func (s *Station) Announce(ctx context.Context, a Announcement) (locker.Answer, error) {
	return await(ctx, func(reply func(locker.Answer, error)) { s.StartAnnounce(a, reply) })
}

// StartAnnounce is Announce without waiting; reply is called once, as for Offer.
func (s *Station) StartAnnounce(a Announcement, reply func(locker.Answer, error)) {
	s.withFactor(a.Factor, a.Contact, func(salt []byte, tag locker.Tag, contact []byte) locker.Event {
		return locker.Announce{
			By: a.By, Reference: a.Reference, Kinds: a.Kinds, Size: max(a.Size, locker.SizeS), Reachable: a.Reachable,
			Met: a.Met, FactorSalt: salt, FactorTag: tag, Contact: contact, Lang: langOr(a.Lang), HoldDays: a.HoldDays,
		}
	}, reply)
}

// Group puts deliveries of one person under one code, with a factor and, if not
// nil, a contact of its own.
func (s *Station) Group(ctx context.Context, by locker.Actor, ids []locker.DeliveryID, factor string, c *Contact, lang string) (locker.Answer, error) {
	return await(ctx, func(reply func(locker.Answer, error)) { s.StartGroup(by, ids, factor, c, lang, reply) })
}

// StartGroup is Group without waiting; reply is called once, as for Offer.
func (s *Station) StartGroup(by locker.Actor, ids []locker.DeliveryID, factor string, c *Contact, lang string, reply func(locker.Answer, error)) {
	s.withFactor(factor, c, func(salt []byte, tag locker.Tag, contact []byte) locker.Event {
		return locker.MakeGroup{By: by, Deliveries: ids, FactorSalt: salt, FactorTag: tag, Contact: contact, Lang: langOr(lang)}
	}, reply)
}

func langOr(l string) string {
	if l == "" {
		return "de"
	}
	return l
}

// withFactor has an event made of a factor's tag and a sealed contact, and
// commits it. Nothing of the plain text outlives it.
func (s *Station) withFactor(factor string, c *Contact, make func([]byte, locker.Tag, []byte) locker.Event, reply func(locker.Answer, error)) {
	fail := func(err error) { reply(locker.Answer{}, err) }
	if err := locker.ParseFactor(s.o.Factor, factor); err != nil {
		fail(fmt.Errorf("%w: %w", ErrFactor, err))
		return
	}
	sealed, err := s.sealContact(c)
	if err != nil {
		fail(err)
		return
	}
	salt := newSalt()
	if _, err := io.ReadFull(s.random(), salt); err != nil {
		fail(fmt.Errorf("cannot draw a salt: %w", err))
		return
	}
	plain := []byte(factor)
	ok := s.clerk(func(stopping bool) {
		defer clear(plain)
		if stopping {
			fail(ErrStopping)
			return
		}
		made := false
		defer func() {
			if !made {
				fail(ErrBusy)
			}
		}()
		ev := make(salt, s.o.Keys.FactorTag(plain, salt), sealed)
		made = true
		s.queue.result(item{event: ev, reply: reply})
	})
	if !ok {
		clear(plain)
		fail(ErrBusy)
	}
}

func newSalt() []byte { return make([]byte, saltSize) }

// checkContact refuses what no notice could be sent to.
func checkContact(c Contact) *locker.Refusal {
	bad := func(what string) *locker.Refusal { return &locker.Refusal{Code: locker.BadField, What: what} }
	if c.Email == "" && c.Mobile == "" {
		return bad("contact")
	}
	if e := c.Email; e != "" {
		at := strings.LastIndexByte(e, '@')
		if at < 1 || at == len(e)-1 || len(e) > 254 || strings.ContainsFunc(e, func(r rune) bool { return r <= ' ' || r == 0x7f }) {
			return bad("email")
		}
	}
	if m := c.Mobile; m != "" {
		digits := strings.TrimPrefix(m, "+")
		if len(m) == len(digits) || len(digits) < 7 || len(digits) > 15 || digits[0] == '0' || strings.Trim(digits, "0123456789") != "" {
			return bad("mobile")
		}
	}
	return nil
}
