package scenario

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	"abholstation/firmware"
	"abholstation/locker"
	"abholstation/locker/store"
)

// judged is what became of the judgement on one pulse.
type judged struct{ request *request }

// judgePulse is called at the moment a coil is about to be energised.
func (c *city) judgePulse(n int) judged {
	c.readLog()
	b := c.box(n)
	order, logged := c.pending[n]
	delete(c.pending, n)
	if !logged {
		c.violate("unlogged", n, "a pulse without a durable order in the log")
	}
	var r *request
	for _, q := range slices.Backward(c.requests) {
		if c.mayOpen(q, n) {
			r = q
			break
		}
	}
	if r == nil {
		c.violate("wrong_door", n, "a pulse (%s) that nobody with the right to it asked for; inside: %v", order, b.inside)
		return judged{}
	}
	if r.used > 0 {
		c.count("pulse repeated")
		switch now := c.clock.Now(); {
		case r.unsure:
			c.violate("blind", n, "a pulse repeated though nobody knows whether the first went out")
		case b.blind && now.Sub(b.cutAt) > 2*time.Second, b.latchCut && now.Sub(b.cutAt) > 2*time.Second:
			c.violate("blind", n, "a pulse repeated while a sensor of the door can not be read")
		case !b.lies && !b.openAt.IsZero() && now.Sub(b.openAt) > time.Second && c.world.IsOpen(n):
			c.violate("blind", n, "a pulse repeated while the door is open")
		}
	}
	if c.restored && r.purpose == locker.ForCollect {
		c.violate("wrong_door", n, "a code has opened a door before the inventory after a restore")
	}
	if r.empty && len(b.inside) == 0 && !b.lies && !b.blind {
		b.blur = false
	}
	r.used++
	r.box = n
	c.note("pulse", n, r.by)
	return judged{r}
}

func (c *city) takeBack(j judged) {
	if j.request != nil {
		if j.request.used--; j.request.used == 0 {
			j.request.box = 0
		}
	}
}

// note adds to the hash over everything that happened.
func (c *city) note(what string, n int, more string) {
	fmt.Fprintf(c.hash, "%d %s %d %s\n", c.clock.Now().UnixMilli(), what, n, more)
}

// readLog takes in what has become durable.
func (c *city) readLog() {
	if c.store == nil {
		return
	}
	if id := c.store.Identity(); id.Epoch != c.epoch {
		c.epoch, c.seq = id.Epoch, 0
	}
	for c.store.Identity().Seq > c.seq {
		list, err := c.store.Entries(c.seq, 1000)
		if err != nil || len(list) == 0 {
			c.violate("audit", 0, "the log can not be read behind entry %d: %v", c.seq, err)
			return
		}
		for _, e := range list {
			if e.Seq != c.seq+1 {
				c.violate("audit", 0, "entry %d follows entry %d", e.Seq, c.seq)
			}
			c.seq = e.Seq
			c.report.Entries++
			if w := c.opt.Trace; w != nil {
				fmt.Fprintln(w, c.clock.Now().Format(time.DateTime), e.Record.Type, e.Record.Compartment, e.Record.Delivery, e.Record.Detail.Code, e.Record.Actor, "group", e.Record.Group)
			}
			c.note(e.Record.Type, e.Record.Compartment, string(e.Record.Actor)+" "+strconv.Itoa(int(e.Record.Delivery))+" "+e.Record.Detail.Code)
			c.record(e)
		}
	}
}

