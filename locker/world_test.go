package locker

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"reflect"
	"sync"
	"testing"
	"time"
)

// The sensor profiles; compartment n and n+4 have profile n.
const (
	doorOnly = iota + 1
	withLatch
	withItem
	withAll
)

var profileNames = map[int]string{doorOnly: "door only", withLatch: "latch", withItem: "presence", withAll: "all"}

const (
	clerk  Actor = "staff:a"
	second Actor = "staff:b"
)

// testRules: eight small compartments, out of reach so that none is in reserve.
func testRules(t testing.TB) *Rules {
	r := Defaults()
	for n := 1; n <= 8; n++ {
		p := (n-1)%4 + 1
		r.Layout = append(r.Layout, Place{
			Number: n, Lock: uint16(100 + n), Size: SizeS, HeightMM: 1500, Row: n, Column: 1,
			HasLatch: p == withLatch || p == withAll, HasItem: p == withItem || p == withAll,
		})
	}
	r.Kinds = map[string]Kind{
		"plain":       {Name: "plain"},
		"confirm":     {Name: "confirm", Confirm: "old_one_given_back"},
		"conditional": {Name: "conditional", Conditions: []string{"pin_letter_confirmed"}},
		"two":         {Name: "two", TwoPeople: true},
		"hard":        {Name: "hard", HardEnd: true},
		"long":        {Name: "long", HoldDays: 20},
	}
	r.Calendar = sharedCalendar(t)
	if err := r.Validate(); err != nil {
		t.Fatal(err)
	}
	return &r
}

var (
	calendarOnce sync.Once
	calendar     *Calendar
)

// sharedCalendar is immutable; making it anew for each test takes most of the time.
func sharedCalendar(t testing.TB) *Calendar {
	calendarOnce.Do(func() { calendar = calendarFor(t) })
	return calendar
}

// physical is what is really the case at one compartment.
type physical struct {
	open, inside, locked bool
	unread               bool // the sensor line is cut
}

// failer is what a world needs of *testing.T and *rapid.T.
type failer interface {
	Helper()
	Fatalf(format string, args ...any)
}

// world is a station in memory with a cabinet that a test moves by hand.
type world struct {
	t      failer
	r      *Rules
	s      State
	now    Now
	cab    map[int]*physical
	last   Result
	log    []Record
	pulsed []Unlock
	wanted []MakeCode
	codes  map[Owner]string // what the newest code's tags are made of
	steps  int
	waits  bool // time passes by itself
}

// monday is a Monday without a holiday in the two weeks that follow.
var monday = time.Date(2026, 6, 8, 7, 0, 0, 0, time.UTC)

// newWorld has every compartment free, closed and empty.
func newWorld(t testing.TB) *world { return newWorldFor(t, testRules(t)) }

func newWorldFor(t failer, r *Rules) *world {
	w := &world{t: t, r: r, s: r.NewState(), now: Now{Mono: time.Hour, Wall: monday}, cab: map[int]*physical{}, codes: map[Owner]string{}}
	for _, p := range r.Layout {
		w.cab[p.Number] = &physical{locked: true}
	}
	w.do(Booted{w.readings()})
	for _, c := range w.s.Compartments {
		if c.Use != Free {
			w.do(Inspected{By: clerk, Compartment: c.Number, Finding: FoundEmpty, ByKey: true})
		}
	}
	w.log = nil
	return w
}

func (w *world) place(n int) Place {
	for _, p := range w.r.Layout {
		if p.Number == n {
			return p
		}
	}
	return Place{Number: n}
}

func (w *world) reading(n int) Reading {
	c, p := w.cab[n], w.place(n)
	if c.unread {
		return Reading{Compartment: n, Sensed: Sensed{At: w.now.Mono}}
	}
	tri := map[bool]Tri{false: No, true: Yes}
	s := Sensed{Open: tri[c.open], At: w.now.Mono, Fresh: true}
	if p.HasLatch {
		s.Locked = tri[c.locked && !c.open]
	}
	if p.HasItem {
		s.Item = tri[c.inside]
	}
	return Reading{Compartment: n, Sensed: s}
}

