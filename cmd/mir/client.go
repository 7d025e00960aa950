package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"mirnode/protocol"
)

const (
	flagNode    = "node"
	envNode     = "MIR_NODE"
	defaultNode = "http://127.0.0.1:8080"

	// nodeTimeout bounds one request to a node: a submission may wait for a look-up, a batch for a thousand.
	nodeTimeout = 2 * time.Minute
	// maxAnswerBytes bounds a node's answer: a page of 200 claims of 16 KiB, twice.
	maxAnswerBytes = 8 << 20
	// maxRetryAfter bounds what a node may ask a client to wait before one further try.
	maxRetryAfter = time.Minute
)

// addNodeFlags gives a command the flags that newNodeClient reads.
func addNodeFlags(cmd *cobra.Command) {
	cmd.Flags().String(flagNode, defaultNode, "URL of the node (env "+envNode+"; the flag goes before it)")
	addCAFlag(cmd)
}

// nodeClient speaks to one node.
type nodeClient struct {
	base   *url.URL
	http   *http.Client
	caFile string // of the flag: what is printed to go on with must carry it
	apiKey string // "" for none; goes to base's host alone
	linked bool   // base is that of a look-up link: no flag named it
	public bool   // for what anybody may read: where the API key is refused it is done without

	// How errors speak of what does not answer; "" for a node at base.
	what, shown, hint string
	from              string // the identity that names base; "" where something else does
}

// newNodeClient makes a client of the node that the flags name. The user chose the address, so any may be connected to.
func newNodeClient(cmd *cobra.Command) (*nodeClient, error) {
	return newClientOf(cmd, setting(cmd, flagNode, envNode))
}

