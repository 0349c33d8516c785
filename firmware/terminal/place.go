package terminal

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"abholstation/locker"
)

// place is where a compartment is, in words.
type place struct{ column, row, both string }

// place says where a compartment is, as seen by who stands before it.
func (t *Terminal) place(compartment int) place {
	layout := t.seen.Rules.Layout
	i := slices.IndexFunc(layout, func(p locker.Place) bool { return p.Number == compartment })
	if i < 0 {
		return place{}
	}
	at := layout[i]
	columns, rows := 0, 0
	for _, p := range layout {
		columns = max(columns, p.Column)
		if p.Column == at.Column {
			rows = max(rows, p.Row)
		}
	}
	w := place{column: t.columnWord(at.Column, columns), row: t.rowWord(at.Row, rows)}
	switch {
	case w.column == "":
		w.both = w.row
	case w.row == "":
		w.both = w.column
	default:
		w.both = t.say("place.both", "column", w.column, "row", w.row)
	}
	return w
}

func (t *Terminal) columnWord(n, of int) string {
	switch {
	case of <= 1:
		return ""
	case of <= 3 && n == 1:
		return t.say("place.left")
	case of <= 3 && n == of:
		return t.say("place.right")
	case of == 3:
		return t.say("place.middle")
	case n == 1:
		return t.say("place.far_left")
	case n == of:
		return t.say("place.far_right")
	case n <= (of+1)/2:
		return t.say("place.from_left", "n", fmt.Sprint(n))
	}
	return t.say("place.from_right", "n", fmt.Sprint(of-n+1))
}

func (t *Terminal) rowWord(n, of int) string {
	switch {
	case of <= 1:
		return ""
	case n == 1:
		return t.say("place.top")
	case n == of:
		return t.say("place.bottom")
	case of == 3:
		return t.say("place.centre")
	case n <= (of+1)/2:
		return t.say("place.from_top", "n", fmt.Sprint(n))
	}
	return t.say("place.from_bottom", "n", fmt.Sprint(of-n+1))
}

// The drawing's units, and the heights of doors in mm where the layout gives
// none: only the picture's proportions depend on them.
const (
	drawingW = 440
	drawingH = 560
	gap      = 5
)

// drawing is the cabinet as seen from the front: one door filled and pointed
// at, all others as one outline.
type drawing struct {
	W, H       int
	Doors      string // SVG path of all doors
	Grips      string // and of their grips
	X, Y, W1   int    // the door
	H1         int
	TX, TY     int // its number's middle
	Number     int
	NumberSize int
	Arrow      string // SVG path
	Label      string
}

type rect struct{ x, y, w, h int }

// draw makes the drawing; with compartment 0 no door is marked.
func draw(layout []locker.Place, compartment int, label string) *drawing {
	rects := arrange(layout)
	var doors, grips strings.Builder
	for _, p := range layout {
		q := rects[p.Number]
		fmt.Fprintf(&doors, "M%d %dh%dv%dh-%dz", q.x, q.y, q.w, q.h, q.w)
		if q.w >= 40 && q.h >= 16 {
			fmt.Fprintf(&grips, "M%d %dv%d", q.x+q.w-10, q.y+q.h*3/10, q.h*4/10)
		}
	}
	r, ok := rects[compartment]
	if !ok {
		return &drawing{W: drawingW, H: drawingH, Doors: doors.String(), Grips: grips.String()}
	}
	d := &drawing{
		W: drawingW, H: drawingH, Doors: doors.String(), Grips: grips.String(),
		X: r.x, Y: r.y, W1: r.w, H1: r.h, TX: r.x + r.w/2, TY: r.y + r.h/2,
		Number: compartment, NumberSize: max(14, min(r.h*8/10, r.w*45/100, 64)), Label: label,
	}
	// The arrow comes from the side on which there is more room.
	y, length, half := r.y+r.h/2, 84, 26
	if r.x+r.w/2 >= drawingW/2 {
		x := r.x - 4
		d.Arrow = fmt.Sprintf("M%d %dl-36 -%dv%dh-%dv%dh%dv%dz", x, y, half, half-11, length-36, 22, length-36, half-11)
	} else {
		x := r.x + r.w + 4
		d.Arrow = fmt.Sprintf("M%d %dl36 -%dv%dh%dv%dh-%dv%dz", x, y, half, half-11, length-36, 22, length-36, half-11)
	}
	return d
}

// arrange puts the doors side by side in columns. Heights follow the layout's
// heights above the floor where they are plausible, else all are equal.
func arrange(layout []locker.Place) map[int]rect {
	columns := map[int][]locker.Place{}
	last := 0
	for _, p := range layout {
		columns[p.Column] = append(columns[p.Column], p)
		last = max(last, p.Column)
	}
	out := map[int]rect{}
	if last == 0 {
		return out
	}
	w := (drawingW - gap*(last+1)) / last
	for n, col := range columns {
		slices.SortFunc(col, func(a, b locker.Place) int { return cmp.Compare(a.Row, b.Row) })
		tall := heights(col)
		y := gap
		for i, p := range col {
			out[p.Number] = rect{x: gap + (n-1)*(w+gap), y: y, w: w, h: max(tall[i], 6)}
			y += tall[i] + gap
		}
	}
	return out
}

// heights shares the drawing's height among the doors of one column, from the
// top: each reaches from its lower edge to the lower edge of the one above.
func heights(col []locker.Place) []int {
	mm := make([]int, len(col))
	total := 0
	for i, p := range col {
		mm[i] = 100
		if i > 0 {
			mm[i] = col[i-1].HeightMM - p.HeightMM
		}
		if i == 0 && len(col) > 1 {
			mm[i] = col[0].HeightMM - col[1].HeightMM
		}
		// What lies between is not always a door (the terminal, a plinth).
		if mm[i] < 40 || mm[i] > 500 {
			return even(len(col))
		}
		total += mm[i]
	}
	room := drawingH - gap*(len(col)+1)
	for i := range mm {
		mm[i] = mm[i] * room / total
	}
	return mm
}

func even(n int) []int {
	out := make([]int, n)
	for i := range out {
		out[i] = (drawingH - gap*(n+1)) / n
	}
	return out
}
