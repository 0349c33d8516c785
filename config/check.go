package config

import (
	"fmt"
	"net/netip"
	"slices"
)

// checker finds what is wrong between keys that are each right. It looks at
// nothing that already has an error of its own, so that one mistake is told
// once.
type checker struct {
	d *decoder
	c *Config
}

func (k *checker) all() {
	k.store()
	k.hold()
	k.kinds()
	k.display()
	k.listeners()
	k.ports()
	k.banks()
	k.inputs()
	k.lines()
	k.compartments()
	k.softwareOnly()
	slices.SortStableFunc(k.c.Compartments, func(a, b Compartment) int { return a.Number - b.Number })
}

func (k *checker) fail(key, format string, args ...any) {
	k.d.fail(k.d.place(key), key, format, args...)
}

// sound says whether nothing is wrong at or below these keys.
func (k *checker) sound(keys ...string) bool {
	return !slices.ContainsFunc(keys, func(key string) bool { return k.d.unsound[key] })
}

// line says where something was given first, for messages about the second.
func (k *checker) line(key string) string {
	v := k.d.place(key)
	if v.line == 0 {
		return "in " + v.where
	}
	return fmt.Sprintf("in line %d", v.line)
}

func at(list string, i int) string { return fmt.Sprintf("%s[%d]", list, i+1) }

func (k *checker) store() {
	s := &k.c.Store
	switch {
	case s.KeyCredential != "" && s.KeyFile != "":
		k.fail("store.key_file", "key_credential is given too; allowed is one of them")
	case s.KeyCredential == "" && s.KeyFile == "":
		s.KeyCredential = "abholstation-keys"
	}
	if s.KeyFile != "" && s.KeyFile == s.Path {
		k.fail("store.key_file", "must not be the store itself")
	}
}

func (k *checker) hold() {
	h := k.c.Hold
	if k.sound("hold.days", "hold.reminder_day") && h.ReminderDay >= h.Days {
		k.fail("hold.reminder_day", "must be before the last day: less than days, which is %d", h.Days)
	}
	for i, days := range h.ClosingDays {
		for j, other := range h.ClosingDays[:i] {
			key, first := at("hold.closing_days", i), at("hold.closing_days", j)
			if k.sound(key, first) && !days.From.After(other.To) && !other.From.After(days.To) {
				k.fail(key, "%s is given twice, first %s as %s", days, k.line(first), other)
				break
			}
		}
	}
}

func (k *checker) kinds() {
	first := map[string]string{}
	for i, kind := range k.c.Kinds {
		key := at("kind", i)
		if kind.Name == "" {
			continue
		}
		if other, ok := first[kind.Name]; ok {
			k.fail(key+".name", "%q is given twice, first %s", kind.Name, k.line(other))
			continue
		}
		first[kind.Name] = key + ".name"
	}
}

// display refuses sizes that do not belong together: keys that must be 20 mm
// wide are drawn from them.
func (k *checker) display() {
	t := k.c.Terminal
	if !k.sound("terminal.width_px", "terminal.height_px", "terminal.width_mm", "terminal.height_mm") {
		return
	}
	if t.WidthMM == 0 || t.HeightMM == 0 {
		return // the section was no table
	}
	across, down := float64(t.WidthPX)/float64(t.WidthMM), float64(t.HeightPX)/float64(t.HeightMM)
	if across > 1.1*down || down > 1.1*across {
		k.fail("terminal.width_mm", "%d × %d pixels on %d × %d mm are not square; measure the lit part of the display", t.WidthPX, t.HeightPX, t.WidthMM, t.HeightMM)
	}
}

func (k *checker) listeners() {
	c := k.c
	s := c.Staff
	if (s.TLSCert == "") != (s.TLSKey == "") && k.sound("staff.tls_cert", "staff.tls_key") {
		k.fail("staff", "tls_cert and tls_key belong together: give both or none")
	}
	if beyond(s.Listen) && s.TLSCert == "" && k.sound("staff.tls_cert", "staff.tls_key") {
		k.fail("staff.listen", "%s can be reached from outside: tls_cert and tls_key must be given, or a loopback address", s.Listen)
	}
	for _, l := range []struct {
		section, listen string
		hosts           []string
	}{{"staff", s.Listen, s.Hosts}, {"monitor", c.Monitor.Listen, c.Monitor.Hosts}} {
		if beyond(l.listen) && len(l.hosts) == 0 && k.sound(l.section+".allowed_hosts") {
			k.fail(l.section+".listen", "%s can be reached from outside: allowed_hosts must say by which names it is reached", l.listen)
		}
	}
}

// ports refuses two listeners on one port.
func (k *checker) ports() {
	c := k.c
	first := map[string]string{}
	for _, l := range []struct{ key, listen string }{
		{"terminal.listen", c.Terminal.Listen}, {"staff.listen", c.Staff.Listen}, {"monitor.listen", c.Monitor.Listen},
	} {
		p := port(l.listen)
		if p == "" || p == "0" {
			continue
		}
		if other, ok := first[p]; ok {
			k.fail(l.key, "port %s is already taken by %s", p, other)
			continue
		}
		first[p] = l.key
	}
}

func beyond(listen string) bool {
	a, err := netip.ParseAddrPort(listen)
	return err == nil && !a.Addr().IsLoopback()
}
