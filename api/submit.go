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
	"mirnode/verifier"
)

// submitClaim is POST /claims.
func (a *API) submitClaim(c *gin.Context) error {
	document, err := a.readClaimBody(c)
	if err != nil {
		return err
	}
	kept, err := a.keep(c.Request.Context(), document, clientKey(a.client(c)))
	if err != nil {
		return err
	}
	status := http.StatusCreated
	if kept.Duplicate {
		status = http.StatusOK
	}
	a.metrics.submitted(status)
	c.Writer.Header()["Location"] = []string{"/claims/claim_" + hex.EncodeToString(kept.Record.SigHash[:])}
	return writeBuilt(c, status, func(b []byte) ([]byte, error) {
		return append(appendSubmitted(append(b, '{'), &kept.Record, kept.Duplicate), '}'), nil
	})
}

// keep takes one document all the way: parse, known already?, verify, count, append.
func (a *API) keep(ctx context.Context, document []byte, client netip.Addr) (store.Appended, error) {
	claim, err := a.parse(ctx, document)
	if err != nil {
		return store.Appended{}, err
	}
	known, err := a.known(ctx, claim)
	if err != nil || known.Duplicate {
		return known, err
	}
	verdict, err := a.judge(ctx, claim, verifier.Policy{}, client)
	if err != nil {
		return store.Appended{}, err
	}
	if !verdict.Accepted() {
		return store.Appended{}, rejection(verdict)
	}
	if now := a.Now(); !a.perDomain.take(claim.Host(), 1, now) {
		return store.Appended{}, a.exhausted(a.perDomain.name, a.perDomain.does, a.perDomain.wait(claim.Host(), 1, now))
	}
	kept, err := a.Store.AppendClaim(ctx, claim, provenance(verdict))
	if err == nil {
		err = kept.Err
	}
	return kept, err
}

// parse reads a claim behind the gate for verifications: a document may be made to cost as much as a signature.
func (a *API) parse(ctx context.Context, document []byte) (*protocol.Claim, error) {
	if err := a.verifications.enter(ctx); err != nil {
		return nil, err
	}
	defer a.verifications.leave()
	return protocol.ParseClaim(document)
}

// known gives the record of a claim that is kept already, marked as a duplicate, so that nothing is verified twice. Another claim with the same signature
// is not known: it goes on to be verified, and fails there. An erased claim is an error.
func (a *API) known(ctx context.Context, claim *protocol.Claim) (store.Appended, error) {
	record, err := a.Store.Claim(ctx, claim.SigHash())
	switch {
	case errors.Is(err, store.ErrNotFound):
		return store.Appended{}, nil
	case err != nil:
		return store.Appended{}, err
	}
	return store.Appended{Record: record, Duplicate: record.RecordHash == claim.RecordHash()}, nil
}

// judge verifies a claim. A key that is not in the cache costs the client a look-up, and waits at a gate of its own: slow domains cannot hold up others' claims.
func (a *API) judge(ctx context.Context, claim *protocol.Claim, policy verifier.Policy, client netip.Addr) (verifier.Verdict, error) {
	door := a.verifications
	if !a.Keys.Known(claim.Host(), claim.KeyFingerprint) {
		if err := a.spendLookup(client); err != nil {
			return verifier.Verdict{}, err
		}
		door = a.lookups
	}
	if err := door.enter(ctx); err != nil {
		return verifier.Verdict{}, err
	}
	defer door.leave()
	verdict, err := a.Verifier.VerifyClaim(ctx, claim, policy)
	a.countVerdict(verdict, err)
	return verdict, err
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
