package discovery_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/miekg/dns"

	"mirnode/discovery"
	"mirnode/discovery/internal/dnstest"
)

// stalling is a resolver that holds back the TXT records of names below stall.example: next lets one go.
func (w *world) stalling(t *testing.T) (cfg discovery.Config, asked chan string, next func()) {
	gate, end := make(chan struct{}), make(chan struct{})
	asked = make(chan string, 1024)
	cfg = w.config()
	cfg.DNSTryTimeout, cfg.DNSTimeout, cfg.Timeout = time.Minute, time.Minute, time.Minute
	cfg.Resolvers = []string{dnstest.Serve(t, func(q *dns.Msg, network string) []byte {
		if name := q.Question[0].Name; q.Question[0].Qtype == dns.TypeTXT {
			asked <- name
			if strings.HasSuffix(name, ".stall.example.") {
				select {
				case <-gate:
				case <-end:
				}
			}
		}
		return w.Answer(q, network)
	})}
	t.Cleanup(func() { close(end) }) // before the server's end, which waits for its answers
	return cfg, asked, func() { gate <- struct{}{} }
}

// TestOneSiteDoesNotShutOthersOut: however many names a domain has, those of others have their turn.
func TestOneSiteDoesNotShutOthersOut(t *testing.T) {
	w := newWorld(t)
	cfg, asked, _ := w.stalling(t)
	cfg.MaxLookups, cfg.MaxWaiting = 32, 32
	d := w.discoverer(t, func(c *discovery.Config) { *c = cfg })
	const share, flights = 32 / 16, (32 + 32) / 4
	var done sync.WaitGroup
	for i := range flights {
		done.Go(func() { _, _ = d.Keys(t.Context(), fmt.Sprintf("n%d.stall.example", i)) })
	}
	for range share {
		<-asked
	}
	for d.Stats().BusyRefusals == 0 { // until all are aboard
		_, _ = d.Keys(expired(t), "more.stall.example")
	}
	if _, err := d.Keys(t.Context(), "another.stall.example"); outcome(err) != "unreachable" {
		t.Errorf("past the site's bound: %v", err)
	}
	if _, err := d.Keys(t.Context(), "shop.example"); err != nil {
		t.Errorf("another site: %v", err)
	}
	if name := <-asked; name != "_mir-key.shop.example." {
		t.Errorf("asked for %s, past the site's share", name)
	}
	if err := d.Close(); err != nil {
		t.Error(err)
	}
	done.Wait()
}

// TestSlowSites: a site whose look-ups took long gets few of them for a while.
func TestSlowSites(t *testing.T) {
	w := newWorld(t)
	cfg, asked, next := w.stalling(t)
	d := w.discoverer(t, func(c *discovery.Config) { *c = cfg })
	var done sync.WaitGroup
	look := func(domain string) {
		done.Go(func() { _, _ = d.Keys(t.Context(), domain) })
		<-asked
	}
	for i := range 3 {
		look(fmt.Sprintf("slow%d.stall.example", i))
	}
	w.clock.Advance(2 * time.Second)
	for range 3 {
		next()
	}
	done.Wait()
	for i := range 4 {
		look(fmt.Sprintf("again%d.stall.example", i))
	}
	if _, err := d.Keys(t.Context(), "fifth.stall.example"); outcome(err) != "unreachable" || !strings.Contains(err.Error(), "took too long") {
		t.Errorf("a fifth one: %v", err)
	}
	if _, err := d.Keys(t.Context(), "shop.example"); err != nil {
		t.Errorf("another site: %v", err)
	}
	<-asked
	w.clock.Advance(20 * time.Second)
	look("later.stall.example") // the time is up, though the four are under way
	for range 5 {
		next()
	}
	done.Wait()
}

// expired is a context for a caller who does not wait.
func expired(t *testing.T) context.Context {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	return ctx
}
