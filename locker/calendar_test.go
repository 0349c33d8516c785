package locker

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func berlin(t testing.TB) *time.Location {
	loc, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	return loc
}

func calendarFor(t testing.TB, closing ...string) *Calendar {
	c, err := NewCalendar(berlin(t), closing)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// local is a local time written as "2006-01-02 15:04".
func local(t testing.TB, s string) time.Time {
	at, err := time.ParseInLocation("2006-01-02 15:04", s, berlin(t))
	if err != nil {
		t.Fatal(err)
	}
	return at
}

// Easter Sundays, as published by the churches and in every printed calendar.
var easter = map[int]string{
	2024: "03-31", 2025: "04-20", 2026: "04-05", 2027: "03-28", 2028: "04-16", 2029: "04-01", 2030: "04-21",
}

// The days off of Aschaffenburg written down by hand: fixed ones, and the movable
// ones of each year from the printed calendar, not calculated.
var movable = map[int][5]string{ // Good Friday, Easter Monday, Ascension, Whit Monday, Corpus Christi
	2024: {"03-29", "04-01", "05-09", "05-20", "05-30"},
	2025: {"04-18", "04-21", "05-29", "06-09", "06-19"},
	2026: {"04-03", "04-06", "05-14", "05-25", "06-04"},
	2027: {"03-26", "03-29", "05-06", "05-17", "05-27"},
	2028: {"04-14", "04-17", "05-25", "06-05", "06-15"},
	2029: {"03-30", "04-02", "05-10", "05-21", "05-31"},
	2030: {"04-19", "04-22", "05-30", "06-10", "06-20"},
}

func TestThePublicHolidaysOfAschaffenburg2024To2030(t *testing.T) {
	c := calendarFor(t)
	fixed := []string{"01-01", "01-06", "05-01", "08-15", "10-03", "11-01", "12-25", "12-26"}
	for year, days := range movable {
		off := map[string]bool{}
		for _, d := range append(fixed, days[:]...) {
			off[d] = true
		}
		for d := local(t, fmt.Sprintf("%d-01-01 12:00", year)); d.Year() == year; d = d.AddDate(0, 0, 1) {
			weekend := d.Weekday() == time.Saturday || d.Weekday() == time.Sunday
			want := !weekend && !off[d.Format("01-02")]
			if c.Working(d) != want {
				t.Errorf("%s: working %v, want %v", d.Format("Mon 2006-01-02"), !want, want)
			}
		}
		// The two tables above must agree: Good Friday is two days before Easter, and so on.
		sunday, err := time.Parse(time.DateOnly, fmt.Sprintf("%d-%s", year, easter[year]))
		if err != nil {
			t.Fatal(err)
		}
		for i, after := range []int{-2, 1, 39, 50, 60} {
			if got := sunday.AddDate(0, 0, after).Format("01-02"); got != days[i] {
				t.Errorf("%d: %d days after Easter is %s, written down is %s", year, after, got, days[i])
			}
		}
	}
}

func TestDaysThatAreHolidaysElsewhereOnly(t *testing.T) {
	c := calendarFor(t)
	for _, day := range []string{"2025-08-08", "2024-10-31", "2025-10-31", "2026-11-18", "2027-03-08", "2024-09-20", "2026-12-24", "2026-12-31"} {
		if !c.Working(local(t, day+" 08:00")) {
			t.Errorf("%s is no working day", day)
		}
	}
}

func TestClosingDaysAndRangesAreNoWorkingDays(t *testing.T) {
	c := calendarFor(t, "2026-12-24..2026-12-31", "2026-07-17", "2150-03-03", "2027-05-07..2027-05-07")
	for day, want := range map[string]bool{
		"2026-12-23": true, "2026-12-24": false, "2026-12-28": false, "2026-12-31": false, "2027-01-04": true,
		"2026-07-16": true, "2026-07-17": false, "2150-03-03": false, "2150-03-04": true, "2027-05-07": false,
	} {
		if got := c.Working(local(t, day+" 00:00")); got != want {
			t.Errorf("%s: working %v, want %v", day, got, want)
		}
	}
}

func TestEveryBadClosingDayIsNamed(t *testing.T) {
	_, err := NewCalendar(berlin(t), []string{
		"24.12.2026", "2026-02-30", "2026-12-31..2026-12-24", "2026-01-01..", "..", "",
		"2026-12-24", "2026-01-01..2099-01-01",
	})
	if err == nil {
		t.Fatal("bad closing days are taken")
	}
	if lines := strings.Split(err.Error(), "\n"); len(lines) != 7 {
		t.Errorf("%d lines, want one for each of the seven bad ones:\n%v", len(lines), err)
	}
	for _, part := range []string{`"24.12.2026"`, `"2026-02-30"`, "before they begin", "more than 3660 days"} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%s is missing in:\n%v", part, err)
		}
	}
	if _, err := NewCalendar(nil, nil); err == nil {
		t.Error("a calendar without a time zone is made")
	}
}

