package staff

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"time"

	"abholstation/firmware/guard"
	"abholstation/locker"
)

// prefix of the API.
const prefix = "/api/v1"

// patience is how long a request waits for the Station. The change goes on when
// the asker is gone, so that a repeat under the same Idempotency-Key finds it.
const patience = 20 * time.Second

// route is one operation of the API.
type route struct {
	method, path string
	roles        []Role     // who may; nil: everybody, without signing in
	body         func() any // a new value for the decoder; nil: no body
	once         bool       // the answer may be kept for an Idempotency-Key
	handle       func(*call) (reply, error)
}

// call is one request on its way.
type call struct {
	*Staff
	w    http.ResponseWriter
	r    *http.Request
	ctx  context.Context
	lang string
	who  who
	body any
}

// who is the one who asks.
type who struct {
	actor locker.Actor
	user  string // "" for a token
	name  string
	role  Role
}

// reply is a success. status 0: already written.
type reply struct {
	status   int
	body     any
	location string
}

// ok is the usual reply.
func ok(body any) (reply, error) { return reply{status: http.StatusOK, body: body}, nil }

// guard is what every request passes first, also one for a picture.
func (s *Staff) guard(next http.Handler) http.Handler {
	return guard.Wrap(next, guard.Options{
		Hosts: s.opt.AllowedHosts, Forms: true, Secure: s.opt.Secure,
		Refuse: func(w http.ResponseWriter, r *http.Request, why guard.Refusal) {
			if why == guard.WrongHost {
				s.problem(w, r, fail("host"))
				return
			}
			s.problem(w, r, fail("cross_origin"))
		},
	})
}

// serve is the one way through which every API request goes.
func (s *Staff) serve(rt route) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c := &call{Staff: s, w: w, r: r, ctx: r.Context(), lang: s.texts.pick(r)}
		out, err := c.run(rt)
		if err != nil {
			s.log.Info("staff request refused", "method", rt.method, "route", rt.path, "by", c.who.actor, "code", faultOf(err).code)
			s.problem(w, r, err)
			return
		}
		if rt.method != http.MethodGet {
			s.log.Info("staff request", "method", rt.method, "route", rt.path, "by", c.who.actor)
		}
		c.write(out)
	})
}

func (c *call) run(rt route) (reply, error) {
	if rt.roles != nil {
		var err error
		if c.who, err = c.authenticate(); err != nil {
			return reply{}, err
		}
		if !slices.Contains(rt.roles, c.who.role) {
			return reply{}, fail("forbidden")
		}
	}
	if rt.method != http.MethodGet {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(c.ctx), patience)
		defer cancel()
		c.ctx = ctx
	}
	if rt.body == nil {
		return rt.handle(c)
	}
	raw, err := readBody(c.w, c.r)
	if err != nil {
		return reply{}, err
	}
	c.body = rt.body()
	if err := decode(raw, c.body); err != nil {
		return reply{}, err
	}
	key := c.r.Header.Get("Idempotency-Key")
	if key == "" || !rt.once {
		return rt.handle(c)
	}
	return c.replayed(rt, key, raw)
}

// replayed handles a request at most once for its Idempotency-Key.
func (c *call) replayed(rt route, key string, raw []byte) (out reply, err error) {
	if len(key) > maxReplayKey {
		return reply{}, fail("idempotency_key")
	}
	k := replayKey{c.who.actor, key}
	earlier, err := c.replays.begin(k, slices.Concat([]byte(c.r.URL.Path+"\n"), raw))
	if err != nil {
		return reply{}, err
	}
	if earlier != nil {
		c.w.Header().Set("Idempotency-Replayed", "true")
		return *earlier, nil
	}
	err = fail("internal") // stands if handle panics
	defer func() { c.replays.end(k, out, err) }()
	out, err = rt.handle(c)
	return out, err
}

// authenticateRequest finds out who asks: a bearer token, else the session's cookie.
func (s *Staff) authenticateRequest(r *http.Request) (who, error) {
	if auth := r.Header.Get("Authorization"); auth != "" {
		plain, isBearer := strings.CutPrefix(auth, "Bearer ")
		t, known := s.token(strings.TrimSpace(plain))
		if !isBearer || !known {
			return who{}, fail("sign_in")
		}
		return who{actor: t.Actor, name: t.Name, role: t.Role}, nil
	}
	cookie, err := r.Cookie(s.cookieName())
	if err != nil {
		return who{}, fail("sign_in")
	}
	// What the page asks by itself must not keep a session alive.
	touch := r.Header.Get("Staff-Refresh") == ""
	user, live := s.sessions.user(cookie.Value, touch)
	if !live {
		return who{}, fail("sign_in")
	}
	a, known := s.account(user)
	if !known {
		return who{}, fail("sign_in")
	}
	return who{actor: a.Actor, user: a.User, name: a.Name, role: a.Role}, nil
}

func (c *call) authenticate() (who, error) { return c.authenticateRequest(c.r) }

func (c *call) write(out reply) {
	if out.status == 0 {
		return
	}
	h := c.w.Header()
	if out.location != "" {
		h.Set("Location", out.location)
	}
	if out.body == nil {
		c.w.WriteHeader(out.status)
		return
	}
	h.Set("Content-Type", "application/json")
	c.w.WriteHeader(out.status)
	_ = json.NewEncoder(c.w).Encode(out.body) // the reader may be gone
}
