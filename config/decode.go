package config

import (
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/pelletier/go-toml/v2/unstable"
)

var (
	durationType = reflect.TypeFor[time.Duration]()
	bytesType    = reflect.TypeFor[Bytes]()
	daysType     = reflect.TypeFor[Days]()
)

const maxItems = 1000 // of one list

// decoder fills a Config from a tree and keeps where each key was written.
type decoder struct {
	flags, env map[string]string // by key, "store.path"
	broken     bool              // a part of the file could not be read: nothing is called missing
	places     map[string]*value // by key, "compartment[3].lock.bank", what was given in the file, by flag or environment
	errs       Errors
	unsound    map[string]bool // keys at or below which something is wrong
}

// source is the one function of precedence: flag, then environment, then file,
// then the default. It returns nil where none of them says anything.
func (d *decoder) source(key string, f reflect.StructField, file *value) *value {
	if text, ok := d.flags[key]; ok {
		return fromText(f.Type, text, "flag "+key)
	}
	if text, ok := d.env[key]; ok {
		return fromText(f.Type, text, "environment "+EnvName(key))
	}
	if file != nil {
		return file
	}
	if text, ok := f.Tag.Lookup("default"); ok {
		return fromText(f.Type, text, "")
	}
	return nil
}

// fromText makes of a flag's text what the same value would be in the file. A
// list is separated by commas.
func fromText(t reflect.Type, text, where string) *value {
	v := &value{where: where, kind: unstable.String, text: text}
	switch {
	case t.Kind() == reflect.Pointer:
		return fromText(t.Elem(), text, where)
	case t.Kind() == reflect.Slice:
		v.kind = unstable.Array
		for _, part := range strings.FieldsFunc(text, func(r rune) bool { return r == ',' }) {
			v.items = append(v.items, fromText(t.Elem(), strings.TrimSpace(part), where))
		}
	case t.Kind() == reflect.Int:
		v.kind = unstable.Integer
	case t.Kind() == reflect.Bool:
		v.kind = unstable.Bool
	}
	return v
}

func (d *decoder) fail(v *value, key, format string, args ...any) {
	d.add(Error{Where: v.where, Line: v.line, Key: key, Text: fmt.Sprintf(format, args...)})
}

func (d *decoder) add(e Error) {
	d.errs = append(d.errs, e)
	for key := e.Key; key != ""; key = above(key) {
		d.unsound[key] = true
	}
}

