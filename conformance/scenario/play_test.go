package scenario_test

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"testing"

	"mirnode/conformance/cases"
	"mirnode/conformance/names"
	"mirnode/conformance/scenario"
	"mirnode/protocol"
)

// mirror answers with what it is sent: the request's method, path, query, headers and body.
func mirror(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	from, _, _ := net.SplitHostPort(r.RemoteAddr)
	header := map[string]string{}
	for name := range r.Header {
		header[name] = r.Header.Get(name)
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]any{"method": r.Method, "path": r.URL.Path, "query": r.URL.Query(), "header": header, "body": string(body), "from": from, "list": []int{1, 2, 3}, "big": json.Number("9007199254740993")})
}

// stage is a World of servers with one handler.
func stage(t *testing.T, nodes int, h http.HandlerFunc) *scenario.World {
	t.Helper()
	w := &scenario.World{Suffix: "suite.test", Seed: "1", Addresses: netip.MustParsePrefix("127.0.0.0/8")}
	for range nodes {
		server := httptest.NewServer(h)
		t.Cleanup(server.Close)
		w.Nodes = append(w.Nodes, scenario.NodeAddress{URL: server.URL, Domain: "node.test"})
	}
	t.Cleanup(w.Close)
	return w
}

func passes(t *testing.T, w *scenario.World, steps ...string) cases.Finding {
	t.Helper()
	c := scene(steps...)
	if err := scenario.Check(c); err != nil {
		t.Fatal(err)
	}
	found := w.Play(t.Context(), c)
	if !found.Passed {
		t.Errorf("%s", found.Message)
	}
	return found
}

func fails(t *testing.T, w *scenario.World, want string, steps ...string) {
	t.Helper()
	if found := w.Play(t.Context(), scene(steps...)); found.Passed || !strings.Contains(found.Message, want) {
		t.Errorf("%q: passed %v, %q; want something with %q", steps, found.Passed, found.Message, want)
	}
}

func TestRequestsAndTemplates(t *testing.T) {
	w := stage(t, 2, mirror)
	found := passes(t, w,
		`{"request":{"path":"/a","query":{"x":["1","2 3"],"t":"${now-1h}"},"headers":{"X-Api-Key":"secret","User-Agent":""}},
		  "expect":{"status":[200,201],"headers":{"content-type":{"contains":"json"},"etag":{"exists":false}},"body":{"method":"GET","path":"/a","query.x":["1","2 3"],
		  "query.t.0":{"matches":"^....-..-..T..:..:..Z$"},"header.X-Api-Key":"secret","list":{"length":3,"each":{"min":1,"max":3},"any":2,"contains":3},"big":9007199254740993,
		  "nothing":{"exists":false},"body":{"not":"x"},"list.-1":3},"contains":["\"list\":[1,2,3]"],"lacks":"surely not","absent":["a.b"]},
		  "save":{"list":"list","big":"big","type":"header:Content-Type","status":"status","all":"."}}`,
		`{"request":{"node":2,"json":{"n":"${big}","inside":"${all.list.1}","text":"is ${status} $${x}","u":"${unique}"}},"expect":{"body":{"method":"POST","body":{"matches":"^.\"inside\":2,\"n\":9007199254740993,\"text\":\"is 200 ..x}\",\"u\":\"[0-9a-f]{12}\".$"}}}}`,
		`{"request":{"body":"${hash:${hash:a}b}"},"expect":{"body":{"body":"`+hashed(hashed("a")+"b")+`"}}}`,
		`{"request":{"base64":"/w=="},"expect":{"status":200}}`,
		`{"request":{"path":"/${node:2.domain}/${domain:d1}/${upper:x}/${repeat:3:ab}/${b64:hi}/${b64url:hi}?q=${urlencode:a b&c}"},"each":"nodes","times":2,"expect":{"body":{"path":{"matches":"^/node.test/d1-[0-9a-f]{12}.suite.test/X/ababab/aGk=/aGk$"},"query.q":["a b&c"]}}}`,
		`{"request":{"path":"/"},"save":{"me":"from"}}`, `{"request":{"path":"/"},"save":{"me2":"from"}}`, `{"expectSame":["me","me2"]}`,
		`{"request":{"path":"/","from":"other"},"expect":{"body":{"from":{"not":"${me}"}}}}`,
		`{"choice":{"when":{"body":{"path":"/"}},"says":"a","else":"b"}}`, `{"choice":{"when":{"status":404},"says":"a","else":"b"}}`)
	if found.Choice != "a; b" || len(found.Exchanges) != 11 || found.Duration <= 0 {
		t.Errorf("choice %q, %d exchanges, %v", found.Choice, len(found.Exchanges), found.Duration)
	}
	for _, e := range found.Exchanges {
		if strings.Contains(string(e.Sent), "secret") {
			t.Error("an API key stands in the report's header")
		}
	}
}

