package locker

// Event is something that happened or that somebody asks for. The types below
// are all there are.
type Event interface{ event() }

// Events of the station itself.
type (
	// Tick lets time pass: expiry, alarms, windows. Rules.Next says when one is due.
	Tick struct{}

	// Booted is the first event after a start, with a first reading of the whole
	// cabinet (Unknown where none could be made).
	Booted struct{ Readings []Reading }

	// DoorsRead are fresh readings, polled or asked for by ReadDoors.
	DoorsRead struct{ Readings []Reading }

	// UnlockDone reports what became of an Unlock effect.
	UnlockDone struct {
		Compartment int
		Intent      uint64
		NotSent     bool   // certain that no coil was energised
		Unknown     bool   // it may have been
		Cause       string // hal's error class, "" for success: "cooldown", "power_low", …
	}

	// Reachability says that hardware has lost or regained a lock.
	Reachability struct {
		Compartment int
		Down        bool
	}

	// Power reports the mains-fail input.
	Power struct{ MainsLost bool }

	// Observed puts a fact of the hardware or the process into the log:
	// "case.opened", "station.stopping", "firmware.panic", …
	Observed struct {
		Type        string
		Compartment int
		Code        string
	}

	// CodeMade brings the tags of a random code that firmware has drawn, and the
	// notice sealed for the office's notifier, if there is a contact.
	CodeMade struct {
		Owner      Owner
		Generation uint32 // must be Credential.Generation + 1
		CodeTag    Tag
		QRTag      Tag
		Notice     []byte // sealed; nil: the code is shown on a slip
		By         Actor  // who printed the slip; Self for a notice
	}
)

// Events of the citizen at the terminal. Session is the terminal's number for
// the person in front of it.
type (
	// Admit asks whether a code may be tried now. Nothing is counted yet.
	Admit struct{ QR bool }

	// Present is a checked entry: the tags of what was typed or scanned.
	Present struct {
		Session   uint64
		QR        bool
		CodeTag   Tag    // of the digits or of the QR's text
		FactorTag Tag    // made with the candidate's salt, or with a dummy salt
		Salt      []byte // the salt that was used
	}

	// OpenNext opens one of the granted deliveries: after a confirmation, the
	// next of a group, again after "still inside", "not opened" or "asking".
	OpenNext struct {
		Session   uint64
		Delivery  DeliveryID
		Confirmed bool // the kind's confirmation was given on the screen
	}

	// Word is the citizen's answer to "everything taken?" (no sensor) or to "is
	// something else inside?" (sensor says inside for the second time).
	Word struct {
		Session  uint64
		Delivery DeliveryID
		Taken    bool
	}

	// Problem is the "something is wrong" button.
	Problem struct {
		Session  uint64
		Delivery DeliveryID
	}

	// Leave ends the citizen's session.
	Leave struct{ Session uint64 }
)

