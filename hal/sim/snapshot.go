package sim

import (
	"slices"
	"time"

	"abholstation/hal"
)

// Picture is everything about the World, for a drawing and for JSON.
type Picture struct {
	Version      uint64    `json:"version"`
	Now          time.Time `json:"now"`
	Volts        float64   `json:"volts"`
	Mains        bool      `json:"mains"`
	Tamper       bool      `json:"tamper"`
	Unplugged    bool      `json:"unplugged"`
	Tone         string    `json:"tone,omitempty"`
	ToneAt       time.Time `json:"tone_at,omitzero"`
	Pulses       int       `json:"pulses"`
	Violations   []string  `json:"violations,omitempty"`
	Excused      []string  `json:"excused,omitempty"`
	Compartments []Box     `json:"compartments"`
}

// Box is one compartment of a Picture.
type Box struct {
	Number  int               `json:"number"`
	Lock    hal.LockID        `json:"lock"`
	Sensors Sensors           `json:"sensors"`
	Manual  bool              `json:"manual,omitempty"`
	Open    bool              `json:"open"`
	Angle   float64           `json:"angle"` // 0 shut … 1 wide open
	Latched bool              `json:"latched"`
	Held    bool              `json:"held,omitempty"`
	Coil    bool              `json:"coil,omitempty"`
	CoilOn  time.Time         `json:"coil_on,omitzero"` // since when
	Heat    float64           `json:"heat,omitempty"`   // seconds; 1 is the most a coil may take
	Lamp    bool              `json:"lamp,omitempty"`
	Cycles  int               `json:"cycles"`
	Papers  []string          `json:"papers,omitempty"`
	Jam     bool              `json:"jam,omitempty"`
	Sticky  bool              `json:"sticky,omitempty"`
	Loose   bool              `json:"loose,omitempty"`
	Blind   bool              `json:"blind,omitempty"`
	Bounce  time.Duration     `json:"bounce_ns,omitempty"`
	Cut     []Sensor          `json:"cut,omitempty"`
	Stuck   map[Sensor]string `json:"stuck,omitempty"` // "yes" or "no"
}

// Snapshot returns a picture of the World at its present time.
func (w *World) Snapshot() Picture {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.sync()
	p := Picture{
		Version: w.version, Now: w.now, Volts: w.volts(), Mains: w.mainsLost.IsZero(), Tamper: w.tamper,
		Unplugged: w.unplugged, Tone: w.tone, ToneAt: w.toneAt, Pulses: len(w.pulses),
		Violations: slices.Clone(w.illegal), Excused: slices.Clone(w.excused),
		Compartments: make([]Box, len(w.boxes)),
	}
	for i, b := range w.boxes {
		p.Compartments[i] = w.picture(b)
	}
	slices.SortFunc(p.Compartments, func(a, b Box) int { return a.Number - b.Number })
	return p
}

func (w *World) picture(b *box) Box {
	b.cool(w.now)
	p := Box{
		Number: b.Number, Lock: b.Lock, Sensors: b.Sensors, Manual: b.Manual,
		Open: b.open, Latched: b.engaged && !b.open, Held: b.held, Coil: b.coil, Heat: b.heat, Lamp: b.lamp,
		Cycles: b.cycles, Papers: slices.Clone(b.papers),
		Jam: b.jam, Sticky: b.sticky, Loose: b.loose, Blind: b.blind, Bounce: b.bounceFor,
	}
	if b.coil {
		p.CoilOn = b.since
		p.Heat += w.now.Sub(b.since).Seconds()
	}
	p.Angle = min(1, float64(w.now.Sub(b.moved))/float64(swingTime))
	if !b.open {
		p.Angle = 1 - p.Angle
	}
	for _, s := range []Sensor{DoorSensor, LatchSensor, ItemSensor} {
		if b.cut[s] {
			p.Cut = append(p.Cut, s)
		}
		if v := b.stuck[s]; v != hal.Unknown {
			if p.Stuck == nil {
				p.Stuck = map[Sensor]string{}
			}
			p.Stuck[s] = map[hal.Tri]string{hal.Yes: "yes", hal.No: "no"}[v]
		}
	}
	return p
}
