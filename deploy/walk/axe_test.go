//go:build browser

package walk

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// axeVersion is pinned: a newer one may find more, and that is a change of its
// own.
const axeVersion = "4.14.1"

// axeScript installs axe-core where nothing of it is committed, and returns it.
func axeScript(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(root(t), "deploy", "out", "axe-"+axeVersion)
	path := filepath.Join(dir, "node_modules", "axe-core", "axe.min.js")
	if _, err := os.Stat(path); err != nil {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		npm := exec.Command("npm", "install", "--prefix", dir, "--no-save", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel", "error", "axe-core@"+axeVersion)
		if out, err := npm.CombinedOutput(); err != nil {
			t.Fatalf("cannot install axe-core: %v\n%s", err, out)
		}
	}
	script, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(script)
}

// finding is a rule that a page breaks.
type finding struct {
	ID    string `json:"id"`
	Help  string `json:"help"`
	Nodes []struct {
		Target []any  `json:"target"`
		Why    string `json:"failureSummary"`
	} `json:"nodes"`
}

func (f finding) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s", f.ID, f.Help)
	for i, n := range f.Nodes {
		if i == 5 {
			fmt.Fprintf(&b, "\n    and %d more", len(f.Nodes)-i)
			break
		}
		fmt.Fprintf(&b, "\n    %v: %s", n.Target, strings.Join(strings.Fields(n.Why), " "))
	}
	return b.String()
}

// strict are the rules that axe leaves off and the terminal must keep: WCAG 2.2
// target size, and contrast of 7:1 (AAA).
func strict() map[string]any {
	return map[string]any{
		"target-size":             object{"enabled": true},
		"color-contrast-enhanced": object{"enabled": true},
	}
}

// judge has axe-core look at the page as it is; it wants no finding at all. The
// script comes in through the debugger, so the page's own policy stays in force.
func (p *page) judge(script, what string, rules map[string]any) {
	p.t.Helper()
	if !eval[bool](p, `typeof axe !== 'undefined'`) {
		eval[bool](p, script+"\n;true")
	}
	raw, err := json.Marshal(object{"rules": rules, "resultTypes": []string{"violations"}})
	if err != nil {
		p.t.Fatal(err)
	}
	p.still()
	found := eval[[]finding](p, `axe.run(document, `+string(raw)+`).then((r) => r.violations)`)
	for _, f := range found {
		p.t.Errorf("%s: %s", what, f)
	}
}
