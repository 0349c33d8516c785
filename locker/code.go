package locker

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"
)

// What is wrong with something that was typed or scanned. None of these says
// whether a code exists.
var (
	// ErrTypo: nine digits whose check digit does not fit. Said at once; it costs
	// no attempt.
	ErrTypo = errors.New("check digit does not fit: look at the digits again")
	// ErrCodeShape: not the nine digits of a pickup code.
	ErrCodeShape = errors.New("a pickup code has nine digits and does not begin with 0")
	// ErrQRShape: not a QR code of a pickup station.
	ErrQRShape = errors.New("not a pickup code: PS1: and 26 characters A-Z, 2-7 expected")
	// ErrFactorShape: not four digits.
	ErrFactorShape = errors.New("four digits expected")
	// ErrNoSuchDay: four digits that are no day of a year.
	ErrNoSuchDay = errors.New("not a day as DDMM")
	// ErrWeakBirthday: 0101 and 0000 stand for "not known" in the registers and
	// are therefore shared by many; staff choose another factor.
	ErrWeakBirthday = errors.New("0101 and 0000 stand for an unknown day of birth: choose another factor")
)

const (
	codeDigits = 9
	codeFirst  = 10_000_000 // smallest number of the eight random digits
	codeCount  = 90_000_000 // how many there are
	codeMask   = 1<<27 - 1  // smallest mask that holds codeCount
	codeDraws  = 200        // a source that fails so often is broken: (1-0.67)^200

	qrPrefix   = "PS1:"
	qrRandom   = 26 // characters of 5 bits: 130 bits
	qrAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
)

// damm is the quasigroup of order 10 of H. Michael Damm's thesis (2004): it finds
// every single wrong digit and every swap of neighbours.
var damm = [10][10]byte{
	{0, 3, 1, 7, 5, 9, 8, 6, 4, 2},
	{7, 0, 9, 2, 1, 5, 4, 8, 6, 3},
	{4, 2, 0, 6, 8, 7, 1, 3, 5, 9},
	{1, 7, 5, 0, 9, 8, 3, 4, 2, 6},
	{6, 1, 2, 3, 0, 4, 5, 9, 7, 8},
	{3, 6, 7, 4, 2, 0, 9, 5, 8, 1},
	{5, 8, 6, 9, 7, 2, 0, 1, 3, 4},
	{8, 9, 4, 5, 3, 6, 2, 0, 1, 7},
	{9, 4, 3, 8, 6, 1, 7, 2, 0, 5},
	{2, 5, 8, 1, 4, 3, 6, 7, 9, 0},
}

// NewCode draws a pickup code: eight random digits, the first not 0, all equally
// likely, and a check digit. random must be cryptographically secure; its error
// is returned, and so is one when it only yields nonsense.
func NewCode(random io.Reader) (string, error) {
	var b [4]byte
	for range codeDraws {
		if _, err := io.ReadFull(random, b[:]); err != nil {
			return "", fmt.Errorf("cannot draw a code: %w", err)
		}
		// Rejecting what is too large keeps every code equally likely.
		if n := binary.BigEndian.Uint32(b[:]) & codeMask; n < codeCount {
			s := fmt.Sprintf("%08d", codeFirst+n)
			return s + string('0'+rune(checkDigit(s))), nil
		}
	}
	return "", errors.New("cannot draw a code: the random source does not vary")
}

// CheckCode says whether s is a pickup code: nine digits as ParseCode returns
// them, with a check digit that fits. It says nothing about whether it exists.
func CheckCode(s string) bool {
	got, err := ParseCode(s)
	return err == nil && got == s
}

// ParseCode returns the nine digits of a pickup code that was typed either
// together or in three groups of three with one space between. The error is
// ErrCodeShape or, if only the check digit is wrong, ErrTypo.
func ParseCode(s string) (string, error) {
	if len(s) == codeDigits+2 && s[3] == ' ' && s[7] == ' ' {
		s = s[:3] + s[4:7] + s[8:]
	}
	if len(s) != codeDigits || !allDigits(s) || s[0] == '0' {
		return "", ErrCodeShape
	}
	if checkDigit(s) != 0 {
		return "", ErrTypo
	}
	return s, nil
}

// FormatCode shows nine digits in three groups of three; anything else is
// returned as it is.
func FormatCode(s string) string {
	if len(s) != codeDigits || !allDigits(s) {
		return s
	}
	return s[:3] + " " + s[3:6] + " " + s[6:]
}

// NewQR draws the text of a QR code: "PS1:" and 26 characters of A–Z and 2–7, 130
// random bits. random is as for NewCode.
func NewQR(random io.Reader) (string, error) {
	var b [qrRandom]byte
	if _, err := io.ReadFull(random, b[:]); err != nil {
		return "", fmt.Errorf("cannot draw a QR code: %w", err)
	}
	for i := range b {
		b[i] = qrAlphabet[b[i]%byte(len(qrAlphabet))]
	}
	return qrPrefix + string(b[:]), nil
}

// ParseQR returns the text of a scanned code if it has exactly the form that
// NewQR makes, else ErrQRShape.
func ParseQR(s string) (string, error) {
	if len(s) != len(qrPrefix)+qrRandom || s[:len(qrPrefix)] != qrPrefix {
		return "", ErrQRShape
	}
	for i := len(qrPrefix); i < len(s); i++ {
		if strings.IndexByte(qrAlphabet, s[i]) < 0 {
			return "", ErrQRShape
		}
	}
	return s, nil
}

// FactorKind is what a station asks for beside the code: one for all citizens,
// so that the question tells nothing about a code.
type FactorKind string

// The factors, all of four digits. A PIN has to be drawn by lot: the bound on
// guessing (see guess_test.go) holds as long as no factor is more frequent than
// 1 : 289, and PINs that people choose are.
const (
	Birthday    FactorKind = "birthday"     // day and month, DDMM
	PhoneDigits FactorKind = "phone_digits" // the last four of the phone number
	AgreedPIN   FactorKind = "agreed_pin"   // agreed between office and citizen
)

// ParseFactor says what is wrong with a second factor: ErrFactorShape,
// ErrNoSuchDay, ErrWeakBirthday, or an error for a kind that does not exist.
func ParseFactor(kind FactorKind, s string) error {
	if kind != Birthday && kind != PhoneDigits && kind != AgreedPIN {
		return fmt.Errorf("unknown kind of factor %q: birthday, phone_digits or agreed_pin expected", string(kind))
	}
	if len(s) != 4 || !allDigits(s) {
		return ErrFactorShape
	}
	if kind != Birthday {
		return nil
	}
	if s == "0101" || s == "0000" {
		return ErrWeakBirthday
	}
	day := int(s[0]-'0')*10 + int(s[1]-'0')
	month := int(s[2]-'0')*10 + int(s[3]-'0')
	days := [13]int{0, 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31}
	if month < 1 || month > 12 || day < 1 || day > days[month] {
		return ErrNoSuchDay
	}
	return nil
}

// checkDigit runs digits through the quasigroup: the digit to append, or 0 if
// the check digit is there already and fits.
func checkDigit(digits string) byte {
	var x byte
	for i := range len(digits) {
		x = damm[x][digits[i]-'0']
	}
	return x
}

func allDigits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return true
}
