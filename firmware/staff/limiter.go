package staff

import (
	"sync"
	"time"

	"abholstation/firmware"
)

// Wrong sign-ins are counted in leaky buckets, one per account name (whether or
// not it exists) and one per address. They are in memory: unlike the citizen's
// code, a password is long, and a restart can not be had from the office network.
const (
	accountCapacity = 5
	accountLeak     = time.Minute // one wrong try is forgotten per …
	addressCapacity = 20
	addressLeak     = 20 * time.Second
	maxBuckets      = 4096
)

type bucket struct {
	level float64
	at    time.Time
}

type limiter struct {
	clock   firmware.Clock
	mu      sync.Mutex
	buckets map[string]bucket
}

func newLimiter(c firmware.Clock) *limiter {
	return &limiter{clock: c, buckets: map[string]bucket{}}
}

// admit counts a try against account and address at once, so that many at the
// same time can not all slip through. wait > 0: refused, nothing was counted.
// first is true for the try that fills the account's bucket.
func (l *limiter) admit(user, addr string) (wait time.Duration, first bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.clock.Now()
	a := l.level("user "+user, accountLeak, now)
	b := l.level("addr "+addr, addressLeak, now)
	wait = max(over(a, accountCapacity, accountLeak), over(b, addressCapacity, addressLeak))
	if wait > 0 {
		return wait, false
	}
	if len(l.buckets)+2 > maxBuckets {
		l.sweep(now)
		if len(l.buckets)+2 > maxBuckets {
			return accountLeak, false
		}
	}
	l.buckets["user "+user] = bucket{a + 1, now}
	l.buckets["addr "+addr] = bucket{b + 1, now}
	return 0, a+2 > accountCapacity
}

// forgive takes back what admit counted: the password was right. Earlier wrong
// tries stay counted.
func (l *limiter) forgive(user, addr string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, key := range []string{"user " + user, "addr " + addr} {
		if b, ok := l.buckets[key]; ok {
			b.level = max(0, b.level-1)
			l.buckets[key] = b
		}
	}
}

func (l *limiter) level(key string, leak time.Duration, now time.Time) float64 {
	b, ok := l.buckets[key]
	if !ok {
		return 0
	}
	return max(0, b.level-float64(now.Sub(b.at))/float64(leak))
}

func (l *limiter) sweep(now time.Time) {
	for key, b := range l.buckets {
		if now.Sub(b.at) > addressCapacity*accountLeak {
			delete(l.buckets, key)
		}
	}
}

// over is how long until one more fits.
func over(level, capacity float64, leak time.Duration) time.Duration {
	if level+1 <= capacity {
		return 0
	}
	return time.Duration((level + 1 - capacity) * float64(leak))
}
