package store

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// reserveSize is kept free for pickups: a few thousand of them, while loadings
// are refused.
func (s *Store) reserveSize() int64 { return min(4<<20, s.opt.MaxSize/8) }

func (s *Store) reservePath() string { return s.opt.Path + ".reserve" }

// takeReserve sets the reserve file up, if there is space for it.
func (s *Store) takeReserve() {
	f, err := os.OpenFile(s.reservePath(), os.O_RDWR|os.O_CREATE, 0o600)
	if err == nil {
		err = unix.Fallocate(int(f.Fd()), 0, 0, s.reserveSize())
		if errors.Is(err, unix.EOPNOTSUPP) {
			_, err = f.WriteAt(make([]byte, s.reserveSize()), 0)
		}
		f.Close()
	}
	if err != nil {
		os.Remove(s.reservePath())
		s.log.Warn("store: no space for the reserve", "error", err)
		return
	}
	s.reserve = true
}

// releaseReserve gives the reserve to the file system; false if it is gone
// already.
func (s *Store) releaseReserve() bool {
	if !s.reserve {
		return false
	}
	s.reserve = false
	return os.Remove(s.reservePath()) == nil
}

// Space says how much of the usable space is used: of what the file may grow
// to, or of what the disk has, whichever is scarcer. Alarm at 0.8. At 1 refuse
// new loadings: what is left beyond (a reserve file of up to 4 MiB on the disk,
// and an eighth of, or 4 MiB of, MaxSize) is for pickups. Apply itself goes on
// until it gets ErrFull. Called now and then, Space also takes the reserve back
// when there is space again.
func (s *Store) Space() (usedFraction float64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return 1
	}
	if !s.reserve {
		s.takeReserve()
	}
	stats := s.db.Stats()
	tx, err := s.db.Begin(false)
	if err != nil {
		return 1
	}
	size := tx.Size()
	_ = tx.Rollback()
	used := float64(size - int64(stats.FreePageN+stats.PendingPageN)*pageSize)
	part := used / float64(s.opt.MaxSize-s.reserveSize()-int64(growStep(s.opt.MaxSize)))
	var fs unix.Statfs_t
	if unix.Statfs(s.opt.Path, &fs) == nil {
		free := float64(fs.Bavail) * float64(fs.Bsize)
		part = max(part, used/(used+free))
	}
	if !s.reserve {
		part = max(part, 1)
	}
	return part
}