// Events of staff. By is the clerk's pseudonym.
type (
	// Announce tells the station of documents to come.
	Announce struct {
		By         Actor
		Reference  string
		Kinds      []string
		Size       Size
		Reachable  bool
		Met        []string
		FactorSalt []byte
		FactorTag  Tag
		Contact    []byte // sealed
		Lang       string
		HoldDays   int // 0: by kind
	}

	// Confirm puts a condition on file.
	Confirm struct {
		By        Actor
		Delivery  DeliveryID
		Condition string
	}

	// Approve is the second person's word for loading.
	Approve struct {
		By       Actor
		Delivery DeliveryID
	}

	// Load opens a compartment for an announced delivery. Compartment 0: the
	// station chooses.
	Load struct {
		By          Actor
		Delivery    DeliveryID
		Compartment int
	}

	// Loaded is the clerk's word after closing, where no sensor tells.
	Loaded struct {
		By       Actor
		Delivery DeliveryID
		Inside   bool // false: aborted
	}

	// Correct opens the compartment of a settling delivery again.
	Correct struct {
		By       Actor
		Delivery DeliveryID
	}

	// Extend adds working days to the hold period.
	Extend struct {
		By       Actor
		Delivery DeliveryID
		Days     int // 1…30
	}

	// Reissue ends the code of a delivery or a group at once and has a new one
	// made.
	Reissue struct {
		By    Actor
		Owner Owner
	}

	// Cancel ends a delivery; its documents wait for a retrieval.
	Cancel struct {
		By       Actor
		Delivery DeliveryID
	}

	// Retrieve opens the compartment of a due, cancelled or disputed delivery. Its
	// code ends at once.
	Retrieve struct {
		By       Actor
		Delivery DeliveryID
		ByKey    bool // the clerk opens it with the mechanical key: nothing is pulsed
	}

	// RetrieveWord is the clerk's word after closing: taken out, or it was empty.
	RetrieveWord struct {
		By       Actor
		Delivery DeliveryID
		Taken    bool
		Missing  bool // it was not there: disputed
	}

	// Relocate says that a clerk has taken the documents out of a failing
	// compartment by key and loads them into another one; the code stays.
	Relocate struct {
		By       Actor
		Delivery DeliveryID
		To       int // 0: the station chooses
	}

	// Block takes a compartment out of use; Unblock puts it back.
	Block struct {
		By          Actor
		Compartment int
		Why         string // a code of letters, digits, _ and -, at most 32
	}
	// Unblock clears block and fault.
	Unblock struct {
		By          Actor
		Compartment int
	}

	// Inspect opens a compartment so that a clerk can look in.
	Inspect struct {
		By          Actor
		Compartment int
	}

	// Inspected is what the clerk saw.
	Inspected struct {
		By          Actor
		Compartment int
		Finding     Finding
		Delivery    DeliveryID // with FoundDocument: whose, 0 if it can not be told
		ByKey       bool       // opened with the mechanical key: no intent is needed
		Sure        bool       // the clerk has looked again: the presence sensor is wrong
	}

	// SettleDispute ends a dispute. Second is another person.
	SettleDispute struct {
		By, Second Actor
		Delivery   DeliveryID
		As         DeliveryState // Ready (inside), Collected (handed over) or Lost (missing)
	}

	// MakeGroup puts deliveries of one person under one code.
	MakeGroup struct {
		By         Actor
		Deliveries []DeliveryID
		FactorSalt []byte
		FactorTag  Tag
		Contact    []byte
		Lang       string
	}

	// StartInventory begins a round; every compartment is to be Inspected.
	StartInventory struct{ By Actor }

	// TrustClock is a clerk's word that the wall clock is right.
	TrustClock struct{ By Actor }

	// StaffNote records what staff did outside the domain: signed in, exported, …
	StaffNote struct {
		By   Actor
		Type string
		Code string
	}
)

// Owner is a delivery or a group: whoever a code belongs to.
type Owner struct {
	Delivery DeliveryID `json:"delivery,omitempty"`
	Group    GroupID    `json:"group,omitempty"`
}

// Finding is what a clerk saw in a compartment.
type Finding string

// The findings.
const (
	FoundEmpty    Finding = "empty"
	FoundDocument Finding = "document" // the station's own delivery
	FoundOther    Finding = "other"    // something that does not belong there; the clerk takes it out
)

// Reading is one compartment's fresh sensor reading.
type Reading struct {
	Compartment int
	Sensed      Sensed // Changed is filled in by Step
}

func (Tick) event()           {}
func (Booted) event()         {}
func (DoorsRead) event()      {}
func (UnlockDone) event()     {}
func (Reachability) event()   {}
func (Power) event()          {}
func (Observed) event()       {}
func (CodeMade) event()       {}
func (Admit) event()          {}
func (Present) event()        {}
func (OpenNext) event()       {}
func (Word) event()           {}
func (Problem) event()        {}
func (Leave) event()          {}
func (Announce) event()       {}
func (Confirm) event()        {}
func (Approve) event()        {}
func (Load) event()           {}
func (Loaded) event()         {}
func (Correct) event()        {}
func (Extend) event()         {}
func (Reissue) event()        {}
func (Cancel) event()         {}
func (Retrieve) event()       {}
func (RetrieveWord) event()   {}
func (Relocate) event()       {}
func (Block) event()          {}
func (Unblock) event()        {}
func (Inspect) event()        {}
func (Inspected) event()      {}
func (SettleDispute) event()  {}
func (MakeGroup) event()      {}
func (StartInventory) event() {}
func (TrustClock) event()     {}
func (StaffNote) event()      {}