func hashed(s string) string { return fmt.Sprintf("%x", sha256.Sum256([]byte(s))) }

func TestFailures(t *testing.T) {
	w := stage(t, 1, mirror)
	get := func(expect string) string { return `{"request":{"path":"/"},"expect":` + expect + `}` }
	for want, step := range map[string]string{
		"status: should be one of":   get(`{"status":[404]}`),
		"at least 300":               get(`{"status":{"min":300}}`),
		"at most 100":                get(`{"status":{"max":100}}`),
		"should be 3, and is 2":      get(`{"body":{"list.1":3}}`),
		"of type \"string\"":         get(`{"body":{"list":{"type":"string"}}}`),
		"length: should be 2":        get(`{"body":{"list":{"length":2}}}`),
		"no member is 7":             get(`{"body":{"list":{"any":7}}}`),
		"member 2: should be at":     get(`{"body":{"list":{"each":{"max":2}}}}`),
		"should not be":              get(`{"body":{"path":{"not":"/"}}}`),
		"should contain":             get(`{"body":{"path":{"contains":"x"}}}`),
		"should match":               get(`{"body":{"path":{"matches":"^x"}}}`),
		"is absent, and should be 1": get(`{"body":{"x":1}}`),
		"should be absent, and is":   get(`{"absent":["path"]}`),
		"as they stand":              get(`{"contains":"nowhere"}`),
		"the body holds":             get(`{"lacks":["\"path\""]}`),
		"header x-y: is absent":      get(`{"headers":{"x-y":{"exists":true}}}`),
		"9007199254740992, and":      get(`{"body":{"big":9007199254740992}}`),
		"inside: is absent":          get(`{"body":{".":{"has":{"inside":1}}}}`),
		"all: a list":                get(`{"body":{"path":{"all":1}}}`),
		"nothing of this name":       `{"request":{"path":"/${x}"}}`,
		"there is no node 3":         `{"request":{"node":3}}`,
		"has nothing at":             `{"request":{"path":"/"},"save":{"x":"no.such"}}`,
		"no header":                  `{"request":{"path":"/"},"save":{"x":"header:no"}}`,
		"not within 50ms, ":          `{"request":{"path":"/"},"expect":{"status":1},"within":"50ms"}`,
		"one of body, base64, json":  `{"request":{"body":"x","json":1}}`,
		"no answer":                  `{"request":{"url":"http://127.0.0.1:1/"}}`,
		"does not stand in":          `{"claim":{"as":"c","replace":[["nowhere","x"]]}}`,
		"see the suite's names":      `{"publish":{"domain":"d1"}}`,
	} {
		fails(t, w, want, step)
	}
	fails(t, w, "are not the same", `{"request":{"path":"/"},"save":{"a":"method","b":"path"}}`, `{"expectSame":["a","b"]}`)
}

// A node that says 429 is asked again when it says, unless that is what the step is about.
func TestLimited(t *testing.T) {
	var mu sync.Mutex
	asked := 0
	w := stage(t, 1, func(w http.ResponseWriter, _ *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		if asked++; asked%3 != 0 {
			w.Header().Set("Retry-After", "0")
			w.WriteHeader(http.StatusTooManyRequests)
		}
	})
	passes(t, w, `{"request":{"path":"/"},"expect":{"status":200}}`, `{"request":{"path":"/"},"limited":true,"expect":{"status":429}}`)
	if asked != 4 {
		t.Errorf("asked %d times", asked)
	}
}

