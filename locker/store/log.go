package store

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"

	bolt "go.etcd.io/bbolt"
	"golang.org/x/mod/sumdb/tlog"

	"abholstation/locker"
	"abholstation/locker/audit"
)

// MaxPage is the most that one read of entries returns.
const MaxPage = 1000

// Entries returns up to limit entries (at most MaxPage) behind the sequence
// after, oldest first. Empty means that there are no more.
func (s *Store) Entries(after uint64, limit int) ([]Entry, error) {
	var out []Entry
	err := s.db.View(func(tx *bolt.Tx) error {
		return forward(tx, after, min(limit, MaxPage), func(_ uint64, _, leaf []byte) error { return appendEntry(&out, leaf) })
	})
	return out, wrap("read the log", err)
}

// EntriesBefore returns up to limit entries (at most MaxPage) in front of the
// sequence before, newest first; before 0 begins at the newest.
func (s *Store) EntriesBefore(before uint64, limit int) ([]Entry, error) {
	if before == 0 {
		before = ^uint64(0)
	}
	var out []Entry
	err := s.db.View(func(tx *bolt.Tx) error {
		for _, name := range [][]byte{bucketTail, bucketLog} {
			c := tx.Bucket(name).Cursor()
			var v []byte
			k, _ := c.Seek(seqKey(before))
			if k == nil {
				k, v = c.Last()
			} else {
				k, v = c.Prev()
			}
			for ; k != nil && len(out) < min(limit, MaxPage); k, v = c.Prev() {
				if len(v) < hintSize {
					return fmt.Errorf("entry %x is damaged", k)
				}
				if err := appendEntry(&out, v[hintSize:]); err != nil {
					return err
				}
			}
		}
		return nil
	})
	return out, wrap("read the log", err)
}

func appendEntry(out *[]Entry, leaf []byte) error {
	e, err := audit.Decode(leaf)
	if err == nil {
		*out = append(*out, e)
	}
	return err
}

func wrap(what string, err error) error {
	if err != nil {
		return fmt.Errorf("cannot %s: %w", what, err)
	}
	return nil
}

// forward visits entries behind after, in the log and then in the tail.
func forward(tx *bolt.Tx, after uint64, limit int, visit func(seq uint64, hint, leaf []byte) error) error {
	for _, name := range [][]byte{bucketLog, bucketTail} {
		c := tx.Bucket(name).Cursor()
		for k, v := c.Seek(seqKey(after + 1)); k != nil; k, v = c.Next() {
			if limit <= 0 {
				return nil
			}
			limit--
			if len(k) != 8 || len(v) < hintSize {
				return fmt.Errorf("entry %x is damaged", k)
			}
			if err := visit(binary.BigEndian.Uint64(k), v[:hintSize], v[hintSize:]); err != nil {
				return err
			}
		}
	}
	return nil
}

// leafOf returns an entry's leaf, valid within the transaction.
func leafOf(tx *bolt.Tx, seq uint64) ([]byte, error) {
	for _, name := range [][]byte{bucketTail, bucketLog} {
		if v := tx.Bucket(name).Get(seqKey(seq)); len(v) >= hintSize {
			return v[hintSize:], nil
		}
	}
	return nil, fmt.Errorf("there is no entry %d", seq)
}

// Personal returns the personal part of an entry; nil if it has none or it was
// erased.
func (s *Store) Personal(seq uint64) (p *locker.Personal, err error) {
	err = s.db.View(func(tx *bolt.Tx) error {
		leaf, err := leafOf(tx, seq)
		if err != nil {
			return err
		}
		e, err := audit.Decode(leaf)
		if err != nil || e.Personal == "" {
			return err
		}
		at := personalKey(e.Record, seq)
		if v := tx.Bucket(bucketPersonal).Get(at); v != nil {
			p, err = openPersonal(s.keys, string(at), v, e.Personal)
		}
		return err
	})
	return p, wrap("read a personal part", err)
}

