package api_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"mirnode/api"
	"mirnode/gossip/mirror"
	"mirnode/gossip/peers"
	"mirnode/gossip/planner"
	"mirnode/protocol"
)

// federation stands in for the node's part among its peers.
type federation struct {
	mu         sync.Mutex
	heard      []string
	status     []peers.Status
	descriptor *protocol.Descriptor
	documents  [][]byte
	witness    func(body []byte) ([]byte, int, error)
	fresh      func(ctx context.Context, domain string) (mirror.Fresh, error)
	orders     []string
}

func (f *federation) Hint(from string, hints []planner.Hint) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, h := range hints {
		f.heard = append(f.heard, fmt.Sprintf("%s %x %d %x", from, h.Origin[:2], h.Size, h.Root))
	}
}

func (f *federation) Peers() []peers.Status { return f.status }

func (f *federation) Fresh(ctx context.Context, domain string) (mirror.Fresh, error) {
	return f.fresh(ctx, domain)
}

func (f *federation) AddCheckpoint(_ context.Context, body []byte) ([]byte, int, error) {
	return f.witness(body)
}

func (f *federation) Descriptor() *protocol.Descriptor { return f.descriptor }
func (f *federation) Descriptors() [][]byte            { return f.documents }

func (f *federation) order(what, domain string) error {
	if domain != "peer.example" {
		return peers.ErrUnknown
	}
	f.orders = append(f.orders, what)
	return nil
}

func (f *federation) Retry(domain string) error                    { return f.order("retry", domain) }
func (f *federation) Block(_ context.Context, domain string) error { return f.order("block", domain) }
func (f *federation) Unblock(_ context.Context, domain string) error {
	return f.order("unblock", domain)
}

// among gives the API this part.
func among(f *federation) func(*setup) { return with(func(o *api.Options) { o.Federation = f }) }

func TestHint(t *testing.T) {
	hash := strings.Repeat("ab", 32)
	one := fmt.Sprintf(`{"origin":%q,"size":12,"root":"01020304"}`, hash)
	for _, test := range []struct {
		name, body string
		status     int
		want       string
	}{
		{"one", `{"from":"Node1.test","hints":[` + one + `]}`, 202, "node1.test abab 12 01020304"},
		{"from nobody", `{"from":"","hints":[` + one + `]}`, 202, " abab 12 01020304"},
		{"as many as there may be", `{"from":"a.test","hints":[` + strings.Repeat(one+",", 63) + one + `]}`, 202, "a.test abab 12 01020304"},
		{"one more", `{"from":"a.test","hints":[` + strings.Repeat(one+",", 64) + one + `]}`, 400, ""},
		{"none", `{"from":"a.test","hints":[]}`, 202, ""},
		{"no domain", `{"from":"127.0.0.1","hints":[` + one + `]}`, 400, ""},
		{"a short origin", `{"from":"a.test","hints":[{"origin":"ab","size":1,"root":"01020304"}]}`, 400, ""},
		{"a long root", `{"from":"a.test","hints":[{"origin":"` + hash + `","size":1,"root":"0102030405"}]}`, 400, ""},
		{"a negative size", `{"from":"a.test","hints":[{"origin":"` + hash + `","size":-1,"root":"01020304"}]}`, 400, ""},
		{"a member too many", `{"from":"a.test","hints":[],"more":1}`, 400, ""},
		{"not JSON", `hello`, 400, ""},
		{"null", `null`, 400, ""},
		{"too much", `{"from":"` + strings.Repeat("a", 16<<10) + `","hints":[]}`, 413, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			part := &federation{}
			f := newFixture(t, unlimited, among(part))
			w := f.post(t, "/hint", test.body)
			if w.Code != test.status || strings.Join(slices.Compact(part.heard), ",") != test.want {
				t.Errorf("%d %s, heard %q", w.Code, w.Body, part.heard)
			}
		})
	}
}

// A node without peers answers all that is asked of peers, with nothing.
func TestWithoutPeers(t *testing.T) {
	for _, test := range []struct {
		method, target, body string
		status               int
		want                 string
	}{
		{"POST", "/hint", `{"from":"a.test","hints":[]}`, 202, `{}`},
		{"GET", "/peers", "", 200, `"peers":[]`},
		{"GET", "/peers/descriptors", "", 200, `{"descriptors":[]}`},
		{"GET", "/.well-known/mir-node.json", "", 404, "no descriptor"},
		{"POST", "/witness/add-checkpoint", "old 0\n", 404, "no witness"},
		{"GET", "/log/checkpoint", "", 404, "no log"},
		{"GET", "/log/entries", "", 404, "no log"},
		{"GET", "/log/tile/0/000", "", 404, "no log"},
		{"GET", "/log/heads", "", 200, `"heads":[]`},
		{"GET", "/log/forks", "", 200, `{"forks":[]}`},
		{"GET", "/log/proof?id=" + strings.Repeat("0", 64), "", 404, "own log"},
		{"GET", "/node", "", 200, `"log":null`},
		{"GET", "/readyz", "", 200, `"ready":true`},
	} {
		t.Run(test.method+" "+test.target, func(t *testing.T) {
			f := newFixture(t, unlimited, logless)
			if w := f.do(t, request(test.method, test.target, test.body)); w.Code != test.status || !strings.Contains(w.Body.String(), test.want) {
				t.Errorf("%d, want %d and %q: %s", w.Code, test.status, test.want, w.Body)
			}
		})
	}
	f := newFixture(t, unlimited, logless)
	claim := f.shop.claim(t)
	for _, status := range []int{201, 200} {
		w := f.post(t, "/claims", string(claim.Raw()))
		if answer := members(t, w); w.Code != status || answer["receipt"] != nil || answer["origin"] != nil {
			t.Errorf("%d %s", w.Code, w.Body)
		}
	}
}

