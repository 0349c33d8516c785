package terminal

import (
	"bytes"
	"encoding/json"
	"sync"
)

// hub holds the newest page and wakes those who watch it. A watcher that is
// slow misses pages, never the newest.
type hub struct {
	render func(Page, bool) ([]byte, error)
	closed chan struct{}

	mu      sync.Mutex
	newest  *shown
	clients map[chan struct{}]bool
}

// shown is a published page with what is made of it, once.
type shown struct {
	page   Page
	json   []byte
	events func() []byte
}

func newHub(render func(Page, bool) ([]byte, error)) *hub {
	return &hub{render: render, closed: make(chan struct{}), clients: map[chan struct{}]bool{}}
}

// publish makes p the newest page; the same page again wakes nobody.
func (h *hub) publish(p Page) {
	data, err := json.Marshal(p)
	if err != nil {
		panic(err) // strings and numbers always marshal
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.newest != nil && bytes.Equal(h.newest.json, data) {
		return
	}
	h.newest = &shown{page: p, json: data, events: sync.OnceValue(func() []byte { return h.encode(p, data) })}
	for c := range h.clients {
		wakeUp(c)
	}
}

func wakeUp(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default: // is awake already
	}
}

// encode makes the two events of a page.
func (h *hub) encode(p Page, state []byte) []byte {
	var b bytes.Buffer
	b.WriteString("event: state\ndata: ")
	b.Write(state)
	b.WriteString("\n\n")
	html, err := h.render(p, false)
	if err != nil {
		return b.Bytes() // the page itself says so, and logs it
	}
	quoted, err := json.Marshal(string(html))
	if err != nil {
		panic(err) // a string always marshals
	}
	b.WriteString("event: screen\ndata: ")
	b.Write(quoted)
	b.WriteString("\n\n")
	return b.Bytes()
}

func (h *hub) latest() *shown {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.newest
}

// join adds a watcher, who is woken at once for the newest page; false if there
// are too many.
func (h *hub) join() (chan struct{}, bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.clients) >= maxClients {
		return nil, false
	}
	c := make(chan struct{}, 1)
	h.clients[c] = true
	wakeUp(c)
	return c, true
}

func (h *hub) leave(c chan struct{}) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.clients, c)
}

func (h *hub) close() { close(h.closed) }
