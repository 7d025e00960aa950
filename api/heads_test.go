package api_test

import (
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"

	"mirnode/protocol"
	"mirnode/translog"
)

type heads struct {
	Heads []struct {
		Origin, Root, Checkpoint string
		Size                     uint64
		Frozen                   bool
	}
	Next string
}

func (f *fixture) heads(t testing.TB, since string) heads {
	t.Helper()
	target := "/log/heads"
	if since != "" {
		target += "?since=" + since
	}
	w := f.get(t, target)
	var answer heads
	if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil || w.Code != 200 {
		t.Fatalf("%v: %d %s", err, w.Code, w.Body)
	}
	return answer
}

// told names what an answer tells of.
func (h heads) told() string {
	var list []string
	for _, head := range h.Heads {
		list = append(list, fmt.Sprintf("%s %d", strings.TrimSuffix(head.Origin, "/mir-dev"), head.Size))
	}
	return strings.Join(list, ", ")
}

func TestHeads(t *testing.T) {
	f := newFixture(t, unlimited)
	peer, empty := newPeerLog("peer.example"), newPeerLog("empty.example")
	peer.add(f.shop.claim(t))
	f.mirror(t, peer)
	if err := f.store.OpenMirror(t.Context(), empty.origin); err != nil {
		t.Fatal(err)
	}
	f.submitted(t, 2)
	all := f.heads(t, "")
	if all.told() != "peer.example 1, node.example 2" {
		t.Errorf("all: %s", all.told())
	}
	for _, head := range all.Heads {
		key := nodeKey
		if head.Origin != nodeOrigin.String() {
			key = peer.signer.key
		}
		origin, err := protocol.ParseOrigin(head.Origin)
		if err != nil {
			t.Fatal(err)
		}
		checkpoint, err := translog.ParseCheckpoint([]byte(head.Checkpoint), verifierOf(t, origin, key))
		if err != nil || checkpoint.Size != head.Size || fmt.Sprintf("%x", checkpoint.Root) != head.Root || head.Frozen {
			t.Errorf("%v: %+v", err, head)
		}
	}
	none := f.heads(t, all.Next)
	if none.told() != "" || none.Next != all.Next {
		t.Errorf("nothing has changed: %s", none.told())
	}
	f.submitted(t, 1)
	if changed := f.heads(t, none.Next); changed.told() != "node.example 3" || changed.Next == none.Next {
		t.Errorf("since then: %s", changed.told())
	}
	for _, cursor := range []string{"1", "made-up", "18446744073709551615"} {
		if again := f.heads(t, cursor); again.told() != "peer.example 1, node.example 3" {
			t.Errorf("a cursor of nobody's gives everything: %s", again.told())
		}
	}
	if w := f.get(t, "/log/heads?sinc=1"); w.Code != 400 {
		t.Errorf("%d", w.Code)
	}
}

