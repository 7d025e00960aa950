package dnsclient_test

import (
	"bytes"
	"context"
	"errors"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"mirnode/discovery/internal/dnsclient"
	"mirnode/discovery/internal/dnstest"
)

// dead is a loopback address where nobody listens.
func dead(t testing.TB) string {
	t.Helper()
	c, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	return c.LocalAddr().String()
}

func client(t testing.TB, options dnsclient.Options) *dnsclient.Client {
	t.Helper()
	c, err := dnsclient.New(options)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func reply(query *dns.Msg, answers ...string) *dns.Msg {
	m := new(dns.Msg)
	m.SetReply(query)
	for _, text := range answers {
		rr, err := dns.NewRR(text)
		if err != nil {
			panic(err)
		}
		m.Answer = append(m.Answer, rr)
	}
	return m
}

const good = `x.example. 60 IN TXT "good"`

// TestOddServers is about servers that answer wrongly. want "" is an error.
func TestOddServers(t *testing.T) {
	cases := map[string]struct {
		want    string
		says    string
		handler dnstest.Handler
	}{
		"wrong ID": {"", "no answer in time", func(q *dns.Msg, _ string) []byte {
			m := reply(q, good)
			m.Id++
			return dnstest.Pack(m)
		}},
		"wrong question": {"", "no answer in time", func(q *dns.Msg, _ string) []byte {
			m := reply(q, good)
			m.Question[0].Name = "y.example."
			return dnstest.Pack(m)
		}},
		"wrong question over TCP": {"", "does not match", func(q *dns.Msg, network string) []byte {
			m := reply(q, good)
			m.Truncated = network == "udp"
			if network == "tcp" {
				m.Question[0].Qtype = dns.TypeA
			}
			return dnstest.Pack(m)
		}},
		"question in another case": {"good", "", func(q *dns.Msg, _ string) []byte {
			m := reply(q, `X.EXAMPLE. 60 IN TXT "good"`)
			m.Question[0].Name = "X.eXample."
			return dnstest.Pack(m)
		}},
		"a query, not an answer": {"", "no answer in time", func(q *dns.Msg, _ string) []byte { return dnstest.Pack(q) }},
		"truncated for ever": {"", "even over TCP", func(q *dns.Msg, _ string) []byte {
			m := reply(q, good)
			m.Truncated = true
			return dnstest.Pack(m)
		}},
		"truncated in the middle of a record": {"good", "", func(q *dns.Msg, network string) []byte {
			m := reply(q, good)
			if network == "tcp" {
				return dnstest.Pack(m)
			}
			m.Truncated = true
			packed := dnstest.Pack(m)
			return packed[:len(packed)-3]
		}},
		"garbage":   {"", "no answer in time", func(q *dns.Msg, _ string) []byte { return []byte("no DNS at all, but long enough") }},
		"cut short": {"", "cannot be read", func(q *dns.Msg, _ string) []byte { p := dnstest.Pack(reply(q, good)); return p[:len(p)-3] }},
		"silent":    {"", "no answer in time", func(q *dns.Msg, _ string) []byte { return nil }},
		"NXDOMAIN with records": {"", "both", func(q *dns.Msg, _ string) []byte {
			m := reply(q, good)
			m.Rcode = dns.RcodeNameError
			return dnstest.Pack(m)
		}},
		"records of another name": {"absent", "", func(q *dns.Msg, _ string) []byte {
			return dnstest.Pack(reply(q, `y.example. 60 IN TXT "bad"`))
		}},
		"records of another class": {"absent", "", func(q *dns.Msg, _ string) []byte {
			return dnstest.Pack(reply(q, `x.example. 60 CH TXT "bad"`))
		}},
		"a referral": {"", "no resolver", func(q *dns.Msg, _ string) []byte {
			m := reply(q)
			m.Ns = reply(q, "example. 60 IN NS ns.example.").Answer
			return dnstest.Pack(m)
		}},
		"two CNAMEs": {"", "several CNAME", func(q *dns.Msg, _ string) []byte {
			return dnstest.Pack(reply(q, "x.example. 60 IN CNAME a.example.", "x.example. 60 IN CNAME b.example."))
		}},
		"a CNAME loop over several answers": {"", "loops", func(q *dns.Msg, _ string) []byte {
			if q.Question[0].Name == "x.example." {
				return dnstest.Pack(reply(q, "x.example. 60 IN CNAME z.example."))
			}
			return dnstest.Pack(reply(q, "z.example. 60 IN CNAME X.example."))
		}},
		"a chain without end": {"", "longer than 8", func(q *dns.Msg, _ string) []byte {
			return dnstest.Pack(reply(q, q.Question[0].Name+" 60 IN CNAME a."+q.Question[0].Name))
		}},
		"a chain in steps": {"good", "", func(q *dns.Msg, _ string) []byte {
			if q.Question[0].Name == "x.example." {
				return dnstest.Pack(reply(q, "x.example. 60 IN CNAME z.example."))
			}
			return dnstest.Pack(reply(q, `z.example. 60 IN TXT "good"`))
		}},
		"EDNS is refused": {"good", "", func(q *dns.Msg, _ string) []byte {
			m := reply(q, good)
			if q.IsEdns0() != nil {
				m = reply(q)
				m.Rcode = dns.RcodeFormatError
			}
			return dnstest.Pack(m)
		}},
		"extended error": {"", "Prohibited: not for you?", func(q *dns.Msg, _ string) []byte {
			m := reply(q)
			m.Rcode = dns.RcodeRefused
			m.SetEdns0(1232, false)
			m.IsEdns0().Option = append(m.IsEdns0().Option, &dns.EDNS0_EDE{InfoCode: dns.ExtendedErrorCodeProhibited, ExtraText: "not for you\n"})
			return dnstest.Pack(m)
		}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			resolver := "udp://" + dnstest.Serve(t, c.handler)
			answer, err := client(t, dnsclient.Options{Resolvers: []string{resolver}, TryTimeout: 300 * time.Millisecond}).TXT(t.Context(), "x.example")
			var fault *dnsclient.Error
			switch {
			case c.want == "" && (!errors.As(err, &fault) || !strings.Contains(err.Error(), c.says)):
				t.Errorf("got %+v, %v; want an error about %q", answer, err, c.says)
			case c.want == "absent" && (err != nil || len(answer.TXT) > 0):
				t.Errorf("got %+v, %v; want no records", answer, err)
			case c.want == "good" && (err != nil || !slices.Equal(answer.TXT, []string{"good"})):
				t.Errorf("got %+v, %v", answer, err)
			}
		})
	}
}

