package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"abholstation/firmware"
	"abholstation/firmware/staff"
	"abholstation/firmware/terminal"
	"abholstation/hal"
	"abholstation/locker"
	"abholstation/locker/store"
)

// life is the controller from power-on to power-off: everything that is lost
// when the plug is pulled. The world, the clock, the ports and the files of the
// store outlast it.
type life struct {
	store    *store.Store
	opening  store.Opening
	station  *firmware.Station
	screen   *terminal.Terminal
	terminal http.Handler
	staff    *staff.Staff
	office   http.Handler
	log      *logbook
	logger   *slog.Logger

	ctx    context.Context // ends with the life
	cancel context.CancelFunc
	dead   atomic.Bool // killed: nothing may reach the store or an asker any more
	ended  chan struct{}
	err    error // of the Station, set before ended is closed
}

// errDead is what a commit of a dead controller gets.
var errDead = errors.New("this controller is dead")

// disk is what the store of a life lies on.
type disk struct {
	full *atomic.Bool
}

// hook is called by the store in the middle of each commit, before anything is
// written for good.
func (l *life) hook(d disk) func(store.Point) error {
	return func(p store.Point) error {
		switch {
		case p != store.BeforeCommit:
			return nil
		case l.dead.Load():
			return errDead
		case d.full.Load():
			return syscall.ENOSPC
		}
		return nil
	}
}

// crowded is a store whose disk may be full.
type crowded struct {
	*store.Store
	full *atomic.Bool
}

// Space says that nothing is left while the disk is full.
func (c crowded) Space() float64 {
	if c.full.Load() {
		return 1
	}
	return c.Store.Space()
}

// startWithin bounds the start of a controller.
const startWithin = 20 * time.Second

// power switches a controller on and waits until it has read its cabinet.
func (in *installation) power(ctx context.Context) (l *life, err error) {
	l = &life{ended: make(chan struct{})}
	if in.set.logTo != nil {
		l.logger = newLog(living{l, in.set.logTo})
	} else {
		l.logger = newLog(nil)
	}
	l.ctx, l.cancel = context.WithCancel(context.Background())
	wall, synced := in.clock.Wall()
	l.store, l.opening, err = store.Open(store.Options{
		Path: storePath(in.set.state), Station: "simulation", Rules: in.rules, Key: in.secrets.store, Signer: in.secrets.signer,
		Now: locker.Now{Wall: wall, Synced: synced}, Log: l.logger, Hook: l.hook(disk{&in.full}),
	})
	if err != nil {
		return nil, err
	}
	ok := false
	defer func() {
		if !ok {
			l.die()
		}
	}()
	cabinet, err := hal.Govern(in.world.Driver(), in.clock, hal.Options{})
	if err != nil {
		return nil, err
	}
	l.station, err = firmware.New(firmware.Options{
		Store: crowded{l.store, &in.full}, Cabinet: cabinet, Rules: in.rules, Clock: in.clock, Keys: in.secrets.tags,
		Factor: locker.Birthday, Notifier: in.secrets.notifier.PublicKey(), Signer: in.secrets.signer, Log: l.logger,
	})
	if err != nil {
		return nil, err
	}
	if err := l.pages(in); err != nil {
		return nil, err
	}
	l.run()
	if err := l.started(ctx); err != nil {
		return nil, err
	}
	ok = true
	return l, nil
}

// pages makes the terminal and the staff page.
func (l *life) pages(in *installation) (err error) {
	l.screen, err = terminal.New(terminal.Options{
		Station: l.station, Clock: in.clock, Name: "Abholstation Musterburg", Help: helpPhone,
		FactorKind: locker.Birthday, Logger: l.logger,
	})
	if err != nil {
		return err
	}
	l.staff, err = staff.New(staff.Options{
		Station: l.station, Clock: in.clock, Factor: locker.Birthday, Name: "Abholstation Musterburg",
		Argon: in.set.staffCost, Logger: l.logger,
	})
	if err != nil {
		return err
	}
	l.terminal, l.office = l.screen.Handler(), l.staff.Handler()
	l.log = newLogbook(l.store, in.secrets)
	return nil
}

// helpPhone is from the numbers that are kept for films.
const helpPhone = "089 99998 123"

