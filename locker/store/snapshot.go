package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	bolt "go.etcd.io/bbolt"

	"abholstation/locker"
)

// snapshot is a copy of the live state (not of the log), sealed as one value.
type snapshot struct {
	Version      int                   `json:"version"`
	Serial       uint64                `json:"serial"` // the higher, the newer
	Station      string                `json:"station"`
	Epoch        string                `json:"epoch"`
	Taken        time.Time             `json:"taken"`
	Compartments []*locker.Compartment `json:"compartments"`
	Deliveries   []*locker.Delivery    `json:"deliveries"`
	Groups       []*locker.Group       `json:"groups"`
	Meta         *locker.Meta          `json:"meta"`
	Clock        locker.Clock          `json:"clock"`
	Docs         map[string][]byte     `json:"docs"`
	Point        []byte                `json:"point"`
}

func (s *snapshot) rows() *rowSet {
	r := &rowSet{compartments: map[int]*locker.Compartment{}, deliveries: s.Deliveries, groups: s.Groups, meta: s.Meta}
	for _, c := range s.Compartments {
		r.compartments[c.Number] = c
	}
	return r
}

const snapshotMagic = "abholstation snapshot 1\n"

func snapshotPath(path string, slot int) string { return fmt.Sprintf("%s.snap-%d", path, slot) }

// Snapshot writes the live state to the older of two files. The firmware calls
// it daily and before updates.
func (s *Store) Snapshot(now locker.Now) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.usable(); err != nil {
		return err
	}
	return s.snapshotLocked(now)
}

func (s *Store) snapshotLocked(now locker.Now) error {
	v := s.view.Load()
	snap := snapshot{
		Version: len(s.opt.patches) + 1, Station: s.opt.Station, Epoch: s.id.Epoch, Taken: now.Wall.UTC(),
		Compartments: v.state.Compartments, Deliveries: v.state.Deliveries, Groups: v.state.Groups,
		Meta: v.state.Meta, Clock: v.state.Clock, Docs: v.docs, Point: v.point,
	}
	slot := 0
	a, b := s.readSnapshot(0), s.readSnapshot(1)
	switch {
	case a != nil && b != nil && b.Serial < a.Serial, a != nil && b == nil:
		slot = 1
	}
	for _, old := range []*snapshot{a, b} {
		if old != nil {
			snap.Serial = max(snap.Serial, old.Serial)
		}
	}
	snap.Serial++
	plain, err := json.Marshal(snap)
	if err != nil {
		return fmt.Errorf("cannot make a snapshot: %w", err)
	}
	blob, err := s.keys.files.seal(plain, "snapshot")
	if err != nil {
		return err
	}
	path := snapshotPath(s.opt.Path, slot)
	if err := writeSynced(path, append([]byte(snapshotMagic), blob...)); err != nil {
		return fmt.Errorf("cannot make a snapshot: %w", err)
	}
	if got := s.readSnapshot(slot); got == nil || got.Serial != snap.Serial {
		return fmt.Errorf("cannot make a snapshot: %s can not be read back", path)
	}
	return nil
}

// readSnapshot returns nil if the slot holds nothing that verifies.
func (s *Store) readSnapshot(slot int) *snapshot {
	b, err := os.ReadFile(snapshotPath(s.opt.Path, slot))
	if err != nil || len(b) < len(snapshotMagic) || string(b[:len(snapshotMagic)]) != snapshotMagic {
		return nil
	}
	plain, err := s.keys.files.open(b[len(snapshotMagic):], "snapshot")
	if err != nil {
		s.log.Warn("store: a snapshot does not open", "slot", slot, "error", err)
		return nil
	}
	snap := &snapshot{}
	if err := json.Unmarshal(plain, snap); err != nil || snap.Station != s.opt.Station || snap.Meta == nil {
		return nil
	}
	return snap
}

func (s *Store) newestSnapshot() (*snapshot, error) {
	a, b := s.readSnapshot(0), s.readSnapshot(1)
	if a == nil || b != nil && b.Serial > a.Serial {
		a = b
	}
	if a != nil && a.Version > len(s.opt.patches)+1 {
		return nil, &NewerError{Store: a.Version, Program: len(s.opt.patches) + 1}
	}
	return a, nil
}

