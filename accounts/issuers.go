package accounts

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"slices"
	"time"
	"unicode"
	"unicode/utf8"

	"mirnode/protocol"
)

const (
	maxReason = 500 // characters of an operator's reason
	maxPlan   = 64  // and of a plan's name
)

// Account is an issuer of this home, with what only its home knows. It is a copy.
type Account struct {
	Record  *protocol.Issuer
	Created time.Time // zero where the document was lost
	Plan    string    // "": none
	Reason  string    // why the operator gave the badge; "" where nothing was said
	APIKeys []APIKey  // oldest first
	Pending []DomainTask
	// DomainChecked is when the verified domain last had the token; NextCheck when it will be asked again; SilentSince since when it does not
	// answer. Zero where there is no such time.
	DomainChecked, NextCheck, SilentSince time.Time
	// Disputed is when a dispute against one of the issuer's assertions was last found; zero where none was. It changes no badge.
	Disputed time.Time
}

// Create makes an issuer, UNVERIFIED and without keys, and a first API key with all scopes, which is told this once. Errors: a Refusal (Invalid for
// the name, Forbidden where there are too many), and those of the store.
func (a *Accounts) Create(ctx context.Context, name string) (Account, string, error) {
	select {
	case a.creating <- struct{}{}:
		defer func() { <-a.creating }()
	case <-ctx.Done():
		return Account{}, "", ctx.Err()
	}
	a.mu.RLock()
	full := len(a.byID) >= a.o.Policy.MaxIssuers
	a.mu.RUnlock()
	if full {
		return Account{}, "", a.full()
	}
	now := a.o.Now().UTC().Truncate(time.Millisecond)
	record, err := a.o.Sign(protocol.IssuerDraft{
		Home: a.o.Home, Nonce: randomHex(16), Network: a.o.Network, Name: name, Status: protocol.IssuerUnverified, Sequence: 1, Issued: now,
	})
	if err != nil {
		return Account{}, "", refusal(err)
	}
	secret, key := a.newKey("first", allScopes, time.Time{}, now)
	acc := newAccount(record.ID, &document{Created: now, APIKeys: []keptKey{key}})
	acc.note(record)
	if err := a.write(context.WithoutCancel(ctx), acc, record); err != nil {
		return Account{}, "", err
	}
	a.insert(acc)
	a.o.Directory.Learned(record)
	a.o.Logger.Info("an issuer was made", "issuer", record.ID)
	return a.view(acc, record), secret, nil
}

// write writes a new issuer's document, and then its record.
func (a *Accounts) write(ctx context.Context, acc *account, record *protocol.Issuer) error {
	if err := a.rewrite(ctx, acc, func(*document) {}); err != nil {
		return err
	}
	if _, err := a.o.Store.AppendStatement(ctx, record); err != nil {
		if undo := a.o.Store.PutState(ctx, stateSpace, acc.id, nil); undo != nil {
			a.o.Logger.Warn("an issuer that was not made has a document until the next start", "issuer", acc.id, "error", undo)
		}
		return fmt.Errorf("appending the issuer's record: %w", err)
	}
	return nil
}

// Account gives an issuer of this home. Errors: a Refusal (NotFound; Forbidden for another home's), and those of reading.
func (a *Accounts) Account(ctx context.Context, id string) (Account, error) {
	acc, err := a.account(ctx, id)
	if err != nil {
		return Account{}, err
	}
	record, err := a.record(ctx, id)
	if err != nil {
		return Account{}, err
	}
	return a.view(acc, record), nil
}

// Accounts gives this home's issuers in the order of their IDs, from the one behind after ("" for the first) on; at most limit of them, and MaxPage. An issuer
// whose document was lost is missing here until Run has found it, or somebody names it.
func (a *Accounts) Accounts(ctx context.Context, after string, limit int) ([]Account, error) {
	a.mu.RLock()
	at, there := slices.BinarySearch(a.order, after)
	if there {
		at++
	}
	limit = max(0, min(limit, MaxPage, len(a.order)-at))
	ids := slices.Clone(a.order[at : at+limit])
	a.mu.RUnlock()
	page := make([]Account, 0, len(ids))
	for _, id := range ids {
		one, err := a.Account(ctx, id)
		if err != nil {
			return nil, err
		}
		page = append(page, one)
	}
	return page, nil
}

