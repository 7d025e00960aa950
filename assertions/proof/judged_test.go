package proof_test

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"mirnode/assertions/proof"
	"mirnode/protocol"
	"mirnode/translog"
)

// made is an answer about an assertion of a home's issuer, in any network and epoch.
type made struct {
	issuer  protocol.IssuerDraft
	origin  protocol.Origin
	cosign  []*translog.Cosigner
	answer  map[string]any
	home    ed25519.PrivateKey
	written time.Time
}

func newMade(network protocol.Network, epoch int) *made {
	m := &made{
		origin: protocol.Origin{Domain: home, Network: network, Epoch: epoch}, home: ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize)),
		written: time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC),
	}
	m.issuer = protocol.IssuerDraft{
		Home: home, Network: network, Nonce: strings.Repeat("ab", 16), Name: "News", Status: protocol.IssuerVerified, VerifiedBy: protocol.ByDomain,
		VerifiedAt: m.written, Domain: "news.example", DomainNonce: strings.Repeat("cd", 16), Sequence: 1, Issued: m.written,
	}
	return m
}

// build makes the answer.
func (m *made) build(t *testing.T) *made {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	seed := sha256.Sum256([]byte("issuer"))
	key := ed25519.NewKeyFromSeed(seed[:])
	listed, err := protocol.NewIssuerKey(protocol.Ed25519, key.Public().(ed25519.PublicKey))
	must(err)
	listed.Created = m.written.Add(-time.Hour)
	m.issuer.Keys = []protocol.IssuerKey{listed}
	record, err := m.issuer.Sign(m.home)
	must(err)
	p := &protocol.AssertionPayload{Artifact: sha256.Sum256([]byte("x")), Type: protocol.IssuedBy, IssuerID: record.ID, Timestamp: m.written.Format(time.RFC3339Nano)}
	said, err := protocol.NewAssertion(p.Encode(), listed.Fingerprint, ed25519.Sign(key, p.Encode()), nil)
	must(err)
	signer, err := translog.NewSigner(m.origin.String(), m.home)
	must(err)
	entries := [][]byte{protocol.NewEntry(record, m.written).Canonical(), protocol.NewEntry(said, m.written).Canonical()}
	grown := translog.Grow(translog.Frontier{}, translog.Tails{}, []translog.Hash{translog.LeafHash(entries[0]), translog.LeafHash(entries[1])})
	checkpoint, err := translog.SignCheckpoint(signer, 2, grown.Root())
	must(err)
	signed := bytes.Clone(checkpoint.Note)
	for _, c := range m.cosign {
		line, err := c.Cosign(checkpoint)
		must(err)
		signed = append(signed, line...)
	}
	receipt := func(i uint64) string {
		return string(translog.Receipt{Index: i, Entry: entries[i], Proof: grown.Proof(int(i)), Checkpoint: signed}.Marshal())
	}
	const milliseconds = "2006-01-02T15:04:05.000Z"
	m.answer = map[string]any{
		"assertion": map[string]any{
			"id": said.ID(), "type": "ISSUED_BY", "artifactHash": hex.EncodeToString(p.Artifact[:]), "scope": nil, "context": nil, "contextSigned": nil,
			"createdAt": m.written.Format(milliseconds), "revoked": false, "keyFingerprint": listed.Fingerprint, "signed": map[string]any{"timestamp": p.Timestamp}, "metadata": nil,
			"issuer": map[string]any{"id": record.ID, "name": "News", "home": home, "status": "VERIFIED", "verified": true,
				"verification": map[string]any{"by": "domain", "domain": "news.example", "since": m.written.Format(milliseconds)}},
		},
		"proof": map[string]any{"record": string(said.Raw()), "receipt": receipt(1), "issuer": string(record.Raw()), "issuerReceipt": receipt(0)},
	}
	return m
}

func (m *made) verify(t *testing.T, o proof.Options) (*proof.Verified, error) {
	t.Helper()
	b, err := json.Marshal(m.answer)
	if err != nil {
		t.Fatal(err)
	}
	o.Keys = proof.Of(home, homeKey)
	return proof.VerifyProof(b, o)
}

