package cluster_test

import (
	"crypto/ed25519"
	"errors"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"testing"
	"time"

	"go.uber.org/goleak"

	"mirnode/cluster"
	"mirnode/protocol"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// startNames brings both servers up on a folder of the test's own.
func startNames(t *testing.T, now func() time.Time) (*cluster.Names, string) {
	t.Helper()
	dir := t.TempDir()
	names, err := cluster.StartNames(dir, now, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := names.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return names, dir
}

// publish changes what dir publishes.
func publish(t *testing.T, dir, domain string, change func(*cluster.Domain)) {
	t.Helper()
	err := cluster.UpdatePublished(dir, func(p *cluster.Published) error {
		change(p.Domain(domain))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// testKey is the n-th public key.
func testKey(n byte) string {
	seed := make([]byte, ed25519.SeedSize)
	seed[0] = n
	return protocol.EncodePublicKey(ed25519.NewKeyFromSeed(seed).Public().(ed25519.PublicKey))
}

func both() []protocol.Channel { return []protocol.Channel{protocol.DNS, protocol.WellKnown} }

func TestUpdatePublishedKeepsKeysAndChannelsApart(t *testing.T) {
	_, dir := startNames(t, time.Now)
	expires := time.Date(2027, 1, 2, 3, 4, 5, 0, time.UTC)
	publish(t, dir, "a.test", func(d *cluster.Domain) {
		d.SetKey(cluster.Key{Public: testKey(1), Channels: []protocol.Channel{protocol.DNS}})
		d.SetKey(cluster.Key{Public: testKey(2), Channels: both()})
		d.SetKey(cluster.Key{Public: testKey(1), Channels: both(), Expires: &expires})
		d.SetKey(cluster.Key{Public: testKey(1), Channels: []protocol.Channel{protocol.DNS}})
	})
	publish(t, dir, "a.test", func(d *cluster.Domain) {
		if err := d.RemoveKeys(testKey(2), []protocol.Channel{protocol.DNS}); err != nil {
			t.Error(err)
		}
		if err := d.RemoveKeys(testKey(3), both()); !errors.Is(err, cluster.ErrNotPublished) {
			t.Errorf("removing a key that is not there: %v", err)
		}
	})
	p, err := cluster.ReadPublished(dir)
	if err != nil {
		t.Fatal(err)
	}
	keys := p.Domains["a.test"].Keys
	if len(keys) != 2 || len(keys[0].Channels) != 1 || len(keys[1].Channels) != 1 || !keys[0].Expires.Equal(expires) || p.Serial != 2 {
		t.Errorf("serial %d, keys %+v", p.Serial, keys)
	}
	publish(t, dir, "a.test", func(d *cluster.Domain) {
		if err := d.RemoveKeys("", both()); err != nil || len(d.Keys) != 0 {
			t.Errorf("removing all: %v, left %v", err, d.Keys)
		}
	})
}

func TestUpdatePublishedRefusesWhatCannotBeServed(t *testing.T) {
	_, dir := startNames(t, time.Now)
	before, err := os.ReadFile(filepath.Join(dir, "published.json"))
	if err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*cluster.Published){
		"a domain in upper case": func(p *cluster.Published) { p.Domain("A.test") },
		"no domain":              func(p *cluster.Published) { p.Domain("-") },
		"a null domain":          func(p *cluster.Published) { p.Domains["a.test"] = nil },
		"no key":                 func(p *cluster.Published) { p.Domain("a.test").SetKey(cluster.Key{Public: "x", Channels: both()}) },
		"an unknown channel": func(p *cluster.Published) {
			p.Domain("a.test").SetKey(cluster.Key{Public: testKey(1), Channels: []protocol.Channel{"mail"}})
		},
		"a record of someone else's": func(p *cluster.Published) { p.Domain("a.test").Records = []string{"b.test. TXT x"} },
		"two records in one":         func(p *cluster.Published) { p.Domain("a.test").Records = []string{"x TXT y\nz TXT y"} },
		"an include":                 func(p *cluster.Published) { p.Domain("a.test").Records = []string{"$INCLUDE /etc/passwd"} },
		"an unknown answer code":     func(p *cluster.Published) { p.Domain("a.test").Rcode = "OOPS" },
		"an odd status":              func(p *cluster.Published) { p.Domain("a.test").Document = &cluster.Document{Status: 7} },
	} {
		t.Run(name, func(t *testing.T) {
			if err := cluster.UpdatePublished(dir, func(p *cluster.Published) error { change(p); return nil }); err == nil {
				t.Error("was accepted")
			}
		})
	}
	after, err := os.ReadFile(filepath.Join(dir, "published.json"))
	if err != nil || string(after) != string(before) {
		t.Errorf("the file changed all the same: %s, %v", after, err)
	}
}

func TestPublishedJSONSurvivesAHandThatSlips(t *testing.T) {
	names, dir := startNames(t, time.Now)
	publish(t, dir, "a.test", func(d *cluster.Domain) { d.Addresses = []netip.Addr{netip.MustParseAddr("127.0.0.9")} })
	ask(t, names, "udp", "a.test.", "A") // the good version is loaded
	if err := os.WriteFile(filepath.Join(dir, "published.json"), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := ask(t, names, "udp", "a.test.", "A"); len(got.Answer) != 1 {
		t.Errorf("after a broken edit: %v", got)
	}
}
