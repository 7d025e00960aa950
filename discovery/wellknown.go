package discovery

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"mirnode/discovery/internal/cachecontrol"
	"mirnode/discovery/internal/dnsclient"
	"mirnode/discovery/internal/guard"
	"mirnode/protocol"
)

// noSuchDomain is the detail of both channels of a domain that is not there at all.
const noSuchDomain = "the domain does not exist in DNS"

// wellKnownPath is where a domain's key document lies (PROTOCOL.md section 2).
const wellKnownPath = "/.well-known/mir.json"

// wellKnownURL is the document's URL; the port shows only where it is not HTTPS's own.
func (d *Discoverer) wellKnownURL(domain string) string {
	if d.cfg.WellKnownPort != 443 {
		domain = net.JoinHostPort(domain, strconv.Itoa(d.cfg.WellKnownPort))
	}
	return (&url.URL{Scheme: "https", Host: domain, Path: wellKnownPath}).String()
}

// readWellKnown fetches and reads the domain's key document.
func (d *Discoverer) readWellKnown(ctx context.Context, domain string) ChannelReport {
	c := ChannelReport{Where: d.wellKnownURL(domain), FetchedAt: d.cfg.Now()}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, c.Where, nil)
	if err != nil {
		return d.settle(c, StatusInvalid, err.Error())
	}
	request.Header.Set("Accept", "application/json")
	request.Header.Set("User-Agent", "mirnode")
	answer, err := d.http.Do(request)
	if err != nil {
		status, detail, chain := fetchFault(err, domain)
		c.Notes = chain
		c.noName = errors.Is(err, errNoName) && detail == noSuchDomain
		return d.settle(c, status, detail)
	}
	defer func() { _ = answer.Body.Close() }() // read to its end or given up
	if status, detail := headFault(answer); status != "" {
		return d.settle(c, status, detail)
	}
	body, err := io.ReadAll(answer.Body)
	if err == nil {
		err = ctx.Err() // a server that sees us give up may end its answer properly: what came is a part of it
	}
	if err != nil {
		status, detail, _ := fetchFault(err, domain)
		return d.settle(c, status, detail)
	}
	document, err := protocol.ParseKeyDocument(body)
	if err != nil {
		return d.settle(c, StatusInvalid, message(err))
	}
	c.Keys, c.Problems = document.Keys, document.Problems
	var given bool
	c.TTL, given = cachecontrol.Lifetime(answer.Header)
	c.ExpiresAt = c.FetchedAt.Add(d.cfg.lifetime(c.TTL, given, len(c.Keys) > 0))
	c = bounded(c)
	return d.settle(c, StatusOK, count(len(c.Keys), "key"))
}

// settle ends the reading of a channel. Where ExpiresAt is not known yet, it becomes that
// of an absence or a fault.
func (d *Discoverer) settle(c ChannelReport, status Status, detail string) ChannelReport {
	c.Status, c.Detail = status, detail
	switch {
	case !c.ExpiresAt.IsZero():
	case status == StatusUnreachable:
		c.ExpiresAt = c.FetchedAt.Add(d.cfg.FailureTTL)
	default:
		c.ExpiresAt = c.FetchedAt.Add(d.cfg.NegativeTTL)
	}
	return c
}

// headFault judges the answer before its body is read. "" is no fault.
func headFault(answer *http.Response) (Status, string) {
	code := answer.StatusCode
	said := fmt.Sprintf("the server answered %d %s", code, http.StatusText(code))
	switch {
	case code >= 500, code == http.StatusRequestTimeout, code == http.StatusTooManyRequests:
		return StatusUnreachable, said
	case code >= 400:
		return StatusAbsent, said
	case code != http.StatusOK:
		return StatusInvalid, said + " instead of 200"
	}
	contentType := answer.Header.Get("Content-Type")
	if media, _, err := mime.ParseMediaType(contentType); err != nil || media != "application/json" {
		return StatusInvalid, fmt.Sprintf("its Content-Type is %q instead of application/json", clip(contentType))
	}
	if encoding := answer.Header.Get("Content-Encoding"); encoding != "" && !strings.EqualFold(encoding, "identity") {
		return StatusInvalid, fmt.Sprintf("it is compressed (Content-Encoding %q), which was not asked for", clip(encoding))
	}
	return "", ""
}

