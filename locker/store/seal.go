package store

import (
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"fmt"
	"io"

	"golang.org/x/crypto/chacha20poly1305"
)

// sealer seals values under one subkey with random nonces (XChaCha20-Poly1305:
// 24 bytes are enough to draw them at random for ever). The additional data
// binds a value to its place.
type sealer struct {
	aead cipher.AEAD
	rand io.Reader
}

// overhead is what sealing adds to a value.
const overhead = chacha20poly1305.NonceSizeX + chacha20poly1305.Overhead

// newSealer derives the subkey for one purpose (HKDF-SHA256, RFC 5869).
func newSealer(key [32]byte, purpose string, rand io.Reader) (sealer, error) {
	sub, err := hkdf.Key(sha256.New, key[:], nil, "abholstation store v1 "+purpose, chacha20poly1305.KeySize)
	if err != nil {
		return sealer{}, fmt.Errorf("cannot derive the store's keys: %w", err)
	}
	return keySealer(sub, rand)
}

func keySealer(key []byte, rand io.Reader) (sealer, error) {
	aead, err := chacha20poly1305.NewX(key)
	if err != nil {
		return sealer{}, fmt.Errorf("cannot use the store's keys: %w", err)
	}
	return sealer{aead, rand}, nil
}

// seal returns nonce ‖ ciphertext.
func (s sealer) seal(plain []byte, place string) ([]byte, error) {
	out := make([]byte, chacha20poly1305.NonceSizeX, len(plain)+overhead)
	if _, err := io.ReadFull(s.rand, out); err != nil {
		return nil, fmt.Errorf("cannot draw random bytes: %w", err)
	}
	return s.aead.Seal(out, out, plain, []byte(place)), nil
}

// open is the inverse of seal.
func (s sealer) open(sealed []byte, place string) ([]byte, error) {
	if len(sealed) < overhead {
		return nil, fmt.Errorf("the value at %q is too short", place)
	}
	n := chacha20poly1305.NonceSizeX
	plain, err := s.aead.Open(nil, sealed[:n:n], sealed[n:], []byte(place))
	if err != nil {
		return nil, fmt.Errorf("the value at %q does not open: it was changed, or the key is another", place)
	}
	return plain, nil
}

// keys are the store's sealers.
type keys struct{ rows, parts, files sealer }

func newKeys(key [32]byte, rand io.Reader) (k keys, err error) {
	for _, s := range []struct {
		to      *sealer
		purpose string
	}{{&k.rows, "rows"}, {&k.parts, "personal parts"}, {&k.files, "files"}} {
		if *s.to, err = newSealer(key, s.purpose, rand); err != nil {
			return keys{}, err
		}
	}
	return k, nil
}
