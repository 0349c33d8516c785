package firmware

import (
	"bytes"
	"crypto/ed25519"
	"crypto/hpke"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"abholstation/locker"
)

// Notice is what the office's notifier learns when a code was made: the plain
// text of a sealed notice.
//
// The sealed form is JSON, {"v":1,"contact":…,"message":…,"signature":…}, all
// base64. contact is the blob that was sealed when staff typed it, message this
// type as JSON. Both are HPKE (RFC 9180) base mode to the notifier's key, for
// which DHKEM(X25519, HKDF-SHA256) is meant, with HKDF-SHA256 and
// ChaCha20Poly1305, encapsulated key first, info "abholstation contact v1" and
// "abholstation notice v1"; the plain text is padded with spaces to a multiple
// of 128 bytes so that its length tells little. signature is Ed25519 by the
// station's identity over "abholstation notice v1", a zero byte, the length of
// contact as four bytes (big endian), contact, message: a notice without it is
// forged.
type Notice struct {
	Code  string       `json:"code"` // "123 456 782"
	QR    string       `json:"qr"`
	Lang  string       `json:"lang"`
	Items []NoticeItem `json:"items"` // one, or those of a pickup group
}

// NoticeItem is one delivery of a Notice.
type NoticeItem struct {
	Reference   string    `json:"reference,omitempty"`
	Compartment int       `json:"compartment"`
	HoldUntil   time.Time `json:"hold_until"`
}

const (
	contactInfo = "abholstation contact v1"
	noticeInfo  = "abholstation notice v1"
	padTo       = 128
)

type envelope struct {
	V         int    `json:"v"`
	Contact   []byte `json:"contact"`
	Message   []byte `json:"message"`
	Signature []byte `json:"signature"`
}

func (e envelope) signed() []byte {
	b := append([]byte(noticeInfo), 0)
	b = binary.BigEndian.AppendUint32(b, uint32(len(e.Contact)))
	b = append(b, e.Contact...)
	return append(b, e.Message...)
}

// OpenNotice is what the notifier does with a sealed notice.
func OpenNotice(sealed []byte, key hpke.PrivateKey, station ed25519.PublicKey) (Notice, Contact, error) {
	var e envelope
	if err := json.Unmarshal(sealed, &e); err != nil {
		return Notice{}, Contact{}, fmt.Errorf("cannot read a notice: %w", err)
	}
	if e.V != 1 {
		return Notice{}, Contact{}, fmt.Errorf("cannot read a notice of version %d", e.V)
	}
	if len(station) != ed25519.PublicKeySize || !ed25519.Verify(station, e.signed(), e.Signature) {
		return Notice{}, Contact{}, errors.New("cannot trust a notice: it is not signed by this station")
	}
	var n Notice
	var c Contact
	if err := unseal(key, noticeInfo, e.Message, &n); err != nil {
		return Notice{}, Contact{}, err
	}
	if err := unseal(key, contactInfo, e.Contact, &c); err != nil {
		return Notice{}, Contact{}, err
	}
	return n, c, nil
}

func unseal(key hpke.PrivateKey, info string, sealed []byte, into any) error {
	plain, err := hpke.Open(key, hpke.HKDFSHA256(), hpke.ChaCha20Poly1305(), []byte(info), sealed)
	if err != nil {
		return fmt.Errorf("cannot open a sealed part (%s): %w", info, err)
	}
	defer clear(plain)
	if err := json.Unmarshal(plain, into); err != nil {
		return fmt.Errorf("cannot read a sealed part (%s): %w", info, err)
	}
	return nil
}

// seal encrypts v to the office's notifier.
func (s *Station) seal(info string, v any) ([]byte, error) {
	if s.o.Notifier == nil {
		return nil, errors.New("cannot seal: the key of the office's notifier is not configured")
	}
	plain, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("cannot seal: %w", err)
	}
	padded := append(plain, bytes.Repeat([]byte{' '}, padTo-len(plain)%padTo)...)
	defer clear(plain)
	defer clear(padded)
	sealed, err := hpke.Seal(s.o.Notifier, hpke.HKDFSHA256(), hpke.ChaCha20Poly1305(), []byte(info), padded)
	if err != nil {
		return nil, fmt.Errorf("cannot seal: %w", err)
	}
	return sealed, nil
}

// sealContact seals what staff typed; nil stays nil. Without a notifier's key
// contacts are refused: they could only be kept in the clear.
func (s *Station) sealContact(c *Contact) ([]byte, error) {
	if c == nil {
		return nil, nil
	}
	if s.o.Notifier == nil {
		return nil, &locker.Refusal{Code: locker.BadField, What: "contact"}
	}
	if r := checkContact(*c); r != nil {
		return nil, r
	}
	return s.seal(contactInfo, *c)
}

// sealNotice seals and signs what the notifier needs.
func (s *Station) sealNotice(n Notice, contact []byte) ([]byte, error) {
	message, err := s.seal(noticeInfo, n)
	if err != nil {
		return nil, err
	}
	e := envelope{V: 1, Contact: contact, Message: message}
	e.Signature = ed25519.Sign(s.o.Signer, e.signed())
	return json.Marshal(e)
}
