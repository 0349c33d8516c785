package scenario

import (
	"fmt"
	"hash/fnv"
	"slices"
	"time"

	"abholstation/locker"
	"abholstation/locker/store"
)

// whereabouts of a paper.
type whereabouts uint8

const (
	atOffice whereabouts = iota
	inCabinet
	atHome
	stolen
)

// paper is one citizen's envelope: the physical thing and what the office knows
// of it.
type paper struct {
	name    string // written on it
	ref     string // under which it is announced; changes when it has to be announced anew
	rounds  int
	id      locker.DeliveryID // at this station, in this epoch; 0: not known there
	kind    string
	reach   bool
	days    int
	contact bool
	factor  string
	z       *citizen

	at     whereabouts
	box    int           // where it is or was last
	left   time.Duration // powered time of its last leaving the cabinet
	agreed time.Time     // before it the hold period must not end; zero: not judged
	vague  bool          // a restore has changed the hold period, nobody knows how
	code   *code
	group  locker.GroupID

	wantedAt   time.Time // since when the station is seen to want a code for it
	wantedBoot int
	wantedGen  uint32

	over    bool // its delivery has ended
	clerk   bool // somebody of the office is working on it
	lost    bool // the citizen needs a new code
	inBoxes bool // a clerk has put it in since its announcement
}

func (x *paper) String() string {
	at := [...]string{"at the office", fmt.Sprintf("in compartment %d", x.box), "at home", "stolen"}[x.at]
	return fmt.Sprintf("paper %s (delivery %d), %s", x.name, x.id, at)
}

// standing of a code, as everybody but the station knows it.
type standing uint8

const (
	live standing = iota
	asleep
	unsure // the power went while somebody ended it, or the station was restored
	dead
)

// code is a pickup code that was once given to a citizen.
type code struct {
	digits, qr, factor string
	papers             []*paper
	standing           standing
	why                string        // it is dead
	since              time.Duration // powered
	wrong              int           // factors
}

func (c *code) die(why string, at time.Duration) {
	if c != nil && c.standing != dead {
		c.standing, c.why, c.since = dead, why, at
	}
}

func (c *code) doubt() {
	if c != nil && c.standing != dead {
		c.standing = unsure
	}
}

// request is what a person asked for. It explains at most two pulses of one
// door, within a minute, and dies with the power.
type request struct {
	by      string
	purpose locker.Purpose
	papers  []*paper
	number  int // only this compartment; 0: where the papers are
	empty   bool
	at      time.Time
	boot    int
	box     int
	used    int
	unsure  bool // nobody knows whether its pulse went out
}

// books are the ledgers of the people.
type books struct {
	papers   map[string]*paper
	byID     map[locker.DeliveryID]*paper
	byGroup  map[locker.GroupID][]*paper
	codes    []*code
	requests []*request
	pulses   int // of the world that were judged
	pulsing  bool

	epoch     string
	seq       uint64
	pending   map[int]string // durable orders to pulse that were not used yet, by compartment
	ended     map[locker.DeliveryID]string
	forced    map[int]time.Time
	restored  bool // no inventory since
	inspected map[int]bool
	rejected  []time.Duration // powered time of rejected digits
	points    [][]byte        // kept checkpoints of this epoch
	session   uint64
	hash      interface {
		Write([]byte) (int, error)
		Sum64() uint64
	}
	active int // papers on their way
	made   int
}

func (b *books) init() {
	b.papers, b.byID, b.byGroup = map[string]*paper{}, map[locker.DeliveryID]*paper{}, map[locker.GroupID][]*paper{}
	b.pending, b.ended, b.forced = map[int]string{}, map[locker.DeliveryID]string{}, map[int]time.Time{}
	b.inspected = map[int]bool{}
	b.hash = fnv.New64a()
}

func (c *city) box(n int) *box { return c.boxes[n-1] }

// request notes what a person asks for.
func (c *city) request(r request) *request {
	r.at, r.boot = c.clock.Now(), c.boots
	c.requests = append(c.requests, &r)
	if len(c.requests) > 200 {
		c.requests = slices.DeleteFunc(c.requests, func(r *request) bool { return c.clock.Now().Sub(r.at) > 2*time.Minute })
	}
	return &r
}

// lostPower: nobody's request outlives it.
func (c *city) lostPower() {
	clear(c.pending)
	clear(c.forced)
}

// booted follows a start.
func (c *city) booted(o store.Opening) {
	if c.undone || o.Damaged || o.Restored {
		c.count("started in doubt")
		c.undone = false
		c.inDoubt()
	}
}

// inDoubt: the station may have forgotten anything.
func (c *city) inDoubt() {
	c.restored = true
	clear(c.inspected)
	c.rejected, c.points = nil, nil
	for _, k := range c.codes {
		c.maybeRevived(k)
	}
	for _, p := range c.papers {
		c.maybeRevived(p.code)
		c.maybeRevived(p.z.old)
	}
	clear(c.byID)
	clear(c.byGroup)
	clear(c.ended)
	known := map[string]*locker.Delivery{}
	for _, x := range c.store.State().Deliveries {
		known[x.Reference] = x
	}
	for _, p := range c.sorted() {
		p.agreed, p.vague = time.Time{}, true
		p.group = 0
		x := known[p.ref]
		if x == nil {
			p.id = 0
			continue
		}
		p.id, p.group, p.over = x.ID, x.Group, x.State.Ended()
		c.byID[x.ID] = p
		if x.Group != 0 {
			c.byGroup[x.Group] = append(c.byGroup[x.Group], p)
		}
	}
}

