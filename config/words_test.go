package config

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"abholstation/locker"
)

// The words of the file are those of the domain, though neither package
// imports the other.
func TestTheWordsAreThoseOfTheDomain(t *testing.T) {
	words := func(of any, field string) []string {
		f, ok := reflect.TypeOf(of).FieldByName(field)
		if !ok {
			t.Fatalf("no field %s", field)
		}
		return slices.Sorted(slices.Values(strings.Split(f.Tag.Get("one"), "|")))
	}
	var kinds []string
	for name := range locker.ShippedKinds() {
		kinds = append(kinds, name)
	}
	slices.Sort(kinds)
	if got := words(Kind{}, "Name"); !slices.Equal(got, kinds) {
		t.Errorf("document kinds are %q here and %q there", got, kinds)
	}
	factors := []string{string(locker.AgreedPIN), string(locker.Birthday), string(locker.PhoneDigits)}
	if got := words(Station{}, "Factor"); !slices.Equal(got, factors) {
		t.Errorf("factors are %q here and %q there", got, factors)
	}
	rules, shipped := locker.Defaults(), Config{}
	hold := reflect.TypeOf(shipped.Hold)
	for name, want := range map[string]string{"Days": "10", "ReminderDay": "5", "Grace": rules.Grace.String()} {
		f, _ := hold.FieldByName(name)
		if got := f.Tag.Get("default"); got != want && got+"0s" != want {
			t.Errorf("default of hold.%s is %s here and %s there", name, got, want)
		}
	}
	if rules.HoldDays != 10 || rules.ReminderDay != 5 {
		t.Errorf("the domain's defaults are %d and %d", rules.HoldDays, rules.ReminderDay)
	}
}
