package protocol_test

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"mirnode/protocol"
)

func ptr[T any](v T) *T { return &v }

// millis writes a time as JavaScript does.
func millis(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

func testPayload() *protocol.AssertionPayload {
	return &protocol.AssertionPayload{
		Artifact: sha256.Sum256([]byte("x")), Type: protocol.IssuedBy, IssuerID: protocol.IssuerID("node1.test", issuerNonce), Timestamp: millis(noon),
	}
}

func testMetadata() *protocol.AssertionMetadata {
	return &protocol.AssertionMetadata{
		DisplayName: "A photo", OriginalFilename: `c:\a "b".jpg`, ArtifactMimeType: "image/jpeg", ArtifactByteSize: ptr(uint64(0)),
		Context: "first\n\tsecond", Tags: []string{"press-release", "Q4"},
	}
}

func metadataEditDraft() protocol.MetadataEditDraft {
	return protocol.MetadataEditDraft{
		Home: "node1.test", Network: protocol.Development, AssertionID: protocol.AssertionID(sha256.Sum256([]byte("x"))),
		IssuerID: protocol.IssuerID("node1.test", issuerNonce), Metadata: *testMetadata(), Sequence: 1, Issued: noon,
	}
}

// assertion is signed with the test key 2.
func assertion(t testing.TB) *protocol.Assertion {
	t.Helper()
	signed := testPayload().Encode()
	a, err := protocol.NewAssertion(signed, protocol.Fingerprint(publicKey(2)), ed25519.Sign(testKey(2), signed), testMetadata())
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func revocationPayload() *protocol.RevocationPayload {
	return &protocol.RevocationPayload{
		Action: protocol.ActionRevoke, AssertionID: protocol.AssertionID(sha256.Sum256([]byte("x"))), IssuerID: protocol.IssuerID("node1.test", issuerNonce),
		Timestamp: millis(noon), Reason: "published by mistake",
	}
}

// revocation is signed with the test key 2.
func revocation(t testing.TB) *protocol.Revocation {
	t.Helper()
	signed := revocationPayload().Encode()
	r, err := protocol.NewRevocation(signed, protocol.Fingerprint(publicKey(2)), ed25519.Sign(testKey(2), signed))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestAssertion(t *testing.T) {
	a := assertion(t)
	again, err := protocol.ParseRecord(protocol.KindAssertion, fmt.Appendf(nil, " %s\n", a.Raw()))
	if err != nil || string(again.Raw()) != string(a.Raw()) || again.RecordHash() != sha256.Sum256(a.Raw()) || !reflect.DeepEqual(again, protocol.Record(a)) {
		t.Fatalf("read again: %v", err)
	}
	if a.IDHash() != sha256.Sum256(a.Signed) || a.Payload.Time != noon || string(a.Signed) != string(testPayload().Encode()) {
		t.Errorf("assertion %+v", a)
	}
	if !ed25519.Verify(publicKey(2), a.Signed, a.Signature()) || a.KeyFingerprint != protocol.Fingerprint(publicKey(2)) {
		t.Error("the signature does not verify")
	}
	if id, err := protocol.ParseAssertionID(a.ID()); err != nil || id != a.IDHash() {
		t.Errorf("ID %s: %v", a.ID(), err)
	}
	if !reflect.DeepEqual(a.Metadata, testMetadata()) {
		t.Errorf("metadata %+v", a.Metadata)
	}
	sorted(t, a.Raw())
	sorted(t, a.Signed)
}

// TestAssertionKeepsSignedBytes: whatever spelling was signed stands in the record, byte for byte, and makes no second identity.
func TestAssertionKeepsSignedBytes(t *testing.T) {
	want := testPayload()
	want.Context = "é/😀"
	canonical := want.Encode()
	ids := make(map[[32]byte]bool)
	for _, signed := range []string{
		string(canonical), strings.Replace(string(canonical), "é/😀", `\u00e9\/\ud83d\ude00`, 1), "\n\t " + string(canonical) + "\r\n",
		indented(t, string(canonical)),
	} {
		a, err := protocol.NewAssertion([]byte(signed), zeroHash, make([]byte, 64), nil)
		if err != nil {
			t.Fatal(err)
		}
		again, err := protocol.ParseAssertion(a.Raw())
		if err != nil || string(again.Signed) != signed || again.Metadata != nil {
			t.Errorf("%q became %q: %v", signed, again.Signed, err)
		}
		ids[a.IDHash()] = true
		sorted(t, a.Raw())
	}
	if len(ids) != 1 {
		t.Errorf("%d identities", len(ids))
	}
}

func TestNewAssertionRefuses(t *testing.T) {
	good := testPayload().Encode()
	for name, c := range map[string]struct {
		signed      []byte
		fingerprint string
		sig         int
		metadata    *protocol.AssertionMetadata
	}{
		"no payload":              {nil, zeroHash, 64, nil},
		"a revocation":            {revocationPayload().Encode(), zeroHash, 64, nil},
		"no UTF-8":                {bytes.Replace(good, []byte(`"version"`), []byte("\"context\":\"\xff\",\"version\""), 1), zeroHash, 64, nil},
		"a fingerprint in caps":   {good, strings.ToUpper("a" + zeroHash[1:]), 64, nil},
		"a fingerprint in quotes": {good, `x","mirAssertion":1,"y":"`, 64, nil},
		"no fingerprint":          {good, "", 64, nil},
		"63 bytes of signature":   {good, zeroHash, 63, nil},
		"65 bytes of signature":   {good, zeroHash, 65, nil},
		"no signature":            {good, zeroHash, 0, nil},
		"metadata out of bounds":  {good, zeroHash, 64, &protocol.AssertionMetadata{Tags: []string{""}}},
		"metadata of no UTF-8":    {good, zeroHash, 64, &protocol.AssertionMetadata{Context: "\xff"}},
		"too long with its escapes": {
			[]byte(payloadWith() + strings.Repeat("\n", protocol.MaxPayloadBytes-len(payloadWith()))), zeroHash, 64,
			&protocol.AssertionMetadata{Context: strings.Repeat("x", 500)},
		},
	} {
		if a, err := protocol.NewAssertion(c.signed, c.fingerprint, make([]byte, c.sig), c.metadata); err == nil {
			t.Errorf("%s: %s", name, a.Raw())
		} else {
			wantCode(t, err, protocol.InvalidSchema)
		}
	}
	a, err := protocol.NewAssertion(good, zeroHash, make([]byte, 64), &protocol.AssertionMetadata{})
	if err != nil || a.Metadata != nil || bytes.Contains(a.Raw(), []byte("metadata")) {
		t.Errorf("metadata that say nothing: %v", err)
	}
}

// TestIssuerSignedHaveOneSpelling tries other spellings of assertions and revocations.
func TestIssuerSignedHaveOneSpelling(t *testing.T) {
	for _, r := range []protocol.Record{assertion(t), revocation(t)} {
		raw := string(r.Raw())
		_, rest, _ := strings.Cut(raw, ",")
		first := strings.TrimSuffix(raw[1:], ","+rest)
		for name, other := range map[string]string{
			"white space":       strings.Replace(raw, ":", ": ", 1),
			"other order":       "{" + strings.TrimSuffix(rest, "}") + "," + first + "}",
			"escape":            strings.Replace(raw, "issuer_", `i\u0073suer_`, 1),
			"escape in payload": strings.Replace(raw, `\"version\"`, `\u0022version\"`, 1),
			"escaped slash":     strings.Replace(raw, "image/jpeg", `image\/jpeg`, 1),
			"escape in a name":  strings.Replace(raw, `"payload"`, `"p\u0061yload"`, 1),
			"version 1.0":       strings.Replace(raw, `":1,"payload"`, `":1.0,"payload"`, 1),
			"version 2":         strings.Replace(raw, `":1,"payload"`, `":2,"payload"`, 1),
			"twice":             strings.Replace(raw, `"payload"`, `"sig":"x","payload"`, 1),
			"unknown member":    strings.Replace(raw, `"payload"`, `"network":"production","payload"`, 1),
			"missing member":    strings.Replace(raw, first+",", "", 1),
			"payload an object": strings.Replace(raw, `"payload":"`, `"payload":{},"x":"`, 1),
			"payload a number":  strings.Replace(raw, `"payload":"`, `"payload":1,"x":"`, 1),
			"no payload":        strings.Replace(raw, `"payload":"`, `"payload":"","x":"`, 1),
			"padded sig":        strings.Replace(raw, `"sig":"`, `"sig":"=`, 1),
			"trailing bits":     raw[:len(raw)-3] + string(raw[len(raw)-3]+1) + raw[len(raw)-2:],
			"no metadata":       strings.Replace(raw, `"mir`, `"metadata":{},"mir`, 1),
			"metadata null":     strings.Replace(raw, `"mir`, `"metadata":null,"mir`, 1),
			"byte order mark":   "\ufeff" + raw,
			"array":             "[" + raw + "]",
			"cut off":           raw[:len(raw)-1],
			"data behind":       raw + "{}",
			"too long":          raw[:len(raw)-1] + `,"x":"` + strings.Repeat("x", protocol.MaxAssertionBytes) + `"}`,
			"null inside":       strings.Replace(raw, `"context":"`, `"displayName":null,"context":"`, 1),
			"empty inside":      strings.Replace(raw, `"displayName":"A photo"`, `"displayName":""`, 1),
			"number inside":     strings.Replace(raw, `"artifactByteSize":0`, `"artifactByteSize":-0`, 1),
			"no tags":           strings.Replace(raw, `["press-release","Q4"]`, `[]`, 1),
			"a note":            strings.Replace(raw, `"originalFilename"`, `"note":"x","originalFilename"`, 1),
			"order inside":      strings.Replace(raw, `"artifactByteSize":0,"artifactMimeType":"image/jpeg"`, `"artifactMimeType":"image/jpeg","artifactByteSize":0`, 1),
		} {
			if other == raw {
				if r.Kind() == protocol.KindAssertion {
					t.Errorf("%s changes nothing", name)
				}
				continue
			}
			if _, err := protocol.ParseRecord(r.Kind(), []byte(other)); err == nil {
				t.Errorf("%s: %s is accepted: %s", r.Kind(), name, other)
			} else {
				wantCode(t, err, protocol.InvalidSchema)
			}
		}
	}
}

func drawMetadata(t *rapid.T) *protocol.AssertionMetadata {
	line := rapid.StringMatching(`[ -~äß€😀]{0,50}`)
	m := &protocol.AssertionMetadata{
		DisplayName: line.Draw(t, "display name"), OriginalFilename: line.Draw(t, "file name"), Context: rapid.StringMatching(`[ -~\n\t😀]{0,40}`).Draw(t, "context"),
		ArtifactMimeType: rapid.SampledFrom([]string{"", "image/jpeg", "a/b"}).Draw(t, "media type"),
		Tags:             rapid.SliceOfN(rapid.StringMatching(`[ -~é]{1,50}`), 0, protocol.MaxTags).Draw(t, "tags"),
	}
	if rapid.Bool().Draw(t, "sized") {
		m.ArtifactByteSize = ptr(rapid.Uint64Range(0, protocol.MaxArtifactBytes).Draw(t, "size"))
	}
	if len(m.Tags) == 0 {
		m.Tags = nil
	}
	return m
}

// TestAssertionRoundTrip makes records of all sorts, and wants what was said back.
func TestAssertionRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p, m := drawPayload(t), drawMetadata(t)
		sig := rapid.SliceOfN(rapid.Byte(), 64, 64).Draw(t, "sig")
		a, err := protocol.NewAssertion(p.Encode(), zeroHash, sig, m)
		if err != nil {
			t.Fatal(err)
		}
		if m.IsZero() {
			m = nil
		}
		if fields(a.Payload) != fields(*p) || !bytes.Equal(a.Signature(), sig) || !reflect.DeepEqual(a.Metadata, m) || len(a.Raw()) > protocol.MaxAssertionBytes {
			t.Fatalf("%+v, %+v became %s", p, m, a.Raw())
		}
		d := metadataEditDraft()
		if m != nil {
			d.Metadata = *m
		}
		e, err := d.Sign(testKey(1))
		if err != nil || !reflect.DeepEqual(e.Metadata, d.Metadata) {
			t.Fatalf("%+v became %+v: %v", d, e, err)
		}
	})
}

