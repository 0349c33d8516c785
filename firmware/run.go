package firmware

import (
	"context"
	"fmt"
	"strings"
	"time"

	"abholstation/locker"
)

// Run drives the Station and its cabinet until ctx ends or it can not go on. It
// returns nil after an orderly end: people are refused, pulses in flight are
// over, the log has its last checkpoint, every output is off, and nothing runs
// any more. An error says why the process should be started again.
func (s *Station) Run(ctx context.Context) error {
	hardware, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	off := make(chan struct{})
	go func() {
		defer close(off)
		s.runCabinet(hardware)
	}()
	for ctx.Err() == nil && s.ended == nil {
		if !s.Pump(ctx) {
			s.wait(ctx.Done(), s.Due())
		}
	}
	err := s.Halt(ctx)
	stop()
	if !s.soon(off, stopWork) && err == nil {
		err = fmt.Errorf("cannot end in order: the cabinet does not switch off")
	}
	if left := s.work.names(); len(left) > 0 && err == nil {
		err = fmt.Errorf("cannot end in order: still running: %s", strings.Join(left, ", "))
	}
	return err
}

// wait sleeps until something is queued, d has passed, or done is closed.
func (s *Station) wait(done <-chan struct{}, d time.Duration) {
	c, stop := s.o.Clock.After(d)
	defer stop()
	select {
	case <-s.queue.wake:
	case <-c:
	case <-done:
	}
}

// soon waits for c, at most d.
func (s *Station) soon(c <-chan struct{}, d time.Duration) bool {
	timer, stop := s.o.Clock.After(d)
	defer stop()
	select {
	case <-c:
		return true
	case <-timer:
		return false
	}
}

// Halt ends the Station in order, except for the hardware, which is the driver's
// business: see Run, which calls it. It waits at most some seconds for what runs
// beside the Station; with an Options.Go of its own it waits for nothing. It
// returns why the Station could not go on, if that is so.
func (s *Station) Halt(ctx context.Context) error {
	ctx = context.WithoutCancel(ctx)
	s.stopping.Store(true)
	s.queue.close()
	if s.ended == nil {
		s.drain(ctx, stopPulses, func() bool { return len(s.pulses.flying) == 0 })
	}
	s.pulses.stopping = true
	s.pulses.cancel()
	s.drain(ctx, stopWork, func() bool { return s.work.none() })
	if s.ended == nil {
		s.pending = append(s.pending, item{event: locker.Observed{Type: "station.stopping"}})
		s.timers.stop(retryTimer)
		s.Pump(ctx)
	}
	if s.ended == nil {
		s.checkpoint(s.time.now())
	}
	s.queue.end(ErrStopping)
	return s.ended
}

// drain pumps until what is awaited has come, at most for d.
func (s *Station) drain(ctx context.Context, d time.Duration, come func() bool) {
	until := s.o.Clock.Now().Add(d)
	for s.ended == nil {
		for s.Pump(ctx) {
		}
		if s.stepped {
			return
		}
		left := until.Sub(s.o.Clock.Now())
		if come() || left <= 0 {
			return
		}
		s.wait(s.work.wait(), min(left, max(s.Due(), time.Millisecond)))
	}
	if !s.stepped {
		s.soon(s.work.wait(), d)
	}
}

// runCabinet keeps the hardware running. A cabinet that can not be started is
// tried again: the screens say what is wrong meanwhile.
func (s *Station) runCabinet(ctx context.Context) {
	pause := time.Second
	for {
		began := s.o.Clock.Now()
		err := s.tryCabinet(ctx)
		if ctx.Err() != nil {
			if err != nil {
				s.o.Log.Error("the cabinet did not end in order", "error", err)
			}
			return
		}
		s.o.Log.Error("the cabinet stopped; it is started again", "error", err, "after", pause)
		s.queue.call(func() { s.health.raise("cabinet.down"); s.refresh() })
		if s.o.Clock.Now().Sub(began) > cabinetBack {
			pause = time.Second
		}
		if s.o.Clock.Sleep(ctx, pause) != nil {
			return
		}
		pause = min(2*pause, cabinetBack)
	}
}

func (s *Station) tryCabinet(ctx context.Context) (err error) {
	defer func() {
		if p := recover(); p != nil {
			s.panicked("cabinet", p)
			err = fmt.Errorf("panic in the cabinet: %v", p)
		}
	}()
	began := s.o.Clock.Now()
	s.running.Store(&began)
	defer s.running.Store(nil)
	return s.o.Cabinet.Run(ctx, s.Sink)
}
