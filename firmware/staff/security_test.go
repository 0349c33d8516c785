package staff

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"abholstation/locker"
)

// The matrix is written out here by hand, so that a change of the route table
// has to be made twice, knowingly.
func TestEveryRoleMayDoWhatTheMatrixSays(t *testing.T) {
	const all, lsa, ls, lsi, si, s = "loader supervisor it auditor", "loader supervisor auditor", "loader supervisor", "loader supervisor it", "supervisor it", "supervisor"
	matrix := map[string]string{
		"GET /session": all, "GET /status": all, "GET /kinds": all, "GET /events": all,
		"GET /compartments": all, "GET /compartments/{n}": all, "GET /inventory": all,
		"GET /deliveries": lsa, "GET /deliveries/{id}": lsa,
		"POST /deliveries": ls, "POST /deliveries/{id}/confirm": ls, "POST /deliveries/{id}/approve": ls,
		"POST /deliveries/{id}/load": ls, "POST /deliveries/{id}/loaded": ls, "POST /deliveries/{id}/correct": ls,
		"POST /deliveries/{id}/extend": ls, "POST /deliveries/{id}/reissue": ls, "POST /deliveries/{id}/cancel": ls,
		"POST /deliveries/{id}/retrieve": ls, "POST /deliveries/{id}/retrieved": ls, "POST /deliveries/{id}/relocate": ls,
		"POST /deliveries/{id}/slip": ls, "POST /deliveries/{id}/settle": s,
		"POST /compartments/{n}/block": lsi, "POST /compartments/{n}/unblock": si,
		"POST /compartments/{n}/inspect": ls, "POST /compartments/{n}/inspected": ls,
		"POST /inventory": ls, "POST /clock/trust": si,
		"GET /accounts": s, "POST /accounts": s, "DELETE /accounts/{user}": s,
		"GET /tokens": s, "POST /tokens": s, "DELETE /tokens/{name}": s,
	}
	public := []string{"GET /openapi.json", "POST /session", "DELETE /session", "POST /setup"}
	bubble(t, func(o *desk) {
		for _, r := range o.s.routes {
			name := r.method + " " + r.path
			if slices.Contains(public, name) {
				continue
			}
			allowed, known := matrix[name]
			if !known {
				t.Errorf("%s is not in the matrix", name)
				continue
			}
			for _, role := range []Role{Loader, Supervisor, IT, Auditor} {
				path := strings.NewReplacer("{id}", "99999", "{n}", "99999", "{user}", "nobody-here", "{name}", "nobody-here").Replace(r.path)
				ctx, cancel := context.WithCancel(context.Background())
				if r.path == "/events" {
					cancel()
				}
				req := httptest.NewRequest(r.method, "http://localhost"+prefix+path, strings.NewReader("nonsense")).WithContext(ctx)
				req.Header.Set("Authorization", strings.TrimPrefix(o.token(role), "Authorization: "))
				req.Header.Set("Content-Type", "application/json")
				w := httptest.NewRecorder()
				o.s.Handler().ServeHTTP(w, req)
				cancel()
				want := strings.Contains(" "+allowed+" ", " "+string(role)+" ")
				if got := w.Code != http.StatusForbidden; got != want {
					t.Errorf("%s as %s: %d, allowed should be %v", name, role, w.Code, want)
				}
			}
			o.want(o.api(r.method, strings.NewReplacer("{id}", "1", "{n}", "1", "{user}", "x", "{name}", "x").Replace(r.path), ""), 401, "sign_in")
		}
		if len(o.f.events) != 0 {
			t.Errorf("nonsense became events: %v", o.f.events)
		}
	})
}

