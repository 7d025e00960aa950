package scenario

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"

	"mirnode/internal/strictjson"
)

// signedStep is what the steps "assertion" and "revocation" share: how a payload is changed, spelled and signed.
type signedStep struct {
	As     string `json:"as"`     // the object's name
	Issuer string `json:"issuer"` // the issuer's name; "": i1
	With   string `json:"with"`   // the name of the key that signs; "": the issuer's first

	Set    map[string]json.RawMessage `json:"set"`    // members of the payload
	Remove []string                   `json:"remove"` // members that it shall not have
	// Rewrite replaces texts in the payload before it is signed: each pair's first, wherever it stands, by the second. So it can be what no JSON library writes.
	Rewrite [][2]string `json:"rewrite"`

	// Payload says how the body has it: "object" (what is meant without), or "text": a string.
	Payload string `json:"payload"`
	Layout  string `json:"layout"` // how the payload stands in the body: canonical (what is meant without), written, spaced
	Signs   string `json:"signs"`  // which bytes are signed: "canonical" (what is meant without, of an object), or "literal": those in the body

	Spelling  []string `json:"spelling"`  // of the signature: see spell
	Signature *string  `json:"signature"` // in the place of the one that is made

	Tamper map[string]json.RawMessage `json:"tamper"` // members of the payload, set after it was signed
	Beside map[string]json.RawMessage `json:"beside"` // members of the body beside payload and signature
	Leave  []string                   `json:"leave"`  // members of the body that are left out: payload, signature

	Replace [][2]string `json:"replace"` // texts in the body, each replaced wherever it stands: after all else
}

// document is a signed payload, ready to be sent.
type document struct {
	body      []byte // what is sent
	id        string // SHA-256 of the canonical payload as it was signed, in hex
	payload   string // as it was signed
	signature string // as it was spelled
	members   members
}

// seal makes the document: spells the payload, signs it, and only then tampers with it.
func (s *signedStep) seal(key *keypair, payload members) (*document, error) {
	payload = payload.changed(s.Set, s.Remove)
	layout := s.Layout
	if layout == "" {
		layout = layoutCanonical
	}
	canonical, err := s.spelled(payload, layoutCanonical)
	if err != nil {
		return nil, err
	}
	literal, err := s.spelled(payload, layout)
	if err != nil {
		return nil, err
	}
	message := canonical
	switch {
	case s.Signs == "literal", s.Signs == "" && s.Payload == "text":
		message = literal
	case s.Signs != "" && s.Signs != layoutCanonical:
		return nil, fmt.Errorf("signs is %q: canonical or literal", s.Signs)
	}
	raw, err := key.sign(message)
	if err != nil {
		return nil, err
	}
	d := &document{id: hexSum(canonical), payload: string(message), members: payload}
	if d.signature, err = spell(raw, s.Spelling); err != nil {
		return nil, err
	}
	if s.Signature != nil {
		d.signature = *s.Signature
	}
	if len(s.Tamper) > 0 {
		if literal, err = s.spelled(payload.changed(s.Tamper, nil), layout); err != nil {
			return nil, err
		}
	}
	if d.body, err = s.wrap(literal, d.signature); err != nil {
		return nil, err
	}
	d.body, err = replaced(d.body, s.Replace)
	return d, err
}

// spelled writes a payload in a layout, with what the step rewrites.
func (s *signedStep) spelled(payload members, layout string) ([]byte, error) {
	text, err := payload.write(layout)
	if err != nil {
		return nil, err
	}
	return replaced(text, s.Rewrite)
}

// replaced replaces texts. One that does not stand there would test nothing, and is an error.
func replaced(text []byte, changes [][2]string) ([]byte, error) {
	for _, change := range changes {
		if !bytes.Contains(text, []byte(change[0])) {
			return nil, fmt.Errorf("%w: %q does not stand in %s, where it is to be replaced", errSteps, change[0], clip(string(text)))
		}
		text = bytes.ReplaceAll(text, []byte(change[0]), []byte(change[1]))
	}
	return text, nil
}

// wrap puts payload and signature into a request's body.
func (s *signedStep) wrap(payload []byte, signature string) ([]byte, error) {
	switch s.Payload {
	case "", "object":
	case "text":
		payload = strictjson.AppendString(nil, string(payload))
	default:
		return nil, fmt.Errorf("payload is %q: object or text", s.Payload)
	}
	// The payload is put in as it stands: its spelling is what is tested.
	body := members{}.text("signature", signature).changed(s.Beside, s.Leave)
	out, err := body.write(layoutWritten)
	if err != nil {
		return nil, err
	}
	if slices.Contains(s.Leave, "payload") {
		return out, nil
	}
	start := append([]byte(`{"payload":`), payload...)
	if len(body) == 0 {
		return append(start, '}'), nil
	}
	return append(append(start, ','), out[1:]...), nil
}

// hexSum is the SHA-256 of bytes, in hex.
func hexSum(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// text gives a member of the signed payload that is a string, "" where there is none.
func (d *document) text(name string) string {
	for _, one := range d.members {
		var text string
		if one.name == name && json.Unmarshal(one.value, &text) == nil {
			return text
		}
	}
	return ""
}
