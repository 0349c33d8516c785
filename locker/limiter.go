package locker

import (
	"math"
	"time"
)

// The limiter's figures. A drop is one rejected entry of nine digits. Levels are
// counted in parts of a drop, so that both speeds of leaking are whole parts per
// nanosecond and no rounding adds up: 90 s × 20 = 10 min × 3 = one drop.
const (
	limiterDrop     = int64(90*time.Second) * limiterFast
	limiterFast     = 20 // parts that leak per nanosecond: a drop in 90 s
	limiterSlow     = 3  // a drop in 10 min
	limiterCapacity = 5  // drops
	limiterOverflow = 2 * limiterCapacity
	limiterDay      = 300 // failures in 24 h beyond which it leaks slowly
	limiterSlots    = 25  // the running hour and the 24 before: never less than 24 h
	limiterQR       = 2 * time.Second
)

// Limiter slows down whoever tries codes. Digits go through a leaky bucket of
// five rejected entries, of which one leaks every 90 s, or every 10 min as long
// as more than 300 entries were rejected in the last 24 h (counted by the hour,
// so that up to 25 h may count). An accepted entry changes nothing. Scans of a
// QR code have a bucket of their own, one per 2 s.
//
// It is a value: methods return the changed one. It runs on powered-on time, so
// that pulling the plug clears nothing. The zero value is an empty bucket; its
// size is bounded, and JSON keeps all of it.
type Limiter struct {
	Fill   int64                `json:"fill,omitempty"`   // level when At was, in parts of a drop
	At     Mono                 `json:"at,omitempty"`     // of the newest rejected entry
	Hour   int64                `json:"hour,omitempty"`   // newest hour in Hours
	Hours  [limiterSlots]uint16 `json:"hours,omitzero"`   // rejected entries by hour of Mono, modulo
	QRNext Mono                 `json:"qr_next,omitzero"` // no scan is tried before
}

// Admit says whether nine digits may be tried now, and if not, how long it takes
// until they may. It counts nothing: Fail does, when they were wrong.
func (l Limiter) Admit(now Mono) (ok bool, wait time.Duration) {
	now = max(now, 0)
	excess := l.parts(now) - (limiterCapacity-1)*limiterDrop
	if excess <= 0 {
		return true, 0
	}
	t := now
	for {
		rate, end := l.rate(t)
		if need := time.Duration((excess + rate - 1) / rate); t+need <= end {
			return false, t + need - now
		}
		excess -= int64(end-t) * rate
		t = end
	}
}

// Fail counts one rejected entry of nine digits. Entries that were admitted at
// the same time are all counted, up to twice the capacity.
func (l Limiter) Fail(now Mono) Limiter {
	now = max(now, 0)
	l.Fill = min(l.parts(now)+limiterDrop, limiterOverflow*limiterDrop)
	l.At, l.Hour = now, max(l.Hour, 0)
	if h := hourOf(now); h > l.Hour {
		for k := max(l.Hour+1, h-limiterSlots+1); k <= h; k++ {
			l.Hours[k%limiterSlots] = 0
		}
		l.Hour = h
	}
	if n := &l.Hours[l.Hour%limiterSlots]; *n < math.MaxUint16 {
		*n++
	}
	return l
}

// AdmitQR says whether a scanned code may be tried now, and if not, how long it
// takes until it may (at most 2 s).
func (l Limiter) AdmitQR(now Mono) (bool, time.Duration) {
	if wait := l.QRNext - max(now, 0); wait > 0 {
		return false, min(wait, limiterQR)
	}
	return true, 0
}

// UseQR counts one scanned code; the next is admitted 2 s later.
func (l Limiter) UseQR(now Mono) Limiter {
	l.QRNext = max(now, 0) + limiterQR
	return l
}

// Level is how full the bucket of the digits is, in rejected entries (0…10); an
// entry is admitted up to 4. It is for alarms and metrics.
func (l Limiter) Level(now Mono) float64 {
	return float64(l.parts(max(now, 0))) / float64(limiterDrop)
}

// Failures24h is how many entries of digits were rejected in the last 24 h, and
// in the part of an hour before.
func (l Limiter) Failures24h(now Mono) int { return l.failures(hourOf(max(now, 0))) }

// parts is the level at now. A time before At lets nothing leak.
func (l Limiter) parts(now Mono) int64 {
	fill := min(max(l.Fill, 0), limiterOverflow*limiterDrop)
	for t := max(l.At, 0); t < now && fill > 0; {
		rate, end := l.rate(t)
		end = min(end, now)
		fill -= int64(end-t) * rate
		t = end
	}
	return max(fill, 0)
}

// rate is how many parts leak per nanosecond at t, and until when that holds if
// nothing more is rejected.
func (l Limiter) rate(t Mono) (rate int64, end Mono) {
	h := hourOf(t)
	end = Mono(h+1) * time.Hour
	if l.failures(h) > limiterDay {
		return limiterSlow, end
	}
	return limiterFast, end
}

// failures counts the rejected entries of hour h and the 24 hours before.
func (l Limiter) failures(h int64) (n int) {
	for k := max(h, l.Hour) - limiterSlots + 1; k <= l.Hour; k++ {
		if k >= 0 {
			n += int(l.Hours[k%limiterSlots])
		}
	}
	return n
}

func hourOf(t Mono) int64 { return int64(t / time.Hour) }
