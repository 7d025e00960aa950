package federation_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"mirnode/cluster"
	"mirnode/protocol"
)

// TestHostileAssertions: what an issuer says at its home is seen on the other node as the home answers it, byte for byte; and a peer that forges
// revocations, edits and records changes none of it, though its own issuers' word counts.
func TestHostileAssertions(t *testing.T) {
	w := startHostileWorld(t, cluster.Options{Nodes: 2}, "forger.test")
	paper := w.newPublisher(0, "a newspaper")
	photo, text := paper.asserts(paper.payload("photo", protocol.IssuedBy)), paper.asserts(paper.payload("text", protocol.IssuedBy))
	before := map[string][]byte{"photo": paper.awaitAgreed("photo"), "text": paper.awaitAgreed("text")}

	h := w.newHostile("forger.test")
	f := newForger(h)
	h.showAll(h.write(f.records(paper, photo)...))
	h.publish()
	h.awaitAdmitted()
	h.awaitWords("is refused")
	for _, i := range w.running() {
		w.await("the forger's own word is kept", func(ctx context.Context) error {
			answer, err := w.assertionsOn(ctx, i, "the forger's file")
			if err == nil && !bytes.Contains(answer, []byte(f.id)) {
				err = fmt.Errorf("%s answers %s", w.node(i).Name, answer)
			}
			return err
		})
		s, err := h.status(t.Context(), i)
		if err != nil || s.SettledSize != h.shownTo(i).size() || s.Quarantined+s.Missing != 0 {
			t.Errorf("%s has settled %d of %d: %+v (%v)", w.node(i).Name, s.SettledSize, h.shownTo(i).size(), s, err)
		}
		for file, answer := range before {
			if after, err := w.assertionsOn(t.Context(), i, file); err != nil || !bytes.Equal(after, answer) {
				t.Errorf("%s answered about the %s:\n%s\nand after the forger came:\n%s (%v)", w.node(i).Name, file, answer, after, err)
			}
		}
	}
	w.wantForgedNowhere(f.forged)

	if status, answer, err := paper.send(1, http.MethodPost, "/assertions", paper.submission(paper.payload("photo", protocol.Method).Encode())); err != nil ||
		status != http.StatusForbidden || !strings.Contains(string(answer), w.node(0).Domain) {
		t.Errorf("a node that is not the home answered %d %s (%v)", status, answer, err)
	}
	paper.goesOn(photo, text)
	w.wantConverging()
}

// goesOn revokes one assertion at the home, replaces the other, edits the successor, and waits for the other nodes to answer alike.
func (p *publisher) goesOn(revoked, replaced string) {
	p.w.t.Helper()
	p.mustSend(http.MethodPost, "/assertions/"+revoked+"/revoke", p.submission(p.withdrawal(revoked, protocol.ActionRevoke).Encode()), http.StatusOK, nil)
	if answer := p.awaitAgreed("photo"); !bytes.Contains(answer, []byte(`"revoked":true`)) {
		p.w.t.Errorf("after the revocation all answer %s", answer)
	}
	next := p.payload("text", protocol.IssuedBy)
	next.Supersedes = replaced
	body := p.submission(next.Encode())
	body["revocation"] = p.submission(p.withdrawal(replaced, protocol.ActionSupersede).Encode())
	p.mustSend(http.MethodPost, "/assertions/"+replaced+"/supersede", body, http.StatusCreated, nil)
	successor, err := protocol.ParsePayload(next.Encode())
	p.w.must(err)
	p.mustSend(http.MethodPatch, "/assertions/"+successor.ID(), map[string]any{"displayName": "a name that came later"}, http.StatusOK, nil)
	if answer := p.awaitAgreed("text"); !bytes.Contains(answer, []byte(`"supersededBy":"`+successor.ID())) || !bytes.Contains(answer, []byte("a name that came later")) {
		p.w.t.Errorf("after the succession all answer %s", answer)
	}
}

// forger is an issuer of a hostile peer's.
type forger struct {
	h           *hostile
	id, nonce   string
	key         ed25519.PrivateKey
	fingerprint string
	forged      []protocol.Record // what nobody may keep
}

func newForger(h *hostile) *forger {
	_, key, err := ed25519.GenerateKey(nil)
	h.w.must(err)
	nonce := strings.Repeat("0f", 16)
	return &forger{h: h, id: protocol.IssuerID(h.domain, nonce), nonce: nonce, key: key, fingerprint: protocol.Fingerprint(key.Public().(ed25519.PublicKey))}
}

