package names

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"time"

	"github.com/miekg/dns"
	"golang.org/x/sync/errgroup"
)

// Bounds of the DNS server.
const (
	maxUDPAnswer   = 1232 // bytes; what passes every path without fragments (DNS flag day 2020)
	maxAliases     = 8    // CNAME steps that one answer follows
	portTries      = 20   // a port is free for UDP by chance, and must then be free for TCP too
	dnsIdleTimeout = 5 * time.Second
	maxTCPQueries  = 128 // on one connection
	stopTimeout    = 3 * time.Second
	forwardTimeout = 3 * time.Second
	maxDelay       = 30 * time.Second
	maxWaiting     = 512 // answers that are held back or forwarded at one time; questions beyond get none, as of a server that is overloaded
)

// dnsServer answers with authority for what is published, with NXDOMAIN for what else lies below the suffix, and forwards the rest.
type dnsServer struct {
	names   *Names
	address netip.AddrPort
	servers []*dns.Server
	running errgroup.Group
	stop    chan struct{} // closed when the server ends: answers that are held back are given up
	waiting chan struct{} // holds one for each answer that is held back or forwarded
}

func startDNS(n *Names, at string) (*dnsServer, error) {
	if at == "" {
		at = "127.0.0.1:0"
	}
	packets, listener, err := listenBoth(at)
	if err != nil {
		return nil, fmt.Errorf("listen for DNS: %w", err)
	}
	s := &dnsServer{names: n, address: packets.LocalAddr().(*net.UDPAddr).AddrPort(), stop: make(chan struct{}), waiting: make(chan struct{}, maxWaiting)}
	s.servers = []*dns.Server{
		{PacketConn: packets, Handler: s, UDPSize: dns.DefaultMsgSize},
		{Listener: listener, Handler: s, MaxTCPQueries: maxTCPQueries,
			ReadTimeout: dnsIdleTimeout, WriteTimeout: dnsIdleTimeout, IdleTimeout: func() time.Duration { return dnsIdleTimeout }},
	}
	for _, server := range s.servers {
		started := make(chan struct{})
		server.NotifyStartedFunc = func() { close(started) }
		s.running.Go(server.ActivateAndServe)
		<-started // Shutdown refuses a server that is not running yet; ActivateAndServe on open sockets always gets there
	}
	return s, nil
}

// listenBoth listens for UDP and TCP on one port.
func listenBoth(at string) (net.PacketConn, net.Listener, error) {
	var failed error
	for range portTries {
		packets, err := new(net.ListenConfig).ListenPacket(context.Background(), "udp", at)
		if err != nil {
			return nil, nil, err
		}
		listener, err := new(net.ListenConfig).Listen(context.Background(), "tcp", packets.LocalAddr().String())
		if err == nil {
			return packets, listener, nil
		}
		if failed = errors.Join(err, packets.Close()); !strings.HasSuffix(at, ":0") {
			break // it is the one that was named
		}
	}
	return nil, nil, failed
}

func (s *dnsServer) Close() error {
	close(s.stop)
	ctx, cancel := context.WithTimeout(context.Background(), stopTimeout)
	defer cancel()
	var failed error
	for _, server := range s.servers {
		failed = errors.Join(failed, server.ShutdownContext(ctx))
	}
	return errors.Join(failed, s.running.Wait())
}

// ServeDNS implements dns.Handler.
func (s *dnsServer) ServeDNS(w dns.ResponseWriter, question *dns.Msg) {
	_, overUDP := w.RemoteAddr().(*net.UDPAddr)
	var answer *dns.Msg
	if s.outside(question) {
		answer = s.forward(question, overUDP)
	} else {
		answer = s.answer(question, overUDP)
	}
	if answer == nil {
		return
	}
	if err := w.WriteMsg(answer); err != nil {
		s.names.log.Debug("DNS answer not sent", "error", err)
	}
}

// outside reports whether the question is for the upstream.
func (s *dnsServer) outside(question *dns.Msg) bool {
	return len(question.Question) == 1 && s.names.upstream.Load() != nil && !s.names.ours(question.Question[0].Name)
}

func (s *dnsServer) forward(question *dns.Msg, overUDP bool) *dns.Msg {
	if !s.enter() {
		return nil
	}
	defer s.leave()
	network := "udp"
	if !overUDP {
		network = "tcp"
	}
	client := &dns.Client{Net: network, Timeout: forwardTimeout, UDPSize: dns.DefaultMsgSize}
	answer, _, err := client.Exchange(question, s.names.upstream.Load().dns.String())
	if err != nil {
		s.names.log.Debug("question not forwarded", "name", question.Question[0].Name, "error", err)
		return new(dns.Msg).SetRcode(question, dns.RcodeServerFailure)
	}
	return answer
}

