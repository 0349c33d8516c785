package locker

import (
	"math"
	"testing"
	"time"
)

// The chance that somebody who stands at the terminal all year and tries codes
// opens any compartment: what the limiter admits in a year (simulated, entry by
// entry) times the chance of one entry (calculated).
//
// One entry opens a door if the nine digits are one of the live codes and the
// factor is that owner's. Codes are uniform, so no entry is better than another;
// the factor is best guessed as the most frequent birthday. The guesser is told
// nothing (code and factor are answered jointly), so a code that was hit is not
// known to be hit: another factor with the same digits is never better than the
// best factor with fresh digits, and five wrong factors end a code. So the sum
// over all entries at the best factor is the upper bound. Trying at once whenever
// it is allowed is also the best that was found over time: pauses that let the
// day's count sink give fewer entries, see the second test.
func TestAGuesserWhoNeverStopsOpensNothingInAYear(t *testing.T) {
	const (
		live  = 608
		limit = 0.0025
	)
	year := entries(365, func(int64) bool { return true })
	perCode := float64(live) / codeCount
	for _, c := range []struct {
		name string
		best float64
	}{
		{"birthdays spread evenly", 1.0 / 365},
		{"birthdays as they are", mostFrequentBirthday()},
	} {
		chance := 1 - math.Pow(1-perCode*c.best, float64(year))
		t.Logf("%s: %d entries a year, 1 : %.0f for the code, 1 : %.0f for the factor: chance %.4f %% a year",
			c.name, year, 1/perCode, 1/c.best, 100*chance)
		if chance > limit {
			t.Errorf("%s: chance %.4f %% a year, at most %.2f %% is allowed", c.name, 100*chance, 100*limit)
		}
	}
	room := -math.Log1p(-limit) / (perCode * float64(year))
	t.Logf("the limit of %.2f %% holds as long as no birthday is more frequent than 1 : %.0f", 100*limit, 1/room)
}

// Resting, so that the count of the day sinks and the bucket leaks faster again,
// gains nothing.
func TestAGuesserWhoRestsGetsFewerEntries(t *testing.T) {
	always := entries(100, func(int64) bool { return true })
	for _, on := range []int64{1, 5, 8, 10, 25, 32} {
		for _, off := range []int64{1, 3, 8, 16, 25} {
			n := entries(100, func(hour int64) bool { return hour%(on+off) < on })
			if n > always {
				t.Errorf("%d h on, %d h off: %d entries in 100 days, without a rest %d", on, off, n, always)
			}
		}
	}
}

// entries counts what the limiter admits within so many days of somebody who, in
// the hours in which he tries, tries again the moment he may, always wrong.
func entries(days int, tries func(hour int64) bool) (n int) {
	var l Limiter
	for now := Mono(0); now < Mono(days)*24*time.Hour; {
		if h := int64(now / time.Hour); !tries(h) {
			now = Mono(h+1) * time.Hour
			continue
		}
		ok, wait := l.Admit(now)
		if !ok {
			now += wait
			continue
		}
		l = l.Fail(now)
		n++
	}
	return n
}

// mostFrequentBirthday is the share of the most frequent day in a model of real
// birthdays. Assumed, and to be held against the city's own registers: the
// seasons move births by 7 % around the mean with the top in summer, the days
// around the top scatter by another 3 %, 29 February is a quarter of a day. 0101,
// the day on which unknown birth dates are registered, is no factor.
func mostFrequentBirthday() float64 {
	const top, season, scatter = 213, 0.07, 0.03
	total, best := 0.0, 0.0
	for day := 1; day < 366; day++ { // without day 0, which is 0101
		w := 1 + season*math.Cos(2*math.Pi*float64(day-top)/366)
		if day == 59 { // 2902
			w /= 4
		}
		total += w
		best = max(best, w)
	}
	return best * (1 + scatter) / total
}
