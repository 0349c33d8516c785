package staff

import (
	"embed"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"golang.org/x/text/language"

	"abholstation/locker"
)

//go:embed texts/*.json
var textFiles embed.FS

// languages are those of the page; the first is for those who ask for none.
func languages() []string { return []string{"de", "en"} }

// texts are every word that people read: language, key, text. Placeholders are
// {like_this}.
type texts map[string]map[string]string

func loadTexts() (texts, error) {
	out := texts{}
	for _, lang := range languages() {
		raw, err := textFiles.ReadFile("texts/" + lang + ".json")
		if err != nil {
			return nil, fmt.Errorf("cannot read the texts: %w", err)
		}
		m := map[string]string{}
		if err := json.Unmarshal(raw, &m); err != nil {
			return nil, fmt.Errorf("cannot read the texts of %s: %w", lang, err)
		}
		out[lang] = m
	}
	return out, nil
}

// get returns the key itself where there is no text: visible, and harmless.
func (t texts) get(lang, key string) string {
	if s, ok := t[lang][key]; ok {
		return s
	}
	return key
}

// first returns the text of the first key there is, else the fallback.
func (t texts) first(lang, fallback string, keys ...string) string {
	for _, k := range keys {
		if s, ok := t[lang][k]; ok {
			return s
		}
	}
	return fallback
}

// sentence says what happened and what to do next.
func (t texts) sentence(lang string, f *fault) string {
	what := t.first(lang, f.what, "condition."+f.what, "state."+f.what, "field."+f.what, "kind."+f.what, "use."+f.what)
	wait := t.get(lang, "wait.some")
	if f.wait > 0 {
		wait = t.duration(lang, f.wait)
	}
	compartment := ""
	if f.compartment > 0 {
		compartment = strconv.Itoa(f.compartment)
	}
	s := strings.NewReplacer("{what}", what, "{wait}", wait, "{compartment}", compartment).
		Replace(t.first(lang, "problem."+f.code, problemKeys(f)...))
	return strings.Join(strings.Fields(strings.ReplaceAll(s, "()", "")), " ")
}

// problemKeys are the texts for a refusal, the most precise first: some states
// call for another next step than their reason in general does.
func problemKeys(f *fault) []string {
	key := "problem." + f.code
	precise := key + "." + f.what
	switch {
	case f.code == string(locker.UnknownDelivery) && f.compartment > 0 && f.delivery == 0:
		precise = key + ".here"
	case f.what == "not_seen_inside" && f.compartment == 0:
		precise += "_anywhere"
	}
	return []string{precise, key}
}

func (t texts) duration(lang string, d time.Duration) string {
	key, n := "wait.seconds", int(d.Seconds()+0.999)
	if d > 90*time.Second {
		key, n = "wait.minutes", int(d.Minutes()+0.999)
	}
	return strings.ReplaceAll(t.get(lang, key), "{n}", strconv.Itoa(n))
}

// pick finds the reader's language: what was chosen on the page, else what the
// browser or program asks for.
func (t texts) pick(r *http.Request) string {
	if c, err := r.Cookie("lang"); err == nil && t[c.Value] != nil {
		return c.Value
	}
	tags := make([]language.Tag, 0, len(languages()))
	for _, l := range languages() {
		tags = append(tags, language.Make(l))
	}
	_, i := language.MatchStrings(language.NewMatcher(tags), r.Header.Get("Accept-Language"))
	return languages()[i]
}