func TestSignInAndOut(t *testing.T) {
	bubble(t, func(o *desk) {
		w := o.api("POST", "/session", fmt.Sprintf(`{"user":" Loader ","password":%q}`, password))
		c := w.Result().Cookies()[0]
		if c.Name != "staff" || !c.HttpOnly || c.SameSite != http.SameSiteStrictMode || c.MaxAge != 0 || c.Path != "/" {
			t.Errorf("cookie %+v", c)
		}
		auth := "Cookie: staff=" + c.Value
		me := answer[sessionJSON](o, o.api("GET", "/session", "", auth))
		if me.User != "loader" || me.Role != Loader || !strings.HasPrefix(string(me.Actor), "staff:") || len(me.Actor) != 14 {
			t.Errorf("session %+v", me)
		}
		if !hasNote(o.f.notes, "staff.signed_in", me.Actor) {
			t.Error("the sign-in is not in the log")
		}
		o.want(o.api("DELETE", "/session", "", auth), 204, "")
		o.want(o.api("GET", "/session", "", auth), 401, "sign_in")
		o.s.opt.Secure = true
		c = o.api("POST", "/session", fmt.Sprintf(`{"user":"loader","password":%q}`, password)).Result().Cookies()[0]
		if c.Name != "__Host-staff" || !c.Secure || c.Domain != "" {
			t.Errorf("cookie behind TLS %+v", c)
		}
	})
}

func TestWrongPasswordsAreLimitedPerAccountAndPerAddress(t *testing.T) {
	bubble(t, func(o *desk) {
		try := func(user, pw, from string) *httptest.ResponseRecorder {
			r := httptest.NewRequest("POST", "http://localhost"+prefix+"/session", strings.NewReader(fmt.Sprintf(`{"user":%q,"password":%q}`, user, pw)))
			r.Header.Set("Content-Type", "application/json")
			r.RemoteAddr = from + ":4711"
			w := httptest.NewRecorder()
			o.s.Handler().ServeHTTP(w, r)
			return w
		}
		for range accountCapacity {
			o.want(try("loader", "falsch falsch", "10.0.0.1"), 401, "wrong_password")
		}
		p := o.want(try("loader", password, "10.0.0.2"), 429, "too_many_sign_ins")
		if p.WaitSeconds < 1 || p.WaitSeconds > 60 {
			t.Errorf("wait %d", p.WaitSeconds)
		}
		if w := try("supervisor", password, "10.0.0.1"); w.Code != 201 {
			t.Errorf("another account is locked, too: %s", w.Body)
		}
		time.Sleep(accountLeak + time.Second)
		if w := try("loader", password, "10.0.0.1"); w.Code != 201 {
			t.Errorf("still locked: %s", w.Body)
		}
		o.want(try("loader", "falsch falsch", "10.0.0.1"), 401, "wrong_password")
		o.want(try("loader", "falsch falsch", "10.0.0.1"), 429, "too_many_sign_ins") // a success empties nothing

		time.Sleep(time.Hour)
		for i := range addressCapacity {
			o.want(try(fmt.Sprintf("guess%d", i), "falsch falsch", "10.0.0.9"), 401, "wrong_password")
		}
		o.want(try("loader", password, "10.0.0.9"), 429, "too_many_sign_ins")
		if w := try("loader", password, "10.0.0.1"); w.Code != 201 {
			t.Errorf("another address is locked, too: %s", w.Body)
		}
		refused := 0
		for _, n := range o.f.notes {
			if n.Type == "staff.sign_in_refused" {
				refused++
			}
		}
		if want := accountCapacity + 1 + addressCapacity; refused != want {
			t.Errorf("%d refused sign-ins in the log, want %d", refused, want)
		}
	})
}

func TestASessionEndsWhenIdleAndAtTheLatestAfterTenHours(t *testing.T) {
	bubble(t, func(o *desk) {
		auth := o.signIn("loader")
		time.Sleep(sessionIdle - time.Second)
		o.want(o.api("GET", "/status", "", auth), 200, "")
		time.Sleep(sessionIdle - time.Second)
		o.want(o.api("GET", "/status", "", auth, "Staff-Refresh: 1"), 200, "") // by itself: does not count
		time.Sleep(2 * time.Second)
		o.want(o.api("GET", "/status", "", auth), 401, "sign_in")

		auth = o.signIn("loader")
		for range 41 {
			time.Sleep(sessionIdle - time.Second)
			if w := o.api("GET", "/status", "", auth); w.Code != 200 {
				break
			}
		}
		o.want(o.api("GET", "/status", "", auth), 401, "sign_in")
	})
}

