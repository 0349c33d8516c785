package firmware_test

import (
	"bytes"
	"context"
	"crypto/ecdh"
	"crypto/ed25519"
	"crypto/hpke"
	"crypto/rand"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"
	_ "time/tzdata"

	"abholstation/firmware"
	"abholstation/hal"
	"abholstation/hal/sim"
	"abholstation/locker"
	"abholstation/locker/store"
)

// memory is a store without a disk: it shows when the Station commits what, and
// fails or waits on request.
type memory struct {
	rules *locker.Rules

	mu      sync.Mutex
	state   locker.State
	docs    map[string][]byte
	records []locker.Record
	batches [][]locker.Event
	points  int
	fail    error
	before  func([]locker.Event) // called without the lock, before anything is stored
	space   float64
}

func newMemory(rules *locker.Rules) *memory {
	return &memory{rules: rules, state: rules.NewState(), docs: map[string][]byte{}}
}

func (m *memory) State() locker.State { m.mu.Lock(); defer m.mu.Unlock(); return m.state }

func (m *memory) Apply(events []locker.Event, now locker.Now) ([]locker.Result, error) {
	return m.ApplyWithDocument("", nil, events, now)
}

func (m *memory) ApplyWithDocument(name string, value []byte, events []locker.Event, now locker.Now) ([]locker.Result, error) {
	m.mu.Lock()
	before := m.before
	m.mu.Unlock()
	if before != nil {
		before(events)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.fail != nil {
		return nil, m.fail
	}
	m.batches = append(m.batches, events)
	st := m.state
	var out []locker.Result
	for _, ev := range events {
		r := m.rules.Step(st, ev, now)
		st = r.State
		m.records = append(m.records, r.Records...)
		out = append(out, r)
	}
	m.state = st
	if name != "" {
		m.docs[name] = value
	}
	return out, nil
}

func (m *memory) Document(name string) []byte {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.docs[name]
}

func (m *memory) Checkpoint(locker.Now) ([]byte, bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.points++
	return nil, true, nil
}
func (m *memory) Snapshot(locker.Now) error                  { return nil }
func (m *memory) Entries(uint64, int) ([]store.Entry, error) { return nil, nil }
func (m *memory) Space() float64                             { m.mu.Lock(); defer m.mu.Unlock(); return m.space }

func (m *memory) set(f func())                   { m.mu.Lock(); defer m.mu.Unlock(); f() }
func (m *memory) onApply(f func([]locker.Event)) { m.set(func() { m.before = f }) }
func (m *memory) counted(match func(locker.Record) bool) (n int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, r := range m.records {
		if match(r) {
			n++
		}
	}
	return n
}

func (m *memory) ofType(name string) int {
	return m.counted(func(r locker.Record) bool { return r.Type == name })
}

// cabinet lets a test see and bend what goes to the hardware.
type cabinet struct {
	hal.Cabinet
	mu       sync.Mutex
	unlocks  []hal.LockID
	unlock   func(context.Context, hal.LockID) (hal.UnlockReport, error)
	snapshot func(context.Context) (hal.Snapshot, error)
}

func (c *cabinet) Unlock(ctx context.Context, id hal.LockID) (hal.UnlockReport, error) {
	c.mu.Lock()
	c.unlocks = append(c.unlocks, id)
	f := c.unlock
	c.mu.Unlock()
	if f != nil {
		return f(ctx, id)
	}
	return c.Cabinet.Unlock(ctx, id)
}

func (c *cabinet) Snapshot(ctx context.Context) (hal.Snapshot, error) {
	c.mu.Lock()
	f := c.snapshot
	c.mu.Unlock()
	if f != nil {
		return f(ctx)
	}
	return c.Cabinet.Snapshot(ctx)
}

func (c *cabinet) calls(id hal.LockID) (n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, u := range c.unlocks {
		if u == id {
			n++
		}
	}
	return n
}

func (c *cabinet) set(f func()) { c.mu.Lock(); defer c.mu.Unlock(); f() }

// locked is a buffer that several goroutines write to.
type locked struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *locked) Write(p []byte) (int, error) { l.mu.Lock(); defer l.mu.Unlock(); return l.b.Write(p) }

func (l *locked) String() string { l.mu.Lock(); defer l.mu.Unlock(); return l.b.String() }

// rig is a station over a simulated cabinet in real (in a bubble: the bubble's)
// time.
type rig struct {
	testing.TB
	rules   *locker.Rules
	clock   *sim.RealClock
	world   *sim.World
	cabinet *cabinet
	store   *memory
	log     locked
	opt     firmware.Options
	key     hpke.PrivateKey
	station *firmware.Station
	cancel  context.CancelFunc
	ended   chan error
}

type edPublic = ed25519.PublicKey

const boxes = 4

