package firmware

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"abholstation/hal"
	"abholstation/locker"
	"abholstation/locker/store"
)

// Station owns the state of one cabinet. All methods but Run, Pump and Due may
// be called from any goroutine; Pump and Due belong to whoever drives the
// Station, which is Run or a simulation, never both.
type Station struct {
	o     Options
	time  timekeeper
	order map[hal.LockID]int // in the cabinet's readings
	queue *queue
	view  atomic.Pointer[View]
	watch watchers
	slow  slowWorker
	entry entryGate
	codes codeGate
	work  workers

	stopping atomic.Bool
	running  atomic.Pointer[time.Time] // since when the cabinet runs, on clock.Now
	stepped  bool                      // a simulation runs what is beside the Station

	// Below: the owner's alone.
	state   locker.State
	timers  timers
	pending []item // made by the owner itself for the next commit
	kept    []item // could not be committed, to be tried again
	boot    bootState
	read    readState
	pulses  pulseState
	health  health
	saved   savedState
	typos   int
	cabinet cabinetState
	ended   error // why the Station can not go on
}

// New makes a Station over an opened store. It moves nothing and reads nothing
// of the hardware before Run or Pump.
func New(o Options) (*Station, error) {
	stepped := o.Go != nil
	if err := o.fill(); err != nil {
		return nil, err
	}
	order, err := lockOrder(o.Cabinet, o.Rules.Layout)
	if err != nil {
		return nil, err
	}
	state := o.Store.State()
	s := &Station{
		o: o, state: state, stepped: stepped, order: order,
		time:   newTimekeeper(o.Clock, state.Clock.Mono),
		queue:  newQueue(o.QueueSize),
		pulses: newPulseState(state),
	}
	s.codes.making = map[locker.Owner]bool{}
	s.health.init()
	s.publish(s.time.now())
	return s, nil
}

// Pump does once what there is to do: it commits everything that waits and
// starts the effects. It returns false when there was nothing to do; then Due
// says when it is worth calling again. It never waits for anything but the
// store.
func (s *Station) Pump(ctx context.Context) (worked bool) {
	if s.ended != nil {
		return false
	}
	var batch []item
	defer func() {
		if p := recover(); p != nil {
			s.o.Log.Error("the station's owner panicked", "panic", p, "stack", string(debug.Stack()))
			s.end(fmt.Errorf("cannot go on: panic in the station: %v", p), batch)
			worked = true
		}
	}()
	calls := s.queue.takeCalls()
	for _, f := range calls {
		f()
	}
	now := s.time.now()
	timed := s.expire(ctx, now)
	batch = s.gather()
	if len(batch) > 0 {
		s.commit(ctx, batch, now)
	}
	return len(calls) > 0 || timed || len(batch) > 0
}

// Due says how long until Pump has something to do, as far as that is known
// now; 0 is at once.
func (s *Station) Due() time.Duration {
	at := s.o.Clock.Now()
	d := s.timers.next(at)
	if s.queue.hasCalls() || !s.boot.begun {
		return 0
	}
	if !s.timers.idle(retryTimer) {
		return d // only then is anything committed
	}
	if s.boot.done {
		if len(s.pending) > 0 {
			return 0
		}
		if w, ok := s.queue.due(at); ok {
			d = min(d, w)
		}
	}
	return d
}

// Failed is why the Station can not go on, nil while it can. Whoever drives
// Pump looks at it; Run returns it.
func (s *Station) Failed() error { return s.ended }

// gather puts together what is committed next. Before the first reading of the
// cabinet nothing is: everything waits in the queue. After a failed commit
// everything waits a moment.
func (s *Station) gather() []item {
	if !s.timers.idle(retryTimer) {
		return nil
	}
	batch, own := s.kept, s.pending
	s.kept, s.pending = nil, nil
	if s.boot.done {
		// What the hardware reported by itself goes before readings that were asked
		// for: they are newer, and an older one that follows is ignored.
		results, read, people := s.queue.take(s.o.Clock.Now(), batchMax)
		batch = append(batch, results...)
		batch = append(batch, s.sensed(read)...)
		batch = append(batch, own...)
		batch = append(batch, people...)
	} else if batch = append(batch, own...); len(batch) == 0 || !isBooted(batch[0].event) {
		s.pending = batch
		return nil
	}
	if s.timers.expired(tickTimer, s.o.Clock.Now()) {
		batch = append(batch, item{event: locker.Tick{}})
	}
	return slices.DeleteFunc(batch, s.refused)
}

