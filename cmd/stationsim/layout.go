package main

import (
	"fmt"
	"time"

	"abholstation/hal/sim"
	"abholstation/locker"
)

// A column has eight compartments, as in config/station.example.toml; the
// terminal stands behind the first two columns (behind the first if there are
// only two).
type rung struct {
	size   locker.Size
	height int // mm above the floor
}

func rungs() []rung {
	return []rung{
		{locker.SizeS, 1620},
		{locker.SizeS, 1460},
		{locker.SizeS, 1300},
		{locker.SizeS, 1140},
		{locker.SizeS, 980},
		{locker.SizeS, 820},
		{locker.SizeM, 600},
		{locker.SizeL, 300},
	}
}

// terminalColumn is where the screen is.
func terminalColumn(compartments int) int {
	if compartments <= 2*len(rungs()) {
		return 2
	}
	return 3
}

// profile is which sensors a compartment has: every profile is there, the first
// compartments have all.
func profile(number int) sim.Sensors {
	mix := [...]sim.Sensors{
		sim.All, sim.All, sim.Presence, sim.Latch, sim.All, sim.DoorOnly, sim.All, sim.Presence,
		sim.Latch, sim.All, sim.Presence, sim.All, sim.DoorOnly, sim.All, sim.Latch, sim.All,
		sim.All,
	}
	return mix[(number-1)%len(mix)]
}

// layout is the cabinet as the station and as the world know it.
func layout(n int) ([]locker.Place, []sim.Compartment) {
	var places []locker.Place
	var boxes []sim.Compartment
	rows := rungs()
	for i := range n {
		column, row := i/len(rows)+1, i%len(rows)
		if column >= terminalColumn(n) {
			column++
		}
		p := profile(i + 1)
		places = append(places, locker.Place{
			Number: i + 1, Lock: uint16(i + 1), Size: rows[row].size, HeightMM: rows[row].height,
			Row: row + 1, Column: column, HasLatch: p&sim.Latch != 0, HasItem: p&sim.Presence != 0,
		})
		boxes = append(boxes, sim.Compartment{Number: i + 1, Sensors: p})
	}
	return places, boxes
}

// rules are a real station's but for the grace period.
func rules(places []locker.Place, grace time.Duration) (*locker.Rules, error) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		return nil, fmt.Errorf("cannot load the time zone: %w", err)
	}
	r := locker.Defaults()
	if r.Calendar, err = locker.NewCalendar(berlin, nil); err != nil {
		return nil, err
	}
	r.Layout, r.Kinds, r.Grace = places, locker.ShippedKinds(), grace
	if err := r.Validate(); err != nil {
		return nil, err
	}
	return &r, nil
}
