package config

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Error is one thing that is wrong with a configuration.
type Error struct {
	Where string // file name, "flag", or "environment ABHOLSTATION_…"
	Line  int    // from 1; 0 where there is no line
	Key   string // "hardware.pulse", "compartment[3].lock"; "" for syntax errors
	Text  string // what is wrong and what is allowed
}

// Error returns "file:line: key: text".
func (e Error) Error() string {
	var b strings.Builder
	b.WriteString(e.Where)
	if e.Line > 0 {
		fmt.Fprintf(&b, ":%d", e.Line)
	}
	b.WriteString(": ")
	if e.Key != "" {
		b.WriteString(e.Key + ": ")
	}
	b.WriteString(e.Text)
	return b.String()
}

// Errors is everything that is wrong with a configuration, in the order of
// the lines. Empty means valid.
type Errors []Error

// Error returns one line per error.
func (e Errors) Error() string {
	lines := make([]string, len(e))
	for i, one := range e {
		lines[i] = one.Error()
	}
	return strings.Join(lines, "\n")
}

func (e Errors) sorted() Errors {
	slices.SortStableFunc(e, func(a, b Error) int {
		return cmp.Or(cmp.Compare(a.Where, b.Where), cmp.Compare(a.Line, b.Line))
	})
	return slices.Compact(e)
}
