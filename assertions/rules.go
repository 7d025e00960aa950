package assertions

import (
	"context"

	"mirnode/protocol"
	"mirnode/store"
)

// Bounds of what is kept about one artifact, what was revoked included. Replicas hold a home to the second.
const (
	MaxOfIssuer = 32    // by one issuer: one of each type, and what these were before
	MaxOfHome   = 1_000 // by all issuers of one home

	// The upper half of a home's room is kept for issuers with less than fewOfIssuer there: whatever others said before, nobody's first words are locked out.
	fewOfIssuer  = 8
	sharedOfHome = MaxOfHome / 2

	// maxOwnScanned bounds the keys of the index that are looked at for what this home has of an artifact: as many as a hundred homes may log. What
	// lies behind them is not counted: what others log must not keep anybody from speaking here.
	maxOwnScanned = 100 * MaxOfHome
)

// checkReferences holds the assertions that a payload names to what they must be.
func (s *Service) checkReferences(ctx context.Context, p *protocol.AssertionPayload) error {
	if p.Disputes != "" {
		if _, err := s.reference(ctx, p, "disputes", p.Disputes); err != nil {
			return err
		}
	}
	if p.Supersedes == "" {
		return nil
	}
	former, err := s.reference(ctx, p, "supersedes", p.Supersedes)
	switch {
	case err != nil:
		return err
	case string(former.Issuer) != p.IssuerID:
		return invalid("leave supersedes out; to contradict another issuer's assertion make a DISPUTE with disputes", "supersedes names an assertion of another issuer, %s", former.Issuer)
	case former.Revocation == nil:
		return invalid("send this payload to POST /assertions/"+p.Supersedes+"/supersede together with a signed revocation whose action is SUPERSEDE",
			"supersedes names an assertion that is active: %s", p.Supersedes)
	case former.SupersededBy != nil:
		return invalid("leave supersedes out, or supersede the successor", "%s has a successor already: %s", p.Supersedes, protocol.AssertionID(*former.SupersededBy))
	}
	return nil
}

// reference is an assertion that a member of the payload names.
func (s *Service) reference(ctx context.Context, p *protocol.AssertionPayload, member, id string) (*store.AssertionState, error) {
	hash, err := protocol.ParseAssertionID(id)
	if err != nil {
		return nil, err
	}
	state, err := s.held(ctx, hash)
	switch {
	case err != nil:
		return nil, err
	case state == nil:
		return nil, invalid("check the ID; an assertion of another node's issuer reaches this one within about a second", "%s names an assertion that is not kept here: %s", member, id)
	case state.Artifact != p.Artifact:
		return nil, invalid("name an assertion about the same artifact", "%s names an assertion about another artifact, %x", member, state.Artifact)
	}
	return state, nil
}

// checkRoom finds out whether the issuer may say one thing more about the artifact. An assertion that is about to be revoked does not stand in its successor's way.
func (s *Service) checkRoom(ctx context.Context, p *protocol.AssertionPayload, replaced *[32]byte) error {
	ofIssuer := 0
	var active *[32]byte
	of := store.ArtifactQuery{Home: s.home, Issuer: p.IssuerID, Limit: MaxOfHome, PerHome: MaxOfHome, Scan: maxOwnScanned}
	_, err := s.store.VisitArtifact(ctx, p.Artifact, of, func(a *store.AssertionState) {
		ofIssuer++
		if a.Revocation == nil && string(a.Type) == string(p.Type) && (replaced == nil || a.SigHash != *replaced) {
			id := a.SigHash
			active = &id
		}
	})
	if err != nil {
		return err
	}
	ofHome, err := s.store.CountArtifact(ctx, p.Artifact, s.home, MaxOfHome)
	switch {
	case err != nil:
		return err
	case active != nil:
		id := protocol.AssertionID(*active)
		return invalid("replace it at one go with POST /assertions/"+id+"/supersede, or revoke it with POST /assertions/"+id+"/revoke and send this one again",
			"the issuer has an active %s for this artifact already: %s", p.Type, id)
	case ofIssuer >= MaxOfIssuer:
		return invalid("nothing is ever deleted, so that no more are taken from this issuer; the metadata of those that are there can be edited with PATCH",
			"the issuer has %d assertions about this artifact, revoked ones included, and at most %d are kept", ofIssuer, MaxOfIssuer)
	case ofHome >= sharedOfHome && ofHome < MaxOfHome && ofIssuer >= fewOfIssuer:
		return invalid("nothing is ever deleted; the metadata of those that are there can be edited with PATCH",
			"the issuers of this node have %d assertions about this artifact, and the room that is left is kept for those with less than %d: this one has %d", ofHome, fewOfIssuer, ofIssuer)
	case ofHome >= MaxOfHome:
		return invalid("no more are taken at this node about this artifact; revoking makes no room, since nothing is ever deleted",
			"the issuers of this node have %d assertions about this artifact, and at most %d are kept", ofHome, MaxOfHome)
	}
	return nil
}
