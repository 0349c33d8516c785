package terminal

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"abholstation/firmware"
	"abholstation/firmware/guard"
	"abholstation/locker"
)

// Station is what the terminal needs of firmware.Station.
type Station interface {
	View() *firmware.View
	Watch() (<-chan struct{}, func())
	Do(ctx context.Context, ev locker.Event) (locker.Answer, error)
	Enter(ctx context.Context, e firmware.Entry) (locker.Answer, error)
}

// Clock is the part of firmware.Clock that the terminal needs.
type Clock interface {
	Now() time.Time
	After(d time.Duration) (<-chan time.Time, func())
}

// Options configure a Terminal. Station, Clock and Help are required.
type Options struct {
	Station    Station
	Clock      Clock
	Name       string            // shown on top, e.g. "Abholstation Rathaus"; "": the language's own word
	Help       string            // phone number that is answered at any hour, as it shall be read
	FactorKind locker.FactorKind // what is asked beside the code; "": locker.Birthday
	Zone       *time.Location    // of times on the screen; nil: Europe/Berlin
	Hosts      []string          // Host names that may ask, without port; nil: 127.0.0.1, ::1, localhost
	Logger     *slog.Logger      // nil: slog.Default; nothing that was typed is ever logged
}

// Time limits of the screens.
const (
	idleAfter   = 60 * time.Second // without a key, before the dialog
	dialogFor   = 20 * time.Second // WCAG 2.2.1: at least 20 s to extend, as often as one likes
	doneFor     = 10 * time.Second
	problemFor  = 30 * time.Second // in place of doneFor for who says that something is wrong
	callTimeout = 30 * time.Second
)

// The errors of Input. None of them has changed anything.
var (
	// ErrBusy: more keys are waiting than anybody can press.
	ErrBusy = errors.New("the terminal is busy, try again in a moment")
	// ErrStopped: Run has ended.
	ErrStopped = errors.New("the terminal has stopped")
	// ErrNotOffered: the screen that is shown has no such button.
	ErrNotOffered = errors.New("the screen that is shown does not offer this")
)

// Terminal is the citizen's screens. Handler and Input may be used from several
// goroutines; Run is called once.
type Terminal struct {
	station Station
	clock   Clock
	opts    Options
	texts   *catalogue
	log     *slog.Logger
	hub     *hub

	inbox   chan request
	results chan outcome
	stopped chan struct{}

	// Owned by Run.
	s     session
	seen  *firmware.View
	seenM time.Time // when seen was first looked at, on clock
	calls sync.WaitGroup
	ctx   context.Context // of Run, for calls
}

type request struct {
	press Press
	reply chan error
}

// outcome is what a call to the Station came to.
type outcome struct {
	session uint64
	what    call
	answer  locker.Answer
	err     error
}

// call names a call to the Station.
type call string

const (
	callAdmit   call = "admit"
	callTypo    call = "typo"
	callEnter   call = "enter"
	callOpen    call = "open"
	callWord    call = "word"
	callProblem call = "problem"
)

