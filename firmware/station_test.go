package firmware_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"abholstation/firmware"
	"abholstation/hal"
	"abholstation/locker"
	"abholstation/locker/store"
)

var ctx = context.Background()

func TestADeliveryIsLoadedAndCollected(t *testing.T) {
	bubble(t, func(r *rig) {
		r.start()
		defer r.stop()
		id, n, slip := r.ready("A-1")
		a := r.must(r.station.Enter(ctx, entry(slip.Code)))
		if a.Compartment != n || a.Delivery != id {
			t.Fatalf("the code of %d in %d answered %+v", id, n, a)
		}
		time.Sleep(2 * time.Second)
		if !r.world.IsOpen(n) || r.delivery(id).State != locker.Open {
			t.Fatalf("door open: %v, delivery %s", r.world.IsOpen(n), r.delivery(id).State)
		}
		if _, err := r.world.Take(n); err != nil {
			t.Fatal(err)
		}
		r.hand(r.world.Close(n))
		time.Sleep(3 * time.Second)
		if s := r.delivery(id).State; s != locker.Collected {
			t.Errorf("delivery is %s", s)
		}
		if u := r.station.View().State.Compartment(n).Use; u != locker.Free {
			t.Errorf("compartment is %s", u)
		}
		if _, err := r.station.Enter(ctx, entry(slip.Code)); !refusedAs(err, locker.Rejected) {
			t.Errorf("the used code: %v", err)
		}
	})
}

func refusedAs(err error, code locker.Reason) bool {
	var ref *locker.Refusal
	return errors.As(err, &ref) && ref.Code == code
}

func TestNothingIsPulsedWhenTheCommitFails(t *testing.T) {
	bubble(t, func(r *rig) {
		r.start()
		defer r.stop()
		_, n, slip := r.ready("A-1")
		was := r.cabinet.calls(hal.LockID(n))
		r.store.onApply(func(evs []locker.Event) {
			_, entry := evs[len(evs)-1].(locker.Present)
			r.store.set(func() {
				if r.store.fail = nil; entry {
					r.store.fail = errors.New("no space left on device")
				}
			})
		})
		if _, err := r.station.Enter(ctx, entry(slip.Code)); !errors.Is(err, firmware.ErrStore) {
			t.Errorf("got %v", err)
		}
		if !hasProblem(r, "store.write") {
			t.Errorf("health does not name the store: %v", r.station.View().Problems)
		}
		r.store.onApply(nil)
		r.store.set(func() { r.store.fail = nil })
		time.Sleep(3 * time.Second) // it finds out by itself, without anybody's help
		if got := r.cabinet.calls(hal.LockID(n)); got != was {
			t.Errorf("%d pulses for a commit that failed", got-was)
		}
		if hasProblem(r, "store.write") {
			t.Error("health still names the store")
		}
		r.must(r.station.Enter(ctx, entry(slip.Code)))
	})
}

func hasProblem(r *rig, key string) bool {
	for _, p := range r.station.View().Problems {
		if p.Key == key {
			return true
		}
	}
	return false
}

func TestPulseAndAnswerComeAfterTheCommit(t *testing.T) {
	bubble(t, func(r *rig) {
		r.start()
		defer r.stop()
		_, n, slip := r.ready("A-1")
		was := r.cabinet.calls(hal.LockID(n))
		hold := make(chan struct{})
		r.store.onApply(func(evs []locker.Event) {
			if _, ok := evs[len(evs)-1].(locker.Present); ok {
				<-hold
			}
		})
		answered := make(chan error, 1)
		go func() {
			_, err := r.station.Enter(ctx, entry(slip.Code))
			answered <- err
		}()
		time.Sleep(5 * time.Second)
		select {
		case err := <-answered:
			t.Errorf("answered before the commit: %v", err)
		default:
		}
		if got := r.cabinet.calls(hal.LockID(n)); got != was {
			t.Error("pulsed before the commit")
		}
		if r.delivery(1).State != locker.Ready {
			t.Error("readers see what is not durable")
		}
		close(hold)
		if err := <-answered; err != nil {
			t.Error(err)
		}
		synctest.Wait()
		if got := r.cabinet.calls(hal.LockID(n)); got != was+1 {
			t.Errorf("%d pulses", got-was)
		}
	})
}

