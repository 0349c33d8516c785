package staff

import (
	"context"
	"crypto/subtle"
	"encoding/base32"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"

	"golang.org/x/crypto/argon2"
)

// Argon is the cost of one password check. The zero value means 64 MiB and
// three passes (RFC 9106, second recommended option, on one thread).
type Argon struct {
	MemoryKiB uint32
	Passes    uint32
}

// hash is a stored password with the cost it was made with, so that the cost
// can be raised without locking anybody out.
type hash struct {
	MemoryKiB uint32 `json:"memory_kib"`
	Passes    uint32 `json:"passes"`
	Salt      []byte `json:"salt"`
	Sum       []byte `json:"sum"`
}

// Bounds of a password. The lower one is for length, as longer beats stranger
// (NIST SP 800-63B); the upper one keeps a request from buying work.
const (
	minPassword = 10
	maxPassword = 200
)

// maxWaiting bounds the people who wait for the one argon2 worker.
const maxWaiting = 8

// hasher runs argon2 one at a time: 64 MiB each is what the board can spare.
type hasher struct {
	cost    Argon
	rand    io.Reader
	dummy   hash // checked when there is no such account, so that time tells nothing
	waiting chan struct{}
	working chan struct{}
}

func newHasher(cost Argon, rand io.Reader) (*hasher, error) {
	if cost.MemoryKiB == 0 {
		cost.MemoryKiB = 64 * 1024
	}
	if cost.Passes == 0 {
		cost.Passes = 3
	}
	h := &hasher{cost: cost, rand: rand, waiting: make(chan struct{}, maxWaiting), working: make(chan struct{}, 1)}
	h.dummy = hash{MemoryKiB: cost.MemoryKiB, Passes: cost.Passes, Salt: make([]byte, 16), Sum: make([]byte, 32)}
	if _, err := io.ReadFull(rand, h.dummy.Salt); err != nil {
		return nil, fmt.Errorf("cannot draw random bytes: %w", err)
	}
	return h, nil
}

// make hashes a new password.
func (h *hasher) make(ctx context.Context, password string) (hash, error) {
	if n := utf8.RuneCountInString(password); n < minPassword || len(password) > maxPassword {
		return hash{}, fail("password_length")
	}
	out := hash{MemoryKiB: h.cost.MemoryKiB, Passes: h.cost.Passes, Salt: make([]byte, 16)}
	if _, err := io.ReadFull(h.rand, out.Salt); err != nil {
		return hash{}, fmt.Errorf("cannot draw random bytes: %w", err)
	}
	var err error
	out.Sum, err = h.run(ctx, out, password)
	return out, err
}

// check compares in constant time. want nil: there is no such account; the same
// work is done and the answer is no.
func (h *hasher) check(ctx context.Context, want *hash, password string) (bool, error) {
	known := want != nil
	if !known {
		want = &h.dummy
	}
	if len(password) > maxPassword {
		password = ""
	}
	sum, err := h.run(ctx, *want, password)
	if err != nil {
		return false, err
	}
	return subtle.ConstantTimeCompare(sum, want.Sum) == 1 && known && password != "", nil
}

func (h *hasher) run(ctx context.Context, k hash, password string) ([]byte, error) {
	select {
	case h.waiting <- struct{}{}:
		defer func() { <-h.waiting }()
	default:
		return nil, fail("busy")
	}
	select {
	case h.working <- struct{}{}:
		defer func() { <-h.working }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if k.Passes < 1 || len(k.Salt) == 0 {
		return nil, errors.New("cannot check the password: the stored one is damaged")
	}
	return argon2.IDKey([]byte(password), k.Salt, k.Passes, k.MemoryKiB, 1, 32), nil
}

// randomText draws n random bytes and writes them in lower-case base32.
func randomText(rand io.Reader, n int) (string, error) {
	b := make([]byte, n)
	if _, err := io.ReadFull(rand, b); err != nil {
		return "", fmt.Errorf("cannot draw random bytes: %w", err)
	}
	return base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding).EncodeToString(b), nil
}