func TestAHoldPeriodEndsAt2359OfAWorkingDay(t *testing.T) {
	c := calendarFor(t, "2026-12-24..2026-12-31")
	for _, x := range []struct {
		why, from string
		days      int
		want      string // local
		utc       string
	}{
		{"two plain weeks", "2026-09-07 10:00", 10, "2026-09-21 23:59", "21:59"},
		{"one day", "2026-09-07 00:00", 1, "2026-09-08 23:59", "21:59"},
		{"late in the evening, already tomorrow for nobody", "2026-09-07 23:59", 1, "2026-09-08 23:59", "21:59"},
		{"from a Saturday", "2026-09-12 09:00", 1, "2026-09-14 23:59", "21:59"},
		{"over Easter and into summer time", "2027-03-24 12:00", 3, "2027-03-31 23:59", "21:59"},
		{"winter time", "2026-10-23 12:00", 1, "2026-10-26 23:59", "22:59"},
		{"last day before summer time ends", "2026-10-22 12:00", 1, "2026-10-23 23:59", "21:59"},
		{"over Mariä Himmelfahrt on a Friday", "2025-08-14 12:00", 1, "2025-08-18 23:59", "21:59"},
		{"over closing days and New Year", "2026-12-22 12:00", 10, "2027-01-15 23:59", "22:59"},
		{"none is at least one", "2026-09-07 10:00", 0, "2026-09-08 23:59", "21:59"},
	} {
		got := c.HoldEnd(local(t, x.from), x.days)
		if want := local(t, x.want); !got.Equal(want) || got.Location() != time.UTC || got.Format("15:04") != x.utc {
			t.Errorf("%s: %d days from %s end %v, want %v", x.why, x.days, x.from, got, want.UTC())
		}
	}
}

func TestTheDayIsTheOfficesNotThatOfUTC(t *testing.T) {
	c := calendarFor(t)
	// 22:30 UTC on Sunday is half past midnight on Monday in Aschaffenburg.
	at := time.Date(2026, 9, 6, 22, 30, 0, 0, time.UTC)
	if !c.Working(at) {
		t.Error("Monday 00:30 local is no working day")
	}
	if got, want := c.HoldEnd(at, 1), local(t, "2026-09-08 23:59"); !got.Equal(want) {
		t.Errorf("ends %v, want %v", got, want.UTC())
	}
}

func TestExtendingAddsWorkingDaysToTheEnd(t *testing.T) {
	c := calendarFor(t)
	end := local(t, "2026-10-01 23:59").UTC() // Thursday
	for days, want := range map[int]string{-1: "2026-10-01 23:59", 0: "2026-10-01 23:59", 1: "2026-10-02 23:59", 2: "2026-10-05 23:59"} {
		if got := c.Extend(end, days); !got.Equal(local(t, want)) {
			t.Errorf("%d days: %v, want %s", days, got, want)
		}
	}
}

func TestWorkingDaysSince(t *testing.T) {
	c := calendarFor(t)
	for _, x := range []struct {
		from, now string
		want      int
	}{
		{"2026-09-07 10:00", "2026-09-07 23:59", 0},
		{"2026-09-07 10:00", "2026-09-08 00:00", 1},
		{"2026-09-11 10:00", "2026-09-13 23:00", 0}, // Friday to Sunday
		{"2026-09-11 10:00", "2026-09-14 00:01", 1},
		{"2026-09-08 10:00", "2026-09-07 10:00", 0}, // the clock went back
		{"2026-09-07 10:00", "2026-09-21 10:00", 10},
		{"1990-01-01 10:00", "2026-09-21 10:00", 1000},
	} {
		if got := c.WorkingDaysSince(local(t, x.from), local(t, x.now)); got != x.want {
			t.Errorf("%s to %s: %d, want %d", x.from, x.now, got, x.want)
		}
	}
}

func TestRemindersAreDueOnDayFiveAndOnTheLastWorkingDay(t *testing.T) {
	r := Defaults()
	r.Calendar = calendarFor(t)
	ready := local(t, "2026-09-07 10:00") // Monday
	hold := r.Calendar.HoldEnd(ready, 10) // Monday 21
	for _, x := range []struct {
		now  string
		want int
	}{
		{"2026-09-07 10:00", 0},
		{"2026-09-13 23:59", 0}, // fourth working day was Friday 11
		{"2026-09-14 00:00", 1},
		{"2026-09-20 23:59", 1},
		{"2026-09-21 00:00", 3},
		{"2026-09-21 23:59", 3},
		{"2026-09-22 00:00", 0},
		{"2026-09-01 00:00", 0},
	} {
		if got := r.ReminderDue(ready, hold, local(t, x.now)); got != x.want {
			t.Errorf("%s: %d, want %d", x.now, got, x.want)
		}
	}
	r.ReminderDay = 2
	if got := r.ReminderDue(ready, hold, local(t, "2026-09-09 08:00")); got != 1 {
		t.Errorf("reminder on the second day: %d, want 1", got)
	}
	if got := r.ReminderDue(ready, r.Calendar.HoldEnd(ready, 1), local(t, "2026-09-08 08:00")); got != 2 {
		t.Errorf("a hold period of one day: %d, want only the last-day reminder", got)
	}
}

