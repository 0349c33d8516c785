package scenario_test

import (
	"maps"
	"testing"

	"abholstation/firmware/scenario"
)

func soak(t testing.TB, o scenario.Options) *scenario.Report {
	t.Helper()
	r, err := scenario.Soak(o)
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range r.Found {
		t.Errorf("seed %d: %s", o.Seed, v)
	}
	return r
}

func TestNobodyLosesAnythingWhateverFails(t *testing.T) {
	happened := map[string]int{}
	for seed := uint64(1); seed <= 2; seed++ {
		r := soak(t, scenario.Options{Pickups: 30, Seed: seed, Faults: true, Often: true, Dir: t.TempDir()})
		t.Logf("%s", r.JSON())
		for k, n := range r.Counts {
			happened[k] += n
		}
	}
	for _, k := range []string{
		"power cut in a pulse", "took nothing", "something left inside", "wrong factor", "wrong code tried", "used code tried again",
		"clerk closed an empty door", "opened again", "log: delivery.collected unverified", "cancelled", "code reissued",
	} {
		if happened[k] == 0 {
			t.Errorf("never happened: %s", k)
		}
	}
}

func TestWithoutFaultsNothingIsInDispute(t *testing.T) {
	r := soak(t, scenario.Options{Pickups: 20, Seed: 4, Dir: t.TempDir()})
	for _, what := range []string{"log: door.forced", "log: door.not_opened", "log: delivery.lost", "excused: nobody could see (claimed)"} {
		if n := r.Counts[what]; n > 0 {
			t.Errorf("%s: %d", what, n)
		}
	}
}

func TestTheSameSeedIsTheSameRun(t *testing.T) {
	o := scenario.Options{Pickups: 8, Seed: 7, Faults: true}
	a, b := soak(t, o), soak(t, o)
	if a.Hash != b.Hash {
		t.Errorf("one run has the hash %s, the other %s", a.Hash, b.Hash)
	}
	if !maps.Equal(a.Counts, b.Counts) {
		t.Errorf("one run counts\n%s, the other\n%s", a.Table(), b.Table())
	}
}

func BenchmarkPickups(b *testing.B) {
	soak(b, scenario.Options{Pickups: b.N, Seed: 1, Faults: true})
}
