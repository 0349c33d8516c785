package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"sync"
	"time"

	"abholstation/hal"
	"abholstation/hal/sim"
)

// hands are the people in front of the cabinet: the papers they hold, and how
// far they have helped the clock along. The zero value holds nothing.
type hands struct {
	passing sync.Mutex // one who lets time pass at a time; taken before mu
	mu      sync.Mutex
	papers  []string
	made    int // papers that were given a name of their own
	passed  time.Duration
	jumped  time.Duration
}

// handsMax bounds what somebody can hold, and what lies in one compartment.
const handsMax = 200

// put lays a paper from the hands, or a new one, into a compartment.
func (h *hands) put(w *sim.World, n int, paper string) (string, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	made := h.made
	if paper == "" {
		made++
		paper = fmt.Sprintf("Umschlag %d", made)
	}
	held := slices.Index(h.papers, paper)
	if len(w.Inside(n)) >= handsMax {
		return "", fmt.Errorf("compartment %d is stuffed full", n)
	}
	if held < 0 {
		for _, b := range w.Snapshot().Compartments {
			if slices.Contains(b.Papers, paper) {
				return "", fmt.Errorf("%q lies in compartment %d: take it out first", paper, b.Number)
			}
		}
	}
	if err := w.Put(n, paper); err != nil {
		return "", err
	}
	h.made = made
	if held >= 0 {
		h.papers = slices.Delete(h.papers, held, held+1)
	}
	return paper, nil
}

// take takes everything out of a compartment.
func (h *hands) take(w *sim.World, n int) ([]string, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.papers)+len(w.Inside(n)) > handsMax {
		return nil, errors.New("the hands are full: drop something first")
	}
	papers, err := w.Take(n)
	if err != nil {
		return nil, err
	}
	if len(papers) == 0 {
		return nil, fmt.Errorf("there is nothing in compartment %d", n)
	}
	h.papers = append(h.papers, papers...)
	return papers, nil
}

// drop throws a paper away, or all.
func (h *hands) drop(paper string) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if paper == "" {
		h.papers = nil
		return nil
	}
	i := slices.Index(h.papers, paper)
	if i < 0 {
		return fmt.Errorf("%q is not in the hands", paper)
	}
	h.papers = slices.Delete(h.papers, i, i+1)
	return nil
}

func (h *hands) holds() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return append([]string{}, h.papers...)
}

// A cabinet that waits for a door reads it every fraction of a second; a leap
// over minutes would look as if it had been blind for so long. So time passes in
// steps: of a second at first, longer the more has passed, with a moment after
// each in which the station reads and decides.
const (
	smallStep  = time.Second
	smallSteps = 30 * time.Second // until so much has passed
	stepShare  = 8                // then steps are this part of what has passed
	moment     = 10 * time.Millisecond
)

// pass lets time pass at once on both clocks.
func (h *hands) pass(ctx context.Context, w *sim.World, c *sim.RealClock, d time.Duration) error {
	h.passing.Lock()
	defer h.passing.Unlock()
	if h.been()+d > farthest {
		return errors.New("cannot go beyond ten years from now")
	}
	for done := time.Duration(0); done < d; {
		step := smallStep
		if done >= smallSteps {
			step = done / stepShare
		}
		step = min(step, d-done)
		if err := w.PassTime(c, step); err != nil {
			return err
		}
		done += step
		h.mu.Lock()
		h.passed += step
		h.mu.Unlock()
		select {
		case <-time.After(moment):
		case <-ctx.Done():
			return fmt.Errorf("only %s have passed: %w", done.Round(time.Second), ctx.Err())
		}
	}
	return nil
}

func (h *hands) been() time.Duration {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.passed
}

// jump sets the wall clock wrong.
func (h *hands) jump(c *sim.RealClock, d time.Duration) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if to := h.jumped + d; to > farthest || to < -farthest {
		return errors.New("cannot set the clock more than ten years wrong")
	}
	c.Jump(d)
	h.jumped += d
	return nil
}

