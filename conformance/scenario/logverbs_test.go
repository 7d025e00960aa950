package scenario_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"mirnode/conformance/logread"
	"mirnode/conformance/names"
	"mirnode/conformance/peer"
	"mirnode/conformance/scenario"
	"mirnode/protocol"
)

// noNames is where peers of tests are published: nowhere.
type noNames struct{ handler http.Handler }

func (*noNames) Publish(string, names.Domain) error { return nil }
func (n *noNames) Handle(_ string, h http.Handler)  { n.handler = h }
func (*noNames) HTTPS() netip.AddrPort              { return netip.MustParseAddrPort("127.0.0.1:8443") }

// logNode is a node with a log, played by a peer: it takes every claim, and can be told to do it wrong.
type logNode struct {
	t    *testing.T
	peer *peer.Peer
	log  http.Handler

	mu     sync.Mutex
	claims map[string]string
	wrong  string
	down   bool
}

func (n *logNode) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	n.mu.Lock()
	defer n.mu.Unlock()
	switch {
	case n.down:
		panic(http.ErrAbortHandler)
	case r.URL.Path == "/node":
		_, _ = fmt.Fprintf(w, `{"log":{"key":%q}}`, n.peer.LogKey())
	case r.URL.Path == "/claims":
		body, _ := io.ReadAll(r.Body)
		n.take(w, body)
	case strings.HasPrefix(r.URL.Path, "/claims/"):
		claim := n.claims[strings.TrimPrefix(r.URL.Path, "/claims/")]
		if claim == "" || n.wrong == "loses" {
			http.NotFound(w, r)
			return
		}
		_, _ = fmt.Fprintf(w, `{"claim":%s}`, claim)
	default:
		n.log.ServeHTTP(w, r)
	}
}

