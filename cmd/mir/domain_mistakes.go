package main

import (
	"bytes"
	"crypto/ed25519"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strings"

	"mirnode/protocol"
)

// mistake is what somebody did who meant to publish a key and published something else.
type mistake struct {
	what    string              // in words
	keys    []ed25519.PublicKey // the public keys that were meant, as far as they can be made out
	private bool                // a private key is out in the open
	useless bool                // it is complete, and no key that can be used: only a new one helps
}

// What may have been a key that lost or gained characters has so many of them.
const (
	keyText        = 43 // characters of a public key
	leastOfKeyText = 20
	mostOfKeyText  = 60
)

// keyMistake looks at a value that was meant as a public key and is none. found is false where nothing can be made out.
func keyMistake(value string) (m mistake, found bool) {
	if strings.Contains(value, "PRIVATE KEY") {
		return mistake{what: "it is a private key in PEM form", private: true}, true
	}
	text := strings.Trim(value, " \t\"'")
	if keys := severalKeys(text); len(keys) > 1 {
		return mistake{what: "several keys stand in one record: each needs a record of its own", keys: keys}, true
	}
	raw, form := decodeLoosely(pemBody(text))
	if raw != nil {
		m, found = bytesMistake(raw, form)
	}
	if !found && !m.useless {
		m.what = lengthMistake(text)
		return m, m.what != ""
	}
	if found && len(m.keys) == 1 && form == "" && text != value {
		m.what = "there are quotes or spaces around it"
	}
	return m, found && m.what != ""
}

// lengthMistake says what is wrong with a text that has a key's characters, but not so many of them; "": nothing can be said.
func lengthMistake(text string) string {
	n := len(text)
	foreign := func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-' && r != '_'
	}
	switch {
	case n < leastOfKeyText || n > mostOfKeyText || n == keyText || strings.IndexFunc(text, foreign) >= 0:
		return ""
	case n < keyText:
		return fmt.Sprintf("it has %d characters, and a key has %d: some were cut off", n, keyText)
	}
	return fmt.Sprintf("it has %d characters, and a key has %d: some were added", n, keyText)
}

// bytesMistake says what the bytes are that were written in the form.
func bytesMistake(raw []byte, form string) (mistake, bool) {
	switch len(raw) {
	case ed25519.PublicKeySize:
		if protocol.CheckPublicKey(raw) != nil {
			return mistake{useless: true}, false // ParsePublicKey says why
		}
		return mistake{what: form, keys: []ed25519.PublicKey{raw}}, true
	case ed25519.PrivateKeySize:
		key := ed25519.NewKeyFromSeed(raw[:ed25519.SeedSize])
		if bytes.Equal(key, raw) {
			return mistake{what: "it is a private key of 64 bytes (seed and public key)", private: true}, true
		}
		return mistake{what: "it has 64 bytes, like a signature or a private key; a public key has 32"}, true
	}
	if key, err := x509.ParsePKIXPublicKey(raw); err == nil {
		public, ok := key.(ed25519.PublicKey)
		if !ok || protocol.CheckPublicKey(public) != nil {
			return mistake{what: "it is a public key of another kind than Ed25519", useless: true}, true
		}
		return mistake{what: "it is the key in its DER form (as in a PEM file); the 32 raw bytes are wanted", keys: []ed25519.PublicKey{public}}, true
	}
	if _, err := x509.ParsePKCS8PrivateKey(raw); err == nil {
		return mistake{what: "it is a private key in DER form (as in a PEM file)", private: true}, true
	}
	return mistake{}, false
}

// decodeLoosely reads bytes in any of the spellings that people use, and names the mistake of the spelling ("": base64url, as it should be).
func decodeLoosely(text string) (raw []byte, form string) {
	if raw, err := hex.DecodeString(text); err == nil && len(raw) >= ed25519.PublicKeySize {
		return raw, "it is hexadecimal; base64url is wanted (take care: if it is the fingerprint, the record below is wrong too)"
	}
	if raw, err := base64.RawURLEncoding.Strict().DecodeString(text); err == nil {
		return raw, ""
	}
	unpadded := strings.TrimRight(text, "=")
	if raw, err := base64.RawURLEncoding.DecodeString(unpadded); err == nil {
		return raw, "it is base64url with padding (=) or with trailing bits that are not zero; leave the padding off"
	}
	if raw, err := base64.RawStdEncoding.DecodeString(unpadded); err == nil {
		return raw, "it is standard base64 (with +, / or =); base64url is wanted (-, _ and no padding)"
	}
	return nil, ""
}

// pemBody is what stands between the lines of a PEM block, or the text itself.
func pemBody(text string) string {
	const begin, end = "-----BEGIN PUBLIC KEY-----", "-----END PUBLIC KEY-----"
	if _, after, ok := strings.Cut(text, begin); ok {
		before, _, _ := strings.Cut(after, end)
		return strings.Join(strings.Fields(before), "")
	}
	return text
}

// severalKeys takes apart a value that holds more than one key.
func severalKeys(text string) []ed25519.PublicKey {
	var keys []ed25519.PublicKey
	separators := func(r rune) bool { return strings.ContainsRune(" ,;|\t\n\"'", r) }
	for part := range strings.FieldsFuncSeq(strings.ReplaceAll(text, "mir-key=", " "), separators) {
		public, err := protocol.ParsePublicKey(part)
		if err != nil {
			return nil
		}
		keys = append(keys, public)
	}
	return keys
}

// meantAsKey takes from a TXT value what was meant as the key. ok is false for records that have nothing to do with keys.
func meantAsKey(value string) (key string, ok bool) {
	if strings.Contains(value, "PRIVATE KEY") || strings.Contains(value, "BEGIN PUBLIC KEY") {
		return value, true
	}
	lower := strings.ToLower(value)
	for _, prefix := range []string{"mir-key", "mir_key", "mirkey"} {
		if _, rest, found := strings.Cut(lower, prefix); found {
			after := value[len(value)-len(rest):]
			return strings.TrimLeft(after, " \t=:"), true
		}
	}
	return "", false
}
