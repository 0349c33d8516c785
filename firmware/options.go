package firmware

import (
	"context"
	"crypto/ed25519"
	"crypto/hpke"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"abholstation/hal"
	"abholstation/locker"
	"abholstation/locker/store"
)

// Store is what a Station needs of its store; *store.Store has it. Apply,
// ApplyWithDocument and Checkpoint are called by one goroutine at a time; the
// others may be called beside them.
type Store interface {
	State() locker.State
	Apply(events []locker.Event, now locker.Now) ([]locker.Result, error)
	ApplyWithDocument(name string, value []byte, events []locker.Event, now locker.Now) ([]locker.Result, error)
	Document(name string) []byte
	Checkpoint(now locker.Now) (signed []byte, grew bool, err error)
	Snapshot(now locker.Now) error
	Entries(after uint64, limit int) ([]store.Entry, error)
	Space() float64 // share that is used, 0…1
}

var _ Store = (*store.Store)(nil)

// Options are what a Station is made of. Store, Cabinet, Rules, Clock, Keys,
// Factor and Signer are required.
type Options struct {
	Store   Store
	Cabinet hal.Cabinet
	Rules   *locker.Rules
	Clock   Clock
	Keys    locker.Keys
	Factor  locker.FactorKind
	// Notifier is the office's key that contacts and notices are sealed to (see
	// Notice). Nil: contacts are refused, and every code is a slip.
	Notifier hpke.PublicKey
	// Signer is the station's identity; it signs notices.
	Signer ed25519.PrivateKey
	// Rand is where codes and salts come from; default crypto/rand. (HPKE draws
	// its own ephemeral keys from crypto/rand in any case.)
	Rand io.Reader
	Log  *slog.Logger // default: discarded

	// Go runs slow work beside the Station. Default: a goroutine that Run waits
	// for. A simulation that drives Pump itself appends f to a list and runs it
	// when it likes.
	Go func(name string, f func())
	// WithTimeout bounds slow work; default context.WithTimeout. Simulations in
	// virtual time bring their own.
	WithTimeout func(context.Context, time.Duration) (context.Context, context.CancelFunc)

	QueueSize       int           // what people may have waiting; default 64
	HealthEvery     time.Duration // how often the cabinet is asked for its health; default 5 s
	CheckpointEvery time.Duration // default 60 s
	CheckpointAfter int           // or after that many entries; default 100
	SnapshotEvery   time.Duration // default 24 h
}

// Bounds of what runs beside the Station.
const (
	readWithin  = 5 * time.Second        // a reading of the whole cabinet
	bootWithin  = 10 * time.Second       // the first one, before the Station starts without
	readRetry   = 500 * time.Millisecond // after a failed reading …
	readTries   = 3                      // … so many times, then everything is Unknown
	readPause   = 5 * time.Second        // between tries after that
	storeRetry  = time.Second            // after a failed commit
	batchMax    = 32                     // of people's events in one commit
	patience    = 30 * time.Second       // of people: what could not be committed until then is refused
	staffJobs   = 16                     // argon2 runs that staff may have waiting
	pulseTail   = 2 * time.Second        // left of the observation window when a pulse may begin at the latest
	stopPulses  = 2 * time.Second        // shutdown waits for pulses in flight
	stopWork    = 5 * time.Second        // and then for everything else
	codeRetry   = time.Minute            // after a code could not be made
	firstCopy   = 10 * time.Minute       // after the start: a station that restarts often has snapshots, too
	cabinetBack = 30 * time.Second       // longest pause before the cabinet is started again
)

func (o *Options) fill() error {
	missing := []struct {
		name string
		ok   bool
	}{
		{"Store", o.Store != nil},
		{"Cabinet", o.Cabinet != nil},
		{"Rules", o.Rules != nil},
		{"Clock", o.Clock != nil},
		{"Factor", o.Factor != ""},
		{"Signer", len(o.Signer) == ed25519.PrivateKeySize},
	}
	for _, m := range missing {
		if !m.ok {
			return fmt.Errorf("cannot make a station without %s", m.name)
		}
	}
	if o.Rand == nil {
		o.Rand = rand.Reader
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.WithTimeout == nil {
		o.WithTimeout = context.WithTimeout
	}
	if o.Go == nil {
		o.Go = func(_ string, f func()) { go f() }
	}
	if o.QueueSize < 0 || o.CheckpointAfter < 0 {
		return errors.New("cannot make a station with a negative limit")
	}
	o.QueueSize = orDefault(o.QueueSize, 64)
	o.CheckpointAfter = orDefault(o.CheckpointAfter, 100)
	o.HealthEvery = orDefault(o.HealthEvery, 5*time.Second)
	o.CheckpointEvery = orDefault(o.CheckpointEvery, time.Minute)
	o.SnapshotEvery = orDefault(o.SnapshotEvery, 24*time.Hour)
	return nil
}

func orDefault[T int | time.Duration](v, d T) T {
	if v == 0 {
		return d
	}
	return v
}

// lockOrder is where each lock stands in the cabinet's readings. Every lock of the
// layout must be there.
func lockOrder(cabinet hal.Cabinet, places []locker.Place) (map[hal.LockID]int, error) {
	order := map[hal.LockID]int{}
	for i, l := range cabinet.Inventory() {
		order[l.ID] = i
	}
	for _, p := range places {
		if _, ok := order[hal.LockID(p.Lock)]; !ok {
			return nil, fmt.Errorf("cannot drive compartment %d: the cabinet has no lock %d", p.Number, p.Lock)
		}
	}
	return order, nil
}