func TestATokenIsShownOnceAndKeptAsAHash(t *testing.T) {
	bubble(t, func(o *desk) {
		chief := o.signIn("supervisor")
		made := answer[tokenJSON](o, o.api("POST", "/tokens", `{"name":"fachverfahren","role":"loader"}`, chief))
		auth := "Authorization: Bearer " + made.Token
		o.want(o.api("GET", "/deliveries", "", auth), 200, "")
		for _, doc := range []string{string(o.f.docs[document]), o.api("GET", "/tokens", "", chief).Body.String(), o.logs.String()} {
			if strings.Contains(doc, made.Token) {
				t.Errorf("the token is kept: %s", doc)
			}
		}
		for _, bad := range []string{"Bearer ", "Bearer x", "Bearer " + made.Token + "x", "Basic " + made.Token, made.Token} {
			o.want(o.api("GET", "/deliveries", "", chief, "Authorization: "+bad), 401, "sign_in")
		}
		o.want(o.api("DELETE", "/tokens/fachverfahren", "", chief), 204, "")
		o.want(o.api("GET", "/deliveries", "", auth), 401, "sign_in")
	})
}

func TestOtherPagesAndOtherNamesAreRefused(t *testing.T) {
	bubble(t, func(o *desk) {
		auth := o.signIn("supervisor")
		for _, h := range []string{"Sec-Fetch-Site: cross-site", "Sec-Fetch-Site: same-site", "Origin: https://example.org", "Origin: null"} {
			o.want(o.api("POST", "/inventory", `{}`, auth, h), 403, "cross_origin")
		}
		for _, h := range []string{"Host: example.org", "Host: localhost.example.org", "Host: ", "Host: 10.0.0.1:8082"} {
			o.want(o.ask("GET", "/", "", auth, h), 421, "host")
			o.want(o.api("POST", "/inventory", `{}`, auth, h), 421, "host")
		}
		if len(o.f.events) != 0 {
			t.Errorf("something happened: %v", o.f.events)
		}
		for _, h := range []string{"Host: localhost:8082", "Host: LOCALHOST", "Host: 127.0.0.1:1", "Host: [::1]:8082"} {
			if w := o.ask("GET", "/", "", h); w.Code != 200 {
				t.Errorf("%s: %d", h, w.Code)
			}
		}
		o.want(o.api("POST", "/inventory", `{}`, auth, "Sec-Fetch-Site: same-origin"), 200, "")
		w := o.ask("GET", "/", "", auth)
		csp := w.Header().Get("Content-Security-Policy")
		if w.Header().Get("Cache-Control") != "no-store" || !strings.Contains(csp, "default-src 'none'") || strings.Contains(csp, "unsafe") {
			t.Errorf("headers %v", w.Header())
		}
	})
}

func TestMalformedRequestsChangeNothing(t *testing.T) {
	bubble(t, func(o *desk) {
		auth := o.token(Supervisor)
		ok := `{"reference":"PA-1","kinds":["passport"],"factor":"0703"}`
		for _, c := range []struct{ body, code string }{
			{``, "not_json"},
			{`null`, "bad_json"},
			{`[]`, "bad_json"},
			{`{`, "bad_json"},
			{ok + ok, "bad_json"},
			{ok + ` x`, "bad_json"},
			{`{"reference":"a","reference":"b"}`, "bad_json"},
			{`{"reference":"\u0061","kinds":["passport"],"factor":"0703","name":"Max"}`, "unknown_field"},
			{`{"Reference":"a"}`, "unknown_field"},
			{`{"contact":{"street":"x"}}`, "unknown_field"},
			{`{"reference":7}`, "wrong_type"},
			{`{"hold_days":1e99}`, "wrong_type"},
			{`{"met":` + strings.Repeat("[", 20) + strings.Repeat("]", 20) + `}`, "bad_json"},
			{"{\"reference\":\"\xff\"}", "bad_json"},
			{`{"reference":"` + strings.Repeat("x", maxBody) + `"}`, "too_large"},
			{`{"reference":"PA-1","kinds":["passport"],"factor":"0703","size":"XXL"}`, "bad_field"},
			{`{"reference":"PA-1","kinds":["passport"],"factor":"07"}`, "factor"},
			{`{"reference":"PA-1","kinds":["passport"],"factor":"0101"}`, "factor_weak"},
			{`{"reference":"PA-1","kinds":["passport"],"factor":"3002"}`, "factor_day"},
			{`{"reference":"PA-1","kinds":["balloon"],"factor":"0703"}`, "unknown_kind"},
		} {
			w := o.api("POST", "/deliveries", c.body, auth)
			o.want(w, statuses()[c.code], c.code)
		}
		o.want(o.api("POST", "/deliveries", ok, auth, "Content-Type: text/plain"), 415, "not_json")
		o.want(o.api("POST", "/deliveries/x/load", `{}`, auth), 404, "unknown_delivery")
		o.want(o.api("POST", "/deliveries/-1/load", `{}`, auth), 404, "unknown_delivery")
		o.want(o.api("POST", "/compartments/99999999999999999999/block", `{"why":"door"}`, auth), 404, "unknown_compartment")
		for _, q := range []string{"limit=0", "limit=201", "limit=x", "after=-1", "state=gone", "page=2"} {
			o.want(o.api("GET", "/deliveries?"+q, "", auth), 400, "bad_query")
		}
		o.want(o.api("PUT", "/deliveries", ok, auth), 405, "method")
		o.want(o.api("GET", "/nothing", "", auth), 404, "not_found")
		o.want(o.ask("GET", "/web/..%2fstaff.go", "", auth), 404, "not_found")
		if len(o.f.events) != 0 || len(o.f.View().State.Deliveries) != 0 {
			t.Errorf("something changed: %v", o.f.events)
		}
	})
}