func openPersonal(k keys, at string, v []byte, hash string) (*locker.Personal, error) {
	if len(v) < sealedKeySize {
		return nil, errors.New("it is too short")
	}
	part := v[sealedKeySize:]
	if sum := sha256.Sum256(part); hex.EncodeToString(sum[:]) != hash {
		return nil, errors.New("it is not what the log says")
	}
	key, err := k.parts.open(v[:sealedKeySize], at)
	if err != nil {
		return nil, err
	}
	own, err := keySealer(key, nil)
	if err != nil {
		return nil, err
	}
	plain, err := own.open(part, at)
	if err != nil {
		return nil, err
	}
	p := &locker.Personal{}
	return p, json.Unmarshal(plain, p)
}

// reader reads hashes of the whole tree.
func reader(tx *bolt.Tx) tlog.HashReader {
	return audit.Reader(readHashes(tx), func(lo, hi uint64) ([]tlog.Hash, error) {
		out := make([]tlog.Hash, 0, hi-lo)
		for i := lo; i < hi; i++ {
			leaf, err := leafOf(tx, i+1)
			if err != nil {
				return nil, err
			}
			out = append(out, audit.LeafHash(leaf))
		}
		return out, nil
	})
}

// Prove returns the proof that an entry is in the log that the newest
// checkpoint signs.
func (s *Store) Prove(seq uint64) (p audit.Proof, err error) {
	signed := s.LastCheckpoint()
	if signed == nil {
		return p, fmt.Errorf("cannot prove entry %d: there is no checkpoint yet; one is made every minute", seq)
	}
	cp, err := audit.ReadCheckpoint(signed)
	if err != nil {
		return p, err
	}
	err = s.db.View(func(tx *bolt.Tx) error {
		leaf, err := leafOf(tx, seq)
		if err != nil {
			return fmt.Errorf("cannot prove entry %d: %w", seq, err)
		}
		p, err = audit.Prove(seq, leaf, signed, cp, reader(tx))
		return err
	})
	return p, err
}

// ProveConsistency shows that the newest checkpoint's log begins with the log
// of an older checkpoint of this epoch.
func (s *Store) ProveConsistency(older []byte) (path []tlog.Hash, newest []byte, err error) {
	a, err := audit.ReadCheckpoint(older)
	if err != nil {
		return nil, nil, err
	}
	newest = s.LastCheckpoint()
	b, err := audit.ReadCheckpoint(newest)
	if err != nil {
		return nil, nil, err
	}
	err = s.db.View(func(tx *bolt.Tx) error {
		path, err = audit.ProveConsistency(a, b, reader(tx))
		return err
	})
	return path, newest, err
}

// verifyPage is how many entries Verify reads in one transaction.
const verifyPage = 4096

// Verify reads the whole log and says what is wrong with it, if anything: in
// itself, against the newest checkpoint, and against checkpoints that were kept
// elsewhere. Known checkpoints of other epochs are not compared. It does not
// hold up writers.
func (s *Store) Verify(ctx context.Context, known [][]byte) (audit.Report, error) {
	s.prune.RLock()
	defer s.prune.RUnlock()
	view := s.view.Load()
	cps, bad := s.checkpoints(append([][]byte{view.point}, known...))
	var start audit.Tree
	stored := map[int64]tlog.Hash{}
	err := s.db.View(func(tx *bolt.Tx) (err error) {
		if start, err = audit.TreeAt(view.root.Pruned/audit.BlockSize, readHashes(tx)); err != nil {
			return err
		}
		return tx.Bucket(bucketHashes).ForEach(func(k, v []byte) error {
			if len(k) == 8 && len(v) == tlog.HashSize {
				stored[int64(binary.BigEndian.Uint64(k))] = tlog.Hash(v)
			}
			return nil
		})
	})
	if err != nil {
		return audit.Report{}, wrap("verify the log", err)
	}
	ver := audit.NewVerifier(s.id.Epoch, start, cps, func(index int64) (tlog.Hash, bool) {
		h, ok := stored[index]
		return h, ok
	})
	for _, p := range bad {
		ver.Problem(p)
	}
	if err := s.verifyEntries(ctx, ver, view); err != nil {
		return audit.Report{}, wrap("verify the log", err)
	}
	return ver.Finish(view.root.Seq, &view.root.Tree), nil
}