// fetchFault tells what became of a request that brought no document.
func fetchFault(err error, domain string) (status Status, detail string, notes []string) {
	var (
		host        *hostError
		rule        *ruleError
		resolve     *dnsclient.Error
		certificate *tls.CertificateVerificationError
		at          string
	)
	if errors.As(err, &host) && !strings.EqualFold(host.host, domain) {
		at = "redirected to " + clip(host.host) + ": "
	}
	if errors.As(err, &resolve) {
		notes = resolve.Notes
	}
	switch {
	case errors.Is(err, errNoName) && at == "":
		return StatusAbsent, noSuchDomain, nil
	case errors.Is(err, errNoAddress) && at == "":
		return StatusAbsent, "the domain has no address", nil
	case errors.Is(err, errNoAddress):
		return StatusInvalid, at + "that host has no address", nil
	case errors.Is(err, guard.ErrForbidden):
		return StatusRefused, at + forbidden(err), nil
	case errors.As(err, &rule):
		return StatusInvalid, rule.message, nil
	case errors.Is(err, errTooLarge):
		return StatusInvalid, errTooLarge.Error(), nil
	case errors.As(err, &certificate):
		return StatusUnreachable, at + certificateFault(certificate), nil
	case resolve != nil:
		return StatusUnreachable, at + clip(resolve.Error()), notes
	case isTimeout(err):
		return StatusUnreachable, at + "no complete answer in time", nil
	}
	return StatusUnreachable, at + clip(cause(err)), nil
}

// cause is the heart of a fault: without the URL and the host, which are told beside it, and without the port that was ours.
func cause(err error) string {
	var (
		request *url.Error
		host    *hostError
		socket  *net.OpError
		call    *os.SyscallError
	)
	if errors.As(err, &request) {
		err = request.Err
	}
	if errors.As(err, &host) {
		err = host.err
	}
	if !errors.As(err, &socket) || socket.Addr == nil {
		return err.Error()
	}
	text := socket.Err.Error()
	if errors.As(err, &call) {
		text = call.Err.Error()
	}
	return fmt.Sprintf("%s: %s", socket.Addr, text)
}

// forbidden is the guard's own sentence, without what was wrapped around it.
func forbidden(err error) string {
	var host *hostError
	if errors.As(err, &host) {
		err = host.err
	}
	return clip(err.Error())
}

func isTimeout(err error) bool {
	var timeout interface{ Timeout() bool }
	return errors.Is(err, context.DeadlineExceeded) || errors.As(err, &timeout) && timeout.Timeout()
}

// certificateFault names the usual faults so that their owner knows what to do.
func certificateFault(err *tls.CertificateVerificationError) string {
	var (
		invalid x509.CertificateInvalidError
		name    x509.HostnameError
		unknown x509.UnknownAuthorityError
	)
	switch {
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return "the server's certificate is expired or not yet valid"
	case errors.As(err, &name):
		return "the server's certificate is for another name"
	case errors.As(err, &unknown):
		return "the server's certificate is signed by an unknown authority"
	}
	return "the server's certificate is not good: " + clip(err.Err.Error())
}

// message is an error's text for a report; protocol errors leave their code out.
func message(err error) string {
	var e *protocol.Error
	if errors.As(err, &e) {
		return clip(e.Message)
	}
	return clip(err.Error())
}

func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return strconv.Itoa(n) + " " + noun + "s"
}

// age is a duration for people, in whole seconds.
func age(d time.Duration) string { return d.Round(time.Second).String() }