// TestQuestion is about what we send.
func TestQuestion(t *testing.T) {
	questions := make(chan *dns.Msg, 1)
	resolver := dnstest.Serve(t, func(q *dns.Msg, _ string) []byte {
		questions <- q
		return dnstest.Pack(reply(q, good))
	})
	if _, err := client(t, dnsclient.Options{Resolvers: []string{resolver}}).TXT(t.Context(), "x.example"); err != nil {
		t.Fatal(err)
	}
	asked := <-questions
	if opt := asked.IsEdns0(); opt == nil || opt.UDPSize() != 1232 || opt.Do() || !asked.AuthenticatedData || !asked.RecursionDesired {
		t.Errorf("asked %v, want EDNS of 1232 without DO, with AD and RD", asked)
	}
}

func TestTTLWithTopBitIsZero(t *testing.T) {
	resolver := dnstest.Serve(t, func(q *dns.Msg, _ string) []byte {
		m := reply(q, good)
		m.Answer[0].Header().Ttl = 1 << 31
		return dnstest.Pack(m)
	})
	answer, err := client(t, dnsclient.Options{Resolvers: []string{resolver}}).TXT(t.Context(), "x.example")
	if err != nil || !answer.HasTTL || answer.TTL != 0 {
		t.Errorf("%+v, %v", answer, err)
	}
}

func TestOneFamilyFails(t *testing.T) {
	for name, c := range map[string]struct {
		fails, answers uint16
		record, want   string
	}{
		"IPv6 fails": {dns.TypeAAAA, dns.TypeA, "x.example. 60 IN A 192.0.2.1", "192.0.2.1"},
		"IPv4 fails": {dns.TypeA, dns.TypeAAAA, "x.example. 60 IN AAAA 2001:db8::1", "2001:db8::1"},
		"no address": {dns.TypeA, dns.TypeAAAA, "", ""},
		"none else":  {dns.TypeAAAA, dns.TypeA, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			resolver := dnstest.Serve(t, func(q *dns.Msg, _ string) []byte {
				m := reply(q)
				if q.Question[0].Qtype == c.fails {
					m.Rcode = dns.RcodeServerFailure
				} else if c.record != "" {
					m = reply(q, c.record)
				}
				return dnstest.Pack(m)
			})
			answer, err := client(t, dnsclient.Options{Resolvers: []string{resolver}}).Addresses(t.Context(), "x.example")
			if c.want == "" {
				if err == nil {
					t.Errorf("an absence that is half unknown passed for one: %+v", answer)
				}
				return
			}
			if err != nil || len(answer.Addresses) != 1 || answer.Addresses[0].String() != c.want {
				t.Errorf("%+v, %v", answer, err)
			}
		})
	}
}

