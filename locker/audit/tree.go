package audit

import (
	"math/bits"

	"golang.org/x/mod/sumdb/tlog"
)

// BlockSize is the number of entries in a block. Of a tree only the hashes of
// whole blocks and of what lies above them are stored; what lies below is
// computed from the entries.
const (
	BlockSize  = 1 << blockLevel
	blockLevel = 6
)

// Tree is the right edge of a growing Merkle tree: the hashes of its complete
// subtrees, largest first. It is what is needed to append, and to know the root.
// The zero Tree is empty. It is a value: Append does not change the receiver.
type Tree struct {
	size uint64
	edge []tlog.Hash
}

// Size is the number of leaves.
func (t Tree) Size() uint64 { return t.size }

// Append returns the tree with one more leaf.
func (t Tree) Append(h tlog.Hash) Tree {
	n := len(t.edge)
	for s := t.size; s&1 == 1; s >>= 1 {
		n--
		h = tlog.NodeHash(t.edge[n], h)
	}
	edge := make([]tlog.Hash, n+1)
	copy(edge, t.edge[:n])
	edge[n] = h
	return Tree{size: t.size + 1, edge: edge}
}

// grow is Append in place, for long runs.
func (t *Tree) grow(h tlog.Hash) {
	n := len(t.edge)
	for s := t.size; s&1 == 1; s >>= 1 {
		n--
		h = tlog.NodeHash(t.edge[n], h)
	}
	t.edge = append(t.edge[:n], h)
	t.size++
}

// Root is the tree's hash.
func (t Tree) Root() tlog.Hash {
	if t.size == 0 {
		root, _ := tlog.TreeHash(0, nil) // the hash of nothing, RFC 6962 § 2.1
		return root
	}
	h := t.edge[len(t.edge)-1]
	for i := len(t.edge) - 2; i >= 0; i-- {
		h = tlog.NodeHash(t.edge[i], h)
	}
	return h
}

// TreeAt builds the right edge of a tree of blocks×BlockSize leaves from its
// stored block hashes.
func TreeAt(blocks uint64, stored tlog.HashReader) (Tree, error) {
	var at []int64
	lo := uint64(0)
	for rest := blocks; rest > 0; {
		level := bits.Len64(rest) - 1
		at = append(at, tlog.StoredHashIndex(level, int64(lo>>level)))
		lo += 1 << level
		rest -= 1 << level
	}
	edge, err := stored.ReadHashes(at)
	if err != nil {
		return Tree{}, err
	}
	return Tree{size: blocks * BlockSize, edge: edge}, nil
}

// BlockHash is the hash over one whole block.
func BlockHash(leaves []tlog.Hash) tlog.Hash {
	var t Tree
	for _, h := range leaves {
		t.grow(h)
	}
	return t.Root()
}

// StoredBlock returns the hashes to be stored when block n (counted from 0)
// becomes complete, and the index of the first.
func StoredBlock(n uint64, block tlog.Hash, stored tlog.HashReader) (at int64, hashes []tlog.Hash, err error) {
	hashes, err = tlog.StoredHashesForRecordHash(int64(n), block, stored)
	return tlog.StoredHashIndex(0, int64(n)), hashes, err
}

// Reader makes a HashReader for the whole tree of stored block hashes and a
// function that returns the leaf hashes of the entries at positions lo ≤ i < hi
// (at most a block, never across two).
func Reader(stored tlog.HashReader, leaves func(lo, hi uint64) ([]tlog.Hash, error)) tlog.HashReader {
	return tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
		out := make([]tlog.Hash, len(indexes))
		for i, index := range indexes {
			level, n := tlog.SplitStoredHashIndex(index)
			var err error
			if level >= blockLevel {
				var h []tlog.Hash
				if h, err = stored.ReadHashes([]int64{tlog.StoredHashIndex(level-blockLevel, n)}); err == nil {
					out[i] = h[0]
				}
			} else {
				var h []tlog.Hash
				if h, err = leaves(uint64(n)<<level, uint64(n+1)<<level); err == nil {
					out[i] = BlockHash(h)
				}
			}
			if err != nil {
				return nil, err
			}
		}
		return out, nil
	})
}
