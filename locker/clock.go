package locker

import "time"

// Bounds of trust in the wall clock.
const (
	stepTolerance = 2 * time.Minute // wall against powered-on time
	jumpTolerance = 24 * time.Hour  // forward, over a time without power
	reAnchorAfter = time.Hour
	driftPerUnit  = 1000 // 1/1000: ten times what a crystal does wrong
)

// oldest is before this program was written: a clock that says so is not set.
var oldest = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// passTime decides whether the wall clock is to be believed.
func (d *draft) passTime(booting bool) {
	c := &d.s.Clock
	c.Mono = max(c.Mono, d.now.Mono)
	if c.AnchorW.IsZero() {
		c.AnchorM, c.AnchorW, c.Wall = d.now.Mono, d.now.Wall, d.now.Wall
		if d.now.Wall.Before(oldest) && !d.now.Synced {
			d.distrust("behind")
		}
		return
	}
	if booting {
		c.Booted = true
	}
	why := d.doubt()
	switch {
	case why == "" || d.now.Synced && !d.now.Wall.Before(oldest):
		d.trust(Self)
	case c.Untrusted == "":
		d.distrust(why)
	}
}

// doubt says what speaks against the wall clock, measured against the last pair
// that was trusted.
func (d *draft) doubt() string {
	c := &d.s.Clock
	off := d.now.Wall.Sub(c.AnchorW.Add(d.now.Mono - c.AnchorM))
	tolerance := stepTolerance
	if c.Untrusted == "" { // a step that was seen does not become drift by waiting
		tolerance += (d.now.Mono - c.AnchorM) / driftPerUnit
	}
	switch {
	case d.now.Wall.Before(c.Wall.Add(-stepTolerance)), off < -tolerance:
		return "behind"
	case c.Untrusted == "stepped" && off > tolerance:
		return "stepped" // a restart explains no step that was seen before it
	case c.Booted && off <= jumpTolerance:
		return "" // the time without power
	case c.Booted:
		return "jumped"
	case off > tolerance:
		return "stepped"
	}
	return ""
}

// ClockMoved says that a Step now would change its mind about the wall clock.
func (s State) ClockMoved(now Now) bool {
	if s.Clock.AnchorW.IsZero() {
		return false
	}
	d := draft{s: s, now: now}
	believed := d.doubt() == "" || now.Synced && !now.Wall.Before(oldest)
	return believed != (s.Clock.Untrusted == "")
}

func (d *draft) distrust(why string) {
	d.s.Clock.Untrusted = why
	d.meta() // worth a commit
	d.record(Record{Type: "clock.stepped", Actor: Self, Detail: Detail{Code: why}})
}

// trust takes the wall clock as right. Time without power since the last
// trusted pair is an outage for everybody.
func (d *draft) trust(by Actor) {
	c := &d.s.Clock
	if c.Booted {
		d.missed = max(0, d.now.Wall.Sub(c.AnchorW.Add(d.now.Mono-c.AnchorM)))
	}
	if c.Untrusted != "" {
		c.Untrusted = ""
		d.meta()
		d.record(Record{Type: "clock.trusted", Actor: by})
		c.Wall, c.AnchorM, c.AnchorW = d.now.Wall, d.now.Mono, d.now.Wall
	}
	if d.now.Wall.After(c.Wall) {
		c.Wall = d.now.Wall
	}
	if c.Booted || d.now.Mono-c.AnchorM >= reAnchorAfter || d.now.Synced {
		c.AnchorM, c.AnchorW = d.now.Mono, d.now.Wall
	}
	if c.Booted {
		c.Booted = false
		if d.s.Started {
			d.accountDowntime()
		}
	}
}

func (d *draft) trustClock(by Actor) *Refusal {
	switch {
	case d.s.Clock.Untrusted == "":
	case d.now.Wall.Before(oldest):
		return &Refusal{Code: ClockUntrusted, What: "not_set"}
	default:
		d.trust(by)
	}
	return nil
}

// wall is the best guess at the time of day, for stamps.
func (d *draft) wall() time.Time {
	if d.s.Clock.Untrusted == "" {
		return d.now.Wall.UTC()
	}
	c := d.s.Clock
	return c.AnchorW.Add(d.now.Mono - c.AnchorM).UTC()
}

// downtime is the time without power that this step has learnt of.
func (d *draft) downtime() time.Duration { return d.missed }

// accountDowntime: while the station was down no code could open anything.
func (d *draft) accountDowntime() {
	if d.missed <= 0 {
		return
	}
	for i := range d.s.Compartments {
		d.addOutage(d.s.Compartments[i], d.missed)
	}
	d.missed = 0
}
