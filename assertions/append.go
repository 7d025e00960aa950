package assertions

import (
	"context"
	"errors"

	"mirnode/protocol"
	"mirnode/store"
	"mirnode/verifier"
)

// append keeps the note, appends an issuer's records in one transaction, and answers with the assertion as it stands then. The last record is the one that
// the answer's receipt is of. The caller holds the lock of the artifact.
//
// What has begun is finished even if the client goes away: until the store has answered, nobody knows what the next write must be judged by, and neither the lock
// nor the issuer's record may be let go. It takes as long as the store's queue and the disk do; the store answers whatever becomes of it. That the record is the next
// one about its artifact the store sees for itself, too.
func (s *Service) append(ctx context.Context, issuerID string, id [32]byte, note string, records ...protocol.Record) (*Written, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	ctx = context.WithoutCancel(ctx)
	release, err := s.accounts.Steady(ctx, issuerID)
	if err != nil {
		return nil, err
	}
	defer release()
	batch := make([]store.RecordToAppend, len(records))
	for i, record := range records {
		if err := s.judge(ctx, issuerID, record); err != nil {
			return nil, err
		}
		batch[i].Record = record
	}
	if note != "" {
		if err := s.store.PutNote(ctx, id, note); err != nil {
			return nil, err
		}
	}
	appended, err := s.store.AppendRecords(ctx, batch, store.InTurn)
	if errors.Is(err, store.ErrConflict) {
		return nil, invalid("look at what the issuer says of the artifact now, and send a new request", "another write came first: %v", err)
	}
	if err != nil {
		return nil, err
	}
	for i := range appended {
		if appended[i].Err != nil {
			return nil, appended[i].Err
		}
	}
	last := &appended[len(appended)-1]
	w := &Written{Duplicate: last.Duplicate, Receipt: last.Receipt}
	if len(appended) > 1 {
		w.Revoked = appended[0].Receipt
	}
	w.State, err = s.store.Assertion(ctx, id)
	return w, err
}

// judge sees a record as replicas will: by the issuer's record that is in force now. A key may have been revoked while the write waited for its turn.
func (s *Service) judge(ctx context.Context, issuerID string, record protocol.Record) error {
	issuer, _, err := s.store.Issuer(ctx, issuerID)
	if err != nil {
		return err
	}
	var refusal *protocol.Error
	switch of := record.(type) {
	case *protocol.Assertion:
		refusal = verifier.Assertion(of, issuer, s.now())
	case *protocol.Revocation:
		refusal = verifier.Revocation(of, issuer, s.now())
	}
	if refusal != nil {
		return refusal
	}
	return nil
}
