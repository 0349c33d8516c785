package locker

import (
	"testing"

	"pgregory.net/rapid"
)

// cabinet is a layout and a state in which every compartment is free, closed and
// freshly read. Places get numbers and locks from 1 on.
func cabinet(places ...Place) (*Rules, State) {
	r := Defaults()
	var s State
	for i, p := range places {
		p.Number, p.Lock = i+1, uint16(i)
		r.Layout = append(r.Layout, p)
		s.Compartments = append(s.Compartments, &Compartment{Number: p.Number, Use: Free})
		s.Doors = append(s.Doors, Sensed{Open: No, Fresh: true})
		s.Down = append(s.Down, false)
	}
	return &r, s
}

const (
	low  = 700  // reachable
	high = 1600 // not
)

func repeat(n int, p Place) (places []Place) {
	for range n {
		places = append(places, p)
	}
	return places
}

func TestAllocationTakesTheSmallestThatFits(t *testing.T) {
	r, s := cabinet(Place{Size: SizeL, HeightMM: high}, Place{Size: SizeM, HeightMM: high}, Place{Size: SizeS, HeightMM: high})
	for size, want := range map[Size]int{SizeS: 3, SizeM: 2, SizeL: 1} {
		if n, ok := r.Allocate(s, size, false); !ok || n != want {
			t.Errorf("size %d gets %d (%v), want %d", size, n, ok, want)
		}
	}
	s.Compartments[2].Use = Occupied
	if n, ok := r.Allocate(s, SizeS, false); !ok || n != 2 {
		t.Errorf("size S gets %d (%v) when no S is free, want 2", n, ok)
	}
	s.Compartments[0].Use = Occupied
	if n, ok := r.Allocate(s, SizeL, false); ok || n != 0 {
		t.Errorf("size L gets %d (%v) when no L is free", n, ok)
	}
}

func TestAmongEqualsTheLeastUsedLockAndThenTheLowestNumber(t *testing.T) {
	r, s := cabinet(repeat(4, Place{Size: SizeS, HeightMM: high})...)
	if n, _ := r.Allocate(s, SizeS, false); n != 1 {
		t.Errorf("all equal: %d, want 1", n)
	}
	for i, cycles := range []uint32{9, 4, 7, 4} {
		s.Compartments[i].Cycles = cycles
	}
	if n, _ := r.Allocate(s, SizeS, false); n != 2 {
		t.Errorf("least used: %d, want 2", n)
	}
}

func TestWhoNeedsAReachableOneGetsNoOther(t *testing.T) {
	r, s := cabinet(Place{Size: SizeS, HeightMM: 399}, Place{Size: SizeS, HeightMM: 1051}, Place{Size: SizeL, HeightMM: 400}, Place{Size: SizeL, HeightMM: 1050})
	if n, ok := r.Allocate(s, SizeS, true); !ok || n != 3 {
		t.Errorf("gets %d (%v), want 3", n, ok)
	}
	s.Compartments[2].Use, s.Compartments[3].Use = Occupied, Occupied
	if n, ok := r.Allocate(s, SizeS, true); ok {
		t.Errorf("gets %d although no reachable one is free", n)
	}
}

func TestATenthOfTheReachableBandIsKeptForThoseWhoNeedIt(t *testing.T) {
	for _, c := range []struct{ band, kept int }{{1, 1}, {3, 1}, {10, 1}, {11, 2}, {30, 3}, {31, 4}} {
		r, s := cabinet(repeat(c.band, Place{Size: SizeS, HeightMM: low})...)
		others := 0
		for {
			n, ok := r.Allocate(s, SizeS, false)
			if !ok {
				break
			}
			s.Compartments[n-1].Use = Occupied
			others++
		}
		if others != c.band-c.kept {
			t.Errorf("band of %d: others get %d, want %d", c.band, others, c.band-c.kept)
		}
		for i := range c.kept {
			n, ok := r.Allocate(s, SizeS, true)
			if !ok {
				t.Fatalf("band of %d: only %d are left for those who need one, want %d", c.band, i, c.kept)
			}
			s.Compartments[n-1].Use = Occupied
		}
	}
}

func TestALargerOneIsTakenBeforeTheReserve(t *testing.T) {
	r, s := cabinet(Place{Size: SizeS, HeightMM: low}, Place{Size: SizeL, HeightMM: high})
	if n, _ := r.Allocate(s, SizeS, false); n != 2 {
		t.Errorf("gets %d, want 2", n)
	}
	r.ReserveReach = 0
	if n, _ := r.Allocate(s, SizeS, false); n != 1 {
		t.Errorf("without a reserve gets %d, want 1", n)
	}
}

func TestAReachableOneThatDoesNotWorkIsNoReserve(t *testing.T) {
	r, s := cabinet(repeat(10, Place{Size: SizeS, HeightMM: low})...)
	for i := range 9 {
		s.Compartments[i].Fault = LockJammed
	}
	if n, ok := r.Allocate(s, SizeS, false); ok {
		t.Errorf("the last working reachable one (%d) goes to somebody who does not need it", n)
	}
}