// answer makes the answer for one of our names; nil gives none.
func (s *dnsServer) answer(question *dns.Msg, overUDP bool) *dns.Msg {
	answer := new(dns.Msg).SetReply(question)
	answer.Authoritative = true
	size := dns.MinMsgSize
	opt := question.IsEdns0()
	if opt != nil {
		size = min(max(int(opt.UDPSize()), dns.MinMsgSize), maxUDPAnswer)
		answer.SetEdns0(maxUDPAnswer, opt.Do())
	}
	if !overUDP {
		size = dns.MaxMsgSize
	}
	switch {
	case question.Opcode != dns.OpcodeQuery:
		answer.Rcode = dns.RcodeNotImplemented
	case len(question.Question) != 1:
		answer.Rcode = dns.RcodeFormatError
	case opt != nil && opt.Version() != 0:
		answer.Rcode = dns.RcodeBadVers
	case question.Question[0].Qclass != dns.ClassINET, question.Question[0].Qtype == dns.TypeANY: // RFC 8482
		answer.Rcode = dns.RcodeRefused
	default:
		if !s.fill(answer, question.Question[0], overUDP) {
			return nil
		}
	}
	answer.Compress = true
	answer.Truncate(size)
	return answer
}

// fill answers a question, with the faults of the domain that it is for. It reports whether anything is to be sent.
func (s *dnsServer) fill(answer *dns.Msg, q dns.Question, overUDP bool) bool {
	p := s.names.covering(q.Name)
	if p == nil {
		answer.Rcode = dns.RcodeNameError
		answer.Ns = []dns.RR{soa(dns.Fqdn(s.names.suffix))}
		return true
	}
	name := strings.ToLower(q.Name)
	isKey := strings.HasPrefix(name, "_mir-key.")
	if isKey && q.Qtype == dns.TypeTXT {
		s.names.count(p.name, func(c *Counts) { c.DNS++ })
	}
	if p.domain.DropDNS && isKey {
		return false
	}
	if d := min(p.domain.DNSDelay, maxDelay); d > 0 && !s.wait(d) {
		return false
	}
	if p.domain.Truncate && overUDP {
		answer.Truncated = true
		return true
	}
	if code := p.rcode(name); code != "" {
		answer.Rcode = dns.StringToRcode[code]
		if answer.Rcode == dns.RcodeNameError {
			answer.Ns = []dns.RR{soa(dns.Fqdn(p.name))}
		}
		return true
	}
	s.lookUp(answer, q.Name, q.Qtype)
	return true
}

// enter reports whether one more answer may take its time; leave is called when it is over.
func (s *dnsServer) enter() bool {
	select {
	case s.waiting <- struct{}{}:
		return true
	default:
		return false
	}
}

func (s *dnsServer) leave() { <-s.waiting }

// wait holds an answer back, and reports whether it is to be sent at all.
func (s *dnsServer) wait(d time.Duration) bool {
	if !s.enter() {
		return false
	}
	defer s.leave()
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-s.stop:
		return false
	}
}

// rcode is the code in place of an answer about a name, or "".
func (p *published) rcode(name string) string {
	if p.domain.Rcode != "" {
		return p.domain.Rcode
	}
	relative := strings.TrimSuffix(name, "."+p.name+".")
	if name == p.name+"." {
		relative = "@"
	}
	return p.domain.RcodeOf[relative]
}

// lookUp answers for the name, and follows its aliases as far as they are ours.
func (s *dnsServer) lookUp(answer *dns.Msg, name string, rrtype uint16) {
	for range maxAliases {
		p := s.names.covering(name)
		if p == nil {
			answer.Rcode = dns.RcodeNameError
			return
		}
		apex := dns.Fqdn(p.name)
		found, exists := p.zone.at(apex, strings.ToLower(name))
		matching, alias := pick(found, rrtype)
		for _, record := range matching {
			record = dns.Copy(record)
			record.Header().Name = name // with the letters' case of the question, as some resolvers check; and a wildcard's records bear the name that was asked for
			answer.Answer = append(answer.Answer, record)
		}
		if alias == "" {
			if len(matching) == 0 {
				answer.Ns = []dns.RR{soa(apex)}
			}
			if !exists {
				answer.Rcode = dns.RcodeNameError
			}
			return
		}
		name = alias
	}
	answer.Rcode = dns.RcodeServerFailure // the aliases go round in a circle, or too far
}

// pick gives the records of a type; or the CNAME, if there is one and the question is not for that.
func pick(found []dns.RR, rrtype uint16) (matching []dns.RR, alias string) {
	for _, record := range found {
		switch cname, isAlias := record.(*dns.CNAME); {
		case record.Header().Rrtype == rrtype:
			matching = append(matching, record)
		case isAlias:
			return []dns.RR{record}, cname.Target
		}
	}
	return matching, ""
}
