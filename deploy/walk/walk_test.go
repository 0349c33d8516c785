//go:build browser

package walk

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// TestADeliveryIsLoadedAndCollected is the whole way of two deliveries, seen by
// the people at the pages: a clerk with a keyboard, a citizen with the keypad,
// another with a finger and a QR code, and a plug that is pulled.
func TestADeliveryIsLoadedAndCollected(t *testing.T) {
	s := startStation(t)
	b := startBrowser(t, "walk")
	office := b.open(s.staff, 1280, 900)
	cabinet := b.open(s.cabinet, 1440, 1000)
	cabinet.sees("Abholstation")

	signIn(office, s)
	n := loadByKeyboard(office, s)
	code := printSlip(office, s)
	cabinet.shot("cabinet-loaded")

	screen := b.open(s.terminal, 1280, 800)
	collectByKeyboard(screen, s, code, n)
	cabinet.shot("cabinet-collected")

	plugIsPulled(screen, office, cabinet, s)
	if v := s.truth().Violations; len(v) > 0 {
		t.Errorf("electrical rules were broken: %q", v)
	}
}

func signIn(p *page, s *station) {
	p.sees("Anmelden", "Benutzername", "Passwort")
	p.shot("sign-in")
	p.tabTo("Benutzername")
	p.press("demo" + kb.Tab + "wrong" + kb.Enter)
	p.sees("stimm")
	p.press(s.password + kb.Enter)
	p.sees("Demo demo", "Es wartet nichts auf Sie", "Aktuell")
	p.survivesReload()
	p.shot("today-empty")
}

// loadByKeyboard announces a passport for somebody without an address, and puts
// it into the compartment that opens.
func loadByKeyboard(p *page, s *station) (compartment int) {
	p.tabTo("Ankündigen")
	p.press(kb.Enter)
	p.sees("Vorgangsnummer", "Reisepass")
	p.press("PA-2026-00417")
	p.tabTo("Reisepass")
	p.press(" ")
	p.tabTo("Geburts")
	p.press("0703")
	p.shot("announce")
	p.press(kb.Enter)
	p.sees("PA-2026-00417")
	p.tabTo("bestücken")
	p.press(kb.Enter)
	n := s.opens()
	p.sees(fmt.Sprintf("Fach %d ist offen", n), "Dokumente einlegen")
	p.shot("load-open")
	s.put(n)
	s.door(n, "close")
	p.sees(fmt.Sprintf("Bestückt: Fach %d", n), "Korrigieren")
	p.shot("load-done")
	p.press(kb.Escape)
	return n
}

// printSlip waits for the grace period and reads the code from the slip.
func printSlip(p *page, s *station) (code string) {
	s.pass(21 * time.Second)
	p.sees("Abholschein drucken", "Schein drucken")
	p.survivesReload()
	p.shot("today-slip")
	p.tabTo("Schein drucken")
	p.press(kb.Enter)
	p.sees("nur dieses eine Mal")
	p.press(kb.Tab)
	p.tabTo("Schein drucken")
	p.press(kb.Enter)
	p.sees("Fertig, schließen", "PA-2026-00417")
	code = eval[string](p, `document.querySelector(".sheet .code").innerText`)
	p.shot("slip")
	p.tabTo("Fertig, schließen")
	p.press(kb.Enter)
	p.sees("Abholbereit")
	if strings.Contains(p.text(), code) {
		p.t.Error("the code is still on the page after the slip was closed")
	}
	p.shot("today-ready")
	return strings.ReplaceAll(code, " ", "")
}