func TestAnIdempotencyKeyDoesThingsOnce(t *testing.T) {
	bubble(t, func(o *desk) {
		auth, other := o.token(Loader), o.token(Supervisor)
		body := `{"reference":"PA-1","kinds":["passport"],"factor":"0703"}`
		first := o.api("POST", "/deliveries", body, auth, "Idempotency-Key: a")
		again := o.api("POST", "/deliveries", body, auth, "Idempotency-Key: a")
		if first.Code != 201 || again.Code != 201 || first.Body.String() != again.Body.String() || again.Header().Get("Idempotency-Replayed") == "" {
			t.Fatalf("%d %s, then %d %s", first.Code, first.Body, again.Code, again.Body)
		}
		o.want(o.api("POST", "/deliveries", strings.Replace(body, "PA-1", "PA-2", 1), auth, "Idempotency-Key: a"), 422, "idempotency_other")
		o.want(o.api("POST", "/inventory", `{}`, auth, "Idempotency-Key: a"), 422, "idempotency_other")
		o.want(o.api("POST", "/deliveries", body, other, "Idempotency-Key: a"), 409, "duplicate_reference") // a key is its actor's own
		o.want(o.api("POST", "/deliveries", body, auth, "Idempotency-Key: "+strings.Repeat("x", 101)), 400, "idempotency_key")

		// What was refused may be tried again under its key.
		o.want(o.api("POST", "/deliveries/2/cancel", `{}`, auth, "Idempotency-Key: b"), 404, "unknown_delivery")
		answer[answerJSON](o, o.api("POST", "/deliveries", strings.Replace(body, "PA-1", "PA-2", 1), auth))
		answer[answerJSON](o, o.api("POST", "/deliveries/2/cancel", `{}`, auth, "Idempotency-Key: b"))
		for i := range maxReplays + 10 {
			_, _ = o.s.replays.begin(replayKey{"staff:x", fmt.Sprint(i)}, nil)
		}
		if n := len(o.s.replays.byKey); n > maxReplays || n != len(o.s.replays.order) {
			t.Errorf("%d keys are remembered", n)
		}
	})
}

