package locker

import (
	"encoding/json"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestFiveWrongEntriesAreAdmittedAtOnceAndThenOneEvery90Seconds(t *testing.T) {
	var l Limiter
	now := 7 * time.Minute
	for i := range 5 {
		if ok, wait := l.Admit(now); !ok || wait != 0 {
			t.Fatalf("entry %d: admitted %v, wait %v", i+1, ok, wait)
		}
		l = l.Fail(now)
	}
	for range 20 {
		ok, wait := l.Admit(now)
		if ok || wait != 90*time.Second {
			t.Fatalf("after five wrong entries: admitted %v, wait %v, want 1m30s", ok, wait)
		}
		if ok, _ := l.Admit(now + wait - 1); ok {
			t.Fatal("admitted a nanosecond before the announced time")
		}
		now += wait
		if ok, _ := l.Admit(now); !ok {
			t.Fatal("not admitted at the announced time")
		}
		l = l.Fail(now)
	}
}

func TestBeyond300WrongEntriesInADayOneIsAdmittedEveryTenMinutes(t *testing.T) {
	var l Limiter
	now := Mono(0)
	for l.Failures24h(now) <= 300 {
		if ok, wait := l.Admit(now); !ok {
			now += wait
			continue
		}
		l = l.Fail(now)
		if _, wait := l.Admit(now); l.Failures24h(now) == 300 && wait != 90*time.Second {
			t.Errorf("after 300 failures the wait is %v, want 1m30s", wait)
		}
	}
	if n := l.Failures24h(now); n != 301 {
		t.Fatalf("%d failures, want 301", n)
	}
	if _, wait := l.Admit(now); wait != 10*time.Minute {
		t.Errorf("after 301 failures the wait is %v, want 10m", wait)
	}
	later := now + 25*time.Hour
	if n := l.Failures24h(later); n != 0 {
		t.Errorf("%d failures a good day later, want none", n)
	}
	for range 5 {
		l = l.Fail(later)
	}
	if _, wait := l.Admit(later); wait != 90*time.Second {
		t.Errorf("a quiet day later the wait is %v, want 1m30s", wait)
	}
}

func TestAFailureCountsForNoLessThan24Hours(t *testing.T) {
	for _, at := range []Mono{0, time.Second, 59*time.Minute + 59*time.Second, 100*time.Hour - 1} {
		l := Limiter{}.Fail(at)
		if l.Failures24h(at+24*time.Hour) != 1 {
			t.Errorf("failure at %v is forgotten within 24 h", at)
		}
		if l.Failures24h(at+25*time.Hour) != 0 {
			t.Errorf("failure at %v is still counted after 25 h", at)
		}
	}
}

func TestQRHasItsOwnBucketOfOneEveryTwoSeconds(t *testing.T) {
	var l Limiter
	now := time.Minute
	for range 5 {
		l = l.Fail(now)
	}
	if ok, _ := l.AdmitQR(now); !ok {
		t.Error("a scan is refused although only digits were wrong")
	}
	used := l.UseQR(now)
	if ok, wait := used.AdmitQR(now + 500*time.Millisecond); ok || wait != 1500*time.Millisecond {
		t.Errorf("second scan half a second later: admitted %v, wait %v", ok, wait)
	}
	if ok, _ := used.AdmitQR(now + 2*time.Second); !ok {
		t.Error("second scan two seconds later is refused")
	}
	if used.Level(now) != l.Level(now) {
		t.Error("a scan changes the bucket of the digits")
	}
	if wait := func() time.Duration { _, w := used.AdmitQR(0); return w }(); wait > 2*time.Second {
		t.Errorf("wait of %v for a scan", wait)
	}
}

func TestALimiterWithNonsenseInItStillAnswers(t *testing.T) {
	for _, l := range []Limiter{
		{Fill: -5, At: -1, Hour: -3},
		{Fill: 1 << 62, At: 1 << 62, Hour: 1 << 50, QRNext: 1 << 62},
		{Fill: 5 * limiterDrop, At: time.Hour, Hour: 9999},
	} {
		if _, wait := l.Admit(time.Minute); wait < 0 || wait > 2*time.Hour {
			t.Errorf("%+v: wait %v", l, wait)
		}
		l = l.Fail(-time.Second).Fail(time.Minute).UseQR(-1)
		if n := l.Level(time.Minute); n < 0 || n > limiterOverflow {
			t.Errorf("%+v: level %v", l, n)
		}
	}
}

// A random life of a limiter: somebody tries at random times, always wrong.
func TestLimiterInvariants(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var l Limiter
		var fails []Mono
		now := Mono(rapid.Int64Range(0, int64(1000*time.Hour)).Draw(t, "start"))
		steps := rapid.IntRange(1, 120).Draw(t, "steps")
		for range steps {
			gap := Mono(rapid.OneOf(
				rapid.Int64Range(0, int64(3*time.Minute)),
				rapid.Int64Range(0, int64(time.Hour)),
				rapid.Int64Range(0, int64(30*time.Hour)),
			).Draw(t, "gap"))
			// What is seen on the way changes nothing of what comes after.
			half := l.Level(now + gap/2)
			now += gap
			if l.Level(now) > half {
				t.Fatalf("the level rises by itself from %v to %v", half, l.Level(now))
			}
			burst := rapid.SampledFrom([]int{1, 1, 1, 5, 60}).Draw(t, "burst")
			for range burst {
				ok, wait := l.Admit(now)
				if ok != (l.Level(now) <= limiterCapacity-1) || ok != (wait == 0) || wait < 0 {
					t.Fatalf("admitted %v at level %v, wait %v", ok, l.Level(now), wait)
				}
				if !ok {
					if wait > 10*time.Minute {
						t.Fatalf("wait %v is longer than one leak", wait)
					}
					if early, _ := l.Admit(now + wait - 1); early {
						t.Fatalf("admitted before the announced wait of %v", wait)
					}
					now += wait
					if late, _ := l.Admit(now); !late {
						t.Fatalf("not admitted after the announced wait of %v", wait)
					}
				}
				before := l.Level(now)
				l = l.Fail(now)
				fails = append(fails, now)
				if got := l.Level(now); got < before+0.999 || got > before+1.001 || got > limiterCapacity {
					t.Fatalf("a failure moves the level from %v to %v", before, got)
				}
			}
			var exact int
			for _, at := range fails {
				if now-at <= 24*time.Hour {
					exact++
				}
			}
			if n := l.Failures24h(now); n < exact || n > len(fails) {
				t.Fatalf("%d failures counted, %d happened in 24 h", n, exact)
			}
		}
		text, err := json.Marshal(l)
		if err != nil {
			t.Fatal(err)
		}
		var back Limiter
		if err := json.Unmarshal(text, &back); err != nil || back != l {
			t.Fatalf("%s becomes %+v, %v", text, back, err)
		}
	})
}

func TestTheZeroLimiterIsSmallInJSON(t *testing.T) {
	text, err := json.Marshal(Limiter{})
	if err != nil || string(text) != "{}" {
		t.Errorf("zero limiter is %s, %v", text, err)
	}
	full := Limiter{Fill: limiterOverflow * limiterDrop, At: 1 << 60, Hour: 1 << 40, QRNext: 1 << 60}
	for i := range full.Hours {
		full.Hours[i] = 65535
	}
	if text, _ = json.Marshal(full); len(text) > 400 {
		t.Errorf("a full limiter needs %d bytes", len(text))
	}
}
