package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"mirnode/protocol"
)

// Rule is a condition that the committer itself holds records to, whatever their caller saw before.
type Rule uint8

// InTurn lets a home append what its issuers say, and nothing that another of its records came before: an assertion only if its issuer has no other active one of the
// type about the artifact, and no other successor of what it supersedes; a revocation only of what is active; an edit only with the next sequence number. What the
// same call revokes is not active any more. A record that is held already is a duplicate, and in nobody's way. Revocations and edits are of assertions that are
// held: else ErrNotFound.
const InTurn Rule = 1

// maxTurnScan bounds the index keys that are looked at for what an issuer, or a home, says of one artifact: as many as a hundred homes may log.
const maxTurnScan = 100_000

// artifactsOf are the artifacts that the records are about.
func (s *Store) artifactsOf(ctx context.Context, items []item) ([][32]byte, error) {
	about := make([][32]byte, 0, len(items))
	for i := range items {
		if a, ok := items[i].of.(*protocol.Assertion); ok {
			about = append(about, a.Payload.Artifact)
			continue
		}
		if items[i].relation == nil {
			return nil, fmt.Errorf("%w: a record of the kind %q has no turn", ErrInvalid, items[i].record.Kind)
		}
		held, err := s.Assertion(ctx, items[i].relation.target.hash)
		if err != nil {
			return nil, err
		}
		about = append(about, held.Artifact)
	}
	return about, nil
}

// apart divides requests into those that one transaction may take, and those about an artifact that one before them is about too.
func apart(requests []*request) (now, later []*request) {
	var taken map[[32]byte]struct{}
	for i, r := range requests {
		waits := false
		for _, artifact := range r.about {
			_, yes := taken[artifact]
			waits = waits || yes
		}
		if waits && now == nil {
			now = append(make([]*request, 0, len(requests)), requests[:i]...)
		}
		for _, artifact := range r.about {
			if taken == nil {
				taken = make(map[[32]byte]struct{})
			}
			taken[artifact] = struct{}{}
		}
		switch {
		case waits:
			later = append(later, r)
		case now != nil:
			now = append(now, r)
		}
	}
	if now == nil {
		now = requests
	}
	return now, later
}

// outOfTurn is why a request's records must not be appended, as things stand between two transactions; nil if they may.
func (s *Store) outOfTurn(r *request) error {
	seen := turns{store: s, revoked: make(map[[32]byte]bool), edited: make(map[[32]byte]bool), said: make(map[said]bool)}
	for i := range r.items {
		if err := seen.check(r.ctx, &r.items[i]); err != nil {
			return err
		}
	}
	return nil
}

// turns is what the records of one request do before the one that is looked at.
type turns struct {
	store           *Store
	revoked, edited map[[32]byte]bool // assertions
	said            map[said]bool
}

// said is what an issuer can say once at a time.
type said struct {
	artifact [32]byte
	issuer   string
	typ      protocol.AssertionType
}

func (t *turns) check(ctx context.Context, i *item) error {
	if a, ok := i.of.(*protocol.Assertion); ok {
		return t.assertion(ctx, i, &a.Payload)
	}
	target := i.relation.target.hash
	held, err := t.store.Assertion(ctx, target)
	if err != nil {
		return err
	}
	if edit, ok := i.of.(*protocol.MetadataEdit); ok {
		again := held.MetadataRecord == i.record.RecordHash
		if !again && (edit.Sequence != held.MetadataSequence+1 || t.edited[target]) {
			return fmt.Errorf("%w: the metadata of %s are at the sequence %d, and the edit has %d", ErrConflict, protocol.AssertionID(target),
				held.MetadataSequence, edit.Sequence)
		}
		t.edited[target] = true
		return nil
	}
	if held.Revocation != nil && held.Revocation.RecordHash != i.record.RecordHash || t.revoked[target] {
		return fmt.Errorf("%w: %s is revoked already", ErrConflict, protocol.AssertionID(target))
	}
	t.revoked[target] = true
	return nil
}

func (t *turns) assertion(ctx context.Context, i *item, p *protocol.AssertionPayload) error {
	this := said{p.Artifact, p.IssuerID, p.Type}
	if t.said[this] {
		return fmt.Errorf("%w: the issuer says %s of one artifact twice", ErrConflict, p.Type)
	}
	t.said[this] = true
	if i.relation.amends() {
		former, err := t.store.Assertion(ctx, i.relation.target.hash)
		switch {
		case errors.Is(err, ErrNotFound): // whom it names its caller has seen
		case err != nil:
			return err
		case former.SupersededBy != nil && *former.SupersededBy != i.record.SigHash:
			return fmt.Errorf("%w: %s has a successor already", ErrConflict, p.Supersedes)
		}
	}
	q := ArtifactQuery{Type: p.Type, Issuer: p.IssuerID, Limit: MaxLimit, PerHome: MaxLimit, Scan: maxTurnScan}
	if own := t.store.logs.own.Load(); own != nil {
		q.Home = own.origin.Domain
	}
	held, other := false, [32]byte{}
	truncated, err := t.store.VisitArtifact(ctx, p.Artifact, q, func(a *AssertionState) {
		switch {
		case a.SigHash == i.record.SigHash:
			held = true
		case a.Revocation == nil && string(a.Issuer) == p.IssuerID && !t.revoked[a.SigHash]:
			other = a.SigHash
		}
	})
	switch {
	case err != nil || held:
		return err
	case other != [32]byte{}:
		return fmt.Errorf("%w: the issuer has an active %s for this artifact: %s", ErrConflict, p.Type, protocol.AssertionID(other))
	case truncated:
		return fmt.Errorf("%w: assertions about an artifact, too many to find out which are active", ErrFull)
	}
	return nil
}

// turn is when a record was taken in by the home of what it is about. Of two records that cannot both count it decides, on every node alike.
type turn struct {
	at         time.Time
	log        uint32
	index, seq uint64
}

func (r *logRecord) turn() turn { return turn{r.home(), r.first.log, r.first.index, r.Seq} }

// before tells which of two turns is the earlier one: by the time in the home's log, then by the place there, though the bodies may have come the other way round.
func (t turn) before(u turn) bool {
	if c := t.at.Compare(u.at); c != 0 {
		return c < 0
	}
	if t.log != 0 && t.log == u.log {
		return t.index < u.index
	}
	return t.seq < u.seq
}

// sameTime tells whether two positions differ in their sequences at most.
func (p position) sameTime(q position) bool { return p.high == q.high && p.low>>56 == q.low>>56 }