func TestAHangingLockIsPulsedOnceAndHoldsUpNobody(t *testing.T) {
	bubble(t, func(r *rig) {
		r.start()
		_, n, slip := r.ready("A-1")
		other, m, slip2 := r.ready("A-2")
		was := r.cabinet.calls(hal.LockID(n))
		hang := make(chan struct{})
		r.cabinet.set(func() {
			r.cabinet.unlock = func(ctx context.Context, id hal.LockID) (hal.UnlockReport, error) {
				if id != hal.LockID(n) {
					return r.cabinet.Cabinet.Unlock(ctx, id)
				}
				<-hang
				return hal.UnlockReport{Pulse: hal.PulseUnsure}, hal.ErrOutcomeUnknown
			}
		})
		r.must(r.station.Enter(ctx, entry(slip.Code)))
		time.Sleep(25 * time.Second)
		if !hasProblem(r, fmt.Sprintf("compartment.%d.unlock_hangs", n)) {
			t.Errorf("health does not name the lock: %v", r.station.View().Problems)
		}
		e := entry(slip2.Code)
		e.Session = 2
		r.must(r.station.Enter(ctx, e))
		time.Sleep(3 * time.Second)
		if !r.world.IsOpen(m) || r.delivery(other).State != locker.Open {
			t.Error("the other compartment did not open")
		}
		time.Sleep(5 * time.Minute)
		if got := r.cabinet.calls(hal.LockID(n)); got != was+1 {
			t.Errorf("%d pulses for one order", got-was)
		}
		close(hang)
		time.Sleep(time.Second)
		r.stop()
	})
}

func TestOnePulsePerIntentWhenItsReportIsLost(t *testing.T) {
	bubble(t, func(r *rig) {
		r.start()
		defer r.stop()
		id, n, slip := r.ready("A-1")
		was := r.cabinet.calls(hal.LockID(n))
		r.cabinet.set(func() {
			r.cabinet.unlock = func(context.Context, hal.LockID) (hal.UnlockReport, error) {
				panic("the driver has a bug")
			}
		})
		r.must(r.station.Enter(ctx, entry(slip.Code)))
		time.Sleep(2 * time.Minute)
		if got := r.cabinet.calls(hal.LockID(n)); got != was+1 {
			t.Errorf("%d pulses", got-was)
		}
		if s := r.delivery(id).State; s == locker.Opening {
			t.Error("the opening was never settled")
		}
		if r.store.ofType("firmware.panic") != 1 || !hasProblem(r, "firmware.panic") {
			t.Error("the panic is neither in the log nor in health")
		}
	})
}

func TestAFullQueueRefusesAndChangesNothing(t *testing.T) {
	bubble(t, func(r *rig) {
		r.opt.QueueSize = 4
		r.start()
		defer r.stop()
		hold := make(chan struct{})
		r.store.onApply(func(evs []locker.Event) { <-hold })
		errs := make(chan error, 50)
		for i := range 50 {
			r.station.Offer(locker.Block{By: clerk, Compartment: i%boxes + 1, Why: "test"}, func(_ locker.Answer, err error) { errs <- err })
			synctest.Wait()
		}
		close(hold)
		busy := 0
		for range 50 {
			if err := <-errs; errors.Is(err, firmware.ErrBusy) {
				busy++
			}
		}
		if busy < 40 || r.store.ofType("compartment.blocked") > 50-busy {
			t.Errorf("%d refused, %d blocked", busy, r.store.ofType("compartment.blocked"))
		}
		r.store.onApply(nil)
		time.Sleep(10 * time.Second)
		if !hasProblem(r, "queue.full") {
			t.Error("health does not say so")
		}
	})
}

