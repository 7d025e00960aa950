package assertions_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"mirnode/assertions"
	"mirnode/protocol"
)

func TestEdit(t *testing.T) {
	w := newWorld(t)
	one, two := w.issuer(), w.issuer()
	ctx := context.Background()
	in := one.submission(one.payload(protocol.IssuedBy, artifact(0)))
	in.Metadata = protocol.AssertionMetadata{DisplayName: "old", Context: "unsigned", Tags: []string{"a", "b"}, ArtifactByteSize: ptr(uint64(7))}
	in.Note = "for us"
	made, err := w.service.Create(ctx, one.caller(), in)
	must(t, err)
	id := made.State.SigHash
	own := one.caller()

	edit := func(patch string) *assertions.Written {
		t.Helper()
		p, err := assertions.ParsePatch([]byte(patch))
		must(t, err)
		written, err := w.service.Edit(ctx, own, id, p)
		must(t, err)
		return written
	}
	for _, c := range []struct {
		name, patch, metadata, note string
		logged                      bool
	}{
		{"a new value, another removed, the rest kept", `{"displayName":"new","artifactByteSize":null,"artifactMimeType":"image/png"}`,
			`{"artifactMimeType":"image/png","context":"unsigned","displayName":"new","tags":["a","b"]}`, "for us", true},
		{"the same again", `{"displayName":"new"}`, `{"artifactMimeType":"image/png","context":"unsigned","displayName":"new","tags":["a","b"]}`, "for us", false},
		{"the note alone", `{"note":"changed"}`, `{"artifactMimeType":"image/png","context":"unsigned","displayName":"new","tags":["a","b"]}`, "changed", false},
		{"tags and size", `{"tags":["c"],"artifactByteSize":0,"context":null}`, `{"artifactByteSize":0,"artifactMimeType":"image/png","displayName":"new","tags":["c"]}`, "changed", true},
		{"everything gone", `{"tags":null,"artifactByteSize":null,"artifactMimeType":null,"displayName":null,"originalFilename":null,"note":null}`, `null`, "", true},
		{"and back", `{"originalFilename":"x.png"}`, `{"originalFilename":"x.png"}`, "", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			written := edit(c.patch)
			if (written.Receipt != nil) != c.logged {
				t.Errorf("logged: %v", written.Receipt)
			}
			a := w.lookup(artifact(0)).Assertions[0]
			if string(a.Metadata) != c.metadata {
				t.Errorf("the metadata are %s, want %s", a.Metadata, c.metadata)
			}
			b, err := w.service.AppendGet(ctx, nil, id, &own)
			must(t, err)
			got := decode[struct {
				Note *string `json:"note"`
			}](t, b)
			if (got.Note == nil) != (c.note == "") || got.Note != nil && *got.Note != c.note {
				t.Errorf("the note is %v, want %q", got.Note, c.note)
			}
		})
	}

	patch := assertions.Patch{DisplayName: assertions.Change[string]{Set: true, Value: "x"}}
	_, err = w.service.Edit(ctx, two.caller(), id, patch)
	wantRefusal(t, err, assertions.Forbidden, one.id)
	_, err = w.service.Edit(ctx, own, [32]byte{8}, patch)
	wantRefusal(t, err, assertions.NotFound, "assertion_08")
	_, err = w.service.Edit(ctx, own, id, assertions.Patch{DisplayName: assertions.Change[string]{Set: true, Value: strings.Repeat("x", 201)}})
	wantRefusal(t, err, assertions.Invalid, "displayName", "200")
	_, err = w.service.Edit(ctx, own, id, assertions.Patch{Note: assertions.Change[string]{Set: true, Value: strings.Repeat("ü", 501)}})
	wantRefusal(t, err, assertions.Invalid, "501", "500")
}

// An unsigned context beside a signed one would be shown to nobody: it is refused, and what stands beside it is not taken either.
func TestContextBesideASignedOne(t *testing.T) {
	w := newWorld(t)
	one := w.issuer()
	ctx, own := context.Background(), one.caller()
	payload := one.payload(protocol.IssuedBy, artifact(0))
	payload.Context = "signed"
	in := one.submission(payload)
	in.Metadata = protocol.AssertionMetadata{Context: "unsigned"}
	_, err := w.service.Create(ctx, own, in)
	wantRefusal(t, err, assertions.Invalid, "the context is signed", "supersede")

	in.Metadata = protocol.AssertionMetadata{DisplayName: "a"}
	made, err := w.service.Create(ctx, own, in)
	must(t, err)
	id := made.State.SigHash
	for patch, refused := range map[string]bool{
		`{"context":"unsigned","note":"n"}`: true, `{"context":null}`: false, `{"context":""}`: false, `{"displayName":"b"}`: false,
	} {
		p, err := assertions.ParsePatch([]byte(patch))
		must(t, err)
		_, err = w.service.Edit(ctx, own, id, p)
		if !refused {
			must(t, err)
			continue
		}
		wantRefusal(t, err, assertions.Invalid, "the context is signed", "supersede")
	}
	b, err := w.service.AppendGet(ctx, nil, id, &own)
	must(t, err)
	if !bytes.Contains(b, []byte(`"note":null`)) {
		t.Errorf("the note of a refused edit was taken: %s", b)
	}

	successor := one.payload(protocol.IssuedBy, artifact(0))
	successor.Context, successor.Supersedes = "another", protocol.AssertionID(id)
	in = one.submission(successor)
	in.Metadata = protocol.AssertionMetadata{Context: "unsigned"}
	_, err = w.service.Supersede(ctx, own, id, one.revocation(id, protocol.ActionSupersede), in)
	wantRefusal(t, err, assertions.Invalid, "the context is signed")
}

