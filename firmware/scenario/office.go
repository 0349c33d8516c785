package scenario

import (
	"errors"
	"fmt"
	"time"

	"abholstation/firmware"
	"abholstation/locker"
)

var clerks = []locker.Actor{"staff:a", "staff:b", "staff:c"}

func (c *city) clerk() locker.Actor { return clerks[c.rnd.IntN(len(clerks))] }

// refusal is the reason why the Station did nothing, or "".
func refusal(err error) locker.Reason {
	var r *locker.Refusal
	if errors.As(err, &r) {
		return r.Code
	}
	return ""
}

// do has the Station do something and waits for its answer.
func (p *person) do(ev locker.Event) (locker.Answer, error) {
	return ask(p, func(reply func(locker.Answer, error)) { p.c.station.Offer(ev, reply) })
}

// page is what the office's page shows of a delivery; nil: nothing.
func (c *city) page(x *paper) *locker.Delivery {
	if !c.alive || x.id == 0 {
		return nil
	}
	d := c.station.View().State.Delivery(x.id)
	if d == nil || d.Reference != x.ref {
		return nil
	}
	return d
}

// office sends papers to the station as long as somebody shall come for them.
func (c *city) office(p *person) {
	for !c.calm {
		p.between(10*time.Minute, 50*time.Minute)
		if c.active >= 2*len(c.boxes) || c.calm {
			continue
		}
		n := 1
		if c.chance(60) {
			n = 2
		}
		c.commission(n)
	}
}

// commission begins the life of one citizen's papers.
func (c *city) commission(n int) *citizen {
	z := &citizen{c: c, factor: fmt.Sprintf("%04d", c.rnd.IntN(10000))}
	contact := c.chance(600)
	for range n {
		c.made++
		x := &paper{
			name: fmt.Sprintf("P-%d", c.made), kind: []string{"passport", "passport", "identity_card", "vehicle_papers", "driving_licence"}[c.rnd.IntN(5)],
			days: 1 + c.rnd.IntN(4), contact: contact, factor: z.factor, z: z, reach: c.chance(50),
		}
		x.ref = x.name
		if c.tame {
			x.kind = "passport"
		}
		z.papers = append(z.papers, x)
		c.papers[x.name] = x
		c.active++
	}
	c.start("clerk", func(p *person) { c.deliver(p, z) })
	return z
}

// deliver announces and loads all papers of a citizen.
func (c *city) deliver(p *person, z *citizen) {
	if len(z.papers) > 1 {
		c.together(p, z)
	}
	for _, x := range z.papers {
		c.bring(p, x)
	}
}

// together makes a pickup group of a citizen's papers.
func (c *city) together(p *person, z *citizen) {
	var ids []locker.DeliveryID
	for _, x := range z.papers {
		p.light()
		if !c.announce(p, c.clerk(), x) {
			return
		}
		ids = append(ids, x.id)
	}
	a, err := ask(p, func(reply func(locker.Answer, error)) {
		c.station.StartGroup(c.clerk(), ids, z.factor, z.address(), "de", reply)
	})
	if err != nil {
		return
	}
	c.count("pickup group")
	for _, x := range z.papers {
		x.group = a.Group
		x.code.die("grouped", c.on())
	}
	c.byGroup[a.Group] = z.papers
}

func (z *citizen) address() *firmware.Contact {
	if !z.papers[0].contact {
		return nil
	}
	return &firmware.Contact{Email: z.papers[0].name + "@example.org"}
}

// announce tells the Station of a paper.
func (c *city) announce(p *person, by locker.Actor, x *paper) bool {
	var met []string
	if x.kind == "identity_card" && !c.chance(200) {
		met = []string{"pin_letter_confirmed"}
	}
	a, err := ask(p, func(reply func(locker.Answer, error)) {
		c.station.StartAnnounce(firmware.Announcement{
			By: by, Reference: x.ref, Kinds: []string{x.kind}, Size: locker.Size(1 + c.rnd.IntN(10)/8), Reachable: x.reach,
			Met: met, Factor: x.factor, Contact: x.z.address(), HoldDays: x.days,
		}, reply)
	})
	var r *locker.Refusal
	if errors.As(err, &r) && r.Code == locker.DuplicateReference {
		a.Delivery, err = r.Delivery, nil // it was told, only the answer was lost
	}
	if err != nil {
		return false
	}
	x.id, x.over, x.agreed, x.vague = a.Delivery, false, time.Time{}, false
	c.byID[x.id] = x
	return true
}

