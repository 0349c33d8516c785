package audit

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"abholstation/locker"
)

// EpochStarted is the type of the first entry of every epoch.
const EpochStarted = "epoch.started"

// Entry is one line of the audit log. Its position in the tree is Seq-1.
type Entry struct {
	Seq       uint64        `json:"seq"`   // counted from 1 in every epoch, without gaps
	Epoch     string        `json:"epoch"` // 16 hex digits, new whenever a store is created or restored
	Boot      string        `json:"boot"`  // 16 hex digits, new at every start
	Mono      locker.Mono   `json:"mono"`  // powered-on time, ns
	Wall      time.Time     `json:"wall"`  // UTC
	Untrusted bool          `json:"untrusted,omitempty"`
	Record    locker.Record `json:"record"`             // without its personal part
	Personal  string        `json:"personal,omitempty"` // hex SHA-256(nonce ‖ ciphertext) of the personal part
	Previous  string        `json:"previous,omitempty"` // first entry: the last known checkpoint of the epoch before
}

// Encode returns the canonical form of an entry, which is the leaf of the tree:
// one line of JSON with the fields in the order of the struct, times in UTC.
// Anybody who has the line can compute its hash.
func (e Entry) Encode() ([]byte, error) {
	e.Wall = e.Wall.UTC()
	if !e.Record.Detail.Until.IsZero() {
		e.Record.Detail.Until = e.Record.Detail.Until.UTC()
	}
	leaf, err := json.Marshal(e)
	if err != nil {
		return nil, fmt.Errorf("cannot encode entry %d: %w", e.Seq, err)
	}
	return leaf, nil
}

// Decode reads a leaf. It refuses anything that is not exactly what Encode
// writes, so that one entry has one leaf only.
func Decode(leaf []byte) (Entry, error) {
	var e Entry
	if err := json.Unmarshal(leaf, &e); err != nil {
		return Entry{}, fmt.Errorf("cannot read an audit entry: %w", err)
	}
	again, err := e.Encode()
	if err != nil {
		return Entry{}, err
	}
	if !bytes.Equal(again, leaf) {
		return Entry{}, fmt.Errorf("cannot read audit entry %d: not in canonical form", e.Seq)
	}
	return e, nil
}

// LeafHash is the hash of a leaf as RFC 6962 defines it.
func LeafHash(leaf []byte) tlog.Hash { return tlog.RecordHash(leaf) }

// prefix appends what every leaf with this sequence and epoch begins with.
func prefix(b []byte, seq uint64, epoch string) []byte {
	b = append(b, `{"seq":`...)
	b = strconv.AppendUint(b, seq, 10)
	b = append(b, `,"epoch":"`...)
	b = append(b, epoch...)
	return append(b, `",`...)
}
