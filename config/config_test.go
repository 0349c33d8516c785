package config

import (
	_ "embed"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

//go:embed station.example.toml
var example []byte

var update = flag.Bool("update", false, "write the golden files")

func TestTheExampleDescribesFortyCompartments(t *testing.T) {
	c, errs := Parse("station.example.toml", example)
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	if len(c.Compartments) != 40 {
		t.Fatalf("%d compartments, want 40", len(c.Compartments))
	}
	for i, one := range c.Compartments {
		if one.Number != i+1 || !one.Latch || !one.Presence {
			t.Errorf("compartment at %d: %+v, want number %d with latch and presence as its bank has", i, one, i+1)
		}
	}
	want := Compartment{Number: 33, Lock: Lock{"right-b", 1}, Size: "S", HeightMM: 1620, Row: 1, Column: 6, Latch: true, Presence: true}
	if got := c.Compartments[32]; got != want {
		t.Errorf("compartment 33 is %+v, want %+v", got, want)
	}
	if got := c.Banks[1].Baud; got != 19200 {
		t.Errorf("baud that was left out is %d, want the board's usual 19200", got)
	}
	if c.Hardware.Pulse != 400*time.Millisecond || c.Store.MaxSize != 256<<20 {
		t.Errorf("pulse %v, size %d", c.Hardware.Pulse, c.Store.MaxSize)
	}
	if got := c.Hold.ClosingDays; len(got) != 2 || got[0].String() != "2026-12-24" || got[1].String() != "2026-12-28..2026-12-31" {
		t.Errorf("closing days %v", got)
	}
}

// What the example's comments call a default is one: without these lines the
// result is the same.
func TestTheExamplesDefaultsAreDefaults(t *testing.T) {
	var kept []string
	for line := range strings.Lines(string(example)) {
		if _, comment, _ := strings.Cut(line, "#"); !strings.Contains(comment, "default") || strings.HasPrefix(line, "#") {
			kept = append(kept, line)
		}
	}
	if got := strings.Count(string(example), "\n") - len(kept); got < 10 {
		t.Fatalf("only %d lines say default: the comments have changed, change this test", got)
	}
	with, errs := Parse("all", example)
	without, more := Parse("short", []byte(strings.Join(kept, "")))
	if len(errs)+len(more) > 0 {
		t.Fatal(errs, more)
	}
	if a, b := summary(with), summary(without); a != b {
		t.Errorf("with the lines:\n%s\nwithout:\n%s", a, b)
	}
}

func TestEveryErrorComesAtOnceWithItsLine(t *testing.T) {
	for _, name := range []string{"bad", "syntax"} {
		data, err := os.ReadFile(filepath.Join("testdata", name+".toml"))
		if err != nil {
			t.Fatal(err)
		}
		c, errs := Parse(name+".toml", data)
		if c != nil {
			t.Errorf("%s: a configuration came with the errors", name)
		}
		got, golden := errs.Error()+"\n", filepath.Join("testdata", name+".golden")
		if *update {
			if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(golden)
		if err != nil {
			t.Fatal(err)
		}
		if got != string(want) {
			t.Errorf("%s: got\n%s\nwant\n%s", name, got, want)
		}
	}
}

// A small valid configuration; each row replaces or adds a line.
const small = `[station]
id = "test"
name = "Test"
city = "Musterburg"
help_phone = "115"
[[bank]]
name = "a"
driver = "8a"
port = "/dev/ttyUSB0"
board = 1
channels = 8
feedback = "door"
[[compartment]]
number = 1
lock = { bank = "a", channel = 1 }
size = "S"
height_mm = 900
row = 1
column = 1
`

func TestOneMistakeIsToldOnce(t *testing.T) {
	tests := []struct {
		name, old, new string
		line           int
		want           string
	}{
		{"a section twice", `[[bank]]`, "[station]\n[[bank]]", 6, "already begun in line 1"},
		{"a key twice", `name = "a"`, "name = \"a\"\nname = \"b\"", 8, "already given in line 7"},
		{"a section as a list", `[station]`, `[[station]]`, 1, "must be a section or table"},
		{"a list as a section", `[[bank]]`, `[bank]`, 6, "must be a list"},
		{"a value as a section", `[[bank]]`, "[store.path]\n[[bank]]", 6, "must be"},
		{"another driver on the bus", `[[compartment]]`, "[[bank]]\nname=\"b\"\ndriver=\"cu16\"\nport=\"/dev/ttyUSB0\"\nboard=2\nchannels=1\nfeedback=\"door\"\n[[compartment]]\nnumber=2\nlock={bank=\"b\",channel=1}\nsize=\"S\"\nheight_mm=1\nrow=2\ncolumn=1\n[[compartment]]", 16, "a bus has one of each"},
		{"a board address twice", `[[compartment]]`, "[[bank]]\nname=\"b\"\ndriver=\"8a\"\nport=\"/dev/ttyUSB0\"\nboard=1\nchannels=1\nfeedback=\"door\"\n[[compartment]]\nnumber=2\nlock={bank=\"b\",channel=1}\nsize=\"S\"\nheight_mm=1\nrow=2\ncolumn=1\n[[compartment]]", 17, "already taken in line 10"},
		{"a bank for nothing", `[[compartment]]`, "[[bank]]\nname=\"b\"\ndriver=\"8a\"\nport=\"/dev/ttyUSB0\"\nboard=2\nchannels=1\nfeedback=\"door\"\n[[compartment]]", 14, "no compartment has a lock"},
		{"a lock of an unknown bank", `{ bank = "a"`, `{ bank = "b"`, 15, `no [[bank]] with the name "b"`},
		{"a lock beyond the board", `channel = 1 }`, `channel = 9 }`, 15, "channels 1 to 8"},
		{"no feedback", `"door"`, `"none"`, 12, "nobody would know whether the door is open"},
		{"the only feedback taken away", "\"door\"\n[[compartment]]", "\"latch\"\n[[compartment]]\nlatch = false", 14, "a lock without any is refused"},
		{"a leading zero", `number = 1`, `number = 01`, 14, ""},
		{"a negative number", `number = 1`, `number = -1`, 14, "from 1 to 999"},
		{"a number beyond any", `number = 1`, `number = 99999999999999999999`, 14, "from 1 to 999"},
		{"a control character", `"Musterburg"`, `"Muster\u0007burg"`, 4, "in one line"},
		{"a serial port elsewhere", `"/dev/ttyUSB0"`, `"/tmp/../dev/x"`, 9, "a device"},
		{"a day that is none", `[[bank]]`, "[hold]\nclosing_days = [2026-02-30]\n[[bank]]", 7, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			text := strings.Replace(small, tt.old, tt.new, 1)
			if text == small {
				t.Fatal("nothing was replaced")
			}
			_, errs := Parse("f", []byte(text))
			if len(errs) != 1 || errs[0].Line != tt.line || !strings.Contains(errs[0].Text, tt.want) {
				t.Errorf("got\n%v\nwant one error in line %d with %q", errs, tt.line, tt.want)
			}
		})
	}
}

func TestAnEmptyFileIsToldWhatItNeeds(t *testing.T) {
	_, errs := Parse("f", nil)
	text := errs.Error()
	for _, want := range []string{"station: id is missing", "station: name is missing", "station: city is missing", "station: help_phone is missing", "there is no compartment"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not said in\n%s", want, text)
		}
	}
	if len(errs) != 5 {
		t.Errorf("%d errors, want 5:\n%s", len(errs), text)
	}
}

