package config

import (
	"bytes"
	"errors"
	"fmt"
	"sort"
	"strings"

	"github.com/pelletier/go-toml/v2"
	"github.com/pelletier/go-toml/v2/unstable"
)

// Bounds of what is read, so that a wrong file (a disk image, say) gives a
// clear answer instead of eating the memory of a small board.
const (
	maxBytes        = 256 << 10
	maxDepth        = 8
	maxSyntaxErrors = 50
)

// value is one value of the file with the place where it was written. The TOML
// library's own decoder stops at the first wrong type and tells no positions
// of what it accepted; both are needed to report everything at once.
type value struct {
	where string
	line  int
	kind  unstable.Kind // Table, ArrayTable, Array, or a scalar's
	text  string
	names []string // of a table, in the order of the file
	table map[string]*value
	items []*value // of an Array or ArrayTable
}

func newTable(where string, line int) *value {
	return &value{where: where, line: line, kind: unstable.Table, table: map[string]*value{}}
}

func (v *value) put(name string, child *value) {
	v.table[name] = child
	v.names = append(v.names, name)
}

// reader turns a file into a tree. After a syntax error it goes on with the
// next line, so that one missing quote does not hide all other errors.
type reader struct {
	name    string
	data    []byte
	base    int // offset of the parser's input within data
	parser  unstable.Parser
	lines   []int // offsets at which lines begin
	root    *value
	current *value // table that key = value lines go to; nil after a broken header
	headers map[string]int
	errs    Errors
	broken  bool // syntax errors: what is missing may be in the unreadable part
}

func readTree(name string, data []byte) (*value, Errors, bool) {
	r := &reader{name: name, data: data, root: newTable(name, 1), headers: map[string]int{}}
	r.current = r.root
	r.lines = []int{0}
	for i, c := range data {
		if c == '\n' {
			r.lines = append(r.lines, i+1)
		}
	}
	if len(data) > maxBytes {
		r.fail(0, "", "the file has %d bytes, at most %d are allowed", len(data), maxBytes)
		return r.root, r.errs, true
	}
	for r.base < len(data) && r.parse() {
		if len(r.errs) >= maxSyntaxErrors {
			break
		}
	}
	return r.root, r.errs, r.broken
}

// parse reads up to the next syntax error and says whether there was one.
func (r *reader) parse() bool {
	r.parser.Reset(r.data[r.base:])
	for r.parser.NextExpression() {
		r.expression(r.parser.Expression())
	}
	err := r.parser.Error()
	if err == nil {
		return false
	}
	at := r.base
	var perr *unstable.ParserError
	if errors.As(err, &perr) {
		// A highlight is a part of the input: the room behind its begin tells where it is.
		if offset := cap(r.data) - cap(perr.Highlight); offset >= r.base && offset <= len(r.data) {
			at = offset
		}
	}
	r.broken = true
	r.fail(r.lineAt(at), "", "not valid TOML: %s", err)
	begin := bytes.LastIndexByte(r.data[:at], '\n') + 1
	if bytes.HasPrefix(bytes.TrimSpace(r.data[begin:]), []byte("[")) {
		r.current = nil // whose keys follow is not known
	}
	end := bytes.IndexByte(r.data[at:], '\n')
	if end < 0 {
		r.base = len(r.data)
	} else {
		r.base = at + end + 1
	}
	return true
}

// confirm lets the library judge what this reader is lenient about, such as
// a table that is reopened by a dotted key. It returns nil if all is well.
func confirm(name string, data []byte) *Error {
	var all map[string]any
	err := toml.Unmarshal(data, &all)
	if err == nil {
		return nil
	}
	line := 0
	var derr *toml.DecodeError
	if errors.As(err, &derr) {
		line, _ = derr.Position()
	}
	return &Error{Where: name, Line: line, Text: "not valid TOML: " + strings.TrimPrefix(err.Error(), "toml: ")}
}

