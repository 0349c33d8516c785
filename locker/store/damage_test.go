package store_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.etcd.io/bbolt"

	"abholstation/locker"
	"abholstation/locker/audit"
	"abholstation/locker/store"
)

// busy is a store with a delivery in compartment 3, one announced, and one
// compartment known to be free.
func busy(t *testing.T, o store.Options) *store.Store {
	s := open(t, o)
	apply(t, s, 1, announce("A-1"), announce("A-2"), locker.Load{Delivery: 1, Compartment: 3}, locker.MakeGroup{Deliveries: []locker.DeliveryID{2}})
	apply(t, s, 2, announce("A-3"), locker.Load{Delivery: 3, Compartment: 4}, locker.Cancel{Delivery: 3})
	if _, err := s.ApplyWithDocument("staff", []byte("accounts"), nil, at(3)); err != nil {
		t.Fatal(err)
	}
	if s.State().Compartment(4).Use != locker.Free {
		t.Fatal("compartment 4 is not free")
	}
	return s
}

// doubtful checks what must hold after damage and after a restore.
func doubtful(t *testing.T, st locker.State, why string) {
	t.Helper()
	if inv := st.Meta.Inventory; !inv.Required || inv.Why != why {
		t.Errorf("inventory: %+v", inv)
	}
	for _, d := range st.Deliveries {
		if d.Live() {
			t.Errorf("the code of delivery %d is valid", d.ID)
		}
	}
	for _, g := range st.Groups {
		if g.Live() || !g.Suspended {
			t.Errorf("the code of group %d is valid", g.ID)
		}
	}
	for _, c := range st.Compartments {
		if c.Use == locker.Free || c.Use == locker.Reserved {
			t.Errorf("compartment %d is %s", c.Number, c.Use)
		}
	}
}

func first(t *testing.T, s *store.Store) store.Entry {
	t.Helper()
	es, err := s.Entries(0, 1)
	if err != nil || len(es) != 1 {
		t.Fatalf("first entry: %v %v", es, err)
	}
	return es[0]
}

func TestDamageIsAnsweredWithTheNewestSnapshotInDoubt(t *testing.T) {
	for _, c := range []struct {
		name   string
		damage func(path string) error
	}{
		{"rubbish", func(path string) error { return os.WriteFile(path, bytes.Repeat([]byte("rubbish!"), 4096), 0o600) }},
		{"gone", os.Remove},
		{"empty", func(path string) error { return os.Truncate(path, 0) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := options(t.TempDir())
			s := busy(t, o)
			if err := s.Snapshot(at(4)); err != nil {
				t.Fatal(err)
			}
			apply(t, s, 5, announce("A-4"))
			cp, _, err := s.Checkpoint(at(5))
			if err != nil {
				t.Fatal(err)
			}
			epoch := s.Identity().Epoch
			s.Close()
			if err := c.damage(o.Path); err != nil {
				t.Fatal(err)
			}
			s, opening, err := store.Open(o)
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			if !opening.Damaged || !opening.Restored || opening.Why == "" || (opening.SetAside == "") != (c.name == "gone") {
				t.Errorf("opening: %+v", opening)
			}
			doubtful(t, s.State(), "damaged")
			if len(s.State().Deliveries) != 2 || string(s.Document("staff")) != "accounts" || s.State().Compartment(3).Use != locker.Occupied {
				t.Errorf("not the snapshot: %s", stored(s.State()))
			}
			if next := s.State().Meta.NextDelivery; next <= 5 {
				t.Errorf("delivery numbers go on at %d: 4 was given out after the snapshot", next)
			}
			if e := first(t, s); e.Epoch == epoch || e.Epoch != opening.Epoch || e.Previous != string(cp) || e.Record.Detail.Code != "damaged" {
				t.Errorf("first entry: %+v", e)
			}
			want := stored(s.State())
			s.Close()
			if s, opening, err = store.Open(o); err != nil || opening.Damaged || stored(s.State()) != want {
				t.Errorf("second opening: %+v %v", opening, err)
			}
			s.Close()
		})
	}
}

