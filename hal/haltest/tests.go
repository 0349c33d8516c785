package haltest

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"abholstation/hal"
)

func inventoryIsStable(t *testing.T, b *bench) {
	before := b.Cabinet.Inventory()
	if len(before) < 3 {
		t.Fatalf("the suite needs 3 locks, the rig has %d", len(before))
	}
	if !slices.IsSortedFunc(before, func(a, b hal.Lock) int { return int(a.ID) - int(b.ID) }) {
		t.Error("locks are not in ascending order")
	}
	want := slices.Clone(before)
	before[0].ID = 65535 // what the caller got is the caller's
	b.start()
	b.unlock(b.id(1))
	if !slices.Equal(b.Cabinet.Inventory(), want) {
		t.Error("the inventory has changed")
	}
}

func unlockPulsesOnce(t *testing.T, b *bench) {
	b.start()
	id := b.id(1)
	r := b.unlock(id)
	if r.Pulse != hal.Sent || !r.End.After(r.Start) {
		t.Errorf("report %+v, want a sent pulse with begin and end", r)
	}
	b.pass(2 * b.Cool)
	ps := b.World.Pulses()
	if len(ps) != 1 || ps[0].Lock != id {
		t.Errorf("pulses seen: %v, want one of lock %d", ps, id)
	}
}

func unknownLockIsRefused(_ *testing.T, b *bench) {
	b.start()
	inv := b.Cabinet.Inventory()
	b.refused(context.Background(), inv[len(inv)-1].ID+1, hal.ErrUnknownLock)
}

func pulseIsBounded(t *testing.T, b *bench) {
	b.start()
	for i := range 3 {
		b.unlock(b.id(i))
	}
	limit := min(b.Pulse, time.Second) + 10*time.Millisecond
	for _, p := range b.World.Pulses() {
		if d := p.End.Sub(p.Start); d <= 0 || d > limit {
			t.Errorf("lock %d was on for %s, want at most %s", p.Lock, d, limit)
		}
	}
}

func coolDownIsKept(t *testing.T, b *bench) {
	b.start()
	id := b.id(0)
	b.unlock(id)
	b.pass(b.Cool / 2)
	ctx, cancel := context.WithTimeout(context.Background(), b.Cool/4)
	defer cancel()
	asked := b.Clock.Now()
	b.refused(ctx, id, hal.ErrCooldown)
	if d := b.Clock.Now().Sub(asked); d > b.Cool/4 {
		t.Errorf("the refusal took %s, longer than its context", d)
	}
	b.unlock(id) // no deadline: waits
	ps := b.World.Pulses()
	if len(ps) != 2 {
		t.Fatalf("%d pulses, want 2", len(ps))
	}
	if rest := ps[1].Start.Sub(ps[0].End); rest < b.Cool {
		t.Errorf("the lock rested %s, want at least %s", rest, b.Cool)
	}
}

func unlocksDoNotOverlap(t *testing.T, b *bench) {
	b.start()
	var wg sync.WaitGroup
	for i := range 3 {
		wg.Go(func() { b.unlock(b.id(i)) })
		wg.Go(func() { b.unlock(b.id(i)) }) // once more: cool-downs in parallel
	}
	wg.Wait()
	ps := b.World.Pulses()
	if len(ps) != 6 {
		t.Fatalf("%d pulses, want 6", len(ps))
	}
	for i, p := range ps[1:] {
		if gap := p.Start.Sub(ps[i].End); gap < b.Gap {
			t.Errorf("lock %d began %s after lock %d, want at least %s", p.Lock, gap, ps[i].Lock, b.Gap)
		}
	}
}

func cancelSwitchesOff(t *testing.T, b *bench) {
	b.start()
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		b.pass(b.Pulse / 2)
		cancel()
	}()
	r, err := b.Cabinet.Unlock(ctx, b.id(0))
	if r.Pulse == hal.NotSent && err == nil {
		t.Error("an unlock that was cancelled in its pulse says that nothing was sent")
	}
	b.pass(time.Second)
	ps := b.World.Pulses()
	if n := b.World.CoilsOn(); n != 0 || len(ps) != 1 || ps[0].End.IsZero() {
		t.Errorf("%d coils on, pulses %v; want one that has ended", n, ps)
	}
}

func cancelWhileWaiting(_ *testing.T, b *bench) {
	b.start()
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	b.refused(ctx, b.id(0), hal.ErrNotSent)
}

