package staff

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"net/http"
	"strconv"
	"time"

	"abholstation/firmware"
	"abholstation/locker"
)

// fault is a refusal by this package; its code has a status and a sentence.
type fault struct {
	code        string
	what        string
	wait        time.Duration
	delivery    locker.DeliveryID
	compartment int
}

func fail(code string) *fault { return &fault{code: code} }

func (f *fault) with(what string) *fault { f.what = what; return f }

func (f *fault) Error() string {
	if f.what != "" {
		return "refused: " + f.code + " (" + f.what + ")"
	}
	return "refused: " + f.code
}

// faultOf finds out what an error means to the one who asked.
func faultOf(err error) *fault {
	var f *fault
	var refusal *locker.Refusal
	switch {
	case errors.As(err, &f):
		return f
	case errors.As(err, &refusal):
		return &fault{
			code: string(refusal.Code), what: refusal.What, wait: refusal.Wait,
			delivery: refusal.Delivery, compartment: refusal.Compartment,
		}
	}
	for _, k := range []struct {
		err  error
		code string
	}{
		{firmware.ErrBusy, "busy"},
		{firmware.ErrStopping, "stopping"},
		{firmware.ErrStore, "store"},
		{locker.ErrNoSuchDay, "factor_day"}, // before ErrFactor, which wraps it
		{locker.ErrWeakBirthday, "factor_weak"},
		{firmware.ErrFactor, "factor"},
		{locker.ErrFactorShape, "factor"},
		{context.DeadlineExceeded, "timeout"},
		{context.Canceled, "timeout"},
	} {
		if errors.Is(err, k.err) {
			return fail(k.code)
		}
	}
	return fail("internal")
}

// statuses has the HTTP status of every code: those of locker.Reason first, in
// the order in which locker lists them, then this package's own.
func statuses() map[string]int {
	return map[string]int{
		string(locker.Rejected):           http.StatusUnprocessableEntity,
		string(locker.Locked):             http.StatusTooManyRequests,
		string(locker.Unavailable):        http.StatusConflict,
		string(locker.AlreadyOpen):        http.StatusConflict,
		string(locker.NeedsConfirm):       http.StatusConflict,
		string(locker.NoGrant):            http.StatusConflict,
		string(locker.TooManyTries):       http.StatusTooManyRequests,
		string(locker.DoorInUse):          http.StatusLocked,
		string(locker.InventoryDue):       http.StatusConflict,
		string(locker.PowerLow):           http.StatusServiceUnavailable,
		string(locker.StationClosed):      http.StatusServiceUnavailable,
		string(locker.UnknownDelivery):    http.StatusNotFound,
		string(locker.UnknownCompartment): http.StatusNotFound,
		string(locker.WrongState):         http.StatusConflict,
		string(locker.DuplicateReference): http.StatusConflict,
		string(locker.BadField):           http.StatusUnprocessableEntity,
		string(locker.UnknownKind):        http.StatusUnprocessableEntity,
		string(locker.ConditionOpen):      http.StatusConflict,
		string(locker.NeedsSecond):        http.StatusConflict,
		string(locker.NoCompartment):      http.StatusConflict,
		string(locker.NotFree):            http.StatusConflict,
		string(locker.CompartmentBlocked): http.StatusConflict,
		string(locker.CompartmentFault):   http.StatusConflict,
		string(locker.DoorUnknown):        http.StatusConflict,
		string(locker.DoorIsOpen):         http.StatusConflict,
		string(locker.InUse):              http.StatusLocked,
		string(locker.TooEarly):           http.StatusConflict,
		string(locker.HasContact):         http.StatusConflict,
		string(locker.CodeExists):         http.StatusConflict,
		string(locker.NotMember):          http.StatusConflict,
		string(locker.ClockUntrusted):     http.StatusConflict,
		string(locker.StoreFull):          http.StatusServiceUnavailable,
		string(locker.SensorDisagrees):    http.StatusConflict,
		string(locker.Stale):              http.StatusConflict,

		"bad_json":            http.StatusBadRequest,
		"unknown_field":       http.StatusBadRequest,
		"wrong_type":          http.StatusBadRequest,
		"too_large":           http.StatusRequestEntityTooLarge,
		"not_json":            http.StatusUnsupportedMediaType,
		"bad_query":           http.StatusBadRequest,
		"not_found":           http.StatusNotFound,
		"method":              http.StatusMethodNotAllowed,
		"host":                http.StatusMisdirectedRequest,
		"cross_origin":        http.StatusForbidden,
		"sign_in":             http.StatusUnauthorized,
		"wrong_password":      http.StatusUnauthorized,
		"too_many_sign_ins":   http.StatusTooManyRequests,
		"forbidden":           http.StatusForbidden,
		"second_wrong":        http.StatusUnprocessableEntity,
		"second_same":         http.StatusUnprocessableEntity,
		"second_role":         http.StatusUnprocessableEntity,
		"setup_token":         http.StatusForbidden,
		"user_taken":          http.StatusConflict,
		"password_length":     http.StatusUnprocessableEntity,
		"last_supervisor":     http.StatusConflict,
		"too_many":            http.StatusConflict,
		"idempotency_key":     http.StatusBadRequest,
		"idempotency_other":   http.StatusUnprocessableEntity,
		"idempotency_running": http.StatusConflict,
		"factor":              http.StatusUnprocessableEntity,
		"factor_day":          http.StatusUnprocessableEntity,
		"factor_weak":         http.StatusUnprocessableEntity,
		"too_many_streams":    http.StatusServiceUnavailable,
		"busy":                http.StatusServiceUnavailable,
		"stopping":            http.StatusServiceUnavailable,
		"store":               http.StatusServiceUnavailable,
		"timeout":             http.StatusGatewayTimeout,
		"internal":            http.StatusInternalServerError,
	}
}

