package staff

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"abholstation/firmware"
	"abholstation/locker"
)

const german = "Accept-Language: de"

func TestAFactorThatCanNotBeAskedForSaysWhy(t *testing.T) {
	bubble(t, func(o *desk) {
		auth := o.token(Loader)
		for factor, code := range map[string]string{
			"0101": "factor_weak", "0000": "factor_weak", "3002": "factor_day", "0132": "factor_day", "12": "factor", "abcd": "factor",
		} {
			body := fmt.Sprintf(`{"reference":"PA-1","kinds":["passport"],"factor":%q}`, factor)
			p := o.want(o.api("POST", "/deliveries", body, auth, german), 422, code)
			if code == "factor_weak" && !strings.Contains(p.Detail, "unbekannt") || code == "factor_day" && !strings.Contains(p.Detail, "TTMM") {
				t.Errorf("%s: %s", factor, p.Detail)
			}
		}
	})
}

func TestAClerkWhoContradictsTheSensorIsAskedToLookAgain(t *testing.T) {
	bubble(t, func(o *desk) {
		auth := o.token(Loader)
		for i, finding := range []string{"empty", "other"} {
			n := i + 1
			path := fmt.Sprintf("/compartments/%d/", n)
			answer[answerJSON](o, o.api("POST", path+"inspect", `{}`, auth))
			o.open(n)
			o.closed(n, locker.Yes)
			p := o.want(o.api("POST", path+"inspected", fmt.Sprintf(`{"finding":%q}`, finding), auth, german), 409, "sensor_disagrees")
			if p.Compartment != n || p.Detail != "Der Sensor meldet noch etwas im Fach. Bitte sehen Sie noch einmal ganz hinein. Ist es wirklich leer, bestätigen Sie es; der Sensor gilt dann als gestört." {
				t.Errorf("%+v", p)
			}
			answer[answerJSON](o, o.api("POST", path+"inspected", fmt.Sprintf(`{"finding":%q,"sure":true}`, finding), auth))
			if c := o.f.View().State.Compartment(n); c.Use != locker.Free || !c.PresenceDoubt {
				t.Errorf("after %s: %+v", finding, c)
			}
		}
	})
}

func TestADocumentThatTheStationDoesNotKnowIsSentOutAndAnnouncedAnew(t *testing.T) {
	bubble(t, func(o *desk) {
		auth := o.token(Loader)
		answer[answerJSON](o, o.api("POST", "/compartments/4/inspect", `{}`, auth))
		o.open(4)
		o.closed(4, locker.Unknown)
		p := o.want(o.api("POST", "/compartments/4/inspected", `{"finding":"document"}`, auth, german), 404, "unknown_delivery")
		if p.Compartment != 4 || p.Delivery != 0 || !strings.Contains(p.Detail, "melden Sie das Fach als leer und kündigen Sie das Dokument neu an") {
			t.Errorf("%+v", p)
		}
		// A number that does not exist is another matter.
		p = o.want(o.api("POST", "/compartments/4/inspected", `{"finding":"document","delivery":99}`, auth, german), 404, "unknown_delivery")
		if !strings.Contains(p.Detail, "Diesen Vorgang gibt es nicht") {
			t.Errorf("%+v", p)
		}
		answer[answerJSON](o, o.api("POST", "/compartments/4/inspect", `{}`, auth)) // once more, to take it out
		p = o.want(o.api("POST", "/compartments/4/inspect", `{}`, auth, german), 423, "in_use")
		if !strings.Contains(p.Detail, "In Fach 4 wird gerade nachgesehen") {
			t.Errorf("%+v", p)
		}
		o.open(4)
		o.closed(4, locker.Unknown)
		answer[answerJSON](o, o.api("POST", "/compartments/4/inspected", `{"finding":"empty"}`, auth))
	})
}

func TestARefusalNamesTheStepThatComesFirst(t *testing.T) {
	bubble(t, func(o *desk) {
		auth := o.signIn("supervisor")
		p := o.want(o.api("POST", "/compartments/3/inspected", `{"finding":"empty"}`, auth, german), 409, "wrong_state")
		if p.Detail != "Öffnen Sie das Fach zuerst mit „Nachsehen“." {
			t.Errorf("not opened: %s", p.Detail)
		}
		id := o.loaded(auth, "PA-5", "")
		n := o.f.View().State.Delivery(id).Compartment
		time.Sleep(11 * time.Minute)
		_, _ = o.f.step(locker.Tick{})
		o.f.door(n, locker.Yes, locker.Yes) // without an intent: a dispute
		settle := fmt.Sprintf(`{"as":"ready","second":{"user":"loader","password":%q}}`, password)
		p = o.want(o.api("POST", fmt.Sprintf("/deliveries/%d/settle", id), settle, auth, german), 409, "wrong_state")
		if want := fmt.Sprintf("Öffnen Sie Fach %d mit „Nachsehen“ und melden Sie, was darin liegt; danach lässt sich der Streitfall klären.", n); p.Detail != want {
			t.Errorf("not seen: %s", p.Detail)
		}
		p = o.want(o.api("POST", fmt.Sprintf("/deliveries/%d/retrieved", id), `{"taken":true}`, auth, german), 409, "wrong_state")
		if p.Detail != "Starten Sie die Rückholung zuerst." {
			t.Errorf("not retrieving: %s", p.Detail)
		}
		// Found empty: it is in no compartment that one could name.
		o.closed(n, locker.No)
		answer[answerJSON](o, o.api("POST", fmt.Sprintf("/compartments/%d/inspected", n), `{"finding":"empty","by_key":true}`, auth))
		p = o.want(o.api("POST", fmt.Sprintf("/deliveries/%d/settle", id), settle, auth, german), 409, "wrong_state")
		if !strings.HasPrefix(p.Detail, "Die Station weiß kein Fach dazu.") {
			t.Errorf("nowhere: %s", p.Detail)
		}
	})
}

func TestAStationThatCanNotStorePromisesNoPickups(t *testing.T) {
	bubble(t, func(o *desk) {
		auth := o.token(Loader)
		for _, err := range []error{firmware.ErrStore, &locker.Refusal{Code: locker.StoreFull}} {
			o.f.broken = err
			for _, lang := range []string{german, "Accept-Language: en"} {
				w := o.api("POST", "/inventory", `{}`, auth, lang)
				if w.Code != 503 || strings.Contains(w.Body.String(), "Abholen geht") || strings.Contains(strings.ToLower(w.Body.String()), "pickups go on") {
					t.Errorf("%v: %d %s", err, w.Code, w.Body)
				}
			}
		}
	})
}
