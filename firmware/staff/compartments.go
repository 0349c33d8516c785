package staff

import (
	"strconv"

	"abholstation/locker"
)

func (c *call) compartmentNumber() (int, error) {
	n, err := strconv.Atoi(c.r.PathValue("n"))
	if err != nil || n <= 0 {
		return 0, fail(string(locker.UnknownCompartment))
	}
	return n, nil
}

type blockBody struct {
	Why string `json:"why"`
}

func block(c *call, n int, b *blockBody) (locker.Event, error) {
	return locker.Block{By: c.who.actor, Compartment: n, Why: b.Why}, nil
}

func unblock(c *call, n int, _ *noBody) (locker.Event, error) {
	return locker.Unblock{By: c.who.actor, Compartment: n}, nil
}

func inspect(c *call, n int, _ *noBody) (locker.Event, error) {
	return locker.Inspect{By: c.who.actor, Compartment: n}, nil
}

type inspectedBody struct {
	Finding  locker.Finding    `json:"finding"`
	Delivery locker.DeliveryID `json:"delivery"`
	ByKey    bool              `json:"by_key"`
	Sure     bool              `json:"sure"` // looked again: the sensor that says otherwise is wrong
}

func inspected(c *call, n int, b *inspectedBody) (locker.Event, error) {
	return locker.Inspected{By: c.who.actor, Compartment: n, Finding: b.Finding, Delivery: b.Delivery, ByKey: b.ByKey, Sure: b.Sure}, nil
}

type compartmentsJSON struct {
	Compartments []compartmentJSON `json:"compartments"`
}

func (c *call) listCompartments() (reply, error) {
	v := c.station.View()
	out := compartmentsJSON{Compartments: []compartmentJSON{}}
	for i := range v.State.Compartments {
		out.Compartments = append(out.Compartments, c.compartmentJSON(v, i))
	}
	return ok(out)
}

func (c *call) getCompartment() (reply, error) {
	n, err := c.compartmentNumber()
	if err != nil {
		return reply{}, err
	}
	v := c.station.View()
	i := v.State.Index(n)
	if i < 0 {
		return reply{}, &fault{code: string(locker.UnknownCompartment), compartment: n}
	}
	return ok(c.compartmentJSON(v, i))
}
