package program

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"fmt"

	"mirnode/conformance/cases"
	"mirnode/protocol"
)

const keyWord = "{key}"

// Signer puts cases of the kind signer to a program. It may be used by several goroutines at once.
type Signer struct{ command *command }

// NewSigner returns a signer for a command line. The error says what is wrong with it.
func NewSigner(line string, o Options) (*Signer, error) {
	c, err := newCommand(line, keyWord, o)
	if err != nil {
		return nil, err
	}
	return &Signer{c}, nil
}

// Sign runs the program on the case's draft and key, and judges what it signed or that it refused.
func (s *Signer) Sign(ctx context.Context, c *cases.Case) cases.Finding {
	if c.Signer == nil {
		return cases.Finding{Skipped: "the case holds no draft to sign"}
	}
	r, public, err := s.run(ctx, c)
	if err != nil {
		return cases.Finding{Message: err.Error()}
	}
	f := judgeSigned(c, &r, public)
	f.Exchanges = []cases.Exchange{r.exchange}
	return f
}

// Try puts a case to the program whose draft must be signed. The error says that the program refuses it or breaks down: then what it refuses
// says nothing. What it signs is not looked at.
func (s *Signer) Try(ctx context.Context, c *cases.Case) error {
	r, _, err := s.run(ctx, c)
	if err != nil {
		return err
	}
	return r.refusal("a sound draft")
}

// run runs the program on the case's draft and key. The error is one of the suite.
func (s *Signer) run(ctx context.Context, c *cases.Case) (r ran, public ed25519.PublicKey, err error) {
	key, file, err := keyFile(c.Signer.Key)
	if err != nil {
		return r, nil, fmt.Errorf("the suite could not read the case's key: %w", err)
	}
	err = withFile("key.pem", file, func(path string) error {
		r = s.command.run(ctx, s.command.filled(keyWord, path, nil), []byte(c.Signer.Draft))
		return nil
	})
	if err != nil {
		return r, nil, fmt.Errorf("the suite could not write the file of the key: %w", err)
	}
	return r, key.Public().(ed25519.PublicKey), nil
}

// keyFile reads a case's key and writes it as PKCS #8 in PEM.
func keyFile(data json.RawMessage) (ed25519.PrivateKey, []byte, error) {
	var k struct {
		Seed string `json:"seed"`
	}
	if err := json.Unmarshal(data, &k); err != nil {
		return nil, nil, err
	}
	seed, err := hex.DecodeString(k.Seed)
	if err != nil || len(seed) != ed25519.SeedSize {
		return nil, nil, fmt.Errorf("its seed is not %d bytes in hex", ed25519.SeedSize)
	}
	key := ed25519.NewKeyFromSeed(seed)
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, nil, err
	}
	return key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), nil
}

// judgeSigned compares what the program did with what it should have done.
func judgeSigned(c *cases.Case, r *ran, public ed25519.PublicKey) cases.Finding {
	if broken := r.broken(); broken != "" {
		return cases.Finding{Message: fmt.Sprintf("%s; %s", broken, r.printed())}
	}
	want := c.Signer.Expect
	signed := r.exit == 0
	if signed {
		if wrong := wrongClaim(r.output, public, want.Canonical); wrong != "" && (want.Result == cases.Sign || c.Requirement.Level == cases.May) {
			return cases.Finding{Message: fmt.Sprintf("the signed claim is wrong: %s; %s", wrong, r.printed())}
		}
	}
	switch {
	case c.Requirement.Level == cases.May && signed:
		return cases.Finding{Passed: true, Choice: "signs it"}
	case c.Requirement.Level == cases.May:
		return cases.Finding{Passed: true, Choice: "refuses it"}
	case want.Result == cases.Refuse && signed:
		return cases.Finding{Message: "it must refuse the draft, and signed it: " + r.printed()}
	case want.Result == cases.Sign && !signed:
		return cases.Finding{Message: "it must sign the draft, and refused: " + r.printed()}
	}
	return cases.Finding{Passed: true}
}

// wrongClaim says what is wrong with a signed claim, or "".
func wrongClaim(output []byte, public ed25519.PublicKey, canonical string) string {
	claim, err := protocol.ParseClaim(bytes.TrimSpace(output))
	switch {
	case err != nil:
		return err.Error()
	case !ed25519.Verify(public, []byte(canonical), claim.Signature()):
		return "its sig is not over " + canonical
	case string(claim.Canonical()) != canonical:
		return "it says something else than the draft: its canonical form is " + string(claim.Canonical())
	}
	return ""
}
