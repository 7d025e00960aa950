package mirror

import (
	"context"
	"errors"
	"fmt"
	"time"

	"mirnode/protocol"
	"mirnode/store"
	"mirnode/verifier"
)

// judgeFound judges what peers gave. home is the domain whose log names the records: a node logs statements of its own alone. patience is how
// long the records' domains may take to answer, together. The error is the context's.
func (m *Mirror) judgeFound(ctx context.Context, home string, patience time.Duration, all []found) ([]store.Outcome, error) {
	outcomes := make([]store.Outcome, len(all))
	var records []protocol.Record
	var places []int
	for i := range all {
		f := &all[i]
		switch {
		case f.record != nil:
			records = append(records, f.record)
			places = append(places, i)
		case f.refusal != nil:
			outcomes[i] = store.Outcome{State: store.Refused, Code: f.refusal.Code, Reason: f.refusal.Message}
		case f.erased != nil:
			outcomes[i] = store.Outcome{State: store.Erased, Reason: f.erased.Reason}
		default:
			outcomes[i] = store.Outcome{State: store.Missing, Reason: "no peer that was asked has it"}
		}
	}
	judged, err := m.judge(ctx, home, patience, records)
	if err != nil {
		return nil, err
	}
	for n, place := range places {
		outcomes[place] = judged[n]
	}
	return outcomes, nil
}

// judge verifies records: claims several at once, statements one after the other. Each outcome but its index is set. Of the kinds that are
// judged in order Held is a proposal, see ledger. The error is the context's; a domain that does not answer is an outcome.
func (m *Mirror) judge(ctx context.Context, home string, patience time.Duration, records []protocol.Record) ([]store.Outcome, error) {
	outcomes := make([]store.Outcome, len(records))
	verdicts, err := m.verify(ctx, home, patience, records)
	if err != nil {
		return nil, err
	}
	quorum := m.newQuorum()
	for i, record := range records {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if outcomes[i], err = m.outcomeOf(ctx, quorum, record, verdicts[i]); err != nil {
			return nil, err
		}
	}
	return outcomes, nil
}

