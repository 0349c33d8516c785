package terminal

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"abholstation/locker"
)

// Page is exactly what the screen shows. It is immutable once published.
type Page struct {
	Screen      string   `json:"screen"`          // see pageAt
	Phase       string   `json:"phase,omitempty"` // of screen "door": opening, retry, open, left_open
	Language    string   `json:"language"`
	Direction   string   `json:"direction"` // ltr, rtl
	Contrast    string   `json:"contrast"`  // normal, high
	Size        string   `json:"size"`      // normal, large
	Low         bool     `json:"low"`       // controls in the lower half
	Name        string   `json:"name"`      // of the station
	Title       string   `json:"title"`
	Text        string   `json:"text,omitempty"`
	Message     *Message `json:"message,omitempty"`
	Entry       *Entry   `json:"entry,omitempty"`
	Compartment int      `json:"compartment,omitempty"`
	Column      string   `json:"column,omitempty"` // in words, e.g. "links"
	Row         string   `json:"row,omitempty"`    // in words, e.g. "unten"
	Place       string   `json:"place,omitempty"`  // both
	Seconds     int      `json:"seconds,omitempty"`
	Left        string   `json:"left,omitempty"` // Seconds as the screen shows them
	Choices     []Choice `json:"choices,omitempty"`
	Items       []Item   `json:"items,omitempty"`
	Buttons     []Button `json:"buttons,omitempty"`
	Phone       string   `json:"phone,omitempty"`
	Languages   []Tongue `json:"languages"`
}

// Tongue is a language that can be chosen, named in itself. On the welcome
// screen choosing one starts a pickup; so does the OK key.
type Tongue struct {
	Code    string `json:"code"`
	Name    string `json:"name"`
	Start   string `json:"start"`
	Current bool   `json:"current"`
}

// Message is one line about what was just typed or asked for.
type Message struct {
	Key  string `json:"key"`
	Text string `json:"text"`
	Tone string `json:"tone"` // error, info
}

// Entry is the field that digits go to.
type Entry struct {
	Kind   string `json:"kind"`             // code, factor
	Digits string `json:"digits,omitempty"` // of the code, unless Hidden; never of the factor
	Hidden bool   `json:"hidden"`
	Count  int    `json:"count"`  // digits typed
	Length int    `json:"length"` // digits wanted
}

// Choice is one compartment of a pickup group.
type Choice struct {
	Number      int    `json:"number"` // for Press.Choice and the digit key
	Compartment int    `json:"compartment"`
	What        string `json:"what"` // document kinds in words
	Place       string `json:"place"`
	State       string `json:"state"` // waiting, taken, unavailable
	Status      string `json:"status"`
}

// Item is one thing on the done screen.
type Item struct {
	What        string `json:"what"`
	Compartment int    `json:"compartment"`
	When        string `json:"when"`
}

// Button is an action that the screen offers. Key is the keypad's key for it.
type Button struct {
	Action  string `json:"action"`
	Text    string `json:"text"`
	Key     string `json:"key,omitempty"`
	Primary bool   `json:"primary,omitempty"`
}

// page is what is shown now. Its screens: attract, code, factor, working,
// locked, confirm, choice, door, not_opened, inside, inside_again, asking,
// done, notice, out_of_order, help, idle.
func (t *Terminal) page(now time.Time) Page {
	s := &t.s
	p := Page{
		Screen: string(s.step), Language: s.lang, Direction: t.texts.get(s.lang, "direction"),
		Contrast: "normal", Size: "normal", Low: s.low, Name: t.opts.Name,
	}
	if s.high {
		p.Contrast = "high"
	}
	if s.large {
		p.Size = "large"
	}
	if p.Name == "" {
		p.Name = t.say("name")
	}
	for _, lang := range t.texts.order {
		p.Languages = append(p.Languages, Tongue{
			Code: lang, Name: t.texts.get(lang, "language"), Start: t.texts.get(lang, "attract.title"), Current: lang == s.lang,
		})
	}
	switch {
	case !s.dialog.IsZero():
		p.Screen = "idle"
		t.head(&p, "idle")
		p.count(s.dialog.Add(dialogFor).Sub(now))
		p.offer(t, "ok", "continue", "idle.continue", true)
		p.offer(t, "cancel", actFinish, "idle.finish", false)
	case s.help:
		p.Screen = "help"
		t.head(&p, "help")
		p.offer(t, "ok", actClose, "help.close", true)
	default:
		t.stepPage(&p, now)
	}
	switch p.Screen {
	case "help", "locked", "notice", "out_of_order":
		p.Phone = t.opts.Help
	}
	return p
}

