package main

import (
	"bytes"
	"encoding/json"
	"net/http"
	"slices"
	"sync"
	"time"

	"abholstation/firmware"
	"abholstation/hal/sim"
	"abholstation/locker"
)

// stateJSON is GET /api/world: the physical truth, and beside it what the
// station believes.
type stateJSON struct {
	Clock        clockJSON   `json:"clock"`
	Controller   string      `json:"controller"`    // on, off
	Why          string      `json:"why,omitempty"` // why it is off, if it ended by itself
	Mains        bool        `json:"mains"`
	Volts        float64     `json:"volts"`
	Tamper       bool        `json:"tamper"`
	Plugged      bool        `json:"plugged"`
	DiskFull     bool        `json:"disk_full"`
	Tone         string      `json:"tone"`         // last one; "" if none for some seconds
	Pulses       int         `json:"pulses"`       // that physically happened, in all
	Violations   []string    `json:"violations"`   // broken electrical rules
	Terminal     screenJSON  `json:"terminal"`     // what the screen shows
	Station      *beliefJSON `json:"station"`      // null: the controller is off
	Hands        []string    `json:"hands"`        // papers that people hold
	Phone        []message   `json:"phone"`        // newest first
	Log          []line      `json:"log"`          // newest last
	Compartments []boxJSON   `json:"compartments"` //
	Links        linksJSON   `json:"links"`
}

type clockJSON struct {
	Wall   time.Time `json:"wall"` // what the station's wall clock says
	Synced bool      `json:"synced"`
	Off    int64     `json:"off_seconds"` // how wrong it is
}

type screenJSON struct {
	Screen      string `json:"screen"`
	Title       string `json:"title"`
	Compartment int    `json:"compartment"`
}

type linksJSON struct {
	Terminal string `json:"terminal"`
	Staff    string `json:"staff"`
	Column   int    `json:"column"` // of the terminal in the cabinet
}

// beliefJSON is what the station says of itself.
type beliefJSON struct {
	Started   bool               `json:"started"`
	Untrusted string             `json:"clock_untrusted"`
	Power     bool               `json:"mains_lost"`
	Inventory bool               `json:"inventory_due"`
	Problems  []firmware.Problem `json:"problems"`
}

// boxJSON is one compartment.
type boxJSON struct {
	sim.Box
	Row     int        `json:"row"`
	Column  int        `json:"column"`
	Size    string     `json:"size"`
	Belief  *boxBelief `json:"belief"`  // null: the controller is off
	Differs []string   `json:"differs"` // where the belief is not the truth: door, latch, item, inside
}

// boxBelief is what the station believes of a compartment.
type boxBelief struct {
	Use      locker.Use           `json:"use"`
	Fault    locker.Fault         `json:"fault,omitempty"`
	Blocked  string               `json:"blocked,omitempty"`
	Delivery locker.DeliveryID    `json:"delivery,omitempty"`
	State    locker.DeliveryState `json:"state,omitempty"`
	Purpose  locker.Purpose       `json:"purpose,omitempty"` // of the intent that owns the door
	Phase    locker.Phase         `json:"phase,omitempty"`
	Open     string               `json:"open"` // yes, no, unknown
	Locked   string               `json:"locked"`
	Item     string               `json:"item"`
	Fresh    bool                 `json:"fresh"`
}

// toneFor is how long a tone is shown.
const toneFor = 4 * time.Second

// state puts everything together.
func (in *installation) state() stateJSON {
	p := in.world.Snapshot()
	wall, synced := in.clock.Wall()
	s := stateJSON{
		Clock:      clockJSON{Wall: wall, Synced: synced, Off: in.hands.off()},
		Controller: "off", Mains: p.Mains, Volts: float64(int(p.Volts*10)) / 10, Tamper: p.Tamper, Plugged: !p.Unplugged,
		DiskFull: in.full.Load(), Pulses: p.Pulses, Violations: list(slices.Concat(p.Violations, p.Excused)),
		Hands: in.hands.holds(), Phone: []message{}, Log: []line{},
		Links: linksJSON{"http://" + in.addr[1] + "/", "http://" + in.addr[2] + "/", terminalColumn(in.demo.Compartments)},
	}
	if p.Tone != "" && p.Now.Sub(p.ToneAt) < toneFor {
		s.Tone = p.Tone
	}
	if why := in.why.Load(); why != nil {
		s.Why = *why
	}
	var view *firmware.View
	if l := in.life.Load(); l != nil {
		view = l.station.View()
		s.Controller, s.Station, s.Terminal = "on", belief(view), l.shows()
	}
	if book := in.last.Load(); book != nil {
		s.Log, s.Phone = book.shown()
	}
	for i, b := range p.Compartments {
		place := in.rules.Layout[i]
		j := boxJSON{Box: b, Row: place.Row, Column: place.Column, Size: [...]string{"", "S", "M", "L"}[place.Size], Differs: []string{}}
		j.Heat = float64(int(b.Heat*20)) / 20
		if view != nil {
			j.Belief = boxBeliefOf(view.State, b.Number)
			j.Differs = differs(b, j.Belief)
		}
		s.Compartments = append(s.Compartments, j)
	}
	return s
}

