package scenario

import (
	"context"
	"crypto/ecdh"
	"crypto/ed25519"
	"crypto/hpke"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"time"

	"abholstation/firmware"
	"abholstation/hal"
	"abholstation/hal/sim"
	"abholstation/locker"
	"abholstation/locker/store"
)

// city is one simulated station with everybody around it.
type city struct {
	opt   Options
	rnd   *rand.Rand
	clock *sim.VirtualClock
	world *sim.World
	rules *locker.Rules
	keys  locker.Keys
	sign  ed25519.PrivateKey
	phone hpke.PrivateKey // of the office's notifier

	// The controller; all of it is dropped when the power goes.
	alive   bool
	boots   int
	store   *store.Store
	station *firmware.Station
	gov     *hal.Governor
	todo    []func()

	damage      func() // what happens to the files before the next start
	wantBoot    bool
	depth       int       // nested waiting of the Governor
	busy        time.Time // doors may be moving until then
	polled      time.Time
	powered     time.Duration
	since       time.Time // powered is counted from here
	full        bool      // the disk
	fullAt      time.Time
	jumped      bool // the wall clock is not what it should be
	loose       bool // the adapter is unplugged
	undone      bool // an older backup was put in place
	lastPickups int
	lastPickup  time.Time
	tame        bool // people do nothing odd
	calm        bool // no more faults

	people  map[*person]bool
	ready   []*person
	askers  []*person
	inFront *person // who uses the terminal

	boxes []*box // boxes[n-1]
	books
	report *Report
	seen   uint64 // newest view that was judged
}

// box is one compartment as the people know it.
type box struct {
	n         int
	sensors   sim.Sensors
	inside    []string // what is physically in it
	user      *person  // who stands in front of it
	blur      bool     // hands were in it while its sensors lied or nothing was watching
	lies      bool     // a sensor is stuck or blind
	blind     bool     // the door sensor can not be read
	latchCut  bool
	slow      bool // its door or its contact moves long after everything else
	broken    int  // faults at work
	pulsed    time.Time
	openAt    time.Time // seen open since
	cutAt     time.Time // a wire was cut
	foul      bool      // something that is no paper lies in it
	excused   string
	excusedAt int
	taken     []*paper // since the door was opened
	empty     bool     // what is in it goes back to the office
}

func newCity(o Options) (*city, error) {
	c := &city{
		opt: o, rnd: rand.New(rand.NewPCG(o.Seed, 0x5eed)), clock: sim.NewVirtualClock(sim.Epoch()),
		people: map[*person]bool{}, report: newReport(o),
	}
	c.books.init()
	rules, boxes, err := c.build()
	if err != nil {
		return nil, err
	}
	c.rules = rules
	c.world, err = sim.New(sim.Options{
		Seed: o.Seed, Clock: c.clock, Compartments: boxes, BoardTimed: c.rnd.IntN(2) == 0 || o.BoardTimed,
	})
	if err != nil {
		return nil, err
	}
	var seed [32]byte
	binary.LittleEndian.PutUint64(seed[:], o.Seed)
	seed = sha256.Sum256(seed[:])
	if c.keys, err = locker.NewKeys(seed[:], locker.TestCost()); err != nil {
		return nil, err
	}
	c.sign = ed25519.NewKeyFromSeed(seed[:])
	private, err := ecdh.X25519().NewPrivateKey(seed[:])
	if err != nil {
		return nil, err
	}
	if c.phone, err = hpke.NewDHKEMPrivateKey(private); err != nil {
		return nil, err
	}
	return c, nil
}

// build draws the cabinet.
func (c *city) build() (*locker.Rules, []sim.Compartment, error) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		return nil, nil, err
	}
	r := locker.Defaults()
	if r.Calendar, err = locker.NewCalendar(berlin, nil); err != nil {
		return nil, nil, err
	}
	r.Kinds = map[string]locker.Kind{}
	for _, k := range []locker.Kind{
		{Name: "passport"},
		{Name: "identity_card", Conditions: []string{"pin_letter_confirmed"}},
		{Name: "vehicle_papers", TwoPeople: true},
		{Name: "driving_licence", Confirm: "old_licence_given"},
	} {
		r.Kinds[k.Name] = k
	}
	r.Heartbeat = time.Hour
	r.EraseAfter = 4 * 24 * time.Hour // ended deliveries only cost time here
	var boxes []sim.Compartment
	for n := 1; n <= c.opt.Compartments; n++ {
		s := sim.Sensors(c.rnd.IntN(4))
		if c.opt.Profile != nil {
			s = *c.opt.Profile
		}
		boxes = append(boxes, sim.Compartment{Number: n, Sensors: s, Manual: c.rnd.IntN(4) == 0 && c.opt.Profile == nil})
		size := locker.SizeS
		switch {
		case n%8 == 0:
			size = locker.SizeL
		case n%3 == 0:
			size = locker.SizeM
		}
		r.Layout = append(r.Layout, locker.Place{
			Number: n, Lock: uint16(n), Size: size, HeightMM: 300 + 150*((n-1)%10), Row: (n-1)%10 + 1, Column: (n-1)/10 + 1,
			HasLatch: s&sim.Latch != 0, HasItem: s&sim.Presence != 0,
		})
		c.boxes = append(c.boxes, &box{n: n, sensors: s})
	}
	return &r, boxes, r.Validate()
}

