package staff

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"abholstation/locker"
)

// Role is what an account or a token may do.
type Role string

// The roles. IT never sees codes and deliveries; loaders never unblock or
// settle; an auditor changes nothing.
const (
	Loader     Role = "loader"
	Supervisor Role = "supervisor"
	IT         Role = "it"
	Auditor    Role = "auditor"
)

func (r Role) valid() bool { return slices.Contains([]Role{Loader, Supervisor, IT, Auditor}, r) }

// Account is a person who signs in.
type Account struct {
	User     string `json:"user"` // 2 to 40 of a-z 0-9 . _ -
	Name     string `json:"name"` // for colleagues; stays in the sealed document
	Role     Role   `json:"role"`
	Password string `json:"password"` // 10 to 200 characters
}

// document is the name under which the store keeps the book.
const document = "staff"

// bookVersion grows with every change of the book's form.
const bookVersion = 1

// maxEntries bounds accounts, and tokens.
const maxEntries = 500

// book is the sealed document.
type book struct {
	Version  int       `json:"version"`
	Accounts []account `json:"accounts"`
	Tokens   []token   `json:"tokens"`
}

type account struct {
	User     string       `json:"user"`
	Name     string       `json:"name"`
	Role     Role         `json:"role"`
	Actor    locker.Actor `json:"actor"` // pseudonym, the only one that events carry
	Password hash         `json:"password"`
}

type token struct {
	Name  string       `json:"name"`
	Role  Role         `json:"role"`
	Actor locker.Actor `json:"actor"`
	Sum   []byte       `json:"sum"` // SHA-256 of the token
}

func readBook(raw []byte) (book, error) {
	if len(raw) == 0 {
		return book{Version: bookVersion}, nil
	}
	var b book
	if err := json.Unmarshal(raw, &b); err != nil {
		return book{}, fmt.Errorf("cannot read the staff accounts: %w", err)
	}
	if b.Version != bookVersion {
		return book{}, fmt.Errorf("cannot read the staff accounts: version %d, this program knows %d", b.Version, bookVersion)
	}
	return b, nil
}

// account returns a copy, so that the caller needs no lock.
func (s *Staff) account(user string) (account, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, a := range s.book.Accounts {
		if a.User == user {
			return a, true
		}
	}
	return account{}, false
}

// token finds whose token this is; every stored one is compared, in constant time.
func (s *Staff) token(plain string) (token, bool) {
	sum := sha256.Sum256([]byte(plain))
	s.mu.Lock()
	defer s.mu.Unlock()
	var found token
	ok := false
	for _, t := range s.book.Tokens {
		if subtle.ConstantTimeCompare(sum[:], t.Sum) == 1 {
			found, ok = t, true
		}
	}
	return found, ok
}

// change replaces the document: change works on a copy, which counts only once
// it is durable.
func (s *Staff) change(ctx context.Context, note locker.StaffNote, change func(*book) error) error {
	s.writing.Lock()
	defer s.writing.Unlock()
	s.mu.Lock()
	next := s.book
	s.mu.Unlock()
	next.Accounts, next.Tokens = slices.Clone(next.Accounts), slices.Clone(next.Tokens)
	if err := change(&next); err != nil {
		return err
	}
	raw, err := json.Marshal(next)
	if err != nil {
		return fmt.Errorf("cannot write the staff accounts: %w", err)
	}
	if err := s.station.PutDocument(ctx, document, raw, note); err != nil {
		return err
	}
	s.mu.Lock()
	s.book = next
	if len(next.Accounts) > 0 {
		s.setup = ""
	}
	s.mu.Unlock()
	return nil
}

// AddAccount creates a local account on behalf of the station itself: for
// composition roots that bring a first account along. The Station must be
// running, since the account is committed before it counts.
func (s *Staff) AddAccount(ctx context.Context, a Account) error {
	return s.addAccount(ctx, locker.Self, a)
}

func (s *Staff) addAccount(ctx context.Context, by locker.Actor, a Account) error {
	if !userName.MatchString(a.User) {
		return fail("bad_field").with("user")
	}
	if !a.Role.valid() {
		return fail("bad_field").with("role")
	}
	if a.Name = strings.TrimSpace(a.Name); !shortText(a.Name) {
		return fail("bad_field").with("name")
	}
	if _, taken := s.account(a.User); taken {
		return fail("user_taken")
	}
	h, err := s.hasher.make(ctx, a.Password)
	if err != nil {
		return err
	}
	note := locker.StaffNote{By: by, Type: "staff.account_added", Code: string(a.Role)}
	return s.change(ctx, note, func(b *book) error {
		if slices.ContainsFunc(b.Accounts, func(x account) bool { return x.User == a.User }) {
			return fail("user_taken")
		}
		if len(b.Accounts) >= maxEntries {
			return fail("too_many")
		}
		actor, err := b.pseudonym(s.opt.Rand)
		if err != nil {
			return err
		}
		b.Accounts = append(b.Accounts, account{User: a.User, Name: a.Name, Role: a.Role, Actor: actor, Password: h})
		return nil
	})
}

