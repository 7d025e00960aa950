package api

import (
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"mirnode/accounts"
	"mirnode/internal/strictjson"
)

const (
	// maxScopes bounds the scopes of a request before they are looked at.
	maxScopes = 8
	// labelHint shows what a request for an API key looks like.
	labelHint = `send {"label":"…"}, and "scopes" and "expires" where you want them`
)

// listAPIKeys is GET /issuers/{issuerId}/api-keys.
func (a *API) listAPIKeys(c *gin.Context) error {
	id, err := a.ownIssuer(c, accounts.ActionManageKeys)
	if err != nil {
		return err
	}
	keys, err := a.Accounts.APIKeys(c.Request.Context(), id)
	if err != nil {
		return err
	}
	return a.answer(c, http.StatusOK, func(b []byte) []byte { return append(appendAPIKeys(append(b, `{"apiKeys":`...), keys), '}') })
}

// newAPIKey is a request for an API key.
type newAPIKey struct {
	label   string
	scopes  []accounts.Scope
	expires time.Time
}

func decodeNewAPIKey(document []byte) (k newAPIKey, err error) {
	var scopes []string
	err = readShape(document, issuerLimits, labelHint, shape{
		{name: "label", required: true, take: takeText(&k.label)},
		{name: "scopes", take: takeTexts(&scopes, maxScopes)},
		{name: "expires", take: takeTime(&k.expires)},
	})
	k.scopes = make([]accounts.Scope, len(scopes))
	for i := range scopes {
		k.scopes[i] = accounts.Scope(scopes[i])
	}
	if scopes == nil {
		k.scopes = []accounts.Scope{accounts.ScopeLookup, accounts.ScopeWrite, accounts.ScopeManage}
	}
	return k, err
}

// createAPIKey is POST /issuers/{issuerId}/api-keys.
func (a *API) createAPIKey(c *gin.Context) error {
	id, err := a.ownIssuer(c, accounts.ActionNewAPIKey)
	if err != nil {
		return err
	}
	document, err := a.readBody(c, maxIssuerBody)
	if err != nil {
		return err
	}
	k, err := decodeNewAPIKey(document)
	if err != nil {
		return err
	}
	secret, key, err := a.Accounts.NewAPIKey(c.Request.Context(), id, k.label, k.scopes, k.expires)
	if err != nil {
		return err
	}
	return a.answer(c, http.StatusCreated, func(b []byte) []byte { return appendFreshKey(b, secret, &key) })
}

// rotateAPIKey is POST /issuers/{issuerId}/api-keys/{keyId}/rotate.
func (a *API) rotateAPIKey(c *gin.Context) error {
	id, err := a.ownIssuer(c, accounts.ActionManageKeys)
	if err != nil {
		return err
	}
	if err := a.noBody(c); err != nil {
		return err
	}
	secret, key, err := a.Accounts.RotateAPIKey(c.Request.Context(), id, c.Param("keyId"))
	if err != nil {
		return err
	}
	return a.answer(c, http.StatusCreated, func(b []byte) []byte { return appendFreshKey(b, secret, &key) })
}

// revokeAPIKey is DELETE /issuers/{issuerId}/api-keys/{keyId}.
func (a *API) revokeAPIKey(c *gin.Context) error {
	id, err := a.ownIssuer(c, accounts.ActionManageKeys)
	if err != nil {
		return err
	}
	key := c.Param("keyId")
	if err := a.Accounts.RevokeAPIKey(c.Request.Context(), id, key); err != nil {
		return err
	}
	return a.answer(c, http.StatusOK, func(b []byte) []byte { return append(strictjson.AppendString(append(b, `{"revoked":`...), key), '}') })
}
