package dnsclient_test

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"mirnode/discovery/internal/dnsclient"
	"mirnode/discovery/internal/dnstest"
	"mirnode/discovery/internal/tlstest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const plainZone = `
several    TXT "one"
           TXT "two"
split      TXT "mir-key=" "abc" "def"
quoted     TXT "a\"b\\c\009d"
mixed      600 A 192.0.2.1
mixed      60  AAAA ::ffff:127.0.0.1
alias      100 CNAME split
chain      CNAME alias
outside    CNAME target.other.example.
nowhere    CNAME missing
loop-a     CNAME loop-b
loop-b     CNAME loop-a
only-a     A 192.0.2.2
long0 CNAME long1
long1 CNAME long2
long2 CNAME long3
long3 CNAME long4
long4 CNAME long5
long5 CNAME long6
long6 CNAME long7
long7 CNAME long8
long8 CNAME long9
long9 TXT "too far"
`

func bigSet() string {
	var records strings.Builder
	for i := range 60 {
		fmt.Fprintf(&records, "big TXT \"number %02d %s\"\n", i, strings.Repeat("x", 60))
	}
	return records.String()
}

type world struct {
	bind    *dnstest.Bind
	unbound *dnstest.Unbound
	ca      *tlstest.CA
}

func newWorld(t *testing.T) world {
	ca := tlstest.NewCA(t)
	bind := dnstest.StartBind(t,
		dnstest.Zone{Name: "plain.example", Records: plainZone + bigSet()},
		dnstest.Zone{Name: "other.example", Records: `target 50 TXT "over there"`},
		dnstest.Zone{Name: "signed.example", Records: `key TXT "genuine"`, Sign: true},
		dnstest.Zone{Name: "broken.example", Records: `key TXT "genuine"`, Sign: true, Spoil: func(zone string) string {
			return strings.Replace(zone, `"genuine"`, `"altered"`, 1)
		}},
	)
	return world{bind, dnstest.StartUnbound(t, bind, ca, "lame.example"), ca}
}

func (w world) client(t *testing.T, resolvers ...string) *dnsclient.Client {
	t.Helper()
	c, err := dnsclient.New(dnsclient.Options{Resolvers: resolvers, Roots: w.ca.Pool(), TryTimeout: 10 * time.Second, Timeout: 20 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestRealServers asks bind9 directly, and unbound over each transport.
func TestRealServers(t *testing.T) {
	w := newWorld(t)
	transports := map[string]string{
		"authoritative": "udp://" + w.bind.Address(),
		"udp":           "udp://" + w.unbound.Address(),
		"tcp":           "tcp://" + w.unbound.Address(),
		"tls":           "tls://" + w.unbound.TLSAddress() + "#" + w.unbound.ServerName,
	}
	cases := []struct {
		name   string
		want   []string
		maxTTL time.Duration
		chain  int
	}{
		{"several.plain.example", []string{"one", "two"}, 300 * time.Second, 0},
		{"SPLIT.plain.example", []string{"mir-key=abcdef"}, 300 * time.Second, 0},
		{"quoted.plain.example", []string{"a\"b\\c\td"}, 300 * time.Second, 0},
		{"alias.plain.example", []string{"mir-key=abcdef"}, 100 * time.Second, 1},
		{"chain.plain.example", []string{"mir-key=abcdef"}, 100 * time.Second, 2},
		{"outside.plain.example", []string{"over there"}, 50 * time.Second, 1},
		{"only-a.plain.example", nil, dnstest.NegativeTTL * time.Second, 0},
		{"missing.plain.example", nil, dnstest.NegativeTTL * time.Second, 0},
		{"nowhere.plain.example", nil, dnstest.NegativeTTL * time.Second, 1},
	}
	for transport, resolver := range transports {
		client := w.client(t, resolver)
		for _, c := range cases {
			t.Run(transport+"/"+c.name, func(t *testing.T) {
				answer, err := client.TXT(t.Context(), c.name)
				if err != nil {
					t.Fatal(err)
				}
				slices.Sort(answer.TXT)
				if !slices.Equal(answer.TXT, c.want) {
					t.Errorf("got %q, want %q", answer.TXT, c.want)
				}
				if !answer.HasTTL || answer.TTL > c.maxTTL || answer.TTL < c.maxTTL-30*time.Second {
					t.Errorf("TTL %v (given: %v), want %v or a little less", answer.TTL, answer.HasTTL, c.maxTTL)
				}
				if len(answer.Chain) != c.chain || answer.Authenticated {
					t.Errorf("chain %q, authenticated %v", answer.Chain, answer.Authenticated)
				}
			})
		}
		t.Run(transport+"/big", func(t *testing.T) {
			answer, err := client.TXT(t.Context(), "big.plain.example")
			if err != nil || len(answer.TXT) != 60 {
				t.Errorf("%d records, %v; want 60, which need TCP", len(answer.TXT), err)
			}
		})
		t.Run(transport+"/addresses", func(t *testing.T) {
			answer, err := client.Addresses(t.Context(), "mixed.plain.example")
			want := []netip.Addr{netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("::ffff:127.0.0.1")}
			if err != nil || !slices.Equal(answer.Addresses, want) || answer.TTL > time.Minute {
				t.Errorf("got %v for %v, %v; want %v for a minute", answer.Addresses, answer.TTL, err, want)
			}
		})
		for _, name := range []string{"loop-a.plain.example", "long0.plain.example"} {
			t.Run(transport+"/"+name, func(t *testing.T) {
				answer, err := client.TXT(t.Context(), name)
				var fault *dnsclient.Error
				if !errors.As(err, &fault) {
					t.Errorf("got %+v, %v; want an error", answer, err)
				}
			})
		}
	}
}

func TestValidation(t *testing.T) {
	w := newWorld(t)
	for _, resolver := range []string{"udp://" + w.unbound.Address(), "tls://" + w.unbound.TLSAddress() + "#" + w.unbound.ServerName} {
		client := w.client(t, resolver, "udp://"+w.bind.Address())
		answer, err := client.TXT(t.Context(), "key.signed.example")
		if err != nil || !answer.Authenticated || !slices.Equal(answer.TXT, []string{"genuine"}) {
			t.Errorf("signed zone: %+v, %v", answer, err)
		}
		answer, err = client.TXT(t.Context(), "missing.signed.example")
		if err != nil || !answer.Authenticated || len(answer.TXT) != 0 {
			t.Errorf("signed absence: %+v, %v", answer, err)
		}
		// The second resolver would answer with the altered record: it must not be asked.
		_, err = client.TXT(t.Context(), "key.broken.example")
		var fault *dnsclient.Error
		if !errors.As(err, &fault) || !fault.Bogus || !strings.Contains(strings.Join(fault.Notes, " "), "DNSSEC Bogus") {
			t.Errorf("broken zone: %v, want a bogus answer with the resolver's words", err)
		}
	}
	// An answer of an authoritative server is not validated, whatever it says.
	answer, err := w.client(t, "udp://"+w.bind.Address()).TXT(t.Context(), "key.signed.example")
	if err != nil || answer.Authenticated {
		t.Errorf("unvalidated: %+v, %v", answer, err)
	}
}

func TestUnreachable(t *testing.T) {
	w := newWorld(t)
	var fault *dnsclient.Error
	// SERVFAIL: the zone's server refuses it. The next resolver is asked, and refuses too.
	_, err := w.client(t, "udp://"+w.unbound.Address(), "tcp://"+w.bind.Address()).TXT(t.Context(), "x.lame.example")
	if !errors.As(err, &fault) || !strings.Contains(err.Error(), "SERVFAIL") || !strings.Contains(err.Error(), "REFUSED") {
		t.Errorf("lame zone: %v", err)
	}
	// The next resolver has the answer.
	answer, err := w.client(t, "udp://"+dead(t), "udp://"+w.bind.Address()).TXT(t.Context(), "split.plain.example")
	if err != nil || len(answer.TXT) != 1 {
		t.Errorf("fallback: %+v, %v", answer, err)
	}
}

func TestTLSIsStrict(t *testing.T) {
	w := newWorld(t)
	for name, c := range map[string]struct {
		roots    *tlstest.CA
		resolver string
	}{
		"wrong name":        {w.ca, "tls://" + w.unbound.TLSAddress() + "#other.example"},
		"no name":           {w.ca, "tls://" + w.unbound.TLSAddress()},
		"unknown authority": {tlstest.NewCA(t), "tls://" + w.unbound.TLSAddress() + "#" + w.unbound.ServerName},
		"not TLS":           {w.ca, "tls://" + w.unbound.Address() + "#" + w.unbound.ServerName},
	} {
		client, err := dnsclient.New(dnsclient.Options{Resolvers: []string{c.resolver}, Roots: c.roots.Pool()})
		if err != nil {
			t.Fatal(err)
		}
		if answer, err := client.TXT(t.Context(), "split.plain.example"); err == nil {
			t.Errorf("%s: answered %+v", name, answer)
		}
	}
}