func TestDamageWithoutASnapshotLeavesAnEmptyStoreThatAsksForAnInventory(t *testing.T) {
	o := options(t.TempDir())
	busy(t, o).Close()
	if err := os.Truncate(o.Path, 5000); err != nil {
		t.Fatal(err)
	}
	s, opening, err := store.Open(o)
	if err != nil || !opening.Damaged || opening.Restored {
		t.Fatalf("%+v %v", opening, err)
	}
	defer s.Close()
	doubtful(t, s.State(), "damaged")
	if len(s.State().Deliveries) != 0 {
		t.Error("deliveries out of nothing")
	}
	if b, err := os.ReadFile(opening.SetAside); err != nil || len(b) != 5000 {
		t.Errorf("set aside: %d bytes, %v", len(b), err)
	}
}

func TestADamagedNewestSnapshotFallsBackToTheOneBefore(t *testing.T) {
	o := options(t.TempDir())
	s := busy(t, o)
	for n := range 2 {
		if err := s.Snapshot(at(10 + n)); err != nil {
			t.Fatal(err)
		}
		apply(t, s, 20+n, announce("later"))
	}
	s.Close()
	b, err := os.ReadFile(o.Path + ".snap-1")
	if err != nil {
		t.Fatal(err)
	}
	b[len(b)/2] ^= 1
	if err := errors.Join(os.WriteFile(o.Path+".snap-1", b, 0o600), os.Remove(o.Path)); err != nil {
		t.Fatal(err)
	}
	s, opening, err := store.Open(o)
	if err != nil || !opening.Restored || len(s.State().Deliveries) != 2 {
		t.Fatalf("%+v %v", opening, err)
	}
	s.Close()
}

func TestAnOldCopyPutInPlaceByHandIsNoticed(t *testing.T) {
	o := options(t.TempDir())
	s := busy(t, o)
	s.Close()
	old, err := os.ReadFile(o.Path)
	if err != nil {
		t.Fatal(err)
	}
	s = open(t, o)
	apply(t, s, 9, locker.Cancel{Delivery: 1})
	s.Close()
	if err := os.WriteFile(o.Path, old, 0o600); err != nil {
		t.Fatal(err)
	}
	s, opening, err := store.Open(o)
	if err != nil || !opening.Damaged || !strings.Contains(opening.Why, "acknowledged") {
		t.Fatalf("%+v %v", opening, err)
	}
	doubtful(t, s.State(), "damaged")
	s.Close()
}

func TestARestoredBackupIsInDoubtAndNamesTheLastCheckpoint(t *testing.T) {
	o := options(t.TempDir())
	s := busy(t, o)
	backup := filepath.Join(t.TempDir(), "backup.db")
	f, err := os.Create(backup)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(s.Backup(f), f.Close()); err != nil {
		t.Fatal(err)
	}
	apply(t, s, 9, locker.Cancel{Delivery: 1})
	cp, _, err := s.Checkpoint(at(10))
	if err != nil {
		t.Fatal(err)
	}
	s.Close()
	opening, err := store.Restore(context.Background(), backup, o)
	if err != nil || !opening.Restored || opening.Damaged || opening.SetAside == "" {
		t.Fatalf("%+v %v", opening, err)
	}
	s, again, err := store.Open(o)
	if err != nil || again.Damaged || again.Epoch != opening.Epoch {
		t.Fatalf("%+v %v", again, err)
	}
	defer s.Close()
	doubtful(t, s.State(), "restored")
	if s.State().Delivery(1) == nil || string(s.Document("staff")) != "accounts" {
		t.Error("not the backup's state")
	}
	if e := first(t, s); e.Previous != string(cp) || e.Record.Detail.Code != "restored" {
		t.Errorf("first entry %+v", e)
	}
}

