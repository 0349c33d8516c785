package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"
	"time"
	"unicode/utf8"

	"abholstation/firmware/terminal"
	"abholstation/hal"
	"abholstation/hal/sim"
)

// action is one thing that can be done to the world.
type action struct {
	path   string // below /api/world/
	fields []field
	run    func(in *installation, ctx context.Context, a args) (any, error)

	Example string // for the page's help
	En, De  string
}

// field is one name of an action's JSON object.
type field struct {
	name     string
	optional bool
	words    []string // one of these; nil: see below
	text     int      // a text of at most so many characters; 0: not a text
	flag     bool
	min, max int // a whole number
}

func number() field            { return field{name: "compartment", min: 1, max: 999} }
func do(words ...string) field { return field{name: "do", words: words} }
func on(name string) field     { return field{name: name, flag: true} }
func between(s string, a, b int) field {
	return field{name: s, min: a, max: b}
}

// args are an action's checked fields.
type args map[string]any

func (a args) num(name string) int     { n, _ := a[name].(int); return n }
func (a args) text(name string) string { s, _ := a[name].(string); return s }
func (a args) flag(name string) bool   { b, _ := a[name].(bool); return b }

// actions is everything that can be done, in the order of the help.
func actions() []action {
	return []action{
		{
			"door",
			[]field{number(), do("pull", "close", "slam", "hold", "let_go", "pry")},
			doDoor, `{"compartment":7,"do":"pull"}`,
			"pull, close, slam, hold shut, let go, pry a door", "Tür ziehen, schließen, zuwerfen, zuhalten, loslassen, aufhebeln",
		},
		{
			"paper",
			[]field{number(), do("put", "take"), {name: "paper", optional: true, text: 60}},
			doPaper, `{"compartment":7,"do":"put","paper":"Reisepass"}`,
			"put a paper in (no name: a new envelope), take everything out", "Papier hineinlegen (ohne Namen: neuer Umschlag), alles herausnehmen",
		},
		{
			"hands",
			[]field{do("drop"), {name: "paper", optional: true, text: 60}},
			doHands, `{"do":"drop"}`,
			"throw away what is in the hands", "wegwerfen, was in den Händen ist",
		},
		{
			"fault",
			[]field{number(), {name: "fault", words: []string{"jam", "sticky", "loose", "blind", "bounce"}}, on("on"), {name: "ms", optional: true, min: 1, max: 60000}},
			doFault, `{"compartment":7,"fault":"jam","on":true}`,
			"latch jams; door opens late (ms); closes without locking; presence sensor is blind; contact bounces (ms, at most 10000)", "Falle klemmt; Tür geht spät auf (ms); schließt ohne zu verriegeln; Inhaltssensor blind; Kontakt prellt (ms, höchstens 10000)",
		},
		{
			"sensor",
			[]field{number(), {name: "sensor", words: []string{"door", "latch", "item"}}, do("cut", "mend", "stick_yes", "stick_no", "free")},
			doSensor, `{"compartment":7,"sensor":"door","do":"cut"}`,
			"cut or mend a sensor's wire; let it stick", "Sensorleitung trennen oder flicken; Sensor hängen lassen",
		},
		{
			"board",
			[]field{number(), do("refuse", "lose_answer")},
			doBoard, `{"compartment":7,"do":"lose_answer"}`,
			"the next pulse is refused by the lock board, or its answer gets lost", "der nächste Impuls wird abgelehnt, oder seine Antwort geht verloren",
		},
		{"mend", []field{number()}, doMend, `{"compartment":7}`, "take all faults of a compartment away", "alle Fehler eines Fachs beheben"},
		{"mains", []field{on("on")}, doMains, `{"on":false}`, "mains supply (the battery takes over)", "Netzversorgung (der Akku übernimmt)"},
		{"supply", []field{between("sag_volts", 0, 24)}, doSupply, `{"sag_volts":7}`, "lower the lock supply; below 18 V no latch moves", "Schlossversorgung absenken; unter 18 V bewegt sich keine Falle"},
		{"tamper", []field{on("on")}, doTamper, `{"on":true}`, "the case is opened", "das Gehäuse wird geöffnet"},
		{"adapter", []field{on("plugged")}, doAdapter, `{"plugged":false}`, "adapter to the lock boards", "Adapter zu den Schlossplatinen"},
		{"clock/pass", []field{between("seconds", 1, 366*24*3600)}, doPass, `{"seconds":86400}`, "let time pass at once", "Zeit sofort vergehen lassen"},
		{"clock/jump", []field{between("seconds", -farSeconds, farSeconds)}, doJump, `{"seconds":-7200}`, "set the wall clock wrong", "die Wanduhr verstellen"},
		{"clock/synced", []field{on("on")}, doSynced, `{"on":false}`, "a time server is there", "ein Zeitserver ist da"},
		{
			"controller",
			[]field{do("kill", "crash", "stop", "start", "restart")},
			doController, `{"do":"kill"}`,
			"kill: power cut; crash: only the process dies; stop: in order; start; restart", "kill: Strom weg; crash: nur der Prozess stirbt; stop: geordnet; start; restart",
		},
		{"disk", []field{on("full")}, doDisk, `{"full":true}`, "the disk is full", "der Datenträger ist voll"},
		{"scan", []field{{name: "text", text: 64}}, doScan, `{"text":"PS1:…"}`, "hold a QR code to the terminal's scanner", "einen QR-Code vor den Scanner halten"},
	}
}

