package scenario_test

import (
	"crypto"
	"encoding/asn1"
	"encoding/base64"
	"encoding/hex"
	"math/big"
	"slices"
	"strings"
	"testing"
)

// half is n/2 of P-256, and ed25519Order the order of the other group, both from their standards.
var (
	half, _         = new(big.Int).SetString("7fffffff800000007fffffffffffffffde737d56d38bcf4279dce5617e3192a8", 16)
	ed25519Order, _ = new(big.Int).SetString("1000000000000000000000000000000014def9dea2f79cd65812631a5cf5d3ed", 16)
)

// spelled is a signature as a step spelled it, with what it was made of.
type spelled struct {
	text    string
	key     crypto.PublicKey
	message []byte
}

// good tells whether the standard library takes the signature, read with one decoder.
func (s spelled) good(decode func(string) ([]byte, error)) bool {
	raw, err := decode(s.text)
	return err == nil && verifies(s.key, s.message, raw)
}

// raw is the signature's bytes, s its second half.
func (s spelled) raw() []byte { b, _ := base64.StdEncoding.DecodeString(s.text); return b }
func (s spelled) s() *big.Int { return number(s.raw()[32:]) }

// less is the signature with the group's order taken from its s, which is a number in reverse.
func (s spelled) less() []byte {
	raw := s.raw()
	little := slices.Clone(raw[32:])
	slices.Reverse(little)
	less := new(big.Int).Sub(number(little), ed25519Order).FillBytes(make([]byte, 32))
	slices.Reverse(less)
	return append(raw[:32:32], less...)
}

// derOf reads r and s from base64 of their DER.
func derOf(text string) ([]byte, error) {
	raw, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return nil, err
	}
	var both struct{ R, S *big.Int }
	if rest, err := asn1.Unmarshal(raw, &both); err != nil || len(rest) > 0 {
		return nil, err
	}
	return append(both.R.FillBytes(make([]byte, 32)), both.S.FillBytes(make([]byte, 32))...), nil
}

// spellings are words, for which algorithm they are tried, and what must be true of what they give.
func spellings() map[string]struct {
	algorithm string
	right     func(s spelled) bool
} {
	std := base64.StdEncoding.DecodeString
	return map[string]struct {
		algorithm string
		right     func(s spelled) bool
	}{
		`"base64"`:             {"Ed25519", func(s spelled) bool { return s.good(std) && strings.HasSuffix(s.text, "==") }},
		`"base64-unpadded"`:    {"Ed25519", func(s spelled) bool { return s.good(base64.RawStdEncoding.DecodeString) }},
		`"base64url"`:          {"ES256", func(s spelled) bool { return s.good(base64.URLEncoding.DecodeString) && len(s.text) == 88 }},
		`"base64url-unpadded"`: {"ES256", func(s spelled) bool { return s.good(base64.RawURLEncoding.DecodeString) }},
		`"hex"`:                {"Ed25519", func(s spelled) bool { return s.good(hex.DecodeString) }},
		`"lines"`:              {"Ed25519", func(s spelled) bool { return s.good(std) && strings.Count(s.text, "\n") == 2 }},
		`"trailing-bits"`: {"Ed25519", func(s spelled) bool {
			_, err := base64.RawURLEncoding.Strict().DecodeString(s.text)
			return s.good(base64.RawURLEncoding.DecodeString) && err != nil
		}},
		`"der"`:          {"ES256", func(s spelled) bool { return s.good(derOf) }},
		`"high-s"`:       {"ES256", func(s spelled) bool { return s.good(std) && s.s().Cmp(half) > 0 }},
		`"low-s"`:        {"ES256", func(s spelled) bool { return s.good(std) && s.s().Cmp(half) <= 0 }},
		`"high-s","der"`: {"ES256", func(s spelled) bool { return s.good(derOf) }},
		`"flip"`:         {"ES256", func(s spelled) bool { return !s.good(std) && len(s.raw()) == 64 }},
		`"zero","der"`:   {"ES256", func(s spelled) bool { return hex.EncodeToString(s.raw()) == "3006020100020100" }},
		`"zero"`:         {"Ed25519", func(s spelled) bool { return len(s.raw()) == 64 && number(s.raw()).Sign() == 0 }},
		`"cut"`:          {"Ed25519", func(s spelled) bool { return len(s.raw()) == 63 }},
		`"long"`:         {"Ed25519", func(s spelled) bool { return len(s.raw()) == 65 }},
		`"der","long"`:   {"ES256", func(s spelled) bool { return len(s.raw()) == int(s.raw()[1])+3 }},
		`"plus-order"`:   {"Ed25519", func(s spelled) bool { return !s.good(std) && verifies(s.key, s.message, s.less()) }},
	}
}

// TestSpellings: each word does to a signature what it says, judged by the standard library.
func TestSpellings(t *testing.T) {
	for words, c := range spellings() {
		body, _, payload, key := assert(t, c.algorithm, `,"spelling":[`+words+`]`)
		if !c.right(spelled{body.Signature, key, []byte(payload)}) {
			t.Errorf("%s of %s gives %q", words, c.algorithm, body.Signature)
		}
	}
}
