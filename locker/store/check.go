package store

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"os"
)

// The file is checked before bbolt sees it, by reading and not by mapping it:
// bbolt follows page numbers and lengths without checking them and walks the
// tree in a goroutine of its own, where a damaged file ends the process instead
// of in an error. Layout after bbolt 1.5.0, internal/common (native byte order).
const (
	pageSize    = 4096
	pageHeader  = 16
	elemSize    = 16
	metaMagic   = 0xED0CDAED
	metaVersion = 2
	flagBranch  = 1
	flagLeaf    = 2
	maxDepth    = 16
	noFreelist  = ^uint64(0)
)

var order = binary.NativeEndian

// meta is one of the two alternating heads of the file.
type meta struct{ root, pages, txid uint64 }

func readMeta(page []byte) (meta, bool) {
	m := page[pageHeader:]
	h := fnv.New64a()
	h.Write(m[:56])
	ok := order.Uint32(m) == metaMagic && order.Uint32(m[4:]) == metaVersion &&
		order.Uint32(m[8:]) == pageSize && order.Uint64(m[56:]) == h.Sum64() && order.Uint64(m[32:]) == noFreelist
	return meta{root: order.Uint64(m[16:]), pages: order.Uint64(m[40:]), txid: order.Uint64(m[48:])}, ok
}

// checker walks the tree of one file.
type checker struct {
	file    *os.File
	pages   uint64
	reached []uint64 // bit set
}

// checkFile verifies the structure of a store's file: both metas, and every
// page that can be reached. halfMeta says that one meta is invalid: what is
// there may then be one transaction old.
func checkFile(f *os.File) (halfMeta bool, err error) {
	var head [2 * pageSize]byte
	if _, err := f.ReadAt(head[:], 0); err != nil {
		return false, fmt.Errorf("the file is shorter than its two heads")
	}
	m0, ok0 := readMeta(head[:pageSize])
	m1, ok1 := readMeta(head[pageSize:])
	m := m0
	switch {
	case !ok0 && !ok1:
		return false, errors.New("both heads of the file are damaged")
	case !ok0 || ok1 && m1.txid > m0.txid:
		m = m1
	}
	info, err := f.Stat()
	if err != nil {
		return false, err
	}
	if m.pages < 4 || m.pages > uint64(info.Size())/pageSize {
		return false, fmt.Errorf("the file has %d pages, its head says %d", info.Size()/pageSize, m.pages)
	}
	c := &checker{file: f, pages: m.pages, reached: make([]uint64, m.pages/64+1)}
	return !ok0 || !ok1, c.root(m.root)
}

// page reads a page with its overflow pages and marks them as reached.
func (c *checker) page(id uint64) ([]byte, error) {
	if id < 2 || id >= c.pages {
		return nil, fmt.Errorf("page %d is outside of the file", id)
	}
	buf := make([]byte, pageSize)
	if err := c.read(buf, id); err != nil {
		return nil, err
	}
	if got := order.Uint64(buf); got != id {
		return nil, fmt.Errorf("page %d says that it is page %d", id, got)
	}
	more := uint64(order.Uint32(buf[12:]))
	if more >= c.pages-id {
		return nil, fmt.Errorf("page %d is longer than the file", id)
	}
	for i := id; i <= id+more; i++ {
		if c.reached[i/64]&(1<<(i%64)) != 0 {
			return nil, fmt.Errorf("page %d is used twice", i)
		}
		c.reached[i/64] |= 1 << (i % 64)
	}
	if more > 0 {
		buf = make([]byte, (more+1)*pageSize)
		if err := c.read(buf, id); err != nil {
			return nil, err
		}
	}
	return buf, nil
}

func (c *checker) read(buf []byte, id uint64) error {
	if _, err := c.file.ReadAt(buf, int64(id)*pageSize); err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("page %d can not be read: %w", id, err)
	}
	return nil
}

