package main

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"net/http"
	"time"

	"abholstation/firmware/guard"
)

//go:embed assets
var assets embed.FS

// cabinetPage serves the drawing and the world's API.
func (in *installation) cabinetPage() http.Handler {
	mux := http.NewServeMux()
	page := renderPage()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) { send(w, "text/html", page) })
	for name, kind := range map[string]string{"cabinet.js": "text/javascript", "words.js": "text/javascript", "cabinet.css": "text/css", "icon.svg": "image/svg+xml"} {
		data, err := assets.ReadFile("assets/" + name)
		if err != nil {
			panic(err) // embedded: cannot be missing
		}
		mux.HandleFunc("GET /"+name, func(w http.ResponseWriter, _ *http.Request) { send(w, kind, data) })
	}
	mux.HandleFunc("GET /api/world", func(w http.ResponseWriter, _ *http.Request) {
		whole, _ := in.shots.take(in)
		send(w, "application/json", whole)
	})
	mux.HandleFunc("GET /api/world/events", in.events)
	for _, a := range actions() {
		mux.HandleFunc("POST /api/world/"+a.path, in.handle(a))
	}
	mux.HandleFunc("/api/", func(w http.ResponseWriter, r *http.Request) {
		answer(w, http.StatusNotFound, map[string]any{"error": "there is no " + r.Method + " " + r.URL.Path + "; the page's help lists what there is"})
	})
	return guarded(mux)
}

// helpLine is one action in the page's help.
type helpLine struct{ Path, Example, En, De string }

// renderPage fills the actions into the help; the rest is the same for all.
func renderPage() []byte {
	t := template.Must(template.ParseFS(assets, "assets/cabinet.html"))
	var help []helpLine
	for _, a := range actions() {
		help = append(help, helpLine{"/api/world/" + a.path, a.Example, a.En, a.De})
	}
	var b bytes.Buffer
	if err := t.Execute(&b, help); err != nil {
		panic(err) // embedded: a test renders it
	}
	return b.Bytes()
}

func send(w http.ResponseWriter, kind string, data []byte) {
	w.Header().Set("Content-Type", kind+"; charset=utf-8")
	w.Header().Set("Content-Length", fmt.Sprint(len(data)))
	_, _ = w.Write(data) // the reader may be gone
}

// guarded lets in only what comes from this machine and from the page itself.
func guarded(next http.Handler) http.Handler {
	return guard.Wrap(next, guard.Options{Hosts: guard.Loopback(), Refuse: func(w http.ResponseWriter, _ *http.Request, why guard.Refusal) {
		text := "requests from other pages are refused"
		if why == guard.WrongHost {
			text = "this address is not served here; open the page by the address that was printed"
		}
		answer(w, int(why), map[string]any{"error": text})
	}})
}

// Pace of the event stream. Doors move in tenths of a second.
const (
	lookEvery  = 60 * time.Millisecond
	clockEvery = 2 * time.Second // a quiet world says what time it is
	slowest    = 5 * time.Second // a slower reader is dropped
)

// events streams the state whenever it has changed.
func (in *installation) events(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/event-stream")
	out := http.NewResponseController(w)
	look := time.NewTicker(lookEvery)
	defer look.Stop()
	var last []byte
	var sent time.Time
	for {
		whole, still := in.shots.take(in)
		if !bytes.Equal(still, last) || time.Since(sent) > clockEvery {
			last, sent = still, time.Now()
			_ = out.SetWriteDeadline(sent.Add(slowest)) // not every writer has one
			if _, err := fmt.Fprintf(w, "event: state\ndata: %s\n\n", whole); err != nil || out.Flush() != nil {
				return
			}
		}
		select {
		case <-r.Context().Done():
			return
		case <-in.ctx.Done():
			return
		case <-look.C:
		}
	}
}
