package store

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	bolt "go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"
	"golang.org/x/sys/unix"

	"abholstation/locker"
	"abholstation/locker/audit"
)

// damage is an error that means: what is in the file can not be believed.
type damage struct{ err error }

func (d *damage) Error() string { return d.err.Error() }
func (d *damage) Unwrap() error { return d.err }

func damaged(format string, a ...any) error { return &damage{fmt.Errorf(format, a...)} }

// Open opens the store, or creates it. A damaged or vanished store is set aside
// and replaced by the newest snapshot that verifies, else by an empty one; see
// Opening. Errors: *InUseError, *NewerError, ErrWrongKey; none of them touches
// a file.
func Open(o Options) (*Store, Opening, error) {
	if err := o.complete(); err != nil {
		return nil, Opening{}, err
	}
	s := &Store{opt: o, log: o.Log}
	var err error
	if s.keys, err = newKeys(o.Key, o.Rand); err != nil {
		return nil, Opening{}, err
	}
	if s.boot, err = randomHex(o.Rand); err != nil {
		return nil, Opening{}, err
	}
	if s.lock, err = lock(o.Path); err != nil {
		return nil, Opening{}, err
	}
	opening, err := s.open()
	if err == nil {
		err = s.openHead()
	}
	if err != nil {
		if s.db != nil {
			s.db.Close()
		}
		if s.head != nil {
			s.head.Close()
		}
		s.lock.Close()
		return nil, Opening{}, err
	}
	s.takeReserve()
	opening.Epoch = s.id.Epoch
	return s, opening, nil
}

// open tries the file as it is, and repairs by replacing.
func (s *Store) open() (Opening, error) {
	path := s.opt.Path
	known, headThere := readHead(path, s.keys)
	_, err := os.Stat(path)
	switch {
	case err == nil:
		err = s.openExisting(known)
		var d *damage
		if err == nil || !errors.As(err, &d) {
			return Opening{}, err
		}
	case !errors.Is(err, fs.ErrNotExist):
		return Opening{}, fmt.Errorf("cannot open the store: %w", err)
	case headThere || s.traces():
		err = damaged("the file %s is gone", path)
	default:
		st := doubtNothing(s.opt.Rules.NewState())
		if err := s.install(content{state: st, why: "created"}, ""); err != nil {
			return Opening{}, err
		}
		return Opening{Created: true}, s.openExisting(nil)
	}
	return s.replace(err, known)
}

// doubtNothing is the state of a new cabinet: nobody has looked into it yet.
func doubtNothing(st locker.State) locker.State {
	before := *st.Meta
	st = doubt(st, "")
	st.Meta = &before
	return st
}

// replace sets a damaged file aside and installs what can still be believed.
func (s *Store) replace(why error, known *head) (Opening, error) {
	o := Opening{Damaged: true, Why: why.Error()}
	c := content{state: s.opt.Rules.NewState(), why: "damaged"}
	snap, err := s.newestSnapshot()
	if err != nil {
		return Opening{}, err
	}
	if snap != nil {
		rows := snap.rows()
		if c.state, err = rows.state(c.state, snap.Clock); err != nil {
			return Opening{}, err
		}
		c.docs, c.previous, o.Restored = snap.Docs, snap.Point, true
	}
	if known != nil && newer(known.Point, c.previous) {
		c.previous = known.Point
	}
	c.state = doubt(c.state, "damaged")
	if _, err := os.Stat(s.opt.Path); err == nil {
		o.SetAside = s.unused(".corrupt-")
	}
	s.log.Error("store: damaged, it is replaced", "why", o.Why, "set aside", o.SetAside, "snapshot", o.Restored)
	if err := s.install(c, o.SetAside); err != nil {
		return Opening{}, err
	}
	if err := s.openExisting(nil); err != nil {
		return Opening{}, err
	}
	return o, s.snapshotLocked(s.opt.Now)
}

