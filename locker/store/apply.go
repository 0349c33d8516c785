package store

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"syscall"

	bolt "go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"
	"golang.org/x/mod/sumdb/tlog"

	"abholstation/locker"
	"abholstation/locker/audit"
)

// Apply runs Step for each event in turn and commits every changed row and
// every record in one transaction; only then is the new state visible. What
// changes nothing that is stored costs no commit, but what is volatile still
// goes on. On an error nothing was changed and there are no results: ErrFull
// when there is no space, ErrFailed when the store has to be opened again.
func (s *Store) Apply(events []locker.Event, now locker.Now) ([]locker.Result, error) {
	return s.apply("", nil, events, now)
}

// ApplyWithDocument is Apply with a document (staff accounts, …) that is
// written in the same transaction. A nil value deletes it.
func (s *Store) ApplyWithDocument(name string, value []byte, events []locker.Event, now locker.Now) ([]locker.Result, error) {
	if name == "" || len(name) > 64 {
		return nil, fmt.Errorf("cannot store a document named %q: 1 to 64 bytes are allowed", name)
	}
	return s.apply(name, value, events, now)
}

// decided is a record with what is known of the clock at its event.
type decided struct {
	locker.Record
	untrusted bool
}

func (s *Store) apply(name string, doc []byte, events []locker.Event, now locker.Now) ([]locker.Result, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.usable(); err != nil {
		return nil, err
	}
	before := s.view.Load()
	state := before.state
	results := make([]locker.Result, 0, len(events))
	var records []decided
	for _, ev := range events {
		r := s.opt.Rules.Step(state, ev, now)
		state = r.State
		results = append(results, r)
		for _, rec := range r.Records {
			if rec.Personal != nil && rec.Delivery == 0 && rec.Group == 0 {
				return nil, fmt.Errorf("cannot store a record %s: its personal part belongs to no delivery and no group, so nothing would erase it", rec.Type)
			}
			records = append(records, decided{rec, state.Clock.Untrusted != ""})
		}
	}
	changes := Diff(before.state, state)
	if len(changes) == 0 && len(records) == 0 && name == "" {
		next := *before
		next.state = state
		s.view.Store(&next)
		return results, nil
	}
	err := s.commit(func(t *txn, next *view) error {
		next.state, next.root.Clock = state, state.Clock
		for _, c := range changes {
			if err := t.putRow(c); err != nil {
				return err
			}
		}
		if err := t.putDocument(next, name, doc); err != nil {
			return err
		}
		return s.addRecords(t, next, records, now)
	})
	if err != nil {
		return nil, err
	}
	return results, nil
}

func (t *txn) putDocument(next *view, name string, doc []byte) error {
	if name == "" {
		return nil
	}
	docs := make(map[string][]byte, len(next.docs)+1)
	for k, v := range next.docs {
		docs[k] = v
	}
	next.docs = docs
	if doc == nil {
		delete(docs, name)
		return t.del(bucketDocs, name)
	}
	docs[name] = slices.Clone(doc)
	return t.put(bucketDocs, name, doc)
}

// addRecords appends entries to the log.
func (s *Store) addRecords(t *txn, next *view, records []decided, now locker.Now) error {
	for _, r := range records {
		e := Entry{
			Epoch: s.id.Epoch, Boot: s.boot, Mono: now.Mono, Wall: now.Wall,
			Untrusted: r.untrusted, Record: r.Record,
		}
		if err := t.addEntry(next, e); err != nil {
			return err
		}
	}
	return nil
}

// hintSize is how many bytes of the leaf's hash stand before an entry: enough
// to say of a damaged entry that it is this one.
const hintSize = 8

func (t *txn) addEntry(next *view, e Entry) error {
	e.Seq = next.root.Seq + 1
	if e.Record.Personal != nil {
		hash, err := t.putPersonal(e)
		if err != nil {
			return err
		}
		e.Personal = hash
	}
	leaf, err := e.Encode()
	if err != nil {
		return err
	}
	h := audit.LeafHash(leaf)
	value := append(slices.Clone(h[:hintSize]), leaf...)
	b := t.tx.Bucket(bucketTail)
	b.FillPercent = 0.95 // entries only ever come behind the last
	if err := b.Put(seqKey(e.Seq), value); err != nil {
		return err
	}
	next.root.Seq = e.Seq
	next.tree = next.tree.Append(h)
	next.tail = append(slices.Clip(next.tail), h)
	next.root.Tree = next.tree.Root()
	return nil
}

func personalKey(r locker.Record, seq uint64) []byte {
	return append([]byte(personalOwner(r.Delivery, r.Group)), seqKey(seq)...)
}

// putPersonal encrypts the personal part under a key of its own and returns
// the hash that goes into the leaf.
func (t *txn) putPersonal(e Entry) (string, error) {
	plain, err := json.Marshal(e.Record.Personal)
	if err != nil {
		return "", fmt.Errorf("cannot encode a personal part: %w", err)
	}
	var key [32]byte
	if _, err := io.ReadFull(t.keys.parts.rand, key[:]); err != nil {
		return "", fmt.Errorf("cannot draw random bytes: %w", err)
	}
	at := personalKey(e.Record, e.Seq)
	own, err := keySealer(key[:], t.keys.parts.rand)
	if err != nil {
		return "", err
	}
	part, err := own.seal(plain, string(at))
	if err != nil {
		return "", err
	}
	sealedKey, err := t.keys.parts.seal(key[:], string(at))
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(part)
	return hex.EncodeToString(sum[:]), t.tx.Bucket(bucketPersonal).Put(at, append(sealedKey, part...))
}