func (a *Accounts) view(acc *account, record *protocol.Issuer) Account {
	d := acc.document.Load()
	view := Account{
		Record: record, Created: d.Created, Plan: d.Plan, Reason: d.Reason, APIKeys: a.views(d), Disputed: d.Active.Disputed,
	}
	now := a.o.Now()
	for _, p := range d.Pending {
		if now.Before(p.Expires) {
			view.Pending = append(view.Pending, taskOf(acc.id, p))
		}
	}
	if record.VerifiedBy == protocol.ByDomain {
		view.DomainChecked, view.SilentSince = d.Domain.Checked, d.Domain.SilentSince
		view.NextCheck = a.nextCheck(d, record.VerifiedAt)
	}
	return view
}

// Rename gives the issuer another name. It is for the operator: a verified issuer that renames itself is somebody else.
func (a *Accounts) Rename(ctx context.Context, id, name string) (*protocol.Issuer, error) {
	acc, err := a.account(ctx, id)
	if err != nil {
		return nil, err
	}
	if err := acc.begin(ctx); err != nil {
		return nil, err
	}
	defer acc.end()
	return a.change(ctx, acc, func(d *protocol.IssuerDraft, _ time.Time) error {
		if d.Name == name {
			return errUnchanged
		}
		d.Name = name
		return nil
	})
}

// SetStatus gives the issuer a badge, for the operator. RESTRICTED and SUSPENDED leave what was verified as it is, and VERIFIED lifts them again; it cannot be given to
// an issuer that was never verified. UNVERIFIED lifts them too, and takes the verification away. The reason, of at most 500 characters, is kept beside
// the record and shown to the issuer where it is refused something; it is never published.
func (a *Accounts) SetStatus(ctx context.Context, id string, status protocol.IssuerStatus, reason string) (*protocol.Issuer, error) {
	if !plain(reason, maxReason) {
		return nil, refuse(Invalid, "", "a reason has at most %d characters, and no control characters", maxReason)
	}
	acc, err := a.account(ctx, id)
	if err != nil {
		return nil, err
	}
	if err := acc.begin(ctx); err != nil {
		return nil, err
	}
	defer acc.end()
	record, err := a.change(ctx, acc, func(d *protocol.IssuerDraft, _ time.Time) error {
		if d.Status == status {
			return errUnchanged
		}
		if status == protocol.IssuerVerified && d.VerifiedBy == "" {
			return refuse(Invalid, "an issuer is verified by its domain (POST /issuers/{id}/domain) or by its activity; the operator cannot say so",
				"the issuer %s was not verified", id)
		}
		if status == protocol.IssuerUnverified {
			unverify(d)
		}
		d.Status = status
		return nil
	})
	if err != nil {
		return nil, err
	}
	a.o.Logger.Info("the operator set an issuer's badge", "issuer", id, "status", status)
	return record, a.rewrite(ctx, acc, func(d *document) { d.Reason = reason })
}

// unverify takes away what was verified.
func unverify(d *protocol.IssuerDraft) {
	d.VerifiedBy, d.VerifiedAt, d.Domain, d.DomainNonce = "", time.Time{}, "", ""
	if d.Status == protocol.IssuerVerified {
		d.Status = protocol.IssuerUnverified
	}
}

// SetPlan notes the plan that the issuer has, by a name of at most 64 characters; "" for none.
func (a *Accounts) SetPlan(ctx context.Context, id, plan string) error {
	if !plain(plan, maxPlan) {
		return refuse(Invalid, "", "a plan's name has at most %d characters, and no control characters", maxPlan)
	}
	acc, err := a.account(ctx, id)
	if err != nil {
		return err
	}
	if err := acc.begin(ctx); err != nil {
		return err
	}
	defer acc.end()
	return a.rewrite(ctx, acc, func(d *document) { d.Plan = plan })
}

// plain tells that a text from outside is UTF-8 of at most so many characters, without control characters.
func plain(s string, most int) bool {
	if !utf8.ValidString(s) || utf8.RuneCountInString(s) > most {
		return false
	}
	for _, r := range s {
		if unicode.IsControl(r) {
			return false
		}
	}
	return true
}

func randomHex(bytes int) string {
	b := make([]byte, bytes)
	_, _ = rand.Read(b) // never fails: it ends the program instead
	return hex.EncodeToString(b)
}
