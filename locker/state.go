package locker

import (
	"slices"
	"time"
)

// Tri is a three-valued reading. The zero value is Unknown, so that a reading
// that was never made can not be taken for "no" or "closed".
type Tri uint8

// The values of a Tri.
const (
	Unknown Tri = iota
	No
	Yes
)

// Mono is powered-on time of this station: it never goes back, does not count
// time without power, and goes on after a restart from what the store last saw.
// Everything shorter than a day (grace, windows, limiter) is measured with it.
type Mono = time.Duration

// Now is the time at which an event is decided.
type Now struct {
	Mono   Mono      // powered-on time
	Wall   time.Time // what the wall clock says, UTC
	Synced bool      // the wall clock is disciplined by a time server: this explains a jump
}

// Sensed is the newest reading of one compartment's sensors. Locked and Item
// stay Unknown where the lock has no such contact or sensor.
type Sensed struct {
	Open, Locked, Item Tri
	At                 Mono // when it was read
	Changed            Mono // since when Open has this value
	Fresh              bool // false: stale or faulty; then nothing is decided on it
}

// Use says what is in a compartment.
type Use string

// The uses of a compartment. The zero value is not valid: a new compartment is
// ToCheck until a sensor or a clerk says otherwise.
const (
	Free     Use = "free"
	Reserved Use = "reserved" // being loaded
	Occupied Use = "occupied"
	ToCheck  Use = "to_check" // in doubt: a clerk must look in
)

// DeliveryState is where a delivery stands in its life.
type DeliveryState string

// The states of a delivery, see deploy/docs/lifecycle.md for the transitions.
const (
	Announced DeliveryState = "announced"
	Loading   DeliveryState = "loading"
	Settling  DeliveryState = "settling" // loaded; the clerk may still correct, no code exists yet
	Ready     DeliveryState = "ready"
	Due       DeliveryState = "due"     // hold period over, still inside
	Opening   DeliveryState = "opening" // durable intent, outcome not yet known
	Open      DeliveryState = "open"
	Asking    DeliveryState = "asking" // closed, no sensor: "everything taken?"; may be reopened
	Collected DeliveryState = "collected"
	Cancelled DeliveryState = "cancelled" // still inside until retrieved
	Disputed  DeliveryState = "disputed"
	Retrieved DeliveryState = "retrieved"
	Lost      DeliveryState = "lost"
)

// Ended says whether nothing more can happen to a delivery in this state.
func (s DeliveryState) Ended() bool {
	return s == Collected || s == Retrieved || s == Lost
}

// DeliveryID names a delivery at this station; counted from 1, never reused.
type DeliveryID uint64

// GroupID names a pickup group; counted from 1, never reused.
type GroupID uint64

// Tag is the stored trace of a secret: an HMAC-SHA256 (32 bytes), or nil.
type Tag []byte

// Actor is who did something: a pseudonym ("staff:9f3c…"), never a name.
// "citizen" and "station" are the two that are nobody in particular.
type Actor string

// The actors that are nobody in particular.
const (
	Citizen Actor = "citizen"
	Self    Actor = "station"
)

// Purpose is what an opened door is for.
type Purpose string

// The purposes for which a door may be opened.
const (
	ForCollect  Purpose = "collect"
	ForLoad     Purpose = "load"
	ForRetrieve Purpose = "retrieve"
	ForInspect  Purpose = "inspect"
)

// Phase is how far an Intent has come.
type Phase string

// The phases of an Intent.
const (
	PhaseOpening Phase = "opening" // pulse ordered, door not yet seen open
	PhaseOpen    Phase = "open"    // door seen open
	PhaseAsking  Phase = "asking"  // closed again; a person must say what is inside
)

// Intent is the durable permission to open one door. While a compartment has
// one, its door belongs to that intent; a door that opens without is forced.
type Intent struct {
	ID       uint64     `json:"id"` // counted from 1, never reused
	Purpose  Purpose    `json:"purpose"`
	Delivery DeliveryID `json:"delivery,omitempty"` // 0: inspection of a compartment
	By       Actor      `json:"by"`
	Phase    Phase      `json:"phase"`
	Since    Mono       `json:"since"`            // begin of the phase
	Deadline Mono       `json:"deadline"`         // when the phase is settled by a fresh reading
	Pulses   int        `json:"pulses"`           // ordered for this intent, 1 or 2
	Stage    int        `json:"stage,omitempty"`  // left open: 0, 1 prompt, 2 tone, 3 alarm
	Late     Mono       `json:"late,omitempty"`   // since when it is overdue because the station stood still
	Settle   bool       `json:"settle,omitempty"` // found after a restart or an unknown pulse: never pulse again
}

