package sim_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"abholstation/hal"
	"abholstation/hal/haltest"
	"abholstation/hal/sim"
)

// meter makes a World what the suite wants to see of it; lock and compartment
// numbers are the same here.
type meter struct{ *sim.World }

func (m meter) Pulses() (ps []haltest.Pulse) {
	for _, p := range m.World.Pulses() {
		ps = append(ps, haltest.Pulse{Lock: hal.LockID(p.Compartment), Start: p.At, End: p.End})
	}
	return ps
}

func (m meter) CutDoorWire(n int, cut bool) error { return m.CutWire(n, sim.DoorSensor, cut) }

func TestConformance(t *testing.T) {
	for i := range 8 { // four sensor profiles, each without and with board timers
		profile, timed := sim.Sensors(i/2), i%2 == 1
		t.Run(fmt.Sprintf("%s sensors, board timer %t", profile, timed), func(t *testing.T) {
			haltest.Run(t, func(t *testing.T) haltest.Rig {
				clock := hal.SystemClock()
				w, errW := sim.New(sim.Options{Seed: 7, Clock: clock, Compartments: sim.Uniform(4, profile), BoardTimed: timed})
				g, errG := hal.Govern(w.Driver(), clock, hal.Options{})
				if err := errors.Join(errW, errG); err != nil {
					t.Fatal(err)
				}
				return haltest.Rig{Cabinet: g, Clock: clock, World: meter{w}, Pulse: 400 * ms, Gap: 50 * ms, Cool: 10 * time.Second}
			})
		})
	}
}
