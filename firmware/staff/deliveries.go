package staff

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"abholstation/firmware"
	"abholstation/locker"
)

// noBody is an action without any field; still a JSON object, {}.
type noBody struct{}

// answerJSON is what an action did.
type answerJSON struct {
	Delivery    locker.DeliveryID `json:"delivery,omitempty"`
	Group       locker.GroupID    `json:"group,omitempty"`
	Compartment int               `json:"compartment,omitempty"` // that opens
	Generation  uint32            `json:"generation,omitempty"`  // of the new code, with reissue
}

func answerOf(a locker.Answer) answerJSON {
	return answerJSON{Delivery: a.Delivery, Group: a.Group, Compartment: a.Compartment, Generation: a.Generation}
}

type contactBody struct {
	Email  string `json:"email"`
	Mobile string `json:"mobile"`
}

type announceBody struct {
	Reference string       `json:"reference"`
	Kinds     []string     `json:"kinds"`
	Size      string       `json:"size"`
	Reachable bool         `json:"reachable"`
	Met       []string     `json:"met"`
	Factor    string       `json:"factor"`
	Contact   *contactBody `json:"contact"`
	Lang      string       `json:"lang"`
	HoldDays  int          `json:"hold_days"`
}

func (c *call) announce(b *announceBody) (reply, error) {
	size := locker.Size(0)
	if b.Size != "" {
		i := slices.Index(sizeNames(), b.Size)
		if i < 0 {
			return reply{}, fail("bad_field").with("size")
		}
		size = locker.Size(i + 1)
	}
	a := firmware.Announcement{
		By: c.who.actor, Reference: b.Reference, Kinds: b.Kinds, Size: size, Reachable: b.Reachable,
		Met: b.Met, Factor: b.Factor, Lang: b.Lang, HoldDays: b.HoldDays,
	}
	if b.Contact != nil && (b.Contact.Email != "" || b.Contact.Mobile != "") {
		a.Contact = &firmware.Contact{Email: b.Contact.Email, Mobile: b.Contact.Mobile}
	}
	answer, err := c.station.Announce(c.ctx, a)
	if err != nil {
		return reply{}, err
	}
	return reply{
		status: http.StatusCreated, body: answerOf(answer),
		location: prefix + "/deliveries/" + strconv.FormatUint(uint64(answer.Delivery), 10),
	}, nil
}

func sizeNames() []string { return []string{"S", "M", "L"} }

func sizeName(s locker.Size) string {
	if s < locker.SizeS || s > locker.SizeL {
		return ""
	}
	return sizeNames()[s-1]
}

// The actions. Each only makes the event; whether it may be is the domain's.

type confirmBody struct {
	Condition string `json:"condition"`
}

func confirm(c *call, id locker.DeliveryID, b *confirmBody) (locker.Event, error) {
	return locker.Confirm{By: c.who.actor, Delivery: id, Condition: b.Condition}, nil
}

type approveBody struct {
	Second *secondBody `json:"second"`
}

// approve is the word of the one who is signed in, or of a colleague who stands
// beside and types in user and password.
func approve(c *call, id locker.DeliveryID, b *approveBody) (locker.Event, error) {
	by := c.who.actor
	if b.Second != nil {
		var err error
		if by, err = c.second(b.Second); err != nil {
			return nil, err
		}
	}
	return locker.Approve{By: by, Delivery: id}, nil
}

type loadBody struct {
	Compartment int `json:"compartment"`
}

func load(c *call, id locker.DeliveryID, b *loadBody) (locker.Event, error) {
	return locker.Load{By: c.who.actor, Delivery: id, Compartment: b.Compartment}, nil
}

type loadedBody struct {
	Inside *bool `json:"inside"`
}

func loaded(c *call, id locker.DeliveryID, b *loadedBody) (locker.Event, error) {
	if b.Inside == nil {
		return nil, fail("bad_field").with("inside")
	}
	return locker.Loaded{By: c.who.actor, Delivery: id, Inside: *b.Inside}, nil
}

