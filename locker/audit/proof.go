package audit

import (
	"crypto/ed25519"
	"fmt"

	"golang.org/x/mod/sumdb/tlog"
)

// Proof shows that one entry is in the log that a checkpoint signs. It is
// complete: with the station's public key nothing else is needed.
type Proof struct {
	Seq        uint64      `json:"seq"`
	Leaf       string      `json:"leaf"`       // the entry as it was hashed
	Hashes     []tlog.Hash `json:"hashes"`     // audit path, RFC 6962 § 2.1.1
	Checkpoint string      `json:"checkpoint"` // signed note
}

// Prove makes the proof for the entry with this sequence, whose leaf is given,
// from the tree that the checkpoint names.
func Prove(seq uint64, leaf []byte, signed []byte, cp Checkpoint, r tlog.HashReader) (Proof, error) {
	if seq == 0 || seq > cp.Size {
		return Proof{}, fmt.Errorf("cannot prove entry %d: the newest checkpoint covers entries 1 to %d", seq, cp.Size)
	}
	path, err := tlog.ProveRecord(int64(cp.Size), int64(seq-1), r)
	if err != nil {
		return Proof{}, fmt.Errorf("cannot prove entry %d: %w", seq, err)
	}
	return Proof{Seq: seq, Leaf: string(leaf), Hashes: path, Checkpoint: string(signed)}, nil
}

// Check verifies the proof with the station's public key and returns the entry
// that it proves.
func (p Proof) Check(key ed25519.PublicKey) (Entry, error) {
	cp, err := OpenCheckpoint([]byte(p.Checkpoint), key)
	if err != nil {
		return Entry{}, err
	}
	e, err := Decode([]byte(p.Leaf))
	if err != nil {
		return Entry{}, err
	}
	if e.Seq != p.Seq || e.Epoch != cp.Epoch {
		return Entry{}, fmt.Errorf("cannot accept the proof: it is about entry %d of epoch %s, the leaf says %d of %s", p.Seq, cp.Epoch, e.Seq, e.Epoch)
	}
	if p.Seq == 0 || p.Seq > cp.Size {
		return Entry{}, fmt.Errorf("cannot accept the proof: entry %d is not in a log of %d entries", p.Seq, cp.Size)
	}
	if err := tlog.CheckRecord(p.Hashes, int64(cp.Size), cp.Root, int64(p.Seq-1), LeafHash([]byte(p.Leaf))); err != nil {
		return Entry{}, fmt.Errorf("cannot accept the proof of entry %d: %w", p.Seq, err)
	}
	return e, nil
}

// ProveConsistency shows that the log of newer contains the whole log of older
// as its beginning.
func ProveConsistency(older, newer Checkpoint, r tlog.HashReader) ([]tlog.Hash, error) {
	if older.Origin() != newer.Origin() {
		return nil, fmt.Errorf("cannot prove consistency: %s and %s are different logs", older.Origin(), newer.Origin())
	}
	if older.Size == 0 || older.Size > newer.Size {
		return nil, fmt.Errorf("cannot prove consistency: from %d entries to %d", older.Size, newer.Size)
	}
	p, err := tlog.ProveTree(int64(newer.Size), int64(older.Size), r)
	if err != nil {
		return nil, fmt.Errorf("cannot prove consistency: %w", err)
	}
	return p, nil
}

// CheckConsistency verifies what ProveConsistency made.
func CheckConsistency(path []tlog.Hash, older, newer Checkpoint) error {
	if older.Origin() != newer.Origin() {
		return fmt.Errorf("not consistent: %s and %s are different logs", older.Origin(), newer.Origin())
	}
	if older.Size == 0 || older.Size > newer.Size {
		return fmt.Errorf("not consistent: from %d entries to %d", older.Size, newer.Size)
	}
	if err := tlog.CheckTree(path, int64(newer.Size), newer.Root, int64(older.Size), older.Root); err != nil {
		return fmt.Errorf("not consistent: the log of %d entries does not begin with that of %d: %w", newer.Size, older.Size, err)
	}
	return nil
}