func TestSoftwareOnlyLocksAreAcceptedByNameOnly(t *testing.T) {
	wired := func(accept, more string) string {
		text := strings.NewReplacer(`"8a"`, `"direct"`, `"/dev/ttyUSB0"`, `"/dev/gpiochip0"`, "board = 1\n", "", "channels = 8",
			"channels = 2\ncoil_lines = [17, 27]\ndoor_lines = [22, 23]\n"+more).Replace(small)
		return "[hardware]\naccept_software_only = [" + accept + "]\n" + text
	}
	tests := []struct {
		name, accept, more string
		want               string
	}{
		{"not named", ``, "", `a:1, a:2: a hanging program would burn the coil`},
		{"half named", `"a:2"`, "", `ends the pulse of a:1: a hanging`},
		{"each named", `"a:1", "a:2"`, "", ""},
		{"named as a range", `"a:1-2"`, "", ""},
		{"named as a bank", `"a"`, "", ""},
		{"has a one-shot", ``, "one_shot = true", ""},
		{"named without need", `"a"`, "one_shot = true", "take it out of the list"},
		{"unknown", `"a", "b"`, "", `no [[bank]] with the name "b"`},
		{"malformed", `"a", "a:0"`, "", `must be locks such as`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, errs := Parse("f", []byte(wired(tt.accept, tt.more)))
			if tt.want == "" && len(errs) > 0 {
				t.Errorf("got %v, want none", errs)
			}
			if tt.want != "" && (len(errs) != 1 || !strings.Contains(errs[0].Text, tt.want)) {
				t.Errorf("got %v, want %q", errs, tt.want)
			}
		})
	}
}

