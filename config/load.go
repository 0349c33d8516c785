package config

import (
	"errors"
	"fmt"
	"io"
	"os"
	"reflect"
	"slices"
	"strings"
)

// EnvPrefix begins the name of every environment variable that is read.
const EnvPrefix = "ABHOLSTATION_"

// EnvName returns the environment variable of a key: "store.path" becomes
// "ABHOLSTATION_STORE_PATH".
func EnvName(key string) string {
	return EnvPrefix + strings.ToUpper(strings.ReplaceAll(key, ".", "_"))
}

// Keys returns every key that a flag or the environment may set, such as
// "store.path": those of the sections that exist once. Lists of banks,
// compartments and the like are for the file only.
func Keys() []string {
	var keys []string
	for _, section := range reflect.VisibleFields(reflect.TypeFor[Config]()) {
		if section.Type.Kind() != reflect.Struct {
			continue
		}
		for _, f := range reflect.VisibleFields(section.Type) {
			keys = append(keys, section.Tag.Get("toml")+"."+f.Tag.Get("toml"))
		}
	}
	return keys
}

// Parse reads a configuration without flags and environment. name is what the
// errors call the file. A Config is returned only if there is no error.
func Parse(name string, data []byte) (*Config, Errors) {
	return parse(name, data, nil, nil)
}

// Load reads the file at path. For a key that is given more than once, a flag
// wins over the environment, the environment over the file, the file over the
// default. flags are by key ("store.path"); environ is what os.Environ
// returns, and unknown variables that begin with EnvPrefix are refused. An
// error is either that of reading the file or an Errors with everything that
// is wrong.
func Load(path string, environ []string, flags map[string]string) (*Config, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("cannot read the configuration: %w", err)
	}
	defer file.Close()
	data, err := io.ReadAll(io.LimitReader(file, maxBytes+1))
	if err != nil {
		return nil, fmt.Errorf("cannot read the configuration: %w", err)
	}
	c, errs := parse(path, data, environ, flags)
	if len(errs) > 0 {
		return nil, errs
	}
	return c, nil
}

// AsErrors returns the single errors in what Load returned; nil if the file
// could not be read at all.
func AsErrors(err error) Errors {
	var errs Errors
	if errors.As(err, &errs) {
		return errs
	}
	return nil
}

func parse(name string, data []byte, environ []string, flags map[string]string) (*Config, Errors) {
	env, flags, errs := overrides(environ, flags)
	tree, syntax, broken := readTree(name, data)
	d := &decoder{flags: flags, env: env, broken: broken, places: map[string]*value{"": newTable(name, 0)}, unsound: map[string]bool{}}
	for _, e := range append(errs, syntax...) {
		d.add(e)
	}
	var c Config
	d.table(reflect.ValueOf(&c).Elem(), tree, "")
	if !broken {
		(&checker{d: d, c: &c}).all()
		if e := confirm(name, data); e != nil && !slices.ContainsFunc(d.errs, func(o Error) bool { return o.Where == name && o.Line == e.Line }) {
			d.add(*e)
		}
	}
	if len(d.errs) > 0 {
		return nil, d.errs.sorted()
	}
	return &c, nil
}

// overrides picks this program's variables out of the environment, by key, and
// refuses variables and flags that it does not know.
func overrides(environ []string, given map[string]string) (env, flags map[string]string, errs Errors) {
	keys := map[string]string{}
	for _, key := range Keys() {
		keys[EnvName(key)] = key
	}
	env, flags = map[string]string{}, map[string]string{}
	for _, line := range environ {
		name, text, _ := strings.Cut(line, "=")
		if !strings.HasPrefix(name, EnvPrefix) {
			continue
		}
		if key, ok := keys[name]; ok {
			env[key] = text
		} else {
			errs = append(errs, Error{Where: "environment " + name, Text: "unknown variable; allowed are " + EnvPrefix + "SECTION_KEY such as " + EnvName("store.path")})
		}
	}
	for key, text := range given {
		if slices.Contains(Keys(), key) {
			flags[key] = text
		} else {
			errs = append(errs, Error{Where: "flag " + key, Text: "unknown key; allowed are section.key such as store.path"})
		}
	}
	return env, flags, errs
}
