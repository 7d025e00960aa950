package discovery

import (
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"time"
)

// Defaults of Config, and bounds that are not configurable.
const (
	DefaultMinTTL       = time.Minute
	DefaultMaxTTL       = 24 * time.Hour
	DefaultTTL          = time.Hour
	DefaultNegativeTTL  = 5 * time.Minute
	DefaultFailureTTL   = 5 * time.Second
	DefaultRefetchAge   = time.Second
	DefaultRefetchEvery = 10 * time.Second
	DefaultRefetchBurst = 5
	DefaultTimeout      = 10 * time.Second
	DefaultHTTPTimeout  = 5 * time.Second
	DefaultCacheDomains = 10_000
	DefaultMaxLookups   = 256
	DefaultMaxWaiting   = 1024

	// MaxKeys bounds the keys that are taken from one channel of a domain: a key a
	// fortnight for the year that retired keys stay listed, several times over.
	MaxKeys = 128
	// MaxBody bounds the body of any answer to the guarded HTTP client, in bytes.
	MaxBody = 64 << 10
	// MaxRedirects bounds the redirects that the guarded HTTP client follows.
	MaxRedirects = 3

	// maxCachedKeys bounds the cache's memory (some 500 bytes a key) where many
	// domains publish many keys each.
	maxCachedKeys = 100_000
	// minNegativeTTL bounds below how long an absence is believed.
	minNegativeTTL = 10 * time.Second
	// busyRetry is what we tell those whom we turn away because we are busy.
	busyRetry = 2 * time.Second
)

// Config says whom to ask, what may be reached, and what is kept for how long. The
// zero value is good for the public Internet. Zero fields mean the defaults.
type Config struct {
	// Resolvers are asked in order: "udp://127.0.0.1:53", "tcp://127.0.0.1:53",
	// "tls://192.0.2.1:853#server.name". Empty: the nameservers of /etc/resolv.conf.
	Resolvers []string
	// AllowRanges are address ranges that may be connected to although they are not
	// public, for tests and closed networks. IPv4-mapped IPv6 addresses need a mapped
	// prefix beside the IPv4 one. A node behind NAT64 alone needs 64:ff9b::/96, and a
	// gateway that drops private IPv4 addresses in it.
	AllowRanges []netip.Prefix
	// ExtraCAs are trusted beside the system's, for HTTPS and DNS over TLS.
	ExtraCAs []*x509.Certificate
	// WellKnownPort is the port of all outgoing HTTPS. 0: 443.
	WellKnownPort int

	// MinTTL and MaxTTL bound how long found keys are kept, whatever TTL or max-age
	// say; DefaultTTL counts where they say nothing.
	MinTTL, MaxTTL, DefaultTTL time.Duration
	// NegativeTTL bounds above how long "no keys" is kept.
	NegativeTTL time.Duration
	// FailureTTL is how long "no answer" is kept.
	FailureTTL time.Duration
	// RefetchAge is the age below which a cached set is final about a fingerprint
	// that is not in it. An older set is fetched again first.
	RefetchAge time.Duration
	// RefetchEvery and RefetchBurst are a domain's budget for such fetches.
	RefetchEvery time.Duration
	RefetchBurst int

	// DNSTryTimeout bounds one resolver's answer (2 s), DNSTimeout one question over
	// all resolvers (5 s), HTTPTimeout one document with its redirects (5 s), Timeout
	// a whole look-up with its wait for a free slot (10 s).
	DNSTryTimeout, DNSTimeout, HTTPTimeout, Timeout time.Duration

	// CacheDomains bounds the domains with keys in the cache, and apart from them
	// those without.
	CacheDomains int
	// MaxLookups bounds the look-ups under way, MaxWaiting those that wait for a slot.
	// Names below one registered domain have a sixteenth of the former and a quarter of both.
	MaxLookups, MaxWaiting int

	// Observed is called with the report of each look-up that the domain was asked for, once it is in the cache. It is called by the
	// look-up's goroutine, several of which may be at it, must return at once, and must not change the report. nil: nobody cares.
	Observed func(*Report)

	Logger *slog.Logger     // nil: silent
	Now    func() time.Time // nil: time.Now
}

// withDefaults fills in the zero fields and checks the others.
func (c Config) withDefaults() (Config, error) {
	for _, d := range []struct {
		field *time.Duration
		value time.Duration
		name  string
	}{
		{&c.MinTTL, DefaultMinTTL, "MinTTL"}, {&c.MaxTTL, DefaultMaxTTL, "MaxTTL"}, {&c.DefaultTTL, DefaultTTL, "DefaultTTL"},
		{&c.NegativeTTL, DefaultNegativeTTL, "NegativeTTL"}, {&c.FailureTTL, DefaultFailureTTL, "FailureTTL"},
		{&c.RefetchAge, DefaultRefetchAge, "RefetchAge"}, {&c.RefetchEvery, DefaultRefetchEvery, "RefetchEvery"},
		{&c.Timeout, DefaultTimeout, "Timeout"}, {&c.HTTPTimeout, DefaultHTTPTimeout, "HTTPTimeout"},
	} {
		if *d.field < 0 {
			return c, fmt.Errorf("discovery: %s is negative", d.name)
		}
		if *d.field == 0 {
			*d.field = d.value
		}
	}
	for _, n := range []struct {
		field *int
		value int
		name  string
	}{
		{&c.RefetchBurst, DefaultRefetchBurst, "RefetchBurst"}, {&c.CacheDomains, DefaultCacheDomains, "CacheDomains"},
		{&c.MaxLookups, DefaultMaxLookups, "MaxLookups"}, {&c.MaxWaiting, DefaultMaxWaiting, "MaxWaiting"},
		{&c.WellKnownPort, 443, "WellKnownPort"},
	} {
		if *n.field < 0 {
			return c, fmt.Errorf("discovery: %s is negative", n.name)
		}
		if *n.field == 0 {
			*n.field = n.value
		}
	}
	if c.MinTTL > c.MaxTTL {
		return c, errors.New("discovery: MinTTL is over MaxTTL")
	}
	if c.WellKnownPort > 65535 {
		return c, fmt.Errorf("discovery: WellKnownPort %d is no port", c.WellKnownPort)
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return c, nil
}

// roots returns the system's certificate authorities and the extra ones.
func (c Config) roots() *x509.CertPool {
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool() // a machine without any: the extra ones alone
	}
	for _, cert := range c.ExtraCAs {
		pool.AddCert(cert)
	}
	return pool
}

// lifetime bounds how long an answer is kept: by MinTTL and MaxTTL where it holds keys,
// by NegativeTTL where it holds none. given: the answer says ttl itself.
func (c Config) lifetime(ttl time.Duration, given, keys bool) time.Duration {
	switch {
	case keys && given:
		return min(max(ttl, c.MinTTL), c.MaxTTL)
	case keys:
		return min(max(c.DefaultTTL, c.MinTTL), c.MaxTTL)
	case given:
		return min(max(ttl, minNegativeTTL), c.NegativeTTL)
	}
	return c.NegativeTTL
}
