package cluster

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"time"

	"github.com/miekg/dns"
	"golang.org/x/sync/errgroup"
)

const (
	maxUDPAnswer   = 1232 // bytes; what passes every path without fragments (DNS flag day 2020)
	maxAliases     = 8    // CNAME steps that one answer follows
	portTries      = 20   // a port is free for UDP by chance, and must then be free for TCP too
	dnsIdleTimeout = 5 * time.Second
	maxTCPQueries  = 128 // on one connection
	stopTimeout    = 3 * time.Second
)

// dnsServer answers with authority for the whole tree: what is published, and NXDOMAIN for all else, as a root would that knows
// nothing beside it. A name that is not published therefore does not exist, which is an answer, not a fault.
type dnsServer struct {
	zone    *zoneFile
	log     *slog.Logger
	address netip.AddrPort
	servers []*dns.Server
	running errgroup.Group
}

// startDNS listens at the address, over UDP and TCP, and answers until Close. Port 0 takes any that is free for both.
func startDNS(zone *zoneFile, at netip.AddrPort, log *slog.Logger) (*dnsServer, error) {
	packets, listener, err := listenBoth(at)
	if err != nil {
		return nil, fmt.Errorf("listen for DNS: %w", err)
	}
	s := &dnsServer{zone: zone, log: log, address: packets.LocalAddr().(*net.UDPAddr).AddrPort()}
	s.servers = []*dns.Server{
		{PacketConn: packets, Handler: s, UDPSize: dns.DefaultMsgSize},
		{Listener: listener, Handler: s, MaxTCPQueries: maxTCPQueries,
			ReadTimeout: dnsIdleTimeout, WriteTimeout: dnsIdleTimeout, IdleTimeout: func() time.Duration { return dnsIdleTimeout }},
	}
	for _, server := range s.servers {
		started := make(chan struct{})
		server.NotifyStartedFunc = func() { close(started) }
		s.running.Go(func() error {
			err := server.ActivateAndServe()
			if err != nil {
				s.log.Error("DNS server ended", "error", err)
			}
			return err
		})
		<-started // Shutdown refuses a server that is not running yet; ActivateAndServe on open sockets always gets there
	}
	return s, nil
}

// listenBoth listens for UDP and TCP on one port.
func listenBoth(at netip.AddrPort) (net.PacketConn, net.Listener, error) {
	var failed error
	for range portTries {
		packets, err := new(net.ListenConfig).ListenPacket(context.Background(), "udp", at.String())
		if err != nil {
			return nil, nil, err
		}
		listener, err := new(net.ListenConfig).Listen(context.Background(), "tcp", packets.LocalAddr().String())
		if err == nil {
			return packets, listener, nil
		}
		if failed = errors.Join(err, packets.Close()); at.Port() != 0 {
			break // it is the one that was named
		}
	}
	return nil, nil, failed
}

func (s *dnsServer) Close() error {
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
	answer := new(dns.Msg).SetReply(question)
	answer.Authoritative = true
	size := dns.MinMsgSize
	if opt := question.IsEdns0(); opt != nil {
		size = min(max(int(opt.UDPSize()), dns.MinMsgSize), maxUDPAnswer)
		answer.SetEdns0(maxUDPAnswer, opt.Do())
	}
	if _, overUDP := w.RemoteAddr().(*net.UDPAddr); !overUDP {
		size = dns.MaxMsgSize
	}
	s.answer(answer, question)
	answer.Compress = true
	answer.Truncate(size)
	if err := w.WriteMsg(answer); err != nil {
		s.log.Debug("DNS answer not sent", "error", err)
	}
}

// answer fills in the code and the records.
func (s *dnsServer) answer(answer, question *dns.Msg) {
	opt := question.IsEdns0()
	switch {
	case question.Opcode != dns.OpcodeQuery:
		answer.Rcode = dns.RcodeNotImplemented
		return
	case len(question.Question) != 1:
		answer.Rcode = dns.RcodeFormatError
		return
	case opt != nil && opt.Version() != 0:
		answer.Rcode = dns.RcodeBadVers
		return
	}
	q := question.Question[0]
	switch {
	case q.Qclass != dns.ClassINET, q.Qtype == dns.TypeAXFR, q.Qtype == dns.TypeIXFR, q.Qtype == dns.TypeANY:
		answer.Rcode = dns.RcodeRefused // ANY: RFC 8482
		return
	}
	s.zone.zone().lookUp(answer, q.Name, q.Qtype)
}

// lookUp answers for the name, and follows its aliases, all of which are ours to answer for.
func (z *zone) lookUp(answer *dns.Msg, name string, rrtype uint16) {
	for range maxAliases {
		key := strings.ToLower(name)
		apex, domain := z.covering(key)
		if domain != nil && domain.Rcode != "" {
			answer.Rcode = dns.StringToRcode[domain.Rcode]
			answer.Authoritative = false
			return
		}
		matching, alias := z.matching(key, rrtype)
		for _, record := range matching {
			record = dns.Copy(record)
			record.Header().Name = name // with the letters' case of the question, as some resolvers check
			answer.Answer = append(answer.Answer, record)
		}
		if alias == "" {
			if len(matching) == 0 {
				answer.Ns = append(answer.Ns, z.soa(apex))
			}
			if !z.names[key] {
				answer.Rcode = dns.RcodeNameError
			}
			return
		}
		name = alias
	}
	answer.Rcode = dns.RcodeServerFailure // the aliases go round in a circle, or too far
}

// matching returns the records of the type at the name; or its CNAME, if it has one and the question is not for that.
func (z *zone) matching(name string, rrtype uint16) (matching []dns.RR, alias string) {
	for _, record := range z.records[name] {
		switch cname, isAlias := record.(*dns.CNAME); {
		case record.Header().Rrtype == rrtype:
			matching = append(matching, record)
		case isAlias:
			return []dns.RR{record}, cname.Target
		}
	}
	return matching, ""
}
