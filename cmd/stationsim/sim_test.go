package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"abholstation/locker"
)

// site is a running simulation as people meet it: output, addresses, HTTP.
type site struct {
	*testing.T
	dir                      string
	cabinet, terminal, staff string
	token, out               string
	stop                     func() int
}

// start runs the program with a state of its own until the test ends.
func start(t *testing.T, args ...string) *site {
	t.Helper()
	dir := t.TempDir()
	return startIn(t, dir, args...)
}

func startIn(t *testing.T, dir string, args ...string) *site {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	s, code, ok := parseFlags(append([]string{"-state", dir, "-argon", "test", "-grace", "1s"}, args...), io.Discard)
	if !ok {
		t.Fatalf("flags are refused with %d", code)
	}
	s.ports = [3]int{}
	reader, writer := io.Pipe()
	var errs bytes.Buffer
	ended := make(chan int, 1)
	go func() {
		code := simulate(ctx, s, writer, &errs)
		writer.Close()
		ended <- code
	}()
	x := &site{T: t, dir: dir}
	stopped := false
	x.stop = func() int {
		cancel()
		if stopped {
			return exitOK
		}
		stopped = true
		return <-ended
	}
	t.Cleanup(func() { x.stop() })
	lines := bufio.NewScanner(reader)
	for lines.Scan() {
		x.out += lines.Text() + "\n"
		if lines.Text() == "ready" {
			go io.Copy(io.Discard, reader)
			x.cabinet, x.terminal, x.staff = x.said(`cabinet +(http\S+/)`), x.said(`terminal +(http\S+/)`), x.said(`staff +(http\S+/)`)
			x.token = x.said(`(?m)^staff token (\S+)$`)
			return x
		}
	}
	t.Fatalf("it is not ready; code %d, output %s, errors %s", <-ended, x.out, &errs)
	return nil
}

func (x *site) said(pattern string) string {
	x.Helper()
	m := regexp.MustCompile(pattern).FindStringSubmatch(x.out)
	if m == nil {
		x.Fatalf("no %s in %s", pattern, x.out)
	}
	return m[1]
}

// send makes a request and returns status and body.
func (x *site) send(method, url, body string, header ...string) (int, string) {
	x.Helper()
	req, err := http.NewRequest(method, url, strings.NewReader(body))
	if err != nil {
		x.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err.Error()
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		return 0, err.Error()
	}
	return resp.StatusCode, string(raw)
}

// world does one thing to the world, which must work.
func (x *site) world(path, body string) {
	x.Helper()
	if code, text := x.send("POST", x.cabinet+"api/world/"+path, body); code != 200 || !strings.Contains(text, `"ok":true`) {
		x.Fatalf("%s %s: %d %s", path, body, code, text)
	}
}

func (x *site) state() (s stateJSON) {
	x.Helper()
	_, text := x.send("GET", x.cabinet+"api/world", "")
	// Sensors have no text form that can be read back.
	text = regexp.MustCompile(`"sensors":"\w+",`).ReplaceAllString(text, "")
	if err := json.Unmarshal([]byte(text), &s); err != nil {
		x.Fatalf("%v in %s", err, text)
	}
	return s
}

// until polls the state; what never comes is an error.
func (x *site) until(what string, come func(stateJSON) bool) stateJSON {
	x.Helper()
	limit := time.After(30 * time.Second)
	poll := time.NewTicker(20 * time.Millisecond)
	defer poll.Stop()
	for {
		s := x.state()
		if come(s) {
			return s
		}
		select {
		case <-poll.C:
		case <-limit:
			x.Fatalf("waited in vain until %s; terminal: %+v; log: %+v", what, s.Terminal, s.Log[max(0, len(s.Log)-12):])
		}
	}
}

func (x *site) office(method, path, body string) map[string]any {
	x.Helper()
	code, text := x.send(method, x.staff+"api/v1/"+path, body, "Authorization", "Bearer "+x.token)
	if code/100 != 2 {
		x.Fatalf("staff %s %s: %d %s", path, body, code, text)
	}
	m := map[string]any{}
	if err := json.Unmarshal([]byte(text), &m); err != nil {
		x.Fatal(err)
	}
	return m
}

func (x *site) keys(keys ...string) {
	x.Helper()
	for _, k := range keys {
		if code, text := x.send("POST", x.terminal+"input", fmt.Sprintf(`{"key":%q}`, k)); code != 204 {
			x.Fatalf("key %s: %d %s", k, code, text)
		}
	}
}