// Fault names why a compartment can not be used.
type Fault string

// The faults that the domain derives.
const (
	LockJammed Fault = "lock_jammed" // pulsed and stayed closed
	LockLoose  Fault = "lock_loose"  // closed but not locked
	DoorUnread Fault = "door_unread" // no fresh reading when one was needed
	DoorForced Fault = "door_forced" // opened without an intent
)

// Compartment is the changing part of one compartment; the fixed part is in
// Layout, at the same index.
type Compartment struct {
	Number   int        `json:"number"`
	Use      Use        `json:"use"`
	Delivery DeliveryID `json:"delivery,omitempty"` // whose documents are, or may be, inside
	Blocked  string     `json:"blocked,omitempty"`  // "" or why staff have blocked it (a code, not free text)
	Fault    Fault      `json:"fault,omitempty"`
	Intent   *Intent    `json:"intent,omitempty"`
	// The presence sensor has said something that can not be: it is not believed
	// any more, until an Unblock says that it was repaired. The compartment works
	// on like one without a sensor.
	PresenceDoubt bool   `json:"presence_doubt,omitempty"`
	Cycles        uint32 `json:"cycles"`  // pulses ordered in its life
	Retries       uint32 `json:"retries"` // of them, repeats
}

// Credential is what opens a delivery or a pickup group. Secrets are kept as
// tags only.
type Credential struct {
	Generation   uint32 `json:"generation"`         // codes made so far
	CodeTag      Tag    `json:"code_tag,omitempty"` // nil: no code is valid
	QRTag        Tag    `json:"qr_tag,omitempty"`
	FactorSalt   []byte `json:"factor_salt,omitempty"` // 16 bytes
	FactorTag    Tag    `json:"factor_tag,omitempty"`
	WrongFactors int    `json:"wrong_factors,omitempty"`
	Suspended    bool   `json:"suspended,omitempty"` // disputed, or restored and not yet confirmed
	Wanted       bool   `json:"wanted,omitempty"`    // a code shall be made for the sealed contact
}

// Live says whether a code exists and may be used.
func (c Credential) Live() bool { return len(c.CodeTag) > 0 && !c.Suspended }

// End forgets code and QR; the factor stays for a reissue.
func (c *Credential) End() { c.CodeTag, c.QRTag, c.WrongFactors, c.Wanted = nil, nil, 0, false }

// Delivery is one citizen's documents in one compartment.
type Delivery struct {
	ID          DeliveryID    `json:"id"`
	Reference   string        `json:"reference"` // the office's job number, opaque
	Kinds       []string      `json:"kinds"`     // document kinds, by Kind.Name
	State       DeliveryState `json:"state"`
	Compartment int           `json:"compartment,omitempty"` // 0: none
	Size        Size          `json:"size"`                  // smallest that fits
	Reachable   bool          `json:"reachable,omitempty"`   // wheelchair or child height
	Met         []string      `json:"met,omitempty"`         // conditions on file
	Credential
	Contact []byte  `json:"contact,omitempty"` // sealed to the office's notifier, never opened here
	Lang    string  `json:"lang,omitempty"`    // language of notices and slip
	Group   GroupID `json:"group,omitempty"`

	AnnouncedAt time.Time `json:"announced_at,omitzero"`
	AnnouncedBy Actor     `json:"announced_by,omitempty"`
	LoadedAt    time.Time `json:"loaded_at,omitzero"`
	LoadedBy    Actor     `json:"loaded_by,omitempty"`
	ApprovedBy  Actor     `json:"approved_by,omitempty"` // second person, where the kind asks for one
	ReadyAt     time.Time `json:"ready_at,omitzero"`
	HoldUntil   time.Time `json:"hold_until,omitzero"` // 23:59 local of a working day
	HoldDays    int       `json:"hold_days,omitempty"` // working days, extensions included
	CollectedAt time.Time `json:"collected_at,omitzero"`
	EndedAt     time.Time `json:"ended_at,omitzero"`
	EndedMono   Mono      `json:"ended_mono,omitempty"`

	GraceUntil  Mono          `json:"grace_until,omitempty"`  // settling ends
	AskUntil    Mono          `json:"ask_until,omitempty"`    // asking ends
	Outage      time.Duration `json:"outage,omitempty"`       // time in which a right code could not have opened
	OutageDays  int           `json:"outage_days,omitempty"`  // working days given for it so far
	Reminders   int           `json:"reminders,omitempty"`    // bit 0: day 5, bit 1: last working day, bit 2: expiry told
	Opened      []Mono        `json:"opened,omitempty"`       // openings ordered by the citizen that stayed closed, last 10 min
	StillInside int           `json:"still_inside,omitempty"` // closings with something inside
	Unverified  bool          `json:"unverified,omitempty"`   // collected, but no sensor saw it empty
	Retrieving  bool          `json:"retrieving,omitempty"`   // code ended because a retrieval was started
	Relocating  bool          `json:"relocating,omitempty"`   // on its way to another compartment, code kept
	Pending     string        `json:"pending,omitempty"`      // "cancel": waits for the end of opening/open
}