// element is one entry of a page. In a branch value is nil and child set.
type element struct {
	key, value []byte
	bucket     bool
	child      uint64
}

// elements reads the entries of a page (or of an inline page) with all bounds
// checked, keys strictly ascending from lo (inclusive) to hi (exclusive, nil:
// open).
func elements(page []byte, lo, hi []byte) (leaf bool, out []element, err error) {
	if len(page) < pageHeader {
		return false, nil, errors.New("is too short")
	}
	flags, count := order.Uint16(page[8:]), int(order.Uint16(page[10:]))
	if flags != flagLeaf && flags != flagBranch {
		return false, nil, fmt.Errorf("is of unknown type %#x", flags)
	}
	if pageHeader+count*elemSize > len(page) || flags == flagBranch && count == 0 {
		return false, nil, fmt.Errorf("has an impossible number of entries, %d", count)
	}
	out = make([]element, count)
	for i := range out {
		at := pageHeader + i*elemSize
		e := page[at : at+elemSize]
		var el element
		var pos, ksize, vsize uint64
		if flags == flagLeaf {
			kind := order.Uint32(e)
			if kind > 1 {
				return false, nil, fmt.Errorf("has an entry of unknown type %#x", kind)
			}
			el.bucket = kind == 1
			pos, ksize, vsize = uint64(order.Uint32(e[4:])), uint64(order.Uint32(e[8:])), uint64(order.Uint32(e[12:]))
		} else {
			pos, ksize, el.child = uint64(order.Uint32(e)), uint64(order.Uint32(e[4:])), order.Uint64(e[8:])
		}
		from := uint64(at) + pos
		if pos < elemSize || ksize == 0 || from+ksize+vsize > uint64(len(page)) {
			return false, nil, errors.New("has an entry outside of itself")
		}
		el.key, el.value = page[from:from+ksize], page[from+ksize:from+ksize+vsize]
		if i > 0 && bytes.Compare(out[i-1].key, el.key) >= 0 || i == 0 && bytes.Compare(el.key, lo) < 0 || hi != nil && bytes.Compare(el.key, hi) >= 0 {
			return false, nil, errors.New("has keys out of order")
		}
		out[i] = el
	}
	return flags == flagLeaf, out, nil
}

// root checks the root bucket: it holds buckets, and those hold values.
func (c *checker) root(id uint64) error {
	return c.tree(id, nil, nil, 0, func(e element) error {
		if !e.bucket || len(e.value) < 16 {
			return fmt.Errorf("%q is no bucket", e.key)
		}
		if order.Uint64(e.value[8:]) != 0 { // bbolt's own counter; not used here
			return fmt.Errorf("bucket %q has a counter", e.key)
		}
		if root := order.Uint64(e.value); root != 0 {
			return c.tree(root, nil, nil, 0, plainValue)
		}
		leaf, elems, err := elements(e.value[16:], nil, nil)
		if err != nil || !leaf {
			return fmt.Errorf("bucket %q %v", e.key, err)
		}
		for _, el := range elems {
			if err := plainValue(el); err != nil {
				return err
			}
		}
		return nil
	})
}

func plainValue(e element) error {
	if e.bucket {
		return fmt.Errorf("%q is a bucket in a bucket", e.key)
	}
	return nil
}

func (c *checker) tree(id uint64, lo, hi []byte, depth int, visit func(element) error) error {
	if depth > maxDepth {
		return errors.New("the tree is too deep")
	}
	page, err := c.page(id)
	if err != nil {
		return err
	}
	leaf, elems, err := elements(page, lo, hi)
	if err != nil {
		return fmt.Errorf("page %d %w", id, err)
	}
	for i, e := range elems {
		if leaf {
			err = visit(e)
		} else {
			next := hi
			if i+1 < len(elems) {
				next = elems[i+1].key
			}
			err = c.tree(e.child, e.key, next, depth+1, visit)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