// bring has a paper announced and loaded; what fails is left to the round.
func (c *city) bring(p *person, x *paper) {
	x.clerk = true
	defer func() { x.clerk = false }()
	by := c.clerk()
	for range 4 {
		p.light()
		if x.at != atOffice || x.over || x.done() || c.calm {
			return
		}
		if (x.id != 0 || c.announce(p, by, x)) && c.carry(p, by, x) {
			c.afterGrace(p, x)
			return
		}
		p.between(2*time.Minute, time.Hour)
	}
}

// carry takes a paper to the cabinet and puts it in; true: done.
func (c *city) carry(p *person, by locker.Actor, x *paper) bool {
	a, err := p.load(by, locker.Load{By: by, Delivery: x.id}, x)
	switch refusal(err) {
	case locker.ConditionOpen:
		_, _ = p.do(locker.Confirm{By: by, Delivery: x.id, Condition: "pin_letter_confirmed"})
		return false
	case locker.NeedsSecond:
		_, _ = p.do(locker.Approve{By: "staff:boss", Delivery: x.id})
		return false
	}
	if err != nil {
		return false
	}
	return c.putIn(p, by, x, a.Compartment)
}

// asked notes the request and what it is for; called right before asking would be
// too early to know the compartment, so requests for loading are noted first.
func (p *person) load(by locker.Actor, ev locker.Event, x *paper) (locker.Answer, error) {
	r := p.c.request(request{by: string(by), purpose: locker.ForLoad, papers: []*paper{x}, empty: true})
	a, err := p.do(ev)
	if err != nil {
		r.used = 2 // nothing was promised
	}
	return a, err
}

// putIn waits for the door and puts the paper in, or walks away in the middle.
func (c *city) putIn(p *person, by locker.Actor, x *paper, n int) bool {
	b := c.box(n)
	if b.user != nil {
		return false
	}
	b.user = p
	defer func() { b.user = nil }()
	if !p.awaitOpen(n) {
		return false
	}
	p.between(2*time.Second, 8*time.Second)
	if d := c.page(x); c.alive && (d == nil || d.State != locker.Loading || d.Compartment != n) {
		return false // the page says that this door is not for this paper any more
	}
	if c.chance(15) {
		c.count("clerk walked away before putting it in")
		return false
	}
	if c.chance(15) {
		c.count("clerk closed an empty door")
		p.close(n)
		return false
	}
	if x.at != atOffice || !c.put(n, x) {
		p.close(n)
		return false
	}
	if c.chance(15) {
		c.count("clerk walked away from an open door")
		return true
	}
	p.between(time.Second, 4*time.Second)
	p.close(n)
	if c.chance(25) {
		c.count("clerk walked away after closing")
		return true
	}
	c.wordLoaded(p, by, x)
	if c.chance(30) {
		c.correct(p, by, x, n)
	}
	return true
}

// wordLoaded says what is inside, where the Station asks.
func (c *city) wordLoaded(p *person, by locker.Actor, x *paper) {
	for range 5 {
		p.sleep(3 * time.Second)
		if d := c.page(x); d == nil || d.State != locker.Loading {
			return
		}
		inside := x.at == inCabinet
		if inside && c.chance(15) {
			c.count("clerk broke off, with the paper inside")
			inside = false
		}
		_, _ = p.do(locker.Loaded{By: by, Delivery: x.id, Inside: inside})
	}
}

// correct opens the compartment once more, and sometimes takes the paper out.
func (c *city) correct(p *person, by locker.Actor, x *paper, n int) {
	c.request(request{by: string(by), purpose: locker.ForLoad, papers: []*paper{x}})
	if _, err := p.do(locker.Correct{By: by, Delivery: x.id}); err != nil || !p.awaitOpen(n) {
		return
	}
	c.count("loading corrected")
	p.sleep(4 * time.Second)
	if c.chance(400) {
		c.take(n, atOffice)
	}
	p.close(n)
	c.wordLoaded(p, by, x)
}

