package cluster_test

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"mirnode/cluster"
	"mirnode/protocol"
)

// ask puts one question to the cluster's DNS server.
func ask(t *testing.T, names *cluster.Names, network, name, rrtype string) *dns.Msg {
	t.Helper()
	question := new(dns.Msg).SetQuestion(name, dns.StringToType[rrtype])
	return exchange(t, names, network, question)
}

func exchange(t *testing.T, names *cluster.Names, network string, question *dns.Msg) *dns.Msg {
	t.Helper()
	client := &dns.Client{Net: network, Timeout: 5 * time.Second}
	answer, _, err := client.Exchange(question, names.DNS().String())
	if err != nil {
		t.Fatalf("%s: %v", question.Question[0].Name, err)
	}
	answer.Compress = true // as it came: Len then tells its size on the wire
	return answer
}

// contents are the answer's records without owner, class and TTL.
func contents(records []dns.RR) string {
	var all []string
	for _, record := range records {
		text := strings.TrimPrefix(record.String(), record.Header().String())
		all = append(all, dns.TypeToString[record.Header().Rrtype]+" "+text)
	}
	return strings.Join(all, "; ")
}

func TestDNSAnswers(t *testing.T) {
	names, dir := startNames(t, time.Now)
	long := strings.Repeat("x", 255)
	publish(t, dir, "shop.example.test", func(d *cluster.Domain) {
		d.SetKey(cluster.Key{Public: testKey(1), Channels: both()})
		d.SetKey(cluster.Key{Public: testKey(2), Channels: []protocol.Channel{protocol.DNS}})
		d.SetKey(cluster.Key{Public: testKey(3), Channels: []protocol.Channel{protocol.WellKnown}})
		d.Records = []string{
			`www CNAME shop.example.test.`, `gone CNAME nobody.test.`, `loop CNAME pool`, `pool CNAME loop`,
			`split TXT "mir-key=` + testKey(1)[:20] + `" "` + testKey(1)[20:] + `"`, `long TXT "` + long + `" "y"`,
		}
	})
	publish(t, dir, "six.test", func(d *cluster.Domain) {
		d.Addresses = []netip.Addr{netip.MustParseAddr("::1"), netip.MustParseAddr("10.0.0.1")}
	})
	publish(t, dir, "none.test", func(d *cluster.Domain) { d.Addresses = []netip.Addr{} })
	publish(t, dir, "broken.test", func(d *cluster.Domain) { d.Rcode = "SERVFAIL" })

	keys := `TXT "mir-key=` + testKey(1) + `"; TXT "mir-key=` + testKey(2) + `"`
	for _, test := range []struct {
		name, rrtype, rcode, want string
		apex                      string // of the SOA record in an empty answer
	}{
		{"_mir-key.shop.example.test.", "TXT", "NOERROR", keys, ""},
		{"_MIR-key.Shop.example.TEST.", "TXT", "NOERROR", keys, ""},
		{"shop.example.test.", "A", "NOERROR", "A 127.0.0.1", ""},
		{"shop.example.test.", "AAAA", "NOERROR", "", "shop.example.test."},
		{"shop.example.test.", "TXT", "NOERROR", "", "shop.example.test."},
		{"shop.example.test.", "NS", "NOERROR", "NS ns.mir-cluster.test.", ""},
		{"_other.shop.example.test.", "TXT", "NXDOMAIN", "", "shop.example.test."},
		{"x._mir-key.shop.example.test.", "TXT", "NXDOMAIN", "", "shop.example.test."},
		{"example.test.", "A", "NOERROR", "", "."},
		{"nobody.test.", "TXT", "NXDOMAIN", "", "."},
		{".", "NS", "NOERROR", "", "."},
		{"www.shop.example.test.", "A", "NOERROR", "CNAME shop.example.test.; A 127.0.0.1", ""},
		{"www.shop.example.test.", "CNAME", "NOERROR", "CNAME shop.example.test.", ""},
		{"www.shop.example.test.", "TXT", "NOERROR", "CNAME shop.example.test.", "shop.example.test."},
		{"gone.shop.example.test.", "A", "NXDOMAIN", "CNAME nobody.test.", "."},
		{"split.shop.example.test.", "TXT", "NOERROR", `TXT "mir-key=` + testKey(1)[:20] + `" "` + testKey(1)[20:] + `"`, ""},
		{"long.shop.example.test.", "TXT", "NOERROR", `TXT "` + long + `" "y"`, ""},
		{"six.test.", "AAAA", "NOERROR", "AAAA ::1", ""},
		{"six.test.", "A", "NOERROR", "A 10.0.0.1", ""},
		{"none.test.", "A", "NOERROR", "", "none.test."},
		{"broken.test.", "A", "SERVFAIL", "", ""},
		{"_mir-key.broken.test.", "TXT", "SERVFAIL", "", ""},
		{"shop.example.test.", "ANY", "REFUSED", "", ""},
	} {
		for _, network := range []string{"udp", "tcp"} {
			t.Run(network+" "+test.name+" "+test.rrtype, func(t *testing.T) {
				answer := ask(t, names, network, test.name, test.rrtype)
				if got := dns.RcodeToString[answer.Rcode]; got != test.rcode {
					t.Errorf("code %s, want %s", got, test.rcode)
				}
				if got := contents(answer.Answer); got != test.want {
					t.Errorf("answer\n%s\nwant\n%s", got, test.want)
				}
				apex := ""
				if len(answer.Ns) == 1 {
					apex = answer.Ns[0].(*dns.SOA).Hdr.Name
				}
				if apex != test.apex {
					t.Errorf("SOA of %q, want %q", apex, test.apex)
				}
			})
		}
	}
	if got := ask(t, names, "udp", "loop.shop.example.test.", "A"); got.Rcode != dns.RcodeServerFailure {
		t.Errorf("a circle of aliases: %v", got)
	}
}

