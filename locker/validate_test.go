package locker

import (
	"math"
	"slices"
	"strings"
	"testing"
	"time"
)

func goodRules(t testing.TB) *Rules {
	r := Defaults()
	r.Kinds = ShippedKinds()
	r.Calendar = calendarFor(t)
	for i := range 4 {
		r.Layout = append(r.Layout, Place{Number: i + 1, Lock: uint16(i), Size: SizeS, HeightMM: 400 * i, Row: i + 1, Column: 1})
	}
	return &r
}

func TestTheShippedRulesAreValid(t *testing.T) {
	if err := goodRules(t).Validate(); err != nil {
		t.Error(err)
	}
}

func TestEachWrongRuleIsNamed(t *testing.T) {
	setKind := func(k Kind) func(*Rules) { return func(r *Rules) { r.Kinds["passport"] = k } }
	for _, c := range []struct {
		spoil func(r *Rules)
		want  string
	}{
		{func(r *Rules) { r.Layout = nil }, "0 compartments"},
		{func(r *Rules) { r.Layout = make([]Place, layoutMax+1) }, "1025 compartments"},
		{func(r *Rules) { r.Layout[1].Number = 1 }, "compartment 1 exists twice"},
		{func(r *Rules) { r.Layout[1].Number = 0 }, "compartment number 0 (entry 2)"},
		{func(r *Rules) { r.Layout[1].Number = 10000 }, "compartment number 10000"},
		{func(r *Rules) { r.Layout[1].Lock = 0 }, "compartments 1 and 2 have the same lock 0"},
		{func(r *Rules) { r.Layout[1].Size = 0 }, "compartment 2: size 0"},
		{func(r *Rules) { r.Layout[1].Size = 4 }, "compartment 2: size 4"},
		{func(r *Rules) { r.Layout[1].HeightMM = -1 }, "height -1 mm"},
		{func(r *Rules) { r.Layout[1].HeightMM = 3001 }, "height 3001 mm"},
		{func(r *Rules) { r.Layout[1].Row = 1 }, "compartments 1 and 2 are both in row 1, column 1"},
		{func(r *Rules) { r.Layout[1].Column = -1 }, "column -1"},
		{func(r *Rules) { r.Kinds = nil }, "kinds: none"},
		{setKind(Kind{Name: "pass"}), `"passport" is named "pass"`},
		{setKind(Kind{}), `"passport" is named ""`},
		{func(r *Rules) { r.Kinds["Pass port"] = Kind{Name: "Pass port"} }, `"Pass port"`},
		{setKind(Kind{Name: "passport", Confirm: "Is that so?"}), "confirmation"},
		{setKind(Kind{Name: "passport", HoldDays: -1}), "hold period of -1"},
		{setKind(Kind{Name: "passport", HoldDays: 366}), "hold period of 366"},
		{setKind(Kind{Name: "passport", Conditions: []string{""}}), `condition ""`},
		{setKind(Kind{Name: "passport", Conditions: []string{"a", "a"}}), `condition "a" is there twice`},
		{func(r *Rules) { r.Calendar = nil }, "calendar: missing"},
		{func(r *Rules) { r.Grace = 0 }, "grace"},
		{func(r *Rules) { r.Observe = 10*time.Second - 1 }, "observation window"},
		{func(r *Rules) { r.Cooldown = 9 * time.Second }, "cool-down"},
		{func(r *Rules) { r.CloseSettle = 0 }, "closing counts"},
		{func(r *Rules) { r.Prompt = 0 }, "left-open prompt"},
		{func(r *Rules) { r.Tone = r.Alarm + 1 }, "follow each other"},
		{func(r *Rules) { r.Prompt = r.Tone + 1 }, "follow each other"},
		{func(r *Rules) { r.GiveUp = r.Alarm - 1 }, "follow each other"},
		{func(r *Rules) { r.Reopen = 0 }, "time to reopen"},
		{func(r *Rules) { r.GrantFor = 0 }, "grant"},
		{func(r *Rules) { r.RetryWindow = 0 }, "retry window"},
		{func(r *Rules) { r.RetryMax = 0 }, "openings in the retry window"},
		{func(r *Rules) { r.HoldDays = 0 }, "hold period in working days: 0"},
		{func(r *Rules) { r.ReminderDay = 0 }, "reminder"},
		{func(r *Rules) { r.OutageFrom = 0 }, "outage"},
		{func(r *Rules) { r.EraseAfter = -1 }, "erasure"},
		{func(r *Rules) { r.Heartbeat = 0 }, "heartbeat"},
		{func(r *Rules) { r.MaxDeliveries = 0 }, "deliveries"},
		{func(r *Rules) { r.ReserveReach = 1.01 }, "reserve"},
		{func(r *Rules) { r.ReserveReach = math.NaN() }, "reserve"},
	} {
		r := goodRules(t)
		c.spoil(r)
		if err := r.Validate(); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("error %v, want one with %q", err, c.want)
		}
	}
}

func TestAllThatIsWrongIsSaidAtOnce(t *testing.T) {
	r := goodRules(t)
	r.Layout[2].Lock, r.Observe, r.ReserveReach = 0, 0, -1
	r.Kinds["other"] = Kind{}
	err := r.Validate()
	if err == nil || strings.Count(err.Error(), "\n") != 3 {
		t.Errorf("four things are wrong: %v", err)
	}
	if again := r.Validate(); again.Error() != err.Error() {
		t.Error("the order of the errors changes")
	}
	if (&Rules{}).Validate() == nil {
		t.Error("empty rules are valid")
	}
}

func TestTheShippedKindsHaveTheConditionsOfTheLaw(t *testing.T) {
	kinds := ShippedKinds()
	if len(kinds) != 8 {
		t.Errorf("%d kinds, want 8", len(kinds))
	}
	for name, want := range map[string][]string{
		"passport":             nil,
		"provisional_passport": nil,
		"identity_card":        {"pin_letter_confirmed"},
		"residence_permit":     {"pin_letter_confirmed"},
		"driving_licence":      {"old_document_surrendered"},
		"registration_papers":  nil,
		"certificate":          nil,
		"other":                nil,
	} {
		if k, ok := kinds[name]; !ok || k.Name != name || !slices.Equal(k.Conditions, want) {
			t.Errorf("%s: %+v, want conditions %v", name, k, want)
		}
	}
	delete(kinds, "other")
	kinds["identity_card"].Conditions[0] = ""
	if again := ShippedKinds(); len(again) != 8 || again["identity_card"].Conditions[0] == "" {
		t.Error("whoever changes the map changes what is shipped")
	}
}
