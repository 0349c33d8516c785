// Package cmd holds no code of its own, only the programs below it and this
// test of what the packages may import.
package cmd

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"
)

const module = "abholstation"

// A ban forbids direct imports. A path stands for itself and all below it; one
// without a dot in its first part is this module's or, if the module has no
// such directory at its root, the standard library's. Test files and the
// scenario package are free.
type ban struct {
	pkg     string // directory; with /... all below it too
	imports []string
	because string
}

var bans = []ban{
	{
		"locker",
		[]string{"hal", "firmware", "config", "net", "os", "syscall", "math/rand", "crypto/rand"},
		"the domain is pure, so that it can be replayed and searched",
	},
	{"hal/...", []string{"locker", "firmware"}, "the hardware knows no citizens"},
	{"locker/store", []string{"hal", "firmware"}, "storage moves nothing"},
	{"locker/audit", []string{"hal", "firmware"}, "the log moves nothing"},
	{
		"firmware/terminal",
		[]string{"hal", "locker/store", "firmware/staff", "firmware/monitor", "firmware/report"},
		"it declares the few methods it needs; the Station has them",
	},
	{
		"firmware/staff",
		[]string{"hal", "locker/store", "firmware/terminal", "firmware/monitor", "firmware/report"},
		"it declares the few methods it needs; the Station has them",
	},
	{
		"firmware/monitor",
		[]string{"hal", "locker/store", "firmware/terminal", "firmware/staff", "firmware/report"},
		"it declares the few methods it needs; the Station has them",
	},
	{
		"firmware/report",
		[]string{"hal", "locker/store", "firmware/terminal", "firmware/staff", "firmware/monitor"},
		"it declares the few methods it needs; the Station has them",
	},
	{
		"firmware",
		[]string{"hal/gpio", "hal/rs485", "hal/sim"},
		"the backend is chosen in cmd only; there is no silent simulated fallback",
	},
	{"config", []string{"firmware"}, "cmd turns configuration into options"},
	{
		"cmd/stationd",
		[]string{"hal/sim", "firmware/scenario"},
		"the daemon on the box has nothing simulated in it",
	},
}

// A monopoly gives one package the only right to import a library, so that the
// library can be replaced and its traps are known in one place.
type monopoly struct {
	library string
	pkg     string
	because string
}

var monopolies = []monopoly{
	{"go.etcd.io/bbolt", "locker/store", "how the state is stored and committed is one package's business"},
	{"periph.io/x/host", "hal/gpio", "its drivers act on the whole machine when they are loaded"},
	{"github.com/eclipse/paho", "firmware/link", "report, stationctl and stationhub share one connection"},
	{"go.bug.st/serial", "hal/serial", "rs485 and input share one idea of a port"},
}

// A word is an identifier of a standard package that a package may not use.
type word struct {
	pkg     string
	library string
	names   []string
	because string
}

var words = []word{{
	"locker", "time",
	[]string{"Now", "Since", "Until", "Sleep", "After", "AfterFunc", "Tick", "NewTimer", "NewTicker"},
	"time comes in with the events, or a failing seed would not replay",
}}

func TestForbiddenImports(t *testing.T) {
	found, files, err := check(os.DirFS(".."))
	if err != nil {
		t.Fatal(err)
	}
	if files < 10 {
		t.Fatalf("only %d files were read: this test looks at the wrong directory", files)
	}
	for _, f := range found {
		t.Error(f)
	}
}

// Each row can fail: a file that breaks just this row is found, the same as a
// test file is not.
func TestEveryRowCanFail(t *testing.T) {
	type broken struct{ pkg, text, because string }
	var all []broken
	for _, b := range bans {
		for _, imported := range b.imports {
			full := imported
			if own(imported) {
				full = module + "/" + imported
			}
			dir := strings.TrimSuffix(b.pkg, "/...")
			all = append(all, broken{dir, fmt.Sprintf("package x\nimport _ %q\n", full), b.because},
				broken{dir, fmt.Sprintf("package x\nimport alias %q\nvar _ = alias.X\n", full+"/below"), b.because})
			if dir != b.pkg {
				all = append(all, broken{dir + "/sub", fmt.Sprintf("package x\nimport _ %q\n", full), b.because})
			}
		}
	}
	for _, m := range monopolies {
		all = append(all, broken{"firmware", fmt.Sprintf("package x\nimport _ %q\n", m.library), m.because},
			broken{"hal/elsewhere", fmt.Sprintf("//go:build linux\n\npackage x\nimport _ %q\n", m.library+"/v3/part"), m.because})
	}
	for _, w := range words {
		for _, name := range w.names {
			all = append(all, broken{w.pkg, fmt.Sprintf("package x\nimport %q\nvar a = %s.%s\n", w.library, w.library, name), w.because},
				broken{w.pkg, fmt.Sprintf("package x\nimport other %q\nfunc f() { g(other.%s) }\n", w.library, name), w.because})
		}
		all = append(all, broken{w.pkg, fmt.Sprintf("package x\nimport . %q\n", w.library), w.because})
	}
	for _, b := range all {
		found, _, err := check(fstest.MapFS{b.pkg + "/a.go": {Data: []byte(b.text)}})
		if err != nil || len(found) != 1 || !strings.Contains(found[0], b.because) {
			t.Errorf("%s with\n%sgives %q, %v; want one finding that says %q", b.pkg, b.text, found, err, b.because)
		}
		found, _, err = check(fstest.MapFS{
			b.pkg + "/a_test.go":         {Data: []byte(b.text)},
			"firmware/scenario/a.go":     {Data: []byte(b.text)},
			b.pkg + "/testdata/x/a.go":   {Data: []byte(b.text)},
			b.pkg + "/.hidden/broken.go": {Data: []byte("no Go")},
		})
		if err != nil || len(found) != 0 {
			t.Errorf("free files of %s: %q, %v", b.pkg, found, err)
		}
	}
}

