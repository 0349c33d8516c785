package firmware

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"abholstation/hal"
	"abholstation/locker"
)

// health remembers what is unhealthy. What the state shows is derived anew for
// each View; what only happens (a failed commit, a panic) is raised and cleared.
type health struct {
	raised map[string]bool
	since  map[string]time.Time // wall time at which a problem was first seen
	space  float64              // of the store, 0…1
	// overflow is when a person was last refused because the queue was full.
	overflow locker.Mono
}

func (h *health) init() {
	h.raised, h.since, h.overflow = map[string]bool{}, map[string]time.Time{}, -time.Hour
}

func (h *health) raise(key string) { h.raised[key] = true }
func (h *health) clear(key string) { delete(h.raised, key) }

// Shares of the store's space: an alarm, and the end of new loadings.
const (
	spaceAlarm = 0.80
	spaceFull  = 1.00
)

// refuses says why an event is not even tried: with a full store there are no
// new loadings, so that what is inside can still be collected.
func (h *health) refuses(ev locker.Event) *locker.Refusal {
	if h.space >= spaceFull && isLoading(ev) {
		return &locker.Refusal{Code: locker.StoreFull}
	}
	return nil
}

func isLoading(ev locker.Event) bool {
	switch ev.(type) {
	case locker.Announce, locker.Load:
		return true
	}
	return false
}

// advice is a kind of problem. Texts are German: clerks and the city's IT read
// them.
type advice struct {
	key      string
	severity Severity
	breaks   bool
	text, do string
}

// advices are the problems that are raised by what happens.
var advices = []advice{
	{"store.write", Critical, true, "Die Station kann nichts speichern; deshalb öffnet sie kein Fach.", "Speicherkarte und freien Platz prüfen. Bleibt es dabei: Station neu starten."},
	{"cabinet.unread", Critical, true, "Die Türsensoren lassen sich nicht lesen; deshalb öffnet sich kein Fach.", "Kabel und Versorgung der Schlossplatinen prüfen."},
	{"cabinet.down", Critical, true, "Die Schlosssteuerung lässt sich nicht starten.", "Kabel und Versorgung der Schlossplatinen prüfen."},
	{"cabinet.hangs", Critical, true, "Die Schlosssteuerung antwortet nicht.", "Kabel der Schlossplatinen prüfen. Bleibt es dabei: Station neu starten."},
	{"notices.no_key", Degraded, false, "Benachrichtigungen können nicht verschlüsselt werden: der Schlüssel des Amtes fehlt.", "Schlüssel des Benachrichtigungsdienstes in der Konfiguration eintragen; bis dahin den Code neu ausgeben und einen Beleg drucken."},
	{"checkpoint.failing", Degraded, false, "Das Protokoll kann nicht mehr abgeschlossen werden.", "Speicherkarte und freien Platz prüfen."},
	{"snapshot.failing", Degraded, false, "Die tägliche Sicherung des Bestands schlägt fehl.", "Freien Platz und Rechte des Datenverzeichnisses prüfen."},
	{"firmware.panic", Degraded, false, "Ein Programmteil ist abgestürzt und wurde aufgefangen.", "Log sichern und den Entwicklern melden; Station bei Gelegenheit neu starten."},
	{"event.dropped", Critical, false, "Ein Ereignis konnte nicht gespeichert werden und fehlt im Protokoll.", "Log sichern und den Entwicklern melden; Bestand am Schrank prüfen."},
	{"queue.full", Degraded, false, "Die Station war überlastet und hat Eingaben abgewiesen.", "Prüfen, wer sehr viele Anfragen stellt."},
	{"store.full", Degraded, false, "Der Speicher ist voll; es wird nichts Neues bestückt.", "Protokoll exportieren und kürzen oder mehr Speicher freigeben."},
	{"store.filling", Warning, false, "Der Speicher ist zu mehr als 80 % belegt.", "Protokoll exportieren und kürzen oder mehr Speicher freigeben."},
	{"clock.untrusted", Degraded, false, "Der Uhr wird nicht getraut; Abholfristen stehen still. Abholen geht weiter.", "Uhrzeit prüfen und bestätigen."},
	{"inventory.due", Critical, true, "Eine Bestandsaufnahme steht aus; bis dahin öffnet kein Code.", "Bestandsaufnahme am Schrank durchführen."},
	{"power.mains_lost", Critical, true, "Netzausfall: die Station läuft aus dem Akku und öffnet keine Fächer.", "Stromversorgung prüfen."},
	{"codes.guessing", Warning, false, "Sehr viele falsche Codes: das Terminal ist für Zifferneingaben gesperrt.", "Nachsehen, ob jemand Codes ausprobiert oder Hilfe braucht."},
	{"codes.guessing_day", Degraded, false, "In den letzten 24 Stunden wurden sehr viele falsche Codes eingegeben.", "Videoüberwachung oder Wachdienst fragen, wer am Terminal war."},
}

// Alarm levels of the limiter: locked now, and this many failures in 24 h.
const (
	guessLevel = 4.0
	guessDay   = 100
	busyFor    = 10 * time.Minute // how long an overflow of the queue is shown
	hangsAfter = 15 * time.Second
)

