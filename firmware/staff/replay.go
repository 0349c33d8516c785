package staff

import (
	"crypto/sha256"
	"sync"

	"abholstation/locker"
)

// Bounds of the memory of Idempotency-Keys.
const (
	maxReplays   = 1000
	maxReplayKey = 100
)

type replayKey struct {
	by  locker.Actor
	key string
}

// replay is one request that carried a key. done false: still running.
type replay struct {
	sum   [32]byte
	done  bool
	reply reply
}

// replays remember what was answered to a key, so that a program that lost the
// answer gets it again instead of doing it twice. Only successes are kept: what
// was refused has changed nothing and may be tried again. The oldest is
// forgotten first; a restart forgets all.
type replays struct {
	mu    sync.Mutex
	byKey map[replayKey]*replay
	order []replayKey
}

func newReplays() *replays { return &replays{byKey: map[replayKey]*replay{}} }

// begin either returns the earlier reply, or takes the key.
func (p *replays) begin(k replayKey, request []byte) (*reply, error) {
	sum := sha256.Sum256(request)
	p.mu.Lock()
	defer p.mu.Unlock()
	if r := p.byKey[k]; r != nil {
		switch {
		case r.sum != sum:
			return nil, fail("idempotency_other")
		case !r.done:
			return nil, fail("idempotency_running")
		}
		return &r.reply, nil
	}
	if len(p.order) >= maxReplays {
		delete(p.byKey, p.order[0])
		p.order = p.order[1:]
	}
	p.byKey[k] = &replay{sum: sum}
	p.order = append(p.order, k)
	return nil, nil
}

// end keeps a success and gives the key back after a refusal.
func (p *replays) end(k replayKey, out reply, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	r := p.byKey[k]
	if r == nil {
		return // forgotten meanwhile
	}
	if err == nil {
		r.done, r.reply = true, out
		return
	}
	delete(p.byKey, k)
	for i := range p.order {
		if p.order[i] == k {
			p.order = append(p.order[:i:i], p.order[i+1:]...)
			return
		}
	}
}
