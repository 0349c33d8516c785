package staff

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"abholstation/firmware"
	"abholstation/locker"
)

const password = "ein ganzer Satz"

// desk is a staff page over a fake station, with one account per role.
type desk struct {
	t    *testing.T
	s    *Staff
	f    *fake
	logs *bytes.Buffer
}

func newDesk(t *testing.T) *desk {
	t.Helper()
	logs := &bytes.Buffer{}
	f := newFake(bubbleClock{}, plainRules())
	s, err := New(Options{
		Station: f, Clock: bubbleClock{}, Argon: Argon{MemoryKiB: 64, Passes: 1},
		Logger: slog.New(slog.NewTextHandler(logs, &slog.HandlerOptions{Level: slog.LevelDebug})),
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range []Role{Loader, Supervisor, IT, Auditor} {
		if err := s.AddAccount(context.Background(), Account{User: string(r), Name: "Frau " + string(r), Role: r, Password: password}); err != nil {
			t.Fatal(err)
		}
	}
	return &desk{t: t, s: s, f: f, logs: logs}
}

// ask sends one request; with is cookie, token and header in the form "Name: value".
func (o *desk) ask(method, path, body string, with ...string) *httptest.ResponseRecorder {
	o.t.Helper()
	r := httptest.NewRequest(method, "http://localhost"+path, strings.NewReader(body))
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	r.Header.Set("Accept-Language", "en")
	for _, h := range with {
		name, value, _ := strings.Cut(h, ": ")
		if name == "Host" {
			r.Host = value
			continue
		}
		r.Header.Set(name, value)
	}
	w := httptest.NewRecorder()
	o.s.Handler().ServeHTTP(w, r)
	return w
}

func (o *desk) api(method, path, body string, with ...string) *httptest.ResponseRecorder {
	o.t.Helper()
	return o.ask(method, prefix+path, body, with...)
}

// signIn returns the header that carries the session.
func (o *desk) signIn(user string) string {
	o.t.Helper()
	w := o.api("POST", "/session", fmt.Sprintf(`{"user":%q,"password":%q}`, user, password))
	if w.Code != http.StatusCreated {
		o.t.Fatalf("sign-in of %s: %d %s", user, w.Code, w.Body)
	}
	c := w.Result().Cookies()[0]
	return "Cookie: " + c.Name + "=" + c.Value
}

func (o *desk) token(role Role) string {
	o.t.Helper()
	plain, err := o.s.AddToken(context.Background(), "test-"+string(role), role)
	if err != nil {
		o.t.Fatal(err)
	}
	return "Authorization: Bearer " + plain
}

func (o *desk) want(w *httptest.ResponseRecorder, status int, code string) problemJSON {
	o.t.Helper()
	var p problemJSON
	if status >= 400 {
		if got := w.Header().Get("Content-Type"); got != "application/problem+json" {
			o.t.Errorf("content type %q", got)
		}
		if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil {
			o.t.Fatalf("not a problem: %s", w.Body)
		}
	}
	if w.Code != status || p.Code != code {
		o.t.Fatalf("got %d %s, want %d %q", w.Code, w.Body, status, code)
	}
	return p
}

func answer[T any](o *desk, w *httptest.ResponseRecorder) T {
	o.t.Helper()
	var v T
	if w.Code >= 300 {
		o.t.Fatalf("refused: %d %s", w.Code, w.Body)
	}
	if err := json.Unmarshal(w.Body.Bytes(), &v); err != nil {
		o.t.Fatal(err)
	}
	return v
}

// bubble runs a test with an office in a time of its own.
func bubble(t *testing.T, f func(o *desk)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { f(newDesk(t)) })
}

// loaded announces a delivery and brings it as far as settling.
func (o *desk) loaded(auth, reference, contact string) locker.DeliveryID {
	o.t.Helper()
	body := fmt.Sprintf(`{"reference":%q,"kinds":["passport"],"factor":"2412"%s}`, reference, contact)
	id := answer[answerJSON](o, o.api("POST", "/deliveries", body, auth)).Delivery
	n := answer[answerJSON](o, o.api("POST", fmt.Sprintf("/deliveries/%d/load", id), `{}`, auth)).Compartment
	o.open(n)
	o.closed(n, locker.Yes)
	return id
}

func (o *desk) open(n int) {
	time.Sleep(time.Second)
	o.f.door(n, locker.Yes, locker.Unknown)
	time.Sleep(time.Second)
}

func (o *desk) closed(n int, item locker.Tri) {
	for range 3 {
		o.f.door(n, locker.No, item)
		time.Sleep(time.Second)
		_, _ = o.f.step(locker.Tick{})
	}
}

func (o *desk) get(auth string, id locker.DeliveryID) deliveryJSON {
	o.t.Helper()
	return answer[deliveryJSON](o, o.api("GET", fmt.Sprintf("/deliveries/%d", id), "", auth))
}

func TestALoadingIsFollowedFromAnnouncementToSlip(t *testing.T) {
	bubble(t, func(o *desk) {
		auth := o.signIn("loader")
		id := o.loaded(auth, "PA-1", "")
		d := o.get(auth, id)
		if d.State != locker.Settling || d.GraceSeconds < 1 || d.GraceSeconds > 600 {
			t.Fatalf("after closing: %+v", d)
		}
		o.want(o.api("POST", fmt.Sprintf("/deliveries/%d/slip", id), `{}`, auth), 409, string(locker.TooEarly))
		time.Sleep(11 * time.Minute)
		_, _ = o.f.step(locker.Tick{})
		if d = o.get(auth, id); d.State != locker.Ready || !d.SlipNeeded || d.Actions[0] != "slip" {
			t.Fatalf("after the grace period: %+v", d)
		}
		s := answer[slipJSON](o, o.api("POST", fmt.Sprintf("/deliveries/%d/slip", id), `{}`, auth))
		if s.Code != fakeCode || !strings.HasPrefix(s.QRSVG, "<svg") || s.Row == 0 {
			t.Fatalf("slip: %+v", s)
		}
		if d = o.get(auth, id); d.SlipNeeded || !d.CodeExists {
			t.Fatalf("after the slip: %+v", d)
		}
	})
}

func TestWithoutAPresenceSensorTheClerkIsAsked(t *testing.T) {
	bubble(t, func(o *desk) {
		auth := o.token(Loader)
		for n := range 12 { // look into all, so that those without sensor are free
			if o.f.View().State.Compartment(n+1).Use == locker.ToCheck {
				answer[answerJSON](o, o.api("POST", fmt.Sprintf("/compartments/%d/inspected", n+1), `{"finding":"empty","by_key":true}`, auth))
			}
		}
		id := answer[answerJSON](o, o.api("POST", "/deliveries", `{"reference":"PA-2","kinds":["other"],"factor":"0703"}`, auth)).Delivery
		answer[answerJSON](o, o.api("POST", fmt.Sprintf("/deliveries/%d/load", id), `{"compartment":4}`, auth))
		o.open(4)
		o.closed(4, locker.Unknown)
		d := o.get(auth, id)
		if d.Intent == nil || d.Intent.Phase != locker.PhaseAsking || d.Door.HasItem {
			t.Fatalf("not asked: %+v", d)
		}
		o.want(o.api("POST", fmt.Sprintf("/deliveries/%d/loaded", id), `{}`, auth), 422, "bad_field")
		answer[answerJSON](o, o.api("POST", fmt.Sprintf("/deliveries/%d/loaded", id), `{"inside":true}`, auth))
		if d = o.get(auth, id); d.State != locker.Settling {
			t.Fatalf("after the clerk's word: %+v", d)
		}
	})
}

// The code is in the slip's answer and nowhere else.
func TestACodeAppearsOnlyInTheSlip(t *testing.T) {
	bubble(t, func(o *desk) {
		auth := o.signIn("supervisor")
		id := o.loaded(auth, "PA-3", "")
		time.Sleep(11 * time.Minute)
		_, _ = o.f.step(locker.Tick{})
		auth = o.signIn("supervisor")
		path := fmt.Sprintf("/deliveries/%d/slip", id)
		first := o.api("POST", path, `{}`, auth, "Idempotency-Key: k1")
		if !strings.Contains(first.Body.String(), fakeCode) {
			t.Fatalf("no code in the slip: %s", first.Body)
		}
		var all strings.Builder
		again := o.api("POST", path, `{}`, auth, "Idempotency-Key: k1")
		o.want(again, 409, string(locker.NeedsSecond))
		all.WriteString(again.Body.String())
		for _, r := range o.s.routes {
			if r.method != http.MethodGet || r.path == "/events" {
				continue
			}
			p := strings.NewReplacer("{id}", fmt.Sprint(id), "{n}", "1").Replace(r.path)
			all.WriteString(o.api("GET", p, "", auth).Body.String())
		}
		all.WriteString(o.ask("GET", "/", "", auth).Body.String())
		all.WriteString(o.logs.String())
		for _, secret := range []string{fakeCode, strings.ReplaceAll(fakeCode, " ", ""), fakeQR, password, "2412"} {
			if strings.Contains(all.String(), secret) {
				t.Errorf("%q is somewhere else than in the slip", secret)
			}
		}
	})
}

func TestASlipAfterAReissueNeedsASecondPerson(t *testing.T) {
	bubble(t, func(o *desk) {
		auth := o.token(Loader)
		id := o.loaded(auth, "PA-4", "")
		time.Sleep(11 * time.Minute)
		_, _ = o.f.step(locker.Tick{})
		path := fmt.Sprintf("/deliveries/%d", id)
		answer[slipJSON](o, o.api("POST", path+"/slip", `{}`, auth))
		answer[answerJSON](o, o.api("POST", path+"/reissue", `{}`, auth))
		o.want(o.api("POST", path+"/slip", `{}`, auth), 409, string(locker.NeedsSecond))
		o.want(o.api("POST", path+"/slip", `{"second":{"user":"supervisor","password":"falsch falsch"}}`, auth), 422, "second_wrong")
		o.want(o.api("POST", path+"/slip", `{"second":{"user":"it","password":"`+password+`"}}`, auth), 422, "second_role")
		answer[slipJSON](o, o.api("POST", path+"/slip", `{"second":{"user":"supervisor","password":"`+password+`"}}`, auth))
		a, _ := o.s.account("supervisor")
		if !hasNote(o.f.notes, "staff.slip_approved", a.Actor) {
			t.Error("the second person is not in the log")
		}
	})
}

func hasNote(notes []locker.StaffNote, kind string, by locker.Actor) bool {
	for _, n := range notes {
		if n.Type == kind && n.By == by {
			return true
		}
	}
	return false
}

func TestADisputeIsSettledByTwoDifferentPeople(t *testing.T) {
	bubble(t, func(o *desk) {
		auth := o.signIn("supervisor")
		id := o.loaded(auth, "PA-5", "")
		time.Sleep(11 * time.Minute)
		_, _ = o.f.step(locker.Tick{})
		o.f.door(o.f.View().State.Delivery(id).Compartment, locker.Yes, locker.Yes) // without an intent
		if d := o.get(auth, id); d.State != locker.Disputed {
			t.Fatalf("not disputed: %+v", d)
		}
		path := fmt.Sprintf("/deliveries/%d/settle", id)
		second := func(user, pw string) string {
			return fmt.Sprintf(`{"as":"lost","second":{"user":%q,"password":%q}}`, user, pw)
		}
		o.want(o.api("POST", path, `{"as":"lost"}`, auth), 409, string(locker.NeedsSecond))
		o.want(o.api("POST", path, second("supervisor", password), auth), 422, "second_same")
		o.want(o.api("POST", path, second("loader", "etwas anderes"), auth), 422, "second_wrong")
		o.want(o.api("POST", path, `{"as":"free","second":{"user":"loader","password":"`+password+`"}}`, auth), 422, "bad_field")
		answer[answerJSON](o, o.api("POST", path, second("loader", password), auth))
		ev := o.f.events[len(o.f.events)-1].(locker.SettleDispute)
		if ev.By == ev.Second || !strings.HasPrefix(string(ev.Second), "staff:") || ev.As != locker.Lost {
			t.Errorf("event %+v", ev)
		}
	})
}

func TestTheEventStreamTellsOfChangesAndEndsWithTheSession(t *testing.T) {
	bubble(t, func(o *desk) {
		auth := o.signIn("loader")
		r := httptest.NewRequest("GET", "http://localhost"+prefix+"/events", nil)
		r.Header.Set("Cookie", strings.TrimPrefix(auth, "Cookie: "))
		seen := &streamWriter{header: http.Header{}}
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			o.s.Handler().ServeHTTP(seen, r)
		}()
		time.Sleep(time.Second)
		before := strings.Count(seen.String(), "event: change")
		o.f.door(1, locker.Yes, locker.No)
		o.f.door(1, locker.No, locker.No)
		time.Sleep(streamPause)
		synctest.Wait()
		if got := strings.Count(seen.String(), "event: change") - before; before != 1 || got != 1 {
			t.Errorf("%d changes at first, %d after one: %q", before, got, seen.String())
		}
		_, _ = o.f.step(locker.Tick{}) // nothing that staff can see
		time.Sleep(time.Second)
		if got := strings.Count(seen.String(), "event: change"); got != 2 {
			t.Errorf("a tick was told: %q", seen.String())
		}
		time.Sleep(sessionIdle)
		<-ended
		o.want(o.api("GET", "/status", "", auth), 401, "sign_in")
	})
}

