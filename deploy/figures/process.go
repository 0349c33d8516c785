package main

import (
	"bufio"
	"context"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// simulation is a running stationsim.
type simulation struct {
	cmd      *exec.Cmd
	terminal string
	took     time.Duration // from exec to the line "ready"
}

// launch starts stationsim and waits for ready.
func (b *bench) launch(args ...string) (*simulation, error) {
	s := &simulation{cmd: exec.CommandContext(b.ctx, b.sim, args...)}
	s.cmd.Stderr = b.notes
	out, err := s.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	began := time.Now()
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		f := strings.Fields(lines.Text())
		switch {
		case len(f) > 1 && f[0] == "terminal":
			s.terminal = f[1]
		case len(f) == 1 && f[0] == "ready":
			s.took = time.Since(began)
			go func() { _, _ = io.Copy(io.Discard, out) }() // ends with the process
			return s, nil
		}
	}
	return nil, errors.Join(errors.New("stationsim ended without ready"), s.cmd.Wait())
}

func (s *simulation) stop() error {
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	return s.cmd.Wait()
}

// startToReady starts stationsim several times on a station with a long log.
func startToReady(b *bench) ([]figure, error) {
	const tries, entries = 7, 100_000
	state := filepath.Join(b.dir, "start")
	s, err := b.launch("-state", state)
	if err != nil {
		return nil, err
	}
	if err := s.stop(); err != nil {
		return nil, err
	}
	v, n, err := vaultOf(state)
	if err != nil {
		return nil, err
	}
	if err := b.grow(v, filepath.Join(state, "station.db"), n, entries); err != nil {
		return nil, err
	}
	var took []time.Duration
	for range tries {
		if s, err = b.launch("-state", state); err != nil {
			return nil, err
		}
		took = append(took, s.took)
		if err := s.stop(); err != nil {
			return nil, err
		}
	}
	m := median(took)
	return []figure{{
		name: "start to ready, 100 000 entries", goal: "<= 300 ms", measured: round(m).String(), ok: m <= 300*time.Millisecond,
		how: fmt.Sprintf("exec of stationsim to its line \"ready\", 40 compartments, first scan of the simulated bus included, files in the page cache; median of %d", tries),
	}}, nil
}

// vaultOf reads the demo's keys that stationsim has left.
func vaultOf(state string) (v vault, compartments int, err error) {
	raw, err := os.ReadFile(filepath.Join(state, "demo.json"))
	if err != nil {
		return v, 0, err
	}
	var d struct {
		Compartments int    `json:"compartments"`
		StoreKey     []byte `json:"store_key"`
		SignerSeed   []byte `json:"signer_seed"`
	}
	if err := json.Unmarshal(raw, &d); err != nil {
		return v, 0, err
	}
	if len(d.StoreKey) != len(v.key) || len(d.SignerSeed) != ed25519.SeedSize {
		return v, 0, errors.New("demo.json has no keys")
	}
	copy(v.key[:], d.StoreKey)
	v.signer = ed25519.NewKeyFromSeed(d.SignerSeed)
	return v, d.Compartments, nil
}

// idle looks at a station to which nothing happens.
func idle(b *bench) ([]figure, error) {
	const settle, watched = 15 * time.Second, 40 * time.Second
	state := filepath.Join(b.dir, "idle")
	// The first start makes passwords, which costs argon2 and its memory.
	s, err := b.launch("-state", state, "-compartments", "160")
	if err == nil {
		err = s.stop()
	}
	if err == nil {
		s, err = b.launch("-state", state)
	}
	if err != nil {
		return nil, err
	}
	pid := s.cmd.Process.Pid
	b.pause(settle)
	before, err := ticks(pid)
	if err != nil {
		return nil, err
	}
	began := time.Now()
	b.pause(watched)
	after, err := ticks(pid)
	wall := time.Since(began)
	anon, err2 := procValue(fmt.Sprintf("/proc/%d/status", pid), "RssAnon")
	if err := errors.Join(err, err2, s.stop()); err != nil {
		return nil, err
	}
	share := 100 * float64(after-before) / float64(wall)
	return []figure{
		{
			name: "160 compartments idle, CPU", goal: "<= 1 % of a core", measured: fmt.Sprintf("%.2f %%", share), ok: share <= 1,
			how: fmt.Sprintf("utime + stime of stationsim -compartments 160 over %s, no page open; the simulated cabinet is in it", wall.Round(time.Second)),
		},
		{
			name: "160 compartments idle, RssAnon", goal: "<= 40 MiB", measured: fmt.Sprintf("%.1f MiB", float64(anon)/1024), ok: anon <= 40*1024,
			how: fmt.Sprintf("/proc/PID/status %s after ready, second start (no argon2 has run); the simulated cabinet is in it", (settle + watched).Round(time.Second)),
		},
	}, nil
}

