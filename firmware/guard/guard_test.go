package guard

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestOnlyItsOwnPageAndProgramsAreLetIn(t *testing.T) {
	passed := false
	h := Wrap(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { passed = true }), Options{
		Hosts:  append(Loopback(), "abholstation.example"),
		Refuse: func(w http.ResponseWriter, _ *http.Request, why Refusal) { w.WriteHeader(int(why)) },
	})
	for _, c := range []struct {
		what, method, host string
		header             map[string]string
		status             int // 0: let in
	}{
		{"its own page", "POST", "127.0.0.1:8081", map[string]string{"Origin": "http://127.0.0.1:8081", "Sec-Fetch-Site": "same-origin"}, 0},
		{"its own page behind TLS", "POST", "abholstation.example", map[string]string{"Origin": "https://abholstation.example"}, 0},
		{"a program", "POST", "localhost:8081", nil, 0},
		{"IPv6", "GET", "[::1]:8081", nil, 0},
		{"an address that was typed in", "GET", "127.0.0.1:8081", map[string]string{"Sec-Fetch-Site": "none"}, 0},
		{"a name pointed at this machine", "GET", "evil.example:8081", nil, 421},
		{"no name", "GET", "", nil, 421},
		{"another page's form", "POST", "127.0.0.1:8081", map[string]string{"Origin": "http://evil.example"}, 403},
		{"a page on another port", "POST", "127.0.0.1:8081", map[string]string{"Origin": "http://127.0.0.1:9999"}, 403},
		{"a sandboxed page", "POST", "127.0.0.1:8081", map[string]string{"Origin": "null"}, 403},
		{"another site without an origin", "POST", "127.0.0.1:8081", map[string]string{"Sec-Fetch-Site": "cross-site"}, 403},
		{"an event stream for another page", "GET", "127.0.0.1:8081", map[string]string{"Origin": "http://evil.example"}, 403},
	} {
		passed = false
		r := httptest.NewRequest(c.method, "/", strings.NewReader(""))
		r.Host = c.host
		for k, v := range c.header {
			r.Header.Set(k, v)
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if passed != (c.status == 0) || c.status != 0 && w.Code != c.status {
			t.Errorf("%s: let in %t with status %d, expected %d", c.what, passed, w.Code, c.status)
		}
		if w.Header().Get("Cache-Control") != "no-store" || !strings.Contains(w.Header().Get("Content-Security-Policy"), "default-src 'none'") {
			t.Errorf("%s: the browser is not told to keep and load nothing: %v", c.what, w.Header())
		}
	}
}
