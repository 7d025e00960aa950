package protocol_test

import (
	"bytes"
	"crypto/ed25519"
	"crypto/elliptic"
	"encoding/asn1"
	"encoding/base64"
	"math/big"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"mirnode/protocol"
)

// foreignPayload is what the fixtures below are signatures of.
const foreignPayload = `{"version":1,"artifactHash":"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855","type":"ISSUED_BY",` +
	`"issuerId":"issuer_8bcab9f7de068448394faf5baf53f5ec","timestamp":"2026-11-22T12:00:00.000Z"}`

// foreign are signatures by keys that other programs made, in the forms in which they print them.
var foreign = map[string]struct {
	algorithm protocol.Algorithm
	keys      []string // forms of one key
	signature string
}{
	"OpenSSL 3.0, openssl dgst -sha256 -sign, openssl base64": {
		protocol.ES256,
		[]string{"-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEI8fKl8ILtFr/tw++uhcFu7RY6KzL\n" +
			"2vPDpYPp/sSRDAYY6ibqKCQhhv8BMIZFcH9v2xUmyPGsmwZN/2ufHSk+jA==\n-----END PUBLIC KEY-----\n"},
		"MEUCIQDeYKvIJjMxVQRraLXf5/4ejEwOi9hFCyWWpvgelAf1vgIgZkzgpciRdxRB\n1Tx3Hcu4CP9iy7X0fJYC1ZuVuN00eG0=\n",
	},
	"OpenSSL 3.0, openssl pkeyutl -sign -rawin, openssl base64": {
		protocol.Ed25519,
		[]string{"-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEA70iaoDQmLmQ5gOg5Pz5h3Ew8KrGm7/E2bN/mZIRPdkA=\n-----END PUBLIC KEY-----\n"},
		"weyG0fB2XtO1x1HLWuaRXgNFFrLRAdMxHvP+bcVo10FdS2fpvvhVfiUhWX8lGC9m\nYNrxUElYMs/mgCKzA0i0Cw==\n",
	},
	"WebCrypto of Node.js 20, whose s is in the upper half": {
		protocol.ES256,
		[]string{
			`{"key_ops":["verify"],"ext":true,"kty":"EC","x":"9acCSEaSSLIiFjwZXmRPMWl17LnDBcjwjl0sV8XaTMU",` +
				`"y":"bF_Je7Q8WbnumT-u4_4R7A0uxQJxROr-MtohHISAMHs","crv":"P-256"}`,
			"MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE9acCSEaSSLIiFjwZXmRPMWl17LnDBcjwjl0sV8XaTMVsX8l7tDxZue6ZP67j/hHsDS7FAnFE6v4y2iEchIAwew==",
			"BPWnAkhGkkiyIhY8GV5kTzFpdey5wwXI8I5dLFfF2kzFbF/Je7Q8WbnumT+u4/4R7A0uxQJxROr+MtohHISAMHs=",
		},
		"LaswsOQ4fBAxS6qzbFDlNGf7ew6jUSQ6xdh1Jj8iw9XDyODbJY/JWAegWdHlFG87YQtP+BC7XaJyigJbiODyaw==",
	},
}

func TestForeignSignatures(t *testing.T) {
	for name, f := range foreign {
		for _, text := range f.keys {
			key, err := protocol.ParseIssuerKey("", text)
			if err != nil || key.Algorithm != f.algorithm {
				t.Fatalf("%s: %+v, %v", name, key, err)
			}
			sig, err := protocol.ParseSignature(key.Algorithm, f.signature)
			if err != nil || !key.Verify([]byte(foreignPayload), sig) {
				t.Errorf("%s: does not verify: %v", name, err)
			}
			if key.Verify([]byte(foreignPayload+" "), sig) {
				t.Errorf("%s: verifies over other bytes", name)
			}
		}
	}
}

func order() *big.Int { return elliptic.P256().Params().N }

