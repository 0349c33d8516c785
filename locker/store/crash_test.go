package store_test

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"go.etcd.io/bbolt"
	"pgregory.net/rapid"

	"abholstation/locker"
	"abholstation/locker/store"
)

const (
	page       = 4096
	cutCommits = 40 // commits whose writing is cut
	cutsEach   = 20 // power cuts within each of them
)

// commitTrace is what one commit did to the file.
type commitTrace struct {
	before, after []byte // the file
	head          []byte // the head file before
	want, next    string // the state before and after
	seq, nextSeq  uint64
}

// record runs a busy store and traces its commits. The head file is not synced,
// so a trace may also come with any older head; heads collects them.
func record(t *testing.T, r *rand.Rand, commits int) (out []commitTrace, heads [][]byte) {
	o := options(memoryDir(t))
	var cur commitTrace
	o.Hook = func(p store.Point) error {
		b, err := os.ReadFile(o.Path)
		if err != nil {
			return err
		}
		if p == store.BeforeCommit {
			cur.before = b
			cur.head, err = os.ReadFile(o.Path + ".head")
			return err
		}
		cur.after = b
		return nil
	}
	s := open(t, o)
	for n := range commits {
		cur.want, cur.seq = stored(s.State()), s.Identity().Seq
		if n%5 == 4 {
			if _, _, err := s.Checkpoint(at(n)); err != nil {
				t.Fatal(err)
			}
		} else {
			apply(t, s, n, randomEvents(r, s.State())...)
		}
		cur.next, cur.nextSeq = stored(s.State()), s.Identity().Seq
		out = append(out, cur)
		heads = append(heads, cur.head)
	}
	return out, heads
}

// randomEvents always begins with one that is stored.
func randomEvents(r *rand.Rand, st locker.State) []locker.Event {
	out := []locker.Event{locker.StaffNote{By: "staff:1", Type: "note"}}
	for range r.IntN(8) {
		id := locker.DeliveryID(0)
		if n := len(st.Deliveries); n > 0 {
			id = st.Deliveries[r.IntN(n)].ID
		}
		switch k := r.IntN(5); {
		case k <= 1 || id == 0:
			out = append(out, announce(fmt.Sprint("ref ", r.IntN(1000))))
		case k == 2:
			out = append(out, locker.Load{By: "staff:1", Delivery: id, Compartment: 1 + r.IntN(8)})
		case k == 3:
			out = append(out, locker.Block{Compartment: 1 + r.IntN(8), Why: "broken"})
		case k == 4:
			return append(out, locker.Cancel{Delivery: id})
		}
	}
	return out
}

// cut is one way in which the power may go within a commit: some of the data
// pages are written, in any order, the last of them torn; or all of them and a
// part of the file's new head.
func cut(r *rand.Rand, c commitTrace) (file []byte, durable bool) {
	file = make([]byte, len(c.after))
	copy(file, c.before)
	var data []int
	head := -1
	for p := 0; p*page < len(c.after); p++ {
		from, to := p*page, min((p+1)*page, len(c.after))
		if !bytes.Equal(file[from:to], c.after[from:to]) {
			if p < 2 {
				head = p
			} else {
				data = append(data, p)
			}
		}
	}
	r.Shuffle(len(data), func(i, j int) { data[i], data[j] = data[j], data[i] })
	write := func(p, n int) { copy(file[p*page:p*page+n], c.after[p*page:p*page+n]) }
	if k := r.IntN(2 * (len(data) + 1)); k < len(data) { // between data pages
		for _, p := range data[:k] {
			write(p, page)
		}
		write(data[k], r.IntN(page))
		return file, false
	}
	for _, p := range data {
		write(p, page)
	}
	switch r.IntN(3) {
	case 0: // a prefix of the head
		write(head, r.IntN(100))
	case 1: // rubbish where the head was to be written
		for i := head * page; i < head*page+512; i++ {
			file[i] = byte(r.Uint32())
		}
	default:
		write(head, page)
		return file, true
	}
	return file, false
}

