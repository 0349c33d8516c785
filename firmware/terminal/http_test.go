package terminal_test

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"abholstation/firmware/terminal"
)

func TestRequestsFromElsewhereAreRefused(t *testing.T) {
	run(t, func(b *bench) {
		const press = `{"key":"5"}`
		for name, c := range map[string]struct {
			with []string
			want int
		}{
			"its own page":            {[]string{"Origin", "http://127.0.0.1:8081", "Sec-Fetch-Site", "same-origin"}, 204},
			"a keypad without origin": {nil, 204},
			"another name":            {[]string{"Host", "evil.example"}, 421},
			"another name, our port":  {[]string{"Host", "evil.example:8081"}, 421},
			"no host":                 {[]string{"Host", ""}, 421},
			"another page":            {[]string{"Origin", "http://evil.example"}, 403},
			"another port":            {[]string{"Origin", "http://127.0.0.1:8080"}, 403},
			"a sandboxed page":        {[]string{"Origin", "null"}, 403},
			"a cross-site form":       {[]string{"Sec-Fetch-Site", "cross-site"}, 403},
			"a form's content type":   {[]string{"Content-Type", "text/plain"}, 415},
		} {
			if w := b.request("POST", "/input", press, c.with...); w.Code != c.want {
				t.Errorf("%s: %d, want %d", name, w.Code, c.want)
			}
		}
		if p := b.shows("code"); p.Entry.Digits != "55" {
			t.Errorf("refused presses changed the screen: %+v", p.Entry)
		}
		for _, path := range []string{"/", "/state", "/events", "/app.js"} {
			if w := b.request("GET", path, "", "Host", "rebound.example"); w.Code != 421 {
				t.Errorf("GET %s under a strange name: %d", path, w.Code)
			}
		}
	})
}

func TestMalformedInputIsRefusedAndChangesNothing(t *testing.T) {
	run(t, func(b *bench) {
		b.keys("12")
		before := b.request("GET", "/state", "").Body.String()
		for _, body := range []string{
			"{", "null", "[]", `"5"`, "5", `{}`, `{"key":""}`, `{"key":"12"}`, `{"key":"x"}`, `{"key":5}`,
			`{"key":"1","scan":"PS1:A"}`, `{"key":"1","extra":1}`, `{"key":"1"}{"key":"2"}`, `{"key":"1"} x`,
			`{"language":"xx"}`, `{"choice":-1}`, `{"choice":1000}`, `{"choice":1.5}`, `{"action":"<b>"}`,
			`{"scan":"` + strings.Repeat("A", 65) + `"}`, `{"scan":"PS1:\u0000"}`, `{"scan":"ä"}`,
			`{"key":"` + strings.Repeat("1", 600) + `"}`,
		} {
			w := b.request("POST", "/input", body)
			var said struct{ Error string }
			if err := json.Unmarshal(w.Body.Bytes(), &said); w.Code != 400 || err != nil || said.Error == "" {
				t.Errorf("%s: %d %s", body, w.Code, w.Body)
			}
		}
		for _, body := range []string{`{"action":"open"}`, `{"action":"taken"}`, `{"choice":1}`, `{"action":"rm"}`} {
			if w := b.request("POST", "/input", body); w.Code != 409 {
				t.Errorf("%s on the code screen: %d", body, w.Code)
			}
		}
		if after := b.request("GET", "/state", "").Body.String(); after != before {
			t.Errorf("the screen changed from %s to %s", before, after)
		}
	})
}

func TestOnlyTheNamedMethodsAndPathsExist(t *testing.T) {
	run(t, func(b *bench) {
		for _, c := range [][2]string{{"POST", "/"}, {"PUT", "/input"}, {"GET", "/input"}, {"POST", "/state"}, {"DELETE", "/events"}} {
			if w := b.request(c[0], c[1], ""); w.Code != 405 {
				t.Errorf("%s %s: %d", c[0], c[1], w.Code)
			}
		}
		if w := b.request("GET", "/other", ""); w.Code != 404 {
			t.Errorf("GET /other: %d", w.Code)
		}
	})
}

func TestEveryAnswerForbidsStoringAndForeignContent(t *testing.T) {
	run(t, func(b *bench) {
		for _, path := range []string{"/", "/state", "/app.js", "/app.css", "/nothing"} {
			h := b.request("GET", path, "").Header()
			if h.Get("Cache-Control") != "no-store" || h.Get("X-Content-Type-Options") != "nosniff" || !strings.Contains(h.Get("Content-Security-Policy"), "default-src 'none'") {
				t.Errorf("%s: %v", path, h)
			}
		}
		page := b.request("GET", "/", "").Body.String()
		for _, never := range []string{"<style", " style=", "onclick", "http://", "https://", "<script>"} {
			if strings.Contains(page, never) {
				t.Errorf("the page contains %q", never)
			}
		}
	})
}

