package store_test

import (
	"crypto/ed25519"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"abholstation/locker"
	"abholstation/locker/store"
)

// fake is a small stepper: enough to change every kind of row.
type fake struct{ compartments int }

func (f fake) NewState() locker.State {
	st := locker.State{
		Meta:  &locker.Meta{NextDelivery: 1, NextGroup: 1, NextIntent: 1},
		Doors: make([]locker.Sensed, f.compartments),
	}
	for i := range f.compartments {
		st.Compartments = append(st.Compartments, &locker.Compartment{Number: i + 1, Use: locker.ToCheck})
	}
	return st
}

func (f fake) Step(st locker.State, ev locker.Event, now locker.Now) locker.Result {
	st.Clock.Mono, st.Clock.Wall = now.Mono, now.Wall
	var recs []locker.Record
	switch ev := ev.(type) {
	case locker.Announce:
		meta := *st.Meta
		d := &locker.Delivery{
			ID: meta.NextDelivery, Reference: ev.Reference, Kinds: ev.Kinds, State: locker.Announced, Size: locker.SizeS,
			AnnouncedAt: now.Wall, AnnouncedBy: ev.By, Credential: locker.Credential{Generation: 1, CodeTag: make(locker.Tag, 32), FactorTag: make(locker.Tag, 32), FactorSalt: make([]byte, 16)},
		}
		meta.NextDelivery++
		st.Meta, st.Deliveries = &meta, append(slices.Clip(st.Deliveries), d)
		recs = []locker.Record{{Type: "delivery.announced", Actor: ev.By, Delivery: d.ID, Personal: &locker.Personal{Reference: ev.Reference}}}
	case locker.MakeGroup:
		meta := *st.Meta
		g := &locker.Group{ID: meta.NextGroup, Deliveries: ev.Deliveries}
		meta.NextGroup++
		st.Meta, st.Groups = &meta, append(slices.Clip(st.Groups), g)
		recs = []locker.Record{{Type: "group.made", Actor: ev.By, Group: g.ID, Personal: &locker.Personal{Notice: []byte("sealed")}}}
	case locker.Load:
		st = withDelivery(st, ev.Delivery, func(d *locker.Delivery) { d.State, d.Compartment = locker.Ready, ev.Compartment })
		st = withCompartment(st, ev.Compartment, func(c *locker.Compartment) { c.Use, c.Delivery = locker.Occupied, ev.Delivery; c.Cycles++ })
		recs = []locker.Record{{Type: "delivery.loaded", Actor: ev.By, Delivery: ev.Delivery, Compartment: ev.Compartment}}
	case locker.Cancel: // gone at once, with all that is personal
		if d := st.Delivery(ev.Delivery); d != nil {
			if d.Compartment != 0 {
				st = withCompartment(st, d.Compartment, func(c *locker.Compartment) { c.Use, c.Delivery = locker.Free, 0 })
			}
			st.Deliveries = slices.DeleteFunc(slices.Clone(st.Deliveries), func(d *locker.Delivery) bool { return d.ID == ev.Delivery })
			recs = []locker.Record{{Type: "delivery.erased", Actor: locker.Self, Delivery: ev.Delivery}}
		}
	case locker.Block:
		st = withCompartment(st, ev.Compartment, func(c *locker.Compartment) { c.Blocked = ev.Why })
	case locker.StaffNote:
		recs = []locker.Record{{Type: ev.Type, Actor: ev.By}}
	case locker.Present: // the records of one step of a pickup
		st = step(st, locker.DeliveryID(ev.Session))
		meta := *st.Meta
		meta.NextIntent++
		st.Meta = &meta
		d := st.Delivery(locker.DeliveryID(ev.Session))
		recs = []locker.Record{
			{Type: "code.accepted", Actor: locker.Citizen, Delivery: d.ID, Compartment: d.Compartment},
			{Type: "door.unlocking", Actor: locker.Citizen, Delivery: d.ID, Compartment: d.Compartment, Intent: meta.NextIntent},
		}
	case locker.Tick:
		st.Started = !st.Started
	}
	return locker.Result{State: st, Records: recs}
}

// step changes the rows that a step of a pickup changes.
func step(st locker.State, id locker.DeliveryID) locker.State {
	st = withDelivery(st, id, func(d *locker.Delivery) { d.State = locker.Opening })
	return withCompartment(st, st.Delivery(id).Compartment, func(c *locker.Compartment) { c.Cycles++ })
}

var (
	testKey    = [32]byte{1, 2, 3}
	testSigner = ed25519.NewKeyFromSeed(make([]byte, 32))
	start      = time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
)

func at(n int) locker.Now {
	return locker.Now{Mono: time.Duration(n) * time.Second, Wall: start.Add(time.Duration(n) * time.Second)}
}

func options(dir string) store.Options {
	return store.Options{
		Path: filepath.Join(dir, "station.db"), Station: "rathaus", Rules: fake{8}, Key: testKey,
		Signer: testSigner, MaxSize: 8 << 20, Now: at(0),
	}
}

// memoryDir is a directory in memory, where there is one: for the tests that
// open some thousand stores and do not need the disk for it.
func memoryDir(t testing.TB) string {
	dir, err := os.MkdirTemp("/dev/shm", "store")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

func open(t testing.TB, o store.Options) *store.Store {
	t.Helper()
	s, _, err := store.Open(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func apply(t testing.TB, s *store.Store, n int, events ...locker.Event) {
	t.Helper()
	if _, err := s.Apply(events, at(n)); err != nil {
		t.Fatal(err)
	}
}

func announce(ref string) locker.Event {
	return locker.Announce{By: "staff:1", Reference: ref, Kinds: []string{"passport"}}
}

// stored is what must be there again after a restart.
func stored(st locker.State) string {
	b, err := json.Marshal([]any{st.Compartments, append([]*locker.Delivery{}, st.Deliveries...), append([]*locker.Group{}, st.Groups...), st.Meta})
	if err != nil {
		panic(err)
	}
	return string(b)
}

func withDelivery(st locker.State, id locker.DeliveryID, change func(*locker.Delivery)) locker.State {
	st.Deliveries = slices.Clone(st.Deliveries)
	for i, d := range st.Deliveries {
		if d.ID == id {
			n := *d
			change(&n)
			st.Deliveries[i] = &n
		}
	}
	return st
}

func withCompartment(st locker.State, number int, change func(*locker.Compartment)) locker.State {
	st.Compartments = slices.Clone(st.Compartments)
	i := st.Index(number)
	n := *st.Compartments[i]
	change(&n)
	st.Compartments[i] = &n
	return st
}

var _ store.Stepper = (*locker.Rules)(nil)

type ed25519Key = ed25519.PublicKey
