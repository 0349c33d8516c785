package hal

import (
	"errors"
	"fmt"
	"time"
)

// Options are the Governor's limits. A zero field takes its default.
type Options struct {
	Pulse    time.Duration // coil on-time, 50 ms … 1 s; default 400 ms, usual 300–500 ms
	Cooldown time.Duration // rest of one lock after a pulse, 10 s … 10 min; default 10 s
	Gap      time.Duration // between the end of one coil's pulse and the next coil's, 50 ms … 1 s; default 50 ms
	Coils    int           // coils energised at once; only 1 is possible
	Duty     float64       // share of time in which one coil may be on, at most and by default 0.10
	Poll     time.Duration // between two polls, 10 ms … 5 s; default 100 ms
	FastPoll time.Duration // the same after an unlock or while something is unsettled; default 20 ms
	FastFor  time.Duration // how long after an unlock; default 3 s, at most 1 min
	Debounce time.Duration // between the two equal readings that make a change, 5 … 200 ms; default 15 ms
}

// withDefaults fills in the defaults and checks every limit; all errors are
// reported at once.
func (o Options) withDefaults() (Options, error) {
	def(&o.Pulse, 400*time.Millisecond)
	def(&o.Cooldown, 10*time.Second)
	def(&o.Gap, 50*time.Millisecond)
	def(&o.Coils, 1)
	def(&o.Duty, 0.10)
	def(&o.Poll, 100*time.Millisecond)
	def(&o.FastPoll, min(20*time.Millisecond, o.Poll))
	def(&o.FastFor, 3*time.Second)
	def(&o.Debounce, 15*time.Millisecond)

	var errs []error
	for _, l := range []struct {
		name    string
		v       time.Duration
		min, mx time.Duration
	}{
		{"pulse", o.Pulse, 50 * time.Millisecond, time.Second},
		{"cool-down", o.Cooldown, 10 * time.Second, 10 * time.Minute},
		{"gap between coils", o.Gap, 50 * time.Millisecond, time.Second},
		{"poll interval", o.Poll, 10 * time.Millisecond, 5 * time.Second},
		{"fast poll interval", o.FastPoll, 5 * time.Millisecond, o.Poll},
		{"fast poll time", o.FastFor, 0, time.Minute},
		{"debounce time", o.Debounce, 5 * time.Millisecond, 200 * time.Millisecond},
	} {
		if l.v < l.min || l.v > l.mx {
			errs = append(errs, fmt.Errorf("cannot use a %s of %s: must be %s to %s", l.name, l.v, l.min, l.mx))
		}
	}
	if o.Coils != 1 {
		errs = append(errs, fmt.Errorf("cannot energise %d coils at once: must be 1", o.Coils))
	}
	if !(o.Duty > 0 && o.Duty <= 0.10) {
		errs = append(errs, fmt.Errorf("cannot use a duty of %g: must be above 0 and at most 0.10", o.Duty))
	} else if rest := time.Duration(float64(o.Pulse)/o.Duty) - o.Pulse; o.Cooldown < rest {
		errs = append(errs, fmt.Errorf("cannot keep a duty of %g with a pulse of %s: the cool-down must be at least %s, not %s",
			o.Duty, o.Pulse, rest.Round(time.Millisecond), o.Cooldown))
	}
	return o, errors.Join(errs...)
}

func def[T comparable](v *T, d T) {
	var zero T
	if *v == zero {
		*v = d
	}
}
