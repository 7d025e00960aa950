// Package scenario plays the steps of scenario cases against nodes.
//
// A step is a JSON object with one verb ("request", "claim", "publish", …) whose value holds the verb's own members, and these members beside it,
// which every step may have:
//
//	"within": "10s"        repeat the step until it succeeds, with growing pauses, for so long at most; "forgotten": until nodes keep no key longer
//	"each": "nodes"        do the step on every node, in order; "node" in the verb is left out
//	"times": 3             do the step so often in a row; each time must succeed
//	"expect": {…}          what the step's answer must be: see below
//	"save": {"x": "path"}  keep a part of the step's answer under a name: "claims.0.claimId", "header:ETag", "status", "body" (the text as it came)
//	"limited": true        a 429 is what the step is about: do not wait and ask again
//	"note": "text"         for who reads the case
//
// In every string of a step ${…} is replaced: ${unique} (hex digits of this run and this case), ${now}, ${now-1h}, ${now+6m} (RFC 3339 in UTC, seconds),
// ${nowms} (with milliseconds), ${domain:d1} (a domain of this case), ${key:alpha.pub} (or .fingerprint, .txt, .seed; a key of this case),
// ${hash:TEXT} (the SHA-256 of a text, in hex), ${node:2.url} (or .domain, .operator), ${unix}, ${repeat:500:x} (a text again and again), ${b64:TEXT}, ${urlencode:TEXT},
// saved names, and what steps made: ${c1} is the claim's bytes, ${c1.id} a part of it. They may stand in each other: ${hash:${c1.sig}}. $${ is a literal ${.
// A string that is one ${…} and nothing else takes on its value's type: a saved number stays one.
//
// "expect" has the members status (a matcher), headers (name to matcher), body (path to matcher; "." is all of it), contains and lacks (a text or a list of texts
// that must, or must not, stand in the body as it came) and absent (a list of paths). A matcher is a value, which must be equal, or an object whose members are all
// matchers' names: see match.go. What stands for itself in a list under "status" is any of them.
//
// What a template stands for in an expectation is a value to compare with, whatever a node has put into it: never a matcher, nor a part of a regular expression.
//
// Steps are read strictly: [Check] finds unknown verbs and members without playing anything.
package scenario

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"fmt"
	"net/netip"
	"sync"
	"time"

	"mirnode/conformance/cases"
	"mirnode/conformance/names"
	"mirnode/conformance/peer"
)

// NodeAddress is where a node is.
type NodeAddress struct {
	URL      string // of its public listener, without a slash behind it
	Operator string // URL of its operator's listener; "" if that cannot be reached
	Domain   string // "" if it has none, or it is not known
}

// Identity is an issuer that was given to the suite, where it cannot make its own.
type Identity struct {
	ID     string
	APIKey string
}

// World is what scenarios are played in. Its fields are set before the first case is played, and not changed after. Safe for concurrent use.
type World struct {
	Nodes  []NodeAddress // numbered from 1 in steps
	Names  *names.Names  // what the nodes see as the internet; nil: they see something else
	Suffix string        // the domains of cases lie below it
	Seed   string        // of the suite's keys
	Issuer *Identity     // nil: an operator makes them
	Faults Faults        // nil: cases that break things are skipped
	Peers  *peer.Peers   // the suite's peers, which the nodes expect; nil: they expect none
	// Addresses is a prefix of addresses of this machine that requests may come from: each case then has its own, so that no case uses up another's budget.
	// The zero Prefix is none.
	Addresses netip.Prefix
	// KeysKept is how long nodes keep keys that their domain lets them keep for less: a bound of their own. 0 is a minute.
	KeysKept time.Duration
	Roots    *x509.CertPool   // certificates of nodes with https URLs; nil is the system's
	Now      func() time.Time // nil is time.Now

	prepared sync.Once
	run      string // hex digits of this run
	clients  clients
	given    givenIssuer
	secrets  secrets
}

// prepare sets what the World needs for itself.
func (w *World) prepare() {
	w.prepared.Do(func() {
		random := make([]byte, 8)
		_, _ = rand.Read(random) // never fails
		w.run = hex.EncodeToString(random)
		if w.Now == nil {
			w.Now = time.Now
		}
		w.clients.roots = w.Roots
		if w.Issuer != nil {
			w.secrets.add(w.Issuer.APIKey)
		}
	})
}

// Close closes the connections that are kept open.
func (w *World) Close() { w.clients.close() }

// lacks says why a need is not met, or "".
func (w *World) lacks(need cases.Need) string {
	switch need {
	case cases.NeedNames:
		if w.Names == nil {
			return "the nodes do not see the suite's names"
		}
	case cases.NeedNodes2:
		if len(w.Nodes) < 2 {
			return "needs two nodes"
		}
	case cases.NeedNodes3:
		if len(w.Nodes) < 3 {
			return "needs three nodes"
		}
	case cases.NeedOperator:
		if len(w.Nodes) == 0 || w.Nodes[0].Operator == "" {
			return "the operator's listener cannot be reached"
		}
	case cases.NeedIssuer:
		if w.Issuer == nil && (len(w.Nodes) == 0 || w.Nodes[0].Operator == "") {
			return "there is no issuer, and no operator who could make one"
		}
	case cases.NeedPeer:
		if w.Peers == nil {
			return "the nodes do not expect the suite's peers"
		}
	case cases.NeedFaults:
		if w.Faults == nil {
			return "the suite cannot break these nodes"
		}
	case cases.NeedAddresses:
		if !w.Addresses.IsValid() {
			return "the suite has one address alone"
		}
	}
	return ""
}

// Play plays a scenario's steps in order, until one fails.
func (w *World) Play(ctx context.Context, c *cases.Case) (found cases.Finding) {
	w.prepare()
	started := w.Now()
	if len(w.Nodes) == 0 {
		return cases.Finding{Skipped: "there is no node"}
	}
	for _, need := range c.Needs {
		if why := w.lacks(need); why != "" {
			return cases.Finding{Skipped: why}
		}
	}
	p := newPlay(w, c)
	defer func() {
		if trouble := recover(); trouble != nil { // a verb's own fault must not end the suite
			found = cases.Finding{Message: fmt.Sprintf("the suite itself failed: %v", trouble)}
		}
		p.end()
		found.Exchanges, found.Choice, found.Duration = p.exchanges.list(), p.choice, w.Now().Sub(started)
		w.secrets.clean(&found)
	}()
	for i, raw := range c.Steps {
		s, err := parseStep(raw)
		if err != nil {
			return cases.Finding{Message: fmt.Sprintf("step %d: %v", i+1, err)}
		}
		if err := p.step(ctx, s); err != nil {
			return cases.Finding{Message: fmt.Sprintf("step %d (%s): %v", i+1, s.verb, err)}
		}
	}
	return cases.Finding{Passed: true}
}

// uniqueOf gives the hex digits of a run and a case: 12, so that they fit into a DNS label with a name before them.
func (w *World) uniqueOf(c *cases.Case) string {
	sum := sha256.Sum256([]byte(w.run + " " + c.ID))
	return hex.EncodeToString(sum[:6])
}
