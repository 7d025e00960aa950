package main

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
)

// unreachable is the error of a node that gave no answer: because it is not there, or because the two do not agree on TLS.
func (c *nodeClient) unreachable(err error) error {
	if failed, ok := errors.AsType[*url.Error](err); ok {
		err = failed.Err // it repeats the URL
	}
	problem, hint := tlsProblem(err)
	wrongTLS := problem != ""
	if !wrongTLS {
		problem, hint = "does not answer: "+err.Error(), "Is it running? `mir node` starts one, `mir cluster` a whole federation to try things with; --node names another."
		if failed, ok := errors.AsType[*net.DNSError](err); ok {
			hint = "The name " + failed.Name + " is not in the system's DNS. " + envResolvers + " names other resolvers, as `mir cluster env` does."
		}
	}
	if c.from != "" && !wrongTLS {
		hint = fmt.Sprintf("It is the issuer's home, as %s says. If its URL is another one now: mir issuer move --%s URL", c.from, flagNode)
	}
	what, where := "the node", c.base.Redacted()
	if c.what != "" {
		what, hint = c.what, c.hint
	}
	if c.shown != "" {
		where = c.shown
	}
	return &exit{exitUnreachable, withHint(fmt.Sprintf("%s %s %s", what, where, problem), hint)}
}

// plainToTLS is what an HTTP client reports of a server that answers with a TLS record (alert or handshake, RFC 8446 section 5.1).
const plainToTLS = `malformed HTTP response "\x15\x03`

// tlsProblem says what is wrong where TLS is at fault and not the node; "" else.
func tlsProblem(err error) (problem, hint string) {
	const trust = "If that authority is your own, trust it with --" + flagCAFile + " FILE (env " + envCAFile + ")."
	if errors.Is(err, http.ErrSchemeMismatch) {
		return "speaks HTTP, not HTTPS", "Write its URL with http://."
	}
	if strings.Contains(err.Error(), plainToTLS) {
		return "speaks HTTPS, not HTTP", "Write its URL with https://; --" + flagCAFile + " FILE trusts an authority of your own."
	}
	if unknown, ok := errors.AsType[x509.UnknownAuthorityError](err); ok {
		return "shows a certificate of an authority that is not trusted here: " + unknown.Error(), trust
	}
	if other, ok := errors.AsType[x509.HostnameError](err); ok {
		return "shows a certificate for another name: " + other.Error(), "Write its URL with a name that the certificate has."
	}
	if invalid, ok := errors.AsType[x509.CertificateInvalidError](err); ok {
		return "shows a certificate that is not valid: " + invalid.Error(), "Its operator has to renew it; is the clock of this machine right?"
	}
	if wrong, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return "shows a certificate that cannot be verified: " + wrong.Err.Error(), trust
	}
	return "", ""
}