// record holds one claim of the log against the truth.
func (c *city) record(e store.Entry) {
	r := e.Record
	p := c.byID[r.Delivery]
	c.outcome(r)
	switch r.Type {
	case "door.unlocking", "lock.retried":
		c.pending[r.Compartment] = r.Type
	case "door.forced":
		delete(c.forced, r.Compartment)
	case "code.made":
		c.codeMade(e)
	case "code.ended":
		if r.Detail.Code != "wrong_factors" {
			for _, q := range c.byGroup[r.Group] {
				q.code.die("the group is done", c.on())
			}
			break
		}
		for _, q := range append(c.byGroup[r.Group], p) {
			if q != nil && (r.Group != 0 || q.group == 0) {
				if q.code != nil && q.code.wrong < 4 && q.code.standing == live {
					c.violate("answers", 0, "the code of %v ended after %d wrong factors", q, q.code.wrong)
				}
				q.code.die("five wrong factors", c.on())
				q.lost = true
			}
		}
	}
	if p == nil || r.Delivery == 0 {
		return
	}
	switch r.Type {
	case "delivery.loaded", "delivery.ready", "delivery.relocated":
		if !c.restored && !c.isInside(p, r.Compartment) {
			c.claim("claimed", r.Compartment, "%s: %v", r.Type, p)
		}
		if r.Type == "delivery.ready" && p.agreed.IsZero() && !p.vague {
			from := c.clock.Now()
			if e.Untrusted {
				// The station guesses the day, and time without power is not in the
				// guess: it may be the day before.
				c.count("ready while the clock was not trusted")
				from = from.Add(-24 * time.Hour)
			}
			p.agreed = weekdaysAfter(from, p.days)
		}
		delete(c.ended, p.id)
		if r.Type != "delivery.loaded" && p.code != nil && p.code.standing == asleep {
			p.code.standing = live
		}
	case "delivery.collected", "delivery.retrieved", "delivery.lost":
		c.endedBy(p, r)
	case "delivery.disputed":
		if p.code != nil && p.group == 0 && p.code.standing == live {
			p.code.standing = asleep
		}
		if r.Detail.Code == "found_again" {
			delete(c.ended, p.id)
			p.over = false
		}
	case "delivery.expired":
		c.judgeHold(p)
	}
}

func (c *city) endedBy(p *paper, r locker.Record) {
	if was, twice := c.ended[p.id]; twice {
		c.violate("duplicated", r.Compartment, "%s after %s: %v", r.Type, was, p)
	}
	c.ended[p.id] = r.Type
	p.over = true
	verified := r.Type == "delivery.collected" && !r.Detail.Unverified || r.Type == "delivery.retrieved"
	if verified && p.at == inCabinet && !c.restored {
		c.claim("lost", r.Compartment, "%s, though it is inside: %v", r.Type, p)
	}
	if p.group == 0 {
		p.code.die(r.Type, c.on())
	} else if !slices.ContainsFunc(c.byGroup[p.group], func(q *paper) bool { return !q.over }) {
		p.code.die("group done", c.on())
	}
}

// isInside says whether a paper is physically in a compartment.
func (c *city) isInside(p *paper, n int) bool { return p.at == inCabinet && p.box == n }

// claim is a violation, unless a lying sensor or a power cut hides the truth from
// everybody.
func (c *city) claim(kind string, n int, format string, a ...any) {
	if n > 0 && (c.box(n).blur || c.box(n).lies) {
		if b := c.box(n); b.excused != kind || b.excusedAt != c.made {
			b.excused, b.excusedAt = kind, c.made // once, not with every look
			c.count("excused: nobody could see (" + kind + ")")
		}
		return
	}
	c.violate(kind, n, format, a...)
}

// judgeHold: nobody's hold period ends before the agreed weekdays have passed in
// true time. Public holidays only make it longer.
func (c *city) judgeHold(p *paper) {
	if !p.agreed.IsZero() && c.clock.Now().Before(p.agreed.Add(-5*time.Minute)) {
		c.violate("hold", p.box, "the hold period ended at %s, agreed was %s: %v",
			c.clock.Now().Format(time.DateTime), p.agreed.Format(time.DateTime), p)
	}
}

// weekdaysAfter is 23:59 of the n-th day from Monday to Friday after t's.
func weekdaysAfter(t time.Time, n int) time.Time {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		panic(err)
	}
	t = t.In(berlin)
	for n > 0 {
		t = t.AddDate(0, 0, 1)
		if t.Weekday() != time.Saturday && t.Weekday() != time.Sunday {
			n--
		}
	}
	return time.Date(t.Year(), t.Month(), t.Day(), 23, 59, 0, 0, berlin)
}

