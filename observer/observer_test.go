package observer_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"mirnode/discovery"
	"mirnode/observer"
	"mirnode/protocol"
	"mirnode/store"
)

const (
	node = "node1.test"
	shop = "shop.example.com"
)

func newKey(seed byte) ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed(bytes.Repeat([]byte{seed}, ed25519.SeedSize))
}

// world is a log, a domain and its keys, and the observer under test. It lives in a bubble of synctest, whose clock it reads.
type world struct {
	t *testing.T

	mu      sync.Mutex
	logged  []*protocol.Observation // oldest first
	reports map[string]*discovery.Report
	refuse  error // of every append
	asked   int   // of discovery
	recalls int   // readings of the log
}

func newWorld(t *testing.T) *world {
	return &world{t: t, reports: make(map[string]*discovery.Report)}
}

func (w *world) AppendStatement(_ context.Context, st protocol.Statement) (store.Appended, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.refuse != nil {
		return store.Appended{}, w.refuse
	}
	w.logged = append(w.logged, st.(*protocol.Observation))
	return store.Appended{}, nil
}

func (w *world) Observed(_ context.Context, domain, fingerprint string, observers []string, visit func(*protocol.Observation) bool) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.recalls++
	for _, observer := range observers {
		for _, o := range slices.Backward(w.logged) {
			if o.Observer == observer && o.Domain == domain && (fingerprint == "" || fingerprint == o.Key.Fingerprint) && !visit(o) {
				break
			}
		}
	}
	return nil
}

func (w *world) Keys(_ context.Context, domain string) (*discovery.Report, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.asked++
	if r, ok := w.reports[domain]; ok {
		return r, nil
	}
	return nil, &protocol.UnreachableError{Domain: domain, Err: errors.New("no such domain in this test")}
}

// start runs an observer until the bubble's test ends. change may be nil.
func (w *world) start(change func(*observer.Options)) *observer.Observer {
	w.t.Helper()
	o := observer.Options{Node: node, Network: protocol.Development, Key: newKey(1), Log: w, Keys: w}
	if change != nil {
		change(&o)
	}
	ob, err := observer.New(o)
	if err != nil {
		w.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(w.t.Context())
	done := make(chan error)
	go func() { done <- ob.Run(ctx) }()
	w.t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			w.t.Error(err)
		}
	})
	return ob
}

// published is a key and the channels that have it.
type published struct {
	seed             byte
	channels         []protocol.Channel
	created, expires time.Time
}

var (
	inDNS      = []protocol.Channel{protocol.DNS}
	inDocument = []protocol.Channel{protocol.WellKnown}
	inBoth     = []protocol.Channel{protocol.WellKnown, protocol.DNS}
)