// believes waits until the station sees the door open and the coil is off.
func (x *site) believes(n int, open string) {
	x.Helper()
	x.until(fmt.Sprintf("door %d is seen open: %s", n, open), func(s stateJSON) bool {
		b := s.Compartments[n-1]
		return !b.Coil && b.Belief != nil && b.Belief.Open == open
	})
}

func (x *site) delivered(n int, want locker.DeliveryState) {
	x.Helper()
	x.until(fmt.Sprintf("the delivery in %d is %s", n, want), func(s stateJSON) bool {
		b := s.Compartments[n-1].Belief
		return b != nil && b.State == want
	})
}

// load announces and loads a delivery into compartment 1 and lets its grace pass.
func (x *site) load(contact string) (id float64) {
	x.Helper()
	id = x.office("POST", "deliveries", `{"reference":"A-1","kinds":["passport"],"factor":"2402"`+contact+`}`)["delivery"].(float64)
	x.office("POST", fmt.Sprintf("deliveries/%v/load", id), `{"compartment":1}`)
	x.believes(1, "yes")
	x.world("paper", `{"compartment":1,"do":"put","paper":"passport"}`)
	x.world("door", `{"compartment":1,"do":"close"}`)
	x.delivered(1, locker.Settling)
	x.world("clock/pass", `{"seconds":12}`) // grace, and the rest of the lock
	x.delivered(1, locker.Ready)
	return id
}

func (x *site) enter(code string) {
	x.Helper()
	for _, d := range strings.ReplaceAll(code, " ", "") {
		x.keys(string(d))
	}
	x.until("the factor is asked for", func(s stateJSON) bool { return s.Terminal.Screen == "factor" })
	x.keys("2", "4", "0", "2")
}

func (x *site) collect() {
	x.Helper()
	x.believes(1, "yes")
	x.world("paper", `{"compartment":1,"do":"take"}`)
	x.world("door", `{"compartment":1,"do":"close"}`)
	x.until("compartment 1 is free again", func(s stateJSON) bool {
		b := s.Compartments[0].Belief
		return b.Use == locker.Free && b.Delivery == 0
	})
	if got := x.state().Hands; len(got) != 1 || got[0] != "passport" {
		x.Errorf("the hands hold %q", got)
	}
}

func TestADeliveryIsLoadedAndCollectedOverHTTPAlone(t *testing.T) {
	x := start(t)
	x.load(`,"contact":{"mobile":"+491701234567"}`)
	s := x.until("a message comes", func(s stateJSON) bool { return len(s.Phone) == 1 })
	if m := s.Phone[0]; m.Forged != "" || m.To != "+491701234567" || len(m.Items) != 1 || m.Items[0].Compartment != 1 {
		t.Errorf("the message is %+v", m)
	}
	x.enter(s.Phone[0].Code)
	x.collect()
	s = x.state()
	if len(s.Violations) > 0 {
		t.Errorf("violations: %q", s.Violations)
	}
	if s.Pulses != 2 {
		t.Errorf("%d pulses, want 2: one to load, one to collect", s.Pulses)
	}
	if code := x.stop(); code != exitOK {
		t.Errorf("it ended with %d", code)
	}
}

func TestASlipWorksAndSoDoesItsQRCode(t *testing.T) {
	x := start(t)
	id := x.load("")
	slip := x.office("POST", fmt.Sprintf("deliveries/%v/slip", id), `{}`)
	if len(x.state().Phone) != 0 {
		t.Error("a delivery without contact has sent a message")
	}
	x.world("scan", fmt.Sprintf(`{"text":%q}`, slip["qr"]))
	x.until("the factor is asked for", func(s stateJSON) bool { return s.Terminal.Screen == "factor" })
	x.keys("2", "4", "0", "2")
	x.collect()
}

func TestAPowerCutLosesNothingAndOpensNothing(t *testing.T) {
	for _, how := range []string{"kill", "crash"} {
		t.Run(how, func(t *testing.T) {
			x := start(t)
			x.load(`,"contact":{"email":"a@example.org"}`)
			code := x.until("a message comes", func(s stateJSON) bool { return len(s.Phone) == 1 }).Phone[0].Code
			pulses := x.state().Pulses
			x.world("controller", fmt.Sprintf(`{"do":%q}`, how))
			if s := x.state(); s.Controller != "off" || s.Station != nil || s.Compartments[0].Belief != nil {
				t.Errorf("after the kill: %s, %+v", s.Controller, s.Station)
			}
			for _, page := range []string{x.terminal, x.staff, x.staff + "api/v1/status"} {
				if status, text := x.send("GET", page, ""); status != 503 || !strings.Contains(text, "aus") {
					t.Errorf("%s answers %d while off", page, status)
				}
			}
			if status, _ := x.send("GET", x.terminal+"events", "", "Accept", "text/event-stream"); status != 0 {
				t.Errorf("a stream is answered with %d while off; browsers would not try again", status)
			}
			x.world("controller", `{"do":"start"}`)
			x.delivered(1, locker.Ready)
			if got := x.state().Pulses; got != pulses {
				t.Errorf("%d pulses after the restart, %d before", got, pulses)
			}
			x.enter(code)
			x.collect()
		})
	}
}

