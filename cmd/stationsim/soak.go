package main

import (
	"flag"
	"fmt"
	"io"
	"runtime/debug"

	"abholstation/firmware/scenario"
)

// soak is the long simulated run: whole lifecycles in virtual time, with or
// without injected faults. It returns 0 when no rule was broken, 1 when one was,
// and 2 when the run itself could not be made. The last line on stdout is one
// JSON object.
func soak(args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("stationsim soak", flag.ContinueOnError)
	flags.SetOutput(stderr)
	pickups := flags.Int("pickups", 10_000, "documents that citizens take home before the run ends")
	seed := flags.Uint64("seed", 1, "decides everything; the same seed gives the same run")
	faults := flags.String("faults", "all", "all or none")
	stop := flags.Bool("stop", false, "end at the first violation")
	dir := flags.String("dir", "", "where the store lies (default: a directory of its own in /dev/shm)")
	trace := flags.Bool("trace", false, "write every audit record and what people do to stderr")
	if err := flags.Parse(args); err != nil {
		return 2
	}
	if flags.NArg() > 0 || *pickups < 1 || *faults != "all" && *faults != "none" {
		fmt.Fprintln(stderr, "stationsim soak: -pickups is 1 or more, -faults is all or none, and there are no further arguments")
		return 2
	}
	// One goroutine does all the work: memory is cheaper than its time.
	defer debug.SetGCPercent(debug.SetGCPercent(4000))
	fmt.Fprintf(stdout, "soak: %d pickups, seed %d, faults %s; argon2 at its smallest cost, clock and cabinet simulated, store on disk\n", *pickups, *seed, *faults)
	o := scenario.Options{
		Pickups: *pickups, Seed: *seed, Faults: *faults == "all", Stop: *stop, Dir: *dir, Progress: stderr,
	}
	if *trace {
		o.Trace = stderr
	}
	r, err := scenario.Soak(o)
	if err != nil {
		fmt.Fprintln(stderr, "stationsim soak:", err)
		return 2
	}
	fmt.Fprint(stdout, r.Table())
	for _, v := range r.Found {
		fmt.Fprintln(stdout, "violation:", v)
	}
	if !r.OK() {
		fmt.Fprintf(stdout, "replay: go run ./cmd/stationsim soak -pickups %d -seed %d -faults %s\n", *pickups, *seed, *faults)
	}
	fmt.Fprintln(stdout, r.JSON())
	if !r.OK() {
		return 1
	}
	return 0
}
