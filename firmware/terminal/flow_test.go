package terminal_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"abholstation/firmware"
	"abholstation/locker"
)

func TestThirteenKeysOpenTheDoorAndClosingItEndsThePickup(t *testing.T) {
	run(t, func(b *bench) {
		b.shows("attract")
		b.keys(codeOne[:4])
		if p := b.shows("code"); p.Entry.Digits != codeOne[:4] || p.Entry.Count != 4 {
			t.Errorf("the code field shows %+v", p.Entry)
		}
		b.keys(codeOne[4:])
		b.shows("factor")
		b.keys(factor)
		p := b.shows("door")
		if p.Phase != "opening" || p.Compartment != 7 || p.Column != "ganz links" || p.Row != "4. Reihe von unten" {
			t.Errorf("the door screen says %q, %d, %q, %q", p.Phase, p.Compartment, p.Column, p.Row)
		}
		b.becomes(1, locker.Open)
		if p := b.shows("door"); p.Phase != "open" || p.Title != "Fach 7 ist offen" {
			t.Errorf("the open door shows as %q: %q", p.Phase, p.Title)
		}
		b.becomes(1, locker.Collected)
		if p := b.shows("done"); len(p.Items) != 1 || p.Items[0].What != "Reisepass" || p.Items[0].When != "01.01.2000, 00:00 Uhr" {
			t.Errorf("collected: %+v", p.Items)
		}
		b.after(9 * time.Second)
		b.shows("done")
		b.after(time.Second)
		b.shows("attract")
		if last := b.seen()[len(b.seen())-1]; last != (locker.Leave{Session: 1}) {
			t.Errorf("the session ended with %#v", last)
		}
	})
}

func TestAScanReplacesTheNineDigitsBeforeTheDoor(t *testing.T) {
	scan := fmt.Sprintf(`{"scan":%q}`, qrOne)
	for name, before := range map[string]func(*bench){
		"attract": func(*bench) {},
		"code":    func(b *bench) { b.keys("123") },
		"factor":  func(b *bench) { b.keys(codeGroup, "07"); b.keys("back", "back") },
		"locked": func(b *bench) {
			b.failing(&locker.Refusal{Code: locker.Locked, Wait: time.Minute})
			b.keys("ok")
			b.shows("locked")
		},
		"help":    func(b *bench) { b.act("help"); b.act("close") },
		"confirm": func(b *bench) { b.keys(codeAsk, factor); b.shows("confirm") },
		"choice":  func(b *bench) { b.keys(codeGroup, factor); b.shows("choice") },
	} {
		t.Run(name, func(t *testing.T) {
			run(t, func(b *bench) {
				before(b)
				b.post(scan, 204)
				b.shows("factor")
				b.keys(factor)
				if p := b.shows("door"); p.Compartment != 7 {
					t.Errorf("compartment %d opens", p.Compartment)
				}
				b.post(scan, 204)
				b.shows("door")
			})
		})
	}
}

func TestAScanThatIsNoPickupCodeSaysSoAndKeepsTheDigits(t *testing.T) {
	run(t, func(b *bench) {
		b.keys("123")
		b.post(`{"scan":"https://example.org/"}`, 204)
		if p := b.shows("code"); p.Message.Key != "code.qr" || p.Entry.Digits != "123" {
			t.Errorf("%+v %+v", p.Message, p.Entry)
		}
	})
}

func TestATypingErrorIsSaidAtOnceAndCostsNothing(t *testing.T) {
	run(t, func(b *bench) {
		wrong := codeOne[:8] + string('0'+(codeOne[8]-'0'+1)%10)
		b.keys(wrong)
		if p := b.shows("code"); p.Message == nil || p.Message.Text != "Eine Ziffer stimmt nicht. Bitte vergleichen Sie mit Ihrer Nachricht." || p.Entry.Digits != wrong {
			t.Errorf("%+v %+v", p.Message, p.Entry)
		}
		b.keys("5")
		b.keys("back")
		if p := b.shows("code"); p.Message != nil || p.Entry.Count != 8 {
			t.Errorf("%+v %+v", p.Message, p.Entry)
		}
		b.failing(firmware.ErrTypoRate)
		b.keys(wrong[8:])
		if p := b.shows("code"); p.Message.Key != "code.typo_rate" {
			t.Errorf("%+v", p.Message)
		}
		b.keys("back", codeOne[8:])
		b.shows("factor")
	})
}

