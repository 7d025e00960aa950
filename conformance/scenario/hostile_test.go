package scenario_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"mirnode/conformance/cases"
	"mirnode/conformance/scenario"
	"mirnode/protocol"
)

// told is all that a finding says.
func told(found cases.Finding) string {
	all := []string{found.Message, found.Choice, found.Skipped}
	for _, e := range found.Exchanges {
		all = append(all, e.What, string(e.Sent), string(e.Received))
	}
	return strings.Join(all, "\n")
}

// No API key leaves a case, wherever a node puts it: neither the one that was given to the suite nor those that the node made.
func TestSecrets(t *testing.T) {
	const given, made = "mir_live_given+key/0123456789", "mir_live_made_abcdefghij"
	spelled := func(key string) string {
		return strings.Join([]string{key, url.QueryEscape(key), base64.StdEncoding.EncodeToString([]byte("k=" + key)), base64.RawURLEncoding.EncodeToString([]byte(key)), fmt.Sprintf("%x", key)}, " ")
	}
	node := func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Debug", spelled(given)+" "+r.Header.Get("X-Api-Key"))
		switch r.URL.Path {
		case "/cut": // in a message, and at the end of what is kept
			_, _ = fmt.Fprintf(w, `{"a":"%s%s%s"}`, strings.Repeat("x", 215), made, strings.Repeat(" "+given, 2000))
		case "/early": // before it was known to be one
			_, _ = fmt.Fprintf(w, `{"a":%q}`, spelled(made))
		default:
			_, _ = fmt.Fprintf(w, `{"apiKey" : %q, "a":%q, "x":"\u006d"}`, made, spelled(made))
		}
	}
	w := stage(t, 1, node)
	w.Issuer = &scenario.Identity{ID: "i", APIKey: given}
	address := strings.TrimPrefix(w.Nodes[0].URL, "http://")
	for name, steps := range map[string][]string{
		"answers": {`{"request":{"path":"/early"}}`, `{"request":{"path":"/?key=` + url.QueryEscape(given) + `","headers":{"X-Api-Key":"` + given + `"},"body":"` + given + `"},"save":{"k":"apiKey"}}`, `{"request":{"path":"/x","body":"${k}"}}`},
		"message": {`{"request":{"path":"/"}}`, `{"request":{"path":"/cut"},"expect":{"status":404,"body":{"a":1}}}`},
		"raw":     {`{"raw":{"send":[{"lines":["GET / HTTP/1.1","Host: ` + address + `","X-Api-Key: ` + given + `","Connection: close",""]}],"must":{"closed":true}},"expect":{"status":418}}`},
		"choice":  {`{"request":{"path":"/"},"save":{"k":"apiKey"}}`, `{"choice":{"when":{"status":200},"says":"says ${k}","else":"x"}}`},
	} {
		t.Run(name, func(t *testing.T) {
			all := told(w.Play(t.Context(), scene(steps...)))
			if all == "" || !strings.Contains(all, "(hidden)") {
				t.Errorf("nothing was hidden in %q", all)
			}
			for _, key := range []string{given, made} {
				for _, part := range append(strings.Fields(spelled(key)), key[:14]) {
					if len(part) > 30 {
						part = part[4 : len(part)-4] // letters at the ends tell of what stands beside it
					}
					if i := strings.Index(all, part); i >= 0 {
						t.Errorf("%s of %s is told: %s", part, key, all[max(0, i-40):min(len(all), i+40)])
					}
				}
			}
		})
	}
}

// The keys of issuers that the operator made are revoked when the case is over, however it ends.
func TestKeysAreRevoked(t *testing.T) {
	var mu sync.Mutex
	var asked []string
	w := stage(t, 1, func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		asked = append(asked, r.Method+" "+r.URL.Path)
		if r.Method == http.MethodGet {
			_, _ = io.WriteString(w, `{"issuer":{"apiKeys":[{"id":"key_1"},{"id":7},{"id":"key_2"}]}}`)
			return
		}
		_, _ = io.WriteString(w, `{"issuer":{"id":"issuer_1"},"apiKey":"mir_secret_1","key":{"id":"key_3"}}`)
	})
	w.Nodes[0].Operator = w.Nodes[0].URL
	w.Issuer = &scenario.Identity{ID: "issuer_given", APIKey: "mir_given_1"}
	fails(t, w, "should be one of", `{"request":{"operator":true,"method":"POST","path":"/admin/issuers","json":{"name":"x"}}}`,
		`{"request":{"method":"POST","path":"/issuers/issuer_given/api-keys","json":{}},"expect":{"status":[404]}}`)
	want := []string{"DELETE /issuers/issuer_given/api-keys/key_3", "GET /admin/issuers/issuer_1", "DELETE /admin/issuers/issuer_1/api-keys/key_1", "DELETE /admin/issuers/issuer_1/api-keys/key_2"}
	if !slices.Equal(asked[2:], want) {
		t.Errorf("asked %q, want %q", asked[2:], want)
	}
}

