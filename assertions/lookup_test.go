package assertions_test

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"testing"
	"time"

	"mirnode/accounts"
	"mirnode/assertions"
	"mirnode/protocol"
)

const (
	guidanceNone  = "No assertions found for this artifact. Absence of assertions is not evidence of anything."
	guidancePlain = "MIR records who made each assertion. MIR does not verify content accuracy."
)

// TestAnswer holds an answer to its exact form: the documented members first, in their order.
func TestAnswer(t *testing.T) {
	w := newWorld(t)
	one := w.issuer()
	in := one.submission(one.payload(protocol.IssuedBy, artifact(0)))
	in.Metadata = protocol.AssertionMetadata{DisplayName: "A \"photo\"", ArtifactMimeType: "image/jpeg", ArtifactByteSize: ptr(uint64(12)), Context: "un\nsigned", Tags: []string{"Q4"}}
	plain, err := w.service.Create(context.Background(), one.caller(), in)
	must(t, err)
	w.clock.advance(time.Second)
	p := one.payload(protocol.Intent, artifact(0))
	p.Scope, p.Context, p.Disputes, p.MimeType, p.ByteSize = "all", "sïgned", protocol.AssertionID(plain.State.SigHash), "image/png", ptr(uint64(0))
	full, err := one.create(p)
	must(t, err)
	w.clock.advance(time.Second)
	_, err = one.revoke(plain.State.SigHash)
	must(t, err)

	digits, key := hex.EncodeToString(in0(artifact(0))), one.signer.key.Fingerprint
	issuer := `{"id":"` + one.id + `","name":"Issuer 1","status":"UNVERIFIED","verified":false,"home":"node1.test","verification":null}`
	want := `{"artifactHash":"` + digits + `","assertions":[` +
		`{"id":"` + protocol.AssertionID(full.State.SigHash) + `","type":"INTENT","issuer":` + issuer + `,"scope":"all","context":"sïgned","createdAt":"2026-11-22T12:00:01.000Z","revoked":false,` +
		`"contextSigned":true,"signed":{"timestamp":"2026-11-22T12:00:01.000Z","scope":"all","context":"sïgned","disputes":"` + protocol.AssertionID(plain.State.SigHash) +
		`","artifactMimeType":"image/png","artifactByteSize":0},"metadata":null,"keyFingerprint":"` + key + `","anchor":"home"},` +
		`{"id":"` + protocol.AssertionID(plain.State.SigHash) + `","type":"ISSUED_BY","issuer":` + issuer + `,"scope":null,"context":"un\nsigned","createdAt":"2026-11-22T12:00:00.000Z","revoked":true,` +
		`"contextSigned":false,"signed":{"timestamp":"2026-11-22T12:00:00.000Z"},"metadata":{"artifactByteSize":12,"artifactMimeType":"image/jpeg","context":"un\nsigned",` +
		`"displayName":"A \"photo\"","tags":["Q4"]},"keyFingerprint":"` + key + `","anchor":"home","revokedAt":"2026-11-22T12:00:02.000Z","revocation":"REVOKED"}` +
		`],"conflicts":false,"guidance":"` + guidancePlain + `"}`
	got, err := w.service.AppendLookup(context.Background(), []byte("before"), artifact(0), "")
	must(t, err)
	if string(got) != "before"+want {
		t.Errorf("the answer is\n%s\ninstead of\n%s", got, want)
	}

	batch, err := w.service.AppendBatch(context.Background(), nil, [][32]byte{artifact(0), artifact(1), artifact(0)})
	must(t, err)
	one2 := want[:len(want)-len(`,"guidance":""}`)-len(guidancePlain)] + `,"hasConflicts":false,"guidance":"` + guidancePlain + `"}`
	none := hex.EncodeToString(in0(artifact(1)))
	wantBatch := `{"results":{"` + digits + `":` + one2 + `,"` + none + `":{"artifactHash":"` + none + `","assertions":[],"conflicts":false,"hasConflicts":false,"guidance":"` + guidanceNone +
		`"}},"meta":{"hashesRequested":3,"hashesQueried":2}}`
	if string(batch) != wantBatch {
		t.Errorf("the batch is\n%s\ninstead of\n%s", batch, wantBatch)
	}
}

