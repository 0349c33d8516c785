package audit

import (
	"bytes"
	"fmt"
	"slices"

	"golang.org/x/mod/sumdb/tlog"
)

// Problem is one thing that is wrong with a log.
type Problem struct {
	Seq  uint64 `json:"seq"`            // where; with From, the end of the range
	From uint64 `json:"from,omitempty"` // begin of the range, if it can not be told exactly
	What string `json:"what"`
}

func (p Problem) String() string {
	if p.From != 0 && p.From != p.Seq {
		return fmt.Sprintf("entries %d to %d: %s", p.From, p.Seq, p.What)
	}
	return fmt.Sprintf("entry %d: %s", p.Seq, p.What)
}

// Report is the outcome of a verification. No problems means that the log is
// consistent in itself and with every checkpoint given.
type Report struct {
	Epoch       string    `json:"epoch"`
	First       uint64    `json:"first"`       // first entry seen: 1, or where pruning ended
	Size        uint64    `json:"size"`        // entries of the log
	Root        tlog.Hash `json:"root"`        // over all of them
	Checkpoints int       `json:"checkpoints"` // compared
	Problems    []Problem `json:"problems"`    // at most MaxProblems
	More        int       `json:"more,omitempty"`
}

// OK says whether nothing is wrong.
func (r Report) OK() bool { return len(r.Problems) == 0 }

// MaxProblems is how many problems a Report lists; more are counted.
const MaxProblems = 100

// Verifier checks a stream of leaves. Use NewVerifier, Add every leaf in order
// of its key, then Finish. Not safe for concurrent use.
type Verifier struct {
	epoch   string
	tree    Tree
	block   []tlog.Hash
	known   []Checkpoint // ascending Size, those not yet reached
	matched uint64       // size of the last checkpoint that agreed
	stored  func(index int64) (tlog.Hash, bool)
	made    map[int64]tlog.Hash // block hashes and above, computed here
	buf     []byte
	rep     Report
}

// NewVerifier starts a verification of the log of one epoch. start is the tree
// of what was pruned (the zero Tree for a whole log), known are checkpoints to
// agree with (of this epoch; signatures already verified), and stored tells the
// hashes of blocks and above that the store keeps (see StoredBlock; may be nil).
func NewVerifier(epoch string, start Tree, known []Checkpoint, stored func(index int64) (tlog.Hash, bool)) *Verifier {
	known = slices.Clone(known)
	slices.SortFunc(known, func(a, b Checkpoint) int {
		switch {
		case a.Size < b.Size:
			return -1
		case a.Size > b.Size:
			return 1
		}
		return 0
	})
	v := &Verifier{epoch: epoch, tree: Tree{start.size, slices.Clone(start.edge)}, known: known, stored: stored, made: map[int64]tlog.Hash{}}
	v.rep = Report{Epoch: epoch, First: start.size + 1}
	return v
}

// Problem adds something found elsewhere to the report.
func (v *Verifier) Problem(p Problem) {
	if len(v.rep.Problems) >= MaxProblems {
		v.rep.More++
		return
	}
	v.rep.Problems = append(v.rep.Problems, p)
}

// Add checks the next leaf: stored under the sequence key, with the first bytes
// of its hash beside it.
func (v *Verifier) Add(key uint64, hint, leaf []byte) {
	want := v.tree.size + 1
	switch {
	case key > want:
		v.Problem(Problem{From: want, Seq: key - 1, What: "missing"})
		v.tree.size, v.block = key-1, nil // go on; the root can not be right any more
		v.resync()
	case key < want:
		v.Problem(Problem{Seq: key, What: "stands twice in the log or out of order"})
		return
	}
	h := LeafHash(leaf)
	if !bytes.Equal(h[:len(hint)], hint) {
		v.Problem(Problem{Seq: key, What: "its content was changed"})
	}
	v.buf = prefix(v.buf[:0], key, v.epoch)
	if !bytes.HasPrefix(leaf, v.buf) {
		v.Problem(Problem{Seq: key, What: "its content belongs to another sequence or epoch"})
	}
	v.grow(h)
	for len(v.known) > 0 && v.known[0].Size <= v.tree.size {
		v.compare(v.known[0])
		v.known = v.known[1:]
	}
}

// resync gives the tree an edge of the right length after a gap.
func (v *Verifier) resync() {
	v.tree.edge = nil
	for s := v.tree.size; s > 0; s &= s - 1 {
		v.tree.edge = append(v.tree.edge, tlog.Hash{})
	}
}

func (v *Verifier) grow(h tlog.Hash) {
	if v.tree.size%BlockSize == uint64(len(v.block)) {
		v.block = append(v.block, h)
	}
	v.tree.grow(h)
	if v.tree.size%BlockSize != 0 {
		return
	}
	if v.stored != nil && len(v.block) == BlockSize {
		v.compareStored(v.tree.size/BlockSize - 1)
	}
	v.block = v.block[:0]
}

// compareStored holds the hashes that a whole block completes against those
// that the store keeps.
func (v *Verifier) compareStored(block uint64) {
	at, hashes, err := StoredBlock(block, BlockHash(v.block), tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
		out := make([]tlog.Hash, len(indexes))
		for i, index := range indexes {
			h, ok := v.made[index]
			if !ok { // in front of where the verification began
				h, _ = v.stored(index)
			}
			out[i] = h
		}
		return out, nil
	}))
	if err != nil {
		v.Problem(Problem{Seq: v.tree.size, What: err.Error()})
		return
	}
	told := false
	for i, h := range hashes {
		index := at + int64(i)
		v.made[index] = h
		if kept, ok := v.stored(index); ok && kept != h && !told {
			first := (block>>i<<i)*BlockSize + 1
			v.Problem(Problem{From: first, Seq: v.tree.size, What: "one of them, or the kept tree hash over them, was changed"})
			told = true
		}
	}
}

// compare holds the tree against a known checkpoint of its size.
func (v *Verifier) compare(c Checkpoint) {
	if c.Size < v.tree.size { // smaller than what was pruned
		return
	}
	v.rep.Checkpoints++
	if v.tree.Root() == c.Root {
		v.matched = c.Size
		return
	}
	v.Problem(Problem{From: v.matched + 1, Seq: c.Size, What: "not what the checkpoint signs: changed, or rewritten, since"})
}

// Finish compares with what must be there: so many entries, and the root that
// the store keeps (nil: none kept).
func (v *Verifier) Finish(size uint64, root *tlog.Hash) Report {
	switch {
	case v.tree.size < size:
		v.Problem(Problem{From: v.tree.size + 1, Seq: size, What: "missing at the end"})
	case v.tree.size > size:
		v.Problem(Problem{From: size + 1, Seq: v.tree.size, What: "added behind the end"})
	case root != nil && v.tree.Root() != *root:
		v.Problem(Problem{From: v.matched + 1, Seq: size, What: "not what the store's own tree head says"})
	}
	for _, c := range v.known {
		v.Problem(Problem{From: v.tree.size + 1, Seq: c.Size, What: "signed by a kept checkpoint, but not in the log: it was rolled back"})
	}
	v.rep.Size, v.rep.Root = v.tree.size, v.tree.Root()
	return v.rep
}
