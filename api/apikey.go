package api

import (
	"net/http"
	"slices"

	"github.com/gin-gonic/gin"

	"mirnode/accounts"
)

// apiKeyHeader carries an issuer's API key (x-api-key). Its value is a secret: it is never logged, and stands in no error.
const apiKeyHeader = "X-Api-Key" //nolint:gosec // the header's name, and no key

// maxAPIKey bounds what is looked at of the header, in bytes: more than any key has.
const maxAPIKey = 128

// authenticate says in an answer of 401 how to show who one is (RFC 9110 section 11.6.1).
var authenticate = []string{`ApiKey header="x-api-key"`}

// badKey is an answer of 401.
func badKey(hint, message string) error {
	return &problem{status: http.StatusUnauthorized, message: message, hint: hint}
}

// caller finds whose API key a request shows; an error where it shows none, or one that is not good.
func (a *API) caller(c *gin.Context) (accounts.Caller, error) {
	caller, shown, err := a.maybeCaller(c)
	if err != nil || shown {
		return caller, err
	}
	hint := "send the issuer's API key in the header x-api-key"
	if c.Request.Header.Get("Authorization") != "" {
		hint = "send the issuer's API key in the header x-api-key, and not in Authorization"
	}
	return caller, a.missed(c, badKey(hint, "the API key is missing"))
}

// maybeCaller is caller for what needs no key: shown is false where there is none.
func (a *API) maybeCaller(c *gin.Context) (caller accounts.Caller, shown bool, err error) {
	keys := c.Request.Header[apiKeyHeader]
	switch {
	case len(keys) == 0 || len(keys) == 1 && keys[0] == "":
		return caller, false, nil
	case len(keys) > 1:
		return caller, true, a.missed(c, badKey("send the header x-api-key once", "the request shows more than one API key"))
	case a.Accounts == nil:
		return caller, true, a.missed(c, badKey("ask the node that gave you the key", "this node has no issuers of its own, and gave no API keys"))
	case len(keys[0]) > maxAPIKey:
		return caller, true, a.missed(c, badKey("copy the key again, as it was shown when it was made", "this is not an API key"))
	}
	if caller, err = a.Accounts.Authenticate(keys[0]); err != nil {
		return caller, true, a.missed(c, err)
	}
	return caller, true, nil
}

// missed counts an API key that was not good against the client's budget for reading: keys cannot be guessed, and who tries is not to cost much.
func (a *API) missed(c *gin.Context, err error) error {
	c.Writer.Header()["Www-Authenticate"] = authenticate
	client, now := clientKey(a.client(c)), a.Now()
	if !a.read.take(client, 1, now) {
		return a.exhausted(a.read.name, a.read.does, a.read.wait(client, 1, now))
	}
	return err
}

// callerFor is caller for what needs a scope of the key.
func (a *API) callerFor(c *gin.Context, scope accounts.Scope) (accounts.Caller, error) {
	caller, err := a.caller(c)
	if err == nil && !slices.Contains(caller.Scopes, scope) {
		err = &problem{status: http.StatusForbidden, message: "the API key may not do this: it lacks the scope " + string(scope),
			hint: "use another key of the issuer, or have one made with this scope"}
	}
	return caller, err
}

// spendIssuer counts a request against a budget of the issuer whose API key it shows, and tells what is left of it instead of what the client's own budget has. It is the
// issuer's and not the key's, since an issuer makes keys as it likes.
func (a *API) spendIssuer(c *gin.Context, b *budget[string], caller *accounts.Caller) error {
	if b == nil {
		return nil
	}
	now := a.Now()
	allowed, state := b.admit(caller.Issuer, now)
	h := c.Writer.Header()
	h["Ratelimit-Policy"] = b.policy
	h["Ratelimit"] = []string{state}
	if !allowed {
		return a.exhausted(b.name, b.does, b.wait(caller.Issuer, 1, now))
	}
	return nil
}
