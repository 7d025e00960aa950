package discovery_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/miekg/dns"

	"mirnode/discovery"
	"mirnode/discovery/internal/dnstest"
	"mirnode/protocol"
)

// blocking is a resolver that holds every answer back until release is called.
func (w *world) blocking(t *testing.T) (cfg discovery.Config, asked chan string, release func()) {
	gate := make(chan struct{})
	asked = make(chan string, 64)
	open := sync.OnceFunc(func() { close(gate) })
	cfg = w.config()
	cfg.DNSTryTimeout, cfg.DNSTimeout, cfg.Timeout = time.Minute, time.Minute, time.Minute
	cfg.Resolvers = []string{dnstest.Serve(t, func(q *dns.Msg, network string) []byte {
		if q.Question[0].Qtype == dns.TypeTXT {
			asked <- q.Question[0].Name
		}
		<-gate
		return w.Answer(q, network)
	})}
	t.Cleanup(open) // before the server's end, which waits for its answers
	return cfg, asked, open
}

func TestOneFlight(t *testing.T) {
	w := newWorld(t)
	key := newKey(t)
	w.publishDNS("shop.example", key)
	cfg, asked, release := w.blocking(t)
	d := w.discoverer(t, func(c *discovery.Config) { *c = cfg })
	var ready, done sync.WaitGroup
	for range 1000 {
		ready.Add(1)
		done.Go(func() {
			ready.Done()
			if _, err := d.FindKey(t.Context(), "shop.example", protocol.Fingerprint(key)); err != nil {
				t.Error(err)
			}
		})
	}
	ready.Wait()
	<-asked
	if d.Stats().InFlight != 1 {
		t.Errorf("%+v", d.Stats())
	}
	release()
	done.Wait()
	if n := w.Queries("TXT _mir-key.shop.example"); n != 1 || d.Stats().Lookups != 1 {
		t.Errorf("%d queries, %+v", n, d.Stats())
	}
}

// TestOldFlight: a flight that began long before a caller came is not final for that caller.
func TestOldFlight(t *testing.T) {
	w := newWorld(t)
	w.publishDNS("shop.example", newKey(t))
	cfg, asked, release := w.blocking(t)
	d := w.discoverer(t, func(c *discovery.Config) { *c = cfg })
	find := func() chan error {
		result := make(chan error, 1)
		go func() {
			_, err := d.FindKey(t.Context(), "shop.example", protocol.Fingerprint(newKey(t)))
			result <- err
		}()
		return result
	}
	first := find()
	<-asked
	w.clock.Advance(discovery.DefaultRefetchAge)
	second := find()
	release()
	for _, result := range []chan error{first, second} {
		if err := <-result; outcome(err) != "KEY_NOT_FOUND" {
			t.Error(err)
		}
	}
	if s := d.Stats(); s.Lookups != 2 || s.Refetches != 1 {
		t.Errorf("%+v, want a second look-up for the second caller", s)
	}
}

// TestCancelledWaiter: who gives up leaves the others' flight alone.
func TestCancelledWaiter(t *testing.T) {
	w := newWorld(t)
	key := newKey(t)
	w.publishDNS("shop.example", key)
	cfg, asked, release := w.blocking(t)
	d := w.discoverer(t, func(c *discovery.Config) { *c = cfg })
	ctx, cancel := context.WithCancel(t.Context())
	find := func(ctx context.Context) chan error {
		result := make(chan error, 1)
		go func() {
			_, err := d.FindKey(ctx, "shop.example", protocol.Fingerprint(key))
			result <- err
		}()
		return result
	}
	first := find(ctx)
	<-asked
	second := find(t.Context())
	cancel()
	if err := <-first; !errors.Is(err, context.Canceled) {
		t.Errorf("the one who gave up: %v", err)
	}
	release()
	if err := <-second; err != nil {
		t.Errorf("the other: %v", err)
	}
}

func TestGlobalBounds(t *testing.T) {
	w := newWorld(t)
	cfg, asked, release := w.blocking(t)
	cfg.MaxLookups, cfg.MaxWaiting = 2, 1
	d := w.discoverer(t, func(c *discovery.Config) { *c = cfg })
	var done sync.WaitGroup
	look := func(domain string) {
		done.Go(func() {
			if _, err := d.Keys(t.Context(), domain); err != nil {
				t.Error(err)
			}
		})
	}
	look("a.example")
	look("b.example")
	<-asked
	<-asked
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := d.Keys(ctx, "c.example"); !errors.Is(err, context.Canceled) { // its flight waits on
		t.Errorf("the third: %v", err)
	}
	_, err := d.Keys(t.Context(), "d.example")
	var unreachable *protocol.UnreachableError
	if !errors.As(err, &unreachable) || unreachable.RetryAfter <= 0 || d.Stats().BusyRefusals != 1 || d.Stats().InFlight != 2 {
		t.Errorf("past the bounds: %v, %+v", err, d.Stats())
	}
	release()
	done.Wait()
	if _, err := d.Keys(t.Context(), "c.example"); err != nil {
		t.Error(err)
	}
}

func TestClose(t *testing.T) {
	w := newWorld(t)
	cfg, asked, _ := w.blocking(t)
	d, err := discovery.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	result := make(chan error, 1)
	go func() {
		_, err := d.FindKey(t.Context(), "shop.example", "x")
		result <- err
	}()
	<-asked
	if err := d.Close(); err != nil {
		t.Error(err)
	}
	if err := <-result; outcome(err) != "unreachable" {
		t.Errorf("under way: %v", err)
	}
	if _, err := d.Keys(t.Context(), "shop.example"); outcome(err) != "unreachable" {
		t.Errorf("after Close: %v", err)
	}
}

// TestObserved wants the hook called once for each look-up, with the report that callers get, and not for what is cached.
func TestObserved(t *testing.T) {
	w := newWorld(t)
	w.publishDNS("shop.example", newKey(t))
	seen := make(chan *discovery.Report, 8)
	d := w.discoverer(t, func(c *discovery.Config) { c.Observed = func(r *discovery.Report) { seen <- r } })
	first, err := d.Keys(t.Context(), "shop.example")
	if err != nil {
		t.Fatal(err)
	}
	if r := <-seen; r != first {
		t.Errorf("the hook got the report of %s at %v", r.Domain, r.FetchedAt)
	}
	if _, err := d.Keys(t.Context(), "shop.example"); err != nil { // cached
		t.Fatal(err)
	}
	second, err := d.Refresh(t.Context(), "shop.example")
	if err != nil {
		t.Fatal(err)
	}
	if r := <-seen; r != second || len(seen) != 0 {
		t.Errorf("the hook got the report of %s at %v, and %d more", r.Domain, r.FetchedAt, len(seen))
	}
}
