package store

import (
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"

	bolt "go.etcd.io/bbolt"
	"golang.org/x/mod/sumdb/tlog"

	"abholstation/locker"
	"abholstation/locker/audit"
)

// Stepper decides: *locker.Rules.
type Stepper interface {
	NewState() locker.State
	Step(locker.State, locker.Event, locker.Now) locker.Result
}

// Entry is one line of the audit log.
type Entry = audit.Entry

// Point is a place in a commit at which Options.Hook is called.
type Point string

// The points.
const (
	BeforeCommit Point = "before commit" // nothing is durable yet; an error aborts
	AfterCommit  Point = "after commit"  // durable, not yet visible
)

// Options are what Open needs.
type Options struct {
	Path    string             // of the database file; others stand beside it
	Station string             // its name, see audit.ValidStation
	Rules   Stepper            //
	Key     [32]byte           // seals every value
	Signer  ed25519.PrivateKey // signs checkpoints
	Rand    io.Reader          // nil: crypto/rand
	MaxSize int64              // of the database file in bytes, at least 1 MiB; 0: 512 MiB
	Now     locker.Now         // the time of opening, for the first entry of a new epoch
	Log     *slog.Logger       // nil: nothing is logged
	Hook    func(Point) error  // seam for tests: an error aborts the commit; may panic

	patches []patch // migrations; nil: those of this program
}

// Opening says what Open found.
type Opening struct {
	Created  bool   // there was no store
	Restored bool   // the state comes from a snapshot or a backup
	Damaged  bool   // the store was damaged or missing; it was set aside
	Why      string // what was wrong, for the person who repairs it
	SetAside string // path of the damaged file, "" if there is none
	Epoch    string
}

// The errors that somebody decides on.
var (
	// ErrFull: no space left. Nothing was changed; goes on when there is space.
	ErrFull = errors.New("the store is full")
	// ErrFailed: writing failed in a way after which memory and disk may differ.
	// Nothing more is written until the store is closed and opened again.
	ErrFailed = errors.New("the store has failed: stop, and open it again")
	// ErrWrongKey: the key does not fit the store. Nothing was touched.
	ErrWrongKey = errors.New("the key does not fit the store")
)

// InUseError is what Open returns when another process has the store.
type InUseError struct {
	Path string
	PID  int // 0: not known
}

func (e *InUseError) Error() string {
	return fmt.Sprintf("cannot open the store %s: process %d has it open", e.Path, e.PID)
}

// NewerError is what Open returns for a store of a newer program.
type NewerError struct{ Store, Program int }

func (e *NewerError) Error() string {
	return fmt.Sprintf("cannot open the store: it has version %d and this program knows up to %d; install the newer program again", e.Store, e.Program)
}

// Identity names the log.
type Identity struct {
	Station string
	Epoch   string
	Seq     uint64 // of the newest entry
}

// DefaultMaxSize is the size that a store may grow to unless Options say
// otherwise.
const DefaultMaxSize = 512 << 20

// complete checks the options and fills in defaults.
func (o *Options) complete() error {
	if o.Rand == nil {
		o.Rand = rand.Reader
	}
	if o.MaxSize == 0 {
		o.MaxSize = DefaultMaxSize
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.patches == nil {
		o.patches = patches()
	}
	switch {
	case o.Path == "":
		return errors.New("cannot open the store: no path is given")
	case o.Rules == nil:
		return errors.New("cannot open the store: no rules are given")
	case !audit.ValidStation(o.Station):
		return fmt.Errorf("cannot open the store: %q is no station name (1 to 64 of a-z, A-Z, 0-9, dot, hyphen, underscore)", o.Station)
	case len(o.Signer) != ed25519.PrivateKeySize:
		return fmt.Errorf("cannot open the store: the signing key has %d bytes, not %d", len(o.Signer), ed25519.PrivateKeySize)
	case o.MaxSize < 1<<20:
		return fmt.Errorf("cannot open the store: a maximum size of %d bytes is below 1 MiB", o.MaxSize)
	}
	return nil
}

// Store is the station's memory. One goroutine at a time may write (they wait
// for each other); readers never wait for a writer and never hold one up.
type Store struct {
	opt  Options
	keys keys
	id   identity // of this epoch
	boot string
	db   *bolt.DB
	lock *os.File
	head *os.File
	log  *slog.Logger

	view atomic.Pointer[view] // what is committed

	mu      sync.Mutex // writers
	failed  error
	closed  bool
	reserve bool // the reserve file stands

	prune sync.RWMutex // Verify reads in pages; Prune must not come between
}

// view is what is known after a commit; it is never changed.
type view struct {
	state locker.State
	docs  map[string][]byte
	root  root
	tree  audit.Tree
	tail  []tlog.Hash // leaf hashes of the entries behind root.Folded
	point []byte      // newest checkpoint, nil: none yet
}

// State is the newest committed state, with what is volatile in it. It is
// immutable.
func (s *Store) State() locker.State { return s.view.Load().state }

// Document returns a small document by name, nil if there is none. The result
// must not be changed.
func (s *Store) Document(name string) []byte { return s.view.Load().docs[name] }

// LastCheckpoint is the newest signed checkpoint of this epoch, nil if none was
// made yet.
func (s *Store) LastCheckpoint() []byte { return s.view.Load().point }

// Identity names the log and its newest entry.
func (s *Store) Identity() Identity {
	return Identity{Station: s.opt.Station, Epoch: s.id.Epoch, Seq: s.view.Load().root.Seq}
}

// Close ends all use of the store. A transaction that is being committed is
// finished first.
func (s *Store) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil
	}
	s.closed = true
	err := s.db.Close()
	if e := s.head.Sync(); err == nil && s.failed == nil {
		err = e
	}
	s.head.Close()
	s.lock.Close()
	if err != nil {
		return fmt.Errorf("cannot close the store: %w", err)
	}
	return nil
}
