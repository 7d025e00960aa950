package accounts

import (
	"context"
	"fmt"
	"slices"
	"time"

	"mirnode/issuers"
	"mirnode/protocol"
)

const (
	// maxNameBytes is the most that a DNS name has, without the dot at its end (RFC 1035 section 2.3.4).
	maxNameBytes = 253
	// lookTimeout bounds a live check, with the looks at where the record may stand by mistake.
	lookTimeout = 15 * time.Second
	// askSilentEvery is how often a domain is asked again that does not answer a recheck, and silentFor for how long it may be so.
	askSilentEvery, silentFor = 24 * time.Hour, 7 * 24 * time.Hour
	// recordTTL is that of the proposed record, in seconds.
	recordTTL = 300
)

// DomainTask says which record is to be set.
type DomainTask struct {
	Domain    string
	Name      string // of the record: _mir-verify.{domain}
	Value     string // mir-verify= and 32 hex digits, the issuer's own
	Record    string // the record as a line of a zone file
	ExpiresAt time.Time
}

// DomainCheck is what a live look came to.
type DomainCheck struct {
	Domain   string
	Name     string // that was asked
	Value    string // that was looked for
	Verified bool   // it is there, and the issuer's record says so
	Answered bool   // the domain's servers answered; false leaves all as it was
	Detail   string // what was found, for people
	Hint     string // what to do about it; "" where nothing is to be done
	Found    []string
	At       time.Time
}

func taskOf(id string, p pending) DomainTask {
	t := DomainTask{
		Domain: p.Domain, Name: protocol.VerifyLabel + p.Domain, Value: protocol.DomainToken(id, p.Domain, p.Nonce), ExpiresAt: p.Expires,
	}
	t.Record = fmt.Sprintf("%s. %d IN TXT \"%s\"", t.Name, recordTTL, t.Value)
	return t
}

// StartDomain says which record shows that the issuer holds a domain, good for the policy's TokenLife. While an earlier answer for the domain is good, it is given again.
// Errors: a Refusal (Invalid for what is no domain; those of [Accounts.May] for ActionVerifyDomain), and those of the store.
func (a *Accounts) StartDomain(ctx context.Context, id, domain string) (DomainTask, error) {
	if err := a.May(id, ActionVerifyDomain); err != nil {
		return DomainTask{}, err
	}
	domain, err := protocol.ParseDomain(domain)
	if err != nil {
		return DomainTask{}, refusal(err)
	}
	if most := maxNameBytes - len(protocol.VerifyLabel); len(domain) > most {
		return DomainTask{}, refuse(Invalid, "", "the domain has %d characters; with %s before it, it may have %d", len(domain), protocol.VerifyLabel, most)
	}
	acc, err := a.account(ctx, id)
	if err != nil {
		return DomainTask{}, err
	}
	if err := acc.begin(ctx); err != nil {
		return DomainTask{}, err
	}
	defer acc.end()
	now := a.o.Now().UTC().Truncate(time.Millisecond)
	for _, p := range acc.document.Load().Pending {
		if p.Domain == domain && now.Before(p.Expires) {
			return taskOf(id, p), nil
		}
	}
	fresh := pending{Domain: domain, Nonce: randomHex(16), Expires: now.Add(a.o.Policy.TokenLife)}
	err = a.rewrite(ctx, acc, func(d *document) {
		d.Pending = slices.DeleteFunc(d.Pending, func(p pending) bool { return p.Domain == domain })
		if len(d.Pending) >= MaxPendingDomains {
			d.Pending = slices.Delete(d.Pending, 0, 1)
		}
		d.Pending = append(d.Pending, fresh)
	})
	if err != nil {
		return DomainTask{}, err
	}
	return taskOf(id, fresh), nil
}

