package locker

import (
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"fmt"

	"golang.org/x/crypto/argon2"
)

// Cost is what one argon2id run takes.
type Cost struct {
	MemoryKiB uint32 // 8…1048576, and at least 8 per thread
	Time      uint32 // passes, 1…16
	Threads   uint8  // 1…16
}

// DefaultCost is 19 MiB, two passes, one thread (OWASP's password storage cheat
// sheet; about 0.1 s on the boards in question, see stationctl bench).
func DefaultCost() Cost { return Cost{MemoryKiB: 19 * 1024, Time: 2, Threads: 1} }

// TestCost is the smallest cost there is. It is for tests and simulated time,
// never for a real station: whoever has the store and the keys then finds all
// codes within minutes.
func TestCost() Cost { return Cost{MemoryKiB: 8, Time: 1, Threads: 1} }

func (c Cost) validate() error {
	if c.Time < 1 || c.Time > 16 || c.Threads < 1 || c.Threads > 16 || c.MemoryKiB < 8*uint32(c.Threads) || c.MemoryKiB > 1<<20 {
		return fmt.Errorf("cannot use argon2 cost of %d KiB, %d passes, %d threads: 8…1048576 KiB (8 per thread), 1…16, 1…16 expected",
			c.MemoryKiB, c.Time, c.Threads)
	}
	return nil
}

// Keys turn what was typed or scanned into Tags. They are secret, printed as
// nothing, and never stored beside the tags. Use NewKeys.
type Keys struct {
	Code        [32]byte `json:"-"`
	Factor      [32]byte `json:"-"`
	QR          [32]byte `json:"-"`
	StationSalt [16]byte `json:"-"`
	Cost        `json:"-"`
}

// pepperMin is the least that counts as a secret: 256 bits.
const pepperMin = 32

// NewKeys derives the keys of a station from its pepper, at least 32 random
// bytes that are kept apart from the store. The same pepper gives the same keys.
func NewKeys(pepper []byte, cost Cost) (Keys, error) {
	if len(pepper) < pepperMin {
		return Keys{}, fmt.Errorf("cannot derive keys: the pepper has %d bytes, at least %d are needed", len(pepper), pepperMin)
	}
	if err := cost.validate(); err != nil {
		return Keys{}, err
	}
	k := Keys{Cost: cost}
	prk, err := hkdf.Extract(sha256.New, pepper, []byte("abholstation tags v1"))
	if err != nil {
		return Keys{}, fmt.Errorf("cannot derive keys: %w", err)
	}
	var errs []error
	for _, part := range []struct {
		label string
		into  []byte
	}{
		{"code", k.Code[:]}, {"factor", k.Factor[:]}, {"qr", k.QR[:]}, {"station salt", k.StationSalt[:]},
	} {
		out, err := hkdf.Expand(sha256.New, prk, part.label, len(part.into))
		copy(part.into, out)
		errs = append(errs, err)
	}
	if err := errors.Join(errs...); err != nil {
		return Keys{}, fmt.Errorf("cannot derive keys: %w", err)
	}
	return k, nil
}

// Format prints no secret, whatever the verb.
func (k Keys) Format(f fmt.State, _ rune) { fmt.Fprint(f, "locker.Keys(secret)") }

// CodeTag is the tag of nine digits, by which a delivery or group is looked up.
// One argon2id run.
func (k Keys) CodeTag(digits []byte) Tag {
	return mac(k.Code[:], k.slow(digits, k.StationSalt[:]))
}

// FactorTag is the tag of a second factor with the salt of its delivery or group,
// or with DummySalt. One argon2id run.
func (k Keys) FactorTag(factor, salt []byte) Tag {
	return mac(k.Factor[:], k.slow(factor, salt))
}

// QRTag is the tag of a scanned text. Its 130 random bits need no argon2.
func (k Keys) QRTag(text []byte) Tag { return mac(k.QR[:], text) }

// DummySalt is the salt for a code that does not exist: 16 bytes, always the same
// for the same tag and different for every other, like a real one.
func (k Keys) DummySalt(codeTag []byte) []byte {
	return mac(k.Factor[:], []byte("no such code"), codeTag)[:16]
}

// Equal compares two tags in constant time. No tag (nil, or of a wrong length)
// equals nothing, not even another missing one.
func Equal(a, b Tag) bool {
	return len(a) == sha256.Size && len(b) == sha256.Size && hmac.Equal(a, b)
}

func (k Keys) slow(secret, salt []byte) []byte {
	return argon2.IDKey(secret, salt, k.Time, k.MemoryKiB, k.Threads, 32)
}

func mac(key []byte, parts ...[]byte) Tag {
	h := hmac.New(sha256.New, key)
	for _, p := range parts {
		h.Write(p)
	}
	return h.Sum(nil)
}
