package terminal_test

import (
	"fmt"
	"strings"
	"testing"

	"abholstation/firmware"
	"abholstation/locker"
)

func TestAScreenThatOnlyTellsEndsWithTheNextPersonsKeyAndTakesIt(t *testing.T) {
	for name, reach := range map[string]func(*bench){
		"done":   func(b *bench) { b.atDoor(); b.becomes(1, locker.Collected); b.shows("done") },
		"notice": func(b *bench) { b.keys(codeAsk, factor); b.act("decline"); b.shows("notice") },
		"dispute": func(b *bench) {
			b.atDoor()
			b.becomes(1, locker.Disputed)
			b.shows("notice")
		},
		"unavailable": func(b *bench) {
			b.failing(&locker.Refusal{Code: locker.Unavailable, Compartment: 7})
			b.keys(codeOne, factor)
			b.shows("notice")
		},
	} {
		for press, want := range map[string]string{
			`{"key":"2"}`:                        "code",
			fmt.Sprintf(`{"scan":%q}`, qrOne):    "factor",
			`{"scan":"https://example.org/odd"}`: "code",
			`{"key":"cancel"}`:                   "attract",
			`{"key":"back"}`:                     "attract",
		} {
			run(t, func(b *bench) {
				b.post(`{"language":"en"}`, 204)
				b.act("contrast")
				reach(b)
				b.post(press, 204)
				p := b.page()
				if p.Screen != want || p.Language != "de" || p.Contrast != "normal" || len(p.Items) > 0 || p.Compartment != 0 {
					t.Errorf("%s after %s: screen %q in %s, %s contrast, %+v", press, name, p.Screen, p.Language, p.Contrast, p.Items)
				}
				if press == `{"key":"2"}` && p.Entry.Digits != "2" {
					t.Errorf("the digit after %s was lost: %+v", name, p.Entry)
				}
				if g := b.View().State.Grant; g != nil {
					t.Errorf("%s after %s: the last person's grant is still there", press, name)
				}
			})
		}
	}
}

func TestAKeyDoesNotEndAScreenWhoseDoorIsOpen(t *testing.T) {
	run(t, func(b *bench) {
		b.atDoor()
		b.keys("5", "cancel", "back")
		b.shows("door")
		b.change(func(v *firmware.View) {
			v.State.Delivery(1).State = locker.Disputed
			v.State.Doors = make([]locker.Sensed, len(v.State.Compartments))
			v.State.Doors[6] = locker.Sensed{Open: locker.Yes, Fresh: true}
		})
		b.keys("5", "back")
		b.shows("notice")
		b.change(func(v *firmware.View) { v.State.Doors = nil })
		b.keys("5")
		if p := b.shows("code"); p.Entry.Digits != "5" {
			t.Errorf("%+v", p.Entry)
		}
	})
}

func TestNoTextPromisesWhatTheStationDoesNotKnow(t *testing.T) {
	run(t, func(b *bench) {
		for _, code := range []locker.Reason{locker.InventoryDue, locker.Unavailable, locker.PowerLow, locker.TooManyTries} {
			for _, lang := range []string{"de", "en"} {
				b.post(fmt.Sprintf(`{"language":%q}`, lang), 204)
				b.failing(&locker.Refusal{Code: code, Compartment: 7})
				b.keys(codeOne, factor)
				p := b.shows("notice")
				for _, promise := range []string{"sicher", "gültig", "safe", "valid", "benachrichtigt"} {
					if strings.Contains(p.Text, promise) {
						t.Errorf("%s promises %q: %s", code, promise, p.Text)
					}
				}
				if p.Phone != phone {
					t.Errorf("%s names no number to call", code)
				}
				b.keys("ok")
			}
		}
	})
}

func TestAnOpeningDoorSaysThatTheLockMayNeedAPause(t *testing.T) {
	run(t, func(b *bench) {
		b.keys(codeOne, factor)
		if p := b.shows("door"); p.Phase != "opening" || !strings.Contains(p.Text, "zehn Sekunden") {
			t.Errorf("%s: %s", p.Phase, p.Text)
		}
	})
}