// run starts the goroutines of a life; ended is closed when they are all over.
func (l *life) run() {
	var all sync.WaitGroup
	all.Go(func() {
		l.err = l.station.Run(l.ctx)
		l.cancel() // it can not go on: nor can the rest
	})
	all.Go(func() { _ = l.screen.Run(l.ctx) }) // always the context's error
	all.Go(func() { l.log.follow(l.ctx, l.station, l.logger) })
	go func() {
		all.Wait()
		close(l.ended)
	}()
}

// started waits for the first reading of the cabinet.
func (l *life) started(ctx context.Context) error {
	changed, stop := l.station.Watch()
	defer stop()
	limit := time.NewTimer(startWithin)
	defer limit.Stop()
	for !l.station.View().State.Started {
		select {
		case <-changed:
		case <-l.ended:
			return fmt.Errorf("the controller ended while it started: %w", l.err)
		case <-limit.C:
			return fmt.Errorf("the controller did not start within %s", startWithin)
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// die is a power cut: from here on no commit passes and nobody is answered. The
// cabinet must be cut off before. What still runs of the old Station is of no
// effect; wait for ended to see its end.
func (l *life) die() {
	l.dead.Store(true)
	_ = l.store.Close() // a commit in flight is finished or has failed in hook
	l.cancel()
}

// stop ends a life in order.
func (l *life) stop() error {
	l.cancel()
	<-l.ended
	return errors.Join(l.err, l.store.Close())
}

// serve answers with h as long as the life lasts. Who waits when it is killed is
// not answered: the connection breaks, as it would.
func (l *life) serve(h http.Handler, w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	defer context.AfterFunc(l.ctx, cancel)()
	h.ServeHTTP(w, r.WithContext(ctx))
	if l.dead.Load() {
		panic(http.ErrAbortHandler)
	}
}

// commission has a new cabinet looked into, as a clerk would do before its first
// day.
func (l *life) commission(ctx context.Context) error {
	var wait []chan error
	flush := func() error {
		for _, c := range wait {
			if err := <-c; err != nil {
				return fmt.Errorf("cannot commission the cabinet: %w", err)
			}
		}
		wait = nil
		return ctx.Err()
	}
	for _, c := range l.station.View().State.Compartments {
		done := make(chan error, 1)
		wait = append(wait, done)
		l.station.Offer(
			locker.Inspected{By: "staff:demo", Compartment: c.Number, Finding: locker.FoundEmpty, ByKey: true},
			func(_ locker.Answer, err error) { done <- err },
		)
		if len(wait) == 32 {
			if err := flush(); err != nil {
				return err
			}
		}
	}
	return flush()
}

// accounts makes the demo's people; demo2 is the second person where four eyes
// are needed.
func (l *life) accounts(ctx context.Context, password string) error {
	if l.staff.SetupLink() == "" {
		return nil
	}
	for _, user := range []string{"demo", "demo2"} {
		a := staff.Account{User: user, Name: "Demo " + user, Role: staff.Supervisor, Password: password}
		if err := l.staff.AddAccount(ctx, a); err != nil {
			return fmt.Errorf("cannot make the account %s: %w", user, err)
		}
	}
	return nil
}

// off answers for a controller that has no power. Event streams are broken
// instead: a browser tries those again by itself, but takes a status for the last
// word, and the page shall come back with the station.
func off(w http.ResponseWriter, r *http.Request) {
	if strings.Contains(r.Header.Get("Accept"), "text/event-stream") {
		panic(http.ErrAbortHandler)
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
	h.Set("Retry-After", "2")
	h.Set("Refresh", "2") // for browsers
	w.WriteHeader(http.StatusServiceUnavailable)
	fmt.Fprint(w, offPage) // the reader may be gone
}

const offPage = `<!doctype html>
<html lang="de">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Station aus</title>
<main>
<h1>Die Station ist aus.</h1>
<p>Diese Seite lädt sich neu, sobald sie wieder läuft.</p>
<h2 lang="en">The station is off.</h2>
<p lang="en">This page reloads by itself when it is on again.</p>
</main>
`

// living is where a controller's log goes as long as it lives: what a dead one
// would still say is of no use to anybody.
type living struct {
	*life
	to io.Writer
}

func (v living) Write(p []byte) (int, error) {
	if v.dead.Load() {
		return len(p), nil
	}
	return v.to.Write(p)
}

// newLog is a log of errors; without a writer nothing is logged.
func newLog(to io.Writer) *slog.Logger {
	if to == nil {
		return slog.New(slog.DiscardHandler)
	}
	return slog.New(slog.NewTextHandler(to, &slog.HandlerOptions{Level: slog.LevelError}))
}
