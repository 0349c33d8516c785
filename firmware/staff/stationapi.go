package staff

import (
	_ "embed"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"abholstation/firmware"
	"abholstation/locker"
)

//go:embed openapi.json
var openapiJSON []byte

func (c *call) openapi() (reply, error) {
	c.w.Header().Set("Content-Type", "application/json")
	_, _ = c.w.Write(openapiJSON) // the reader may be gone
	return reply{}, nil
}

type statusJSON struct {
	Seq          uint64             `json:"seq"`
	Time         time.Time          `json:"time"`
	Started      bool               `json:"started"`
	ClockTrusted bool               `json:"clock_trusted"`
	ClockWhy     string             `json:"clock_why,omitempty"`
	MainsLost    bool               `json:"mains_lost"`
	Deliveries   map[string]int     `json:"deliveries"`   // by state
	Compartments map[string]int     `json:"compartments"` // by status
	Inventory    inventoryJSON      `json:"inventory"`
	Problems     []firmware.Problem `json:"problems"` // what is unhealthy, worst first
}

func (c *call) status() (reply, error) {
	v := c.station.View()
	wall, _ := c.clock.Wall()
	out := statusJSON{
		Seq: v.Seq, Time: wall.UTC().Truncate(time.Second), Started: v.State.Started,
		ClockTrusted: v.State.Clock.Untrusted == "", ClockWhy: v.State.Clock.Untrusted,
		MainsLost: v.State.Meta.MainsLost, Deliveries: map[string]int{}, Compartments: map[string]int{},
		Inventory: inventoryOf(v), Problems: v.Problems,
	}
	if out.Problems == nil {
		out.Problems = []firmware.Problem{}
	}
	for _, s := range deliveryStates() {
		out.Deliveries[string(s)] = 0
	}
	for _, d := range v.State.Deliveries {
		out.Deliveries[string(d.State)]++
	}
	for i := range v.State.Compartments {
		out.Compartments[c.compartmentJSON(v, i).Status]++
	}
	return ok(out)
}

type kindJSON struct {
	Name       string   `json:"name"`
	Conditions []string `json:"conditions"`
	TwoPeople  bool     `json:"two_people"`
	OnlySelf   bool     `json:"only_self"`
	HoldDays   int      `json:"hold_days"`
}

type kindsJSON struct {
	Kinds []kindJSON `json:"kinds"`
}

func (c *call) kinds() (reply, error) {
	v := c.station.View()
	out := kindsJSON{Kinds: []kindJSON{}}
	for name, k := range v.Rules.Kinds {
		days := k.HoldDays
		if days == 0 {
			days = v.Rules.HoldDays
		}
		out.Kinds = append(out.Kinds, kindJSON{
			Name: name, Conditions: list(k.Conditions), TwoPeople: k.TwoPeople, OnlySelf: k.OnlySelf, HoldDays: days,
		})
	}
	slices.SortFunc(out.Kinds, func(a, b kindJSON) int { return strings.Compare(a.Name, b.Name) })
	return ok(out)
}

type inventoryJSON struct {
	Required bool   `json:"required"` // until it is done, no code opens anything
	Running  bool   `json:"running"`
	Why      string `json:"why,omitempty"`
	Done     []int  `json:"done"`
	Left     []int  `json:"left"`
}

func inventoryOf(v *firmware.View) inventoryJSON {
	inv := v.State.Meta.Inventory
	out := inventoryJSON{Required: inv.Required, Running: inv.Running, Why: inv.Why, Done: []int{}, Left: []int{}}
	if !inv.Running && !inv.Required {
		return out
	}
	for _, x := range v.State.Compartments {
		if slices.Contains(inv.Done, x.Number) {
			out.Done = append(out.Done, x.Number)
		} else {
			out.Left = append(out.Left, x.Number)
		}
	}
	return out
}

func (c *call) inventory() (reply, error) { return ok(inventoryOf(c.station.View())) }

// Pace of the event stream: changes that come together are told once, and a
// quiet stream says now and then that it lives.
const (
	streamPause = 100 * time.Millisecond
	streamAlive = 15 * time.Second
)

// events tells the page that something has changed; the page asks for what it
// shows. The stream ends with the session, and does not keep it alive.
func (c *call) events() (reply, error) {
	select {
	case c.streams <- struct{}{}:
		defer func() { <-c.streams }()
	default:
		return reply{}, fail("too_many_streams")
	}
	watch, stop := c.station.Watch()
	defer stop()
	c.w.Header().Set("Content-Type", "text/event-stream")
	c.w.WriteHeader(http.StatusOK)
	out := http.NewResponseController(c.w)
	_ = out.SetWriteDeadline(time.Time{}) // not every writer has one
	background := c.r.Clone(c.ctx)
	background.Header.Set("Staff-Refresh", "1")

	var shown *firmware.View
	for {
		v := c.station.View()
		line := ": alive\n\n"
		if shown == nil || changed(shown, v) {
			shown, line = v, fmt.Sprintf("event: change\ndata: {\"seq\":%d}\n\n", v.Seq)
		}
		if _, err := c.w.Write([]byte(line)); err != nil || out.Flush() != nil {
			return reply{}, nil
		}
		if !c.await(watch, shown) {
			return reply{}, nil
		}
		if _, err := c.authenticateRequest(background); err != nil {
			return reply{}, nil
		}
	}
}

// await returns true when there is something to say, at the latest after
// streamAlive, and false when the reader is gone.
func (c *call) await(watch <-chan struct{}, shown *firmware.View) bool {
	alive, stopAlive := c.clock.After(streamAlive)
	defer stopAlive()
	for {
		select {
		case <-c.ctx.Done():
			return false
		case <-alive:
			return true
		case <-watch:
		}
		if !changed(shown, c.station.View()) {
			continue
		}
		pause, stop := c.clock.After(streamPause)
		defer stop()
		select {
		case <-c.ctx.Done():
			return false
		case <-pause:
			return true
		}
	}
}

// changed compares what staff can see. Rows are immutable, so pointers do.
func changed(a, b *firmware.View) bool {
	return a != b && (!slices.Equal(a.State.Compartments, b.State.Compartments) ||
		!slices.Equal(a.State.Deliveries, b.State.Deliveries) ||
		!slices.Equal(a.State.Groups, b.State.Groups) ||
		!slices.EqualFunc(a.State.Doors, b.State.Doors, sameDoor) ||
		!slices.Equal(a.State.Down, b.State.Down) ||
		!slices.Equal(a.Problems, b.Problems) ||
		a.State.Started != b.State.Started ||
		a.State.Clock.Untrusted != b.State.Clock.Untrusted ||
		a.State.Meta.MainsLost != b.State.Meta.MainsLost ||
		!sameInventory(a.State.Meta.Inventory, b.State.Meta.Inventory))
}

func sameDoor(a, b locker.Sensed) bool {
	return a.Open == b.Open && a.Locked == b.Locked && a.Item == b.Item && a.Fresh == b.Fresh
}

func sameInventory(a, b locker.Inventory) bool {
	return a.Required == b.Required && a.Running == b.Running && slices.Equal(a.Done, b.Done)
}
