package terminal_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"abholstation/firmware"
	"abholstation/firmware/terminal"
	"abholstation/locker"
)

// What the tests type. The check digits fit.
var (
	codeOne   = withCheck("12345678") // opens delivery 1, compartment 7
	codeGroup = withCheck("23456789") // opens deliveries 2 and 3
	codeAsk   = withCheck("34567891") // delivery 4, whose kind wants a confirmation
	qrOne     = "PS1:ABCDEFGHIJKLMNOPQRSTUVWXYZ"
)

const factor = "0703"

func withCheck(eight string) string {
	for d := '0'; d <= '9'; d++ {
		if s := eight + string(d); locker.CheckCode(s) {
			return s
		}
	}
	panic("no check digit fits " + eight)
}

// fake is a Station that follows the table of deliveries as far as a citizen
// sees it. Doors are moved by the tests.
type fake struct {
	mu      sync.Mutex
	view    *firmware.View
	watches map[chan struct{}]bool
	codes   map[string][]locker.DeliveryID
	fail    error         // the next Enter or Do of a citizen gets this
	think   time.Duration // how long Enter takes
	events  []locker.Event
	start   time.Time
}

func newFake() *fake {
	rules := locker.Defaults()
	rules.Kinds = map[string]locker.Kind{"passport": {Name: "passport"}, "identity_card": {Name: "identity_card", Confirm: "pin_letter_confirmed"}}
	s := locker.State{Meta: &locker.Meta{}, Started: true}
	for n := 1; n <= 40; n++ {
		rules.Layout = append(rules.Layout, locker.Place{Number: n, Size: locker.SizeS, Column: (n-1)/10 + 1, Row: (n-1)%10 + 1, HeightMM: 1700 - (n-1)%10*150})
		s.Compartments = append(s.Compartments, &locker.Compartment{Number: n, Use: locker.Free})
	}
	for i, n := range []int{7, 12, 30, 21} {
		kind := "passport"
		if i == 3 {
			kind = "identity_card"
		}
		s.Deliveries = append(s.Deliveries, &locker.Delivery{ID: locker.DeliveryID(i + 1), Reference: "SECRET-REF", Kinds: []string{kind}, State: locker.Ready, Compartment: n})
		s.Compartments[n-1] = &locker.Compartment{Number: n, Use: locker.Occupied, Delivery: locker.DeliveryID(i + 1)}
	}
	return &fake{
		view:    &firmware.View{Seq: 1, State: s, Rules: &rules},
		watches: map[chan struct{}]bool{},
		codes:   map[string][]locker.DeliveryID{codeOne: {1}, qrOne: {1}, codeGroup: {2, 3}, codeAsk: {4}},
		start:   time.Now(),
	}
}

func (f *fake) View() *firmware.View {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.view
}

func (f *fake) Watch() (<-chan struct{}, func()) {
	c := make(chan struct{}, 1)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.watches[c] = true
	return c, func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		delete(f.watches, c)
	}
}

// change publishes a new View in which f has changed copies of all rows.
func (f *fake) change(do func(*firmware.View)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.changeLocked(do)
}

func (f *fake) changeLocked(do func(*firmware.View)) {
	v := *f.view
	v.Seq++
	v.Now.Mono = time.Since(f.start)
	v.Now.Wall = time.Now().UTC()
	v.State.Deliveries = slices.Clone(v.State.Deliveries)
	for i, d := range v.State.Deliveries {
		c := *d
		v.State.Deliveries[i] = &c
	}
	v.State.Compartments = slices.Clone(v.State.Compartments)
	for i, d := range v.State.Compartments {
		c := *d
		v.State.Compartments[i] = &c
	}
	meta := *v.State.Meta
	v.State.Meta = &meta
	do(&v)
	f.view = &v
	for c := range f.watches {
		select {
		case c <- struct{}{}:
		default:
		}
	}
}

// becomes moves a delivery to a state, with the intent that goes with it.
func (f *fake) becomes(id locker.DeliveryID, state locker.DeliveryState) {
	f.change(func(v *firmware.View) { move(v, id, state) })
}

