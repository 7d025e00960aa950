package assertions

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"mirnode/issuers"
	"mirnode/store"
)

// Bounds of an answer about one artifact, and of a batch of them.
const (
	// MaxShown is how many assertions are shown of one artifact at a time: the active ones, newest first, and then those that ended.
	MaxShown = 200
	// MaxShownOfHome is how many of the first may come from issuers of one home, so that no node can hide what others say behind its own. The issuers of a home
	// share that room likewise: each shows its newest before any shows two.
	MaxShownOfHome = 50
	// MaxBatch is how many hashes one batch asks for.
	MaxBatch = 100

	// maxScanned bounds the keys of the index that are looked at for what is shown of an artifact, and for whether all of it conflicts: as many as
	// 64 homes may log, which is how many peers a node has unless its operator says otherwise. It takes some milliseconds, for an artifact that somebody filled up.
	maxScanned = 64 * MaxOfHome
	// maxEntryBytes and maxBatchBytes end an artifact's assertions early, a batch's in equal parts: 200 of the largest would be 3 MB. The cursor leads to the rest.
	maxEntryBytes = 512 << 10
	maxBatchBytes = 4 << 20
	// batchOverhead is about what an answer has of each assertion and each artifact besides the assertion's own text, the issuer above all, in bytes.
	batchOverhead = 320
)

var shown = store.ArtifactQuery{Limit: MaxShown, PerHome: MaxShownOfHome, Scan: maxScanned}

// AppendLookup appends the answer about one artifact to dst: what is asserted of it, by whom, whether that conflicts, and what a reader should know. An
// artifact that nobody says anything about is no error. With the cursor of an answer that was not the whole, which may be empty, it goes on: all that was left out
// comes then, page by page, and maybe a part of what was shown first. A cursor that is none is a *Refusal; other errors are the store's and the context's, and what
// was appended is no answer then.
func (s *Service) AppendLookup(ctx context.Context, dst []byte, artifact [32]byte, cursor string) ([]byte, error) {
	p := s.openPage()
	defer s.closePage(p)
	p.prepare(artifact)
	p.begin(0, maxEntryBytes)
	q := shown
	q.Cursor = cursor
	truncated, err := s.store.VisitArtifact(ctx, artifact, q, p.visit)
	if errors.Is(err, store.ErrCursor) {
		return dst, invalid("send the cursor of the answer before, for the same hash, or none to begin", "the cursor does not belong to this look-up")
	}
	if err != nil {
		return dst, err
	}
	e := p.entry()
	if e.truncated = e.truncated || truncated; e.truncated || cursor != "" {
		if err := s.survey(ctx, p, e, cursor); err != nil {
			return dst, err
		}
	}
	return s.appendEntry(ctx, dst, p, e, false)
}

// survey finds out what all assertions of an artifact come to, of which not all are shown, so that nothing hides a conflict, and where the rest begins.
func (s *Service) survey(ctx context.Context, p *page, e *entry, cursor string) error {
	var room [MaxShown]uint64
	seqs := room[:0]
	for i := range p.pieces[e.first:e.last] {
		seqs = append(seqs, p.pieces[e.first+i].seq)
	}
	found, err := s.store.SurveyArtifact(ctx, e.artifact, maxScanned, cursor, seqs)
	if err != nil {
		return err
	}
	e.standing = standing{seen: 1}
	for typ, who := range found.Active {
		e.standing.addAll(string(typ), who)
	}
	if e.truncated = found.Cursor != "" && found.Cursor != cursor; e.truncated {
		e.cursor = found.Cursor
	}
	return nil
}

// AppendBatch is AppendLookup for up to MaxBatch artifacts, read at one go: an object of their answers by hash, each artifact once however often it is named,
// and how many were asked for. More than MaxBatch, or none, is a *Refusal.
func (s *Service) AppendBatch(ctx context.Context, dst []byte, artifacts [][32]byte) ([]byte, error) {
	requested := len(artifacts)
	if requested == 0 || requested > MaxBatch {
		return dst, invalid(fmt.Sprintf("send 1 to %d hashes, and the rest with further requests", MaxBatch), "the request has %d hashes", requested)
	}
	artifacts = distinct(artifacts)
	p := s.openPage()
	defer s.closePage(p)
	room := min(maxEntryBytes, maxBatchBytes/len(artifacts))
	p.prepare(artifacts...)
	err := s.store.VisitArtifacts(ctx, artifacts, shown, func(i int) { p.begin(i, room) }, p.visit, func(i int, truncated bool) {
		p.entries[i].truncated = p.entries[i].truncated || truncated
	})
	if err != nil {
		return dst, err
	}
	dst = append(slices.Grow(dst, len(p.text)+batchOverhead*(len(p.pieces)+len(p.entries))), `{"results":{`...) // at one go, as far as can be told
	for i := range p.entries {
		e := &p.entries[i]
		if e.truncated {
			if err := s.survey(ctx, p, e, ""); err != nil {
				return dst, err
			}
		}
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(hex.AppendEncode(append(dst, '"'), e.artifact[:]), `":`...)
		if dst, err = s.appendEntry(ctx, dst, p, e, true); err != nil {
			return dst, err
		}
	}
	dst = strconv.AppendInt(append(dst, `},"meta":{"hashesRequested":`...), int64(requested), 10)
	dst = strconv.AppendInt(append(dst, `,"hashesQueried":`...), int64(len(artifacts)), 10)
	return append(dst, "}}"...), nil
}