func TestReadingsCoalesceButAnOpeningIsNotLost(t *testing.T) {
	bubble(t, func(r *rig) {
		r.start()
		defer r.stop()
		hold := make(chan struct{})
		var seen []locker.DoorsRead
		held := true
		r.store.onApply(func(evs []locker.Event) {
			if held {
				held = false
				<-hold
			}
			for _, ev := range evs {
				if d, ok := ev.(locker.DoorsRead); ok && len(d.Readings) == 1 {
					seen = append(seen, d)
				}
			}
		})
		r.station.Offer(locker.Tick{}, nil)
		synctest.Wait()
		for i := range 20 {
			door := hal.DoorState{Open: hal.Tri(1 + i%2), Locked: hal.Yes, Item: hal.No, At: r.clock.Now(), Quality: hal.Fresh}
			r.station.Sink(hal.Event{Kind: hal.DoorChanged, At: r.clock.Now(), Lock: 1, After: door})
			time.Sleep(time.Millisecond)
		}
		r.station.Sink(hal.Event{Kind: hal.DoorChanged, At: r.clock.Now(), Lock: 1, After: hal.DoorState{Open: hal.No, Locked: hal.Yes, Item: hal.No, At: r.clock.Now(), Quality: hal.Fresh}})
		close(hold)
		synctest.Wait()
		if len(seen) != 2 || seen[0].Readings[0].Sensed.Open != locker.Yes || seen[1].Readings[0].Sensed.Open != locker.No {
			t.Errorf("got %+v", seen)
		}
	})
}

func TestAFlappingSensorIsSuppressedAndNamed(t *testing.T) {
	bubble(t, func(r *rig) {
		r.start()
		defer r.stop()
		var readings atomic.Int64
		r.store.onApply(func(evs []locker.Event) {
			for _, ev := range evs {
				if d, ok := ev.(locker.DoorsRead); ok && len(d.Readings) == 1 {
					readings.Add(1)
				}
			}
		})
		flap := func(d time.Duration) {
			for i := range int(d / (10 * time.Millisecond)) {
				door := hal.DoorState{Open: hal.No, Locked: hal.Yes, Item: hal.Tri(1 + i%2), At: r.clock.Now(), Quality: hal.Fresh}
				r.station.Sink(hal.Event{Kind: hal.DoorChanged, At: r.clock.Now(), Lock: 1, After: door})
				time.Sleep(10 * time.Millisecond)
			}
		}
		flap(time.Second)
		readings.Store(0)
		flap(60 * time.Second)
		if n := readings.Load(); n > 70 {
			t.Errorf("%d readings in a minute", n)
		}
		if !hasProblem(r, "compartment.1.sensor_flaps") {
			t.Errorf("health does not name it: %v", r.station.View().Problems)
		}
		time.Sleep(5 * time.Minute)
		if hasProblem(r, "compartment.1.sensor_flaps") {
			t.Error("health names it after it has been still")
		}
	})
}

func TestSlowTagsDelayNoSensorAndAdmitNoSecondEntry(t *testing.T) {
	bubble(t, func(r *rig) {
		slow := make(chan struct{})
		close(slow)
		r.opt.Go = func(name string, f func()) {
			wait := slow
			go func() {
				if name == "slow" {
					<-wait
				}
				f()
			}()
		}
		r.start()
		defer r.stop()
		_, n, slip := r.ready("A-1")
		slow = make(chan struct{})
		first := make(chan error, 1)
		go func() {
			_, err := r.station.Enter(ctx, entry(slip.Code))
			first <- err
		}()
		synctest.Wait()
		if _, err := r.station.Enter(ctx, entry(slip.Code)); !errors.Is(err, firmware.ErrBusy) {
			t.Errorf("a second entry: %v", err)
		}
		r.hand(r.world.Pry(n%boxes + 1))
		time.Sleep(time.Second)
		if d := r.station.View().State.Door(n%boxes + 1); d.Open != locker.Yes {
			t.Error("a forced door was not seen while tags were made")
		}
		close(slow)
		if err := <-first; err != nil {
			t.Error(err)
		}
		time.Sleep(10 * time.Second)
	})
}

