package firmware_test

import (
	"path/filepath"
	"testing"
	"time"

	"abholstation/locker"
	"abholstation/locker/store"
)

// open is the real store in place of the memory.
func (r *rig) open(path string) *store.Store {
	r.Helper()
	wall, synced := r.clock.Wall()
	st, _, err := store.Open(store.Options{
		Path: path, Station: "test", Rules: r.rules, Key: [32]byte{1}, Signer: r.opt.Signer,
		Now: locker.Now{Wall: wall, Synced: synced},
	})
	if err != nil {
		r.Fatal(err)
	}
	r.opt.Store = st
	return st
}

func TestADeliverySurvivesARestartOnDisk(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store.db")
	bubble(t, func(r *rig) {
		st := r.open(path)
		r.start()
		id, n, slip := r.ready("A-1")
		mono := r.station.View().Now.Mono
		r.stop()
		if err := st.Close(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour) // without power

		st = r.open(path)
		defer st.Close()
		r.regovern()
		r.start()
		defer r.stop()
		if d := r.delivery(id); d.State != locker.Ready || d.Compartment != n {
			t.Fatalf("after the restart: %+v", d)
		}
		if now := r.station.View().Now.Mono; now < mono || now > mono+time.Minute {
			t.Errorf("powered-on time went from %v to %v", mono, now)
		}
		a := r.must(r.station.Enter(ctx, entry(slip.Code)))
		if a.Compartment != n {
			t.Errorf("opened %d", a.Compartment)
		}
		time.Sleep(time.Second)
		page, err := r.station.History(ctx, 0, 1000)
		if err != nil || len(page) < 8 {
			t.Errorf("%d entries, %v", len(page), err)
		}
		if st.LastCheckpoint() == nil {
			t.Error("no checkpoint was made at the end")
		}
	})
}