// distinct leaves out what was named before.
func distinct(artifacts [][32]byte) [][32]byte {
	seen := make(map[[32]byte]struct{}, len(artifacts))
	once := make([][32]byte, 0, len(artifacts))
	for _, a := range artifacts {
		if _, ok := seen[a]; !ok {
			seen[a] = struct{}{}
			once = append(once, a)
		}
	}
	return once
}

// appendEntry writes the answer about one artifact.
func (s *Service) appendEntry(ctx context.Context, b []byte, p *page, e *entry, batch bool) ([]byte, error) {
	b = hex.AppendEncode(append(b, `{"artifactHash":"`...), e.artifact[:])
	b, err := s.appendPieces(ctx, append(b, `","assertions":[`...), p, p.pieces[e.first:e.last])
	if err != nil {
		return b, err
	}
	conflicts := e.standing.conflicts()
	b = strconv.AppendBool(append(b, `],"conflicts":`...), conflicts)
	if batch {
		b = strconv.AppendBool(append(b, `,"hasConflicts":`...), conflicts)
	}
	b = appendGuidance(append(b, `,"guidance":"`...), &e.standing, p.stolen)
	b = append(b, '"')
	if e.truncated {
		b = append(append(b, `,"truncated":true,"cursor":"`...), e.cursor...)
		b = append(b, '"')
	}
	return append(b, '}'), nil
}

// appendPieces puts assertions together with their issuers, separated by commas, and notes in the page whether the key of an active one was in wrong hands.
func (s *Service) appendPieces(ctx context.Context, b []byte, p *page, pieces []piece) ([]byte, error) {
	if p.err != nil {
		return b, p.err
	}
	p.stolen = false
	var issuer *issuers.Standing
	for i := range pieces {
		at := &pieces[i]
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, p.text[at.from:at.issuer]...)
		id := p.issuerID(at)
		if i == 0 || string(id) != string(p.issuerID(&pieces[i-1])) {
			var err error
			if issuer, err = s.known(ctx, string(id)); err != nil {
				return b, err
			}
		}
		b = appendIssuer(b, issuer, id)
		b = append(b, p.text[at.said:at.keyed]...)
		b = appendAnchor(b, issuer, p.fingerprint(at))
		if key := keyIn(issuer, p.fingerprint(at)); key != nil {
			b = appendKey(b, key)
			p.stolen = p.stolen || at.active && compromised(key, at.taken)
		}
		b = append(b, p.text[at.keyed:at.until]...)
	}
	return b, nil
}

// known is what the node knows of an issuer; nil where it knows nothing.
func (s *Service) known(ctx context.Context, id string) (*issuers.Standing, error) {
	issuer, err := s.issuers.Issuer(ctx, id)
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil
	}
	return issuer, err
}

// appendIssuer writes the issuer's object. One that is not known is so in the answer: what it says is shown all the same.
func appendIssuer(b []byte, issuer *issuers.Standing, id []byte) []byte {
	if issuer != nil {
		return append(b, issuer.JSON...)
	}
	b = append(append(b, `{"id":"`...), id...)
	return append(b, `","name":null,"status":"UNVERIFIED","verified":false,"home":null,"verification":null}`...)
}

// appendAnchor says who vouches for the key: the issuer's own domain, as this node saw itself, or the home node.
func appendAnchor(b []byte, issuer *issuers.Standing, fingerprint []byte) []byte {
	if issuer != nil && issuer.Domain != "" && issuer.Anchored(string(fingerprint)) {
		return append(b, `,"anchor":"domain"`...)
	}
	return append(b, `,"anchor":"home"`...)
}