// CheckDomain looks for the awaited records now, the latest first, and where one is there makes the issuer's record say so. Where none is awaited it looks for that of
// the verified domain, and changes nothing. Not to find it is an answer; errors are a Refusal (those of [Accounts.May]; Invalid where nothing
// is awaited; TooMany), and those of the store.
func (a *Accounts) CheckDomain(ctx context.Context, id string) (DomainCheck, error) {
	if err := a.May(id, ActionVerifyDomain); err != nil {
		return DomainCheck{}, err
	}
	acc, err := a.account(ctx, id)
	if err != nil {
		return DomainCheck{}, err
	}
	now := a.o.Now()
	if err := take(acc.checks, now, "domain checks"); err != nil {
		return DomainCheck{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	awaited := slices.Clone(acc.document.Load().Pending)
	slices.Reverse(awaited)
	var first *DomainCheck
	var expired *pending
	for i, p := range awaited {
		if !now.Before(p.Expires) {
			expired = &awaited[i]
			continue
		}
		check, found := a.look(ctx, taskOf(id, p))
		if found {
			return a.verified(ctx, acc, p, check)
		}
		if first == nil {
			first = &check
		}
	}
	if first == nil {
		return a.checkVerified(ctx, acc, expired)
	}
	if first.Answered {
		a.explain(ctx, first)
	}
	return *first, nil
}

// look asks the domain for the task's record. What was found else stands in the check.
func (a *Accounts) look(ctx context.Context, t DomainTask) (DomainCheck, bool) {
	check := DomainCheck{Domain: t.Domain, Name: t.Name, Value: t.Value, At: a.o.Now().UTC()}
	values, err := a.o.DNS.TXT(ctx, t.Name)
	if err != nil {
		check.Detail = fmt.Sprintf("the DNS servers of %s did not answer; nothing was decided", t.Domain)
		check.Hint = "try again in some minutes; if it stays so, check the domain's name servers"
		return check, false
	}
	check.Answered = true
	check.Found = showable(values)
	return check, issuers.Published(values, t.Value)
}

// verified makes the issuer's record say that the domain is its own.
func (a *Accounts) verified(ctx context.Context, acc *account, p pending, check DomainCheck) (DomainCheck, error) {
	if err := take(acc.verifying, a.o.Now(), "verified domains"); err != nil {
		return DomainCheck{}, err
	}
	if err := acc.begin(ctx); err != nil {
		return DomainCheck{}, err
	}
	defer acc.end()
	record, err := a.change(ctx, acc, func(d *protocol.IssuerDraft, now time.Time) error {
		if err := a.may(acc, d.Status, ActionVerifyDomain); err != nil {
			return err // the badge changed meanwhile
		}
		if d.VerifiedBy == protocol.ByDomain && d.Domain == p.Domain && d.DomainNonce == p.Nonce {
			return errUnchanged
		}
		d.VerifiedBy, d.VerifiedAt, d.Domain, d.DomainNonce = protocol.ByDomain, now, p.Domain, p.Nonce
		if d.Status == protocol.IssuerUnverified {
			d.Status = protocol.IssuerVerified
		}
		return nil
	})
	if err != nil {
		return DomainCheck{}, err
	}
	a.o.Directory.Confirmed(acc.id, p.Domain, p.Nonce, check.At)
	err = a.rewrite(ctx, acc, func(d *document) {
		d.Pending = slices.DeleteFunc(d.Pending, func(other pending) bool { return other.Domain == p.Domain })
		d.Domain = domainState{Checked: check.At, Asked: check.At}
	})
	a.o.Logger.Info("an issuer's domain was verified", "issuer", acc.id, "domain", p.Domain)
	check.Verified = true
	check.Detail = fmt.Sprintf("%s has the record; the issuer is %s. Leave it there: it is looked for again every %s",
		p.Domain, record.Status, days(a.o.Policy.Recheck))
	return check, err
}

// checkVerified looks for the record of the domain that is verified already, for the issuer to see.
func (a *Accounts) checkVerified(ctx context.Context, acc *account, expired *pending) (DomainCheck, error) {
	record, err := a.record(ctx, acc.id)
	if err != nil {
		return DomainCheck{}, err
	}
	again := "ask which one to set: POST /issuers/" + acc.id + "/domain"
	if record.VerifiedBy != protocol.ByDomain {
		if expired != nil {
			return DomainCheck{}, refuse(Invalid, again, "the record for %s could be used until %s", expired.Domain, expired.Expires.Format(time.RFC3339))
		}
		return DomainCheck{}, refuse(Invalid, again, "no domain's record is awaited")
	}
	check, found := a.look(ctx, verifiedTask(record))
	if check.Verified = found; found {
		check.Detail = check.Domain + " has the record"
	} else if check.Answered {
		a.explain(ctx, &check)
		check.Detail += fmt.Sprintf("; without it the issuer will be %s when it is looked for next, at %s", protocol.IssuerUnverified,
			a.nextCheck(acc.document.Load(), record.VerifiedAt).Format(time.RFC3339))
	}
	return check, nil
}

// verifiedTask is the record that an issuer's verified domain must keep.
func verifiedTask(r *protocol.Issuer) DomainTask {
	return taskOf(r.ID, pending{Domain: r.Domain, Nonce: r.DomainNonce})
}

// RecheckDomain looks for the record of the verified domain, as Run does when its time has come: if the domain answers without it, or has not answered for
// seven days, the issuer is UNVERIFIED from now on. Errors: a Refusal (NotFound, Forbidden; Invalid where no domain is verified), and those of the
// store.
func (a *Accounts) RecheckDomain(ctx context.Context, id string) (DomainCheck, error) {
	acc, err := a.account(ctx, id)
	if err != nil {
		return DomainCheck{}, err
	}
	record, err := a.record(ctx, id)
	if err != nil {
		return DomainCheck{}, err
	}
	if record.VerifiedBy != protocol.ByDomain {
		return DomainCheck{}, refuse(Invalid, "", "the issuer has no verified domain")
	}
	looking, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	check, found := a.look(looking, verifiedTask(record))
	if ctx.Err() != nil {
		return DomainCheck{}, ctx.Err() // the node stops: that is no silence of the domain's
	}
	if check.Answered && !found {
		a.explain(looking, &check)
	}
	if err := acc.begin(ctx); err != nil {
		return DomainCheck{}, err
	}
	defer acc.end()
	return a.rechecked(ctx, acc, record, check, found)
}

// rechecked draws the consequences of a recheck of the record's domain. The caller holds the turn.
func (a *Accounts) rechecked(ctx context.Context, acc *account, record *protocol.Issuer, check DomainCheck, found bool) (DomainCheck, error) {
	state := acc.document.Load().Domain
	state.Asked = check.At
	switch {
	case found:
		state.Checked, state.SilentSince = check.At, time.Time{}
		check.Verified, check.Detail = true, check.Domain+" has the record"
	case !check.Answered && state.SilentSince.IsZero():
		state.SilentSince = check.At
	}
	lost := !found && (check.Answered || check.At.Sub(state.SilentSince) >= silentFor)
	if lost {
		state = domainState{}
		_, err := a.change(ctx, acc, func(d *protocol.IssuerDraft, _ time.Time) error {
			if d.VerifiedBy != protocol.ByDomain || d.Domain != record.Domain || d.DomainNonce != record.DomainNonce {
				return errUnchanged // another one was verified meanwhile
			}
			unverify(d)
			return nil
		})
		if err != nil {
			return DomainCheck{}, err
		}
		check.Detail += "; the issuer is no longer verified by this domain"
		a.o.Logger.Warn("an issuer's domain is lost", "issuer", acc.id, "domain", check.Domain, "answered", check.Answered)
	} else if found {
		a.o.Directory.Confirmed(acc.id, record.Domain, record.DomainNonce, check.At)
	}
	return check, a.rewrite(ctx, acc, func(d *document) { d.Domain = state })
}

// nextCheck is when the verified domain is to be asked again. Where the document does not know, the record tells when the domain was verified.
func (a *Accounts) nextCheck(d *document, verifiedAt time.Time) time.Time {
	s := d.Domain
	if !s.SilentSince.IsZero() {
		return s.Asked.Add(askSilentEvery)
	}
	if s.Checked.After(verifiedAt) {
		verifiedAt = s.Checked
	}
	return verifiedAt.Add(a.o.Policy.Recheck)
}