func TestOKWithTooFewDigitsSaysHowManyThereAre(t *testing.T) {
	run(t, func(b *bench) {
		b.keys("ok", "123", "ok")
		if p := b.shows("code"); p.Message.Key != "code.short" {
			t.Errorf("%+v", p.Message)
		}
		b.keys("back", "back", "back", "back", codeOne, "0", "ok")
		if p := b.shows("factor"); p.Message.Key != "factor.short" || p.Entry.Count != 1 {
			t.Errorf("%+v", p)
		}
		b.keys("back", "back")
		if p := b.shows("code"); p.Entry.Digits != codeOne {
			t.Errorf("going back lost the code: %+v", p.Entry)
		}
		b.keys("ok")
		b.shows("factor")
	})
}

func TestAWrongEntryNeverSaysWhichHalfWasWrong(t *testing.T) {
	var said []string
	for _, entry := range [][2]string{{codeOne, "9999"}, {withCheck("98765432"), factor}} {
		run(t, func(b *bench) {
			b.keys(entry[0], entry[1])
			p := b.shows("code")
			if p.Entry.Count != 0 {
				t.Errorf("%d digits are left", p.Entry.Count)
			}
			said = append(said, p.Message.Key+p.Message.Text)
		})
	}
	if said[0] != said[1] || !strings.Contains(said[0], "Code oder zweite Angabe") {
		t.Errorf("said %q", said)
	}
}

func TestTheFactorNeverLeavesTheDaemon(t *testing.T) {
	run(t, func(b *bench) {
		const secret = "4862"
		b.keys(codeOne, secret)
		b.keys(codeOne, secret[:3])
		if p := b.shows("factor"); p.Entry.Digits != "" || p.Entry.Count != 3 {
			t.Errorf("%+v", p.Entry)
		}
		if shown := b.all.String(); strings.Contains(shown, secret) || strings.Contains(shown, secret[:3]) || strings.Contains(shown, "SECRET-REF") {
			t.Error("factor or reference was shown or logged")
		}
	})
}

func TestHiddenDigitsAreNotSentToThePage(t *testing.T) {
	run(t, func(b *bench) {
		b.keys("7")
		b.act("hide")
		b.keys("5316")
		p := b.shows("code")
		if p.Entry.Digits != "" || !p.Entry.Hidden || p.Entry.Count != 5 || strings.Contains(b.all.String(), "7531") {
			t.Errorf("%+v", p.Entry)
		}
		b.act("hide")
		if p := b.shows("code"); p.Entry.Digits != "75316" {
			t.Errorf("%+v", p.Entry)
		}
	})
}

func TestTheWaitingScreenTakesNoKeys(t *testing.T) {
	run(t, func(b *bench) {
		b.think = time.Second
		b.keys(codeOne, factor)
		b.shows("working")
		b.keys("cancel", "5", "back")
		b.shows("working")
		b.after(time.Second)
		b.shows("door")
	})
}

func TestALockedTerminalCountsDownAndOpensByItself(t *testing.T) {
	run(t, func(b *bench) {
		b.failing(&locker.Refusal{Code: locker.Locked, Wait: 40 * time.Second})
		b.keys("ok") // asked on the way to the code screen
		if p := b.shows("locked"); p.Seconds != 40 || p.Left != "0:40" || p.Phone != phone || !strings.Contains(p.Text, "QR") {
			t.Errorf("%+v", p)
		}
		b.after(2500 * time.Millisecond)
		if p := b.shows("locked"); p.Seconds != 38 {
			t.Errorf("%d seconds are left", p.Seconds)
		}
		b.after(38 * time.Second)
		b.shows("code")
	})
}