func correct(c *call, id locker.DeliveryID, _ *noBody) (locker.Event, error) {
	return locker.Correct{By: c.who.actor, Delivery: id}, nil
}

type extendBody struct {
	Days int `json:"days"`
}

func extend(c *call, id locker.DeliveryID, b *extendBody) (locker.Event, error) {
	return locker.Extend{By: c.who.actor, Delivery: id, Days: b.Days}, nil
}

func reissue(c *call, id locker.DeliveryID, _ *noBody) (locker.Event, error) {
	return locker.Reissue{By: c.who.actor, Owner: c.owner(id)}, nil
}

func cancel(c *call, id locker.DeliveryID, _ *noBody) (locker.Event, error) {
	return locker.Cancel{By: c.who.actor, Delivery: id}, nil
}

type retrieveBody struct {
	ByKey bool `json:"by_key"`
}

func retrieve(c *call, id locker.DeliveryID, b *retrieveBody) (locker.Event, error) {
	return locker.Retrieve{By: c.who.actor, Delivery: id, ByKey: b.ByKey}, nil
}

type retrievedBody struct {
	Taken   bool `json:"taken"`
	Missing bool `json:"missing"`
}

func retrieved(c *call, id locker.DeliveryID, b *retrievedBody) (locker.Event, error) {
	return locker.RetrieveWord{By: c.who.actor, Delivery: id, Taken: b.Taken, Missing: b.Missing}, nil
}

type relocateBody struct {
	To int `json:"to"`
}

func relocate(c *call, id locker.DeliveryID, b *relocateBody) (locker.Event, error) {
	return locker.Relocate{By: c.who.actor, Delivery: id, To: b.To}, nil
}

type settleBody struct {
	As     locker.DeliveryState `json:"as"`
	Second *secondBody          `json:"second"`
}

func settle(c *call, id locker.DeliveryID, b *settleBody) (locker.Event, error) {
	ev := locker.SettleDispute{By: c.who.actor, Delivery: id, As: b.As}
	if !slices.Contains([]locker.DeliveryState{locker.Ready, locker.Collected, locker.Lost}, b.As) {
		return nil, fail("bad_field").with("as")
	}
	if b.Second == nil {
		return nil, fail(string(locker.NeedsSecond))
	}
	var err error
	ev.Second, err = c.second(b.Second)
	return ev, err
}

type slipBody struct {
	Second *secondBody `json:"second"`
}

// slipJSON holds the pickup code: the only answer that does.
type slipJSON struct {
	firmware.Slip
	Row    int    `json:"row"`
	Column int    `json:"column"`
	QRSVG  string `json:"qr_svg"` // a picture of QR, to be printed
}

// slip makes the code and shows it once. A first slip is the clerk's own; after
// a reissue a second person is needed, since the factor stays the same and the
// code would be in one person's hand (DOMAIN.md, Clerks).
func (c *call) slip(b *slipBody) (reply, error) {
	id, err := c.deliveryID()
	if err != nil {
		return reply{}, err
	}
	view := c.station.View()
	if d := view.State.Delivery(id); d != nil && credential(view.State, d).Generation > 0 {
		if b.Second == nil {
			return reply{}, fail(string(locker.NeedsSecond))
		}
		other, err := c.second(b.Second)
		if err != nil {
			return reply{}, err
		}
		// This record is the proof of the second pair of eyes: without it, no slip.
		if _, err := c.station.Do(c.ctx, locker.StaffNote{By: other, Type: "staff.slip_approved"}); err != nil {
			return reply{}, err
		}
	}
	out, err := c.station.Slip(c.ctx, c.who.actor, c.owner(id))
	if err != nil {
		return reply{}, err
	}
	svg, err := qrSVG(out.QR)
	if err != nil {
		return reply{}, err
	}
	j := slipJSON{Slip: out, QRSVG: svg}
	if i := view.State.Index(out.Compartment); i >= 0 && i < len(view.Rules.Layout) {
		j.Row, j.Column = view.Rules.Layout[i].Row, view.Rules.Layout[i].Column
	}
	return ok(j)
}