// collectByKeyboard is a citizen who reads German, types the code with a wrong
// digit, then a wrong birthday, then somebody else's code, and collects.
func collectByKeyboard(p *page, s *station, code string, n int) {
	p.sees("Dokument abholen")
	p.survivesReload()
	p.shot("attract")
	p.press(kb.Enter)
	p.sees("Die 9 Ziffern aus Ihrer Nachricht")
	p.press(code[:5])
	p.holds(code[:5])
	p.survivesReload()
	p.shot("code")
	p.press(typo(code)[5:])
	p.sees("Eine Ziffer stimmt nicht")
	p.survivesReload()
	p.shot("code-typo")
	p.press(kb.Backspace + code[8:])
	p.sees("Ihr Geburtstag", "Tag und Monat")
	p.press("11")
	p.holds("••")
	p.survivesReload()
	p.holds("••")
	p.shot("factor")
	p.press("11")
	p.sees("Abholcode", "Code oder zweite Angabe stimmt nicht")
	p.survivesReload()
	p.shot("rejected-factor")
	p.press(otherCode(code))
	p.sees("Ihr Geburtstag")
	p.press("0703")
	p.sees("Code oder zweite Angabe stimmt nicht")
	p.shot("rejected-code")
	if o := s.truth().open(); len(o) > 0 {
		p.t.Fatalf("doors %v are open before the right code", o)
	}

	p.press(code)
	p.sees("Ihr Geburtstag")
	p.press("0703")
	if got := s.opens(); got != n {
		p.t.Fatalf("door %d is open, not %d", got, n)
	}
	p.sees(fmt.Sprintf("Fach %d ist offen", n), "Nehmen Sie alles heraus")
	p.survivesReload()
	p.shot("door-open")
	s.take(n)
	s.door(n, "close")
	p.sees("Vielen Dank", "Reisepass", fmt.Sprintf("Fach %d", n))
	p.survivesReload()
	p.shot("done")
	s.reaches(1, "collected")
	s.pass(11 * time.Second)
	p.sees("Dokument abholen")
	p.do(chromedp.Reload())
	p.sees("Dokument abholen")
	if strings.Contains(p.text(), "Reisepass") {
		p.t.Error("the next person sees what the last one has collected")
	}
}

// plugIsPulled is a citizen who reads English, scans, and stands before an open
// door when the power goes.
func plugIsPulled(p, office, cabinet *page, s *station) {
	d, _, qr := s.load("PA-2026-00500", "2412", 0)
	p.sees("Collect a document")
	p.touch("#start-en")
	p.sees("Pickup code", "9 digits")
	s.input(object{"scan": qr})
	p.sees("QR code read", "Your birthday")
	p.survivesReload()
	p.shot("en-scanned")
	for _, k := range "2412" {
		p.touch(fmt.Sprintf("#k-%c", k))
	}
	if got := s.opens(); got != d.Compartment {
		p.t.Fatalf("door %d is open, not %d", got, d.Compartment)
	}
	p.sees(fmt.Sprintf("Compartment %d is open", d.Compartment))
	p.shot("en-door-open")
	cabinet.shot("cabinet-open")

	pages := []*page{p, office, cabinet}
	for _, each := range pages {
		each.off(true)
	}
	s.world("controller", object{"do": "kill"})
	p.sees("No connection to the station")
	p.shot("en-power-gone")
	office.sees("Keine Verbindung")
	office.shot("power-gone")
	cabinet.shot("cabinet-off")
	p.triesAgain("/events") // and finds nobody
	s.take(d.Compartment)   // the citizen does not wait
	s.world("controller", object{"do": "start"})
	p.sees("Dokument abholen", fmt.Sprintf("Fach %d steht noch offen", d.Compartment))
	office.sees("Sie wurden abgemeldet", "Benutzername") // who is signed in is not kept
	office.shot("power-back-office")
	for _, each := range pages {
		each.off(false)
	}
	p.survivesReload()
	p.shot("power-back")
	if o := s.truth().open(); !slices.Equal(o, []int{d.Compartment}) {
		p.t.Errorf("doors %v are open after the power cut, only %d was", o, d.Compartment)
	}
	s.door(d.Compartment, "close")
	s.reaches(d.ID, "collected")
	p.sees("Dokument abholen")
	p.shot("power-back-closed")

	var compartment struct {
		Status string `json:"status"`
	}
	eventually(p.t, "the compartment is free again", func() bool {
		s.ask(http.MethodGet, fmt.Sprintf("%sapi/v1/compartments/%d", s.staff, d.Compartment), nil, &compartment)
		return compartment.Status == "free"
	})
}
