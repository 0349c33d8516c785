package store_test

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"abholstation/locker"
	"abholstation/locker/store"
)

var million = flag.Bool("million", false, "BenchmarkApply also with 1 000 000 entries")

// filled is a store with so many entries, 100 compartments and 500 deliveries.
func filled(b *testing.B, entries int) (store.Options, *store.Store) {
	o := options(b.TempDir())
	o.Rules, o.MaxSize = fake{100}, 1<<30
	s := open(b, o)
	var events []locker.Event
	for i := range 500 {
		events = append(events, announce(fmt.Sprintf("2026-%06d", i)))
	}
	for i := range 100 {
		events = append(events, locker.Load{By: "staff:9f3c", Delivery: locker.DeliveryID(i + 1), Compartment: i + 1})
	}
	if entries > 600 {
		apply(b, s, 0, events...)
	} else {
		apply(b, s, 0, events[0], locker.Load{By: "staff:9f3c", Delivery: 1, Compartment: 1})
	}
	note := make([]locker.Event, 500)
	for i := range note {
		note[i] = locker.StaffNote{By: "staff:9f3c", Type: "staff.signed_in"}
	}
	for int(s.Identity().Seq) < entries {
		apply(b, s, 1, note[:min(len(note), entries-int(s.Identity().Seq))]...)
		if _, _, err := s.Checkpoint(at(1)); err != nil {
			b.Fatal(err)
		}
	}
	return o, s
}

func sizes() []int {
	if *million {
		return []int{100, 100_000, 1_000_000}
	}
	return []int{100, 100_000}
}

// written is what this process has caused to be written to storage.
func written(b *testing.B) int {
	f, err := os.ReadFile("/proc/self/io")
	if err != nil {
		b.Fatal(err)
	}
	for line := range strings.Lines(string(f)) {
		if n, ok := strings.CutPrefix(line, "write_bytes: "); ok {
			v, _ := strconv.Atoi(strings.TrimSpace(n))
			return v
		}
	}
	return 0
}

// device is what has been written to the block device that holds dir, by
// everybody; 0 where there is none.
func device(b *testing.B, dir string) int {
	unix.Sync()
	var st unix.Stat_t
	if err := unix.Stat(dir, &st); err != nil {
		b.Fatal(err)
	}
	f, err := os.ReadFile(fmt.Sprintf("/sys/dev/block/%d:%d/stat", unix.Major(st.Dev), unix.Minor(st.Dev)))
	if err != nil {
		return 0
	}
	sectors, _ := strconv.Atoi(strings.Fields(string(f))[6]) // Documentation/block/stat.rst
	return sectors * 512
}

// BenchmarkApply is one step of a pickup: delivery, compartment, counters and
// two records.
func BenchmarkApply(b *testing.B) {
	for _, n := range sizes() {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			_, s := filled(b, n)
			before, io := s.Raw().Stats().TxStats, written(b)
			i := 0
			for b.Loop() {
				if i++; i%33 == 0 {
					if _, _, err := s.Checkpoint(at(i)); err != nil {
						b.Fatal(err)
					}
				}
				apply(b, s, i, locker.Present{Session: 1})
			}
			after := s.Raw().Stats().TxStats
			b.ReportMetric(float64(after.GetPageAlloc()-before.GetPageAlloc())/float64(b.N), "pagebytes/op")
			b.ReportMetric(float64(written(b)-io)/float64(b.N), "written/op")
		})
	}
}

// BenchmarkPickup is three such steps and a checkpoint. dev-KiB/op is true only
// if nothing else writes to the device.
func BenchmarkPickup(b *testing.B) {
	for _, n := range sizes() {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			o, s := filled(b, n)
			dev, io, i := device(b, o.Path), written(b), 0
			for b.Loop() {
				i++
				for range 3 {
					apply(b, s, i, locker.Present{Session: uint64(1 + i%min(100, len(s.State().Deliveries)))})
				}
				if _, _, err := s.Checkpoint(at(i)); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(written(b)-io)/float64(b.N)/1024, "proc-KiB/op")
			b.ReportMetric(float64(device(b, o.Path)-dev)/float64(b.N)/1024, "dev-KiB/op")
		})
	}
}

func BenchmarkVerify(b *testing.B) {
	_, s := filled(b, 100_000)
	for b.Loop() {
		if rep, err := s.Verify(context.Background(), nil); err != nil || !rep.OK() {
			b.Fatal(rep, err)
		}
	}
	b.ReportMetric(100_000*float64(b.N)/b.Elapsed().Seconds(), "entries/s")
}

func BenchmarkProof(b *testing.B) {
	_, s := filled(b, 100_000)
	seq := uint64(0)
	for b.Loop() {
		if _, err := s.Prove(1 + seq*7919%100_000); err != nil {
			b.Fatal(err)
		}
		seq++
	}
}

func BenchmarkOpen(b *testing.B) {
	o, s := filled(b, 100_000)
	s.Close()
	for b.Loop() {
		s, opening, err := store.Open(o)
		if err != nil || opening.Damaged {
			b.Fatal(opening, err)
		}
		s.Close()
	}
}

// BenchmarkCheck is bbolt's own check, for comparison with what Open does.
func BenchmarkCheck(b *testing.B) {
	_, s := filled(b, 100_000)
	for b.Loop() {
		tx, err := s.Raw().Begin(false)
		if err != nil {
			b.Fatal(err)
		}
		for err := range tx.Check() {
			b.Fatal(err)
		}
		_ = tx.Rollback()
	}
}

func BenchmarkBackup(b *testing.B) {
	_, s := filled(b, 100_000)
	for b.Loop() {
		var buf bytes.Buffer
		if err := s.Backup(&buf); err != nil {
			b.Fatal(err)
		}
	}
}
