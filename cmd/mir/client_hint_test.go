package main

import (
	"net/http"
	"strings"
	"testing"
)

// TestHintsNameCommands: what a node's hints say of its routes is said in commands; what has none stays.
func TestHintsNameCommands(t *testing.T) {
	id := "assertion_" + strings.Repeat("0a", 32)
	for hint, want := range map[string]string{
		"an issuer is verified by its domain (POST /issuers/{id}/domain) or by its activity":    "an issuer is verified by its domain (mir issuer verify-domain DOMAIN) or by its activity",
		"begin: POST /issuers/issuer_12/domain with {}":                                         "begin: mir issuer verify-domain DOMAIN with {}",
		"make another one: POST /issuers/issuer_12/api-keys":                                    "make another one: mir issuer api-key new",
		"revoke one that is not used: DELETE /issuers/issuer_12/api-keys/{keyId}":               "revoke one that is not used: mir issuer api-key revoke KEY-ID",
		"GET /issuers/issuer_12/api-keys lists them":                                            "mir issuer api-key list lists them",
		"sign with a key that is valid; GET /issuers/issuer_12 lists them":                      "sign with a key that is valid; mir issuer show lists them",
		"or send this one together with the successor to POST /assertions/" + id + "/supersede": "or send this one together with the successor to mir assertion supersede " + id,
		"POST /issuers/issuer_12/keys/challenge gives another":                                  "mir issuer key new gives another",
		"send the request again in 3 s; GET /node lists the limits":                             "send the request again in 3 s; GET /node lists the limits",
	} {
		err := (&nodeAnswer{status: http.StatusForbidden, body: []byte(`{"error":"no","hint":"` + hint + `"}`)}).err()
		if got := faultOf(err).Hint; err == nil || got == "" && !strings.Contains(err.Error(), want) || got != "" && got != want {
			t.Errorf("%q reads %q (%v), want %q", hint, got, err, want)
		}
	}
}