func in0(a [32]byte) []byte { return a[:] }

func ptr[T any](v T) *T { return &v }

func TestConflicts(t *testing.T) {
	const (
		revoke    = "revoke"
		supersede = "supersede"
		elsewhere = "elsewhere"
	)
	type said struct {
		by   int
		typ  protocol.AssertionType
		then string
	}
	for _, c := range []struct {
		name      string
		said      []said
		conflicts bool
		guidance  string // part of it
	}{
		{"nothing", nil, false, guidanceNone},
		{"one issuer", []said{{0, protocol.IssuedBy, ""}}, false, guidancePlain},
		{"two who both issued it", []said{{0, protocol.IssuedBy, ""}, {1, protocol.IssuedBy, ""}}, false, guidancePlain},
		{"issued and denied", []said{{0, protocol.IssuedBy, ""}, {1, protocol.NotIssuedBy, ""}}, true, "disagree"},
		{"denied and issued", []said{{0, protocol.NotIssuedBy, ""}, {1, protocol.IssuedBy, ""}}, true, "disagree"},
		{"issued and denied by the same", []said{{0, protocol.IssuedBy, ""}, {0, protocol.NotIssuedBy, ""}}, false, guidancePlain},
		{"both by the same, and issued by another", []said{{0, protocol.IssuedBy, ""}, {0, protocol.NotIssuedBy, ""}, {1, protocol.IssuedBy, ""}}, true, "disagree"},
		{"both by the same, and denied by another", []said{{0, protocol.IssuedBy, ""}, {0, protocol.NotIssuedBy, ""}, {1, protocol.NotIssuedBy, ""}}, true, "disagree"},
		{"denied by two", []said{{0, protocol.NotIssuedBy, ""}, {1, protocol.NotIssuedBy, ""}}, false, guidancePlain},
		{"a dispute by another", []said{{0, protocol.IssuedBy, ""}, {1, protocol.Dispute, ""}}, true, "This artifact is disputed"},
		{"a dispute alone", []said{{0, protocol.Dispute, ""}}, true, "This artifact is disputed"},
		{"a dispute by the same", []said{{0, protocol.IssuedBy, ""}, {0, protocol.Dispute, ""}}, true, "This artifact is disputed"},
		{"disputed, and denied by another", []said{{0, protocol.IssuedBy, ""}, {0, protocol.Dispute, ""}, {1, protocol.NotIssuedBy, ""}}, true, "disagree"},
		{"a revoked denial", []said{{0, protocol.IssuedBy, ""}, {1, protocol.NotIssuedBy, revoke}}, false, guidancePlain},
		{"a revoked claim to it", []said{{0, protocol.IssuedBy, revoke}, {1, protocol.NotIssuedBy, ""}}, false, guidancePlain},
		{"a revoked dispute", []said{{0, protocol.IssuedBy, ""}, {1, protocol.Dispute, revoke}}, false, guidancePlain},
		{"a superseded denial", []said{{0, protocol.IssuedBy, ""}, {1, protocol.NotIssuedBy, supersede}}, false, guidancePlain},
		{"a superseded dispute", []said{{1, protocol.Dispute, supersede}}, false, guidancePlain},
		{"all revoked", []said{{0, protocol.IssuedBy, revoke}, {1, protocol.NotIssuedBy, revoke}}, false, "revoked by its issuer"},
		{"other types", []said{{0, protocol.RoleScope, ""}, {1, protocol.Intent, ""}, {2, protocol.Method, ""}, {0, protocol.LicensedTo, ""}, {1, protocol.TransformedBy, ""}}, false, guidancePlain},
		{"denied about another file", []said{{0, protocol.IssuedBy, ""}, {1, protocol.NotIssuedBy, elsewhere}}, false, guidancePlain},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			issuers := []*issuer{w.issuer(), w.issuer(), w.issuer()}
			for _, s := range c.said {
				file := artifact(0)
				if s.then == elsewhere {
					file = artifact(1)
				}
				made := issuers[s.by].say(s.typ, file)
				w.clock.advance(time.Second)
				var err error
				switch s.then {
				case revoke:
					_, err = issuers[s.by].revoke(made.State.SigHash)
				case supersede:
					_, err = issuers[s.by].supersede(made.State.SigHash, issuers[s.by].payload(protocol.Method, file))
				}
				must(t, err)
			}
			a := w.lookup(artifact(0))
			if a.Conflicts != c.conflicts || !bytes.Contains([]byte(a.Guidance), []byte(c.guidance)) {
				t.Errorf("conflicts %t, %q; want %t, %q", a.Conflicts, a.Guidance, c.conflicts, c.guidance)
			}
		})
	}
}

