package hal

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Unlock implements Cabinet. It may wait for other unlocks and for the lock's
// cool-down; a ctx whose deadline comes before the cool-down's end is refused at
// once with ErrCooldown. Once the coil is on, ctx has no influence any more.
func (g *Governor) Unlock(ctx context.Context, id LockID) (UnlockReport, error) {
	i := g.index(id)
	if i < 0 {
		return UnlockReport{}, fmt.Errorf("cannot unlock %d: %w", id, ErrUnknownLock)
	}
	g.waiting.Add(1)
	rep, err := g.unlock(ctx, i)
	g.waiting.Add(-1)
	g.kick()
	if err != nil {
		return rep, fmt.Errorf("cannot unlock %d (%s): %w", id, g.locks[i].Where, err)
	}
	return rep, nil
}

func (g *Governor) unlock(ctx context.Context, i int) (UnlockReport, error) {
	for {
		if err := g.acquire(ctx); err != nil {
			return UnlockReport{}, fmt.Errorf("%w: gave up waiting: %w", ErrNotSent, err)
		}
		rest := g.rest(i)
		if rest <= 0 {
			break
		}
		g.release()
		if err := g.awaitRest(ctx, rest); err != nil {
			return UnlockReport{}, err
		}
	}
	defer g.release()
	if err := g.permitted(ctx); err != nil {
		return UnlockReport{}, err
	}
	return g.pulse(ctx, i)
}

// rest is how long the lock still has to cool down.
func (g *Governor) rest(i int) time.Duration {
	if g.lastEnd[i].IsZero() {
		return 0
	}
	return g.opt.Cooldown - g.clock.Now().Sub(g.lastEnd[i])
}

// awaitRest waits for a cool-down, without the bus and without keeping polls
// away.
func (g *Governor) awaitRest(ctx context.Context, rest time.Duration) error {
	refused := fmt.Errorf("%w for another %s", ErrCooldown, rest.Round(100*time.Millisecond))
	if dl, ok := ctx.Deadline(); ok && time.Until(dl) < rest {
		return refused
	}
	g.waiting.Add(-1)
	defer g.waiting.Add(1)
	if err := g.clock.Sleep(ctx, rest); err != nil {
		return fmt.Errorf("%w: gave up waiting: %w", refused, err)
	}
	return nil
}

// permitted is the last check before a coil is energised: running, outputs
// known to be off, supply good, gap to the last coil kept, and still wanted.
func (g *Governor) permitted(ctx context.Context) error {
	if g.stopped {
		return fmt.Errorf("%w: the cabinet is shut down", ErrInhibited)
	}
	if err := g.allOff(context.WithoutCancel(ctx)); err != nil {
		return fmt.Errorf("%w: %w", ErrInhibited, err)
	}
	if err := g.powered(ctx); err != nil {
		return err
	}
	if !g.coilEnd.IsZero() {
		if gap := g.opt.Gap - g.clock.Now().Sub(g.coilEnd); gap > 0 {
			_ = g.clock.Sleep(context.WithoutCancel(ctx), gap)
		}
	}
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("%w: gave up waiting: %w", ErrNotSent, err)
	}
	return nil
}

// powered refuses when the mains-fail input is active. A reading older than a
// second is not good enough to tell.
func (g *Governor) powered(ctx context.Context) error {
	active := g.inputs[0] // MainsFail
	if g.readAt.IsZero() || g.clock.Now().Sub(g.readAt) > max(time.Second, 2*g.opt.Poll) {
		// A failing reading says nothing about the supply; whether the lock can be
		// reached is for the driver to say.
		if g.read(context.WithoutCancel(ctx), &g.first) == nil {
			if v, ok := g.first.Inputs[MainsFail]; ok {
				active = v
			}
		}
	}
	if active {
		return fmt.Errorf("%w: the mains have failed", ErrPowerLow)
	}
	return nil
}

// pulse energises the coil, once.
func (g *Governor) pulse(ctx context.Context, i int) (UnlockReport, error) {
	ctx = context.WithoutCancel(ctx) // a pulse that has begun is always finished
	rep := UnlockReport{Start: g.clock.Now()}
	var err error
	rep.Pulse, err = g.drv.Pulse(ctx, g.locks[i].ID, g.opt.Pulse)
	rep.End = g.clock.Now()
	rep.Pulse, err = classify(rep.Pulse, err)
	if rep.Pulse != NotSent {
		g.lastEnd[i], g.coilEnd = rep.End, rep.End
		g.fastTill = later(g.fastTill, rep.End.Add(g.opt.FastFor))
	}
	if err != nil && rep.Pulse != NotSent {
		// The coil may still be on. Switching off is always allowed to be repeated.
		g.off = false
		_ = g.allOff(ctx)
		return rep, err
	}
	if err != nil {
		return rep, err
	}
	// One reading without debounce: it informs, decisions wait for the events.
	if g.read(ctx, &g.first) == nil {
		rep.Door = g.first.Doors[i].Open
	}
	return rep, nil
}

// classify makes one of the contract's errors of what a driver says, and in
// doubt assumes that the coil was energised.
func classify(p Pulse, err error) (Pulse, error) {
	switch {
	case p == Sent && err == nil:
		return Sent, nil
	case p == Sent:
		return Sent, fmt.Errorf("%w: pulsed, but %w", ErrOutcomeUnknown, err)
	case p == NotSent && err != nil && !errors.Is(err, ErrOutcomeUnknown):
		for _, class := range []error{ErrNotSent, ErrBoardOffline, ErrPowerLow, ErrInhibited, ErrUnknownLock} {
			if errors.Is(err, class) {
				return NotSent, err
			}
		}
		return NotSent, fmt.Errorf("%w: %w", ErrNotSent, err)
	case err == nil:
		return PulseUnsure, fmt.Errorf("%w: the driver does not say", ErrOutcomeUnknown)
	case errors.Is(err, ErrOutcomeUnknown):
		return PulseUnsure, err
	default:
		return PulseUnsure, fmt.Errorf("%w: %w", ErrOutcomeUnknown, err)
	}
}
