package assertions_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"strings"
	"testing"
	"time"

	"mirnode/assertions"
	"mirnode/assertions/proof"
	"mirnode/protocol"
)

var update = flag.Bool("update", false, "write the bundle that package proof is tested with")

// bundleFile is the answer that the tests of package proof start from.
const bundleFile = "proof/testdata/superseded.json"

// superseded makes an assertion with everything that one can have: signed texts, metadata, an edit, a revocation, a successor.
func (w *world) superseded() (old, successor [32]byte) {
	w.t.Helper()
	one := w.issuer()
	ctx := context.Background()
	p := one.payload(protocol.IssuedBy, artifact(0))
	p.Scope, p.Context = "worldwide", "\"signed\""
	in := one.submission(p)
	in.Metadata = protocol.AssertionMetadata{DisplayName: "A photo", Tags: []string{"photo"}}
	made, err := w.service.Create(ctx, one.caller(), in)
	must(w.t, err)
	w.clock.advance(time.Second)
	_, err = w.service.Edit(ctx, one.caller(), made.State.SigHash, assertions.Patch{DisplayName: assertions.Change[string]{Set: true, Value: "Another"}})
	must(w.t, err)
	w.clock.advance(time.Second)
	next, err := one.supersede(made.State.SigHash, one.payload(protocol.NotIssuedBy, artifact(0)))
	must(w.t, err)
	one.draft.Name = "Issuer, renamed"
	one.publish()
	return made.State.SigHash, next.State.SigHash
}

func (w *world) get(id [32]byte) []byte {
	w.t.Helper()
	b, err := w.service.AppendGet(context.Background(), nil, id, nil)
	must(w.t, err)
	if !json.Valid(b) {
		w.t.Fatalf("no JSON: %s", b)
	}
	return b
}

func (w *world) proofOptions() proof.Options {
	return proof.Options{Keys: proof.Of(home, w.nodeKey.Public().(ed25519.PublicKey)), Network: protocol.Development}
}

func TestAnswersProveThemselves(t *testing.T) {
	w := newWorld(t)
	old, successor := w.superseded()
	plain := w.issuer().say(protocol.Method, artifact(0)).State.SigHash

	v, err := proof.VerifyProof(w.get(old), w.proofOptions())
	must(t, err)
	if v.Assertion.IDHash() != old || v.Revocation == nil || v.Revocation.Action != protocol.ActionSupersede || v.Successor == nil || v.Successor.IDHash() != successor ||
		v.Edited != 1 || v.Metadata.DisplayName != "Another" || v.Issuer.Name != "Issuer, renamed" || v.Logged.Origin != home+"/mir-dev" || !v.Logged.At.Equal(noon) {
		t.Errorf("%+v", v)
	}
	if len(v.Proved) < 6 || len(v.Open) == 0 {
		t.Errorf("proved %q, open %q", v.Proved, v.Open)
	}
	for _, id := range [][32]byte{successor, plain} {
		v, err := proof.VerifyProof(w.get(id), w.proofOptions())
		must(t, err)
		if v.Assertion.IDHash() != id || v.Revocation != nil || v.Successor != nil || !strings.Contains(strings.Join(v.Open, "\n"), "still active") {
			t.Errorf("%+v", v)
		}
	}
	_, err = w.service.AppendGet(context.Background(), nil, [32]byte{1}, nil)
	wantRefusal(t, err, assertions.NotFound, protocol.AssertionID([32]byte{1}))
}

// TestBundleFile keeps the file that package proof is tested with up to date: go test -update.
func TestBundleFile(t *testing.T) {
	w := newWorld(t)
	old, _ := w.superseded()
	got := w.get(old)
	if *update {
		must(t, os.WriteFile(bundleFile, got, 0o600))
	}
	want, err := os.ReadFile(bundleFile)
	must(t, err)
	if !bytes.Equal(got, want) {
		t.Errorf("answers differ from %s; run go test -update", bundleFile)
	}
}

// TestMixedAnswersProveNothing takes parts of one good answer into another.
func TestMixedAnswersProveNothing(t *testing.T) {
	w := newWorld(t)
	old, successor := w.superseded()
	plain := w.issuer().say(protocol.Method, artifact(0)).State.SigHash
	parts := func(id [32]byte) map[string]map[string]any { return decode[map[string]map[string]any](t, w.get(id)) }
	for _, name := range []string{"record", "receipt", "issuer", "issuerReceipt"} {
		mixed, from := parts(old), parts(plain)
		mixed["proof"][name] = from["proof"][name]
		wantFault(t, w, mixed)
	}
	for _, name := range []string{"revocation", "metadata"} {
		mixed, from := parts(successor), parts(old)
		mixed["proof"][name] = from["proof"][name]
		wantFault(t, w, mixed)
		mixed = parts(old)
		delete(mixed["proof"], name)
		wantFault(t, w, mixed)
	}
	mixed := parts(old)
	mixed["assertion"] = parts(successor)["assertion"]
	wantFault(t, w, mixed)
}

func wantFault(t *testing.T, w *world, bundle any) {
	t.Helper()
	b, err := json.Marshal(bundle)
	must(t, err)
	v, err := proof.VerifyProof(b, w.proofOptions())
	var verdict *protocol.Error
	if !errors.As(err, &verdict) {
		t.Errorf("%v, %v", v, err)
	}
}
