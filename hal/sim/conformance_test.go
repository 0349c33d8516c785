package sim_test

import (
	"fmt"
	"testing"
	"time"

	"abholstation/hal"
	"abholstation/hal/haltest"
	"abholstation/hal/sim"
)

// meter makes a World what the suite wants to see of it; lock and compartment
// numbers are the same here.
type meter struct {
	*sim.World
	t *testing.T
}

func (m meter) Pulses() (ps []haltest.Pulse) {
	for _, p := range m.World.Pulses() {
		ps = append(ps, haltest.Pulse{Lock: hal.LockID(p.Compartment), Start: p.At, End: p.End})
	}
	return ps
}

func (m meter) must(err error) {
	m.t.Helper()
	if err != nil {
		m.t.Fatal(err)
	}
}
func (m meter) LeaveOn(id hal.LockID)                 { m.must(m.World.LeaveOn(int(id))) }
func (m meter) ForceOpen(id hal.LockID)               { m.must(m.World.Pry(int(id))) }
func (m meter) Close(id hal.LockID)                   { m.must(m.World.Close(int(id))) }
func (m meter) Bounce(id hal.LockID, d time.Duration) { m.must(m.World.Bounce(int(id), d)) }
func (m meter) FailPulse(id hal.LockID, after bool)   { m.must(m.World.FailPulse(int(id), after)) }
func (m meter) CutDoorWire(id hal.LockID, cut bool) {
	m.must(m.World.CutWire(int(id), sim.DoorSensor, cut))
}

func TestConformance(t *testing.T) {
	for _, profile := range []sim.Sensors{sim.DoorOnly, sim.Latch, sim.Presence, sim.All} {
		for _, timed := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s sensors, board timer %t", profile, timed), func(t *testing.T) {
				haltest.Run(t, func(t *testing.T) haltest.Rig {
					clock := hal.SystemClock()
					w, err := sim.New(sim.Options{Seed: 7, Clock: clock, Compartments: sim.Uniform(4, profile), BoardTimed: timed})
					if err != nil {
						t.Fatal(err)
					}
					o := hal.Options{Pulse: 400 * time.Millisecond, Gap: 50 * time.Millisecond, Cooldown: 10 * time.Second}
					g, err := hal.Govern(w.Driver(), clock, o)
					if err != nil {
						t.Fatal(err)
					}
					return haltest.Rig{Cabinet: g, Clock: clock, World: meter{w, t}, Pulse: o.Pulse, Gap: o.Gap, Cool: o.Cooldown}
				})
			})
		}
	}
}
