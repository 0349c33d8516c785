package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"abholstation/firmware"
	"abholstation/hal/sim"
)

// Every action has an example in the help that is valid JSON for it.
func TestEveryExampleInTheHelpIsUnderstood(t *testing.T) {
	page := string(renderPage())
	for _, a := range actions() {
		if _, err := parseArgs([]byte(a.Example), a.fields); err != nil {
			t.Errorf("%s: %s: %v", a.path, a.Example, err)
		}
		if a.En == "" || a.De == "" || !strings.Contains(page, "/api/world/"+a.path+"<") {
			t.Errorf("%s is not in the page's help in both languages", a.path)
		}
	}
}

// One call of each action after the other, and what each does to the world.
func TestEveryActionDoesWhatItSays(t *testing.T) {
	x := start(t, "-compartments", "3") // 1 and 2 have all sensors, 3 door and presence
	box := func(n int) func(stateJSON) boxJSON {
		return func(s stateJSON) boxJSON { return s.Compartments[n-1] }
	}
	first, third := box(1), box(3)
	for _, c := range []struct {
		path, body string
		done       func(stateJSON) bool
	}{
		{"door", `{"compartment":1,"do":"hold"}`, func(s stateJSON) bool { return first(s).Held }},
		{"door", `{"compartment":1,"do":"let_go"}`, func(s stateJSON) bool { return !first(s).Held }},
		{"door", `{"compartment":1,"do":"pry"}`, func(s stateJSON) bool { return first(s).Open && !first(s).Latched }},
		{"paper", `{"compartment":1,"do":"put","paper":"A"}`, func(s stateJSON) bool { return reflect.DeepEqual(first(s).Papers, []string{"A"}) }},
		{"paper", `{"compartment":1,"do":"take"}`, func(s stateJSON) bool { return reflect.DeepEqual(s.Hands, []string{"A"}) && first(s).Papers == nil }},
		{"paper", `{"compartment":1,"do":"put","paper":"A"}`, func(s stateJSON) bool { return len(s.Hands) == 0 }},
		{"paper", `{"compartment":1,"do":"put"}`, func(s stateJSON) bool { return len(first(s).Papers) == 2 }},
		{"paper", `{"compartment":1,"do":"take"}`, func(s stateJSON) bool { return len(s.Hands) == 2 }},
		{"hands", `{"do":"drop","paper":"A"}`, func(s stateJSON) bool { return len(s.Hands) == 1 }},
		{"hands", `{"do":"drop"}`, func(s stateJSON) bool { return len(s.Hands) == 0 }},
		{"door", `{"compartment":1,"do":"close"}`, func(s stateJSON) bool { return !first(s).Open && first(s).Latched }},
		{"fault", `{"compartment":1,"fault":"loose","on":true}`, func(s stateJSON) bool { return first(s).Loose }},
		{"door", `{"compartment":1,"do":"pry"}`, func(s stateJSON) bool { return first(s).Open }},
		{"door", `{"compartment":1,"do":"slam"}`, func(s stateJSON) bool { return !first(s).Latched }},
		{"door", `{"compartment":3,"do":"pry"}`, func(s stateJSON) bool { return third(s).Open }},
		{"fault", `{"compartment":1,"fault":"jam","on":true}`, func(s stateJSON) bool { return first(s).Jam }},
		{"fault", `{"compartment":1,"fault":"sticky","on":true,"ms":700}`, func(s stateJSON) bool { return first(s).Sticky }},
		{"fault", `{"compartment":1,"fault":"blind","on":true}`, func(s stateJSON) bool { return first(s).Blind }},
		{"fault", `{"compartment":1,"fault":"bounce","on":true}`, func(s stateJSON) bool { return first(s).Bounce > 0 }},
		{"fault", `{"compartment":1,"fault":"bounce","on":false}`, func(s stateJSON) bool { return first(s).Bounce == 0 }},
		{"sensor", `{"compartment":1,"sensor":"door","do":"cut"}`, func(s stateJSON) bool { return reflect.DeepEqual(first(s).Cut, []sim.Sensor{"door"}) }},
		{"sensor", `{"compartment":1,"sensor":"door","do":"mend"}`, func(s stateJSON) bool { return first(s).Cut == nil }},
		{"sensor", `{"compartment":1,"sensor":"latch","do":"stick_no"}`, func(s stateJSON) bool { return first(s).Stuck["latch"] == "no" }},
		{"sensor", `{"compartment":1,"sensor":"latch","do":"stick_yes"}`, func(s stateJSON) bool { return first(s).Stuck["latch"] == "yes" }},
		{"sensor", `{"compartment":1,"sensor":"latch","do":"free"}`, func(s stateJSON) bool { return first(s).Stuck == nil }},
		{"board", `{"compartment":1,"do":"refuse"}`, nil},
		{"board", `{"compartment":1,"do":"lose_answer"}`, nil},
		{"mend", `{"compartment":1}`, func(s stateJSON) bool { b := first(s); return !b.Jam && !b.Sticky && !b.Loose && !b.Blind }},
		{"mains", `{"on":false}`, func(s stateJSON) bool { return !s.Mains && s.Station.Power }},
		{"mains", `{"on":true}`, func(s stateJSON) bool { return s.Mains && !s.Station.Power }},
		{"supply", `{"sag_volts":8}`, func(s stateJSON) bool { return s.Volts == 16 }},
		{"supply", `{"sag_volts":0}`, func(s stateJSON) bool { return s.Volts == 24 }},
		{"tamper", `{"on":true}`, func(s stateJSON) bool { return s.Tamper && logged(s, "case.opened") }},
		{"tamper", `{"on":false}`, func(s stateJSON) bool { return !s.Tamper }},
		{"adapter", `{"plugged":false}`, func(s stateJSON) bool { return !s.Plugged && len(s.Station.Problems) > 0 }},
		{"adapter", `{"plugged":true}`, func(s stateJSON) bool { return s.Plugged }},
		{"clock/pass", `{"seconds":3600}`, nil},
		{"clock/jump", `{"seconds":-7200}`, func(s stateJSON) bool { return s.Clock.Off == -7200 }},
		{"clock/jump", `{"seconds":7200}`, func(s stateJSON) bool { return s.Clock.Off == 0 }},
		{"clock/synced", `{"on":false}`, func(s stateJSON) bool { return !s.Clock.Synced }},
		{"clock/synced", `{"on":true}`, func(s stateJSON) bool { return s.Clock.Synced }},
		{"scan", `{"text":"PS1:AAAAAAAAAAAAAAAAAAAAAAAAAA"}`, func(s stateJSON) bool { return s.Terminal.Screen == "factor" }},
		{"controller", `{"do":"stop"}`, func(s stateJSON) bool { return s.Controller == "off" }},
		{"controller", `{"do":"restart"}`, func(s stateJSON) bool { return s.Controller == "on" && s.Station.Started }},
		{"controller", `{"do":"restart"}`, func(s stateJSON) bool { return s.Controller == "on" && s.Terminal.Screen == "attract" }},
		{"controller", `{"do":"crash"}`, func(s stateJSON) bool { return s.Controller == "off" }},
		{"controller", `{"do":"start"}`, func(s stateJSON) bool { return s.Controller == "on" }},
		{"controller", `{"do":"kill"}`, func(s stateJSON) bool { return s.Controller == "off" && s.Station == nil }},
	} {
		x.world(c.path, c.body)
		if c.done != nil {
			x.until(c.path+" "+c.body+" is done", c.done)
		}
	}
	if v := x.state().Violations; len(v) > 0 {
		t.Errorf("violations: %q", v)
	}
}

