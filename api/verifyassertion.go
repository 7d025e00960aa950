package api

import (
	"bytes"
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"mirnode/assertions"
	"mirnode/internal/strictjson"
	"mirnode/protocol"
)

// assertionMark stands in each record of an assertion.
const assertionMark = `"mirAssertion":1`

// asSigned reads a document that is what an issuer signed: as it is submitted, {"payload","signature",…}, or as it is logged. ok is false where it looks like
// neither.
func asSigned(document []byte) (in assertions.Signed, ok bool, err error) {
	switch {
	case bytes.Contains(document, []byte(assertionMark)):
		record, err := protocol.ParseAssertion(document)
		if err != nil {
			return in, true, err
		}
		return recorded(record.Signed, record.Signature(), record.KeyFingerprint), true, nil
	case bytes.Contains(document, []byte(`"mirRevocation":1`)):
		record, err := protocol.ParseRevocation(document)
		if err != nil {
			return in, true, err
		}
		return recorded(record.Signed, record.Signature(), record.KeyFingerprint), true, nil
	}
	if !hasPayload(document) {
		return in, false, nil
	}
	submission, err := decodeSubmission(document)
	in = assertions.Signed{
		Payload: submission.Payload, PayloadIsText: submission.PayloadIsText,
		Signature: submission.Signature, KeyFingerprint: submission.KeyFingerprint, Algorithm: submission.Algorithm,
	}
	return in, true, err
}

// provenLimits are those of an answer of GET /assertions/{id}.
var provenLimits = strictjson.Limits{Depth: 6, Values: 128}

// provenRecord gives the record in an answer of GET /assertions/{id}, which is what can be verified of it: all else there is this node's, or another's, word.
func provenRecord(document []byte) (record []byte, ok bool) {
	if !bytes.Contains(document, []byte(`"proof"`)) {
		return nil, false // no claim has it, but in its metadata: claims are parsed once
	}
	root, err := strictjson.Parse(document, provenLimits)
	if err != nil {
		return nil, false
	}
	proof, _ := root.Lookup("proof")
	text, ok := proof.Lookup("record")
	if !ok || text.Kind() != strictjson.String || text.Bad() || !strings.Contains(text.Text(), assertionMark) {
		return nil, false
	}
	return []byte(text.Text()), true
}

// hasPayload tells whether a document has what no claim has, and what an assertion that is submitted must have.
func hasPayload(document []byte) bool {
	root, err := strictjson.Parse(document, assertionLimits)
	_, ok := root.Lookup("payload")
	return ok && err == nil
}

// recorded is what a record holds, as it could have been sent.
func recorded(signed, signature []byte, fingerprint string) assertions.Signed {
	return assertions.Signed{Payload: signed, PayloadIsText: true, Signature: base64.StdEncoding.EncodeToString(signature), KeyFingerprint: fingerprint}
}

// verdictOnSigned judges what an issuer signed, by the issuer's record that this node holds.
func (a *API) verdictOnSigned(c *gin.Context, in assertions.Signed) (verdictAnswer, error) {
	if a.Assertions == nil {
		return verdictAnswer{}, errNoAssertions
	}
	ctx := c.Request.Context()
	if err := a.verifications.enter(ctx); err != nil {
		return verdictAnswer{}, err
	}
	judged, err := a.Assertions.Verify(ctx, in)
	a.verifications.leave()
	answer := verdictAnswer{Result: "ACCEPT", Kind: string(judged.Kind)}
	if judged.ID != [32]byte{} {
		answer.AssertionID = protocol.AssertionID(judged.ID)
	}
	if judged.Issuer != nil {
		if err := a.tellIssuer(ctx, &answer, judged.Issuer.ID); err != nil {
			return answer, err
		}
	}
	if err != nil {
		return a.notSigned(answer, err)
	}
	answer.KeyFingerprint = judged.Key.Fingerprint
	when := "now, since it is not kept here"
	if judged.Held {
		when = judged.JudgedAt.UTC().Format(time.RFC3339) + ", when the issuer's home took it in"
	}
	answer.Checked = []string{
		fmt.Sprintf("the issuer's record, signed by %s, lists the %s key %s", judged.Issuer.Home, judged.Key.Algorithm, judged.Key.Fingerprint),
		"the signature is one of the payload by this key", "the key was valid, and the timestamp near: judged at " + when,
	}
	if judged.Compromised() {
		answer.Flags = []string{flagKeyCompromised}
		answer.Warning = "the issuer reports that the key was in wrong hands since " + judged.Key.CompromisedAt.UTC().Format(time.RFC3339) + ": somebody else may have signed this"
	}
	a.metrics.verdict(answer.Result)
	return answer, nil
}

// flagKeyCompromised marks a good signature of a time at which others may have had the key, by its owner's report.
const flagKeyCompromised = "key_compromised"

// tellIssuer puts into an answer who the issuer is.
func (a *API) tellIssuer(ctx context.Context, answer *verdictAnswer, id string) error {
	standing, err := a.standing(ctx, id)
	if err != nil {
		return err
	}
	answer.Issuer = json.RawMessage(standing.JSON)
	return nil
}

// notSigned makes a refusal the answer: it is the verdict. Other errors are none.
func (a *API) notSigned(answer verdictAnswer, err error) (verdictAnswer, error) {
	refusal, ok := errors.AsType[*protocol.Error](err)
	if of, wrong := errors.AsType[*assertions.Refusal](err); wrong {
		refusal, ok = &protocol.Error{Code: cmp.Or(of.Code, protocol.InvalidSchema), Message: of.Message, Hint: of.Hint}, true
	}
	if !ok {
		return answer, err
	}
	a.metrics.verdict(string(refusal.Code))
	return answer.refused(refusal.Code, refusal.Message, orDefault(refusal.Hint, "mend the document, and sign it again")), nil
}
