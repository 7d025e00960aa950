package assertions

import (
	"context"
	"errors"

	"mirnode/accounts"
	"mirnode/internal/strictjson"
	"mirnode/store"
)

// AppendGet appends one assertion with everything that proves it: the records, and the receipts of the home's log for them. Whoever has the home's key can
// check it without asking anybody (package proof). With the issuer's own API key, at its home, the answer has the note. An unknown assertion is a *Refusal.
func (s *Service) AppendGet(ctx context.Context, dst []byte, id [32]byte, caller *accounts.Caller) ([]byte, error) {
	state, err := s.held(ctx, id)
	if err != nil {
		return dst, err
	}
	if state == nil {
		return dst, unknownAssertion(id)
	}
	b, err := s.appendOne(ctx, append(dst, `{"assertion":`...), state)
	if err != nil {
		return dst, err
	}
	if b, err = s.appendProof(ctx, append(b, `,"proof":{`...), state); err != nil {
		return dst, err
	}
	b = append(b, '}')
	if caller != nil && caller.Issuer == string(state.Issuer) {
		note, err := s.store.Note(ctx, id)
		if err != nil {
			return dst, err
		}
		b = appendTextOrNull(append(b, `,"note":`...), note)
	}
	return append(b, '}'), nil
}

// appendProof writes the members of a proof.
func (s *Service) appendProof(ctx context.Context, b []byte, state *store.AssertionState) ([]byte, error) {
	b, err := s.appendProved(ctx, b, "record", "receipt", state.Raw, state.RecordHash)
	if err != nil {
		return b, err
	}
	issuer, _, err := s.store.Issuer(ctx, string(state.Issuer))
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return b, err
	}
	if err == nil {
		if b, err = s.appendProved(ctx, append(b, ','), "issuer", "issuerReceipt", issuer.Raw(), issuer.RecordHash()); err != nil {
			return b, err
		}
	}
	if r := state.Revocation; r != nil {
		if b, err = s.appendFurther(ctx, b, "revocation", r.Raw, r.RecordHash); err != nil {
			return b, err
		}
	}
	if state.Revocation != nil && state.SupersededBy != nil {
		successor, err := s.held(ctx, *state.SupersededBy)
		if err != nil {
			return b, err
		}
		if successor != nil {
			if b, err = s.appendFurther(ctx, b, "successor", successor.Raw, successor.RecordHash); err != nil {
				return b, err
			}
		}
	}
	if state.MetadataSequence == 0 {
		return b, nil
	}
	edit, err := s.store.Record(ctx, state.MetadataRecord)
	if err != nil {
		return b, err
	}
	return s.appendFurther(ctx, b, "metadata", edit.Raw, edit.RecordHash)
}

// appendFurther writes a record and its receipt in an object of their own.
func (s *Service) appendFurther(ctx context.Context, b []byte, name string, raw []byte, hash [32]byte) ([]byte, error) {
	b = append(append(append(b, `,"`...), name...), `":{`...)
	b, err := s.appendProved(ctx, b, "record", "receipt", raw, hash)
	return append(b, '}'), err
}

// appendProved writes a record, and its receipt: null while the mirror that has it is not whole.
func (s *Service) appendProved(ctx context.Context, b []byte, record, proof string, raw []byte, hash [32]byte) ([]byte, error) {
	b = strictjson.AppendString(append(append(append(b, '"'), record...), `":`...), string(raw))
	b = append(append(append(b, `,"`...), proof...), `":`...)
	receipt, err := s.store.LogReceipt(ctx, hash)
	if errors.Is(err, store.ErrNotFound) {
		return append(b, "null"...), nil
	}
	if err != nil {
		return b, err
	}
	return strictjson.AppendString(b, string(receipt.Marshal())), nil
}