func (t *Terminal) stepPage(p *Page, now time.Time) {
	s := &t.s
	p.Message = t.message(s.message)
	switch s.step {
	case stepAttract:
		t.attractPage(p)
	case stepCode:
		t.head(p, "code")
		p.Entry = &Entry{Kind: "code", Hidden: s.hidden, Count: len(s.code), Length: codeDigits}
		if !s.hidden {
			p.Entry.Digits = string(s.code)
		}
		p.offer(t, "cancel", actFinish, "button.cancel", false)
	case stepFactor:
		t.head(p, "factor."+string(t.opts.FactorKind))
		p.Entry = &Entry{Kind: "factor", Hidden: true, Count: len(s.factor), Length: factorDigits}
		p.offer(t, "cancel", actFinish, "button.cancel", false)
	case stepWorking:
		t.head(p, "working")
	case stepLocked:
		t.head(p, "locked")
		p.count(s.until.Sub(now))
		p.offer(t, "cancel", actFinish, "button.finish", false)
	case stepConfirm:
		t.confirmPage(p)
	case stepChoice:
		t.choicePage(p)
	case stepDoor:
		t.doorPage(p)
	case stepNotice:
		t.head(p, s.notice.key, s.notice.args...)
		p.offer(t, "ok", actFinish, "button.finish", true)
	case stepDone:
		t.donePage(p)
	}
}

func (t *Terminal) attractPage(p *Page) {
	if key := t.closed(); key != "" {
		p.Screen = "out_of_order"
		p.Message = nil
		t.head(p, key)
		return
	}
	t.head(p, "attract")
	if n := t.leftOpen(); n > 0 {
		p.Message = t.message(told("attract.left_open", "n", number(n)))
	}
}

func (t *Terminal) confirmPage(p *Page) {
	key := "confirm." + t.s.confirm
	if !t.texts.known(key + ".title") {
		key = "confirm.other"
	}
	t.head(p, key, "phone", t.opts.Help)
	if d := t.seen.State.Delivery(t.s.current); d != nil {
		p.Items = []Item{{What: t.kinds(d), Compartment: d.Compartment}}
	}
	p.offer(t, "ok", actConfirm, "confirm.yes", true)
	p.offer(t, "back", actDecline, "confirm.no", false)
	p.offer(t, "cancel", actFinish, "button.cancel", false)
}

func (t *Terminal) choicePage(p *Page) {
	waiting := t.waiting()
	key := "choice"
	if len(waiting) < len(t.s.granted) {
		key = "choice.next"
	}
	t.head(p, key)
	for i, id := range t.s.granted {
		d := t.seen.State.Delivery(id)
		if d == nil {
			continue
		}
		c := Choice{Number: i + 1, Compartment: d.Compartment, What: t.kinds(d), Place: t.place(d.Compartment).both, State: "unavailable"}
		switch {
		case slices.Contains(waiting, id):
			c.State = "waiting"
		case d.State == locker.Collected:
			c.State = "taken"
		}
		c.Status = t.say("choice.state." + c.State)
		p.Choices = append(p.Choices, c)
	}
	p.offer(t, "cancel", actFinish, "button.finish", false)
}

func (t *Terminal) doorPage(p *Page) {
	s := &t.s
	ph := t.doorPhase()
	d := t.seen.State.Delivery(s.current)
	if d == nil || ph == phaseUnclear {
		p.Screen = "notice"
		t.head(p, "unclear")
		if len(t.waiting()) > 0 {
			p.offer(t, "ok", actOthers, "button.others", true)
		}
		p.offer(t, "cancel", actFinish, "button.finish", len(p.Buttons) == 0)
		return
	}
	where := t.place(d.Compartment)
	p.Compartment, p.Row, p.Column, p.Place = d.Compartment, where.row, where.column, where.both
	t.head(p, "door."+string(ph), "n", number(d.Compartment))
	switch ph {
	case phaseOpening, phaseRetry, phaseOpen, phaseLeftOpen, phaseTaken:
		p.Screen, p.Phase = "door", string(ph)
	default:
		p.Screen = string(ph)
	}
	switch ph {
	case phaseLeftOpen:
		open := t.openFor(d)
		p.Seconds = int(open / time.Second)
		p.Left = clockText(p.Seconds)
		if open >= t.seen.Rules.Tone {
			p.offer(t, "", actNext, "button.next", false)
		}
		p.offer(t, "", actProblem, "button.problem", false)
	case phaseOpen:
		p.offer(t, "", actProblem, "button.problem", false)
	case phaseNotOpened, phaseInside:
		p.offer(t, "ok", actOpen, "door."+string(ph)+".open", true)
		p.offer(t, "", actProblem, "button.problem", false)
		p.offer(t, "cancel", actFinish, "button.later", false)
	case phaseAgain:
		p.offer(t, "ok", actOpen, "door.inside_again.open", true)
		p.offer(t, "back", actTaken, "door.inside_again.taken", false)
		p.offer(t, "", actProblem, "button.problem", false)
		p.offer(t, "cancel", actFinish, "button.later", false)
	case phaseAsking:
		p.offer(t, "ok", actTaken, "door.asking.taken", true)
		p.offer(t, "back", actOpen, "door.asking.open", false)
		p.offer(t, "", actProblem, "button.problem", false)
	}
}

