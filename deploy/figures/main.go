// Figures measures what the project promises about its speed and size, and
// prints it beside the goals. deploy/figures.sh builds and starts it in the
// root of the repository.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"text/tabwriter"
)

// A figure is one line of the table.
type figure struct {
	name, goal string
	measured   string
	ok         bool
	how        string
}

// A measurement fills one or more lines. It begins with the names of its lines,
// so that they are in the table even if it fails.
type measurement struct {
	word  string
	lines []figure
	run   func(*bench) ([]figure, error)
}

// bench is where everything is measured.
type bench struct {
	ctx   context.Context
	temp  string // scratch, on the disk of the repository
	dir   string // scratch, on a file system of its own if possible
	own   bool   // dir is a file system of its own
	sim   string // path of the stationsim program
	notes io.Writer
}

func (b *bench) say(format string, a ...any) { fmt.Fprintf(b.notes, format+"\n", a...) }

func measurements() []measurement {
	return []measurement{
		{"unlock", []figure{{name: "valid code to unlock call", goal: "<= 5 ms"}}, unlockCall},
		{"start", []figure{{name: "start to ready, 100 000 entries", goal: "<= 300 ms"}}, startToReady},
		{"idle", []figure{{name: "160 compartments idle, CPU", goal: "<= 1 % of a core"}, {name: "160 compartments idle, RssAnon", goal: "<= 40 MiB"}}, idle},
		{"written", []figure{{name: "written by a pickup", goal: "<= 100 KiB"}, {name: "written by a lifecycle", goal: "<= 300 KiB"}, {name: "terminal shows a change", goal: "<= 100 ms"}}, lifecycles},
		{"page", []figure{{name: "terminal page", goal: "<= 60 KiB"}}, pageBytes},
		{"apply", []figure{{name: "Apply, 1 000 000 : 100 entries", goal: "<= 1.2 x"}}, applyRatio},
		{"soak", []figure{{name: "soak, 10 000 pickups", goal: "<= 60 s"}}, soak},
	}
}

func main() {
	only := flag.String("only", "", "measure only what has this `word` in its name: unlock, start, idle, written, page, apply, soak")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, *only, os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "figures:", err)
		os.Exit(1)
	}
}

// run measures everything and prints the table; its error says what could not
// be measured.
func run(ctx context.Context, only string, out, notes io.Writer) error {
	b := &bench{ctx: ctx, notes: notes}
	done, err := b.begin()
	if err != nil {
		return err
	}
	defer done()
	var lines []figure
	var failed error
	for _, m := range measurements() {
		if only != "" && !strings.Contains(m.word, only) {
			continue
		}
		b.say("measuring: %s", m.word)
		got, err := m.run(b)
		if err != nil {
			failed = errors.Join(failed, fmt.Errorf("cannot measure %s: %w", m.word, err))
			got = m.lines
			for i := range got {
				got[i].measured = notMeasured
			}
		}
		lines = append(lines, got...)
	}
	table(out, lines)
	return failed
}

// table prints the figures, and below it how each was measured.
func table(out io.Writer, lines []figure) {
	fmt.Fprintln(out, machine())
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "\n\tfigure\tgoal\tmeasured\t")
	for i, l := range lines {
		verdict := "ok"
		switch {
		case l.measured == notMeasured:
			verdict = "-"
		case !l.ok:
			verdict = "MISSED"
		}
		fmt.Fprintf(w, "%d\t%s\t%s\t%s\t%s\n", i+1, l.name, l.goal, l.measured, verdict)
	}
	w.Flush()
	fmt.Fprintln(out, "\nhow:")
	for i, l := range lines {
		if l.how != "" {
			fmt.Fprintf(out, "%2d  %s.\n", i+1, l.how)
		}
	}
}

const notMeasured = "not measured"
