// Package peers knows who a node's peers are, and speaks to them.
//
// A node describes itself in a signed node descriptor ([protocol.Descriptor]), under a key that its domain publishes. Descriptors
// come from everywhere: from the node that SRV `_mir-node._tcp.{domain}` names, from https://{domain}/.well-known/mir-node.json,
// from an address that the operator gave, from what other peers hold (GET /peers/descriptors). Where one comes from proves
// nothing; its signature does, verified against the domain's published keys.
//
// # What makes a peer
//
//	parsed, of our network, in time, newer than the one we know   else refused, at no cost to anybody
//	allowed by this node's own policy (allowlist|open, blocks)     else refused, at no cost to anybody
//	within the bounds: all peers, and names below one domain       else refused
//	signed by a key of its domain                                  asks the domain, so it comes last, and seldom
//
// So nobody can make a node look many domains up, and one hostile domain cannot fill the book with names below it. What gossip
// says never admits or drops a peer.
//
// # Health
//
// A peer's health is our own experience with it over HTTP: [Book.Report], which the [Client] calls for each exchange. It is kept
// in the store with the descriptors, so that a node that starts again knows its peers, and shows in [Book.Status].
//
// # API
//
// [Book] is who the peers are, [Client] speaks to them, [Self] makes this node's own descriptor.
package peers

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"time"

	"golang.org/x/mod/sumdb/note"

	"mirnode/protocol"
	"mirnode/verifier"
)

// Bounds on what peers can make us hold.
const (
	// DefaultMaxPeers bounds the peers that are admitted.
	DefaultMaxPeers = 256
	// DefaultPerSite bounds the admitted peers whose names lie below one registered domain; seeds do not count.
	DefaultPerSite = 4
	// MaxEpochs bounds the logs of one peer. Beyond it no new one is taken.
	MaxEpochs = 8
	// MaxEarlier bounds those of them that are older than the first descriptor that was seen.
	MaxEarlier = 3
	// MaxRaises bounds the logs that a peer may begin within RaiseWindow: each is a mirror of its own.
	MaxRaises   = 3
	RaiseWindow = 24 * time.Hour
	// MaxDescriptors bounds the descriptors that are taken from one answer to GET /peers/descriptors.
	MaxDescriptors = 512
	// MaxDescriptorsBytes bounds such an answer.
	MaxDescriptorsBytes = 4 << 20
	// maxVerifications bounds the strangers' descriptors of one such answer that are verified: each may cost look-ups.
	maxVerifications = 16
)

// Peer is a node that this one is in touch with. It is a snapshot and is not changed.
type Peer struct {
	Domain     string            // in lower case
	Origin     protocol.Origin   // its present log
	URL        string            // https://host or https://host:port
	LogKey     ed25519.PublicKey // the key of its present log
	Verifier   note.Verifier     // checks the checkpoints of its present log
	Descriptor *protocol.Descriptor
	Named      bool // the operator named it, by domain or address; false: it was heard of, under open admission
}

// Admission is a node's policy about whose logs it mirrors.
type Admission string

// The policies.
const (
	Allowlist Admission = "allowlist" // only the domains and addresses that the operator named
	Open      Admission = "open"      // whoever proves to be a node of our network, within the bounds
)

// ParseAdmission reads a policy.
func ParseAdmission(s string) (Admission, error) {
	switch a := Admission(s); a {
	case Allowlist, Open:
		return a, nil
	}
	return "", fmt.Errorf("%q is no admission policy: use %q or %q", s, Allowlist, Open)
}

// Finder finds descriptors outside. [*discovery.PeerClient] is one. It is called from several goroutines.
type Finder interface {
	// NodeURLs says where a domain's descriptor may be read, best place first. With an error there may be URLs all the same.
	NodeURLs(ctx context.Context, domain string) ([]string, error)
	// Document fetches a small document; body is given only with status 200.
	Document(ctx context.Context, url string) (body []byte, status int, err error)
}

// StatementVerifier verifies that a domain's key signed a statement. [*verifier.Verifier] is one. It is called from several
// goroutines.
type StatementVerifier interface {
	VerifyStatement(ctx context.Context, s protocol.Statement) (verifier.Verdict, error)
}

// State keeps small values durably; the store's is one. PutState with an empty value forgets the key. It is called from several goroutines.
type State interface {
	PutState(ctx context.Context, space, key string, value []byte) error
	State(space string) (map[string][]byte, error)
}

// stateSpace is where the book's entries lie in State, by domain.
const stateSpace = "peers"

// Refusal says why a descriptor makes no peer, in words for the operator.
type Refusal struct{ Reason string }

// Error returns the reason.
func (r *Refusal) Error() string { return r.Reason }

func refuse(format string, args ...any) error { return &Refusal{fmt.Sprintf(format, args...)} }

// ErrUnknown is returned for a domain that the book has not got.
var ErrUnknown = errors.New("no such peer")
