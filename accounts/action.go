package accounts

import (
	"context"
	"slices"

	"mirnode/protocol"
)

// Action is something that an issuer may want to do at its home.
type Action string

// The actions, in the order of the table below.
const (
	ActionLookup       Action = "look up"                             // with its API key
	ActionCreate       Action = "create or supersede assertions"      // but for ActionDeny
	ActionDeny         Action = "create or supersede a NOT_ISSUED_BY" // to say that a file is not the issuer's own
	ActionEdit         Action = "edit metadata"                       // of its assertions
	ActionRevoke       Action = "revoke assertions"                   // without a successor
	ActionRevokeKey    Action = "revoke keys"
	ActionManageKeys   Action = "rotate or revoke API keys" // not: to make more of them
	ActionAddKey       Action = "add keys"                  // and ask for challenges
	ActionNewAPIKey    Action = "make API keys"             //nolint:gosec // G101: no secret, but what an issuer may do
	ActionVerifyDomain Action = "verify a domain"           // ask for the record, and have it checked
)

// CreateAction is what [Accounts.May] is asked before an assertion of the type is made, be it the successor of another or not.
func CreateAction(t protocol.AssertionType) Action {
	if t == protocol.NotIssuedBy {
		return ActionDeny
	}
	return ActionCreate
}

// rules say which badge may do what. What takes power away, from a stolen key or a wrong statement, is open to every badge: a suspension
// must not keep an issuer from putting things right. RESTRICTED, under review, can still say what is not its own: a review may take long, and
// whoever is impersonated meanwhile cannot wait.
var rules = map[Action][]protocol.IssuerStatus{
	ActionLookup:       {protocol.IssuerVerified, protocol.IssuerUnverified, protocol.IssuerRestricted, protocol.IssuerSuspended},
	ActionCreate:       {protocol.IssuerVerified, protocol.IssuerUnverified},
	ActionDeny:         {protocol.IssuerVerified, protocol.IssuerUnverified, protocol.IssuerRestricted},
	ActionEdit:         {protocol.IssuerVerified, protocol.IssuerUnverified},
	ActionRevoke:       {protocol.IssuerVerified, protocol.IssuerUnverified, protocol.IssuerRestricted, protocol.IssuerSuspended},
	ActionRevokeKey:    {protocol.IssuerVerified, protocol.IssuerUnverified, protocol.IssuerRestricted, protocol.IssuerSuspended},
	ActionManageKeys:   {protocol.IssuerVerified, protocol.IssuerUnverified, protocol.IssuerRestricted, protocol.IssuerSuspended},
	ActionAddKey:       {protocol.IssuerVerified, protocol.IssuerUnverified},
	ActionNewAPIKey:    {protocol.IssuerVerified, protocol.IssuerUnverified},
	ActionVerifyDomain: {protocol.IssuerVerified, protocol.IssuerUnverified, protocol.IssuerRestricted},
}

// May tells whether the issuer may do this now: nil, or a *Refusal. Forbidden: its badge does not let it, or it has another home.
// PaymentRequired: the operator asks for a plan, and it has none. NotFound: there is no such issuer. Other errors are those of reading. It
// goes by the log's latest record of the issuer, mostly from memory, and asks no network.
func (a *Accounts) May(id string, action Action) error {
	ctx := context.Background() // this machine's memory or disk: there is nothing worth giving up on
	record, err := a.record(ctx, id)
	if err != nil {
		return err
	}
	acc, err := a.account(ctx, id)
	if err != nil {
		return err
	}
	return a.may(acc, record.Status, action)
}

func (a *Accounts) may(acc *account, status protocol.IssuerStatus, action Action) error {
	d := acc.document.Load()
	if !slices.Contains(rules[action], status) {
		hint := "only the operator of " + a.o.Home + " can lift this"
		if d.Reason != "" {
			hint += "; the operator's reason: " + d.Reason
		}
		if status == protocol.IssuerRestricted && action == ActionCreate {
			hint = "a NOT_ISSUED_BY can be made all the same; " + hint
		}
		return refuse(Forbidden, hint, "the issuer is %s, and cannot %s", status, action)
	}
	if a.o.Policy.RequirePlan && d.Plan == "" && (action == ActionCreate || action == ActionDeny) {
		return refuse(PaymentRequired, "ask the operator of "+a.o.Home+" for a plan; look-ups and revocations need none",
			"an active plan is needed to create assertions, and the issuer has none")
	}
	return nil
}
