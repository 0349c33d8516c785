package firmware

import "sync"

// slowWorker runs argon2 jobs one after the other, citizens first: two at once
// would take twice the memory and help nobody. The worker lives only while there
// is work. A job that finds the Station stopping answers and does nothing else.
type slowWorker struct {
	mu       sync.Mutex
	citizens []func(stopping bool)
	staff    []func(stopping bool)
	asked    int // of staff, that people wait for
	busy     bool
}

// citizen queues a citizen's job; there is one at a time (see entryGate).
func (s *Station) citizen(f func(stopping bool)) { s.slowly(f, true) }

// clerk queues a job that somebody of the staff waits for; false: too many are
// waiting.
func (s *Station) clerk(f func(stopping bool)) bool {
	w := &s.slow
	w.mu.Lock()
	if w.asked >= staffJobs {
		w.mu.Unlock()
		return false
	}
	w.asked++
	w.mu.Unlock()
	s.slowly(func(stopping bool) {
		defer func() {
			w.mu.Lock()
			w.asked--
			w.mu.Unlock()
		}()
		f(stopping)
	}, false)
	return true
}

// slowly queues a job. Jobs of the station itself come with those of staff; they
// are bounded by the number of deliveries.
func (s *Station) slowly(f func(stopping bool), citizen bool) {
	w := &s.slow
	w.mu.Lock()
	if citizen {
		w.citizens = append(w.citizens, f)
	} else {
		w.staff = append(w.staff, f)
	}
	start := !w.busy
	w.busy = true
	w.mu.Unlock()
	if start {
		s.beside("slow", s.workOff)
	}
}

// workOff does all jobs. A job that panics does not take the others with it.
func (s *Station) workOff() {
	for {
		f := s.slow.next()
		if f == nil {
			return
		}
		func() {
			defer func() {
				if p := recover(); p != nil {
					s.panicked("slow", p)
				}
			}()
			f(s.stopping.Load())
		}()
	}
}

func (w *slowWorker) next() (f func(stopping bool)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case len(w.citizens) > 0:
		f, w.citizens = w.citizens[0], w.citizens[1:]
	case len(w.staff) > 0:
		f, w.staff = w.staff[0], w.staff[1:]
	default:
		w.citizens, w.staff, w.busy = nil, nil, false
	}
	return f
}