const sealedKeySize = 32 + overhead

// commit runs build in one transaction and makes its view the current one. It
// is run a second time, with the reserve given up, if there was no space.
func (s *Store) commit(build func(*txn, *view) error) error {
	err := s.commitOnce(build)
	if errors.Is(err, ErrFull) && s.releaseReserve() {
		s.log.Warn("store: no space left, the reserve is given up")
		err = s.commitOnce(build)
	}
	return err
}

func (s *Store) commitOnce(build func(*txn, *view) error) (err error) {
	next := *s.view.Load()
	tx, err := s.db.Begin(true)
	if err != nil {
		return s.classify(err)
	}
	done := false
	defer func() { // also when build or the hook panics
		if !done {
			_ = tx.Rollback()
		}
	}()
	t := &txn{tx: tx, keys: s.keys, root: &next.root}
	if err := build(t, &next); err != nil {
		return s.classify(err)
	}
	next.root.Commit++
	if err := t.putRoot(); err != nil {
		return s.classify(err)
	}
	if err := s.hook(BeforeCommit); err != nil {
		return s.classify(err)
	}
	done = true
	if err := tx.Commit(); err != nil {
		return s.classifyCommit(err)
	}
	s.failed = fmt.Errorf("%w: stopped right after a commit", ErrFailed) // until the view is current
	if err := s.writeHead(&next); err != nil {
		s.log.Warn("store: the head file stays behind", "error", err) // it may be older, never newer
	}
	if err := s.hook(AfterCommit); err != nil {
		s.failed = fmt.Errorf("%w: %v", ErrFailed, err)
		return s.failed
	}
	s.failed = nil
	s.view.Store(&next)
	return nil
}

func (s *Store) hook(p Point) error {
	if s.opt.Hook == nil {
		return nil
	}
	return s.opt.Hook(p)
}

func (s *Store) usable() error {
	if s.closed {
		return errors.New("cannot write: the store is closed")
	}
	return s.failed
}

// classify turns an error before anything was written into one of ours.
func (s *Store) classify(err error) error {
	if errors.Is(err, berrors.ErrMaxSizeReached) || errors.Is(err, syscall.ENOSPC) {
		return fmt.Errorf("%w: %v", ErrFull, err)
	}
	return fmt.Errorf("cannot store anything: %w", err)
}

// classifyCommit judges a failed commit. No space for data pages is harmless:
// the head of the file was not written. Anything else, above all a failed
// fsync, after which the kernel may show what the disk does not have, is final.
func (s *Store) classifyCommit(err error) error {
	var path *fs.PathError
	full := errors.Is(err, berrors.ErrMaxSizeReached) ||
		errors.As(err, &path) && (errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT))
	if full {
		return fmt.Errorf("%w: %v", ErrFull, err)
	}
	s.failed = fmt.Errorf("%w: %v", ErrFailed, err)
	return s.failed
}

// readHashes reads stored tree hashes.
func readHashes(tx *bolt.Tx) tlog.HashReader {
	return tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
		b := tx.Bucket(bucketHashes)
		out := make([]tlog.Hash, len(indexes))
		for i, index := range indexes {
			v := b.Get(seqKey(uint64(index)))
			if len(v) != tlog.HashSize {
				return nil, fmt.Errorf("tree hash %d is missing", index)
			}
			out[i] = tlog.Hash(v)
		}
		return out, nil
	})
}

// Checkpoint signs the tree as it is now, unless nothing was added since the
// last one; grew says which. Only here are tree hashes written, and whole
// blocks of entries moved from the tail to the log.
func (s *Store) Checkpoint(now locker.Now) (signed []byte, grew bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.usable(); err != nil {
		return nil, false, err
	}
	if v := s.view.Load(); v.root.Point == v.root.Seq {
		return v.point, false, nil
	}
	err = s.commit(func(t *txn, next *view) error {
		cp := audit.Checkpoint{Station: s.opt.Station, Epoch: s.id.Epoch, Size: next.root.Seq, Root: next.tree.Root()}
		if signed, err = cp.Sign(s.opt.Signer); err != nil {
			return err
		}
		next.point, next.root.Point = signed, cp.Size
		if err := t.put(bucketHot, keyPoint, signed); err != nil {
			return err
		}
		return t.fold(next)
	})
	if err != nil {
		return nil, false, err
	}
	return signed, true, nil
}

// fold moves whole blocks from the tail to the log.
func (t *txn) fold(next *view) error {
	tail, log, hashes := t.tx.Bucket(bucketTail), t.tx.Bucket(bucketLog), t.tx.Bucket(bucketHashes)
	log.FillPercent, hashes.FillPercent = 0.95, 0.95
	for len(next.tail) >= audit.BlockSize {
		block := next.root.Folded / audit.BlockSize
		at, hs, err := audit.StoredBlock(block, audit.BlockHash(next.tail[:audit.BlockSize]), readHashes(t.tx))
		if err != nil {
			return err
		}
		for i, h := range hs {
			if err := hashes.Put(seqKey(uint64(at)+uint64(i)), h[:]); err != nil {
				return err
			}
		}
		for range audit.BlockSize {
			next.root.Folded++
			k := seqKey(next.root.Folded)
			v := slices.Clone(tail.Get(k))
			if v == nil {
				return fmt.Errorf("entry %d is missing", next.root.Folded)
			}
			if err := log.Put(k, v); err != nil {
				return err
			}
			if err := tail.Delete(k); err != nil {
				return err
			}
		}
		next.tail = slices.Clone(next.tail[audit.BlockSize:])
	}
	return nil
}
