package audit_test

import (
	"bytes"
	"crypto/ed25519"
	"fmt"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/tlog"
	"pgregory.net/rapid"

	"abholstation/locker"
	"abholstation/locker/audit"
)

var key = ed25519.NewKeyFromSeed(bytes.Repeat([]byte{7}, 32))

func public() ed25519.PublicKey { return key.Public().(ed25519.PublicKey) }

const epoch = "00112233aabbccdd"

func entry(seq uint64) audit.Entry {
	return audit.Entry{
		Seq: seq, Epoch: epoch, Boot: "0102030405060708", Mono: 90 * time.Second,
		Wall:   time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC),
		Record: locker.Record{Type: "door.opened", Actor: locker.Citizen, Compartment: 7, Delivery: 3},
	}
}

func TestAnEntryHasExactlyOneLeafWithoutItsPersonalPart(t *testing.T) {
	e := entry(12)
	e.Record.Personal = &locker.Personal{Reference: "A-4711"}
	leaf, err := e.Encode()
	if err != nil {
		t.Fatal(err)
	}
	want := `{"seq":12,"epoch":"00112233aabbccdd","boot":"0102030405060708","mono":90000000000,"wall":"2026-03-02T09:00:00Z",` +
		`"record":{"type":"door.opened","actor":"citizen","compartment":7,"delivery":3}}`
	if string(leaf) != want {
		t.Errorf("leaf\n%s\nwant\n%s", leaf, want)
	}
	berlin := e
	berlin.Wall = e.Wall.In(time.FixedZone("CET", 3600))
	if again, _ := berlin.Encode(); !bytes.Equal(again, leaf) {
		t.Errorf("the same moment in another zone has another leaf: %s", again)
	}
	got, err := audit.Decode(leaf)
	if err != nil || got.Seq != 12 || got.Record.Type != "door.opened" {
		t.Errorf("%+v %v", got, err)
	}
	for _, bad := range []string{"", "{}x", strings.Replace(want, ",", ", ", 1), strings.Replace(want, `"mono"`, `"x":1,"mono"`, 1)} {
		if _, err := audit.Decode([]byte(bad)); err == nil {
			t.Errorf("accepted %q", bad)
		}
	}
}

func TestACheckpointIsReadBackOnlyWithTheRightKeyAndUnchanged(t *testing.T) {
	c := audit.Checkpoint{Station: "rathaus", Epoch: epoch, Size: 42, Root: tlog.RecordHash([]byte("x"))}
	signed, err := c.Sign(key)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(string(signed), "abholstation/rathaus/"+epoch+"\n42\n") {
		t.Errorf("note:\n%s", signed)
	}
	if got, err := audit.OpenCheckpoint(signed, public()); err != nil || got != c {
		t.Errorf("%+v %v", got, err)
	}
	other := ed25519.NewKeyFromSeed(make([]byte, 32)).Public().(ed25519.PublicKey)
	if _, err := audit.OpenCheckpoint(signed, other); err == nil {
		t.Error("accepted with another key")
	}
	for _, change := range [][2]string{{"\n42\n", "\n43\n"}, {"rathaus/", "bahnhof/"}, {"\n42\n", "\n042\n"}} {
		if _, err := audit.OpenCheckpoint([]byte(strings.Replace(string(signed), change[0], change[1], 1)), public()); err == nil {
			t.Errorf("accepted with %q", change[1])
		}
	}
	for _, bad := range []string{"", "x", "abholstation/a/b\n1\n\n", "abholstation/a b/c\n1\nAAAA\n\nx"} {
		if _, err := audit.ReadCheckpoint([]byte(bad)); err == nil {
			t.Errorf("read %q", bad)
		}
	}
}

// mem is a whole log in memory, with the hashes that a store would keep.
type mem struct {
	leaves [][]byte
	hashes []tlog.Hash
	stored map[int64]tlog.Hash
	tree   audit.Tree
}

func (m *mem) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	out := make([]tlog.Hash, len(indexes))
	for i, at := range indexes {
		h, ok := m.stored[at]
		if !ok {
			return nil, fmt.Errorf("no hash %d", at)
		}
		out[i] = h
	}
	return out, nil
}

func (m *mem) reader() tlog.HashReader {
	return audit.Reader(m, func(lo, hi uint64) ([]tlog.Hash, error) { return m.hashes[lo:hi], nil })
}

func (m *mem) checkpoint() audit.Checkpoint {
	return audit.Checkpoint{Station: "rathaus", Epoch: epoch, Size: m.tree.Size(), Root: m.tree.Root()}
}

func (m *mem) grow(n int) {
	for range n {
		leaf, err := entry(uint64(len(m.leaves) + 1)).Encode()
		if err != nil {
			panic(err)
		}
		h := audit.LeafHash(leaf)
		m.leaves, m.hashes, m.tree = append(m.leaves, leaf), append(m.hashes, h), m.tree.Append(h)
		if k := len(m.leaves); k%audit.BlockSize == 0 {
			at, hs, err := audit.StoredBlock(uint64(k/audit.BlockSize-1), audit.BlockHash(m.hashes[k-audit.BlockSize:]), m)
			if err != nil {
				panic(err)
			}
			for i, h := range hs {
				m.stored[at+int64(i)] = h
			}
		}
	}
}

func newMem(n int) *mem {
	m := &mem{stored: map[int64]tlog.Hash{}}
	m.grow(n)
	return m
}

