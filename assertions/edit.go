package assertions

import (
	"context"

	"mirnode/accounts"
	"mirnode/protocol"
	"mirnode/store"
)

// MaxEdits bounds the edits of one assertion's metadata: each is a record that every node keeps. A note can be changed as often as one likes.
const MaxEdits = 100

// Edit changes an assertion's unsigned metadata and its note. The metadata in force with the changes merged in becomes a record that this node signs; the note
// stays here. What changes nothing writes nothing. A revoked assertion can be edited too: its history is worth a good name. Errors are those of Create.
func (s *Service) Edit(ctx context.Context, caller accounts.Caller, id [32]byte, patch Patch) (*Written, error) {
	if err := checkNote(patch.Note.Value); err != nil {
		return nil, err
	}
	if err := patch.apply(nil).Check(); err != nil {
		return nil, err
	}
	_, state, err := s.authorOf(ctx, caller, id, caller.Issuer, accounts.ActionEdit)
	if err != nil {
		return nil, err
	}
	give, err := s.locks.take(ctx, state.Artifact)
	if err != nil {
		return nil, err
	}
	defer give()
	if state, err = s.held(ctx, id); err != nil {
		return nil, err
	}
	edit, err := s.edited(state, caller.Issuer, &patch)
	if err != nil {
		return nil, err
	}
	if patch.Note.Set {
		ctx = context.WithoutCancel(ctx) // as in append: what has begun is finished before the next begins
		if err := s.store.PutNote(ctx, id, patch.Note.Value); err != nil {
			return nil, err
		}
	}
	if edit == nil {
		return &Written{State: *state}, nil
	}
	return s.append(ctx, caller.Issuer, id, "", edit)
}

// checkContextUnsigned refuses an unsigned context beside a signed one: readers are shown the signed one alone.
func checkContextUnsigned(state *store.AssertionState) error {
	if !state.HasTexts {
		return nil
	}
	assertion, err := protocol.ParseAssertion(state.Raw)
	if err != nil {
		return err
	}
	return contextSigned(&assertion.Payload)
}

// contextSigned is the refusal of an unsigned context, where the payload has a signed one.
func contextSigned(p *protocol.AssertionPayload) error {
	if p.Context == "" {
		return nil
	}
	return invalid("readers are shown the signed context alone: leave context out beside the payload; to say something else than was signed, supersede the assertion",
		"the context is signed: supersede the assertion to change it")
}

// edited is the record of an edit; nil where the metadata stays as it is.
func (s *Service) edited(state *store.AssertionState, issuerID string, patch *Patch) (*protocol.MetadataEdit, error) {
	if patch.Context.Value != "" {
		if err := checkContextUnsigned(state); err != nil {
			return nil, err
		}
	}
	before := new(protocol.AssertionMetadata)
	if state.Metadata != nil {
		var err error
		if before, err = protocol.ParseAssertionMetadata(state.Metadata); err != nil {
			return nil, err
		}
	}
	after := patch.apply(before)
	if string(before.Canonical()) == string(after.Canonical()) {
		return nil, nil
	}
	if state.MetadataSequence >= MaxEdits {
		return nil, invalid("supersede the assertion to say something else", "the metadata was edited %d times, and at most %d edits are kept", state.MetadataSequence, MaxEdits)
	}
	return s.sign(protocol.MetadataEditDraft{
		Home: s.home, Network: s.network, AssertionID: protocol.AssertionID(state.SigHash), IssuerID: issuerID, Metadata: *after,
		Sequence: state.MetadataSequence + 1, Issued: s.now(),
	})
}
