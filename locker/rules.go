package locker

import "time"

// Size is the size class of a compartment; a larger one takes what fits a
// smaller one.
type Size uint8

// The sizes: S takes a passport or card envelope, M a C5 envelope, L a C4 folder.
const (
	SizeS Size = iota + 1
	SizeM
	SizeL
)

// Reachable heights of a compartment's lower edge for a wheelchair user or a
// child, in mm above the floor (DIN 18040-1, 850 mm operating height with the
// tolerance that the standard allows; EN 301 549 8.3).
const (
	ReachableFromMM = 400
	ReachableToMM   = 1050
)

// Place is the fixed part of one compartment.
type Place struct {
	Number      int    // what is painted on the door
	Lock        uint16 // hal.LockID
	Size        Size
	HeightMM    int  // lower edge above the floor
	Row, Column int  // from the top left, counted from 1
	HasLatch    bool // the lock reports "locked" apart from "closed"
	HasItem     bool // a presence sensor
}

// Reachable says whether a wheelchair user or a child reaches this compartment.
func (p Place) Reachable() bool { return p.HeightMM >= ReachableFromMM && p.HeightMM <= ReachableToMM }

// Kind is a kind of document. What it says is configuration; the shipped values
// cite the law in deploy/docs/kinds.md.
type Kind struct {
	Name       string   // "passport"; shown in words by the screens
	Conditions []string // all must be on file before loading, e.g. "pin_letter_confirmed"
	Confirm    string   // "" or the key of a text that the citizen confirms before the door opens
	HoldDays   int      // working days; 0: Rules.HoldDays
	OnlySelf   bool     // nobody else may collect it
	TwoPeople  bool     // loading needs a second person's approval
	HardEnd    bool     // the code stops working when the hold period is over
}

// Rules are the station's configuration, fixed while it runs. Use Defaults and
// set Layout, Kinds and Calendar.
type Rules struct {
	Layout   []Place
	Kinds    map[string]Kind
	Calendar *Calendar

	Grace         time.Duration // settling; default 10 min
	Observe       time.Duration // observation window after a pulse, ≥ 10 s; default 12 s
	Cooldown      time.Duration // of a lock; the repeat waits for max(Observe, Cooldown)
	CloseSettle   time.Duration // a door must stay closed this long before its closing counts; default 700 ms
	Prompt        time.Duration // left open: 30 s
	Tone          time.Duration // 60 s
	Alarm         time.Duration // 120 s
	GiveUp        time.Duration // 30 min
	Reopen        time.Duration // asking, 10 min
	GrantFor      time.Duration // what a citizen may do without the code again; 10 min
	RetryWindow   time.Duration // 10 min
	RetryMax      int           // openings on the citizen's request in RetryWindow: 3
	HoldDays      int           // default 10 working days
	ReminderDay   int           // working day 5
	OutageFrom    time.Duration // 4 h
	EraseAfter    time.Duration // 14 days after the end
	Heartbeat     time.Duration // clock is stored at least this often; 10 min
	MaxDeliveries int           // refused above; default 100 000
	ReserveReach  float64       // part of the reachable band that is kept free; 0.10
}

// Defaults returns the shipped rules without Layout, Kinds and Calendar.
func Defaults() Rules {
	return Rules{
		Grace:         10 * time.Minute,
		Observe:       12 * time.Second,
		Cooldown:      10 * time.Second,
		CloseSettle:   700 * time.Millisecond,
		Prompt:        30 * time.Second,
		Tone:          60 * time.Second,
		Alarm:         120 * time.Second,
		GiveUp:        30 * time.Minute,
		Reopen:        10 * time.Minute,
		GrantFor:      10 * time.Minute,
		RetryWindow:   10 * time.Minute,
		RetryMax:      3,
		HoldDays:      10,
		ReminderDay:   5,
		OutageFrom:    4 * time.Hour,
		EraseAfter:    14 * 24 * time.Hour,
		Heartbeat:     10 * time.Minute,
		MaxDeliveries: 100_000,
		ReserveReach:  0.10,
	}
}