func TestPageScriptAndStyleAreAtMost60KiB(t *testing.T) {
	run(t, func(b *bench) {
		b.atDoor() // the largest page: it has the drawing
		total := 0
		for _, path := range []string{"/", "/app.js", "/app.css"} {
			total += b.request("GET", path, "").Body.Len()
		}
		if total > 60<<10 {
			t.Errorf("they have %d bytes", total)
		}
		t.Logf("%d bytes", total)
	})
}

// pipe serves the terminal over in-memory connections.
type pipe struct{ conns chan net.Conn }

func (p pipe) Accept() (net.Conn, error) {
	c, ok := <-p.conns
	if !ok {
		return nil, net.ErrClosed
	}
	return c, nil
}
func (p pipe) Close() error   { return nil }
func (p pipe) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 8081} }

// stream opens /events and returns the connection and its reader behind the
// header.
func stream(t *testing.T, p pipe) (net.Conn, *bufio.Reader) {
	here, there := net.Pipe()
	p.conns <- there
	if _, err := io.WriteString(here, "GET /events HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	r := bufio.NewReader(here)
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		if line == "\r\n" {
			return here, r
		}
	}
}

// nextState reads the stream up to the next state.
func nextState(t *testing.T, r *bufio.Reader) terminal.Page {
	t.Helper()
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		if data, ok := strings.CutPrefix(line, "data: {"); ok {
			var p terminal.Page
			if err := json.Unmarshal([]byte("{"+data), &p); err != nil {
				t.Fatal(err)
			}
			return p
		}
	}
}

func serve(t *testing.T, b *bench, test func(pipe)) {
	p := pipe{make(chan net.Conn)}
	srv := &http.Server{Handler: b.h}
	go func() { _ = srv.Serve(p) }()
	test(p)
	close(p.conns)
	_ = srv.Close()
	synctest.Wait()
}

func TestTheStreamShowsAChangeAtOnce(t *testing.T) {
	run(t, func(b *bench) {
		serve(t, b, func(p pipe) {
			conn, r := stream(t, p)
			defer func() { _ = conn.Close() }()
			if first := nextState(t, r); first.Screen != "attract" {
				t.Errorf("the stream begins with %q", first.Screen)
			}
			start := time.Now()
			go func() { _ = b.term.Input(context.Background(), terminal.Press{Key: "5"}) }()
			if next := nextState(t, r); next.Screen != "code" || next.Entry.Digits != "5" {
				t.Errorf("after a key it says %+v", next)
			}
			if d := time.Since(start); d > 100*time.Millisecond {
				t.Errorf("it took %s", d)
			}
		})
	})
}

func TestASlowReaderIsDropped(t *testing.T) {
	run(t, func(b *bench) {
		serve(t, b, func(p pipe) {
			conn, r := stream(t, p)
			defer func() { _ = conn.Close() }()
			b.keys("1", "2", "3") // nobody reads: the terminal goes on all the same
			b.after(time.Minute)
			if rest, err := io.ReadAll(r); err != nil && !strings.Contains(err.Error(), "EOF") {
				t.Errorf("the stream is still open: %d bytes, %v", len(rest), err)
			}
		})
	})
}

func TestTheNumberOfStreamsIsBounded(t *testing.T) {
	run(t, func(b *bench) {
		ctx, cancel := context.WithCancel(context.Background())
		answers := make(chan int, 40)
		for range 20 {
			go func() {
				r, err := http.NewRequestWithContext(ctx, "GET", "http://127.0.0.1/events", nil)
				if err != nil {
					panic(err)
				}
				w := &quiet{header: http.Header{}}
				b.h.ServeHTTP(w, r)
				answers <- w.code
			}()
		}
		synctest.Wait()
		if n := len(answers); n != 4 {
			t.Errorf("%d of 20 were sent away, want 4", n)
		}
		for range len(answers) {
			if code := <-answers; code != http.StatusServiceUnavailable {
				t.Errorf("answer %d", code)
			}
		}
		cancel()
	})
}

// quiet is a ResponseWriter of a client that reads everything.
type quiet struct {
	header http.Header
	code   int
}

func (q *quiet) Header() http.Header         { return q.header }
func (q *quiet) Write(b []byte) (int, error) { return len(b), nil }
func (q *quiet) WriteHeader(code int)        { q.code = code }
func (q *quiet) Flush()                      {}

func FuzzInput(f *testing.F) {
	for _, s := range []string{`{"key":"5"}`, `{"scan":"PS1:ABCDEFGHIJKLMNOPQRSTUVWXYZ"}`, `{"action":"hide"}`, `{"choice":1}`, `{"language":"en"}`, `{"key":"cancel"}`, `{`, ``} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, body string) {
		run(t, func(b *bench) {
			b.keys("12")
			before := b.request("GET", "/state", "").Body.String()
			w := b.request("POST", "/input", body, "Content-Type", "application/json")
			after := b.request("GET", "/state", "").Body.String()
			switch {
			case w.Code != 204 && w.Code != 400 && w.Code != 409:
				t.Errorf("answer %d %s", w.Code, w.Body)
			case w.Code != 204 && before != after:
				t.Errorf("a refused input changed %s to %s", before, after)
			}
			b.page()
		})
	})
}