// What a node says is a value to compare with, and no matcher, pattern or text that stands everywhere.
func TestAnswersAreNoMatchers(t *testing.T) {
	w := stage(t, 1, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/evil" {
			_, _ = io.WriteString(w, `{"object":{"exists":true},"not":{"not":1},"list":[200,404],"pattern":".*","empty":"","none":[]}`)
			return
		}
		w.Header().Set("X-A", "b")
		_, _ = io.WriteString(w, `{"a":"honest","list":[200,404]}`)
	})
	const evil = `{"request":{"path":"/evil"},"save":{"object":"object","not":"not","list":"list","pattern":"pattern","empty":"empty","none":"none"}}`
	for expectation, wrong := range map[string]string{
		`{"body":{"a":"${object}"}}`:                         "should be",
		`{"body":{"a":"${not}"}}`:                            "should be",
		`{"body":{".":{"has":{"a":"${object}"}}}}`:           "should be",
		`{"body":{"list":{"each":"${object}"}}}`:             "member 0",
		`{"body":{"list":{"any":{"not":{"not":"${not}"}}}}}`: "no member",
		`{"body":{"a":{"oneOf":["${object}","x"]}}}`:         "one of",
		`{"body":{"a":{"oneOf":"${list}"}}}`:                 "stands in the case",
		`{"body":{"a":{"all":"${none}"}}}`:                   "stands in the case",
		`{"body":{"list":{"contains":"${object}"}}}`:         "contain",
		`{"body":{"list":{"length":"${object}"}}}`:           "length",
		`{"status":"${object}"}`:                             "status",
		`{"status":"${list}"}`:                               "status",
		`{"headers":{"X-A":"${object}"}}`:                    "header",
		`{"body":{"a":{"matches":"^${pattern}$"}}}`:          "match",
		`{"body":{"a":{"matches":"${empty}"}}}`:              "empty",
		`{"body":{"a":{"contains":"${empty}"}}}`:             "empty",
		`{"contains":"${empty}"}`:                            "empty",
	} {
		fails(t, w, wrong, evil, `{"request":{"path":"/"},"expect":`+expectation+`}`)
	}
	passes(t, w, evil, `{"request":{"path":"/evil"},"expect":{"body":{"object":"${object}","list":"${list}","pattern":{"matches":"^${pattern}$"},"not":{"equals":"${not}"},"none":{"all":["${none}"]}}}}`)
	found := passes(t, w, evil, `{"request":{"path":"/"}}`, `{"choice":{"when":{"body":{"a":"${object}"}},"says":"fooled","else":"not fooled"}}`)
	if found.Choice != "not fooled" {
		t.Error(found.Choice)
	}
}

// An answer that two readers read in two ways, or that is not JSON to its end, is none.
func TestAnswersAreReadStrictly(t *testing.T) {
	const get = `{"request":{"path":"/"},"expect":{"body":{"a":1}}}`
	for body, wrong := range map[string]string{
		`{"a":1}` + "\n":                        "",
		`{"a":1}}this is not JSON`:              "after the JSON value",
		`{"a":1}]`:                              "no JSON",
		`{"a":2,"a":1}`:                         "twice",
		`{"A":1}`:                               "is absent",
		`{"a":1,"b":` + strings.Repeat("[", 70): "no JSON",
		`{"a":1,"b":[` + strings.Repeat("[],", 200000): "more than 100000 values",
	} {
		w := stage(t, 1, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, body) })
		expect(t, w.Play(t.Context(), scene(get)), wrong)
	}
	large := strings.Repeat(" ", 1<<20) + `{"a":1}`
	w := stage(t, 1, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, large) })
	fails(t, w, "more than 1048576 bytes", get)
	passes(t, w, `{"request":{"path":"/","most":2000000},"expect":{"body":{"a":1}}}`)
	fails(t, w, "the case is wrong", `{"request":{"path":"/","most":20000000}}`)
}