// report is a look at a domain at this moment, which found the keys.
func (w *world) report(domain string, keys ...published) *discovery.Report {
	now := time.Now()
	r := &discovery.Report{
		Domain: domain, FetchedAt: now,
		WellKnown: discovery.ChannelReport{Status: discovery.StatusAbsent, FetchedAt: now}, DNS: discovery.ChannelReport{Status: discovery.StatusAbsent, FetchedAt: now},
	}
	for _, k := range keys {
		public := newKey(k.seed).Public().(ed25519.PublicKey)
		key := protocol.DomainKey{Public: public, Fingerprint: protocol.Fingerprint(public), Channels: k.channels, Created: k.created, Expires: k.expires}
		r.Keys = append(r.Keys, key)
		for _, channel := range k.channels {
			c := &r.WellKnown
			if channel == protocol.DNS {
				c = &r.DNS
			}
			c.Status = discovery.StatusOK
			c.Keys = append(c.Keys, key)
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.reports[domain] = r
	return r
}

func accepted(domain string) *protocol.FoundKey { return &protocol.FoundKey{Domain: domain} }

// said is the log in short: fingerprints by the seeds of their keys, times in hours since the test began.
func (w *world) said(began time.Time) []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	names := map[string]byte{}
	for seed := byte(1); seed < 100; seed++ {
		names[protocol.Fingerprint(newKey(seed).Public().(ed25519.PublicKey))] = seed
	}
	lines := make([]string, len(w.logged))
	for i, o := range w.logged {
		if !ed25519.Verify(newKey(1).Public().(ed25519.PublicKey), o.Canonical(), o.Signature()) || o.Observer != node || o.Network() != protocol.Development {
			w.t.Errorf("not signed by the node: %s", o.Raw())
		}
		lines[i] = fmt.Sprintf("key %d %v %v-%v", names[o.Key.Fingerprint], o.Key.Channels, o.FirstSeen.Sub(began).Hours(), o.LastSeen.Sub(began).Hours())
		if o.DNSSEC {
			lines[i] += " dnssec"
		}
		if o.Gone {
			lines[i] += " gone"
		}
	}
	return lines
}

// TestHistory lets time pass, changes what a domain publishes, and looks at what each step adds to the log.
func TestHistory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, began := newWorld(t), time.Now()
		var told atomic.Int64
		ob := w.start(func(o *observer.Options) {
			o.Logged = func(domain, fingerprint string) {
				if _, err := protocol.ParseDomain(domain); err != nil || len(fingerprint) != 64 {
					t.Errorf("told of %s %s", domain, fingerprint)
				}
				told.Add(1)
			}
		})
		w.report(shop, published{seed: 2, channels: inDNS})
		ob.Accepted(accepted(shop))
		synctest.Wait()
		check := func(step string, want ...string) {
			t.Helper()
			synctest.Wait()
			got := w.said(began)
			if !slices.Equal(got, want) || told.Swap(0) != int64(len(want)) {
				t.Fatalf("%s: logged %q, want %q, and as many tellings", step, got, want)
			}
			w.mu.Lock()
			defer w.mu.Unlock()
			w.logged = nil
		}
		look := func(keys ...published) *discovery.Report {
			r := w.report(shop, keys...)
			ob.Observe(r)
			return r
		}
		check("first claim", "key 2 [dns] 0-0")

		time.Sleep(time.Hour)
		look(published{seed: 2, channels: inDNS})
		ob.Accepted(accepted(shop))
		check("nothing new")

		time.Sleep(time.Hour)
		look(published{seed: 2, channels: inBoth})
		check("in a further channel", "key 2 [dns well-known] 0-2")

		time.Sleep(time.Hour)
		look(published{seed: 2, channels: inBoth, expires: began.Add(1000 * time.Hour)}, published{seed: 3, channels: inDocument})
		check("an end, and a new key", "key 3 [well-known] 3-3", "key 2 [dns well-known] 0-3")

		time.Sleep(time.Hour)
		r := w.report(shop, published{seed: 2, channels: inDocument, expires: began.Add(1000 * time.Hour)}, published{seed: 3, channels: inDocument})
		r.DNS = discovery.ChannelReport{Status: discovery.StatusUnreachable}
		ob.Observe(r)
		check("DNS is silent")

		time.Sleep(time.Hour)
		r = w.report(shop)
		r.WellKnown.Status = discovery.StatusUnreachable
		ob.Observe(r)
		check("the document is silent, and DNS has nothing")

		time.Sleep(time.Hour)
		look(published{seed: 2, channels: inDNS})
		check("one key gone, one in one channel less", "key 3 [well-known] 3-4 gone", "key 2 [dns] 0-6")

		time.Sleep(23 * time.Hour)
		look(published{seed: 2, channels: inDNS})
		check("not a day old yet")

		time.Sleep(time.Hour)
		look(published{seed: 2, channels: inDNS})
		check("a day old", "key 2 [dns] 0-30")

		time.Sleep(time.Hour)
		signed := w.report(shop, published{seed: 2, channels: inDNS})
		signed.DNS.DNSSEC = true
		ob.Observe(signed)
		check("signed in DNS", "key 2 [dns] 0-31 dnssec")

		time.Sleep(time.Hour)
		look()
		check("all gone", "key 2 [dns] 0-31 dnssec gone")
		look()
		check("still gone")

		time.Sleep(time.Hour)
		look(published{seed: 2, channels: inDNS})
		check("back again", "key 2 [dns] 33-33")
	})
}

