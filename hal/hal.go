package hal

import (
	"context"
	"errors"
	"time"
)

// LockID names a lock in the whole station. Bus, board and channel behind it
// are configuration.
type LockID uint16

// Tri is a three-valued reading; the zero value is Unknown.
type Tri uint8

// The values of a Tri.
const (
	Unknown Tri = iota
	No
	Yes
)

// Quality says how far a DoorState can be relied on.
type Quality uint8

// The qualities. Only a Fresh state is a basis for decisions.
const (
	Stale Quality = iota // not read in the last cycle
	Fresh
	Fault // reading failed or contradicts itself
)

// DoorState is what the sensors of one compartment say. Locked is Unknown where
// the lock has no contact of its own for it, Item where there is no presence
// sensor.
type DoorState struct {
	Open, Locked, Item Tri
	At                 time.Time // of the reading, on Clock.Now
	Changed            time.Time // of the last change of Open, Locked or Item
	Quality            Quality
}

// Pulse says whether a coil was energised.
type Pulse uint8

// The fates of a pulse.
const (
	NotSent     Pulse = iota // certainly not
	Sent                     // certainly
	PulseUnsure              // perhaps: an error came after the order may have gone out
)

// UnlockReport is what is known after Unlock. Door is the reading after the
// pulse, Unknown if none was possible.
type UnlockReport struct {
	Pulse      Pulse
	Door       Tri
	Start, End time.Time
}

// PulseGuarantee says who ends a pulse when everything above has died.
type PulseGuarantee uint8

// The guarantees, weakest first.
const (
	SoftwareOnly PulseGuarantee = iota // only this process switches the coil off
	BoardTimed                         // a lock board's own timer does
	Hardware                           // a one-shot in the coil's circuit does
)

// Lock is the fixed description of one lock.
type Lock struct {
	ID        LockID
	HasLatch  bool // reports Locked
	HasItem   bool // reports Item
	Guarantee PulseGuarantee
	Where     string // for people: "bus 1, board 2, channel 7"
}

// Snapshot is a fresh reading of every lock. Doors has the order of Inventory;
// it belongs to the receiver.
type Snapshot struct {
	At    time.Time
	Doors []DoorState
}

// EventKind says what an Event is about.
type EventKind uint8

// The kinds of events.
const (
	DoorChanged  EventKind = iota // Before and After of Lock
	Resync                        // events were lost: take a Snapshot
	InputChanged                  // Input and Active
)

// Input is a contact of the case rather than of a compartment.
type Input string

// The inputs that a cabinet may have.
const (
	MainsFail  Input = "mains_fail"
	CaseTamper Input = "case_tamper"
	Vibration  Input = "vibration"
	ServiceKey Input = "service_key"
)

// Event is one change. Seq counts without gaps; a gap is announced by a Resync.
type Event struct {
	Seq           uint64
	Kind          EventKind
	At            time.Time
	Lock          LockID
	Before, After DoorState
	Input         Input
	Active        bool
}

// Problem is one thing that is unhealthy. Key is stable while it lasts.
type Problem struct {
	Key   string   // "bus 1 board 2 silent"
	Locks []LockID // concerned; empty: all
	Since time.Time
	Works bool   // the locks named can still be opened and their doors read
	Text  string // what it is, in German: clerks and the city's IT read it
	Check string // what to check, likewise
}

// Health is what is unhealthy now; empty means healthy.
type Health []Problem

// Cabinet is the station's hardware. Its methods may be called from several
// goroutines; Run is called once.
type Cabinet interface {
	// Inventory is static: every lock, in ascending ID.
	Inventory() []Lock
	// Unlock pulses one lock once. It waits for the cool-down of a lock no longer
	// than ctx allows, returns when the pulse is over, and is never repeated by
	// anybody below. Errors: ErrNotSent, ErrOutcomeUnknown, ErrCooldown,
	// ErrPowerLow, ErrBoardOffline, ErrInhibited, ErrUnknownLock. All but
	// ErrOutcomeUnknown mean that certainly no coil was energised.
	Unlock(ctx context.Context, id LockID) (UnlockReport, error)
	// Snapshot reads the bus now. A lock that can not be read is in it as Unknown
	// with Quality Fault; an error means that nothing could be read.
	Snapshot(ctx context.Context) (Snapshot, error)
	// Run owns the hardware until ctx ends: all off, then polls and calls sink
	// (from one goroutine, which sink must not block). It returns when every
	// output is off, or at once with an error if they can not be switched off at
	// the start.
	Run(ctx context.Context, sink func(Event)) error
	// Health is what is unhealthy now.
	Health() Health
}

// The errors of Unlock.
var (
	ErrNotSent        = errors.New("unlock not sent")
	ErrOutcomeUnknown = errors.New("unlock outcome unknown")
	ErrCooldown       = errors.New("lock is cooling down")
	ErrPowerLow       = errors.New("supply too low to unlock")
	ErrBoardOffline   = errors.New("lock board does not answer")
	ErrInhibited      = errors.New("unlocking is inhibited")
	ErrUnknownLock    = errors.New("no such lock")
)

// Clock is the time that hardware code lives in; real, simulated or, in tests,
// that of a synctest bubble. Only differences of Now mean anything.
type Clock interface {
	Now() time.Time
	// Sleep returns nil after d, or ctx's error before that.
	Sleep(ctx context.Context, d time.Duration) error
}

// Optional capabilities of a Driver or Cabinet. Their methods may be called from
// several goroutines, also while others run, and return at once.
type (
	// Waker brings the next poll forward whenever its channel receives, for
	// instance at an edge or an unsolicited frame.
	Waker interface{ Wake() <-chan struct{} }
	// Buzzer sounds a tone by name: "opened", "left_open", "alarm", "done".
	Buzzer interface{ Buzz(name string) }
	// Indicator lights the lamp of a compartment.
	Indicator interface {
		Indicate(id LockID, on bool) error
	}
)

// Driver is what a backend implements; Govern makes a Cabinet of it. The
// Governor calls its methods from one goroutine at a time.
type Driver interface {
	Inventory() []Lock
	// Pulse energises one coil for d, which is at most 1 s, and returns when it is
	// off. It finishes switching off even when ctx ends.
	Pulse(ctx context.Context, id LockID, d time.Duration) (Pulse, error)
	// Read reads every lock and input into r, which it may not keep. A lock that
	// can not be read is Unknown with Quality Fault; an error means that nothing
	// could be read, and r is ignored.
	Read(ctx context.Context, r *Reading) error
	// AllOff switches every output off and verifies it as far as it can.
	AllOff(ctx context.Context) error
	// Health is what the driver knows to be unhealthy.
	Health() Health
}

// Reading is one poll of a Driver. The Governor brings it with Doors as long as
// Inventory and in its order, all Unknown and Fault, and Inputs empty; the Driver
// fills in what it can read. At and Changed are set by the Governor. An input
// that is missing in Inputs keeps its last known state.
type Reading struct {
	Doors  []DoorState
	Inputs map[Input]bool
}