func (b *bench) pause(d time.Duration) {
	select {
	case <-b.ctx.Done():
	case <-time.After(d):
	}
}

// pageBytes adds up what a browser loads.
func pageBytes(b *bench) ([]figure, error) {
	s, err := b.launch()
	if err != nil {
		return nil, err
	}
	sizes, err := loadedBytes(b.ctx, s.terminal)
	if err := errors.Join(err, s.stop()); err != nil {
		return nil, err
	}
	sum := sizes[0] + sizes[1] + sizes[2]
	return []figure{{
		name: "terminal page", goal: "<= 60 KiB", measured: fmt.Sprintf("%.1f KiB", float64(sum)/1024), ok: sum <= 60<<10,
		how: fmt.Sprintf("bodies as sent, uncompressed: HTML of the code screen %d, app.js %d, app.css %d bytes", sizes[0], sizes[1], sizes[2]),
	}}, nil
}

func loadedBytes(ctx context.Context, base string) (sizes [3]int, err error) {
	// The code screen has the keypad: it is one of the largest.
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, base+"input", strings.NewReader(`{"key":"ok"}`))
	if err != nil {
		return sizes, err
	}
	req.Header.Set("Content-Type", "application/json")
	r, err := http.DefaultClient.Do(req)
	if err != nil {
		return sizes, err
	}
	r.Body.Close()
	for i, name := range []string{"", "app.js", "app.css"} {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, base+name, nil)
		if err != nil {
			return sizes, err
		}
		r, err := http.DefaultClient.Do(req)
		if err != nil {
			return sizes, err
		}
		n, err := io.Copy(io.Discard, r.Body)
		r.Body.Close()
		if err != nil || r.StatusCode != http.StatusOK {
			return sizes, fmt.Errorf("cannot load /%s: status %d: %w", name, r.StatusCode, err)
		}
		sizes[i] = int(n)
	}
	return sizes, nil
}

// unlockCall runs the benchmark in package firmware.
func unlockCall(b *bench) ([]figure, error) {
	out, err := exec.CommandContext(b.ctx, "go", "test", "-run", "^$", "-bench", "BenchmarkValidCodeToUnlock", "-benchtime", "500x", "./firmware").CombinedOutput()
	if err != nil {
		return nil, fmt.Errorf("%w\n%s", err, out)
	}
	f := strings.Fields(string(out))
	for i, word := range f {
		if word != "µs/unlock" {
			continue
		}
		us, err := strconv.ParseFloat(f[i-1], 64)
		if err != nil {
			return nil, err
		}
		return []figure{{
			name: "valid code to unlock call", goal: "<= 5 ms", measured: fmt.Sprintf("%.2f ms", us/1000), ok: us <= 5000,
			how: "Station.Enter to hal's Unlock, mean of 500, 608 live codes, store in memory, argon2 at its test cost: without commit and argon2",
		}}, nil
	}
	return nil, fmt.Errorf("the benchmark has printed no result:\n%s", out)
}

// soak runs the long simulated run.
func soak(b *bench) ([]figure, error) {
	cmd := exec.CommandContext(b.ctx, b.sim, "soak", "-pickups", "10000", "-seed", "1", "-faults", "all")
	var out strings.Builder
	cmd.Stdout = &out
	began := time.Now()
	failed := cmd.Run()
	took := time.Since(began)
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	var r struct {
		Pickups    int `json:"pickups"`
		Violations int `json:"violations"`
		Faults     any `json:"faults"`
	}
	if err := json.Unmarshal([]byte(lines[len(lines)-1]), &r); err != nil || r.Pickups == 0 {
		return nil, errors.Join(errors.New("the soak has printed no result"), failed)
	}
	return []figure{{
		name: "soak, 10 000 pickups", goal: "<= 60 s", measured: took.Round(100 * time.Millisecond).String(), ok: took <= time.Minute && r.Violations == 0,
		how: fmt.Sprintf("stationsim soak -seed 1 -faults all: %d pickups, faults %v, violations %d, %s of processor time; argon2 at its test cost",
			r.Pickups, r.Faults, r.Violations, (cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()).Round(100*time.Millisecond)),
	}}, nil
}