func TestDNSCutsLongAnswersOverUDPAlone(t *testing.T) {
	names, dir := startNames(t, time.Now)
	publish(t, dir, "many.test", func(d *cluster.Domain) {
		for n := range byte(40) {
			d.SetKey(cluster.Key{Public: testKey(n), Channels: both()})
		}
	})
	question := new(dns.Msg).SetQuestion("_mir-key.many.test.", dns.TypeTXT)
	if got := exchange(t, names, "udp", question); !got.Truncated || got.Len() > dns.MinMsgSize || got.IsEdns0() != nil {
		t.Errorf("plain UDP: truncated %v, %d bytes", got.Truncated, got.Len())
	}
	if got := exchange(t, names, "tcp", question); got.Truncated || len(got.Answer) != 40 {
		t.Errorf("TCP: truncated %v, %d records", got.Truncated, len(got.Answer))
	}
	question.SetEdns0(4096, false)
	if got := exchange(t, names, "udp", question); !got.Truncated || got.Len() > 1232 || got.IsEdns0() == nil {
		t.Errorf("EDNS: truncated %v, %d bytes", got.Truncated, got.Len())
	}
	question.IsEdns0().SetVersion(1)
	if got := exchange(t, names, "udp", question); got.Rcode != dns.RcodeBadVers || len(got.Answer) != 0 {
		t.Errorf("EDNS version 1: %v", got)
	}
}

func TestDNSShowsAChangeAtOnce(t *testing.T) {
	names, dir := startNames(t, time.Now)
	for n := range byte(50) {
		publish(t, dir, "a.test", func(d *cluster.Domain) {
			d.Keys = nil
			d.SetKey(cluster.Key{Public: testKey(n), Channels: both()})
		})
		if got, want := contents(ask(t, names, "udp", "_mir-key.a.test.", "TXT").Answer), `TXT "mir-key=`+testKey(n)+`"`; got != want {
			t.Fatalf("change %d: %s, want %s", n, got, want)
		}
	}
}