func snapshotIsFresh(t *testing.T, b *bench) {
	// Without Run nothing is polled, so only a real reading can know.
	id := b.id(1)
	for _, open := range []bool{false, true, false, true} {
		if open {
			b.do(b.World.Pry(int(id)))
		} else if b.door(id).Open == hal.Yes {
			b.do(b.World.Close(int(id)))
		}
		b.pass(time.Second)
		now := b.Clock.Now()
		want := hal.No
		if open {
			want = hal.Yes
		}
		if d := b.door(id); d.Open != want || d.Quality != hal.Fresh || d.At.Before(now) {
			t.Errorf("door %+v, want open %d, fresh, read after %s", d, want, now)
		}
	}
}

func unreadableIsUnknown(t *testing.T, b *bench) {
	b.start()
	id := b.id(2)
	b.do(b.World.CutDoorWire(int(id), true))
	if d := b.door(id); !unknown(d) {
		t.Errorf("snapshot says %+v of a door that can not be read", d)
	}
	if d := b.door(b.id(0)); d.Quality != hal.Fresh || d.Open != hal.No {
		t.Errorf("snapshot says %+v of another door", d)
	}
	b.pass(time.Second)
	es := b.told()
	if len(es) != 1 || es[0].Lock != id || !unknown(es[0].After) {
		t.Errorf("told %+v, want one event that door %d is unknown", es, id)
	}
	b.do(b.World.CutDoorWire(int(id), false))
	b.pass(time.Second)
	es = b.told()
	if len(es) != 1 || es[0].Lock != id || es[0].After.Open != hal.No || es[0].After.Quality != hal.Fresh {
		t.Errorf("told %+v, want one event that door %d is closed", es, id)
	}
}

func unpluggedIsUnknown(t *testing.T, b *bench) {
	b.start()
	b.World.Unplug(true)
	b.pass(10 * time.Second)
	unread := map[hal.LockID]bool{}
	for _, e := range b.told() {
		if e.Kind == hal.DoorChanged && unknown(e.After) {
			unread[e.Lock] = true
		}
	}
	if len(unread) != len(b.Cabinet.Inventory()) {
		t.Errorf("%d doors were told unknown, want all", len(unread))
	}
	if s, err := b.Cabinet.Snapshot(context.Background()); err == nil && slices.ContainsFunc(s.Doors, func(d hal.DoorState) bool { return !unknown(d) }) {
		t.Errorf("a snapshot without a connection says %+v", s.Doors)
	}
	if len(b.Cabinet.Health()) == 0 {
		t.Error("an unplugged cabinet is healthy")
	}
	before := len(b.World.Pulses())
	if r, err := b.Cabinet.Unlock(context.Background(), b.id(0)); err == nil || r.Pulse == hal.Sent {
		t.Errorf("Unlock without a connection = %+v, %v", r, err)
	}
	b.World.Unplug(false)
	b.pass(20 * time.Second)
	if n := len(b.World.Pulses()); n != before {
		t.Error("an unlock was sent later, when the connection came back")
	}
	if h := b.Cabinet.Health(); len(h) != 0 {
		t.Errorf("reconnected, but still %v", h)
	}
}

func eventsAreOrdered(t *testing.T, b *bench) {
	b.start()
	seq := uint64(0)
	last := map[hal.LockID]hal.DoorState{}
	for i := range 3 {
		s, _ := b.Cabinet.Snapshot(context.Background())
		last[b.id(i)] = s.Doors[i]
	}
	for round := range 3 {
		for i := range 3 {
			b.do(b.World.Pry(int(b.id(i))))
			b.pass(time.Second)
			b.do(b.World.Close(int(b.id(i))))
			b.pass(time.Second)
		}
		var opens []hal.Tri
		for _, e := range b.told() {
			if seq != 0 && e.Seq != seq+1 {
				t.Errorf("event %d follows event %d", e.Seq, seq)
			}
			seq = e.Seq
			if l := last[e.Lock]; e.Before.Open != l.Open || e.Before.Locked != l.Locked || e.Before.Item != l.Item {
				t.Errorf("event %d of lock %d says that before was %+v, but it was %+v", e.Seq, e.Lock, e.Before, l)
			}
			last[e.Lock] = e.After
			if e.Before.Open != e.After.Open {
				opens = append(opens, e.After.Open)
			}
		}
		if want := []hal.Tri{hal.Yes, hal.No, hal.Yes, hal.No, hal.Yes, hal.No}; !slices.Equal(opens, want) {
			t.Errorf("round %d: doors were told %v, want %v", round, opens, want)
		}
	}
}

