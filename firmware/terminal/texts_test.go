package terminal

import (
	"math"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"abholstation/locker"
)

func TestEveryLanguageHasTheSameTextsAndPlaceholders(t *testing.T) {
	c, err := loadTexts()
	if err != nil {
		t.Fatal(err)
	}
	holes := regexp.MustCompile(`\{[a-z]+\}`)
	for key, text := range c.texts["de"] {
		want := holes.FindAllString(text, -1)
		slices.Sort(want)
		for _, lang := range c.order {
			got := holes.FindAllString(c.texts[lang][key], -1)
			slices.Sort(got)
			if !slices.Equal(got, want) {
				t.Errorf("%s %s has %v, de has %v", lang, key, got, want)
			}
			if strings.TrimSpace(c.texts[lang][key]) == "" {
				t.Errorf("%s %s is empty", lang, key)
			}
		}
	}
}

func TestAMissingAndAnExtraTextAreFound(t *testing.T) {
	for name, change := range map[string]func(map[string]string){
		"en lacks code.title":               func(m map[string]string) { delete(m, "code.title") },
		"en has code.new, which de lacks":   func(m map[string]string) { m["code.new"] = "x" },
		"en has kind.other2, which de lack": func(m map[string]string) { m["kind.other2"] = "x" },
	} {
		c, err := loadTexts()
		if err != nil {
			t.Fatal(err)
		}
		change(c.texts["en"])
		if err := c.complete(); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestEveryShippedKindHasWordsAndItsConfirmationASentence(t *testing.T) {
	c, err := loadTexts()
	if err != nil {
		t.Fatal(err)
	}
	for name, kind := range locker.ShippedKinds() {
		if !c.known("kind." + name) {
			t.Errorf("no word for kind %s", name)
		}
		if kind.Confirm != "" && !c.known("confirm."+kind.Confirm+".text") {
			t.Errorf("no sentence for confirmation %s", kind.Confirm)
		}
	}
}

func TestEveryRefusalForCitizensHasASentence(t *testing.T) {
	c, err := loadTexts()
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range []locker.Reason{
		locker.Unavailable, locker.AlreadyOpen, locker.NoGrant, locker.TooManyTries, locker.DoorInUse,
		locker.InventoryDue, locker.PowerLow, locker.StationClosed,
	} {
		if !c.known("refused."+string(r)+".title") || !c.known("refused."+string(r)+".text") {
			t.Errorf("no sentence for %s", r)
		}
	}
}

func TestEveryTextIsUsed(t *testing.T) {
	c, err := loadTexts()
	if err != nil {
		t.Fatal(err)
	}
	var source strings.Builder
	for _, name := range []string{"page.go", "session.go", "outcome.go", "act.go", "door.go", "place.go", "http.go", "texts.go", "assets/page.html"} {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		source.Write(data)
	}
	// These are put together of a prefix and a code.
	built := regexp.MustCompile(`^(kind|refused|confirm|factor|door|closed|choice\.state|broken)\.|^code\.label$`)
	for key := range c.texts["de"] {
		stem := strings.TrimSuffix(strings.TrimSuffix(key, ".title"), ".text")
		if !built.MatchString(key) && !strings.Contains(source.String(), `"`+stem+`"`) {
			t.Errorf("%s is used nowhere", key)
		}
	}
}

func TestPlacesAreSaidAsAPersonWouldSayThem(t *testing.T) {
	for _, c := range []struct {
		column, columns, row, rows int
		want                       string
	}{
		{1, 2, 5, 5, "links, unten"},
		{2, 2, 1, 5, "rechts, oben"},
		{2, 3, 2, 3, "Mitte, in der Mitte"},
		{1, 4, 2, 10, "ganz links, 2. Reihe von oben"},
		{3, 4, 9, 10, "2. Spalte von rechts, 2. Reihe von unten"},
		{1, 1, 3, 6, "3. Reihe von oben"},
		{1, 1, 1, 1, ""},
	} {
		texts, err := loadTexts()
		if err != nil {
			t.Fatal(err)
		}
		term := &Terminal{texts: texts}
		term.s.lang = "de"
		col, row := term.columnWord(c.column, c.columns), term.rowWord(c.row, c.rows)
		got := strings.Trim(col+", "+row, ", ")
		if got != c.want {
			t.Errorf("column %d of %d, row %d of %d: %q, want %q", c.column, c.columns, c.row, c.rows, got, c.want)
		}
	}
}

func TestTheDrawingHasEveryDoorInsideTheCabinet(t *testing.T) {
	var layout []locker.Place
	for n := 1; n <= 160; n++ {
		layout = append(layout, locker.Place{Number: n, Column: (n-1)/16 + 1, Row: (n-1)%16 + 1, HeightMM: 1900 - (n-1)%16*110})
	}
	rects := arrange(layout)
	for _, p := range layout {
		r := rects[p.Number]
		if r.x < 0 || r.y < 0 || r.w < 10 || r.h < 6 || r.x+r.w > drawingW || r.y+r.h > drawingH {
			t.Errorf("door %d is drawn at %+v", p.Number, r)
		}
	}
	if d := draw(layout, 17, "x"); d.Number != 17 || d.Arrow == "" || strings.Count(d.Doors, "M") != 160 {
		t.Errorf("the drawing is %+v", d)
	}
}

// TestTextContrastIsAtLeastSevenToOne reads the colours from the style itself.
func TestTextContrastIsAtLeastSevenToOne(t *testing.T) {
	css, err := os.ReadFile("assets/app.css")
	if err != nil {
		t.Fatal(err)
	}
	blocks := map[string]map[string]string{}
	for name, head := range map[string]string{"normal": "#app {", "high": `#app[data-contrast="high"] {`} {
		_, rest, ok := strings.Cut(string(css), head)
		body, _, _ := strings.Cut(rest, "}")
		if !ok {
			t.Fatalf("no block %s", head)
		}
		blocks[name] = map[string]string{}
		for _, m := range regexp.MustCompile(`--([a-z-]+): (#[0-9a-f]{6});`).FindAllStringSubmatch(body, -1) {
			blocks[name][m[1]] = m[2]
		}
	}
	for name, colour := range blocks {
		for _, pair := range [][2]string{
			{"ink", "bg"},
			{"ink", "card"},
			{"ink", "tint"},
			{"soft", "bg"},
			{"soft", "card"},
			{"main", "bg"},
			{"main", "card"},
			{"main", "tint"},
			{"on-main", "main"},
			{"error", "error-bg"},
			{"info", "info-bg"},
			{"warn", "warn-bg"},
			{"good", "card"},
			{"on-good", "good"},
		} {
			a, b := colour[pair[0]], colour[pair[1]]
			if a == "" || b == "" {
				t.Fatalf("%s: %v has no colour", name, pair)
			}
			if ratio := contrast(a, b); ratio < 7 {
				t.Errorf("%s: %s on %s has %.2f:1", name, pair[0], pair[1], ratio)
			}
		}
	}
}

func contrast(a, b string) float64 {
	x, y := luminance(a), luminance(b)
	return (max(x, y) + 0.05) / (min(x, y) + 0.05)
}

func luminance(hex string) float64 {
	var sum float64
	for i, weight := range []float64{0.2126, 0.7152, 0.0722} {
		v, err := strconv.ParseUint(hex[1+2*i:3+2*i], 16, 8)
		if err != nil {
			panic(err)
		}
		c := float64(v) / 255
		if c <= 0.04045 {
			c /= 12.92
		} else {
			c = math.Pow((c+0.055)/1.055, 2.4)
		}
		sum += weight * c
	}
	return sum
}