// TestNotesStayPrivate looks for a note in everything that this node says or logs.
func TestNotesStayPrivate(t *testing.T) {
	w := newWorld(t)
	one, two := w.issuer(), w.issuer()
	ctx := context.Background()
	in := one.submission(one.payload(protocol.IssuedBy, artifact(0)))
	in.Note = "SECRET"
	made, err := w.service.Create(ctx, one.caller(), in)
	must(t, err)
	others := two.caller()
	var said []byte
	for _, answer := range []func(b []byte) ([]byte, error){
		func(b []byte) ([]byte, error) { return w.service.AppendLookup(ctx, b, artifact(0), "") },
		func(b []byte) ([]byte, error) { return w.service.AppendBatch(ctx, b, [][32]byte{artifact(0)}) },
		func(b []byte) ([]byte, error) { return w.service.AppendGet(ctx, b, made.State.SigHash, nil) },
		func(b []byte) ([]byte, error) { return w.service.AppendGet(ctx, b, made.State.SigHash, &others) },
		func(b []byte) ([]byte, error) { return w.service.AppendList(ctx, b, one.id, 10, "", nil) },
		func(b []byte) ([]byte, error) { return w.service.AppendList(ctx, b, one.id, 10, "", &others) },
		func(b []byte) ([]byte, error) { return w.service.AppendWritten(ctx, b, made) },
		func(b []byte) ([]byte, error) { return append(b, made.State.Raw...), nil },
	} {
		said, err = answer(said)
		must(t, err)
	}
	if bytes.Contains(said, []byte("SECRET")) || bytes.Contains(said, []byte(`"note"`)) {
		t.Errorf("%s", said)
	}
}

func TestParsePatch(t *testing.T) {
	for _, c := range []struct {
		body  string
		words []string // nil: good
	}{
		{`{"displayName":"x","originalFilename":"y","artifactMimeType":"a/b","artifactByteSize":9007199254740991,"tags":[],"context":"c","note":null}`, nil},
		{` {"note":"n"} `, nil},
		{``, []string{"JSON"}},
		{`[]`, []string{"an array"}},
		{`null`, []string{"null"}},
		{`{}`, []string{"without members"}},
		{`{"note":"a","note":"b"}`, []string{"twice", "name each member once"}},
		{`{"contxt":"x"}`, []string{`unknown member "contxt"`, `did you mean "context"?`}},
		{`{"sentiment":"x"}`, []string{`unknown member "sentiment"`, "what may stand here: displayName, originalFilename, "}},
		{`{"scope":"x"}`, []string{"scope", "supersede"}},
		{`{"type":"DISPUTE"}`, []string{"type", "displayName"}},
		{`{"displayName":1}`, []string{"displayName", "a number"}},
		{`{"displayName":"\ud800"}`, []string{"UTF-8"}},
		{`{"tags":"x"}`, []string{"tags", "a string"}},
		{`{"tags":["x",1]}`, []string{"tags", "a number"}},
		{`{"artifactByteSize":"1"}`, []string{"artifactByteSize"}},
		{`{"artifactByteSize":-1}`, []string{"artifactByteSize"}},
		{`{"artifactByteSize":1.5}`, []string{"artifactByteSize"}},
		{`{"note":"` + strings.Repeat("x", assertions.MaxPatchBytes) + `"}`, []string{"bytes"}},
	} {
		_, err := assertions.ParsePatch([]byte(c.body))
		if c.words == nil {
			must(t, err)
			continue
		}
		wantRefusal(t, err, assertions.Invalid, c.words...)
	}
}

