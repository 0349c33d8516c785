package locker

import (
	"fmt"
	"time"
)

// Result is what Step decides. With a Refusal, State is exactly the one given
// and Records and Effects are empty, except where a rejected entry is counted
// (Present), which is a change of its own.
type Result struct {
	State   State
	Records []Record
	Effects []Effect
	Answer  Answer
	Refusal *Refusal
}

// Record is one entry of the audit log. It holds nothing personal but in
// Personal, which the store encrypts under a key of its own.
type Record struct {
	Type        string     `json:"type"` // "delivery.loaded", "door.opened", …; see Types
	Actor       Actor      `json:"actor"`
	Compartment int        `json:"compartment,omitempty"`
	Delivery    DeliveryID `json:"delivery,omitempty"`
	Group       GroupID    `json:"group,omitempty"`
	Intent      uint64     `json:"intent,omitempty"`
	Detail      Detail     `json:"detail,omitzero"`
	Personal    *Personal  `json:"-"`
}

// Detail is the closed set of further facts: numbers, and codes from closed
// lists. No field can hold free text.
type Detail struct {
	Purpose    Purpose   `json:"purpose,omitempty"`
	Code       string    `json:"code,omitempty"`  // reason, fault, finding, …: [a-z0-9_.-]{1,40}
	Count      int       `json:"count,omitempty"` //
	Seconds    int64     `json:"seconds,omitempty"`
	Until      time.Time `json:"until,omitzero"`
	Door       Tri       `json:"door,omitempty"`
	Locked     Tri       `json:"locked,omitempty"`
	Item       Tri       `json:"item,omitempty"`
	Generation uint32    `json:"generation,omitempty"`
	Kinds      []string  `json:"kinds,omitempty"`
	Second     Actor     `json:"second,omitempty"`
	Unverified bool      `json:"unverified,omitempty"`
}

// Personal is the part of a record that is erased with its delivery.
type Personal struct {
	Reference string `json:"reference,omitempty"`
	Notice    []byte `json:"notice,omitempty"` // sealed for the office's notifier
}

// Effect is something the outside does after the commit.
type Effect interface{ effect() }

// The effects. Unlock is never retried; its outcome is settled by reading.
// MakeCode is asked for again after a restart as long as the State wants it.
// ReadDoors and Tone may be dropped.
type (
	// Unlock orders one pulse.
	Unlock struct {
		Compartment int
		Lock        uint16
		Intent      uint64
	}
	// ReadDoors asks for a fresh reading of the cabinet.
	ReadDoors struct{}
	// MakeCode asks for a random code, its tags, and a sealed notice.
	MakeCode struct {
		Owner      Owner
		Generation uint32
	}
	// Tone sounds at the cabinet: "left_open", "alarm", "opened", "done".
	Tone struct{ Name string }
)

func (Unlock) effect()    {}
func (ReadDoors) effect() {}
func (MakeCode) effect()  {}
func (Tone) effect()      {}

// Answer is for the one who asked.
type Answer struct {
	Delivery    DeliveryID   // concerned
	Group       GroupID      //
	Compartment int          // that opens
	Choices     []DeliveryID // granted by a code, in order of compartment
	Confirm     string       // Kind.Confirm of the delivery that would open
	Generation  uint32       // with Reissue
}

// Refusal says why nothing was done. It is an error.
type Refusal struct {
	Code        Reason
	Compartment int
	Delivery    DeliveryID
	What        string        // condition, kind, state, field: a code
	Wait        time.Duration // how long until it may work
}

func (r *Refusal) Error() string {
	s := "refused: " + string(r.Code)
	if r.What != "" {
		s += " (" + r.What + ")"
	}
	if r.Delivery != 0 {
		s += fmt.Sprintf(", delivery %d", r.Delivery)
	}
	if r.Compartment != 0 {
		s += fmt.Sprintf(", compartment %d", r.Compartment)
	}
	if r.Wait > 0 {
		s += fmt.Sprintf(", wait %s", r.Wait.Round(time.Second))
	}
	return s
}

// Reason is why something was refused; the pages have a sentence for each in
// every language that says what to do next.
type Reason string

// The reasons.
const (
	// To citizens.
	Rejected      Reason = "rejected"      // code or factor wrong: never said which
	Locked        Reason = "locked"        // too many wrong entries: Wait
	Unavailable   Reason = "unavailable"   // right, but can not be opened now: ask staff
	AlreadyOpen   Reason = "already_open"  // the compartment is open
	NeedsConfirm  Reason = "needs_confirm" // the kind's confirmation is missing: What
	NoGrant       Reason = "no_grant"      // session over: enter the code again
	TooManyTries  Reason = "too_many_tries"
	DoorInUse     Reason = "door_in_use" // the same person has another door open or opening
	InventoryDue  Reason = "inventory_due"
	PowerLow      Reason = "power_low"
	StationClosed Reason = "station_closed" // not started yet, or stopping

	// To staff.
	UnknownDelivery    Reason = "unknown_delivery"
	UnknownCompartment Reason = "unknown_compartment"
	WrongState         Reason = "wrong_state" // What: the state it is in
	DuplicateReference Reason = "duplicate_reference"
	BadField           Reason = "bad_field" // What: its name
	UnknownKind        Reason = "unknown_kind"
	ConditionOpen      Reason = "condition_open" // What: the condition
	NeedsSecond        Reason = "needs_second"   // another person must approve
	NoCompartment      Reason = "no_compartment" // none free that fits
	NotFree            Reason = "not_free"
	CompartmentBlocked Reason = "blocked"
	CompartmentFault   Reason = "fault"
	DoorUnknown        Reason = "door_unknown" // no fresh reading: check the sensor
	DoorIsOpen         Reason = "door_is_open" // close it first
	InUse              Reason = "in_use"       // opening or open: wait for its end
	TooEarly           Reason = "too_early"    // grace not over: Wait
	HasContact         Reason = "has_contact"  // a notice is sent; no slip
	CodeExists         Reason = "code_exists"  // reissue instead
	NotMember          Reason = "grouped"      // belongs to a group
	ClockUntrusted     Reason = "clock_untrusted"
	StoreFull          Reason = "store_full"
	SensorDisagrees    Reason = "sensor_disagrees" // it says that something is inside: look again, say Sure
	Stale              Reason = "stale"            // overtaken by something newer
)
