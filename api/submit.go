package api

import (
	"context"
	"encoding/hex"
	"errors"
	"net/http"
	"net/netip"

	"github.com/gin-gonic/gin"

	"mirnode/protocol"
	"mirnode/store"
	"mirnode/translog"
	"mirnode/verifier"
)

// submitParameters are the query parameters of POST /claims and POST /claims/batch.
var submitParameters = []string{"receipts"}

// kept is what is told of a claim that is kept: where, since when, and the proof.
type kept struct {
	record    store.Record
	duplicate bool
	receipt   *translog.Receipt // nil where the node keeps no log of its own
	bare      bool              // the receipt itself is not wanted
}

func keptAs(a *store.Appended) kept {
	return kept{record: a.Record, duplicate: a.Duplicate, receipt: a.Receipt}
}

// submitClaim is POST /claims.
func (a *API) submitClaim(c *gin.Context) error {
	receipts, err := wantsReceipts(c)
	if err != nil {
		return err
	}
	document, err := a.readClaimBody(c)
	if err != nil {
		return err
	}
	k, err := a.keep(c.Request.Context(), document, clientKey(a.client(c)))
	if err != nil {
		return err
	}
	k.bare = !receipts
	status := http.StatusCreated
	if k.duplicate {
		status = http.StatusOK
	}
	a.metrics.submitted(status)
	c.Writer.Header()["Location"] = []string{"/claims/claim_" + hex.EncodeToString(k.record.SigHash[:])}
	return writeBuilt(c, status, func(b []byte) ([]byte, error) {
		return append(appendSubmitted(append(b, '{'), &k, "index"), '}'), nil
	})
}

// wantsReceipts tells whether the answer to a submission is to hold receipts.
func wantsReceipts(c *gin.Context) (bool, error) {
	values, err := parameters(c, submitParameters)
	if err != nil {
		return false, err
	}
	return truthParameter(values, "receipts", true)
}

// keep takes one document all the way: parse, known already?, verify, count, append.
func (a *API) keep(ctx context.Context, document []byte, client netip.Addr) (kept, error) {
	claim, err := a.parse(ctx, document)
	if err != nil {
		return kept{}, err
	}
	known, err := a.known(ctx, claim)
	if err != nil || known.duplicate {
		return known, err
	}
	verdict, err := a.judge(ctx, claim, verifier.Policy{}, client)
	if err != nil {
		return kept{}, err
	}
	if !verdict.Accepted() {
		return kept{}, rejection(verdict)
	}
	if now := a.Now(); !a.perDomain.take(claim.Host(), 1, now) {
		return kept{}, a.exhausted(a.perDomain.name, a.perDomain.does, a.perDomain.wait(claim.Host(), 1, now))
	}
	appended, err := a.Store.AppendClaim(ctx, claim, provenance(verdict))
	if err == nil {
		err = appended.Err
	}
	return keptAs(&appended), err
}

// parse reads a claim behind the gate for verifications: a document may be made to cost as much as a signature.
func (a *API) parse(ctx context.Context, document []byte) (*protocol.Claim, error) {
	if err := a.verifications.enter(ctx); err != nil {
		return nil, err
	}
	defer a.verifications.leave()
	return protocol.ParseClaim(document)
}

// known gives what is kept already of a claim that was submitted before, marked as a duplicate, with its receipt, so that nothing is verified twice. Another
// claim with the same signature is not known: it goes on to be verified, and fails there. Nor is a claim that came from other nodes alone: it is verified,
// and gets an entry in the node's own log. An erased claim is an error.
func (a *API) known(ctx context.Context, claim *protocol.Claim) (kept, error) {
	record, err := a.Store.Claim(ctx, claim.SigHash())
	switch {
	case errors.Is(err, store.ErrNotFound):
		return kept{}, nil
	case err != nil:
		return kept{}, err
	case record.RecordHash != claim.RecordHash():
		return kept{}, nil
	case a.origin == "":
		return kept{record: record, duplicate: true}, nil
	}
	if !record.Own {
		return kept{}, nil
	}
	receipt, err := a.Store.Receipt(ctx, record.RecordHash)
	return kept{record: record, duplicate: true, receipt: &receipt}, err
}

// receipt proves that a record stands in the node's own log; store.ErrNotFound where it does not.
func (a *API) receipt(ctx context.Context, record [32]byte) (translog.Receipt, error) {
	if a.origin == "" {
		return translog.Receipt{}, store.ErrNotFound
	}
	return a.Store.Receipt(ctx, record)
}

// judge verifies a claim. A key that is not in the cache costs the client a look-up, and waits at a gate of its own: slow domains cannot hold up others' claims.
func (a *API) judge(ctx context.Context, claim *protocol.Claim, policy verifier.Policy, client netip.Addr) (verifier.Verdict, error) {
	door, err := a.door(claim.Host(), claim.KeyFingerprint, client)
	if err != nil {
		return verifier.Verdict{}, err
	}
	if err := door.enter(ctx); err != nil {
		return verifier.Verdict{}, err
	}
	defer door.leave()
	verdict, err := a.Verifier.VerifyClaim(ctx, claim, policy)
	a.countVerdict(verdict, err)
	return verdict, err
}

// door is the gate that a verification under this key goes through. A key that must be looked up is counted.
func (a *API) door(domain, fingerprint string, client netip.Addr) (*gate, error) {
	if a.Keys.Known(domain, fingerprint) {
		return a.verifications, nil
	}
	return a.lookups, a.spendLookup(client)
}

// spendLookup counts a key look-up against the client's budget.
func (a *API) spendLookup(client netip.Addr) error {
	if now := a.Now(); !a.lookup.take(client, 1, now) {
		return a.exhausted(a.lookup.name, a.lookup.does, a.lookup.wait(client, 1, now))
	}
	return nil
}

func (a *API) countVerdict(v verifier.Verdict, err error) {
	switch {
	case err != nil:
		a.metrics.verdict("none")
	case v.Accepted():
		a.metrics.verdict(v.Result())
	default:
		a.metrics.verdict(string(v.Code))
	}
}

// rejection is a verdict as an error.
func rejection(v verifier.Verdict) error {
	return &protocol.Error{Code: v.Code, Message: v.Reason, Hint: v.Hint}
}

// provenance is what is kept of how a claim was verified.
func provenance(v verifier.Verdict) store.Provenance {
	p := store.Provenance{Form: string(v.Form), Flags: v.Flags}
	if v.Key != nil {
		p.Channels, p.DNSSEC = v.Key.Key.Channels, v.Key.DNSSEC
	}
	return p
}
