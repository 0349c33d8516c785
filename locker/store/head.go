package store

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
)

// The head file stands beside the database and says how far it has come. It is
// overwritten in place after every commit and not synced: after a power cut it
// may be older than the database, never newer. If it is newer, then the
// database has lost commits that were acknowledged: a damaged page made bbolt
// fall back, or somebody has put an old copy in its place.
type head struct {
	Epoch  string `json:"epoch"`
	Commit uint64 `json:"commit"`
	Point  []byte `json:"point,omitempty"` // newest checkpoint
}

const headSize = 1024

func headPath(path string) string { return path + ".head" }

func (s *Store) writeHead(v *view) error {
	b, err := encodeHead(s.keys, head{Epoch: s.id.Epoch, Commit: v.root.Commit, Point: v.point})
	if err != nil {
		return err
	}
	if _, err := s.head.WriteAt(b, 0); err != nil {
		return fmt.Errorf("cannot write the head file: %w", err)
	}
	return nil
}

func encodeHead(k keys, h head) ([]byte, error) {
	plain, err := json.Marshal(h)
	if err != nil {
		return nil, err
	}
	blob, err := k.files.seal(plain, "head")
	if err != nil {
		return nil, err
	}
	if len(blob)+2 > headSize {
		return nil, fmt.Errorf("cannot write the head file: %d bytes are too many", len(blob))
	}
	b := make([]byte, headSize)
	binary.BigEndian.PutUint16(b, uint16(len(blob)))
	copy(b[2:], blob)
	return b, nil
}

// readHead returns nil if there is none or it can not be read; exists says
// whether the file is there.
func readHead(path string, k keys) (h *head, exists bool) {
	b, err := os.ReadFile(headPath(path))
	if err != nil {
		return nil, !errors.Is(err, fs.ErrNotExist)
	}
	if len(b) < 2 {
		return nil, true
	}
	n := int(binary.BigEndian.Uint16(b))
	if n+2 > len(b) {
		return nil, true
	}
	plain, err := k.files.open(b[2:2+n], "head")
	if err != nil {
		return nil, true
	}
	h = &head{}
	if json.Unmarshal(plain, h) != nil {
		return nil, true
	}
	return h, true
}

// openHead opens the head file for writing, creating it synced if it is new.
func (s *Store) openHead() error {
	f, err := os.OpenFile(headPath(s.opt.Path), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return fmt.Errorf("cannot open the head file: %w", err)
	}
	s.head = f
	if err := s.writeHead(s.view.Load()); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return fmt.Errorf("cannot sync the head file: %w", err)
	}
	return nil
}