// farthest is how far time can be helped along.
const farthest = 10 * 365 * 24 * time.Hour

// left is the world as it was left: what a cabinet keeps without power.
type left struct {
	Hands     []string      `json:"hands,omitempty"`
	Made      int           `json:"made,omitempty"`
	Passed    time.Duration `json:"passed_ns,omitempty"`
	Jumped    time.Duration `json:"jumped_ns,omitempty"`
	NoMains   bool          `json:"no_mains,omitempty"`
	Tamper    bool          `json:"tamper,omitempty"`
	Unplugged bool          `json:"unplugged,omitempty"`
	Boxes     []sim.Box     `json:"boxes,omitempty"`
}

func readLeft(path string) (left, error) {
	var l left
	raw, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return l, nil
	case err != nil:
		return l, fmt.Errorf("cannot read how the cabinet was left: %w", err)
	}
	var form struct {
		left
		// Sensors has no text form that can be read back, and is fixed anyway.
		Boxes []struct {
			sim.Box
			Sensors any `json:"sensors"`
		} `json:"boxes"`
	}
	if err := json.Unmarshal(raw, &form); err != nil {
		return l, fmt.Errorf("cannot read how the cabinet was left: %s is damaged; delete it for an empty cabinet with shut doors", path)
	}
	l = form.left
	for _, b := range form.Boxes {
		l.Boxes = append(l.Boxes, b.Box)
	}
	return l, nil
}

// restoreClock sets the clock as far ahead as it was.
func (h *hands) restoreClock(c *sim.RealClock, l left) {
	h.passed, h.jumped = l.Passed, l.Jumped
	c.Pass(h.passed)
	c.Jump(h.jumped)
}

// restore puts papers, doors and faults back. What does not fit any more (a
// sensor that is not there) is left out.
func (h *hands) restore(w *sim.World, l left) {
	h.papers, h.made = l.Hands, l.Made
	w.Mains(!l.NoMains)
	w.Tamper(l.Tamper)
	for _, b := range l.Boxes {
		n := b.Number
		_ = w.Loose(n, b.Loose)
		if b.Open || len(b.Papers) > 0 {
			_ = w.Pry(n)
			for _, p := range b.Papers {
				_ = w.Put(n, p)
			}
			if !b.Open {
				_ = w.Close(n)
			}
		}
		_, _, _ = w.Jam(n, b.Jam), w.Blind(n, b.Blind), w.Bounce(n, b.Bounce)
		if b.Sticky {
			_ = w.Sticky(n, true, 0)
		}
		for _, s := range b.Cut {
			_ = w.CutWire(n, s, true)
		}
		for s, v := range b.Stuck {
			_ = w.StickSensor(n, s, map[string]hal.Tri{"yes": hal.Yes, "no": hal.No}[v])
		}
		_ = w.Wear(n, b.Cycles)
	}
	w.Unplug(l.Unplugged)
}

// saveWorld keeps the world for the next run; one that is removed at the end
// needs none.
func (in *installation) saveWorld() error {
	p := in.world.Snapshot()
	in.hands.mu.Lock()
	l := left{
		Hands: slices.Clone(in.hands.papers), Made: in.hands.made, Passed: in.hands.passed, Jumped: in.hands.jumped,
		NoMains: !p.Mains, Tamper: p.Tamper, Unplugged: p.Unplugged, Boxes: p.Compartments,
	}
	in.hands.mu.Unlock()
	return writeFile(in.leftPath(), l)
}

// keepEvery is how much of the world an unexpected end may forget.
const keepEvery = 500 * time.Millisecond

// keepWorld saves the world while it changes, so that the cabinet stands as it
// was even if this process is killed.
func (in *installation) keepWorld(ctx context.Context) {
	tick := time.NewTicker(keepEvery)
	defer tick.Stop()
	saved := uint64(0)
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if v := in.world.Version(); v != saved {
			if err := in.saveWorld(); err != nil {
				in.log.Error("cannot keep the world", "err", err)
				continue
			}
			saved = v
		}
	}
}
