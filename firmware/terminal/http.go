package terminal

import (
	"bytes"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"mime"
	"net/http"
	"strings"
	"time"

	"abholstation/firmware/guard"
)

//go:embed assets
var assets embed.FS

// Limits of the event stream. One kiosk needs one client; the others are for
// who looks on.
const (
	maxClients   = 16
	writeTimeout = 5 * time.Second  // a reader that is slower is dropped
	heartbeat    = 15 * time.Second // finds clients that have gone
)

var pageTemplate = template.Must(template.New("page.html").ParseFS(assets, "assets/page.html"))

// view is what the template is given.
type view struct {
	Page
	Drawing *drawing
	Cells   []cell // of the entry field
	Keys    []string
	texts   *catalogue
}

// cell is one digit's place in the entry field.
type cell struct {
	Digit    string
	Full     bool
	Next     bool // the next digit goes here
	NewGroup bool // a gap before it: 3-3-3
}

// T is a text in the page's language, for the template.
func (v view) T(key string) string { return v.texts.get(v.Language, key) }

func (t *Terminal) view(p Page) view {
	v := view{Page: p, texts: t.texts, Keys: []string{"1", "2", "3", "4", "5", "6", "7", "8", "9", "back", "0", "ok"}}
	if p.Compartment > 0 || p.Screen == "attract" {
		label := t.texts.get(p.Language, "door.drawing", "n", number(p.Compartment), "place", p.Place)
		v.Drawing = draw(t.station.View().Rules.Layout, p.Compartment, label)
	}
	if e := p.Entry; e != nil {
		for i := range e.Length {
			c := cell{Full: i < e.Count, Next: i == e.Count, NewGroup: e.Kind == "code" && i > 0 && i%3 == 0}
			if i < len(e.Digits) {
				c.Digit = e.Digits[i : i+1]
			}
			v.Cells = append(v.Cells, c)
		}
	}
	return v
}

// Value is what the one real input holds: the digits that may be seen, a dot
// for each of the others.
func (v view) Value() string {
	if v.Entry.Digits != "" {
		return v.Entry.Digits
	}
	return strings.Repeat("•", v.Entry.Count)
}

// render makes the HTML of a page: the whole document, or what the script puts
// in place of its old screen.
func (t *Terminal) render(p Page, whole bool) ([]byte, error) {
	name := "screen"
	if whole {
		name = "page.html"
	}
	var b bytes.Buffer
	if err := pageTemplate.ExecuteTemplate(&b, name, t.view(p)); err != nil {
		return nil, fmt.Errorf("cannot render screen %s: %w", p.Screen, err)
	}
	return b.Bytes(), nil
}

// Handler serves the page at /, its script and style, the state as JSON at
// /state and as a stream at /events, and takes presses at POST /input. It
// answers only requests that name one of Options.Hosts and, where a browser
// says so, come from its own page.
func (t *Terminal) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", t.servePage)
	mux.HandleFunc("GET /state", t.serveState)
	mux.HandleFunc("GET /events", t.serveEvents)
	mux.HandleFunc("POST /input", t.serveInput)
	for name, kind := range map[string]string{"app.js": "text/javascript", "app.css": "text/css", "icon.svg": "image/svg+xml"} {
		data, err := assets.ReadFile("assets/" + name)
		if err != nil {
			panic(err) // embedded: cannot be missing
		}
		mux.HandleFunc("GET /"+name, func(w http.ResponseWriter, _ *http.Request) { reply(w, kind+"; charset=utf-8", data) })
	}
	return t.guard(mux)
}

// guard lets in only what comes from this terminal's own page, or from a program.
func (t *Terminal) guard(next http.Handler) http.Handler {
	return guard.Wrap(next, guard.Options{Hosts: t.opts.Hosts, Refuse: func(w http.ResponseWriter, _ *http.Request, why guard.Refusal) {
		text := "requests from other pages are refused"
		if why == guard.WrongHost {
			text = "this address is not served here; open the terminal by its own address"
		}
		http.Error(w, text, int(why))
	}})
}

func reply(w http.ResponseWriter, kind string, data []byte) {
	w.Header().Set("Content-Type", kind)
	w.Header().Set("Content-Length", fmt.Sprint(len(data)))
	_, _ = w.Write(data) // a client that has gone needs no answer
}

func (t *Terminal) servePage(w http.ResponseWriter, _ *http.Request) {
	data, err := t.render(t.hub.latest().page, true)
	if err != nil {
		t.log.Error("cannot show the page", "err", err)
		http.Error(w, "the page cannot be shown", http.StatusInternalServerError)
		return
	}
	reply(w, "text/html; charset=utf-8", data)
}

func (t *Terminal) serveState(w http.ResponseWriter, _ *http.Request) {
	reply(w, "application/json", t.hub.latest().json)
}

func (t *Terminal) serveInput(w http.ResponseWriter, r *http.Request) {
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/json" {
		problem(w, http.StatusUnsupportedMediaType, "send application/json")
		return
	}
	p, err := parsePress(r.Body)
	if err == nil {
		err = t.Input(r.Context(), p)
	}
	var bad *BadPress
	switch {
	case err == nil:
		w.WriteHeader(http.StatusNoContent)
	case errors.As(err, &bad):
		problem(w, http.StatusBadRequest, err.Error())
	case errors.Is(err, ErrNotOffered):
		problem(w, http.StatusConflict, err.Error())
	default:
		w.Header().Set("Retry-After", "1")
		problem(w, http.StatusServiceUnavailable, err.Error())
	}
}

// problem answers with {"error": text}.
func problem(w http.ResponseWriter, status int, text string) {
	data, err := json.Marshal(map[string]string{"error": text})
	if err != nil {
		panic(err) // a map of strings always marshals
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(append(data, '\n'))
}

// serveEvents streams the newest page whenever it has changed: an event "state"
// with the JSON of /state, and an event "screen" with the HTML for it.
func (t *Terminal) serveEvents(w http.ResponseWriter, r *http.Request) {
	c, ok := t.hub.join()
	if !ok {
		w.Header().Set("Retry-After", "5")
		problem(w, http.StatusServiceUnavailable, "too many event streams are open")
		return
	}
	defer t.hub.leave(c)
	w.Header().Set("Content-Type", "text/event-stream")
	rc := http.NewResponseController(w)
	send := func(data []byte) bool {
		// Not every connection has deadlines; then the server's own apply.
		_ = rc.SetWriteDeadline(time.Now().Add(writeTimeout))
		if _, err := w.Write(data); err != nil {
			return false
		}
		return rc.Flush() == nil
	}
	beat := time.NewTicker(heartbeat)
	defer beat.Stop()
	for {
		data := []byte(": alive\n\n")
		select {
		case <-r.Context().Done():
			return
		case <-t.hub.closed:
			return
		case <-beat.C:
		case <-c:
			data = t.hub.latest().events()
		}
		if !send(data) {
			return
		}
	}
}