func TestAConfirmationStandsBeforeTheDoor(t *testing.T) {
	run(t, func(b *bench) {
		b.keys(codeAsk, factor)
		if p := b.shows("confirm"); p.Title != "Haben Sie den PIN-Brief?" || p.Items[0].What != "Personalausweis" {
			t.Errorf("%+v", p)
		}
		b.keys("ok")
		if p := b.shows("door"); p.Compartment != 21 {
			t.Errorf("%+v", p)
		}
	})
	run(t, func(b *bench) {
		b.keys(codeAsk, factor)
		b.act("decline")
		if p := b.shows("notice"); p.Phone != phone {
			t.Errorf("%+v", p)
		}
		b.keys("ok")
		b.shows("attract")
	})
}

func TestADoorThatStaysClosedIsTriedAgainOnRequest(t *testing.T) {
	run(t, func(b *bench) {
		b.keys(codeOne, factor)
		b.change(func(v *firmware.View) { v.State.Compartment(7).Intent.Pulses = 2 })
		if p := b.shows("door"); p.Phase != "retry" {
			t.Errorf("phase %q", p.Phase)
		}
		b.becomes(1, locker.Ready)
		if p := b.shows("not_opened"); p.Title != "Nicht aufgegangen?" || !offers(p, "open") {
			t.Errorf("%+v", p)
		}
		b.act("open")
		if p := b.shows("door"); p.Phase != "opening" {
			t.Errorf("phase %q", p.Phase)
		}
		b.becomes(1, locker.Ready)
		b.failing(&locker.Refusal{Code: locker.TooManyTries, Compartment: 7})
		b.keys("ok")
		if p := b.shows("notice"); p.Phone != phone || !strings.Contains(p.Text, "Fach 7") {
			t.Errorf("%+v", p)
		}
	})
}

func TestStillInsideOffersToReopenAndAsksTheSecondTime(t *testing.T) {
	run(t, func(b *bench) {
		b.atDoor()
		b.stillInside(1)
		if p := b.shows("inside"); offers(p, "taken") {
			t.Errorf("the first time it already asks: %+v", p.Buttons)
		}
		b.keys("ok")
		b.shows("door")
		b.becomes(1, locker.Open)
		b.stillInside(1)
		if p := b.shows("inside_again"); p.Title != "Liegt etwas anderes darin?" {
			t.Errorf("%+v", p)
		}
		b.act("taken")
		b.shows("done")
	})
}

func TestAReopenedDoorThatStaysClosedIsNotStillInside(t *testing.T) {
	run(t, func(b *bench) {
		b.atDoor()
		b.stillInside(1)
		b.act("open")
		b.becomes(1, locker.Ready)
		b.shows("not_opened")
	})
}

func TestWithoutASensorTheCitizenIsAsked(t *testing.T) {
	run(t, func(b *bench) {
		b.atDoor()
		b.becomes(1, locker.Asking)
		if p := b.shows("asking"); p.Title != "Alles entnommen?" {
			t.Errorf("%+v", p)
		}
		b.keys("back")
		b.shows("door")
		b.becomes(1, locker.Open)
		b.becomes(1, locker.Asking)
		b.keys("ok")
		b.shows("done")
	})
}

func TestADoorLeftOpenPromptsAndLetsOthersGoOn(t *testing.T) {
	run(t, func(b *bench) {
		b.atDoor()
		b.after(29 * time.Second)
		if p := b.shows("door"); p.Phase != "open" {
			t.Errorf("phase %q after 29 s", p.Phase)
		}
		b.after(2 * time.Second)
		if p := b.shows("door"); p.Phase != "left_open" || p.Seconds != 31 || offers(p, "next") {
			t.Errorf("after 31 s: %+v", p)
		}
		b.change(func(v *firmware.View) { v.State.Compartment(7).Intent.Stage = 2 })
		b.after(5 * time.Minute) // never idle while a door is open
		if p := b.shows("door"); !offers(p, "next") {
			t.Errorf("after minutes: %+v", p)
		}
		b.act("next")
		if p := b.shows("attract"); p.Message.Key != "attract.left_open" {
			t.Errorf("%+v", p.Message)
		}
	})
}