// maybeRevived: a restore may have brought any code back, or forgotten it.
func (c *city) maybeRevived(k *code) {
	if k != nil && slices.ContainsFunc(k.papers, func(x *paper) bool { return !x.settledDown() }) {
		k.standing = unsure
	}
}

// settledDown says that nothing more will happen to a paper.
func (x *paper) settledDown() bool { return x.at == atHome && x.over }

func (c *city) sorted() []*paper {
	list := make([]*paper, 0, len(c.papers))
	for _, p := range c.papers {
		list = append(list, p)
	}
	slices.SortFunc(list, func(a, b *paper) int {
		if len(a.name) != len(b.name) {
			return len(a.name) - len(b.name)
		}
		if a.name < b.name {
			return -1
		}
		return 1
	})
	return list
}

// mayOpen says whether a request explains a pulse at compartment n now.
func (c *city) mayOpen(r *request, n int) bool {
	if r.boot != c.boots || c.clock.Now().Sub(r.at) > time.Minute || r.used >= 2 || r.box != 0 && r.box != n {
		return false
	}
	b := c.box(n)
	switch {
	case r.number != 0:
		return r.number == n
	case r.empty:
		return len(b.inside) == 0 || b.blur || r.box == n
	}
	here := false
	for _, p := range r.papers {
		// A door without a sensor may be opened again for ten minutes.
		// With his rubbish in it, or where nobody could see him take it, it still is
		// his.
		here = here || p.box == n && (p.at == inCabinet || b.foul || b.blur || r.box == n || c.on()-p.left < c.reopen() || p.at == stolen || r.purpose == locker.ForRetrieve)
	}
	if !here {
		return false
	}
	for _, name := range b.inside {
		if p := c.papers[name]; p != nil && !slices.Contains(r.papers, p) {
			return false // somebody else's
		}
	}
	return true
}

// reopen is for how long after its closing a door without a sensor may be opened
// again: ten minutes, or until the disk can say that they are over.
func (c *city) reopen() time.Duration {
	if c.clock.Now().Sub(c.fullAt) < 20*time.Minute {
		return 40 * time.Minute
	}
	return 11 * time.Minute
}

// The hands. Whatever they do is done to the world and noted.

func (c *city) touch(n int) *box {
	b := c.box(n)
	if !c.alive || b.lies { // what can not be read at all is no excuse: the station knows it
		b.blur = true
	}
	c.stirBox(b)
	c.seen = 0
	return b
}

func (c *city) put(n int, p *paper) bool {
	b := c.touch(n)
	if c.world.Put(n, p.name) != nil {
		return false
	}
	b.inside = append(b.inside, p.name)
	c.trace("put", n, p.String())
	p.at, p.box, p.inBoxes = inCabinet, n, true
	return true
}

func (c *city) litter(n int) {
	b := c.touch(n)
	if c.world.Put(n, "an empty cup") == nil {
		c.count("something left inside")
		b.inside, b.foul = append(b.inside, "an empty cup"), true
	}
}

// take takes everything out; the papers are in the taker's hands then.
func (c *city) take(n int, at whereabouts) (papers []*paper, ok bool) {
	b := c.touch(n)
	names, err := c.world.Take(n)
	if err != nil {
		return nil, false
	}
	if !slices.Equal(names, b.inside) {
		c.violate("lost", n, "the world has %v, the ledgers %v", names, b.inside)
	}
	c.trace("take", n, fmt.Sprint(names, at))
	b.inside, b.foul = nil, false
	for _, name := range names {
		if p := c.papers[name]; p != nil {
			p.at, p.left = at, c.on()
			b.taken = append(b.taken, p)
			papers = append(papers, p)
		}
	}
	return papers, true
}

func (c *city) shut(n int) bool {
	b := c.touch(n)
	for _, p := range b.taken {
		p.left = c.on()
	}
	b.taken = nil
	if c.chance(100) {
		c.count("door slammed")
		return c.world.Slam(n) == nil
	}
	return c.world.Close(n) == nil
}

func (c *city) pull(n int) bool {
	if c.world.Pull(n) != nil {
		return false
	}
	c.touch(n)
	return true
}

// pry opens a door by force or with the mechanical key.
func (c *city) pry(n int) bool {
	if c.world.Pry(n) != nil {
		return false
	}
	c.touch(n)
	return true
}

// afterInventory: what the Station has forgotten is announced again by the next
// round; nothing else is in doubt any more.
func (c *city) afterInventory() { c.count("inventory finished after a restore") }

// trace writes what people do.
func (c *city) trace(what string, n int, more string) {
	if w := c.opt.Trace; w != nil {
		fmt.Fprintln(w, c.clock.Now().Format(time.DateTime), "people", what, n, more)
	}
}