func (r *reader) fail(line int, key, format string, args ...any) {
	r.errs = append(r.errs, Error{Where: r.name, Line: line, Key: key, Text: fmt.Sprintf(format, args...)})
}

func (r *reader) lineAt(offset int) int {
	return sort.SearchInts(r.lines, offset+1) // lines that begin at or before offset
}

func (r *reader) line(n *unstable.Node, otherwise int) int {
	if n.Raw.Length == 0 {
		return otherwise
	}
	return r.lineAt(r.base + int(n.Raw.Offset))
}

func (r *reader) expression(n *unstable.Node) {
	keys, line := r.keys(n)
	switch n.Kind {
	case unstable.Table, unstable.ArrayTable:
		r.header(n.Kind, keys, line)
	case unstable.KeyValue:
		if r.current != nil {
			r.keyValue(r.current, keys, line, n.Value(), 0)
		}
	}
}

func (r *reader) keys(n *unstable.Node) (keys []string, line int) {
	for it := n.Key(); it.Next(); {
		if line == 0 {
			line = r.line(it.Node(), 0)
		}
		keys = append(keys, string(it.Node().Data))
	}
	return keys, line
}

func (r *reader) header(kind unstable.Kind, keys []string, line int) {
	parent := r.descend(r.root, keys[:len(keys)-1], line)
	r.current = nil
	if parent == nil {
		return
	}
	name, path := keys[len(keys)-1], strings.Join(keys, ".")
	old := parent.table[name]
	switch {
	case old != nil && old.kind != kind:
		r.fail(line, path, "already given in line %d as something else", old.line)
	case kind == unstable.ArrayTable:
		if old == nil {
			old = &value{where: r.name, line: line, kind: kind}
			parent.put(name, old)
		}
		r.current = newTable(r.name, line)
		old.items = append(old.items, r.current)
	case old != nil && r.headers[path] > 0 && !strings.Contains(path, "."):
		r.fail(line, path, "the section is already begun in line %d", r.headers[path])
		r.current = old // its keys are still checked
	default:
		if old == nil {
			old = newTable(r.name, line)
			parent.put(name, old)
		}
		r.headers[path] = line
		r.current = old
	}
}

// descend follows the keys to a table and makes what is missing.
func (r *reader) descend(from *value, keys []string, line int) *value {
	for _, name := range keys {
		next := from.table[name]
		if next == nil {
			next = newTable(r.name, line)
			from.put(name, next)
		}
		if next.kind == unstable.ArrayTable {
			next = next.items[len(next.items)-1]
		}
		if next.table == nil {
			r.fail(line, name, "already given in line %d as something else", next.line)
			return nil
		}
		from = next
	}
	return from
}

func (r *reader) keyValue(into *value, keys []string, line int, n *unstable.Node, depth int) {
	parent := r.descend(into, keys[:len(keys)-1], line)
	if parent == nil {
		return
	}
	name := keys[len(keys)-1]
	if old := parent.table[name]; old != nil {
		r.fail(line, strings.Join(keys, "."), "already given in line %d", old.line)
		return
	}
	parent.put(name, r.value(n, line, depth))
}

func (r *reader) value(n *unstable.Node, line, depth int) *value {
	v := &value{where: r.name, line: r.line(n, line), kind: n.Kind, text: string(n.Data)}
	switch {
	case depth > maxDepth:
		r.fail(line, "", "nested more than %d deep", maxDepth)
	case n.Kind == unstable.Array:
		for it := n.Children(); it.Next(); {
			if it.Node().Kind != unstable.Comment {
				v.items = append(v.items, r.value(it.Node(), v.line, depth+1))
			}
		}
	case n.Kind == unstable.InlineTable:
		v.kind, v.table = unstable.Table, map[string]*value{}
		for it := n.Children(); it.Next(); {
			if it.Node().Kind == unstable.KeyValue {
				keys, at := r.keys(it.Node())
				r.keyValue(v, keys, max(at, v.line), it.Node().Value(), depth+1)
			}
		}
	}
	return v
}