func TestPrecedence(t *testing.T) {
	path := filepath.Join(t.TempDir(), "station.toml")
	file := small + "[terminal]\nlisten = \"127.0.0.1:3\"\n"
	if err := os.WriteFile(path, []byte(file), 0o600); err != nil {
		t.Fatal(err)
	}
	env := []string{"HOME=/root", "ABHOLSTATION_TERMINAL_LISTEN=127.0.0.1:2", "ABHOLSTATION_STAFF_ALLOWED_HOSTS=a.example, b.example"}
	flags := map[string]string{"terminal.listen": "127.0.0.1:1"}
	tests := []struct {
		name  string
		env   []string
		flags map[string]string
		want  string
	}{
		{"flag before all", env, flags, "127.0.0.1:1"},
		{"environment before file", env, nil, "127.0.0.1:2"},
		{"file before default", nil, nil, "127.0.0.1:3"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c, err := Load(path, tt.env, tt.flags)
			if err != nil {
				t.Fatal(err)
			}
			if c.Terminal.Listen != tt.want || c.Monitor.Listen != "127.0.0.1:8083" {
				t.Errorf("terminal %s, monitor %s", c.Terminal.Listen, c.Monitor.Listen)
			}
			if tt.env != nil && !slices.Equal(c.Staff.Hosts, []string{"a.example", "b.example"}) {
				t.Errorf("hosts %q", c.Staff.Hosts)
			}
		})
	}
}

func TestErrorsOfFlagsAndEnvironmentNameTheirSource(t *testing.T) {
	path := filepath.Join(t.TempDir(), "station.toml")
	if err := os.WriteFile(path, []byte(small), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := Load(path, []string{"ABHOLSTATION_HARDWARE_PULSE=5s", "ABHOLSTATION_STORE_PASSWORD=x"},
		map[string]string{"terminal.listen": "0.0.0.0:1", "hold.grace": "no", "hold.days": "010", "bank": "x"})
	want := []string{
		`environment ABHOLSTATION_HARDWARE_PULSE: hardware.pulse: must be a duration in quotes from 100ms to 1s, but is the text "5s"`,
		`environment ABHOLSTATION_STORE_PASSWORD: unknown variable`,
		`flag bank: unknown key`,
		`flag hold.days: hold.days: must be a whole number from 1 to 60, but is 010`,
		`flag hold.grace: hold.grace: must be a duration in quotes from 0s to 1h, but is the text "no"`,
		`flag terminal.listen: terminal.listen: must be a loopback address`,
	}
	errs := AsErrors(err)
	if len(errs) != len(want) {
		t.Fatalf("got\n%v", err)
	}
	for i, e := range errs {
		if !strings.HasPrefix(e.Error(), want[i]) {
			t.Errorf("got  %s\nwant %s…", e, want[i])
		}
	}
}

func TestAFileThatCannotBeReadIsSaid(t *testing.T) {
	_, err := Load(filepath.Join(t.TempDir(), "none.toml"), nil, nil)
	if err == nil || AsErrors(err) != nil || !strings.HasPrefix(err.Error(), "cannot read the configuration: ") {
		t.Errorf("got %v", err)
	}
	_, errs := Parse("disk.img", make([]byte, maxBytes+1))
	if len(errs) != 1 || !strings.Contains(errs[0].Text, "at most") {
		t.Errorf("got %v", errs)
	}
}

func TestNoTwoKeysShareAVariable(t *testing.T) {
	seen := map[string]string{}
	for _, key := range Keys() {
		if other, ok := seen[EnvName(key)]; ok {
			t.Errorf("%s and %s are both %s", key, other, EnvName(key))
		}
		seen[EnvName(key)] = key
	}
	if seen["ABHOLSTATION_STORE_PATH"] != "store.path" {
		t.Error("store.path is missing")
	}
}