// Group is one code for several deliveries of one person. It ends with the last.
type Group struct {
	ID         GroupID      `json:"id"`
	Deliveries []DeliveryID `json:"deliveries"`
	Credential
	Contact []byte `json:"contact,omitempty"`
	Lang    string `json:"lang,omitempty"`
}

// Inventory is a round in which clerks say what is in which compartment. While
// Required, no code opens anything.
type Inventory struct {
	Required bool   `json:"required,omitempty"` // after a restore or damage
	Done     []int  `json:"done,omitempty"`     // compartment numbers seen in this round
	Running  bool   `json:"running,omitempty"`
	By       Actor  `json:"by,omitempty"`
	Why      string `json:"why,omitempty"` // "restored", "damaged", "requested"
}

// Meta is the station's row: counters, limiter, inventory.
type Meta struct {
	NextDelivery DeliveryID `json:"next_delivery"`
	NextGroup    GroupID    `json:"next_group"`
	NextIntent   uint64     `json:"next_intent"`
	Limiter      Limiter    `json:"limiter"`
	Inventory    Inventory  `json:"inventory"`
	Heartbeat    Mono       `json:"heartbeat"` // last forced commit of the clock
	MainsLost    bool       `json:"mains_lost,omitempty"`
}

// Clock is what the station believes of the time; it rides on every commit and
// is never a reason for one.
type Clock struct {
	Mono      Mono      `json:"mono"`                // newest powered-on time
	Wall      time.Time `json:"wall"`                // newest trusted wall time: the high-water mark
	AnchorM   Mono      `json:"anchor_mono"`         // pair against which a step is measured
	AnchorW   time.Time `json:"anchor_wall"`         //
	Untrusted string    `json:"untrusted,omitempty"` // "" or why: "stepped", "jumped", "behind"
	Booted    bool      `json:"booted,omitempty"`    // powered off since the last trusted pair
}

// Grant is what the citizen at the terminal may do without entering the code
// again. It is not stored: after a restart the code is entered again.
type Grant struct {
	Session    uint64
	Deliveries []DeliveryID // of the code's delivery or group
	Until      Mono
}

// State is everything the station knows. It is immutable: see the package
// comment. The zero value is no valid State; use Rules.NewState.
type State struct {
	// Stored rows.
	Compartments []*Compartment // same order as Layout
	Deliveries   []*Delivery    // ascending ID; ended ones until they are erased
	Groups       []*Group       // ascending ID
	Meta         *Meta
	Clock        Clock

	// Not stored: known again after a restart by reading or asking.
	Doors    []Sensed // same order as Layout
	OutSince []Mono   // since when a right code could not open this compartment, -1: it can
	Down     []bool   // hardware says that this lock can not be reached; same order
	Grant    *Grant
	Started  bool // the first reading of the cabinet has been made
}

// Delivery returns the delivery with this ID, or nil. The result must not be
// changed.
func (s State) Delivery(id DeliveryID) *Delivery {
	i, ok := slices.BinarySearchFunc(s.Deliveries, id, func(d *Delivery, id DeliveryID) int { return cmpID(d.ID, id) })
	if !ok {
		return nil
	}
	return s.Deliveries[i]
}

// Group returns the group with this ID, or nil. The result must not be changed.
func (s State) Group(id GroupID) *Group {
	for _, g := range s.Groups {
		if g.ID == id {
			return g
		}
	}
	return nil
}

// Compartment returns the compartment with this number, or nil. The result must
// not be changed.
func (s State) Compartment(number int) *Compartment {
	if i := s.Index(number); i >= 0 {
		return s.Compartments[i]
	}
	return nil
}

// Door returns the newest reading of the compartment with this number; the zero
// Sensed (all Unknown) if there is none.
func (s State) Door(number int) Sensed {
	if i := s.Index(number); i >= 0 && i < len(s.Doors) {
		return s.Doors[i]
	}
	return Sensed{}
}

// Index returns the position of a compartment number in Compartments, or -1.
func (s State) Index(number int) int {
	// Numbers are mostly 1…n in order.
	if i := number - 1; i >= 0 && i < len(s.Compartments) && s.Compartments[i].Number == number {
		return i
	}
	return slices.IndexFunc(s.Compartments, func(c *Compartment) bool { return c.Number == number })
}

func cmpID[T ~uint64](a, b T) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}
