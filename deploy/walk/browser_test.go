//go:build browser

package walk

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// browser is one Chromium with a profile of its own.
type browser struct {
	t     *testing.T
	ctx   context.Context
	name  string // of the test, in the names of screenshots
	shots int
}

func startBrowser(t *testing.T, name string) *browser {
	t.Helper()
	o := []chromedp.ExecAllocatorOption{
		chromedp.NoFirstRun, chromedp.NoDefaultBrowserCheck, chromedp.Headless, chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-background-networking", true),
		chromedp.Flag("disable-component-update", true), chromedp.Flag("disable-sync", true), chromedp.Flag("accept-lang", "de-DE"),
		chromedp.Flag("hide-scrollbars", true), chromedp.WindowSize(1280, 800), chromedp.UserDataDir(t.TempDir()),
		chromedp.ExecPath("chromium"), chromedp.WSURLReadTimeout(time.Minute),
	}
	alloc, cancelAlloc := chromedp.NewExecAllocator(context.Background(), o...)
	ctx, cancel := chromedp.NewContext(alloc)
	t.Cleanup(func() {
		if err := chromedp.Cancel(ctx); err != nil {
			t.Errorf("the browser did not end well: %v", err)
		}
		cancel()
		cancelAlloc()
	})
	if err := chromedp.Do(ctx); err != nil {
		t.Fatalf("cannot start chromium: %v", err)
	}
	b := &browser{t: t, ctx: ctx, name: name}
	if err := os.MkdirAll(b.pictures(), 0o755); err != nil {
		t.Fatal(err)
	}
	old, err := filepath.Glob(filepath.Join(b.pictures(), name+"-*.png"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range old {
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
	}
	return b
}

// pictures is where screenshots go.
func (b *browser) pictures() string { return filepath.Join(root(b.t), "deploy", "out", "walk") }

// page is one tab. It notes every request that leaves this machine and every
// complaint of the browser.
type page struct {
	*browser
	ctx context.Context

	mu    sync.Mutex
	away  bool // the station is off: what can not be loaded is no complaint
	wrong []string
	asked map[string]int // how often for which path
}

func (b *browser) open(address string, width, height int64) *page {
	b.t.Helper()
	ctx, cancel := chromedp.NewContext(b.ctx)
	b.t.Cleanup(cancel)
	p := &page{browser: b, ctx: ctx, asked: map[string]int{}}
	if err := chromedp.Listen(ctx, p.hear); err != nil {
		b.t.Fatal(err)
	}
	p.do(chromedp.EmulateViewport(width, height), chromedp.Navigate(address))
	b.t.Cleanup(func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		for _, w := range p.wrong {
			b.t.Errorf("%s: %s", address, w)
		}
	})
	return p
}

func (p *page) hear(ev any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch ev := ev.(type) {
	case *network.EventRequestWillBeSent:
		u, err := url.Parse(ev.Request.URL)
		if err != nil || u.Scheme != "data" && u.Hostname() != "127.0.0.1" {
			p.wrong = append(p.wrong, "a request leaves this machine: "+ev.Request.URL)
			return
		}
		p.asked[u.Path]++
	case *runtime.EventExceptionThrown:
		p.wrong = append(p.wrong, "a script failed: "+ev.ExceptionDetails.Text+" at "+ev.ExceptionDetails.URL)
	case *runtime.EventConsoleAPICalled:
		if ev.Type == runtime.ConsoleAPICalledTypeError || ev.Type == runtime.ConsoleAPICalledTypeWarning {
			p.wrong = append(p.wrong, fmt.Sprintf("the console says %s: %s", ev.Type, ev.Args[0].Value))
		}
	case *log.EventEntryAdded:
		// Who is not signed in is told so by the API, as a refusal.
		refused := strings.HasSuffix(ev.Entry.URL, "/api/v1/session")
		if ev.Entry.Level == log.EntryLevelError && !(ev.Entry.Source == log.EntrySourceNetwork && (p.away || refused)) {
			p.wrong = append(p.wrong, "the browser says: "+ev.Entry.Text+" "+ev.Entry.URL)
		}
	}
}

// off says whether the station is off by intention.
func (p *page) off(yes bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.away = yes
}

// triesAgain waits until the page has asked for a path once more.
func (p *page) triesAgain(path string) {
	p.t.Helper()
	times := func() int {
		p.mu.Lock()
		defer p.mu.Unlock()
		return p.asked[path]
	}
	before := times()
	eventually(p.t, "the page asks for "+path+" again", func() bool { return times() > before })
}

func (p *page) do(a ...chromedp.Action[chromedp.Void]) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, 20*time.Second)
	defer cancel()
	if err := chromedp.Do(ctx, a...); err != nil {
		p.shot("failed")
		p.t.Fatalf("%v; the page says:\n%s", err, p.text())
	}
}