func rawForm(r, s *big.Int) []byte {
	return append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...)
}

func derForm(t interface{ Fatal(...any) }, r, s *big.Int) []byte {
	der, err := asn1.Marshal(struct{ R, S *big.Int }{r, s})
	if err != nil {
		t.Fatal(err)
	}
	return der
}

var std, url64 = base64.StdEncoding, base64.URLEncoding

// broken puts a line break after each so many characters.
func broken(s string, after int) string {
	var lines []string
	for chunk := range slices.Chunk([]byte(s), after) {
		lines = append(lines, string(chunk))
	}
	return strings.Join(lines, "\r\n") + "\n"
}

func spellings(b []byte) []string {
	padded := std.EncodeToString(b)
	return []string{
		padded, strings.TrimRight(padded, "="), url64.EncodeToString(b), strings.TrimRight(url64.EncodeToString(b), "="),
		broken(padded, 64), broken(padded, 76), " " + padded + "\t",
	}
}

// TestSignatureHasOneNormalForm signs, and wants the same bytes from whatever the signature can be written as.
func TestSignatureHasOneNormalForm(t *testing.T) {
	ec, ed := ecIssuerKey(t, 1), edIssuerKey(t, 2)
	private := ecKey(t, 1)
	rapid.Check(t, func(t *rapid.T) {
		message := rapid.SliceOf(rapid.Byte()).Draw(t, "message")
		edSig := ed25519.Sign(testKey(2), message)
		for _, text := range spellings(edSig) {
			if got, err := protocol.ParseSignature(protocol.Ed25519, text); err != nil || !bytes.Equal(got, edSig) || !ed.Verify(message, got) {
				t.Fatalf("%q became %x: %v", text, got, err)
			}
		}
		r, s := signES256(t, private, message)
		other := new(big.Int).Sub(order(), s)
		low := s
		if other.Cmp(s) < 0 {
			low = other
		}
		want := rawForm(r, low)
		for _, b := range [][]byte{rawForm(r, s), rawForm(r, other), derForm(t, r, s), derForm(t, r, other)} {
			for _, text := range spellings(b) {
				if got, err := protocol.ParseSignature(protocol.ES256, text); err != nil || !bytes.Equal(got, want) {
					t.Fatalf("%q became %x: %v", text, got, err)
				}
			}
		}
		if !ec.Verify(message, want) {
			t.Fatal("the normal form does not verify")
		}
		if ec.Verify(message, rawForm(r, new(big.Int).Sub(order(), low))) {
			t.Fatal("the upper half verifies: a record would have two forms")
		}
		bit := rapid.IntRange(0, 511).Draw(t, "bit")
		for _, key := range []struct {
			key protocol.IssuerKey
			sig []byte
		}{{ec, want}, {ed, edSig}} {
			flipped := bytes.Clone(key.sig)
			flipped[bit/8] ^= 1 << (bit % 8)
			if key.key.Verify(message, flipped) || key.key.Verify(message, key.sig[:63]) || key.key.Verify(message, append(flipped, 0)) {
				t.Fatal("another signature verifies")
			}
		}
	})
}

