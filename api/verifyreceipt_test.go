package api_test

import (
	"strings"
	"testing"

	"mirnode/protocol"
	"mirnode/translog"
)

// receiptOf makes a receipt of another node's log for its last entry.
func receiptOf(t testing.TB, l *peerLog) string {
	t.Helper()
	size := uint64(len(l.entries))
	leaves := make([]translog.Hash, size)
	for i, e := range l.entries {
		leaves[i] = translog.LeafHash(e.Canonical())
	}
	growth := translog.Grow(translog.Frontier{}, translog.Tails{}, leaves)
	return string(translog.Receipt{
		Index: size - 1, Entry: l.entries[size-1].Canonical(), Proof: growth.Proof(int(size - 1)), Checkpoint: l.checkpoint(t).Note,
	}.Marshal())
}

func TestVerifyReceipts(t *testing.T) {
	f := newFixture(t, unlimited)
	claim := f.shop.claim(t)
	own := members(t, f.post(t, "/claims", string(claim.Raw())))["receipt"].(string)
	peer, gone, silent := newPeerLog("peer.example"), newPeerLog("gone.example"), newPeerLog("silent.example")
	for _, l := range []*peerLog{peer, gone, silent} {
		l.add(f.shop.claim(t))
		l.add(claim)
	}
	f.domains.keys["peer.example"] = []protocol.DomainKey{f.shop.published(), peer.signer.published()}
	theirs := receiptOf(t, peer)
	stranger := newPeerLog("peer.example")
	stranger.signer = newSigner("stranger.example")
	stranger.add(claim)
	for _, test := range []struct {
		name, target, body string
		status             int
		result, code       string
	}{
		{"of this node", "/verify", own, 200, "ACCEPT", ""},
		{"of another", "/verify", theirs, 200, "ACCEPT", ""},
		{"of a node that does not answer", "/verify", receiptOf(t, gone), 503, "", ""},
		{"of a domain without keys", "/verify", receiptOf(t, silent), 200, "REJECT", "KEY_NOT_FOUND"},
		{"by another key", "/verify", receiptOf(t, stranger), 200, "REJECT", "INVALID_SIGNATURE"},
		{"of another place", "/verify", strings.Replace(theirs, "\nindex 1\n", "\nindex 0\n", 1), 200, "REJECT", "INVALID_SIGNATURE"},
		{"cut off", "/verify", theirs[:len(theirs)/2], 200, "REJECT", "INVALID_SCHEMA"},
		{"as jq prints it", "/verify", theirs + "\n", 200, "ACCEPT", ""},
		{"with something behind", "/verify", theirs + "x\n", 200, "REJECT", "INVALID_SCHEMA"},
		{"of no node", "/verify", strings.Replace(theirs, "peer.example/mir-dev\n", "peer.example/log\n", 1), 200, "REJECT", "INVALID_SCHEMA"},
		{"with an option", "/verify?maxAge=1h", theirs, 400, "", ""},
		{"too large", "/verify", theirs + strings.Repeat("x", 40<<10), 413, "", "INVALID_SCHEMA"},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := f.post(t, test.target, test.body, "Content-Type", "text/plain")
			answer := members(t, w)
			result, _ := answer["result"].(string)
			code, _ := answer["code"].(string)
			if w.Code != test.status || result != test.result || code != test.code {
				t.Fatalf("%d %s, want %d %s %s", w.Code, w.Body, test.status, test.result, test.code)
			}
			if result == "ACCEPT" {
				receipt := answer["receipt"].(map[string]any)
				if answer["kind"] != "receipt" || len(receipt["checked"].([]any)) != 3 || answer["record"] != receipt["entry"].(map[string]any)["record"] {
					t.Errorf("%s", w.Body)
				}
			}
		})
	}
}

func TestVerifyStatements(t *testing.T) {
	f := newFixture(t, unlimited)
	peer := newPeerLog("peer.example")
	f.domains.keys["peer.example"] = []protocol.DomainKey{peer.signer.published()}
	observation := string(observe(t, peer, f.shop, 0).Raw())
	for _, test := range []struct {
		name, target, body string
		status             int
		result, code       string
	}{
		{"good", "/verify", observation, 200, "ACCEPT", ""},
		{"changed", "/verify", strings.Replace(observation, `"dnssec":true`, `"dnssec":false`, 1), 200, "REJECT", "INVALID_SIGNATURE"},
		{"not in its one form", "/verify", strings.Replace(observation, `,"domain"`, `, "domain"`, 1), 200, "REJECT", "INVALID_SCHEMA"},
		{"by nobody known", "/verify", strings.ReplaceAll(observation, "peer.example", "none.example"), 200, "REJECT", "KEY_NOT_FOUND"},
		{"its node does not answer", "/verify", strings.ReplaceAll(observation, "peer.example", "gone.example"), 503, "", ""},
		{"with an option", "/verify?expectDomain=peer.example", observation, 400, "", ""},
		{"a claim that speaks of one", "/verify", `{"mir":1,"note":{"mirNode":1}}`, 200, "REJECT", "INVALID_SCHEMA"},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := f.post(t, test.target, test.body)
			answer := members(t, w)
			result, _ := answer["result"].(string)
			code, _ := answer["code"].(string)
			if w.Code != test.status || result != test.result || code != test.code || result == "ACCEPT" && answer["kind"] != "key-observation" {
				t.Errorf("%d %s, want %d %s %s", w.Code, w.Body, test.status, test.result, test.code)
			}
		})
	}
}
