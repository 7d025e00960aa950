package peer_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"mirnode/conformance/cases"
	"mirnode/conformance/logread"
	"mirnode/conformance/names"
	"mirnode/conformance/peer"
	"mirnode/conformance/vectors"
	"mirnode/protocol"
)

const suffix = "conformance.test"

// published is the names' side.
type published struct {
	domains  map[string]names.Domain
	handlers map[string]http.Handler
}

func (p *published) Publish(domain string, d names.Domain) error { p.domains[domain] = d; return nil }
func (p *published) Handle(host string, h http.Handler)          { p.handlers[host] = h }
func (p *published) HTTPS() netip.AddrPort                       { return netip.MustParseAddrPort("127.0.0.1:8443") }

// played is one peer with a server in front of it, which is not that of its domain.
type played struct {
	*peer.Peer
	t      *testing.T
	names  *published
	server *httptest.Server
}

func play(t *testing.T, plan peer.Plan) *played {
	t.Helper()
	n := &published{map[string]names.Domain{}, map[string]http.Handler{}}
	all, err := peer.Start(n, []peer.Plan{plan}, peer.Options{})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(n.handlers[plan.Domain])
	t.Cleanup(server.Close)
	return &played{all.Get(plan.Domain), t, n, server}
}

var plan = peer.Plan{Domain: "peer-x." + suffix}

// record is a record that peers do not look into.
func record(n int) peer.Record { return peer.FormlessRecord("claim", fmt.Appendf(nil, `{"n":%d}`, n)) }

// read reads the peer's log as a stranger does, with the bodies behind it.
func (p *played) read(ctx context.Context) (logread.Checkpoint, []logread.Entry, error) {
	log, err := logread.Open(logread.Options{URL: p.server.URL + "/log", Key: p.LogKey(), Client: client()})
	if err != nil {
		return logread.Checkpoint{}, nil, err
	}
	c, err := log.Checkpoint(ctx)
	if err != nil {
		return c, nil, err
	}
	entries, err := log.CheckAll(ctx, c)
	if err != nil {
		return c, nil, err
	}
	for _, e := range entries {
		if err := p.body(ctx, e); err != nil {
			return c, nil, err
		}
	}
	return c, entries, nil
}

