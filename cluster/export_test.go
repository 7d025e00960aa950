package cluster

import (
	"crypto/x509"
	"log/slog"
	"net/netip"
	"testing"
	"time"
)

// TestEdges are edges before listeners of a test's own, without any node.
type TestEdges struct {
	t     testing.TB
	Links *links
	Edges []*edge
	Roots *x509.CertPool
}

// NewTestEdges opens an edge for each pair of listeners.
func NewTestEdges(t testing.TB, api, gossip []netip.AddrPort) *TestEdges {
	t.Helper()
	authority, err := newAuthority(time.Now)
	if err != nil {
		t.Fatal(err)
	}
	e := &TestEdges{t: t, Links: newLinks(len(api)), Roots: x509.NewCertPool()}
	e.Roots.AppendCertsFromPEM(authority.PEM())
	for i := range api {
		opened, err := startEdge(i, e.Links, backend{api: api[i], gossip: gossip[i]}, authority, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		e.Edges = append(e.Edges, opened)
	}
	t.Cleanup(func() {
		for _, opened := range e.Edges {
			if err := opened.Close(); err != nil {
				t.Error(err)
			}
		}
	})
	return e
}

// URL is where callers reach the i-th node.
func (e *TestEdges) URL(i int) string { return e.Edges[i].url }

// Gossip is where callers send the i-th node's gossip.
func (e *TestEdges) Gossip(i int) netip.AddrPort { return e.Edges[i].gossip() }

// Cut cuts all links between the groups.
func (e *TestEdges) Cut(how Break, groups ...[]int) {
	e.t.Helper()
	if err := e.Links.partition(groups, how); err != nil {
		e.t.Fatal(err)
	}
	for _, opened := range e.Edges {
		opened.breakCut()
	}
}

// Heal makes the link whole.
func (e *TestEdges) Heal(a, b int) {
	e.Links.between(a, b).change(func(c *condition) { c.cut, c.delay = false, 0 })
}

// Delay slows the link down.
func (e *TestEdges) Delay(a, b int, delay time.Duration) {
	e.Links.between(a, b).change(func(c *condition) { c.delay = delay })
}

// Source is the address that the i-th node talks from.
func Source(i int) netip.Addr { return sourceOf(i) }
