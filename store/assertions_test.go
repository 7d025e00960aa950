package store_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"pgregory.net/rapid"

	"mirnode/protocol"
	"mirnode/store"
)

// issuerOf is the ID of the n-th issuer of a home.
func issuerOf(home string, n int) string { return protocol.IssuerID(home, nonceOf(n)) }

func nonceOf(n int) string { return fmt.Sprintf("%032x", n+1) }

func artifactOf(n int) [32]byte { return sha256.Sum256(binary.BigEndian.AppendUint64(nil, uint64(n))) }

// said is an assertion in the making. Its signature does not verify: the store does not look.
type said struct {
	home       string
	issuer     int
	artifact   int
	kind       protocol.AssertionType
	at         time.Time
	context    string
	supersedes string
	upper      bool   // the artifact's digits are spelled so
	mixed      bool   // and so in both cases
	name       string // unsigned
	sig        byte
}

func (s said) assertion(t testing.TB) *protocol.Assertion {
	t.Helper()
	a, err := s.make()
	if err != nil {
		t.Fatalf("%+v: %v", s, err)
	}
	return a
}

func (s said) make() (*protocol.Assertion, error) {
	if s.home == "" {
		s.home = home.Domain
	}
	if s.kind == "" {
		s.kind = protocol.IssuedBy
	}
	if s.at.IsZero() {
		s.at = noon
	}
	payload := protocol.AssertionPayload{
		Artifact: artifactOf(s.artifact), Type: s.kind, IssuerID: issuerOf(s.home, s.issuer), Timestamp: s.at.UTC().Format(time.RFC3339Nano),
		Context: s.context, Supersedes: s.supersedes,
	}
	signed := payload.Encode()
	if s.upper {
		digits := hex.EncodeToString(payload.Artifact[:])
		signed = bytes.Replace(signed, []byte(digits), []byte(strings.ToUpper(digits)), 1)
	}
	if s.mixed {
		digits := hex.EncodeToString(payload.Artifact[:])
		signed = bytes.Replace(signed, []byte(digits), []byte(strings.ToUpper(digits[:32])+digits[32:]), 1)
	}
	var sig [64]byte
	sig[0] = s.sig
	return protocol.NewAssertion(signed, fmt.Sprintf("%064x", s.issuer+1), sig[:], &protocol.AssertionMetadata{DisplayName: s.name})
}