// eval runs a script and returns what it returns.
func eval[T any](p *page, script string) T {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, 30*time.Second)
	defer cancel()
	v, err := chromedp.Run(ctx, chromedp.Evaluate[T](script, chromedp.EvalAwaitPromise))
	if err != nil {
		p.t.Fatalf("%v: %.200s", err, script)
	}
	return v
}

// text is what a person can read.
func (p *page) text() string {
	p.t.Helper()
	return strings.Join(strings.Fields(eval[string](p, `document.body.innerText`)), " ")
}

// sees waits until the page says all of this.
func (p *page) sees(parts ...string) {
	p.t.Helper()
	missing := func() []string {
		text := p.text()
		return slices.DeleteFunc(slices.Clone(parts), func(part string) bool { return strings.Contains(text, part) })
	}
	look := time.NewTicker(40 * time.Millisecond)
	defer look.Stop()
	for end := time.Now().Add(15 * time.Second); time.Now().Before(end); <-look.C {
		if len(missing()) == 0 {
			return
		}
	}
	p.shot("failed")
	p.t.Fatalf("the page does not say %q, but:\n%s", missing(), p.text())
}

// at waits for a screen of the terminal.
func (p *page) at(screen string) {
	p.t.Helper()
	p.do(chromedp.WaitVisible(chromedp.CSS("#screen-" + screen)))
}

// press types on the keyboard.
func (p *page) press(keys string) {
	p.t.Helper()
	p.do(chromedp.KeyEvent(keys))
}

// tabTo presses the tabulator key until what has the focus is called so, as
// somebody would who has no mouse.
func (p *page) tabTo(label string) {
	p.t.Helper()
	const called = `(() => { const e = document.activeElement; return !e.matches('a, button, input, select, summary') ? '' : [e.getAttribute('aria-label'), ...[...(e.labels ?? [])].map((l) => l.innerText), e.innerText, e.value, e.placeholder].filter(Boolean).join(' | '); })()`
	var seen []string
	for range 150 {
		name := eval[string](p, called)
		if strings.Contains(name, label) {
			return
		}
		seen = append(seen, name)
		p.press(kb.Tab)
	}
	p.shot("failed")
	p.t.Fatalf("the tabulator key does not reach %q, only %q", label, seen)
}

// holds waits until the entry field of the terminal shows these digits.
func (p *page) holds(digits string) {
	p.t.Helper()
	eventually(p.t, "the field shows "+digits, func() bool {
		return eval[string](p, `document.getElementById('entry')?.value ?? ''`) == digits
	})
}

// touch clicks where a finger would.
func (p *page) touch(selector string) {
	p.t.Helper()
	p.do(chromedp.Click(chromedp.CSS(selector), chromedp.NodeVisible))
}

var clockText = regexp.MustCompile(`\d+:\d\d`)

// survivesReload reloads the page and compares what it says.
func (p *page) survivesReload() {
	p.t.Helper()
	before := clockText.ReplaceAllString(p.text(), "-:--")
	p.do(chromedp.Reload())
	var after string
	look := time.NewTicker(40 * time.Millisecond)
	defer look.Stop()
	for end := time.Now().Add(5 * time.Second); time.Now().Before(end); <-look.C {
		if after = clockText.ReplaceAllString(p.text(), "-:--"); after == before {
			return
		}
	}
	p.t.Errorf("a reload changes the page from\n%s\nto\n%s", before, after)
}

// still waits until nothing fades in any more: neither colours nor places are
// meant before. What moves for ever is no matter.
func (p *page) still() {
	p.t.Helper()
	eval[bool](p, `Promise.allSettled(document.getAnimations().filter((a) => a.effect.getComputedTiming().iterations !== Infinity).map((a) => a.finished)).then(() => true)`)
}

// shot saves what is seen.
func (p *page) shot(name string) {
	p.t.Helper()
	p.shots++
	p.still()
	ctx, cancel := context.WithTimeout(p.ctx, 20*time.Second)
	defer cancel()
	png, err := chromedp.Run(ctx, chromedp.CaptureScreenshot())
	if err != nil {
		p.t.Errorf("cannot take a screenshot: %v", err)
		return
	}
	path := filepath.Join(p.pictures(), fmt.Sprintf("%s-%02d-%s.png", p.name, p.shots, name))
	if err := os.WriteFile(path, png, 0o644); err != nil {
		p.t.Error(err)
	}
}