// New makes a Terminal that shows the welcome screen. Its error names the
// option that is wrong.
func New(o Options) (*Terminal, error) {
	if o.Station == nil || o.Clock == nil {
		return nil, errors.New("cannot make a terminal: Station and Clock are required")
	}
	if o.Help == "" {
		return nil, errors.New("cannot make a terminal: Help is required: screens tell people to call it")
	}
	switch o.FactorKind {
	case "":
		o.FactorKind = locker.Birthday
	case locker.Birthday, locker.PhoneDigits, locker.AgreedPIN:
	default:
		return nil, fmt.Errorf("cannot make a terminal: factor %q is none of birthday, phone_digits, agreed_pin", o.FactorKind)
	}
	if o.Zone == nil {
		zone, err := time.LoadLocation("Europe/Berlin")
		if err != nil {
			return nil, fmt.Errorf("cannot make a terminal: %w", err)
		}
		o.Zone = zone
	}
	if len(o.Hosts) == 0 {
		o.Hosts = guard.Loopback()
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	texts, err := loadTexts()
	if err != nil {
		return nil, fmt.Errorf("cannot make a terminal: %w", err)
	}
	t := &Terminal{
		station: o.Station,
		clock:   o.Clock,
		opts:    o,
		texts:   texts,
		log:     o.Logger,
		inbox:   make(chan request, 32),
		results: make(chan outcome, 8),
		stopped: make(chan struct{}),
	}
	t.hub = newHub(t.render)
	t.s.reset(1, t.clock.Now(), texts.first())
	t.turn()
	return t, nil
}

// Input hands in one press, touch or scan and returns when the screen shows
// what came of it (a slow check by the Station shows as the waiting screen).
// An error changed nothing: ErrBusy, ErrStopped, ErrNotOffered, a *BadPress, or
// ctx's.
func (t *Terminal) Input(ctx context.Context, p Press) error {
	if err := p.check(t.texts); err != nil {
		return err
	}
	r := request{press: p, reply: make(chan error, 1)}
	select {
	case <-t.stopped:
		return ErrStopped
	case t.inbox <- r:
	default:
		return ErrBusy
	}
	select {
	case err := <-r.reply:
		return err
	case <-t.stopped:
		return ErrStopped
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Run owns the session until ctx ends, whose error it returns.
func (t *Terminal) Run(ctx context.Context) error {
	changed, unwatch := t.station.Watch()
	defer unwatch()
	callCtx, cancel := context.WithCancel(ctx)
	t.ctx = callCtx
	defer func() {
		cancel()
		t.calls.Wait()
		t.s.wipe()
		close(t.stopped)
		t.hub.close()
	}()
	for {
		timer, release := t.clock.After(t.turn())
		var r request
		var err error
		select {
		case <-ctx.Done():
			release()
			return ctx.Err()
		case <-changed:
		case <-timer:
		case o := <-t.results:
			t.settle(o)
		case r = <-t.inbox:
			err = t.press(r.press)
		}
		release()
		if r.reply != nil {
			t.turn() // so that whoever asked sees its effect
			r.reply <- err
		}
	}
}

// turn takes the newest View and the time into account, publishes the page and
// returns how long it stays right if nothing happens.
func (t *Terminal) turn() time.Duration {
	now := t.clock.Now()
	if v := t.station.View(); v != t.seen {
		t.seen, t.seenM = v, now
	}
	t.look(now)
	page := t.page(now)
	t.hub.publish(page)
	return t.wake(now, page)
}

// call runs f beside the session and has its outcome settled there. A busy
// session takes no keys until then, so that nobody walks away from an answer
// that may open a door.
func (t *Terminal) call(what call, busy bool, f func(context.Context) (locker.Answer, error)) {
	if busy {
		t.s.busy = true
	}
	o := outcome{session: t.s.id, what: what}
	ctx := t.ctx
	t.calls.Go(func() {
		limited, cancel := context.WithTimeout(ctx, callTimeout)
		defer cancel()
		o.answer, o.err = f(limited)
		select {
		case t.results <- o:
		case <-ctx.Done():
		}
	})
}

// leave tells the Station that the person has gone, if it had granted
// something, and shows the welcome screen as if nobody had been there.
func (t *Terminal) leave(now time.Time) {
	if id := t.s.id; len(t.s.granted) > 0 {
		ctx := t.ctx
		t.calls.Go(func() {
			limited, cancel := context.WithTimeout(ctx, callTimeout)
			defer cancel()
			// A grant that could not be given back ends by itself.
			if _, err := t.station.Do(limited, locker.Leave{Session: id}); err != nil && ctx.Err() == nil {
				t.log.Warn("cannot end the citizen's session", "err", err)
			}
		})
	}
	t.s.reset(t.s.id+1, now, t.texts.first())
}
