// Stationsim is a whole station on a simulated cabinet, in one process, for
// whoever has nothing but Go:
//
//	go run ./cmd/stationsim [flags]
//	go run ./cmd/stationsim soak -pickups N -seed S -faults all
//
// The firmware is the real one (store, Governor, Station, terminal, staff page);
// only cabinet, hands and clock are simulated. It prints the addresses, the
// demo's sign-in, a line "staff token …" and then the line "ready".
//
//	cabinet   http://127.0.0.1:8080/   the drawing: click, jam and unplug it
//	terminal  http://127.0.0.1:8081/   the citizen's screen
//	staff     http://127.0.0.1:8082/   the office's page and API
//
// A port that is busy is replaced by a free one; the printed addresses count.
//
// # The world's API
//
// GET /api/world is everything that the page shows, as JSON; GET
// /api/world/events the same as a stream of events "state". Whatever can be
// done on the page is also a POST of a JSON object:
//
//	/api/world/door           {"compartment":7,"do":"pull"}            pull, close, slam, hold, let_go, pry
//	/api/world/paper          {"compartment":7,"do":"put","paper":"A"} put (without a name: a new envelope), take (everything)
//	/api/world/hands          {"do":"drop","paper":"A"}                throw away what is in the hands; without a name all of it
//	/api/world/fault          {"compartment":7,"fault":"jam","on":true} jam, sticky, loose, bounce, blind; ms: how late, or how long
//	/api/world/sensor         {"compartment":7,"sensor":"door","do":"cut"} door, latch, item; cut, mend, stick_yes, stick_no, free
//	/api/world/board          {"compartment":7,"do":"refuse"}          the next pulse: refuse, lose_answer
//	/api/world/mend           {"compartment":7}                        takes all faults of a compartment away
//	/api/world/mains          {"on":false}                             mains supply; the battery takes over
//	/api/world/supply         {"sag_volts":7}                          lowers the lock supply; 0 restores it
//	/api/world/tamper         {"on":true}                              the case is opened
//	/api/world/adapter        {"plugged":false}                        between controller and lock boards
//	/api/world/clock/pass     {"seconds":86400}                        time passes at once
//	/api/world/clock/jump     {"seconds":-7200}                        the wall clock is set wrong
//	/api/world/clock/synced   {"on":true}                              a time server is there, see below
//	/api/world/controller     {"do":"kill"}                            kill, crash, stop, start, restart
//	/api/world/disk           {"full":true}                            no space for another commit
//	/api/world/scan           {"text":"PS1:…"}                         a QR code is held to the terminal's scanner
//
// The answer is {"ok":true} with what came of it, or {"error":…} with 400 for a
// malformed request, 404 for no such compartment and 409 for what can not be
// done now. An error has changed nothing.
//
// # Killing the controller
//
// "kill" is a power cut: lock supply and controller go off. "crash" is the end
// of the controller's process alone: the lock boards stay alive. In both the
// old Station can reach neither the cabinet (its driver is dead) nor the store
// (no commit passes any more; one that was being written is whole or not there),
// and connections that wait for it break. What can not be simulated in one
// process is the loss of what the operating system had not yet written: that
// is what the store's own tests and the kernel bench are for.
//
// # Time
//
// The wall clock has no time server at the start: set wrong, it is not believed
// any more, and hold periods pause until somebody confirms the time on the staff
// page. With a time server (clock/synced) whatever the clock says is believed.
//
// # What it is not
//
// It takes no configuration of a real station and drives no hardware. It
// listens on the loopback only and asks nobody on the cabinet page who he is:
// it is not for a machine with people one does not trust.
//
// Exit status: 0 after SIGINT or SIGTERM, 1 if it can not run or can not go on,
// 2 for wrong flags, 3 if another instance has the same -state.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"time"
	_ "time/tzdata" // Europe/Berlin on machines without a zone database

	"abholstation/firmware/staff"
	"abholstation/locker"
)