func TestForks(t *testing.T) {
	f := newFixture(t, unlimited)
	one, other := newPeerLog("peer.example"), newPeerLog("peer.example")
	one.add(f.shop.claim(t))
	other.add(f.shop.claim(t))
	f.mirror(t, one)
	fork, err := translog.NewFork(one.checkpoint(t), other.checkpoint(t), translog.Hash{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	third := newPeerLog("peer.example")
	third.add(f.shop.claim(t))
	again, err := translog.NewFork(one.checkpoint(t), third.checkpoint(t), translog.Hash{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, proof := range []translog.Fork{fork, again} { // one of them is told
		if err := f.store.SaveFork(t.Context(), proof, "node.example"); err != nil {
			t.Fatal(err)
		}
	}
	var answer struct {
		Forks []struct {
			Origin, FoundBy string
			Proof           translog.Fork
		}
	}
	w := f.get(t, "/log/forks")
	if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil || len(answer.Forks) != 1 {
		t.Fatalf("%v: %d %s", err, w.Code, w.Body)
	}
	found := answer.Forks[0]
	if err := found.Proof.Verify(verifierOf(t, one.origin, one.signer.key)); err != nil || found.Origin != one.origin.String() || found.FoundBy != "node.example" {
		t.Errorf("%v: %+v", err, found)
	}
	for _, head := range f.heads(t, "").Heads {
		if head.Frozen != (head.Origin == one.origin.String()) {
			t.Errorf("%+v", head)
		}
	}
	metrics := f.operate(t, "GET", "/metrics", "")
	for _, want := range []string{"mir_log_forks 1", `mir_log_frozen{origin="peer.example/mir-dev"} 1`, `mir_log_entries{origin="node.example/mir-dev"} 0`, "mir_logs 2"} {
		if !strings.Contains(metrics.Body.String(), want) {
			t.Errorf("the metrics lack %s", want)
		}
	}
}

// observe logs what an observer saw of the domain's key, in the observer's log.
func observe(t testing.TB, l *peerLog, observed *signer, days int) *protocol.Observation {
	t.Helper()
	seen := start.AddDate(0, 0, days)
	key := observed.published()
	key.Channels = []protocol.Channel{protocol.WellKnown, protocol.DNS}
	observation, err := protocol.ObservationDraft{
		Observer: l.origin.Domain, Network: l.origin.Network, Domain: observed.domain, Key: key, DNSSEC: true, FirstSeen: seen.AddDate(0, 0, -1), LastSeen: seen, Gone: days == 0,
	}.Sign(l.signer.key)
	if err != nil {
		t.Fatal(err)
	}
	l.add(observation)
	return observation
}

func TestHistoryOfKeys(t *testing.T) {
	f := newFixture(t, unlimited)
	peer := newPeerLog("peer.example")
	var last *protocol.Observation
	for day := -60; day <= 0; day++ {
		last = observe(t, peer, f.shop, day)
	}
	observe(t, peer, newSigner("other.example"), -1)
	f.mirror(t, peer)
	type answer struct {
		History []struct {
			Observer, Fingerprint, Pub, Log, Observation string
			Channels                                     []string
			FirstSeen, LastSeen                          string
			Index                                        uint64
			Gone, DNSSEC                                 bool
		}
		HistoryNext string
	}
	seen := make(map[uint64]bool)
	for target, pages := "/domains/shop.example/keys", 0; target != ""; pages++ {
		w := f.get(t, target)
		var page answer
		if err := json.Unmarshal(w.Body.Bytes(), &page); err != nil || w.Code != 200 || pages > 3 {
			t.Fatalf("%v: %d %s", err, w.Code, w.Body)
		}
		if pages == 0 {
			first := page.History[0]
			if first.Observation != string(last.Raw()) || !first.Gone || first.Log != "peer.example/mir-dev" || first.Index != 60 || first.Fingerprint != f.shop.published().Fingerprint || first.LastSeen != "2026-11-22T10:00:00.000Z" || len(first.Channels) != 2 {
				t.Errorf("%+v", first)
			}
		}
		for _, o := range page.History {
			if _, err := protocol.ParseObservation([]byte(o.Observation)); err != nil || seen[o.Index] {
				t.Errorf("%v: entry %d, twice: %v", err, o.Index, seen[o.Index])
			}
			seen[o.Index] = true
		}
		target = ""
		if page.HistoryNext != "" {
			target = "/domains/shop.example/keys?history=" + page.HistoryNext
		}
	}
	if len(seen) != 61 {
		t.Errorf("%d observations", len(seen))
	}
	if w := f.get(t, "/domains/shop.example/keys?history=x"); w.Code != 400 {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

// An erasure is told to other nodes in the node's log.
func TestErasureIsTold(t *testing.T) {
	f := newFixture(t, unlimited, func(s *setup) {
		s.api.SignErasure = func(d protocol.ErasureDraft) (*protocol.Erasure, error) { return d.Sign(nodeKey) }
	})
	claim := f.shop.claim(t)
	f.post(t, "/claims", string(claim.Raw()))
	var refused *httptest.ResponseRecorder
	if refused = f.operate(t, "POST", "/admin/claims/"+claim.ID()+"/erase", `{"reason":"two\nlines"}`); refused.Code != 400 {
		t.Errorf("%d %s", refused.Code, refused.Body)
	}
	if w := f.operate(t, "POST", "/admin/claims/"+claim.ID()+"/erase", `{"reason":"court order"}`); w.Code != 200 {
		t.Fatal(w.Code, w.Body)
	}
	entries := f.entries(t)
	if len(entries) != 2 || entries[1].Kind != protocol.KindErasure {
		t.Fatalf("%+v", entries)
	}
	list := f.fetch(t, entries[1].Record)
	notice, err := protocol.ParseErasure([]byte(*list[0].Body))
	if err != nil || notice.Record != claim.RecordHash() || notice.ClaimDomain != "shop.example" || notice.Node != "node.example" || notice.Reason != "court order" {
		t.Errorf("%v: %+v", err, notice)
	}
	if w := f.get(t, "/log/proof?id="+claim.ID()); w.Code != 410 {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	hash := claim.RecordHash()
	if w := f.get(t, fmt.Sprintf("/log/proof?id=%x", hash)); w.Code != 200 {
		t.Errorf("the proof holds without the body: %d %s", w.Code, w.Body)
	}
}