// take appends a claim and answers with a receipt.
func (n *logNode) take(w http.ResponseWriter, body []byte) {
	claim, err := protocol.ParseClaim(body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	record, err := peer.NewRecord("claim", body)
	if err == nil {
		err = n.peer.Append(time.Now(), record)
	}
	if err == nil && n.wrong == "twice" {
		err = n.peer.Append(time.Now().Add(-time.Hour), record)
	}
	if err == nil && n.wrong == "rewrites" {
		err = errors.Join(n.peer.Rewind(0), n.peer.Append(time.UnixMilli(n.peer.Size()), record))
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	n.claims[claim.ID()] = string(body)
	w.WriteHeader(http.StatusCreated)
	index := n.peer.Size() - 1
	_ = json.NewEncoder(w).Encode(map[string]any{"claimId": claim.ID(), "index": index, "receipt": n.receipt(index)})
}

// receipt makes a receipt out of what the log serves.
func (n *logNode) receipt(index int64) string {
	server := httptest.NewServer(n.log)
	defer server.Close()
	log, err := logread.Open(logread.Options{URL: server.URL + "/log", Key: n.peer.LogKey(), Client: server.Client()})
	if err != nil {
		return err.Error()
	}
	ctx := n.t.Context()
	c, err := log.Checkpoint(ctx)
	if err != nil {
		return err.Error()
	}
	entries, err := log.Entries(ctx, index, index+1)
	if err != nil {
		return err.Error()
	}
	proof, err := log.Inclusion(ctx, c, index)
	if err != nil {
		return err.Error()
	}
	var b strings.Builder
	fmt.Fprintf(&b, "c2sp.org/tlog-proof@v1\nextra %s\nindex %d\n", base64.StdEncoding.EncodeToString(entries[0].Line), index)
	for _, h := range proof {
		fmt.Fprintf(&b, "%s\n", h)
	}
	return b.String() + "\n" + string(c.Note)
}

// logStage is a World of one node with a log.
func logStage(t *testing.T, wrong string) (*scenario.World, *logNode) {
	t.Helper()
	n := &noNames{}
	all, err := peer.Start(n, []peer.Plan{{Domain: "node1.test"}}, peer.Options{})
	if err != nil {
		t.Fatal(err)
	}
	node := &logNode{t: t, peer: all.Get("node1.test"), log: n.handler, claims: map[string]string{}, wrong: wrong}
	server := httptest.NewServer(node)
	t.Cleanup(server.Close)
	w := &scenario.World{Suffix: "suite.test", Seed: "1", Nodes: []scenario.NodeAddress{{URL: server.URL, Domain: "node1.test"}}}
	t.Cleanup(w.Close)
	return w, node
}

const submitC1 = `{"request":{"path":"/claims","body":"${c1}"},"expect":{"status":201},"save":{"r":"receipt","i":"index"}}`

// TestLogVerbs: the verbs find nothing wrong with a good log.
func TestLogVerbs(t *testing.T) {
	w, _ := logStage(t, "")
	passes(t, w, `{"claim":{"as":"c0"}}`, `{"request":{"path":"/claims","body":"${c0}"},"expect":{"status":201}}`,
		`{"checkpoint":{"as":"a"},"expect":{"body":{"size":1,"origin":"node1.test/mir-dev","cosigners":{"length":0},"paths.partial":"tile/0/000.p/1","paths.full":{"exists":false}}}}`,
		`{"claim":{"as":"c1"}}`, submitC1, `{"checkpoint":{"as":"b"},"expect":{"body":{"size":2}}}`, `{"consistent":{"older":"a","newer":"b"}}`,
		`{"included":{"record":"${c1.record}","index":"${i}","since":"a"},"expect":{"body":{"count":1,"index":1,"kind":"claim"}}}`,
		`{"included":{"record":"${hash:x}"},"expect":{"body":{"count":0,"size":2}}}`,
		`{"receipt":{"receipt":"${r}","record":"${c1.record}"},"expect":{"body":{"index":1,"size":2,"hashes":1}}}`,
		`{"readLog":{},"expect":{"body":{"size":2,"kinds.claim":2,"twice":[],"backInTime":[]}}}`, `{"head":{"of":1},"expect":{"body":{"count":1,"size":2,"frozen":false}}}`,
		`{"submissions":{"as":"many","count":20,"atOnce":3,"watch":true},"expect":{"body":{"acknowledged":20,"failed":0}}}`, `{"acknowledged":{"of":"many","by":1}}`)
}

// TestFalseReceipts: each change makes a receipt that does not verify, and the suite says so itself.
func TestFalseReceipts(t *testing.T) {
	w, _ := logStage(t, "")
	for _, what := range []string{"index", "entry", "proof", "drop", "origin", "size", "root", "signature"} {
		passes(t, w, `{"claim":{"as":"c0"}}`, `{"request":{"path":"/claims","body":"${c0}"},"expect":{"status":201}}`, `{"claim":{"as":"c1"}}`, submitC1,
			`{"receipt":{"receipt":"${r}","tamper":"`+what+`","as":"bad"}}`)
		found := w.Play(t.Context(), scene(`{"claim":{"as":"c1"}}`, submitC1, `{"receipt":{"receipt":"${r}","tamper":"`+what+`","as":"bad"}}`, `{"receipt":{"receipt":"${bad}"}}`))
		if found.Passed || !strings.HasPrefix(found.Message, "step 4") {
			t.Errorf("a receipt with another %s: %v %s", what, found.Passed, found.Message)
		}
	}
	fails(t, w, "has no", `{"claim":{"as":"c1"}}`, submitC1, `{"receipt":{"receipt":"${r}","tamper":"colour","as":"bad"}}`)
	fails(t, w, "about the record", `{"claim":{"as":"c1"}}`, submitC1, `{"receipt":{"receipt":"${r}","record":"${hash:x}"}}`)
}

// TestWrongLogs: a log that is kept wrongly is found out.
func TestWrongLogs(t *testing.T) {
	w, _ := logStage(t, "twice")
	fails(t, w, "twice", `{"claim":{"as":"c1"}}`, submitC1, `{"readLog":{},"expect":{"body":{"twice":{"length":0}}}}`)
	fails(t, w, "backInTime", `{"claim":{"as":"c1"}}`, submitC1, `{"readLog":{},"expect":{"body":{"backInTime":{"length":0}}}}`)
	w, _ = logStage(t, "loses")
	fails(t, w, "is not served", `{"submissions":{"as":"many","count":3}}`, `{"acknowledged":{"of":"many"}}`)
	w, _ = logStage(t, "rewrites")
	fails(t, w, "does not", `{"submissions":{"as":"many","count":3,"atOnce":1}}`, `{"acknowledged":{"of":"many","by":1}}`)
	w, node := logStage(t, "")
	if err := node.peer.Append(time.UnixMilli(5), peer.FormlessRecord("claim", []byte("x"))); err != nil {
		t.Fatal(err)
	}
	for lie, want := range map[string]string{"wrong-signer": "not signed", "unsigned": "not signed", "wrong-root": "root", "altered-entry": "root", "altered-tile": "hash 0"} {
		if err := node.peer.Lie(lie); err != nil {
			t.Fatal(err)
		}
		fails(t, w, want, `{"readLog":{}}`)
	}
	if err := node.peer.Lie(""); err != nil {
		t.Fatal(err)
	}
	fails(t, w, "keeps no proof", `{"forkProven":{"any":true,"of":"1"}}`)
	fails(t, w, "the case is wrong", `{"consistent":{"older":"a","newer":"b"}}`)
	fails(t, w, "is no peer", `{"readLog":{"of":"p"}}`)
	fails(t, w, "stands at", `{"included":{"record":"${hash:x}","index":1}}`)
	fails(t, w, "stands at", `{"included":{"record":"${hash:y}","index":0}}`)
}

// faults notes what is done to a node.
type faults struct {
	node *logNode
	done []string
}

func (f *faults) note(what string, down bool) error {
	f.node.mu.Lock()
	defer f.node.mu.Unlock()
	f.node.down = down
	f.done = append(f.done, what)
	return nil
}
func (f *faults) Kill(context.Context, int) error { return f.note("kill", true) }
func (f *faults) Stop(context.Context, int) error { return f.note("stop", true) }
func (f *faults) Start(_ context.Context, _ int, offset time.Duration) error {
	return f.note("start "+offset.String(), false)
}
func (f *faults) Pause(context.Context, int) error  { return f.note("pause", true) }
func (f *faults) Resume(context.Context, int) error { return f.note("resume", false) }
func (f *faults) Partition(_ context.Context, g [][]int, _ bool) error {
	return f.note(fmt.Sprint(g), false)
}
func (f *faults) Heal(context.Context) error { return f.note("heal", false) }

// TestFaults: what a case breaks is mended when it ends, whatever came of it.
func TestFaults(t *testing.T) {
	for want, steps := range map[string][]string{
		"kill,start 0s":                 {`{"fault":{"kill":1}}`},
		"stop,start 1h0m0s":             {`{"fault":{"stop":1}}`, `{"fault":{"start":1,"offset":"1h"}}`},
		"pause,resume":                  {`{"fault":{"pause":1}}`, `{"fault":{"resume":1}}`},
		"[[1] [2 3]],pause,resume,heal": {`{"fault":{"partition":[[1],[2,3]]}}`, `{"fault":{"pause":1}}`},
	} {
		w, node := logStage(t, "")
		f := &faults{node: node}
		w.Faults = f
		passes(t, w, steps...)
		if got := strings.Join(f.done, ","); got != want {
			t.Errorf("%s, and not %s", got, want)
		}
	}
	w, node := logStage(t, "")
	f := &faults{node: node}
	w.Faults = f
	passes(t, w, `{"submissions":{"as":"many","count":200,"atOnce":2,"killAfter":5},"expect":{"body":{"acknowledged":{"min":5,"max":50},"failed":{"min":100}}}}`,
		`{"fault":{"start":1}}`, `{"acknowledged":{"of":"many","by":1}}`)
	fails(t, w, "no fault", `{"fault":{}}`)
	w.Faults = nil
	fails(t, w, "faults", `{"fault":{"kill":1}}`)
	fails(t, w, "faults", `{"submissions":{"as":"many","count":3,"killAfter":1}}`)
}

// TestPeerVerb: steps put into a peer's log what they say, and nodes are told.
func TestPeerVerb(t *testing.T) {
	var hints []string
	w := stage(t, 2, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		hints = append(hints, string(body))
		w.WriteHeader(http.StatusAccepted)
	})
	n := &noNames{}
	c := scene(`{"claim":{"as":"c1"}}`, `{"claim":{"as":"c2"}}`,
		`{"peer":{"as":"p","append":["${c1}",{"record":"${c1}","parseAs":"claim","kind":"noise"},{"record":"${hash:x}","parseAs":"hash","body":"y"},{"record":"z","parseAs":"bytes","missing":true}]}}`,
		`{"peer":{"as":"p","rewind":3,"lie":"garbage","quiet":true}}`, `{"asked":{"of":"p","path":"/log/entries"},"expect":{"body":{"count":0}}}`,
		`{"peer":{"as":"p","descriptor":"expired","fork":{"first":["${c2}"],"second":[]},"lie":"","hinted":9}}`)
	var err error
	if w.Peers, err = peer.Start(n, []peer.Plan{{Domain: peer.Domain(c.ID, "", w.Suffix)}, {Domain: peer.Domain("test/x", "", w.Suffix)}}, peer.Options{}); err != nil {
		t.Fatal(err)
	}
	if found := w.Play(t.Context(), c); !found.Passed {
		t.Error(found.Message)
	}
	if len(hints) != 4 || !strings.Contains(hints[0], `"size":4`) || !strings.Contains(hints[3], `"size":9`) {
		t.Errorf("%q", hints)
	}
	if got := w.Peers.Get(peer.Domain(c.ID, "", w.Suffix)).Size(); got != 4 {
		t.Errorf("%d entries", got)
	}
	fails(t, w, "has no peer", `{"peer":{"as":"p","name":"other"}}`)
	fails(t, w, "no lie", `{"peer":{"as":"p","lie":"honesty"}}`)
	fails(t, w, "the case is wrong", `{"peer":{"as":"p","append":["no claim"]}}`)
	fails(t, w, "issuers sign", `{"peer":{"as":"p","append":[{"kind":"claim","signed":{"payload":"{}","signature":"`+strings.Repeat("A", 86)+`","fingerprint":""}}]}}`)
	w.Peers = nil
	fails(t, w, "peer", `{"peer":{"as":"p"}}`)
}
