package dnsclient

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/miekg/dns"
)

const (
	// maxNotes and maxNote bound what a server's extended errors may put into our reports.
	maxNotes = 4
	maxNote  = 200
)

// decode unpacks a message and checks that it answers the query (RFC 5452 section 9.1).
// errMismatch: it answers another one. A truncated message may come back with less in
// it than it announced.
func decode(query *dns.Msg, packed []byte) (*dns.Msg, error) {
	reply := new(dns.Msg)
	err := reply.Unpack(packed)
	if !reply.Response || reply.Id != query.Id || reply.Opcode != dns.OpcodeQuery {
		return nil, errMismatch
	}
	asked := query.Question[0]
	switch {
	case len(reply.Question) == 1:
		q := reply.Question[0]
		if q.Qtype != asked.Qtype || q.Qclass != asked.Qclass || !strings.EqualFold(q.Name, asked.Name) {
			return nil, errMismatch
		}
	case len(reply.Question) == 0 && reply.Rcode != dns.RcodeSuccess && reply.Rcode != dns.RcodeNameError:
		// A refusal may leave the question out; it can only make us ask elsewhere.
	default:
		return nil, errMismatch
	}
	if err != nil && !reply.Truncated {
		return nil, fmt.Errorf("the answer cannot be read: %w", err)
	}
	return reply, nil
}

// Read reads one packed reply to a query and returns what it says. A chain that leads out of
// the reply ends there. The error tells a reply that says nothing, or says it wrongly.
func Read(query *dns.Msg, packed []byte) (Answer, error) {
	reply, err := decode(query, packed)
	if err != nil {
		return Answer{}, err
	}
	if reply.Rcode != dns.RcodeSuccess && reply.Rcode != dns.RcodeNameError {
		return Answer{Notes: extendedErrors(reply)}, errors.New(rcodeName(reply.Rcode))
	}
	w := newWalk(query.Question[0].Name)
	_, err = w.read(reply, query.Question[0].Qtype)
	return w.answer, err
}

// walk is a look-up's way along a CNAME chain.
type walk struct {
	answer Answer
	at     string // the name that is wanted now, canonical
	seen   map[string]bool
}

func newWalk(name string) *walk {
	name = dns.CanonicalName(name)
	return &walk{answer: Answer{Authenticated: true, TrustsAD: true, Authoritative: true}, at: name, seen: map[string]bool{name: true}}
}

// read takes in one reply. done: the answer is complete; otherwise w.at is to be asked next.
func (w *walk) read(reply *dns.Msg, qtype uint16) (done bool, err error) {
	w.note(extendedErrors(reply))
	started := w.at
	for {
		target, ttl, err := cnameAt(reply, w.at)
		if err != nil {
			return false, err
		}
		if target == "" {
			break
		}
		if w.seen[target] {
			return false, fmt.Errorf("the CNAME chain loops at %s", clip(target))
		}
		if len(w.answer.Chain) == MaxChain {
			return false, fmt.Errorf("the CNAME chain is longer than %d", MaxChain)
		}
		w.seen[target] = true
		w.answer.Chain = append(w.answer.Chain, strings.TrimSuffix(target, "."))
		w.shorten(ttl)
		w.at = target
	}
	found := w.collect(reply, qtype)
	negative, ttl, referral := authority(reply)
	switch {
	case found && reply.Rcode == dns.RcodeNameError:
		return false, errors.New("the answer says both that the name does not exist and what it holds")
	case found:
		return true, nil
	case reply.Rcode == dns.RcodeNameError || negative:
		if negative {
			w.shorten(ttl)
		}
		w.answer.HasTTL = negative
		w.answer.Missing = reply.Rcode == dns.RcodeNameError
		return true, nil
	case w.at != started:
		return false, nil // the chain leads out of this answer
	case referral:
		return false, errors.New("it refers us to other servers: it is no resolver")
	}
	w.answer.HasTTL = false
	return true, nil
}

// cnameAt returns the target of the name's CNAME, or "".
func cnameAt(reply *dns.Msg, name string) (target string, ttl uint32, err error) {
	for _, rr := range reply.Answer {
		cname, ok := rr.(*dns.CNAME)
		if !ok || !owns(rr, name) {
			continue
		}
		next := dns.CanonicalName(cname.Target)
		if target != "" && next != target {
			return "", 0, fmt.Errorf("%s has several CNAME records", clip(name))
		}
		target, ttl = next, cname.Hdr.Ttl
	}
	return target, ttl, nil
}