func move(v *firmware.View, id locker.DeliveryID, state locker.DeliveryState) {
	d := v.State.Delivery(id)
	d.State = state
	c := v.State.Compartment(d.Compartment)
	c.Intent = nil
	switch state {
	case locker.Opening:
		c.Intent = &locker.Intent{Purpose: locker.ForCollect, Delivery: id, Phase: locker.PhaseOpening, Since: v.Now.Mono, Pulses: 1}
	case locker.Open:
		c.Intent = &locker.Intent{Purpose: locker.ForCollect, Delivery: id, Phase: locker.PhaseOpen, Since: v.Now.Mono, Pulses: 1}
	case locker.Collected:
		d.CollectedAt = v.Now.Wall
	}
}

// stillInside closes the door of a delivery with something behind it.
func (f *fake) stillInside(id locker.DeliveryID) {
	f.change(func(v *firmware.View) {
		move(v, id, locker.Ready)
		v.State.Delivery(id).StillInside++
	})
}

func (f *fake) failing(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.fail = err
}

func (f *fake) seen() []locker.Event {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.events)
}

func (f *fake) Enter(ctx context.Context, e firmware.Entry) (locker.Answer, error) {
	if f.think > 0 {
		select {
		case <-time.After(f.think):
		case <-ctx.Done():
			return locker.Answer{}, ctx.Err()
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	defer func() { clear(e.Code); clear(e.Factor) }()
	if err := f.fail; err != nil {
		f.fail = nil
		return locker.Answer{}, err
	}
	if !e.QR && !locker.CheckCode(string(e.Code)) {
		return locker.Answer{}, firmware.ErrTypo
	}
	ids := f.codes[string(e.Code)]
	if len(ids) == 0 || string(e.Factor) != factor {
		return locker.Answer{}, &locker.Refusal{Code: locker.Rejected}
	}
	f.changeLocked(func(v *firmware.View) { v.State.Grant = &locker.Grant{Session: e.Session, Deliveries: ids} })
	a := locker.Answer{Delivery: ids[0], Choices: ids}
	if len(ids) > 1 {
		return a, nil
	}
	return f.openLocked(a, ids[0], false)
}

func (f *fake) openLocked(a locker.Answer, id locker.DeliveryID, confirmed bool) (locker.Answer, error) {
	d := f.view.State.Delivery(id)
	if key := f.view.Rules.Kinds[d.Kinds[0]].Confirm; key != "" && !confirmed {
		a.Confirm = key
		return a, nil
	}
	a.Delivery, a.Compartment = id, d.Compartment
	f.changeLocked(func(v *firmware.View) { move(v, id, locker.Opening) })
	return a, nil
}

func (f *fake) Do(_ context.Context, ev locker.Event) (locker.Answer, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.events = append(f.events, ev)
	if _, leave := ev.(locker.Leave); leave {
		f.changeLocked(func(v *firmware.View) { v.State.Grant = nil })
		return locker.Answer{}, nil
	}
	if err := f.fail; err != nil {
		f.fail = nil
		return locker.Answer{}, err
	}
	switch ev := ev.(type) {
	case locker.OpenNext:
		if g := f.view.State.Grant; g == nil || g.Session != ev.Session || !slices.Contains(g.Deliveries, ev.Delivery) {
			return locker.Answer{}, &locker.Refusal{Code: locker.NoGrant}
		}
		return f.openLocked(locker.Answer{}, ev.Delivery, ev.Confirmed)
	case locker.Word:
		if ev.Taken {
			f.changeLocked(func(v *firmware.View) { move(v, ev.Delivery, locker.Collected) })
		}
	}
	return locker.Answer{}, nil
}

// clock is the bubble's time.
type clock struct{}

func (clock) Now() time.Time { return time.Now() }
func (clock) After(d time.Duration) (<-chan time.Time, func()) {
	t := time.NewTimer(d)
	return t.C, func() { t.Stop() }
}

// bench is a running terminal in a synctest bubble, used through its handler.
type bench struct {
	t *testing.T
	*fake
	term *terminal.Terminal
	h    http.Handler
	all  strings.Builder // everything that the terminal has ever shown
}

const phone = "06021 330-1234"

// run starts a terminal in a bubble, hands it to test and stops it.
func run(t *testing.T, test func(b *bench)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		b := &bench{t: t, fake: newFake()}
		var err error
		b.term, err = terminal.New(terminal.Options{
			Station: b.fake, Clock: clock{}, Help: phone, Zone: time.UTC,
			Logger: slog.New(slog.NewTextHandler(&b.all, nil)),
		})
		if err != nil {
			t.Fatal(err)
		}
		b.h = b.term.Handler()
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- b.term.Run(ctx) }()
		synctest.Wait()
		test(b)
		synctest.Wait()
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Errorf("Run ended with %v", err)
		}
	})
}