func TestAGroupsCompartmentsOpenInTurn(t *testing.T) {
	run(t, func(b *bench) {
		b.keys(codeGroup, factor)
		if p := b.shows("choice"); len(p.Choices) != 2 || p.Choices[1].Compartment != 30 || p.Choices[0].State != "waiting" {
			t.Errorf("%+v", p.Choices)
		}
		b.post(`{"choice":3}`, 409)
		b.post(`{"choice":2}`, 204)
		if p := b.shows("door"); p.Compartment != 30 {
			t.Errorf("%+v", p)
		}
		b.post(`{"choice":1}`, 409)
		b.becomes(3, locker.Open)
		b.becomes(3, locker.Collected)
		if p := b.shows("choice"); p.Choices[1].State != "taken" || p.Title != "Noch ein Fach für Sie" {
			t.Errorf("%+v", p)
		}
		b.post(`{"choice":2}`, 409)
		b.keys("1")
		b.becomes(2, locker.Open)
		b.becomes(2, locker.Collected)
		if p := b.shows("done"); len(p.Items) != 2 {
			t.Errorf("%+v", p.Items)
		}
	})
}

func TestADoubtfulDoorSendsToThePhone(t *testing.T) {
	run(t, func(b *bench) {
		b.keys(codeOne, factor)
		b.becomes(1, locker.Disputed)
		if p := b.shows("notice"); p.Phone != phone {
			t.Errorf("%+v", p)
		}
		b.keys("cancel")
		b.shows("attract")
	})
}

func TestEveryRefusalSaysWhatToDo(t *testing.T) {
	for _, reason := range []locker.Reason{
		locker.Rejected, locker.Locked, locker.Unavailable, locker.AlreadyOpen, locker.NeedsConfirm, locker.NoGrant,
		locker.TooManyTries, locker.DoorInUse, locker.InventoryDue, locker.PowerLow, locker.StationClosed,
		locker.WrongState, locker.Stale,
	} {
		for _, lang := range []string{"de", "en"} {
			run(t, func(b *bench) {
				b.post(`{"language":"`+lang+`"}`, 204)
				b.keys(codeOne, factor[:3])
				b.failing(&locker.Refusal{Code: reason, Wait: time.Minute, What: "pin_letter_confirmed", Delivery: 1, Compartment: 7})
				b.keys(factor[3:])
				p := b.page() // fails for a missing text
				if p.Screen == "working" || p.Screen == "door" {
					t.Errorf("%s: the screen is %q", reason, p.Screen)
				}
				if p.Message == nil && len(p.Text) < 20 {
					t.Errorf("%s says only %q", reason, p.Text)
				}
			})
		}
	}
}

func TestErrorsOfTheStationKeepTheSessionUsable(t *testing.T) {
	for _, err := range []error{firmware.ErrBusy, firmware.ErrStopping, firmware.ErrStore, firmware.ErrTypo, firmware.ErrTypoRate, firmware.ErrFactor, errors.New("odd")} {
		run(t, func(b *bench) {
			b.keys(codeOne, factor[:3])
			b.failing(err)
			b.keys(factor[3:])
			if p := b.shows("code"); p.Message == nil || p.Message.Tone != "error" {
				t.Errorf("%v: %+v", err, p)
			}
			b.keys(codeOne, factor)
			b.shows("door")
		})
	}
}

func TestAnAnswerThatComesTooLateStillShowsTheDoor(t *testing.T) {
	run(t, func(b *bench) {
		b.keys(codeOne, factor[:3])
		b.think = time.Minute // longer than the terminal waits
		b.keys(factor[3:])
		b.change(func(v *firmware.View) {
			v.State.Grant = &locker.Grant{Session: 1, Deliveries: []locker.DeliveryID{1}}
			move(v, 1, locker.Opening)
		})
		b.after(31 * time.Second)
		b.shows("door")
	})
}

