package terminal

import (
	"embed"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/pelletier/go-toml/v2"
)

//go:embed texts/*.toml
var textFiles embed.FS

// languages in the order in which the welcome screen shows them; the first one
// is that of a new session.
var languages = [...]string{"de", "en"}

// catalogue is every text in every language, by a key such as "code.title".
type catalogue struct {
	order []string
	texts map[string]map[string]string
}

// loadTexts reads the embedded files. Each language must have the same keys:
// a missing or an extra one is an error that names it.
func loadTexts() (*catalogue, error) {
	c := &catalogue{order: languages[:], texts: map[string]map[string]string{}}
	for _, lang := range c.order {
		data, err := fs.ReadFile(textFiles, path.Join("texts", lang+".toml"))
		if err != nil {
			return nil, fmt.Errorf("cannot read the texts: %w", err)
		}
		var tree map[string]any
		if err := toml.Unmarshal(data, &tree); err != nil {
			return nil, fmt.Errorf("cannot read texts/%s.toml: %w", lang, err)
		}
		flat := map[string]string{}
		if err := flatten(flat, "", tree); err != nil {
			return nil, fmt.Errorf("cannot read texts/%s.toml: %w", lang, err)
		}
		c.texts[lang] = flat
	}
	return c, c.complete()
}

func flatten(into map[string]string, prefix string, tree map[string]any) error {
	for k, v := range tree {
		switch v := v.(type) {
		case string:
			into[prefix+k] = v
		case map[string]any:
			if err := flatten(into, prefix+k+".", v); err != nil {
				return err
			}
		default:
			return fmt.Errorf("%s%s is not a text", prefix, k)
		}
	}
	return nil
}

// complete says which keys are missing anywhere.
func (c *catalogue) complete() error {
	var wrong []string
	first := c.order[0]
	for _, lang := range c.order[1:] {
		for k := range c.texts[first] {
			if _, ok := c.texts[lang][k]; !ok {
				wrong = append(wrong, lang+" lacks "+k)
			}
		}
		for k := range c.texts[lang] {
			if _, ok := c.texts[first][k]; !ok {
				wrong = append(wrong, lang+" has "+k+", which "+first+" lacks")
			}
		}
	}
	if len(wrong) > 0 {
		slices.Sort(wrong)
		return fmt.Errorf("cannot use the texts: %s", strings.Join(wrong, "; "))
	}
	return nil
}

func (c *catalogue) first() string         { return c.order[0] }
func (c *catalogue) has(lang string) bool  { return c.texts[lang] != nil }
func (c *catalogue) known(key string) bool { return c.texts[c.first()][key] != "" }

// get is a text with its {names} replaced: args are name, value, name, value.
// A key that does not exist shows as itself, which tests look for.
func (c *catalogue) get(lang, key string, args ...string) string {
	text, ok := c.texts[lang][key]
	if !ok {
		return "[" + key + "]"
	}
	for i := 0; i+1 < len(args); i += 2 {
		text = strings.ReplaceAll(text, "{"+args[i]+"}", args[i+1])
	}
	return text
}