// A node that says 429 is asked again when it says, in either way; one that wants more time than there is gives no verdict, and made no choice.
func TestRateLimitsAreNoVerdicts(t *testing.T) {
	after := ""
	asked := 0
	w := stage(t, 1, func(w http.ResponseWriter, _ *http.Request) {
		if asked++; asked%2 == 1 || after == "3600" {
			w.Header().Set("Retry-After", after)
			w.WriteHeader(http.StatusTooManyRequests)
			_, _ = io.WriteString(w, `{"error":"slow down"}`)
			return
		}
		_, _ = io.WriteString(w, `{"result":"ACCEPT"}`)
	})
	verdict := &cases.Case{ID: "time/limited", Kind: cases.KindVerdict, Verdict: &cases.VerdictInput{Claim: `{}`, Options: &cases.VerdictOptions{}, Expect: cases.Verdict{Result: cases.Accept}}}
	for _, after = range []string{"", "0", time.Now().UTC().Format(http.TimeFormat)} {
		expect(t, w.NodeVerifier().Verify(t.Context(), verdict), "")
	}
	after = "3600"
	verdict.Verdict.Expect = cases.Verdict{Result: cases.Reject}
	expect(t, w.NodeVerifier().Verify(t.Context(), verdict), "limits how often")
	fails(t, w, "no telling", `{"request":{"path":"/"}}`, `{"choice":{"when":{"status":200},"says":"takes it","else":"refuses it"}}`)
	for _, status := range []int{401, 403, 404, 405, 408} {
		w := stage(t, 1, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) })
		expect(t, w.NodeVerifier().Verify(t.Context(), verdict), "gave no verdict")
	}
}

// A claim is refused for its size where it is too large, and only there.
func TestTooLarge(t *testing.T) {
	w := stage(t, 1, func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		w.WriteHeader(http.StatusRequestEntityTooLarge)
		_, _ = io.WriteString(w, `{}`)
	})
	for size, wrong := range map[int]string{100: "should be REJECT INVALID_SCHEMA", protocol.MaxClaimBytes + 100: ""} {
		c := &cases.Case{ID: "limits/size", Kind: cases.KindVerdict, Verdict: &cases.VerdictInput{
			Claim: `{"sig":"` + strings.Repeat("x", size) + `"}`, Expect: cases.Verdict{Result: cases.Reject, Codes: []string{"INVALID_SCHEMA"}},
		}}
		expect(t, w.NodeVerifier().Verify(t.Context(), c), wrong)
	}
}

// That a node calls a claim a duplicate does not let it keep another one.
func TestDuplicatesAreLookedAt(t *testing.T) {
	const claim = `{"mir":1,"type":"mir.transaction.completed","domain":"shop.example.com","subject":"` +
		`0000000000000000000000000000000000000000000000000000000000000001","timestamp":"2026-01-01T00:00:00Z","keyFingerprint":"` +
		`0000000000000000000000000000000000000000000000000000000000000002","metadata":{"n":1},"sig":"`
	sig := base64.RawURLEncoding.EncodeToString(make([]byte, 64))
	sent := claim + sig + `"}`
	if _, err := protocol.ParseClaim([]byte(sent)); err != nil {
		t.Fatal(err)
	}
	for kept, wrong := range map[string]string{
		sent: "",
		strings.Replace(sent, `,"type"`, ` , "type"`, 1):    "",
		strings.Replace(sent, `"n":1`, `"n":2`, 1):          "byte for byte",
		strings.Replace(sent, `"metadata":{"n":1},`, ``, 1): "byte for byte",
		`{}`: "byte for byte",
	} {
		w := stage(t, 1, func(w http.ResponseWriter, r *http.Request) {
			switch {
			case r.Method == http.MethodGet:
				_, _ = fmt.Fprintf(w, `{"claim":%s}`, kept)
			case r.URL.Path == "/verify":
				_, _ = io.WriteString(w, `{"result":"ACCEPT"}`)
			default:
				_, _ = fmt.Fprintf(w, `{"claimId":"claim_%s","duplicate":true}`, hashed(sig))
			}
		})
		c := &cases.Case{ID: "time/twice", Kind: cases.KindVerdict, Verdict: &cases.VerdictInput{Claim: sent, Expect: cases.Verdict{Result: cases.Accept}}}
		expect(t, w.NodeVerifier().Verify(t.Context(), c), wrong)
	}
}

// An answer whose header does not end is none, and is not kept.
func TestEndlessHeader(t *testing.T) {
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			connection, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer func() { _ = connection.Close() }()
				_, _ = io.WriteString(connection, "HTTP/1.1 200 OK\r\n")
				line := []byte(strings.Repeat("a: b\r\n", 1000))
				for range 20 {
					if _, err := connection.Write(line); err != nil {
						return
					}
				}
				_, _ = io.WriteString(connection, "Content-Length: 0\r\n\r\n")
			}()
		}
	}()
	w := &scenario.World{Nodes: []scenario.NodeAddress{{URL: "http://" + listener.Addr().String()}}, Suffix: "suite.test", Seed: "1"}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second) // the look-up afterwards is answered no better
	defer cancel()
	c := scene(`{"raw":{"send":[{"lines":["GET / HTTP/1.1","Host: x",""]}],"must":{"answers":0,"malformed":true}}}`)
	found := w.Play(ctx, c)
	if !strings.Contains(found.Message, "afterwards") {
		t.Error(found.Message)
	}
	if found.Exchanges == nil || !strings.Contains(string(found.Exchanges[0].Received), "0 answer(s)") {
		got, _ := json.Marshal(found.Exchanges)
		t.Errorf("%.300s", got)
	}
}
