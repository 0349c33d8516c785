package store_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"abholstation/locker"
	"abholstation/locker/audit"
	"abholstation/locker/store"
)

func TestANewStoreBeginsWithCompartmentsThatNobodyHasLookedInto(t *testing.T) {
	s, o, err := store.Open(options(t.TempDir()))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if !o.Created || o.Damaged || o.Restored || o.Epoch == "" {
		t.Errorf("opening: %+v", o)
	}
	for _, c := range s.State().Compartments {
		if c.Use != locker.ToCheck {
			t.Errorf("compartment %d is %s", c.Number, c.Use)
		}
	}
	if s.State().Meta.Inventory.Required {
		t.Error("a new store asks for an inventory")
	}
	es, err := s.Entries(0, 10)
	if err != nil || len(es) != 1 || es[0].Record.Type != audit.EpochStarted || es[0].Seq != 1 || es[0].Previous != "" {
		t.Errorf("first entries %+v, %v", es, err)
	}
}

func TestWhatWasAppliedIsThereAfterARestart(t *testing.T) {
	o := options(t.TempDir())
	s := open(t, o)
	apply(t, s, 1, announce("A-1"), announce("A-2"))
	apply(t, s, 2, locker.Load{By: "staff:1", Delivery: 2, Compartment: 3}, locker.MakeGroup{By: "staff:1", Deliveries: []locker.DeliveryID{1, 2}})
	if _, err := s.ApplyWithDocument("staff", []byte("accounts"), []locker.Event{locker.StaffNote{By: "staff:1", Type: "staff.added"}}, at(3)); err != nil {
		t.Fatal(err)
	}
	want, id := stored(s.State()), s.Identity()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s2, opening, err := store.Open(o)
	if err != nil {
		t.Fatal(err)
	}
	defer s2.Close()
	if opening.Created || opening.Damaged || stored(s2.State()) != want || s2.Identity() != id {
		t.Errorf("after the restart: %+v %+v\n%s\nwant\n%s", opening, s2.Identity(), stored(s2.State()), want)
	}
	if got := s2.Document("staff"); string(got) != "accounts" {
		t.Errorf("document %q", got)
	}
	if s2.State().Clock.Mono != at(3).Mono {
		t.Errorf("the clock %v did not ride along", s2.State().Clock.Mono)
	}
}

func TestWhatIsVolatileCostsNoCommit(t *testing.T) {
	o := options(t.TempDir())
	commits := 0
	o.Hook = func(p store.Point) error {
		if p == store.AfterCommit {
			commits++
		}
		return nil
	}
	s := open(t, o)
	apply(t, s, 1, locker.Tick{})
	if commits != 0 || !s.State().Started {
		t.Errorf("%d commits, started %v", commits, s.State().Started)
	}
	apply(t, s, 2, locker.Tick{}, announce("A-1"), announce("A-2"))
	if commits != 1 {
		t.Errorf("%d commits for three events that waited together", commits)
	}
}

func TestNothingChangesWhenACommitFails(t *testing.T) {
	o := options(t.TempDir())
	var fail error
	o.Hook = func(p store.Point) error {
		if p == store.BeforeCommit {
			return fail
		}
		return nil
	}
	s := open(t, o)
	apply(t, s, 1, announce("A-1"))
	want, id := stored(s.State()), s.Identity()
	for _, c := range []struct {
		name string
		err  error
		is   error
	}{{"full disk", &os.PathError{Op: "write", Err: syscall.ENOSPC}, store.ErrFull}, {"another error", errors.New("no"), nil}} {
		fail = c.err
		res, err := s.Apply([]locker.Event{announce("A-2")}, at(2))
		if res != nil || err == nil || c.is != nil && !errors.Is(err, c.is) || stored(s.State()) != want || s.Identity() != id {
			t.Errorf("%s: %v, %v, state changed: %v", c.name, res, err, stored(s.State()) != want)
		}
	}
	fail = nil
	apply(t, s, 3, announce("A-2"))
	if rep, err := s.Verify(context.Background(), nil); err != nil || !rep.OK() {
		t.Errorf("verify: %+v %v", rep, err)
	}
}