func TestMalleatedSignaturesAreRefused(t *testing.T) {
	message := []byte("x")
	r, s := signES256(t, ecKey(t, 1), message)
	for i := byte(0); s.BitLen() > 248 || r.BitLen() < 256; i++ { // r needs a leading zero in DER, and s none
		message = []byte{'x', i}
		r, s = signES256(t, ecKey(t, 1), message)
		s = new(big.Int).Rsh(s, 8) // no signature any more, which the parser does not know
	}
	der := derForm(t, r, s)
	integer := func(b ...byte) []byte { return append([]byte{2, byte(len(b))}, b...) }
	sequence := func(parts ...[]byte) []byte {
		b := slices.Concat(parts...)
		return append([]byte{0x30, byte(len(b))}, b...)
	}
	zeroR := append([]byte{0}, r.Bytes()...)
	sInt := integer(s.Bytes()...)
	if s.Bytes()[0] >= 0x80 {
		sInt = integer(append([]byte{0}, s.Bytes()...)...)
	}
	if !bytes.Equal(der, sequence(integer(zeroR...), sInt)) {
		t.Fatal("the table is not about this signature")
	}
	plus := func(n *big.Int) *big.Int { return new(big.Int).Add(n, order()) }
	zero, one := big.NewInt(0), big.NewInt(1)
	for name, b := range map[string][]byte{
		"no bytes":                  {},
		"63 bytes":                  rawForm(r, s)[:63],
		"65 bytes":                  append(rawForm(r, s), 0),
		"DER, a zero before r":      sequence(integer(append([]byte{0}, zeroR...)...), sInt),
		"DER, a zero before s":      sequence(integer(zeroR...), integer(append([]byte{0, 0}, s.Bytes()...)...)),
		"DER, r negative":           sequence(integer(r.Bytes()...), sInt),
		"DER, -s":                   derForm(t, r, new(big.Int).Neg(s)),
		"DER, a byte behind":        append(bytes.Clone(der), 0),
		"DER, a byte inside":        sequence(der[2:], []byte{0}),
		"DER, a third integer":      sequence(der[2:], integer(1)),
		"DER, one integer":          sequence(sInt),
		"DER, long form of length":  append([]byte{0x30, 0x81, byte(len(der) - 2)}, der[2:]...),
		"BER, indefinite length":    slices.Concat([]byte{0x30, 0x80}, der[2:], []byte{0, 0}),
		"DER, a set":                append([]byte{0x31}, der[1:]...),
		"DER, an octet string":      sequence(append([]byte{4}, integer(zeroR...)[1:]...), sInt),
		"DER, cut off":              der[:len(der)-1],
		"DER, r is 0":               derForm(t, zero, s),
		"DER, s is 0":               derForm(t, r, zero),
		"DER, s+n":                  derForm(t, r, plus(s)),
		"DER, r+n":                  derForm(t, plus(r), s),
		"DER, s is n":               derForm(t, r, order()),
		"DER, huge":                 derForm(t, r, new(big.Int).Lsh(one, 1000)),
		"raw, r is 0":               rawForm(zero, s),
		"raw, s is 0":               rawForm(r, zero),
		"raw, r is n":               rawForm(order(), s),
		"raw, s is n":               rawForm(r, order()),
		"raw, 1+n, which is like 1": rawForm(r, plus(one)),
	} {
		_, err := protocol.ParseSignature(protocol.ES256, std.EncodeToString(b))
		if err == nil {
			t.Errorf("%s: accepted", name)
			continue
		}
		wantCode(t, err, protocol.InvalidSignature)
	}
	for name, s := range map[string]*big.Int{"1": one, "n-1": new(big.Int).Sub(order(), one)} {
		if got, err := protocol.ParseSignature(protocol.ES256, std.EncodeToString(rawForm(r, s))); err != nil || !bytes.Equal(got, rawForm(r, one)) {
			t.Errorf("s is %s: %x, %v", name, got, err)
		}
	}
}

func TestMalleatedEd25519(t *testing.T) {
	message := []byte("x")
	sig := ed25519.Sign(testKey(2), message)
	l, _ := new(big.Int).SetString("7237005577332262213973186563042994240857116359379907606001950938285454250989", 10)
	s := slices.Clone(sig[32:])
	slices.Reverse(s)
	higher := new(big.Int).Add(new(big.Int).SetBytes(s), l).FillBytes(make([]byte, 32))
	slices.Reverse(higher)
	malleated := append(slices.Clone(sig[:32]), higher...)
	key := edIssuerKey(t, 2)
	if key.Verify(message, malleated) {
		t.Error("s+L verifies")
	}
	for name, b := range map[string][]byte{"s+L": malleated, "63 bytes": sig[:63], "65 bytes": append(slices.Clone(sig), 0), "none": nil} {
		if _, err := protocol.ParseSignature(protocol.Ed25519, std.EncodeToString(b)); err == nil {
			t.Errorf("%s: accepted", name)
		} else {
			wantCode(t, err, protocol.InvalidSignature)
		}
	}
}