func TestSecretsAreNowhereInTheClear(t *testing.T) {
	bubble(t, func(r *rig) {
		r.start()
		id, _ := r.settled("A-1", &firmware.Contact{Email: "erika@example.org", Mobile: "+491701234567"})
		time.Sleep(11 * time.Minute)
		var notice []byte
		r.store.set(func() {
			for _, rec := range r.store.records {
				if rec.Personal != nil && rec.Personal.Notice != nil {
					notice = rec.Personal.Notice
				}
			}
		})
		n, c, err := firmware.OpenNotice(notice, r.key, r.opt.Signer.Public().(edPublic))
		if err != nil {
			t.Fatal(err)
		}
		if c.Email != "erika@example.org" || len(n.Items) != 1 || n.Items[0].Reference != "A-1" || n.Items[0].HoldUntil.IsZero() {
			t.Errorf("notice %+v to %+v", n, c)
		}
		e := firmware.Entry{Session: 1, QR: true, Code: []byte(n.QR), Factor: []byte(factor)}
		r.must(r.station.Enter(ctx, e))
		if r.delivery(id).State != locker.Opening && r.delivery(id).State != locker.Open {
			t.Errorf("the QR code did not open: %s", r.delivery(id).State)
		}
		if strings.Trim(string(e.Code), "\x00") != "" || strings.Trim(string(e.Factor), "\x00") != "" {
			t.Error("the entry was not wiped")
		}
		r.stop()
		state, _ := json.Marshal(r.station.View())
		records, _ := json.Marshal(r.store.records)
		digits := strings.ReplaceAll(n.Code, " ", "")
		for _, secret := range []string{n.Code, digits, n.QR, "erika", "1701234567"} {
			for where, text := range map[string]string{"log": r.log.String(), "view": string(state), "records": string(records), "notice": string(notice)} {
				if strings.Contains(text, secret) {
					t.Errorf("%q is in the %s", secret, where)
				}
			}
		}
		// A notice that the station has not signed is refused.
		forged := []byte(strings.Replace(string(notice), `"message":"`, `"message":"AAAA`, 1))
		if _, _, err := firmware.OpenNotice(forged, r.key, r.opt.Signer.Public().(edPublic)); err == nil {
			t.Error("a forged notice was opened")
		}
	})
}

func TestAKillBetweenCommitAndPulseNeverPulsesAfterwards(t *testing.T) {
	bubble(t, func(r *rig) {
		dead := false
		r.opt.Go = func(name string, f func()) {
			if !dead || name != "unlock" {
				go f()
			}
		}
		r.start()
		id, n, slip := r.ready("A-1")
		dead = true
		r.must(r.station.Enter(ctx, entry(slip.Code)))
		if s := r.delivery(id).State; s != locker.Opening {
			t.Fatalf("delivery is %s", s)
		}
		r.store.set(func() { r.store.fail = errors.New("dead") }) // nothing more is written
		r.cancel()
		<-r.ended
		r.store.set(func() { r.store.fail = nil })

		r.opt.Go = nil
		r.regovern()
		r.start()
		defer r.stop()
		time.Sleep(time.Minute)
		if got := len(r.cabinet.unlocks); got != 0 {
			t.Errorf("%d pulses after the restart", got)
		}
		if s := r.delivery(id).State; s != locker.Ready {
			t.Errorf("delivery is %s", s)
		}
		if r.world.IsOpen(n) {
			t.Error("the door is open")
		}
		r.must(r.station.Enter(ctx, entry(slip.Code)))
	})
}

