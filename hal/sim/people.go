package sim

import (
	"fmt"
	"slices"
	"time"
)

// Pull pulls a door open, which works only when no latch holds it.
func (w *World) Pull(n int) error {
	return w.on(n, func(b *box) error {
		switch {
		case b.open:
			return fmt.Errorf("the door of compartment %d is open already", n)
		case b.engaged:
			return fmt.Errorf("the door of compartment %d is locked", n)
		}
		b.held = false
		w.setDoor(b, true)
		return nil
	})
}

// Close shuts a door gently.
func (w *World) Close(n int) error {
	return w.on(n, func(b *box) error {
		if !b.open {
			return fmt.Errorf("the door of compartment %d is closed already", n)
		}
		w.shut(b)
		return nil
	})
}

// Slam throws a door shut. One in three comes back open within 150 ms.
func (w *World) Slam(n int) error {
	return w.on(n, func(b *box) error {
		if !b.open {
			return fmt.Errorf("the door of compartment %d is closed already", n)
		}
		w.shut(b)
		if b.rnd.IntN(3) == 0 {
			b.reboundAt = w.now.Add(30*time.Millisecond + time.Duration(b.rnd.Int64N(int64(120*time.Millisecond))))
		}
		return nil
	})
}

// Hold leans against a closed door, so that no spring can open it.
func (w *World) Hold(n int) error {
	return w.on(n, func(b *box) error {
		if b.open {
			return fmt.Errorf("the door of compartment %d is open: close it before holding it shut", n)
		}
		b.held = true
		return nil
	})
}

// LetGo ends Hold. A door that nothing else holds springs open.
func (w *World) LetGo(n int) error {
	return w.on(n, func(b *box) error {
		if !b.held {
			return fmt.Errorf("nobody holds the door of compartment %d", n)
		}
		b.held = false
		if !b.open && !b.engaged && b.coil && b.popAt.IsZero() && !b.Manual {
			b.popAt = w.now.Add(popTime)
		}
		return nil
	})
}

// Put lays a paper into an open compartment.
func (w *World) Put(n int, paper string) error {
	return w.on(n, func(b *box) error {
		if !b.open {
			return closed(n)
		}
		b.papers = append(b.papers, paper)
		return nil
	})
}

// Take takes everything out of an open compartment; nothing may be there.
func (w *World) Take(n int) (papers []string, err error) {
	err = w.on(n, func(b *box) error {
		if !b.open {
			return closed(n)
		}
		papers, b.papers = b.papers, nil
		return nil
	})
	return papers, err
}

// Pry forces a door open, latch or not.
func (w *World) Pry(n int) error {
	return w.on(n, func(b *box) error {
		if b.open {
			return fmt.Errorf("the door of compartment %d is open already", n)
		}
		w.setDoor(b, true)
		return nil
	})
}

// IsOpen says whether a door is physically open; false for no compartment.
func (w *World) IsOpen(n int) (open bool) {
	_ = w.look(n, func(b *box) { open = b.open })
	return open
}

// Inside is what is physically in a compartment, seen through its door.
func (w *World) Inside(n int) (papers []string) {
	_ = w.look(n, func(b *box) { papers = slices.Clone(b.papers) })
	return papers
}

func (w *World) look(n int, f func(*box)) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.sync()
	b := w.byNumber[n]
	if b == nil {
		return fmt.Errorf("there is no compartment %d", n)
	}
	f(b)
	return nil
}

func closed(n int) error { return fmt.Errorf("the door of compartment %d is closed", n) }
