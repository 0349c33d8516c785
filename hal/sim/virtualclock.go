package sim

import (
	"container/heap"
	"context"
	"sync"
	"time"
)

// VirtualClock is time that passes only when somebody sleeps. It is for
// simulations in one goroutine: Sleep runs, in the sleeper's goroutine, all that
// was scheduled for the time slept through, in order. A scheduled function may
// sleep, act on the World, schedule more, and panic, which ends the sleeper.
type VirtualClock struct {
	mu      sync.Mutex
	now     time.Time
	wallOff time.Duration
	synced  bool
	seq     uint64
	hooks   hooks
}

// NewVirtualClock begins at start, with a trusted wall clock that says the same.
func NewVirtualClock(start time.Time) *VirtualClock {
	return &VirtualClock{now: start, synced: true}
}

// Now is virtual, powered-on time.
func (c *VirtualClock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// Wall is what the wall clock says, and whether it is synchronised.
func (c *VirtualClock) Wall() (time.Time, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now.Add(c.wallOff).UTC(), c.synced
}

// Jump sets the wall clock forward or back; Now does not change.
func (c *VirtualClock) Jump(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.wallOff += d
}

// SetSynced says whether a time server disciplines the wall clock.
func (c *VirtualClock) SetSynced(on bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.synced = on
}

// Sleep lets d pass at once. Only a ctx that has ended before is noticed.
func (c *VirtualClock) Sleep(ctx context.Context, d time.Duration) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	c.Advance(d)
	return nil
}

// Advance lets d pass and runs what was scheduled for it.
func (c *VirtualClock) Advance(d time.Duration) {
	c.mu.Lock()
	target := c.now.Add(max(0, d))
	for len(c.hooks) > 0 && !c.hooks[0].at.After(target) {
		h := heap.Pop(&c.hooks).(*hook)
		if h.at.After(c.now) {
			c.now = h.at
		}
		c.mu.Unlock() // a hook may use the clock, or panic
		h.f()
		c.mu.Lock()
	}
	if target.After(c.now) { // a hook may have slept beyond it
		c.now = target
	}
	c.mu.Unlock()
}

// At schedules f for time t, or for the next Sleep if t has passed. The returned
// function takes it back.
func (c *VirtualClock) At(t time.Time, f func()) (cancel func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.seq++
	h := &hook{at: t, seq: c.seq, f: f}
	heap.Push(&c.hooks, h)
	return func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		if h.index >= 0 {
			heap.Remove(&c.hooks, h.index)
		}
	}
}

// Next is the time of the earliest scheduled function, and whether there is one.
func (c *VirtualClock) Next() (time.Time, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.hooks) == 0 {
		return time.Time{}, false
	}
	return c.hooks[0].at, true
}

// After returns a channel that receives once d has passed, and a function that
// gives the timer up.
func (c *VirtualClock) After(d time.Duration) (<-chan time.Time, func()) {
	ch := make(chan time.Time, 1)
	at := c.Now().Add(d)
	if d <= 0 {
		ch <- at
		return ch, func() {}
	}
	return ch, c.At(at, func() { ch <- at })
}

// Forget takes back everything that is scheduled, as when a simulated machine
// has died.
func (c *VirtualClock) Forget() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, h := range c.hooks {
		h.index = -1
	}
	c.hooks = nil
}

type hook struct {
	at    time.Time
	seq   uint64 // equal times run in the order of their scheduling
	f     func()
	index int // in the heap; -1: not in it
}

type hooks []*hook

func (h hooks) Len() int { return len(h) }
func (h hooks) Less(i, j int) bool {
	if h[i].at.Equal(h[j].at) {
		return h[i].seq < h[j].seq
	}
	return h[i].at.Before(h[j].at)
}

func (h hooks) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].index, h[j].index = i, j
}

func (h *hooks) Push(x any) {
	n := x.(*hook)
	n.index = len(*h)
	*h = append(*h, n)
}

func (h *hooks) Pop() any {
	old := *h
	n := old[len(old)-1]
	old[len(old)-1] = nil
	*h = old[:len(old)-1]
	n.index = -1
	return n
}