func TestAfterAPowerCutEverythingAcknowledgedIsThereAndNothingHalf(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 1))
	traces, heads := record(t, r, cutCommits)
	dir := memoryDir(t)
	o := options(dir)
	cuts := 0
	for i, c := range traces {
		for n := range cutsEach {
			file, durable := cut(r, c)
			head := heads[r.IntN(i+1)] // what of it had reached the disk
			writeFiles(t, o.Path, file, head)
			s, opening, err := store.Open(o)
			if err != nil {
				t.Fatalf("commit %d, cut %d: %v", i, n, err)
			}
			got, seq := stored(s.State()), s.Identity().Seq
			old, fresh := got == c.want && seq == c.seq, got == c.next && seq == c.nextSeq
			if opening.Damaged || !old && !fresh || durable && !fresh {
				t.Fatalf("commit %d, cut %d (durable %v): %+v\n%s\nwant\n%s\nor\n%s", i, n, durable, opening, got, c.want, c.next)
			}
			if rep, err := s.Verify(context.Background(), nil); err != nil || !rep.OK() {
				t.Fatalf("commit %d, cut %d: %+v %v", i, n, rep, err)
			}
			if n%5 == 0 { // life goes on
				apply(t, s, 1000, announce("after"))
				want := stored(s.State())
				s.Close()
				if s = open(t, o); stored(s.State()) != want {
					t.Fatalf("commit %d, cut %d: lost after the next commit", i, n)
				}
			}
			s.Close()
			cuts++
		}
	}
	t.Logf("%d power cuts", cuts)
}

