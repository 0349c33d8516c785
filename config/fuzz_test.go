package config

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

func summary(c *Config) string {
	short := *c
	short.Grids = nil
	kinds := ""
	for _, k := range c.Kinds {
		kinds += fmt.Sprint(k.Name, k.ExtraConditions, k.TwoPeople != nil && *k.TwoPeople)
	}
	short.Kinds = nil
	return fmt.Sprintf("%+v %s", short, kinds)
}

// Whatever is read: no panic, either a configuration or errors, each error
// with a place in the file, and a configuration keeps the limits that
// protect the coils.
func FuzzParse(f *testing.F) {
	f.Add(string(example))
	f.Add(small)
	for _, name := range []string{"testdata/bad.toml", "testdata/syntax.toml"} {
		data, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(data))
	}
	for _, text := range []string{"", "\x00", "[", "a.b.c = 1\n[a.b]\nc = 2", "[[bank]]\n[bank.x]", "bank = [1, {}]", "x = [[[[[[[[[[[[1]]]]]]]]]]]]", "station = {id = 1, id.x = 2}", "a = '''\n", "\r", "[station]\r\nid = \"x\"\r\n", "[[grid]]\nrows = []\nlocks = []\ncolumns = 1", "bank.name = 1\n[[bank]]"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		c, errs := Parse("f", []byte(text))
		if (c == nil) == (len(errs) == 0) {
			t.Fatalf("configuration %v with errors %v", c, errs)
		}
		lines := strings.Count(text, "\n") + 1
		for _, e := range errs {
			if e.Text == "" || e.Line < 0 || e.Line > lines {
				t.Errorf("error without a place: %+v", e)
			}
		}
		if c == nil {
			return
		}
		if 10*c.Hardware.Pulse > c.Hardware.Cooldown || len(c.Compartments) == 0 {
			t.Errorf("accepted %+v", c)
		}
		again, errs := Parse("f", []byte(text))
		if len(errs) > 0 || summary(c) != summary(again) {
			t.Errorf("the second reading differs: %v", errs)
		}
	})
}
