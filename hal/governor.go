package hal

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Governor is the Cabinet above a Driver. It keeps the electrical limits
// whatever its callers do, and makes events of polls.
//
// It works in two ways. With Run, a goroutine polls, and all methods may be
// called from any goroutine. In step mode there is no Run: the caller's own
// goroutine calls Poll, Unlock and Snapshot in turn and at last Stop, which is
// how a whole station is simulated in one goroutine on a virtual clock.
type Governor struct {
	drv   Driver
	clock Clock
	opt   Options
	locks []Lock

	// bus is the right to call the driver: whoever takes the token is the only
	// one. It is a channel so that waiting for it can be given up.
	bus     chan struct{}
	waiting atomic.Int32 // unlocks that want the bus: polls stand back
	running atomic.Bool

	// Owned by the holder of the bus.
	off      bool // outputs were switched off and verified since the start or the last doubt
	stopped  bool
	known    []DoorState
	first    Reading // buffers of a poll
	second   Reading
	inputs   [4]bool   // in takeInputs' order
	pollAt   time.Time // of the last poll
	doubt    time.Time // since when off is false
	readAt   time.Time // of the last successful reading
	failing  time.Time // since when reading fails; zero: it works
	lastEnd  []time.Time
	coilEnd  time.Time // of the last pulse of any lock
	fastTill time.Time
	seq      uint64
	events   []Event

	mu     sync.Mutex
	health Health             // what the driver and the Governor last knew
	wake   context.CancelFunc // ends the poll loop's sleep
}

var (
	_ Cabinet   = (*Governor)(nil)
	_ Buzzer    = (*Governor)(nil)
	_ Indicator = (*Governor)(nil)
)

// Govern puts a Governor above d. It touches nothing yet. The error names every
// option that is out of range.
func Govern(d Driver, c Clock, o Options) (*Governor, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	locks := slices.Clone(d.Inventory())
	slices.SortFunc(locks, func(a, b Lock) int { return int(a.ID) - int(b.ID) })
	for i, l := range d.Inventory() {
		if l.ID != locks[i].ID || i > 0 && l.ID == locks[i-1].ID {
			return nil, fmt.Errorf("cannot use the cabinet: lock %d is listed twice or out of order", l.ID)
		}
	}
	g := &Governor{
		drv: d, clock: c, opt: o, locks: locks,
		bus:     make(chan struct{}, 1),
		known:   make([]DoorState, len(locks)),
		lastEnd: make([]time.Time, len(locks)),
	}
	g.first, g.second = g.newReading(), g.newReading()
	g.bus <- struct{}{}
	return g, nil
}

// Inventory implements Cabinet.
func (g *Governor) Inventory() []Lock { return slices.Clone(g.locks) }

// Buzz implements Buzzer; without a buzzer nothing sounds.
func (g *Governor) Buzz(name string) {
	if b, ok := g.drv.(Buzzer); ok {
		b.Buzz(name)
	}
}

// Indicate implements Indicator; errors.ErrUnsupported without lamps.
func (g *Governor) Indicate(id LockID, on bool) error {
	if i, ok := g.drv.(Indicator); ok {
		return i.Indicate(id, on)
	}
	return fmt.Errorf("cannot light the lamp of lock %d: %w", id, errors.ErrUnsupported)
}

// Health implements Cabinet: what the driver knew after the last poll, and what
// the Governor found.
func (g *Governor) Health() Health {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.Clone(g.health)
}

// Run implements Cabinet. It is called once, or again if it could not start, and
// not after Stop.
func (g *Governor) Run(ctx context.Context, sink func(Event)) error {
	if !g.running.CompareAndSwap(false, true) {
		return errors.New("cannot run the cabinet: it is running or has been run already")
	}
	if err := g.start(ctx); err != nil {
		g.running.Store(false)
		return fmt.Errorf("cannot start the cabinet: %w", err)
	}
	stopWaker := g.watchWaker(ctx)
	defer stopWaker()
	for ctx.Err() == nil {
		if !g.unlocksFirst() {
			_ = g.Poll(ctx, sink) // a failure has become events and health
		}
		g.sleep(ctx, g.pause())
	}
	return g.Stop(ctx)
}

