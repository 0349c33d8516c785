package scenario

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"abholstation/firmware"
	"abholstation/locker"
)

// citizen comes for one or more papers.
type citizen struct {
	c      *city
	factor string
	papers []*paper
	code   *code // the newest one
	old    *code // the one before
	on     bool  // the story has begun
}

// story is what a citizen does from the day on which the code comes.
func (z *citizen) story(p *person) {
	c := z.c
	switch {
	case c.chance(30):
		c.count("citizen never came")
		return
	case c.chance(300):
		p.between(time.Minute, 2*time.Hour)
	case c.chance(50):
		p.between(24*time.Hour, 5*24*time.Hour)
	default:
		p.between(time.Hour, 16*time.Hour)
	}
	for visit := 0; visit < 15 && z.waits(); visit++ {
		c.terminal(p)
		z.visit(p)
		c.inFront = nil
		if !z.waits() {
			break
		}
		if visit > 1 {
			for _, x := range z.papers {
				x.lost = true // calls the office
			}
		}
		p.between(20*time.Minute, 8*time.Hour)
	}
	if c.chance(100) && z.code != nil {
		p.between(30*time.Second, 3*time.Hour)
		c.terminal(p)
		c.count("used code tried again")
		z.try(p, z.code, z.factor, c.chance(300))
		c.inFront = nil
	}
}

// waits says whether there is still something to come for.
func (z *citizen) waits() bool {
	return slices.ContainsFunc(z.papers, func(x *paper) bool { return x.at == inCabinet && !x.over })
}

// terminal waits for one's turn. The terminal has one person in front of it.
func (c *city) terminal(p *person) {
	for c.inFront != nil || !c.alive {
		p.between(20*time.Second, time.Minute)
	}
	c.inFront = p
	c.session++
}

// visit is one person at the terminal, from the first key to the last door.
func (z *citizen) visit(p *person) {
	c := z.c
	session := c.session
	nervous := c.chance(20)
	z.fumble(p, nervous)
	a, err := z.try(p, z.code, z.factor, c.chance(250))
	if err != nil {
		z.turnedAway(p, err)
		return
	}
	todo := a.Choices
	if len(todo) > 1 {
		c.count("group code accepted")
	}
	for i, id := range todo {
		if i > 0 || a.Compartment == 0 {
			z.asks(c)
			var e error
			if a, e = p.do(locker.OpenNext{Session: session, Delivery: id, Confirmed: true}); e != nil {
				break
			}
		}
		if !z.atDoor(p, session, id, a.Compartment) {
			break
		}
	}
	if c.chance(500) {
		_, _ = p.do(locker.Leave{Session: session})
	}
	if nervous {
		for range 6 {
			p.sleep(2 * time.Second)
			z.wrong(p)
		}
	}
}

func (z *citizen) asks(c *city) *request {
	return c.request(request{by: "citizen", purpose: locker.ForCollect, papers: z.papers})
}

// fumble is what goes wrong before the right code.
func (z *citizen) fumble(p *person, nervous bool) {
	c := z.c
	if nervous {
		c.count("nervous citizen")
		for range 4 {
			z.wrong(p)
			p.sleep(2 * time.Second)
		}
	}
	if c.chance(60) {
		c.count("typing error")
		d := []byte(strings.ReplaceAll(z.code.digits, " ", ""))
		d[3] = '0' + (d[3]-'0'+1)%10
		if _, err := z.enter(p, string(d), z.factor, false); err == nil || refusal(err) != "" {
			c.violate("answers", 0, "a typing error was taken for a code: %v", err)
		}
	}
	if c.chance(40) {
		z.wrong(p)
	}
	if c.chance(60) {
		for range 1 + c.rnd.IntN(2)*c.rnd.IntN(5) {
			z.try(p, z.code, z.otherFactor(), c.chance(300))
			p.sleep(3 * time.Second)
		}
	}
	if z.old != nil && z.old != z.code && c.chance(600) {
		c.count("older code tried")
		z.try(p, z.old, z.factor, c.chance(300))
		p.sleep(3 * time.Second)
	}
	if n := len(c.codes); c.chance(30) && n > 0 {
		if k := c.codes[c.rnd.IntN(n)]; k.factor != z.factor {
			c.count("somebody else's code with a wrong factor")
			z.try(p, k, z.factor, false)
			p.sleep(3 * time.Second)
		}
	}
	if c.chance(5) {
		p.between(5*time.Second, time.Minute) // and thinks
	}
}

func (z *citizen) otherFactor() string {
	f := []byte(z.factor)
	f[2] = '0' + (f[2]-'0'+3)%10
	return string(f)
}

// wrong tries a code that was never given out.
func (z *citizen) wrong(p *person) {
	digits, err := locker.NewCode(random{z.c.rnd})
	if err != nil {
		return
	}
	z.c.count("wrong code tried")
	a, err := z.enter(p, digits, z.factor, false)
	z.c.judgeAnswer(nil, false, a, err)
	if refusal(err) == locker.Rejected {
		z.c.judgeRejected()
	}
}

// try enters a code and has the answer judged.
func (z *citizen) try(p *person, k *code, factor string, qr bool) (locker.Answer, error) {
	c := z.c
	right := factor == k.factor
	mine := right && k.standing != dead && k.standing != asleep
	if mine {
		c.request(request{by: "citizen", purpose: locker.ForCollect, papers: k.papers})
	}
	before := k.standing
	text := k.digits
	if qr {
		text = k.qr
	}
	a, err := z.enter(p, text, factor, qr)
	c.trace("tried", 0, fmt.Sprint(text, right, k.standing, k.papers, err))
	if before == k.standing || k.standing == live {
		// The rest has changed meanwhile: both answers are right then.
		c.judgeAnswer(k, right && (mine || refusal(err) == locker.Unavailable), a, err)
	}
	switch {
	case refusal(err) == locker.Rejected:
		if !qr {
			c.judgeRejected()
		}
		if !right && k.standing != dead {
			k.wrong++
			c.count("wrong factor")
		}
	case err == nil:
		k.wrong = 0
	case unclear(err) && !right:
		k.wrong++ // perhaps
		k.doubt()
	}
	return a, err
}

