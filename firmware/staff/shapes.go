package staff

import (
	"slices"
	"time"

	"abholstation/firmware"
	"abholstation/locker"
)

// deliveryJSON is a delivery as staff see it: no tag, no factor, no contact.
type deliveryJSON struct {
	ID             locker.DeliveryID    `json:"id"`
	Reference      string               `json:"reference"`
	Kinds          []string             `json:"kinds"`
	State          locker.DeliveryState `json:"state"`
	Compartment    int                  `json:"compartment,omitempty"`
	Size           string               `json:"size"`
	Reachable      bool                 `json:"reachable"`
	Met            []string             `json:"met"`
	OpenConditions []string             `json:"open_conditions"` // to be put on file before loading
	NeedsApproval  bool                 `json:"needs_approval"`  // by a second person, before loading
	HasContact     bool                 `json:"has_contact"`
	CodeExists     bool                 `json:"code_exists"`
	Suspended      bool                 `json:"suspended"`
	CodesMade      uint32               `json:"codes_made"`
	SlipNeeded     bool                 `json:"slip_needed"` // ready, no contact, no code yet
	Lang           string               `json:"lang"`
	Group          locker.GroupID       `json:"group,omitempty"`
	AnnouncedAt    time.Time            `json:"announced_at,omitzero"`
	AnnouncedBy    locker.Actor         `json:"announced_by,omitempty"`
	LoadedAt       time.Time            `json:"loaded_at,omitzero"`
	LoadedBy       locker.Actor         `json:"loaded_by,omitempty"`
	ReadyAt        time.Time            `json:"ready_at,omitzero"`
	HoldUntil      time.Time            `json:"hold_until,omitzero"`
	HoldDays       int                  `json:"hold_days,omitempty"`
	CollectedAt    time.Time            `json:"collected_at,omitzero"`
	EndedAt        time.Time            `json:"ended_at,omitzero"`
	GraceSeconds   int64                `json:"grace_seconds,omitempty"` // until ready
	Unverified     bool                 `json:"unverified,omitempty"`
	StillInside    int                  `json:"still_inside,omitempty"`
	Retrieving     bool                 `json:"retrieving,omitempty"`
	Relocating     bool                 `json:"relocating,omitempty"`
	Pending        string               `json:"pending,omitempty"`
	Door           *doorJSON            `json:"door,omitempty"`
	Intent         *intentJSON          `json:"intent,omitempty"`
	Actions        []string             `json:"actions"` // what this role can sensibly ask for now; a hint
}

type doorJSON struct {
	Open    string `json:"open"` // "yes", "no", "unknown"
	Locked  string `json:"locked"`
	Item    string `json:"item"`
	Fresh   bool   `json:"fresh"`
	HasItem bool   `json:"has_item"` // there is a presence sensor
}

type intentJSON struct {
	Purpose  locker.Purpose    `json:"purpose"`
	Phase    locker.Phase      `json:"phase"`
	Delivery locker.DeliveryID `json:"delivery,omitempty"`
	Stage    int               `json:"stage"` // left open: 1 prompt, 2 tone, 3 alarm
}

type compartmentJSON struct {
	Number    int               `json:"number"`
	Row       int               `json:"row"`
	Column    int               `json:"column"`
	Size      string            `json:"size"`
	HeightMM  int               `json:"height_mm"`
	Reachable bool              `json:"reachable"`
	Status    string            `json:"status"` // one word of all the rest, the most urgent first
	Use       locker.Use        `json:"use"`
	Blocked   string            `json:"blocked,omitempty"`
	Fault     locker.Fault      `json:"fault,omitempty"`
	Down      bool              `json:"down"` // the lock can not be reached
	Delivery  locker.DeliveryID `json:"delivery,omitempty"`
	Cycles    uint32            `json:"cycles"`
	Retries   uint32            `json:"retries"`
	Door      *doorJSON         `json:"door"`
	Intent    *intentJSON       `json:"intent,omitempty"`
	Actions   []string          `json:"actions"`
}

func tri(t locker.Tri) string { return [...]string{"unknown", "no", "yes"}[t] }

func doorOf(v *firmware.View, number int) *doorJSON {
	s := v.State.Door(number)
	d := &doorJSON{Open: tri(s.Open), Locked: tri(s.Locked), Item: tri(s.Item), Fresh: s.Fresh}
	if i := v.State.Index(number); i >= 0 && i < len(v.Rules.Layout) {
		d.HasItem = v.Rules.Layout[i].HasItem && !v.State.Compartments[i].PresenceDoubt
	}
	return d
}

func intentOf(c *locker.Compartment) *intentJSON {
	if c == nil || c.Intent == nil {
		return nil
	}
	return &intentJSON{Purpose: c.Intent.Purpose, Phase: c.Intent.Phase, Delivery: c.Intent.Delivery, Stage: c.Intent.Stage}
}