func (b *bench) request(method, path, body string, with ...string) *httptest.ResponseRecorder {
	b.t.Helper()
	r := httptest.NewRequest(method, "http://127.0.0.1:8081"+path, strings.NewReader(body))
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i+1 < len(with); i += 2 {
		if with[i] == "Host" {
			r.Host = with[i+1]
		} else {
			r.Header.Set(with[i], with[i+1])
		}
	}
	w := httptest.NewRecorder()
	b.h.ServeHTTP(w, r)
	return w
}

// post sends one press and waits until nothing moves any more.
func (b *bench) post(body string, want int) {
	b.t.Helper()
	if w := b.request("POST", "/input", body); w.Code != want {
		b.t.Fatalf("POST /input %s: %d %s, want %d", body, w.Code, w.Body, want)
	}
	synctest.Wait()
	b.page()
}

// keys presses keys: digits one by one, or the name of another key.
func (b *bench) keys(names ...string) {
	b.t.Helper()
	for _, name := range names {
		if strings.Trim(name, "0123456789") != "" {
			b.post(fmt.Sprintf(`{"key":%q}`, name), http.StatusNoContent)
			continue
		}
		for _, d := range name {
			b.post(fmt.Sprintf(`{"key":%q}`, string(d)), http.StatusNoContent)
		}
	}
}

func (b *bench) act(name string) {
	b.t.Helper()
	b.post(fmt.Sprintf(`{"action":%q}`, name), http.StatusNoContent)
}

// page is what is shown; the HTML of a reload must show the same title.
func (b *bench) page() terminal.Page {
	b.t.Helper()
	synctest.Wait()
	state := b.request("GET", "/state", "").Body.Bytes()
	var p terminal.Page
	if err := json.Unmarshal(state, &p); err != nil {
		b.t.Fatal(err)
	}
	html := b.request("GET", "/", "").Body.String()
	b.all.Write(state)
	b.all.WriteString(html)
	if !strings.Contains(html, `data-screen="`+p.Screen+`"`) || !strings.Contains(html, `lang="`+p.Language+`"`) {
		b.t.Errorf("a reload does not show screen %q in %s", p.Screen, p.Language)
	}
	if i := strings.Index(html, "["); i >= 0 && strings.Contains(html[i:min(len(html), i+40)], ".") || bytes.Contains(state, []byte(`"[`)) {
		b.t.Errorf("a text is missing: %.300s\n%s", html[max(i, 0):], state)
	}
	return p
}

// shows fails unless the screen has this name, and returns it.
func (b *bench) shows(screen string) terminal.Page {
	b.t.Helper()
	p := b.page()
	if p.Screen != screen {
		b.t.Fatalf("the screen is %q (%s %s), want %q", p.Screen, p.Title, p.Phase, screen)
	}
	return p
}

func (b *bench) after(d time.Duration) {
	b.t.Helper()
	time.Sleep(d)
	synctest.Wait()
}

// atDoor types code and factor of delivery 1 and has the door open.
func (b *bench) atDoor() {
	b.t.Helper()
	b.keys(codeOne, factor)
	b.becomes(1, locker.Open)
	b.shows("door")
}

func offers(p terminal.Page, action string) bool {
	return slices.ContainsFunc(p.Buttons, func(x terminal.Button) bool { return x.Action == action })
}
