package mirror

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"time"

	"mirnode/protocol"
	"mirnode/store"
	"mirnode/verifier"
)

// ordered reports whether records of a kind are judged by what their home's log has before them: issuers' records, and what issuers say. They
// count in the logs of the issuer's home alone.
func ordered(kind protocol.Kind) bool {
	switch kind {
	case protocol.KindIssuer, protocol.KindAssertion, protocol.KindRevocation, protocol.KindMetadata:
		return true
	}
	return false
}

// matter is a record of an ordered kind that is to be judged.
type matter struct {
	hash   [32]byte
	kind   protocol.Kind   // as the log's entry says
	record protocol.Record // nil: it is held already, by what was asked before the home's turn
	// outcome is what is known without the order of things: Held is a proposal. The ledger decides it.
	outcome *store.Outcome
	places  []store.Place // where logs name it; the first is the log's that is being settled. At least one
	tries   int           // that were made since it is in quarantine, or missing
	lost    bool          // its body is missing, and is asked for no more
	// What the ledger finds out.
	issuer *protocol.Issuer // the record under which it is judged; nil: none is here
	fault  *protocol.Error  // what speaks against its signature or its time
	open   bool             // to be judged still
	again  bool             // it is held already, at a place behind this one
	behind string           // it cannot be judged yet, and waits for this; "": it can
}

// at is when the home took it in, by the home's log. False: no log of the home names it.
func (t *matter) at(home string) (time.Time, bool) {
	p, here := t.in(home)
	return p.IngestedAt, here
}

// in is the matter's first place in the home's logs. False: none of them names it.
func (t *matter) in(home string) (store.Place, bool) { return firstOf(t.places, home) }

// firstOf is the first place in a node's logs, by their epochs and then by the index. False: none is in a log of its.
func firstOf(places []store.Place, home string) (first store.Place, found bool) {
	for _, p := range places {
		if domainOf(p.Origin) == home && (!found || inLogOrder(p, first) < 0) {
			first, found = p, true
		}
	}
	return first, found
}

// domainOf is the domain in an origin's name.
func domainOf(origin string) string {
	domain, _, _ := strings.Cut(origin, "/")
	return domain
}

// first is the matter's first place in a log of that domain, or else of any.
func (t *matter) first(home string) store.Place {
	if p, here := t.in(home); here {
		return p
	}
	return t.places[0]
}

// inLogOrder compares places of one node's logs: an earlier epoch's come first.
func inLogOrder(a, b store.Place) int {
	if a.Origin != b.Origin {
		one, err := protocol.ParseOrigin(a.Origin)
		two, other := protocol.ParseOrigin(b.Origin)
		if err == nil && other == nil && one.Epoch != two.Epoch {
			return cmp.Compare(one.Epoch, two.Epoch)
		}
		return cmp.Compare(a.Origin, b.Origin)
	}
	return cmp.Compare(a.Index, b.Index)
}

// check looks at a record's signature and time.
func (t *matter) check(home string) {
	at, here := t.at(home)
	if !t.open || t.issuer == nil || !here {
		return
	}
	switch r := t.record.(type) {
	case *protocol.Assertion:
		t.fault = verifier.Assertion(r, t.issuer, at)
	case *protocol.Revocation:
		t.fault = verifier.Revocation(r, t.issuer, at)
	}
}

// refuse decides that a record is not wanted.
func (t *matter) refuse(format string, args ...any) {
	t.outcome.State, t.outcome.Code, t.outcome.Reason = store.Refused, protocol.InvalidSchema, fmt.Sprintf(format, args...)
}

// offers is what others may wait for that a record brings.
func offers(record protocol.Record) (list []string) {
	switch r := record.(type) {
	case *protocol.Issuer:
		list = append(list, turnOf(r.ID))
	case *protocol.Assertion:
		list = append(list, r.ID())
	}
	return list
}

// turnOf names what waits behind an issuer's records that are in quarantine, or for the first one to come.
func turnOf(issuerID string) string { return "turn " + issuerID }

// homeTurn names what waits behind issuers' records of a home whose bodies are missing.
func homeTurn(home string) string {
	sum := sha256.Sum256([]byte(home))
	return "home " + hex.EncodeToString(sum[:])
}
