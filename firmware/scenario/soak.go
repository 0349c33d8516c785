package scenario

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"

	"abholstation/firmware"
	"abholstation/hal/sim"
	"abholstation/locker"
	"abholstation/locker/store"
)

// Options describe one run. The zero value is one without faults.
type Options struct {
	Pickups      int          // documents that citizens take home; default 100
	Seed         uint64       // decides everything
	Faults       bool         // all of them, at rates drawn by the seed
	Often        bool         // faults come ten times as often: for short runs
	Stop         bool         // at the first violation
	Compartments int          // default 24
	Profile      *sim.Sensors // of all compartments; nil: drawn by the seed
	BoardTimed   bool         // else drawn by the seed
	Dir          string       // for the store; "": a directory of its own in /dev/shm, if there is one
	Progress     io.Writer    // a line now and then; nil: none
	Trace        io.Writer    // every record and every hand; nil: none

	// Seams for tests of single scenarios; they may cut the power.
	OnPulse  func(compartment int)
	OnCommit func(store.Point)

	ownDir   bool
	progress func(*city)
}

// Violation is one broken rule.
type Violation struct {
	Kind        string    `json:"kind"`
	At          time.Time `json:"at"` // virtual
	Compartment int       `json:"compartment,omitempty"`
	What        string    `json:"what"`
	Pickups     int       `json:"pickups"` // until then
}

func (v Violation) String() string {
	s := v.At.Format(time.DateTime) + " " + v.Kind
	if v.Compartment != 0 {
		s += fmt.Sprintf(" at compartment %d", v.Compartment)
	}
	return fmt.Sprintf("%s after %d pickups: %s", s, v.Pickups, v.What)
}

// Report is what a run has found.
type Report struct {
	Pickups     int     `json:"pickups"`
	WrongDoor   int     `json:"wrong_door"`
	Lost        int     `json:"lost"`
	Duplicated  int     `json:"duplicated"`
	Faults      int     `json:"faults"`
	Violations  int     `json:"violations"`
	Seed        uint64  `json:"seed"`
	VirtualDays float64 `json:"virtual_days"`
	Seconds     float64 `json:"seconds"`
	PowerCuts   int     `json:"power_cuts"`
	Boots       int     `json:"boots"`
	Pulses      int     `json:"pulses"`
	Entries     int     `json:"audit_entries"`
	Rounds      int     `json:"rounds"`
	Excused     int     `json:"excused_electrical"`
	Hash        string  `json:"hash"` // over everything that happened

	Counts map[string]int `json:"-"`
	Found  []Violation    `json:"-"` // the first 50

	electrical int
	stopped    bool
	begun      time.Time
}

func newReport(o Options) *Report {
	return &Report{Seed: o.Seed, Counts: map[string]int{}, begun: time.Now()}
}

// OK says whether no rule was broken.
func (r *Report) OK() bool { return r.Violations == 0 }

// JSON is the report in one line.
func (r *Report) JSON() string {
	b, err := json.Marshal(r)
	if err != nil {
		panic(err)
	}
	return string(b)
}

// Table lists what happened how often.
func (r *Report) Table() string {
	var s string
	for _, k := range slices.Sorted(maps.Keys(r.Counts)) {
		s += fmt.Sprintf("%9d  %s\n", r.Counts[k], k)
	}
	return s
}

const maxFound = 50

func (c *city) count(what string) { c.report.Counts[what]++ }

// violate notes a broken rule.
func (c *city) violate(kind string, n int, format string, a ...any) {
	r := c.report
	r.Violations++
	switch kind {
	case "wrong_door":
		r.WrongDoor++
	case "lost":
		r.Lost++
	case "duplicated":
		r.Duplicated++
	}
	if len(r.Found) < maxFound {
		r.Found = append(r.Found, Violation{Kind: kind, At: c.clock.Now(), Compartment: n, What: fmt.Sprintf(format, a...), Pickups: r.Pickups})
	}
	r.stopped = r.stopped || c.opt.Stop
}

// outcome counts the records that say how something ended.
func (c *city) outcome(r locker.Record) {
	switch r.Type {
	case "door.opened", "door.closed", "door.unlocking", "code.accepted":
		return
	}
	what := "log: " + r.Type
	if r.Detail.Code != "" && (r.Type == "delivery.disputed" || r.Type == "door.not_opened" || r.Type == "compartment.fault" || r.Type == "clock.stepped") {
		what += " " + r.Detail.Code
	}
	if r.Type == "delivery.collected" && r.Detail.Unverified {
		what += " unverified"
	}
	c.count(what)
}

