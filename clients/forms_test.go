package clients_test

import (
	"crypto/elliptic"
	"encoding/asn1"
	"encoding/base64"
	"math/big"
	"slices"
	"testing"
)

// order is the number of points of P-256: with (r, s) also (r, order-s) is a signature of the same message.
var order = elliptic.P256().Params().N

// ed25519Order is the order of Ed25519's base point: to s it can be added without the equation's noticing (RFC 8032, 5.1.7 forbids it).
var ed25519Order, _ = new(big.Int).SetString("7237005577332262213973186563042994240857116359379907606001950938285454250989", 10)

// form is another spelling of a signature, and whether a node takes it as the same.
type form struct {
	name      string
	signature string
	good      bool
}

// alphabets are the ways to write bytes in base64.
func alphabets(name string, raw []byte) []form {
	return []form{
		{name + ", base64", base64.StdEncoding.EncodeToString(raw), true},
		{name + ", base64 without padding", base64.RawStdEncoding.EncodeToString(raw), true},
		{name + ", base64url", base64.URLEncoding.EncodeToString(raw), true},
		{name + ", base64url without padding", base64.RawURLEncoding.EncodeToString(raw), true},
	}
}

// bad is a spelling that no node takes.
func bad(name string, raw []byte) form {
	return form{name, base64.StdEncoding.EncodeToString(raw), false}
}

// formsOf makes others' spellings of a signature, without the private key.
func formsOf(t *testing.T, algorithm, signature string) []form {
	t.Helper()
	raw, err := base64.StdEncoding.DecodeString(signature)
	if err != nil {
		t.Fatal(err)
	}
	if algorithm == es256Name {
		return es256Forms(t, raw)
	}
	if len(raw) != 64 {
		t.Fatalf("an Ed25519 signature of %d bytes", len(raw))
	}
	more := slices.Clone(raw)
	s := littleEndian(raw[32:])
	copy(more[32:], littleEndian(s.Add(s, ed25519Order).FillBytes(make([]byte, 32))).FillBytes(make([]byte, 32)))
	turned := slices.Clone(raw)
	turned[0] ^= 1
	return append(alphabets("Ed25519", raw), bad("s and the order", more), bad("another R", turned), bad("a byte more", append(slices.Clone(raw), 0)), bad("cut short", raw[:63]))
}

// littleEndian reads bytes whose last one weighs most.
func littleEndian(b []byte) *big.Int {
	b = slices.Clone(b)
	slices.Reverse(b)
	return new(big.Int).SetBytes(b)
}

// point are the two numbers of an ECDSA signature, as DER has them.
type point struct{ R, S *big.Int }

func (p point) raw() []byte {
	return append(p.R.FillBytes(make([]byte, 32)), p.S.FillBytes(make([]byte, 32))...)
}

func (p point) der(t *testing.T) []byte {
	t.Helper()
	der, err := asn1.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

func es256Forms(t *testing.T, signature []byte) []form {
	t.Helper()
	var p point
	if len(signature) == 64 {
		p = point{new(big.Int).SetBytes(signature[:32]), new(big.Int).SetBytes(signature[32:])}
	} else if rest, err := asn1.Unmarshal(signature, &p); err != nil || len(rest) > 0 {
		t.Fatalf("neither raw nor DER: %x", signature)
	}
	mirrored := point{p.R, new(big.Int).Sub(order, p.S)}
	var all []form
	for name, raw := range map[string][]byte{
		"raw": p.raw(), "raw, the other s": mirrored.raw(), "DER": p.der(t), "DER, the other s": mirrored.der(t),
	} {
		all = append(all, alphabets(name, raw)...)
	}
	der := p.der(t)
	loose := append([]byte{0x30, 0x81, der[1]}, der[2:]...) // a length in two bytes, which BER allows
	padded := append([]byte{0x30, der[1] + 1, 0x02, der[3] + 1, 0x00}, der[4:]...)
	turned := point{p.R, new(big.Int).Xor(p.S, big.NewInt(1))}
	return append(all, bad("BER", loose), bad("a zero before r", padded), bad("a byte behind", append(slices.Clone(der), 0)),
		bad("s and the order", point{p.R, new(big.Int).Add(p.S, order)}.der(t)), bad("another s", turned.raw()), bad("raw, cut short", p.raw()[:63]))
}
