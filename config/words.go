package config

import (
	"errors"
	"fmt"
	"math"
	"net"
	"net/netip"
	"path"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"time"
	_ "time/tzdata" // a small board may have no zone files
	"unicode"

	"github.com/pelletier/go-toml/v2/unstable"
)

// form is what a text must look like, and how that is said.
type form struct {
	words string
	ok    func(string) bool
}

var (
	nameForm  = regexp.MustCompile(`^[a-z][a-z0-9_-]{0,39}$`)
	phoneForm = regexp.MustCompile(`^\+?[0-9][0-9 /()-]{2,29}$`)
	hostForm  = regexp.MustCompile(`^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$`)
)

func formOf(tag reflect.StructTag) form {
	switch tag.Get("is") {
	case "name":
		return form{"a name of a-z, 0-9, _ and -, at most 40 long", nameForm.MatchString}
	case "text":
		return form{"a text of 1 to 80 characters in one line", isText}
	case "phone":
		return form{`a phone number such as "06021 330-0"`, phoneForm.MatchString}
	case "zone":
		return form{`a time zone such as "Europe/Berlin"`, isZone}
	case "path":
		return form{`an absolute path such as "/var/lib/abholstation/station.db"`, isPath}
	case "device":
		return form{`a device such as "/dev/serial/by-id/usb-…"`, func(s string) bool { return isPath(s) && strings.HasPrefix(s, "/dev/") }}
	case "host":
		return form{"a host name or address in lower case without port", hostForm.MatchString}
	case "listen":
		return form{`an address and port such as "192.0.2.7:8082"`, func(s string) bool { _, err := netip.ParseAddrPort(s); return err == nil }}
	case "loopback":
		return form{`a loopback address and port such as "127.0.0.1:8081" (only the browser on this machine may reach it)`, isLoopback}
	}
	return form{"a text of at most 200 characters in one line", func(s string) bool { return len(s) <= 200 && oneLine(s) }}
}

func isText(s string) bool {
	return strings.TrimSpace(s) != "" && len([]rune(s)) <= 80 && oneLine(s)
}

func oneLine(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return unicode.IsControl(r) || r == unicode.ReplacementChar })
}

func isZone(s string) bool {
	if s == "" || s == "Local" {
		return false
	}
	_, err := time.LoadLocation(s)
	return err == nil
}

func isPath(s string) bool {
	return path.IsAbs(s) && path.Clean(s) == s && s != "/" && len(s) <= 200 && oneLine(s)
}

func isLoopback(s string) bool {
	a, err := netip.ParseAddrPort(s)
	return err == nil && a.Addr().IsLoopback()
}

// port returns the port of a valid listen address.
func port(listen string) string {
	_, p, err := net.SplitHostPort(listen)
	if err != nil {
		return ""
	}
	return p
}

var byteUnits = map[string]int64{"KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}

func parseBytes(s string) (Bytes, error) {
	if len(s) > 3 {
		n, err := strconv.ParseInt(s[:len(s)-3], 10, 64)
		if unit := byteUnits[s[len(s)-3:]]; err == nil && unit > 0 && n >= 0 && n <= math.MaxInt64/unit {
			return Bytes(n * unit), nil
		}
	}
	return 0, errors.New("no size")
}

func parseDays(s string) (Days, error) {
	first, last, ranged := strings.Cut(s, "..")
	if !ranged {
		last = first
	}
	from, err := time.Parse(time.DateOnly, first)
	to, err2 := time.Parse(time.DateOnly, last)
	if err != nil || err2 != nil || to.Before(from) || to.Sub(from) > 366*24*time.Hour {
		return Days{}, errors.New("no days")
	}
	return Days{from, to}, nil
}

// allowed says in words what a key may hold.
func allowed(t reflect.Type, tag reflect.StructTag) string {
	between := ""
	if tag.Get("max") != "" {
		between = " from " + tag.Get("min") + " to " + tag.Get("max")
	}
	switch {
	case tag.Get("one") != "":
		options := strings.Split(tag.Get("one"), "|")
		if t.Kind() == reflect.String {
			for i, o := range options {
				options[i] = strconv.Quote(o)
			}
		}
		return "one of " + strings.Join(options, ", ")
	case t == durationType:
		return `a duration in quotes` + between
	case t == bytesType:
		return `a size in quotes` + between
	case t == daysType:
		return `a day such as "2026-12-24", or at most a year such as "2026-12-28..2026-12-31"`
	case t.Kind() == reflect.Bool:
		return "true or false"
	case t.Kind() == reflect.Int:
		return "a whole number" + between
	case t.Kind() == reflect.Slice:
		return "a list"
	case t.Kind() == reflect.Struct:
		return "a table such as { … }"
	}
	return formOf(tag).words
}

// describe says what was found instead.
func describe(v *value) string {
	text := v.text
	if r := []rune(text); len(r) > 60 {
		text = string(r[:60]) + "…"
	}
	switch v.kind {
	case unstable.Table:
		return "a table"
	case unstable.Array, unstable.ArrayTable:
		return "a list"
	case unstable.String:
		return fmt.Sprintf("the text %q", text)
	}
	return text
}