// newClientOf is newNodeClient for a node that is named some other way.
func newClientOf(cmd *cobra.Command, text string) (*nodeClient, error) {
	base, err := url.Parse(text)
	if err != nil || (base.Scheme != "http" && base.Scheme != "https") || base.Host == "" || base.RawQuery != "" || base.Fragment != "" {
		return nil, fmt.Errorf("--%s %q is no node's URL: write it like %s", flagNode, text, defaultNode)
	}
	if base.User != nil {
		return nil, fmt.Errorf("--%s: leave the user and the password out of the URL", flagNode)
	}
	authorities, err := extraAuthorities(cmd)
	if err != nil {
		return nil, err
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	if len(authorities) > 0 {
		pool, err := x509.SystemCertPool()
		if err != nil {
			pool = x509.NewCertPool() // a machine without any: the given ones alone
		}
		for _, authority := range authorities {
			pool.AddCert(authority)
		}
		transport.TLSClientConfig = &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
	}
	if resolvers := listSetting(cmd, flagResolver, envResolvers); len(resolvers) > 0 {
		if err := resolveBy(transport, resolvers); err != nil {
			return nil, err
		}
	}
	client := &nodeClient{base: base}
	client.http = &http.Client{Transport: transport, Timeout: nodeTimeout, CheckRedirect: client.mayFollow}
	if cmd.Flags().Changed(flagCAFile) {
		client.caFile = setting(cmd, flagCAFile, envCAFile)
	}
	return client, nil
}

// maxRedirects is how many redirects of a node are followed.
const maxRedirects = 5

// mayFollow decides on a redirect: an API key follows none, since it is the one node's that it was given for.
func (c *nodeClient) mayFollow(_ *http.Request, via []*http.Request) error {
	if c.apiKey != "" || len(via) > maxRedirects {
		return http.ErrUseLastResponse
	}
	return nil
}

// nodeAnswer is a node's answer, whatever its status.
type nodeAnswer struct {
	status     int
	retryAfter time.Duration // 0: not said
	location   string        // of a redirect that was not followed
	body       []byte
}

// ask sends one request. Its error means that there is no answer, and ends the program with exit code 3.
func (c *nodeClient) ask(ctx context.Context, method, path string, query url.Values, contentType string, body []byte) (*nodeAnswer, error) {
	target := c.base.JoinPath(path)
	target.RawQuery = query.Encode()
	request, err := http.NewRequestWithContext(ctx, method, target.String(), bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	request.Header.Set("User-Agent", "mir")
	request.Header.Set("Accept", "application/json, application/x-ndjson")
	if contentType != "" {
		request.Header.Set("Content-Type", contentType)
	}
	if c.apiKey != "" {
		request.Header.Set("X-API-Key", c.apiKey)
	}
	response, err := c.http.Do(request)
	if err != nil {
		return nil, c.unreachable(err)
	}
	defer response.Body.Close() //nolint:errcheck // it was only read
	data, err := readBounded(response.Body, maxAnswerBytes)
	if err != nil {
		return nil, c.unreachable(err)
	}
	answer := &nodeAnswer{status: response.StatusCode, location: response.Header.Get("Location"), body: data}
	if seconds, err := strconv.ParseUint(response.Header.Get("Retry-After"), 10, 31); err == nil {
		answer.retryAfter = time.Duration(seconds) * time.Second
	}
	return answer, nil
}

// busy reports whether the node asks to come again: the request was not carried out, and may be repeated as it is.
func (a *nodeAnswer) busy() bool {
	return a.status == http.StatusTooManyRequests || a.status == http.StatusServiceUnavailable
}

// err returns nil for an answer of success, and else what the command ends with: what the node refuses is a rejection, what it cannot
// do now is as good as unreachable.
func (a *nodeAnswer) err() error {
	if a.status < 300 {
		return nil
	}
	var said fault
	if json.Unmarshal(a.body, &said) != nil || said.Message == "" {
		said = fault{Message: fmt.Sprintf("the node answered %d %s", a.status, http.StatusText(a.status))}
		if bytes.Contains(a.body, []byte("HTTPS")) { // as web servers answer those who forget TLS
			said.Hint = "It seems to speak HTTPS: write its URL with https://."
		}
		if a.status < 400 && a.location != "" {
			said.Hint = "It points to " + a.location + ": if that is the node, name it by that URL."
		}
	}
	said.Hint = inCommands(said.Hint)
	code := exitRejected
	switch {
	case a.status >= 500 || a.status == http.StatusTooManyRequests:
		code = exitUnreachable
		if a.retryAfter > 0 {
			said.Hint = strings.TrimSpace(fmt.Sprintf("%s (try again in %v)", said.Hint, a.retryAfter))
		}
	case a.status == http.StatusBadRequest && said.Code == "":
		code = exitMisuse // a parameter, not a claim
	}
	for _, text := range []*string{&said.Message, &said.Hint, &said.Reason} {
		*text = printable(*text) // a line of it stays one of it
	}
	said.Code = protocol.Code(printable(string(said.Code)))
	return &exit{code, &said}
}

// refusal is err of a request that had no parameters which could be misuse: what the node finds bad is refused.
func (a *nodeAnswer) refusal() error {
	err := a.err()
	if end, ok := errors.AsType[*exit](err); ok && end.code == exitMisuse {
		end.code = exitRejected
	}
	return err
}

// patience is the time that a command may still spend on waiting for a busy node.
type patience struct{ left time.Duration }

// wait waits for as long as the node asked, within bounds, or reports that the patience is at its end.
func (p *patience) wait(ctx context.Context, cmd *cobra.Command, asked time.Duration) bool {
	asked = min(max(asked, time.Second), maxRetryAfter)
	if asked > p.left {
		return false
	}
	p.left -= asked
	note(cmd, "the node is busy: trying again in %v", asked)
	timer := time.NewTimer(asked)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

var errWrongAnswer = errors.New("the node's answer makes no sense")

// decodeAnswer reads a node's answer of success. Members that this program does not know are no fault: the node may be newer.
func decodeAnswer(body []byte, v any) error {
	if err := json.Unmarshal(body, v); err != nil {
		return &exit{exitUnreachable, fmt.Errorf("%w: %w", errWrongAnswer, err)}
	}
	return nil
}