func TestPeersAndDescriptors(t *testing.T) {
	descriptor, err := protocol.DescriptorDraft{
		Origin: nodeOrigin, URL: "https://node.example", LogKey: newSigner("node.example").published().Public, Sequence: 3, Issued: start, ExpiresAt: start.Add(time.Hour),
	}.Sign(nodeKey)
	if err != nil {
		t.Fatal(err)
	}
	part := &federation{descriptor: descriptor, documents: [][]byte{descriptor.Raw(), []byte(`{"with":"\"quotes\"\n"}`)}, status: []peers.Status{
		{Domain: "peer.example", Origin: "peer.example/mir-dev", Admitted: true, State: "in contact", LastContact: start, LagEntries: 3},
		{Address: "https://10.0.0.1", State: "not found yet", LastError: "it does not answer", Failures: 2, NextTry: start},
	}}
	f := newFixture(t, unlimited, among(part), with(func(o *api.Options) { o.Witness = "node.example/mir-dev+00000000+BA" }))
	answer := members(t, f.get(t, "/peers"))
	if answer["domain"] != "node.example" || answer["origin"] != nodeOrigin.String() || len(answer["peers"].([]any)) != 2 {
		t.Errorf("%v", answer)
	}
	var held struct{ Descriptors []string }
	if err := json.Unmarshal(f.get(t, "/peers/descriptors").Body.Bytes(), &held); err != nil || len(held.Descriptors) != 2 || held.Descriptors[0] != string(part.documents[0]) || held.Descriptors[1] != string(part.documents[1]) {
		t.Errorf("%v %q", err, held.Descriptors)
	}
	w := f.get(t, "/.well-known/mir-node.json")
	if w.Code != 200 || w.Body.String() != string(descriptor.Raw()) {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if w := f.get(t, "/.well-known/mir-node.json", "If-None-Match", w.Header().Get("ETag")); w.Code != 304 {
		t.Errorf("%d", w.Code)
	}
	node := members(t, f.get(t, "/node"))["federation"].(map[string]any)
	if node["peers"] != 1.0 || node["mirrors"] != 0.0 || node["witness"] != "node.example/mir-dev+00000000+BA" {
		t.Errorf("%v", node)
	}
}

func TestWitness(t *testing.T) {
	for _, test := range []struct {
		name       string
		body       string
		answer     string
		status     int
		err        error
		want       int
		wantKind   string
		wantAnswer string
	}{
		{"cosigned", "old 0\n\nnote", "— node.example x\n", 200, nil, 200, "text/plain; charset=utf-8", "— node.example x\n"},
		{"another size", "old 7\n\nnote", "12\n", 409, nil, 409, "text/x.tlog.size", "12\n"},
		{"another root", "old 7\n\nnote", "the root is another\n", 409, nil, 409, "text/plain; charset=utf-8", "the root is another\n"},
		{"unknown log", "old 7\n\nnote", "no such log\n", 404, nil, 404, "text/plain; charset=utf-8", "no such log\n"},
		{"a size alone", "old 7\n\nnote", "12", 409, errors.New("cosigned 12"), 409, "text/x.tlog.size", "12\n"},
		{"refused in words", "old 7\n\nnote", "", 403, errors.New("no signature by the log"), 403, "text/plain; charset=utf-8", "no signature by the log\n"},
		{"behind", "old 7\n\nnote", "", 503, errors.New("the mirror is behind"), 503, "text/plain; charset=utf-8", "the mirror is behind\n"},
		{"a fault", "old 7\n\nnote", "", 0, errors.New("inside"), 500, "application/json", ""},
		{"too large", strings.Repeat("x", 25<<10), "", 200, nil, 413, "application/json", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			var seen string
			f := newFixture(t, unlimited, among(&federation{witness: func(body []byte) ([]byte, int, error) {
				seen = string(body)
				return []byte(test.answer), test.status, test.err
			}}))
			w := f.post(t, "/witness/add-checkpoint", test.body, "Content-Type", "text/plain")
			if w.Code != test.want || w.Header().Get("Content-Type") != test.wantKind || test.wantAnswer != "" && w.Body.String() != test.wantAnswer {
				t.Errorf("%d %v %q", w.Code, w.Header(), w.Body)
			}
			if test.want != 413 && seen != test.body {
				t.Errorf("the witness saw %q", seen)
			}
		})
	}
}