// FuzzParsePatch holds ParsePatch to encoding/json where it takes a body.
func FuzzParsePatch(f *testing.F) {
	f.Add([]byte(`{"displayName":"x","tags":["a"],"artifactByteSize":3,"context":null}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		p, err := assertions.ParsePatch(body)
		if err != nil {
			return
		}
		var want map[string]any
		if err := json.Unmarshal(body, &want); err != nil {
			t.Fatalf("taken, and no JSON: %v", err)
		}
		for name, change := range map[string]assertions.Change[string]{"displayName": p.DisplayName, "context": p.Context, "note": p.Note} {
			value, there := want[name]
			if there != change.Set || there && value != nil && value != change.Value || value == nil && change.Value != "" {
				t.Errorf("%s: %v, %v", name, change, value)
			}
		}
	})
}

// TestLimits submits what is just within each bound, and what is just past it.
func TestLimits(t *testing.T) {
	w := newWorld(t)
	one := w.issuer()
	type change = func(s *assertions.Submission, n int)
	for n, c := range []struct {
		name   string
		most   int
		change change
		words  []string
	}{
		{"displayName", 200, func(s *assertions.Submission, n int) { s.Metadata.DisplayName = strings.Repeat("ü", n) }, []string{"displayName", "200"}},
		{"originalFilename", 255, func(s *assertions.Submission, n int) { s.Metadata.OriginalFilename = strings.Repeat("ü", n) }, []string{"originalFilename", "255"}},
		{"context", 500, func(s *assertions.Submission, n int) { s.Metadata.Context = strings.Repeat("ü", n) }, []string{"context", "500"}},
		{"tags", 10, func(s *assertions.Submission, n int) {
			for i := range n {
				s.Metadata.Tags = append(s.Metadata.Tags, fmt.Sprint(i))
			}
		}, []string{"tags", "10"}},
		{"a tag", 50, func(s *assertions.Submission, n int) { s.Metadata.Tags = []string{strings.Repeat("ü", n)} }, []string{"tag", "50"}},
		{"artifactMimeType", 127, func(s *assertions.Submission, n int) { s.Metadata.ArtifactMimeType = "a/" + strings.Repeat("b", n) }, []string{"artifactMimeType"}},
		{"artifactByteSize", 1<<53 - 1, func(s *assertions.Submission, n int) { s.Metadata.ArtifactByteSize = ptr(uint64(n)) }, []string{"artifactByteSize"}},
		{"note", 500, func(s *assertions.Submission, n int) { s.Note = strings.Repeat("ü", n) }, []string{"note", "501", "500"}},
		{"signed context", 500, func(s *assertions.Submission, n int) {
			p := one.payload(protocol.IssuedBy, artifact(100))
			p.Context = strings.Repeat("ü", n)
			*s = one.submission(p)
		}, []string{"context", "500"}},
		{"signed scope", 500, func(s *assertions.Submission, n int) {
			p := one.payload(protocol.IssuedBy, artifact(101))
			p.Scope = strings.Repeat("ü", n)
			*s = one.submission(p)
		}, []string{"scope", "500"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, count := range []int{c.most + 1, c.most} {
				in := one.submission(one.payload(protocol.IssuedBy, artifact(n)))
				c.change(&in, count)
				_, err := w.service.Create(context.Background(), one.caller(), in)
				if count > c.most {
					wantRefusal(t, err, assertions.Invalid, c.words...)
				} else if err != nil {
					t.Errorf("%d: %v", count, err)
				}
			}
		})
	}
	in := one.submission(one.payload(protocol.Method, artifact(0)))
	in.Metadata.Tags = []string{""}
	_, err := w.service.Create(context.Background(), one.caller(), in)
	wantRefusal(t, err, assertions.Invalid, "tag")
	in.Metadata = protocol.AssertionMetadata{DisplayName: "a\nb"}
	_, err = w.service.Create(context.Background(), one.caller(), in)
	wantRefusal(t, err, assertions.Invalid, "displayName", "control")
}

// logged puts assertions of an issuer into the log that were revoked, without the home's rules: it is much faster.
func (i *issuer) logged(n int, file [32]byte) {
	i.w.t.Helper()
	for at := range n {
		p := i.payload(protocol.IssuedBy, file)
		p.Scope = fmt.Sprintf("%s %d", i.id, at)
		signed := p.Encode()
		a, err := protocol.NewAssertion(signed, i.signer.key.Fingerprint, i.signer.sign(signed), nil)
		must(i.w.t, err)
		r := protocol.RevocationPayload{Action: protocol.ActionRevoke, AssertionID: a.ID(), IssuerID: i.id, Timestamp: p.Timestamp}
		revoked, err := protocol.NewRevocation(r.Encode(), i.signer.key.Fingerprint, i.signer.sign(r.Encode()))
		must(i.w.t, err)
		i.w.batch = append(i.w.batch, a, revoked)
	}
	i.w.flush()
}

func TestEditsAreBounded(t *testing.T) {
	w := newWorld(t)
	one := w.issuer()
	id := one.say(protocol.IssuedBy, artifact(0)).State.SigHash
	for n := range assertions.MaxEdits + 1 {
		_, err := w.service.Edit(context.Background(), one.caller(), id, assertions.Patch{DisplayName: assertions.Change[string]{Set: true, Value: fmt.Sprint(n)}})
		if n < assertions.MaxEdits {
			must(t, err)
			continue
		}
		wantRefusal(t, err, assertions.Invalid, "100")
	}
	_, err := w.service.Edit(context.Background(), one.caller(), id, assertions.Patch{Note: assertions.Change[string]{Set: true, Value: "still"}})
	must(t, err)
}