func (t *Terminal) donePage(p *Page) {
	t.head(p, "done")
	for _, id := range t.s.granted {
		if d := t.seen.State.Delivery(id); d != nil && d.State == locker.Collected {
			p.Items = append(p.Items, Item{What: t.kinds(d), Compartment: d.Compartment, When: t.when(d.CollectedAt)})
		}
	}
	p.offer(t, "ok", actFinish, "button.finish", true)
	p.offer(t, "", actProblem, "button.problem", false)
}

// head sets title and text of a page.
func (t *Terminal) head(p *Page, key string, args ...string) {
	p.Title, p.Text = t.say(key+".title", args...), t.say(key+".text", args...)
}

func (t *Terminal) say(key string, args ...string) string {
	return t.texts.get(t.s.lang, key, args...)
}

func (t *Terminal) message(n *note) *Message {
	if n == nil {
		return nil
	}
	return &Message{Key: n.key, Text: t.say(n.key, n.args...), Tone: n.tone}
}

// kinds is what a delivery holds, in words.
func (t *Terminal) kinds(d *locker.Delivery) string {
	var words []string
	for _, k := range d.Kinds {
		key := "kind." + k
		if !t.texts.known(key) {
			key = "kind.other"
		}
		if w := t.say(key); !slices.Contains(words, w) {
			words = append(words, w)
		}
	}
	return strings.Join(words, ", ")
}

func (t *Terminal) when(at time.Time) string {
	if at.IsZero() {
		return ""
	}
	return at.In(t.opts.Zone).Format(t.say("time.format"))
}

func (p *Page) offer(t *Terminal, key, action, text string, primary bool) {
	p.Buttons = append(p.Buttons, Button{Action: action, Text: t.say(text), Key: key, Primary: primary})
}

// count shows how much is left of d, rounded up, so that it ends with 1.
func (p *Page) count(d time.Duration) {
	p.Seconds = max(0, int((d+time.Second-1)/time.Second))
	p.Left = clockText(p.Seconds)
}

func clockText(seconds int) string { return fmt.Sprintf("%d:%02d", seconds/60, seconds%60) }

func number(n int) string {
	if n == 0 {
		return ""
	}
	return strconv.Itoa(n)
}

// wake is how long the page stays right by itself.
func (t *Terminal) wake(now time.Time, p Page) time.Duration {
	s := &t.s
	next := time.Minute
	soon := func(at time.Time) {
		if !at.IsZero() {
			next = min(next, max(at.Sub(now), 10*time.Millisecond))
		}
	}
	if s.dialog.IsZero() && !t.patient() && !s.untouched(t.texts.first()) {
		soon(s.touched.Add(idleAfter))
	}
	counts := func(end time.Time) {
		soon(end)
		if left := end.Sub(now); left > 0 {
			soon(now.Add((left-1)%time.Second + 1))
		}
	}
	switch {
	case p.Screen == "idle":
		counts(s.dialog.Add(dialogFor))
	case s.step == stepLocked:
		counts(s.until)
	case s.step == stepDone:
		soon(s.until)
	}
	if d := t.seen.State.Delivery(s.current); s.step == stepDoor && d != nil && d.State == locker.Open {
		open := t.openFor(d)
		if open < t.seen.Rules.Prompt {
			soon(now.Add(t.seen.Rules.Prompt - open))
		} else {
			soon(now.Add(time.Second - open%time.Second))
		}
	}
	return next
}
