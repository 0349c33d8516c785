package store

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	bolt "go.etcd.io/bbolt"
	"golang.org/x/mod/sumdb/tlog"

	"abholstation/locker"
)

// Buckets. "id" and "hot" are small enough to lie inside the file's root page,
// which every commit writes anyway.
var (
	bucketID       = []byte("id")       // schema, check, root
	bucketHot      = []byte("hot")      // sealed rows: counters, newest checkpoint
	bucketState    = []byte("state")    // sealed rows: compartments, deliveries, groups
	bucketDocs     = []byte("docs")     // sealed rows: documents
	bucketLog      = []byte("log")      // entries in whole blocks
	bucketTail     = []byte("tail")     // the newest entries, until they fill a block
	bucketHashes   = []byte("hashes")   // tree hashes of blocks and above
	bucketPersonal = []byte("personal") // personal parts: sealed key ‖ nonce ‖ ciphertext

	buckets = [][]byte{bucketID, bucketHot, bucketState, bucketDocs, bucketLog, bucketTail, bucketHashes, bucketPersonal}
	sealed  = [][]byte{bucketHot, bucketState, bucketDocs} // covered by root.Rows
)

// Keys in bucketID and bucketHot.
var (
	keySchema = []byte("schema")
	keyCheck  = []byte("check")
	keyRoot   = []byte("root")
	keyPoint  = "p"
)

// identity is what does not change within an epoch; sealed, it also shows that
// the key is the right one.
type identity struct {
	Schema  int    `json:"schema"`
	Station string `json:"station"`
	Epoch   string `json:"epoch"`
}

// root is the one row that every commit writes. It binds everything else: a row
// that is missing, old or out of place does not fit to it.
type root struct {
	Commit uint64       `json:"c"` // counts commits of the epoch
	Rows   []byte       `json:"r"` // XOR of the SHA-256 of all sealed rows with their keys
	Seq    uint64       `json:"s"` // newest entry
	Folded uint64       `json:"f"` // entries in bucketLog (whole blocks); the rest is in bucketTail
	Pruned uint64       `json:"n,omitempty"`
	Tree   tlog.Hash    `json:"t"` // over all entries
	Point  uint64       `json:"p"` // entries covered by the newest checkpoint
	Clock  locker.Clock `json:"k"`
}

// rowHash is what one sealed row adds to root.Rows.
func rowHash(bucket []byte, key string, value []byte) [32]byte {
	h := sha256.New()
	var n [8]byte
	binary.BigEndian.PutUint32(n[:], uint32(len(bucket)))
	binary.BigEndian.PutUint32(n[4:], uint32(len(key)))
	h.Write(n[:])
	h.Write(bucket)
	h.Write([]byte(key))
	h.Write(value)
	return [32]byte(h.Sum(nil))
}

func place(bucket []byte, key string) string { return string(bucket) + "|" + key }

func seqKey(seq uint64) []byte { return binary.BigEndian.AppendUint64(nil, seq) }

// txn is a write transaction in which sealed rows are accounted for.
type txn struct {
	tx   *bolt.Tx
	keys keys
	root *root
}

func (t *txn) account(bucket []byte, key string, value []byte) {
	if value == nil {
		return
	}
	rows := make([]byte, 32)
	copy(rows, t.root.Rows)
	for i, b := range rowHash(bucket, key, value) {
		rows[i] ^= b
	}
	t.root.Rows = rows
}

// put seals and writes one row.
func (t *txn) put(bucket []byte, key string, plain []byte) error {
	value, err := t.keys.rows.seal(plain, place(bucket, key))
	if err != nil {
		return err
	}
	b := t.tx.Bucket(bucket)
	t.account(bucket, key, b.Get([]byte(key)))
	t.account(bucket, key, value)
	return b.Put([]byte(key), value)
}

// del deletes one row.
func (t *txn) del(bucket []byte, key string) error {
	b := t.tx.Bucket(bucket)
	t.account(bucket, key, b.Get([]byte(key)))
	return b.Delete([]byte(key))
}

// putRow writes or deletes one row of the state.
func (t *txn) putRow(c Change) error {
	bucket := bucketState
	if c.Key == metaKey {
		bucket = bucketHot
	}
	if c.Row == nil {
		if err := t.del(bucket, c.Key); err != nil {
			return err
		}
		return t.erase(c.Erased)
	}
	plain, err := json.Marshal(c.Row)
	if err != nil {
		return fmt.Errorf("cannot encode a row: %w", err)
	}
	return t.put(bucket, c.Key, plain)
}

// erase deletes the personal parts whose keys begin with owner.
func (t *txn) erase(owner string) error {
	if owner == "" {
		return nil
	}
	b := t.tx.Bucket(bucketPersonal)
	var gone [][]byte
	c := b.Cursor()
	for k, _ := c.Seek([]byte(owner)); len(k) >= len(owner) && string(k[:len(owner)]) == owner; k, _ = c.Next() {
		gone = append(gone, k)
	}
	for _, k := range gone {
		if err := b.Delete(k); err != nil {
			return err
		}
	}
	return nil
}

// putRoot seals the root row; it is the last write of every transaction.
func (t *txn) putRoot() error {
	plain, err := json.Marshal(t.root)
	if err != nil {
		return fmt.Errorf("cannot encode the root row: %w", err)
	}
	value, err := t.keys.rows.seal(plain, place(bucketID, string(keyRoot)))
	if err != nil {
		return err
	}
	return t.tx.Bucket(bucketID).Put(keyRoot, value)
}

// putIdentity writes what names the store.
func (t *txn) putIdentity(id identity) error {
	plain, err := json.Marshal(id)
	if err != nil {
		return err
	}
	check, err := t.keys.rows.seal(plain, place(bucketID, string(keyCheck)))
	if err != nil {
		return err
	}
	b := t.tx.Bucket(bucketID)
	if err := b.Put(keySchema, seqKey(uint64(id.Schema))); err != nil {
		return err
	}
	return b.Put(keyCheck, check)
}

// fileOptions are bbolt's settings, after what was measured (doc.go).
func fileOptions(maxSize int64) *bolt.Options {
	return &bolt.Options{
		PageSize:        pageSize,
		NoFreelistSync:  true,
		FreelistType:    bolt.FreelistArrayType,
		InitialMmapSize: int(maxSize),
		MaxSize:         int(maxSize),
		Timeout:         time.Second,
	}
}

// openFile opens a checked file with bbolt, turning its panics into errors.
func openFile(path string, maxSize int64) (db *bolt.DB, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("bbolt: %v", r)
		}
	}()
	db, err = bolt.Open(path, 0o600, fileOptions(maxSize))
	if err != nil {
		return nil, err
	}
	db.AllocSize = growStep(maxSize)
	return db, nil
}

// growStep is by how much the file grows; bbolt refuses to grow when less than
// this is left below the maximum.
func growStep(maxSize int64) int { return int(min(256<<10, maxSize/64)) }

var errNoBucket = errors.New("a part of the file is missing")
