package scenario

import (
	"errors"
	"iter"
	"time"
)

// errDark is what people get from a station without power.
var errDark = errors.New("the screen is dark")

// gone ends a story when the run is over.
type gone struct{}

// person is one story. A story runs until it sleeps or waits for an answer; it
// is then resumed by the clock or by the city. Only one story runs at a time.
type person struct {
	c      *city
	name   string
	next   func() (struct{}, bool)
	stop   func()
	yield  func(struct{}) bool
	asking int // number of the open question, 0: none
	asked  int
	dark   bool // the power went while an answer was awaited
}

// start begins a story at once.
func (c *city) start(name string, story func(*person)) {
	p := &person{c: c, name: name}
	p.next, p.stop = iter.Pull(func(yield func(struct{}) bool) {
		defer func() {
			if r := recover(); r != nil {
				if _, over := r.(gone); !over {
					panic(r)
				}
			}
		}()
		p.yield = yield
		story(p)
	})
	c.people[p] = true
	p.resume()
}

func (p *person) resume() {
	if _, more := p.next(); !more {
		delete(p.c.people, p)
	}
}

func (p *person) pause() {
	if !p.yield(struct{}{}) {
		panic(gone{})
	}
}

// sleep lets time pass for this person.
func (p *person) sleep(d time.Duration) {
	p.c.clock.At(p.c.clock.Now().Add(max(d, time.Millisecond)), p.resume)
	p.pause()
}

// between sleeps for a drawn time.
func (p *person) between(from, to time.Duration) { p.sleep(p.c.draw(from, to)) }

// light waits until the station has power.
func (p *person) light() {
	for !p.c.alive {
		p.sleep(time.Minute)
	}
}

// ask asks the Station something and waits for its answer.
func ask[T any](p *person, begin func(reply func(T, error))) (v T, err error) {
	c := p.c
	if !c.alive {
		return v, errDark
	}
	p.asked++
	mine, boot, done, waits := p.asked, c.boots, false, false
	p.asking = mine
	begin(func(got T, e error) {
		if !c.alive || c.boots != boot || p.asking != mine {
			return // the answer of a station that has lost its power
		}
		v, err, done, p.asking = got, e, true, 0
		if waits {
			c.ready = append(c.ready, p)
		}
	})
	if done {
		return v, err
	}
	waits = true
	c.askers = append(c.askers, p)
	p.pause()
	if p.dark {
		p.dark = false
		return v, errDark
	}
	return v, err
}

// darken ends all waiting for answers: the power is gone.
func (c *city) darken() {
	for _, p := range c.askers {
		if p.asking != 0 {
			p.asking, p.dark = 0, true
			c.ready = append(c.ready, p)
		}
	}
	c.askers = nil
}

// wake resumes those who have been answered.
func (c *city) wake() bool {
	if len(c.ready) == 0 {
		return false
	}
	list := c.ready
	c.ready = nil
	for _, p := range list {
		p.resume()
	}
	if len(c.askers) > 64 {
		kept := c.askers[:0]
		for _, p := range c.askers {
			if p.asking != 0 {
				kept = append(kept, p)
			}
		}
		c.askers = kept
	}
	return true
}