func TestTheFirstSupervisorComesByTheOneTimeLink(t *testing.T) {
	f := newFake(bubbleClock{}, plainRules())
	s, err := New(Options{Station: f, Clock: bubbleClock{}, Argon: Argon{MemoryKiB: 64, Passes: 1}})
	if err != nil {
		t.Fatal(err)
	}
	o := &desk{t: t, s: s, f: f}
	token, ok := strings.CutPrefix(s.SetupLink(), "/#setup=")
	if !ok || len(token) < 30 {
		t.Fatalf("link %q", s.SetupLink())
	}
	body := func(token, pw string) string {
		return fmt.Sprintf(`{"token":%q,"user":"anna","name":"Anna","password":%q}`, token, pw)
	}
	o.want(o.api("POST", "/setup", body("x", password)), 403, "setup_token")
	o.want(o.api("POST", "/setup", body("", password)), 403, "setup_token")
	o.want(o.api("POST", "/setup", body(token, "kurz")), 422, "password_length")
	me := answer[sessionJSON](o, o.api("POST", "/setup", body(token, password)))
	if me.Role != Supervisor || s.SetupLink() != "" {
		t.Errorf("%+v, link %q", me, s.SetupLink())
	}
	o.want(o.api("POST", "/setup", body(token, password)), 403, "setup_token")

	// The next start finds the account in the document, and gives no link.
	s, err = New(Options{Station: f, Clock: bubbleClock{}, Argon: Argon{MemoryKiB: 64, Passes: 1}})
	if err != nil || s.SetupLink() != "" {
		t.Fatalf("second start: %v, link %q", err, s.SetupLink())
	}
	o.s = s
	o.want(o.api("POST", "/session", fmt.Sprintf(`{"user":"anna","password":%q}`, password)), 201, "")
}

func TestAccountsAreRemovedWithTheirSessionsButNotTheLastSupervisor(t *testing.T) {
	bubble(t, func(o *desk) {
		chief, loader := o.signIn("supervisor"), o.signIn("loader")
		o.want(o.api("DELETE", "/accounts/loader", "", chief), 204, "")
		o.want(o.api("GET", "/status", "", loader), 401, "sign_in")
		o.want(o.api("DELETE", "/accounts/supervisor", "", chief), 409, "last_supervisor")
		o.want(o.api("DELETE", "/accounts/nobody", "", chief), 404, "not_found")
		o.want(o.api("POST", "/accounts", `{"user":"it","name":"x","role":"it","password":"`+password+`"}`, chief), 409, "user_taken")
		o.want(o.api("POST", "/accounts", `{"user":"Ärger","name":"x","role":"it","password":"`+password+`"}`, chief), 422, "bad_field")
		o.want(o.api("POST", "/accounts", `{"user":"root","name":"x","role":"root","password":"`+password+`"}`, chief), 422, "bad_field")
		o.f.broken = &locker.Refusal{Code: locker.StoreFull}
		o.want(o.api("POST", "/accounts", `{"user":"neu","name":"x","role":"it","password":"`+password+`"}`, chief), 503, "store_full")
		o.f.broken = nil
		if _, known := o.s.account("neu"); known {
			t.Error("an account that is not durable counts")
		}
	})
}

func TestADamagedOrNewerDocumentStopsTheStart(t *testing.T) {
	for _, raw := range []string{`{`, `{"version":2}`, `{"version":0}`} {
		f := newFake(bubbleClock{}, plainRules())
		f.docs[document] = []byte(raw)
		if _, err := New(Options{Station: f, Clock: bubbleClock{}}); err == nil || !strings.HasPrefix(err.Error(), "cannot read the staff accounts") {
			t.Errorf("%s: %v", raw, err)
		}
	}
}

func FuzzDecode(f *testing.F) {
	for _, s := range []string{`{}`, `{"reference":"a","kinds":["b"],"contact":{"email":"c"}}`, `{"a":1,"a":2}`, `{"met":[[[]]]}`, "{\"\xff\":0}", `{"hold_days":1.5}`, `null`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		var b announceBody
		if decode(raw, &b) != nil {
			return
		}
		// What is accepted is one object whose every name is ours, and means the
		// same when it is written again.
		var names map[string]json.RawMessage
		if err := json.Unmarshal(raw, &names); err != nil {
			t.Fatalf("accepted %q: %v", raw, err)
		}
		again, err := json.Marshal(b)
		if err != nil {
			t.Fatal(err)
		}
		var c announceBody
		if err := decode(again, &c); err != nil {
			t.Fatalf("%q became %q: %v", raw, again, err)
		}
		for name := range names {
			if !strings.Contains(string(again), `"`+name+`":`) {
				t.Fatalf("accepted the name %q", name)
			}
		}
	})
}