// client follows no redirect and unpacks nothing.
func client() *http.Client {
	return &http.Client{
		Transport:     &http.Transport{DisableCompression: true, DisableKeepAlives: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// body wants the peer to give the record of an entry.
func (p *played) body(ctx context.Context, e logread.Entry) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, p.server.URL+"/records/fetch", strings.NewReader(fmt.Sprintf(`{"records":["%x"]}`, e.Record)))
	if err != nil {
		return err
	}
	response, err := client().Do(request)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(io.LimitReader(response.Body, 1<<16))
	if err != nil {
		return err
	}
	var line struct{ Record, Kind, Body string }
	if err := json.Unmarshal(text, &line); err != nil || line.Record != fmt.Sprintf("%x", e.Record) || line.Kind != e.Kind || line.Body == "" {
		return errors.New("the peer gives no body")
	}
	return nil
}

// TestHonest: the log of a peer that does not lie holds what was put into it, and proves itself.
func TestHonest(t *testing.T) {
	p := play(t, plan)
	for n := range 10 {
		if err := p.Append(time.UnixMilli(int64(n)), record(n)); err != nil {
			t.Fatal(err)
		}
	}
	var rest []peer.Record
	for n := range 290 {
		rest = append(rest, record(10+n))
	}
	if err := p.Append(time.UnixMilli(10), rest...); err != nil {
		t.Fatal(err)
	}
	c, entries, err := p.read(t.Context())
	if err != nil || c.Size != 300 || entries[7].Record != record(7).Hash || entries[7].IngestedAt.UnixMilli() != 7 {
		t.Fatalf("%d of %d entries: %v", len(entries), c.Size, err)
	}
	heads, err := logread.Heads(t.Context(), client(), p.server.URL)
	if err != nil || len(heads) != 1 {
		t.Fatalf("%v %v", heads, err)
	}
	if _, err := heads[0].Check(p.LogKey()); err != nil {
		t.Error(err)
	}
	if forks, err := logread.Forks(t.Context(), client(), p.server.URL); err != nil || len(forks) != 0 {
		t.Errorf("%v %v", forks, err)
	}
	if p.Asked("/log/checkpoint") != 1 || p.Asked("/nothing") != 0 {
		t.Errorf("asked %d times for its head", p.Asked("/log/checkpoint"))
	}
	d := p.names.domains[plan.Domain]
	if len(d.Keys) != 1 || len(d.Records) != 1 || !strings.Contains(d.Records[0], "SRV 0 0 8443 "+plan.Domain) {
		t.Errorf("it publishes %+v", d)
	}
}

// TestFarBeyond: what lies far beyond the log's end is not there, however large a number is.
func TestFarBeyond(t *testing.T) {
	p := play(t, plan)
	if err := p.Append(time.UnixMilli(1), record(1)); err != nil {
		t.Fatal(err)
	}
	const most = "9223372036854775807"
	far := func(level string, above ...string) string {
		return "/log/tile/" + level + "/" + strings.Join(above, "/")
	}
	for path, want := range map[string]int{
		"/log/entries?start=" + most + "&end=" + most: http.StatusOK, "/log/entries?start=9223372036854775000&end=" + most: http.StatusOK, "/log/entries?start=-" + most + "&end=0": http.StatusOK,
		far("0", "x072", "x057", "x594", "x037", "x927", "936"):              http.StatusNotFound, // 2^56
		far("0", "x072", "x057", "x594", "x037", "x927", "935"):              http.StatusNotFound,
		far("0", "x036", "x028", "x797", "x018", "x963", "968.p", "1"):       http.StatusNotFound, // 2^55
		far("entries", "x072", "x057", "x594", "x037", "x927", "936.p", "1"): http.StatusNotFound,
		far("entries", "x072", "x057", "x594", "x037", "x927", "935"):        http.StatusNotFound,
		far("7", "000"): http.StatusNotFound, far("8", "000"): http.StatusNotFound, far("63", "000"): http.StatusNotFound, far("1", "000.p", "1"): http.StatusNotFound, far("0", "000.p", "1"): http.StatusOK,
	} {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, p.server.URL+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		response, err := client().Do(request)
		if err != nil {
			t.Errorf("%s: %v", path, err) // it panicked
			continue
		}
		body, err := io.ReadAll(io.LimitReader(response.Body, 1<<16))
		_ = response.Body.Close()
		if err != nil || response.StatusCode != want || want == http.StatusOK && strings.Contains(path, "entries") && len(body) > 0 {
			t.Errorf("%s: %d %q, %v", path, response.StatusCode, body, err)
		}
	}
}

// TestLies: whoever reads a lying peer finds out, and finds nothing wrong once it has stopped.
func TestLies(t *testing.T) {
	if !slices.Contains(peer.Lies(), "wrong-root") {
		t.Fatal(peer.Lies())
	}
	for _, name := range peer.Lies() {
		t.Run(name, func(t *testing.T) {
			p := play(t, plan)
			if err := p.Append(time.UnixMilli(1000), record(1), record(2)); err != nil {
				t.Fatal(err)
			}
			if err := p.Lie(name); err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(t.Context(), time.Second) // "slow" says nothing for longer
			defer cancel()
			if name == "slow" {
				cancel()
			}
			if _, _, err := p.read(ctx); err == nil {
				t.Error("the lie is not seen")
			}
			if err := p.Lie(""); err != nil {
				t.Fatal(err)
			}
			if _, _, err := p.read(t.Context()); err != nil {
				t.Errorf("after the lie: %v", err)
			}
		})
	}
	if err := play(t, plan).Lie("honesty"); err == nil {
		t.Error("an unknown lie is told")
	}
}

// TestFork: a peer shows two addresses two histories, each of which proves itself, and a third one when it is rewound.
func TestFork(t *testing.T) {
	p := play(t, plan)
	if err := p.Append(time.UnixMilli(1), record(0)); err != nil {
		t.Fatal(err)
	}
	if err := p.Fork(time.UnixMilli(2), []peer.Record{record(1)}, []peer.Record{record(2)}); err != nil {
		t.Fatal(err)
	}
	first, _, err := p.read(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if again, _, err := p.read(t.Context()); err != nil || again.Root != first.Root {
		t.Errorf("one caller is shown two histories: %v", err)
	}
	p.Show(true)
	second, _, err := p.read(t.Context())
	if err != nil || second.Root == first.Root {
		t.Fatalf("both histories are one: %v", err)
	}
	fork := logread.Fork{Origin: p.Origin(), First: string(first.Note), Second: string(second.Note)}
	if err := fork.Verify(p.LogKey()); err != nil {
		t.Error(err)
	}
	if err := p.Rewind(1); err != nil {
		t.Fatal(err)
	}
	if c, _, err := p.read(t.Context()); err != nil || c.Size != 1 || p.Size() != 1 {
		t.Errorf("%d entries after it was rewound to 1: %v", c.Size, err)
	}
}

// TestDescriptors: the honest descriptor is in order, and of each other one something is wrong.
func TestDescriptors(t *testing.T) {
	fault := func(p *played) error {
		response, err := client().Get(p.server.URL + "/.well-known/mir-node.json")
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = response.Body.Close() }()
		raw, err := io.ReadAll(response.Body)
		if err != nil {
			t.Fatal(err)
		}
		d, err := protocol.ParseDescriptor(raw)
		if err != nil {
			return err
		}
		domain, fingerprint := d.Signer()
		switch {
		case domain != plan.Domain || d.Origin.String() != p.Origin():
			return errors.New("of another log")
		case fingerprint != vectors.Fingerprint(p.LogKey().Public):
			return errors.New("of another signer")
		case !d.Valid(time.Now()):
			return errors.New("not in force")
		case !bytes.Equal(d.LogKey, p.LogKey().Public):
			return errors.New("of another log's key")
		case !strings.Contains(d.URL, plan.Domain):
			return errors.New("it leads elsewhere")
		}
		return nil
	}
	p := play(t, plan)
	if err := fault(p); err != nil {
		t.Errorf("the honest one: %v", err)
	}
	for _, name := range peer.Descriptors() {
		p := play(t, peer.Plan{Domain: plan.Domain, Descriptor: name})
		if fault(p) == nil {
			t.Errorf("nothing is wrong with %s", name)
		}
		if err := p.Describe(""); err != nil || fault(p) != nil {
			t.Errorf("%s: it does not become honest: %v", name, err)
		}
	}
	if err := p.Describe("none"); err == nil {
		t.Error("there is an unknown descriptor")
	}
}

// TestHint: the hint says how far the log goes, and under which name.
func TestHint(t *testing.T) {
	var got string
	status := http.StatusAccepted
	node := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got = r.URL.Path + " " + string(body)
		w.WriteHeader(status)
	}))
	t.Cleanup(node.Close)
	p := play(t, plan)
	if err := p.Append(time.UnixMilli(1), record(0)); err != nil {
		t.Fatal(err)
	}
	if err := p.Hint(t.Context(), client(), node.URL, 0); err != nil || !strings.Contains(got, `"size":1,`) || !strings.HasPrefix(got, `/hint {"from":"`+plan.Domain) {
		t.Errorf("%s (%v)", got, err)
	}
	if err := p.Hint(t.Context(), client(), node.URL, 77); err != nil || !strings.Contains(got, `"size":77,`) {
		t.Errorf("%s (%v)", got, err)
	}
	status = http.StatusTeapot
	if err := p.Hint(t.Context(), client(), node.URL, 0); !errors.Is(err, logread.ErrStatus) {
		t.Error(err)
	}
}

// TestPlans: the peers of a run are those that the cases' steps name, each once.
func TestPlans(t *testing.T) {
	steps := func(texts ...string) (list []json.RawMessage) {
		for _, text := range texts {
			list = append(list, json.RawMessage(text))
		}
		return list
	}
	all := []cases.Case{
		{ID: "federation/one", Steps: steps(`{"note":"x"}`, `{"peer":{"as":"p","descriptor":"expired"}}`, `{"peer":{"as":"p","descriptor":"good"}}`)},
		{ID: "federation/two", Steps: steps(`{"peer":{"as":"p"}}`, `{"peer":{"as":"q","name":"b","stranger":true}}`, `{"peer":7}`)},
		{ID: "log/none"},
	}
	want := []peer.Plan{
		{Domain: "peer-one." + suffix, Descriptor: "expired"}, {Domain: "peer-two." + suffix}, {Domain: "peer-two-b." + suffix, Stranger: true},
	}
	if got := peer.Plans(all, suffix); !slices.Equal(got, want) {
		t.Errorf("%+v", got)
	}
	if got := peer.Domains(all, suffix); !slices.Equal(got, []string{want[0].Domain, want[1].Domain}) {
		t.Errorf("%v", got)
	}
}
