package api

import (
	"context"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"mirnode/accounts"
	"mirnode/internal/strictjson"
	"mirnode/protocol"
)

// Accounts are the issuers whose home this node is. Its methods are safe for concurrent use. Refusals are *accounts.Refusal.
type Accounts interface {
	// Authenticate finds whose API key this is; it reads memory alone.
	Authenticate(key string) (accounts.Caller, error)
	// May tells whether an issuer may do something now: nil, or why not.
	May(id string, action accounts.Action) error

	Challenge(ctx context.Context, id string) (challenge string, expires time.Time, err error)
	AddKey(ctx context.Context, id, algorithm, publicKey, challenge, signature string) (protocol.IssuerKey, error)
	RevokeKey(ctx context.Context, id, fingerprint string, compromisedAt time.Time) (protocol.IssuerKey, error)
	StartDomain(ctx context.Context, id, domain string) (accounts.DomainTask, error)
	CheckDomain(ctx context.Context, id string) (accounts.DomainCheck, error)
	RecheckDomain(ctx context.Context, id string) (accounts.DomainCheck, error)
	APIKeys(ctx context.Context, id string) ([]accounts.APIKey, error)
	NewAPIKey(ctx context.Context, id, label string, scopes []accounts.Scope, expires time.Time) (secret string, key accounts.APIKey, err error)
	// GiveAPIKey is NewAPIKey for the operator, who is not bound by the issuer's budget.
	GiveAPIKey(ctx context.Context, id, label string, scopes []accounts.Scope, expires time.Time) (secret string, key accounts.APIKey, err error)
	RotateAPIKey(ctx context.Context, id, keyID string) (secret string, key accounts.APIKey, err error)
	RevokeAPIKey(ctx context.Context, id, keyID string) error

	Create(ctx context.Context, name string) (account accounts.Account, secret string, err error)
	Account(ctx context.Context, id string) (accounts.Account, error)
	Accounts(ctx context.Context, after string, limit int) ([]accounts.Account, error)
	SetStatus(ctx context.Context, id string, status protocol.IssuerStatus, reason string) (*protocol.Issuer, error)
	SetPlan(ctx context.Context, id, plan string) error
}

const (
	// maxIssuerBody bounds the body of a request about an issuer, in bytes: a public key as PEM or JWK, and a signature.
	maxIssuerBody = 16 << 10
)

// issuerLimits bound such a body's values: a JWK has nine members at most.
var issuerLimits = strictjson.Limits{Depth: 3, Values: 48}

const (
	newKeyHint    = `send {"publicKey":"…","challenge":"…","signature":"…"}; /docs has an example`
	revokeKeyHint = `send nothing, or {"compromisedAt":"2026-02-16T15:30:00Z"}`
	domainHint    = `send {"domain":"news.example"}`
)

// challengeKey is POST /issuers/{issuerId}/keys/challenge.
func (a *API) challengeKey(c *gin.Context) error {
	id, err := a.ownIssuer(c, accounts.ActionAddKey)
	if err != nil {
		return err
	}
	if err := a.noBody(c); err != nil {
		return err
	}
	challenge, expires, err := a.Accounts.Challenge(c.Request.Context(), id)
	if err != nil {
		return err
	}
	return a.answer(c, http.StatusOK, func(b []byte) []byte {
		b = strictjson.AppendString(append(b, `{"challenge":`...), challenge)
		b = strictjson.AppendString(append(b, `,"text":`...), string(protocol.PossessionText(id, challenge)))
		return append(strictjson.AppendTime(append(b, `,"expiresAt":`...), expires), '}')
	})
}

// newKey is the body of POST /issuers/{issuerId}/keys.
type newKey struct{ algorithm, public, challenge, signature string }

func decodeNewKey(document []byte) (k newKey, err error) {
	err = readShape(document, issuerLimits, newKeyHint, shape{
		{name: "algorithm", take: takeText(&k.algorithm)},
		{name: "publicKey", required: true, take: func(v strictjson.Value, where string) error {
			if v.Kind() == strictjson.Object { // a JWK
				k.public = v.Literal()
				return nil
			}
			return takeText(&k.public)(v, where)
		}},
		{name: "challenge", required: true, take: takeText(&k.challenge)},
		{name: "signature", required: true, take: takeText(&k.signature)},
	})
	return k, err
}

