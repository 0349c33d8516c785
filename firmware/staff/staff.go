package staff

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"

	"abholstation/firmware"
	"abholstation/firmware/guard"
	"abholstation/locker"
)

// Station is what this package needs of the station's runtime. Its errors are a
// *locker.Refusal, one of firmware's, or the context's.
type Station interface {
	// View never blocks and is never nil.
	View() *firmware.View
	// Watch is signalled (coalescing) after every new View; the func ends it.
	Watch() (<-chan struct{}, func())
	// Do queues an event and waits for its commit.
	Do(context.Context, locker.Event) (locker.Answer, error)
	// Announce tags the factor and seals the contact before anything is kept.
	Announce(context.Context, firmware.Announcement) (locker.Answer, error)
	// Slip makes the code of a ready delivery without contact, to be shown once.
	Slip(ctx context.Context, by locker.Actor, owner locker.Owner) (firmware.Slip, error)
	// Document returns a sealed document, nil if there is none.
	Document(name string) []byte
	// PutDocument replaces it, in one commit with the note.
	PutDocument(ctx context.Context, name string, value []byte, note locker.StaffNote) error
}

// Options of New. Station and Clock are required.
type Options struct {
	Station Station
	Clock   firmware.Clock
	// Secure says that TLS is in front: the cookie is then Secure and has the
	// __Host- prefix.
	Secure bool
	// AllowedHosts are the names, without port, by which the page may be called;
	// empty: localhost, 127.0.0.1 and ::1. Anything else is refused (DNS rebinding).
	AllowedHosts []string
	Argon        Argon        // cost of a password; zero: 64 MiB, 3 passes
	Rand         io.Reader    // nil: crypto/rand
	Logger       *slog.Logger // nil: nothing is logged
	// Factor is what citizens are asked beside the code; "": locker.Birthday. Only
	// words on the announcement form and on the slip depend on it.
	Factor locker.FactorKind
	Name   string // of the station, shown on page and slip; "": "Abholstation"
}

// Staff is the office's page and API.
type Staff struct {
	station Station
	clock   firmware.Clock
	opt     Options
	log     *slog.Logger
	texts   texts
	routes  []route
	page    *page
	handler http.Handler

	hasher   *hasher
	limiter  *limiter
	sessions *sessions
	replays  *replays
	streams  chan struct{} // one place per open event stream

	mu    sync.Mutex // guards book, setup
	book  book
	setup string // one-time token of the first account, "" when there is one

	writing sync.Mutex // held over a change of the document; taken before mu
}

// maxStreams bounds the event streams that are open at the same time.
const maxStreams = 64

// New reads the accounts and builds the handler. Without any account it draws a
// one-time token, see SetupLink.
func New(opt Options) (*Staff, error) {
	if opt.Station == nil || opt.Clock == nil {
		return nil, errors.New("cannot start the staff page: Station and Clock are required")
	}
	if opt.Rand == nil {
		opt.Rand = rand.Reader
	}
	if opt.Logger == nil {
		opt.Logger = slog.New(slog.DiscardHandler)
	}
	if len(opt.AllowedHosts) == 0 {
		opt.AllowedHosts = guard.Loopback()
	}
	if opt.Name == "" {
		opt.Name = "Abholstation"
	}
	if opt.Factor == "" {
		opt.Factor = locker.Birthday
	}
	if !slices.Contains([]locker.FactorKind{locker.Birthday, locker.PhoneDigits, locker.AgreedPIN}, opt.Factor) {
		return nil, fmt.Errorf("cannot start the staff page: unknown kind of factor %q", opt.Factor)
	}
	s := &Staff{
		station: opt.Station, clock: opt.Clock, opt: opt, log: opt.Logger,
		limiter: newLimiter(opt.Clock), sessions: newSessions(opt.Clock), replays: newReplays(),
		streams: make(chan struct{}, maxStreams),
	}
	var err error
	if s.texts, err = loadTexts(); err != nil {
		return nil, err
	}
	if s.book, err = readBook(opt.Station.Document(document)); err != nil {
		return nil, err
	}
	if s.hasher, err = newHasher(opt.Argon, opt.Rand); err != nil {
		return nil, err
	}
	if len(s.book.Accounts) == 0 {
		if s.setup, err = randomText(opt.Rand, 20); err != nil {
			return nil, err
		}
	}
	if s.page, err = newPage(s); err != nil {
		return nil, err
	}
	s.routes = routes()
	s.handler = s.guard(s.mux())
	return s, nil
}

// Handler serves the page at "/" and the API under "/api/v1/". The server in
// front sets the time-outs; the event stream lifts the one for writing.
func (s *Staff) Handler() http.Handler { return s.handler }

// mux has one entry per route, the page, and an answer for everything else.
func (s *Staff) mux() *http.ServeMux {
	mux := http.NewServeMux()
	for _, r := range s.routes {
		mux.Handle(r.method+" "+prefix+r.path, s.serve(r))
	}
	mux.HandleFunc(prefix+"/", func(w http.ResponseWriter, r *http.Request) {
		if allowed := s.methods(r.URL.Path); len(allowed) > 0 {
			w.Header().Set("Allow", strings.Join(allowed, ", "))
			s.problem(w, r, fail("method"))
			return
		}
		s.problem(w, r, fail("not_found"))
	})
	s.page.register(mux)
	return mux
}

// methods lists what is allowed at an API path that exists.
func (s *Staff) methods(path string) []string {
	var out []string
	have := strings.Split(strings.TrimPrefix(path, prefix), "/")
	for _, r := range s.routes {
		want := strings.Split(r.path, "/")
		if slices.EqualFunc(want, have, func(w, h string) bool {
			return w == h || strings.HasPrefix(w, "{") && h != ""
		}) {
			out = append(out, r.method)
		}
	}
	return out
}

// note puts what staff did outside the domain into the audit log. That it can
// not be written (a full disk) must not keep people from signing in to see why.
func (s *Staff) note(ctx context.Context, by locker.Actor, what, code string) {
	if _, err := s.station.Do(ctx, locker.StaffNote{By: by, Type: what, Code: code}); err != nil {
		s.log.Warn("cannot write to the audit log", "type", what, "err", err)
	}
}
