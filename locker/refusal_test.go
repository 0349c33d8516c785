package locker

import (
	"go/ast"
	"go/parser"
	gotoken "go/token"
	"strconv"
	"strings"
	"testing"
	"time"
)

// refusals provokes every reason at least once. The world checks with each that
// nothing has changed.
var refusals = []struct {
	name string
	why  Reason
	play func(w *world) Event
}{
	{"a wrong code", Rejected, func(w *world) Event {
		e := w.entry(w.ready(1))
		e.CodeTag = tagOf("guess")
		return e
	}},
	{"a wrong factor", Rejected, func(w *world) Event {
		e := w.entry(w.ready(1))
		e.FactorTag = tagOf("guess")
		return e
	}},
	{"a factor made with another salt", Rejected, func(w *world) Event {
		e := w.entry(w.ready(1))
		e.Salt = saltOf("another")
		return e
	}},
	{"no tags at all", Rejected, func(w *world) Event { return Present{Session: 1} }},
	{"too many wrong entries", Locked, func(w *world) Event {
		for range limiterCapacity {
			w.refused(Present{CodeTag: tagOf("x")}, Rejected)
		}
		return Admit{}
	}},
	{"the right code while locked", Locked, func(w *world) Event {
		e := w.entry(w.ready(1))
		for range limiterCapacity {
			w.refused(Present{CodeTag: tagOf("x")}, Rejected)
		}
		return e
	}},
	{"a blocked compartment", Unavailable, func(w *world) Event {
		e := w.entry(w.ready(1))
		w.do(Block{By: clerk, Compartment: 1, Why: "repair"})
		return e
	}},
	{"the code of what is open", AlreadyOpen, func(w *world) Event {
		id := w.ready(1)
		w.opened(id)
		return w.entry(id)
	}},
	{"open again what is open", AlreadyOpen, func(w *world) Event {
		id := w.ready(1)
		w.opened(id)
		return OpenNext{Session: 1, Delivery: id}
	}},
	{"without the confirmation", NeedsConfirm, func(w *world) Event {
		id := w.ready(1, "confirm")
		if got := w.do(w.entry(id)).Answer; got.Confirm != "old_one_given_back" || got.Compartment != 0 {
			w.t.Fatalf("%+v", got)
		}
		return OpenNext{Session: 1, Delivery: id}
	}},
	{"somebody else's session", NoGrant, func(w *world) Event {
		id := w.ready(1, "confirm")
		w.do(w.entry(id))
		return OpenNext{Session: 2, Delivery: id, Confirmed: true}
	}},
	{"a delivery that was not granted", NoGrant, func(w *world) Event {
		id, other := w.ready(1, "confirm"), w.ready(2)
		w.do(w.entry(id))
		return OpenNext{Session: 1, Delivery: other}
	}},
	{"after the session", NoGrant, func(w *world) Event {
		id := w.ready(1, "confirm")
		w.do(w.entry(id))
		w.pass(w.r.GrantFor)
		return OpenNext{Session: 1, Delivery: id, Confirmed: true}
	}},
	{"a word without a session", NoGrant, func(w *world) Event { return Word{Session: 1, Delivery: w.ready(1), Taken: true} }},
	{"a problem without a session", NoGrant, func(w *world) Event { return Problem{Session: 1, Delivery: 1} }},
	{"the fourth try in ten minutes", TooManyTries, func(w *world) Event {
		id := w.ready(1)
		for range w.r.RetryMax {
			w.do(w.entry(id))
			w.pass(2*w.r.Observe + 2*time.Second)
		}
		return w.entry(id)
	}},
	{"the second door of a group while the first is open", DoorInUse, func(w *world) Event {
		a, b := w.ready(1), w.ready(2)
		g := w.groupOf(a, b)
		w.do(w.entryOf(g, "group"))
		w.do(OpenNext{Session: 1, Delivery: a})
		return OpenNext{Session: 1, Delivery: b}
	}},
	{"a code before the inventory", InventoryDue, func(w *world) Event { e := w.entry(w.ready(1)); w.restored(); return e }},
	{"loading before the inventory", InventoryDue, func(w *world) Event {
		id := w.announce("A")
		w.restored()
		return Load{By: clerk, Delivery: id}
	}},
	{"relocating before the inventory", InventoryDue, func(w *world) Event {
		id := w.ready(1)
		w.restored()
		return Relocate{By: clerk, Delivery: id}
	}},
	{"any code on battery", PowerLow, func(w *world) Event { w.do(Power{MainsLost: true}); return Admit{QR: true} }},
	{"loading on battery", PowerLow, func(w *world) Event {
		w.do(Power{MainsLost: true})
		return Load{By: clerk, Delivery: w.announce("A")}
	}},
	{"anything before the start", StationClosed, func(w *world) Event { w.s = stored(w.s); return Tick{} }},

	{"a delivery that does not exist", UnknownDelivery, func(w *world) Event { return Cancel{By: clerk, Delivery: 99} }},
	{"loaded: unknown", UnknownDelivery, func(w *world) Event { return Loaded{By: clerk, Delivery: 99} }},
	{"a group that does not exist", UnknownDelivery, func(w *world) Event { return Reissue{By: clerk, Owner: Owner{Group: 9}} }},
	{"a code for nobody", UnknownDelivery, func(w *world) Event { return w.code(Owner{Delivery: 99}, clerk, nil) }},
	{"found, but whose", UnknownDelivery, func(w *world) Event {
		return Inspected{By: clerk, Compartment: 1, Finding: FoundDocument, ByKey: true}
	}},
	{"a compartment that does not exist", UnknownCompartment, func(w *world) Event { return Block{By: clerk, Compartment: 99, Why: "x"} }},
	{"unblock: unknown", UnknownCompartment, func(w *world) Event { return Unblock{By: clerk, Compartment: 99} }},
	{"inspect: unknown", UnknownCompartment, func(w *world) Event { return Inspect{By: clerk, Compartment: 99} }},
	{"inspected: unknown", UnknownCompartment, func(w *world) Event { return Inspected{By: clerk, Compartment: 99} }},
	{"reachability: unknown", UnknownCompartment, func(w *world) Event { return Reachability{Compartment: 99} }},
	{"load into: unknown", UnknownCompartment, func(w *world) Event {
		return Load{By: clerk, Delivery: w.announce("A"), Compartment: 99}
	}},
	{"load what is ready", WrongState, func(w *world) Event { return Load{By: clerk, Delivery: w.ready(1)} }},
	{"a word that nobody asked for", WrongState, func(w *world) Event { return Loaded{By: clerk, Delivery: w.ready(1)} }},
	{"retrieve what is ready", WrongState, func(w *world) Event { return Retrieve{By: clerk, Delivery: w.ready(1)} }},
	{"a retrieval's word without a retrieval", WrongState, func(w *world) Event {
		id := w.ready(1)
		w.do(Cancel{By: clerk, Delivery: id})
		return RetrieveWord{By: clerk, Delivery: id, Taken: true}
	}},
	{"found empty, says the clerk but not the sensor", SensorDisagrees, func(w *world) Event {
		w.put(withItem)
		w.read(withItem)
		w.do(Inspect{By: clerk, Compartment: withItem})
		w.open(withItem)
		w.shut(withItem)
		return Inspected{By: clerk, Compartment: withItem, Finding: FoundEmpty}
	}},
	{"inspected without opening", WrongState, func(w *world) Event {
		return Inspected{By: clerk, Compartment: 1, Finding: FoundEmpty}
	}},
	{"settle what is in no dispute", WrongState, func(w *world) Event {
		return SettleDispute{By: clerk, Second: second, Delivery: w.ready(1), As: Ready}
	}},
	{"two inventory rounds", WrongState, func(w *world) Event {
		w.do(StartInventory{By: clerk})
		return StartInventory{By: clerk}
	}},
	{"reissue for an ended group", WrongState, func(w *world) Event {
		a, b := w.ready(1), w.ready(2)
		g := w.groupOf(a, b)
		w.do(Cancel{By: clerk, Delivery: a})
		w.do(Cancel{By: clerk, Delivery: b})
		return Reissue{By: clerk, Owner: g}
	}},
	{"the same reference twice", DuplicateReference, func(w *world) Event { w.announce("A"); return announcement("A", "plain") }},
	{"a kind that does not exist", UnknownKind, func(w *world) Event { return announcement("A", "treasure") }},
	{"a condition that is open", ConditionOpen, func(w *world) Event {
		return Load{By: clerk, Delivery: w.announce("A", "conditional")}
	}},
	{"loading alone", NeedsSecond, func(w *world) Event { return Load{By: clerk, Delivery: w.announce("A", "two")} }},
	{"approved by the same", NeedsSecond, func(w *world) Event {
		id := w.announce("A", "two")
		w.do(Approve{By: clerk, Delivery: id})
		return Load{By: clerk, Delivery: id}
	}},
	{"settled alone", NeedsSecond, func(w *world) Event {
		id := w.ready(1)
		w.reach(id, Disputed)
		return SettleDispute{By: clerk, Delivery: id, As: Lost}
	}},
	{"none that fits", NoCompartment, func(w *world) Event {
		a := announcement("A", "plain")
		a.Size = SizeL
		return Load{By: clerk, Delivery: w.do(a).Answer.Delivery}
	}},
	{"one that is occupied", NotFree, func(w *world) Event {
		w.ready(1)
		return Load{By: clerk, Delivery: w.announce("B"), Compartment: 1}
	}},
	{"one that is too small", NotFree, func(w *world) Event {
		a := announcement("A", "plain")
		a.Size = SizeL
		return Load{By: clerk, Delivery: w.do(a).Answer.Delivery, Compartment: 1}
	}},
	{"look into an occupied one without a reason", NotFree, func(w *world) Event {
		w.ready(1)
		return Inspect{By: clerk, Compartment: 1}
	}},
	{"relocate to where it is", NotFree, func(w *world) Event { return Relocate{By: clerk, Delivery: w.ready(1), To: 1} }},
	{"one that is blocked", CompartmentBlocked, func(w *world) Event {
		w.do(Block{By: clerk, Compartment: 1, Why: "repair"})
		return Load{By: clerk, Delivery: w.announce("A"), Compartment: 1}
	}},
	{"one with a fault", CompartmentFault, func(w *world) Event {
		w.open(1)
		w.shut(1)
		return Load{By: clerk, Delivery: w.announce("A"), Compartment: 1}
	}},
	{"a door that is not read", DoorUnknown, func(w *world) Event {
		w.wait(time.Second)
		w.cab[1].unread = true
		w.read(1)
		return Inspect{By: clerk, Compartment: 1}
	}},
	{"a word while the door is open", DoorIsOpen, func(w *world) Event {
		id := w.announce("A")
		w.do(Load{By: clerk, Delivery: id, Compartment: 1})
		w.open(1)
		return Loaded{By: clerk, Delivery: id, Inside: true}
	}},
	{"inspected while the door is open", DoorIsOpen, func(w *world) Event {
		w.do(Inspect{By: clerk, Compartment: 1})
		w.open(1)
		return Inspected{By: clerk, Compartment: 1, Finding: FoundEmpty}
	}},
	{"by key while the door is open", DoorIsOpen, func(w *world) Event {
		w.open(1)
		return Inspected{By: clerk, Compartment: 1, Finding: FoundEmpty, ByKey: true}
	}},
	{"cancel while loading", InUse, func(w *world) Event {
		id := w.announce("A")
		w.do(Load{By: clerk, Delivery: id, Compartment: 1})
		return Cancel{By: clerk, Delivery: id}
	}},
	{"extend while a clerk takes it out", InUse, func(w *world) Event {
		id := w.ready(1)
		w.reach(id, Due)
		w.do(Retrieve{By: clerk, Delivery: id})
		return Extend{By: clerk, Delivery: id, Days: 1}
	}},
	{"reissue while a clerk takes it out", InUse, func(w *world) Event {
		id := w.ready(1)
		w.reach(id, Due)
		w.do(Retrieve{By: clerk, Delivery: id})
		return Reissue{By: clerk, Owner: Owner{Delivery: id}}
	}},
	{"reissue a group while one is open", InUse, func(w *world) Event {
		a, b := w.ready(1), w.ready(2)
		g := w.groupOf(a, b)
		w.do(w.entryOf(g, "group"))
		w.do(OpenNext{Session: 1, Delivery: a})
		return Reissue{By: clerk, Owner: g}
	}},
	{"a slip in the grace period", TooEarly, func(w *world) Event {
		id := w.announce("A")
		w.loadTo(id, 1)
		return w.code(Owner{Delivery: id}, clerk, nil)
	}},
	{"a slip though a notice goes out", HasContact, func(w *world) Event {
		a := announcement("A", "plain")
		a.Contact = []byte("sealed")
		id := w.do(a).Answer.Delivery
		w.loadTo(id, 1)
		w.pass(w.r.Grace)
		return w.code(Owner{Delivery: id}, clerk, nil)
	}},
	{"a second code", CodeExists, func(w *world) Event { return w.code(Owner{Delivery: w.ready(1)}, clerk, nil) }},
	{"a code of its own for a member", NotMember, func(w *world) Event {
		a, b := w.ready(1), w.ready(2)
		w.groupOf(a, b)
		return w.code(Owner{Delivery: a}, clerk, nil)
	}},
	{"reissue for a member", NotMember, func(w *world) Event {
		a, b := w.ready(1), w.ready(2)
		w.groupOf(a, b)
		return Reissue{By: clerk, Owner: Owner{Delivery: a}}
	}},
	{"a member of two groups", NotMember, func(w *world) Event {
		a, b := w.ready(1), w.ready(2)
		w.groupOf(a, b)
		return MakeGroup{By: clerk, Deliveries: []DeliveryID{a, w.ready(3)}, FactorSalt: saltOf("g"), FactorTag: tagOf("g")}
	}},
	{"extend what is due by a clock that may be wrong", ClockUntrusted, func(w *world) Event {
		id := w.ready(1)
		w.reach(id, Due)
		w.now.Wall = w.now.Wall.Add(time.Hour)
		w.do(Tick{})
		return Extend{By: clerk, Delivery: id, Days: 1}
	}},
	{"vouch for 1970", ClockUntrusted, func(w *world) Event {
		w.now.Wall = time.Unix(0, 0)
		w.do(Tick{})
		return TrustClock{By: clerk}
	}},
	{"more deliveries than fit", StoreFull, func(w *world) Event {
		w.announce("A")
		w.r.MaxDeliveries = 1
		return announcement("B", "plain")
	}},
	{"a code that was overtaken", Stale, func(w *world) Event {
		id := w.ready(1)
		old := w.code(Owner{Delivery: id}, clerk, nil)
		w.do(Reissue{By: clerk, Owner: Owner{Delivery: id}})
		old.Generation = 1
		return old
	}},
	{"a code that exists already", Stale, func(w *world) Event {
		a, b := w.ready(1), w.ready(2)
		w.do(Reissue{By: clerk, Owner: Owner{Delivery: b}})
		made := w.code(Owner{Delivery: b}, clerk, nil)
		made.CodeTag = tagOf("code " + w.codes[Owner{Delivery: a}])
		return made
	}},
	{"a code for no group", Stale, func(w *world) Event { return w.code(Owner{Group: 7}, clerk, nil) }},
}