// TestNetworks holds an answer to the network and the log that are meant.
func TestNetworks(t *testing.T) {
	for _, c := range []struct {
		name    string
		network protocol.Network
		epoch   int
		options proof.Options
		code    protocol.Code // "": good
		open    string
	}{
		{"production", protocol.Production, 1, proof.Options{}, "", ""},
		{"staging, where production is meant", protocol.Staging, 1, proof.Options{}, protocol.InvalidSchema, ""},
		{"staging, meant", protocol.Staging, 1, proof.Options{Network: protocol.Staging}, "", ""},
		{"production, where staging is meant", protocol.Production, 1, proof.Options{Network: protocol.Staging}, protocol.InvalidSchema, ""},
		{"the log of the key", protocol.Staging, 1, proof.Options{Log: home + "/mir-staging"}, "", ""},
		{"staging, under production's key", protocol.Staging, 1, proof.Options{Log: home + "/mir"}, protocol.KeyNotFound, ""},
		{"another node's key", protocol.Production, 1, proof.Options{Log: "node2.test/mir"}, protocol.KeyNotFound, ""},
		{"another epoch", protocol.Production, 3, proof.Options{}, "", "epoch 1 was expected"},
		{"another epoch than the key's", protocol.Production, 1, proof.Options{Log: home + "/mir/2"}, "", "epoch 2 was expected"},
		{"the key's epoch", protocol.Production, 2, proof.Options{Log: home + "/mir/2"}, "", ""},
	} {
		v, err := newMade(c.network, c.epoch).build(t).verify(t, c.options)
		var verdict *protocol.Error
		switch {
		case errors.As(err, &verdict):
			if verdict.Code != c.code || verdict.Hint == "" {
				t.Errorf("%s: %v", c.name, err)
			}
		case err != nil || c.code != "":
			t.Errorf("%s: %v", c.name, err)
		default:
			if open := strings.Join(v.Open, "\n"); strings.Contains(open, "was expected") != (c.open != "") || !strings.Contains(open, c.open) {
				t.Errorf("%s: open %q", c.name, open)
			}
		}
	}
}

// TestWords sees that what is the home's word is not said to be proved.
func TestWords(t *testing.T) {
	v, err := newMade(protocol.Production, 1).build(t).verify(t, proof.Options{})
	if err != nil {
		t.Fatal(err)
	}
	proved, open := strings.Join(v.Proved, "\n"), strings.Join(v.Open, "\n")
	if strings.Contains(proved, "2026") {
		t.Errorf("a time is proved: %s", proved)
	}
	for _, word := range []string{"its home says that it took it in at 2026-11-22T10:00:00Z; the log fixes the order, not the clock", "a later one may", "may have edited them since",
		"no cosignature was asked for", "still active"} {
		if !strings.Contains(open, word) {
			t.Errorf("open lacks %q: %s", word, open)
		}
	}
}

