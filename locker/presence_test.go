package locker

import (
	"testing"
	"time"
)

// A presence sensor that says something impossible is not believed any more.

func TestASensorThatSaysEmptyBehindAClosedDoorIsNotBelievedAtTheNextPickup(t *testing.T) {
	for _, n := range []int{withItem, withAll} {
		t.Run(profileNames[n], func(t *testing.T) {
			w := newWorld(t)
			id := w.ready(n)
			w.take(n) // the sensor breaks: the paper is still inside
			w.read(n)
			c := w.s.Compartment(n)
			if !c.PresenceDoubt || c.Use != Occupied || w.x(id).State != Ready {
				t.Fatalf("the sensor is still believed: %+v", c)
			}
			w.do(w.entry(id))
			w.open(n)
			w.shut(n)
			w.is(id, Asking) // not "collected": nobody knows whether it was taken
			w.pass(w.r.Reopen + 1)
			w.is(id, Collected)
			if c := w.s.Compartment(n); c.Use != ToCheck || !w.x(id).Unverified {
				t.Fatalf("freed by a sensor that lies: %+v", c)
			}
		})
	}
}

func TestASensorThatAPersonContradictsIsNotBelieved(t *testing.T) {
	w := newWorld(t)
	id := w.ready(withItem)
	w.do(StartInventory{By: clerk})
	w.take(withItem)
	w.do(Inspect{By: clerk, Compartment: withItem})
	w.open(withItem)
	w.shut(withItem)
	w.do(Inspected{By: clerk, Compartment: withItem, Finding: FoundDocument, Delivery: id})
	if !w.s.Compartment(withItem).PresenceDoubt {
		t.Fatal("the sensor is believed against the clerk who has looked in")
	}
	w.do(Unblock{By: clerk, Compartment: withItem})
	if w.s.Compartment(withItem).PresenceDoubt {
		t.Fatal("an unblock after the repair does not clear the doubt")
	}
}

func TestACompartmentWhoseSensorIsDoubtedIsLoadedByTheClerksWord(t *testing.T) {
	w := newWorld(t)
	n := withItem
	w.put(n) // the sensor sticks at "inside"
	w.do(Inspect{By: clerk, Compartment: n})
	w.open(n)
	w.shut(n)
	for _, f := range []Finding{FoundEmpty, FoundOther} {
		w.refused(Inspected{By: clerk, Compartment: n, Finding: f}, SensorDisagrees)
	}
	w.do(Inspected{By: clerk, Compartment: n, Finding: FoundEmpty, Sure: true})
	id := w.announce("A-2")
	w.do(Load{By: clerk, Delivery: id, Compartment: n})
	w.open(n)
	w.shut(n)
	w.is(id, Loading) // the sensor says inside, but a person has to say so
	w.do(Loaded{By: clerk, Delivery: id, Inside: true})
	w.is(id, Settling)
}

func TestAFreeCompartmentWithSomethingInsideIsToBeChecked(t *testing.T) {
	w := newWorld(t)
	w.put(withItem) // pried, filled and shut between two readings
	w.read(withItem)
	w.use(withItem, ToCheck)
	w.told("compartment.not_empty")
}

func TestAStationThatStoodStillReadsBeforeItGivesUp(t *testing.T) {
	for _, n := range []int{doorOnly, withLatch} {
		w := newWorld(t)
		id := w.ready(n)
		w.do(w.entry(id))
		w.wait(time.Hour) // a suspended process; the door never opened
		w.do(Tick{})
		w.is(id, Opening)
		w.read(n)
		if x := w.x(id); x.State == Disputed {
			t.Fatalf("%s: disputed without having been read", profileNames[n])
		}
	}
	w := newWorld(t)
	id := w.ready(withItem)
	w.do(w.entry(id))
	w.open(withItem)
	w.take(withItem)
	w.cab[withItem].open, w.cab[withItem].locked = false, true
	w.wait(2 * time.Hour)
	w.do(Tick{})
	w.is(id, Open)
	w.read(withItem)
	w.wait(time.Second)
	w.read(withItem)
	w.is(id, Collected)
	w.use(withItem, Free)
}

func TestAClerkWhoIsAskedMayLookInOnceMore(t *testing.T) {
	w := newWorld(t)
	n := withItem
	w.put(n)
	w.read(n)
	for range 2 {
		w.wait(time.Minute)
		w.do(Inspect{By: clerk, Compartment: n})
		w.open(n)
		w.shut(n)
		w.refused(Inspected{By: clerk, Compartment: n, Finding: FoundEmpty}, SensorDisagrees)
	}
	w.do(Inspect{By: clerk, Compartment: n})
	w.refused(Inspect{By: clerk, Compartment: n}, InUse) // while it opens
	w.open(n)
	w.take(n)
	w.shut(n)
	w.do(Inspected{By: clerk, Compartment: n, Finding: FoundEmpty})
	w.use(n, Free)
}

func TestAClerkMayLookWhetherTheDoubtedSensorWasRight(t *testing.T) {
	w := newWorld(t)
	n := withItem
	id := w.ready(n)
	w.refused(Inspect{By: clerk, Compartment: n}, NotFree) // waits quietly for its owner
	w.take(n)                                              // a thief with a key, or a sensor that lies
	w.read(n)
	w.do(Inspect{By: clerk, Compartment: n})
	w.open(n)
	w.shut(n)
	w.do(Inspected{By: clerk, Compartment: n, Finding: FoundEmpty})
	w.is(id, Disputed)
	w.use(n, Free)
}
