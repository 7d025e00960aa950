package mirror

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"maps"
	"sync"
	"time"

	"mirnode/gossip/peers"
	"mirnode/protocol"
	"mirnode/store"
)

// notices are erasure notices about records that are not here: only when the claim comes does it show whether the notice's node has a say
// in it. The zero value is empty.
type notices struct {
	mu     sync.Mutex
	known  map[noticeID]notice // owned by mu; at most maxNotices
	shares map[string]int      // owned by mu; how many are known by the registered domain of who gave them
	full   map[string]bool     // owned by mu; registered domains of which one was turned away since the last sweep
	swept  time.Time           // owned by mu: when they were last held against what is here
}

// noticeID is what a notice is about, and whose it is: one domain's takes nothing from another's about the same record.
type noticeID struct {
	record [32]byte
	domain string // the claim's, as the notice says, and the node's that gave it
}

// key is where it is kept.
func (id noticeID) key() string {
	sum := sha256.Sum256(append(id.record[:], id.domain...))
	return hex.EncodeToString(sum[:])
}

// notice is what is kept of one.
type notice struct {
	Record string `json:"record"` // hex
	Domain string `json:"domain"`
	Reason string `json:"reason"`
	Kept   int64  `json:"kept"` // when it came, Unix seconds
}

const (
	noticeSpace = "mirror-notices"
	maxNotices  = 10_000
	// noticeShare bounds those from names below one registered domain: that many records of a domain are not erased before anybody has seen them.
	noticeShare = 500
	// noticeAge is how long one waits for its record.
	noticeAge = 90 * 24 * time.Hour
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
	n.known, n.shares, n.full = make(map[noticeID]notice, len(kept)), make(map[string]int), make(map[string]bool)
	for _, value := range kept {
		var one notice
		if json.Unmarshal(value, &one) != nil {
			continue
		}
		if record, err := hex.DecodeString(one.Record); err == nil && len(record) == 32 {
			n.known[noticeID{[32]byte(record), one.Domain}] = one
			n.shares[peers.Site(one.Domain)]++
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
	one, ok := n.known[noticeID{claim.RecordHash(), claim.Host()}]
	return one.Reason, ok
}

// add takes a notice in. Not added: it is known already, or there is no room for it. full, once until the next sweep: there is none for this site.
func (n *notices) add(id noticeID, one notice) (added, full bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if _, ok := n.known[id]; ok {
		return false, false
	}
	site := peers.Site(id.domain)
	if n.shares[site] >= noticeShare || len(n.known) >= maxNotices {
		full = !n.full[site]
		n.full[site] = true
		return false, full
	}
	n.known[id] = one
	n.shares[site]++
	return true, false
}

// remove lets go of a notice. It reports whether there was one.
func (n *notices) remove(id noticeID) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	_, ok := n.known[id]
	if !ok {
		return false
	}
	delete(n.known, id)
	site := peers.Site(id.domain)
	if n.shares[site]--; n.shares[site] == 0 {
		delete(n.shares, site)
	}
	return true
}

// due returns all notices when it is time to sweep them.
func (n *notices) due(now time.Time) map[noticeID]notice {
	n.mu.Lock()
	defer n.mu.Unlock()
	if len(n.known) == 0 || now.Sub(n.swept) < sweepEvery {
		return nil
	}
	n.swept = now
	clear(n.full)
	return maps.Clone(n.known)
}

// honour erases what a notice is about, if the notice is that of the claim's own domain, or of a node that our operator trusts for that. What
// an untrusted notice says of the claim's domain counts for nothing: the claim itself says it, when it is here.
func (m *Mirror) honour(ctx context.Context, e *protocol.Erasure) error {
	switch {
	case m.trusted[e.Node]:
		return m.erase(ctx, e.Record, e.Reason)
	case e.Node == e.ClaimDomain:
		return m.apply(ctx, noticeID{e.Record, e.ClaimDomain}, e.Reason)
	}
	return nil
}

// apply erases the claim of a notice if it is here, and keeps the notice if it is not.
func (m *Mirror) apply(ctx context.Context, id noticeID, reason string) error {
	body, err := m.body(ctx, id.record)
	switch {
	case err != nil:
		return err
	case body.Missing:
		return m.remember(ctx, id, reason)
	case body.Erased != nil || !isClaimOf(body, id.record, id.domain):
		return m.forget(ctx, id)
	}
	m.log.Info("a claim is erased at its domain's notice", "domain", id.domain, "record", hex.EncodeToString(id.record[:]))
	return errors.Join(m.erase(ctx, id.record, reason), m.forget(ctx, id))
}

// erase erases a record, or keeps it from being taken in. To erase twice is no error. A notice that has served is forgotten at the next sweep.
func (m *Mirror) erase(ctx context.Context, hash [32]byte, reason string) error {
	err := m.store.EraseMirrored(ctx, hash, reason)
	if _, before := errors.AsType[*store.ErasedError](err); before || errors.Is(err, store.ErrInvalid) { // or it is no claim
		return nil
	}
	return err
}

// sweep holds the notices that wait against what is here by now, and forgets those that waited too long.
func (m *Mirror) sweep(ctx context.Context) error {
	now := m.now()
	for id, one := range m.notices.due(now) {
		if err := m.apply(ctx, id, one.Reason); err != nil {
			return err
		}
		if now.Sub(time.Unix(one.Kept, 0)) > noticeAge {
			if err := m.forget(ctx, id); err != nil {
				return err
			}
		}
	}
	return nil
}

// remember keeps a notice for a claim that is not here.
func (m *Mirror) remember(ctx context.Context, id noticeID, reason string) error {
	one := notice{Record: hex.EncodeToString(id.record[:]), Domain: id.domain, Reason: reason, Kept: m.now().Unix()}
	added, full := m.notices.add(id, one)
	if full {
		m.log.Warn("there is no room for more erasure notices of a domain about records that are not here; such records may come and be served",
			"domain", id.domain, "share", noticeShare)
	}
	if !added {
		return nil
	}
	value, err := json.Marshal(one)
	if err != nil {
		return err
	}
	return m.store.PutState(ctx, noticeSpace, id.key(), value)
}

// forget lets go of a notice that has served.
func (m *Mirror) forget(ctx context.Context, id noticeID) error {
	if !m.notices.remove(id) {
		return nil
	}
	return m.store.PutState(ctx, noticeSpace, id.key(), nil)
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
