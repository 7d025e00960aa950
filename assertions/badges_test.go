package assertions_test

import (
	"context"
	"encoding/base64"
	"errors"
	"slices"
	"testing"
	"time"

	"mirnode/accounts"
	"mirnode/assertions"
	"mirnode/protocol"
)

// accountsWith are a node's accounts, over the world's store.
func (w *world) accountsWith(policy accounts.Policy) *accounts.Accounts {
	w.t.Helper()
	a, err := accounts.New(context.Background(), accounts.Options{
		Store: w.store, Directory: w.directory, DNS: silent{}, Home: home, Network: protocol.Development, Policy: policy, Now: w.clock.Now,
		Sign: func(d protocol.IssuerDraft) (*protocol.Issuer, error) { return d.Sign(w.nodeKey) },
	})
	must(w.t, err)
	return a
}

// register makes an issuer with a key by way of the accounts.
func (w *world) register(a *accounts.Accounts) *issuer {
	w.t.Helper()
	ctx := context.Background()
	account, _, err := a.Create(ctx, "An issuer")
	must(w.t, err)
	i := &issuer{w: w, id: account.Record.ID, signer: newEd25519(w.t, 99)}
	challenge, _, err := a.Challenge(ctx, i.id)
	must(w.t, err)
	proof := i.signer.sign(protocol.PossessionText(i.id, challenge))
	_, err = a.AddKey(ctx, i.id, "Ed25519", base64.StdEncoding.EncodeToString(i.signer.key.Public), challenge, base64.StdEncoding.EncodeToString(proof))
	must(w.t, err)
	return i
}

// TestEveryBadgeAgainstEveryAction goes through the accounts that a node has.
func TestEveryBadgeAgainstEveryAction(t *testing.T) {
	type attempt func(s *assertions.Service, i *issuer, old [32]byte) error
	ctx := context.Background()
	create := func(typ protocol.AssertionType) attempt {
		return func(s *assertions.Service, i *issuer, _ [32]byte) error {
			_, err := s.Create(ctx, i.caller(), i.submission(i.payload(typ, artifact(0))))
			return err
		}
	}
	supersede := func(typ protocol.AssertionType) attempt {
		return func(s *assertions.Service, i *issuer, old [32]byte) error {
			p := i.payload(typ, artifact(0))
			p.Supersedes = protocol.AssertionID(old)
			_, err := s.Supersede(ctx, i.caller(), old, i.revocation(old, protocol.ActionSupersede), i.submission(p))
			return err
		}
	}
	attempts := map[string]attempt{
		"create": create(protocol.Intent), "deny": create(protocol.NotIssuedBy),
		"supersede": supersede(protocol.IssuedBy), "supersede by a denial": supersede(protocol.NotIssuedBy),
		"edit": func(s *assertions.Service, i *issuer, old [32]byte) error {
			_, err := s.Edit(ctx, i.caller(), old, assertions.Patch{DisplayName: assertions.Change[string]{Set: true, Value: "x"}})
			return err
		},
		"revoke": func(s *assertions.Service, i *issuer, old [32]byte) error {
			_, err := s.Revoke(ctx, i.caller(), old, i.revocation(old, protocol.ActionRevoke))
			return err
		},
	}
	all := []string{"create", "deny", "supersede", "supersede by a denial", "edit", "revoke"}
	for _, c := range []struct {
		name   string
		status protocol.IssuerStatus
		plan   string
		may    []string
		kind   accounts.Kind
	}{
		{"VERIFIED", protocol.IssuerVerified, "paid", all, 0},
		{"UNVERIFIED", protocol.IssuerUnverified, "paid", all, 0},
		{"RESTRICTED", protocol.IssuerRestricted, "paid", []string{"deny", "supersede by a denial", "revoke"}, accounts.Forbidden},
		{"SUSPENDED", protocol.IssuerSuspended, "paid", []string{"revoke"}, accounts.Forbidden},
		{"no plan", protocol.IssuerUnverified, "", []string{"edit", "revoke"}, accounts.PaymentRequired},
	} {
		for name, try := range attempts {
			t.Run(c.name+"/"+name, func(t *testing.T) {
				w := newWorld(t)
				a := w.accountsWith(accounts.Policy{RequirePlan: true})
				s, i := w.serviceWith(a), w.register(a)
				must(t, a.SetPlan(ctx, i.id, "paid"))
				made, err := s.Create(ctx, i.caller(), i.submission(i.payload(protocol.IssuedBy, artifact(0))))
				must(t, err)
				w.clock.advance(time.Second)
				must(t, a.SetPlan(ctx, i.id, c.plan))
				w.setBadge(a, i.id, c.status)

				err = try(s, i, made.State.SigHash)
				if slices.Contains(c.may, name) {
					must(t, err)
					return
				}
				var refusal *accounts.Refusal
				if !errors.As(err, &refusal) || refusal.Kind != c.kind || refusal.Hint == "" {
					t.Errorf("%v", err)
				}
				if got := w.lookup(artifact(0)); len(got.Assertions) != 1 || got.Assertions[0].Revoked {
					t.Errorf("a refused call left %+v", got)
				}
			})
		}
	}
}

// setBadge gives the issuer its badge, as the operator does; VERIFIED, which no operator gives, by a record.
func (w *world) setBadge(a *accounts.Accounts, id string, status protocol.IssuerStatus) {
	w.t.Helper()
	ctx := context.Background()
	switch status {
	case protocol.IssuerUnverified:
	case protocol.IssuerVerified:
		record, _, err := w.store.Issuer(ctx, id)
		must(w.t, err)
		d := record.Draft()
		d.Status, d.VerifiedBy, d.VerifiedAt, d.Sequence = status, protocol.ByActivity, w.clock.Now(), d.Sequence+1
		d.Issued = w.clock.Now()
		next, err := d.Sign(w.nodeKey)
		must(w.t, err)
		appendRecord(w, next)
	default:
		_, err := a.SetStatus(ctx, id, status, "under review")
		must(w.t, err)
	}
	record, _, err := w.store.Issuer(ctx, id)
	if must(w.t, err); record.Status != status {
		w.t.Fatalf("the badge is %s", record.Status)
	}
}

// TestKeyRevokedWhileAWriteWaits revokes the key after the write was checked, and before its turn has come.
func TestKeyRevokedWhileAWriteWaits(t *testing.T) {
	w := newWorld(t)
	one := w.issuer(newEd25519(t, 203), newEd25519(t, 204))
	s := w.serviceWith(revoking{permissive{}, one})
	_, err := s.Create(context.Background(), one.caller(), one.submission(one.payload(protocol.IssuedBy, artifact(0))))
	wantRefusal(t, err, assertions.Invalid, "KEY_EXPIRED")
	if n := len(w.lookup(artifact(0)).Assertions); n != 0 {
		t.Errorf("%d assertions", n)
	}
}

// revoking revokes the issuer's first key when it is asked to keep the record as it is.
type revoking struct {
	permissive
	issuer *issuer
}

func (r revoking) Steady(context.Context, string) (func(), error) {
	r.issuer.draft.Keys[0].RevokedAt = r.issuer.w.clock.Now()
	r.issuer.publish()
	return func() {}, nil
}