func TestWhatIsAllowedIsNotFound(t *testing.T) {
	found, files, err := check(fstest.MapFS{
		"locker/a.go":         {Data: []byte("package locker\nimport \"time\"\nfunc f(t struct{ Now int }) time.Duration { _ = t.Now; return time.Second }\n")},
		"locker/store/a.go":   {Data: []byte("package store\nimport (\n\"os\"\n\"time\"\n_ \"go.etcd.io/bbolt\"\n_ \"abholstation/locker\"\n)\nvar _ = time.Now\nvar _ = os.Args\n")},
		"firmware/a.go":       {Data: []byte("package firmware\nimport _ \"abholstation/hal\"\n")},
		"hal/serial/a.go":     {Data: []byte("package serial\nimport _ \"go.bug.st/serial\"\n")},
		"cmd/stationsim/a.go": {Data: []byte("package main\nimport _ \"abholstation/hal/sim\"\n")},
		"config/a.go":         {Data: []byte("package config\nimport _ \"example.org/firmware\"\n")},
	})
	if err != nil || files != 6 || len(found) != 0 {
		t.Errorf("%d files: %q, %v", files, found, err)
	}
}

func TestAFileThatIsNoGoIsAnError(t *testing.T) {
	if _, _, err := check(fstest.MapFS{"locker/a.go": {Data: []byte("import")}}); err == nil {
		t.Error("no error")
	}
}

// check reads every Go file of the tree, whatever its build constraints, and
// returns what breaks a rule, with place and reason.
func check(tree fs.FS) (found []string, files int, err error) {
	err = fs.WalkDir(tree, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			base := path.Base(name)
			if base == "testdata" || base == "node_modules" || name == "firmware/scenario" || (len(base) > 1 && strings.HasPrefix(base, ".")) {
				return fs.SkipDir
			}
			return nil
		}
		if path.Ext(name) != ".go" || strings.HasSuffix(name, "_test.go") {
			return nil
		}
		files++
		data, err := fs.ReadFile(tree, name)
		if err != nil {
			return err
		}
		set := token.NewFileSet()
		f, err := parser.ParseFile(set, name, data, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		found = append(found, checkFile(set, f, path.Dir(name))...)
		return nil
	})
	return found, files, err
}

func checkFile(set *token.FileSet, f *ast.File, pkg string) (found []string) {
	for _, spec := range f.Imports {
		imported, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			continue // the parser has accepted it, so this cannot be
		}
		for _, b := range bans {
			for _, banned := range b.imports {
				if matches(b.pkg, pkg) && isOrBelow(local(imported, banned), banned) {
					found = append(found, fmt.Sprintf("%s: %s must not import %s: %s", set.Position(spec.Pos()), pkg, imported, b.because))
				}
			}
		}
		for _, m := range monopolies {
			if pkg != m.pkg && (isOrBelow(imported, m.library) || strings.HasPrefix(imported, m.library+".")) {
				found = append(found, fmt.Sprintf("%s: only %s may import %s: %s", set.Position(spec.Pos()), m.pkg, imported, m.because))
			}
		}
		for _, w := range words {
			if pkg == w.pkg && imported == w.library {
				found = append(found, checkWords(set, f, spec, w)...)
			}
		}
	}
	return found
}

func checkWords(set *token.FileSet, f *ast.File, spec *ast.ImportSpec, w word) (found []string) {
	called := path.Base(w.library)
	if spec.Name != nil {
		called = spec.Name.Name
	}
	if called == "." {
		return []string{fmt.Sprintf("%s: %s must not import %s by a dot, which hides what it uses: %s", set.Position(spec.Pos()), w.pkg, w.library, w.because)}
	}
	ast.Inspect(f, func(n ast.Node) bool {
		s, ok := n.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		if x, ok := s.X.(*ast.Ident); ok && x.Name == called && slices.Contains(w.names, s.Sel.Name) {
			found = append(found, fmt.Sprintf("%s: %s must not use %s.%s: %s", set.Position(s.Pos()), w.pkg, w.library, s.Sel.Name, w.because))
		}
		return true
	})
	return found
}

// own says whether a path of the table is this module's.
func own(p string) bool {
	first, _, _ := strings.Cut(p, "/")
	return slices.Contains([]string{"hal", "locker", "firmware", "config", "cmd"}, first)
}

// local takes the module's name off an import if the table means the module's
// own package.
func local(imported, banned string) string {
	if !own(banned) {
		return imported
	}
	if rest, ok := strings.CutPrefix(imported, module+"/"); ok {
		return rest
	}
	return ""
}

func isOrBelow(p, what string) bool { return p == what || strings.HasPrefix(p, what+"/") }

func matches(rule, pkg string) bool {
	if dir, all := strings.CutSuffix(rule, "/..."); all {
		return isOrBelow(pkg, dir)
	}
	return rule == pkg
}
