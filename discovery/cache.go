package discovery

import (
	"sync/atomic"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"

	"mirnode/protocol"
)

// entry is a cached report, prepared for look-ups by fingerprint. It does not change.
type entry struct {
	report  *Report
	expires time.Time
	keys    map[string]protocol.FoundKey // by fingerprint; Cached is set
}

func newEntry(r *Report) *entry {
	e := &entry{report: r, expires: r.ExpiresAt, keys: make(map[string]protocol.FoundKey, len(r.Keys))}
	for _, k := range r.Keys {
		found := protocol.FoundKey{Domain: r.Domain, Key: k, Cached: true, Warnings: warnings(r, k)}
		for _, channel := range k.Channels {
			c := r.WellKnown
			if channel == protocol.DNS {
				c = r.DNS
				found.DNSSEC = c.DNSSEC
			}
			if c.FetchedAt.After(found.FetchedAt) {
				found.FetchedAt = c.FetchedAt
			}
		}
		e.keys[k.Fingerprint] = found
	}
	return e
}

// fresh tells whether the entry may still be used.
func (e *entry) fresh(now time.Time) bool { return now.Before(e.expires) }

// final tells whether a fingerprint that is not in the entry needs no fetch: the entry
// was asked for at or after since, or is young enough.
func (e *entry) final(since, now time.Time, young time.Duration) bool {
	at := e.report.FetchedAt
	return !at.Before(since) || now.Sub(at) < young
}

// cache holds domains with keys apart from those without, so that a flood of made-up
// domains evicts none that is real. It may be used from several goroutines; put and
// remove for one domain must not overlap.
type cache struct {
	positive, negative *lru.Cache[string, *entry]
	keys               atomic.Int64 // in positive
}

func newCache(domains int) (*cache, error) {
	c := new(cache)
	var err error
	c.positive, err = lru.NewWithEvict(domains, func(_ string, e *entry) { c.keys.Add(-int64(len(e.keys))) })
	if err != nil {
		return nil, err
	}
	c.negative, err = lru.New[string, *entry](domains)
	return c, err
}

// get returns the domain's entry, fresh or not, or nil.
func (c *cache) get(domain string) *entry {
	if e, ok := c.positive.Get(domain); ok {
		return e
	}
	e, _ := c.negative.Get(domain)
	return e
}

func (c *cache) put(domain string, e *entry) {
	if len(e.keys) == 0 {
		c.positive.Remove(domain)
		c.negative.Add(domain, e)
		return
	}
	c.negative.Remove(domain)
	c.positive.Remove(domain) // Add alone would replace it without a call of the evict hook
	c.keys.Add(int64(len(e.keys)))
	c.positive.Add(domain, e)
	for c.keys.Load() > maxCachedKeys && c.positive.Len() > 1 {
		c.positive.RemoveOldest()
	}
}

func (c *cache) remove(domain string) {
	c.positive.Remove(domain)
	c.negative.Remove(domain)
}