// The exit codes, see the package comment.
const (
	exitOK = iota
	exitFailed
	exitUsage
	exitInUse
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// settings are what the flags say.
type settings struct {
	state        string // directory; "": a temporary one
	compartments int    // 0: as before in this state, else 40
	seed         uint64
	grace        time.Duration
	cost         locker.Cost
	staffCost    staff.Argon // of a password; zero: a real station's
	ports        [3]int      // cabinet, terminal, staff; preferred
	logTo        io.Writer
}

// maxCompartments bounds the drawing.
const maxCompartments = 160

func parseFlags(args []string, stderr io.Writer) (settings, int, bool) {
	s := settings{ports: [3]int{8080, 8081, 8082}, cost: locker.DefaultCost()}
	f := flag.NewFlagSet("stationsim", flag.ContinueOnError)
	f.SetOutput(stderr)
	f.Usage = func() {
		fmt.Fprintln(stderr, "usage: stationsim [flags]\n       stationsim soak [flags]\n\nRuns a whole station on a simulated cabinet. Flags:")
		f.PrintDefaults()
	}
	f.StringVar(&s.state, "state", "", "`directory` that keeps the station between runs (default: a temporary one, removed at the end)")
	f.IntVar(&s.compartments, "compartments", 0, "`number` of compartments, 1 to 160 (default 40)")
	f.DurationVar(&s.grace, "grace", 20*time.Second, "time in which a clerk may still correct; a real station waits 10m")
	f.Uint64Var(&s.seed, "seed", 1, "of the mechanics: bouncing, late doors")
	argon := f.String("argon", "production", "cost of checking a code or a password: \"production\" or \"test\"")
	config := f.String("config", "", "refused: this program never takes a real station's configuration")
	err := f.Parse(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return s, exitOK, false
	case err != nil:
		return s, exitUsage, false
	}
	wrong, zero := "", false
	f.Visit(func(given *flag.Flag) { zero = zero || given.Name == "compartments" && s.compartments == 0 })
	switch {
	case f.NArg() > 0:
		wrong = "unknown argument " + strconv.Quote(f.Arg(0)) + "; there is only the subcommand soak"
	case *config != "":
		wrong = "cannot use " + *config + ": stationsim simulates and takes no configuration of a real station; start that one with stationd -config"
	case zero || s.compartments < 0 || s.compartments > maxCompartments:
		wrong = "-compartments must be 1 to 160"
	case s.grace < time.Second || s.grace > time.Hour:
		wrong = "-grace must be 1s to 1h"
	case *argon == "test":
		s.cost, s.staffCost = locker.TestCost(), staff.Argon{MemoryKiB: 1024, Passes: 1}
	case *argon != "production":
		wrong = "-argon must be production or test"
	}
	if wrong != "" {
		fmt.Fprintln(stderr, "stationsim:", wrong)
		return s, exitUsage, false
	}
	return s, exitOK, true
}

// run is main with everything that a test wants to see.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	if len(args) > 0 && args[0] == "soak" {
		return soak(args[1:], stdout, stderr)
	}
	s, code, ok := parseFlags(args, stderr)
	if !ok {
		return code
	}
	s.logTo = stderr
	return simulate(ctx, s, stdout, stderr)
}

// simulate runs one station until ctx ends.
func simulate(ctx context.Context, s settings, stdout, stderr io.Writer) int {
	if s.state == "" {
		dir, err := os.MkdirTemp("", "stationsim-")
		if err != nil {
			fmt.Fprintln(stderr, "stationsim: cannot make a temporary directory:", err)
			return exitFailed
		}
		defer os.RemoveAll(dir)
		s.state = dir
		fmt.Fprintln(stdout, "Abholstation, simulated. State: temporary, removed at the end (-state DIR keeps it)")
	} else {
		fmt.Fprintln(stdout, "Abholstation, simulated. State:", s.state)
	}
	in, err := install(s)
	if err == nil {
		defer in.close()
		err = in.begin(ctx)
	}
	var used *inUseError
	switch {
	case errors.As(err, &used):
		fmt.Fprintln(stderr, "stationsim:", err)
		return exitInUse
	case err != nil:
		fmt.Fprintln(stderr, "stationsim:", err)
		return exitFailed
	}
	in.greet(stdout)
	<-ctx.Done()
	fmt.Fprintln(stdout, "ending in order …")
	if err := in.end(); err != nil {
		fmt.Fprintln(stderr, "stationsim:", err)
		return exitFailed
	}
	return exitOK
}