// Poll makes one poll cycle in the caller's goroutine: read, and if something
// looks changed, read again after the debounce time; what is equal twice is
// told to sink. A lock that can not be read is told at once, as Unknown and
// Fault. The error says that nothing could be read. Sink is called when the bus
// is free again, so it may call Unlock.
func (g *Governor) Poll(ctx context.Context, sink func(Event)) error {
	if err := g.acquire(ctx); err != nil {
		return err
	}
	err := g.pollOwned(ctx)
	events := g.events
	g.events = nil
	g.release()
	for _, e := range events {
		sink(e)
	}
	if err != nil {
		return fmt.Errorf("cannot read the cabinet: %w", err)
	}
	return nil
}

// Stop switches every output off, verifies it, and refuses all unlocks from then
// on. It does so also when ctx has ended. Run calls it at its end; step mode
// calls it itself. The error says that outputs may still be on.
func (g *Governor) Stop(ctx context.Context) error {
	ctx = context.WithoutCancel(ctx)
	if err := g.acquire(ctx); err != nil {
		return err
	}
	defer g.release()
	g.stopped = true
	g.off = false
	var err error
	for range 3 {
		if err = g.allOff(ctx); err == nil {
			return nil
		}
		_ = g.clock.Sleep(ctx, 100*time.Millisecond)
	}
	return fmt.Errorf("cannot switch all outputs off at the end: %w; check the lock boards' supply", err)
}

// Snapshot implements Cabinet. It reads until two readings, the debounce time
// apart, are equal; a door that does not settle is Unknown and Fault.
func (g *Governor) Snapshot(ctx context.Context) (Snapshot, error) {
	if err := g.acquire(ctx); err != nil {
		return Snapshot{}, fmt.Errorf("cannot read the cabinet: %w", err)
	}
	defer g.release()
	const rounds = 5
	err := g.readStable(ctx, rounds, func() bool { return false })
	if err != nil {
		return Snapshot{}, fmt.Errorf("cannot read the cabinet: %w", err)
	}
	now := g.clock.Now()
	s := Snapshot{At: now, Doors: make([]DoorState, len(g.locks))}
	for i := range s.Doors {
		d := g.first.Doors[i]
		if !sameValues(d, g.second.Doors[i]) {
			d = DoorState{Quality: Fault}
		}
		d.At, d.Changed = now, now
		if sameValues(d, g.known[i]) {
			d.Changed = g.known[i].Changed
		}
		s.Doors[i] = d
	}
	return s, nil
}

// start switches all off before anything else happens.
func (g *Governor) start(ctx context.Context) error {
	if err := g.acquire(ctx); err != nil {
		return err
	}
	defer g.release()
	if g.stopped {
		return ErrInhibited
	}
	g.off = false
	return g.allOff(context.WithoutCancel(ctx))
}

// allOff makes sure that the outputs were switched off since the last doubt.
func (g *Governor) allOff(ctx context.Context) error {
	if g.off {
		return nil
	}
	if g.doubt.IsZero() {
		g.doubt = g.clock.Now()
	}
	if err := g.drv.AllOff(ctx); err != nil {
		g.note()
		return fmt.Errorf("cannot switch all outputs off: %w", err)
	}
	g.off, g.doubt = true, time.Time{}
	g.coilEnd = g.clock.Now() // for all we know one was on until now
	return nil
}

// acquire takes the bus, unless ctx ends first.
func (g *Governor) acquire(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	select {
	case <-g.bus:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (g *Governor) release() { g.bus <- struct{}{} }

// unlocksFirst says whether a poll must stand back now.
func (g *Governor) unlocksFirst() bool {
	if g.waiting.Load() == 0 {
		return false
	}
	<-g.bus
	defer g.release()
	return g.clock.Now().Sub(g.pollAt) < time.Second
}

// index of a lock in Inventory's order, or -1.
func (g *Governor) index(id LockID) int {
	i, ok := slices.BinarySearchFunc(g.locks, id, func(l Lock, id LockID) int { return int(l.ID) - int(id) })
	if !ok {
		return -1
	}
	return i
}

// sleep waits for the next poll; kick ends it early.
func (g *Governor) sleep(ctx context.Context, d time.Duration) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	g.mu.Lock()
	g.wake = cancel
	g.mu.Unlock()
	_ = g.clock.Sleep(ctx, d)
}

func (g *Governor) kick() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.wake != nil {
		g.wake()
	}
}

// watchWaker brings polls forward when the driver asks for it.
func (g *Governor) watchWaker(ctx context.Context) (stop func()) {
	w, ok := g.drv.(Waker)
	if !ok {
		return func() {}
	}
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case <-ctx.Done():
				return
			case _, ok := <-w.Wake():
				if !ok {
					return
				}
				g.kick()
			}
		}
	}()
	return func() { cancel(); <-done }
}
