package main

import (
	"crypto/ed25519"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"

	"abholstation/locker"
	"abholstation/locker/store"
)

// filler is a stepper that writes what a station's log is full of: ten records
// of a lifecycle for each Tick. A Block is one step of a pickup: it changes a
// compartment and the counters and writes two records.
type filler struct{ compartments int }

func (f filler) NewState() locker.State {
	st := locker.State{
		Meta:  &locker.Meta{NextDelivery: 1, NextGroup: 1, NextIntent: 1},
		Doors: make([]locker.Sensed, f.compartments),
	}
	for i := range f.compartments {
		st.Compartments = append(st.Compartments, &locker.Compartment{Number: i + 1, Use: locker.Free})
	}
	return st
}

func (f filler) Step(st locker.State, ev locker.Event, now locker.Now) locker.Result {
	st.Clock.Mono, st.Clock.Wall = now.Mono, now.Wall
	meta := *st.Meta
	meta.NextIntent++
	n := 1 + int(meta.NextIntent)%f.compartments
	var recs []locker.Record
	add := func(by locker.Actor, types ...string) {
		for _, t := range types {
			recs = append(recs, locker.Record{Type: t, Actor: by, Delivery: 1, Compartment: n, Intent: meta.NextIntent})
		}
	}
	switch ev := ev.(type) {
	case locker.Tick:
		add("staff:9f3c", "delivery.announced", "door.unlocking", "door.opened", "door.closed", "delivery.loaded")
		add(locker.Self, "delivery.ready")
		add(locker.Citizen, "code.accepted", "door.unlocking", "door.opened", "door.closed")
	case locker.Block:
		st.Compartments = slices.Clone(st.Compartments)
		c := *st.Compartments[n-1]
		c.Cycles++
		c.Blocked = ev.Why
		st.Compartments[n-1] = &c
		st.Meta = &meta
		add(locker.Citizen, "code.accepted", "door.unlocking")
	}
	if len(recs) > 0 {
		st.Meta = &meta
	}
	return locker.Result{State: st, Records: recs}
}

// vault is a store's keys.
type vault struct {
	key    [32]byte
	signer ed25519.PrivateKey
}

func (v vault) options(path string, rules store.Stepper) store.Options {
	wall := time.Now().UTC()
	return store.Options{
		Path: path, Station: "simulation", Rules: rules, Key: v.key, Signer: v.signer,
		MaxSize: 900 << 20, Now: locker.Now{Wall: wall, Synced: true},
	}
}

// grow lets the log of a store grow to so many entries. It is filled in memory,
// where there is a file system for it, and copied.
func (b *bench) grow(v vault, path string, compartments, entries int) error {
	temp, err := os.MkdirTemp("/dev/shm", "figures-")
	if err != nil {
		temp, err = os.MkdirTemp(filepath.Dir(path), "fill-")
	}
	if err != nil {
		return err
	}
	defer os.RemoveAll(temp)
	in := filepath.Join(temp, "station.db")
	if _, err := os.Stat(path); err == nil {
		if err := moveStore(path, in); err != nil {
			return err
		}
	}
	if err := b.fill(v.options(in, filler{compartments}), entries); err != nil {
		return err
	}
	return moveStore(in, path)
}

func (b *bench) fill(o store.Options, entries int) error {
	s, _, err := store.Open(o)
	if err != nil {
		return err
	}
	defer s.Close()
	st := s.State()
	now := locker.Now{Mono: time.Duration(st.Clock.Mono), Wall: time.Now().UTC(), Synced: true}
	for {
		left := entries - int(s.Identity().Seq)
		if left <= 0 {
			return nil
		}
		if err := b.ctx.Err(); err != nil {
			return err
		}
		ticks := make([]locker.Event, 0, 200)
		for range min(cap(ticks), (left+9)/10) {
			ticks = append(ticks, locker.Tick{})
		}
		now.Mono += time.Second
		now.Wall = now.Wall.Add(time.Second)
		if _, err := s.Apply(ticks, now); err != nil {
			return err
		}
		if _, _, err := s.Checkpoint(now); err != nil {
			return err
		}
	}
}

// moveStore copies a store with what stands beside it, and removes the old one.
func moveStore(from, to string) error {
	files, err := filepath.Glob(from + "*")
	if err != nil {
		return err
	}
	for _, f := range files {
		if err := copyFile(f, to+f[len(from):]); err != nil {
			return fmt.Errorf("cannot copy the store: %w", err)
		}
		if err := os.Remove(f); err != nil {
			return err
		}
	}
	return nil
}

func copyFile(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	if _, err := io.Copy(out, in); err != nil {
		out.Close()
		return err
	}
	return out.Close()
}
