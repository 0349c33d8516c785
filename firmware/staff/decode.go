package staff

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"strings"
	"unicode/utf8"
)

// maxBody bounds a request's body, maxDepth the nesting inside it.
const (
	maxBody  = 16 << 10
	maxDepth = 8
)

// readBody reads a JSON request as it came, within maxBody.
func readBody(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	kind, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || kind != "application/json" || params["charset"] != "" && !strings.EqualFold(params["charset"], "utf-8") {
		return nil, fail("not_json")
	}
	raw, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	var large *http.MaxBytesError
	if errors.As(err, &large) {
		return nil, fail("too_large")
	}
	if err != nil {
		return nil, fail("bad_json")
	}
	return raw, nil
}

// decode fills into from exactly one JSON object. What encoding/json would let
// pass is refused here: unknown fields, names in another case, names twice,
// invalid UTF-8, null for the whole, and anything behind the object.
func decode(raw []byte, into any) error {
	if !utf8.Valid(raw) {
		return fail("bad_json")
	}
	if err := checkShape(raw); err != nil {
		return err
	}
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.DisallowUnknownFields()
	err := dec.Decode(into)
	if err == nil {
		return nil
	}
	var kind *json.UnmarshalTypeError
	if errors.As(err, &kind) {
		return fail("wrong_type").with(kind.Field)
	}
	if _, name, ok := strings.Cut(err.Error(), "unknown field "); ok {
		return fail("unknown_field").with(fieldName(strings.Trim(name, `"`)))
	}
	return fail("bad_json")
}

// level is an object or array that checkShape is inside of.
type level struct {
	names map[string]bool // nil: an array
	value bool            // the next token is the value of a name
}

// checkShape looks at the tokens: one object, no name twice, names in lower case.
func checkShape(raw []byte) error {
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	var stack []level
	for {
		tok, err := dec.Token()
		if err == io.EOF && len(stack) == 0 {
			return fail("bad_json") // nothing at all
		}
		if err != nil {
			return fail("bad_json")
		}
		if len(stack) == 0 && tok != json.Delim('{') {
			return fail("bad_json")
		}
		if stack, err = step(stack, tok); err != nil {
			return err
		}
		if len(stack) > 0 {
			continue
		}
		if _, err := dec.Token(); err != io.EOF {
			return fail("bad_json") // something behind the object
		}
		return nil
	}
}

func step(stack []level, tok json.Token) ([]level, error) {
	if tok == json.Delim('}') || tok == json.Delim(']') {
		return stack[:len(stack)-1], nil
	}
	if n := len(stack); n > 0 && stack[n-1].names != nil {
		top := &stack[n-1]
		if name, ok := tok.(string); ok && !top.value {
			if strings.Trim(name, "abcdefghijklmnopqrstuvwxyz_") != "" {
				return nil, fail("unknown_field").with(fieldName(name))
			}
			if top.names[name] {
				return nil, fail("bad_json").with(name)
			}
			top.names[name], top.value = true, true
			return stack, nil
		}
		top.value = false
	}
	if tok == json.Delim('{') || tok == json.Delim('[') {
		if len(stack) >= maxDepth {
			return nil, fail("bad_json")
		}
		l := level{}
		if tok == json.Delim('{') {
			l.names = map[string]bool{}
		}
		return append(stack, l), nil
	}
	return stack, nil
}

// fieldName keeps what a stranger called a field short and printable.
func fieldName(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r == utf8.RuneError || r > '~' {
			return -1
		}
		return r
	}, s)
	return s[:min(len(s), 40)]
}
