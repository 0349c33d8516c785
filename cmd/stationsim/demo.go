package main

import (
	"crypto/ecdh"
	"crypto/ed25519"
	"crypto/hpke"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"abholstation/locker"
)

// demo is what a simulated station's directory holds beside the store: secrets
// that a real station keeps elsewhere, in one file that only its owner reads.
type demo struct {
	Simulated    bool   `json:"simulated"` // always true; nothing real is in here
	Compartments int    `json:"compartments"`
	Commissioned bool   `json:"commissioned"` // every compartment was looked into
	Pepper       []byte `json:"pepper"`
	StoreKey     []byte `json:"store_key"`
	SignerSeed   []byte `json:"signer_seed"`
	Notifier     []byte `json:"notifier"` // the office's private key: the phone messages are opened with it
	Password     string `json:"password"` // of the accounts demo and demo2
}

const demoFile = "demo.json"

// readDemo reads or makes the keys of a directory.
func readDemo(dir string, compartments int) (*demo, error) {
	path := filepath.Join(dir, demoFile)
	raw, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if _, err := os.Stat(storePath(dir)); err == nil {
			return nil, fmt.Errorf("cannot use %s: there is a store but no %s beside it; this program only opens what it has made itself", dir, demoFile)
		}
		if compartments == 0 {
			compartments = 40
		}
		return makeDemo(dir, compartments)
	case err != nil:
		return nil, fmt.Errorf("cannot read the demo's keys: %w", err)
	}
	d := &demo{}
	if err := json.Unmarshal(raw, d); err != nil || !d.Simulated || d.Compartments < 1 || d.Compartments > maxCompartments {
		return nil, fmt.Errorf("cannot use %s: it is damaged or not a simulation's; take another -state", path)
	}
	if compartments != 0 && compartments != d.Compartments {
		return nil, fmt.Errorf("cannot use %d compartments: the cabinet in %s has %d; leave -compartments out or take another -state", compartments, dir, d.Compartments)
	}
	return d, nil
}

func makeDemo(dir string, compartments int) (*demo, error) {
	d := &demo{Simulated: true, Compartments: compartments, Pepper: make([]byte, 32), StoreKey: make([]byte, 32), SignerSeed: make([]byte, 32)}
	for _, b := range [][]byte{d.Pepper, d.StoreKey, d.SignerSeed} {
		rand.Read(b) // never fails
	}
	key, err := ecdh.X25519().GenerateKey(rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("cannot make the demo's keys: %w", err)
	}
	d.Notifier = key.Bytes()
	n, err := rand.Int(rand.Reader, big.NewInt(1e8))
	if err != nil {
		return nil, fmt.Errorf("cannot make the demo's keys: %w", err)
	}
	digits := fmt.Sprintf("%08d", n)
	d.Password = "demo-" + digits[:4] + "-" + digits[4:]
	return d, d.save(dir)
}

func (d *demo) save(dir string) error { return writeFile(filepath.Join(dir, demoFile), d) }

// writeFile replaces a JSON file as a whole; nobody else may read it.
func writeFile(path string, v any) error {
	raw, err := json.MarshalIndent(v, "", "\t")
	if err != nil {
		return fmt.Errorf("cannot write %s: %w", path, err)
	}
	temp := path + ".new"
	if err := os.WriteFile(temp, append(raw, '\n'), 0o600); err != nil {
		return fmt.Errorf("cannot write %s: %w", path, err)
	}
	if err := os.Rename(temp, path); err != nil {
		return fmt.Errorf("cannot write %s: %w", path, err)
	}
	return nil
}

// secrets are the demo's keys as the firmware wants them.
type secrets struct {
	tags     locker.Keys
	store    [32]byte
	signer   ed25519.PrivateKey
	notifier hpke.PrivateKey
}

func (d *demo) secrets(cost locker.Cost) (s secrets, err error) {
	if len(d.StoreKey) != len(s.store) || len(d.SignerSeed) != ed25519.SeedSize {
		return s, fmt.Errorf("cannot use the demo's keys: %s is damaged", demoFile)
	}
	if s.tags, err = locker.NewKeys(d.Pepper, cost); err != nil {
		return s, err
	}
	copy(s.store[:], d.StoreKey)
	s.signer = ed25519.NewKeyFromSeed(d.SignerSeed)
	key, err := ecdh.X25519().NewPrivateKey(d.Notifier)
	if err == nil {
		s.notifier, err = hpke.NewDHKEMPrivateKey(key)
	}
	if err != nil {
		return s, fmt.Errorf("cannot use the demo's keys: %w", err)
	}
	return s, nil
}

func storePath(dir string) string { return filepath.Join(dir, "station.db") }

// inUseError is another instance on the same directory.
type inUseError struct {
	dir string
	pid int
}

func (e *inUseError) Error() string {
	return fmt.Sprintf("cannot use %s: process %d runs a simulated station there; end it, or take another -state", e.dir, e.pid)
}

// lockDir makes this process the only one in a directory, also while the
// controller is off and the store is closed.
func lockDir(dir string) (*os.File, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("cannot use %s: %w", dir, err)
	}
	path := filepath.Join(dir, "stationsim.pid")
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("cannot use %s: %w", dir, err)
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		f.Close()
		raw, _ := os.ReadFile(path)
		pid, _ := strconv.Atoi(strings.TrimSpace(string(raw)))
		return nil, &inUseError{dir, pid}
	}
	err = f.Truncate(0)
	if err == nil {
		_, err = f.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0)
	}
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("cannot use %s: %w", dir, err)
	}
	return f, nil
}
