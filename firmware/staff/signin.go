package staff

import (
	"context"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"

	"abholstation/locker"
)

// secondBody is a colleague who stands beside and signs with user and password.
type secondBody struct {
	User     string `json:"user"`
	Password string `json:"password"`
}

type signInBody struct {
	User     string `json:"user"`
	Password string `json:"password"`
}

type sessionJSON struct {
	User        string       `json:"user,omitempty"`
	Name        string       `json:"name"`
	Role        Role         `json:"role"`
	Actor       locker.Actor `json:"actor"`
	IdleSeconds int          `json:"idle_seconds"` // without a word from the page's user it ends after so many
}

func sessionOf(w who) sessionJSON {
	return sessionJSON{User: w.user, Name: w.name, Role: w.role, Actor: w.actor, IdleSeconds: int(sessionIdle / time.Second)}
}

// stranger is in the log for one who signs in as nobody we know.
const stranger = locker.Actor("staff:unknown")

// verify checks user and password within the limits. Every try that was let in
// is in the log; what the limiter refuses is there once, when it begins.
func (s *Staff) verify(ctx context.Context, r *http.Request, user, password string) (account, error) {
	user = strings.ToLower(strings.TrimSpace(user))
	if !userName.MatchString(user) {
		user = "-" // nobody's name; still counted and still as slow
	}
	addr := r.RemoteAddr
	if h, _, err := net.SplitHostPort(addr); err == nil {
		addr = h
	}
	wait, last := s.limiter.admit(user, addr)
	if wait > 0 {
		return account{}, &fault{code: "too_many_sign_ins", wait: wait}
	}
	a, known := s.account(user)
	var want *hash
	actor := stranger
	if known {
		want, actor = &a.Password, a.Actor
	}
	right, err := s.hasher.check(ctx, want, password)
	if err != nil {
		s.limiter.forgive(user, addr) // nothing was checked
		return account{}, err
	}
	if !right {
		s.note(ctx, actor, "staff.sign_in_refused", "")
		if last {
			s.note(ctx, actor, "staff.sign_in_locked", "")
		}
		return account{}, fail("wrong_password")
	}
	s.limiter.forgive(user, addr)
	return a, nil
}

func (c *call) signIn(b *signInBody) (reply, error) {
	a, err := c.verify(c.ctx, c.r, b.User, b.Password)
	if err != nil {
		return reply{}, err
	}
	return c.begin(a)
}

// begin gives the browser a new session and ends the one it had.
func (c *call) begin(a account) (reply, error) {
	id, err := randomText(c.opt.Rand, 32)
	if err != nil {
		return reply{}, err
	}
	if old, err := c.r.Cookie(c.cookieName()); err == nil {
		c.sessions.end(old.Value)
	}
	c.sessions.start(id, a.User)
	c.note(c.ctx, a.Actor, "staff.signed_in", string(a.Role))
	http.SetCookie(c.w, c.cookie(id))
	return reply{status: http.StatusCreated, body: sessionOf(who{actor: a.Actor, user: a.User, name: a.Name, role: a.Role})}, nil
}

func (c *call) session() (reply, error) { return ok(sessionOf(c.who)) }

func (c *call) signOut() (reply, error) {
	if cookie, err := c.r.Cookie(c.cookieName()); err == nil {
		if w, err := c.authenticate(); err == nil && w.user != "" {
			c.note(c.ctx, w.actor, "staff.signed_out", "")
		}
		c.sessions.end(cookie.Value)
	}
	http.SetCookie(c.w, c.cookie(""))
	c.w.Header().Set("Clear-Site-Data", `"cache", "storage"`)
	return reply{status: http.StatusNoContent}, nil
}

// second makes sure that another person agrees.
func (c *call) second(b *secondBody) (locker.Actor, error) {
	a, err := c.verify(c.ctx, c.r, b.User, b.Password)
	if f := faultOf(err); err != nil && f.code == "wrong_password" {
		return "", fail("second_wrong") // not 401: the first one is still signed in
	}
	if err != nil {
		return "", err
	}
	if a.Actor == c.who.actor {
		return "", fail("second_same")
	}
	if !slices.Contains(secondRoles(), a.Role) {
		return "", fail("second_role")
	}
	return a.Actor, nil
}

type setupBody struct {
	Token    string `json:"token"`
	User     string `json:"user"`
	Name     string `json:"name"`
	Password string `json:"password"`
}

// firstSupervisor spends the one-time link and signs the new supervisor in.
func (c *call) firstSupervisor(b *setupBody) (reply, error) {
	if err := c.firstAccount(c.ctx, b.Token, Account{User: b.User, Name: b.Name, Password: b.Password}); err != nil {
		return reply{}, err
	}
	a, known := c.account(b.User)
	if !known {
		return reply{}, fail("sign_in")
	}
	return c.begin(a)
}

type accountJSON struct {
	User  string       `json:"user"`
	Name  string       `json:"name"`
	Role  Role         `json:"role"`
	Actor locker.Actor `json:"actor"`
}

type accountsJSON struct {
	Accounts []accountJSON `json:"accounts"`
}

func (c *call) listAccounts() (reply, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	out := accountsJSON{Accounts: []accountJSON{}}
	for _, a := range c.book.Accounts {
		out.Accounts = append(out.Accounts, accountJSON{User: a.User, Name: a.Name, Role: a.Role, Actor: a.Actor})
	}
	return ok(out)
}

func (c *call) createAccount(b *Account) (reply, error) {
	if err := c.addAccount(c.ctx, c.who.actor, *b); err != nil {
		return reply{}, err
	}
	a, _ := c.account(b.User)
	return reply{status: http.StatusCreated, body: accountJSON{User: a.User, Name: a.Name, Role: a.Role, Actor: a.Actor}}, nil
}

func (c *call) deleteAccount() (reply, error) {
	return reply{status: http.StatusNoContent}, c.removeAccount(c.ctx, c.who.actor, c.r.PathValue("user"))
}

type tokenBody struct {
	Name string `json:"name"`
	Role Role   `json:"role"`
}

type tokenJSON struct {
	Name  string       `json:"name"`
	Role  Role         `json:"role"`
	Actor locker.Actor `json:"actor,omitempty"`
	Token string       `json:"token,omitempty"` // only when it is made
}

type tokensJSON struct {
	Tokens []tokenJSON `json:"tokens"`
}

func (c *call) listTokens() (reply, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	out := tokensJSON{Tokens: []tokenJSON{}}
	for _, t := range c.book.Tokens {
		out.Tokens = append(out.Tokens, tokenJSON{Name: t.Name, Role: t.Role, Actor: t.Actor})
	}
	return ok(out)
}

func (c *call) createToken(b *tokenBody) (reply, error) {
	plain, err := c.addToken(c.ctx, c.who.actor, b.Name, b.Role)
	if err != nil {
		return reply{}, err
	}
	return reply{status: http.StatusCreated, body: tokenJSON{Name: b.Name, Role: b.Role, Token: plain}}, nil
}

func (c *call) deleteToken() (reply, error) {
	return reply{status: http.StatusNoContent}, c.removeToken(c.ctx, c.who.actor, c.r.PathValue("name"))
}