func logged(s stateJSON, what string) bool {
	return slices.ContainsFunc(s.Log, func(l line) bool { return l.Type == what })
}

func TestAFullDiskStoresNothingAndKillsNothing(t *testing.T) {
	x := start(t, "-compartments", "2")
	x.world("disk", `{"full":true}`)
	status, text := x.send("POST", x.staff+"api/v1/deliveries", `{"reference":"A-1","kinds":["passport"],"factor":"2402"}`, "Authorization", "Bearer "+x.token)
	if status < 400 || status == 500 {
		t.Errorf("an announcement on a full disk: %d %s", status, text)
	}
	if s := x.state(); s.Controller != "on" || s.Pulses != 0 {
		t.Errorf("on a full disk: %s, %d pulses", s.Controller, s.Pulses)
	}
	x.world("disk", `{"full":false}`)
	x.until("the station has seen that there is space", func(s stateJSON) bool {
		return !slices.ContainsFunc(s.Station.Problems, func(p firmware.Problem) bool { return strings.HasPrefix(p.Key, "store.") })
	})
	x.load("")
	x.until("the station is well again", func(s stateJSON) bool { return s.Controller == "on" && len(s.Station.Problems) == 0 })
}

func TestWhatIsMalformedOrCanNotBeDoneChangesNothing(t *testing.T) {
	x := start(t, "-compartments", "3")
	still := func() string {
		s := x.state()
		s.Clock = clockJSON{}
		return string(marshal(s))
	}
	x.until("the start has been logged and every door is at rest", func(s stateJSON) bool {
		return logged(s, "staff.token_added") && !slices.ContainsFunc(s.Compartments, func(b boxJSON) bool { return b.Angle != 0 })
	})
	before := still()
	for _, c := range []struct {
		path, body string
		status     int
		says       string
	}{
		{"door", ``, 400, "send one JSON object"},
		{"door", `null`, 400, "send one JSON object"},
		{"door", `[]`, 400, "send one JSON object"},
		{"door", `{"compartment":1`, 400, "send one JSON object"},
		{"door", `{"compartment":1,"do":"pry"} {}`, 400, "behind the object"},
		{"door", `{"compartment":1,"do":"pry","why":1}`, 400, `unknown field \"why\"`},
		{"door", `{"Compartment":1,"do":"pry"}`, 400, "unknown field"},
		{"door", `{"compartment":1,"compartment":2,"do":"pry"}`, 400, "twice"},
		{"door", `{"do":"pry"}`, 400, `\"compartment\" is missing`},
		{"door", `{"compartment":1}`, 400, "pull, close, slam"},
		{"door", `{"compartment":1,"do":"open"}`, 400, "one of pull"},
		{"door", `{"compartment":"1","do":"pry"}`, 400, "whole number"},
		{"door", `{"compartment":1.5,"do":"pry"}`, 400, "whole number"},
		{"door", `{"compartment":1e99,"do":"pry"}`, 400, "whole number"},
		{"door", `{"compartment":null,"do":"pry"}`, 400, "whole number"},
		{"door", "{\"compartment\":1,\"do\":\"\xff\"}", 400, "send one JSON object"},
		{"door", `{"compartment":4,"do":"pry"}`, 404, "the cabinet has 1 to 3"},
		{"door", `{"compartment":1,"do":"pull"}`, 409, "is locked"},
		{"door", `{"compartment":1,"do":"close"}`, 409, "closed already"},
		{"door", `{"compartment":1,"do":"let_go"}`, 409, "nobody holds"},
		{"paper", `{"compartment":1,"do":"put"}`, 409, "is closed"},
		{"paper", `{"compartment":1,"do":"take","paper":"A"}`, 400, "only for put"},
		{"paper", `{"compartment":1,"do":"put","paper":""}`, 400, "1 to 60 characters"},
		{"paper", `{"compartment":1,"do":"put","paper":"` + strings.Repeat("x", 61) + `"}`, 400, "1 to 60 characters"},
		{"paper", `{"compartment":1,"do":"put","paper":"a\u0000"}`, 400, "1 to 60 characters"},
		{"paper", `{"compartment":1,"do":"put","paper":"` + strings.Repeat("x", 2000) + `"}`, 413, "longer"},
		{"hands", `{"do":"drop","paper":"Z"}`, 409, "not in the hands"},
		{"fault", `{"compartment":1,"fault":"jam","on":1}`, 400, "true or false"},
		{"fault", `{"compartment":1,"fault":"jam","on":true,"ms":5}`, 400, "only for sticky and bounce"},
		{"fault", `{"compartment":1,"fault":"bounce","on":true,"ms":20000}`, 400, "at most 10000"},
		{"sensor", `{"compartment":3,"sensor":"latch","do":"cut"}`, 409, "has no"},
		{"clock/pass", `{"seconds":-1}`, 400, "from 1 to"},
		{"clock/pass", `{"seconds":999999999999}`, 400, "from 1 to"},
		{"controller", `{"do":"start"}`, 409, "on already"},
		{"supply", `{"sag_volts":30}`, 400, "0 to 24"},
		{"nothing", `{}`, 404, "no POST /api/world/nothing"},
	} {
		status, text := x.send("POST", x.cabinet+"api/world/"+c.path, c.body)
		if status != c.status || !strings.Contains(text, c.says) {
			t.Errorf("%s %.60s: %d %s; want %d and %q", c.path, c.body, status, text, c.status, c.says)
		}
	}
	if status, _ := x.send("POST", x.cabinet+"api/world/controller", `{"do":"kill"}`, "Content-Type", "text/plain"); status != 415 {
		t.Errorf("a request that is no JSON: %d", status)
	}
	if after := still(); after != before {
		t.Errorf("something has changed:\n%s\n%s", before, after)
	}
}