// revoking makes the revocation of an assertion, by the issuer that is said.
func revoking(t testing.TB, id, issuer string, action protocol.RevocationAction, at time.Time) *protocol.Revocation {
	t.Helper()
	payload := protocol.RevocationPayload{Action: action, AssertionID: id, IssuerID: issuer, Timestamp: at.UTC().Format(time.RFC3339Nano)}
	r, err := protocol.NewRevocation(payload.Encode(), strings.Repeat("0", 64), make([]byte, 64))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func editing(t testing.TB, of *protocol.Assertion, home, issuer string, sequence uint64, m protocol.AssertionMetadata) *protocol.MetadataEdit {
	t.Helper()
	e, err := protocol.MetadataEditDraft{
		Home: home, Network: protocol.Development, AssertionID: of.ID(), IssuerID: issuer, Metadata: m, Sequence: sequence, Issued: noon,
	}.Sign(nodeKey(home))
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func issuerRecord(t testing.TB, home string, n int, sequence uint64) *protocol.Issuer {
	t.Helper()
	i, err := protocol.IssuerDraft{
		Home: home, Nonce: nonceOf(n), Network: protocol.Development, Name: fmt.Sprintf("Issuer %d of %s", n, home), Status: protocol.IssuerUnverified,
		Keys:     []protocol.IssuerKey{{Algorithm: protocol.Ed25519, Public: nodeKey("issuer").Public().(ed25519.PublicKey), Created: noon}},
		Sequence: sequence, Issued: noon,
	}.Sign(nodeKey(home))
	if err != nil {
		t.Fatal(err)
	}
	return i
}

func appendRecords(t testing.TB, s *store.Store, records ...protocol.Record) []store.Appended {
	t.Helper()
	batch := make([]store.RecordToAppend, len(records))
	for i, r := range records {
		batch[i].Record = r
	}
	appended, err := s.AppendRecords(context.Background(), batch)
	if err != nil {
		t.Fatal(err)
	}
	return appended
}

// summary is a state in one line: name in the metadata in force, type, home's time, revocation, successor.
func summary(a *store.AssertionState) string {
	text := fmt.Sprintf("%x %s %s %s", a.SigHash[:2], a.Type, a.HomeIngestedAt.Format("05.000"), a.Metadata)
	if a.Revocation != nil {
		text += fmt.Sprintf(" %s at %s", a.Revocation.Action, a.Revocation.At.Format("05.000"))
	}
	if a.SupersededBy != nil {
		text += fmt.Sprintf(" by %x", a.SupersededBy[:2])
	}
	return text
}

// about gives the summaries of all that is held about an artifact.
func about(t testing.TB, s *store.Store, artifact int, q store.ArtifactQuery) (lines []string) {
	t.Helper()
	truncated, err := s.VisitArtifact(context.Background(), artifactOf(artifact), q, func(a *store.AssertionState) { lines = append(lines, summary(a)) })
	if err != nil {
		t.Fatal(err)
	}
	if truncated {
		lines = append(lines, "more")
	}
	return lines
}

func TestAnAssertionIsFoundByItsArtifactAndKeptVerbatim(t *testing.T) {
	dir, now := t.TempDir(), noon
	options := withLog(store.Options{MergeClaims: 16, Now: func() time.Time { now = now.Add(time.Second); return now }})
	s := open(t, dir, options)
	all := []*protocol.Assertion{
		said{}.assertion(t), said{upper: true, issuer: 1}.assertion(t), said{mixed: true, issuer: 2, name: "mixed"}.assertion(t),
		said{context: "words", issuer: 3, name: `"mirAssertion":1,"payload":"`, kind: protocol.Dispute}.assertion(t),
	}
	appended := appendRecords(t, s, all[0], all[1], all[2], all[3])
	for i, a := range appended {
		if a.Duplicate || a.Index != uint64(i) || a.Record.SigHash != all[i].IDHash() {
			t.Errorf("%+v", a)
		}
		checkReceipt(t, a)
	}
	check := func(s *store.Store) {
		t.Helper()
		seen := 0
		truncated, err := s.VisitArtifact(t.Context(), artifactOf(0), store.ArtifactQuery{}, func(got *store.AssertionState) {
			want := all[len(all)-1-seen] // newest first
			seen++
			wantName := []byte(nil)
			if want.Metadata != nil {
				wantName = want.Metadata.Canonical()
			}
			if !bytes.Equal(got.Raw, want.Raw()) || got.SigHash != want.IDHash() || got.Artifact != want.Payload.Artifact ||
				string(got.Issuer) != want.Payload.IssuerID || string(got.Type) != string(want.Payload.Type) ||
				string(got.Timestamp) != want.Payload.Timestamp || string(got.KeyFingerprint) != want.KeyFingerprint ||
				!bytes.Equal(got.Metadata, wantName) || got.HasTexts != (want.Payload.Context != "") || got.Revocation != nil || got.SupersededBy != nil ||
				got.HomeIngestedAt != got.IngestedAt || !got.Own || got.Kind != protocol.KindAssertion || !got.ClaimedAt.Equal(want.Payload.Time) {
				t.Errorf("%+v is told of %s", got, want.Raw())
			}
		})
		if err != nil || truncated || seen != len(all) {
			t.Errorf("%d are told, %v, %v", seen, truncated, err)
		}
		for _, want := range all {
			got, err := s.Assertion(t.Context(), want.IDHash())
			if err != nil || !bytes.Equal(got.Raw, want.Raw()) || string(got.Issuer) != want.Payload.IssuerID {
				t.Errorf("%+v, %v", got, err)
			}
			if _, err := s.Claim(t.Context(), want.IDHash()); !errors.Is(err, store.ErrNotFound) {
				t.Errorf("an assertion is no claim: %v", err)
			}
		}
		if _, err := s.Assertion(t.Context(), [32]byte{1}); !errors.Is(err, store.ErrNotFound) {
			t.Error(err)
		}
	}
	check(s)
	fill := make([]*protocol.Claim, 60) // merges write the assertions' keys
	for i := range fill {
		fill[i] = made{id: uint64(i)}.claim(t)
	}
	mustAppend(t, s, fill...)
	check(s)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	check(open(t, dir, options))
}

func TestTheFirstRecordOfAPayloadCounts(t *testing.T) {
	s := open(t, t.TempDir(), withLog(store.Options{}))
	first, other := said{name: "first"}.assertion(t), said{name: "second", sig: 9}.assertion(t)
	appendRecords(t, s, first)
	if a := appendRecords(t, s, other)[0]; !a.Duplicate || a.Record.RecordHash != first.RecordHash() || a.Index != 0 || a.Receipt == nil {
		t.Errorf("%+v", a)
	}
	mirror := newOtherLog("other.example")
	mirror.add(other)
	mirror.mirror(t, s)
	mirror.settle(t, s, store.Held)
	if head, _ := s.Head(mirror.name()); head.Refused != 1 || head.Settled != 1 {
		t.Errorf("%+v", head)
	}
	if lines := about(t, s, 0, store.ArtifactQuery{}); len(lines) != 1 || !strings.Contains(lines[0], "first") {
		t.Error(lines)
	}
}

func TestSupersedingIsTwoEntriesOfOneTransaction(t *testing.T) {
	s := open(t, t.TempDir(), withLog(store.Options{}))
	old := said{name: "old"}.assertion(t)
	next := said{name: "new", supersedes: old.ID(), context: "mended"}.assertion(t)
	revocation := revoking(t, old.ID(), issuerOf(home.Domain, 0), protocol.ActionSupersede, noon)
	appendRecords(t, s, old)
	pair := appendRecords(t, s, revocation, next)
	if pair[0].Index != 1 || pair[1].Index != 2 || pair[0].Record.SigHash != revocation.IDHash() {
		t.Errorf("%+v", pair)
	}
	state, err := s.Assertion(t.Context(), old.IDHash())
	if err != nil || state.Revocation == nil || !bytes.Equal(state.Revocation.Raw, revocation.Raw()) || state.Revocation.Action != protocol.ActionSupersede ||
		state.Revocation.RecordHash != revocation.RecordHash() || !state.Revocation.At.Equal(pair[0].Record.IngestedAt) ||
		state.SupersededBy == nil || *state.SupersededBy != next.IDHash() {
		t.Errorf("%+v, %v", state, err)
	}
	if state, err := s.Assertion(t.Context(), next.IDHash()); err != nil || state.Revocation != nil || state.SupersededBy != nil || !state.HasTexts {
		t.Errorf("%+v, %v", state, err)
	}
	if _, err := s.AppendRecords(t.Context(), nil); !errors.Is(err, store.ErrInvalid) {
		t.Error(err)
	}
	if _, err := s.AppendRecords(t.Context(), make([]store.RecordToAppend, store.MaxAppendRecords+1)); !errors.Is(err, store.ErrInvalid) {
		t.Error(err)
	}
}

func TestOfEditsTheHighestSequenceCounts(t *testing.T) {
	s := open(t, t.TempDir(), withLog(store.Options{}))
	a := said{name: "as logged"}.assertion(t)
	issuer := issuerOf(home.Domain, 0)
	appendRecords(t, s, a)
	for _, step := range []struct {
		sequence, want uint64
		name           string
		text           string
	}{
		{2, 2, "two", `{"displayName":"two"}`}, {1, 2, "one", `{"displayName":"two"}`}, {1<<53 - 1, 1<<53 - 1, "last", `{"displayName":"last"}`},
		{3, 1<<53 - 1, "three", `{"displayName":"last"}`},
	} {
		edit := editing(t, a, home.Domain, issuer, step.sequence, protocol.AssertionMetadata{DisplayName: step.name})
		appendRecords(t, s, edit)
		state, err := s.Assertion(t.Context(), a.IDHash())
		if err != nil || state.MetadataSequence != step.want || string(state.Metadata) != step.text || state.Revocation != nil {
			t.Errorf("%+v, %v", state, err)
		}
		if step.want == step.sequence && state.MetadataRecord != edit.RecordHash() {
			t.Errorf("another record than %x", edit.RecordHash())
		}
	}
	b := said{name: "b", issuer: 1}.assertion(t)
	appendRecords(t, s, b, editing(t, b, home.Domain, issuerOf(home.Domain, 1), 1, protocol.AssertionMetadata{}))
	if state, err := s.Assertion(t.Context(), b.IDHash()); err != nil || state.Metadata != nil || state.MetadataSequence != 1 {
		t.Errorf("what was taken back is shown: %+v, %v", state, err)
	}
}

// What another issuer, or another kind of record, says of an assertion amends nothing, whichever came first.
func TestOnlyTheIssuerAmends(t *testing.T) {
	a := said{name: "mine"}.assertion(t)
	mine, other := issuerOf(home.Domain, 0), issuerOf("other.example", 0)
	forged := []protocol.Record{
		revoking(t, a.ID(), other, protocol.ActionRevoke, noon),
		editing(t, a, "other.example", other, 7, protocol.AssertionMetadata{DisplayName: "forged"}),
		said{home: "other.example", supersedes: a.ID()}.assertion(t),                      // another issuer's
		said{supersedes: a.ID(), artifact: 5, name: "elsewhere"}.assertion(t),             // the same issuer's, on another artifact
		revoking(t, said{issuer: 4}.assertion(t).ID(), mine, protocol.ActionRevoke, noon), // of another assertion
	}
	genuine := revoking(t, a.ID(), mine, protocol.ActionRevoke, noon)
	for name, order := range map[string][]protocol.Record{
		"before": append(slices.Clone(forged), a), "after": append([]protocol.Record{a}, forged...),
	} {
		s := open(t, t.TempDir(), withLog(store.Options{MergeClaims: 16}))
		for _, r := range order {
			appendRecords(t, s, r)
		}
		state, err := s.Assertion(t.Context(), a.IDHash())
		if err != nil || state.Revocation != nil || state.SupersededBy != nil || state.MetadataSequence != 0 || string(state.Metadata) != `{"displayName":"mine"}` {
			t.Errorf("%s: %+v, %v", name, state, err)
		}
		appendRecords(t, s, genuine)
		if state, err := s.Assertion(t.Context(), a.IDHash()); err != nil || state.Revocation == nil {
			t.Errorf("%s: the genuine one does not count: %+v, %v", name, state, err)
		}
	}
}

// An entry that names another kind than the body's is not taken, so that nothing but a revocation revokes.
func TestABodyOfAnotherKindThanItsEntrySaysIsRefused(t *testing.T) {
	s := open(t, t.TempDir(), withLog(store.Options{}))
	other := newOtherLog("other.example")
	a := said{home: "other.example"}.assertion(t)
	revocation := revoking(t, a.ID(), issuerOf("other.example", 0), protocol.ActionRevoke, noon)
	other.add(a)
	for _, kind := range []protocol.Kind{protocol.KindAssertion, protocol.KindMetadata, protocol.KindClaim} {
		other.addEntry(protocol.Entry{IngestedAt: noon, Kind: kind, Record: revocation.RecordHash()}, revocation)
	}
	other.mirror(t, s)
	if err := s.Settle(t.Context(), other.name(), 0, other.outcomes(0, 1, store.Held)); err != nil {
		t.Fatal(err)
	}
	for i := uint64(1); i < 4; i++ {
		if err := s.Settle(t.Context(), other.name(), 1, other.outcomes(i, i+1, store.Held)); err == nil {
			t.Errorf("entry %d", i)
		}
	}
	if state, err := s.Assertion(t.Context(), a.IDHash()); err != nil || state.Revocation != nil {
		t.Errorf("%+v, %v", state, err)
	}
}

// Readers beside a writer see pairs whole or not at all, and everything that was answered before.
func TestReadersSeeWholePairs(t *testing.T) {
	t.Parallel()
	s := open(t, t.TempDir(), withLog(store.Options{MergeClaims: 16}))
	const pairs = 150
	var answered atomic.Uint64
	var all sync.WaitGroup
	for range 2 {
		all.Go(func() {
			for n := answered.Load(); n < pairs; n = answered.Load() {
				seen := uint64(0)
				_, err := s.VisitArtifact(t.Context(), artifactOf(0), store.ArtifactQuery{Limit: 1_000, PerHome: 1_000}, func(a *store.AssertionState) {
					if (a.Revocation == nil) != (a.SupersededBy == nil) {
						t.Errorf("half of a pair: %s", summary(a))
					}
					seen++
				})
				if err != nil || seen < 2*n {
					t.Errorf("%d are told, %d were answered, %v", seen, 2*n, err)
				}
			}
		})
	}
	for i := range pairs {
		old := said{at: noon.Add(time.Duration(i) * time.Second)}.assertion(t)
		next := said{at: noon.Add(time.Duration(i) * time.Second), supersedes: old.ID()}.assertion(t)
		appendRecords(t, s, old)
		appendRecords(t, s, revoking(t, old.ID(), issuerOf(home.Domain, 0), protocol.ActionSupersede, noon), next)
		answered.Add(1)
	}
	all.Wait()
}

// Whatever stands in texts, also what looks like the document around them, the state tells what the document says.
func TestStatesSayWhatDocumentsSay(t *testing.T) {
	t.Parallel()
	s := open(t, t.TempDir(), withLog(store.Options{}))
	words := rapid.StringOfN(rapid.SampledFrom([]rune(`",:{}\aé[]😀`)), 0, 20, -1)
	hostile := rapid.OneOf(words, rapid.SampledFrom([]string{`,"metadata":{"a":1},"mirAssertion":1`, `,"mirAssertion":1`, `\",\"metadata\":{`, "ISSUED_BY", strings.Repeat("0", 64)}))
	rapid.Check(t, func(t *rapid.T) {
		payload := protocol.AssertionPayload{
			Artifact: artifactOf(rapid.Int().Draw(t, "artifact")), Type: rapid.SampledFrom(protocol.AssertionTypes()).Draw(t, "type"),
			IssuerID: issuerOf(home.Domain, rapid.IntRange(0, 99).Draw(t, "issuer")), Timestamp: noon.Format(time.RFC3339Nano),
			Context: hostile.Draw(t, "context"), Scope: hostile.Draw(t, "scope"),
		}
		m := protocol.AssertionMetadata{
			DisplayName: hostile.Draw(t, "name"), OriginalFilename: hostile.Draw(t, "file"), Context: hostile.Draw(t, "unsigned context"),
		}
		a, err := protocol.NewAssertion(payload.Encode(), fmt.Sprintf("%064x", 1), make([]byte, 64), &m)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.AppendRecords(context.Background(), []store.RecordToAppend{{Record: a}}); err != nil {
			t.Fatal(err)
		}
		first, err := s.Assertion(context.Background(), a.IDHash()) // the first record of this payload
		if err != nil {
			t.Fatal(err)
		}
		want, err := protocol.ParseAssertion(first.Raw)
		if err != nil {
			t.Fatal(err)
		}
		var metadata []byte
		if want.Metadata != nil {
			metadata = want.Metadata.Canonical()
		}
		p := &want.Payload
		if first.Artifact != p.Artifact || string(first.Type) != string(p.Type) || string(first.Issuer) != p.IssuerID || string(first.Timestamp) != p.Timestamp ||
			string(first.KeyFingerprint) != want.KeyFingerprint || !bytes.Equal(first.Metadata, metadata) || first.HasTexts != (p.Context != "" || p.Scope != "") {
			t.Fatalf("%s is told of %s", summary(&first), first.Raw)
		}
	})
}
