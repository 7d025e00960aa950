package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"strings"
	"time"

	"mirnode/conformance"
	"mirnode/conformance/cases"
	conformancenames "mirnode/conformance/names"
	"mirnode/conformance/scenario"
)

// nodesTarget is nodes that run already.
type nodesTarget struct {
	run       *conformanceRun
	s         streams
	nodes     []scenario.NodeAddress
	issuer    *scenario.Identity // nil: none was given
	addresses netip.Prefix       // the zero Prefix: requests come from one address
}

func newNodesTarget(r *conformanceRun, s streams) (*nodesTarget, error) {
	t := &nodesTarget{run: r, s: s}
	local := true
	for i, text := range r.nodes {
		at, err := nodeURL("--node", text)
		if err != nil {
			return nil, err
		}
		address, err := netip.ParseAddr(at.Hostname())
		local = local && err == nil && address.Is4() && address.IsLoopback()
		n := scenario.NodeAddress{URL: strings.TrimSuffix(at.String(), "/")}
		if i < len(r.operators) {
			operator, err := nodeURL("--operator", r.operators[i])
			if err != nil {
				return nil, err
			}
			n.Operator = strings.TrimSuffix(operator.String(), "/")
		}
		t.nodes = append(t.nodes, n)
	}
	if local {
		t.addresses = clientAddresses()
	}
	if r.issuer != "" {
		key, err := readFile(r.apiKeyFile, maxAPIKeyFile)
		if err != nil {
			return nil, fmt.Errorf("--api-key-file: %s", printable(err.Error()))
		}
		t.issuer = &scenario.Identity{ID: r.issuer, APIKey: strings.TrimSpace(string(key))}
	}
	return t, nil
}

// maxAPIKeyFile bounds the file of an API key, in bytes: a key has a tenth of it.
const maxAPIKeyFile = 4 << 10

// nodeURL reads the URL of a node that is tested.
func nodeURL(flag, text string) (*url.URL, error) {
	at, err := url.Parse(text)
	wrong := err != nil || at.Scheme != "http" && at.Scheme != "https" || at.Host == "" || at.RawQuery != "" || at.Fragment != ""
	if err == nil && at.User != nil || wrong && strings.Contains(text, "@") { // not shown: there may be a password in it
		return nil, withHint(flag+" holds a user name or a password", "Reports name what was tested, and are passed on; so leave it out. A node of the protocol asks for none.")
	}
	if wrong {
		return nil, withHint(fmt.Sprintf("%s %q is no URL of a node", flag, text), "Write it like http://127.0.0.1:8080 or https://node.example.")
	}
	return at, nil
}

func (t *nodesTarget) findsKeys() {}

func (t *nodesTarget) name() string {
	var urls []string
	for _, n := range t.nodes {
		urls = append(urls, n.URL)
	}
	return strings.Join(urls, ", ")
}

func (t *nodesTarget) kinds() []cases.Kind {
	return []cases.Kind{cases.KindVerdict, cases.KindScenario}
}

func (t *nodesTarget) offers() []cases.Need {
	var offers []cases.Need
	for _, offer := range []struct {
		need cases.Need
		is   bool
	}{
		{cases.NeedNames, t.run.dnsListen != ""},
		{cases.NeedNodes2, len(t.nodes) >= 2},
		{cases.NeedNodes3, len(t.nodes) >= 3},
		{cases.NeedOperator, t.nodes[0].Operator != ""},
		{cases.NeedIssuer, t.nodes[0].Operator != "" || t.issuer != nil},
		{cases.NeedAddresses, t.addresses.IsValid()},
	} {
		if offer.is {
			offers = append(offers, offer.need)
		}
	}
	return offers
}

