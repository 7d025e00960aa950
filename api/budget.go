package api

import (
	"math"
	"net/netip"
	"strconv"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
	"golang.org/x/time/rate"
)

// Rate is a token bucket: PerSecond tokens flow in, at most Burst are held. PerSecond 0 means no limit.
type Rate struct {
	PerSecond float64
	Burst     int
}

// Limits are the budgets of each client (an IPv4 address or an IPv6 /64), of each issuing domain and of each issuer that uses its API keys, and how many of them are remembered.
type Limits struct {
	Read   Rate // requests that read
	Submit Rate // claims submitted, alone or in a batch
	Verify Rate // claims verified without being kept
	Lookup Rate // key look-ups of domains that are not in the node's cache
	Domain Rate // claims kept for one issuing domain, whoever submits them
	Peer   Rate // what other nodes ask for: one for a tile or a head, more for many entries or records at once

	AssertionLookup Rate // look-ups of many files at once, for each issuer, whatever keys it uses
	AssertionWrite  Rate // assertions, revocations, edits, and changes of an issuer, in the same way

	// Clients bounds how many clients, how many domains and how many issuers have a bucket of their own; the one that was not seen for longest is forgotten first.
	Clients int
}

// DefaultLimits are those of a node whose operator has set none: generous to a platform's servers, short for a flood.
func DefaultLimits() Limits {
	return Limits{
		Read:   Rate{PerSecond: 200, Burst: 2000},
		Submit: Rate{PerSecond: 500, Burst: 5000},
		Verify: Rate{PerSecond: 200, Burst: 2000},
		Lookup: Rate{PerSecond: 2, Burst: 60},
		Domain: Rate{PerSecond: 500, Burst: 10000},
		Peer:   Rate{PerSecond: 1000, Burst: 10000}, // of that a peer takes 450 a second while it catches up at 20,000 entries a second

		AssertionLookup: Rate{PerSecond: 0.5, Burst: 30}, // 30 a minute
		AssertionWrite:  Rate{PerSecond: 1, Burst: 60},   // 60 a minute

		Clients: 65536,
	}
}

// budget is one class of token buckets, one bucket a key. It is safe for concurrent use. A nil budget allows everything.
type budget[K comparable] struct {
	name, does string // as told in headers, and in errors: "the budget for reading"
	rate       Rate
	policy     []string // the RateLimit-Policy header's value, built once
	buckets    *lru.Cache[K, *rate.Limiter]
}

func newBudget[K comparable](name, does string, r Rate, keys int) *budget[K] {
	if r.PerSecond <= 0 {
		return nil
	}
	buckets, err := lru.New[K, *rate.Limiter](max(1, keys))
	if err != nil {
		panic(err) // only for a size below 1
	}
	window := max(1, math.Ceil(float64(r.Burst)/r.PerSecond))
	policy := `"` + name + `";q=` + strconv.Itoa(r.Burst) + ";w=" + strconv.FormatInt(int64(window), 10)
	return &budget[K]{name: name, does: does, rate: r, policy: []string{policy}, buckets: buckets}
}

// bucket gives the key's bucket, full if it is new.
func (b *budget[K]) bucket(key K) *rate.Limiter {
	if bucket, ok := b.buckets.Get(key); ok {
		return bucket
	}
	fresh := rate.NewLimiter(rate.Limit(b.rate.PerSecond), b.rate.Burst)
	if earlier, ok, _ := b.buckets.PeekOrAdd(key, fresh); ok {
		return earlier
	}
	return fresh
}

// take takes n tokens, or none and reports false.
func (b *budget[K]) take(key K, n int, now time.Time) bool {
	return b == nil || b.bucket(key).AllowN(now, n)
}

// borrow takes one token, which the function that it gives puts back.
func (b *budget[K]) borrow(key K, now time.Time) (giveBack func(), ok bool) {
	if b == nil {
		return func() {}, true
	}
	reservation := b.bucket(key).ReserveN(now, 1)
	if !reservation.OK() || reservation.DelayFrom(now) > 0 {
		reservation.CancelAt(now)
		return nil, false
	}
	return func() { reservation.CancelAt(now) }, true
}

// takeUpTo takes as many tokens as there are, at most n, and gives their number.
func (b *budget[K]) takeUpTo(key K, n int, now time.Time) int {
	if b == nil {
		return n
	}
	bucket := b.bucket(key)
	for n > 0 {
		if bucket.AllowN(now, n) {
			return n
		}
		n = min(n-1, int(bucket.TokensAt(now)))
	}
	return 0
}

// wait is how long until n tokens are there, rounded up to whole seconds and at least one.
func (b *budget[K]) wait(key K, n int, now time.Time) time.Duration {
	missing := float64(n) - b.bucket(key).TokensAt(now)
	return time.Duration(max(1, math.Ceil(missing/b.rate.PerSecond))) * time.Second
}

// admit takes one token, or none and reports false. state is the RateLimit header's value after that (draft-ietf-httpapi-ratelimit-headers): what is
// left, and in how many seconds the bucket is full again.
func (b *budget[K]) admit(key K, now time.Time) (allowed bool, state string) {
	bucket := b.bucket(key)
	allowed = bucket.AllowN(now, 1)
	tokens := bucket.TokensAt(now)
	text := make([]byte, 0, 48)
	text = append(text, '"')
	text = append(text, b.name...)
	text = append(text, `";r=`...)
	text = strconv.AppendInt(text, int64(max(0, math.Floor(tokens))), 10)
	text = append(text, ";t="...)
	text = strconv.AppendInt(text, int64(math.Ceil((float64(b.rate.Burst)-tokens)/b.rate.PerSecond)), 10)
	return allowed, string(text)
}

// clientKey is what a client's budgets are counted on: its IPv4 address, or its IPv6 /64, since one subscriber commonly holds a whole /64.
func clientKey(address netip.Addr) netip.Addr {
	address = address.Unmap().WithZone("")
	if !address.Is6() {
		return address
	}
	prefix, err := address.Prefix(64)
	if err != nil {
		return address
	}
	return prefix.Addr()
}
