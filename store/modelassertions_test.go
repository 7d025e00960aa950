package store_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"mirnode/protocol"
	"mirnode/store"
	"mirnode/translog"
)

// assertionModel is what a store with assertions must be like from outside: lists.
type assertionModel struct {
	dir    string
	store  *store.Store
	now    time.Time
	other  *otherLog
	claims uint64
	held   []heldRecord // in the order in which they came
}

// heldRecord is a record with the time at which its home took it in.
type heldRecord struct {
	record protocol.Record
	id     [32]byte // its ID's hash, or its own where it has none
	at     time.Time
}

// idOf is what a record is the same as another by.
func idOf(r protocol.Record) [32]byte {
	if named, ok := r.(interface{ IDHash() [32]byte }); ok {
		return named.IDHash()
	}
	return r.RecordHash()
}

const modelArtifacts, modelIssuers = 3, 2

func (m *assertionModel) open(t *rapid.T) {
	signer, err := translog.NewSigner(home.String(), nodeKey(home.Domain))
	if err != nil {
		t.Fatal(err)
	}
	m.store, err = store.Open(m.dir, store.Options{
		MergeClaims: 16, Now: func() time.Time { return m.now }, Log: &store.LogOptions{Origin: home, Signer: signer},
	})
	if err != nil {
		t.Fatal(err)
	}
}