func TestOutOfOrderSaysWhyAndWhomToCall(t *testing.T) {
	for key, broken := range map[string]func(*firmware.View){
		"Stromausfall":           func(v *firmware.View) { v.State.Meta.MainsLost = true },
		"Zurzeit keine Abholung": func(v *firmware.View) { v.State.Meta.Inventory.Required = true },
		"Gleich geht es los":     func(v *firmware.View) { v.State.Started = false },
		"Störung": func(v *firmware.View) {
			v.Problems = []firmware.Problem{{Key: "store.full", Severity: firmware.Critical, BreaksPickups: true}}
		},
	} {
		run(t, func(b *bench) {
			b.keys("123")
			b.change(broken)
			if p := b.shows("out_of_order"); p.Title != key || p.Phone != phone {
				t.Errorf("%q: %q %q", key, p.Title, p.Text)
			}
			b.keys("1", "ok")
			b.post(fmt.Sprintf(`{"scan":%q}`, qrOne), 204)
			b.shows("out_of_order")
		})
	}
}

func TestAPowerCutDoesNotTakeAnOpenDoorFromTheScreen(t *testing.T) {
	run(t, func(b *bench) {
		b.atDoor()
		b.change(func(v *firmware.View) { v.State.Meta.MainsLost = true })
		b.shows("door")
	})
}

func TestTheProblemButtonTellsTheStation(t *testing.T) {
	run(t, func(b *bench) {
		b.atDoor()
		b.act("problem")
		if p := b.shows("door"); !strings.Contains(p.Message.Text, phone) {
			t.Errorf("%+v", p.Message)
		}
		b.becomes(1, locker.Collected)
		b.act("problem")
		b.after(20 * time.Second)
		if p := b.shows("done"); p.Message.Key != "problem.noted" {
			t.Errorf("%+v", p.Message)
		}
		b.after(11 * time.Second)
		b.shows("attract")
	})
}

func TestIdleAsksAndAnyKeyExtendsAsOftenAsOneLikes(t *testing.T) {
	run(t, func(b *bench) {
		b.keys("123")
		for range 12 {
			b.after(60 * time.Second)
			if p := b.shows("idle"); p.Seconds != 20 {
				t.Errorf("the dialog begins with %d s", p.Seconds)
			}
			b.after(19 * time.Second)
			b.shows("idle")
			b.keys("4")
			if p := b.shows("code"); p.Entry.Digits != "123" {
				t.Errorf("the key that extended was typed: %+v", p.Entry)
			}
		}
		b.after(80 * time.Second)
		b.shows("attract")
	})
}

func TestIdleLeavesNothingOfTheLastPerson(t *testing.T) {
	run(t, func(b *bench) {
		b.post(`{"language":"en"}`, 204)
		for _, a := range []string{"contrast", "size", "low", "hide"} {
			b.act(a)
		}
		b.keys("98765")
		if p := b.shows("code"); p.Language != "en" || p.Contrast != "high" || p.Size != "large" || !p.Low {
			t.Errorf("%+v", p)
		}
		b.after(81 * time.Second)
		p := b.shows("attract")
		if p.Language != "de" || p.Contrast != "normal" || p.Size != "normal" || p.Low {
			t.Errorf("%+v", p)
		}
		b.keys("1")
		if p := b.shows("code"); p.Entry.Digits != "1" || p.Entry.Hidden {
			t.Errorf("%+v", p.Entry)
		}
	})
}

func TestLooksOfTheWelcomeScreenGoBackWithoutADialog(t *testing.T) {
	run(t, func(b *bench) {
		b.act("contrast")
		b.after(61 * time.Second)
		if p := b.shows("attract"); p.Contrast != "normal" {
			t.Errorf("%+v", p)
		}
	})
}

func TestHelpLiesAboveTheSession(t *testing.T) {
	run(t, func(b *bench) {
		b.keys("12")
		b.act("help")
		if p := b.shows("help"); p.Phone != phone {
			t.Errorf("%+v", p)
		}
		b.keys("5", "back")
		if p := b.shows("code"); p.Entry.Digits != "12" {
			t.Errorf("%+v", p.Entry)
		}
	})
}

func TestCancelForgetsAtOnce(t *testing.T) {
	run(t, func(b *bench) {
		b.keys("12", "cancel")
		b.shows("attract")
		b.keys("3")
		if p := b.shows("code"); p.Entry.Digits != "3" {
			t.Errorf("%+v", p.Entry)
		}
	})
}