func TestShutdownInMidPulseEndsItAndStoresTheEnd(t *testing.T) {
	bubble(t, func(r *rig) {
		r.start()
		_, n, slip := r.ready("A-1")
		r.must(r.station.Enter(ctx, entry(slip.Code)))
		time.Sleep(100 * time.Millisecond)
		if r.world.CoilsOn() != 1 {
			t.Fatalf("%d coils on", r.world.CoilsOn())
		}
		r.stop()
		if r.world.CoilsOn() != 0 {
			t.Error("a coil is still on")
		}
		if v := r.world.Violations(); len(v) != 0 {
			t.Error(v)
		}
		if r.store.ofType("station.stopping") != 1 || r.store.points == 0 {
			t.Error("no last record or no checkpoint")
		}
		if _, err := r.station.Do(ctx, locker.Block{By: clerk, Compartment: n, Why: "x"}); !errors.Is(err, firmware.ErrStopping) {
			t.Errorf("after the end: %v", err)
		}
	})
}

func TestTypingErrorsCostNothingButAreLimitedAndCounted(t *testing.T) {
	bubble(t, func(r *rig) {
		r.start()
		defer r.stop()
		for i := range 35 {
			_, err := r.station.Enter(ctx, entry("123456789"))
			if want := map[bool]error{true: firmware.ErrTypo, false: firmware.ErrTypoRate}[i < 30]; !errors.Is(err, want) {
				t.Fatalf("typo %d: %v", i, err)
			}
		}
		if l := r.station.View().State.Meta.Limiter.Level(r.station.View().Now.Mono); l != 0 {
			t.Errorf("limiter at %v", l)
		}
		e := entry("123 456 782")
		e.Factor = []byte("24")
		time.Sleep(2 * time.Minute)
		if n := r.store.ofType("code.typos"); n != 1 {
			t.Errorf("%d records", n)
		}
	})
}

func TestAFailedStoreEndsRun(t *testing.T) {
	for name, fail := range map[string]func(){
		"failed":   func() {},
		"panicked": func() { panic("in the store") },
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(r *rig) {
				r.start()
				r.store.set(func() { r.store.fail = fmt.Errorf("fsync: %w", store.ErrFailed) })
				r.store.onApply(func([]locker.Event) { fail() })
				if _, err := r.station.Do(ctx, locker.Block{By: clerk, Compartment: 1, Why: "x"}); err == nil {
					t.Error("no error")
				}
				if err := <-r.ended; err == nil {
					t.Error("Run ended without an error")
				}
				if _, err := r.station.Do(ctx, locker.Tick{}); !errors.Is(err, firmware.ErrStopping) {
					t.Errorf("after the end: %v", err)
				}
			})
		})
	}
}

func TestWithoutAFirstReadingNothingOpensUntilThereIsOne(t *testing.T) {
	bubble(t, func(r *rig) {
		r.cabinet.snapshot = func(context.Context) (hal.Snapshot, error) { return hal.Snapshot{}, errors.New("bus is dead") }
		r.world.Unplug(true)
		r.start()
		defer r.stop()
		time.Sleep(3 * time.Second)
		if v := r.station.View(); !v.State.Started || !hasProblem(r, "cabinet.unread") {
			t.Fatalf("started: %v, problems %v", v.State.Started, v.Problems)
		}
		_, err := r.station.Do(ctx, locker.Inspect{By: clerk, Compartment: 1})
		if err == nil || len(r.cabinet.unlocks) != 0 {
			t.Errorf("opened without a reading: %v", err)
		}
		r.world.Unplug(false)
		r.cabinet.set(func() { r.cabinet.snapshot = nil })
		time.Sleep(30 * time.Second)
		if hasProblem(r, "cabinet.unread") {
			t.Errorf("still: %v", r.station.View().Problems)
		}
		r.must(r.station.Do(ctx, locker.Inspect{By: clerk, Compartment: 1}))
		time.Sleep(5 * time.Second)
	})
}