const farSeconds = int(farthest / time.Second)

func doDoor(in *installation, _ context.Context, a args) (any, error) {
	w := in.world
	return nil, map[string]func(int) error{
		"pull": w.Pull, "close": w.Close, "slam": w.Slam, "hold": w.Hold, "let_go": w.LetGo, "pry": w.Pry,
	}[a.text("do")](a.num("compartment"))
}

type papersJSON struct {
	Papers []string `json:"papers"`
}

func doPaper(in *installation, _ context.Context, a args) (any, error) {
	if a.text("do") == "put" {
		p, err := in.hands.put(in.world, a.num("compartment"), a.text("paper"))
		return papersJSON{[]string{p}}, err
	}
	if a.text("paper") != "" {
		return nil, badRequest("paper is only for put: take takes everything out")
	}
	ps, err := in.hands.take(in.world, a.num("compartment"))
	return papersJSON{ps}, err
}

func doHands(in *installation, _ context.Context, a args) (any, error) {
	return nil, in.hands.drop(a.text("paper"))
}

func doFault(in *installation, _ context.Context, a args) (any, error) {
	w, n, yes := in.world, a.num("compartment"), a.flag("on")
	_, timed := a["ms"]
	length := time.Duration(a.num("ms")) * time.Millisecond
	switch a.text("fault") {
	case "sticky":
		return nil, w.Sticky(n, yes, length)
	case "bounce":
		switch {
		case !yes:
			length = 0
		case !timed:
			length = 2 * time.Second
		case length > 10*time.Second:
			return nil, badRequest("ms must be at most 10000 for bounce")
		}
		return nil, w.Bounce(n, length)
	}
	if timed {
		return nil, badRequest("ms is only for sticky and bounce")
	}
	return nil, map[string]func(int, bool) error{"jam": w.Jam, "loose": w.Loose, "blind": w.Blind}[a.text("fault")](n, yes)
}

func doSensor(in *installation, _ context.Context, a args) (any, error) {
	w, n, s := in.world, a.num("compartment"), sim.Sensor(a.text("sensor"))
	switch do := a.text("do"); do {
	case "cut", "mend":
		return nil, w.CutWire(n, s, do == "cut")
	default:
		return nil, w.StickSensor(n, s, map[string]hal.Tri{"stick_yes": hal.Yes, "stick_no": hal.No}[do])
	}
}

func doBoard(in *installation, _ context.Context, a args) (any, error) {
	return nil, in.world.FailPulse(a.num("compartment"), a.text("do") == "lose_answer")
}

func doMend(in *installation, _ context.Context, a args) (any, error) {
	return nil, in.world.Mend(a.num("compartment"))
}

func doMains(in *installation, _ context.Context, a args) (any, error) {
	in.world.Mains(a.flag("on"))
	return nil, nil
}

func doSupply(in *installation, _ context.Context, a args) (any, error) {
	in.world.Sag(float64(a.num("sag_volts")))
	return nil, nil
}

func doTamper(in *installation, _ context.Context, a args) (any, error) {
	in.world.Tamper(a.flag("on"))
	return nil, nil
}

func doAdapter(in *installation, _ context.Context, a args) (any, error) {
	in.world.Unplug(!a.flag("plugged"))
	return nil, nil
}

func doPass(in *installation, _ context.Context, a args) (any, error) {
	return nil, in.hands.pass(in.ctx, in.world, in.clock, time.Duration(a.num("seconds"))*time.Second)
}

func doJump(in *installation, _ context.Context, a args) (any, error) {
	return nil, in.hands.jump(in.clock, time.Duration(a.num("seconds"))*time.Second)
}

func doSynced(in *installation, _ context.Context, a args) (any, error) {
	in.clock.SetSynced(a.flag("on"))
	return nil, nil
}

func doController(in *installation, ctx context.Context, a args) (any, error) {
	switch do := a.text("do"); do {
	case "kill", "crash":
		return nil, in.kill(do == "kill")
	case "stop":
		return nil, in.off()
	case "restart":
		if err := in.off(); err != nil && !errors.Is(err, errOff) {
			return nil, err
		}
	}
	_, err := in.on(context.WithoutCancel(ctx))
	return nil, err
}

func doDisk(in *installation, _ context.Context, a args) (any, error) {
	in.full.Store(a.flag("full"))
	return nil, nil
}