// afterGrace prints the slip, where there is no contact.
func (c *city) afterGrace(p *person, x *paper) {
	p.sleep(10*time.Minute + 30*time.Second)
	c.slip(p, x)
}

func (c *city) slip(p *person, x *paper) {
	d := c.page(x)
	if d == nil || x.contact || (d.State != locker.Ready && d.State != locker.Due) {
		return
	}
	owner := locker.Owner{Delivery: x.id}
	if d.Group != 0 {
		owner = locker.Owner{Group: d.Group}
	} else if len(d.CodeTag) > 0 {
		return
	}
	s, err := ask(p, func(reply func(firmware.Slip, error)) { c.station.StartSlip(c.clerk(), owner, reply) })
	switch {
	case err == nil:
		c.learn(owner, s.Code, s.QR)
	case errors.Is(err, errDark), errors.Is(err, firmware.ErrStore):
		x.lost = true // a code may have been made that nobody knows
	}
}

// learn: a citizen is given a code.
func (c *city) learn(o locker.Owner, digits, qr string) {
	papers := []*paper{c.byID[o.Delivery]}
	if o.Group != 0 {
		papers = c.byGroup[o.Group]
	}
	if len(papers) == 0 || papers[0] == nil {
		return
	}
	z := papers[0].z
	c.trace("learn", 0, fmt.Sprint(o, papers))
	k := &code{digits: digits, qr: qr, factor: z.factor, papers: papers}
	for _, x := range papers {
		x.code.die("a newer one was made", c.on())
		x.code, x.lost = k, false
	}
	c.codes = append(c.codes, k)
	if len(c.codes) > 400 {
		c.codes = c.codes[100:]
	}
	if z.old == nil || z.code != k {
		z.old = z.code
	}
	z.code = k
	if !z.on {
		z.on = true
		c.start("citizen", z.story)
	}
}

// reissue ends a code and has a new one made.
func (c *city) reissue(p *person, x *paper) {
	owner := locker.Owner{Delivery: x.id}
	if x.group != 0 {
		owner = locker.Owner{Group: x.group}
	}
	if c.ending(x, "reissued", func() error {
		_, err := p.do(locker.Reissue{By: c.clerk(), Owner: owner})
		return err
	}) == nil {
		c.count("code reissued")
		x.lost = false
		if !x.contact {
			c.slip(p, x)
		}
	}
}

// ending does what ends a code. From the moment on which it is asked for until
// the answer is there nobody can know whether the code still works.
func (c *city) ending(x *paper, why string, do func() error) error {
	k := x.code
	if k == nil {
		return do()
	}
	was := k.standing
	if was != dead {
		k.standing = unsure
	}
	err := do()
	switch {
	case err == nil:
		k.die(why, c.on())
		x.code.die(why, c.on()) // made in the meantime, and ended with it
	case !unclear(err) && k.standing == unsure:
		k.standing = was
	}
	return err
}

// unclear: what was asked for may have happened or not.
func unclear(err error) bool { return errors.Is(err, errDark) }

// awaitOpen stands in front of a door until it opens, or gives up.
func (p *person) awaitOpen(n int) bool {
	patience := p.c.draw(30*time.Second, 50*time.Second)
	for end := p.c.clock.Now().Add(patience); p.c.clock.Now().Before(end); {
		p.sleep(700 * time.Millisecond)
		if p.c.world.IsOpen(n) || p.c.pull(n) {
			p.sleep(time.Second) // nobody is quicker
			return p.c.world.IsOpen(n)
		}
	}
	return false
}

// close shuts a door, again if it comes back.
func (p *person) close(n int) {
	for range 3 {
		if !p.c.world.IsOpen(n) {
			return
		}
		p.c.shut(n)
		p.sleep(400 * time.Millisecond)
	}
}

// doorbell: only one person at a time stands at a compartment.
func (c *city) attended(n int) bool { return c.box(n).user != nil }

// done says that nothing more is to be done for a paper.
func (x *paper) done() bool {
	return x.over && (x.at == atHome || x.at == stolen || x.at == atOffice && x.inBoxes)
}