func TestAFullDiskIsSurvivedOnTheReserveAndNamed(t *testing.T) {
	o := options(t.TempDir())
	full := false
	o.Hook = func(p store.Point) error {
		_, err := os.Stat(o.Path + ".reserve")
		if p == store.BeforeCommit && full && err == nil {
			return syscall.ENOSPC // as long as the reserve takes the last space
		}
		return nil
	}
	s := open(t, o)
	if f := s.Space(); f <= 0 || f >= 1 {
		t.Errorf("space %v in a new store", f)
	}
	full = true
	apply(t, s, 1, announce("A-1"))
	if len(s.State().Deliveries) != 1 {
		t.Error("the pickup was not stored on the reserve")
	}
}

func TestAtItsMaximumSizeTheStoreSaysFullAndGoesOnAfterwards(t *testing.T) {
	o := options(t.TempDir())
	o.MaxSize = 1 << 20
	s := open(t, o)
	refused := false
	for n := range 2000 {
		before := stored(s.State())
		_, err := s.ApplyWithDocument("big", bytes.Repeat([]byte{byte(n)}, 4000), []locker.Event{announce(strings.Repeat("x", 500))}, at(n))
		if err == nil {
			if n%50 == 0 {
				if f := s.Space(); f >= 1 {
					refused = true
				}
			}
			continue
		}
		if !errors.Is(err, store.ErrFull) {
			t.Fatalf("event %d: %v", n, err)
		}
		if !refused {
			t.Error("the store was full before Space said 1")
		}
		if stored(s.State()) != before {
			t.Error("a refused commit changed the state")
		}
		want := stored(s.State())
		s.Close()
		if s = open(t, o); stored(s.State()) != want {
			t.Error("the full store opens with another state")
		}
		return
	}
	t.Fatal("the store never became full")
}

func TestAfterAnUncertainCommitTheStoreRefusesUntilItIsReopened(t *testing.T) {
	o := options(t.TempDir())
	fail := false
	o.Hook = func(p store.Point) error {
		if p == store.AfterCommit && fail {
			return errors.New("fsync: input/output error")
		}
		return nil
	}
	s := open(t, o)
	fail = true
	if _, err := s.Apply([]locker.Event{announce("A-1")}, at(1)); !errors.Is(err, store.ErrFailed) {
		t.Fatalf("got %v", err)
	}
	fail = false
	if _, err := s.Apply([]locker.Event{announce("A-2")}, at(1)); !errors.Is(err, store.ErrFailed) {
		t.Fatalf("the store goes on after a failure: %v", err)
	}
	s.Close()
	apply(t, open(t, o), 2, announce("A-2"))
}

func TestASecondInstanceIsRefusedAndNamesTheFirst(t *testing.T) {
	o := options(t.TempDir())
	open(t, o)
	_, _, err := store.Open(o)
	var in *store.InUseError
	if !errors.As(err, &in) || in.PID != os.Getpid() || !strings.Contains(err.Error(), "process") {
		t.Fatalf("got %v", err)
	}
	if _, err := store.Restore(context.Background(), o.Path, o); !errors.As(err, &in) {
		t.Fatalf("restore: %v", err)
	}
}

func TestAWrongKeyOrStationTouchesNothing(t *testing.T) {
	o := options(t.TempDir())
	s := open(t, o)
	apply(t, s, 1, announce("A-1"))
	s.Close()
	before, _ := os.ReadFile(o.Path)
	wrong := o
	wrong.Key = [32]byte{9}
	if _, _, err := store.Open(wrong); !errors.Is(err, store.ErrWrongKey) {
		t.Errorf("wrong key: %v", err)
	}
	other := o
	other.Station = "bahnhof"
	if _, _, err := store.Open(other); err == nil || !strings.Contains(err.Error(), "rathaus") {
		t.Errorf("wrong station: %v", err)
	}
	after, _ := os.ReadFile(o.Path)
	if !bytes.Equal(before, after) {
		t.Error("the file was changed")
	}
	if m, _ := filepath.Glob(o.Path + ".corrupt*"); len(m) != 0 {
		t.Errorf("set aside: %v", m)
	}
}

func TestNothingPersonalIsInTheFile(t *testing.T) {
	o := options(t.TempDir())
	s := open(t, o)
	apply(t, s, 1, announce("GEHEIM-4711"))
	if _, err := s.ApplyWithDocument("staff", []byte("GEHEIM-4711"), nil, at(2)); err != nil {
		t.Fatal(err)
	}
	if err := s.Snapshot(at(3)); err != nil {
		t.Fatal(err)
	}
	s.Close()
	files, _ := filepath.Glob(o.Path + "*")
	if len(files) < 4 {
		t.Fatalf("files: %v", files)
	}
	for _, f := range files {
		b, _ := os.ReadFile(f)
		if bytes.Contains(b, []byte("GEHEIM")) {
			t.Errorf("%s holds the reference in the clear", f)
		}
	}
}

