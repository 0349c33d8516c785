package locker

import (
	"slices"
	"time"
)

// settleSlack is how long after its deadline an unsettled opening waits for a
// fresh reading before it counts as unknown.
const settleSlack = 10 * time.Second

// suspendedFor is how late a Tick may be. A later one means that the process or
// the board stood still: then nothing is given up before it has been read.
const suspendedFor = 5 * time.Second

// outcome is what a fresh reading (or none) says about an opening at the end of
// its observation window.
type outcome uint8

const (
	stayedClosed outcome = iota // freshly closed and, where that can be told, locked
	notLocked                   // closed, but the latch does not say locked
	doorUnknown
)

// openDoor gives a compartment's door to a new intent and orders one pulse. With
// the door open already, nothing is pulsed.
func (d *draft) openDoor(i int, p Purpose, id DeliveryID, by Actor) *Compartment {
	c := d.compartment(i)
	m := d.meta()
	in := &Intent{ID: m.NextIntent, Purpose: p, Delivery: id, By: by, Phase: PhaseOpening, Since: d.now.Mono}
	m.NextIntent++
	c.Intent = in
	if door := d.s.Doors[i]; door.Fresh && door.Open == Yes {
		in.Phase = PhaseOpen
		d.record(Record{Type: "door.in_use", Actor: by, Compartment: c.Number, Delivery: id, Intent: in.ID, Detail: Detail{Purpose: p}})
		return c
	}
	d.pulse(i, c)
	d.record(Record{Type: "door.unlocking", Actor: by, Compartment: c.Number, Delivery: id, Intent: in.ID, Detail: Detail{Purpose: p, Count: in.Pulses}})
	return c
}

// pulse orders the intent's next pulse. Only openDoor and the one repeat on
// "freshly closed" call it.
func (d *draft) pulse(i int, c *Compartment) {
	c.Intent.Pulses++
	c.Intent.Late = 0
	c.Intent.Deadline = d.now.Mono + max(d.r.Observe, d.r.Cooldown)
	c.Cycles++
	d.effect(Unlock{Compartment: c.Number, Lock: d.place(i).Lock, Intent: c.Intent.ID})
}

// openable says why a door can not be opened now. A door that is already open
// is no reason; an unread one is.
func (d *draft) openable(i int) *Refusal {
	c, door := d.s.Compartments[i], d.s.Doors[i]
	switch {
	case c.Intent != nil: // first: a mechanical key overrides everything else
		return &Refusal{Code: InUse, Compartment: c.Number, What: string(c.Intent.Purpose)}
	case d.s.Meta.MainsLost:
		return refuse(PowerLow)
	case d.s.Down[i] || !door.Fresh || door.Open == Unknown:
		return &Refusal{Code: DoorUnknown, Compartment: c.Number}
	}
	return nil
}

// read takes in fresh readings.
func (d *draft) read(readings []Reading) {
	cloned := false
	for _, rd := range readings {
		i := d.s.Index(rd.Compartment)
		if i < 0 || i >= len(d.s.Doors) || rd.Sensed.At < d.s.Doors[i].At {
			continue // unknown, or overtaken by a newer reading
		}
		if !cloned {
			d.s.Doors = append([]Sensed(nil), d.s.Doors...)
			cloned = true
		}
		before, after := d.s.Doors[i], rd.Sensed
		after.Changed = before.Changed
		if after.Open != before.Open || after.Fresh && !before.Fresh {
			after.Changed = after.At // a faulty reading is no part of "steadily closed"
		}
		d.s.Doors[i] = after
		d.doorRead(i, before, after)
	}
}

func (d *draft) doorRead(i int, before, after Sensed) {
	in := d.s.Compartments[i].Intent
	if !after.Fresh || after.Open == Unknown {
		return // tickIntent settles what waits too long
	}
	switch {
	case after.Open == Yes && in == nil:
		// A faulty reading that said open has raised nothing; but a door that is
		// known to stand open (given up) is not forced each time a wire is loose.
		if before.Open != Yes || !before.Fresh && d.s.Compartments[i].Use != ToCheck {
			d.forced(i)
		}
	case after.Open == Yes && in.Phase != PhaseOpen:
		d.opened(i)
	case after.Open == Yes:
		// still open
	case in == nil:
		d.doubtPresence(i)
	case in.Phase == PhaseOpening:
		if after.At >= in.Deadline {
			d.settleOpening(i, d.judge(i, after))
		}
	case in.Phase == PhaseOpen:
		if after.At-after.Changed >= d.r.CloseSettle && after.Locked != No {
			d.closed(i, after)
		}
	}
}