func TestCancelEndsWaiting(t *testing.T) {
	asked := make(chan struct{}, 8)
	resolver := dnstest.Serve(t, func(*dns.Msg, string) []byte {
		asked <- struct{}{}
		return nil
	})
	for _, scheme := range []string{"udp://", "tcp://"} {
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() {
			_, err := client(t, dnsclient.Options{Resolvers: []string{scheme + resolver}, TryTimeout: time.Hour, Timeout: time.Hour}).TXT(ctx, "x.example")
			done <- err
		}()
		<-asked
		cancel()
		if err := <-done; err == nil {
			t.Error("answered after cancel")
		}
	}
}

func TestResolverNotation(t *testing.T) {
	for _, good := range []string{"udp://127.0.0.1:53", "127.0.0.1", "127.0.0.1:5353", "::1", "udp://[::1]:53", "[::1]:53", "tcp://192.0.2.1", "tls://192.0.2.1:853#dns.example", "tls://192.0.2.1"} {
		if _, err := dnsclient.New(dnsclient.Options{Resolvers: []string{good}}); err != nil {
			t.Errorf("%s: %v", good, err)
		}
	}
	for _, bad := range []string{"", "dns.example", "udp://dns.example:53", "https://192.0.2.1", "udp://127.0.0.1:0", "udp://127.0.0.1:70000",
		"udp://127.0.0.1#name", "udp://user@127.0.0.1", "udp://127.0.0.1/path", "udp://127.0.0.1?x=1", "udp://", "::1:53:53:53:53:53:53:53:53:53"} {
		if _, err := dnsclient.New(dnsclient.Options{Resolvers: []string{bad}}); err == nil {
			t.Errorf("%q was accepted", bad)
		}
	}
	if _, err := dnsclient.New(dnsclient.Options{Resolvers: slices.Repeat([]string{"127.0.0.1"}, 9)}); err == nil {
		t.Error("9 resolvers were accepted")
	}
}

// FuzzAnswer hands arbitrary bytes to the client as a server's answer, with the query's ID,
// over TCP, where nothing is dropped as a stray.
func FuzzAnswer(f *testing.F) {
	query := new(dns.Msg).SetQuestion("x.example.", dns.TypeTXT)
	for _, m := range []*dns.Msg{
		reply(query, good), reply(query), reply(query, "x.example. 60 IN CNAME y.example.", `y.example. 9 IN TXT "a" "b\"\\\200"`),
		reply(query, "x.example. 60 IN CNAME x.example."),
	} {
		f.Add(dnstest.Pack(m)[2:])
	}
	bogus := reply(query)
	bogus.Rcode = dns.RcodeServerFailure
	bogus.SetEdns0(1232, false)
	bogus.IsEdns0().Option = append(bogus.IsEdns0().Option, &dns.EDNS0_EDE{InfoCode: 6, ExtraText: "bogus"})
	f.Add(dnstest.Pack(bogus)[2:])
	f.Fuzz(func(t *testing.T, message []byte) {
		answer, err := dnsclient.Read(query, append([]byte{byte(query.Id >> 8), byte(query.Id)}, message...))
		if err != nil {
			return
		}
		if len(answer.Chain) > dnsclient.MaxChain || answer.TTL < 0 || answer.TTL > (1<<31-1)*time.Second {
			t.Errorf("out of bounds: %+v", answer)
		}
		for _, text := range answer.TXT {
			if len(text) > len(message) {
				t.Errorf("a record grew: %q", text)
			}
		}
		for _, note := range answer.Notes {
			if bytes.ContainsAny([]byte(note), "\n\x00\x1b") {
				t.Errorf("a note is not printable: %q", note)
			}
		}
	})
}