// writeSynced replaces a file: temporary name, sync, rename, sync of the
// directory.
func writeSynced(path string, b []byte) (err error) {
	temp := path + ".new"
	f, err := os.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	if e := f.Sync(); err == nil {
		err = e
	}
	if e := f.Close(); err == nil {
		err = e
	}
	if err == nil {
		err = os.Rename(temp, path)
	}
	if err != nil {
		os.Remove(temp)
		return err
	}
	return syncDir(path)
}

// Backup writes a copy of the whole store, log included, as it is at this
// moment. Values in it are sealed with the store's key. It holds a read
// transaction for as long as it takes: write to a file, not to a slow client.
func (s *Store) Backup(w io.Writer) error {
	err := s.db.View(func(tx *bolt.Tx) error {
		_, err := tx.WriteTo(w)
		return err
	})
	if err != nil {
		return fmt.Errorf("cannot make a backup: %w", err)
	}
	return nil
}

// Restore puts the state of a backup in the place of the store, which must not
// be open. What is there is set aside. The log begins anew, in a new epoch
// whose first entry names the last known checkpoint; no code is valid and no
// compartment counts as free before an inventory. The log of the backup stays
// in the backup.
func Restore(ctx context.Context, backup string, o Options) (Opening, error) {
	if err := o.complete(); err != nil {
		return Opening{}, err
	}
	s := &Store{opt: o, log: o.Log}
	var err error
	if s.keys, err = newKeys(o.Key, o.Rand); err != nil {
		return Opening{}, err
	}
	if s.boot, err = randomHex(o.Rand); err != nil {
		return Opening{}, err
	}
	if s.lock, err = lock(o.Path); err != nil {
		return Opening{}, err
	}
	defer s.lock.Close()
	v, err := s.readBackup(ctx, backup)
	if err != nil {
		return Opening{}, fmt.Errorf("cannot restore %s: %w", backup, err)
	}
	c := content{state: doubt(v.state, "restored"), docs: v.docs, previous: v.point, why: "restored"}
	if known, _ := readHead(o.Path, s.keys); known != nil && newer(known.Point, c.previous) {
		c.previous = known.Point
	}
	opening := Opening{Restored: true}
	if _, err := os.Stat(o.Path); err == nil {
		opening.SetAside = s.unused(".replaced-")
	}
	if err := s.install(c, opening.SetAside); err != nil {
		return Opening{}, err
	}
	if err := s.openExisting(nil); err != nil {
		return Opening{}, fmt.Errorf("cannot restore %s: %w", backup, err)
	}
	defer s.db.Close()
	opening.Epoch = s.id.Epoch
	if err := s.openHead(); err != nil {
		return Opening{}, err
	}
	defer s.head.Close()
	return opening, s.snapshotLocked(o.Now) // the older ones must not come back
}

// readBackup loads a backup from a copy, so that the backup itself is never
// written to.
func (s *Store) readBackup(ctx context.Context, backup string) (*view, error) {
	temp := s.opt.Path + ".backup-copy"
	defer os.Remove(temp)
	if err := copyFile(ctx, temp, backup); err != nil {
		return nil, err
	}
	if _, err := checkPath(temp); err != nil {
		return nil, fmt.Errorf("the backup is damaged: %w", err)
	}
	db, err := openFile(temp, s.opt.MaxSize)
	if err != nil {
		return nil, err
	}
	defer db.Close()
	_, v, err := load(db, s.opt, s.keys)
	return v, err
}

func copyFile(ctx context.Context, to, from string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	buf := make([]byte, 1<<20)
	for {
		n, err := in.Read(buf)
		if n > 0 {
			if _, werr := out.Write(buf[:n]); werr != nil {
				out.Close()
				return werr
			}
		}
		if errors.Is(err, io.EOF) {
			return out.Close()
		}
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			out.Close()
			return err
		}
	}
}