// TestCrowdedArtifact has more assertions of one home than are shown, and a conflict among those that are not.
func TestCrowdedArtifact(t *testing.T) {
	w := newWorld(t)
	first, second := w.issuer(), w.issuer()
	first.say(protocol.IssuedBy, artifact(0))
	denial := second.say(protocol.NotIssuedBy, artifact(0)).State.SigHash
	for range assertions.MaxShownOfHome {
		w.clock.advance(time.Second)
		w.issuer().say(protocol.Method, artifact(0))
	}
	a := w.lookup(artifact(0))
	if len(a.Assertions) != assertions.MaxShownOfHome || !a.Truncated || !a.Conflicts {
		t.Errorf("%d shown, truncated %t, conflicts %t", len(a.Assertions), a.Truncated, a.Conflicts)
	}
	if slices.ContainsFunc(a.Assertions, func(s shown) bool { return s.Type != string(protocol.Method) }) {
		t.Error("older ones are shown before newer ones")
	}
	_, err := second.revoke(denial)
	must(t, err)
	if w.lookup(artifact(0)).Conflicts {
		t.Error("a revoked one that is not shown makes a conflict")
	}
	batch, err := w.service.AppendBatch(context.Background(), nil, [][32]byte{artifact(0), artifact(1)})
	must(t, err)
	results := decode[struct {
		Results map[string]answer `json:"results"`
	}](t, batch).Results
	if r := results[fmt.Sprintf("%x", artifact(0))]; len(r.Assertions) != assertions.MaxShownOfHome || !r.Truncated || r.HasConflicts == nil || *r.HasConflicts {
		t.Errorf("in a batch: %d shown, truncated %t", len(r.Assertions), r.Truncated)
	}
	if r := results[fmt.Sprintf("%x", artifact(1))]; len(r.Assertions) != 0 || r.Truncated || r.Guidance != guidanceNone {
		t.Errorf("another of the batch: %+v", r)
	}
}

// TestLargeAnswersEnd fills an artifact with the largest assertions: an entry of a batch has its part of what a batch may have.
func TestLargeAnswersEnd(t *testing.T) {
	w := newWorld(t)
	one := w.issuer()
	wide := string(bytes.Repeat([]byte("ü"), 500))
	for n := range 8 {
		p := one.payload(protocol.AssertionTypes()[n], artifact(0))
		p.Context, p.Scope = wide, wide
		in := one.submission(p)
		in.Metadata = protocol.AssertionMetadata{DisplayName: wide[:400], OriginalFilename: wide[:400]}
		for range 10 {
			in.Metadata.Tags = append(in.Metadata.Tags, wide[:100])
		}
		_, err := w.service.Create(context.Background(), one.caller(), in)
		must(t, err)
	}
	hashes := make([][32]byte, assertions.MaxBatch)
	for n := range hashes {
		hashes[n] = artifact(n)
	}
	batch, err := w.service.AppendBatch(context.Background(), nil, hashes)
	must(t, err)
	if !json.Valid(batch) || len(batch) > 9<<20 {
		t.Errorf("the batch has %d bytes", len(batch))
	}
	if a := w.lookup(artifact(0)); len(a.Assertions) != 8 || a.Truncated {
		t.Errorf("alone: %d shown", len(a.Assertions))
	}
	_, err = w.service.AppendBatch(context.Background(), nil, append(hashes, artifact(0)))
	wantRefusal(t, err, assertions.Invalid, "101", "100")
	_, err = w.service.AppendBatch(context.Background(), nil, nil)
	wantRefusal(t, err, assertions.Invalid, "0 hashes")
}