// doubtPresence: what a clerk or the sensor itself has said is inside can not
// leave through a closed door. A presence sensor that says so must not be the
// one that calls the compartment empty later. The other way round, what a free
// compartment holds is in doubt.
func (d *draft) doubtPresence(i int) {
	c, door := d.s.Compartments[i], d.s.Doors[i]
	if c.Use == Free && door.Open == No && d.item(i) == Yes {
		c = d.compartment(i)
		c.Use = ToCheck
		d.record(Record{Type: "compartment.not_empty", Actor: Self, Compartment: c.Number})
		return
	}
	x := d.s.Delivery(c.Delivery)
	if c.Use != Occupied || x == nil || door.Open != No || d.item(i) != No {
		return
	}
	switch x.State {
	case Settling, Ready, Due, Cancelled:
		c = d.compartment(i)
		c.PresenceDoubt = true
		d.record(Record{Type: "compartment.fault", Actor: Self, Compartment: c.Number, Delivery: x.ID, Detail: Detail{Code: "presence_doubt", Item: No}})
	}
}

// item is what the presence sensor says, as far as it is to be believed.
func (d *draft) item(i int) Tri {
	if !d.place(i).HasItem || d.s.Compartments[i].PresenceDoubt || !d.s.Doors[i].Fresh {
		return Unknown
	}
	return d.s.Doors[i].Item
}

// judge reads the outcome of an opening from a fresh reading with a closed door.
func (d *draft) judge(i int, door Sensed) outcome {
	if d.place(i).HasLatch && door.Locked != Yes {
		return notLocked
	}
	return stayedClosed
}

// tickIntent settles what is over, and raises the stages of a door left open.
func (d *draft) tickIntent(i int) {
	in, door := d.s.Compartments[i].Intent, d.s.Doors[i]
	switch in.Phase {
	case PhaseOpening:
		if d.now.Mono < in.Deadline {
			return
		}
		d.effect(ReadDoors{})
		if d.over(i, in.Deadline+settleSlack) {
			d.settleOpening(i, doorUnknown)
		}
	case PhaseAsking:
		if d.now.Mono >= in.Deadline {
			d.unanswered(i)
		}
	case PhaseOpen:
		if d.now.Mono-in.Since >= d.r.GiveUp {
			if d.over(i, in.Since+d.r.GiveUp) {
				d.giveUp(i)
				return
			}
			d.effect(ReadDoors{})
		}
		if door.Open == No && d.now.Mono-door.Changed >= d.r.CloseSettle {
			d.effect(ReadDoors{})
		}
		d.leftOpen(i, d.now.Mono-in.Since)
	}
}

// over says whether the time for an intent's phase is over. If the station stood
// still meanwhile, a reading has its chance first.
func (d *draft) over(i int, end Mono) bool {
	in := d.s.Compartments[i].Intent
	switch {
	case d.now.Mono < end:
		return false
	case in.Late != 0:
		return d.now.Mono-in.Late >= settleSlack
	case d.now.Mono-end < suspendedFor:
		return true
	}
	d.compartment(i).Intent.Late = d.now.Mono
	return false
}

func (d *draft) leftOpen(i int, open time.Duration) {
	in := d.s.Compartments[i].Intent
	stage := in.Stage
	for stage < 3 && open >= [...]time.Duration{d.r.Prompt, d.r.Tone, d.r.Alarm}[stage] {
		stage++
	}
	if stage == in.Stage {
		return
	}
	c := d.compartment(i)
	was := c.Intent.Stage
	c.Intent.Stage = stage
	if was < 2 && stage == 2 {
		d.effect(Tone{Name: "left_open"})
	}
	if stage == 3 {
		d.effect(Tone{Name: "alarm"})
		d.record(Record{
			Type: "door.left_open", Actor: Self, Compartment: c.Number, Delivery: c.Intent.Delivery, Intent: c.Intent.ID,
			Detail: Detail{Seconds: int64(open / time.Second)},
		})
	}
}