func TestACompartmentInDoubtIsNeverUsedAndTheReasonIsSaid(t *testing.T) {
	for _, c := range []struct {
		name  string
		spoil func(s *State)
		code  Reason
		what  string
	}{
		{"blocked", func(s *State) { s.Compartments[0].Blocked = "dirty" }, CompartmentBlocked, "dirty"},
		{"fault", func(s *State) { s.Compartments[0].Fault = LockJammed }, CompartmentFault, "lock_jammed"},
		{"lock can not be reached", func(s *State) { s.Down[0] = true }, CompartmentFault, "unreachable"},
		{"intent", func(s *State) { s.Compartments[0].Intent = &Intent{ID: 1, Purpose: ForInspect} }, InUse, "inspect"},
		{"reserved", func(s *State) { s.Compartments[0].Use = Reserved }, NotFree, "reserved"},
		{"occupied", func(s *State) { s.Compartments[0].Use = Occupied }, NotFree, "occupied"},
		{"to check", func(s *State) { s.Compartments[0].Use = ToCheck }, NotFree, "to_check"},
		{"no use known", func(s *State) { s.Compartments[0].Use = "" }, NotFree, ""},
		{"somebody's documents", func(s *State) { s.Compartments[0].Delivery = 7 }, NotFree, "occupied"},
		{"stale reading", func(s *State) { s.Doors[0].Fresh = false }, DoorUnknown, ""},
		{"unknown door", func(s *State) { s.Doors[0].Open = Unknown }, DoorUnknown, ""},
		{"never read", func(s *State) { s.Doors = nil }, DoorUnknown, ""},
		{"open door", func(s *State) { s.Doors[0].Open = Yes }, DoorIsOpen, ""},
		{"closed but not locked", func(s *State) { s.Doors[0].Locked = No }, CompartmentFault, "lock_loose"},
		{"something inside", func(s *State) { s.Doors[0].Item = Yes }, NotFree, "item_inside"},
	} {
		r, s := cabinet(Place{Size: SizeS, HeightMM: high})
		if why := r.Usable(s, 1); why != nil {
			t.Fatalf("a good compartment is refused: %v", why)
		}
		c.spoil(&s)
		why := r.Usable(s, 1)
		if why == nil || why.Code != c.code || why.What != c.what || why.Compartment != 1 {
			t.Errorf("%s: %v, want %s (%s)", c.name, why, c.code, c.what)
		}
		if n, ok := r.Allocate(s, SizeS, false); ok {
			t.Errorf("%s: compartment %d is chosen", c.name, n)
		}
	}
	r, s := cabinet(Place{Size: SizeS})
	for _, n := range []int{0, -1, 2, 9999} {
		if why := r.Usable(s, n); why == nil || why.Code != UnknownCompartment {
			t.Errorf("compartment %d: %v, want unknown_compartment", n, why)
		}
	}
}

func TestAllocationInvariants(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 40).Draw(t, "compartments")
		var places []Place
		for range n {
			places = append(places, Place{
				Size:     Size(rapid.IntRange(1, 3).Draw(t, "size")),
				HeightMM: rapid.SampledFrom([]int{100, low, low, high}).Draw(t, "height"),
			})
		}
		r, s := cabinet(places...)
		for i := range n {
			s.Compartments[i].Use = rapid.SampledFrom([]Use{Free, Free, Occupied, ToCheck}).Draw(t, "use")
			s.Compartments[i].Cycles = uint32(rapid.IntRange(0, 3).Draw(t, "cycles"))
			s.Doors[i].Open = rapid.SampledFrom([]Tri{No, No, No, Yes, Unknown}).Draw(t, "door")
		}
		size, reachable := Size(rapid.IntRange(1, 3).Draw(t, "wanted")), rapid.Bool().Draw(t, "reachable")
		got, ok := r.Allocate(s, size, reachable)
		if !ok {
			if got != 0 {
				t.Fatalf("none, but number %d", got)
			}
			for _, p := range r.Layout {
				if p.Size >= size && r.Usable(s, p.Number) == nil && (reachable && p.Reachable() || !reachable && !p.Reachable()) {
					t.Fatalf("none although %d fits", p.Number)
				}
			}
			return
		}
		p := r.Layout[s.Index(got)]
		if r.Usable(s, got) != nil || p.Size < size || reachable && !p.Reachable() {
			t.Fatalf("%+v is chosen for size %d, reachable %v: %v", p, size, reachable, r.Usable(s, got))
		}
		for _, q := range r.Layout {
			better := q.Size < p.Size || q.Size == p.Size && s.Compartment(q.Number).Cycles < s.Compartment(got).Cycles
			if better && q.Size >= size && q.Reachable() == p.Reachable() && r.Usable(s, q.Number) == nil {
				t.Fatalf("%d is chosen although %d is better", got, q.Number)
			}
		}
	})
}

func BenchmarkAllocate160(b *testing.B) {
	r, s := cabinet(append(repeat(80, Place{Size: SizeS, HeightMM: low}), repeat(80, Place{Size: SizeM, HeightMM: high})...)...)
	for b.Loop() {
		r.Allocate(s, SizeM, false)
	}
}