func TestEveryRefusalLeavesEverythingAsItWas(t *testing.T) {
	for _, c := range refusals {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			w.refused(c.play(w), c.why)
		})
	}
}

func TestEveryReasonIsProvoked(t *testing.T) {
	provoked := map[Reason]bool{BadField: true} // by TestEveryBadFieldIsNamed
	for _, c := range refusals {
		provoked[c.why] = true
	}
	file, err := parser.ParseFile(gotoken.NewFileSet(), "result.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		if typ, ok := spec.Type.(*ast.Ident); ok && typ.Name == "Reason" {
			found++
			value, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
			if err != nil || !provoked[Reason(value)] {
				t.Errorf("nothing provokes %s (%s)", spec.Names[0].Name, value)
			}
		}
		return true
	})
	if found < 30 {
		t.Fatalf("only %d reasons found in result.go", found)
	}
}

func TestEveryBadFieldIsNamed(t *testing.T) {
	with := func(change func(*Announce)) func(*world) Event {
		return func(*world) Event { a := announcement("A", "plain"); change(&a); return a }
	}
	group := func(change func(*MakeGroup)) func(*world) Event {
		return func(w *world) Event {
			g := MakeGroup{By: clerk, Deliveries: []DeliveryID{w.announce("A"), w.announce("B")}, FactorSalt: saltOf("g"), FactorTag: tagOf("g")}
			change(&g)
			return g
		}
	}
	for _, c := range []struct {
		what string
		play func(w *world) Event
	}{
		{"reference", with(func(a *Announce) { a.Reference = "" })},
		{"reference", with(func(a *Announce) { a.Reference = "Erika Mustermann" })},
		{"reference", with(func(a *Announce) { a.Reference = strings.Repeat("9", 65) })},
		{"kinds", with(func(a *Announce) { a.Kinds = nil })},
		{"kinds", with(func(a *Announce) { a.Kinds = make([]string, 17) })},
		{"size", with(func(a *Announce) { a.Size = 0 })},
		{"size", with(func(a *Announce) { a.Size = 9 })},
		{"factor", with(func(a *Announce) { a.FactorTag = nil })},
		{"factor", with(func(a *Announce) { a.FactorSalt = []byte("short") })},
		{"contact", with(func(a *Announce) { a.Contact = make([]byte, 5000) })},
		{"lang", with(func(a *Announce) { a.Lang = "de DE" })},
		{"hold_days", with(func(a *Announce) { a.HoldDays = -1 })},
		{"hold_days", with(func(a *Announce) { a.HoldDays = 61 })},
		{"conditions", with(func(a *Announce) { a.Met = []string{"something"} })},
		{"condition", func(w *world) Event { return Confirm{By: clerk, Delivery: w.announce("A"), Condition: "something"} }},
		{"days", func(w *world) Event { return Extend{By: clerk, Delivery: w.ready(1)} }},
		{"days", func(w *world) Event { return Extend{By: clerk, Delivery: w.ready(1), Days: 31} }},
		{"why", func(w *world) Event { return Block{By: clerk, Compartment: 1} }},
		{"why", func(w *world) Event { return Block{By: clerk, Compartment: 1, Why: "smells of fish"} }},
		{"finding", func(w *world) Event { return Inspected{By: clerk, Compartment: 1, ByKey: true, Finding: "gold"} }},
		{"as", func(w *world) Event {
			id := w.ready(1)
			w.reach(id, Disputed)
			return SettleDispute{By: clerk, Second: second, Delivery: id, As: Retrieved}
		}},
		{"taken", func(w *world) Event {
			id := w.ready(1)
			w.do(Cancel{By: clerk, Delivery: id})
			w.do(Retrieve{By: clerk, Delivery: id, ByKey: true})
			return RetrieveWord{By: clerk, Delivery: id, Taken: true, Missing: true}
		}},
		{"deliveries", group(func(g *MakeGroup) { g.Deliveries = g.Deliveries[:1] })},
		{"deliveries", group(func(g *MakeGroup) { g.Deliveries[1] = g.Deliveries[0] })},
		{"factor", group(func(g *MakeGroup) { g.FactorTag = nil })},
		{"contact", group(func(g *MakeGroup) { g.Contact = make([]byte, 5000) })},
		{"lang", group(func(g *MakeGroup) { g.Lang = "<de>" })},
		{"type_or_code", func(*world) Event { return Observed{Type: "Free text", Code: ""} }},
		{"type_or_code", func(*world) Event { return StaffNote{By: clerk, Type: "staff.note", Code: "Erika Mustermann"} }},
		{"event", func(*world) Event { return nil }},
	} {
		w := newWorld(t)
		if got := w.refused(c.play(w), BadField).What; got != c.what {
			t.Errorf("field %q named, expected %q", got, c.what)
		}
	}
}

// groupOf puts ready deliveries under one code, whose factor is "group".
func (w *world) groupOf(ids ...DeliveryID) Owner {
	w.t.Helper()
	g := w.do(MakeGroup{By: clerk, Deliveries: ids, FactorSalt: saltOf("group"), FactorTag: tagOf("factor group")}).Answer.Group
	w.slip(Owner{Group: g})
	return Owner{Group: g}
}

// restored is a start on a copy of yesterday's store, as the store makes it.
func (w *world) restored() {
	w.t.Helper()
	s := stored(w.s)
	for _, c := range s.Compartments {
		if c.Use == Free || c.Use == Reserved {
			c.Use = ToCheck
		}
		if c.Intent != nil {
			c.Intent.Settle = true
		}
	}
	for _, x := range s.Deliveries {
		x.Suspended = true
	}
	for _, g := range s.Groups {
		g.Suspended = true
	}
	s.Meta.Inventory = Inventory{Required: true, Why: "restored"}
	s.Meta.NextIntent += 1000
	w.s = s
	w.now.Mono += time.Second
	w.step(Booted{w.readings()})
}