func TestSignatureText(t *testing.T) {
	sig := bytes.Repeat([]byte{0xfb, 0xff, 0x0f, 0x01}, 16) // has both +/ and -_
	text := std.EncodeToString(sig)
	if !strings.Contains(text, "+") || !strings.Contains(text, "/") {
		t.Fatal(text)
	}
	for name, bad := range map[string]string{
		"mixed alphabets":      strings.Replace(text, "+", "-", 1),
		"one padding too few":  strings.TrimSuffix(text, "="),
		"padding too much":     text + "=",
		"four of padding":      text + "====",
		"padding inside":       text[:20] + "==" + text[20:],
		"trailing bits":        strings.TrimRight(text, "=")[:85] + "R",
		"another character":    "é" + text[1:],
		"a null":               "\x00" + text[1:],
		"many blanks":          text + strings.Repeat(" ", 256),
		"hex":                  strings.Repeat("00", 64),
		"an algorithm's name:": "ES256",
	} {
		if got, err := protocol.ParseSignature(protocol.Ed25519, bad); err == nil {
			t.Errorf("%s: %q became %x", name, bad, got)
		} else {
			wantCode(t, err, protocol.InvalidSignature)
		}
	}
	_, err := protocol.ParseSignature("RS256", text)
	wantCode(t, err, protocol.InvalidSignature)
	for s, want := range map[string]protocol.Algorithm{"Ed25519": protocol.Ed25519, "EdDSA": protocol.Ed25519, "ES256": protocol.ES256, "es256": "", "": ""} {
		if got, err := protocol.ParseAlgorithm(s); got != want || (err == nil) != (want != "") {
			t.Errorf("%q is %q, %v", s, got, err)
		}
	}
}

func TestVerifyKnowsItsAlgorithms(t *testing.T) {
	sig := ed25519.Sign(testKey(2), []byte("x"))
	for _, key := range []protocol.IssuerKey{
		{}, {Algorithm: "RS256", Public: publicKey(2)}, {Algorithm: protocol.Ed25519}, {Algorithm: protocol.ES256}, {Algorithm: protocol.ES256, Public: publicKey(2)},
	} {
		if key.Verify([]byte("x"), sig) {
			t.Errorf("%+v verifies", key)
		}
	}
}

func FuzzParseSignature(f *testing.F) {
	for _, s := range foreign {
		f.Add(s.signature)
	}
	f.Add("MAYCAQECAQE=")
	f.Add(std.EncodeToString(rawForm(big.NewInt(1), big.NewInt(1))))
	f.Fuzz(func(t *testing.T, text string) {
		for _, alg := range []protocol.Algorithm{protocol.Ed25519, protocol.ES256} {
			sig, err := protocol.ParseSignature(alg, text)
			if err != nil {
				mustBeRefusal(t, err, protocol.InvalidSignature)
				continue
			}
			again, err := protocol.ParseSignature(alg, std.EncodeToString(sig))
			if err != nil || len(sig) != protocol.SignatureBytes || !bytes.Equal(again, sig) {
				t.Fatalf("%x became %x: %v", sig, again, err)
			}
			if alg == protocol.ES256 {
				r, s := new(big.Int).SetBytes(sig[:32]), new(big.Int).SetBytes(sig[32:])
				if s.Cmp(new(big.Int).Rsh(order(), 1)) > 0 || s.Sign() == 0 || r.Sign() == 0 || r.Cmp(order()) >= 0 {
					t.Fatalf("%q became %x", text, sig)
				}
			}
		}
	})
}
