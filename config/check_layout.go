package config

import (
	"fmt"
	"regexp"
	"strconv"
)

var lockForm = regexp.MustCompile(`^([a-z][a-z0-9_-]{0,39})(?::([1-9][0-9]?)(?:-([1-9][0-9]?))?)?$`)

// locks reads "left:1-16", "left:3" and, where whole banks are allowed,
// "left". A range may run downwards: "left:16-1". No lock and no error: the
// bank's own description is wrong.
func (k *checker) locks(text string, whole bool) ([]Lock, error) {
	m := lockForm.FindStringSubmatch(text)
	if m == nil || (m[2] == "" && !whole) {
		return nil, fmt.Errorf(`must be locks such as "left:1-16" or "left:3", but is %q`, text)
	}
	b := k.bankOf(m[1])
	if b == nil {
		return nil, k.noBank(m[1])
	}
	if b.Channels == 0 {
		return nil, nil // has its own error
	}
	from, to := 1, b.Channels
	if m[2] != "" {
		from, _ = strconv.Atoi(m[2]) // the pattern has digits only
		to = from
	}
	if m[3] != "" {
		to, _ = strconv.Atoi(m[3])
	}
	if max(from, to) > b.Channels {
		return nil, fmt.Errorf("bank %q has channels 1 to %d, but %q asks for more", b.Name, b.Channels, text)
	}
	step := 1
	if to < from {
		step = -1
	}
	var all []Lock
	for ch := from; ch != to+step; ch += step {
		all = append(all, Lock{b.Name, ch})
	}
	return all, nil
}

// spot is a compartment with the key under which it was written.
type spot struct {
	Compartment
	key, lock string
}

// compartments puts those of the grids beside those written one by one, and
// checks them all.
func (k *checker) compartments() {
	var all []spot
	complete := k.sound("grid", "compartment", "bank")
	for i, c := range k.c.Compartments {
		key := at("compartment", i)
		if !k.sound(key) {
			continue
		}
		s := spot{c, key, key + ".lock"}
		k.sensors(&s)
		all = append(all, s)
	}
	for i, g := range k.c.Grids {
		if key := at("grid", i); k.sound(key) {
			all = append(all, k.grid(g, key)...)
		}
	}
	k.unique(all)
	k.c.Compartments = nil
	used := map[string]bool{}
	for _, s := range all {
		k.c.Compartments = append(k.c.Compartments, s.Compartment)
		used[s.Lock.Bank] = true
	}
	if complete && len(all) == 0 && k.sound("grid") {
		k.fail("", "there is no compartment; describe them by [[grid]] or [[compartment]]")
		return
	}
	for i, b := range k.c.Banks {
		if complete && !used[b.Name] && k.sound("grid", "compartment") {
			k.fail(at("bank", i)+".name", "no compartment has a lock of bank %q; take it out or use it", b.Name)
		}
	}
}

// grid makes the compartments of a grid.
func (k *checker) grid(g Grid, key string) []spot {
	var locks []Lock
	var from []string
	for i, text := range g.Locks {
		some, err := k.locks(text, false)
		if err != nil || len(some) == 0 {
			k.failErr(at(key+".locks", i), err)
			return nil
		}
		for _, l := range some {
			locks, from = append(locks, l), append(from, at(key+".locks", i))
		}
	}
	rows := len(g.Rows)
	if count := g.Columns * rows; len(locks) != count {
		k.fail(key+".locks", "must be %d locks for %d columns of %d rows, but are %d", count, g.Columns, rows, len(locks))
		return nil
	}
	if g.FirstNumber+len(locks)-1 > 999 || g.FirstRow+rows-1 > 40 || g.FirstColumn+g.Columns-1 > 80 {
		k.fail(key, "too large; allowed are numbers up to 999, rows up to 40 and columns up to 80")
		return nil
	}
	var all []spot
	for i, l := range locks {
		row, column := i%rows, i/rows
		if g.Order == "rows" {
			row, column = i/g.Columns, i%g.Columns
		}
		s := spot{Compartment{
			Number: g.FirstNumber + i, Lock: l, Size: g.Rows[row].Size, HeightMM: g.Rows[row].HeightMM,
			Row: g.FirstRow + row, Column: g.FirstColumn + column,
		}, key, from[i]}
		k.sensors(&s)
		all = append(all, s)
	}
	return all
}

// sensors fills in what the bank says about the lock's sensors, and refuses
// what it cannot have.
func (k *checker) sensors(s *spot) {
	b := k.bankOf(s.Lock.Bank)
	if b == nil {
		k.failErr(s.lock, k.noBank(s.Lock.Bank))
		return
	}
	if s.Lock.Channel > b.Channels && b.Channels > 0 {
		k.fail(s.lock, "bank %q has channels 1 to %d", b.Name, b.Channels)
	}
	latch := b.Feedback == "latch" || b.Feedback == "door+latch"
	switch {
	case !k.d.given(s.key + ".latch"):
		s.Latch = latch
	case s.Latch && !latch:
		k.fail(s.key+".latch", "bank %q has feedback %q and reports no latch", b.Name, b.Feedback)
	case !s.Latch && b.Feedback == "latch":
		k.fail(s.key+".latch", "the latch is the only door feedback of bank %q; a lock without any is refused", b.Name)
	}
	switch {
	case !k.d.given(s.key + ".presence"):
		s.Presence = b.Presence
	case s.Presence && !b.Presence:
		k.fail(s.key+".presence", "bank %q has no presence sensors", b.Name)
	}
}

// unique refuses two compartments with one number, one lock or one place.
func (k *checker) unique(all []spot) {
	numbers, locks, places := map[int]spot{}, map[Lock]spot{}, map[[2]int]spot{}
	for _, s := range all {
		if other, ok := numbers[s.Number]; ok {
			k.fail(under(s.key, "number"), "compartment %d is given twice, first %s", s.Number, k.line(under(other.key, "number")))
		} else {
			numbers[s.Number] = s
		}
		if other, ok := locks[s.Lock]; ok {
			k.fail(s.lock, "lock %s:%d of compartment %d already belongs to compartment %d, %s", s.Lock.Bank, s.Lock.Channel, s.Number, other.Number, k.line(other.lock))
		} else {
			locks[s.Lock] = s
		}
		place := [2]int{s.Row, s.Column}
		if other, ok := places[place]; ok {
			k.fail(s.key, "compartment %d is at row %d, column %d, where compartment %d is, %s", s.Number, s.Row, s.Column, other.Number, k.line(other.key))
		} else {
			places[place] = s
		}
	}
}

// under names a key of a compartment; one of a grid has no keys of its own.
func under(key, name string) string {
	if key[0] == 'g' {
		return key
	}
	return key + "." + name
}