func TestTheTreeIsTheOneOfRFC6962(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(0, 700).Draw(t, "entries")
		m := newMem(n)
		var all []tlog.Hash // every hash, as tlog itself would store them
		read := tlog.HashReaderFunc(func(at []int64) ([]tlog.Hash, error) {
			out := make([]tlog.Hash, len(at))
			for i, a := range at {
				out[i] = all[a]
			}
			return out, nil
		})
		for i, leaf := range m.leaves {
			hs, err := tlog.StoredHashes(int64(i), leaf, read)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, hs...)
		}
		want, err := tlog.TreeHash(int64(n), read)
		if err != nil || m.tree.Root() != want {
			t.Fatalf("root %v, want %v (%v)", m.tree.Root(), want, err)
		}
		if got, err := tlog.TreeHash(int64(n), m.reader()); err != nil || got != want {
			t.Fatalf("root by reader %v, want %v (%v)", got, want, err)
		}
		whole, err := audit.TreeAt(uint64(n/audit.BlockSize), m)
		if err != nil {
			t.Fatal(err)
		}
		for _, h := range m.hashes[n/audit.BlockSize*audit.BlockSize:] {
			whole = whole.Append(h)
		}
		if whole.Root() != want {
			t.Fatal("the tree built from its blocks is another")
		}
	})
}

func TestEveryEntryIsProvedAndNothingElse(t *testing.T) {
	m := newMem(331)
	cp := m.checkpoint()
	signed, err := cp.Sign(key)
	if err != nil {
		t.Fatal(err)
	}
	for seq := uint64(1); seq <= 331; seq++ {
		p, err := audit.Prove(seq, m.leaves[seq-1], signed, cp, m.reader())
		if err != nil {
			t.Fatal(err)
		}
		if e, err := p.Check(public()); err != nil || e.Seq != seq {
			t.Fatalf("entry %d: %v", seq, err)
		}
		p.Seq++
		if _, err := p.Check(public()); err == nil {
			t.Fatalf("entry %d passes for %d", seq, seq+1)
		}
	}
	for _, seq := range []uint64{0, 332} {
		if _, err := audit.Prove(seq, nil, signed, cp, m.reader()); err == nil {
			t.Errorf("entry %d was proved", seq)
		}
	}
}

func TestConsistencyHoldsForTheSameLogOnly(t *testing.T) {
	m := newMem(100)
	old := m.checkpoint()
	m.grow(150)
	fresh := m.checkpoint()
	path, err := audit.ProveConsistency(old, fresh, m.reader())
	if err != nil {
		t.Fatal(err)
	}
	if err := audit.CheckConsistency(path, old, fresh); err != nil {
		t.Error(err)
	}
	forged := old
	forged.Root[0] ^= 1
	if audit.CheckConsistency(path, forged, fresh) == nil {
		t.Error("another beginning is accepted")
	}
	forged = old
	forged.Epoch = "ffffffffffffffff"
	if audit.CheckConsistency(path, forged, fresh) == nil {
		t.Error("another epoch is accepted")
	}
	if audit.CheckConsistency(path, fresh, old) == nil {
		t.Error("a shrunk log is accepted")
	}
}

func TestAnyChangeOfALogIsFoundAndPlaced(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(2, 300).Draw(t, "entries")
		m := newMem(n)
		cp := m.checkpoint()
		at := rapid.IntRange(0, n-1).Draw(t, "at")
		leaves := append([][]byte(nil), m.leaves...)
		seqs := make([]uint64, n)
		for i := range seqs {
			seqs[i] = uint64(i + 1)
		}
		change := rapid.SampledFrom([]string{"none", "flip", "remove", "swap", "roll back"}).Draw(t, "change")
		if change == "swap" && at == n-1 {
			at--
		}
		switch change {
		case "flip":
			b := bytes.Clone(leaves[at])
			b[rapid.IntRange(0, len(b)-1).Draw(t, "byte")] ^= 1
			leaves[at] = b
		case "remove":
			leaves, seqs = append(leaves[:at:at], leaves[at+1:]...), append(seqs[:at:at], seqs[at+1:]...)
		case "swap":
			leaves[at], leaves[at+1] = leaves[at+1], leaves[at]
		case "roll back":
			leaves, seqs = leaves[:at], seqs[:at]
		}
		v := audit.NewVerifier(epoch, audit.Tree{}, []audit.Checkpoint{cp}, nil)
		for i, leaf := range leaves {
			v.Add(seqs[i], m.hashes[seqs[i]-1][:8], leaf)
		}
		rep := v.Finish(uint64(len(leaves)), nil) // whoever rolls back sets the length, too
		if change == "remove" {
			rep = v.Finish(uint64(n), nil)
		}
		if change == "none" {
			if !rep.OK() || rep.Root != cp.Root {
				t.Fatalf("%+v", rep)
			}
			return
		}
		if rep.OK() {
			t.Fatalf("%s at %d was not found", change, at+1)
		}
		p := rep.Problems[0]
		if low := max(p.From, 1); p.From == 0 && p.Seq != uint64(at+1) || p.From != 0 && (uint64(at+1) < low || uint64(at+1) > p.Seq) {
			t.Fatalf("%s at %d: said %v", change, at+1, p)
		}
	})
}

func FuzzCheckpoint(f *testing.F) {
	c := audit.Checkpoint{Station: "rathaus", Epoch: epoch, Size: 42}
	signed, _ := c.Sign(key)
	f.Add(signed)
	f.Fuzz(func(t *testing.T, b []byte) {
		if c, err := audit.OpenCheckpoint(b, public()); err == nil && !strings.HasPrefix(string(b), c.Text()) {
			t.Errorf("%q was read as %+v", b, c)
		}
	})
}

func FuzzDecode(f *testing.F) {
	leaf, _ := entry(1).Encode()
	f.Add(leaf)
	f.Fuzz(func(t *testing.T, b []byte) {
		e, err := audit.Decode(b)
		if err != nil {
			return
		}
		if again, err := e.Encode(); err != nil || !bytes.Equal(again, b) {
			t.Errorf("%q was read as %+v", b, e)
		}
	})
}
