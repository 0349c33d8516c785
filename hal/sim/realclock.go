package sim

import (
	"context"
	"sync"
	"time"
)

// RealClock is real time that can be helped along: Pass lets time pass at once,
// Jump sets the wall clock wrong. It is for a simulated station that people use.
// All methods may be called from several goroutines.
type RealClock struct {
	mu      sync.Mutex
	passed  time.Duration
	wallOff time.Duration
	synced  bool
	timers  map[*realTimer]struct{}
}

type realTimer struct {
	at    time.Time // on Now
	timer *time.Timer
	ch    chan time.Time
}

// NewRealClock is the real time with a trusted wall clock.
func NewRealClock() *RealClock {
	return &RealClock{synced: true, timers: map[*realTimer]struct{}{}}
}

// Now is powered-on time, passed time included.
func (c *RealClock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now()
}

func (c *RealClock) now() time.Time { return time.Now().Add(c.passed) }

// Wall is what the wall clock says, and whether it is synchronised.
func (c *RealClock) Wall() (time.Time, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now().Add(c.wallOff).Round(0).UTC(), c.synced
}

// Pass lets d pass at once, on both clocks. Sleepers and timers whose time has
// come wake.
func (c *RealClock) Pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.passed += max(0, d)
	now := c.now()
	for t := range c.timers {
		t.timer.Reset(max(0, t.at.Sub(now)))
	}
}

// Jump sets the wall clock forward or back; Now does not change.
func (c *RealClock) Jump(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.wallOff += d
}

// SetSynced says whether a time server disciplines the wall clock.
func (c *RealClock) SetSynced(on bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.synced = on
}

// Sleep returns nil after d, or ctx's error before that.
func (c *RealClock) Sleep(ctx context.Context, d time.Duration) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	ch, stop := c.After(d)
	defer stop()
	select {
	case <-ch:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// After returns a channel that receives once d has passed, and a function that
// gives the timer up.
func (c *RealClock) After(d time.Duration) (<-chan time.Time, func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	t := &realTimer{at: c.now().Add(d), ch: make(chan time.Time, 1)}
	c.timers[t] = struct{}{}
	t.timer = time.AfterFunc(max(0, d), func() { c.fire(t) })
	return t.ch, func() { c.drop(t) }
}

func (c *RealClock) fire(t *realTimer) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, ok := c.timers[t]; ok {
		delete(c.timers, t)
		t.ch <- t.at
	}
}

func (c *RealClock) drop(t *realTimer) {
	c.mu.Lock()
	defer c.mu.Unlock()
	t.timer.Stop()
	delete(c.timers, t)
}
