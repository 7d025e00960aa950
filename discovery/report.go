package discovery

import (
	"encoding/json"
	"time"

	"mirnode/protocol"
)

// Status is what became of reading one channel.
type Status string

// The statuses. Only Unreachable is a passing fault; all others are the domain's answer.
const (
	StatusOK          Status = "ok"          // read; keys or records are in the report
	StatusAbsent      Status = "absent"      // the domain answered that it has none
	StatusUnreachable Status = "unreachable" // no answer, or one that says "not now": no verdict
	StatusRefused     Status = "refused"     // it lies at an address that must not be connected to
	StatusInvalid     Status = "invalid"     // there is something, but no key document
)

// Agreement is how the two channels compare.
type Agreement string

// The agreements.
const (
	Agree     Agreement = "agree"    // both hold the same keys
	Disagree  Agreement = "disagree" // both hold keys, but not the same
	OneAlone  Agreement = "single"   // one holds keys, the other has none
	NoKeys    Agreement = "none"     // both answered, and neither holds a key
	Uncertain Agreement = "unknown"  // a channel gave no usable answer
)

// Level is how a finding is to be taken.
type Level string

// The levels.
const (
	Pass Level = "pass"
	Warn Level = "warn"
	Fail Level = "fail"
)

// Finding is one thing that was looked at, for the person who runs the domain.
type Finding struct {
	Channel protocol.Channel `json:"channel,omitempty"` // "": the domain as a whole
	Level   Level            `json:"level"`
	Message string           `json:"message"`
	Fix     string           `json:"fix,omitempty"` // the exact record or document to set, where there is one
}

// ChannelReport is what one channel said.
type ChannelReport struct {
	Status    Status
	Where     string               // the URL, or the name of the TXT record
	Detail    string               // the status in words
	Keys      []protocol.DomainKey // at most MaxKeys. With StatusUnreachable: read before, and good until ExpiresAt
	Problems  []string             // records and entries that are ignored, and why
	TTL       time.Duration        // as published, before our bounds; 0 also where nothing is said
	DNSSEC    bool                 // a validating resolver that may be believed vouched for the answer
	TrustsAD  bool                 // the resolver may be believed about DNSSEC: on loopback, or over TLS
	Notes     []string             // the resolver's extended DNS errors (RFC 8914)
	Chain     []string             // CNAME targets on the way to the TXT records
	FetchedAt time.Time            // when Keys were asked for
	ExpiresAt time.Time            // when Keys must be read again

	noName        bool // the well-known document's: the domain itself does not exist in DNS
	authoritative bool // DNS's: the answer came from the domain's own name servers, not from a resolver
}

// Report is what a domain publishes. It is shared: callers must not change it.
type Report struct {
	Domain    string // in lower case
	Keys      []protocol.DomainKey
	WellKnown ChannelReport
	DNS       ChannelReport
	Agreement Agreement
	Missing   bool // DNS says that the domain itself does not exist (NXDOMAIN)
	Findings  []Finding
	FetchedAt time.Time // when the domain was asked
	ExpiresAt time.Time // when the cache asks it again by itself
}

// unreachable tells whether a key that is not in the report may exist all the same.
func (r *Report) unreachable() bool {
	return r.WellKnown.Status == StatusUnreachable || r.DNS.Status == StatusUnreachable
}

// newReport joins the two channels.
func newReport(domain string, wellKnown, dns ChannelReport, at time.Time, cfg Config) *Report {
	r := &Report{Domain: domain, WellKnown: wellKnown, DNS: dns, FetchedAt: at}
	r.Keys = union(wellKnown.Keys, dns.Keys)
	if wellKnown.noName && dns.Status == StatusAbsent {
		r.Missing, r.DNS.Detail = true, noSuchDomain
	}
	r.Agreement = agreement(r)
	r.ExpiresAt = expiry(r, cfg)
	r.Findings = findings(r)
	return r
}