// opened: the door that an intent owns is seen open.
func (d *draft) opened(i int) {
	c := d.compartment(i)
	in := c.Intent
	in.Phase, in.Since, in.Stage, in.Late = PhaseOpen, d.now.Mono, 0, 0
	if c.Fault == LockJammed && in.Pulses > 0 {
		c.Fault = "" // it was the lock that opened it, not a key
		d.record(Record{Type: "compartment.fault_over", Actor: Self, Compartment: c.Number, Detail: Detail{Code: string(LockJammed)}})
	}
	if x := d.delivery(in.Delivery); x != nil && in.Purpose == ForCollect {
		x.State, x.AskUntil, x.Opened = Open, 0, nil
	}
	d.effect(Tone{Name: "opened"})
	d.record(Record{Type: "door.opened", Actor: in.By, Compartment: c.Number, Delivery: in.Delivery, Intent: in.ID, Detail: Detail{Purpose: in.Purpose}})
}

// closed: the door is closed again, steadily, and not said to be unlocked.
func (d *draft) closed(i int, door Sensed) {
	c := d.compartment(i)
	item := d.item(i)
	d.record(Record{
		Type: "door.closed", Actor: c.Intent.By, Compartment: c.Number, Delivery: c.Intent.Delivery, Intent: c.Intent.ID,
		Detail: Detail{Purpose: c.Intent.Purpose, Item: item, Locked: door.Locked},
	})
	switch c.Intent.Purpose {
	case ForCollect:
		d.collectClosed(c, item)
	case ForLoad:
		d.loadClosed(c, item)
	case ForRetrieve:
		d.retrieveClosed(c, item)
	case ForInspect:
		d.ask(c)
	}
}

// ask waits for a person's word about what is behind the closed door.
func (d *draft) ask(c *Compartment) {
	c.Intent.Phase, c.Intent.Since, c.Intent.Deadline = PhaseAsking, d.now.Mono, d.now.Mono+d.r.Reopen
}

// settleOpening ends an opening whose door was not seen open.
func (d *draft) settleOpening(i int, out outcome) {
	c := d.compartment(i)
	in := c.Intent
	if out == stayedClosed && d.mayRepeat(i) {
		d.pulse(i, c)
		c.Retries++
		d.record(Record{Type: "lock.retried", Actor: Self, Compartment: c.Number, Delivery: in.Delivery, Intent: in.ID, Detail: Detail{Purpose: in.Purpose, Count: in.Pulses}})
		return
	}
	d.record(Record{
		Type: "door.not_opened", Actor: Self, Compartment: c.Number, Delivery: in.Delivery, Intent: in.ID,
		Detail: Detail{Purpose: in.Purpose, Count: in.Pulses, Code: out.code(), Door: d.s.Doors[i].Open, Locked: d.s.Doors[i].Locked, Item: d.s.Doors[i].Item},
	})
	switch in.Purpose {
	case ForCollect:
		d.collectNotOpened(i, c, out)
	case ForLoad:
		d.loadNotOpened(c, out)
	case ForRetrieve:
		d.faultOf(c, out, in.Settle)
		if out != stayedClosed {
			c.Use = ToCheck
		}
	case ForInspect:
		d.faultOf(c, out, in.Settle)
		if out != stayedClosed {
			c.Use = ToCheck
		}
	}
	c.Intent = nil
}

// mayRepeat: one repeat, by itself, only for a person who still waits, and never
// where anything about the first pulse or the door is in doubt.
func (d *draft) mayRepeat(i int) bool {
	in := d.s.Compartments[i].Intent
	if in.Pulses != 1 || in.Settle || d.s.Meta.MainsLost || d.s.Down[i] {
		return false
	}
	if in.Purpose != ForCollect {
		return true
	}
	g := d.s.Grant
	return g != nil && slices.Contains(g.Deliveries, in.Delivery) && d.item(i) != No
}

func (o outcome) code() string {
	return [...]string{"stayed_closed", "not_locked", "door_unknown"}[o]
}

// faultOf names the compartment's fault. An opening that was cut short by a
// restart proves nothing about the lock.
func (d *draft) faultOf(c *Compartment, out outcome, restarted bool) {
	fault := [...]Fault{LockJammed, LockLoose, DoorUnread}[out]
	if out == stayedClosed && restarted {
		return
	}
	if c.Fault != fault {
		c.Fault = fault
		d.record(Record{Type: "compartment.fault", Actor: Self, Compartment: c.Number, Detail: Detail{Code: string(fault)}})
	}
}

// forced: a door opened that nobody was allowed to open.
func (d *draft) forced(i int) {
	c := d.compartment(i)
	c.Use = ToCheck
	if c.Fault != LockJammed && c.Fault != LockLoose {
		c.Fault = DoorForced // looking in ends it; a lock's own fault stays until it is repaired
	}
	d.effect(Tone{Name: "alarm"})
	d.record(Record{Type: "door.forced", Actor: Self, Compartment: c.Number, Delivery: c.Delivery})
	if x := d.s.Delivery(c.Delivery); x != nil && !x.State.Ended() && x.State != Disputed && x.Compartment == c.Number {
		d.dispute(d.delivery(x.ID), "door_forced")
	}
}

