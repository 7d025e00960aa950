// Package names is the internet as the nodes under test see it: a DNS server with authority over the test's domains, and an HTTPS server that serves their
// documents with certificates of an authority of its own.
//
// A domain is published with one call, and from then on every answer follows what was published: its keys in either channel, or faults (a code instead of
// an answer, silence, delays, redirects, broken documents, bad certificates). The servers count what they are asked, so that cases can tell a cache from none.
// What lies outside the suffix is forwarded to upstream servers, so that nodes can live with these two servers alone.
package names

import (
	"encoding/json"
	"net/netip"
	"time"
)

// Channels in which a key is published.
const (
	DNS       = "dns"
	WellKnown = "well-known"
)

// Domain is what one domain publishes. The zero Domain exists (it has an address) and publishes no key.
type Domain struct {
	TTL       int                 // seconds of its records, and max-age of its document; 0 is the zero TTL, which says: do not keep
	Keys      []PublishedKey      // in both channels, or in those that each names
	Records   []string            // further records, each a zone file's line without its TTL: `_mir-key TXT "mir-key=" "…"`; names are relative to the domain
	Document  *Document           // in place of the document that is made of Keys
	Documents map[string]Document // further documents, by path; also one at the well-known path, before Document
	Rcode     string              // "SERVFAIL", "REFUSED", "NXDOMAIN"…: the answer to every question for the domain's names
	// RcodeOf answers questions of one name only with a code: "_mir-key" (relative to the domain; "@" is itself).
	RcodeOf map[string]string
	// DNSDelay holds every answer back; at most maxDelay.
	DNSDelay time.Duration
	// DropDNS leaves every question for _mir-key without an answer, as a dead server does; the domain's address is still answered.
	DropDNS bool
	// Truncate answers over UDP with the TC bit and nothing else, so that a resolver must ask over TCP.
	Truncate bool
	// Certificate is "" for a good one, or "self-signed", "other-name", "expired".
	Certificate string
	// Addresses are those of its A and AAAA records; nil is where the HTTPS server listens. Empty, not nil, is none.
	Addresses []netip.Addr
}

// PublishedKey is a key as a domain publishes it: nothing of it is checked, so that wrong ones can be published.
type PublishedKey struct {
	Public      string   // base64url, as it stands in both channels
	Fingerprint string   // hex
	Algorithm   string   // "" is Ed25519
	Channels    []string // nil is both
	// Created and Expires are the members' JSON values in the document; nil leaves them out.
	Created, Expires json.RawMessage
}

// Document is an HTTP answer.
type Document struct {
	Status      int    // 0 is 200
	ContentType string // "" is application/json; "none" sends no Content-Type
	Headers     map[string]string
	Location    string // HTTPS_PORT in it becomes the HTTPS server's port
	Body        string
	Delay       time.Duration // before the first byte; at most maxDelay
	DripEvery   time.Duration // pause between any two bytes of the body; 0 sends it at once
	Hang        bool          // never answer; the connection stays open until the client or the server closes it
	Close       bool          // close the connection instead of answering
}

// Counts are what the servers were asked about a domain and the names below it.
type Counts struct {
	DNS   int // questions for TXT records at _mir-key
	HTTPS int // requests for documents
	Plain int // requests in clear text, at the same port: they are served like the others, so that who asks so is found out
}