// refused answers what is not even tried.
func (s *Station) refused(it item) bool {
	if r := s.health.refuses(it.event); r != nil && it.reply != nil {
		it.answer(locker.Answer{}, r)
		return true
	}
	if !it.asked.IsZero() && s.o.Clock.Now().Sub(it.asked) > patience {
		// Whoever asked has long gone: no door opens for nobody.
		it.answer(locker.Answer{}, ErrBusy)
		return true
	}
	if _, entry := it.event.(locker.Present); entry && s.stopping.Load() {
		it.answer(locker.Answer{}, ErrStopping)
		return true
	}
	return false
}

func isBooted(ev locker.Event) bool {
	_, ok := ev.(locker.Booted)
	return ok
}

// commit makes a batch durable and lets the outside know. The order is: store,
// view, effects, answers.
func (s *Station) commit(ctx context.Context, batch []item, now locker.Now) {
	for len(batch) > 0 {
		n := together(batch)
		part := batch[:n]
		batch = batch[n:]
		results, err := s.apply(part, now)
		if err != nil && n > 1 && !storeTrouble(err) && s.ended == nil {
			// One of them can not be stored; the others shall not suffer for it.
			for i := range part {
				s.commit(ctx, part[i:i+1], now)
			}
			continue
		}
		if err != nil {
			s.notCommitted(part, err)
			if s.ended != nil {
				s.end(s.ended, batch)
				return
			}
			continue
		}
		s.committed(ctx, part, results, now)
	}
}

// storeTrouble says whether an error is the store's, rather than that of an event.
func storeTrouble(err error) bool {
	return errors.Is(err, store.ErrFull) || errors.Is(err, store.ErrFailed)
}

// together is how many items from the front go into one commit: all, but one
// with a document goes alone.
func together(batch []item) int {
	for i, it := range batch {
		if it.put != nil {
			return max(i, 1)
		}
	}
	return len(batch)
}

func (s *Station) apply(part []item, now locker.Now) ([]locker.Result, error) {
	events := make([]locker.Event, len(part))
	for i, it := range part {
		events[i] = it.event
	}
	var results []locker.Result
	var err error
	if put := part[0].put; put != nil {
		results, err = s.o.Store.ApplyWithDocument(put.name, put.value, events, now)
	} else {
		results, err = s.o.Store.Apply(events, now)
	}
	if err == nil && len(results) != len(events) {
		err = fmt.Errorf("cannot use the store: %d results for %d events", len(results), len(events))
		s.ended = err
	}
	return results, err
}

func (s *Station) committed(ctx context.Context, part []item, results []locker.Result, now locker.Now) {
	before := s.state
	s.state = s.o.Store.State()
	if s.state.Meta != before.Meta { // only a change is written
		s.health.clear("store.write")
	}
	for i, it := range part {
		if len(results[i].Records) > 0 {
			s.health.clear("store.write")
		}
		s.saved.entries += len(results[i].Records)
		if isBooted(it.event) {
			s.booted()
		}
	}
	s.schedule()
	s.publish(now)
	for _, r := range results {
		for _, e := range r.Effects {
			s.effect(ctx, e)
		}
	}
	for i := range part {
		if r := results[i].Refusal; r != nil {
			part[i].answer(results[i].Answer, r)
		} else {
			part[i].answer(results[i].Answer, nil)
		}
	}
}

// notCommitted answers those who wait and keeps what must not get lost.
func (s *Station) notCommitted(part []item, err error) {
	s.o.Log.Error("cannot commit", "events", len(part), "error", err)
	s.health.raise("store.write")
	if errors.Is(err, store.ErrFull) {
		s.health.space = spaceFull // until the next look
	}
	if s.ended == nil && errors.Is(err, store.ErrFailed) {
		s.ended = fmt.Errorf("cannot go on: %w", err)
	}
	s.publish(s.time.now())
	at := s.o.Clock.Now()
	for i := range part {
		switch it := &part[i]; {
		case it.reply != nil && errors.Is(err, store.ErrFull) && isLoading(it.event):
			it.answer(locker.Answer{}, &locker.Refusal{Code: locker.StoreFull})
		case it.reply != nil:
			it.answer(locker.Answer{}, ErrStore)
		case isTick(it.event):
			s.timers.soonest(tickTimer, at.Add(storeRetry))
		case !storeTrouble(err) && it.tries >= triesMax:
			s.o.Log.Error("an event was dropped", "event", fmt.Sprintf("%T", it.event), "error", err)
			s.health.raise("event.dropped")
		default:
			it.tries++
			s.kept = append(s.kept, *it)
			s.timers.set(retryTimer, at.Add(storeRetry))
		}
	}
	s.probe(at)
	if drop := len(s.kept) - keptMax; drop > 0 {
		// Only readings come in such numbers: the newest level is what counts.
		s.kept = append(s.kept[:1:1], s.kept[drop+1:]...)
		s.timers.soonest(readTimer, at.Add(storeRetry))
	}
}