// newer says whether checkpoint a is to be believed rather than b: of another
// epoch than b, or larger.
func newer(a, b []byte) bool {
	ca, err := audit.ReadCheckpoint(a)
	if err != nil {
		return false
	}
	cb, err := audit.ReadCheckpoint(b)
	return err != nil || ca.Epoch != cb.Epoch || ca.Size > cb.Size
}

// traces says whether there was a store here before.
func (s *Store) traces() bool {
	for _, pattern := range []string{".corrupt-*", ".replaced-*", ".snap-*"} {
		if m, _ := filepath.Glob(escape(s.opt.Path) + pattern); len(m) > 0 {
			return true
		}
	}
	return false
}

func escape(path string) string {
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(path)
}

// unused returns a name beside the store that no file has.
func (s *Store) unused(suffix string) string {
	at := s.opt.Now.Wall
	if at.IsZero() {
		at = time.Now()
	}
	base := s.opt.Path + suffix + at.UTC().Format("20060102T150405Z")
	name := base
	for i := 2; ; i++ {
		if _, err := os.Lstat(name); errors.Is(err, fs.ErrNotExist) {
			return name
		}
		name = base + "-" + strconv.Itoa(i)
	}
}

// openExisting opens, checks and loads the file at Path.
func (s *Store) openExisting(known *head) error {
	half, err := checkPath(s.opt.Path)
	if err != nil {
		return damaged("the file is damaged: %w", err)
	}
	db, err := openFile(s.opt.Path, s.opt.MaxSize)
	if err != nil {
		if errors.Is(err, berrors.ErrTimeout) {
			return &InUseError{Path: s.opt.Path, PID: readPID(s.opt.Path)}
		}
		return damaged("the file can not be opened: %w", err)
	}
	id, v, err := load(db, s.opt, s.keys)
	if err == nil {
		err = s.agrees(half, id, v, known)
	}
	if err != nil {
		db.Close()
		return err
	}
	s.db, s.id = db, id
	s.view.Store(v)
	return nil
}

// agrees holds the file against the head file. With one head of the database
// invalid it is only believed if the head file shows that nothing acknowledged
// is missing: then the power went while that head was written.
func (s *Store) agrees(half bool, id identity, v *view, known *head) error {
	switch {
	case known == nil && half:
		return damaged("one of the two heads of the file is damaged, so that the newest commit may be lost")
	case known == nil:
		return nil
	case known.Epoch != id.Epoch:
		return damaged("the file is of epoch %s, but %s was used last: it was exchanged", id.Epoch, known.Epoch)
	case known.Commit > v.root.Commit:
		return damaged("the newest commit in the file is %d, but %d was acknowledged", v.root.Commit, known.Commit)
	}
	return nil
}

func checkPath(path string) (half bool, err error) {
	f, err := os.Open(path)
	if err != nil {
		return false, err
	}
	defer f.Close()
	return checkFile(f)
}

// load reads everything that is kept in memory, and verifies it.
func load(db *bolt.DB, o Options, k keys) (id identity, v *view, err error) {
	if id, err = readIdentity(db, o, k); err != nil {
		return id, nil, err
	}
	if id.Schema < len(o.patches)+1 {
		if id, err = migrate(db, o, k, id); err != nil {
			return id, nil, err
		}
	}
	err = db.View(func(tx *bolt.Tx) error {
		v, err = loadView(tx, o, k)
		return err
	})
	return id, v, err
}

