package scenario

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"time"

	"mirnode/conformance/peer"
	"mirnode/protocol"
)

// hosted is what the suite knows of an issuer whose home is one of its own peers.
type hosted struct {
	home     string // the peer's domain
	nonce    string
	sequence uint64 // of the last record that was made of it
	created  time.Time
}

// keyLead is how long before the present the keys of such issuers were taken in: long before what the peer says to have logged.
const keyLead = time.Hour

// hostIssuer makes an issuer of a peer, with one Ed25519 key: it has the parts of an issuer but for apiKey. Nobody hears of it until the peer logs a record of it.
func (p *play) hostIssuer(played *peer.Peer, as string) error {
	if _, made := p.vars[as]; made {
		return nil // the step is repeated
	}
	key, err := newKeypair(algorithmEd25519)
	if err != nil {
		return err
	}
	nonce := make([]byte, 16)
	_, _ = rand.Read(nonce) // never fails
	who := &issuer{key: key, hosted: &hosted{home: played.Domain(), nonce: hex.EncodeToString(nonce), created: p.world.Now().Add(-keyLead)}}
	who.id = protocol.IssuerID(who.hosted.home, who.hosted.nonce)
	o := keyObject(key)
	o.text, o.held = who.id, who
	o.parts["id"], o.parts["name"], o.parts["home"] = who.id, p.hostedName(as), who.hosted.home
	return p.make(as, o)
}

func (p *play) hostedName(as string) string { return "Conformance " + p.unique + " " + as }

// hostedIssuer finds the issuer of a peer that a step names.
func (p *play) hostedIssuer(name string) (*issuer, error) {
	who, err := p.issuer(name)
	if err != nil {
		return nil, err
	}
	if who.hosted == nil {
		return nil, fmt.Errorf("the issuer %s is of a node, and no peer can write its record", name)
	}
	return who, nil
}

// statedIssuer is an issuer's record.
type statedIssuer struct {
	stater

	Of       string   `json:"of"`                // the issuer's name
	Sequence uint64   `json:"sequence,omitzero"` // 0: the one after the last record's
	Keys     []string `json:"keys,omitzero"`     // the names of its keys, in order; absent: the one that it was made with
	Revoked  string   `json:"revoked,omitzero"`  // since when the first key is revoked; "": it is not
	Status   string   `json:"status,omitzero"`   // "": UNVERIFIED. VERIFIED is by activity, which is the home's word
}

func (s *statedIssuer) draft(p *play, a author) (signer, error) {
	who, err := p.hostedIssuer(s.Of)
	if err != nil {
		return nil, err
	}
	if s.Sequence == 0 {
		s.Sequence = who.hosted.sequence + 1
	}
	who.hosted.sequence = max(who.hosted.sequence, s.Sequence)
	d := protocol.IssuerDraft{
		Home: who.hosted.home, Nonce: who.hosted.nonce, Network: a.network, Name: p.hostedName(s.Of),
		Status: protocol.IssuerStatus(orElse(s.Status, string(protocol.IssuerUnverified))), Sequence: s.Sequence, Issued: a.at,
	}
	if d.Status == protocol.IssuerVerified {
		d.VerifiedBy, d.VerifiedAt = protocol.ByActivity, who.hosted.created
	}
	names := s.Keys
	if names == nil {
		names = []string{s.Of}
	}
	for _, name := range names {
		key, err := p.keypair(name)
		if err != nil {
			return nil, err
		}
		listed, err := protocol.NewIssuerKey(protocol.Algorithm(key.algorithm), key.raw())
		if err != nil {
			return nil, err
		}
		listed.Created = who.hosted.created
		d.Keys = append(d.Keys, listed)
	}
	if s.Revoked != "" && len(d.Keys) > 0 {
		if d.Keys[0].RevokedAt, err = time.Parse(time.RFC3339, s.Revoked); err != nil {
			return nil, err
		}
	}
	return signs(d.Sign), nil
}
