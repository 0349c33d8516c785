package staff

import (
	"crypto/sha256"
	"net/http"
	"sync"
	"time"

	"abholstation/firmware"
)

// Bounds of a session.
const (
	sessionIdle     = 15 * time.Minute
	sessionAbsolute = 10 * time.Hour
	maxSessions     = 256
)

// session is one browser that somebody signed in with.
type session struct {
	user    string
	started time.Time // on Clock.Now
	used    time.Time
}

// sessions are kept under the SHA-256 of the cookie: what is in memory opens
// nothing.
type sessions struct {
	clock firmware.Clock
	mu    sync.Mutex
	byKey map[[32]byte]*session
}

func newSessions(c firmware.Clock) *sessions {
	return &sessions{clock: c, byKey: map[[32]byte]*session{}}
}

// start begins a session for the holder of id. When there are too many, the one
// that was longest unused ends.
func (s *sessions) start(id, user string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.clock.Now()
	var oldest [32]byte
	for key, x := range s.byKey {
		if x.over(now) {
			delete(s.byKey, key)
		} else if o, ok := s.byKey[oldest]; !ok || x.used.Before(o.used) {
			oldest = key
		}
	}
	if len(s.byKey) >= maxSessions {
		delete(s.byKey, oldest)
	}
	s.byKey[sha256.Sum256([]byte(id))] = &session{user: user, started: now, used: now}
}

// user returns whose session it is. touch: a person did something just now.
func (s *sessions) user(id string, touch bool) (string, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	key := sha256.Sum256([]byte(id))
	x := s.byKey[key]
	if x == nil {
		return "", false
	}
	now := s.clock.Now()
	if x.over(now) {
		delete(s.byKey, key)
		return "", false
	}
	if touch {
		x.used = now
	}
	return x.user, true
}

func (s *sessions) end(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.byKey, sha256.Sum256([]byte(id)))
}

// endAll ends every session of an account.
func (s *sessions) endAll(user string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for key, x := range s.byKey {
		if x.user == user {
			delete(s.byKey, key)
		}
	}
}

func (x *session) over(now time.Time) bool {
	return now.Sub(x.used) > sessionIdle || now.Sub(x.started) > sessionAbsolute
}

func (s *Staff) cookieName() string {
	if s.opt.Secure {
		return "__Host-staff"
	}
	return "staff"
}

// cookie makes the session's cookie; id "" deletes it. It has no Max-Age: the
// browser forgets it when it closes, the server decides when it ends.
func (s *Staff) cookie(id string) *http.Cookie {
	c := &http.Cookie{
		Name: s.cookieName(), Value: id, Path: "/",
		HttpOnly: true, Secure: s.opt.Secure, SameSite: http.SameSiteStrictMode,
	}
	if id == "" {
		c.MaxAge = -1
	}
	return c
}
