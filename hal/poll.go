package hal

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// errUnlockWaits ends a poll cycle early because an unlock wants the bus.
var errUnlockWaits = errors.New("an unlock goes first")

func (g *Governor) newReading() Reading {
	return Reading{Doors: make([]DoorState, len(g.locks)), Inputs: make(map[Input]bool, 4)}
}

// read fills r with one reading of the driver. What the driver could not read,
// or has no sensor for, is Unknown; nothing becomes "closed" or "empty" here.
func (g *Governor) read(ctx context.Context, r *Reading) error {
	for i := range r.Doors {
		r.Doors[i] = DoorState{Quality: Fault}
	}
	clear(r.Inputs)
	if err := g.drv.Read(ctx, r); err != nil {
		return err
	}
	if len(r.Doors) != len(g.locks) {
		n := len(r.Doors)
		*r = g.newReading()
		return fmt.Errorf("the driver has read %d locks of %d", n, len(g.locks))
	}
	for i := range r.Doors {
		d := &r.Doors[i]
		if d.Quality != Fresh || d.Open == Unknown {
			*d = DoorState{Quality: Fault}
			continue
		}
		if !g.locks[i].HasLatch {
			d.Locked = Unknown
		}
		if !g.locks[i].HasItem {
			d.Item = Unknown
		}
	}
	g.readAt = g.clock.Now()
	return nil
}

// readStable reads into first and second until they are equal, at most rounds
// more times. A poll (one round) is content with a single reading that says what
// is known already, and stands back for an unlock when yield says so.
func (g *Governor) readStable(ctx context.Context, rounds int, yield func() bool) error {
	if err := g.read(ctx, &g.first); err != nil {
		return err
	}
	if rounds == 1 && !g.differs() {
		copy(g.second.Doors, g.first.Doors)
		return nil
	}
	for range rounds {
		if yield() {
			return errUnlockWaits
		}
		if err := g.clock.Sleep(ctx, g.opt.Debounce); err != nil {
			return err
		}
		g.first, g.second = g.second, g.first
		if err := g.read(ctx, &g.first); err != nil {
			return err
		}
		if g.settled() {
			return nil
		}
	}
	return nil
}

// differs says whether first shows a change that has to be confirmed. A door
// that can not be read needs no confirmation.
func (g *Governor) differs() bool {
	for i, d := range g.first.Doors {
		if d.Quality != Fault && !sameValues(d, g.known[i]) {
			return true
		}
	}
	return false
}

func (g *Governor) settled() bool {
	for i, d := range g.first.Doors {
		if !sameValues(d, g.second.Doors[i]) {
			return false
		}
	}
	return true
}

// pollOwned makes one poll cycle and collects its events. It holds the bus.
func (g *Governor) pollOwned(ctx context.Context) error {
	g.pollAt = g.clock.Now()
	if !g.off && !g.stopped {
		// A pulse ended in doubt, or step mode begins: first of all, off.
		if err := g.allOff(context.WithoutCancel(ctx)); err != nil {
			g.allUnread()
			return err
		}
	}
	err := g.readStable(ctx, 1, func() bool { return g.waiting.Load() > 0 })
	switch {
	case err == nil:
		g.failing = time.Time{}
		g.takeInputs()
		g.takeDoors()
		g.note()
		return nil
	case errors.Is(err, errUnlockWaits), ctx.Err() != nil:
		return nil // nothing is lost: the next cycle reads it again
	default:
		g.allUnread()
		return err
	}
}

// takeDoors compares the confirmed reading with what was known.
func (g *Governor) takeDoors() {
	now := g.clock.Now()
	for i := range g.known {
		d, k := g.first.Doors[i], &g.known[i]
		switch {
		case sameValues(d, *k):
			k.At = now
		case d.Quality == Fault, sameValues(d, g.second.Doors[i]):
			g.learn(i, d, now)
		default: // bouncing: the next cycle will tell
			g.fastTill = later(g.fastTill, now.Add(g.opt.Poll))
		}
	}
}

// allUnread makes every door Unknown, at once.
func (g *Governor) allUnread() {
	now := g.clock.Now()
	if g.failing.IsZero() {
		g.failing = now
	}
	for i := range g.known {
		if g.known[i].Quality != Fault {
			g.learn(i, DoorState{Quality: Fault}, now)
		}
	}
	g.note()
}

// learn makes d known and tells of it.
func (g *Governor) learn(i int, d DoorState, now time.Time) {
	before := g.known[i]
	d.At, d.Changed = now, now
	g.known[i] = d
	g.emit(Event{Kind: DoorChanged, At: now, Lock: g.locks[i].ID, Before: before, After: d})
}

// takeInputs tells of changed contacts of the case. An input that is seen for
// the first time is told only if it is active.
func (g *Governor) takeInputs() {
	for i, in := range [...]Input{MainsFail, CaseTamper, Vibration, ServiceKey} { // in a fixed order
		active, ok := g.first.Inputs[in]
		if ok && g.inputs[i] != active {
			g.emit(Event{Kind: InputChanged, At: g.readAt, Input: in, Active: active})
			g.inputs[i] = active
		}
	}
}

func (g *Governor) emit(e Event) {
	g.seq++
	e.Seq = g.seq
	g.events = append(g.events, e)
}

// pause is the time until the next poll. While unlocks wait, polls stand back,
// but for no longer than a second: a row of unlocks must not blind the station.
func (g *Governor) pause() time.Duration {
	<-g.bus
	defer g.release()
	if g.waiting.Load() > 0 && g.clock.Now().Sub(g.pollAt) < time.Second {
		return g.opt.FastPoll
	}
	if g.clock.Now().Before(g.fastTill) {
		return g.opt.FastPoll
	}
	return g.opt.Poll
}

// note keeps what is unhealthy for Health, which must not wait for the bus.
func (g *Governor) note() {
	h := g.drv.Health()
	if !g.failing.IsZero() {
		h = append(h[:len(h):len(h)], Problem{
			Key: "cabinet.unread", Since: g.failing,
			Text:  "Die Türsensoren des Schranks lassen sich nicht lesen.",
			Check: "Kabel, Adapter und Versorgung zwischen Steuerung und Schlossplatinen prüfen.",
		})
	}
	if !g.off && !g.stopped {
		h = append(h[:len(h):len(h)], Problem{
			Key: "cabinet.outputs_unverified", Since: g.doubt,
			Text:  "Es ist nicht sicher, dass alle Schlossausgänge aus sind; bis dahin wird nichts geöffnet.",
			Check: "Kabel, Adapter und Versorgung zwischen Steuerung und Schlossplatinen prüfen.",
		})
	}
	g.mu.Lock()
	g.health = h
	g.mu.Unlock()
}

// sameValues compares what sensors say, not when they said it.
func sameValues(a, b DoorState) bool {
	return a.Open == b.Open && a.Locked == b.Locked && a.Item == b.Item && a.Quality == b.Quality
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