// observe judges what the station shows, whenever it shows something new.
func (c *city) observe() {
	now := c.clock.Now()
	for _, b := range c.boxes {
		if now.Sub(b.pulsed) < time.Minute {
			switch open := c.world.IsOpen(b.n); {
			case !open:
				b.openAt = time.Time{}
			case b.openAt.IsZero():
				b.openAt = now
			}
		}
	}
	if !c.alive {
		return
	}
	c.readLog()
	v := c.station.View()
	if v.Seq == c.seen {
		return
	}
	c.seen = v.Seq
	if c.restored {
		if !v.State.Meta.Inventory.Required && v.State.Started {
			if len(c.inspected) < len(c.boxes) {
				c.violate("restore", 0, "the inventory is said to be over after %d of %d compartments", len(c.inspected), len(c.boxes))
			}
			c.restored = false
			c.afterInventory()
		}
		return
	}
	if v.State.Started {
		c.judgeView(v)
	}
}

func (c *city) judgeView(v *firmware.View) {
	owner := make([]*locker.Delivery, len(c.boxes)+1)
	for _, x := range v.State.Deliveries {
		if x.Compartment == 0 || x.State.Ended() || x.State == locker.Announced {
			continue
		}
		if o := owner[x.Compartment]; o != nil && x.State != locker.Disputed && o.State != locker.Disputed {
			c.violate("duplicated", x.Compartment, "deliveries %d (%s) and %d (%s) are both there", o.ID, o.State, x.ID, x.State)
		}
		owner[x.Compartment] = x
		p := c.byID[x.ID]
		if (x.State == locker.Ready || x.State == locker.Due) && !x.Suspended && p != nil && !c.isInside(p, x.Compartment) {
			b := c.box(x.Compartment)
			if k := v.State.Compartment(x.Compartment); k.Use == locker.Occupied && k.Intent == nil && !c.world.IsOpen(b.n) && !b.foul && p.at != stolen {
				c.claim("claimed", b.n, "delivery is %s, but %v", x.State, p)
			}
		}
	}
	for i, k := range v.State.Compartments {
		b := c.boxes[i]
		if k.Use == locker.Free && k.Intent == nil && len(b.inside) > 0 && !c.world.IsOpen(b.n) {
			c.claim("lost", b.n, "free, though %v is inside", b.inside)
		}
	}
}

// judgeRejected: whoever tries codes is slowed down.
func (c *city) judgeRejected() {
	now := c.on()
	c.rejected = append(c.rejected, now)
	if len(c.rejected) > 64 {
		c.rejected = c.rejected[len(c.rejected)-64:]
	}
	for i, t := range c.rejected {
		if n, w := len(c.rejected)-i, now-t; float64(n) > 6+w.Seconds()/90 {
			c.violate("limiter", 0, "%d wrong entries were tried in %s", n, w)
			return
		}
	}
}

// judgeAnswer holds the answer to an entry against what everybody else knows.
func (c *city) judgeAnswer(k *code, right bool, a locker.Answer, err error) {
	reason := refusal(err)
	switch {
	case err == nil && !right && k != nil && k.standing == unsure:
	case err == nil && !right:
		what := "a code that was never given out"
		if k != nil {
			what = fmt.Sprintf("a code that is not right (%s)", k.why)
		}
		c.violate("answers", a.Compartment, "%s was accepted", what)
	case err == nil && c.restored:
		c.violate("answers", a.Compartment, "a code was accepted before the inventory after a restore")
	case reason == locker.Rejected && right && k.standing == live:
		c.violate("answers", k.papers[0].box, "a right code was rejected: %v", k.papers[0])
	case reason == locker.Unavailable && k != nil && k.standing == dead && c.on()-k.since > 5*time.Second && right:
		c.violate("answers", 0, "a code that has ended is still known")
	}
}

// verify has the log verified against the checkpoints that were kept.
func (c *city) verify() {
	if !c.alive {
		return
	}
	c.count("log verified")
	rep, err := c.store.Verify(context.Background(), c.points)
	if err != nil {
		c.violate("audit", 0, "the log can not be verified: %v", err)
		return
	}
	for _, p := range rep.Problems {
		c.violate("audit", 0, "entry %d: %s", p.Seq, p.What)
	}
}

func (c *city) electricity() {
	list := c.world.Violations()
	for _, s := range list[min(c.report.electrical, len(list)):] {
		c.violate("electrical", 0, "%s", s)
	}
	c.report.electrical = len(list)
	if n := len(c.world.Pulses()); n != c.pulses && !c.pulsing {
		c.violate("wrong_door", 0, "%d pulses happened, %d were ordered", n, c.pulses)
		c.pulses = n
	}
}