// removeAccount ends an account and its sessions. The last supervisor stays: or
// nobody could let anybody in again.
func (s *Staff) removeAccount(ctx context.Context, by locker.Actor, user string) error {
	a, ok := s.account(user)
	if !ok {
		return fail("not_found")
	}
	note := locker.StaffNote{By: by, Type: "staff.account_removed", Code: string(a.Role)}
	err := s.change(ctx, note, func(b *book) error {
		b.Accounts = slices.DeleteFunc(b.Accounts, func(x account) bool { return x.User == user })
		if !slices.ContainsFunc(b.Accounts, func(x account) bool { return x.Role == Supervisor }) {
			return fail("last_supervisor")
		}
		return nil
	})
	if err == nil {
		s.sessions.endAll(user)
	}
	return err
}

// AddToken makes a bearer token for one program and one role, and returns it:
// the only time that it can be seen. A token of the same name is replaced.
func (s *Staff) AddToken(ctx context.Context, name string, role Role) (string, error) {
	return s.addToken(ctx, locker.Self, name, role)
}

func (s *Staff) addToken(ctx context.Context, by locker.Actor, name string, role Role) (string, error) {
	if !userName.MatchString(name) {
		return "", fail("bad_field").with("name")
	}
	if !role.valid() {
		return "", fail("bad_field").with("role")
	}
	plain, err := randomText(s.opt.Rand, 32)
	if err != nil {
		return "", err
	}
	plain = "staff_" + plain
	sum := sha256.Sum256([]byte(plain))
	note := locker.StaffNote{By: by, Type: "staff.token_added", Code: string(role)}
	err = s.change(ctx, note, func(b *book) error {
		actor, err := b.pseudonym(s.opt.Rand)
		if err != nil {
			return err
		}
		b.Tokens = slices.DeleteFunc(b.Tokens, func(t token) bool { return t.Name == name })
		if len(b.Tokens) >= maxEntries {
			return fail("too_many")
		}
		b.Tokens = append(b.Tokens, token{Name: name, Role: role, Actor: actor, Sum: sum[:]})
		return nil
	})
	if err != nil {
		return "", err
	}
	return plain, nil
}

func (s *Staff) removeToken(ctx context.Context, by locker.Actor, name string) error {
	note := locker.StaffNote{By: by, Type: "staff.token_removed"}
	return s.change(ctx, note, func(b *book) error {
		before := len(b.Tokens)
		b.Tokens = slices.DeleteFunc(b.Tokens, func(t token) bool { return t.Name == name })
		if len(b.Tokens) == before {
			return fail("not_found")
		}
		return nil
	})
}

// SetupLink is the path at which the first supervisor is created, with a token
// that works once; "" when there is an account. The token is behind a #, so that
// no server or proxy log ever has it.
func (s *Staff) SetupLink() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.setup == "" {
		return ""
	}
	return "/#setup=" + s.setup
}

// firstAccount spends the token of SetupLink.
func (s *Staff) firstAccount(ctx context.Context, plain string, a Account) error {
	s.mu.Lock()
	want := s.setup
	s.mu.Unlock()
	if want == "" || subtle.ConstantTimeCompare([]byte(plain), []byte(want)) != 1 {
		return fail("setup_token")
	}
	a.Role = Supervisor
	if !userName.MatchString(a.User) {
		return fail("bad_field").with("user")
	}
	// Checked again inside addAccount's change would be too late for two who hold
	// the same link: the first one takes the token, and gives it back on failure.
	s.mu.Lock()
	mine := s.setup == want
	s.setup = ""
	s.mu.Unlock()
	if !mine {
		return fail("setup_token")
	}
	err := s.addAccount(ctx, locker.Self, a)
	if err != nil {
		s.mu.Lock()
		if len(s.book.Accounts) == 0 {
			s.setup = want
		}
		s.mu.Unlock()
	}
	return err
}

// pseudonym draws one that nobody in the book has.
func (b *book) pseudonym(rand io.Reader) (locker.Actor, error) {
	for {
		raw := make([]byte, 4)
		if _, err := io.ReadFull(rand, raw); err != nil {
			return "", fmt.Errorf("cannot draw random bytes: %w", err)
		}
		p := locker.Actor("staff:" + hex.EncodeToString(raw))
		if !slices.ContainsFunc(b.Accounts, func(a account) bool { return a.Actor == p }) &&
			!slices.ContainsFunc(b.Tokens, func(t token) bool { return t.Actor == p }) {
			return p, nil
		}
	}
}

var userName = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]{1,39}$`)

func shortText(s string) bool {
	return s != "" && utf8.ValidString(s) && utf8.RuneCountInString(s) <= 80 &&
		!strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f })
}