// addKey is POST /issuers/{issuerId}/keys.
func (a *API) addKey(c *gin.Context) error {
	id, err := a.ownIssuer(c, accounts.ActionAddKey)
	if err != nil {
		return err
	}
	document, err := a.readBody(c, maxIssuerBody)
	if err != nil {
		return err
	}
	k, err := decodeNewKey(document)
	if err != nil {
		return err
	}
	key, err := a.Accounts.AddKey(c.Request.Context(), id, k.algorithm, k.public, k.challenge, k.signature)
	if err != nil {
		return err
	}
	return a.answer(c, http.StatusCreated, func(b []byte) []byte { return append(appendKey(append(b, `{"key":`...), &key), '}') })
}

func decodeKeyRevocation(document []byte) (compromised time.Time, err error) {
	err = readShape(document, issuerLimits, revokeKeyHint, shape{{name: "compromisedAt", take: takeTime(&compromised)}})
	return compromised, err
}

// revokeKey is POST /issuers/{issuerId}/keys/{fingerprint}/revoke.
func (a *API) revokeKey(c *gin.Context) error {
	fingerprint, err := fingerprintParameter(c)
	if err != nil {
		return err
	}
	id, err := a.ownIssuer(c, accounts.ActionRevokeKey)
	if err != nil {
		return err
	}
	document, err := a.readBody(c, maxIssuerBody)
	if err != nil {
		return err
	}
	var compromised time.Time
	if len(document) > 0 {
		if compromised, err = decodeKeyRevocation(document); err != nil {
			return err
		}
	}
	key, err := a.Accounts.RevokeKey(c.Request.Context(), id, fingerprint, compromised)
	if err != nil {
		return err
	}
	return a.answer(c, http.StatusOK, func(b []byte) []byte { return append(appendKey(append(b, `{"key":`...), &key), '}') })
}

func decodeDomain(document []byte) (domain string, err error) {
	err = readShape(document, issuerLimits, domainHint, shape{{name: "domain", required: true, take: takeText(&domain)}})
	if err != nil {
		return "", err
	}
	return domainOf(domain)
}

// startDomain is POST /issuers/{issuerId}/domain.
func (a *API) startDomain(c *gin.Context) error {
	id, err := a.ownIssuer(c, accounts.ActionVerifyDomain)
	if err != nil {
		return err
	}
	document, err := a.readBody(c, maxIssuerBody)
	if err != nil {
		return err
	}
	domain, err := decodeDomain(document)
	if err != nil {
		return err
	}
	task, err := a.Accounts.StartDomain(c.Request.Context(), id, domain)
	if err != nil {
		return err
	}
	return a.answer(c, http.StatusOK, func(b []byte) []byte { return appendTask(b, &task) })
}

// checkDomain is POST /issuers/{issuerId}/domain/check. That the record is not there is an answer, and no error.
func (a *API) checkDomain(c *gin.Context) error {
	id, err := a.ownIssuer(c, accounts.ActionVerifyDomain)
	if err != nil {
		return err
	}
	if err := a.noBody(c); err != nil {
		return err
	}
	ctx := c.Request.Context()
	if err := a.lookups.enter(ctx); err != nil { // it waits for another machine
		return err
	}
	check, err := a.Accounts.CheckDomain(ctx, id)
	a.lookups.leave()
	if err != nil {
		return err
	}
	return a.answer(c, http.StatusOK, func(b []byte) []byte { return appendCheck(b, &check) })
}

// answer answers an issuer about its own. Nobody is to keep such an answer: it may show an API key.
func (a *API) answer(c *gin.Context, status int, build func(b []byte) []byte) error {
	c.Writer.Header()["Cache-Control"] = noStore
	writeJSON(c, status, build(make([]byte, 0, 512)))
	return nil
}

// noBody refuses a body that says something where there is nothing to say.
func (a *API) noBody(c *gin.Context) error {
	document, err := a.readBody(c, maxIssuerBody)
	if err != nil || len(document) == 0 {
		return err
	}
	return readShape(document, issuerLimits, "send an empty body", nil)
}