func (c *city) path() string { return filepath.Join(c.opt.Dir, "station.db") }

func (c *city) draw(from, to time.Duration) time.Duration {
	return from + time.Duration(c.rnd.Int64N(int64(max(to-from, 1))))
}

// chance is true in so many of a thousand cases.
func (c *city) chance(perMille int) bool { return !c.tame && c.rnd.IntN(1000) < perMille }

// random is the city's source as a reader.
type random struct{ r *rand.Rand }

func (r random) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = byte(r.r.Uint32())
	}
	return len(p), nil
}

func (c *city) source(stream uint64) random {
	return random{rand.New(rand.NewPCG(c.opt.Seed, stream<<32|uint64(c.boots)))}
}

func (c *city) storeOptions() store.Options {
	wall, synced := c.clock.Wall()
	return store.Options{
		Path: c.path(), Station: "soak", Rules: c.rules, Key: sha256.Sum256([]byte("soak")), Signer: c.sign,
		Rand: c.source(2), Now: locker.Now{Wall: wall, Synced: synced}, Hook: c.hook,
	}
}

// start switches the controller on.
func (c *city) boot() error {
	c.boots++
	c.wantBoot = false
	if c.damage != nil {
		c.damage()
		c.damage = nil
	}
	s, opening, err := store.Open(c.storeOptions())
	if err != nil {
		return fmt.Errorf("cannot open the store: %w", err)
	}
	c.store = s
	if c.gov, err = hal.Govern(&spy{Driver: c.world.Driver(), c: c}, nested{c}, hal.Options{}); err != nil {
		return err
	}
	c.station, err = firmware.New(firmware.Options{
		Store: s, Cabinet: c.gov, Rules: c.rules, Clock: c.clock, Keys: c.keys, Factor: locker.AgreedPIN,
		Notifier: c.phone.PublicKey(), Signer: c.sign, Rand: c.source(3),
		Go: func(_ string, f func()) { c.todo = append(c.todo, f) },
		WithTimeout: func(ctx context.Context, _ time.Duration) (context.Context, context.CancelFunc) {
			return context.WithCancel(ctx)
		},
		HealthEvery: 30 * time.Minute, CheckpointEvery: 30 * time.Minute, SnapshotEvery: 3 * 24 * time.Hour,
	})
	if err != nil {
		return err
	}
	c.alive, c.since, c.seen = true, c.clock.Now(), 0
	c.stir(2 * time.Second)
	c.booted(opening)
	return nil
}

// drop is what is left of a controller without power: nothing.
func (c *city) drop() {
	if c.store == nil {
		return
	}
	c.readLog() // what was durable is durable
	if err := c.store.Close(); err != nil {
		c.violate("store", 0, "closing the store: %v", err)
	}
	c.store, c.station, c.gov, c.todo = nil, nil, nil, nil
	c.darken()
	if c.inFront != nil && c.chance(500) {
		c.inFront = nil
	}
	off := c.draw(5*time.Second, 10*time.Minute)
	if c.chance(50) {
		off = c.draw(time.Hour, 12*time.Hour)
	}
	if c.calm {
		off = 10 * time.Second
	}
	c.clock.At(c.clock.Now().Add(off), func() { c.wantBoot = true })
}

// cut takes the power. It ends whatever the controller was doing.
func (c *city) cut(why string, all bool) {
	if !c.alive {
		return
	}
	c.count("power cut " + why)
	c.alive = false
	c.powered += c.clock.Now().Sub(c.since)
	if all {
		c.world.PowerCut()
	} else {
		c.world.ControllerDied()
	}
	c.lostPower()
	panic(powerCut{})
}

type powerCut struct{}

type edPublic = ed25519.PublicKey

type storePoint = store.Point

// guard runs what may lose power in the middle.
func (c *city) guard(f func()) {
	defer func() {
		if r := recover(); r != nil {
			if _, cut := r.(powerCut); !cut {
				panic(r)
			}
		}
	}()
	f()
}