// TestWhoIsObserved holds the observer to domains with claims, and to those that are listed.
func TestWhoIsObserved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.report("listed.example", published{seed: 4, channels: inDNS})
		ob := w.start(func(o *observer.Options) { o.Domains = []string{"Listed.Example", "silent.example"} })
		synctest.Wait()
		if got := w.said(time.Now()); len(got) != 1 || !strings.HasPrefix(got[0], "key 4") {
			t.Fatalf("listed: %q", got)
		}
		for i := range 1500 {
			ob.Observe(w.report(fmt.Sprintf("d%d.example", i), published{seed: 2, channels: inDNS}))
		}
		synctest.Wait()
		if got := w.said(time.Now()); len(got) != 1 {
			t.Fatalf("logged %q of made-up domains", got[1:])
		}
		if s := ob.Stats(); s.Dropped != 0 || s.Logged != 1 || s.Domains != 0 {
			t.Errorf("stats %+v", s)
		}
		w.report("listed.example", published{seed: 5, channels: inDNS})
		time.Sleep(61 * time.Minute)
		synctest.Wait()
		if got := w.said(time.Now()); len(got) != 3 {
			t.Fatalf("an hour later: %q", got)
		}
	})
}

// TestRestart holds a new observer to what the one before it logged, among what others did.
func TestRestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, began := newWorld(t), time.Now()
		first := w.start(nil)
		w.report(shop, published{seed: 2, channels: inDNS}, published{seed: 3, channels: inDNS})
		first.Accepted(accepted(shop))
		synctest.Wait()
		time.Sleep(time.Hour)
		first.Observe(w.report(shop, published{seed: 2, channels: inDNS}))
		synctest.Wait()
		for i := range 10 { // others, and ourselves in another network, saw something else since
			draft := protocol.ObservationDraft{
				Observer: "node2.test", Network: protocol.Development, Domain: shop, FirstSeen: time.Now(), LastSeen: time.Now(),
				Key: protocol.DomainKey{Public: newKey(byte(2 + i%2)).Public().(ed25519.PublicKey), Channels: inDocument},
			}
			if i%2 == 0 {
				draft.Observer, draft.Network = node, protocol.Staging
			}
			other, err := draft.Sign(newKey(9))
			if err != nil {
				t.Fatal(err)
			}
			w.logged = append(w.logged, other)
		}
		before := len(w.logged)

		second := w.start(nil)
		time.Sleep(time.Hour)
		second.Observe(w.report(shop, published{seed: 2, channels: inDNS})) // without a claim since
		synctest.Wait()
		if len(w.logged) != before {
			t.Fatalf("logged again: %s", w.logged[before].Raw())
		}
		time.Sleep(23 * time.Hour)
		second.Observe(w.report(shop, published{seed: 2, channels: inDNS}, published{seed: 3, channels: inDNS}))
		synctest.Wait()
		w.logged = w.logged[before:]
		if got := w.said(began); !slices.Equal(got, []string{"key 3 [dns] 25-25", "key 2 [dns] 0-25"}) {
			t.Errorf("logged %q", got)
		}
		if w.recalls != 2 {
			t.Errorf("the log was read %d times, want once by each observer", w.recalls)
		}
	})
}

// TestBudgets lets a domain, and then many, publish more than is logged in a day.
func TestBudgets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		ob := w.start(func(o *observer.Options) { o.PerDomain, o.PerDay = 5, 8 })
		var many []published
		for seed := byte(10); seed < 20; seed++ {
			many = append(many, published{seed: seed, channels: inDNS})
		}
		for _, want := range []struct{ domain, all int }{{5, 5}, {3, 8}, {0, 8}} {
			domain := fmt.Sprintf("d%d.example", want.domain)
			before := len(w.logged)
			w.report(domain, many...)
			ob.Accepted(accepted(domain))
			synctest.Wait()
			if len(w.logged)-before != want.domain || len(w.logged) != want.all {
				t.Fatalf("%s: %d logged, %d in all; want %+v", domain, len(w.logged)-before, len(w.logged), want)
			}
		}
		if s := ob.Stats(); s.OverBudget != 5+7+10 || s.Logged != 8 {
			t.Errorf("stats %+v", s)
		}
		time.Sleep(24 * time.Hour) // the rest comes the day after
		ob.Observe(w.report("d5.example", many...))
		synctest.Wait()
		if len(w.logged) != 13 {
			t.Errorf("%d logged the day after", len(w.logged))
		}
	})
}