func TestNeeds(t *testing.T) {
	w := stage(t, 1, mirror)
	w.Addresses = netip.Prefix{}
	for _, need := range cases.Needs() {
		c := scene(`{"request":{"path":"/"}}`)
		c.Needs = []cases.Need{need}
		if found := w.Play(t.Context(), c); found.Skipped == "" || found.Passed {
			t.Errorf("%s: %+v", need, found)
		}
	}
	if found := new(scenario.World).Play(t.Context(), scene(`{"request":{"path":"/"}}`)); found.Skipped == "" {
		t.Errorf("without a node: %+v", found)
	}
}

func TestClaims(t *testing.T) {
	w := stage(t, 1, mirror)
	var err error
	if w.Names, err = names.Start(names.Options{Suffix: w.Suffix}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.Names.Close() })
	found := passes(t, w,
		`{"publish":{"domain":"d1","keys":[{"key":"beta","created":"${now-1h}"}]}}`,
		`{"claim":{"as":"c1","domain":"d1","set":{"type":"mir.account.created"}}}`, `{"request":{"body":"${c1}"},"save":{"sent":"body"}}`,
		`{"claim":{"as":"c2","domain":"D1.example","pretty":true,"remove":["metadata"]}}`, `{"request":{"body":"${c2}"},"save":{"sent2":"body"}}`,
		`{"claim":{"as":"c3","signWith":"gamma","tamper":{"subject":"${c1.subject}"},"strip":["type"],"replace":[["\"mir\":1","\"mir\":2"]]}}`,
		`{"request":{"json":["${c1.id}","${c1.sigHash}","${c1.record}","${c2.domain}","${key:beta.pub}","${key:beta.fingerprint}","${c1.fingerprint}"]},"save":{"parts":"body"}}`,
		`{"request":{"body":"${c3}"},"expect":{"body":{"body":{"contains":"\"mir\":2"}}}}`,
		`{"expectNames":{"domain":"d1","dns":0,"https":0,"plain":0,"saveAs":"before"}}`, `{"expectNames":{"domain":"d1","since":"before","dns":{"max":0}}}`, `{"withdraw":{"domain":"d1"}}`)
	var sent [2]*protocol.Claim
	for i, e := range []int{0, 1} {
		_, body, _ := strings.Cut(string(found.Exchanges[e].Sent), "\n\n")
		if sent[i], err = protocol.ParseClaim([]byte(body)); err != nil {
			t.Fatalf("%v: %s", err, body)
		}
	}
	_, body, _ := strings.Cut(string(found.Exchanges[2].Sent), "\n\n")
	var parts []string
	if err := json.Unmarshal([]byte(body), &parts); err != nil {
		t.Fatal(err)
	}
	public, err := protocol.ParsePublicKey(parts[4])
	if err != nil {
		t.Fatal(err)
	}
	sig, err := base64.RawURLEncoding.DecodeString(sent[0].Sig)
	if err != nil || !ed25519.Verify(public, canonicalClaim(t, sent[0]), sig) {
		t.Errorf("the claim does not verify: %v", err)
	}
	if want := "claim_" + hashed(sent[0].Sig); parts[0] != want || parts[1] != hashed(sent[0].Sig) || parts[3] != "D1.example" || parts[5] != parts[6] || sent[0].Type != "mir.account.created" {
		t.Errorf("parts %q", parts)
	}
}

// canonicalClaim is what was signed, by way of a draft of the same members.
func canonicalClaim(t *testing.T, c *protocol.Claim) []byte {
	t.Helper()
	var members map[string]json.RawMessage
	if err := json.Unmarshal(c.Raw(), &members); err != nil {
		t.Fatal(err)
	}
	draft := protocol.Draft{Type: c.Type, Domain: c.Domain, Subject: c.Subject, Timestamp: c.Timestamp, KeyFingerprint: c.KeyFingerprint, Metadata: members["metadata"]}
	signed, err := draft.Canonical()
	if err != nil {
		t.Fatal(err)
	}
	return signed
}
