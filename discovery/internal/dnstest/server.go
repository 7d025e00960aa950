package dnstest

import (
	"net"
	"strings"
	"sync"
	"testing"

	"github.com/miekg/dns"
)

// Handler answers a query that came over "udp" or "tcp". The bytes go out as they are; nil
// answers nothing.
type Handler func(query *dns.Msg, network string) []byte

// Serve answers on a free loopback port, UDP and TCP, until the test ends, and returns host:port.
// The handler runs on one goroutine a query, and must return before the test can end.
func Serve(t testing.TB, handler Handler) string {
	t.Helper()
	var udp net.PacketConn
	var tcp net.Listener
	for range startTries {
		var config net.ListenConfig
		var err error
		if tcp, err = config.Listen(t.Context(), "tcp4", "127.0.0.1:0"); err != nil {
			t.Fatal(err)
		}
		if udp, err = config.ListenPacket(t.Context(), "udp4", tcp.Addr().String()); err == nil {
			break
		}
		closeAll(tcp)
	}
	if udp == nil {
		t.Fatal("no loopback port is free for both UDP and TCP")
	}
	answer := func(network string) dns.HandlerFunc {
		return func(w dns.ResponseWriter, query *dns.Msg) {
			if reply := handler(query, network); reply != nil {
				_, _ = w.Write(reply) // the client may be gone
			}
		}
	}
	servers := []*dns.Server{{PacketConn: udp, Handler: answer("udp")}, {Listener: tcp, Handler: answer("tcp")}}
	for _, s := range servers {
		up := make(chan struct{})
		s.NotifyStartedFunc = func() { close(up) }
		done := make(chan struct{})
		go func() {
			defer close(done)
			_ = s.ActivateAndServe() // ends with Shutdown
		}()
		<-up
		t.Cleanup(func() {
			_ = s.ShutdownContext(t.Context()) // the context is over: close; ActivateAndServe waits for handlers
			<-done
		})
	}
	return tcp.Addr().String()
}

// Pack is a message's bytes; it panics on a message that a test built wrongly.
func Pack(m *dns.Msg) []byte {
	packed, err := m.Pack()
	if err != nil {
		panic(err)
	}
	return packed
}

// Records is a tiny authoritative server whose contents may change while it runs. It may be
// used from several goroutines.
type Records struct {
	mu      sync.Mutex
	rrs     map[string][]dns.RR // by lower-case name; owned by mu
	queries map[string]int      // by "TYPE name"; owned by mu
}

// Set replaces all records of a name. Each is a line of a zone file, such as `300 IN A 192.0.2.1`.
func (r *Records) Set(name string, records ...string) {
	var rrs []dns.RR
	for _, text := range records {
		rr, err := dns.NewRR(dns.Fqdn(name) + " " + text)
		if err != nil {
			panic(err)
		}
		rrs = append(rrs, rr)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.rrs == nil {
		r.rrs = make(map[string][]dns.RR)
	}
	r.rrs[strings.ToLower(dns.Fqdn(name))] = rrs
}

// Queries is how often a question such as "TXT _mir-key.example.com" was asked.
func (r *Records) Queries(question string) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.queries[question]
}

// Answer is a Handler.
func (r *Records) Answer(query *dns.Msg, _ string) []byte {
	reply := new(dns.Msg)
	reply.SetReply(query)
	q := query.Question[0]
	name := strings.ToLower(q.Name)
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.queries == nil {
		r.queries = make(map[string]int)
	}
	r.queries[dns.TypeToString[q.Qtype]+" "+strings.TrimSuffix(name, ".")]++
	rrs, exists := r.rrs[name]
	for _, rr := range rrs {
		if rr.Header().Rrtype == q.Qtype || rr.Header().Rrtype == dns.TypeCNAME {
			reply.Answer = append(reply.Answer, rr)
		}
	}
	if !exists {
		reply.Rcode = dns.RcodeNameError
	}
	if len(reply.Answer) == 0 {
		soa, err := dns.NewRR(". 60 IN SOA ns. hostmaster. 1 3600 600 86400 60")
		if err != nil {
			panic(err)
		}
		reply.Ns = append(reply.Ns, soa)
	}
	return Pack(reply)
}
