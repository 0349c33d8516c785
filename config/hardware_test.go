package config

import (
	"strings"
	"testing"
)

// What each driver's boards can and cannot do. Each row is a bank of one lock
// with a compartment; want "" means accepted.
func TestABankIsWhatItsBoardsCanDo(t *testing.T) {
	const (
		serial   = "port = \"/dev/ttyUSB0\"\nchannels = 1\nfeedback = \"door\"\n"
		expander = "port = \"/dev/i2c-1\"\nboard = 0x20\nchannels = 1\nfeedback = \"door\"\none_shot = true\n"
		gpio     = "port = \"/dev/gpiochip0\"\nchannels = 1\nfeedback = \"door\"\none_shot = true\n"
	)
	tests := []struct {
		name, driver, bank, more string
		want                     string
	}{
		{"8A", "8a", serial, "board = 1", ""},
		{"8A without address", "8a", serial, "", "from 1 to 255"},
		{"CU16 board 0", "cu16", serial, "presence = true", ""},
		{"CU16 board 16", "cu16", serial, "board = 16", "from 0 to 15"},
		{"CU16 counts in 10 ms", "cu16", serial, "[hardware]\npulse = \"455ms\"", "multiple of 10ms"},
		{"Waveshare", "waveshare", serial, "board = 1", ""},
		{"Waveshare counts in 100 ms", "waveshare", serial, "board = 1\n[hardware]\npulse = \"450ms\"", "multiple of 100ms"},
		{"Waveshare sees no presence", "waveshare", serial, "board = 1\npresence = true", "no input for presence"},
		{"Waveshare has eight relays", "waveshare", strings.Replace(serial, "channels = 1", "channels = 9", 1), "board = 1", "from 1 to 8"},
		{"a baud rate of no board", "8a", serial, "board = 1\nbaud = 9601", "one of 4800"},
		{"expander", "mcp23017", expander, "coil_lines = [7]\ndoor_lines = [0]", ""},
		{"expander's output-only line as input", "mcp23017", expander, "coil_lines = [0]\ndoor_lines = [15]", "output-only"},
		{"expander's line 16", "mcp23017", expander, "coil_lines = [16]\ndoor_lines = [0]", "from 0 (GPA0) to 15 (GPB7)"},
		{"expander without coils", "mcp23017", expander, "door_lines = [0]", "one line per channel"},
		{"expander at a serial port", "mcp23017", strings.Replace(expander, "i2c-1", "ttyUSB0", 1), "coil_lines = [1]\ndoor_lines = [0]", `begin with "/dev/i2c-"`},
		{"expander with a baud rate", "mcp23017", expander, "baud = 9600\ncoil_lines = [1]\ndoor_lines = [0]", "no serial port"},
		{"lines", "direct", gpio, "coil_lines = [17]\ndoor_lines = [4]", ""},
		{"a line that is high at boot", "direct", gpio, "coil_lines = [14]\ndoor_lines = [4]", "without 14 and 15"},
		{"a line twice", "direct", gpio, "coil_lines = [17]\ndoor_lines = [17]", "already used by bank[1].coil_lines[1]"},
		{"a line that an input has", "direct", gpio, "coil_lines = [17]\ndoor_lines = [4]\n[[input]]\nname = \"vibration\"\nport = \"/dev/gpiochip0\"\nline = 4", "already used"},
		{"the same line of another chip", "direct", gpio, "coil_lines = [17]\ndoor_lines = [4]\n[[input]]\nname = \"vibration\"\nport = \"/dev/gpiochip1\"\nline = 4", ""},
		{"latch lines that nobody reads", "direct", gpio, "coil_lines = [17]\ndoor_lines = [4]\nlatch_lines = [5]", "not allowed with"},
		{"presence without its line", "direct", gpio, "coil_lines = [17]\ndoor_lines = [4]\npresence = true", "presence_lines"},
		{"lines at a timed board", "8a", serial, "board = 1\ncoil_lines = [17]", "not allowed with"},
		{"a one-shot at a timed board", "8a", serial, "board = 1\none_shot = true", "has timed boards"},
		{"an input at a serial port", "8a", serial, "board = 1\n[[input]]\nname = \"vibration\"\nport = \"/dev/ttyS0\"\nline = 4", `begin with "/dev/gpiochip"`},
		{"an input twice", "8a", serial, "board = 1\n[[input]]\nname = \"vibration\"\nport = \"/dev/gpiochip0\"\nline = 4\n[[input]]\nname = \"vibration\"\nport = \"/dev/gpiochip0\"\nline = 5", "given twice"},
	}
	station, rest, _ := strings.Cut(small, "[[bank]]")
	_, compartment, _ := strings.Cut(rest, "[[compartment]]")
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			text := station + "[[compartment]]" + compartment + "[[bank]]\nname = \"a\"\ndriver = \"" + tt.driver + "\"\n" + tt.bank + tt.more + "\n"
			_, errs := Parse("f", []byte(text))
			switch {
			case tt.want == "" && len(errs) > 0:
				t.Errorf("got\n%v\nwant no error", errs)
			case tt.want != "" && (len(errs) != 1 || !strings.Contains(errs[0].Error(), tt.want) || errs[0].Line == 0):
				t.Errorf("got\n%v\nwant one error in a line with %q", errs, tt.want)
			}
		})
	}
}

