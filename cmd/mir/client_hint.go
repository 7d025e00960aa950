package main

import "regexp"

// A node speaks of its HTTP interface in its hints: who reads them here has a command for most of it.
var hintsInCommands = []struct {
	route   *regexp.Regexp
	command string
}{
	{regexp.MustCompile(`POST /issuers/[^/ ,;)]+/domain/check\b`), "mir issuer verify-domain DOMAIN --check"},
	{regexp.MustCompile(`POST /issuers/[^/ ,;)]+/domain\b`), "mir issuer verify-domain DOMAIN"},
	{regexp.MustCompile(`POST /issuers/[^/ ,;)]+/api-keys/[^/ ,;)]+/rotate\b`), "mir issuer api-key rotate KEY-ID"},
	{regexp.MustCompile(`DELETE /issuers/[^/ ,;)]+/api-keys/[^ ,;)]+`), "mir issuer api-key revoke KEY-ID"},
	{regexp.MustCompile(`POST /issuers/[^/ ,;)]+/api-keys\b`), "mir issuer api-key new"},
	{regexp.MustCompile(`GET /issuers/[^/ ,;)]+/api-keys\b`), "mir issuer api-key list"},
	{regexp.MustCompile(`POST /issuers/[^/ ,;)]+/keys/challenge\b`), "mir issuer key new"},
	{regexp.MustCompile(`POST /issuers/[^/ ,;)]+/keys/[^/ ,;)]+/revoke\b`), "mir issuer key revoke FINGERPRINT"},
	{regexp.MustCompile(`POST /issuers/[^/ ,;)]+/keys\b`), "mir issuer key new"},
	{regexp.MustCompile(`GET /issuers/[^/ ,;)]+/assertions\b`), "mir assertion list"},
	{regexp.MustCompile(`GET /issuers/([^/ ,;)]+)`), "mir issuer show"},
	{regexp.MustCompile(`POST /assertions/(assertion_[0-9a-f]{64})/supersede\b`), "mir assertion supersede $1"},
	{regexp.MustCompile(`POST /assertions/(assertion_[0-9a-f]{64})/revoke\b`), "mir assertion revoke $1"},
	{regexp.MustCompile(`PATCH /assertions/(assertion_[0-9a-f]{64})\b`), "mir assertion edit $1"},
	{regexp.MustCompile(`POST /admin/issuers/[^/ ,;)]+/status\b`), "mir admin issuer status ISSUER-ID STATUS"},
	{regexp.MustCompile(`POST /admin/issuers/[^/ ,;)]+/plan\b`), "mir admin issuer plan ISSUER-ID PLAN"},
	{regexp.MustCompile(`POST /admin/issuers\b`), "mir admin issuer new"},
	{regexp.MustCompile(`^use another key of the issuer, or have one made with this scope$`),
		"make a key with this scope by one that may manage (mir issuer api-key new --scope …), or ask the operator of the node for one; mir issuer api-key use FILE puts it here"},
	{regexp.MustCompile(`^send the issuer's API key in the header x-api-key.*$`), "name the file of the issuer's API key with --" + flagAPIKeyFile + ", or set " + envAPIKey},
}

// inCommands puts commands into the place of the routes in a node's hint.
func inCommands(hint string) string {
	for _, h := range hintsInCommands {
		hint = h.route.ReplaceAllString(hint, h.command)
	}
	return hint
}