// off is how many seconds the wall clock is wrong.
func (h *hands) off() int64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	return int64(h.jumped / time.Second)
}

func belief(v *firmware.View) *beliefJSON {
	return &beliefJSON{
		Started: v.State.Started, Untrusted: v.State.Clock.Untrusted, Power: v.State.Meta.MainsLost,
		Inventory: v.State.Meta.Inventory.Required, Problems: list(v.Problems),
	}
}

func boxBeliefOf(s locker.State, n int) *boxBelief {
	c, door := s.Compartment(n), s.Door(n)
	if c == nil {
		return nil
	}
	word := func(t locker.Tri) string { return [...]string{"unknown", "no", "yes"}[t] }
	b := &boxBelief{
		Use: c.Use, Fault: c.Fault, Blocked: c.Blocked, Delivery: c.Delivery,
		Open: word(door.Open), Locked: word(door.Locked), Item: word(door.Item), Fresh: door.Fresh,
	}
	if d := s.Delivery(c.Delivery); d != nil {
		b.State = d.State
	}
	if c.Intent != nil {
		b.Purpose, b.Phase = c.Intent.Purpose, c.Intent.Phase
	}
	return b
}

// differs says where the station is wrong. What it does not know, or doubts, is
// not wrong.
func differs(b sim.Box, believed *boxBelief) []string {
	out := []string{}
	if believed == nil {
		return out
	}
	against := func(name, said string, truth bool) {
		if said == "yes" && !truth || said == "no" && truth {
			out = append(out, name)
		}
	}
	against("door", believed.Open, b.Open)
	against("latch", believed.Locked, b.Latched)
	against("item", believed.Item, len(b.Papers) > 0)
	waits := map[locker.DeliveryState]bool{locker.Settling: true, locker.Ready: true, locker.Due: true}
	switch {
	case b.Open || believed.Phase != "":
	case believed.Use == locker.Free && len(b.Papers) > 0,
		believed.Use == locker.Occupied && waits[believed.State] && len(b.Papers) == 0:
		out = append(out, "inside")
	}
	return out
}

// shows is what the terminal's screen says, as any client would be told.
func (l *life) shows() (s screenJSON) {
	r, err := http.NewRequest(http.MethodGet, "http://127.0.0.1/state", nil)
	if err != nil {
		return s
	}
	w := &recorder{header: http.Header{}}
	l.terminal.ServeHTTP(w, r)
	_ = json.Unmarshal(w.Bytes(), &s) // nothing is shown then
	return s
}

// recorder keeps an answer in memory.
type recorder struct {
	bytes.Buffer
	header http.Header
}

func (r *recorder) Header() http.Header { return r.header }
func (*recorder) WriteHeader(int)       {}

// shots makes the state at most every shotEvery, however many look on.
type shots struct {
	mu    sync.Mutex
	at    time.Time
	body  []byte // without the clock
	clock clockJSON
}

const shotEvery = 40 * time.Millisecond

// take returns the state as JSON, and the same without its clock, by which
// changes are found.
func (s *shots) take(in *installation) (whole, still []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if time.Since(s.at) > shotEvery {
		st := in.state()
		s.clock, st.Clock = st.Clock, clockJSON{}
		s.body = marshal(st)
		s.at = time.Now()
	}
	clock := append([]byte(`{"clock":`), marshal(s.clock)...)
	rest := bytes.TrimPrefix(s.body, append([]byte(`{"clock":`), marshal(clockJSON{})...))
	return append(clock, rest...), s.body
}

// stale has the next state made anew: whoever has done something sees it.
func (s *shots) stale() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.at = time.Time{}
}

func marshal(v any) []byte {
	raw, err := json.Marshal(v)
	if err != nil {
		panic(err) // plain structs always marshal
	}
	return raw
}

// list is never null in JSON.
func list[T any](s []T) []T {
	if s == nil {
		return []T{}
	}
	return s
}
