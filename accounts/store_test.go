package accounts_test

import (
	"encoding/hex"
	"fmt"
	"testing"
	"time"

	"mirnode/accounts"
	"mirnode/issuers"
	"mirnode/protocol"
	"mirnode/store"
	"mirnode/translog"
)

// TestInStore does with a real store what the other tests do with one in memory, and again after it was opened anew.
func TestInStore(t *testing.T) {
	dir, dns := t.TempDir(), newWorld(t)
	origin := protocol.Origin{Domain: home, Network: protocol.Development, Epoch: 1}
	signer, err := translog.NewSigner(origin.String(), nodeKey)
	if err != nil {
		t.Fatal(err)
	}
	open := func() (*store.Store, *accounts.Accounts, *issuers.Directory) {
		var directory *issuers.Directory
		s, err := store.Open(dir, store.Options{
			Log: &store.LogOptions{Origin: origin, Signer: signer}, Learned: func(r protocol.Record) { directory.Learned(r) },
		})
		if err != nil {
			t.Fatal(err)
		}
		if directory, err = issuers.New(issuers.Options{Store: s, DNS: dns, Keys: dns, Home: home}); err != nil {
			t.Fatal(err)
		}
		a, err := accounts.New(t.Context(), accounts.Options{
			Store: s, Directory: directory, DNS: dns, Home: home, Network: protocol.Development,
			Sign:   func(d protocol.IssuerDraft) (*protocol.Issuer, error) { return d.Sign(nodeKey) },
			Policy: accounts.Policy{ActivityAssertions: 2, ActivityDays: 1},
		})
		if err != nil {
			t.Fatal(err)
		}
		return s, a, directory
	}
	s, a, _ := open()
	id, secret := create(t, a, "News")
	p := ed25519Pair(1)
	key, err := addKey(t, a, id, p)
	if err != nil {
		t.Fatal(err)
	}
	var first protocol.Record
	for n := range 3 {
		payload := fmt.Sprintf(`{"artifactHash":"%064x","issuerId":%q,"timestamp":"%s","type":"ISSUED_BY","version":1}`, n, id, now().Format(time.RFC3339))
		sig, err := protocol.ParseSignature(protocol.Ed25519, p.sign([]byte(payload)))
		if err != nil {
			t.Fatal(err)
		}
		assertion, err := protocol.NewAssertion([]byte(payload), key.Fingerprint, sig, nil)
		if err != nil {
			t.Fatal(err)
		}
		if first == nil {
			first = assertion
		}
		if _, err := s.AppendRecords(t.Context(), []store.RecordToAppend{{Record: assertion}}); err != nil {
			t.Fatal(err)
		}
	}
	if check, err := a.CheckActivity(t.Context(), id); err != nil || check.Counted != 3 || check.Disputed != "" || check.Verified || time.Since(check.First) > time.Hour {
		t.Errorf("activity: %+v, %v", check, err)
	}
	disputeFor(t, s, first)
	if check, err := a.CheckActivity(t.Context(), id); err != nil || check.Disputed != first.(*protocol.Assertion).ID() {
		t.Errorf("disputed activity: %+v, %v", check, err)
	}
	dns.verify(t, a, id, "news.example")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}

	s, a, directory := open()
	defer func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}()
	if caller, err := a.Authenticate(secret); err != nil || caller.Issuer != id {
		t.Errorf("after a restart: %+v, %v", caller, err)
	}
	view := account(t, a, id)
	if r := view.Record; r.Status != protocol.IssuerVerified || r.Sequence != 3 || len(r.Keys) != 1 || view.DomainChecked.IsZero() {
		t.Errorf("after a restart: %s, sequence %d, %d keys, %+v", r.Status, r.Sequence, len(r.Keys), view)
	}
	if standing, err := directory.Issuer(t.Context(), id); err != nil || standing.Verified {
		t.Errorf("what this node saw was not written down, since Run did not run, and yet: %+v, %v", standing, err)
	}
	if _, err := a.Rename(t.Context(), id, "Daily News"); err != nil {
		t.Error(err)
	}
	if standing, err := directory.Issuer(t.Context(), id); err != nil || standing.Record.Name != "Daily News" {
		t.Errorf("the directory did not learn of the new name: %v", err)
	}
}

// disputeFor logs another issuer's dispute of an assertion.
func disputeFor(t *testing.T, s *store.Store, of protocol.Record) {
	t.Helper()
	a := of.(*protocol.Assertion)
	other := protocol.IssuerID("node2.test", "00112233445566778899aabbccddeeff")
	payload := fmt.Sprintf(`{"artifactHash":%q,"disputes":%q,"issuerId":%q,"timestamp":"%s","type":"DISPUTE","version":1}`,
		hex.EncodeToString(a.Payload.Artifact[:]), a.ID(), other, now().Format(time.RFC3339))
	disputing, err := protocol.NewAssertion([]byte(payload), a.KeyFingerprint, a.Signature(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.AppendRecords(t.Context(), []store.RecordToAppend{{Record: disputing}}); err != nil {
		t.Fatal(err)
	}
}