// The plug is pulled while the citizen's door is opening: at the next start the
// intent is settled by reading, and the door is not pulsed again.
func TestAPowerCutInTheMiddleOfAnOpeningIsSettledByReading(t *testing.T) {
	x := start(t)
	x.load(`,"contact":{"email":"a@example.org"}`)
	code := x.until("a message comes", func(s stateJSON) bool { return len(s.Phone) == 1 }).Phone[0].Code
	x.enter(code)
	x.until("the intent is durable", func(s stateJSON) bool {
		b := s.Compartments[0].Belief
		return b.State == locker.Opening || b.State == locker.Open
	})
	x.world("controller", `{"do":"kill"}`)
	pulses := x.state().Pulses
	x.world("controller", `{"do":"restart"}`)
	if !x.state().Compartments[0].Open {
		x.world("clock/pass", `{"seconds":20}`)
		x.delivered(1, locker.Ready)
		x.enter(code)
		pulses++
	}
	x.collect()
	if got := x.state().Pulses; got != pulses {
		t.Errorf("%d pulses, want %d", got, pulses)
	}
}

func TestTheCabinetStandsAsItWasLeft(t *testing.T) {
	dir := t.TempDir()
	x := startIn(t, dir, "-compartments", "5")
	x.load(`,"contact":{"email":"a@example.org"}`)
	x.world("fault", `{"compartment":2,"fault":"jam","on":true}`)
	x.world("sensor", `{"compartment":3,"sensor":"item","do":"stick_yes"}`)
	x.world("door", `{"compartment":5,"do":"pry"}`)
	x.world("clock/pass", `{"seconds":864000}`)
	then := x.state().Clock.Wall
	if code := x.stop(); code != exitOK {
		t.Fatalf("it ended with %d", code)
	}
	x = startIn(t, dir)
	s := x.until("the log has been read", func(s stateJSON) bool { return len(s.Phone) == 1 })
	if b := s.Compartments; len(b) != 5 || len(b[0].Papers) != 1 || !b[1].Jam || b[2].Stuck["item"] != "yes" || !b[4].Open {
		t.Errorf("compartments are %+v", b)
	}
	if s.Clock.Wall.Before(then) {
		t.Errorf("the wall clock went back from %s to %s", then, s.Clock.Wall)
	}
	x.enter(s.Phone[0].Code)
	x.collect()
}

func TestASecondInstanceIsRefusedAndNamesTheFirst(t *testing.T) {
	x := start(t, "-compartments", "1")
	x.world("controller", `{"do":"kill"}`) // also while the store is closed
	var errs bytes.Buffer
	code := run(context.Background(), []string{"-state", x.dir}, io.Discard, &errs)
	if code != exitInUse || !strings.Contains(errs.String(), fmt.Sprintf("process %d", os.Getpid())) {
		t.Errorf("it ends with %d and says %s", code, &errs)
	}
}

func TestWrongFlagsAreRefused(t *testing.T) {
	other := t.TempDir()
	if err := os.WriteFile(filepath.Join(other, "station.db"), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args []string
		code int
		says string
	}{
		{[]string{"-config", "/etc/abholstation/station.toml"}, exitUsage, "no configuration of a real station"},
		{[]string{"-compartments", "161"}, exitUsage, "1 to 160"},
		{[]string{"-compartments", "0"}, exitUsage, "1 to 160"},
		{[]string{"-compartments", "-1"}, exitUsage, "1 to 160"},
		{[]string{"-grace", "-1s"}, exitUsage, "1s to 1h"},
		{[]string{"-argon", "none"}, exitUsage, "production or test"},
		{[]string{"walk"}, exitUsage, "unknown argument"},
		{[]string{"-nonsense"}, exitUsage, "nonsense"},
		{[]string{"-h"}, exitOK, "usage"},
		{[]string{"-state", other}, exitFailed, "only opens what it has made itself"},
	} {
		var errs bytes.Buffer
		if code := run(context.Background(), c.args, io.Discard, &errs); code != c.code || !strings.Contains(errs.String(), c.says) {
			t.Errorf("%q ends with %d and says %q", c.args, code, &errs)
		}
	}
}
