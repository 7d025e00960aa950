package mirror_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"slices"
	"testing"
	"time"

	"mirnode/protocol"
	"mirnode/store"
	"mirnode/translog"
)

// entryOf is a record on its way into a made-up log.
type entryOf struct {
	record protocol.Record
	at     time.Time
	raw    []byte        // in the place of the record's bytes
	kind   protocol.Kind // in the place of the record's
}

// made is a log that no store made, with whatever somebody who has the node's key likes to sign.
type made struct {
	entries []protocol.Entry
	bodies  map[[32]byte]store.Body
}

// writes adds records to the log that the node shows in the place of its store's.
func (n *node) writes(list ...entryOf) {
	n.t.Helper()
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.made == nil {
		n.made = &made{bodies: make(map[[32]byte]store.Body)}
	}
	for _, e := range list {
		kind, raw := e.kind, e.raw
		if kind == "" {
			kind = e.record.Kind()
		}
		hash := sha256.Sum256(raw)
		if raw == nil {
			hash, raw = e.record.RecordHash(), e.record.Raw()
		}
		n.made.entries = append(n.made.entries, protocol.Entry{IngestedAt: e.at.UTC().Truncate(time.Millisecond), Kind: kind, Record: hash})
		if _, again := n.made.bodies[hash]; !again {
			n.made.bodies[hash] = store.Body{Kind: kind, Raw: raw}
		}
	}
}

// writesNow is writes of records at the clock's time.
func (n *node) writesNow(records ...protocol.Record) {
	n.t.Helper()
	for _, r := range records {
		n.writes(entryOf{record: r, at: n.clock.Now()})
	}
}

// appends adds records to the log of the node's store, as a home does.
func (n *node) appends(records ...protocol.Record) {
	n.t.Helper()
	list := make([]store.RecordToAppend, len(records))
	for i, r := range records {
		list[i].Record = r
	}
	if _, err := n.store.AppendRecords(n.t.Context(), list); err != nil {
		n.t.Fatal(err)
	}
}

// head of a made-up log.
func (l *made) head(n *node) store.Head {
	signer, err := translog.NewSigner(n.origin.String(), n.key)
	if err != nil {
		n.t.Error(err)
	}
	leaves := make([]translog.Hash, len(l.entries))
	for i, e := range l.entries {
		leaves[i] = translog.LeafHash(e.Canonical())
	}
	c, err := translog.SignCheckpoint(signer, uint64(len(leaves)), translog.Grow(translog.Frontier{}, translog.Tails{}, leaves).Root())
	if err != nil {
		n.t.Error(err)
	}
	return store.Head{Origin: n.origin.String(), Size: c.Size, Root: c.Root, Checkpoint: c}
}

// signingKey is an issuer's key of either algorithm.
type signingKey struct {
	protocol.IssuerKey
	private crypto.Signer
}

func newSigningKey(t testing.TB, alg protocol.Algorithm, created time.Time) signingKey {
	t.Helper()
	k := signingKey{}
	var public []byte
	var err error
	if alg == protocol.ES256 {
		private, fault := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if fault != nil {
			t.Fatal(fault)
		}
		k.private = private
		public, err = private.PublicKey.Bytes()
	} else {
		k.private = ed25519.NewKeyFromSeed(random(32))
		public = k.private.Public().(ed25519.PublicKey)
	}
	if err != nil {
		t.Fatal(err)
	}
	if k.IssuerKey, err = protocol.NewIssuerKey(alg, public); err != nil {
		t.Fatal(err)
	}
	k.Created = created
	return k
}

func random(n int) []byte {
	b := make([]byte, n)
	rand.Read(b)
	return b
}

// sign signs; twice under ES256 gives two signatures.
func (k *signingKey) sign(t testing.TB, message []byte) []byte {
	t.Helper()
	options, digest := crypto.SignerOpts(crypto.Hash(0)), message
	if k.Algorithm == protocol.ES256 {
		sum := sha256.Sum256(message)
		options, digest = crypto.SHA256, sum[:]
	}
	sig, err := k.private.Sign(rand.Reader, digest, options)
	if err != nil {
		t.Fatal(err)
	}
	normal, err := protocol.ParseSignature(k.Algorithm, base64.RawURLEncoding.EncodeToString(sig))
	if err != nil {
		t.Fatal(err)
	}
	return normal
}

// issuer is an issuer of the tests, and what its home says of it.
type issuer struct {
	t     testing.TB
	home  *node
	draft protocol.IssuerDraft
	keys  []signingKey
	last  *protocol.Issuer
}

// issuer makes an issuer of the node with an Ed25519 and an ES256 key.
func (n *node) issuer(name string) *issuer {
	i := &issuer{t: n.t, home: n, draft: protocol.IssuerDraft{
		Home: n.domain, Network: n.origin.Network, Nonce: hex.EncodeToString(random(16)), Name: name, Status: protocol.IssuerUnverified,
	}}
	i.adds(protocol.Ed25519)
	i.adds(protocol.ES256)
	return i
}

// id is the issuer's.
func (i *issuer) id() string { return protocol.IssuerID(i.draft.Home, i.draft.Nonce) }

// adds adds a key.
func (i *issuer) adds(alg protocol.Algorithm) *signingKey {
	i.t.Helper()
	i.keys = append(i.keys, newSigningKey(i.t, alg, i.home.clock.Now()))
	i.draft.Keys = append(i.draft.Keys, i.keys[len(i.keys)-1].IssuerKey)
	return &i.keys[len(i.keys)-1]
}

