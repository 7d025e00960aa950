package accounts

import (
	"context"
	"fmt"
	"time"

	"mirnode/protocol"
	"mirnode/store"
)

const (
	// activityEvery is how often an issuer's activity is looked at unasked.
	activityEvery = 24 * time.Hour
	// minCounted is how many of an issuer's newest active assertions are counted at most, and held against disputes, if the policy does not
	// ask for more; scanned, how many of its assertions are looked at for that, those revoked included.
	minCounted, scanned = 1_000, 20_000
	// pageOfIssuer is how many of them are read at a time.
	pageOfIssuer = 500
	// maxDisputes bounds the disputes about one file that are looked at. More of them count as one.
	maxDisputes = 50
)

// ActivityCheck is what counting an issuer's assertions came to.
type ActivityCheck struct {
	Counted  int       // active assertions, of the newest
	First    time.Time // when the earliest known was taken in; zero: there is none
	Disputed string    // the ID of one that another issuer disputes; "": none is
	Verified bool      // the issuer is VERIFIED, by whatever
	Detail   string
}

// CheckActivity counts the issuer's assertions, and makes an UNVERIFIED issuer VERIFIED, by activity, that has kept at it: the first is the policy's ActivityDays old, at
// least ActivityAssertions are active, and none of those has an active DISPUTE by another issuer, against itself or against the file as such. The newest
// 1,000 are counted, or as many as the policy asks for. Run does so once a day.
//
// A dispute that comes later takes nothing away by itself: everybody can dispute, and a badge must not be anybody's to take. It is logged, and shown to the
// operator (Account.Disputed), who can restrict the issuer. Errors: a Refusal (NotFound, Forbidden; Invalid where the policy is off), and those of the store.
func (a *Accounts) CheckActivity(ctx context.Context, id string) (ActivityCheck, error) {
	if !a.activityOn() {
		return ActivityCheck{}, refuse(Invalid, "", "this node verifies nobody by activity")
	}
	acc, err := a.account(ctx, id)
	if err != nil {
		return ActivityCheck{}, err
	}
	check, err := a.count(ctx, acc)
	if err != nil {
		return ActivityCheck{}, fmt.Errorf("counting the issuer's assertions: %w", err)
	}
	if err := acc.begin(ctx); err != nil {
		return ActivityCheck{}, err
	}
	defer acc.end()
	record, err := a.change(ctx, acc, func(d *protocol.IssuerDraft, now time.Time) error {
		check.Detail = a.lacks(&check, now)
		if check.Detail != "" || d.Status != protocol.IssuerUnverified {
			return errUnchanged
		}
		d.Status, d.VerifiedBy, d.VerifiedAt = protocol.IssuerVerified, protocol.ByActivity, now
		a.o.Logger.Info("an issuer is verified by its activity", "issuer", id, "assertions", check.Counted)
		return nil
	})
	if err != nil {
		return ActivityCheck{}, err
	}
	check.Verified = record.Status == protocol.IssuerVerified
	return check, a.noteActivity(ctx, acc, &check, record)
}

func (a *Accounts) activityOn() bool {
	return a.o.Policy.ActivityDays > 0 && a.o.Policy.ActivityAssertions > 0
}

// lacks says what is missing for a verification by activity; "" if nothing is.
func (a *Accounts) lacks(c *ActivityCheck, now time.Time) string {
	p := &a.o.Policy
	since := time.Duration(p.ActivityDays) * 24 * time.Hour
	switch {
	case c.Counted < p.ActivityAssertions:
		return fmt.Sprintf("the issuer has %d active assertions, and needs %d", c.Counted, p.ActivityAssertions)
	case now.Sub(c.First) < since:
		return fmt.Sprintf("the issuer's first assertion is of %s, and must be %d days old", c.First.Format(time.DateOnly), p.ActivityDays)
	case c.Disputed != "":
		return c.Disputed + " is disputed by another issuer"
	}
	return ""
}

// noteActivity keeps what the next count should know. The caller holds the turn.
func (a *Accounts) noteActivity(ctx context.Context, acc *account, c *ActivityCheck, record *protocol.Issuer) error {
	before := acc.document.Load().Active
	now := activity{First: c.First}
	if c.Disputed != "" {
		now.Disputed = a.o.Now().UTC().Truncate(time.Second)
		if record.VerifiedBy == protocol.ByActivity {
			a.o.Logger.Warn("an issuer that is verified by its activity is disputed", "issuer", acc.id, "assertion", c.Disputed)
		}
	}
	if now.First.Equal(before.First) && now.Disputed.Equal(before.Disputed) {
		return nil
	}
	return a.rewrite(ctx, acc, func(d *document) { d.Active = now })
}

// counted is an assertion that is held against disputes.
type counted struct{ id, artifact [32]byte }

// count looks at the issuer's newest assertions. The earliest time is kept in the document too: an issuer may have made so many since that it is out of sight.
func (a *Accounts) count(ctx context.Context, acc *account) (ActivityCheck, error) {
	check := ActivityCheck{First: acc.document.Load().Active.First}
	most := max(minCounted, a.o.Policy.ActivityAssertions)
	var list []counted
	seen, cursor := 0, ""
	for {
		var err error
		cursor, err = a.o.Store.VisitIssuer(ctx, acc.id, pageOfIssuer, cursor, func(s *store.AssertionState) {
			seen++
			if s.Revocation != nil || len(list) == most {
				return
			}
			if check.First.IsZero() || s.HomeIngestedAt.Before(check.First) {
				check.First = s.HomeIngestedAt
			}
			list = append(list, counted{s.SigHash, s.Artifact})
		})
		if err != nil {
			return check, err
		}
		if cursor == "" || seen >= scanned || len(list) == most {
			break
		}
	}
	check.Counted = len(list)
	if check.Counted < a.o.Policy.ActivityAssertions {
		return check, nil
	}
	var err error
	check.Disputed, err = a.disputed(ctx, acc.id, list)
	return check, err
}

// disputed gives the ID of the first assertion that another issuer disputes; "" if none is.
func (a *Accounts) disputed(ctx context.Context, issuer string, list []counted) (string, error) {
	for i := range list {
		against := false
		id := protocol.AssertionID(list[i].id)
		query := store.ArtifactQuery{Type: protocol.Dispute, Limit: maxDisputes, PerHome: maxDisputes}
		truncated, err := a.o.Store.VisitArtifact(ctx, list[i].artifact, query, func(s *store.AssertionState) {
			if s.Revocation != nil || string(s.Issuer) == issuer || string(s.Type) != string(protocol.Dispute) {
				return
			}
			dispute, err := protocol.ParseAssertion(s.Raw)
			against = against || err != nil || dispute.Payload.Disputes == "" || dispute.Payload.Disputes == id
		})
		if err != nil {
			return "", err
		}
		if against || truncated {
			return id, nil
		}
	}
	return "", nil
}

// checkActivities looks at the activity of those for whom a day has passed: of the unverified, who may be verified by it, and of those who are.
func (a *Accounts) checkActivities(ctx context.Context) {
	if !a.activityOn() {
		return
	}
	now := a.o.Now()
	list := a.due(func(acc *account, b *brief) bool {
		concerned := b.status == protocol.IssuerUnverified || b.verifiedBy == protocol.ByActivity
		return concerned && now.Sub(time.Unix(acc.counted.Load(), 0)) >= activityEvery
	})
	for _, acc := range list {
		acc.counted.Store(now.Unix())
		if _, err := a.CheckActivity(ctx, acc.id); err != nil {
			if ctx.Err() != nil {
				return
			}
			a.complain("an issuer's activity could not be looked at", acc, err)
		}
	}
}
