package config

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// board is what is known of a driver's boards: speeds and channels from the
// protocols, address ranges the widest that each protocol can carry. A bench test
// on a real board may narrow them.
type board struct {
	port               string // begin of the device's name; "" for serial ports, which have many names
	baud               int    // usual; 0: no serial port
	firstAddr, maxAddr int
	channels           int
	feedback           []string
	presence           bool
	unit               time.Duration // in which its own timer counts; 0: pulses are made here
}

var (
	oneContact = []string{"door", "latch"}
	anyContact = []string{"door", "latch", "door+latch"}
	boards     = map[string]board{
		"8a":        {baud: 9600, firstAddr: 1, maxAddr: 255, channels: 32, feedback: oneContact, unit: time.Millisecond},
		"cu16":      {baud: 19200, maxAddr: 15, channels: 16, feedback: oneContact, presence: true, unit: 10 * time.Millisecond},
		"waveshare": {baud: 9600, firstAddr: 1, maxAddr: 247, channels: 8, feedback: oneContact, unit: 100 * time.Millisecond},
		"mcp23017":  {port: "/dev/i2c-", firstAddr: 0x20, maxAddr: 0x27, channels: 8, feedback: anyContact, presence: true},
		"direct":    {port: "/dev/gpiochip", channels: 9, feedback: anyContact, presence: true},
	}
)

func (k *checker) banks() {
	names, addresses, buses := map[string]string{}, map[string]string{}, map[string]int{}
	for i := range k.c.Banks {
		b, key := &k.c.Banks[i], at("bank", i)
		if other, ok := names[b.Name]; ok && b.Name != "" {
			k.fail(key+".name", "%q is given twice, first %s", b.Name, k.line(other))
		}
		names[b.Name] = key + ".name"
		if b.Driver == "" || !k.sound(key) {
			continue
		}
		k.bank(b, key)
		if address := fmt.Sprintf("%s board %d", b.Port, b.Board); b.Driver != "direct" {
			if other, ok := addresses[address]; ok {
				k.fail(key+".board", "address %d on %s is already taken %s", b.Board, b.Port, k.line(other))
			}
			addresses[address] = key + ".board"
		}
		if j, ok := buses[b.Port]; ok && (k.c.Banks[j].Driver != b.Driver || k.c.Banks[j].Baud != b.Baud) {
			k.fail(key+".port", "bank %q on the same port has another driver or baud; a bus has one of each", k.c.Banks[j].Name)
		}
		buses[b.Port] = i
	}
}

// bank checks one bank against what its boards can do.
func (k *checker) bank(b *Bank, key string) {
	is := boards[b.Driver]
	if b.Feedback == "none" {
		k.fail(key+".feedback", "a lock without door feedback is refused, since nobody would know whether the door is open; allowed for %q: %s", b.Driver, quoted(is.feedback))
	} else if !slices.Contains(is.feedback, b.Feedback) {
		k.fail(key+".feedback", "must be one of %s for driver %q", quoted(is.feedback), b.Driver)
	}
	if b.Presence && !is.presence {
		k.fail(key+".presence", "boards of driver %q have no input for presence sensors", b.Driver)
	}
	if b.Channels > is.channels {
		k.fail(key+".channels", "must be from 1 to %d for driver %q, but is %d", is.channels, b.Driver, b.Channels)
	}
	if b.Board < is.firstAddr || b.Board > is.maxAddr {
		k.fail(key+".board", "must be from %d to %d for driver %q, but is %d", is.firstAddr, is.maxAddr, b.Driver, b.Board)
	}
	if is.port != "" && !strings.HasPrefix(b.Port, is.port) {
		k.fail(key+".port", "must begin with %q for driver %q", is.port, b.Driver)
	}
	if is.port != "" && b.Baud != 0 {
		k.fail(key+".baud", "driver %q has no serial port", b.Driver)
	}
	if b.Baud == 0 {
		b.Baud = is.baud
	}
	if pulse := k.c.Hardware.Pulse; is.unit > 0 && pulse%is.unit != 0 {
		k.fail("hardware.pulse", "must be a multiple of %s, since the timer of bank %q counts so", is.unit, b.Name)
	}
	if !wired(b.Driver) && k.d.given(key+".one_shot") {
		k.fail(key+".one_shot", "driver %q has timed boards; allowed for mcp23017 and direct only", b.Driver)
	}
}

func quoted(words []string) string { return `"` + strings.Join(words, `", "`) + `"` }