// verify asks the verifier, when it is this batch's turn. The error is the context's.
func (m *Mirror) verify(ctx context.Context, home string, patience time.Duration, records []protocol.Record) ([]verifier.Outcome, error) {
	select {
	case m.verifying <- struct{}{}:
		defer func() { <-m.verifying }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	bounded, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	verdicts := make([]verifier.Outcome, len(records))
	var claims []*protocol.Claim
	var places []int
	for i, record := range records {
		switch r := record.(type) {
		case *protocol.Claim:
			claims = append(claims, r)
			places = append(places, i)
		case protocol.Statement:
			if refusal := m.checkStatement(home, r); refusal != nil {
				verdicts[i].Verdict = verifier.Verdict{Code: refusal.Code, Reason: refusal.Message}
				continue
			}
			verdicts[i].Verdict, verdicts[i].Err = m.verifier.VerifyStatement(bounded, r)
		}
	}
	for n, outcome := range m.verifier.VerifyBatch(bounded, claims, verifier.Policy{}) {
		verdicts[places[n]] = outcome
	}
	return verdicts, ctx.Err()
}

// outcomeOf turns a verdict into what becomes of the record. Where the key is not to be had now, a quorum of observers may stand for it.
func (m *Mirror) outcomeOf(ctx context.Context, quorum *quorum, record protocol.Record, v verifier.Outcome) (store.Outcome, error) {
	switch record.(type) {
	case *protocol.Assertion, *protocol.Revocation: // under no domain's key: the ledger judges them
		return store.Outcome{State: store.Held, Record: record}, nil
	}
	if v.Err == nil && v.Verdict.Accepted() {
		return m.accepted(record, provenance(v.Verdict)), nil
	}
	if v.Err == nil && v.Verdict.Code != protocol.KeyNotFound {
		return m.notAccepted(record, v.Verdict), nil
	}
	if v.Err != nil && !unanswered(v.Err) {
		return store.Outcome{}, v.Err
	}
	verdict, observers, err := quorum.verify(ctx, record)
	switch {
	case err != nil:
		return store.Outcome{}, err
	case observers != nil:
		return m.stoodFor(record, verdict, observers), nil
	}
	reason := v.Verdict.Reason
	if v.Err != nil {
		reason = v.Err.Error()
	}
	return store.Outcome{State: store.Quarantined, Record: record, Code: v.Verdict.Code, Reason: reason}, nil
}

// maxEarly is how far ahead of our clock a record may lie that is kept until its time. Who took it in had it within minutes of its clock:
// what lies further ahead was not taken in by an honest node.
const maxEarly = 3 * 24 * time.Hour

// early reports whether a record is only ahead of our clock, which may be the one that is wrong: that is not for good.
func (m *Mirror) early(record protocol.Record) bool {
	s, err := signerOf(record)
	return err == nil && s.at.After(m.now()) && s.at.Sub(m.now()) <= maxEarly
}

// notAccepted is the outcome of a record against which its key, or it itself, speaks: for good, unless only our clock does.
func (m *Mirror) notAccepted(record protocol.Record, v verifier.Verdict) store.Outcome {
	state := store.Refused
	if v.Code == protocol.ClaimExpired && m.early(record) {
		state = store.Quarantined
	}
	return store.Outcome{State: state, Record: record, Code: v.Code, Reason: v.Reason}
}

// stoodFor is the outcome of a record that was judged under a key for which a quorum stands.
func (m *Mirror) stoodFor(record protocol.Record, v verifier.Verdict, observers []string) store.Outcome {
	if !v.Accepted() {
		return m.notAccepted(record, v)
	}
	p := provenance(v)
	p.Channels, p.DNSSEC, p.Quorum = nil, false, observers
	return m.accepted(record, p)
}

// accepted is the outcome of a verified record, unless a notice that we honour had it erased before it came.
func (m *Mirror) accepted(record protocol.Record, p store.Provenance) store.Outcome {
	if claim, ok := record.(*protocol.Claim); ok {
		if reason, erased := m.notices.of(claim); erased {
			return store.Outcome{State: store.Erased, Record: record, Reason: reason}
		}
	}
	return store.Outcome{State: store.Held, Record: record, Provenance: p}
}

// checkStatement refuses statements of other networks, and statements that stand in another node's log than their signer's.
func (m *Mirror) checkStatement(home string, s protocol.Statement) *protocol.Error {
	domain, _ := s.Signer()
	switch {
	case s.Network() != m.own.Origin.Network:
		return &protocol.Error{Code: protocol.InvalidSchema, Message: fmt.Sprintf("a statement of the network %s in a log of %s", s.Network(), m.own.Origin.Network)}
	case domain != home:
		return &protocol.Error{Code: protocol.InvalidSchema, Message: fmt.Sprintf("a statement of %s in the log of %s", domain, home)}
	}
	return nil
}

// provenance is what is kept of how a record was verified.
func provenance(v verifier.Verdict) store.Provenance {
	p := store.Provenance{Form: string(v.Form), Flags: v.Flags}
	if v.Key != nil {
		p.Channels, p.DNSSEC = v.Key.Key.Channels, v.Key.DNSSEC
	}
	return p
}

// signerOf returns the domain whose key a record is under, the key's fingerprint, and the time at which it is judged.
func signerOf(record protocol.Record) (s signing, err error) {
	switch r := record.(type) {
	case *protocol.Claim:
		return signing{r.Host(), r.KeyFingerprint, r.Time()}, nil
	case protocol.Statement:
		s.domain, s.fingerprint = r.Signer()
		s.at = r.IssuedAt()
		return s, nil
	}
	return s, errors.New("a record of no kind that is signed")
}
