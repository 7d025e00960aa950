package scenario

import (
	"context"
	"encoding/json"
	"fmt"

	"mirnode/internal/strictjson"
)

// assertionStep makes and signs an assertion: ${a1} is the body of POST /assertions, ${a1.id} its ID by the protocol (assertion_ and the SHA-256 of the canonical
// payload), ${a1.hash} the artifact, ${a1.issuer}, ${a1.type}, ${a1.timestamp}, ${a1.payload} the signed bytes, ${a1.signature} as it is spelled.
type assertionStep struct {
	signedStep

	Type      string `json:"type"`      // "": ISSUED_BY
	Artifact  string `json:"artifact"`  // the file's hash; "": one of this case and name
	Timestamp string `json:"timestamp"` // "": now, with milliseconds
}

// makeAssertion makes an assertion and signs it: the body of POST /assertions, under the name "as".
func makeAssertion(_ context.Context, p *play, s *assertionStep) error {
	who, err := p.issuer(orElse(s.Issuer, "i1"))
	if err != nil {
		return err
	}
	artifact := orElse(s.Artifact, hashOf(p.unique+" "+s.As))
	// The order of the documentation's example: who signs what JSON.stringify wrote signs it so.
	payload := members{{"version", json.RawMessage("1")}}.text("artifactHash", artifact).text("type", orElse(s.Type, "ISSUED_BY")).
		text("issuerId", who.id).text("timestamp", p.timestamp(s.Timestamp))
	d, err := p.sealed(&s.signedStep, payload)
	if err != nil {
		return err
	}
	return p.make(s.As, d.object("assertion_", map[string]string{"hash": d.text("artifactHash"), "type": d.text("type")}))
}

// revocationStep makes and signs a revocation: ${r1} is the body of POST /assertions/{id}/revoke. With a successor it is that of POST /assertions/{id}/supersede, and
// its action is SUPERSEDE.
type revocationStep struct {
	signedStep

	Assertion string `json:"assertion"` // the ID that is revoked
	Action    string `json:"action"`    // "": REVOKE, or SUPERSEDE where there is a successor
	Timestamp string `json:"timestamp"`
	Successor string `json:"successor"` // the name of an assertion, whose payload should name the old one
}

// makeRevocation makes and signs what ends an assertion: the body of POST /assertions/{id}/revoke or …/supersede, under the name "as".
func makeRevocation(_ context.Context, p *play, s *revocationStep) error {
	who, err := p.issuer(orElse(s.Issuer, "i1"))
	if err != nil {
		return err
	}
	action := "REVOKE"
	if s.Successor != "" {
		action = "SUPERSEDE"
	}
	payload := members{{"version", json.RawMessage("1")}}.text("action", orElse(s.Action, action)).text("assertionId", s.Assertion).
		text("issuerId", who.id).text("timestamp", p.timestamp(s.Timestamp))
	d, err := p.sealed(&s.signedStep, payload)
	if err != nil {
		return err
	}
	if s.Successor != "" {
		next, _ := p.vars[s.Successor].(*object)
		var successor *document
		if next != nil {
			successor, _ = next.held.(*document)
		}
		if successor == nil {
			return fmt.Errorf("there is no assertion called %q", s.Successor)
		}
		if d.body, err = successor.after(d.body); err != nil {
			return err
		}
	}
	return p.make(s.As, d.object("revocation_", nil))
}

// after gives a successor's body with the revocation of what was before in it.
func (d *document) after(revocation []byte) ([]byte, error) {
	body := append([]byte(`{"revocation":`), revocation...)
	if len(d.body) < 2 || d.body[0] != '{' {
		return nil, fmt.Errorf("the successor is no object: %s", clip(string(d.body)))
	}
	return append(append(body, ','), d.body[1:]...), nil
}

// sealed makes the document of a step.
func (p *play) sealed(s *signedStep, payload members) (*document, error) {
	key, err := p.keypair(orElse(s.With, orElse(s.Issuer, "i1")))
	if err != nil {
		return nil, err
	}
	return s.seal(key, payload)
}

// timestamp is the present as JavaScript writes it, unless a step says otherwise.
func (p *play) timestamp(given string) string {
	if given != "" {
		return given
	}
	b := strictjson.AppendTime(nil, p.world.Now())
	return string(b[1 : len(b)-1])
}

// object is what templates see of a document.
func (d *document) object(prefix string, more map[string]string) *object {
	parts := map[string]string{
		"id": prefix + d.id, "payload": d.payload, "signature": d.signature, "issuer": d.text("issuerId"), "timestamp": d.text("timestamp"),
	}
	for name, value := range more {
		parts[name] = value
	}
	return &object{text: string(d.body), parts: parts, held: d}
}