func TestOnlyThePageItselfIsAnswered(t *testing.T) {
	x := start(t, "-compartments", "1")
	for _, c := range []struct {
		name, value string
		status      int
	}{
		{"Origin", "http://example.org", 403},
		{"Origin", "null", 403},
		{"Sec-Fetch-Site", "cross-site", 403},
		{"Sec-Fetch-Site", "same-site", 403},
		{"Origin", strings.TrimSuffix(x.cabinet, "/"), 200},
	} {
		if status, _ := x.send("POST", x.cabinet+"api/world/tamper", `{"on":false}`, c.name, c.value); status != c.status {
			t.Errorf("%s: %s gives %d, want %d", c.name, c.value, status, c.status)
		}
	}
	req, err := http.NewRequest("GET", x.cabinet, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Host = "rebound.example.org"
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusMisdirectedRequest {
		t.Errorf("a foreign host name gives %d", resp.StatusCode)
	}
	resp, err = http.Get(x.cabinet)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if csp := resp.Header.Get("Content-Security-Policy"); !strings.Contains(csp, "default-src 'none'") || strings.Contains(csp, "unsafe") {
		t.Errorf("the policy is %q", csp)
	}
}

func TestTheStreamShowsAChange(t *testing.T) {
	x := start(t, "-compartments", "1")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, "GET", x.cabinet+"api/world/events", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	x.world("tamper", `{"on":true}`)
	dec := io.Reader(resp.Body)
	var seen strings.Builder
	buf := make([]byte, 64<<10)
	for !strings.Contains(seen.String(), `"tamper":true`) {
		n, err := dec.Read(buf)
		if err != nil {
			t.Fatalf("the stream ended: %v", err)
		}
		seen.Write(buf[:n])
	}
	if !strings.HasPrefix(seen.String(), "event: state\ndata: {\"clock\":{") || !json.Valid([]byte(strings.TrimPrefix(strings.SplitN(seen.String(), "\n\n", 2)[0], "event: state\ndata: "))) {
		t.Errorf("the stream begins %.200s", seen.String())
	}
}

func TestABusyPortIsReplacedByAFreeOne(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	ln, err := listenNear(taken.Addr().(*net.TCPAddr).Port)
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	if ln.Addr().String() == taken.Addr().String() {
		t.Error("the same port twice")
	}
}

func TestTheLayoutIsTheExamplesAndHasEveryProfile(t *testing.T) {
	places, boxes := layout(40)
	seen := map[sim.Sensors]int{}
	for i, b := range boxes {
		seen[b.Sensors]++
		if p := places[i]; p.HasLatch != (b.Sensors&sim.Latch != 0) || p.HasItem != (b.Sensors&sim.Presence != 0) {
			t.Errorf("compartment %d has %s, the station knows %+v", b.Number, b.Sensors, p)
		}
	}
	if len(seen) != 4 {
		t.Errorf("profiles: %v", seen)
	}
	if got := fmt.Sprint(places[15].Column, places[16].Column, places[39].Column, places[39].Row); got != "2 4 6 8" {
		t.Errorf("compartments 16, 17 and 40 stand in %s", got)
	}
	for n := 1; n <= maxCompartments; n++ {
		p, _ := layout(n)
		if _, err := rules(p, time.Second); err != nil {
			t.Fatalf("%d compartments: %v", n, err)
		}
	}
}

func TestAClockThatIsSetWrongIsNotBelievedWithoutATimeServer(t *testing.T) {
	x := start(t, "-compartments", "1")
	if s := x.state(); s.Clock.Synced || s.Station.Untrusted != "" {
		t.Errorf("at the start: time server %t, doubt %q", s.Clock.Synced, s.Station.Untrusted)
	}
	x.world("clock/jump", `{"seconds":172800}`)
	x.until("the clock is in doubt", func(s stateJSON) bool { return s.Station.Untrusted == "stepped" && logged(s, "clock.stepped") })
	x.world("clock/synced", `{"on":true}`)
	x.until("the time server is believed", func(s stateJSON) bool { return s.Station.Untrusted == "" && s.Clock.Synced })
}
