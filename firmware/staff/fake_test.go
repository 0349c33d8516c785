package staff

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"sync"
	"time"

	"abholstation/firmware"
	"abholstation/locker"
)

// fake is a Station in memory: the real rules, doors that a test moves by hand,
// and no disk, locks or queue.
type fake struct {
	mu       sync.Mutex
	clock    firmware.Clock
	rules    *locker.Rules
	state    locker.State
	view     *firmware.View
	problems []firmware.Problem
	watchers map[chan struct{}]bool
	docs     map[string][]byte
	events   []locker.Event // all that people sent and the rules accepted
	notes    []locker.StaffNote
	unlocks  chan locker.Unlock
	broken   error // what every call answers
	code, qr string
}

// fakeCode is what the fake prints on every slip.
const (
	fakeCode = "123 456 782"
	fakeQR   = "PS1:ABCDEFGHIJKLMNOPQRSTUVWXYZ"
)

func newFake(clock firmware.Clock, rules *locker.Rules) *fake {
	f := &fake{
		clock: clock, rules: rules, state: rules.NewState(), watchers: map[chan struct{}]bool{},
		docs: map[string][]byte{}, unlocks: make(chan locker.Unlock, 100), code: fakeCode, qr: fakeQR,
	}
	var all []locker.Reading
	for _, p := range rules.Layout {
		all = append(all, f.reading(p.Number, locker.No, locker.No))
	}
	f.step(locker.Booted{Readings: all})
	return f
}

// plainRules are a cabinet of 3 by 4; the last column has no presence sensors.
func plainRules() *locker.Rules {
	r := locker.Defaults()
	for i := range 12 {
		row, col := i/4+1, i%4+1
		r.Layout = append(r.Layout, locker.Place{
			Number: i + 1, Lock: uint16(i + 1), Size: locker.Size(1 + i/4), HeightMM: 1500 - 400*row, Row: row, Column: col, HasItem: col < 4,
		})
	}
	r.Kinds = locker.ShippedKinds()
	r.Kinds["two"] = locker.Kind{Name: "two", TwoPeople: true}
	var err error
	if r.Calendar, err = locker.NewCalendar(time.UTC, nil); err != nil {
		panic(err)
	}
	return &r
}

func (f *fake) now() locker.Now {
	wall, synced := f.clock.Wall()
	return locker.Now{Mono: f.clock.Now().Sub(time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)), Wall: wall, Synced: synced}
}

func (f *fake) reading(n int, open, item locker.Tri) locker.Reading {
	s := locker.Sensed{Open: open, Locked: locker.Unknown, At: f.now().Mono, Fresh: true}
	if i := n - 1; f.rules.Layout[i].HasItem {
		s.Item = item
	}
	return locker.Reading{Compartment: n, Sensed: s}
}

// step lets one event happen and shows the result.
func (f *fake) step(ev locker.Event) (locker.Answer, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.broken != nil {
		return locker.Answer{}, f.broken
	}
	return f.stepLocked(ev)
}

func (f *fake) stepLocked(ev locker.Event) (locker.Answer, error) {
	r := f.rules.Step(f.state, ev, f.now())
	if r.Refusal != nil {
		return locker.Answer{}, r.Refusal
	}
	f.state = r.State
	for _, e := range r.Effects {
		switch e := e.(type) {
		case locker.Unlock:
			f.unlocks <- e
		case locker.MakeCode:
			made := f.made(e.Owner, e.Generation)
			made.Notice, made.By = []byte("sealed"), locker.Self
			_, _ = f.stepLocked(made)
		}
	}
	f.publish()
	return r.Answer, nil
}

func (f *fake) publish() {
	v := &firmware.View{Now: f.now(), State: f.state, Rules: f.rules, Problems: f.problems}
	if f.view != nil {
		v.Seq = f.view.Seq + 1
	}
	f.view = v
	for w := range f.watchers {
		select {
		case w <- struct{}{}:
		default:
		}
	}
}

func (f *fake) made(o locker.Owner, generation uint32) locker.CodeMade {
	m := locker.CodeMade{Owner: o, Generation: generation, CodeTag: make([]byte, 32), QRTag: make([]byte, 32)}
	_, _ = rand.Read(m.CodeTag)
	_, _ = rand.Read(m.QRTag)
	return m
}

// door is what a sensor says; closing is told twice, as a door must stay closed.
func (f *fake) door(n int, open, item locker.Tri) {
	_, _ = f.step(locker.DoorsRead{Readings: []locker.Reading{f.reading(n, open, item)}})
}

func (f *fake) View() *firmware.View {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.view
}

func (f *fake) Watch() (<-chan struct{}, func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	w := make(chan struct{}, 1)
	f.watchers[w] = true
	return w, func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		delete(f.watchers, w)
	}
}

func (f *fake) Do(_ context.Context, ev locker.Event) (locker.Answer, error) {
	a, err := f.step(ev)
	if err != nil {
		return a, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if n, ok := ev.(locker.StaffNote); ok {
		f.notes = append(f.notes, n)
	} else {
		f.events = append(f.events, ev)
	}
	return a, nil
}

func (f *fake) Announce(ctx context.Context, a firmware.Announcement) (locker.Answer, error) {
	if err := locker.ParseFactor(locker.Birthday, a.Factor); err != nil {
		return locker.Answer{}, fmt.Errorf("%w: %w", firmware.ErrFactor, err)
	}
	ev := locker.Announce{
		By: a.By, Reference: a.Reference, Kinds: a.Kinds, Size: max(a.Size, locker.SizeS), Reachable: a.Reachable,
		Met: a.Met, FactorSalt: make([]byte, 16), FactorTag: make([]byte, 32), Lang: a.Lang, HoldDays: a.HoldDays,
	}
	if ev.Lang == "" {
		ev.Lang = "de"
	}
	if a.Contact != nil {
		ev.Contact = []byte("sealed")
	}
	return f.Do(ctx, ev)
}

func (f *fake) Slip(_ context.Context, by locker.Actor, o locker.Owner) (firmware.Slip, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.broken != nil {
		return firmware.Slip{}, f.broken
	}
	d := f.state.Delivery(o.Delivery)
	if d == nil {
		return firmware.Slip{}, &locker.Refusal{Code: locker.UnknownDelivery, Delivery: o.Delivery}
	}
	made := f.made(o, d.Generation+1)
	made.By = by
	if _, err := f.stepLocked(made); err != nil {
		return firmware.Slip{}, err
	}
	return firmware.Slip{
		Delivery: d.ID, Reference: d.Reference, Code: f.code, QR: f.qr, Compartment: d.Compartment, HoldUntil: d.HoldUntil, Lang: d.Lang,
	}, nil
}

func (f *fake) Document(name string) []byte {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.docs[name]
}

func (f *fake) PutDocument(_ context.Context, name string, value []byte, note locker.StaffNote) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.broken != nil {
		return f.broken
	}
	if note.By == "" || note.Type == "" {
		return errors.New("a document without a note")
	}
	f.docs[name] = value
	f.notes = append(f.notes, note)
	return nil
}

// bubbleClock is the time of the bubble a test runs in, or of the real world.
type bubbleClock struct{}

func (bubbleClock) Now() time.Time { return time.Now() }
func (bubbleClock) Sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}
func (bubbleClock) Wall() (time.Time, bool) { return time.Now().UTC(), true }
func (bubbleClock) After(d time.Duration) (<-chan time.Time, func()) {
	t := time.NewTimer(d)
	return t.C, func() { t.Stop() }
}