func TestUnknownIssuersAreShownAsSuch(t *testing.T) {
	w := newWorld(t)
	ghost := &issuer{w: w, id: protocol.IssuerID(other, "00000000000000000000000000000000"), signer: newEd25519(t, 77)}
	signed := ghost.payload(protocol.IssuedBy, artifact(0)).Encode()
	record, err := protocol.NewAssertion(signed, ghost.signer.key.Fingerprint, ghost.signer.sign(signed), nil)
	must(t, err)
	appendRecord(w, record)
	a := w.lookup(artifact(0))
	if len(a.Assertions) != 1 || a.Assertions[0].Issuer.ID != ghost.id || a.Assertions[0].Issuer.Verified || a.Assertions[0].Issuer.Status != "UNVERIFIED" {
		t.Errorf("%+v", a)
	}
}

func TestList(t *testing.T) {
	w := newWorld(t)
	one, two := w.issuer(), w.issuer()
	ctx := context.Background()
	for n := range 5 {
		w.clock.advance(time.Second)
		in := one.submission(one.payload(protocol.IssuedBy, artifact(n)))
		in.Note = fmt.Sprintf("note %d", n)
		_, err := w.service.Create(ctx, one.caller(), in)
		must(t, err)
	}
	two.say(protocol.IssuedBy, artifact(0))
	type page struct {
		IssuerID   string  `json:"issuerId"`
		Assertions []shown `json:"assertions"`
		NextCursor *string `json:"nextCursor"`
	}
	list := func(limit int, cursor string, caller *accounts.Caller) page {
		t.Helper()
		b, err := w.service.AppendList(ctx, nil, one.id, limit, cursor, caller)
		must(t, err)
		return decode[page](t, b)
	}
	own, others := one.caller(), two.caller()
	for name, caller := range map[string]*accounts.Caller{"nobody": nil, "another": &others, "the issuer": &own} {
		cursor, seen := "", 0
		for range 3 {
			p := list(2, cursor, caller)
			for _, s := range p.Assertions {
				n := 4 - seen
				seen++
				want := ""
				if caller == &own {
					want = fmt.Sprintf("note %d", n)
				}
				if s.ArtifactHash != fmt.Sprintf("%x", artifact(n)) || s.Note != want {
					t.Errorf("%s: the one with number %d is %+v", name, n, s)
				}
			}
			if p.NextCursor == nil {
				break
			}
			cursor = *p.NextCursor
		}
		if seen != 5 {
			t.Errorf("%s: %d listed", name, seen)
		}
	}
	_, err := w.service.AppendList(ctx, nil, protocol.IssuerID(home, "ffffffffffffffffffffffffffffffff"), 1, "", nil)
	wantRefusal(t, err, assertions.NotFound, "issuer")
	cursor := *list(2, "", nil).NextCursor
	_, err = w.service.AppendList(ctx, nil, two.id, 2, cursor, nil)
	wantRefusal(t, err, assertions.Invalid, "cursor")
	for _, limit := range []int{0, assertions.MaxListed + 1} {
		_, err = w.service.AppendList(ctx, nil, one.id, limit, "", nil)
		wantRefusal(t, err, assertions.Invalid, "limit")
	}
}