func (w *world) readings() (rs []Reading) {
	if len(w.s.Compartments) == 0 {
		return nil
	}
	for _, p := range w.r.Layout {
		rs = append(rs, w.reading(p.Number))
	}
	return rs
}

// step decides an event and checks what must hold for every Step; of the many
// events of a long wait every 32nd for what costs most.
func (w *world) step(ev Event) Result {
	w.t.Helper()
	w.steps++
	if !w.waits || w.steps%32 == 0 {
		return w.took(ev, w.checked(ev))
	}
	return w.took(ev, w.r.Step(w.s, ev, w.now))
}

func (w *world) checked(ev Event) Result {
	w.t.Helper()
	before := asJSON(w.s)
	a, b := w.r.Step(w.s, ev, w.now), w.r.Step(w.s, ev, w.now)
	if after := asJSON(w.s); before != after {
		w.t.Fatalf("%T changed the state that it was given:\n%s\n%s", ev, before, after)
	}
	if !reflect.DeepEqual(a, b) {
		w.t.Fatalf("%T decided twice gives two results:\n%+v\n%+v", ev, a, b)
	}
	if a.Refusal != nil && a.Refusal.Code != Rejected {
		if !sameRows(a.State, w.s) || len(a.Records)+len(a.Effects) != 0 {
			w.t.Fatalf("%T was refused (%v) and changed something: %v %v", ev, a.Refusal, a.Records, a.Effects)
		}
	}
	return a
}

func (w *world) took(ev Event, a Result) Result {
	w.t.Helper()
	if !w.waits || w.steps%32 == 0 || len(a.Records)+len(a.Effects) > 1 {
		w.invariants(w.s, ev, a)
	}
	w.s, w.last = a.State, a
	w.log = append(w.log, a.Records...)
	for _, e := range a.Effects {
		switch e := e.(type) {
		case Unlock:
			w.pulsed = append(w.pulsed, e)
		case MakeCode:
			w.wanted = append(w.wanted, e)
		}
	}
	return a
}

func asJSON(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return string(b)
}

func sameRows(a, b State) bool {
	return sameSlice(a.Compartments, b.Compartments) && sameSlice(a.Deliveries, b.Deliveries) && sameSlice(a.Groups, b.Groups) &&
		a.Meta == b.Meta && a.Clock == b.Clock && sameSlice(a.Doors, b.Doors) && sameSlice(a.OutSince, b.OutSince) &&
		sameSlice(a.Down, b.Down) && a.Grant == b.Grant && a.Started == b.Started
}

// do expects that the event is accepted.
func (w *world) do(ev Event) Result {
	w.t.Helper()
	res := w.step(ev)
	if res.Refusal != nil {
		w.t.Fatalf("%T %+v: %v", ev, ev, res.Refusal)
	}
	return res
}

// refused expects that the event is refused for this reason.
func (w *world) refused(ev Event, why Reason) *Refusal {
	w.t.Helper()
	res := w.step(ev)
	if res.Refusal == nil || res.Refusal.Code != why {
		w.t.Fatalf("%T %+v: %v, expected %s", ev, ev, res.Refusal, why)
	}
	if res.Refusal.Error() == "" {
		w.t.Fatalf("a refusal without words")
	}
	return res.Refusal
}

// wait lets time pass that nobody hears of.
func (w *world) wait(d time.Duration) {
	w.now.Mono += d
	w.now.Wall = w.now.Wall.Add(d)
}

// pass lets time pass as a running station does: a Tick whenever one is due, a
// reading of everything when one is asked for.
func (w *world) pass(d time.Duration) {
	w.t.Helper()
	w.waits = true
	defer func() { w.waits = false }()
	for end := w.now.Mono + d; w.now.Mono < end; {
		w.wait(min(w.r.Next(w.s, w.now), end-w.now.Mono))
		for _, e := range w.do(Tick{}).Effects {
			if _, ok := e.(ReadDoors); ok {
				w.do(DoorsRead{w.readings()})
				break
			}
		}
	}
}

