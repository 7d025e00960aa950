package protocol

import (
	"crypto/ed25519"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// MaxDescriptorLife bounds how long a descriptor is good for.
const MaxDescriptorLife = 366 * 24 * time.Hour

// Descriptor is what a node says of itself: where it is, and by which key its log is checked. Peers publish and pass
// on the one with the highest Sequence. It must not be changed.
type Descriptor struct {
	Domain    string // of the node, in lower case
	URL       string // https://host or https://host:port, the host a domain in lower case; no slash behind it
	Gossip    string // host:port of the hint channel, the host a domain in lower case or an IP address; "" where there is none
	Origin    Origin // the log, of the same domain and network
	LogKey    ed25519.PublicKey
	Sequence  uint64    // from 1 to 2^53-1; each descriptor of a domain has a higher one than the one before
	Issued    time.Time // UTC, in whole milliseconds; the signing key is judged at this time
	ExpiresAt time.Time // after Issued, by at most MaxDescriptorLife

	statement
}

var descriptorShape = shape{
	what: "a node descriptor", version: "mirNode",
	required: []string{
		"mirNode", "domain", "network", "url", "origin", "logKey", "sequence", "issuedAt", "expires", "keyFingerprint", "sig",
	},
	optional: []string{"gossip"},
}

// ParseDescriptor reads a node descriptor. It looks neither at the signature nor at a clock. The error is an [*Error]
// with [InvalidSchema].
func ParseDescriptor(data []byte) (*Descriptor, error) {
	r, err := readStatement(data, &descriptorShape)
	if err != nil {
		return nil, err
	}
	d := &Descriptor{
		Domain: r.domain("domain"), URL: r.text("url"), LogKey: r.publicKey("logKey"), Sequence: r.count("sequence"),
		Issued: r.moment("issuedAt"), ExpiresAt: r.moment("expires"), statement: r.signed(),
	}
	if !validNodeURL(d.URL) {
		r.fail("a node's URL is https:// and a domain in lower case, with a port at most, and nothing behind it", "url %s is no node's", quote(d.URL))
	}
	if r.has("gossip") {
		if d.Gossip = r.text("gossip"); !validHostPort(d.Gossip) {
			r.fail("", "gossip %s is no host and port", quote(d.Gossip))
		}
	}
	origin, err := ParseOrigin(r.text("origin"))
	if err != nil || origin.Domain != d.Domain || origin.Network != d.network {
		r.fail("", "origin is not that of a log of the node's domain and network")
	}
	d.Origin = origin
	if life := d.ExpiresAt.Sub(d.Issued); life <= 0 || life > MaxDescriptorLife {
		r.fail("", "expires is not after issuedAt by %v at most", MaxDescriptorLife)
	}
	if err := r.err(); err != nil {
		return nil, err
	}
	if err := d.seal(d, r.root.Literal()); err != nil {
		return nil, err
	}
	return d, nil
}

// validNodeURL takes no user, path, query or fragment, and no second spelling.
func validNodeURL(s string) bool {
	host, ok := strings.CutPrefix(s, "https://")
	if !ok {
		return false
	}
	host, port, given := strings.Cut(host, ":")
	return validLowerDomain(host) && (!given || validPort(port))
}

// validHostPort takes a domain in lower case or an IP address, the latter in the spelling of RFC 5952, and a port.
func validHostPort(s string) bool {
	if a, err := netip.ParseAddrPort(s); err == nil {
		return a.Port() != 0 && a.Addr().Zone() == "" && a.String() == s
	}
	host, port, _ := strings.Cut(s, ":")
	return validLowerDomain(host) && validPort(port)
}

func validPort(s string) bool {
	n, err := strconv.ParseUint(s, 10, 16)
	return err == nil && n > 0 && strconv.FormatUint(n, 10) == s
}

func (d *Descriptor) write(w *memberWriter) {
	w.text("domain", d.Domain)
	w.time("expires", d.ExpiresAt)
	if d.Gossip != "" {
		w.text("gossip", d.Gossip)
	}
	w.time("issuedAt", d.Issued)
	w.text("keyFingerprint", d.keyFingerprint)
	w.text("logKey", EncodePublicKey(d.LogKey))
	w.number("mirNode", 1)
	w.text("network", string(d.network))
	w.text("origin", d.Origin.String())
	w.number("sequence", d.Sequence)
	w.signature()
	w.text("url", d.URL)
}

// Kind returns [KindDescriptor].
func (d *Descriptor) Kind() Kind { return KindDescriptor }

// Signer returns the node's domain and the fingerprint of its key.
func (d *Descriptor) Signer() (domain, fingerprint string) { return d.Domain, d.keyFingerprint }

// IssuedAt returns Issued.
func (d *Descriptor) IssuedAt() time.Time { return d.Issued }

// Valid reports whether the descriptor may be used at a time: from Issued, with the clocks' skew, to ExpiresAt.
func (d *Descriptor) Valid(at time.Time) bool {
	return !at.Before(d.Issued.Add(-ClockSkew)) && at.Before(d.ExpiresAt)
}

// DescriptorDraft is a descriptor that is not signed yet. The domain and the network are those of the origin.
type DescriptorDraft struct {
	Origin    Origin
	URL       string
	Gossip    string // "" where there is none
	LogKey    ed25519.PublicKey
	Sequence  uint64
	Issued    time.Time // truncated to milliseconds, as ExpiresAt is
	ExpiresAt time.Time
}

// Sign makes the descriptor. The same draft and key always give the same one. The error is an [*Error]: for a draft
// that breaks the bounds of [Descriptor], or for a key that is none.
func (d DescriptorDraft) Sign(key ed25519.PrivateKey) (*Descriptor, error) {
	fingerprint, err := signingFingerprint(key)
	if err != nil {
		return nil, err
	}
	return ParseDescriptor(signStatement(&Descriptor{
		Domain: d.Origin.Domain, URL: d.URL, Gossip: d.Gossip, Origin: d.Origin, LogKey: d.LogKey,
		Sequence: d.Sequence, Issued: d.Issued, ExpiresAt: d.ExpiresAt,
		statement: statement{network: d.Origin.Network, keyFingerprint: fingerprint},
	}, key))
}