func TestAFullStoreRefusesLoadingsOnly(t *testing.T) {
	bubble(t, func(r *rig) {
		r.start()
		defer r.stop()
		_, _, slip := r.ready("A-1")
		r.store.set(func() { r.store.space = 1 })
		time.Sleep(10 * time.Second)
		_, err := r.station.Announce(ctx, firmware.Announcement{By: clerk, Reference: "A-2", Kinds: []string{"passport"}, Factor: factor})
		if !refusedAs(err, locker.StoreFull) {
			t.Errorf("announce: %v", err)
		}
		r.must(r.station.Enter(ctx, entry(slip.Code)))
		if !hasProblem(r, "store.full") {
			t.Error("health does not say so")
		}
	})
}

func TestBadAnnouncementsChangeNothing(t *testing.T) {
	bubble(t, func(r *rig) {
		r.start()
		defer r.stop()
		good := firmware.Announcement{By: clerk, Reference: "A-1", Kinds: []string{"passport"}, Factor: factor}
		for name, c := range map[string]struct {
			change func(*firmware.Announcement)
			want   func(error) bool
		}{
			"factor of letters": {func(a *firmware.Announcement) { a.Factor = "abcd" }, func(err error) bool { return errors.Is(err, firmware.ErrFactor) }},
			"unknown birthday":  {func(a *firmware.Announcement) { a.Factor = "0101" }, func(err error) bool { return errors.Is(err, locker.ErrWeakBirthday) }},
			"empty contact":     {func(a *firmware.Announcement) { a.Contact = &firmware.Contact{} }, isBad("contact")},
			"half an address":   {func(a *firmware.Announcement) { a.Contact = &firmware.Contact{Email: "erika@"} }, isBad("email")},
			"national number":   {func(a *firmware.Announcement) { a.Contact = &firmware.Contact{Mobile: "0170123456"} }, isBad("mobile")},
			"kind nobody knows": {func(a *firmware.Announcement) { a.Kinds = []string{"sword"} }, func(err error) bool { return refusedAs(err, locker.UnknownKind) }},
		} {
			a := good
			c.change(&a)
			if _, err := r.station.Announce(ctx, a); !c.want(err) {
				t.Errorf("%s: %v", name, err)
			}
		}
		if n := len(r.station.View().State.Deliveries); n != 0 {
			t.Errorf("%d deliveries", n)
		}
	})
}

func isBad(field string) func(error) bool {
	return func(err error) bool {
		var ref *locker.Refusal
		return errors.As(err, &ref) && ref.Code == locker.BadField && ref.What == field
	}
}

func TestDocumentsAreStoredWithTheirNote(t *testing.T) {
	bubble(t, func(r *rig) {
		r.start()
		defer r.stop()
		changed, end := r.station.Watch()
		defer end()
		select {
		case <-changed:
		default:
		}
		if err := r.station.PutDocument(ctx, "accounts", []byte("{}"), locker.StaffNote{By: clerk, Type: "staff.changed"}); err != nil {
			t.Fatal(err)
		}
		if got := string(r.station.Document("accounts")); got != "{}" {
			t.Errorf("got %q", got)
		}
		if r.store.ofType("staff.changed") != 1 {
			t.Error("the note is missing")
		}
		<-changed
	})
}

func TestAnEventThatCannotBeStoredHoldsUpNoOther(t *testing.T) {
	bubble(t, func(r *rig) {
		r.start()
		defer r.stop()
		poison := func(evs []locker.Event) {
			r.store.set(func() {
				r.store.fail = nil
				for _, ev := range evs {
					if o, ok := ev.(locker.Observed); ok && o.Type == "case.opened" {
						r.store.fail = errors.New("a record that can not be encoded")
					}
				}
			})
		}
		r.store.onApply(poison)
		r.world.Tamper(true)
		time.Sleep(300 * time.Millisecond)
		for n := 1; n <= boxes; n++ {
			r.must(r.station.Do(ctx, locker.Block{By: clerk, Compartment: n, Why: "x"}))
		}
		time.Sleep(10 * time.Second)
		if !hasProblem(r, "event.dropped") || !strings.Contains(r.log.String(), "dropped") {
			t.Error("dropped in silence")
		}
		if got := r.store.ofType("compartment.blocked"); got != boxes {
			t.Errorf("%d blocked", got)
		}
	})
}
