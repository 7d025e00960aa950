package scenario

import (
	"context"
	"fmt"
)

// keypairStep makes a key, and shows it to nobody: ${k1.pub} and its other parts are the public half.
type keypairStep struct {
	As        string `json:"as"`
	Algorithm string `json:"algorithm"` // "": Ed25519. ES384 and RS256 are for nodes to refuse
}

// makeKeypair makes a pair of keys of an algorithm, for what no issuer has.
func makeKeypair(_ context.Context, p *play, s *keypairStep) error {
	key, err := newKeypair(orElse(s.Algorithm, algorithmEd25519))
	if err != nil {
		return err
	}
	return p.make(s.As, keyObject(key))
}

// keyParts are what an object with a key has of it.
func keyParts() []string {
	return []string{"algorithm", "spki", "pem", "fingerprint", "raw", "pub", "compressed", "x", "y", "private"}
}

// keyObject is what templates see of a key.
func keyObject(key *keypair) *object {
	o := &object{parts: map[string]string{}, held: key}
	for _, name := range keyParts() {
		if value, ok := key.attribute(name); ok {
			o.parts[name] = value
		}
	}
	o.text = o.parts["pub"]
	return o
}

// signStep signs a text: ${s1} is the signature.
type signStep struct {
	As       string   `json:"as"`
	With     string   `json:"with"` // a key, or an issuer: its first key
	Text     string   `json:"text"`
	Spelling []string `json:"spelling"` // see spell
}

// signText signs a text with a key of the case.
func signText(_ context.Context, p *play, s *signStep) error {
	key, err := p.keypair(s.With)
	if err != nil {
		return err
	}
	raw, err := key.sign([]byte(s.Text))
	if err != nil {
		return err
	}
	spelled, err := spell(raw, s.Spelling)
	if err != nil {
		return err
	}
	return p.make(s.As, &object{text: spelled})
}

// keypair finds the key that a step names: a key, or an issuer's.
func (p *play) keypair(name string) (*keypair, error) {
	o, _ := p.vars[name].(*object)
	if o == nil {
		return nil, fmt.Errorf("there is no key and no issuer called %q", name)
	}
	switch held := o.held.(type) {
	case *keypair:
		return held, nil
	case *issuer:
		if held.key != nil {
			return held.key, nil
		}
		return nil, fmt.Errorf("the issuer %s has no key", name)
	}
	return nil, fmt.Errorf("%q is no key and no issuer", name)
}

func orElse(s, other string) string {
	if s == "" {
		return other
	}
	return s
}