// above returns the key of what contains this key; "" for the whole file.
func above(key string) string {
	return key[:max(0, strings.LastIndexAny(key, ".["))]
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

// table fills a struct. path is "" for the whole file.
func (d *decoder) table(into reflect.Value, v *value, path string) {
	if v.kind != unstable.Table {
		d.fail(v, path, "must be a section or table, but is %s", describe(v))
		return
	}
	known := map[string]bool{}
	for _, f := range reflect.VisibleFields(into.Type()) {
		name := f.Tag.Get("toml")
		known[name] = true
		key := join(path, name)
		if path == "" && f.Type.Kind() == reflect.Struct {
			d.section(into.FieldByIndex(f.Index), v, name)
			continue
		}
		given := d.source(key, f, v.table[name])
		switch {
		case given != nil:
			if given.where != "" {
				d.places[key] = given
			}
			d.value(into.FieldByIndex(f.Index), given, f.Tag, key)
		case f.Tag.Get("required") != "" && !d.broken:
			d.fail(v, path, "%s is missing (%s)", name, allowed(f.Type, f.Tag))
		}
	}
	for _, name := range v.names {
		if !known[name] {
			d.fail(v.table[name], join(path, name), "unknown key; allowed here: %s", strings.Join(slices.Sorted(maps.Keys(known)), ", "))
		}
	}
}

// section fills a top-level section. One that is not in the file still has
// defaults, flags and environment.
func (d *decoder) section(into reflect.Value, file *value, name string) {
	v := file.table[name]
	if v == nil {
		v = newTable(file.where, 0)
	}
	d.places[name] = v
	d.table(into, v, name)
}

func (d *decoder) value(into reflect.Value, v *value, tag reflect.StructTag, key string) {
	switch t := into.Type(); {
	case t.Kind() == reflect.Pointer:
		into.Set(reflect.New(t.Elem()))
		d.value(into.Elem(), v, tag, key)
	case t == daysType:
		d.days(into, v, key)
	case t.Kind() == reflect.Struct:
		d.table(into, v, key)
	case t.Kind() == reflect.Slice:
		d.list(into, v, tag, key)
	default:
		d.scalar(into, v, tag, key)
	}
}

func (d *decoder) list(into reflect.Value, v *value, tag reflect.StructTag, key string) {
	if v.kind != unstable.Array && v.kind != unstable.ArrayTable {
		d.fail(v, key, "must be a list, but is %s", describe(v))
		return
	}
	if tag.Get("required") != "" && len(v.items) == 0 {
		d.fail(v, key, "must not be empty")
	}
	if len(v.items) > maxItems {
		d.fail(v, key, "has %d entries, at most %d are allowed", len(v.items), maxItems)
		return
	}
	into.Set(reflect.MakeSlice(into.Type(), len(v.items), len(v.items)))
	for i, item := range v.items {
		one := fmt.Sprintf("%s[%d]", key, i+1)
		d.places[one] = item
		d.value(into.Index(i), item, tag, one)
	}
}

func (d *decoder) days(into reflect.Value, v *value, key string) {
	days, err := parseDays(v.text)
	if (v.kind != unstable.LocalDate && v.kind != unstable.String) || err != nil {
		d.fail(v, key, "must be %s, but is %s", allowed(daysType, ""), describe(v))
		return
	}
	into.Set(reflect.ValueOf(days))
}

// scalar checks type, range and form of one value, and sets it.
func (d *decoder) scalar(into reflect.Value, v *value, tag reflect.StructTag, key string) {
	t := into.Type()
	if wantKind(t) != v.kind {
		d.fail(v, key, "must be %s, but is %s", allowed(t, tag), describe(v))
		return
	}
	parsed, err := parseScalar(t, v.text)
	if err != nil {
		d.fail(v, key, "must be %s, but is %s", allowed(t, tag), describe(v))
		return
	}
	if one := tag.Get("one"); one != "" && !slices.Contains(strings.Split(one, "|"), fmt.Sprint(parsed)) {
		d.fail(v, key, "must be %s, but is %s", allowed(t, tag), describe(v))
		return
	}
	if !within(parsed, t, tag) {
		d.fail(v, key, "must be %s, but is %s", allowed(t, tag), describe(v))
		return
	}
	if text, ok := parsed.Interface().(string); ok && !formOf(tag).ok(text) {
		d.fail(v, key, "must be %s, but is %s", allowed(t, tag), describe(v))
		return
	}
	into.Set(parsed)
}

func within(v reflect.Value, t reflect.Type, tag reflect.StructTag) bool {
	if !v.CanInt() {
		return true
	}
	for _, limit := range []struct {
		name string
		sign int64
	}{{"min", 1}, {"max", -1}} {
		text, ok := tag.Lookup(limit.name)
		if !ok {
			continue
		}
		bound, err := parseScalar(t, text)
		if err != nil || (v.Int() < bound.Int() && limit.sign > 0) || (v.Int() > bound.Int() && limit.sign < 0) {
			return false
		}
	}
	return true
}

// wantKind says as what a type is written in the file.
func wantKind(t reflect.Type) unstable.Kind {
	switch {
	case t == durationType, t == bytesType, t.Kind() == reflect.String:
		return unstable.String
	case t.Kind() == reflect.Bool:
		return unstable.Bool
	}
	return unstable.Integer
}

func parseScalar(t reflect.Type, text string) (reflect.Value, error) {
	switch {
	case t == durationType:
		n, err := time.ParseDuration(text)
		return reflect.ValueOf(n), err
	case t == bytesType:
		n, err := parseBytes(text)
		return reflect.ValueOf(n), err
	case t.Kind() == reflect.Bool:
		b, err := strconv.ParseBool(text)
		return reflect.ValueOf(b), err
	case t.Kind() == reflect.Int:
		if n := strings.TrimLeft(text, "+-"); len(n) > 1 && n[0] == '0' && n[1] <= '9' {
			return reflect.Value{}, errors.New("leading zero") // Go would read it as octal
		}
		n, err := strconv.ParseInt(text, 0, 32)
		return reflect.ValueOf(int(n)), err
	}
	return reflect.ValueOf(text), nil
}

// given says whether a key was written anywhere.
func (d *decoder) given(key string) bool { return d.places[key] != nil }

// place returns where a key was written, or what contains it.
func (d *decoder) place(key string) *value {
	for ; key != ""; key = above(key) {
		if v := d.places[key]; v != nil {
			return v
		}
	}
	return d.places[""]
}