// on is for how long the station has had power.
func (c *city) on() time.Duration {
	if !c.alive {
		return c.powered
	}
	return c.powered + c.clock.Now().Sub(c.since)
}

// stirBox says that a door may move.
func (c *city) stirBox(b *box) {
	c.stir(2 * time.Second)
	if b.slow {
		c.stir(35 * time.Second)
	}
}

// stir says that doors may move for d.
func (c *city) stir(d time.Duration) {
	if t := c.clock.Now().Add(d); t.After(c.busy) {
		c.busy = t
	}
}

// hook is the store's seam: here the power goes in the middle of a commit, and
// the disk is full.
func (c *city) hook(at store.Point) error {
	if !c.alive && c.store != nil {
		panic(powerCut{})
	}
	if c.store == nil {
		return nil // opening
	}
	if at == store.BeforeCommit && c.full {
		c.count("commit refused: disk full")
		c.fullAt = c.clock.Now()
		return errNoSpace
	}
	if c.opt.OnCommit != nil {
		c.opt.OnCommit(at)
	}
	if c.faulty() && c.odds(8000) == 0 {
		c.cut(string(at), c.chance(500))
	}
	return nil
}

// odds draws one of n; one of fewer where faults come often.
func (c *city) odds(n int) int {
	if c.opt.Often {
		n /= 10
	}
	return c.rnd.IntN(n)
}

func (c *city) faulty() bool { return c.opt.Faults && !c.calm }

// settle does everything that can be done now.
func (c *city) settle() error {
	for {
		worked := false
		if c.wantBoot && !c.alive && c.depth == 0 {
			if err := c.boot(); err != nil {
				return err
			}
		}
		if c.alive {
			c.guard(func() { worked = c.step() })
		}
		if c.alive && c.station.Failed() != nil {
			c.count("restart after a failed store")
			c.guard(func() { c.cut("by the station itself", false) })
		}
		if !c.alive && c.store != nil {
			if c.depth > 0 {
				return nil // first of all, out of what was going on
			}
			c.drop()
		}
		c.observe()
		if c.wake() {
			continue
		}
		if !worked {
			return nil
		}
	}
}

// step is one round of the controller.
func (c *city) step() (worked bool) {
	ctx := context.Background()
	if now := c.clock.Now(); !now.Equal(c.polled) {
		c.polled = now
		_ = c.gov.Poll(ctx, c.station.Sink) // a failure becomes events and health
	}
	for c.alive && c.station.Pump(ctx) {
		worked = true
	}
	if !c.alive || len(c.todo) == 0 {
		return worked
	}
	f := c.todo[0]
	c.todo = c.todo[1:]
	f()
	return true
}

// pass lets time go by until something happens, at most until end.
func (c *city) pass(end time.Time) {
	now := c.clock.Now()
	to := end
	if t, ok := c.clock.Next(); ok && t.Before(to) {
		to = t
	}
	if c.alive {
		if t := now.Add(c.station.Due()); t.Before(to) {
			to = t
		}
		if now.Before(c.busy) {
			if t := now.Add(100 * time.Millisecond); t.Before(to) {
				to = t
			}
		}
	}
	c.guard(func() { c.clock.Advance(max(to.Sub(now), time.Millisecond)) })
}

// run lets the city live until done, at most until end.
func (c *city) run(end time.Time, done func() bool) error {
	for !done() && c.clock.Now().Before(end) {
		if err := c.settle(); err != nil {
			return err
		}
		if c.report.stopped {
			return nil
		}
		c.pass(end)
	}
	return c.settle()
}

// nested is the clock that the Governor waits by. Its short pauses hold the bus;
// in its long ones, the cool-down of a lock, the station goes on.
type nested struct{ c *city }

func (n nested) Now() time.Time { return n.c.clock.Now() }

func (n nested) Sleep(ctx context.Context, d time.Duration) error {
	c := n.c
	if d < 150*time.Millisecond || c.depth > 3 {
		return c.clock.Sleep(ctx, d)
	}
	end := c.clock.Now().Add(d)
	c.depth++
	defer func() { c.depth-- }()
	for c.alive && c.clock.Now().Before(end) {
		_ = c.settle()
		if c.alive {
			c.pass(end)
		}
	}
	if !c.alive {
		panic(powerCut{})
	}
	return ctx.Err()
}

func (c *city) end() {
	for p := range c.people {
		p.stop()
	}
	if c.store != nil {
		_ = c.store.Close()
	}
	if c.opt.ownDir {
		_ = os.RemoveAll(c.opt.Dir)
	}
}
