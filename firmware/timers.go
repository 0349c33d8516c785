package firmware

import "time"

// timer names a moment at which the owner has something to do.
type timer int

const (
	tickTimer       timer = iota // Rules.Next
	bootTimer                    // the first reading takes too long
	readTimer                    // read the cabinet again
	retryTimer                   // try the store again
	healthTimer                  // ask the cabinet for its health
	checkpointTimer              // close the audit log's newest part
	snapshotTimer                // copy the live state
	typoTimer                    // record the typing errors of the last minute
	codeTimer                    // look for codes that are still wanted
	timerCount
)

// timers are moments on clock.Now; the zero time is none.
type timers [timerCount]time.Time

func (t *timers) set(which timer, at time.Time) { t[which] = at }

// soonest keeps the earlier one.
func (t *timers) soonest(which timer, at time.Time) {
	if t[which].IsZero() || at.Before(t[which]) {
		t[which] = at
	}
}

func (t *timers) stop(which timer) { t[which] = time.Time{} }

// idle says that no moment is set.
func (t *timers) idle(which timer) bool { return t[which].IsZero() }

// expired says, once, that the moment has come.
func (t *timers) expired(which timer, now time.Time) bool {
	if t[which].IsZero() || now.Before(t[which]) {
		return false
	}
	t[which] = time.Time{}
	return true
}

// next is how long until the earliest moment, at most an hour.
func (t *timers) next(now time.Time) time.Duration {
	d := time.Hour
	for _, at := range t {
		if !at.IsZero() {
			d = min(d, max(0, at.Sub(now)))
		}
	}
	return d
}
