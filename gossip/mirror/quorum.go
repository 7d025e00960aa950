package mirror

import (
	"context"
	"slices"
	"time"

	"mirnode/protocol"
	"mirnode/store"
	"mirnode/verifier"
)

// signing names the key that a record is signed with, and when.
type signing struct {
	domain, fingerprint string
	at                  time.Time
}

// quorum finds the observers that stand for keys which are not published now. It remembers the observations of the domains that it was
// asked about, and so lives for one batch. It is for one goroutine.
type quorum struct {
	m    *Mirror
	seen map[string][]*protocol.Observation // by domain: of admitted observers, newest first
}

func (m *Mirror) newQuorum() *quorum {
	return &quorum{m: m, seen: make(map[string][]*protocol.Observation)}
}

// verify verifies a record under the key that a quorum of distinct observers saw its domain publish, at a time that covers the record's.
// Without a quorum observers is nil, and there is no verdict. The error is the store's or the context's.
func (q *quorum) verify(ctx context.Context, record protocol.Record) (v verifier.Verdict, observers []string, err error) {
	signer, err := signerOf(record)
	if err != nil {
		return v, nil, err
	}
	observations, err := q.observations(ctx, signer.domain)
	if err != nil {
		return v, nil, err
	}
	var key *protocol.DomainKey
	for _, o := range observations {
		if o.Key.Fingerprint != signer.fingerprint || !stands(o, signer.at) || slices.Contains(observers, o.Observer) {
			continue
		}
		observers = append(observers, o.Observer)
		key = &protocol.DomainKey{Public: o.Key.Public, Fingerprint: o.Key.Fingerprint}
		if len(observers) == max(q.m.quorum, store.MaxQuorum) {
			break
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

// observations returns what admitted peers, and we ourselves, saw of a domain's keys: newest first, from the newest maxObservations alone.
// Each was verified when it was settled.
func (q *quorum) observations(ctx context.Context, domain string) ([]*protocol.Observation, error) {
	if list, ok := q.seen[domain]; ok {
		return list, nil
	}
	list := []*protocol.Observation{}
	cursor := ""
	for looked := 0; looked < maxObservations; {
		page, next, err := q.m.store.Observations(ctx, domain, observationPage, cursor)
		if err != nil {
			return nil, stored("reading observations", err)
		}
		for _, o := range page {
			if q.counts(o.Observation) {
				list = append(list, o.Observation)
			}
		}
		looked += max(len(page), 1)
		if cursor = next; cursor == "" {
			break
		}
	}
	q.seen[domain] = list
	return list, nil
}

// observationPage is how many observations are read at once.
const observationPage = 256

// counts reports whether an observer has a voice: this node, or an admitted peer whose log is not frozen, and of our network.
func (q *quorum) counts(o *protocol.Observation) bool {
	if o.Network() != q.m.own.Origin.Network {
		return false
	}
	if o.Observer == q.m.own.Origin.Domain {
		return true
	}
	p, admitted := q.m.book.Peer(o.Observer)
	if !admitted {
		return false
	}
	head, _ := q.m.store.Head(p.Origin.String())
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