// read makes a fresh reading of one compartment.
func (w *world) read(n int) Result {
	w.t.Helper()
	return w.do(DoorsRead{[]Reading{w.reading(n)}})
}

func (w *world) open(n int) {
	w.t.Helper()
	w.wait(500 * time.Millisecond)
	w.cab[n].open, w.cab[n].locked = true, false
	w.read(n)
}

// shut closes a door and waits until the closing counts.
func (w *world) shut(n int) {
	w.t.Helper()
	w.wait(2 * time.Second)
	w.cab[n].open, w.cab[n].locked = false, true
	w.read(n)
	w.wait(time.Second)
	w.read(n)
}

func (w *world) put(n int)  { w.cab[n].inside = true }
func (w *world) take(n int) { w.cab[n].inside = false }

func tagOf(s string) Tag {
	h := sha256.Sum256([]byte(s))
	return h[:]
}

func saltOf(s string) []byte { return tagOf("salt " + s)[:16] }

// announce makes a delivery whose factor is named after its reference.
func (w *world) announce(ref string, kinds ...string) DeliveryID {
	w.t.Helper()
	if len(kinds) == 0 {
		kinds = []string{"plain"}
	}
	return w.do(announcement(ref, kinds...)).Answer.Delivery
}

func announcement(ref string, kinds ...string) Announce {
	return Announce{By: clerk, Reference: ref, Kinds: kinds, Size: SizeS, FactorSalt: saltOf(ref), FactorTag: tagOf("factor " + ref)}
}

// loadTo brings an announced delivery into a compartment: settling.
func (w *world) loadTo(id DeliveryID, n int) {
	w.t.Helper()
	w.do(Load{By: clerk, Delivery: id, Compartment: n})
	w.open(n)
	w.put(n)
	w.shut(n)
	if w.x(id).State == Loading {
		w.do(Loaded{By: clerk, Delivery: id, Inside: true})
	}
	w.is(id, Settling)
}

// slip makes the code of an owner.
func (w *world) slip(o Owner) {
	w.t.Helper()
	w.do(w.code(o, clerk, nil))
}

func (w *world) code(o Owner, by Actor, notice []byte) CodeMade {
	cred := w.cred(o)
	w.codes[o] = fmt.Sprintf("%v/%d", o, cred.Generation+1)
	return CodeMade{
		Owner: o, Generation: cred.Generation + 1, By: by, Notice: notice,
		CodeTag: tagOf("code " + w.codes[o]), QRTag: tagOf("qr " + w.codes[o]),
	}
}

func (w *world) cred(o Owner) Credential {
	if o.Group != 0 {
		if g := w.s.Group(o.Group); g != nil {
			return g.Credential
		}
		return Credential{}
	}
	if x := w.s.Delivery(o.Delivery); x != nil {
		return x.Credential
	}
	return Credential{}
}

// ready brings a new delivery into a compartment until its code is made.
func (w *world) ready(n int, kinds ...string) DeliveryID {
	w.t.Helper()
	id := w.announce(fmt.Sprintf("R-%d-%d", n, w.s.Meta.NextDelivery), kinds...)
	w.loadTo(id, n)
	w.pass(w.r.Grace)
	w.is(id, Ready)
	w.slip(Owner{Delivery: id})
	return id
}

// entry is the right code and factor; session 1.
func (w *world) entry(id DeliveryID) Present {
	return w.entryOf(Owner{Delivery: id}, w.x(id).Reference)
}

func (w *world) entryOf(o Owner, factor string) Present {
	return Present{Session: 1, CodeTag: tagOf("code " + w.codes[o]), FactorTag: tagOf("factor " + factor), Salt: saltOf(factor)}
}

