package assertions

import (
	"context"
	"errors"
	"time"
	"unicode/utf8"

	"mirnode/accounts"
	"mirnode/protocol"
	"mirnode/store"
	"mirnode/translog"
)

// MaxNote bounds a note, in characters.
const MaxNote = 500

// Submission is an assertion as a client sends it: a signed payload, and what stands beside it.
type Submission struct {
	Payload        []byte // as in [Signed], like the next four
	PayloadIsText  bool
	Signature      string
	KeyFingerprint string
	Algorithm      string
	Metadata       protocol.AssertionMetadata // unsigned, public, may be edited later; zero: none
	Note           string                     // at most MaxNote characters, for the issuer's own team alone
}

// Written is the answer to a write.
type Written struct {
	// State is the assertion as it stands now: the new one, or the one that was revoked or edited.
	State store.AssertionState
	// Duplicate tells that the same was written before; everything is about the first one then.
	Duplicate bool
	// Receipt proves what was written in this node's log: the assertion, the revocation, the edit. Nil where nothing went into the log.
	Receipt *translog.Receipt
	// Revoked is, of a successor, the receipt of the revocation of the one before.
	Revoked *translog.Receipt
}

// draft is a submission whose form is good.
type draft struct {
	signed   Signed
	payload  *protocol.AssertionPayload
	metadata *protocol.AssertionMetadata
	note     string
}

func readSubmission(in Submission) (*draft, error) {
	payload, err := protocol.ParsePayload(in.Payload)
	if err != nil {
		return nil, err
	}
	d := &draft{payload: payload, note: in.Note, signed: Signed{
		Payload: in.Payload, PayloadIsText: in.PayloadIsText, Signature: in.Signature, KeyFingerprint: in.KeyFingerprint, Algorithm: in.Algorithm,
	}}
	if !in.Metadata.IsZero() {
		if err := in.Metadata.Check(); err != nil {
			return nil, err
		}
		if in.Metadata.Context != "" {
			if err := contextSigned(payload); err != nil {
				return nil, err
			}
		}
		d.metadata = &in.Metadata
	}
	if in.Signature == "" {
		return nil, invalid("sign the payload with a key of the issuer's, and send the signature in base64", "signature is missing")
	}
	return d, checkNote(in.Note)
}

func checkNote(note string) error {
	if n := utf8.RuneCountInString(note); n > MaxNote || !utf8.ValidString(note) {
		return invalid("shorten the note", "note has %d characters of UTF-8, and at most %d are allowed", n, MaxNote)
	}
	return nil
}

// Create takes a new assertion, and returns when it is safe in this node's log. The same payload again, however signed, is answered with the first one. A
// refusal is a *Refusal, a *[protocol.Error] or an *accounts.Refusal; other errors are the store's and the context's.
func (s *Service) Create(ctx context.Context, caller accounts.Caller, in Submission) (*Written, error) {
	d, err := readSubmission(in)
	if err != nil {
		return nil, err
	}
	issuer, err := s.author(ctx, caller, d.payload.IssuerID, accounts.CreateAction(d.payload.Type))
	if err != nil {
		return nil, err
	}
	if err := s.checkTime("payload", d.payload.Timestamp, d.payload.Time); err != nil {
		return nil, s.late(ctx, d.payload, err)
	}
	record, err := d.record(issuer, s.now())
	if err != nil {
		return nil, err
	}
	give, err := s.locks.take(ctx, d.payload.Artifact)
	if err != nil {
		return nil, err
	}
	defer give()
	if held, err := s.held(ctx, record.IDHash()); err != nil || held != nil {
		return s.again(ctx, held, err)
	}
	if err := s.checkReferences(ctx, d.payload); err != nil {
		return nil, err
	}
	if err := s.checkRoom(ctx, d.payload, nil); err != nil {
		return nil, err
	}
	return s.append(ctx, issuer.ID, record.IDHash(), d.note, record)
}

// late adds to a refusal for its time that the payload was taken before: whoever sends it again may not have heard the answer.
func (s *Service) late(ctx context.Context, p *protocol.AssertionPayload, refusal error) error {
	held, err := s.held(ctx, p.IDHash())
	if err != nil || held == nil {
		return refusal
	}
	return invalid("there is nothing to send again: GET /assertions/"+p.ID(), "%s. This very payload was taken in at %s, as %s", refusal,
		held.HomeIngestedAt.Format(timeForm), p.ID())
}

// record makes the assertion, if the issuer signed it.
func (d *draft) record(issuer *protocol.Issuer, now time.Time) (*protocol.Assertion, error) {
	p, err := d.signed.prove(issuer, now)
	if err != nil {
		return nil, err
	}
	return protocol.NewAssertion(p.signed, p.key.Fingerprint, p.signature, d.metadata)
}

// held is the assertion with this ID, nil where there is none.
func (s *Service) held(ctx context.Context, id [32]byte) (*store.AssertionState, error) {
	state, err := s.store.Assertion(ctx, id)
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return &state, nil
}

// again answers with what is there.
func (s *Service) again(ctx context.Context, held *store.AssertionState, err error) (*Written, error) {
	if err != nil {
		return nil, err
	}
	receipt, err := s.store.LogReceipt(ctx, held.RecordHash)
	if err != nil {
		return nil, err
	}
	return &Written{State: *held, Duplicate: true, Receipt: &receipt}, nil
}
