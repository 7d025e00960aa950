package assertions

import (
	"context"
	"errors"

	"mirnode/accounts"
	"mirnode/internal/strictjson"
	"mirnode/store"
)

// MaxListed is how many assertions one page of an issuer's list has at most.
const MaxListed = 200

// AppendList appends a page of what an issuer asserted, newest first, revoked ones included: at most limit (1 to MaxListed) from the cursor on, which is empty
// for the first page and the nextCursor of the page before for every other. With the issuer's own API key, at its home, each has its note. An unknown issuer, a
// limit out of bounds and a cursor of another list are *Refusals.
func (s *Service) AppendList(ctx context.Context, dst []byte, issuerID string, limit int, cursor string, caller *accounts.Caller) ([]byte, error) {
	if limit < 1 || limit > MaxListed {
		return dst, invalid("ask for less at a time, and follow nextCursor", "limit is %d, and must be 1 to %d", limit, MaxListed)
	}
	issuer, err := s.known(ctx, issuerID)
	if err != nil {
		return dst, err
	}
	if issuer == nil {
		return dst, unknownIssuer(issuerID)
	}
	p := s.openPage()
	defer s.closePage(p)
	p.withArtifact = true
	p.prepare([32]byte{}) // one entry for all: nothing is left out of a page
	p.begin(0, limit*maxEntryBytes)
	next, err := s.store.VisitIssuer(ctx, issuerID, limit, cursor, p.visit)
	if errors.Is(err, store.ErrInvalid) {
		return dst, invalid("send the nextCursor of the page before, for the same issuer", "the cursor does not belong to this list")
	}
	if err != nil {
		return dst, err
	}
	b := strictjson.AppendString(append(dst, `{"issuerId":`...), issuerID)
	b = append(b, `,"assertions":[`...)
	for i := range p.pieces {
		if i > 0 {
			b = append(b, ',')
		}
		if b, err = s.appendPieces(ctx, b, p, p.pieces[i:i+1]); err != nil {
			return dst, err
		}
		if b, err = s.appendNote(ctx, b, p.pieces[i].id, issuerID, caller); err != nil {
			return dst, err
		}
	}
	b = append(b, `],"nextCursor":`...)
	return append(appendTextOrNull(b, next), '}'), nil
}

// appendNote puts the note into the assertion that b ends with, where the caller is the issuer itself.
func (s *Service) appendNote(ctx context.Context, b []byte, id [32]byte, issuerID string, caller *accounts.Caller) ([]byte, error) {
	if caller == nil || caller.Issuer != issuerID {
		return b, nil
	}
	note, err := s.store.Note(ctx, id)
	if err != nil || note == "" {
		return b, err
	}
	b = strictjson.AppendString(append(b[:len(b)-1], `,"note":`...), note)
	return append(b, '}'), nil
}
