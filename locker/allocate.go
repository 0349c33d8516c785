package locker

import "math"

// Allocate chooses a compartment for documents of a size: the smallest usable one
// that fits, of those the one whose lock was pulsed least, of those the lowest
// number. reachable asks for one that a wheelchair user or a child reaches; for
// all others ReserveReach of these is kept free. ok is false if there is none.
func (r *Rules) Allocate(s State, size Size, reachable bool) (number int, ok bool) {
	band, free := r.reach(s)
	// Whoever does not need the height may have one as long as the reserve stays.
	// The small amount takes away what binary fractions add to, say, 0.1 × 30.
	reserve := int(math.Ceil(r.ReserveReach*float64(band) - 1e-9))
	spare := free > reserve
	best := -1
	for i, p := range r.Layout {
		if p.Size < size || reachable && !p.Reachable() || !reachable && p.Reachable() && !spare {
			continue
		}
		if r.Usable(s, p.Number) != nil {
			continue
		}
		if best < 0 || r.before(s, i, best) {
			best = i
		}
	}
	if best < 0 {
		return 0, false
	}
	return r.Layout[best].Number, true
}

// before says whether the compartment at index a is chosen before the one at b.
func (r *Rules) before(s State, a, b int) bool {
	p, q := r.Layout[a], r.Layout[b]
	if p.Size != q.Size {
		return p.Size < q.Size
	}
	if m, n := s.Compartments[a].Cycles, s.Compartments[b].Cycles; m != n {
		return m < n
	}
	return p.Number < q.Number
}

// reach counts the reachable compartments, and those of them that are usable.
func (r *Rules) reach(s State) (band, free int) {
	for _, p := range r.Layout {
		if !p.Reachable() {
			continue
		}
		band++
		if r.Usable(s, p.Number) == nil {
			free++
		}
	}
	return band, free
}

// Usable returns nil if documents may be loaded into this compartment now, else
// why not. Doubt is a reason: a door is used only on a fresh reading that says
// closed, and only if neither lock nor presence sensor contradicts.
func (r *Rules) Usable(s State, number int) *Refusal {
	no := func(code Reason, what string) *Refusal {
		return &Refusal{Code: code, Compartment: number, What: what}
	}
	i := s.Index(number)
	if i < 0 || i >= len(r.Layout) {
		return no(UnknownCompartment, "")
	}
	c, door := s.Compartments[i], s.Door(number)
	switch {
	case c.Blocked != "":
		return no(CompartmentBlocked, c.Blocked)
	case c.Fault != "":
		return no(CompartmentFault, string(c.Fault))
	case i < len(s.Down) && s.Down[i]:
		return no(CompartmentFault, "unreachable")
	case c.Intent != nil:
		return no(InUse, string(c.Intent.Purpose))
	case c.Use != Free:
		return no(NotFree, string(c.Use))
	case c.Delivery != 0:
		return no(NotFree, string(Occupied))
	case !door.Fresh || door.Open == Unknown:
		return no(DoorUnknown, "")
	case door.Open == Yes:
		return no(DoorIsOpen, "")
	case door.Locked == No:
		return no(CompartmentFault, string(LockLoose))
	case door.Item == Yes && !c.PresenceDoubt:
		return no(NotFree, "item_inside")
	}
	return nil
}
