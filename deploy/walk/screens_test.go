//go:build browser

package walk

import (
	"fmt"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// looks are all the looks of the terminal, each one press away from the one
// before; the last is the first.
func looks() []struct{ press, name string } {
	return []struct{ press, name string }{
		{"contrast", "high contrast"},
		{"size", "high contrast, large"},
		{"contrast", "large"},
		{"low", "large, low"},
		{"size", "low"},
		{"low", "normal"},
	}
}

// gallery is a terminal whose screens are looked at in every shape.
type gallery struct {
	*page
	s      *station
	script string
}

// judged shows the screen that the terminal is at in each language and look,
// has axe-core look at it, and leaves it as it was. The looks end where they
// began: each is a switch.
func (g *gallery) judged(screen string, languages ...string) {
	g.t.Helper()
	g.at(screen)
	for _, lang := range languages {
		g.speaks(lang)
		for _, look := range looks() {
			g.s.input(object{"action": look.press})
			g.settled()
			g.look(fmt.Sprintf("terminal, %s, %s, %s", screen, lang, look.name))
			switch look.name {
			case "normal", "high contrast, large":
				g.shot(screen + "-" + lang + "-" + map[bool]string{true: "normal", false: "high-large"}[look.name == "normal"])
			}
		}
	}
	if len(languages) == 0 { // a language chosen here would be a step: the looks alone
		for _, look := range looks() {
			g.s.input(object{"action": look.press})
			g.settled()
			g.look(fmt.Sprintf("terminal, %s, %s", screen, look.name))
		}
		g.shot(screen)
	}
}

// look has the screen judged as it is, and measured.
func (g *gallery) look(what string) {
	g.t.Helper()
	g.judge(g.script, what, strict())
	if cut := eval[string](g.page, overflow); cut != "" {
		g.t.Errorf("%s: does not fit: %s", what, cut)
	}
}

func (g *gallery) speaks(lang string) {
	g.t.Helper()
	g.s.input(object{"language": lang})
	g.waitFor(fmt.Sprintf("document.getElementById('app').lang === %q", lang))
}

// idle is the dialog that asks whether anybody is there. Every key ends it, so
// language and look are chosen before.
func (g *gallery) idle(languages []string) {
	g.t.Helper()
	for _, lang := range languages {
		g.speaks(lang)
		for _, look := range looks() {
			g.s.input(object{"action": look.press})
			g.s.pass(61 * time.Second)
			g.at("idle")
			g.settled()
			g.look(fmt.Sprintf("terminal, idle, %s, %s", lang, look.name))
			if look.name == "normal" {
				g.shot("idle-" + lang)
			}
			g.s.input(object{"key": "ok"})
			g.at("factor")
		}
	}
}

// overflow names what is cut off: outside of the screen, or under the bar.
const overflow = `(() => {
  const bar = document.querySelector('footer').getBoundingClientRect().top;
  const out = [...document.querySelectorAll('h1, p, button, input, li, .keypad, .cabinet, footer')].filter((e) => {
    if (e.closest('.offline, .sr')) return false;
    const r = e.getBoundingClientRect();
    const low = e.closest('footer') ? innerHeight : bar;
    return r.width > 1 && r.height > 1 && (r.left < -1 || r.top < -1 || r.right > innerWidth + 1 || r.bottom > low + 1);
  });
  return out.map((e) => e.tagName + ' ' + (e.innerText ?? '').slice(0, 40)).join('; ');
})()`

// settled waits until the page has the look that the station says.
func (g *gallery) settled() {
	g.t.Helper()
	var now struct {
		Contrast string `json:"contrast"`
		Size     string `json:"size"`
		Low      bool   `json:"low"`
	}
	g.s.ask("GET", g.s.terminal+"state", nil, &now)
	g.waitFor(fmt.Sprintf("(({contrast, size, low}) => contrast === %q && size === %q && low === '%t')(document.getElementById('app').dataset)", now.Contrast, now.Size, now.Low))
}

func (p *page) waitFor(condition string) {
	p.t.Helper()
	eventually(p.t, condition, func() bool { return eval[bool](p, condition) })
}

// leave waits until nobody stands at the terminal.
func (g *gallery) leave() {
	g.t.Helper()
	g.s.input(object{"key": "cancel"})
	g.at("attract")
}

// TestEveryScreenIsAccessible brings the terminal to each screen that the
// simulation reaches; axe-core finds nothing on any, in German and English, in
// each look.
func TestEveryScreenIsAccessible(t *testing.T) {
	s := startStation(t)
	b := startBrowser(t, "screen")
	g := &gallery{page: b.open(s.terminal, 1280, 800), s: s, script: axeScript(t)}
	both := []string{"de", "en"}

	g.judged("attract")
	s.input(object{"action": "help"})
	g.judged("help", both...)
	s.input(object{"action": "help"})
	g.at("attract")

	s.input(object{"key": "ok"})
	s.keys("4711")
	g.judged("code", both...)
	s.input(object{"key": "ok"}) // too short: with a message
	g.judged("code", both...)
	g.leave()

	entries(g, both)
	doors(g, both)
	closed(g, both)
}

// entries are the screens around a code.
func entries(g *gallery, both []string) {
	s := g.s
	wrong := otherCode("")
	s.keys(wrong + "12")
	g.judged("factor", both...)
	g.idle(both)
	s.keys("34")
	g.at("code")
	for range 12 { // until the limiter has had enough
		if eval[bool](g.page, `document.getElementById('screen-locked') !== null`) {
			break
		}
		s.keys(wrong)
		s.keys("1234")
		g.waitFor(`document.getElementById('screen-code') !== null && document.querySelector('.message') !== null || document.getElementById('screen-locked') !== null`)
	}
	g.judged("locked", both...)
	g.leave()
	s.pass(2 * time.Hour)
	g.at("attract")
}

// sensors finds a compartment with these sensors that is empty.
func (s *station) sensors(profile string) int {
	s.t.Helper()
	for _, c := range s.truth().Compartments {
		if c.Sensors == profile && len(c.Papers) == 0 && !c.Open {
			return c.Number
		}
	}
	s.t.Fatalf("no compartment is left with the sensors %q", profile)
	return 0
}

// doors are the screens in front of a door: one with every sensor, and one with
// a door switch only, where people are asked.
func doors(g *gallery, both []string) {
	s := g.s
	d, code, qr := s.load("PA-1", "0703", s.sensors("all"))
	s.world("fault", object{"compartment": d.Compartment, "fault": "jam", "on": true})
	s.keys(code + "0703")
	g.judged("door", both...) // opening
	s.pass(12 * time.Second)
	g.waitFor(`['retry', ''].includes(document.getElementById('app').dataset.phase)`)
	s.pass(30 * time.Second)
	g.judged("not_opened", both...)
	s.world("mend", object{"compartment": d.Compartment})
	s.pass(30 * time.Second)
	s.input(object{"key": "ok"})
	s.opens()
	g.waitFor(`document.getElementById('app').dataset.phase === 'open'`)
	g.judged("door", both...)
	s.pass(61 * time.Second)
	g.waitFor(`document.getElementById('app').dataset.phase === 'left_open'`)
	g.judged("door", both...)
	s.door(d.Compartment, "close")
	g.judged("inside", both...)
	s.pass(15 * time.Second)
	s.input(object{"key": "ok"})
	s.opens()
	s.door(d.Compartment, "close")
	g.judged("inside_again", both...)
	s.input(object{"action": "problem"})
	g.judged("inside_again", both...)
	s.pass(15 * time.Second)
	s.input(object{"key": "ok"})
	s.opens()
	s.take(d.Compartment)
	s.door(d.Compartment, "close")
	g.judged("done", both...)
	g.leave()

	s.input(object{"scan": "PS1:THIS-IS-NO-PICKUP-CODE"})
	g.judged("code", both...)
	s.input(object{"scan": qr}) // of a delivery that is gone
	s.keys("0703")
	g.sees("is wrong")
	g.leave()

	d, code, _ = s.load("PA-2", "0703", s.sensors("door"))
	s.keys(code + "0703")
	s.opens()
	s.pass(61 * time.Second)
	g.waitFor(`document.getElementById('b-next') !== null`)
	s.input(object{"action": "next"}) // and the next person comes
	g.sees("steht noch offen")
	g.judged("attract")
	s.door(d.Compartment, "close")
	s.reaches(d.ID, "asking")
	s.pass(15 * time.Second)
	s.keys(code + "0703")
	s.opens()
	s.take(d.Compartment)
	s.door(d.Compartment, "close")
	g.judged("asking", both...)
	s.input(object{"key": "ok"})
	g.judged("done", both...)
	s.pass(11 * time.Second)
	g.at("attract")
}

// closed are the screens of a station that can not work, and a page that has
// lost it.
func closed(g *gallery, both []string) {
	s := g.s
	s.world("mains", object{"on": false})
	g.judged("out_of_order", both...)
	s.world("mains", object{"on": true})
	g.at("attract")
	g.off(true)
	s.world("controller", object{"do": "kill"})
	g.waitFor(`document.body.classList.contains("lost")`)
	g.judge(g.script, "terminal, station off", strict())
	g.do(chromedp.Reload())
	g.sees("Die Station ist aus", "The station is off")
	g.judge(g.script, "page of a station that is off", strict())
	g.shot("off")
	s.world("controller", object{"do": "start"})
	g.at("attract")
	g.off(false)
}

// TestTheOfficesPagesAreAccessible looks at the staff page and at the cabinet
// page, in both languages.
func TestTheOfficesPagesAreAccessible(t *testing.T) {
	s := startStation(t)
	b := startBrowser(t, "office")
	script := axeScript(t)
	p := b.open(s.staff, 1280, 900)
	rules := map[string]any{"target-size": object{"enabled": true}}
	look := func(name string) {
		t.Helper()
		p.judge(script, "staff page, "+name, rules)
		p.shot(name)
	}
	p.sees("Benutzername")
	look("sign-in")
	p.tabTo("Benutzername")
	p.press("demo" + kb.Tab + s.password + kb.Enter)
	p.sees("Aktuell")
	work(s)
	p.sees("PA-2026-00001", "PA-2026-00002", "PA-2026-00003")
	look("today")
	trouble(s)
	p.sees("gesperrt")
	look("today-trouble")
	p.tabTo("Ankündigen")
	p.press(kb.Enter)
	p.sees("Reisepass")
	look("announce")
	p.press(kb.Escape)
	p.tabTo("PA-2026-00002")
	p.press(kb.Enter)
	p.sees("Abholfrist")
	look("delivery")
	p.press(kb.Escape)
	for _, lang := range []string{"de", "en"} {
		p.do(chromedp.Navigate(s.staff + "?lang=" + lang))
		for _, view := range []string{"today", "deliveries", "cabinet", "inventory", "accounts"} {
			p.do(chromedp.Navigate(s.staff + "#/" + view))
			p.waitFor(`document.querySelector('#nav [aria-current=page]')?.hash === '#/` + view + `'`)
			look(view + "-" + lang)
		}
	}
	p.do(chromedp.EmulateViewport(390, 844))
	p.do(chromedp.Navigate(s.staff + "#/today"))
	look("today-narrow")

	c := b.open(s.cabinet, 1440, 1000)
	c.waitFor(`document.querySelectorAll('svg').length > 0`)
	c.judge(script, "cabinet page", rules)
	c.shot("cabinet")
	c.do(chromedp.EmulateViewport(390, 844))
	c.judge(script, "cabinet page, narrow", rules)
	c.shot("cabinet-narrow")
}

// work leaves the office something of each kind to see.
func work(s *station) {
	s.load("PA-2026-00001", "0703", 0)
	s.load("PA-2026-00002", "0703", 0)
	s.ask("POST", s.staff+"api/v1/deliveries", object{"reference": "PA-2026-00003", "kinds": []string{"identity_card"}, "factor": "2412"}, nil)
}

// trouble is what IT and the office have to look after.
func trouble(s *station) {
	s.world("sensor", object{"compartment": 12, "sensor": "door", "do": "cut"})
	s.ask("POST", s.staff+"api/v1/compartments/17/block", object{"why": "dirty"}, nil)
}
