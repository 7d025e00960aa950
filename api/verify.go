package api

import (
	"errors"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"mirnode/protocol"
	"mirnode/verifier"
)

// verifyParameters are the query parameters of POST /verify.
var verifyParameters = []string{"maxAge", "expectDomain", "noExpiredKeys"}

// verdictAnswer is the answer of POST /verify.
type verdictAnswer struct {
	Result  string        `json:"result"`
	Code    protocol.Code `json:"code,omitzero"`
	Error   string        `json:"error,omitzero"`
	Hint    string        `json:"hint,omitzero"`
	ClaimID string        `json:"claimId,omitzero"`
	Key     *keyAnswer    `json:"key,omitzero"`
	Form    string        `json:"form,omitzero"`
	Flags   []string      `json:"flags,omitzero"`
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

// verifyClaim is POST /verify. A rejection is an answer here, and no error.
func (a *API) verifyClaim(c *gin.Context) error {
	policy, err := policyOf(c)
	if err != nil {
		return err
	}
	document, err := a.readClaimBody(c)
	if err != nil {
		return err
	}
	verdict, err := a.verdictOn(c, document, policy)
	if err != nil {
		return err
	}
	c.Writer.Header()["Cache-Control"] = noStore
	return writeValue(c, http.StatusOK, answerTo(verdict))
}

func (a *API) verdictOn(c *gin.Context, document []byte, policy verifier.Policy) (verifier.Verdict, error) {
	claim, err := a.parse(c.Request.Context(), document)
	if refusal, ok := errors.AsType[*protocol.Error](err); ok {
		verdict := verifier.Verdict{Code: refusal.Code, Reason: refusal.Message, Hint: refusal.Hint}
		a.countVerdict(verdict, nil)
		return verdict, nil
	}
	if err != nil {
		return verifier.Verdict{}, err
	}
	return a.judge(c.Request.Context(), claim, policy, clientKey(a.client(c)))
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
	switch values.Get("noExpiredKeys") {
	case "", "false":
	case "true":
		policy.NoExpiredKeys = true
	default:
		return policy, badRequest("send true or false", "noExpiredKeys is neither true nor false")
	}
	return policy, nil
}
