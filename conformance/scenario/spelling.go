package scenario

import (
	"crypto/elliptic"
	"encoding/asn1"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"math/big"
	"slices"
	"strings"
)

// ed25519Order is the order of Ed25519's base point (RFC 8032, 5.1): a careless verifier does not notice when it is added to s.
const ed25519Order = "7237005577332262213973186563042994240857116359379907606001950938285454250989"

// lineWidth is where base64 programs break lines, in characters (RFC 2045's encoders and openssl base64).
const lineWidth = 64

// spell writes a signature as the words say, in their order. Words that change the numbers: high-s, low-s (ES256), plus-order (Ed25519), flip (the last bit), zero, cut
// (the last byte is missing), long (one byte too many). Words for the form of the bytes: der. Words for the text, of which one counts: base64 (what is
// meant without any), base64url, base64-unpadded, base64url-unpadded, lines, hex,
// trailing-bits (the bits that are left over are not zero).
func spell(signature []byte, words []string) (string, error) {
	signature = slices.Clone(signature)
	text := base64.StdEncoding.EncodeToString
	for _, word := range words {
		switch word {
		case "base64":
			text = base64.StdEncoding.EncodeToString
		case "base64url":
			text = base64.URLEncoding.EncodeToString
		case "base64-unpadded":
			text = base64.RawStdEncoding.EncodeToString
		case "base64url-unpadded":
			text = base64.RawURLEncoding.EncodeToString
		case "hex":
			text = hex.EncodeToString
		case "lines":
			text = brokenLines
		case "trailing-bits":
			text = trailingBits
		default:
			var err error
			if signature, err = reshape(signature, word); err != nil {
				return "", err
			}
		}
	}
	return text(signature), nil
}

// reshape changes a signature's bytes as one word says.
func reshape(signature []byte, word string) ([]byte, error) {
	if len(signature) == 0 {
		return nil, fmt.Errorf("there is no signature to make %q", word)
	}
	half := len(signature) / 2
	switch word {
	case "flip":
		signature[len(signature)-1] ^= 1
	case "zero":
		clear(signature)
	case "cut":
		signature = signature[:len(signature)-1]
	case "long":
		signature = append(signature, 0)
	case "high-s", "low-s":
		order := elliptic.P256().Params().N
		s := new(big.Int).SetBytes(signature[half:])
		mirrored := new(big.Int).Sub(order, s)
		if (word == "high-s") == (mirrored.Cmp(s) > 0) {
			s = mirrored
		}
		return joinECDSA(new(big.Int).SetBytes(signature[:half]), s, half), nil
	case "plus-order":
		return plusOrder(signature)
	case "der":
		r, s := new(big.Int).SetBytes(signature[:half]), new(big.Int).SetBytes(signature[half:])
		return asn1.Marshal(struct{ R, S *big.Int }{r, s})
	default:
		return nil, fmt.Errorf("no such way to spell a signature: %q", word)
	}
	return signature, nil
}

// plusOrder adds the group's order to the s of an Ed25519 signature: the same point, another number, which RFC 8032, 5.1.7 forbids.
func plusOrder(signature []byte) ([]byte, error) {
	order, ok := new(big.Int).SetString(ed25519Order, 10)
	if !ok || len(signature) != 64 {
		return nil, fmt.Errorf("plus-order is for Ed25519 signatures of 64 bytes, and this one has %d", len(signature))
	}
	little := slices.Clone(signature[32:])
	slices.Reverse(little)
	s := order.Add(order, new(big.Int).SetBytes(little)).FillBytes(make([]byte, 32))
	slices.Reverse(s)
	return append(signature[:32:32], s...), nil
}

// brokenLines is base64 as programs for mail write it.
func brokenLines(raw []byte) string {
	var lines []string
	for line := range slices.Chunk([]byte(base64.StdEncoding.EncodeToString(raw)), lineWidth) {
		lines = append(lines, string(line))
	}
	return strings.Join(lines, "\n") + "\n"
}

// trailingBits is base64url without padding whose last character has bits that belong to no byte: a second spelling of the same bytes.
func trailingBits(raw []byte) string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	text := base64.RawURLEncoding.EncodeToString(raw)
	if len(raw)%3 == 0 || text == "" {
		return text + "A" // nothing is left over: one character too many
	}
	last := strings.IndexByte(alphabet, text[len(text)-1])
	return text[:len(text)-1] + alphabet[last+1:last+2]
}
