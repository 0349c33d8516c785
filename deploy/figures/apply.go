package main

import (
	"crypto/ed25519"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"abholstation/locker"
	"abholstation/locker/store"
)

// applyRatio compares Apply on a short and on a long log, turn by turn in one
// run, so that a slow moment of the machine meets both.
func applyRatio(b *bench) ([]figure, error) {
	v := vault{key: [32]byte{1}, signer: ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))}
	sizes := [2]int{100, 1_000_000}
	var paths [2]string
	for i, n := range sizes {
		b.say("  filling a log with %d entries", n)
		paths[i] = filepath.Join(b.temp, fmt.Sprintf("apply-%d.db", n))
		if err := b.grow(v, paths[i], 100, n); err != nil {
			return nil, err
		}
	}
	disk, err := b.applyTurns(v, paths, 400)
	if err != nil {
		return nil, err
	}
	how := fmt.Sprintf("median of 400 turns on disk: %s : %s", round(disk[1]), round(disk[0]))
	if temp, err := os.MkdirTemp("/dev/shm", "figures-"); err == nil {
		defer os.RemoveAll(temp)
		var there [2]string
		for i, p := range paths {
			there[i] = filepath.Join(temp, filepath.Base(p))
			if err := moveStore(p, there[i]); err != nil {
				return nil, err
			}
		}
		mem, err := b.applyTurns(v, there, 2000)
		if err != nil {
			return nil, err
		}
		how += fmt.Sprintf("; in memory, without fsync, median of 2000: %s : %s = %.2f x", round(mem[1]), round(mem[0]), ratio(mem))
	}
	return []figure{{
		name: "Apply, 1 000 000 : 100 entries", goal: "<= 1.2 x", measured: fmt.Sprintf("%.2f x", ratio(disk)),
		ok: ratio(disk) <= 1.2, how: how,
	}}, nil
}

func ratio(d [2]time.Duration) float64 { return float64(d[1]) / float64(d[0]) }

func (b *bench) applyTurns(v vault, paths [2]string, turns int) (med [2]time.Duration, err error) {
	var stores [2]*store.Store
	for i, p := range paths {
		if stores[i], _, err = store.Open(v.options(p, filler{100})); err != nil {
			return med, err
		}
		defer stores[i].Close()
	}
	var took [2][]time.Duration
	now := locker.Now{Mono: 1 << 50, Wall: time.Now().UTC().Add(time.Hour), Synced: true}
	for turn := range turns {
		if err := b.ctx.Err(); err != nil {
			return med, err
		}
		now.Mono += time.Second
		for k := range stores {
			i := (k + turn) % 2 // neither is always the first
			began := time.Now()
			if _, err := stores[i].Apply([]locker.Event{locker.Block{Why: strings.Repeat("x", turn%8)}}, now); err != nil {
				return med, err
			}
			took[i] = append(took[i], time.Since(began))
			if turn%33 == 32 { // as often as a station does
				if _, _, err := stores[i].Checkpoint(now); err != nil {
					return med, err
				}
			}
		}
	}
	return [2]time.Duration{median(took[0]), median(took[1])}, nil
}

func median[T int64 | time.Duration](v []T) T {
	if len(v) == 0 {
		return 0
	}
	v = slices.Clone(v)
	slices.Sort(v)
	return v[len(v)/2]
}

func round(d time.Duration) time.Duration {
	if d < 10*time.Millisecond {
		return d.Round(time.Microsecond)
	}
	return d.Round(100 * time.Microsecond)
}
