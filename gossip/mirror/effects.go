package mirror

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"sync"

	"mirnode/protocol"
	"mirnode/store"
)

// effects are what settled records bring about beyond being held.
type effects struct {
	keys     map[[2]string]bool // domain and fingerprint of keys that were observed
	erasures []*protocol.Erasure
}

// note takes what follows from outcomes.
func (e *effects) note(outcomes []store.Outcome) {
	for i := range outcomes {
		if outcomes[i].State != store.Held {
			continue
		}
		switch r := outcomes[i].Record.(type) {
		case *protocol.Observation:
			if e.keys == nil {
				e.keys = make(map[[2]string]bool)
			}
			e.keys[[2]string{r.Domain, r.Key.Fingerprint}] = true
		case *protocol.Erasure:
			e.erasures = append(e.erasures, r)
		}
	}
}

// carryOut honours erasure notices, and looks at the records in quarantine whose keys were observed.
func (m *Mirror) carryOut(ctx context.Context, e effects) {
	for _, notice := range e.erasures {
		if err := m.honour(ctx, notice); err != nil {
			m.log.Warn("an erasure notice could not be carried out", "node", notice.Node, "record", hex.EncodeToString(notice.Record[:]), "error", err)
		}
	}
	for key := range e.keys {
		if err := m.Observed(ctx, key[0], key[1]); err != nil && ctx.Err() == nil {
			m.log.Warn("records in quarantine could not be looked at", "domain", key[0], "error", err)
		}
	}
}

// notices are erasure notices that came before the claims that they are about. The zero value is empty.
type notices struct {
	mu    sync.Mutex
	known map[[32]byte]notice // owned by mu; at most maxNotices
}

// notice is what is kept of one.
type notice struct {
	Domain string `json:"domain"`
	Reason string `json:"reason"`
}

const (
	noticeSpace = "mirror-erasures"
	maxNotices  = 10_000
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

func (n *notices) add(hash [32]byte, one notice) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	if len(n.known) >= maxNotices {
		return false
	}
	n.known[hash] = one
	return true
}

// honour erases what a notice is about, if the notice is that of the claim's own domain, or of a node that our operator trusts for that. What
// the notice says of the claim's domain counts for nothing: the claim itself says it.
func (m *Mirror) honour(ctx context.Context, e *protocol.Erasure) error {
	if e.Node != e.ClaimDomain && !m.trusted[e.Node] {
		return nil
	}
	body, err := m.body(ctx, e.Record)
	switch {
	case err != nil || body.Erased != nil:
		return err
	case body.Missing:
		return m.remember(ctx, e)
	case !isClaimOf(body, e.Record, e.ClaimDomain):
		return nil // it has no say in this record
	}
	m.log.Info("a claim is erased at its domain's notice", "node", e.Node, "record", hex.EncodeToString(e.Record[:]))
	return m.store.EraseMirrored(ctx, e.Record, e.Reason)
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

// remember keeps a notice for a claim that is not here.
func (m *Mirror) remember(ctx context.Context, e *protocol.Erasure) error {
	one := notice{Domain: e.ClaimDomain, Reason: e.Reason}
	if !m.notices.add(e.Record, one) {
		return nil
	}
	value, err := json.Marshal(one)
	if err != nil {
		return err
	}
	return m.store.PutState(ctx, noticeSpace, hex.EncodeToString(e.Record[:]), value)
}
