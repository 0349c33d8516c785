package locker

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/rickar/cal/v2"
	"github.com/rickar/cal/v2/de"
)

// The years whose days a Calendar holds as bits. Others work, only slower.
const (
	calendarFrom = 2000
	calendarTo   = 2100

	closingMax  = 3660 // closing days in all: there is always a next working day
	holdDaysMax = 1000 // working days that are counted; more are cut to this
)

// Calendar knows the working days of the office: not Saturday, Sunday, a public
// holiday in Aschaffenburg or a closing day. It is immutable and safe for
// concurrent use.
type Calendar struct {
	loc     *time.Location
	working []uint64       // a bit per day of calendarFrom…calendarTo
	first   int64          // day number of the first bit
	days    int64          // how many bits
	closing map[int64]bool // by day number, in any year
}

// NewCalendar makes the calendar of an office in loc. A closing day is
// "2026-12-24", a range with both ends included "2026-12-24..2026-12-31". Every
// wrong one is named in the error.
func NewCalendar(loc *time.Location, closing []string) (*Calendar, error) {
	if loc == nil {
		return nil, errors.New("cannot make a calendar: no time zone")
	}
	c := &Calendar{loc: loc, closing: map[int64]bool{}}
	var errs []error
	for _, text := range closing {
		from, to, err := parseClosing(text)
		if err == nil && len(c.closing)+int(to-from) >= closingMax {
			err = fmt.Errorf("cannot use closing days %q: more than %d days in all", text, closingMax)
		}
		if err != nil {
			errs = append(errs, err)
			continue
		}
		for n := from; n <= to; n++ {
			c.closing[n] = true
		}
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	first, end := dayNumber(calendarFrom, time.January, 1), dayNumber(calendarTo+1, time.January, 1)
	working := make([]uint64, (end-first+63)/64)
	for year := calendarFrom; year <= calendarTo; year++ {
		off := holidays(year)
		for n := dayNumber(year, time.January, 1); n < dayNumber(year+1, time.January, 1); n++ {
			if !weekend(n) && !c.closing[n] && !slices.Contains(off, n) {
				working[(n-first)/64] |= 1 << ((n - first) % 64)
			}
		}
	}
	c.working, c.first, c.days = working, first, end-first
	return c, nil
}

// Working says whether the local day of t is a working day.
func (c *Calendar) Working(t time.Time) bool { return c.open(c.day(t)) }

// HoldEnd is the end of a hold period that begins at from: 23:59 local time of
// the days-th working day after from's local day, in UTC. days is cut to 1…1000.
func (c *Calendar) HoldEnd(from time.Time, days int) time.Time {
	n := c.day(from)
	for left := min(max(days, 1), holdDaysMax); left > 0; {
		n++
		if c.open(n) {
			left--
		}
	}
	return c.at(n, 23, 59)
}

// Extend moves the end of a hold period by working days; 0 and less leave it as
// it is, more than 1000 are cut.
func (c *Calendar) Extend(end time.Time, days int) time.Time {
	if days <= 0 {
		return end
	}
	return c.HoldEnd(end, days)
}

// WorkingDaysSince counts the working days after from's local day up to now's,
// both taken as days: 0 on the day itself and before, 1 on the next working day.
// It stops counting at 1000.
func (c *Calendar) WorkingDaysSince(from, now time.Time) (count int) {
	last := c.day(now)
	for n := c.day(from) + 1; n <= last && count < holdDaysMax; n++ {
		if c.open(n) {
			count++
		}
	}
	return count
}

// LastDay is the beginning of the last working day of a hold period that ends at
// end, in UTC. That is end's own day unless a closing day was added later.
func (c *Calendar) LastDay(end time.Time) time.Time {
	n := c.day(end)
	for !c.open(n) {
		n--
	}
	return c.at(n, 0, 0)
}

// ReminderDue says which reminders of a delivery are due: bit 0 from the
// beginning of the ReminderDay-th working day after the day on which it became
// ready, bit 1 from the beginning of the last working day. Nothing is due once
// the hold period is over.
func (r *Rules) ReminderDue(readyAt, holdUntil, now time.Time) (bits int) {
	if now.After(holdUntil) {
		return 0
	}
	if r.Calendar.WorkingDaysSince(readyAt, now) >= r.ReminderDay {
		bits |= 1
	}
	if !now.Before(r.Calendar.LastDay(holdUntil)) {
		bits |= 2
	}
	return bits
}

// open says whether a day is a working day.
func (c *Calendar) open(n int64) bool {
	if i := n - c.first; i >= 0 && i < c.days {
		return c.working[i/64]>>(i%64)&1 == 1
	}
	year := time.Unix(n*secondsPerDay, 0).UTC().Year()
	return !weekend(n) && !c.closing[n] && !slices.Contains(holidays(year), n)
}

// day is the number of t's local day.
func (c *Calendar) day(t time.Time) int64 { return dayNumber(t.In(c.loc).Date()) }

// at is a local time of day n, in UTC.
func (c *Calendar) at(n int64, hour, minute int) time.Time {
	y, m, d := time.Unix(n*secondsPerDay, 0).UTC().Date()
	return time.Date(y, m, d, hour, minute, 0, 0, c.loc).UTC()
}

// holidays are the public holidays in Aschaffenburg. The library's Bavarian set
// leaves out Mariä Himmelfahrt, which is one only where more Catholics than
// Protestants live (Art. 1 Abs. 1 Nr. 2 FTG); Aschaffenburg is such a place.
func holidays(year int) []int64 {
	days := make([]int64, 0, len(de.HolidaysBY)+1)
	add := func(h *cal.Holiday) {
		if actual, _ := h.Calc(year); !actual.IsZero() {
			days = append(days, dayNumber(actual.Date()))
		}
	}
	for _, h := range de.HolidaysBY {
		add(h)
	}
	add(de.MariaHimmelfahrt)
	return days
}

func parseClosing(text string) (from, to int64, err error) {
	a, b, isRange := strings.Cut(text, "..")
	if !isRange {
		b = a
	}
	first, err1 := time.Parse(time.DateOnly, a)
	last, err2 := time.Parse(time.DateOnly, b)
	if err1 != nil || err2 != nil {
		return 0, 0, fmt.Errorf("cannot read closing day %q: write 2026-12-24 or 2026-12-24..2026-12-31", text)
	}
	if last.Before(first) {
		return 0, 0, fmt.Errorf("cannot use closing days %q: they end before they begin", text)
	}
	return first.Unix() / secondsPerDay, last.Unix() / secondsPerDay, nil
}

const secondsPerDay = 24 * 60 * 60

// dayNumber counts days from 1970-01-01 on, without any time zone.
func dayNumber(y int, m time.Month, d int) int64 {
	s := time.Date(y, m, d, 0, 0, 0, 0, time.UTC).Unix()
	return (s - ((s%secondsPerDay)+secondsPerDay)%secondsPerDay) / secondsPerDay
}

// weekend says whether a day is a Saturday or Sunday; day 0 was a Thursday.
func weekend(n int64) bool { return ((n+4)%7+7)%7%6 == 0 }