// readIdentity tells a wrong key and a newer store from a damaged one.
func readIdentity(db *bolt.DB, o Options, k keys) (id identity, err error) {
	err = db.View(func(tx *bolt.Tx) error {
		for _, name := range buckets {
			if tx.Bucket(name) == nil {
				return &damage{errNoBucket}
			}
		}
		b := tx.Bucket(bucketID)
		schema := b.Get(keySchema)
		if len(schema) != 8 {
			return &damage{errNoBucket}
		}
		version := int(binary.BigEndian.Uint64(schema))
		plain, err := k.rows.open(b.Get(keyCheck), place(bucketID, string(keyCheck)))
		if err != nil {
			if _, err := k.rows.open(b.Get(keyRoot), place(bucketID, string(keyRoot))); err != nil {
				return fmt.Errorf("cannot open the store %s: %w", o.Path, ErrWrongKey)
			}
			return &damage{err}
		}
		if err := json.Unmarshal(plain, &id); err != nil || id.Schema != version {
			return damaged("the version row is damaged")
		}
		if version > len(o.patches)+1 {
			return &NewerError{Store: version, Program: len(o.patches) + 1}
		}
		if id.Station != o.Station {
			return fmt.Errorf("cannot open the store %s: it belongs to station %q, not to %q", o.Path, id.Station, o.Station)
		}
		return nil
	})
	return id, err
}

// loadView reads rows, documents and the tail of the log, and holds them
// against the root row.
func loadView(tx *bolt.Tx, o Options, k keys) (*view, error) {
	v := &view{docs: map[string][]byte{}}
	r, err := loadRoot(tx, k)
	if err != nil {
		return nil, err
	}
	v.root = *r
	rows := &rowSet{compartments: map[int]*locker.Compartment{}}
	t := &txn{keys: k, root: &root{}}
	for _, bucket := range sealed {
		err := tx.Bucket(bucket).ForEach(func(key, value []byte) error {
			t.account(bucket, string(key), value)
			plain, err := k.rows.open(value, place(bucket, string(key)))
			switch {
			case err != nil:
				return err
			case bytes.Equal(bucket, bucketDocs):
				v.docs[string(key)] = plain
			case string(key) == keyPoint:
				v.point = plain
			default:
				return rows.add(string(key), plain)
			}
			return nil
		})
		if err != nil {
			return nil, &damage{err}
		}
	}
	if !bytes.Equal(t.root.Rows, v.root.Rows) {
		return nil, damaged("rows are missing or older than others")
	}
	if err := loadTail(tx, v); err != nil {
		return nil, &damage{err}
	}
	v.state, err = rows.state(o.Rules.NewState(), v.root.Clock)
	var layout *layoutError
	if err != nil && !errors.As(err, &layout) {
		err = &damage{err}
	}
	return v, err
}

func loadRoot(tx *bolt.Tx, k keys) (*root, error) {
	plain, err := k.rows.open(tx.Bucket(bucketID).Get(keyRoot), place(bucketID, string(keyRoot)))
	if err != nil {
		return nil, &damage{err}
	}
	r := &root{}
	if err := json.Unmarshal(plain, r); err != nil {
		return nil, &damage{err}
	}
	return r, nil
}

// loadTail computes the tree from its stored hashes and the newest entries.
func loadTail(tx *bolt.Tx, v *view) error {
	tree, err := audit.TreeAt(v.root.Folded/audit.BlockSize, readHashes(tx))
	if err != nil {
		return err
	}
	b := tx.Bucket(bucketTail)
	c := b.Cursor()
	k, value := c.First()
	for seq := v.root.Folded + 1; seq <= v.root.Seq; seq++ {
		if !bytes.Equal(k, seqKey(seq)) || len(value) < hintSize {
			return fmt.Errorf("entry %d of the log is missing", seq)
		}
		h := audit.LeafHash(value[hintSize:])
		v.tail = append(v.tail, h)
		tree = tree.Append(h)
		k, value = c.Next()
	}
	if k != nil || tree.Root() != v.root.Tree {
		return errors.New("the newest entries of the log were changed")
	}
	v.tree = tree
	return nil
}

// content is what a new file begins with.
type content struct {
	state    locker.State
	docs     map[string][]byte
	previous []byte // last known checkpoint of the epoch before, nil: none
	why      string // "created", "damaged", "restored"
}

