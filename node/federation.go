package node

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"mirnode/protocol"
)

// Peers says whom the node keeps mirrors of, and how it talks to them.
type Peers struct {
	Domains         []string // whose nodes are peers; found by SRV or their well-known descriptor
	Addresses       []string // https:// URLs of nodes that are asked for their descriptor
	Admission       string   // AdmitListed or AdmitOpen
	Block           []string
	Max             int
	Quorum          int
	PollEvery       time.Duration
	OutgoingAddress string   // the local address that connections to peers come from
	TrustErasures   []string // domains of nodes whose erasure notices are honoured for claims of any domain
}

// Gossip is the hint channel; an empty Listen switches it off.
type Gossip struct {
	Listen    string
	Advertise string
	Keys      string // a file of keys
	Interval  time.Duration
}

// OriginLog is the node's own log.
type OriginLog struct {
	Epoch      int
	StartAlone bool
}

// The kinds of admission.
const (
	AdmitListed = "allowlist" // the nodes of peers.domains
	AdmitOpen   = "open"      // every node of the network that is heard of
)

const (
	maxEpoch  = 1_000 // each is a log of its own, which all peers keep
	maxPeers  = 1_000
	maxQuorum = 64
	minQuorum = 2
)

// federationSettings are the lines of the table that other nodes are about.
func (c *Config) federationSettings() []Setting {
	return []Setting{
		text("node_key", "FILE", "the node's private key in PEM; empty: node-key.pem in data_dir, made if it is not there", &c.NodeKey),
		text("public_url", "URL", "where other nodes reach this one, as in https://node.example; empty: https:// and the domain", &c.PublicURL),
		list("peers.domains", "DOMAIN,…", "domains whose nodes are peers: their logs are mirrored here", &c.Peers.Domains),
		list("peers.addresses", "URL,…", "https:// addresses of nodes that cannot be found by their domain's DNS", &c.Peers.Addresses),
		text("peers.admission", "allowlist|open", "whose logs are mirrored: allowlist (the nodes of peers.domains) or open (every node that is heard of, up to peers.max)", &c.Peers.Admission),
		list("peers.block", "DOMAIN,…", "domains whose nodes are never peers", &c.Peers.Block),
		number("peers.max", "how many peers there can be", &c.Peers.Max),
		number("peers.quorum", "how many nodes, of this one and the peers that are named, one for each registered domain, must have seen a key that its domain no longer publishes, before a claim under it counts as verified", &c.Peers.Quorum),
		duration("peers.poll_every", "how often a peer is asked what is new, besides what hints tell", &c.Peers.PollEvery),
		text("peers.outgoing_address", "ADDR", "the local address that connections to peers come from; empty: the system's choice", &c.Peers.OutgoingAddress),
		list("peers.trust_erasures", "DOMAIN,…", "nodes whose erasure notices count for claims of any domain; without: only for claims of the node's own domain", &c.Peers.TrustErasures),
		text("gossip.listen", "ADDR:PORT", "where hints of other nodes are heard, over UDP and TCP; empty: no gossip, and peers are polled", &c.Gossip.Listen),
		text("gossip.advertise", "ADDR:PORT", "where other nodes reach gossip.listen, if it is elsewhere", &c.Gossip.Advertise),
		text("gossip.keys", "FILE", "the consortium's gossip keys: 32 bytes in base64 a line, the first is used for sending; empty: hints are not encrypted", &c.Gossip.Keys),
		duration("gossip.interval", "how often hints are passed on", &c.Gossip.Interval),
		number("origin.epoch", "the number of the node's log: raise it by one when peers say that the log has forked", &c.Origin.Epoch),
		toggle("origin.start_alone", "take claims though no peer has confirmed where the node's own log ends; only when they are gone for good", &c.Origin.StartAlone),
	}
}

func defaultPeers() Peers {
	return Peers{Admission: AdmitListed, Max: 64, Quorum: 2, PollEvery: 10 * time.Second}
}

// checkFederation checks what other nodes are about. It brings domains into lower case.
func (c *Config) checkFederation() error {
	p := &c.Peers
	faults := []error{
		oneOf("peers.admission", p.Admission, AdmitListed, AdmitOpen),
		checkDomains("peers.domains", p.Domains), checkDomains("peers.block", p.Block), checkDomains("peers.trust_erasures", p.TrustErasures),
		checkURL("public_url", c.PublicURL),
		atMost("peers.max", p.Max, maxPeers), atMost("peers.quorum", p.Quorum, maxQuorum), atMost("origin.epoch", c.Origin.Epoch, maxEpoch),
	}
	if p.Quorum < minQuorum {
		faults = append(faults, fmt.Errorf("peers.quorum: write a number above zero, and at least %d: one lying peer must not be enough", minQuorum))
	}
	for _, address := range p.Addresses {
		faults = append(faults, checkURL("peers.addresses", address))
	}
	if p.OutgoingAddress != "" {
		if _, err := netip.ParseAddr(p.OutgoingAddress); err != nil {
			faults = append(faults, fmt.Errorf("peers.outgoing_address: %q is no address: write one of this machine's, as in 192.0.2.7", p.OutgoingAddress))
		}
	}
	if c.Domain == "" && (len(p.Domains)+len(p.Addresses) > 0 || p.Admission == AdmitOpen) {
		faults = append(faults, errors.New("peers: a node without a domain cannot have peers: set domain"))
	}
	return errors.Join(append(faults, c.checkGossip())...)
}

func (c *Config) checkGossip() error {
	g := &c.Gossip
	if g.Listen == "" {
		if g.Advertise != "" {
			return errors.New("gossip.advertise: there is nothing to advertise without gossip.listen")
		}
		return nil
	}
	if c.Domain == "" {
		return errors.New("gossip.listen: a node without a domain has nobody to gossip with: set domain")
	}
	if err := checkAddress(g.Listen); err != nil {
		return fmt.Errorf("gossip.listen: %w", err)
	}
	if g.Advertise == "" {
		return nil
	}
	if err := checkAddress(g.Advertise); err != nil {
		return fmt.Errorf("gossip.advertise: %w", err)
	}
	host, port, _ := net.SplitHostPort(g.Advertise)
	if everywhere(host) || port == "0" {
		return fmt.Errorf("gossip.advertise: %s is no address that others can send to", g.Advertise)
	}
	return nil
}

func checkDomains(key string, domains []string) error {
	for i, name := range domains {
		domain, err := protocol.ParseDomain(name)
		if err != nil {
			return fmt.Errorf("%s: %q is no domain: write it like node.example", key, name)
		}
		domains[i] = domain
	}
	return nil
}

// checkURL wants https://HOST or https://HOST:PORT.
func checkURL(key, s string) error {
	if s == "" {
		return nil
	}
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "" {
		return fmt.Errorf("%s: %q: write https:// and a host, as in https://node.example or https://node.example:8443", key, s)
	}
	return nil
}

func atMost(key string, value, most int) error {
	if value > most {
		return fmt.Errorf("%s: %d is out of bounds: write a number from 1 to %d", key, value, most)
	}
	return nil
}