// giveUp: the door has been open for half an hour.
func (d *draft) giveUp(i int) {
	c := d.compartment(i)
	in, door := c.Intent, d.s.Doors[i]
	d.record(Record{
		Type: "door.given_up", Actor: Self, Compartment: c.Number, Delivery: in.Delivery, Intent: in.ID,
		Detail: Detail{Purpose: in.Purpose, Door: door.Open, Item: door.Item},
	})
	c.Intent = nil
	switch x := d.delivery(in.Delivery); {
	case in.Purpose == ForCollect && d.item(i) == No:
		d.collected(x, Self, false)
	case in.Purpose == ForCollect:
		d.dispute(x, "left_open")
	case in.Purpose == ForLoad:
		d.loadAborted(c, x)
	}
	c.Use = ToCheck
}

// unanswered: nobody said what is behind the closed door.
func (d *draft) unanswered(i int) {
	c := d.compartment(i)
	in, door := c.Intent, d.s.Doors[i]
	d.record(Record{Type: "door.unanswered", Actor: Self, Compartment: c.Number, Delivery: in.Delivery, Intent: in.ID, Detail: Detail{Purpose: in.Purpose}})
	c.Intent = nil
	empty := door.Open == No && d.item(i) == No
	if in.Purpose == ForLoad {
		d.loadAborted(c, d.delivery(in.Delivery))
	}
	if in.Purpose != ForInspect || !empty || c.Use != Free {
		c.Use = ToCheck
	}
}

// dispute: nobody knows for certain where the documents are; the code sleeps.
func (d *draft) dispute(x *Delivery, why string) {
	x.State, x.Suspended, x.AskUntil, x.GraceUntil, x.Pending = Disputed, true, 0, 0, ""
	x.Wanted = false // asked for again when it is ready again
	d.effect(Tone{Name: "alarm"})
	d.record(Record{
		Type: "delivery.disputed", Actor: Self, Compartment: x.Compartment, Delivery: x.ID,
		Detail: Detail{Code: why}, Personal: &Personal{Reference: x.Reference},
	})
}

func (d *draft) unlockDone(ev UnlockDone) {
	i := d.s.Index(ev.Compartment)
	if i < 0 || (!ev.NotSent && !ev.Unknown) {
		return // sent: the door will tell
	}
	in := d.s.Compartments[i].Intent
	if in == nil || in.ID != ev.Intent || in.Phase != PhaseOpening {
		return
	}
	c := d.compartment(i)
	in = c.Intent
	if !recordCode(ev.Cause) {
		ev.Cause = "other"
	}
	d.record(Record{
		Type: "door.pulse_failed", Actor: Self, Compartment: c.Number, Delivery: in.Delivery, Intent: in.ID,
		Detail: Detail{Purpose: in.Purpose, Code: ev.Cause, Count: in.Pulses},
	})
	if ev.Unknown || in.Pulses > 1 || in.Settle {
		in.Settle = true // the door is read at the deadline and never pulsed again
		return
	}
	// Certainly no coil was energised: everything is as it was before.
	c.Intent = nil
	c.Cycles--
	switch x := d.delivery(in.Delivery); in.Purpose {
	case ForCollect:
		d.backToReady(x)
	case ForLoad:
		d.loadUndone(c, x)
	}
}

func (d *draft) reachability(ev Reachability) *Refusal {
	i := d.s.Index(ev.Compartment)
	if i < 0 || i >= len(d.s.Down) {
		return &Refusal{Code: UnknownCompartment, Compartment: ev.Compartment}
	}
	if d.s.Down[i] == ev.Down {
		return nil
	}
	d.s.Down = append([]bool(nil), d.s.Down...)
	d.s.Down[i] = ev.Down
	kind := "hardware.back"
	if ev.Down {
		kind = "hardware.lost"
	}
	d.record(Record{Type: kind, Actor: Self, Compartment: ev.Compartment})
	return nil
}

func (d *draft) power(ev Power) {
	if d.s.Meta.MainsLost == ev.MainsLost {
		return
	}
	d.meta().MainsLost = ev.MainsLost
	kind := "power.mains_back"
	if ev.MainsLost {
		kind = "power.mains_lost"
	}
	d.record(Record{Type: kind, Actor: Self})
}