// install makes a new file with a new epoch and puts it in place; what is there
// goes to aside. The head file goes first: without one, both the old and the
// new file open.
func (s *Store) install(c content, aside string) error {
	path := s.opt.Path
	temp := path + ".new"
	if err := s.create(temp, c); err != nil {
		os.Remove(temp)
		return fmt.Errorf("cannot create the store: %w", err)
	}
	if err := os.Remove(headPath(path)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("cannot create the store: %w", err)
	}
	if aside != "" {
		if err := os.Rename(path, aside); err != nil {
			return fmt.Errorf("cannot set the old store aside: %w", err)
		}
	}
	if err := os.Rename(temp, path); err != nil {
		return fmt.Errorf("cannot put the new store in place: %w", err)
	}
	return syncDir(path)
}

// create writes a whole store to a file of another name, synced.
func (s *Store) create(temp string, c content) error {
	if err := os.Remove(temp); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	epoch, err := randomHex(s.opt.Rand)
	if err != nil {
		return err
	}
	db, err := openFile(temp, s.opt.MaxSize)
	if err != nil {
		return err
	}
	defer db.Close()
	id := identity{Schema: len(s.opt.patches) + 1, Station: s.opt.Station, Epoch: epoch}
	err = db.Update(func(tx *bolt.Tx) error { return s.fill(tx, id, c) })
	if err == nil { // a second time, so that both heads of the file are of this content
		err = db.Update(func(*bolt.Tx) error { return nil })
	}
	if err != nil {
		return err
	}
	return db.Sync()
}

func (s *Store) fill(tx *bolt.Tx, id identity, c content) error {
	for _, name := range buckets {
		if _, err := tx.CreateBucket(name); err != nil {
			return err
		}
	}
	v := &view{root: root{Commit: 1, Rows: make([]byte, 32), Clock: c.state.Clock}}
	t := &txn{tx: tx, keys: s.keys, root: &v.root}
	if err := t.putIdentity(id); err != nil {
		return err
	}
	for _, change := range Diff(locker.State{}, c.state) {
		if err := t.putRow(change); err != nil {
			return err
		}
	}
	for name, doc := range c.docs {
		if err := t.put(bucketDocs, name, doc); err != nil {
			return err
		}
	}
	e := Entry{
		Epoch: id.Epoch, Boot: s.boot, Mono: max(s.opt.Now.Mono, c.state.Clock.Mono), Wall: s.opt.Now.Wall,
		Untrusted: c.state.Clock.Untrusted != "",
		Record:    locker.Record{Type: audit.EpochStarted, Actor: locker.Self, Detail: locker.Detail{Code: c.why}},
		Previous:  string(c.previous),
	}
	if err := t.addEntry(v, e); err != nil {
		return err
	}
	return t.putRoot()
}

func randomHex(r io.Reader) (string, error) {
	var b [8]byte
	if _, err := io.ReadFull(r, b[:]); err != nil {
		return "", fmt.Errorf("cannot draw random bytes: %w", err)
	}
	return hex.EncodeToString(b[:]), nil
}

func syncDir(path string) error {
	d, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	defer d.Close()
	if err := d.Sync(); err != nil {
		return fmt.Errorf("cannot sync the directory: %w", err)
	}
	return nil
}

func pidPath(path string) string { return path + ".pid" }

// lock makes this process the only one that uses the store. The PID file is the
// lock; it stays when the process has ended, its lock does not.
func lock(path string) (*os.File, error) {
	f, err := os.OpenFile(pidPath(path), os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, fmt.Errorf("cannot open the store: %w", err)
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		f.Close()
		return nil, &InUseError{Path: path, PID: readPID(path)}
	}
	err = f.Truncate(0)
	if err == nil {
		_, err = f.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0)
	}
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("cannot write the PID file: %w", err)
	}
	return f, nil
}

func readPID(path string) int {
	b, _ := os.ReadFile(pidPath(path))
	pid, _ := strconv.Atoi(strings.TrimSpace(string(b)))
	return pid
}