// problemJSON is an RFC 9457 problem, with code and what for programs and
// detail for people.
type problemJSON struct {
	Type        string            `json:"type"`
	Title       string            `json:"title"`
	Status      int               `json:"status"`
	Detail      string            `json:"detail"`
	Code        string            `json:"code"`
	What        string            `json:"what,omitempty"`
	Delivery    locker.DeliveryID `json:"delivery,omitempty"`
	Compartment int               `json:"compartment,omitempty"`
	WaitSeconds int64             `json:"wait_seconds,omitempty"`
}

// problem answers with an error in the reader's language.
func (s *Staff) problem(w http.ResponseWriter, r *http.Request, err error) {
	f := faultOf(err)
	if d := s.station.View().State.Delivery(f.delivery); f.compartment == 0 && d != nil {
		f.compartment = d.Compartment // the sentence names the door to go to
	}
	status, ok := statuses()[f.code]
	if !ok || f.code == "internal" {
		s.log.Error("staff request failed", "method", r.Method, "route", r.Pattern, "err", err)
		f, status = fail("internal"), http.StatusInternalServerError
	}
	lang := s.texts.pick(r)
	p := problemJSON{
		Type: "urn:abholstation:problem:" + f.code, Status: status,
		Title:  s.texts.get(lang, "title."+strconv.Itoa(status)),
		Detail: s.texts.sentence(lang, f),
		Code:   f.code, What: f.what, Delivery: f.delivery, Compartment: f.compartment,
		WaitSeconds: int64(math.Ceil(f.wait.Seconds())),
	}
	h := w.Header()
	switch {
	case p.WaitSeconds > 0:
		h.Set("Retry-After", strconv.FormatInt(p.WaitSeconds, 10))
	case status == http.StatusServiceUnavailable:
		h.Set("Retry-After", "2")
	}
	if status == http.StatusUnauthorized {
		h.Set("WWW-Authenticate", `Bearer realm="abholstation"`)
	}
	h.Set("Content-Type", "application/problem+json")
	h.Set("Content-Language", lang)
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(p) // the reader may be gone; there is nobody else to tell
}
