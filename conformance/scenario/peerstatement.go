package scenario

import (
	"crypto/ed25519"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"mirnode/conformance/peer"
	"mirnode/protocol"
)

// stated is a statement of a node, which the suite makes and signs, rightly or wrongly. One of the members is there.
type stated struct {
	Issuer      *statedIssuer      `json:"issuer,omitzero"`
	Observation *statedObservation `json:"observation,omitzero"`
	Erasure     *statedErasure     `json:"erasure,omitzero"`
	Edit        *statedEdit        `json:"edit,omitzero"`
}

// stater is what all statements share: who says it, and who signs. Without any of it the peer says it in whose log it is put, and signs it as it should.
type stater struct {
	// As is the statement's name: ${s1} is the document, ${s1.record} its hash in hex.
	As      string `json:"as,omitzero"`
	By      string `json:"by,omitzero"`      // the name of the peer, or the domain, in whose name it is; an issuer's record is in that of its home
	With    string `json:"with,omitzero"`    // the name of a key of the case, or of the peer, that signs; "": the peer of By, or else the one that logs it
	Network string `json:"network,omitzero"` // "": the peer's
	Issued  string `json:"issued,omitzero"`  // when it is made; "": when the log says to have taken it in
	// Replace replaces texts in the document after it was signed.
	Replace [][2]string `json:"replace,omitzero"`
}

// common is the statement's stater.
func (s *stater) common() *stater { return s }

// statement is one of the kinds of stated.
type statement interface {
	common() *stater
	// draft gives what signs the document.
	draft(p *play, a author) (signer, error)
}

// signer signs a draft.
type signer func(key ed25519.PrivateKey) (protocol.Statement, error)

// signs is a draft's method Sign as a signer.
func signs[S protocol.Statement](sign func(ed25519.PrivateKey) (S, error)) signer {
	return func(key ed25519.PrivateKey) (protocol.Statement, error) {
		s, err := sign(key)
		if err != nil {
			return nil, err // and no S that is nil
		}
		return s, nil
	}
}

// author is who makes a statement, and when.
type author struct {
	domain  string
	network protocol.Network
	at      time.Time
	key     ed25519.PrivateKey
}

// statement is the one that is there; nil: none.
func (s *stated) statement() (one statement, err error) {
	count := 0
	if s.Issuer != nil {
		one, count = s.Issuer, count+1
	}
	if s.Observation != nil {
		one, count = s.Observation, count+1
	}
	if s.Erasure != nil {
		one, count = s.Erasure, count+1
	}
	if s.Edit != nil {
		one, count = s.Edit, count+1
	}
	if count > 1 {
		return nil, errors.New("a record is one of issuer, observation, erasure and edit")
	}
	return one, nil
}

// state makes the document of a statement that a peer's log takes in at that time.
func (p *play) state(logs *peer.Peer, at time.Time, s statement) (kind, document string, err error) {
	c := s.common()
	a, err := p.author(logs, at, c)
	if err != nil {
		return "", "", err
	}
	sign, err := s.draft(p, a)
	if err != nil {
		return "", "", err
	}
	made, err := sign(a.key)
	if err != nil {
		return "", "", err
	}
	raw, err := replaced(made.Raw(), c.Replace)
	if err != nil {
		return "", "", err
	}
	kind = string(made.Kind())
	record, err := peer.NewRecord(kind, raw)
	if err != nil {
		return "", "", fmt.Errorf("after what was replaced: %w", err)
	}
	if c.As != "" {
		err = p.make(c.As, &object{text: string(raw), parts: map[string]string{"record": hex.EncodeToString(record.Hash[:])}})
	}
	return kind, string(raw), err
}

// author finds out who makes a statement.
func (p *play) author(logs *peer.Peer, at time.Time, c *stater) (a author, err error) {
	a = author{domain: logs.Domain(), network: logs.Network(), at: at, key: logs.Key()}
	if c.By != "" {
		a.domain = c.By // a domain, unless a peer is called so
		if by, err := p.peerOf(c.By); err == nil {
			a.domain, a.key = by.Domain(), by.Key()
		}
	}
	if c.With != "" {
		a.key = p.signingKey(c.With)
	}
	if c.Network != "" {
		if a.network, err = protocol.ParseNetwork(c.Network); err != nil {
			return a, err
		}
	}
	if c.Issued != "" {
		a.at, err = time.Parse(time.RFC3339, c.Issued)
	}
	return a, err
}

// signingKey is a key of the case, or the one that a peer of the case publishes, by the peer's name.
func (p *play) signingKey(name string) ed25519.PrivateKey {
	if played, err := p.peerOf(name); err == nil {
		return played.Key()
	}
	return p.key(name)
}

// statedObservation says that a node saw a domain publish a key of the case.
type statedObservation struct {
	stater

	Domain    string `json:"domain"`
	Key       string `json:"key"`
	FirstSeen string `json:"firstSeen,omitzero"` // "": when it is made, which is also when the key was seen last
	Gone      bool   `json:"gone,omitzero"`
}

func (s *statedObservation) draft(p *play, a author) (signer, error) {
	first := a.at
	if s.FirstSeen != "" {
		var err error
		if first, err = time.Parse(time.RFC3339, s.FirstSeen); err != nil {
			return nil, err
		}
	}
	d := protocol.ObservationDraft{
		Observer: a.domain, Network: a.network, Domain: s.Domain, Key: protocol.DomainKey{Public: publicOf(p.key(s.Key)), Channels: []protocol.Channel{protocol.DNS}},
		FirstSeen: first, LastSeen: a.at, Gone: s.Gone,
	}
	return signs(d.Sign), nil
}

// statedErasure says that a node erased a claim.
type statedErasure struct {
	stater

	Record      string `json:"record"`      // hex
	ClaimDomain string `json:"claimDomain"` // as the notice has it
	Reason      string `json:"reason,omitzero"`
}

func (s *statedErasure) draft(_ *play, a author) (signer, error) {
	d := protocol.ErasureDraft{Node: a.domain, Network: a.network, ClaimDomain: s.ClaimDomain, Reason: orElse(s.Reason, "asked for by a case"), ErasedAt: a.at}
	if n, err := hex.Decode(d.Record[:], []byte(s.Record)); err != nil || n != len(d.Record) {
		return nil, fmt.Errorf("record is %q, and no hash in hex", clip(s.Record))
	}
	return signs(d.Sign), nil
}

// statedEdit says which unsigned metadata an assertion has from now on.
type statedEdit struct {
	stater

	Assertion string          `json:"assertion"` // its ID
	IssuerID  string          `json:"issuerId"`
	Metadata  json.RawMessage `json:"metadata"`
	Sequence  uint64          `json:"sequence,omitzero"` // 0: 1
}

func (s *statedEdit) draft(_ *play, a author) (signer, error) {
	m, err := protocol.ParseAssertionMetadata(s.Metadata)
	if err != nil {
		return nil, err
	}
	d := protocol.MetadataEditDraft{
		Home: a.domain, Network: a.network, AssertionID: s.Assertion, IssuerID: s.IssuerID, Metadata: *m, Sequence: max(s.Sequence, 1), Issued: a.at,
	}
	return signs(d.Sign), nil
}
