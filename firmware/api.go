package firmware

import (
	"errors"
	"time"

	"abholstation/hal"
	"abholstation/locker"
)

// Clock is the time that the station lives in: the hardware's monotonic clock,
// and the wall clock with its trust. Production uses SystemClock; simulations
// bring their own.
type Clock interface {
	hal.Clock
	// Wall is what the wall clock says, UTC, and whether a time server
	// disciplines it.
	Wall() (t time.Time, synced bool)
	// After returns a channel that receives once d has passed, and a function
	// that gives the timer up.
	After(d time.Duration) (<-chan time.Time, func())
}

// View is what readers get: an immutable picture of the station after the last
// commit.
type View struct {
	Seq      uint64 // grows with every new View
	Now      locker.Now
	State    locker.State
	Rules    *locker.Rules
	Problems []Problem // what is unhealthy, worst first
}

// Severity of a Problem.
type Severity string

// The severities.
const (
	Warning  Severity = "warning"  // look at it this week
	Degraded Severity = "degraded" // something does not work: look at it today
	Critical Severity = "critical" // citizens are affected: now
)

// Problem is one thing that is unhealthy.
type Problem struct {
	Key           string    `json:"key"` // stable while it lasts, e.g. "store.full", "compartment.7.lock_jammed"
	Severity      Severity  `json:"severity"`
	Since         time.Time `json:"since"`
	Compartment   int       `json:"compartment,omitempty"`
	Text          string    `json:"text"` // what it is, in German; that of "hal.…" in the driver's words
	Do            string    `json:"do"`   // what to do about it, likewise
	BreaksPickups bool      `json:"breaks_pickups,omitempty"`
}

// Entry is what a citizen typed or scanned. The Station wipes both slices when
// it has made the tags.
type Entry struct {
	Session uint64
	QR      bool
	Code    []byte // nine digits, or the QR's whole text
	Factor  []byte // four digits
}

// Announcement is what staff tell of a delivery to come. Factor and contact are
// plain here, in the office's network; they leave Announce as tag and as sealed
// blob only.
type Announcement struct {
	By        locker.Actor
	Reference string
	Kinds     []string
	Size      locker.Size // 0: S
	Reachable bool
	Met       []string // conditions on file
	Factor    string   // four digits, see Options.FactorKind
	Contact   *Contact // nil: a slip is printed
	Lang      string   // "de", "en", …; "": "de"
	HoldDays  int
}

// Contact is where the notice goes. It is sealed at once.
type Contact struct {
	Email  string `json:"email,omitempty"`
	Mobile string `json:"mobile,omitempty"` // E.164
}

// Slip is a code in plain text, shown once, to be printed and handed over or
// posted. It is stored nowhere.
type Slip struct {
	Delivery    locker.DeliveryID `json:"delivery,omitempty"`
	Group       locker.GroupID    `json:"group,omitempty"`
	Reference   string            `json:"reference"`
	Code        string            `json:"code"` // "123 456 782"
	QR          string            `json:"qr"`   // "PS1:…"
	Compartment int               `json:"compartment"`
	HoldUntil   time.Time         `json:"hold_until"`
	Lang        string            `json:"lang"`
}

// The errors of a Station that are not a *locker.Refusal.
var (
	// ErrBusy: the queue is full. Nothing was changed; try again in a moment.
	ErrBusy = errors.New("the station is busy, try again in a moment")
	// ErrStopping: the station is shutting down. Nothing was changed.
	ErrStopping = errors.New("the station is shutting down")
	// ErrStore: the change could not be made durable. Nothing was changed.
	ErrStore = errors.New("the station cannot store anything at the moment; nothing was changed")
	// ErrTypo: the check digit is wrong, or the text is no code. Costs no attempt.
	ErrTypo = errors.New("a digit is wrong")
	// ErrFactor: the factor has the wrong form (not four digits).
	ErrFactor = errors.New("the second factor has four digits")
	// ErrTypoRate: more than 30 typos in a minute.
	ErrTypoRate = errors.New("too many typing errors, wait a minute")
)

// The Station's methods, for those who declare the few they need:
//
//	View() *View                                        never blocks, never nil
//	Watch() (<-chan struct{}, func())                   signalled (coalescing) after every new View; the func ends it
//	Do(ctx, locker.Event) (locker.Answer, error)        queues an event and waits for its commit
//	Enter(ctx, Entry) (locker.Answer, error)            grammar, admission, argon2 twice, locker.Present
//	Announce(ctx, Announcement) (locker.Answer, error)  factor and contact are tagged and sealed, then locker.Announce
//	Group(ctx, By, ids, factor, *Contact, lang) (locker.Answer, error)
//	Slip(ctx, By, locker.Owner) (Slip, error)           makes the code of a ready delivery without contact
//	History(ctx, after uint64, limit int) ([]store.Entry, error)   the audit log, paged
//	Document(name) []byte                               a small value a page keeps; nil: none
//	PutDocument(ctx, name, value, locker.StaffNote) error   stored in one commit with the note
//	Run(ctx) error
//
// An error is a *locker.Refusal, one of the above, or ctx's. Simulations drive
// the same Station without goroutines: Pump, Due, Halt, Offer, Sink and the
// Start… forms of Enter, Announce, Group and Slip, with Options.Go.