func testRules(t testing.TB) *locker.Rules {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	r := locker.Defaults()
	if r.Calendar, err = locker.NewCalendar(berlin, nil); err != nil {
		t.Fatal(err)
	}
	r.Kinds = map[string]locker.Kind{"passport": {Name: "passport"}}
	for n := 1; n <= boxes; n++ {
		r.Layout = append(r.Layout, locker.Place{
			Number: n, Lock: uint16(n), Size: locker.SizeS, HeightMM: 1500, Row: n, Column: 1, HasLatch: true, HasItem: true,
		})
	}
	return &r
}

func newRig(t testing.TB) *rig {
	r := &rig{TB: t, rules: testRules(t), clock: sim.NewRealClock()}
	r.store = newMemory(r.rules)
	r.reworld()
	private, err := ecdh.X25519().GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if r.key, err = hpke.NewDHKEMPrivateKey(private); err != nil {
		t.Fatal(err)
	}
	keys, err := locker.NewKeys(bytes.Repeat([]byte{7}, 32), locker.TestCost())
	if err != nil {
		t.Fatal(err)
	}
	r.opt = firmware.Options{
		Store: r.store, Rules: r.rules, Clock: r.clock, Keys: keys, Factor: locker.Birthday,
		Notifier: r.key.PublicKey(), Signer: ed25519.NewKeyFromSeed(make([]byte, 32)),
		Log: slog.New(slog.NewTextHandler(&r.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
	return r
}

// reworld makes a cabinet with all doors shut.
func (r *rig) reworld() {
	w, err := sim.New(sim.Options{Seed: 1, Clock: r.clock, Compartments: sim.Uniform(boxes, sim.All), BoardTimed: true})
	if err != nil {
		r.Fatal(err)
	}
	r.world = w
	r.regovern()
}

// regovern is what a restart of the controller does below the Station.
func (r *rig) regovern() {
	g, err := hal.Govern(r.world.Driver(), r.clock, hal.Options{})
	if err != nil {
		r.Fatal(err)
	}
	r.cabinet = &cabinet{Cabinet: g}
}

// start runs the station in a bubble, up to its first reading.
func (r *rig) start() {
	r.run()
	time.Sleep(200 * time.Millisecond)
	synctest.Wait()
}

func (r *rig) run() {
	r.opt.Cabinet = r.cabinet
	s, err := firmware.New(r.opt)
	if err != nil {
		r.Fatal(err)
	}
	var ctx context.Context
	ctx, r.cancel = context.WithCancel(context.Background())
	r.station, r.ended = s, make(chan error, 1)
	go func() { r.ended <- s.Run(ctx) }()
}

func (r *rig) stop() {
	r.cancel()
	if err := <-r.ended; err != nil {
		r.Errorf("Run ended with %v", err)
	}
}

func (r *rig) must(a locker.Answer, err error) locker.Answer {
	r.Helper()
	if err != nil {
		r.Fatal(err)
	}
	return a
}

func (r *rig) delivery(id locker.DeliveryID) locker.Delivery {
	r.Helper()
	d := r.station.View().State.Delivery(id)
	if d == nil {
		r.Fatalf("no delivery %d", id)
	}
	return *d
}

const (
	factor = "2402"
	clerk  = locker.Actor("staff:a")
)

// settled announces and loads a delivery; it is left in its grace period.
func (r *rig) settled(reference string, c *firmware.Contact) (locker.DeliveryID, int) {
	r.Helper()
	ctx := context.Background()
	a := r.must(r.station.Announce(ctx, firmware.Announcement{
		By: clerk, Reference: reference, Kinds: []string{"passport"}, Factor: factor, Contact: c,
	}))
	n := r.must(r.station.Do(ctx, locker.Load{By: clerk, Delivery: a.Delivery})).Compartment
	time.Sleep(2 * time.Second)
	r.hand(r.world.Put(n, reference))
	time.Sleep(time.Second)
	r.hand(r.world.Close(n))
	time.Sleep(5 * time.Second)
	if d := r.delivery(a.Delivery); d.State != locker.Settling {
		r.Fatalf("after loading, delivery %d is %s", d.ID, d.State)
	}
	return a.Delivery, n
}

func (r *rig) hand(err error) {
	r.Helper()
	if err != nil {
		r.Fatal(err)
	}
}

// ready brings a delivery as far as its slip.
func (r *rig) ready(reference string) (locker.DeliveryID, int, firmware.Slip) {
	r.Helper()
	id, n := r.settled(reference, nil)
	time.Sleep(11 * time.Minute)
	slip, err := r.station.Slip(context.Background(), clerk, locker.Owner{Delivery: id})
	if err != nil {
		r.Fatalf("slip: %v", err)
	}
	return id, n, slip
}

func entry(code string) firmware.Entry {
	return firmware.Entry{Session: 1, Code: []byte(code), Factor: []byte(factor)}
}

func bubble(t *testing.T, f func(*rig)) {
	synctest.Test(t, func(t *testing.T) { f(newRig(t)) })
}