// owner is who the delivery's code belongs to.
func (c *call) owner(id locker.DeliveryID) locker.Owner {
	if d := c.station.View().State.Delivery(id); d != nil && d.Group != 0 {
		return locker.Owner{Group: d.Group}
	}
	return locker.Owner{Delivery: id}
}

func credential(s locker.State, d *locker.Delivery) locker.Credential {
	if g := s.Group(d.Group); g != nil {
		return g.Credential
	}
	return d.Credential
}

func (c *call) deliveryID() (locker.DeliveryID, error) {
	id, err := strconv.ParseUint(c.r.PathValue("id"), 10, 63)
	if err != nil || id == 0 {
		return 0, fail(string(locker.UnknownDelivery))
	}
	return locker.DeliveryID(id), nil
}

func (c *call) getDelivery() (reply, error) {
	id, err := c.deliveryID()
	if err != nil {
		return reply{}, err
	}
	view := c.station.View()
	d := view.State.Delivery(id)
	if d == nil {
		return reply{}, &fault{code: string(locker.UnknownDelivery), delivery: id}
	}
	return ok(c.deliveryJSON(view, d))
}

type listJSON struct {
	Deliveries []deliveryJSON    `json:"deliveries"`
	Next       locker.DeliveryID `json:"next,omitempty"` // pass as after for the next page
}

// listDeliveries is newest first. state is one or more states with commas,
// reference a part of the reference in any case.
func (c *call) listDeliveries() (reply, error) {
	q := c.r.URL.Query()
	for name := range q {
		if !slices.Contains([]string{"state", "reference", "after", "limit"}, name) {
			return reply{}, fail("bad_query").with(fieldName(name))
		}
	}
	limit, after := 50, uint64(1)<<62
	var err error
	if v := q.Get("limit"); v != "" {
		if limit, err = strconv.Atoi(v); err != nil || limit < 1 || limit > 200 {
			return reply{}, fail("bad_query").with("limit")
		}
	}
	if v := q.Get("after"); v != "" {
		if after, err = strconv.ParseUint(v, 10, 63); err != nil {
			return reply{}, fail("bad_query").with("after")
		}
	}
	var states []string
	if v := q.Get("state"); v != "" {
		states = strings.Split(v, ",")
		for _, s := range states {
			if !slices.Contains(deliveryStates(), locker.DeliveryState(s)) {
				return reply{}, fail("bad_query").with("state")
			}
		}
	}
	ref := strings.ToLower(strings.TrimSpace(q.Get("reference")))
	view := c.station.View()
	out := listJSON{Deliveries: []deliveryJSON{}}
	for _, d := range slices.Backward(view.State.Deliveries) {
		if uint64(d.ID) >= after || states != nil && !slices.Contains(states, string(d.State)) ||
			ref != "" && !strings.Contains(strings.ToLower(d.Reference), ref) {
			continue
		}
		if len(out.Deliveries) == limit {
			out.Next = locker.DeliveryID(out.Deliveries[limit-1].ID)
			break
		}
		out.Deliveries = append(out.Deliveries, c.deliveryJSON(view, d))
	}
	return ok(out)
}

func deliveryStates() []locker.DeliveryState {
	return []locker.DeliveryState{
		locker.Announced, locker.Loading, locker.Settling, locker.Ready, locker.Due, locker.Opening, locker.Open,
		locker.Asking, locker.Collected, locker.Cancelled, locker.Disputed, locker.Retrieved, locker.Lost,
	}
}

// elapsed is the time since the view was made; only shown, never decided on.
func (c *call) elapsed(v *firmware.View) time.Duration {
	wall, _ := c.clock.Wall()
	if d := wall.Sub(v.Now.Wall); d > 0 && d < time.Hour {
		return d
	}
	return 0
}
