package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"mirnode/assertions"
	"mirnode/protocol"
	"mirnode/translog"
	"mirnode/verifier"
)

// maxVerifyBody bounds what is verified, in bytes: the largest is the answer of GET /assertions/{id}, with five records and their receipts.
const maxVerifyBody = 192 << 10

// verifyParameters are the query parameters of POST /verify.
var verifyParameters = []string{"maxAge", "expectDomain", "noExpiredKeys"}

// verdictAnswer is the answer of POST /verify.
type verdictAnswer struct {
	Result  string         `json:"result"`
	Code    protocol.Code  `json:"code,omitzero"`
	Error   string         `json:"error,omitzero"`
	Hint    string         `json:"hint,omitzero"`
	ClaimID string         `json:"claimId,omitzero"`
	Key     *keyAnswer     `json:"key,omitzero"`
	Form    string         `json:"form,omitzero"`
	Flags   []string       `json:"flags,omitzero"`
	Kind    string         `json:"kind,omitzero"`   // of what is no claim: "receipt", or a statement's kind
	Record  string         `json:"record,omitzero"` // its hash, or that of what the receipt is about
	Receipt *receiptAnswer `json:"receipt,omitzero"`

	// Of what an issuer signed.
	AssertionID    string          `json:"assertionId,omitzero"`
	KeyFingerprint string          `json:"keyFingerprint,omitzero"`
	Issuer         json.RawMessage `json:"issuer,omitzero"`
	Checked        []string        `json:"checked,omitzero"`
	Warning        string          `json:"warning,omitzero"`
}

// keyAnswer tells which key was used, and how it was found.
type keyAnswer struct {
	Domain      string             `json:"domain"`
	Fingerprint string             `json:"fingerprint"`
	Channels    []protocol.Channel `json:"channels"`
	FetchedAt   time.Time          `json:"fetchedAt"`
	Cached      bool               `json:"cached"`
	DNSSEC      bool               `json:"dnssec"`
}

// verifyDocument is POST /verify: a claim, a receipt, a node's statement, or what an issuer signed. A rejection is an answer here, and no error.
func (a *API) verifyDocument(c *gin.Context) error {
	policy, err := policyOf(c)
	if err != nil {
		return err
	}
	document, err := a.readBody(c, maxVerifyBody)
	if err != nil {
		return err
	}
	answer, err := a.verdictOn(c, document, policy)
	if err != nil {
		return err
	}
	c.Writer.Header()["Cache-Control"] = noStore
	return writeValue(c, http.StatusOK, answer)
}

func (a *API) verdictOn(c *gin.Context, document []byte, policy verifier.Policy) (verdictAnswer, error) {
	if bytes.HasPrefix(document, receiptHead) {
		if len(document) > translog.MaxReceiptBytes {
			return verdictAnswer{}, tooLarge(translog.MaxReceiptBytes)
		}
		if err := onlyForClaims(policy); err != nil {
			return verdictAnswer{}, err
		}
		return a.verdictOnReceipt(c, document)
	}
	if record, ok := provenRecord(document); ok {
		document = record
	}
	if len(document) > maxClaimBody {
		return verdictAnswer{}, tooLarge(maxClaimBody)
	}
	claim, err := a.parse(c.Request.Context(), document)
	if refusal, ok := errors.AsType[*protocol.Error](err); ok {
		return a.notAClaim(c, document, policy, refusal)
	}
	if err != nil {
		return verdictAnswer{}, err
	}
	verdict, err := a.judge(c.Request.Context(), claim, policy, clientKey(a.client(c)))
	return answerTo(verdict), err
}

// notAClaim judges a document that was refused as a claim: it may be a node's statement, or what an issuer signed.
func (a *API) notAClaim(c *gin.Context, document []byte, policy verifier.Policy, refusal *protocol.Error) (verdictAnswer, error) {
	statement, err := asStatement(document)
	if statement != nil {
		if err := onlyForClaims(policy); err != nil {
			return verdictAnswer{}, err
		}
		return a.verdictOnStatement(c, statement)
	}
	if err == nil {
		var in assertions.Signed
		var signed bool
		if in, signed, err = asSigned(document); signed && err == nil {
			if err := onlyForClaims(policy); err != nil {
				return verdictAnswer{}, err
			}
			return a.verdictOnSigned(c, in)
		}
	}
	if of, ok := errors.AsType[*protocol.Error](err); ok {
		refusal = of
	} else if err != nil {
		return verdictAnswer{}, err
	}
	verdict := verifier.Verdict{Code: refusal.Code, Reason: refusal.Message, Hint: refusal.Hint}
	a.countVerdict(verdict, nil)
	return answerTo(verdict), nil
}

// onlyForClaims refuses options with a document that they have no meaning for: they must not seem to have been heeded.
func onlyForClaims(policy verifier.Policy) error {
	if policy != (verifier.Policy{}) {
		return badRequest("leave maxAge, expectDomain and noExpiredKeys out", "the options are for claims, and this is something else")
	}
	return nil
}

func answerTo(v verifier.Verdict) verdictAnswer {
	answer := verdictAnswer{Result: v.Result(), Code: v.Code, Error: v.Reason, Hint: v.Hint, Form: string(v.Form)}
	if v.Claim != nil {
		answer.ClaimID = v.Claim.ID()
	}
	if v.Accepted() {
		answer.Flags = append([]string{}, v.Flags...)
	}
	if v.Key != nil {
		answer.Key = &keyAnswer{
			Domain: v.Key.Domain, Fingerprint: v.Key.Key.Fingerprint, Channels: v.Key.Key.Channels,
			FetchedAt: v.Key.FetchedAt.UTC().Truncate(time.Millisecond), Cached: v.Key.Cached, DNSSEC: v.Key.DNSSEC,
		}
	}
	return answer
}

func policyOf(c *gin.Context) (verifier.Policy, error) {
	var policy verifier.Policy
	values, err := parameters(c, verifyParameters)
	if err != nil {
		return policy, err
	}
	if values.Has("maxAge") {
		policy.MaxAge, err = time.ParseDuration(values.Get("maxAge"))
		if err != nil || policy.MaxAge <= 0 {
			return policy, badRequest("as in 90s, 15m or 24h", "maxAge is not a positive duration")
		}
	}
	if values.Has("expectDomain") {
		if policy.ExpectDomain, err = domainOf(values.Get("expectDomain")); err != nil {
			return policy, err
		}
	}
	policy.NoExpiredKeys, err = truthParameter(values, "noExpiredKeys", false)
	return policy, err
}