func TestFresh(t *testing.T) {
	part := &federation{}
	f := newFixture(t, among(part), with(func(o *api.Options) { o.Limits = api.Limits{Lookup: api.Rate{PerSecond: 0.001, Burst: 3}} }))
	late := f.shop.claim(t)
	part.fresh = func(ctx context.Context, domain string) (mirror.Fresh, error) {
		if _, limited := ctx.Deadline(); !limited {
			t.Error("the wait for another node has no end")
		}
		if domain == "gone.example" {
			return mirror.Fresh{Node: "gone.example"}, errors.New("dial 10.0.0.1: inside")
		}
		f.post(t, "/claims", string(late.Raw())) // what the home node had
		return mirror.Fresh{Node: "node1.test", Reached: true, Detail: "up to date"}, nil
	}
	fresh := func(target string, status int) map[string]any {
		t.Helper()
		w := f.get(t, target)
		if w.Code != status {
			t.Fatalf("%s: %d, want %d: %s", target, w.Code, status, w.Body)
		}
		told, _ := members(t, w)["fresh"].(map[string]any)
		return told
	}
	fresh("/claims?fresh=true&subject="+late.Subject, 400)
	fresh("/claims/"+late.ID()+"?fresh=true", 400)
	fresh("/claims/"+late.ID()+"?domain=shop.example", 400)
	fresh("/claims?fresh=yes&domain=shop.example", 400)
	if told := fresh("/claims/"+late.ID()+"?fresh=true&domain=shop.example", 200); told["reached"] != true || told["node"] != "node1.test" {
		t.Errorf("%v", told)
	}
	if told := fresh("/claims?fresh=true&domain=gone.example", 200); told["reached"] != false || told["node"] != "gone.example" {
		t.Errorf("%v", told)
	}
	w := f.get(t, "/claims/claim_"+strings.Repeat("0", 64)+"?fresh=true&domain=shop.example")
	if w.Code != 404 || !strings.Contains(w.Body.String(), "home node was asked") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if told := fresh("/claims?domain=shop.example&fresh=false", 200); told != nil {
		t.Errorf("%v", told)
	}
	fresh("/claims?fresh=true&domain=shop.example", 429) // each asks another machine
	alone := newFixture(t, unlimited)
	if told := members(t, alone.get(t, "/claims?fresh=true&domain=shop.example"))["fresh"].(map[string]any); told["reached"] != false || told["detail"] == "" {
		t.Errorf("%v", told)
	}
}

func TestOrdersAboutPeers(t *testing.T) {
	part := &federation{}
	f := newFixture(t, unlimited, among(part))
	for _, test := range []struct {
		target string
		status int
	}{
		{"/admin/peers/PEER.example/retry", 200}, {"/admin/peers/peer.example/block", 200}, {"/admin/peers/peer.example/unblock", 200},
		{"/admin/peers/other.example/retry", 404}, {"/admin/peers/x/retry", 400}, {"/admin/peers/peer.example/eat", 404},
	} {
		if w := f.operate(t, "POST", test.target, "{}"); w.Code != test.status {
			t.Errorf("%s: %d %s", test.target, w.Code, w.Body)
		}
	}
	if got := strings.Join(part.orders, " "); got != "retry block unblock" {
		t.Errorf("carried out: %s", got)
	}
	if w := newFixture(t, unlimited).operate(t, "POST", "/admin/peers/peer.example/retry", "{}"); w.Code != 404 {
		t.Errorf("without peers: %d %s", w.Code, w.Body)
	}
}

// The list of peers is made once a second at most, however many ask for it.
func TestPeersAreAskedOnceASecond(t *testing.T) {
	part := &countingFederation{}
	f := newFixture(t, unlimited, with(func(o *api.Options) { o.Federation = part }))
	for range 3 {
		f.get(t, "/peers")
		f.get(t, "/node")
	}
	if part.asked != 1 {
		t.Errorf("asked %d times", part.asked)
	}
	f.clock.advance(time.Second)
	if f.get(t, "/peers"); part.asked != 2 {
		t.Errorf("asked %d times", part.asked)
	}
}

type countingFederation struct {
	federation
	asked int
}

func (f *countingFederation) Peers() []peers.Status { f.asked++; return nil }

// Whatever a stranger sends as a hint, what comes of it is within the bounds of hints.
func FuzzParseHints(f *testing.F) {
	for _, seed := range []string{`{"from":"a.test","hints":[]}`, `{"hints":[{"origin":"` + strings.Repeat("ab", 32) + `","size":18446744073709551615,"root":"01020304"}]}`, `{"from":1}`, `[]`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		from, hints, err := api.ParseHints(body)
		if err != nil {
			return
		}
		if len(hints) > 64 || len(from) > 253 || from != strings.ToLower(from) {
			t.Errorf("%q %d", from, len(hints))
		}
	})
}