func writeFiles(t testing.TB, path string, file, head []byte) {
	t.Helper()
	for _, f := range []struct {
		path string
		b    []byte
	}{{path, file}, {path + ".head", head}} {
		if err := os.WriteFile(f.path, f.b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func TestAnyFlippedByteIsHarmlessOrNoticed(t *testing.T) {
	const flips = 2500
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 2))
	o := options(memoryDir(t))
	s := open(t, o)
	for n := range 100 {
		apply(t, s, n, randomEvents(r, s.State())...)
		if n == 80 {
			if _, _, err := s.Checkpoint(at(n)); err != nil {
				t.Fatal(err)
			}
		}
	}
	want, id := stored(s.State()), s.Identity()
	entries := logText(t, s)
	s.Close()
	file, _ := os.ReadFile(o.Path)
	head, _ := os.ReadFile(o.Path + ".head")
	noticed, refused, inLog := 0, 0, 0
	for i := range flips {
		at := r.IntN(len(file))
		switch i % 3 {
		case 0: // the heads and what stands first in each page need more than their share
			at = r.IntN(2)*page + r.IntN(80)
		case 1:
			at = r.IntN(len(file)/page)*page + r.IntN(200)
		}
		bad := bytes.Clone(file)
		bad[at] ^= 1 << r.IntN(8)
		writeFiles(t, o.Path, bad, head)
		s, opening, err := store.Open(o)
		if err != nil { // an error is noticed, too, but nothing may have been touched
			refused++
			continue
		}
		switch {
		case opening.Damaged:
			noticed++
			if !s.State().Meta.Inventory.Required {
				t.Fatalf("byte %d: damaged, and no inventory", at)
			}
		case stored(s.State()) != want || s.Identity() != id:
			t.Fatalf("byte %d: another state, and nobody noticed", at)
		case logText(t, s) != entries: // the log is not read at the start
			if rep, err := s.Verify(context.Background(), nil); err == nil && rep.OK() {
				t.Fatalf("byte %d: another log, and nobody noticed", at)
			}
			inLog++
		}
		s.Close()
		removeBeside(t, o.Path)
	}
	t.Logf("%d flips: %d noticed at the start, %d refused, %d found by the log's verification", flips, noticed, refused, inLog)
	if noticed == 0 || inLog == 0 {
		t.Error("the flips missed what they are to hit")
	}
}

// logText is the log as it lies in the file, with the personal parts.
func logText(t *testing.T, s *store.Store) string {
	var b bytes.Buffer
	err := s.Raw().View(func(tx *bbolt.Tx) error {
		for _, name := range []string{"log", "tail", "personal"} {
			err := tx.Bucket([]byte(name)).ForEach(func(k, v []byte) error {
				b.Write(k)
				b.Write(v)
				return nil
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func removeBeside(t *testing.T, path string) {
	m, err := filepath.Glob(path + ".*")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range m {
		os.Remove(f)
	}
}

func TestATruncatedFileIsNoticed(t *testing.T) {
	o := options(memoryDir(t))
	s := open(t, o)
	apply(t, s, 1, announce("A-1"))
	s.Close()
	file, _ := os.ReadFile(o.Path)
	head, _ := os.ReadFile(o.Path + ".head")
	for _, n := range []int{0, 1, 100, page, 2 * page, 3 * page} {
		removeBeside(t, o.Path)
		writeFiles(t, o.Path, file[:n], head)
		s, opening, err := store.Open(o)
		if err != nil || !opening.Damaged || !s.State().Meta.Inventory.Required {
			t.Fatalf("cut to %d bytes: %+v %v", n, opening, err)
		}
		s.Close()
	}
}

func TestTheStoreBehavesLikeMemoryThatSurvivesCrashes(t *testing.T) {
	base := memoryDir(t)
	rapid.Check(t, func(rt *rapid.T) {
		dir, err := os.MkdirTemp(base, "")
		if err != nil {
			t.Fatal(err)
		}
		o := options(dir)
		crash := store.Point("")
		o.Hook = func(p store.Point) error {
			if p == crash {
				panic("power cut")
			}
			return nil
		}
		s, _, err := store.Open(o)
		if err != nil {
			rt.Fatal(err)
		}
		defer func() { s.Close() }()
		model, n := s.State(), 0
		seq := uint64(1)
		step := func(events []locker.Event) (locker.State, uint64) {
			st, add := model, uint64(0)
			for _, ev := range events {
				r := o.Rules.Step(st, ev, at(n))
				st, add = r.State, add+uint64(len(r.Records))
			}
			return st, seq + add
		}
		reopen := func(t *rapid.T) {
			s.Close()
			var opening store.Opening
			if s, opening, err = store.Open(o); err != nil || opening.Damaged {
				t.Fatalf("%+v %v", opening, err)
			}
		}
		rt.Repeat(map[string]func(*rapid.T){
			"apply": func(t *rapid.T) {
				n++
				events := randomEvents(rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 3)), model)
				if _, err := s.Apply(events, at(n)); err != nil {
					t.Fatal(err)
				}
				model, seq = step(events)
			},
			"crash": func(t *rapid.T) {
				n++
				events := randomEvents(rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 4)), model)
				crash = rapid.SampledFrom([]store.Point{store.BeforeCommit, store.AfterCommit}).Draw(t, "point")
				func() {
					defer func() { _ = recover() }()
					_, _ = s.Apply(events, at(n))
				}()
				if crash == store.AfterCommit {
					model, seq = step(events)
				}
				crash = ""
				reopen(t)
			},
			"restart": reopen,
			"checkpoint": func(t *rapid.T) {
				if _, _, err := s.Checkpoint(at(n)); err != nil {
					t.Fatal(err)
				}
			},
			"snapshot": func(t *rapid.T) {
				if err := s.Snapshot(at(n)); err != nil {
					t.Fatal(err)
				}
			},
			"": func(t *rapid.T) {
				if stored(s.State()) != stored(model) || s.Identity().Seq != seq {
					t.Fatalf("store and model differ:\n%s %d\n%s %d", stored(s.State()), s.Identity().Seq, stored(model), seq)
				}
			},
		})
		if rep, err := s.Verify(context.Background(), nil); err != nil || !rep.OK() {
			rt.Fatalf("verify: %+v %v", rep, err)
		}
	})
}