func doScan(in *installation, ctx context.Context, a args) (any, error) {
	l := in.life.Load()
	if l == nil {
		return nil, errOff
	}
	return nil, l.screen.Input(ctx, terminal.Press{Scan: a.text("text")})
}

// requestError is one that the asker has made.
type requestError struct {
	status int
	text   string
}

func (e *requestError) Error() string { return e.text }

func badRequest(format string, v ...any) error {
	return &requestError{http.StatusBadRequest, fmt.Sprintf(format, v...)}
}

const maxBody = 1024 // bytes

// handle is the one way through which every action goes.
func (in *installation) handle(act action) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		a, err := readArgs(r, act.fields)
		if n, ok := a["compartment"].(int); err == nil && ok && (n < 1 || n > in.demo.Compartments) {
			err = &requestError{http.StatusNotFound, fmt.Sprintf("there is no compartment %d; the cabinet has 1 to %d", n, in.demo.Compartments)}
		}
		var result any
		if err == nil {
			result, err = act.run(in, r.Context(), a)
		}
		var bad *requestError
		switch {
		case err == nil:
			in.shots.stale()
			answer(w, http.StatusOK, merged(result))
		case errors.As(err, &bad):
			answer(w, bad.status, map[string]any{"error": err.Error()})
		default:
			answer(w, http.StatusConflict, map[string]any{"error": err.Error()})
		}
	}
}

func merged(result any) map[string]any {
	m := map[string]any{"ok": true}
	if p, ok := result.(papersJSON); ok {
		m["papers"] = p.Papers
	}
	return m
}

func answer(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // the reader may be gone
}

// readArgs reads exactly one JSON object with exactly the fields that are
// described.
func readArgs(r *http.Request, fields []field) (args, error) {
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/json" {
		return nil, &requestError{http.StatusUnsupportedMediaType, "send Content-Type: application/json"}
	}
	raw, err := io.ReadAll(io.LimitReader(r.Body, maxBody+1))
	if err != nil {
		return nil, badRequest("the request cannot be read")
	}
	if len(raw) > maxBody {
		return nil, &requestError{http.StatusRequestEntityTooLarge, fmt.Sprintf("the request is longer than %d bytes", maxBody)}
	}
	return parseArgs(raw, fields)
}

func parseArgs(raw []byte, fields []field) (args, error) {
	form := badRequest("send one JSON object with %s", described(fields))
	if !utf8.Valid(raw) {
		return nil, form
	}
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	if t, err := dec.Token(); err != nil || t != json.Delim('{') {
		return nil, form
	}
	a := args{}
	for dec.More() {
		t, err := dec.Token()
		name, ok := t.(string)
		if err != nil || !ok {
			return nil, form
		}
		f := find(fields, name)
		if f == nil {
			return nil, badRequest("unknown field %q: send %s", name, described(fields))
		}
		if _, twice := a[name]; twice {
			return nil, badRequest("field %q stands there twice", name)
		}
		var v any
		if err := dec.Decode(&v); err != nil {
			return nil, form
		}
		if a[name], err = f.value(v); err != nil {
			return nil, err
		}
	}
	if t, err := dec.Token(); err != nil || t != json.Delim('}') {
		return nil, form
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, badRequest("something stands behind the object")
	}
	for _, f := range fields {
		if _, ok := a[f.name]; !ok && !f.optional {
			return nil, badRequest("field %q is missing: it must be %s", f.name, f.wants())
		}
	}
	return a, nil
}

func find(fields []field, name string) *field {
	for i := range fields {
		if fields[i].name == name {
			return &fields[i]
		}
	}
	return nil
}

// value checks one value.
func (f field) value(v any) (any, error) {
	wrong := badRequest("field %q must be %s", f.name, f.wants())
	switch {
	case f.flag:
		if b, ok := v.(bool); ok {
			return b, nil
		}
	case f.words != nil:
		s, _ := v.(string)
		for _, w := range f.words {
			if s == w {
				return s, nil
			}
		}
	case f.text > 0:
		s, ok := v.(string)
		plain := !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f || r == utf8.RuneError })
		if ok && plain && strings.TrimSpace(s) != "" && utf8.RuneCountInString(s) <= f.text {
			return s, nil
		}
	default:
		n, ok := v.(json.Number)
		if i, err := n.Int64(); ok && err == nil && int(i) >= f.min && int(i) <= f.max {
			return int(i), nil
		}
	}
	return nil, wrong
}

// wants says what a field must be.
func (f field) wants() string {
	switch {
	case f.flag:
		return "true or false"
	case f.words != nil:
		return "one of " + strings.Join(f.words, ", ")
	case f.text > 0:
		return fmt.Sprintf("a text of 1 to %d characters", f.text)
	}
	return fmt.Sprintf("a whole number from %d to %d", f.min, f.max)
}

func described(fields []field) string {
	var out []string
	for _, f := range fields {
		s := f.name + " (" + f.wants()
		if f.optional {
			s += ", may be left out"
		}
		out = append(out, s+")")
	}
	return strings.Join(out, ", ")
}
