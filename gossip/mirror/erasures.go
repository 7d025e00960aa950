package mirror

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"maps"
	"sync"
	"time"

	"mirnode/protocol"
	"mirnode/store"
)

// notices are erasure notices about records that are not here: only when the claim comes does it show whether the notice's node has a say
// in it. The zero value is empty.
type notices struct {
	mu    sync.Mutex
	known map[[32]byte]notice // owned by mu; at most maxNotices
	swept time.Time           // owned by mu: when they were last held against what is here
}

// notice is what is kept of one.
type notice struct {
	Domain string `json:"domain"` // the claim's, as the notice says
	Reason string `json:"reason"`
}

const (
	noticeSpace = "mirror-erasures"
	maxNotices  = 10_000
	// sweepEvery is how often notices are held against what is here: a claim may have come at the same moment as its notice.
	sweepEvery = 10 * time.Minute
)

// load reads what was kept.
func (n *notices) load(s *store.Store) error {
	kept, err := s.State(noticeSpace)
	if err != nil {
		return err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.known = make(map[[32]byte]notice, len(kept))
	for key, value := range kept {
		hash, err := hex.DecodeString(key)
		var one notice
		if err == nil && len(hash) == 32 && json.Unmarshal(value, &one) == nil {
			n.known[[32]byte(hash)] = one
		}
	}
	return nil
}

// of returns the reason for which a claim that comes now was erased.
func (n *notices) of(claim *protocol.Claim) (string, bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if len(n.known) == 0 {
		return "", false
	}
	one, ok := n.known[claim.RecordHash()]
	return one.Reason, ok && one.Domain == claim.Host()
}

// add takes a notice in. It reports false where it is known already, or there is no room for it.
func (n *notices) add(hash [32]byte, one notice) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.known[hash] == one || len(n.known) >= maxNotices {
		return false
	}
	n.known[hash] = one
	return true
}

func (n *notices) remove(hash [32]byte) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	_, ok := n.known[hash]
	delete(n.known, hash)
	return ok
}

// due returns all notices when it is time to sweep them.
func (n *notices) due(now time.Time) map[[32]byte]notice {
	n.mu.Lock()
	defer n.mu.Unlock()
	if len(n.known) == 0 || now.Sub(n.swept) < sweepEvery {
		return nil
	}
	n.swept = now
	return maps.Clone(n.known)
}

// honour erases what a notice is about, if the notice is that of the claim's own domain, or of a node that our operator trusts for that. What
// an untrusted notice says of the claim's domain counts for nothing: the claim itself says it, when it is here.
func (m *Mirror) honour(ctx context.Context, e *protocol.Erasure) error {
	switch {
	case m.trusted[e.Node]:
		return m.erase(ctx, e.Record, e.Reason)
	case e.Node == e.ClaimDomain:
		return m.apply(ctx, e.Record, notice{Domain: e.ClaimDomain, Reason: e.Reason})
	}
	return nil
}

// apply erases the claim of a notice if it is here, and keeps the notice if it is not.
func (m *Mirror) apply(ctx context.Context, hash [32]byte, one notice) error {
	body, err := m.body(ctx, hash)
	switch {
	case err != nil:
		return err
	case body.Missing:
		return m.remember(ctx, hash, one)
	case body.Erased != nil || !isClaimOf(body, hash, one.Domain):
		return m.forget(ctx, hash)
	}
	m.log.Info("a claim is erased at its domain's notice", "domain", one.Domain, "record", hex.EncodeToString(hash[:]))
	return m.erase(ctx, hash, one.Reason)
}

// erase erases a record, or keeps it from being taken in. To erase twice is no error.
func (m *Mirror) erase(ctx context.Context, hash [32]byte, reason string) error {
	err := m.store.EraseMirrored(ctx, hash, reason)
	if _, before := errors.AsType[*store.ErasedError](err); before || errors.Is(err, store.ErrInvalid) { // or it is no claim
		err = nil
	}
	return errors.Join(err, m.forget(ctx, hash))
}

// sweep holds the notices that wait against what is here by now.
func (m *Mirror) sweep(ctx context.Context) error {
	for hash, one := range m.notices.due(m.now()) {
		if err := m.apply(ctx, hash, one); err != nil {
			return err
		}
	}
	return nil
}

// remember keeps a notice for a claim that is not here.
func (m *Mirror) remember(ctx context.Context, hash [32]byte, one notice) error {
	if !m.notices.add(hash, one) {
		return nil
	}
	value, err := json.Marshal(one)
	if err != nil {
		return err
	}
	return m.store.PutState(ctx, noticeSpace, hex.EncodeToString(hash[:]), value)
}

// forget lets go of a notice that has served.
func (m *Mirror) forget(ctx context.Context, hash [32]byte) error {
	if !m.notices.remove(hash) {
		return nil
	}
	return m.store.PutState(ctx, noticeSpace, hex.EncodeToString(hash[:]), nil)
}

// body reads a body that may be here.
func (m *Mirror) body(ctx context.Context, hash [32]byte) (body store.Body, err error) {
	err = m.store.Bodies(ctx, [][32]byte{hash}, func(_ int, b store.Body) bool {
		body = b
		body.Raw = bytes.Clone(b.Raw)
		return true
	})
	return body, err
}

// isClaimOf reports whether a body is a claim of that domain.
func isClaimOf(body store.Body, hash [32]byte, domain string) bool {
	record, _ := readRecord(wanted{hash: hash, kind: protocol.KindClaim}, body.Kind, body.Raw)
	claim, ok := record.(*protocol.Claim)
	return ok && claim.Host() == domain
}