func TestErasingADeliveryErasesItsPersonalPartsAndTheTreeStillVerifies(t *testing.T) {
	s := open(t, options(t.TempDir()))
	apply(t, s, 1, announce("A-1"), announce("A-2"))
	p, err := s.Personal(2)
	if err != nil || p == nil || p.Reference != "A-1" {
		t.Fatalf("personal part %+v, %v", p, err)
	}
	before, _ := s.Entries(1, 1)
	cp, _, err := s.Checkpoint(at(2))
	if err != nil {
		t.Fatal(err)
	}
	apply(t, s, 3, locker.Cancel{Delivery: 1})
	if p, err := s.Personal(2); p != nil || err != nil {
		t.Errorf("after erasure: %+v, %v", p, err)
	}
	if p, err := s.Personal(3); err != nil || p == nil || p.Reference != "A-2" {
		t.Errorf("the other delivery's: %+v, %v", p, err)
	}
	after, _ := s.Entries(1, 1)
	if before[0].Personal == "" || before[0].Personal != after[0].Personal {
		t.Errorf("the entry itself changed: %+v", after[0])
	}
	rep, err := s.Verify(context.Background(), [][]byte{cp})
	if err != nil || !rep.OK() || rep.Checkpoints != 2 {
		t.Errorf("verify: %+v %v", rep, err)
	}
}

func TestARecordThatNothingWouldEraseIsRefused(t *testing.T) {
	o := options(t.TempDir())
	o.Rules = careless{fake{2}}
	s := open(t, o)
	if _, err := s.Apply([]locker.Event{locker.Tick{}}, at(1)); err == nil || !strings.Contains(err.Error(), "erase") {
		t.Errorf("got %v", err)
	}
}

type careless struct{ fake }

func (careless) Step(st locker.State, _ locker.Event, _ locker.Now) locker.Result {
	return locker.Result{State: st, Records: []locker.Record{{Type: "x", Personal: &locker.Personal{Reference: "y"}}}}
}

func TestEntriesAreReadInPagesFromBothEnds(t *testing.T) {
	s := open(t, options(t.TempDir()))
	for n := range 200 {
		apply(t, s, n, locker.StaffNote{By: "staff:1", Type: "note"})
		if n == 150 {
			if _, _, err := s.Checkpoint(at(n)); err != nil { // folds two blocks
				t.Fatal(err)
			}
		}
	}
	var seqs []uint64
	for after := uint64(0); ; {
		es, err := s.Entries(after, 7)
		if err != nil {
			t.Fatal(err)
		}
		if len(es) == 0 {
			break
		}
		for _, e := range es {
			seqs = append(seqs, e.Seq)
		}
		after = es[len(es)-1].Seq
	}
	for i, seq := range seqs {
		if seq != uint64(i+1) {
			t.Fatalf("forward: %v", seqs)
		}
	}
	var back []uint64
	for before := uint64(0); ; {
		es, err := s.EntriesBefore(before, 7)
		if err != nil {
			t.Fatal(err)
		}
		if len(es) == 0 {
			break
		}
		for _, e := range es {
			back = append(back, e.Seq)
		}
		before = es[len(es)-1].Seq
	}
	if len(seqs) != 201 || len(back) != 201 || back[0] != 201 || back[200] != 1 {
		t.Fatalf("%d forward, %d back", len(seqs), len(back))
	}
}