// union lists each key once, with its channels. Times come from the document: TXT
// records have none.
func union(wellKnown, dns []protocol.DomainKey) []protocol.DomainKey {
	keys := make([]protocol.DomainKey, 0, max(len(wellKnown), len(dns)))
	at := make(map[string]int, len(wellKnown))
	for _, k := range wellKnown {
		at[k.Fingerprint] = len(keys)
		k.Channels = []protocol.Channel{protocol.WellKnown}
		keys = append(keys, k)
	}
	for _, k := range dns {
		if i, ok := at[k.Fingerprint]; ok {
			keys[i].Channels = []protocol.Channel{protocol.WellKnown, protocol.DNS}
			continue
		}
		k.Channels = []protocol.Channel{protocol.DNS}
		keys = append(keys, k)
	}
	return keys
}

func agreement(r *Report) Agreement {
	answered := func(c ChannelReport) bool { return c.Status == StatusOK || c.Status == StatusAbsent }
	if !answered(r.WellKnown) || !answered(r.DNS) {
		return Uncertain
	}
	switch inDocument, inDNS := len(r.WellKnown.Keys), len(r.DNS.Keys); {
	case inDocument == 0 && inDNS == 0:
		return NoKeys
	case inDocument == 0 || inDNS == 0:
		return OneAlone
	case inDocument == len(r.Keys) && inDNS == len(r.Keys):
		return Agree
	}
	return Disagree
}

// expiry is the earliest end of any keys; without keys, of the absence or the fault.
func expiry(r *Report, cfg Config) time.Time {
	end := r.FetchedAt.Add(cfg.MaxTTL)
	for _, c := range []ChannelReport{r.WellKnown, r.DNS} {
		switch {
		case len(r.Keys) > 0 && len(c.Keys) == 0:
			continue
		case c.ExpiresAt.Before(end):
			end = c.ExpiresAt
		}
	}
	return end
}

type keyJSON struct {
	Pub         string             `json:"pub"`
	Fingerprint string             `json:"fingerprint"`
	Alg         string             `json:"alg"`
	Created     *time.Time         `json:"created,omitempty"`
	Expires     *time.Time         `json:"expires"`
	Channels    []protocol.Channel `json:"channels,omitempty"`
}

func keysJSON(keys []protocol.DomainKey) []keyJSON {
	list := make([]keyJSON, len(keys))
	for i, k := range keys {
		list[i] = keyJSON{Pub: protocol.EncodePublicKey(k.Public), Fingerprint: k.Fingerprint, Alg: "Ed25519", Channels: k.Channels}
		if !k.Created.IsZero() {
			created := millis(k.Created)
			list[i].Created = &created
		}
		if !k.Expires.IsZero() {
			expires := millis(k.Expires)
			list[i].Expires = &expires
		}
	}
	return list
}

// millis is a time as all our JSON has it: UTC, in whole milliseconds.
func millis(t time.Time) time.Time { return t.UTC().Truncate(time.Millisecond) }

// MarshalJSON gives keys in the form of a key document, and times to live in seconds.
func (c ChannelReport) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		Status   Status    `json:"status"`
		Where    string    `json:"where"`
		Detail   string    `json:"detail"`
		Keys     []keyJSON `json:"keys"`
		Problems []string  `json:"problems,omitempty"`
		TTL      int64     `json:"ttlSeconds"`
		DNSSEC   bool      `json:"dnssec"`
		Notes    []string  `json:"notes,omitempty"`
		Chain    []string  `json:"cnames,omitempty"`
	}{c.Status, c.Where, c.Detail, keysJSON(c.Keys), c.Problems, int64(c.TTL / time.Second), c.DNSSEC, c.Notes, c.Chain})
}

// MarshalJSON is the form that `GET /domains/{domain}/keys` and `mir domain check --json` show. Findings that are nil are left out.
func (r *Report) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		Domain    string        `json:"domain"`
		Keys      []keyJSON     `json:"keys"`
		Agreement Agreement     `json:"agreement"`
		WellKnown ChannelReport `json:"wellKnown"`
		DNS       ChannelReport `json:"dns"`
		Findings  []Finding     `json:"findings,omitempty"`
		FetchedAt time.Time     `json:"fetchedAt"`
		ExpiresAt time.Time     `json:"expiresAt"`
	}{r.Domain, keysJSON(r.Keys), r.Agreement, r.WellKnown, r.DNS, r.Findings, millis(r.FetchedAt), millis(r.ExpiresAt)})
}
