// Command mutants breaks one rule of the station at a time and has the soak find
// it. A rule whose breaking nobody notices is not tested.
//
// Each *.mutant file says what is broken and where: blocks of "file:", the text to
// replace (which must be there exactly once) and the text that takes its place; a
// block that ends in "--- end inline" replaces parts of lines. The tree itself is
// not touched: the compiler is given the changed files as an overlay.
//
// Exit codes: 0 every mutant was found, 1 one was not, 2 one could not be made.
package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"time"
)

type change struct{ file, from, to string }

type mutant struct {
	name, what string
	changes    []change
}

type result struct {
	found bool
	line  string
	err   error
}

func main() {
	pickups := flag.Int("pickups", 10_000, "how long the soak may look for each")
	seed := flag.Uint64("seed", 1, "of the soak")
	jobs := flag.Int("jobs", 2, "at once")
	only := flag.String("only", "", "run only mutants whose name has this in it")
	flag.Parse()
	os.Exit(run(*pickups, *seed, *jobs, *only))
}

func run(pickups int, seed uint64, jobs int, only string) int {
	files, err := filepath.Glob("deploy/mutants/*.mutant")
	if err != nil || len(files) == 0 {
		fmt.Fprintln(os.Stderr, "cannot find deploy/mutants/*.mutant: run this at the root of the project")
		return 2
	}
	temp, err := os.MkdirTemp("", "mutants-")
	if err != nil {
		fmt.Fprintln(os.Stderr, "cannot make a directory:", err)
		return 2
	}
	defer os.RemoveAll(temp)
	var mutants []mutant
	for _, f := range files {
		if !strings.Contains(f, only) {
			continue
		}
		m, err := read(f)
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 2
		}
		mutants = append(mutants, m)
	}
	results := make([]result, len(mutants))
	var wait sync.WaitGroup
	places := make(chan bool, max(1, jobs))
	for i, m := range mutants {
		wait.Add(1)
		go func() {
			defer wait.Done()
			places <- true
			defer func() { <-places }()
			began := time.Now()
			results[i] = m.hunt(temp, pickups, seed)
			fmt.Fprintf(os.Stderr, "%s: %.0f s\n", m.name, time.Since(began).Seconds())
		}()
	}
	wait.Wait()
	return table(mutants, results)
}

func table(mutants []mutant, results []result) int {
	code := 0
	for i, m := range mutants {
		r := results[i]
		switch {
		case r.err != nil:
			code = 2
			fmt.Printf("%-28s ERROR  %v\n", m.name, r.err)
		case !r.found:
			code = max(code, 1)
			fmt.Printf("%-28s MISSED %s\n", m.name, m.what)
		default:
			fmt.Printf("%-28s found  %s\n%35s %s\n", m.name, m.what, "", r.line)
		}
	}
	return code
}

// read parses a mutant and checks that it fits the tree.
func read(path string) (mutant, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return mutant{}, err
	}
	m := mutant{name: strings.TrimSuffix(filepath.Base(path), ".mutant")}
	var c change
	var into *string
	for line := range strings.Lines(string(b)) {
		word := strings.TrimSuffix(line, "\n")
		switch {
		case word == "--- replace":
			into = &c.from
		case word == "--- by":
			into = &c.to
		case word == "--- end", word == "--- end inline":
			if word == "--- end inline" {
				c.from, c.to = strings.TrimSuffix(c.from, "\n"), strings.TrimSuffix(c.to, "\n")
			}
			m.changes = append(m.changes, c)
			c, into = change{file: c.file}, nil
		case into != nil:
			*into += line
		case strings.HasPrefix(word, "what: "):
			m.what = word[len("what: "):]
		case strings.HasPrefix(word, "file: "):
			c.file = word[len("file: "):]
		case word != "":
			return m, fmt.Errorf("cannot read %s: %q is none of what:, file:, --- replace, --- by, --- end", path, word)
		}
	}
	if m.what == "" || len(m.changes) == 0 {
		return m, fmt.Errorf("cannot read %s: it breaks nothing", path)
	}
	_, err = m.apply()
	return m, err
}

// apply returns the changed files.
func (m mutant) apply() (map[string]string, error) {
	out := map[string]string{}
	for _, c := range m.changes {
		text, ok := out[c.file]
		if !ok {
			b, err := os.ReadFile(c.file)
			if err != nil {
				return nil, fmt.Errorf("cannot make mutant %s: %w", m.name, err)
			}
			text = string(b)
		}
		if n := strings.Count(text, c.from); n != 1 {
			return nil, fmt.Errorf("cannot make mutant %s: the text to replace is %d times in %s, not once; it begins %.60q", m.name, n, c.file, c.from)
		}
		out[c.file] = strings.Replace(text, c.from, c.to, 1)
	}
	return out, nil
}

// violation is a line of the soak about a broken rule. That something never
// happened in a run ("soak") is no rule of the station.
var violation = regexp.MustCompile(`(?m)^violation: \S+ \S+ (?:[^s]|s[^o]).*$`)

// hunt builds the mutant and lets the soak look for it.
func (m mutant) hunt(temp string, pickups int, seed uint64) result {
	files, err := m.apply()
	if err != nil {
		return result{err: err}
	}
	overlay := map[string]map[string]string{"Replace": {}}
	for name, text := range files {
		changed := filepath.Join(temp, m.name+"-"+strings.ReplaceAll(name, "/", "_"))
		if err := os.WriteFile(changed, []byte(text), 0o600); err != nil {
			return result{err: err}
		}
		abs, err := filepath.Abs(name)
		if err != nil {
			return result{err: err}
		}
		overlay["Replace"][abs] = changed
	}
	b, err := json.Marshal(overlay)
	if err != nil {
		return result{err: err}
	}
	list, binary := filepath.Join(temp, m.name+".json"), filepath.Join(temp, m.name)
	if err := os.WriteFile(list, b, 0o600); err != nil {
		return result{err: err}
	}
	if out, err := exec.Command("go", "build", "-overlay", list, "-o", binary, "./cmd/stationsim").CombinedOutput(); err != nil {
		return result{err: fmt.Errorf("does not compile: %s", bytes.TrimSpace(out))}
	}
	defer os.Remove(binary)
	out, err := exec.Command(binary, "soak", "-pickups", fmt.Sprint(pickups), "-seed", fmt.Sprint(seed), "-faults", "all", "-stop").Output()
	line := strings.TrimPrefix(violation.FindString(string(out)), "violation: ")
	var exit *exec.ExitError
	if err != nil && (!errors.As(err, &exit) || exit.ExitCode() != 1) {
		return result{err: fmt.Errorf("the soak failed: %w", err)}
	}
	return result{found: line != "", line: line}
}