// lines checks the lines of directly wired locks and of inputs: as many as
// channels, none twice, and only such as are safe for a coil.
func (k *checker) lines() {
	used := map[string]string{}
	take := func(key, chip string, line int) {
		where := fmt.Sprintf("line %d of %s", line, chip)
		if other, ok := used[where]; ok {
			k.fail(key, "%s is already used by %s", where, other)
			return
		}
		used[where] = key
	}
	for i, b := range k.c.Banks {
		key := at("bank", i)
		chip := b.Port
		if b.Driver == "mcp23017" {
			chip = fmt.Sprintf("%s board 0x%x", b.Port, b.Board)
		}
		for _, l := range []struct {
			name   string
			lines  []int
			needed bool
		}{
			{"coil_lines", b.Coils, true},
			{"door_lines", b.Doors, strings.Contains(b.Feedback, "door")},
			{"latch_lines", b.Latches, strings.Contains(b.Feedback, "latch")},
			{"presence_lines", b.Items, b.Presence},
		} {
			list := key + "." + l.name
			if b.Driver == "" || b.Channels == 0 || !k.sound(list, key+".feedback", key+".presence", key+".channels") {
				continue
			}
			switch needed := l.needed && wired(b.Driver); {
			case !needed && len(l.lines) > 0:
				k.fail(list, "not allowed with driver %q, feedback %q and presence %t", b.Driver, b.Feedback, b.Presence)
				continue
			case needed && len(l.lines) != b.Channels:
				k.fail(list, "must list one line per channel, that is %d, but lists %d", b.Channels, len(l.lines))
				continue
			}
			for j, line := range l.lines {
				k.oneLine(b, at(list, j), line, l.name == "coil_lines")
				take(at(list, j), chip, line)
			}
		}
	}
	for i, in := range k.c.Inputs {
		if k.sound(at("input", i)) {
			take(at("input", i)+".line", in.Port, in.Line)
		}
	}
}

func (k *checker) oneLine(b Bank, key string, line int, coil bool) {
	switch {
	case b.Driver == "mcp23017" && line > 15:
		k.fail(key, "must be from 0 (GPA0) to 15 (GPB7), but is %d", line)
	case b.Driver == "mcp23017" && !coil && (line == 7 || line == 15):
		k.fail(key, "7 (GPA7) and 15 (GPB7) are output-only and cannot read a contact")
	case b.Driver == "direct" && coil && (line < 9 || line > 27 || line == 14 || line == 15):
		k.fail(key, "must be from 9 to 27 without 14 and 15, but is %d: the others are pulled up or driven while the board boots", line)
	}
}

func (k *checker) inputs() {
	first := map[string]string{}
	for i, in := range k.c.Inputs {
		key := at("input", i)
		if !k.sound(key) {
			continue
		}
		if other, ok := first[in.Name]; ok {
			k.fail(key+".name", "%q is given twice, first %s", in.Name, k.line(other))
		}
		first[in.Name] = key + ".name"
		if !strings.HasPrefix(in.Port, "/dev/gpiochip") {
			k.fail(key+".port", `must begin with "/dev/gpiochip"`)
		}
	}
}

// softwareOnly refuses every lock whose pulse only this program ends, unless
// the configuration accepts it by name.
func (k *checker) softwareOnly() {
	accepted := map[Lock]bool{}
	for i, text := range k.c.Hardware.AcceptSoftwareOnly {
		key := at("hardware.accept_software_only", i)
		locks, err := k.locks(text, true)
		if err != nil || len(locks) == 0 {
			k.failErr(key, err)
			continue
		}
		if b := k.bankOf(locks[0].Bank); !b.SoftwareOnly() {
			k.fail(key, "the pulse of bank %q is ended by hardware; take it out of the list", b.Name)
		}
		for _, l := range locks {
			accepted[l] = true
		}
	}
	for i, b := range k.c.Banks {
		if !b.SoftwareOnly() || b.Name == "" || b.Channels == 0 || !k.sound(at("bank", i)+".one_shot") {
			continue
		}
		var open []string
		for ch := 1; ch <= b.Channels; ch++ {
			if !accepted[Lock{b.Name, ch}] {
				open = append(open, fmt.Sprintf("%s:%d", b.Name, ch))
			}
		}
		if len(open) > 0 {
			k.fail(at("bank", i)+".driver", "only software ends the pulse of %s: a hanging program would burn the coil; "+
				"fit a one-shot (one_shot = true) or accept it by name in hardware.accept_software_only = [%q]", strings.Join(open, ", "), b.Name)
		}
	}
}

// failErr reports an error, if there is one.
func (k *checker) failErr(key string, err error) {
	if err != nil {
		k.fail(key, "%v", err)
	}
}

// noBank is the error for a bank that does not exist; nil if that cannot be
// known, because a bank's own description is wrong.
func (k *checker) noBank(name string) error {
	if len(k.c.Banks) == 0 && !k.sound("bank") || slices.ContainsFunc(k.c.Banks, func(b Bank) bool { return b.Name == "" }) {
		return nil
	}
	return fmt.Errorf("there is no [[bank]] with the name %q", name)
}

func (k *checker) bankOf(name string) *Bank {
	i := slices.IndexFunc(k.c.Banks, func(b Bank) bool { return b.Name == name && name != "" })
	if i < 0 {
		return nil
	}
	return &k.c.Banks[i]
}