func (c *call) deliveryJSON(v *firmware.View, d *locker.Delivery) deliveryJSON {
	cred := credential(v.State, d)
	contact := len(d.Contact) > 0
	if g := v.State.Group(d.Group); g != nil {
		contact = len(g.Contact) > 0
	}
	open, second := conditions(v.Rules, d)
	j := deliveryJSON{
		ID: d.ID, Reference: d.Reference, Kinds: list(d.Kinds), State: d.State, Compartment: d.Compartment,
		Size: sizeName(d.Size), Reachable: d.Reachable, Met: list(d.Met), OpenConditions: open, NeedsApproval: second,
		HasContact: contact, CodeExists: len(cred.CodeTag) > 0, Suspended: cred.Suspended, CodesMade: cred.Generation,
		SlipNeeded: !contact && len(cred.CodeTag) == 0 && (d.State == locker.Ready || d.State == locker.Due),
		Lang:       d.Lang, Group: d.Group, AnnouncedAt: d.AnnouncedAt, AnnouncedBy: d.AnnouncedBy,
		LoadedAt: d.LoadedAt, LoadedBy: d.LoadedBy, ReadyAt: d.ReadyAt, HoldUntil: d.HoldUntil, HoldDays: d.HoldDays,
		CollectedAt: d.CollectedAt, EndedAt: d.EndedAt, Unverified: d.Unverified, StillInside: d.StillInside,
		Retrieving: d.Retrieving, Relocating: d.Relocating, Pending: d.Pending,
	}
	if d.State == locker.Settling {
		left := d.GraceUntil - v.Now.Mono - c.elapsed(v)
		j.GraceSeconds = max(1, int64(left/time.Second))
	}
	if d.Compartment != 0 {
		j.Door = doorOf(v, d.Compartment)
		j.Intent = intentOf(v.State.Compartment(d.Compartment))
	}
	j.Actions = c.permitted("/deliveries/{id}/", deliveryActions(j))
	return j
}

// conditions lists what is not yet on file, and whether a second person is
// still to approve.
func conditions(r *locker.Rules, d *locker.Delivery) (open []string, second bool) {
	open = []string{}
	for _, name := range d.Kinds {
		k := r.Kinds[name]
		second = second || k.TwoPeople && d.ApprovedBy == ""
		for _, c := range k.Conditions {
			if !slices.Contains(d.Met, c) && !slices.Contains(open, c) {
				open = append(open, c)
			}
		}
	}
	return open, second && d.State == locker.Announced
}

// deliveryActions says what may be sensible in a state; the page shows buttons
// for it. The law is locker's table.
func deliveryActions(d deliveryJSON) []string {
	var a []string
	asking := d.Intent != nil && d.Intent.Phase == locker.PhaseAsking
	switch d.State {
	case locker.Announced:
		if len(d.OpenConditions) > 0 {
			a = append(a, "confirm")
		}
		if d.NeedsApproval {
			a = append(a, "approve")
		}
		a = append(a, "load", "cancel")
	case locker.Loading:
		if asking {
			a = append(a, "loaded")
		}
	case locker.Settling:
		a = append(a, "correct", "cancel")
	case locker.Ready, locker.Due:
		if d.SlipNeeded {
			a = append(a, "slip")
		}
		if d.State == locker.Due {
			a = append(a, "retrieve")
		}
		a = append(a, "extend")
		if d.CodeExists {
			a = append(a, "reissue")
		}
		a = append(a, "relocate", "cancel")
	case locker.Opening, locker.Open:
		if d.Pending == "" {
			a = append(a, "cancel")
		}
	case locker.Cancelled:
		a = append(a, "retrieve")
	case locker.Disputed:
		a = append(a, "settle", "retrieve")
	}
	if d.Retrieving && d.EndedAt.IsZero() && (d.Intent == nil || asking) {
		a = append(a, "retrieved")
	}
	return a
}

func (c *call) compartmentJSON(v *firmware.View, i int) compartmentJSON {
	x, p := v.State.Compartments[i], v.Rules.Layout[i]
	j := compartmentJSON{
		Number: x.Number, Row: p.Row, Column: p.Column, Size: sizeName(p.Size), HeightMM: p.HeightMM,
		Reachable: p.Reachable(), Use: x.Use, Blocked: x.Blocked, Fault: x.Fault, Delivery: x.Delivery,
		Down: i < len(v.State.Down) && v.State.Down[i], Cycles: x.Cycles, Retries: x.Retries,
		Door: doorOf(v, x.Number), Intent: intentOf(x),
	}
	if x.PresenceDoubt && j.Fault == "" {
		j.Fault = presenceDoubt
	}
	j.Status = compartmentStatus(j)
	// What may be looked into: all but other people's documents that wait quietly.
	d := v.State.Delivery(x.Delivery)
	look := x.Use != locker.Occupied || x.PresenceDoubt || v.State.Meta.Inventory.Running || d != nil && d.State == locker.Disputed
	j.Actions = c.permitted("/compartments/{n}/", compartmentActions(j, look))
	return j
}

// presenceDoubt is shown as a fault, though the compartment works on: only an
// unblock after the repair lets the sensor be believed again.
const presenceDoubt locker.Fault = "presence_doubt"

// compartmentStatus is the one word that the map shows.
func compartmentStatus(j compartmentJSON) string {
	switch {
	case j.Door.Open == "yes":
		return "open"
	case j.Down:
		return "down"
	case j.Fault != "":
		return "fault"
	case j.Blocked != "":
		return "blocked"
	case j.Intent != nil:
		return "opening"
	}
	return string(j.Use)
}

func compartmentActions(j compartmentJSON, look bool) []string {
	var a []string
	if j.Blocked != "" || j.Fault != "" {
		a = append(a, "unblock")
	}
	if j.Blocked == "" {
		a = append(a, "block")
	}
	switch {
	case j.Intent != nil && j.Intent.Purpose == locker.ForInspect:
		a = append(a, "inspected")
		if j.Intent.Phase == locker.PhaseAsking {
			a = append(a, "inspect") // once more
		}
	case j.Intent == nil && look:
		a = append(a, "inspect", "inspected")
	}
	return a
}

// permitted keeps those actions that the route table allows to the role.
func (c *call) permitted(under string, actions []string) []string {
	out := []string{}
	for _, a := range actions {
		for _, r := range c.Staff.routes {
			if r.path == under+a && slices.Contains(r.roles, c.who.role) {
				out = append(out, a)
			}
		}
	}
	return out
}

// list is never null in JSON.
func list(s []string) []string {
	if s == nil {
		return []string{}
	}
	return s
}