// record is the next record of the issuer, as the draft stands.
func (i *issuer) record() *protocol.Issuer {
	i.t.Helper()
	i.draft.Sequence++
	i.draft.Issued = i.home.clock.Now()
	i.last = i.signed(i.draft)
	return i.last
}

// signed is a draft that the home signs.
func (i *issuer) signed(d protocol.IssuerDraft) *protocol.Issuer {
	i.t.Helper()
	d.Keys = slices.Clone(d.Keys)
	r, err := d.Sign(i.home.key)
	if err != nil {
		i.t.Fatal(err)
	}
	return r
}

// payload is what the issuer signs about an artifact now.
func (i *issuer) payload(artifact string) *protocol.AssertionPayload {
	return &protocol.AssertionPayload{
		Artifact: sha256.Sum256([]byte(artifact)), Type: protocol.IssuedBy, IssuerID: i.id(), Timestamp: i.home.clock.Now().Format(time.RFC3339Nano),
	}
}

// asserts makes an assertion under the issuer's first key.
func (i *issuer) asserts(artifact string) *protocol.Assertion {
	i.t.Helper()
	return i.assertion(i.payload(artifact), &i.keys[0])
}

// assertion makes one of a payload under a key.
func (i *issuer) assertion(p *protocol.AssertionPayload, key *signingKey) *protocol.Assertion {
	i.t.Helper()
	m := &protocol.AssertionMetadata{DisplayName: "as it was made"}
	a, err := protocol.NewAssertion(p.Encode(), key.Fingerprint, key.sign(i.t, p.Encode()), m)
	if err != nil {
		i.t.Fatal(err)
	}
	return a
}

// revokes makes a revocation under the issuer's first key.
func (i *issuer) revokes(a *protocol.Assertion) *protocol.Revocation {
	i.t.Helper()
	return i.revocation(&protocol.RevocationPayload{
		Action: protocol.ActionRevoke, AssertionID: a.ID(), IssuerID: i.id(), Timestamp: i.home.clock.Now().Format(time.RFC3339Nano),
	}, &i.keys[0])
}

func (i *issuer) revocation(p *protocol.RevocationPayload, key *signingKey) *protocol.Revocation {
	i.t.Helper()
	r, err := protocol.NewRevocation(p.Encode(), key.Fingerprint, key.sign(i.t, p.Encode()))
	if err != nil {
		i.t.Fatal(err)
	}
	return r
}

// edits makes an edit of an assertion's metadata.
func (i *issuer) edits(a *protocol.Assertion, sequence uint64, name string) *protocol.MetadataEdit {
	i.t.Helper()
	return i.edit(protocol.MetadataEditDraft{
		Home: i.home.domain, Network: i.home.origin.Network, AssertionID: a.ID(), IssuerID: i.id(), Sequence: sequence, Issued: i.home.clock.Now(),
		Metadata: protocol.AssertionMetadata{DisplayName: name},
	}, i.home.key)
}

func (i *issuer) edit(d protocol.MetadataEditDraft, key ed25519.PrivateKey) *protocol.MetadataEdit {
	i.t.Helper()
	e, err := d.Sign(key)
	if err != nil {
		i.t.Fatal(err)
	}
	return e
}

// what a node holds of an assertion, as far as it is the same on all nodes.
type known struct {
	raw, revocation, metadata string
	at, revoked               time.Time
	places                    int
}

// knows tells what the node holds of an assertion.
func (n *node) knows(a *protocol.Assertion) (k known, held bool) {
	n.t.Helper()
	state, err := n.store.Assertion(n.t.Context(), a.IDHash())
	if errors.Is(err, store.ErrNotFound) {
		return k, false
	}
	if err != nil {
		n.t.Fatal(err)
	}
	k = known{raw: string(state.Raw), at: state.HomeIngestedAt, metadata: string(state.Metadata), places: len(state.Places)}
	if r := state.Revocation; r != nil {
		k.revocation, k.revoked = string(r.Raw), r.At
	}
	return k, true
}

// knowsIssuer gives the issuer's record that the node holds, nil without one.
func (n *node) knowsIssuer(id string) []byte {
	n.t.Helper()
	held, _, err := n.store.Issuer(n.t.Context(), id)
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	if err != nil {
		n.t.Fatal(err)
	}
	return held.Raw()
}

// hasIssuer fails the test unless the node holds just that record as the issuer's newest.
func (n *node) hasIssuer(r *protocol.Issuer) {
	n.t.Helper()
	if got := n.knowsIssuer(r.ID); !bytes.Equal(got, r.Raw()) {
		n.t.Fatalf("%s holds the issuer as %s", n.domain, got)
	}
}

// active, revoked and ignores fail the test unless the assertion is so on the node.
func (n *node) active(list ...*protocol.Assertion) {
	n.t.Helper()
	for _, a := range list {
		if k, held := n.knows(a); !held || k.revocation != "" || k.raw != string(a.Raw()) {
			n.t.Fatalf("on %s the assertion is held: %v, revoked by %q", n.domain, held, k.revocation)
		}
	}
}

func (n *node) revoked(a *protocol.Assertion, by *protocol.Revocation) {
	n.t.Helper()
	if k, held := n.knows(a); !held || k.revocation != string(by.Raw()) {
		n.t.Fatalf("on %s the assertion is held: %v, revoked by %q", n.domain, held, k.revocation)
	}
}

func (n *node) ignores(list ...*protocol.Assertion) {
	n.t.Helper()
	for _, a := range list {
		if _, held := n.knows(a); held {
			n.t.Fatalf("%s holds the assertion", n.domain)
		}
	}
}