// records are what the forger's node logs: its own issuer and what that says, and all that it can make up about another home's.
func (f *forger) records(victim *publisher, assertion string) []protocol.Record {
	f.h.w.t.Helper()
	must := f.h.w.must
	now := time.Now()
	own, err := protocol.NewIssuerKey(protocol.Ed25519, f.key.Public().(ed25519.PublicKey))
	must(err)
	own.Created = now.Add(-time.Hour)
	draft := protocol.IssuerDraft{
		Home: f.h.domain, Network: protocol.Development, Nonce: f.nonce, Name: "a forger", Status: protocol.IssuerUnverified, Keys: []protocol.IssuerKey{own},
		Sequence: 1, Issued: now,
	}
	record, err := draft.Sign(f.h.key)
	must(err)
	said := &protocol.AssertionPayload{
		Artifact: sha256.Sum256([]byte("the forger's file")), Type: protocol.IssuedBy, IssuerID: f.id, Timestamp: now.UTC().Format(time.RFC3339Nano),
	}
	a, err := protocol.NewAssertion(said.Encode(), f.fingerprint, ed25519.Sign(f.key, said.Encode()), nil)
	must(err)

	copied, home := f.stolen(victim, assertion)
	other := victim.payload("photo", protocol.NotIssuedBy)
	inItsName, err := protocol.NewAssertion(other.Encode(), victim.fingerprint, ed25519.Sign(f.key, other.Encode()), nil)
	must(err)
	edit, err := protocol.MetadataEditDraft{
		Home: f.h.domain, Network: protocol.Development, AssertionID: assertion, IssuerID: victim.id, Sequence: 99, Issued: now,
		Metadata: protocol.AssertionMetadata{DisplayName: "the forger's name"},
	}.Sign(f.h.key)
	must(err)
	takeover := home.Draft() // the victim's record, with the forger's key in it, signed by the forger's node as if it were the home
	takeover.Keys, takeover.Sequence, takeover.Issued = append(takeover.Keys, own), takeover.Sequence+1, now
	taken, err := takeover.Sign(f.h.key)
	must(err)
	f.forged = []protocol.Record{
		f.revocation(victim.id, assertion, victim.fingerprint), f.revocation(victim.id, assertion, f.fingerprint), f.revocation(f.id, assertion, f.fingerprint),
		inItsName, edit, taken,
	}
	return append([]protocol.Record{record, a, copied, home}, f.forged...)
}

// revocation is one in an issuer's name that the forger signs, with a key of that fingerprint as it says.
func (f *forger) revocation(issuer, assertion, fingerprint string) *protocol.Revocation {
	p := &protocol.RevocationPayload{
		Action: protocol.ActionRevoke, AssertionID: assertion, IssuerID: issuer, Timestamp: time.Now().UTC().Format(time.RFC3339Nano),
	}
	r, err := protocol.NewRevocation(p.Encode(), fingerprint, ed25519.Sign(f.key, p.Encode()))
	f.h.w.must(err)
	return r
}

// stolen are the victim's assertion and its issuer's record, as its home gives them to everybody.
func (f *forger) stolen(victim *publisher, assertion string) (*protocol.Assertion, *protocol.Issuer) {
	f.h.w.t.Helper()
	var answer struct {
		Proof struct{ Record, Issuer string }
	}
	victim.mustSend(http.MethodGet, "/assertions/"+assertion, nil, http.StatusOK, &answer)
	a, err := protocol.ParseAssertion([]byte(answer.Proof.Record))
	f.h.w.must(err)
	i, err := protocol.ParseIssuer([]byte(answer.Proof.Issuer))
	f.h.w.must(err)
	return a, i
}

// wantForgedNowhere wants no node to hand on the bodies of these records.
func (w *world) wantForgedNowhere(records []protocol.Record) {
	w.t.Helper()
	for _, i := range w.running() {
		for _, r := range records {
			body := fmt.Sprintf(`{"records":["%x"]}`, r.RecordHash())
			status, answer, err := w.do(w.t.Context(), http.MethodPost, i, "/records/fetch", []byte(body))
			if err != nil || status != http.StatusOK || !strings.Contains(string(answer), `"missing":true`) {
				w.t.Errorf("%s hands on a forged %s: %d %v %.300s", w.node(i).Name, r.Kind(), status, err, answer)
			}
		}
	}
}
