package protocol

import (
	"crypto/ed25519"
	"slices"
	"strings"
	"time"

	"mirnode/internal/strictjson"
)

// ObservationRefresh is how often an observer looks at least at a key that is in use, so that what it saw at two
// times at most this far apart holds in between.
const ObservationRefresh = 24 * time.Hour

// Observation is a node's statement that it saw a domain publish a key, or that a key is gone. Logged, observations
// are the history of a domain's keys. It must not be changed.
type Observation struct {
	Observer  string    // the domain of the node that saw the key, in lower case
	Domain    string    // the domain whose key it is, in lower case
	Key       DomainKey // as published; Channels holds DNS, WellKnown or both, in this order: where it was seen last
	DNSSEC    bool      // a validating resolver vouched for the TXT record
	FirstSeen time.Time // UTC, in whole milliseconds
	LastSeen  time.Time // not before FirstSeen; the signing key is judged at this time
	Gone      bool      // the domain answered since, and did not publish the key any more

	statement
}

var observationShape = shape{
	what: "a key observation", version: "mirObservation",
	required: []string{
		"mirObservation", "observer", "network", "domain", "pub", "fingerprint", "channels", "dnssec", "firstSeen", "lastSeen", "gone",
		"keyFingerprint", "sig",
	},
	optional: []string{"created", "expires"},
}

// ParseObservation reads a key observation. It does not look at the signature. The error is an [*Error] with
// [InvalidSchema].
func ParseObservation(data []byte) (*Observation, error) {
	r, err := readStatement(data, &observationShape)
	if err != nil {
		return nil, err
	}
	o := &Observation{
		Observer: r.domain("observer"), Domain: r.domain("domain"),
		Key: DomainKey{
			Public: r.publicKey("pub"), Fingerprint: r.hash("fingerprint"), Channels: r.channels("channels"),
			Created: r.optionalTime("created"), Expires: r.optionalTime("expires"),
		},
		DNSSEC: r.flag("dnssec"), FirstSeen: r.moment("firstSeen"), LastSeen: r.moment("lastSeen"), Gone: r.flag("gone"),
		statement: r.signed(),
	}
	if o.Key.Fingerprint != Fingerprint(o.Key.Public) {
		r.fail("", "fingerprint is not that of pub")
	}
	if o.LastSeen.Before(o.FirstSeen) {
		r.fail("", "lastSeen is before firstSeen")
	}
	if err := r.err(); err != nil {
		return nil, err
	}
	if err := o.seal(o, r.root.Literal()); err != nil {
		return nil, err
	}
	return o, nil
}

// channels reads a list of the two public channels, sorted, each at most once, and not empty.
func (r *memberReader) channels(name string) []Channel {
	v, _ := r.root.Lookup(name)
	if v.Kind() != strictjson.Array || v.Len() == 0 {
		r.fail("", "%s is no list of channels", name)
		return nil
	}
	list := make([]Channel, v.Len())
	for i := range list {
		list[i] = Channel(v.Element(i).Text())
		if list[i] != DNS && list[i] != WellKnown || i > 0 && list[i] <= list[i-1] {
			r.fail("", "%s holds something else than dns and well-known, sorted, each once", name)
		}
	}
	return list
}

func (o *Observation) write(w *memberWriter) {
	channels := make([]string, len(o.Key.Channels))
	for i, c := range o.Key.Channels {
		channels[i] = string(c)
	}
	w.texts("channels", channels)
	w.optionalTime("created", o.Key.Created)
	w.flag("dnssec", o.DNSSEC)
	w.text("domain", o.Domain)
	w.optionalTime("expires", o.Key.Expires)
	w.text("fingerprint", o.Key.Fingerprint)
	w.time("firstSeen", o.FirstSeen)
	w.flag("gone", o.Gone)
	w.text("keyFingerprint", o.keyFingerprint)
	w.time("lastSeen", o.LastSeen)
	w.number("mirObservation", 1)
	w.text("network", string(o.network))
	w.text("observer", o.Observer)
	w.text("pub", EncodePublicKey(o.Key.Public))
	w.signature()
}

// Kind returns [KindObservation].
func (o *Observation) Kind() Kind { return KindObservation }

// Signer returns the observer and the fingerprint of its key.
func (o *Observation) Signer() (domain, fingerprint string) { return o.Observer, o.keyFingerprint }

// IssuedAt returns LastSeen.
func (o *Observation) IssuedAt() time.Time { return o.LastSeen }

// Covers reports whether the observation speaks for the key at a time: from the key's creation, where the domain said
// it and it is earlier than what the observer saw, else from [ObservationRefresh] before FirstSeen, to
// ObservationRefresh after LastSeen; and never past the key's own end, with the clocks' skew.
func (o *Observation) Covers(t time.Time) bool {
	from, to := o.FirstSeen.Add(-ObservationRefresh), o.LastSeen.Add(ObservationRefresh)
	if created := o.Key.Created; !created.IsZero() && created.Before(from) {
		from = created
	}
	if expires := o.Key.Expires; !expires.IsZero() && expires.Add(ClockSkew).Before(to) {
		to = expires.Add(ClockSkew)
	}
	return !t.Before(from) && !t.After(to)
}

// ObservationDraft is an observation that is not signed yet.
type ObservationDraft struct {
	Observer  string
	Network   Network
	Domain    string
	Key       DomainKey // Fingerprint is computed; Channels are sorted; times are truncated to milliseconds
	DNSSEC    bool
	FirstSeen time.Time
	LastSeen  time.Time
	Gone      bool
}

// Sign makes the observation. The same draft and key always give the same one. The error is an [*Error]: for a draft
// that breaks the bounds of [Observation], or for a key that is none.
func (d ObservationDraft) Sign(key ed25519.PrivateKey) (*Observation, error) {
	fingerprint, err := signingFingerprint(key)
	if err != nil {
		return nil, err
	}
	o := &Observation{
		Observer: strings.ToLower(d.Observer), Domain: strings.ToLower(d.Domain), Key: d.Key, DNSSEC: d.DNSSEC,
		FirstSeen: d.FirstSeen, LastSeen: d.LastSeen, Gone: d.Gone,
		statement: statement{network: d.Network, keyFingerprint: fingerprint},
	}
	o.Key.Fingerprint = Fingerprint(d.Key.Public)
	o.Key.Channels = slices.Compact(slices.Sorted(slices.Values(d.Key.Channels)))
	return ParseObservation(signStatement(o, key))
}