// codeMade opens a notice as the office's notifier does.
func (c *city) codeMade(e store.Entry) {
	if e.Record.Detail.Code != "notice" {
		return
	}
	p, err := c.store.Personal(e.Seq)
	if err != nil || p == nil {
		c.violate("audit", 0, "the notice of entry %d can not be read: %v", e.Seq, err)
		return
	}
	n, _, err := firmware.OpenNotice(p.Notice, c.phone, c.sign.Public().(edPublic))
	if err != nil {
		if string(p.Notice) != "{}" {
			c.violate("answers", 0, "a notice can not be opened: %v", err)
		}
		return
	}
	c.learn(locker.Owner{Delivery: e.Record.Delivery, Group: e.Record.Group}, n.Code, n.QR)
}

// Soak runs a whole city until so many documents have been taken home, then
// clears the cabinet and says what it has found. The error is one of the run
// itself, not of what was found.
func Soak(o Options) (*Report, error) {
	if err := o.fill(); err != nil {
		return nil, err
	}
	c, err := newCity(o)
	if err != nil {
		return nil, err
	}
	defer c.end()
	c.wantBoot = true
	if err := c.settle(); err != nil {
		return nil, err
	}
	c.start("office", c.office)
	c.start("rounds", c.rounds)
	c.start("keeper", c.keeper)
	if o.Faults {
		c.start("fate", c.fate)
	}
	forever := c.clock.Now().AddDate(200, 0, 0)
	if err := c.run(forever, func() bool { return c.report.Pickups >= o.Pickups || c.stalled() }); err != nil {
		return nil, err
	}
	if !c.report.stopped {
		err = c.finale()
	}
	c.sum()
	return c.report, err
}

func (o *Options) fill() error {
	if o.Pickups == 0 {
		o.Pickups = 100
	}
	if o.Compartments == 0 {
		o.Compartments = 24
	}
	if o.Dir == "" {
		base := "/dev/shm"
		if _, err := os.Stat(base); err != nil {
			base = os.TempDir()
		}
		dir, err := os.MkdirTemp(base, "abholstation-soak-")
		if err != nil {
			return fmt.Errorf("cannot make a directory for the store: %w", err)
		}
		o.Dir, o.ownDir = dir, true
	}
	if w := o.Progress; w != nil {
		last := time.Now()
		o.progress = func(c *city) {
			if time.Since(last) > 5*time.Second {
				last = time.Now()
				fmt.Fprintf(w, "%d pickups, %.0f virtual days, %d power cuts, %d violations\n",
					c.report.Pickups, c.clock.Now().Sub(sim.Epoch()).Hours()/24, c.boots-1, c.report.Violations)
			}
		}
	}
	return nil
}

// stalled says that nobody gets anything any more.
func (c *city) stalled() bool {
	if c.report.Pickups > c.lastPickups {
		c.lastPickups, c.lastPickup = c.report.Pickups, c.clock.Now()
	}
	if !c.lastPickup.IsZero() && c.clock.Now().Sub(c.lastPickup) > 60*24*time.Hour {
		c.violate("stuck", 0, "nobody has got anything for 60 days")
		return true
	}
	return false
}

// keeper keeps checkpoints, has the log verified, exports and prunes it.
func (c *city) keeper(p *person) {
	for n := 0; ; n++ {
		p.sleep(6 * time.Hour)
		c.electricity()
		if !c.alive {
			continue
		}
		if cp := c.store.LastCheckpoint(); cp != nil {
			if c.points = append(c.points, cp); len(c.points) > 20 {
				c.points = c.points[1:]
			}
		}
		if n%4 == 3 {
			backup(c, nil)
		}
		if n%8 == 7 {
			c.verify()
			if id := c.store.Identity(); id.Seq > 4000 {
				if _, err := c.store.Prune(id.Seq - 2000); err != nil && !c.full {
					c.violate("audit", 0, "the log can not be pruned: %v", err)
				}
			}
			c.sweep()
		}
	}
}

// sweep removes the files of replaced stores.
func (c *city) sweep() {
	for _, pattern := range []string{".corrupt-*", ".replaced-*"} {
		list, _ := filepath.Glob(c.path() + pattern)
		for _, f := range list {
			_ = os.Remove(f)
		}
	}
}

