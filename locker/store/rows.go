package store

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"slices"

	"abholstation/locker"
)

// Change is one row that has to be written or, with a nil Row, deleted.
type Change struct {
	Key string // in the state bucket
	Row any
	// Erased begins the keys of the personal parts that go with a deleted row.
	Erased string
}

// Diff returns what has to be written to get from one State to the next. A row
// whose pointer is the same was not changed and is not written. The clock is
// not among the rows: it rides along.
func Diff(before, after locker.State) []Change {
	var out []Change
	if before.Meta != after.Meta {
		out = append(out, Change{Key: metaKey, Row: after.Meta})
	}
	if !same(before.Compartments, after.Compartments) {
		old := map[int]*locker.Compartment{}
		for _, c := range before.Compartments {
			old[c.Number] = c
		}
		for _, c := range after.Compartments {
			if old[c.Number] != c {
				out = append(out, Change{Key: compartmentKey(c), Row: c})
			}
		}
	}
	if !same(before.Deliveries, after.Deliveries) {
		out = diffSorted(out, before.Deliveries, after.Deliveries,
			func(d *locker.Delivery) uint64 { return uint64(d.ID) }, deliveryKey,
			func(d *locker.Delivery) string { return personalOwner(d.ID, 0) })
	}
	if !same(before.Groups, after.Groups) {
		out = diffSorted(out, before.Groups, after.Groups,
			func(g *locker.Group) uint64 { return uint64(g.ID) }, groupKey,
			func(g *locker.Group) string { return personalOwner(0, g.ID) })
	}
	return out
}

// same says whether two slices are one and the same.
func same[T any](a, b []T) bool {
	return len(a) == len(b) && (len(a) == 0 || &a[0] == &b[0])
}

// diffSorted walks two lists of rows in ascending ID.
func diffSorted[T any](out []Change, a, b []*T, id func(*T) uint64, key, erased func(*T) string) []Change {
	for len(a) > 0 || len(b) > 0 {
		switch {
		case len(b) == 0 || len(a) > 0 && id(a[0]) < id(b[0]):
			out = append(out, Change{Key: key(a[0]), Erased: erased(a[0])})
			a = a[1:]
		case len(a) == 0 || id(b[0]) < id(a[0]):
			out = append(out, Change{Key: key(b[0]), Row: b[0]})
			b = b[1:]
		default:
			if a[0] != b[0] {
				if k := key(a[0]); k != key(b[0]) {
					out = append(out, Change{Key: k})
				}
				out = append(out, Change{Key: key(b[0]), Row: b[0]})
			}
			a, b = a[1:], b[1:]
		}
	}
	return out
}

// The keys of rows. A delivery's row stands right behind that of its
// compartment, so that both mostly lie on one page: a pickup writes both.
const metaKey = "m"

func compartmentKey(c *locker.Compartment) string {
	return string(append(binary.BigEndian.AppendUint32([]byte("c"), uint32(c.Number)), 0))
}

func deliveryKey(d *locker.Delivery) string {
	k := append(binary.BigEndian.AppendUint32([]byte("c"), uint32(d.Compartment)), 1)
	return string(binary.BigEndian.AppendUint64(k, uint64(d.ID)))
}

func groupKey(g *locker.Group) string {
	return string(binary.BigEndian.AppendUint64([]byte("g"), uint64(g.ID)))
}

// personalOwner begins the keys of all personal parts of a delivery or group.
func personalOwner(d locker.DeliveryID, g locker.GroupID) string {
	if d != 0 {
		return string(binary.BigEndian.AppendUint64([]byte("d"), uint64(d)))
	}
	return string(binary.BigEndian.AppendUint64([]byte("g"), uint64(g)))
}

// rowSet collects rows as they are read.
type rowSet struct {
	compartments map[int]*locker.Compartment
	deliveries   []*locker.Delivery
	groups       []*locker.Group
	meta         *locker.Meta
}