// probe keeps one event that shows when the store works again: people are turned
// away meanwhile, and nothing else may come by. Before the start it is Booted that
// is tried, and it must stay the first of all.
func (s *Station) probe(at time.Time) {
	works := locker.Observed{Type: "store.works_again"}
	if !s.boot.done || s.ended != nil || slices.ContainsFunc(s.kept, func(it item) bool { return it.event == locker.Event(works) }) {
		return
	}
	s.kept = append(s.kept, item{event: works, tries: -1 << 30})
	s.timers.set(retryTimer, at.Add(storeRetry))
}

const (
	keptMax  = 1024
	triesMax = 5 // of an event that can not be stored though the store works
)

func isTick(ev locker.Event) bool {
	_, ok := ev.(locker.Tick)
	return ok
}

// end stops the Station for good; whoever waits is told.
func (s *Station) end(err error, waiting []item) {
	s.ended = err
	for i := range waiting {
		waiting[i].answer(locker.Answer{}, err)
	}
	s.queue.end(err)
}

// Do queues an event and waits for its commit. When ctx ends first, the event
// may still be committed.
func (s *Station) Do(ctx context.Context, ev locker.Event) (locker.Answer, error) {
	return await(ctx, func(reply func(locker.Answer, error)) { s.Offer(ev, reply) })
}

// Offer queues an event without waiting. reply is called once: at once on the
// caller's goroutine if the event is refused, else by the driver of the Station
// after the commit; it must not block.
func (s *Station) Offer(ev locker.Event, reply func(locker.Answer, error)) {
	if reply == nil {
		reply = func(locker.Answer, error) {}
	}
	s.queue.offer(item{event: ev, reply: reply, asked: s.o.Clock.Now()})
}

// await turns the form with a callback into the form that waits.
func await[T any](ctx context.Context, start func(reply func(T, error))) (T, error) {
	type outcome struct {
		v   T
		err error
	}
	c := make(chan outcome, 1)
	start(func(v T, err error) { c <- outcome{v, err} })
	select {
	case o := <-c:
		return o.v, o.err
	case <-ctx.Done():
		var zero T
		return zero, ctx.Err()
	}
}

// Sink takes what the hardware reports; it never blocks. Run passes it to the
// Cabinet itself.
func (s *Station) Sink(ev hal.Event) { s.queue.sense(ev) }

// workers counts what runs beside the Station.
type workers struct {
	mu      sync.Mutex
	running map[string]int
	idle    chan struct{} // closed when nothing runs; nil when nobody waits
}

func (w *workers) add(name string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.running == nil {
		w.running = map[string]int{}
	}
	w.running[name]++
}

func (w *workers) done(name string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.running[name]--; w.running[name] == 0 {
		delete(w.running, name)
	}
	if len(w.running) == 0 && w.idle != nil {
		close(w.idle)
		w.idle = nil
	}
}

// wait returns a channel that is closed as soon as nothing runs.
func (w *workers) wait() <-chan struct{} {
	w.mu.Lock()
	defer w.mu.Unlock()
	c := make(chan struct{})
	if len(w.running) == 0 {
		close(c)
		return c
	}
	w.idle = c
	return c
}

func (w *workers) none() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.running) == 0
}

func (w *workers) names() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	var names []string
	for n := range w.running {
		names = append(names, n)
	}
	return names
}

// beside runs f beside the Station. A panic in it is recorded, not fatal; the
// job's own deferred functions see to those who wait for it.
func (s *Station) beside(name string, f func()) {
	s.work.add(name)
	s.o.Go(name, func() {
		defer s.work.done(name)
		defer func() {
			if p := recover(); p != nil {
				s.panicked(name, p)
			}
		}()
		f()
	})
}

// panicked records a panic of slow work.
func (s *Station) panicked(name string, p any) {
	s.o.Log.Error("slow work panicked", "work", name, "panic", p, "stack", string(debug.Stack()))
	s.queue.call(func() { s.health.raise("firmware.panic") })
	s.queue.result(item{event: locker.Observed{Type: "firmware.panic", Code: name}})
}