// fuzzIssuerSigned holds a parser to one spelling, and to one identity for one payload.
func fuzzIssuerSigned(f *testing.F, kind protocol.Kind) {
	for _, r := range []protocol.Record{assertion(f), revocation(f)} {
		f.Add(r.Raw())
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := protocol.ParseRecord(kind, data)
		if err != nil {
			mustBeRefusal(t, err, protocol.InvalidSchema)
			return
		}
		if string(r.Raw()) != string(bytes.Trim(data, " \t\r\n")) || len(r.Raw()) > protocol.MaxAssertionBytes {
			t.Fatalf("%q is another spelling of %s", data, r.Raw())
		}
		for _, other := range kinds {
			if _, err := protocol.ParseRecord(other, r.Raw()); err == nil && other != kind {
				t.Fatalf("a %s passes for a %s: %s", kind, other, r.Raw())
			}
		}
		switch r := r.(type) {
		case *protocol.Assertion:
			again, err := protocol.NewAssertion(r.Signed, r.KeyFingerprint, r.Signature(), r.Metadata)
			if err != nil || !reflect.DeepEqual(again, r) {
				t.Fatalf("%s became %s: %v", r.Raw(), again.Raw(), err)
			}
		case *protocol.Revocation:
			again, err := protocol.NewRevocation(r.Signed, r.KeyFingerprint, r.Signature())
			if err != nil || !reflect.DeepEqual(again, r) {
				t.Fatalf("%s became %s: %v", r.Raw(), again.Raw(), err)
			}
		}
	})
}

func FuzzParseAssertion(f *testing.F)  { fuzzIssuerSigned(f, protocol.KindAssertion) }
func FuzzParseRevocation(f *testing.F) { fuzzIssuerSigned(f, protocol.KindRevocation) }