// add decodes one row and holds it against its key.
func (r *rowSet) add(key string, plain []byte) error {
	var want string
	var err error
	switch {
	case key == metaKey:
		r.meta, want = &locker.Meta{}, metaKey
		err = json.Unmarshal(plain, r.meta)
	case len(key) == 6 && key[0] == 'c':
		c := &locker.Compartment{}
		err = json.Unmarshal(plain, c)
		r.compartments[c.Number], want = c, compartmentKey(c)
	case len(key) == 14 && key[0] == 'c':
		d := &locker.Delivery{}
		err = json.Unmarshal(plain, d)
		r.deliveries, want = append(r.deliveries, d), deliveryKey(d)
	case key[0] == 'g':
		g := &locker.Group{}
		err = json.Unmarshal(plain, g)
		r.groups, want = append(r.groups, g), groupKey(g)
	default:
		return fmt.Errorf("row %q is of no known kind", key)
	}
	if err != nil || want != key {
		return fmt.Errorf("row %q can not be read: %v", key, err)
	}
	return nil
}

// state puts the rows into the state of the configured cabinet. Compartments
// that are new in the configuration come as NewState makes them; one that is
// gone from it must be empty.
func (r *rowSet) state(fresh locker.State, clock locker.Clock) (locker.State, error) {
	st := fresh
	st.Clock = clock
	if r.meta == nil {
		return st, fmt.Errorf("the row of counters is missing")
	}
	st.Meta = r.meta
	st.Compartments = slices.Clone(fresh.Compartments)
	for i, c := range st.Compartments {
		if stored := r.compartments[c.Number]; stored != nil {
			st.Compartments[i] = stored
			delete(r.compartments, c.Number)
		}
	}
	for number, c := range r.compartments {
		if c.Delivery != 0 {
			return st, &layoutError{number, c.Delivery}
		}
	}
	slices.SortFunc(r.deliveries, func(a, b *locker.Delivery) int { return int(int64(a.ID) - int64(b.ID)) })
	slices.SortFunc(r.groups, func(a, b *locker.Group) int { return int(int64(a.ID) - int64(b.ID)) })
	for i := 1; i < len(r.deliveries); i++ {
		if r.deliveries[i].ID == r.deliveries[i-1].ID {
			return st, fmt.Errorf("delivery %d is stored twice", r.deliveries[i].ID)
		}
	}
	st.Deliveries, st.Groups = r.deliveries, r.groups
	return st, nil
}

// layoutError: the configuration has lost a compartment that holds documents.
type layoutError struct {
	number   int
	delivery locker.DeliveryID
}

func (e *layoutError) Error() string {
	return fmt.Sprintf("cannot open the store: compartment %d holds delivery %d and is not in the configured cabinet; put it back into the configuration and retrieve the documents first", e.number, e.delivery)
}

// doubt returns the state as it may be believed after damage or a restore: no
// code is valid before the inventory, no compartment counts as free, and no
// number is given out a second time.
func doubt(st locker.State, why string) locker.State {
	st.Compartments = slices.Clone(st.Compartments)
	for i, c := range st.Compartments {
		n := *c
		if n.Use == locker.Free || n.Use == locker.Reserved || n.Use == "" {
			n.Use = locker.ToCheck
		}
		if n.Intent != nil {
			in := *n.Intent
			in.Settle = true
			n.Intent = &in
		}
		st.Compartments[i] = &n
	}
	st.Deliveries = slices.Clone(st.Deliveries)
	for i, d := range st.Deliveries {
		n := *d
		n.Suspended = true
		st.Deliveries[i] = &n
	}
	st.Groups = slices.Clone(st.Groups)
	for i, g := range st.Groups {
		n := *g
		n.Suspended = true
		st.Groups[i] = &n
	}
	meta := *st.Meta
	meta.Inventory = locker.Inventory{Required: true, Why: why}
	meta.NextDelivery += skipIDs
	meta.NextGroup += skipIDs
	meta.NextIntent += skipIDs
	st.Meta = &meta
	return st
}

// skipIDs is how far counters are moved on after damage: more than a station
// gives out between two snapshots.
const skipIDs = 100_000
