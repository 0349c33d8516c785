package firmware

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"abholstation/locker"
	"abholstation/locker/store"
)

// historyMax bounds one page of the audit log.
const historyMax = 1000

// View is the picture after the last commit. It never blocks and is never nil.
func (s *Station) View() *View { return s.view.Load() }

// Watch returns a channel that is signalled after every new View; signals that
// are not taken coalesce into one. The func ends it.
func (s *Station) Watch() (<-chan struct{}, func()) { return s.watch.add() }

// History is a page of the audit log: at most limit entries (1…1000) after a
// sequence number, oldest first.
func (s *Station) History(ctx context.Context, after uint64, limit int) ([]store.Entry, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return s.o.Store.Entries(after, min(max(limit, 1), historyMax))
}

// Document is a small value that a page keeps in the store, nil if there is
// none. It must not be changed.
func (s *Station) Document(name string) []byte { return s.o.Store.Document(name) }

// PutDocument stores a document together with the note of who did it, in one
// commit. A nil value deletes it. The name has 1…64 bytes.
func (s *Station) PutDocument(ctx context.Context, name string, value []byte, note locker.StaffNote) error {
	if name == "" || len(name) > 64 {
		return fmt.Errorf("cannot store a document named %q: 1 to 64 bytes are allowed", name)
	}
	value = slices.Clone(value)
	_, err := await(ctx, func(reply func(locker.Answer, error)) {
		s.queue.offer(item{event: note, reply: reply, put: &document{name: name, value: value}})
	})
	return err
}

// publish makes the state visible to readers.
func (s *Station) publish(now locker.Now) {
	v := &View{Now: now, State: s.state, Rules: s.o.Rules, Problems: s.problems(now)}
	if old := s.view.Load(); old != nil {
		v.Seq = old.Seq + 1
	}
	s.view.Store(v)
	s.watch.signal()
}

// watchers are those who want to know of new Views.
type watchers struct {
	mu sync.Mutex
	m  map[chan struct{}]bool
}

func (w *watchers) add() (<-chan struct{}, func()) {
	c := make(chan struct{}, 1)
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.m == nil {
		w.m = map[chan struct{}]bool{}
	}
	w.m[c] = true
	return c, func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		delete(w.m, c)
	}
}

func (w *watchers) signal() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for c := range w.m {
		select {
		case c <- struct{}{}:
		default:
		}
	}
}
