package audit

import (
	"crypto/ed25519"
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const originPrefix = "abholstation/"

// Checkpoint is a tree head: so many entries, and the hash over all of them.
type Checkpoint struct {
	Station string
	Epoch   string
	Size    uint64
	Root    tlog.Hash
}

// Origin is the first line of the checkpoint and the name of its key.
func (c Checkpoint) Origin() string { return originPrefix + c.Station + "/" + c.Epoch }

// Text is the body of the note (C2SP tlog-checkpoint).
func (c Checkpoint) Text() string {
	return fmt.Sprintf("%s\n%d\n%s\n", c.Origin(), c.Size, base64.StdEncoding.EncodeToString(c.Root[:]))
}

// parse reads the body of a note; lines after the third are extensions.
func parse(text string) (Checkpoint, error) {
	lines := strings.Split(text, "\n")
	if len(lines) < 4 {
		return Checkpoint{}, fmt.Errorf("cannot read the checkpoint: it has %d lines, not at least 3", len(lines)-1)
	}
	rest, ok := strings.CutPrefix(lines[0], originPrefix)
	station, epoch, two := strings.Cut(rest, "/")
	if !ok || !two || !ValidStation(station) || epoch == "" || strings.Contains(epoch, "/") {
		return Checkpoint{}, fmt.Errorf("cannot read the checkpoint: its origin %q is not %s<station>/<epoch>", lines[0], originPrefix)
	}
	size, err := strconv.ParseUint(lines[1], 10, 63)
	if err != nil || strconv.FormatUint(size, 10) != lines[1] {
		return Checkpoint{}, fmt.Errorf("cannot read the checkpoint: %q is no tree size", lines[1])
	}
	root, err := tlog.ParseHash(lines[2])
	if err != nil {
		return Checkpoint{}, fmt.Errorf("cannot read the checkpoint: %q is no tree hash", lines[2])
	}
	return Checkpoint{Station: station, Epoch: epoch, Size: size, Root: root}, nil
}

// ValidStation says whether a station's name can be part of an origin: 1 to 64
// of a–z, A–Z, 0–9, dot, hyphen and underscore.
func ValidStation(name string) bool {
	if name == "" || len(name) > 64 {
		return false
	}
	for _, c := range []byte(name) {
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '.', c == '-', c == '_':
		default:
			return false
		}
	}
	return true
}

// signer is an Ed25519 key as a note key.
type signer struct {
	note.Verifier
	key ed25519.PrivateKey
}

func (s signer) Sign(msg []byte) ([]byte, error) { return ed25519.Sign(s.key, msg), nil }

func verifier(name string, key ed25519.PublicKey) (note.Verifier, error) {
	if len(key) != ed25519.PublicKeySize {
		return nil, fmt.Errorf("cannot use the station's key: it has %d bytes, not %d", len(key), ed25519.PublicKeySize)
	}
	vkey, err := note.NewEd25519VerifierKey(name, key)
	if err != nil {
		return nil, err
	}
	return note.NewVerifier(vkey)
}

// Sign returns the checkpoint as a signed note; the key's name is the origin.
func (c Checkpoint) Sign(key ed25519.PrivateKey) ([]byte, error) {
	if len(key) != ed25519.PrivateKeySize {
		return nil, fmt.Errorf("cannot sign the checkpoint: the key has %d bytes, not %d", len(key), ed25519.PrivateKeySize)
	}
	v, err := verifier(c.Origin(), key.Public().(ed25519.PublicKey))
	if err != nil {
		return nil, fmt.Errorf("cannot sign the checkpoint: %w", err)
	}
	signed, err := note.Sign(&note.Note{Text: c.Text()}, signer{v, key})
	if err != nil {
		return nil, fmt.Errorf("cannot sign the checkpoint: %w", err)
	}
	return signed, nil
}

// OpenCheckpoint verifies a signed note with the station's public key.
func OpenCheckpoint(signed []byte, key ed25519.PublicKey) (Checkpoint, error) {
	c, err := ReadCheckpoint(signed)
	if err != nil {
		return Checkpoint{}, err
	}
	v, err := verifier(c.Origin(), key)
	if err != nil {
		return Checkpoint{}, err
	}
	if _, err := note.Open(signed, note.VerifierList(v)); err != nil {
		return Checkpoint{}, fmt.Errorf("cannot accept the checkpoint of %d entries: %w", c.Size, err)
	}
	return c, nil
}

// ReadCheckpoint reads a signed note without verifying anything.
func ReadCheckpoint(signed []byte) (Checkpoint, error) {
	text, _, ok := strings.Cut(string(signed), "\n\n")
	if !ok {
		return Checkpoint{}, fmt.Errorf("cannot read the checkpoint: it is no signed note")
	}
	return parse(text + "\n")
}
