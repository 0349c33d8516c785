package firmware

import (
	"sync"
	"time"

	"abholstation/hal"
	"abholstation/locker"
)

// item is one event on its way to a commit. reply, if there is one, is called
// exactly once: after the commit, or with the error because of which there was
// none. An event without reply must not get lost: it is kept when a commit
// fails.
type item struct {
	event locker.Event
	reply func(locker.Answer, error)
	put   *document // committed together with the event
	tries int       // failed commits
	asked time.Time // when a person asked for it, on clock.Now; zero: nobody did
}

type document struct {
	name  string
	value []byte
}

// answer tells whoever waits, once.
func (it *item) answer(a locker.Answer, err error) {
	if reply := it.reply; reply != nil {
		it.reply = nil
		reply(a, err)
	}
}

// queue holds what waits for the Station. It has three classes, so that none
// can crowd out another:
//
//   - people: at most limit; more are refused with ErrBusy;
//   - sensors: per lock the newest level, and whether the door was open in
//     between; bounded by the number of locks;
//   - results of slow work: never refused. There are no more of them than work
//     was started, and that is bounded where it is started.
//
// Its methods may be called from any goroutine and never block for long.
type queue struct {
	wake chan struct{} // capacity 1

	mu       sync.Mutex
	limit    int
	people   []item
	results  []item
	calls    []func() // news for the owner that are no events
	sensors  sensors
	closed   bool // people are refused
	ended    bool // everything is
	overflow bool // since the owner last looked
}

func newQueue(limit int) *queue {
	return &queue{limit: limit, wake: make(chan struct{}, 1), sensors: newSensors()}
}

func (q *queue) signal() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// offer puts something that a person asks for into the queue. A refusal is
// answered at once, on the caller's goroutine.
func (q *queue) offer(it item) {
	q.mu.Lock()
	var err error
	switch {
	case q.closed:
		err = ErrStopping
	case len(q.people) >= q.limit:
		err, q.overflow = ErrBusy, true
	default:
		q.people = append(q.people, it)
	}
	q.mu.Unlock()
	if err != nil {
		it.answer(locker.Answer{}, err)
		return
	}
	q.signal()
}

// result puts the outcome of slow work into its reserved place.
func (q *queue) result(it item) {
	q.mu.Lock()
	ended := q.ended
	if !ended {
		q.results = append(q.results, it)
	}
	q.mu.Unlock()
	if ended {
		it.answer(locker.Answer{}, ErrStopping)
		return
	}
	q.signal()
}

// call has f run by the owner, before the next commit.
func (q *queue) call(f func()) {
	q.mu.Lock()
	if !q.ended {
		q.calls = append(q.calls, f)
	}
	q.mu.Unlock()
	q.signal()
}

// sense takes an event of the hardware.
func (q *queue) sense(ev hal.Event) {
	q.mu.Lock()
	if !q.ended {
		q.sensors.add(ev)
	}
	q.mu.Unlock()
	q.signal()
}

// takeCalls empties the list of calls.
func (q *queue) takeCalls() []func() {
	q.mu.Lock()
	defer q.mu.Unlock()
	c := q.calls
	q.calls = nil
	return c
}

// take hands out what waits: all results, all due readings, and at most n of
// what people ask for.
func (q *queue) take(now time.Time, n int) (results []item, read taken, people []item) {
	q.mu.Lock()
	defer q.mu.Unlock()
	results, q.results = q.results, nil
	read = q.sensors.take(now)
	n = min(n, len(q.people))
	people = append(people, q.people[:n]...)
	clear(q.people[:n])
	if q.people = q.people[n:]; len(q.people) == 0 {
		q.people = nil
	}
	return results, read, people
}

// due says how long until take has something; 0: now, false: nothing waits.
func (q *queue) due(now time.Time) (time.Duration, bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.people) > 0 || len(q.results) > 0 || len(q.calls) > 0 {
		return 0, true
	}
	return q.sensors.due(now)
}

// hasCalls says whether the owner has news.
func (q *queue) hasCalls() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.calls) > 0
}

// flapping lists the locks whose readings are suppressed.
func (q *queue) flapping(now time.Time) []hal.LockID {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.sensors.flapping(now)
}

// overflowed says whether a person was refused since the last call.
func (q *queue) overflowed() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	was := q.overflow
	q.overflow = false
	return was
}

// close refuses people from now on, those who wait included.
func (q *queue) close() {
	q.mu.Lock()
	q.closed = true
	waiting := q.people
	q.people = nil
	q.mu.Unlock()
	for i := range waiting {
		waiting[i].answer(locker.Answer{}, ErrStopping)
	}
}

// end refuses everything from now on.
func (q *queue) end(err error) {
	q.close()
	q.mu.Lock()
	q.ended = true
	waiting := q.results
	q.results, q.calls = nil, nil
	q.mu.Unlock()
	for i := range waiting {
		waiting[i].answer(locker.Answer{}, err)
	}
}