func TestAClosingDayAddedLaterBringsTheLastReminderForward(t *testing.T) {
	hold := local(t, "2026-12-28 23:59")
	late := calendarFor(t, "2026-12-24..2026-12-31")
	if got, want := late.LastDay(hold), local(t, "2026-12-23 00:00"); !got.Equal(want) {
		t.Errorf("last working day begins %v, want %v", got, want.UTC())
	}
	if got, want := calendarFor(t).LastDay(hold), local(t, "2026-12-28 00:00"); !got.Equal(want) {
		t.Errorf("last working day begins %v, want %v", got, want.UTC())
	}
}

func TestYearsFarAwayStillWork(t *testing.T) {
	c := calendarFor(t)
	for _, year := range []int{-4000, 1, 1583, 1900, 1999, 2000, 2100, 2101, 2400, 9999, 200_000} {
		from := time.Date(year, 12, 20, 12, 0, 0, 0, time.UTC)
		end := c.HoldEnd(from, 10)
		if days := end.Sub(from).Hours() / 24; days < 10 || days > 25 || !c.Working(end) {
			t.Errorf("year %d: ten working days take %.1f days", year, days)
		}
		if n := c.WorkingDaysSince(from, end); n != 10 {
			t.Errorf("year %d: %d working days, want 10", year, n)
		}
	}
	if c.Working(local(t, "2285-12-25 12:00")) || c.Working(local(t, "1997-08-15 12:00")) || !c.Working(local(t, "1997-08-14 12:00")) {
		t.Error("holidays outside of the cached years are not known")
	}
	// The zero time is what an unset field holds.
	if got := c.HoldEnd(time.Time{}, 1); got.Year() != 1 {
		t.Errorf("one day after the zero time is %v", got)
	}
	if n := c.WorkingDaysSince(time.Time{}, time.Now()); n != 1000 {
		t.Errorf("%d working days since the zero time", n)
	}
}

func TestInsideAndOutsideOfTheCachedYearsTheRulesAreTheSame(t *testing.T) {
	c := calendarFor(t, "2026-07-17")
	bare := &Calendar{loc: c.loc, closing: c.closing}
	for n := dayNumber(2023, 1, 1); n < dayNumber(2032, 1, 1); n++ {
		if c.open(n) != bare.open(n) {
			t.Fatalf("day %d: cached %v, calculated %v", n, c.open(n), bare.open(n))
		}
	}
	for _, n := range []int64{c.first - 1, c.first, c.first + c.days - 1, c.first + c.days} {
		if c.open(n) != bare.open(n) {
			t.Errorf("at the edge, day %d: cached %v, calculated %v", n, c.open(n), bare.open(n))
		}
	}
}

func TestHoldPeriodsInvariants(t *testing.T) {
	c := calendarFor(t, "2026-12-24..2026-12-31", "2028-08-01..2028-08-20")
	rapid.Check(t, func(t *rapid.T) {
		from := time.Unix(rapid.Int64Range(1_700_000_000, 4_200_000_000).Draw(t, "from"), 0).UTC()
		a, b := rapid.IntRange(1, 60).Draw(t, "a"), rapid.IntRange(1, 60).Draw(t, "b")
		end := c.HoldEnd(from, a)
		if !c.Working(end) || end.In(c.loc).Format("15:04:05") != "23:59:00" || !end.After(from) {
			t.Fatalf("%d days from %v end %v", a, from, end)
		}
		if n := c.WorkingDaysSince(from, end); n != a {
			t.Fatalf("%d working days until %v, want %d", n, end, a)
		}
		if both := c.HoldEnd(from, a+b); !c.Extend(end, b).Equal(both) {
			t.Fatalf("%d and %d more days end %v, together %v", a, b, c.Extend(end, b), both)
		}
		if last := c.LastDay(end); last.After(end) || end.Sub(last) > 25*time.Hour {
			t.Fatalf("the last day of %v begins %v", end, last)
		}
	})
}

func TestACalendarIsSharedByManyGoroutines(t *testing.T) {
	c := calendarFor(t)
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for year := 1995 + i; year < 2110; year += 8 {
				c.HoldEnd(time.Date(year, 4, 1, 0, 0, 0, 0, time.UTC), 10)
			}
		})
	}
	wg.Wait()
}

func BenchmarkHoldEnd(b *testing.B) {
	c := calendarFor(b)
	from := time.Date(2026, 3, 20, 10, 0, 0, 0, time.UTC)
	b.ReportAllocs()
	for b.Loop() {
		c.HoldEnd(from, 10)
	}
}

func BenchmarkReminderDue(b *testing.B) {
	r := Defaults()
	r.Calendar = calendarFor(b)
	from := time.Date(2026, 3, 20, 10, 0, 0, 0, time.UTC)
	end := r.Calendar.HoldEnd(from, 10)
	b.ReportAllocs()
	for b.Loop() {
		r.ReminderDue(from, end, end)
	}
}

func BenchmarkNewCalendar(b *testing.B) {
	loc := berlin(b)
	for b.Loop() {
		if _, err := NewCalendar(loc, nil); err != nil {
			b.Fatal(err)
		}
	}
}
