package locker

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"
)

// Limits of a layout. A cabinet with more doors than this is several stations.
const (
	layoutMax   = 1024
	numberMax   = 9999
	heightMaxMM = 3000
	tokenMax    = 40
)

// Validate says everything that is wrong with the rules, each in a line of its
// own, or returns nil. Step expects rules without errors.
func (r *Rules) Validate() error {
	var errs []error
	errs = append(errs, r.validateLayout()...)
	errs = append(errs, r.validateKinds()...)
	errs = append(errs, r.validateWindows()...)
	errs = append(errs, r.validateCounts()...)
	if r.Calendar == nil {
		errs = append(errs, errors.New("calendar: missing"))
	}
	return errors.Join(errs...)
}

func (r *Rules) validateLayout() (errs []error) {
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf("layout: "+format, args...)) }
	if len(r.Layout) == 0 || len(r.Layout) > layoutMax {
		bad("%d compartments: 1…%d expected", len(r.Layout), layoutMax)
	}
	numbers, locks, places := map[int]bool{}, map[uint16]int{}, map[[2]int]int{}
	for i, p := range r.Layout {
		if p.Number < 1 || p.Number > numberMax {
			bad("compartment number %d (entry %d): 1…%d expected", p.Number, i+1, numberMax)
		}
		if numbers[p.Number] {
			bad("compartment %d exists twice", p.Number)
		}
		numbers[p.Number] = true
		if other, taken := locks[p.Lock]; taken {
			bad("compartments %d and %d have the same lock %d", other, p.Number, p.Lock)
		}
		locks[p.Lock] = p.Number
		if p.Size < SizeS || p.Size > SizeL {
			bad("compartment %d: size %d: S, M or L expected", p.Number, p.Size)
		}
		if p.HeightMM < 0 || p.HeightMM > heightMaxMM {
			bad("compartment %d: height %d mm: 0…%d expected", p.Number, p.HeightMM, heightMaxMM)
		}
		if p.Row < 0 || p.Column < 0 {
			bad("compartment %d: row %d, column %d: counted from 1", p.Number, p.Row, p.Column)
		}
		// A layout that is never drawn may leave both out.
		at := [2]int{p.Row, p.Column}
		if other, taken := places[at]; taken && p.Row > 0 && p.Column > 0 {
			bad("compartments %d and %d are both in row %d, column %d", other, p.Number, p.Row, p.Column)
		}
		places[at] = p.Number
	}
	return errs
}

func (r *Rules) validateKinds() (errs []error) {
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf("kinds: "+format, args...)) }
	if len(r.Kinds) == 0 {
		bad("none")
	}
	for _, key := range slices.Sorted(maps.Keys(r.Kinds)) {
		k := r.Kinds[key]
		if !token(k.Name) || k.Name != key {
			bad("%q is named %q: both must be the same, of a-z, 0-9 and _", key, k.Name)
		}
		if k.Confirm != "" && !token(k.Confirm) {
			bad("%s: confirmation %q: a-z, 0-9 and _ expected", key, k.Confirm)
		}
		if k.HoldDays < 0 || k.HoldDays > 365 {
			bad("%s: hold period of %d working days: 0 (default) or 1…365 expected", key, k.HoldDays)
		}
		for i, c := range k.Conditions {
			if !token(c) {
				bad("%s: condition %q: a-z, 0-9 and _ expected", key, c)
			}
			if slices.Contains(k.Conditions[:i], c) {
				bad("%s: condition %q is there twice", key, c)
			}
		}
	}
	return errs
}

func (r *Rules) validateWindows() (errs []error) {
	const day = 24 * time.Hour
	for _, w := range []struct {
		name     string
		value    time.Duration
		min, max time.Duration
	}{
		{"grace", r.Grace, time.Second, day},
		{"observation window", r.Observe, 10 * time.Second, 5 * time.Minute},
		{"cool-down", r.Cooldown, 10 * time.Second, 10 * time.Minute},
		{"time until a closing counts", r.CloseSettle, 100 * time.Millisecond, 10 * time.Second},
		{"left-open prompt", r.Prompt, time.Second, time.Hour},
		{"left-open tone", r.Tone, time.Second, time.Hour},
		{"left-open alarm", r.Alarm, time.Second, time.Hour},
		{"left-open end", r.GiveUp, time.Second, day},
		{"time to reopen", r.Reopen, time.Second, day},
		{"time of a grant", r.GrantFor, time.Second, time.Hour},
		{"retry window", r.RetryWindow, time.Minute, day},
		{"outage that counts", r.OutageFrom, time.Minute, 7 * day},
		{"time until erasure", r.EraseAfter, 0, 400 * day},
		{"heartbeat", r.Heartbeat, time.Second, time.Hour},
	} {
		if w.value < w.min || w.value > w.max {
			errs = append(errs, fmt.Errorf("%s of %v: %v…%v expected", w.name, w.value, w.min, w.max))
		}
	}
	if r.Prompt > r.Tone || r.Tone > r.Alarm || r.Alarm > r.GiveUp {
		errs = append(errs, fmt.Errorf("left-open prompt %v, tone %v, alarm %v, end %v: must follow each other in this order",
			r.Prompt, r.Tone, r.Alarm, r.GiveUp))
	}
	return errs
}

func (r *Rules) validateCounts() (errs []error) {
	for _, n := range []struct {
		name            string
		value, min, max int
	}{
		{"openings in the retry window", r.RetryMax, 1, 10},
		{"hold period in working days", r.HoldDays, 1, 365},
		{"reminder on working day", r.ReminderDay, 1, 365},
		{"deliveries", r.MaxDeliveries, 1, 1_000_000},
	} {
		if n.value < n.min || n.value > n.max {
			errs = append(errs, fmt.Errorf("%s: %d: %d…%d expected", n.name, n.value, n.min, n.max))
		}
	}
	// Written so that a value that is not a number is refused too.
	if !(r.ReserveReach >= 0 && r.ReserveReach <= 1) {
		errs = append(errs, fmt.Errorf("reserve of reachable compartments %v: 0…1 expected", r.ReserveReach))
	}
	return errs
}

// token says whether s is a short name of a-z, 0-9 and _.
func token(s string) bool {
	for i := range len(s) {
		if c := s[i]; (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '_' {
			return false
		}
	}
	return s != "" && len(s) <= tokenMax
}
