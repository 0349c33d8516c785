package scenario_test

import (
	"testing"

	"abholstation/firmware/scenario"
)

func BenchmarkPickups(b *testing.B) {
	r, err := scenario.Soak(scenario.Options{Pickups: b.N, Seed: 1, Faults: true})
	if err != nil {
		b.Fatal(err)
	}
	for _, v := range r.Found {
		b.Error(v)
	}
}
