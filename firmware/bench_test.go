package firmware_test

import (
	"context"
	"crypto/rand"
	"testing"
	"time"

	"abholstation/hal"
	"abholstation/locker"
)

// BenchmarkValidCodeToUnlock is the way from a valid entry to the call of
// hal.Cabinet.Unlock with 608 live codes, without what argon2 costs in earnest
// (it runs at its test cost) and without a disk. The goal is 5 ms.
func BenchmarkValidCodeToUnlock(b *testing.B) {
	r := newRig(b)
	code, err := locker.NewCode(rand.Reader)
	if err != nil {
		b.Fatal(err)
	}
	called := make(chan time.Time, 1)
	state := r.rules.NewState()
	state.Meta.NextDelivery = 609
	for id := range locker.DeliveryID(608) {
		d := &locker.Delivery{ID: id + 1, Reference: "x", Kinds: []string{"passport"}, State: locker.Ready, Size: locker.SizeS}
		d.CodeTag = r.opt.Keys.CodeTag([]byte{byte(id), byte(id >> 8)})
		d.QRTag, d.FactorSalt = r.opt.Keys.QRTag(d.CodeTag), make([]byte, 16)
		d.FactorTag = r.opt.Keys.FactorTag([]byte(factor), d.FactorSalt)
		if id == 300 {
			d.CodeTag, d.Compartment = r.opt.Keys.CodeTag([]byte(code)), 1
		}
		state.Deliveries = append(state.Deliveries, d)
	}
	state.Compartments[0] = &locker.Compartment{Number: 1, Use: locker.Occupied, Delivery: 301}
	r.store.state = state
	r.cabinet.unlock = func(context.Context, hal.LockID) (hal.UnlockReport, error) {
		called <- time.Now()
		return hal.UnlockReport{Pulse: hal.Sent}, nil
	}
	r.opt.Cabinet, r.opt.Log = r.cabinet, nil
	landed := make(chan struct{}, 1)
	r.store.onApply(func(evs []locker.Event) {
		for _, ev := range evs {
			if _, ok := ev.(locker.UnlockDone); ok {
				landed <- struct{}{}
			}
		}
	})
	r.run()
	defer r.stop()
	for changed, _ := r.station.Watch(); !r.station.View().State.Started; <-changed {
	}

	var total time.Duration
	for b.Loop() {
		r.store.set(func() { // before the entry again, but no intent is used twice
			meta := *r.store.state.Meta
			r.store.state.Meta = &meta
			r.store.state.Compartments = state.Compartments
			r.store.state.Deliveries = state.Deliveries
			r.store.records, r.store.batches = nil, nil
		})
		began := time.Now()
		if _, err := r.station.Enter(context.Background(), entry(code)); err != nil {
			b.Fatal(err)
		}
		total += (<-called).Sub(began)
		<-landed
	}
	b.ReportMetric(float64(total.Microseconds())/float64(b.N), "µs/unlock")
}
