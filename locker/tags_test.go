package locker

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"golang.org/x/crypto/argon2"
)

var pepper = []byte("0123456789abcdef0123456789abcdef")

func testKeys(t testing.TB) Keys {
	k, err := NewKeys(pepper, TestCost())
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestATagIsAnHMACOfArgon2id(t *testing.T) {
	k := testKeys(t)
	by := func(key, msg []byte) []byte {
		h := hmac.New(sha256.New, key)
		h.Write(msg)
		return h.Sum(nil)
	}
	salt := []byte("sixteen bytes...")
	for name, c := range map[string]struct{ got, want []byte }{
		"code":   {k.CodeTag([]byte("123456784")), by(k.Code[:], argon2.IDKey([]byte("123456784"), k.StationSalt[:], 1, 8, 1, 32))},
		"factor": {k.FactorTag([]byte("2902"), salt), by(k.Factor[:], argon2.IDKey([]byte("2902"), salt, 1, 8, 1, 32))},
		"QR":     {k.QRTag([]byte("PS1:A")), by(k.QR[:], []byte("PS1:A"))},
	} {
		if !bytes.Equal(c.got, c.want) || len(c.got) != 32 {
			t.Errorf("%s: tag %x, want %x", name, c.got, c.want)
		}
	}
}

func TestTagsDependOnEverythingThatGoesIn(t *testing.T) {
	k := testKeys(t)
	other, err := NewKeys(append([]byte("x"), pepper...), TestCost())
	if err != nil {
		t.Fatal(err)
	}
	costly, err := NewKeys(pepper, Cost{MemoryKiB: 16, Time: 1, Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	in := []byte("123456784")
	tags := map[string]string{}
	for name, tag := range map[string]Tag{
		"code":                      k.CodeTag(in),
		"code, other digits":        k.CodeTag([]byte("223456784")),
		"code, other station":       other.CodeTag(in),
		"code, other cost":          costly.CodeTag(in),
		"factor":                    k.FactorTag(in, k.StationSalt[:]),
		"factor, other salt":        k.FactorTag(in, make([]byte, 16)),
		"factor, other station":     other.FactorTag(in, k.StationSalt[:]),
		"QR":                        k.QRTag(in),
		"QR, other station":         other.QRTag(in),
		"dummy salt":                k.DummySalt(in),
		"dummy salt, other tag":     k.DummySalt(in[1:]),
		"dummy salt, other station": other.DummySalt(in),
	} {
		if before, twice := tags[string(tag)]; twice {
			t.Errorf("%s and %s have the same tag", name, before)
		}
		tags[string(tag)] = name
	}
	if !Equal(k.CodeTag(in), testKeys(t).CodeTag(in)) {
		t.Error("the same pepper gives another tag after a restart")
	}
}

// The keys of this pepper may never change: a store full of tags depends on them.
func TestKeysStayTheSameFromVersionToVersion(t *testing.T) {
	k := testKeys(t)
	got := fmt.Sprintf("%x %x %x %x", k.Code[:4], k.Factor[:4], k.QR[:4], k.StationSalt[:4])
	if want := "81dd8136 899e3ff8 db138094 18c8b0d0"; got != want {
		t.Errorf("keys begin %s, want %s", got, want)
	}
}

func TestADummySaltLooksLikeARealOneAndStaysTheSame(t *testing.T) {
	k := testKeys(t)
	tag := k.CodeTag([]byte("999999999"))
	if a, b := k.DummySalt(tag), k.DummySalt(tag); len(a) != 16 || !bytes.Equal(a, b) {
		t.Errorf("dummy salts %x and %x, want the same 16 bytes", a, b)
	}
	if bytes.Contains(tag, k.DummySalt(tag)) {
		t.Error("the dummy salt is part of the tag")
	}
}

func TestNoTagEqualsNothing(t *testing.T) {
	k := testKeys(t)
	a, b := k.QRTag([]byte("a")), k.QRTag([]byte("b"))
	for _, c := range []struct {
		name string
		a, b Tag
		want bool
	}{
		{"the same", a, bytes.Clone(a), true},
		{"another", a, b, false},
		{"nil and nil", nil, nil, false},
		{"nil and a tag", nil, a, false},
		{"a tag and nil", a, nil, false},
		{"empty and empty", Tag{}, Tag{}, false},
		{"two halves", a[:16], a[:16], false},
	} {
		if Equal(c.a, c.b) != c.want {
			t.Errorf("%s: want %v", c.name, c.want)
		}
	}
}

func TestKeysRefuseAWeakPepperAndAnImpossibleCost(t *testing.T) {
	for _, bad := range [][]byte{nil, {}, pepper[:31]} {
		if k, err := NewKeys(bad, TestCost()); err == nil || k != (Keys{}) {
			t.Errorf("a pepper of %d bytes is taken", len(bad))
		}
	}
	for _, bad := range []Cost{
		{},
		{MemoryKiB: 8, Time: 0, Threads: 1},
		{MemoryKiB: 8, Time: 1},
		{MemoryKiB: 7, Time: 1, Threads: 1},
		{MemoryKiB: 8, Time: 1, Threads: 2},
		{MemoryKiB: 1<<20 + 1, Time: 1, Threads: 1},
		{MemoryKiB: 8, Time: 17, Threads: 1},
	} {
		if _, err := NewKeys(pepper, bad); err == nil {
			t.Errorf("a cost of %+v is taken", bad)
		}
	}
	if _, err := NewKeys(pepper, DefaultCost()); err != nil {
		t.Error(err)
	}
	if (DefaultCost() != Cost{MemoryKiB: 19456, Time: 2, Threads: 1}) {
		t.Errorf("default cost %+v", DefaultCost())
	}
}

func TestKeysAreNotPrinted(t *testing.T) {
	k := testKeys(t)
	text, err := json.Marshal(k)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []string{fmt.Sprint(k), fmt.Sprintf("%v %+v %#v %x %s", k, k, k, k, &k), string(text)} {
		if strings.Contains(s, hex.EncodeToString(k.Code[:4])) || strings.Contains(s, fmt.Sprint(k.Code[0], k.Code[1])) || len(s) > 150 {
			t.Errorf("keys are printed as %s", s)
		}
	}
}

func BenchmarkCodeTagAtDefaultCost(b *testing.B) {
	k, err := NewKeys(pepper, DefaultCost())
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		k.CodeTag([]byte("123456784"))
	}
}