func (w *world) scan(id DeliveryID) Present {
	p := w.entry(id)
	p.QR, p.CodeTag = true, tagOf("qr "+w.codes[Owner{Delivery: id}])
	return p
}

// opened has a citizen open the door with the right code.
func (w *world) opened(id DeliveryID) int {
	w.t.Helper()
	n := w.do(w.entry(id)).Answer.Compartment
	w.is(id, Opening)
	w.open(n)
	w.is(id, Open)
	return n
}

// due lets the hold period run out.
func (w *world) due(id DeliveryID) {
	w.t.Helper()
	w.skipTo(w.x(id).HoldUntil.Add(time.Minute))
	w.is(id, Due)
}

// skipTo moves the clock in steps of less than a heartbeat.
func (w *world) skipTo(at time.Time) {
	w.t.Helper()
	w.waits = true
	defer func() { w.waits = false }()
	for w.now.Wall.Before(at) {
		w.wait(min(w.r.Heartbeat, at.Sub(w.now.Wall)))
		w.do(Tick{})
	}
}

func (w *world) x(id DeliveryID) *Delivery {
	w.t.Helper()
	x := w.s.Delivery(id)
	if x == nil {
		w.t.Fatalf("there is no delivery %d", id)
	}
	return x
}

func (w *world) is(id DeliveryID, want DeliveryState) {
	w.t.Helper()
	if got := w.x(id).State; got != want {
		w.t.Fatalf("delivery %d is %s, expected %s", id, got, want)
	}
}

func (w *world) use(n int, want Use) {
	w.t.Helper()
	if got := w.s.Compartment(n).Use; got != want {
		w.t.Fatalf("compartment %d is %s, expected %s", n, got, want)
	}
}

func (w *world) fault(n int, want Fault) {
	w.t.Helper()
	if got := w.s.Compartment(n).Fault; got != want {
		w.t.Fatalf("fault of compartment %d is %q, expected %q", n, got, want)
	}
}

// recorded counts the records of a type since the log was emptied last.
func (w *world) recorded(kind string) (n int) {
	for _, r := range w.log {
		if r.Type == kind {
			n++
		}
	}
	return n
}

// told expects that every type is in the log.
func (w *world) told(kinds ...string) {
	w.t.Helper()
	for _, k := range kinds {
		if w.recorded(k) == 0 {
			w.t.Fatalf("no record %s in %+v", k, w.log)
		}
	}
}

func (w *world) sounded(tone string) {
	w.t.Helper()
	for _, e := range w.last.Effects {
		if e == (Tone{Name: tone}) {
			return
		}
	}
	w.t.Fatalf("no tone %q in %+v", tone, w.last.Effects)
}

// crash loses what is not stored and starts again after some time.
func (w *world) crash(off time.Duration) {
	w.t.Helper()
	w.crashBlind(off, w.readings())
}

func (w *world) crashBlind(off time.Duration, rs []Reading) {
	w.t.Helper()
	w.s = stored(w.s)
	w.now.Wall = w.now.Wall.Add(off)
	w.now.Mono += time.Second
	for i := range rs {
		rs[i].Sensed.At = w.now.Mono
	}
	w.do(Booted{rs})
}

// stored is what a store brings back: the rows, through their JSON.
func stored(s State) State {
	kept := State{Compartments: s.Compartments, Deliveries: s.Deliveries, Groups: s.Groups, Meta: s.Meta, Clock: s.Clock}
	var back State
	if err := json.Unmarshal([]byte(asJSON(kept)), &back); err != nil {
		panic(err)
	}
	return back
}

// forProfiles runs a test at compartment 1…4, one of each sensor profile.
func forProfiles(t *testing.T, f func(t *testing.T, w *world, n int)) {
	t.Helper()
	for n := doorOnly; n <= withAll; n++ {
		t.Run(profileNames[n], func(t *testing.T) { f(t, newWorld(t), n) })
	}
}

func hasItem(n int) bool  { return n == withItem || n == withAll }
func hasLatch(n int) bool { return n == withLatch || n == withAll }
