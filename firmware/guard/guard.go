// Package guard is what every request to one of the station's pages passes
// first: the citizen's terminal, the staff page, the simulated cabinet.
//
// It refuses what was sent from elsewhere: a request for a host name that is not
// served (DNS rebinding), and one that a page of another origin in the same
// browser makes. It tells the browser what the page may do, which is nothing but
// talk to where it came from. It never looks into bodies, and knows no users.
package guard

import (
	"net"
	"net/http"
	"slices"
	"strings"
)

// Refusal is why a request was not let in.
type Refusal int

// The refusals, with the status that fits.
const (
	WrongHost   Refusal = http.StatusMisdirectedRequest // 421
	CrossOrigin Refusal = http.StatusForbidden          // 403
)

// Options of a guard. Hosts and Refuse are required.
type Options struct {
	Hosts  []string // names without a port that are served, e.g. "127.0.0.1"
	Forms  bool     // the page may send HTML forms to itself
	Secure bool     // TLS is in front: browsers shall insist on it
	// Refuse answers a request that is not let in. The headers are set already.
	Refuse func(http.ResponseWriter, *http.Request, Refusal)
}

// Loopback are the names of this machine itself.
func Loopback() []string { return []string{"127.0.0.1", "localhost", "::1"} }

// Wrap puts the guard in front of a handler.
func Wrap(next http.Handler, o Options) http.Handler {
	deny := func(w http.ResponseWriter, r *http.Request) { o.Refuse(w, r, CrossOrigin) }
	cross := http.NewCrossOriginProtection()
	cross.SetDenyHandler(http.HandlerFunc(deny))
	inner := cross.Handler(next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		SetHeaders(w.Header(), o)
		origin := r.Header.Get("Origin")
		switch {
		case !Served(o.Hosts, r.Host):
			o.Refuse(w, r, WrongHost)
		case origin != "" && origin != "http://"+r.Host && origin != "https://"+r.Host:
			deny(w, r)
		default:
			inner.ServeHTTP(w, r)
		}
	})
}

// Served says whether a request's host is one of the names, whatever its port.
func Served(names []string, host string) bool {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	host = strings.Trim(host, "[]")
	return slices.ContainsFunc(names, func(n string) bool { return strings.EqualFold(n, host) })
}

// SetHeaders sets what a browser is told with every answer: keep nothing, guess
// nothing, be framed by nobody, load from here only, no inline script or style.
func SetHeaders(h http.Header, o Options) {
	forms := "'none'"
	if o.Forms {
		forms = "'self'"
	}
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Permissions-Policy", "camera=(), microphone=(), geolocation=(), usb=(), serial=()")
	h.Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "+
		"connect-src 'self'; base-uri 'none'; frame-ancestors 'none'; form-action "+forms)
	if o.Secure {
		h.Set("Strict-Transport-Security", "max-age=31536000")
	}
}
