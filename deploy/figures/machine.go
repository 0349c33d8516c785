package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// scratchSize is the size of the file system of its own; it is sparse.
const scratchSize = 1 << 30

// begin makes the scratch directory and builds the program.
func (b *bench) begin() (done func(), err error) {
	root, err := filepath.Abs("deploy/out")
	if err != nil {
		return nil, err
	}
	temp, err := os.MkdirTemp(root, "figures-")
	if err != nil {
		return nil, err
	}
	b.temp, b.dir, b.sim = temp, temp, filepath.Join(temp, "stationsim")
	if out, err := exec.CommandContext(b.ctx, "go", "build", "-o", b.sim, "./cmd/stationsim").CombinedOutput(); err != nil {
		os.RemoveAll(temp)
		return nil, fmt.Errorf("cannot build stationsim: %w\n%s", err, out)
	}
	undo := b.ownDisk(temp)
	return func() {
		undo()
		os.RemoveAll(temp)
	}, nil
}

// ownDisk mounts a file system that nobody else writes to, if this is allowed.
func (b *bench) ownDisk(temp string) (undo func()) {
	nothing := func() {}
	image, at := filepath.Join(temp, "disk.img"), filepath.Join(temp, "disk")
	if os.Geteuid() != 0 || os.Mkdir(at, 0o700) != nil {
		return nothing
	}
	f, err := os.Create(image)
	if err != nil {
		return nothing
	}
	err = errors.Join(f.Truncate(scratchSize), f.Close())
	if err == nil {
		err = exec.CommandContext(b.ctx, "mkfs.ext4", "-q", "-E", "lazy_itable_init=0,lazy_journal_init=0", image).Run()
	}
	if err == nil {
		err = exec.CommandContext(b.ctx, "mount", "-o", "loop,lazytime", image, at).Run()
	}
	if err != nil {
		b.say("no file system of its own (%v): others may write to the device that is counted", err)
		return nothing
	}
	b.dir, b.own = at, true
	return func() {
		if err := exec.Command("umount", at).Run(); err != nil {
			b.say("cannot unmount %s: %v", at, err)
		}
	}
}

// machine says where the figures come from.
func machine() string {
	model := "unknown processor"
	if raw, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for line := range strings.Lines(string(raw)) {
			if k, v, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(k) == "model name" {
				model = strings.TrimSpace(v)
				break
			}
		}
	}
	load := "?"
	if raw, err := os.ReadFile("/proc/loadavg"); err == nil {
		load = strings.Fields(string(raw))[0]
	}
	return fmt.Sprintf("%s, %d cores, %s %s/%s, load at the end %s, %s",
		model, runtime.NumCPU(), runtime.Version(), runtime.GOOS, runtime.GOARCH, load, time.Now().UTC().Format("2006-01-02 15:04 UTC"))
}

// ticks is what a process has used of the processors.
func ticks(pid int) (time.Duration, error) {
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	// Behind the name, which may have spaces: state is field 3, utime 14, stime 15.
	fields := strings.Fields(string(raw[bytes.LastIndexByte(raw, ')')+1:]))
	if len(fields) < 13 {
		return 0, errors.New("cannot read /proc/PID/stat")
	}
	u, err := strconv.Atoi(fields[11])
	s, err2 := strconv.Atoi(fields[12])
	const perSecond = 100 // USER_HZ, the same on every Linux that Go runs on
	return time.Duration(u+s) * time.Second / perSecond, errors.Join(err, err2)
}

// procValue reads one number of a file of /proc.
func procValue(path, name string) (int64, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(raw)) {
		if v, ok := strings.CutPrefix(line, name+":"); ok {
			return strconv.ParseInt(strings.Fields(v)[0], 10, 64)
		}
	}
	return 0, fmt.Errorf("%s has no %s", path, name)
}

// counters are the three ways to count what was written.
type counters struct {
	handed  int64 // to write(2) and its like by this process: pages of bbolt and heads
	cached  int64 // memory that this process has made dirty (write_bytes)
	device  int64 // that have reached the block device, from everybody
	times   int64 // of these, what the file system wrote for itself at the end: mostly its journal with the files' times
	commits int64
}

func (a counters) since(b counters) counters {
	return counters{a.handed - b.handed, a.cached - b.cached, a.device - b.device, a.times - b.times, a.commits - b.commits}
}

// count reads the counters. It makes the data of every file durable first, then
// the rest of the file system, whose share is counted apart: mounted with
// lazytime, it is written once a day.
func count(dir string, before counters) (c counters, err error) {
	c = before
	if err := datasync(dir); err != nil {
		return c, err
	}
	synced, err := deviceBytes(dir)
	if err != nil {
		return c, err
	}
	d, err := os.Open(dir)
	if err != nil {
		return c, err
	}
	defer d.Close()
	if err := unix.Syncfs(int(d.Fd())); err != nil {
		return c, err
	}
	if c.device, err = deviceBytes(dir); err != nil {
		return c, err
	}
	c.times += c.device - synced
	var err1, err2 error
	c.handed, err1 = procValue("/proc/self/io", "wchar")
	c.cached, err2 = procValue("/proc/self/io", "write_bytes")
	return c, errors.Join(err1, err2)
}

func datasync(dir string) error {
	files, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range files {
		if !e.Type().IsRegular() {
			continue
		}
		f, err := os.Open(filepath.Join(dir, e.Name()))
		if err != nil {
			return err
		}
		err = unix.Fdatasync(int(f.Fd()))
		f.Close()
		if err != nil {
			return err
		}
	}
	return nil
}

// deviceBytes is what has been written to the device that holds dir.
func deviceBytes(dir string) (int64, error) {
	var st unix.Stat_t
	if err := unix.Stat(dir, &st); err != nil {
		return 0, err
	}
	raw, err := os.ReadFile(fmt.Sprintf("/sys/dev/block/%d:%d/stat", unix.Major(st.Dev), unix.Minor(st.Dev)))
	if err != nil {
		return 0, err
	}
	sectors, err := strconv.ParseInt(strings.Fields(string(raw))[6], 10, 64) // Documentation/block/stat.rst
	return sectors * 512, err
}
