package terminal

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"slices"
	"strings"
)

// Press is one thing that a person did. Exactly one field is set.
type Press struct {
	Key      string `json:"key,omitempty"`      // "0"…"9", "ok", "back", "cancel"
	Scan     string `json:"scan,omitempty"`     // the text that the QR scanner read
	Action   string `json:"action,omitempty"`   // a Button's Action, or "help", "hide", "contrast", "size", "low"
	Language string `json:"language,omitempty"` // of the screens: "de", "en"
	Choice   int    `json:"choice,omitempty"`   // from 1: one of Page.Choices
}

// BadPress is an input that nobody can have made with keypad, screen or
// scanner. It is an error; nothing was changed.
type BadPress struct{ Why string }

func (b *BadPress) Error() string { return "cannot take this input: " + b.Why }

const (
	maxBody = 512 // bytes of JSON
	maxScan = 64  // a pickup QR has 30
)

var keys = [...]string{"0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "ok", "back", "cancel"}

// The actions that every screen takes.
const (
	actHelp     = "help"
	actHide     = "hide"
	actContrast = "contrast"
	actSize     = "size"
	actLow      = "low"
)

// parsePress reads the JSON of POST /input: one object, known fields, one of
// them set, nothing behind it.
func parsePress(r io.Reader) (Press, error) {
	body, err := io.ReadAll(io.LimitReader(r, maxBody+1))
	if err != nil {
		return Press{}, &BadPress{"it cannot be read"}
	}
	if len(body) > maxBody {
		return Press{}, &BadPress{"it is too long"}
	}
	var p Press
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields()
	if err := d.Decode(&p); err != nil {
		return Press{}, &BadPress{"it is not an object with one of key, scan, action, language, choice"}
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return Press{}, &BadPress{"something stands behind the object"}
	}
	return p, nil
}

// check says why p can not be a press, or nil.
func (p Press) check(texts *catalogue) error {
	set := 0
	for _, is := range []bool{p.Key != "", p.Scan != "", p.Action != "", p.Language != "", p.Choice != 0} {
		if is {
			set++
		}
	}
	switch {
	case set != 1:
		return &BadPress{"exactly one of key, scan, action, language and choice must be set"}
	case p.Key != "" && !slices.Contains(keys[:], p.Key):
		return &BadPress{"key must be a digit, ok, back or cancel"}
	case len(p.Scan) > maxScan:
		return &BadPress{"the scanned text is too long"}
	case strings.ContainsFunc(p.Scan, func(r rune) bool { return r < 0x20 || r > 0x7e }):
		return &BadPress{"the scanned text has characters that no pickup code has"}
	case p.Language != "" && !texts.has(p.Language):
		return &BadPress{"there is no such language"}
	case p.Action != "" && !plainWord(p.Action):
		return &BadPress{"action must be a word"}
	case p.Choice < 0 || p.Choice > 999:
		return &BadPress{"choice must be 1 or more"}
	}
	return nil
}

// startsAnew says that p is what somebody does who begins, or who goes: a
// screen that only tells something ends with it.
func (p Press) startsAnew() bool {
	return p.Scan != "" || p.Key >= "0" && p.Key <= "9" || p.Key == "back" || p.Key == "cancel"
}

func plainWord(s string) bool {
	return len(s) <= 20 && !strings.ContainsFunc(s, func(r rune) bool { return (r < 'a' || r > 'z') && r != '_' })
}
