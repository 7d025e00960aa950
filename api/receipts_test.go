package api_test

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"mirnode/protocol"
	"mirnode/store"
	"mirnode/translog"
)

// checkReceipt verifies what a submission was answered with, offline, against nothing but the node's key.
func checkReceipt(t *testing.T, answer map[string]any, index string, claim *protocol.Claim) {
	t.Helper()
	text, _ := answer["receipt"].(string)
	receipt, err := translog.ParseReceipt([]byte(text))
	if err != nil {
		t.Fatalf("%v: %v", err, answer)
	}
	entry, head, err := receipt.Verify(verifierOf(t, nodeOrigin, nodeKey))
	if err != nil || entry.Record != claim.RecordHash() || entry.Kind != protocol.KindClaim {
		t.Errorf("%v: %+v", err, entry)
	}
	if answer["origin"] != head.Origin || answer[index] != float64(receipt.Index) || answer["ingestedAt"] != entry.IngestedAt.Format("2006-01-02T15:04:05.000Z") {
		t.Errorf("%v, the receipt is of entry %d, %+v", answer, receipt.Index, entry)
	}
}

func TestReceipts(t *testing.T) {
	f := newFixture(t, unlimited)
	claim := f.shop.claim(t)
	first := members(t, f.post(t, "/claims", string(claim.Raw())))
	checkReceipt(t, first, "index", claim)
	f.submitted(t, 3)
	f.clock.advance(1e9)
	second := members(t, f.post(t, "/claims", string(claim.Raw())))
	checkReceipt(t, second, "index", claim)
	if second["duplicate"] != true || second["index"] != first["index"] || second["ingestedAt"] != first["ingestedAt"] {
		t.Errorf("first %v\nagain %v", first, second)
	}
	bare := members(t, f.post(t, "/claims?receipts=false", string(claim.Raw())))
	if bare["receipt"] != nil || bare["index"] != first["index"] || bare["origin"] != nodeOrigin.String() {
		t.Errorf("%v", bare)
	}
	proof := members(t, f.get(t, "/log/proof?id="+claim.ID()))
	hash := claim.RecordHash()
	if byHash := members(t, f.get(t, "/log/proof?id="+hex.EncodeToString(hash[:]))); byHash["receipt"] != proof["receipt"] || proof["index"] != first["index"] {
		t.Errorf("%v\n%v", byHash, proof)
	}
	news := f.publisher(t, "Harbour News")
	made := members(t, news.post(t, "/assertions", encoded(news.signed(news.payload("ISSUED_BY", file("a picture"))))))
	proof = members(t, f.get(t, "/log/proof?id="+made["assertion"].(map[string]any)["id"].(string)))
	if proof["index"] != made["index"] || proof["origin"] != made["origin"] || proof["receipt"] == nil {
		t.Errorf("of an assertion: %v, made %v", proof, made)
	}
	for target, status := range map[string]int{
		"/log/proof?id=assertion_" + strings.Repeat("0", 64): 404, "/log/proof?id=assertion_0": 400,
		"/log/proof": 400, "/log/proof?id=x": 400, "/log/proof?id=claim_" + strings.Repeat("0", 64): 404, "/log/proof?id=" + strings.Repeat("0", 64): 404, "/log/proof?di=x": 400,
	} {
		if w := f.get(t, target); w.Code != status {
			t.Errorf("%s: %d %s", target, w.Code, w.Body)
		}
	}
}