// TestBadges holds the badge that is shown to the record.
func TestBadges(t *testing.T) {
	domain := func(since string) map[string]any {
		return map[string]any{"by": "domain", "domain": "news.example", "since": since}
	}
	for _, c := range []struct {
		name, status string
		verified     bool
		verification any
		good         bool
	}{
		{"as the record", "VERIFIED", true, domain("2026-11-22T10:00:00.000Z"), true},
		{"not seen here", "UNVERIFIED", false, nil, true},
		{"seen here later", "VERIFIED", true, domain("2026-11-24T10:00:00.000Z"), true},
		{"since earlier", "VERIFIED", true, domain("2015-11-22T10:00:00.000Z"), false},
		{"another domain", "VERIFIED", true, map[string]any{"by": "domain", "domain": "realbank.example", "since": "2026-11-22T10:00:00.000Z"}, false},
		{"by activity", "VERIFIED", true, map[string]any{"by": "activity", "vouchedBy": home, "since": "2026-11-22T10:00:00.000Z"}, false},
		{"a badge without reason", "VERIFIED", true, nil, false},
		{"verified, and not", "UNVERIFIED", true, nil, false},
		{"suspended", "SUSPENDED", false, nil, false},
	} {
		m := newMade(protocol.Production, 1).build(t)
		issuer := m.answer["assertion"].(map[string]any)["issuer"].(map[string]any)
		issuer["status"], issuer["verified"], issuer["verification"] = c.status, c.verified, c.verification
		if _, err := m.verify(t, proof.Options{}); (err == nil) != c.good {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

// TestLatest compares with the newest record that a node has.
func TestLatest(t *testing.T) {
	m := newMade(protocol.Production, 1).build(t)
	later := func(edit func(*protocol.IssuerDraft), key ed25519.PrivateKey) func(string) ([]byte, error) {
		d := m.issuer
		d.Sequence, d.Issued, d.Keys = 2, d.Issued.Add(time.Hour), bytesOf(d.Keys)
		edit(&d)
		r, err := d.Sign(key)
		if err != nil {
			t.Fatal(err)
		}
		return func(string) ([]byte, error) { return r.Raw(), nil }
	}
	other := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{1}, ed25519.SeedSize))
	for _, c := range []struct {
		name          string
		latest        func(string) ([]byte, error)
		changed, open string
		compromised   bool
	}{
		{"the same", later(func(d *protocol.IssuerDraft) { d.Sequence, d.Issued = 1, m.issuer.Issued }, m.home), "", "has number 1", false},
		{"key revoked", later(func(d *protocol.IssuerDraft) {
			d.Keys[0].RevokedAt, d.Keys[0].CompromisedAt = d.Issued, m.written.Add(-time.Minute)
		}, m.home), "revoked the key", "in wrong hands since 2026-11-22T09:59:00Z", true},
		{"suspended and renamed", later(func(d *protocol.IssuerDraft) { d.Status, d.Name = protocol.IssuerSuspended, "Other" }, m.home), "is SUSPENDED", "has number 2", false},
		{"not signed by the home", later(func(d *protocol.IssuerDraft) { d.Status = protocol.IssuerSuspended }, other), "", "gave none that counts", false},
		{"no answer", func(string) ([]byte, error) { return nil, errors.New("no answer") }, "", "gave none that counts: no answer", false},
	} {
		v, err := m.verify(t, proof.Options{Latest: c.latest})
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		changed := strings.Join(v.Changed, "\n")
		if (changed == "") != (c.changed == "") || !strings.Contains(changed, c.changed) || !strings.Contains(strings.Join(v.Open, "\n"), c.open) || v.Compromised != c.compromised {
			t.Errorf("%s: changed %q, open %q, compromised %v", c.name, v.Changed, v.Open, v.Compromised)
		}
	}
}

func bytesOf(keys []protocol.IssuerKey) []protocol.IssuerKey {
	return append([]protocol.IssuerKey(nil), keys...)
}

// TestCosigners demands who saw the log.
func TestCosigners(t *testing.T) {
	seed := sha256.Sum256([]byte("witness"))
	key := ed25519.NewKeyFromSeed(seed[:])
	cosigner, err := translog.NewCosigner("node2.test/mir", key, func() time.Time { return time.Date(2026, 11, 22, 11, 0, 0, 0, time.UTC) })
	if err != nil {
		t.Fatal(err)
	}
	v, err := translog.NewCosignatureVerifier("node2.test/mir", key.Public().(ed25519.PublicKey))
	if err != nil {
		t.Fatal(err)
	}
	alone, seen := newMade(protocol.Production, 1), newMade(protocol.Production, 1)
	seen.cosign = []*translog.Cosigner{cosigner}
	o := proof.Options{Cosigners: []proof.Cosigner{{Name: v.Name(), Find: func(c translog.Checkpoint) []translog.Cosignature { return c.Cosigners(list(v)) }}}}
	if _, err := alone.build(t).verify(t, o); err == nil || !strings.Contains(err.Error(), "not cosigned by node2.test/mir") {
		t.Errorf("without the cosignature: %v", err)
	}
	got, err := seen.build(t).verify(t, o)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(strings.Join(got.Proved, "\n"), "node2.test/mir saw that log too") || strings.Contains(strings.Join(got.Open, "\n"), "anybody but the home") {
		t.Errorf("proved %q, open %q", got.Proved, got.Open)
	}
}

func list[T any](of ...T) []T { return of }