// TestLogRefuses has a log that takes nothing for a while, as a node's before it has confirmed its log.
func TestLogRefuses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.refuse = errors.New("not confirmed yet")
		ob := w.start(nil)
		w.report(shop, published{seed: 2, channels: inDNS})
		ob.Accepted(accepted(shop))
		time.Sleep(12 * time.Second)
		synctest.Wait()
		if s := ob.Stats(); s.Failed != 3 || s.Logged != 0 {
			t.Fatalf("stats %+v", s)
		}
		w.mu.Lock()
		w.refuse = nil
		w.mu.Unlock()
		time.Sleep(5 * time.Second)
		synctest.Wait()
		if got := w.said(time.Now()); len(got) != 1 {
			t.Errorf("logged %q", got)
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		if s := ob.Stats(); s.Failed != 3 || s.Logged != 1 || w.asked != 1 {
			t.Errorf("stats %+v, asked discovery %d times", s, w.asked)
		}
	})
}

// TestAcceptedCostsNothing is about the way of each claim: a domain that is known costs no memory.
func TestAcceptedCostsNothing(t *testing.T) {
	w := newWorld(t)
	ob, err := observer.New(observer.Options{Node: node, Network: protocol.Development, Key: newKey(1), Log: w, Keys: w})
	if err != nil {
		t.Fatal(err)
	}
	found := accepted(shop)
	if n := testing.AllocsPerRun(1000, func() { ob.Accepted(found) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
	if s := ob.Stats(); s.Waiting != 1 || s.Domains != 1 {
		t.Errorf("stats %+v", s)
	}
}

// TestFloodIsDropped fills the queues of an observer that does not run yet: nothing blocks, and what was dropped is found again.
func TestFloodIsDropped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		ob, err := observer.New(observer.Options{Node: node, Network: protocol.Development, Key: newKey(1), Log: w, Keys: w, PerDay: 100_000})
		if err != nil {
			t.Fatal(err)
		}
		const domains = 1500
		for i := range domains {
			domain := fmt.Sprintf("d%d.example", i)
			w.report(domain, published{seed: 2, channels: inDNS})
			ob.Accepted(accepted(domain))
		}
		s := ob.Stats()
		if s.Dropped == 0 || s.Dropped+s.Waiting != domains || s.Domains != s.Waiting {
			t.Fatalf("stats %+v", s)
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- ob.Run(ctx) }()
		for range domains/s.Waiting + 10 {
			synctest.Wait()
			for i := range domains {
				ob.Accepted(accepted(fmt.Sprintf("d%d.example", i)))
			}
		}
		synctest.Wait()
		if s := ob.Stats(); s.Logged != domains || s.Waiting != 0 {
			t.Errorf("stats %+v", s)
		}
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

func TestNewRefuses(t *testing.T) {
	good := observer.Options{Node: node, Network: protocol.Development, Key: newKey(1), Log: newWorld(t), Keys: newWorld(t)}
	if _, err := observer.New(good); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*observer.Options){
		"no node":               func(o *observer.Options) { o.Node = "" },
		"no network":            func(o *observer.Options) { o.Network = "" },
		"no key":                func(o *observer.Options) { o.Key = nil },
		"no log":                func(o *observer.Options) { o.Log = nil },
		"no source of keys":     func(o *observer.Options) { o.Keys = nil },
		"a domain that is none": func(o *observer.Options) { o.Domains = []string{"127.0.0.1"} },
		"too many domains":      func(o *observer.Options) { o.Domains = make([]string, observer.MaxListed+1) },
	} {
		o := good
		change(&o)
		if _, err := observer.New(o); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestNilObservesNothing(t *testing.T) {
	var ob *observer.Observer
	ob.Observe(&discovery.Report{Domain: shop})
	ob.Accepted(accepted(shop))
	if ob.Stats() != (observer.Stats{}) {
		t.Error("a nil observer counts")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := ob.Run(ctx); err != nil {
		t.Error(err)
	}
}
