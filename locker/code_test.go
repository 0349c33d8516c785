package locker

import (
	"bytes"
	"crypto/rand"
	"errors"
	"io"
	"strings"
	"testing"
)

func TestACodeIsNineDigitsWithACheckDigit(t *testing.T) {
	seen := map[string]bool{}
	for range 2000 {
		code, err := NewCode(rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		if len(code) != 9 || code[0] == '0' || !CheckCode(code) {
			t.Fatalf("%q is no code", code)
		}
		if back, err := ParseCode(FormatCode(code)); err != nil || back != code {
			t.Fatalf("%q, shown as %q, is read as %q, %v", code, FormatCode(code), back, err)
		}
		seen[code] = true
	}
	if len(seen) < 1998 {
		t.Errorf("only %d of 2000 codes are different", len(seen))
	}
}

func TestACodeComesOnlyFromRandomNumbersThatKeepItUniform(t *testing.T) {
	for _, c := range []struct {
		name   string
		random []byte
		want   string
	}{
		{"the smallest", []byte{0, 0, 0, 0}, "10000000"},
		{"the largest", []byte{0x05, 0x5d, 0x4a, 0x7f}, "99999999"},
		{"upper bits do not count", []byte{0xf8, 0, 0, 1}, "10000001"},
		{"one too large is drawn again", []byte{0x05, 0x5d, 0x4a, 0x80, 0, 0, 0, 2}, "10000002"},
	} {
		code, err := NewCode(bytes.NewReader(c.random))
		if err != nil || code[:8] != c.want {
			t.Errorf("%s: %q, %v, want %s and a check digit", c.name, code, err, c.want)
		}
	}
}

// The first two digits of many codes, against what chance allows: chi-square with
// 89 degrees of freedom is above 180 less than once in ten million.
func TestCodesAreSpreadEvenly(t *testing.T) {
	const n = 90_000
	var counts [100]float64
	for range n {
		code, err := NewCode(rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		counts[(code[0]-'0')*10+code[1]-'0']++
	}
	var chi float64
	for _, c := range counts[10:] {
		chi += (c - n/90) * (c - n/90) / (n / 90)
	}
	if chi > 180 {
		t.Errorf("chi-square %.0f", chi)
	}
}

type constant byte

func (c constant) Read(b []byte) (int, error) {
	for i := range b {
		b[i] = byte(c)
	}
	return len(b), nil
}

func TestABrokenRandomSourceIsAnErrorAndNoCode(t *testing.T) {
	if code, err := NewCode(constant(0xff)); err == nil || code != "" {
		t.Errorf("a source of only ones gives %q, %v", code, err)
	}
	if code, err := NewCode(strings.NewReader("abc")); !errors.Is(err, io.ErrUnexpectedEOF) || code != "" {
		t.Errorf("a source that ends gives %q, %v", code, err)
	}
	if text, err := NewQR(strings.NewReader("abc")); !errors.Is(err, io.ErrUnexpectedEOF) || text != "" {
		t.Errorf("a source that ends gives QR %q, %v", text, err)
	}
}

// 5724 is the worked example of the literature on this check digit.
func TestTheCheckDigitIsDamms(t *testing.T) {
	if checkDigit("572") != 4 || checkDigit("5724") != 0 {
		t.Errorf("check digit of 572 is %d, want 4", checkDigit("572"))
	}
}

// Over all positions; that nothing depends on the digits around is the next test.
func TestEveryWrongDigitAndEverySwapOfNeighboursIsATypo(t *testing.T) {
	wrong, swapped := 0, 0
	for _, code := range manyCodes() {
		for i := range 9 {
			for d := byte('0'); d <= '9'; d++ {
				if typed := code[:i] + string(rune(d)) + code[i+1:]; typed != code && typed[0] != '0' {
					wrong++
					if _, err := ParseCode(typed); !errors.Is(err, ErrTypo) {
						t.Fatalf("%s for %s: %v", typed, code, err)
					}
				}
			}
			if i == 8 || code[i] == code[i+1] || i == 0 && code[1] == '0' {
				continue
			}
			swapped++
			typed := code[:i] + code[i+1:i+2] + code[i:i+1] + code[i+2:]
			if _, err := ParseCode(typed); !errors.Is(err, ErrTypo) {
				t.Fatalf("%s for %s: %v", typed, code, err)
			}
		}
	}
	t.Logf("%d wrong digits and %d swaps found", wrong, swapped)
}

// manyCodes has, for every position, every pair of neighbours in every state of
// the check.
func manyCodes() (codes []string) {
	for i := range 8 { // position of the first of the pair
		for pair := range 100 {
			for lead := range 10 { // moves the state in front of the pair
				b := []byte("100000000")
				b[max(i-1, 0)] = byte('0' + lead)
				b[i], b[i+1] = byte('0'+pair/10), byte('0'+pair%10)
				if b[0] == '0' {
					continue
				}
				if i < 7 {
					b[8] = '0' + checkDigit(string(b[:8]))
				}
				if checkDigit(string(b)) == 0 {
					codes = append(codes, string(b))
				}
			}
		}
	}
	return codes
}

func TestTheCheckFindsBothErrorsInEveryStateWhateverComesAfter(t *testing.T) {
	for state := range damm {
		for a := range 10 {
			for b := range a {
				if damm[state][a] == damm[state][b] {
					t.Errorf("state %d: %d for %d is not seen", state, a, b)
				}
				if damm[damm[state][a]][b] == damm[damm[state][b]][a] {
					t.Errorf("state %d: %d%d for %d%d is not seen", state, a, b, b, a)
				}
			}
		}
		if damm[state][state] != 0 {
			t.Errorf("the check digit of state %d is not %d", state, state)
		}
	}
}

func TestParseCodeTellsATypoFromSomethingElse(t *testing.T) {
	for _, c := range []struct {
		in   string
		out  string
		want error
	}{
		{"123456786", "123456786", nil},
		{"123 456 786", "123456786", nil},
		{"123456787", "", ErrTypo},
		{"123 456 787", "", ErrTypo},
		{"", "", ErrCodeShape},
		{"12345678", "", ErrCodeShape},
		{"1234567864", "", ErrCodeShape},
		{"012345678", "", ErrCodeShape},
		{"1234 56 786", "", ErrCodeShape},
		{"123  456786", "", ErrCodeShape},
		{" 123456786", "", ErrCodeShape},
		{"123456786\n", "", ErrCodeShape},
		{"123-456-786", "", ErrCodeShape},
		{"123\t456\t786", "", ErrCodeShape},
		{"12345678４", "", ErrCodeShape},
		{"１２３", "", ErrCodeShape},
		{"+12345678", "", ErrCodeShape},
		{strings.Repeat("1", 1<<16), "", ErrCodeShape},
	} {
		out, err := ParseCode(c.in)
		if out != c.out || !errors.Is(err, c.want) {
			t.Errorf("%.40q: %q, %v, want %q, %v", c.in, out, err, c.out, c.want)
		}
	}
	if CheckCode("123 456 786") || !CheckCode("123456786") || CheckCode("123456787") {
		t.Error("CheckCode takes more or less than nine digits that fit")
	}
}

func TestFormatCodeLeavesAloneWhatIsNoCode(t *testing.T) {
	for in, want := range map[string]string{"123456786": "123 456 786", "": "", "12": "12", "12345678x": "12345678x"} {
		if got := FormatCode(in); got != want {
			t.Errorf("%q is shown as %q, want %q", in, got, want)
		}
	}
}

func TestAQRTextHasItsExactForm(t *testing.T) {
	text, err := NewQR(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if back, err := ParseQR(text); err != nil || back != text {
		t.Errorf("%q is read as %q, %v", text, back, err)
	}
	for _, bad := range []string{
		"", "PS1:", text + "A", text[:len(text)-1], strings.ToLower(text), " " + text, text + "\n",
		"PS2" + text[3:], text[:29] + "1", text[:29] + "0", text[:29] + "=", text[:28] + "Ä", "https://example.org/aaaaaaaaaa",
	} {
		if back, err := ParseQR(bad); !errors.Is(err, ErrQRShape) || back != "" {
			t.Errorf("%q is read as %q, %v", bad, back, err)
		}
	}
}

func TestEveryCharacterOfAQRTextIsEquallyLikely(t *testing.T) {
	all := make([]byte, 256)
	for i := range all {
		all[i] = byte(i)
	}
	counts := map[rune]int{}
	for i := 0; i+26 <= 260; i += 26 {
		text, err := NewQR(io.MultiReader(bytes.NewReader(all[i:min(i+26, 256)]), constant(0)))
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range text[4:] {
			counts[r]++
		}
	}
	counts['A'] -= 4 // the filling of the last one
	for _, r := range qrAlphabet {
		if counts[r] != 8 {
			t.Errorf("%c comes from %d of 256 bytes, want 8", r, counts[r])
		}
	}
}

func TestParseFactor(t *testing.T) {
	for _, c := range []struct {
		kind FactorKind
		in   string
		want error
	}{
		{Birthday, "0201", nil},
		{Birthday, "3112", nil},
		{Birthday, "2902", nil},
		{Birthday, "3006", nil},
		{Birthday, "0101", ErrWeakBirthday},
		{Birthday, "0000", ErrWeakBirthday},
		{Birthday, "3002", ErrNoSuchDay},
		{Birthday, "3104", ErrNoSuchDay},
		{Birthday, "3106", ErrNoSuchDay},
		{Birthday, "3109", ErrNoSuchDay},
		{Birthday, "3111", ErrNoSuchDay},
		{Birthday, "3201", ErrNoSuchDay},
		{Birthday, "0001", ErrNoSuchDay},
		{Birthday, "0100", ErrNoSuchDay},
		{Birthday, "0113", ErrNoSuchDay},
		{Birthday, "9999", ErrNoSuchDay},
		{Birthday, "", ErrFactorShape},
		{Birthday, "123", ErrFactorShape},
		{Birthday, "12345", ErrFactorShape},
		{Birthday, "1.2.", ErrFactorShape},
		{Birthday, "١٢", ErrFactorShape},
		{PhoneDigits, "0000", nil},
		{PhoneDigits, "9999", nil},
		{PhoneDigits, "12 3", ErrFactorShape},
		{AgreedPIN, "0101", nil},
		{AgreedPIN, "abcd", ErrFactorShape},
	} {
		if err := ParseFactor(c.kind, c.in); !errors.Is(err, c.want) {
			t.Errorf("%s %q: %v, want %v", c.kind, c.in, err, c.want)
		}
	}
	if err := ParseFactor("shoe_size", "0044"); err == nil {
		t.Error("an unknown kind of factor is taken")
	}
}

func TestABirthdayIsOneOf365Days(t *testing.T) {
	n := 0
	for day := range 100 {
		for month := range 100 {
			s := string([]byte{byte('0' + day/10), byte('0' + day%10), byte('0' + month/10), byte('0' + month%10)})
			if ParseFactor(Birthday, s) == nil {
				n++
			}
		}
	}
	if n != 365 { // 366 days of a leap year without 0101
		t.Errorf("%d birthdays are taken, want 365", n)
	}
}

func FuzzParseCode(f *testing.F) {
	for _, s := range []string{"123456786", "123 456 786", "123456787", "", "\x00", "１２３４５６７８４", "000000000"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		code, err := ParseCode(s)
		if err != nil {
			if code != "" || !errors.Is(err, ErrTypo) && !errors.Is(err, ErrCodeShape) {
				t.Fatalf("%q: %q, %v", s, code, err)
			}
			return
		}
		if len(code) != 9 || !CheckCode(code) || s != code && s != FormatCode(code) {
			t.Fatalf("%q is taken as %q", s, code)
		}
	})
}

func FuzzParseQR(f *testing.F) {
	for _, s := range []string{"PS1:ABCDEFGHIJKLMNOPQRSTUVWXYZ", "PS1:234567ABCDEFGHIJKLMNOPQRST", "ps1:", "PS1:ABCDEFGHIJKLMNOPQRSTUVWXYÄ", ""} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		text, err := ParseQR(s)
		if err != nil {
			if text != "" || !errors.Is(err, ErrQRShape) {
				t.Fatalf("%q: %q, %v", s, text, err)
			}
			return
		}
		if text != s || len(s) != 30 || !strings.HasPrefix(s, "PS1:") || strings.Trim(s[4:], qrAlphabet) != "" {
			t.Fatalf("%q is taken as %q", s, text)
		}
	})
}

func FuzzParseFactor(f *testing.F) {
	for _, s := range []string{"0101", "2902", "3002", "0000", "3112", "12", "", "１２"} {
		f.Add("birthday", s)
		f.Add("agreed_pin", s)
	}
	f.Fuzz(func(t *testing.T, kind, s string) {
		err := ParseFactor(FactorKind(kind), s)
		if err != nil {
			return
		}
		if len(s) != 4 || strings.Trim(s, "0123456789") != "" {
			t.Fatalf("%s %q is taken", kind, s)
		}
		if kind == "birthday" && (s[:2] < "01" || s[:2] > "31" || s[2:] < "01" || s[2:] > "12" || s == "0101") {
			t.Fatalf("birthday %q is taken", s)
		}
	})
}