func (t *nodesTarget) open(ctx context.Context, _ []cases.Case, o *conformance.Options, _ func(error)) (func() error, error) {
	closeNames := func() error { return nil }
	world := &scenario.World{Nodes: t.nodes, Suffix: t.run.suffix, Seed: t.run.seed, Issuer: t.issuer, Addresses: t.addresses}
	if t.run.dnsListen != "" {
		served, err := t.serveNames()
		if err != nil {
			return nil, &exit{exitMisuse, err}
		}
		world.Names, closeNames = served, served.Close
	}
	for _, n := range t.nodes {
		if err := awaitNode(ctx, n.URL, t.run.wait); err != nil {
			return nil, errors.Join(err, closeNames())
		}
	}
	o.Player, o.Verifier = world, world.NodeVerifier()
	return func() error { world.Close(); return closeNames() }, nil
}

// serveNames serves the names for the nodes, and tells their operator what to set.
func (t *nodesTarget) serveNames() (*conformancenames.Names, error) {
	host, _, err := net.SplitHostPort(t.run.httpsListen)
	if err != nil {
		return nil, withHint(fmt.Sprintf("--https-listen %q is no HOST:PORT", t.run.httpsListen), "Write it like 127.0.0.1:8443.")
	}
	address, err := netip.ParseAddr(host)
	if err != nil || address.IsUnspecified() {
		return nil, withHint(fmt.Sprintf("--https-listen %q: domains cannot point there", t.run.httpsListen), "Give an address of this machine that the node reaches.")
	}
	served, err := conformancenames.Start(conformancenames.Options{
		Suffix: t.run.suffix, DNSListen: t.run.dnsListen, HTTPSListen: t.run.httpsListen, Address: address,
		Logger: slog.New(slog.NewTextHandler(t.s.err, &slog.HandlerOptions{Level: slog.LevelError})),
	})
	if err != nil {
		return nil, err
	}
	fmt.Fprintf(t.s.err, "Serving DNS on %s and the domains below %s on %s.\n", served.DNS(), t.run.suffix, served.HTTPS())
	if t.run.caOut != "" {
		if err := os.WriteFile(t.run.caOut, served.CAPEM(), 0o644); err != nil { //nolint:gosec // a certificate is there to be read
			return nil, errors.Join(fmt.Errorf("--ca-out: %s", printable(err.Error())), served.Close())
		}
		fmt.Fprintf(t.s.err, "The node must trust %s, which is another one in each run: start it now.\n", printable(t.run.caOut))
	}
	return served, nil
}

// Bounds of waiting for a node.
const (
	nodeProbeTimeout = 10 * time.Second
	nodeProbeEvery   = 200 * time.Millisecond
)

// probeClient asks the node itself, as its cases will: no proxy, and no other server that it points to.
func probeClient() *http.Client {
	return &http.Client{
		Timeout:       nodeProbeTimeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport:     &http.Transport{DisableKeepAlives: true, MaxResponseHeaderBytes: maxProbeHeader, TLSHandshakeTimeout: nodeProbeTimeout},
	}
}

// awaitNode returns when the node gives any HTTP answer, or when the wait is over.
func awaitNode(ctx context.Context, at string, wait time.Duration) error {
	client := probeClient()
	until := time.NewTimer(wait)
	defer until.Stop()
	for {
		_, err := probe(ctx, client, at+"/healthz")
		if err == nil {
			return nil
		}
		pause := time.NewTimer(nodeProbeEvery)
		select {
		case <-ctx.Done():
			pause.Stop()
			return errInterrupted
		case <-until.C:
			pause.Stop()
			return &exit{exitUnreachable, withHint("the node does not answer: "+err.Error(), "Is it running, and is the URL that of its public listener? --wait 30s waits for it.")}
		case <-pause.C:
		}
	}
}

// probe gives the status of the answer to a GET.
func probe(ctx context.Context, client *http.Client, at string) (status int, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, at, http.NoBody)
	if err != nil {
		return 0, err
	}
	response, err := client.Do(request)
	if err != nil {
		return 0, err
	}
	_, _ = io.CopyN(io.Discard, response.Body, maxProbeAnswer) // so that the connection can be used again
	return response.StatusCode, response.Body.Close()
}

// Bounds of the answer to a probe, in bytes: how much of it is read, and what its header may have.
const (
	maxProbeAnswer = 4 << 10
	maxProbeHeader = 64 << 10
)