func TestACheckpointIsMadeOnlyWhenTheLogGrewAndProvesItsEntries(t *testing.T) {
	s := open(t, options(t.TempDir()))
	pub := testSigner.Public()
	var first []byte
	for n := range 300 {
		apply(t, s, n, locker.StaffNote{By: "staff:1", Type: "note"})
		if n%70 != 0 {
			continue
		}
		cp, grew, err := s.Checkpoint(at(n))
		if err != nil || !grew {
			t.Fatal(grew, err)
		}
		if again, grew, err := s.Checkpoint(at(n)); err != nil || grew || !bytes.Equal(again, cp) {
			t.Fatalf("second checkpoint without growth: %v %v", grew, err)
		}
		if first == nil {
			first = cp
		}
	}
	for _, seq := range []uint64{1, 2, 64, 65, 100, 128, 200, 280, 282} {
		p, err := s.Prove(seq)
		if err != nil {
			t.Fatal(err)
		}
		if e, err := p.Check(pub.(ed25519Key)); err != nil || e.Seq != seq {
			t.Errorf("proof of %d: %+v %v", seq, e, err)
		}
		p.Leaf = strings.Replace(p.Leaf, `"type":"`, `"type":"x`, 1)
		if _, err := p.Check(pub.(ed25519Key)); err == nil {
			t.Errorf("a changed entry %d was proved", seq)
		}
	}
	if _, err := s.Prove(290); err == nil || !strings.Contains(err.Error(), "newest checkpoint") {
		t.Errorf("proof in front of the checkpoint: %v", err)
	}
	path, newest, err := s.ProveConsistency(first)
	if err != nil {
		t.Fatal(err)
	}
	a, _ := audit.ReadCheckpoint(first)
	b, _ := audit.ReadCheckpoint(newest)
	if err := audit.CheckConsistency(path, a, b); err != nil {
		t.Error(err)
	}
}

func TestPrunedEntriesLeaveALogThatVerifiesAndProves(t *testing.T) {
	o := options(t.TempDir())
	s := open(t, o)
	for n := range 400 {
		apply(t, s, n, locker.StaffNote{By: "staff:1", Type: "note"})
	}
	cp, _, err := s.Checkpoint(at(400))
	if err != nil {
		t.Fatal(err)
	}
	first, err := s.Prune(200)
	if err != nil || first != 193 { // three whole blocks
		t.Fatalf("first is %d, %v", first, err)
	}
	s.Close()
	s = open(t, o)
	if es, err := s.Entries(0, 1); err != nil || es[0].Seq != 193 {
		t.Errorf("oldest entry %+v %v", es, err)
	}
	if rep, err := s.Verify(context.Background(), [][]byte{cp}); err != nil || !rep.OK() || rep.First != 193 {
		t.Errorf("verify: %+v %v", rep, err)
	}
	for _, seq := range []uint64{193, 300, 401} {
		p, err := s.Prove(seq)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := p.Check(testSigner.Public().(ed25519Key)); err != nil {
			t.Error(err)
		}
	}
}

func TestANewerStoreIsRefusedWithBothVersions(t *testing.T) {
	o := options(t.TempDir())
	newer := o.WithPatches(2, func(int, func(string, []byte) error) error { return nil })
	open(t, newer).Close()
	_, _, err := store.Open(o)
	var n *store.NewerError
	if !errors.As(err, &n) || n.Store != 3 || n.Program != 1 {
		t.Fatalf("got %v", err)
	}
}

func TestAnOlderStoreIsBroughtUpStepByStep(t *testing.T) {
	o := options(t.TempDir())
	s := open(t, o)
	apply(t, s, 1, announce("A-1"))
	want := stored(s.State())
	s.Close()
	var ran []int
	newer := o.WithPatches(2, func(v int, put func(string, []byte) error) error {
		ran = append(ran, v)
		return put("patched", []byte{byte('0' + v)})
	})
	for range 2 {
		s = open(t, newer)
		if stored(s.State()) != want || string(s.Document("patched")) != "2" {
			t.Errorf("after migration: %s %q", stored(s.State()), s.Document("patched"))
		}
		s.Close()
	}
	if len(ran) != 2 || ran[0] != 1 || ran[1] != 2 {
		t.Errorf("patches ran: %v", ran)
	}
}

func TestACompartmentWithDocumentsCanNotVanishFromTheConfiguration(t *testing.T) {
	o := options(t.TempDir())
	s := open(t, o)
	apply(t, s, 1, announce("A-1"), locker.Load{Delivery: 1, Compartment: 8})
	s.Close()
	smaller := o
	smaller.Rules = fake{7}
	if _, _, err := store.Open(smaller); err == nil || !strings.Contains(err.Error(), "compartment 8 holds delivery 1") {
		t.Fatalf("got %v", err)
	}
	larger := o
	larger.Rules = fake{10}
	s = open(t, larger)
	if c := s.State().Compartment(10); c == nil || c.Use != locker.ToCheck || s.State().Compartment(8).Use != locker.Occupied {
		t.Error("the larger cabinet was not merged")
	}
}