// drawAssertion draws from few values; some supersede another of the few, which may not be there.
func (m *assertionModel) drawAssertion(t *rapid.T, domain string) *protocol.Assertion {
	s := said{
		home: domain, issuer: rapid.IntRange(0, modelIssuers-1).Draw(t, "issuer"), artifact: rapid.IntRange(0, modelArtifacts-1).Draw(t, "artifact"),
		at: noon.Add(time.Duration(rapid.IntRange(0, 3).Draw(t, "time")) * time.Second), sig: rapid.Byte().Draw(t, "signature"),
		upper: rapid.Bool().Draw(t, "upper"), name: rapid.SampledFrom([]string{"", "a", "b"}).Draw(t, "name"),
	}
	if rapid.IntRange(0, 3).Draw(t, "supersedes") == 0 {
		if before := m.draw(t, domain); before != nil {
			s.supersedes = before.ID()
		}
	}
	a, err := s.make()
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// draw draws one of the assertions of the home's issuers that are held, or one that is not.
func (m *assertionModel) draw(t *rapid.T, domain string) *protocol.Assertion {
	var all []*protocol.Assertion
	for _, h := range m.held {
		if a, ok := h.record.(*protocol.Assertion); ok && slices.Contains(modelIssuerIDs(domain), a.Payload.IssuerID) {
			all = append(all, a)
		}
	}
	if len(all) == 0 || rapid.IntRange(0, 5).Draw(t, "not held") == 0 {
		a, err := said{home: domain, issuer: rapid.IntRange(0, modelIssuers-1).Draw(t, "issuer"), at: noon}.make()
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	return rapid.SampledFrom(all).Draw(t, "assertion")
}

func modelIssuerIDs(domain string) (ids []string) {
	for n := range modelIssuers {
		ids = append(ids, issuerOf(domain, n))
	}
	return ids
}

// drawRecord draws an assertion or what amends one, at times by another issuer than its own.
func (m *assertionModel) drawRecord(t *rapid.T, domain string) protocol.Record {
	switch rapid.IntRange(0, 3).Draw(t, "kind") {
	case 0:
		of := m.draw(t, domain)
		payload := protocol.RevocationPayload{
			Action: rapid.SampledFrom([]protocol.RevocationAction{protocol.ActionRevoke, protocol.ActionSupersede}).Draw(t, "action"), AssertionID: of.ID(),
			IssuerID:  rapid.SampledFrom(append(modelIssuerIDs(domain), of.Payload.IssuerID)).Draw(t, "by"),
			Timestamp: m.now.Format(time.RFC3339Nano),
		}
		r, err := protocol.NewRevocation(payload.Encode(), fmt.Sprintf("%064x", 1), make([]byte, 64))
		if err != nil {
			t.Fatal(err)
		}
		return r
	case 1:
		of := m.draw(t, domain)
		e, err := protocol.MetadataEditDraft{
			Home: domain, Network: protocol.Development, AssertionID: of.ID(), Issued: m.now, Sequence: rapid.Uint64Range(1, 1<<53-1).Draw(t, "sequence"),
			IssuerID: rapid.SampledFrom(append(modelIssuerIDs(domain), of.Payload.IssuerID)).Draw(t, "by"),
			Metadata: protocol.AssertionMetadata{DisplayName: rapid.SampledFrom([]string{"", "x", "y"}).Draw(t, "name")},
		}.Sign(nodeKey(domain))
		if err != nil {
			t.Fatal(err)
		}
		return e
	}
	return m.drawAssertion(t, domain)
}

// hold notes a record, unless it, or another of the same ID, is held.
func (m *assertionModel) hold(r protocol.Record, at time.Time) (news bool) {
	id := idOf(r)
	if slices.ContainsFunc(m.held, func(h heldRecord) bool { return h.id == id }) {
		return false
	}
	m.held = append(m.held, heldRecord{r, id, at})
	return true
}

func (m *assertionModel) append(t *rapid.T) {
	m.now = m.now.Add(time.Duration(rapid.IntRange(0, 2).Draw(t, "clock")) * time.Second)
	batch := make([]store.RecordToAppend, rapid.IntRange(1, 4).Draw(t, "how many"))
	for i := range batch {
		batch[i].Record = m.drawRecord(t, home.Domain)
	}
	appended, err := m.store.AppendRecords(context.Background(), batch)
	if err != nil {
		t.Fatal(err)
	}
	for i, a := range appended {
		if news := m.hold(batch[i].Record, m.now); news == a.Duplicate || a.Err != nil {
			t.Fatalf("%s is answered %+v, is it new: %v", batch[i].Record.Raw(), a, news)
		}
	}
}

func (m *assertionModel) mirror(t *rapid.T) {
	for range rapid.IntRange(1, 4).Draw(t, "how many") {
		r := m.drawRecord(t, m.other.origin.Domain)
		m.other.add(r)
		m.hold(r, m.other.entries[len(m.other.entries)-1].IngestedAt)
	}
	head, _ := m.store.Head(m.other.name())
	c, err := translog.SignCheckpoint(mustSigner(m.other.origin), m.other.tree.Size(), m.other.tree.Root())
	if err != nil {
		t.Fatal(err)
	}
	if err := m.store.AppendEntries(context.Background(), m.other.name(), head.Size, m.other.entries[head.Size:], c.Root, &c); err != nil {
		t.Fatal(err)
	}
	if err := m.store.Settle(context.Background(), m.other.name(), head.Size, m.other.outcomes(head.Size, c.Size, store.Held)); err != nil {
		t.Fatal(err)
	}
}

// fill appends claims, so that merges go on.
func (m *assertionModel) fill(t *rapid.T) {
	batch := make([]store.ClaimToAppend, rapid.IntRange(1, 20).Draw(t, "how many"))
	for i := range batch {
		m.claims++
		claim, err := protocol.ParseClaim(made{id: m.claims}.document())
		if err != nil {
			t.Fatal(err)
		}
		batch[i].Claim = claim
	}
	if _, err := m.store.AppendClaims(context.Background(), batch); err != nil {
		t.Fatal(err)
	}
}

func (m *assertionModel) reopen(t *rapid.T) {
	if err := m.store.Close(); err != nil {
		t.Fatal(err)
	}
	if rapid.Bool().Draw(t, "lose the index") {
		if err := os.Remove(m.dir + "/index.db"); err != nil {
			t.Fatal(err)
		}
	}
	m.open(t)
}

// summary is what summary must say of the i-th record, an assertion.
func (m *assertionModel) summary(i int) string {
	a := m.held[i].record.(*protocol.Assertion)
	state := store.AssertionState{Record: store.Record{SigHash: a.IDHash()}, Type: []byte(a.Payload.Type), HomeIngestedAt: m.held[i].at}
	if a.Metadata != nil {
		state.Metadata = a.Metadata.Canonical()
	}
	var succeeded, edited time.Time
	name := a.ID()
	for i := range m.held {
		h := &m.held[i]
		switch r := h.record.(type) {
		case *protocol.Revocation:
			counts := r.AssertionHash() == a.IDHash() && r.IssuerID == a.Payload.IssuerID
			if counts && (state.Revocation == nil || h.at.Before(state.Revocation.At)) {
				state.Revocation = &store.RevocationState{At: h.at, Action: r.Action}
			}
		case *protocol.MetadataEdit:
			if r.AssertionHash() == a.IDHash() && r.IssuerID == a.Payload.IssuerID &&
				(r.Sequence > state.MetadataSequence || r.Sequence == state.MetadataSequence && h.at.Before(edited)) {
				state.MetadataSequence, state.Metadata, edited = r.Sequence, nil, h.at
				if !r.Metadata.IsZero() {
					state.Metadata = r.Metadata.Canonical()
				}
			}
		case *protocol.Assertion:
			if r.Payload.Supersedes == name && r.Payload.IssuerID == a.Payload.IssuerID && r.Payload.Artifact == a.Payload.Artifact &&
				(state.SupersededBy == nil || h.at.Before(succeeded)) {
				id := r.IDHash()
				state.SupersededBy, succeeded = &id, h.at
			}
		}
	}
	return summary(&state)
}

// check compares all that can be seen.
func (m *assertionModel) check(t *rapid.T) {
	lines := map[any][]string{}
	order := make([]int, len(m.held))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return cmp.Or(m.held[b].at.Compare(m.held[a].at), cmp.Compare(b, a)) })
	ended := map[[32]byte][]string{}
	for _, i := range order {
		if a, ok := m.held[i].record.(*protocol.Assertion); ok {
			line := m.summary(i)
			lines[a.Payload.IssuerID] = append(lines[a.Payload.IssuerID], line)
			if strings.Contains(line, " at ") { // it was revoked
				ended[a.Payload.Artifact] = append(ended[a.Payload.Artifact], line)
			} else {
				lines[a.Payload.Artifact] = append(lines[a.Payload.Artifact], line)
			}
		}
	}
	for artifact, list := range ended {
		lines[artifact] = append(lines[artifact], list...)
	}
	var got []string
	see := func(a *store.AssertionState) { got = append(got, summary(a)) }
	for n := range modelArtifacts {
		got = nil
		truncated, err := m.store.VisitArtifact(context.Background(), artifactOf(n), store.ArtifactQuery{Limit: 1_000, PerHome: 1_000}, see)
		if want := lines[artifactOf(n)]; err != nil || truncated || !slices.Equal(got, want) {
			t.Fatalf("artifact %d: %q, want %q, %v", n, got, want, err)
		}
	}
	for _, id := range append(modelIssuerIDs(home.Domain), modelIssuerIDs(m.other.origin.Domain)...) {
		got = nil
		next, err := m.store.VisitIssuer(context.Background(), id, 1_000, "", see)
		if want := lines[id]; err != nil || next != "" || !slices.Equal(got, want) {
			t.Fatalf("%s: %q, want %q, %v", id, got, want, err)
		}
	}
}

// TestAssertionsAreLikeLists compares random histories of assertions, revocations, edits and successors, some of which come before what they amend,
// with lists. Merges run beside them, and the index is lost now and then.
func TestAssertionsAreLikeLists(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		dir, err := os.MkdirTemp("", "store-model")
		if err != nil {
			t.Fatal(err)
		}
		m := &assertionModel{dir: dir, now: noon, other: newOtherLog("other.example")}
		m.open(t)
		defer func() {
			if err := errors.Join(m.store.Close(), os.RemoveAll(dir)); err != nil {
				t.Error(err)
			}
		}()
		if err := m.store.OpenMirror(context.Background(), m.other.origin); err != nil {
			t.Fatal(err)
		}
		t.Repeat(map[string]func(*rapid.T){
			"append": m.append, "append more": m.append, "mirror": m.mirror, "fill": m.fill, "reopen": m.reopen, "": m.check,
		})
	})
}