// collect takes the records of the wanted type and name.
func (w *walk) collect(reply *dns.Msg, qtype uint16) (found bool) {
	for _, rr := range reply.Answer {
		if rr.Header().Rrtype != qtype || !owns(rr, w.at) {
			continue
		}
		switch rr := rr.(type) {
		case *dns.TXT:
			w.answer.TXT = append(w.answer.TXT, unescape(strings.Join(rr.Txt, "")))
		case *dns.A:
			ip, ok := netip.AddrFromSlice(rr.A.To4())
			if !ok {
				continue
			}
			w.answer.Addresses = append(w.answer.Addresses, ip)
		case *dns.AAAA:
			ip, ok := netip.AddrFromSlice(rr.AAAA.To16())
			if !ok {
				continue
			}
			w.answer.Addresses = append(w.answer.Addresses, ip)
		case *dns.SRV:
			w.answer.Services = append(w.answer.Services, Service{
				Host: strings.TrimSuffix(dns.CanonicalName(rr.Target), "."), Port: rr.Port, Priority: rr.Priority, Weight: rr.Weight,
			})
		default:
			continue
		}
		w.shorten(rr.Header().Ttl)
		found = true
	}
	return found
}

// authority looks for an SOA, which makes the answer a negative one with that TTL
// (RFC 2308 section 5), or for a referral: NS records without SOA.
func authority(reply *dns.Msg) (negative bool, ttl uint32, referral bool) {
	for _, rr := range reply.Ns {
		switch rr := rr.(type) {
		case *dns.SOA:
			return true, min(rr.Hdr.Ttl, rr.Minttl), false
		case *dns.NS:
			referral = !reply.Authoritative
		}
	}
	return false, 0, referral
}

func owns(rr dns.RR, name string) bool {
	h := rr.Header()
	return h.Class == dns.ClassINET && dns.CanonicalName(h.Name) == name
}

// shorten lowers the answer's TTL. Values with the top bit set are zero (RFC 2181 section 8).
func (w *walk) shorten(seconds uint32) {
	if seconds > 1<<31-1 {
		seconds = 0
	}
	ttl := time.Duration(seconds) * time.Second
	if !w.answer.HasTTL || ttl < w.answer.TTL {
		w.answer.TTL, w.answer.HasTTL = ttl, true
	}
}

func (w *walk) note(notes []string) {
	for _, n := range notes {
		if len(w.answer.Notes) < maxNotes && !slices.Contains(w.answer.Notes, n) {
			w.answer.Notes = append(w.answer.Notes, n)
		}
	}
}

// extendedErrors returns a reply's extended DNS errors in words (RFC 8914).
func extendedErrors(reply *dns.Msg) []string {
	var notes []string
	for _, ede := range edes(reply) {
		text, ok := dns.ExtendedErrorCodeToString[ede.InfoCode]
		if !ok {
			text = "extended error " + strconv.Itoa(int(ede.InfoCode))
		}
		if ede.ExtraText != "" {
			text += ": " + clip(ede.ExtraText)
		}
		notes = append(notes, text)
	}
	return notes
}

// failedValidation tells whether a resolver failed a question because DNSSEC
// validation failed, by its own words: RFC 8914 codes 6 to 12.
func failedValidation(reply *dns.Msg) bool {
	if reply.Rcode != dns.RcodeServerFailure {
		return false
	}
	return slices.ContainsFunc(edes(reply), func(e *dns.EDNS0_EDE) bool {
		return e.InfoCode >= dns.ExtendedErrorCodeDNSBogus && e.InfoCode <= dns.ExtendedErrorCodeNSECMissing
	})
}

func edes(reply *dns.Msg) []*dns.EDNS0_EDE {
	opt := reply.IsEdns0()
	if opt == nil {
		return nil
	}
	var list []*dns.EDNS0_EDE
	for _, o := range opt.Option {
		if ede, ok := o.(*dns.EDNS0_EDE); ok && len(list) < maxNotes {
			list = append(list, ede)
		}
	}
	return list
}

func rcodeName(code int) string {
	if name, ok := dns.RcodeToString[code]; ok {
		return name
	}
	return "RCODE " + strconv.Itoa(code)
}

// unescape undoes the presentation form (\DDD and \c, RFC 1035 section 5.1) that the
// DNS library keeps character strings in.
func unescape(s string) string {
	if !strings.Contains(s, `\`) {
		return s
	}
	out := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' || i+1 == len(s) {
			out = append(out, s[i])
			continue
		}
		if i+3 < len(s) {
			if n, err := strconv.ParseUint(s[i+1:i+4], 10, 8); err == nil {
				out = append(out, byte(n))
				i += 3
				continue
			}
		}
		i++
		out = append(out, s[i])
	}
	return string(out)
}

// clip makes a server's text fit for a report: printable and short.
func clip(s string) string {
	s = strings.Map(func(r rune) rune {
		if !strconv.IsPrint(r) {
			return '?'
		}
		return r
	}, s)
	if len(s) > maxNote {
		s = strings.ToValidUTF8(s[:maxNote], "") + "…"
	}
	return s
}
