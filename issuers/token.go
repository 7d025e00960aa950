package issuers

import (
	"slices"
	"strings"
)

// Published tells whether a token (protocol.DomainToken) is among the TXT records of a name. White space around a record's text
// is forgiven, since forms for DNS records keep what is pasted into them; nothing else is.
func Published(values []string, token string) bool {
	return slices.ContainsFunc(values, func(v string) bool { return strings.TrimSpace(v) == token })
}
