package gossip_test

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"mirnode/api"
	"mirnode/discovery"
	"mirnode/gossip"
	"mirnode/gossip/mirror"
	"mirnode/gossip/peers"
	"mirnode/protocol"
	"mirnode/store"
	"mirnode/translog"
	"mirnode/verifier"
)

// room is a node of the real rooms: store, mirror, API.
type room struct {
	domain string
	store  *store.Store
	f      *gossip.Federation
}

// Keys and Report say that nothing of it is asked here.
type noKeys struct{ *world }

func (noKeys) Keys(context.Context, string) (*discovery.Report, error) { return nil, context.Canceled }
func (noKeys) Refresh(context.Context, string) (*discovery.Report, error) {
	return nil, context.Canceled
}
func (noKeys) Known(string, string) bool { return true }
func (noKeys) Forget(string)             {}
func (noKeys) Stats() discovery.Stats    { return discovery.Stats{} }

func (w *world) room(domain string, others []string, change func(*gossip.Options)) *room {
	w.t.Helper()
	t := w.t
	signer, err := translog.NewSigner(origin(domain).String(), w.keys[domain])
	if err != nil {
		t.Fatal(err)
	}
	r := &room{domain: domain}
	if r.store, err = store.Open(t.TempDir(), store.Options{Log: &store.LogOptions{Origin: origin(domain), Signer: signer, Confirm: true}}); err != nil {
		t.Fatal(err)
	}
	var handler atomic.Pointer[http.Handler]
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(rw http.ResponseWriter, q *http.Request) { (*handler.Load()).ServeHTTP(rw, q) }))
	server.TLS = &tls.Config{Certificates: []tls.Certificate{w.leaf}}
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	v := verifier.New(w, verifier.Options{})
	o := gossip.Options{
		Origin: origin(domain), Key: w.keys[domain], URL: fmt.Sprintf("https://%s:%d", domain, server.Listener.Addr().(*net.TCPAddr).Port),
		Hints: gossip.HintOptions{Listen: "127.0.0.1:0"}, Peers: gossip.PeerOptions{Domains: others}, Store: r.store, Outside: mustOutside(t, w), Verifier: v,
		Mirror: func(b *peers.Book, c *peers.Client) (gossip.Mirror, error) {
			return mirror.New(mirror.Options{Store: r.store, Verifier: v, Client: c, Book: b, Own: mirror.Own{Origin: origin(domain), Key: w.keys[domain]}})
		},
	}
	change(&o)
	if r.f, err = gossip.New(o); err != nil {
		t.Fatal(err)
	}
	a, err := api.New(api.Options{
		Store: r.store, Keys: noKeys{w}, Verifier: v, Now: time.Now, Domain: domain, Network: "development", Origin: origin(domain), Federation: r.f,
	})
	if err != nil {
		t.Fatal(err)
	}
	h := a.Handler()
	handler.Store(&h)
	server.StartTLS()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- r.f.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		server.Close()
		if err := r.store.Close(); err != nil {
			t.Error(err)
		}
	})
	return r
}

// claim makes one of shop.test.
func (w *world) claim(number int) *protocol.Claim {
	w.t.Helper()
	draft := protocol.Draft{
		Type: "mir.transaction.completed", Domain: "shop.test", Subject: fmt.Sprintf("%064x", number), Timestamp: time.Now().UTC().Format(time.RFC3339),
	}
	c, err := draft.Sign(w.keys["shop.test"])
	if err != nil {
		w.t.Fatal(err)
	}
	return c
}

// TestRooms: with the real store, mirror and API, claims that one node takes are readable at the others, by each way of hearing of them.
func TestRooms(t *testing.T) {
	for name, change := range map[string]func(*gossip.Options){
		"hints": quiet, "polls": polling,
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, append(slices.Clone(three), "shop.test")...)
			var nodes []*room
			for _, d := range three {
				nodes = append(nodes, w.room(d, three, change))
			}
			for _, n := range nodes {
				for _, other := range nodes {
					if n != other {
						if err := n.f.Book().Observe(t.Context(), other.f.Descriptor().Raw(), "test"); err != nil {
							t.Fatal(err)
						}
					}
				}
			}
			for i, n := range nodes {
				await(t, n.domain+" may write", n.f.Confirmed())
				for j := range 20 {
					c := w.claim(100*i + j)
					if _, err := n.store.AppendClaim(t.Context(), c, store.Provenance{Channels: []protocol.Channel{protocol.DNS}}); err != nil {
						t.Fatal(err)
					}
					for _, other := range nodes {
						other.holds(t, c)
					}
				}
			}
			for _, n := range nodes {
				for _, s := range n.f.Peers() {
					if !s.Admitted || s.Quarantined+s.Missing > 0 || s.Frozen != "" || s.MirroredSize < 20 {
						t.Errorf("%s: %+v", n.domain, s)
					}
				}
			}
		})
	}
}

// holds waits until a claim can be read.
func (r *room) holds(t *testing.T, c *protocol.Claim) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	look := time.NewTicker(2 * time.Millisecond)
	defer look.Stop()
	for {
		if _, err := r.store.Claim(ctx, c.SigHash()); err == nil {
			return
		}
		select {
		case <-look.C:
		case <-ctx.Done():
			t.Fatalf("%s does not hold the claim: %+v", r.domain, r.f.Peers())
		}
	}
}