func TestABackupOfADifferentKeyOrADamagedOneIsNotRestored(t *testing.T) {
	o := options(t.TempDir())
	s := busy(t, o)
	want := stored(s.State())
	backup := filepath.Join(t.TempDir(), "backup.db")
	var b bytes.Buffer
	if err := s.Backup(&b); err != nil {
		t.Fatal(err)
	}
	s.Close()
	bad := bytes.Clone(b.Bytes())
	copy(bad, make([]byte, 2*page))
	if err := os.WriteFile(backup, bad, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := store.Restore(context.Background(), backup, o); err == nil || !strings.Contains(err.Error(), "damaged") {
		t.Errorf("damaged backup: %v", err)
	}
	if err := os.WriteFile(backup, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	wrong := o
	wrong.Key = [32]byte{7}
	if _, err := store.Restore(context.Background(), backup, wrong); !errors.Is(err, store.ErrWrongKey) {
		t.Errorf("wrong key: %v", err)
	}
	s, opening, err := store.Open(o)
	if err != nil || opening.Damaged || stored(s.State()) != want {
		t.Errorf("the store was touched: %+v %v", opening, err)
	}
	s.Close()
}

func TestVerifySaysWhatIsWrongAndWhere(t *testing.T) {
	seq := func(n byte) []byte { return []byte{0, 0, 0, 0, 0, 0, 0, n} }
	log := func(tx *bbolt.Tx) *bbolt.Bucket { return tx.Bucket([]byte("log")) }
	for _, c := range []struct {
		name   string
		tamper func(tx *bbolt.Tx) error
		want   string
	}{
		{"flipped byte", func(tx *bbolt.Tx) error {
			v := bytes.Clone(log(tx).Get(seq(70)))
			v[len(v)-10] ^= 1
			return log(tx).Put(seq(70), v)
		}, "entry 70: its content was changed"},
		{"removed", func(tx *bbolt.Tx) error { return log(tx).Delete(seq(33)) }, "entry 33: missing"},
		{"swapped", func(tx *bbolt.Tx) error {
			a, b := bytes.Clone(log(tx).Get(seq(10))), bytes.Clone(log(tx).Get(seq(11)))
			return errors.Join(log(tx).Put(seq(10), b), log(tx).Put(seq(11), a))
		}, "entry 10: its content belongs to another sequence"},
		{"added", func(tx *bbolt.Tx) error {
			tail := tx.Bucket([]byte("tail"))
			k, v := tail.Cursor().Last()
			k = bytes.Clone(k)
			k[7]++
			return tail.Put(k, bytes.Clone(v))
		}, "added behind the end"},
		{"rewritten with its hint", func(tx *bbolt.Tx) error {
			v := bytes.Clone(log(tx).Get(seq(70)))
			leaf := bytes.Replace(v[8:], []byte(`"note"`), []byte(`"nota"`), 1)
			h := audit.LeafHash(leaf)
			return log(tx).Put(seq(70), append(h[:8:8], leaf...))
		}, "entries 65 to 128: one of them"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := open(t, options(memoryDir(t)))
			for n := range 200 {
				apply(t, s, n, locker.StaffNote{By: "staff:1", Type: "note"})
			}
			if _, _, err := s.Checkpoint(at(1)); err != nil {
				t.Fatal(err)
			}
			if err := s.Raw().Update(c.tamper); err != nil {
				t.Fatal(err)
			}
			rep, err := s.Verify(context.Background(), nil)
			if err != nil || rep.OK() {
				t.Fatalf("%+v %v", rep, err)
			}
			if got := fmt.Sprint(rep.Problems); !strings.Contains(got, c.want) {
				t.Errorf("problems %s, want %q", got, c.want)
			}
		})
	}
}

func TestARolledBackLogIsFoundByAKeptCheckpoint(t *testing.T) {
	o := options(t.TempDir())
	s := busy(t, o)
	if _, _, err := s.Checkpoint(at(4)); err != nil {
		t.Fatal(err)
	}
	s.Close()
	old, _ := os.ReadFile(o.Path)
	s = open(t, o)
	apply(t, s, 5, announce("A-9"))
	kept, _, err := s.Checkpoint(at(6))
	if err != nil {
		t.Fatal(err)
	}
	s.Close()
	if err := errors.Join(os.WriteFile(o.Path, old, 0o600), os.Remove(o.Path+".head")); err != nil {
		t.Fatal(err)
	}
	s = open(t, o) // whoever rolls it back takes the head file away, too
	rep, err := s.Verify(context.Background(), [][]byte{kept})
	if err != nil || rep.OK() || !strings.Contains(rep.Problems[0].What, "rolled back") {
		t.Errorf("%+v %v", rep, err)
	}
	apply(t, s, 7, announce("A-10")) // and another entry of the same number
	if rep, _ = s.Verify(context.Background(), [][]byte{kept}); rep.OK() || !strings.Contains(rep.Problems[0].What, "checkpoint signs") {
		t.Errorf("rewritten: %+v", rep)
	}
	forged := bytes.Replace(kept, []byte("\n"+"1"), []byte("\n2"), 1)
	if rep, _ = s.Verify(context.Background(), [][]byte{append(forged, 'x')}); rep.OK() {
		t.Error("a checkpoint with a wrong signature counts")
	}
}