func (z *citizen) enter(p *person, text, factor string, qr bool) (locker.Answer, error) {
	c := z.c
	if !c.chance(500) {
		text = strings.ReplaceAll(text, " ", "")
	}
	return ask(p, func(reply func(locker.Answer, error)) {
		c.station.StartEnter(firmware.Entry{Session: c.session, QR: qr, Code: []byte(text), Factor: []byte(factor)}, reply)
	})
}

// turnedAway counts why somebody goes home without anything.
func (z *citizen) turnedAway(p *person, err error) {
	c := z.c
	switch {
	case errors.Is(err, errDark):
		c.count("turned away: dark screen")
		p.between(time.Minute, 10*time.Minute)
	case refusal(err) != "":
		c.count("turned away: " + string(refusal(err)))
	default:
		c.count("turned away: no durable answer")
	}
}

// atDoor is a citizen in front of an opening door; false: goes home.
func (z *citizen) atDoor(p *person, session uint64, id locker.DeliveryID, n int) bool {
	c := z.c
	if n == 0 {
		return false
	}
	for range 4 {
		opened := z.opens(p, n)
		if opened {
			again, stay := z.use(p, session, id, n)
			if !again {
				return stay
			}
		}
		z.asks(c)
		a, err := p.do(locker.OpenNext{Session: session, Delivery: id, Confirmed: true})
		if err != nil {
			if !opened {
				c.count("door did not open: went home")
			}
			return false
		}
		if opened {
			c.count("opened again")
		}
		n = a.Compartment
	}
	return false
}

func (z *citizen) opens(p *person, n int) bool {
	c := z.c
	b := c.box(n)
	b.user = p
	if c.faulty() && c.chance(10) && c.world.Hold(n) == nil {
		c.count("door held shut")
		p.sleep(4 * time.Second)
		_ = c.world.LetGo(n)
		c.stir(2 * time.Second)
	}
	ok := p.awaitOpen(n)
	b.user = nil
	return ok
}

// use is what a citizen does with an open door. again: wants it opened again;
// stay: goes on to the next one.
func (z *citizen) use(p *person, session uint64, id locker.DeliveryID, n int) (again, stay bool) {
	c := z.c
	b := c.box(n)
	b.user = p
	defer func() {
		if b.user == p {
			b.user = nil
		}
	}()
	p.between(time.Second, 15*time.Second)
	switch mood := c.rnd.IntN(100); {
	case mood < 3, b.foul && len(b.inside) == 1 && c.chance(400):
		c.count("took nothing")
	case mood < 5:
		c.count("walked away from the open door, paper inside")
		c.leaveOpen(n)
		return false, false
	default:
		z.takeHome(n)
		if mood < 8 {
			c.litter(n)
		}
		if mood >= 98 {
			c.count("walked away from the open door")
			c.leaveOpen(n)
			return false, false
		}
		if c.chance(10) {
			p.between(time.Minute, 5*time.Minute) // reads it in front of the open door
		}
	}
	p.close(n)
	return z.afterClosing(p, session, id, n)
}

// takeHome takes everything out.
func (z *citizen) takeHome(n int) {
	c := z.c
	got, _ := c.take(n, atHome)
	for _, x := range got {
		if !slices.Contains(z.papers, x) {
			c.violate("wrong_door", n, "%v was taken by somebody else", x)
			continue
		}
		c.report.Pickups++
		if c.opt.progress != nil {
			c.opt.progress(c)
		}
	}
}

// afterClosing answers what the screen asks, or does not.
func (z *citizen) afterClosing(p *person, session uint64, id locker.DeliveryID, n int) (again, stay bool) {
	c := z.c
	p.sleep(2500 * time.Millisecond)
	if !c.alive {
		return false, false
	}
	d := c.station.View().State.Delivery(id)
	if d == nil {
		return false, false
	}
	had := !slices.ContainsFunc(z.papers, func(x *paper) bool { return x.id == id && x.at == inCabinet })
	switch d.State {
	case locker.Asking:
		if !had && c.chance(600) || had && c.chance(60) {
			return true, true
		}
		if had && c.chance(700) {
			_, _ = p.do(locker.Word{Session: session, Delivery: id, Taken: true})
			c.count("said: everything taken")
		}
		return false, true
	case locker.Ready, locker.Due:
		if d.StillInside >= 2 && had {
			c.count("said: that is something else")
			_, _ = p.do(locker.Word{Session: session, Delivery: id, Taken: true})
			return false, true
		}
		if d.StillInside > 0 {
			c.count("still inside")
			return c.chance(800), false
		}
	}
	return false, true
}

// leaveOpen: somebody else finds the door.
func (c *city) leaveOpen(n int) {
	c.start("passer-by", func(p *person) {
		p.between(20*time.Second, 40*time.Minute)
		if !c.world.IsOpen(n) || c.attended(n) {
			return
		}
		if c.faulty() && c.chance(150) {
			if got, ok := c.take(n, stolen); ok && len(got) > 0 {
				c.count("stolen from an open door")
			}
		}
		p.close(n)
	})
}