// streamWriter is a response that can be read while it is written.
type streamWriter struct {
	header http.Header
	mu     sync.Mutex
	text   strings.Builder
}

func (w *streamWriter) Header() http.Header { return w.header }
func (w *streamWriter) WriteHeader(int)     {}
func (w *streamWriter) Flush()              {}
func (w *streamWriter) Write(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.text.Write(b)
}

func (w *streamWriter) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.text.String()
}

func TestWhatTheStationRefusesIsSaidInPlainWords(t *testing.T) {
	bubble(t, func(o *desk) {
		auth := o.token(Supervisor)
		for _, c := range []struct {
			err    error
			status int
			code   string
		}{
			{&locker.Refusal{Code: locker.NotFree, Compartment: 7, What: "occupied"}, 409, "not_free"},
			{&locker.Refusal{Code: locker.InUse, Compartment: 7}, 423, "in_use"},
			{&locker.Refusal{Code: locker.TooManyTries, Wait: 5 * time.Minute}, 429, "too_many_tries"},
			{firmware.ErrBusy, 503, "busy"},
			{firmware.ErrStore, 503, "store"},
			{firmware.ErrStopping, 503, "stopping"},
			{context.DeadlineExceeded, 504, "timeout"},
			{io.ErrUnexpectedEOF, 500, "internal"},
		} {
			o.f.broken = c.err
			w := o.api("POST", "/inventory", `{}`, auth)
			p := o.want(w, c.status, c.code)
			if strings.ContainsAny(p.Detail, "{}") || !strings.HasSuffix(p.Detail, ".") || p.Title == "" || p.Type == "" || p.Status != c.status {
				t.Errorf("%s: %+v", c.code, p)
			}
			if (c.status == 503 || p.WaitSeconds > 0) && w.Header().Get("Retry-After") == "" {
				t.Errorf("%s: no Retry-After", c.code)
			}
		}
		o.f.broken = &locker.Refusal{Code: locker.NotFree, Compartment: 7, What: "occupied"}
		w := o.api("POST", "/inventory", `{}`, auth, "Accept-Language: de-DE,de;q=0.9")
		if p := o.want(w, 409, "not_free"); p.Detail != "Das Fach 7 ist nicht frei (belegt). Bitte wählen Sie ein anderes." {
			t.Errorf("German: %q", p.Detail)
		}
	})
}