// problems lists what is unhealthy now, worst first.
func (s *Station) problems(now locker.Now) []Problem {
	var out []Problem
	raised := s.conditions(now)
	for _, a := range advices {
		if s.health.raised[a.key] || raised[a.key] {
			out = append(out, Problem{Key: a.key, Severity: a.severity, Text: a.text, Do: a.do, BreaksPickups: a.breaks})
		}
	}
	out = append(out, s.compartmentProblems()...)
	for _, p := range s.cabinet.health {
		out = append(out, cabinetProblem(p))
	}
	s.health.date(out, now.Wall)
	slices.SortStableFunc(out, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(rank(b.Severity), rank(a.Severity)), a.Since.Compare(b.Since), cmp.Compare(a.Key, b.Key))
	})
	return out
}

func rank(s Severity) int { return slices.Index([]Severity{Warning, Degraded, Critical}, s) }

// conditions are the problems that the state and the clocks show.
func (s *Station) conditions(now locker.Now) map[string]bool {
	at := s.o.Clock.Now()
	if s.queue.overflowed() {
		s.health.overflow = now.Mono
	}
	m := map[string]bool{
		"store.full":    s.health.space >= spaceFull && !s.health.raised["store.write"], // that one is worse
		"store.filling": s.health.space >= spaceAlarm && s.health.space < spaceFull,
		"queue.full":    now.Mono-s.health.overflow < busyFor,
		"cabinet.hangs": s.read.busy && at.Sub(s.read.since) > hangsAfter || s.cabinet.asking && at.Sub(s.cabinet.since) > hangsAfter,
	}
	m["clock.untrusted"] = s.state.Clock.Untrusted != ""
	if meta := s.state.Meta; meta != nil {
		m["inventory.due"] = meta.Inventory.Required
		m["power.mains_lost"] = meta.MainsLost
		m["codes.guessing"] = meta.Limiter.Level(now.Mono) > guessLevel
		m["codes.guessing_day"] = meta.Limiter.Failures24h(now.Mono) >= guessDay
	}
	return m
}

// compartmentProblems are one per compartment and kind.
func (s *Station) compartmentProblems() []Problem {
	var out []Problem
	add := func(n int, what string, sev Severity, breaks bool, text, do string) {
		out = append(out, Problem{
			Key: fmt.Sprintf("compartment.%d.%s", n, what), Severity: sev, Compartment: n,
			Text: fmt.Sprintf("Fach %d: %s", n, text), Do: do, BreaksPickups: breaks,
		})
	}
	at := s.o.Clock.Now()
	for _, c := range s.state.Compartments {
		inside := c.Delivery != 0
		if c.Fault != "" {
			f := faultAdvice(c.Fault)
			add(c.Number, string(c.Fault), Degraded, inside, f.text, f.do)
		}
		if c.Blocked != "" {
			add(c.Number, "blocked", Warning, inside, "gesperrt ("+c.Blocked+").", "Ursache beheben, dann freigeben.")
		}
		if c.PresenceDoubt {
			add(c.Number, "presence_doubt", Degraded, false, "der Inhaltssensor meldet leer, obwohl die Tür zu blieb; er wird nicht mehr beachtet.",
				"Nachsehen, ob das Dokument noch da ist. Sensor prüfen; danach freigeben.")
		}
		if c.Use == locker.ToCheck {
			add(c.Number, "to_check", Warning, false, "zu prüfen.", "Nachsehen, was im Fach liegt, und eintragen.")
		}
		if f, ok := s.pulses.flying[c.Number]; ok && at.Sub(f.since) > hangsAfter {
			add(c.Number, "unlock_hangs", Critical, inside, "das Öffnen hängt in der Schlosssteuerung.", "Kabel der Schlossplatine prüfen. Bleibt es dabei: Station neu starten.")
		}
	}
	for _, id := range s.queue.flapping(at) {
		if p := s.place(id); p != nil {
			add(p.Number, "sensor_flaps", Degraded, false, "ein Sensor wechselt ständig; er wird nur noch jede Sekunde gelesen.", "Türkontakt, Verriegelungs- und Inhaltssensor samt Kabel prüfen.")
		}
	}
	return out
}

func faultAdvice(f locker.Fault) advice {
	switch f {
	case locker.LockJammed:
		return advice{text: "das Schloss klemmt.", do: "Tür andrücken und prüfen, was klemmt; danach freigeben."}
	case locker.LockLoose:
		return advice{text: "die Tür ist zu, aber nicht verriegelt.", do: "Tür und Schlossfalle prüfen; danach freigeben."}
	case locker.DoorUnread:
		return advice{text: "die Tür ließ sich nicht lesen.", do: "Türkontakt und Kabel prüfen; danach nachsehen und freigeben."}
	case locker.DoorForced:
		return advice{text: "die Tür ging ohne Auftrag auf.", do: "Sofort nachsehen, ob der Inhalt vollständig ist."}
	}
	return advice{text: "gestört (" + string(f) + ").", do: "Fach prüfen; danach freigeben."}
}

// cabinetProblem is one that the hardware knows of; its text is the driver's.
func cabinetProblem(p hal.Problem) Problem {
	out := Problem{Key: "hal." + p.Key, Severity: Degraded, Text: p.Text, Do: p.Check, BreaksPickups: !p.Works}
	if len(p.Locks) == 0 {
		out.Severity = Critical
	}
	return out
}

// date fills in since when each problem lasts, and forgets those that are over.
func (h *health) date(list []Problem, wall time.Time) {
	now := map[string]time.Time{}
	for i := range list {
		p := &list[i]
		at, ok := h.since[p.Key]
		if !ok {
			at = wall
		}
		now[p.Key], p.Since = at, at
	}
	h.since = now
}

func sameProblems(a, b []Problem) bool { return slices.Equal(a, b) }