func TestReceiptsOfABatch(t *testing.T) {
	f := newFixture(t, unlimited)
	known := f.shop.claim(t)
	f.post(t, "/claims", string(known.Raw()))
	a, b := f.shop.claim(t), f.shop.claim(t)
	claims := []*protocol.Claim{a, known, b, a}
	var lines []string
	for _, c := range claims {
		lines = append(lines, string(c.Raw()))
	}
	w := f.post(t, "/claims/batch", strings.Join(lines, "\n"), "Content-Type", "application/x-ndjson", "Accept-Encoding", "identity")
	answers := strings.Split(strings.TrimSpace(w.Body.String()), "\n")
	if len(answers) != len(claims) {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	for i, line := range answers {
		var answer map[string]any
		if err := json.Unmarshal([]byte(line), &answer); err != nil {
			t.Fatal(err)
		}
		checkReceipt(t, answer, "logIndex", claims[i])
		if answer["index"] != float64(i) || answer["duplicate"] != (i == 1 || i == 3) {
			t.Errorf("item %d: %v", i, answer)
		}
	}
	if w := f.post(t, "/claims/batch?receipts=false", "["+lines[0]+"]"); strings.Contains(w.Body.String(), "receipt") || !strings.Contains(w.Body.String(), `"logIndex":1`) {
		t.Errorf("%s", w.Body)
	}
	if w := f.post(t, "/claims/batch?receipts=no", "[]"); w.Code != 400 {
		t.Errorf("%d", w.Code)
	}
}

// A claim that came from another node is served with its place there. Submitted here, it gets an entry of the node's own.
func TestMirroredClaim(t *testing.T) {
	f := newFixture(t, unlimited)
	claim, peer := f.shop.claim(t), newPeerLog("peer.example")
	peer.add(claim)
	f.mirror(t, peer)
	places := func() (string, string) {
		t.Helper()
		var list []string
		w := f.get(t, "/claims/"+claim.ID())
		for _, p := range members(t, w)["places"].([]any) {
			place := p.(map[string]any)
			list = append(list, fmt.Sprint(place["log"], " ", place["index"]))
		}
		return strings.Join(list, ", "), w.Header().Get("ETag")
	}
	before, etag := places()
	if before != "peer.example/mir-dev 0" {
		t.Errorf("%s", before)
	}
	if w := f.get(t, "/log/proof?id="+claim.ID()); w.Code != 404 {
		t.Errorf("a receipt for what the node did not take itself: %d %s", w.Code, w.Body)
	}
	f.clock.advance(5e9)
	for _, status := range []int{201, 200} {
		w := f.post(t, "/claims", string(claim.Raw()))
		if w.Code != status {
			t.Fatalf("%d, want %d: %s", w.Code, status, w.Body)
		}
		checkReceipt(t, members(t, w), "index", claim)
	}
	if after, changed := places(); after != "peer.example/mir-dev 0, node.example/mir-dev 0" || changed == etag {
		t.Errorf("before %s %s\nafter  %s %s", before, etag, after, changed)
	}
}

// An answer says how a claim was verified: by the key that its domain publishes, or by what other nodes saw of it.
func TestVerifiedByQuorum(t *testing.T) {
	f := newFixture(t, unlimited)
	claim := f.shop.claim(t)
	_, err := f.store.AppendClaims(t.Context(), []store.ClaimToAppend{{Claim: claim, Provenance: store.Provenance{Form: "text", Quorum: []string{"a.example", "b.example"}}}})
	if err != nil {
		t.Fatal(err)
	}
	w := f.get(t, "/claims/"+claim.ID())
	verified, _ := members(t, w)["verified"].(map[string]any)
	if w.Code != 200 || verified["by"] != "quorum" || fmt.Sprint(verified["observers"]) != "[a.example b.example]" {
		t.Errorf("%d %s\n%s", w.Code, w.Body, f.log)
	}
}

// A node whose own log is frozen, or not confirmed yet, takes no claims, says why, and goes on serving.
func TestClosedLog(t *testing.T) {
	for _, test := range []struct {
		name, want, retry, state string
		prepare                  func(*setup)
		close                    func(context.Context, *store.Store) error
	}{
		{"unconfirmed", "asks its peers", "5", "unconfirmed", func(s *setup) { s.store.Log.Confirm = true }, func(context.Context, *store.Store) error { return nil }},
		{"frozen", "two histories", "300", "frozen", func(*setup) {}, func(ctx context.Context, s *store.Store) error {
			return s.Freeze(ctx, nodeOrigin.String(), "a test")
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			f := newFixture(t, unlimited, test.prepare)
			if err := test.close(t.Context(), f.store); err != nil {
				t.Fatal(err)
			}
			w := f.post(t, "/claims", string(f.shop.claim(t).Raw()))
			if w.Code != 503 || w.Header().Get("Retry-After") != test.retry || !strings.Contains(w.Body.String(), test.want) {
				t.Errorf("%d %v %s", w.Code, w.Header(), w.Body)
			}
			if w := f.post(t, "/claims/batch", "["+string(f.shop.claim(t).Raw())+"]"); !strings.Contains(w.Body.String(), `"status":503`) {
				t.Errorf("%s", w.Body)
			}
			w = f.get(t, "/readyz")
			if w.Code != 503 || !strings.Contains(w.Body.String(), `{"name":"log","ok":false`) || !strings.Contains(w.Body.String(), `{"name":"store","ok":true`) {
				t.Errorf("%d %s", w.Code, w.Body)
			}
			node := members(t, f.get(t, "/node"))
			if log := node["log"].(map[string]any); log["state"] != test.state || node["storage"].(map[string]any)["readOnly"] != false {
				t.Errorf("%v", node)
			}
			if w := f.get(t, "/claims?domain=shop.example"); w.Code != 200 {
				t.Errorf("%d %s", w.Code, w.Body)
			}
		})
	}
}