// bounceIsSuppressed lets contacts bounce for longer than the interval of fast
// polls, which is when polls without debouncing would tell movements that never
// were.
func bounceIsSuppressed(t *testing.T, b *bench) {
	b.start()
	id := b.id(2)
	b.do(b.World.Bounce(int(id), 30*time.Millisecond))
	const rounds, each = 20, 4
	for range rounds {
		b.unlock(b.id(0)) // polls are fast for a while
		for range each {
			b.do(b.World.Pry(int(id)))
			b.pass(233 * time.Millisecond) // out of step with the polls
			b.do(b.World.Close(int(id)))
			b.pass(237 * time.Millisecond)
		}
	}
	n := 0
	for _, e := range b.told() {
		if e.Lock == id && e.Before.Open != e.After.Open {
			n++
		}
	}
	if n != 2*rounds*each {
		t.Errorf("%d movements were told as %d", 2*rounds*each, n)
	}
}

func offAtStart(t *testing.T, b *bench) {
	b.do(b.World.LeaveOn(int(b.id(1))))
	b.start()
	if n := b.World.CoilsOn(); n != 0 {
		t.Errorf("%d coils are on after the start", n)
	}
}

func offAtEnd(t *testing.T, b *bench) {
	b.start()
	unlocked := make(chan struct{})
	go func() {
		_, _ = b.Cabinet.Unlock(context.Background(), b.id(0))
		close(unlocked)
	}()
	b.pass(b.Pulse / 2)
	b.stop() // in the middle of the pulse
	if n := b.World.CoilsOn(); n != 0 {
		t.Errorf("%d coils are on when Run has returned", n)
	}
	<-unlocked
}

func strayOffAtEnd(t *testing.T, b *bench) {
	b.start()
	b.do(b.World.LeaveOn(int(b.id(1))))
	b.stop()
	if n := b.World.CoilsOn(); n != 0 {
		t.Errorf("%d coils are on when Run has returned", n)
	}
}

func inhibitedAfterEnd(_ *testing.T, b *bench) {
	b.start()
	b.stop()
	b.refused(context.Background(), b.id(0), hal.ErrInhibited)
}

func powerIsRequired(t *testing.T, b *bench) {
	b.start()
	b.World.Mains(false)
	b.pass(time.Second)
	es := b.told()
	if len(es) != 1 || es[0].Kind != hal.InputChanged || es[0].Input != hal.MainsFail || !es[0].Active {
		t.Errorf("told %+v, want that the mains have failed", es)
	}
	b.refused(context.Background(), b.id(0), hal.ErrPowerLow)
	b.World.Mains(true)
	b.pass(time.Second)
	if es := b.told(); len(es) != 1 || es[0].Active {
		t.Errorf("told %+v, want that the mains are back", es)
	}
	b.unlock(b.id(0))
}

func errorBefore(_ *testing.T, b *bench) {
	b.start()
	b.do(b.World.FailPulse(int(b.id(0)), false))
	b.refused(context.Background(), b.id(0), hal.ErrNotSent)
	b.unlock(b.id(0)) // and no cool-down for what never was
}

func errorAfter(t *testing.T, b *bench) {
	b.start()
	id := b.id(0)
	b.do(b.World.FailPulse(int(id), true))
	r, err := b.Cabinet.Unlock(context.Background(), id)
	if !errors.Is(err, hal.ErrOutcomeUnknown) || r.Pulse == hal.NotSent {
		t.Errorf("Unlock = pulse %d, %v; want an unknown outcome", r.Pulse, err)
	}
	b.pass(2 * b.Cool)
	if n := len(b.World.Pulses()); n != 1 {
		t.Errorf("%d pulses, want 1: an unknown outcome is never repeated", n)
	}
	if n := b.World.CoilsOn(); n != 0 {
		t.Errorf("%d coils are on", n)
	}
}

// unknown says whether nothing is claimed of a door.
func unknown(d hal.DoorState) bool {
	return d.Open == hal.Unknown && d.Locked == hal.Unknown && d.Item == hal.Unknown && d.Quality == hal.Fault
}
