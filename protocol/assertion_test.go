package protocol_test

import (
	"crypto/ed25519"
	"crypto/sha256"
	"testing"
	"time"

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
	t.Logf("%s", a.Raw())
	again, err := protocol.ParseAssertion(a.Raw())
	if err != nil || string(again.Raw()) != string(a.Raw()) || again.ID() != a.ID() || again.RecordHash() != sha256.Sum256(a.Raw()) {
		t.Fatalf("read again: %v", err)
	}
	if a.IDHash() != sha256.Sum256(a.Signed) || a.Payload.Time != noon {
		t.Errorf("assertion %+v", a)
	}
	if id, err := protocol.ParseAssertionID(a.ID()); err != nil || id != a.IDHash() {
		t.Errorf("ID %s: %v", a.ID(), err)
	}
	sorted(t, a.Raw())
	sorted(t, a.Signed)
}

func TestRevocation(t *testing.T) {
	r := revocation(t)
	t.Logf("%s", r.Raw())
	again, err := protocol.ParseRevocation(r.Raw())
	if err != nil || string(again.Raw()) != string(r.Raw()) || again.IDHash() != sha256.Sum256(r.Signed) || again.Reason != "published by mistake" {
		t.Fatalf("read again: %v", err)
	}
	if again.AssertionHash() != sha256.Sum256([]byte("x")) {
		t.Error("another assertion's")
	}
	sorted(t, r.Raw())
	sorted(t, r.Signed)
}
