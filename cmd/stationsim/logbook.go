package main

import (
	"context"
	"crypto/ed25519"
	"log/slog"
	"slices"
	"sync"
	"time"

	"abholstation/firmware"
	"abholstation/locker/audit"
	"abholstation/locker/store"
)

// message is what arrives on the citizen's phone: the office's notifier has
// opened the notice that the station had sealed.
type message struct {
	At     time.Time             `json:"at"`
	To     string                `json:"to"`
	Lang   string                `json:"lang"`
	Code   string                `json:"code"`
	QR     string                `json:"qr"`
	Items  []firmware.NoticeItem `json:"items"`
	Seq    uint64                `json:"seq"`
	Forged string                `json:"error,omitempty"` // it could not be opened, or its signature is wrong
}

// line is one entry of the audit log, as the page shows it.
type line struct {
	Seq         uint64    `json:"seq"`
	At          time.Time `json:"at"`
	Type        string    `json:"type"`
	Actor       string    `json:"actor"`
	Compartment int       `json:"compartment,omitempty"`
	Delivery    uint64    `json:"delivery,omitempty"`
	Code        string    `json:"code,omitempty"`
	Untrusted   bool      `json:"untrusted,omitempty"`
}

// What is shown, at most.
const (
	linesMax    = 60
	messagesMax = 20
)

// logbook follows the audit log of one life. It is what the office's side of the
// simulation reads; the Station knows nothing of it.
type logbook struct {
	store   *store.Store
	secrets secrets

	mu       sync.Mutex
	after    uint64
	lines    []line    // oldest first
	messages []message // newest first
}

func newLogbook(s *store.Store, keys secrets) *logbook { return &logbook{store: s, secrets: keys} }

// follow reads what is new after every new View, until ctx ends.
func (b *logbook) follow(ctx context.Context, station *firmware.Station, log *slog.Logger) {
	changed, stop := station.Watch()
	defer stop()
	for {
		for {
			entries, err := b.store.Entries(b.after, 500)
			if err != nil && ctx.Err() == nil {
				log.Warn("cannot read the audit log", "err", err)
			}
			if len(entries) == 0 {
				break
			}
			b.add(entries)
		}
		select {
		case <-ctx.Done():
			return
		case <-changed:
		}
	}
}

func (b *logbook) add(entries []audit.Entry) {
	for _, e := range entries {
		m, isMessage := b.open(e)
		b.mu.Lock()
		b.after = e.Seq
		if isMessage {
			b.messages = slices.Insert(b.messages, 0, m)
			b.messages = b.messages[:min(len(b.messages), messagesMax)]
		}
		b.lines = append(b.lines, line{
			Seq: e.Seq, At: e.Wall, Type: e.Record.Type, Actor: string(e.Record.Actor), Compartment: e.Record.Compartment,
			Delivery: uint64(e.Record.Delivery), Code: e.Record.Detail.Code, Untrusted: e.Untrusted,
		})
		b.lines = b.lines[max(0, len(b.lines)-linesMax):]
		b.mu.Unlock()
	}
}

// open does what the notifier does with a sealed notice.
func (b *logbook) open(e audit.Entry) (message, bool) {
	if e.Personal == "" {
		return message{}, false
	}
	p, err := b.store.Personal(e.Seq)
	if err != nil || p == nil || len(p.Notice) == 0 {
		return message{}, false // erased, or of another kind
	}
	m := message{At: e.Wall, Seq: e.Seq}
	n, c, err := firmware.OpenNotice(p.Notice, b.secrets.notifier, b.secrets.signer.Public().(ed25519.PublicKey))
	if err != nil {
		m.Forged = err.Error()
		return m, true
	}
	m.Lang, m.Code, m.QR, m.Items, m.To = n.Lang, n.Code, n.QR, n.Items, c.Mobile
	if m.To == "" {
		m.To = c.Email
	}
	return m, true
}

// shown is what the page shows.
func (b *logbook) shown() ([]line, []message) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return list(slices.Clone(b.lines)), list(slices.Clone(b.messages))
}