// checkpoints opens those of this epoch.
func (s *Store) checkpoints(notes [][]byte) (out []audit.Checkpoint, bad []audit.Problem) {
	for i, n := range notes {
		if n == nil && i == 0 {
			continue // none made yet
		}
		cp, err := audit.ReadCheckpoint(n)
		if err == nil && (cp.Epoch != s.id.Epoch || cp.Station != s.opt.Station) {
			continue
		}
		if err == nil {
			_, err = audit.OpenCheckpoint(n, s.opt.Signer.Public().(ed25519.PublicKey))
		}
		if err != nil {
			bad = append(bad, audit.Problem{Seq: cp.Size, What: err.Error()})
			continue
		}
		out = append(out, cp)
	}
	return out, bad
}

var hasPersonal = []byte(`"personal":"`)

func (s *Store) verifyEntries(ctx context.Context, ver *audit.Verifier, view *view) error {
	for after := view.root.Pruned; after < view.root.Seq; {
		if err := ctx.Err(); err != nil {
			return err
		}
		n, last := 0, after
		err := s.db.View(func(tx *bolt.Tx) error {
			return forward(tx, after, verifyPage, func(seq uint64, hint, leaf []byte) error {
				if n++; seq > view.root.Seq && s.view.Load().root.Seq > view.root.Seq {
					return nil // came after we began
				}
				ver.Add(seq, hint, leaf)
				last = seq
				if bytes.Contains(leaf, hasPersonal) {
					if what := s.checkPersonal(tx, seq, leaf); what != "" {
						ver.Problem(audit.Problem{Seq: seq, What: what})
					}
				}
				return nil
			})
		})
		if err != nil {
			return err
		}
		if last == after {
			return nil
		}
		after = last
	}
	return nil
}

// checkPersonal says what is wrong with the personal part of an entry.
func (s *Store) checkPersonal(tx *bolt.Tx, seq uint64, leaf []byte) string {
	e, err := audit.Decode(leaf)
	if err != nil {
		return err.Error()
	}
	at := personalKey(e.Record, seq)
	v := tx.Bucket(bucketPersonal).Get(at)
	if v != nil {
		if _, err := openPersonal(s.keys, string(at), v, e.Personal); err != nil {
			return "its personal part was changed: " + err.Error()
		}
		return ""
	}
	st := s.State()
	if e.Record.Delivery != 0 && st.Delivery(e.Record.Delivery) != nil || e.Record.Delivery == 0 && st.Group(e.Record.Group) != nil {
		return "its personal part is missing, though nothing has erased it"
	}
	return ""
}

// Prune deletes entries in front of a sequence, in whole blocks and only such
// as a checkpoint covers; export them first. The tree hashes that later proofs
// need stay. It returns the first entry that is left. At most 64 blocks go in
// one call, so that it never takes long: call it until nothing changes.
func (s *Store) Prune(before uint64) (first uint64, err error) {
	s.prune.Lock()
	defer s.prune.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.usable(); err != nil {
		return 0, err
	}
	r := s.view.Load().root
	to := min(before-min(before, 1), r.Folded, r.Point) / audit.BlockSize * audit.BlockSize
	to = min(to, r.Pruned+64*audit.BlockSize)
	if to <= r.Pruned {
		return r.Pruned + 1, nil
	}
	err = s.commit(func(t *txn, next *view) error {
		b := t.tx.Bucket(bucketLog)
		for seq := next.root.Pruned + 1; seq <= to; seq++ {
			leaf, err := leafOf(t.tx, seq)
			if err != nil {
				return err
			}
			if e, err := audit.Decode(leaf); err == nil && e.Personal != "" {
				if err := t.tx.Bucket(bucketPersonal).Delete(personalKey(e.Record, seq)); err != nil {
					return err
				}
			}
			if err := b.Delete(seqKey(seq)); err != nil {
				return err
			}
		}
		next.root.Pruned = to
		return nil
	})
	if err != nil {
		return 0, err
	}
	return to + 1, nil
}