// finale: no more faults, everything is brought to an end by clerks.
func (c *city) finale() error {
	c.calm = true // a jumped clock is put right within three days
	early := c.clock.Now().Add(12 * time.Hour)
	err := c.run(c.clock.Now().Add(3*24*time.Hour), func() bool { return !c.jumped && c.clock.Now().After(early) })
	if err != nil {
		return err
	}
	for _, b := range c.boxes {
		c.mend(b)
	}
	if err := c.run(c.clock.Now().Add(30*24*time.Hour), c.clear); err != nil {
		return err
	}
	c.verify()
	c.electricity()
	for _, b := range c.boxes {
		if len(b.inside) > 0 {
			c.claim("lost", b.n, "forgotten inside at the end: %v", b.inside)
		}
	}
	if !c.clear() {
		c.unfinished()
	}
	for name, p := range c.papers {
		if p.at == inCabinet {
			c.claim("lost", p.box, "nobody has %s at the end", name)
		}
	}
	return nil
}

// clear says that nothing is left to do.
func (c *city) clear() bool {
	if !c.alive {
		return false
	}
	st := c.station.View().State
	for _, x := range st.Deliveries {
		if !x.State.Ended() {
			return false
		}
	}
	for _, k := range st.Compartments {
		if k.Use != locker.Free || k.Intent != nil {
			return false
		}
	}
	return true
}

func (c *city) unfinished() {
	if !c.alive {
		c.violate("stuck", 0, "the station is dark at the end")
		return
	}
	st := c.station.View().State
	for _, x := range st.Deliveries {
		if !x.State.Ended() {
			c.violate("stuck", x.Compartment, "delivery %d is %s after 30 days of clerks, %v", x.ID, x.State, c.byID[x.ID])
		}
	}
	for _, k := range st.Compartments {
		if k.Use != locker.Free || k.Intent != nil {
			c.violate("stuck", k.Number, "%s after 30 days of clerks, fault %q, blocked %q, intent %v", k.Use, k.Fault, k.Blocked, k.Intent)
		}
	}
}

// rare is what must have happened in a long run with faults, beside every fault of
// the list: a run in which it never did has shown nothing about it.
var rare = []string{
	"door wire cut while it opens", "answer of the lock board lost", "order refused by the lock board", "pulse repeated", "commit refused: disk full",
	"power cut before commit", "power cut after commit", "power cut between commit and pulse", "power cut in a pulse",
	"power cut after a pulse", "power cut at rest", "started in doubt", "backup put in place",
	"inventory finished after a restore", "revived delivery ended", "relocated", "opened with the key", "door held shut",
	"clerk walked away before putting it in", "clerk walked away from an open door", "clerk walked away after closing",
	"clerk walked away from a retrieval", "clerk closed an empty door", "clerk broke off, with the paper inside",
	"clerk confirmed the clock", "took nothing", "something left inside", "still inside", "said: that is something else",
	"said: everything taken", "opened again", "walked away from the open door", "walked away from the open door, paper inside",
	"wrong code tried", "wrong factor", "typing error", "older code tried", "used code tried again", "nervous citizen",
	"somebody else's code with a wrong factor", "group code accepted", "code reissued", "hold period extended", "cancelled",
	"dispute settled: ready", "dispute settled: collected", "dispute settled: lost", "stolen from a forced door",
	"log: delivery.expired", "log: delivery.hold_paused", "log: lock.jammed", "log: door.given_up", "log: terminal.locked",
	"log: delivery.collected unverified", "log: delivery.disputed door_unknown", "log: delivery.disputed not_locked",
}

func (c *city) missing() {
	want := slices.Clone(rare)
	for _, f := range faults {
		want = append(want, "fault: "+f.name)
	}
	for _, k := range want {
		if c.report.Counts[k] == 0 {
			c.violate("soak", 0, "never happened: %s", k)
		}
	}
}

func (c *city) sum() {
	r := c.report
	if c.opt.Faults && r.Pickups >= 10_000 && !r.stopped {
		c.missing()
	}
	r.VirtualDays = float64(int(c.clock.Now().Sub(sim.Epoch()).Hours()/2.4)) / 10
	r.Seconds = float64(int(time.Since(r.begun).Seconds()*10)) / 10
	r.Boots = c.boots
	r.Excused = len(c.world.Excused())
	for k, n := range r.Counts {
		if len(k) > 9 && k[:9] == "power cut" {
			r.PowerCuts += n
		}
	}
	r.Hash = fmt.Sprintf("%016x", c.hash.Sum64())
}