func TestListeners(t *testing.T) {
	tests := []struct{ name, more, want string }{
		{"staff outside with TLS and hosts", "[staff]\nlisten = \"192.0.2.7:443\"\ntls_cert = \"/c\"\ntls_key = \"/k\"\nallowed_hosts = [\"s.example\"]", ""},
		{"staff outside without hosts", "[staff]\nlisten = \"192.0.2.7:443\"\ntls_cert = \"/c\"\ntls_key = \"/k\"", "staff.listen: 192.0.2.7:443 can be reached from outside: allowed_hosts"},
		{"staff outside without TLS", "[staff]\nlisten = \"[::]:443\"\nallowed_hosts = [\"s.example\"]", "tls_cert and tls_key must be given"},
		{"staff with half of TLS", "[staff]\ntls_cert = \"/c\"", "belong together"},
		{"staff on this machine", "[staff]\nlisten = \"[::1]:9000\"", ""},
		{"the terminal outside", "[terminal]\nlisten = \"192.0.2.7:8081\"", "must be a loopback address"},
		{"the terminal by name", "[terminal]\nlisten = \"localhost:8081\"", "must be a loopback address"},
		{"the monitor outside", "[monitor]\nlisten = \"192.0.2.7:9100\"\nallowed_hosts = [\"m.example\"]", ""},
		{"the monitor outside without hosts", "[monitor]\nlisten = \"192.0.2.7:9100\"", "allowed_hosts"},
		{"one port twice", "[monitor]\nlisten = \"127.0.0.1:8082\"", "already taken by staff.listen"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, errs := Parse("f", []byte(small+tt.more))
			switch {
			case tt.want == "" && len(errs) > 0:
				t.Errorf("got\n%v\nwant no error", errs)
			case tt.want != "" && (len(errs) != 1 || !strings.Contains(errs[0].Error(), tt.want)):
				t.Errorf("got\n%v\nwant one error with %q", errs, tt.want)
			}
		})
	}
}

func TestGrids(t *testing.T) {
	head, _, _ := strings.Cut(small, "[[compartment]]")
	const rows = "rows = [{ size = \"S\", height_mm = 900 }, { size = \"L\", height_mm = 500 }]\n"
	grid := func(text string) (*Config, Errors) { return Parse("f", []byte(head+"[[grid]]\n"+rows+text)) }

	c, errs := grid("columns = 2\nlocks = [\"a:4-1\"]\norder = \"rows\"\nfirst_number = 11\nfirst_row = 3\nfirst_column = 5\n")
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	want := []Compartment{
		{Number: 11, Lock: Lock{"a", 4}, Size: "S", HeightMM: 900, Row: 3, Column: 5},
		{Number: 12, Lock: Lock{"a", 3}, Size: "S", HeightMM: 900, Row: 3, Column: 6},
		{Number: 13, Lock: Lock{"a", 2}, Size: "L", HeightMM: 500, Row: 4, Column: 5},
		{Number: 14, Lock: Lock{"a", 1}, Size: "L", HeightMM: 500, Row: 4, Column: 6},
	}
	for i := range want {
		if c.Compartments[i] != want[i] {
			t.Errorf("got %+v, want %+v", c.Compartments[i], want[i])
		}
	}

	for _, tt := range []struct{ text, want string }{
		{"columns = 2\nlocks = [\"a:1-3\"]", "must be 4 locks for 2 columns of 2 rows, but are 3"},
		{"columns = 2\nlocks = [\"a:1-2\", \"a:2-3\"]", "lock a:2 of compartment 3 already belongs to compartment 2"},
		{"columns = 2\nlocks = [\"a\"]", "must be locks such as"},
		{"columns = 2\nlocks = [\"a:7-10\"]", "channels 1 to 8"},
		{"columns = 2\nlocks = [\"a:1-4\"]\nfirst_number = 997", "too large"},
		{"columns = 2\nlocks = []", "must not be empty"},
	} {
		if _, errs := grid(tt.text); len(errs) != 1 || !strings.Contains(errs[0].Text, tt.want) {
			t.Errorf("%s\ngives\n%v\nwant one error with %q", tt.text, errs, tt.want)
		}
	}
}
