package assertions

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"mirnode/protocol"
)

// Signed is something that an issuer signed, as a client sends it.
type Signed struct {
	// Payload is what was signed: a JSON object as the client spelled it, or, where PayloadIsText, the text that the client sent as a string.
	Payload       []byte
	PayloadIsText bool
	// Signature is base64 or base64url, padded or not; of ES256 raw or DER.
	Signature string
	// KeyFingerprint names the key; empty: each of the issuer's is tried.
	KeyFingerprint string
	// Algorithm is "Ed25519" or "ES256", or empty: the key tells.
	Algorithm string
}

// forms are the bytes that may have been signed, each once. A text is itself. An object has its canonical form, and as many clients sign what their encoder
// made of it: the literal as it came, and that without white space, since encoders write a part of a document with other spaces than the part alone.
func (in *Signed) forms() ([][]byte, error) {
	if in.PayloadIsText {
		return [][]byte{in.Payload}, nil
	}
	canonical, err := protocol.CanonicalPayload(in.Payload)
	if err != nil {
		return nil, err
	}
	forms := [][]byte{canonical}
	literal := bytes.TrimSpace(in.Payload)
	var compact bytes.Buffer
	if err := json.Compact(&compact, literal); err != nil {
		return nil, fmt.Errorf("writing a payload that was parsed: %w", err)
	}
	for _, form := range [][]byte{literal, compact.Bytes()} {
		if !slices.ContainsFunc(forms, func(f []byte) bool { return bytes.Equal(f, form) }) {
			forms = append(forms, form)
		}
	}
	return forms, nil
}

// proven is what a signature was found to be one of.
type proven struct {
	signed    []byte
	key       *protocol.IssuerKey
	signature []byte // the 64 normal bytes
}

// prove finds the key of the issuer that signed. The refusals are those of a client's mistakes, each with its own hint.
func (in *Signed) prove(issuer *protocol.Issuer, now time.Time) (*proven, error) {
	forms, err := in.forms()
	if err != nil {
		return nil, err
	}
	keys, err := in.keys(issuer)
	if err != nil {
		return nil, err
	}
	var revoked *protocol.IssuerKey
	var unreadable error
	for i := range keys {
		key := &keys[i]
		sig, err := protocol.ParseSignature(key.Algorithm, in.Signature)
		if err != nil {
			unreadable = err
			continue
		}
		for _, form := range forms {
			switch {
			case !key.Verify(form, sig):
			case !key.ValidAt(now):
				revoked = key
			default:
				return &proven{signed: form, key: key, signature: sig}, nil
			}
		}
	}
	if revoked != nil {
		return nil, &Refusal{Kind: Invalid, Code: protocol.KeyExpired,
			Message: fmt.Sprintf("the signature is good, and its key %s is not: it was revoked at %s", revoked.Fingerprint, revoked.RevokedAt.UTC().Format(time.RFC3339)),
			Hint:    "sign with a key of the issuer's that is valid; GET /issuers/" + issuer.ID + " lists them"}
	}
	if unreadable != nil && len(keys) == 1 {
		return nil, unreadable
	}
	return nil, &Refusal{Kind: Invalid, Code: protocol.InvalidSignature,
		Message: "the signature is not one of this payload by " + in.signers(issuer),
		Hint: "sign the payload's canonical JSON (sorted members, no white space), or send the payload as a string holding exactly the bytes that you signed; the signature is base64. " +
			"GET /issuers/" + issuer.ID + " lists the registered keys"}
}

// keys are those of the issuer's that the signature may be by.
func (in *Signed) keys(issuer *protocol.Issuer) ([]protocol.IssuerKey, error) {
	var algorithm protocol.Algorithm // empty: any
	if in.Algorithm != "" {
		var err error
		if algorithm, err = protocol.ParseAlgorithm(in.Algorithm); err != nil {
			return nil, err
		}
	}
	register := "register a key with POST /issuers/" + issuer.ID + "/keys; GET /issuers/" + issuer.ID + " lists the registered ones"
	if in.KeyFingerprint != "" {
		key, ok := issuer.Key(strings.ToLower(in.KeyFingerprint))
		if !ok {
			return nil, &Refusal{Kind: Invalid, Code: protocol.KeyNotFound, Hint: register,
				Message: fmt.Sprintf("the issuer has no key with the fingerprint %s", quote(in.KeyFingerprint))}
		}
		if algorithm != "" && algorithm != key.Algorithm {
			return nil, invalid("leave algorithm out, or name the key that signed", "the key %s is of %s, not of %s", key.Fingerprint, key.Algorithm, quote(in.Algorithm))
		}
		return []protocol.IssuerKey{*key}, nil
	}
	keys := make([]protocol.IssuerKey, 0, len(issuer.Keys))
	for _, key := range issuer.Keys {
		if algorithm == "" || algorithm == key.Algorithm {
			keys = append(keys, key)
		}
	}
	if len(keys) == 0 {
		what := "the issuer has no key yet"
		if len(issuer.Keys) > 0 {
			what = "the issuer has no key of the algorithm " + quote(in.Algorithm)
		}
		return nil, &Refusal{Kind: Invalid, Code: protocol.KeyNotFound, Message: what, Hint: register}
	}
	return keys, nil
}

// signers says whose signature was looked for.
func (in *Signed) signers(issuer *protocol.Issuer) string {
	if in.KeyFingerprint != "" {
		return "the key " + strings.ToLower(in.KeyFingerprint)
	}
	return fmt.Sprintf("any of the issuer's %d keys", len(issuer.Keys))
}

// checkTime holds a signed time to the node's clock.
func (s *Service) checkTime(what, text string, at time.Time) error {
	now := s.now().UTC()
	apart := at.Sub(now)
	if apart.Abs() <= protocol.AssertionSkew {
		return nil
	}
	direction := "before"
	if apart > 0 {
		direction = "after"
	}
	return invalid(fmt.Sprintf("set the clock of the machine that signs, sign again with the present time, and send it within %d minutes", int(protocol.AssertionSkew.Minutes())),
		"the timestamp of the %s is %s: %s %s the server's time, %s; at most %d minutes are allowed",
		what, text, apart.Abs().Round(time.Millisecond), direction, now.Format(timeForm), int(protocol.AssertionSkew.Minutes()))
}

// maxQuoted bounds, in bytes, what a message repeats of a value from outside.
const maxQuoted = 80

// quote makes a value from outside fit for a message.
func quote(s string) string {
	if len(s) > maxQuoted {
		s = s[:maxQuoted] + "..."
	}
	return fmt.Sprintf("%+q", s)
}
