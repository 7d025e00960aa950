package mirror

import (
	"context"
	"slices"
	"time"

	"mirnode/gossip/peers"
	"mirnode/protocol"
	"mirnode/store"
	"mirnode/verifier"
)

// signing names the key that a record is signed with, and when.
type signing struct {
	domain, fingerprint string
	at                  time.Time
}

// quorum finds the observers that stand for keys which are not published now. It remembers the observations of the keys that it was
// asked about last, and who had a voice when it was made, and so lives for one batch. It is for one goroutine.
type quorum struct {
	m      *Mirror
	voices []string          // domains, one of each site after the other
	sites  map[string]string // the registered domain of each voice
	seen   map[signedKey][]*protocol.Observation
}

// signedKey is a key of a domain.
type signedKey struct{ domain, fingerprint string }

// maxSeenKeys is how many keys a quorum remembers the observations of: most batches are of few. Each takes some 1 KB for an observation.
const maxSeenKeys = 16

func (m *Mirror) newQuorum() *quorum {
	return &quorum{m: m, seen: make(map[signedKey][]*protocol.Observation)}
}

// verify verifies a record under the key that a quorum of distinct observers saw its domain publish, at a time that covers the record's. Of the
// observers below one registered domain one counts: whoever has a domain has all names below it. Without a quorum observers is nil, and there
// is no verdict. The error is the store's or the context's.
func (q *quorum) verify(ctx context.Context, record protocol.Record) (v verifier.Verdict, observers []string, err error) {
	signer, err := signerOf(record)
	if err != nil {
		return v, nil, err
	}
	observations, err := q.observations(ctx, signedKey{signer.domain, signer.fingerprint})
	if err != nil {
		return v, nil, err
	}
	var key *protocol.DomainKey
	sites := make(map[string]bool)
	for _, o := range observations {
		if site := q.sites[o.Observer]; !sites[site] && stands(o, signer.at) {
			sites[site] = true
			observers = append(observers, o.Observer)
			key = &protocol.DomainKey{Public: o.Key.Public, Fingerprint: o.Key.Fingerprint}
		}
	}
	if len(observers) < q.m.quorum {
		return v, nil, nil
	}
	observers = observers[:min(len(observers), store.MaxQuorum)] // as many as are named with the record
	slices.Sort(observers)
	ctx = context.WithValue(ctx, observedKey{}, protocol.FoundKey{Domain: signer.domain, Key: *key, Cached: true})
	switch r := record.(type) {
	case *protocol.Claim:
		v, err = q.m.observed.VerifyClaim(ctx, r, verifier.Policy{})
	case protocol.Statement:
		v, err = q.m.observed.VerifyStatement(ctx, r)
	}
	return v, observers, err
}

// stands reports whether an observation speaks for a key at that time: it covers it, and the key had not expired by what was published.
func stands(o *protocol.Observation, at time.Time) bool {
	return o.Covers(at) && (o.Key.Expires.IsZero() || !at.After(o.Key.Expires.Add(protocol.ClockSkew)))
}

// observations returns what those who have a voice saw of a key: by voice, and newest first. Each was verified when it was settled. What others
// log is not looked at, however much it is.
func (q *quorum) observations(ctx context.Context, key signedKey) ([]*protocol.Observation, error) {
	if list, ok := q.seen[key]; ok {
		return list, nil
	}
	if q.sites == nil {
		q.poll()
	}
	var list []*protocol.Observation
	err := q.m.store.Observed(ctx, key.domain, key.fingerprint, q.voices, func(o *protocol.Observation) bool {
		if o.Network() == q.m.own.Origin.Network {
			list = append(list, o)
		}
		return true
	})
	if err != nil {
		return nil, stored("reading observations", err)
	}
	if len(q.seen) >= maxSeenKeys {
		clear(q.seen)
	}
	q.seen[key] = list
	return list, nil
}

// poll finds out who has a voice: this node, and the peers that have one.
func (q *quorum) poll() {
	q.voices = []string{q.m.own.Origin.Domain}
	q.sites = map[string]string{q.m.own.Origin.Domain: peers.Site(q.m.own.Origin.Domain)}
	for _, p := range q.m.book.Admitted() {
		if q.m.voiceOf(p) {
			q.voices = append(q.voices, p.Domain)
			q.sites[p.Domain] = peers.Site(p.Domain)
		}
	}
}

// voice reports whether what a node observed counts in a quorum.
func (m *Mirror) voice(domain string) bool {
	if domain == m.own.Origin.Domain {
		return true
	}
	p, admitted := m.book.Peer(domain)
	return admitted && m.voiceOf(p)
}

// voiceOf is voice of an admitted peer. Who is a peer only because it proved to be a node has none: domains are cheap, and with two of them
// anybody would be a quorum.
func (m *Mirror) voiceOf(p peers.Peer) bool {
	if !p.Named {
		return false
	}
	head, _ := m.store.Head(p.Origin.String())
	return !head.Frozen // whoever signed two histories is no witness
}

// observedKey is the context's key for the key that a quorum stands for.
type observedKey struct{}

// observedSource is the key source of the verifier that works under observed keys: the one that the call's context carries. A fingerprint
// commits to its key, so that no other can be handed in by mistake.
type observedSource struct{}

// FindKey is a verifier.KeySource's method.
func (observedSource) FindKey(ctx context.Context, _, fingerprint string) (protocol.FoundKey, error) {
	found, ok := ctx.Value(observedKey{}).(protocol.FoundKey)
	if !ok || found.Key.Fingerprint != fingerprint {
		return protocol.FoundKey{}, &protocol.Error{Code: protocol.KeyNotFound, Message: "no quorum stands for this key"}
	}
	return found, nil
}
