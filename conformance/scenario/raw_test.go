package scenario_test

import (
	"bufio"
	"context"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"mirnode/conformance/cases"
	"mirnode/conformance/scenario"
)

// playAt plays one step against a server.
func playAt(t *testing.T, url, step string) cases.Finding {
	t.Helper()
	return playIn(t, &scenario.World{}, url, step)
}

// playIn does so in a world that is half made.
func playIn(t *testing.T, w *scenario.World, url, step string) cases.Finding {
	t.Helper()
	w.Nodes, w.Suffix, w.Seed, w.Addresses = []scenario.NodeAddress{{URL: url}}, "conformance.test", "1", netip.MustParsePrefix("127.64.0.0/10")
	defer w.Close()
	c := &cases.Case{ID: "hostile/test", Kind: cases.KindScenario, Steps: []json.RawMessage{json.RawMessage(step)}}
	if err := scenario.Check(c); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second) // a server that does not answer in the end keeps a step no longer
	defer cancel()
	return w.Play(ctx, c)
}

// expect holds a finding against the text that its message must have; "" for a case that must pass.
func expect(t *testing.T, found cases.Finding, wrong string) {
	t.Helper()
	switch {
	case wrong == "" && !found.Passed:
		t.Errorf("failed: %s", found.Message)
	case wrong != "" && found.Passed:
		t.Errorf("passed, and should have failed: %s", wrong)
	case !strings.Contains(found.Message, wrong):
		t.Errorf("failed for another reason than %q: %s", wrong, found.Message)
	}
}

// wild serves connections as a function likes; those of plain look-ups are answered well.
func wild(t *testing.T, serve func(in *bufio.Reader, out net.Conn)) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			connection, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer connection.Close()
				in := bufio.NewReader(connection)
				if head, _ := in.Peek(12); string(head) == "GET /claims?" {
					fmt.Fprint(connection, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}")
					return
				}
				serve(in, connection)
			}()
		}
	}()
	return "http://" + listener.Addr().String()
}

// readHead reads up to the empty line.
func readHead(in *bufio.Reader) bool {
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return false
		}
		if line == "\r\n" {
			return true
		}
	}
}

const refusal = "HTTP/1.1 400 Bad Request\r\nContent-Type: application/json\r\nContent-Length: 24\r\n\r\n{\"error\":\"a\",\"hint\":\"b\"}"

func TestRaw(t *testing.T) {
	refuses := func(in *bufio.Reader, out net.Conn) { readHead(in); fmt.Fprint(out, refusal) }
	stays := func(in *bufio.Reader, out net.Conn) { refuses(in, out); io.Copy(io.Discard, in) }
	silent := func(in *bufio.Reader, _ net.Conn) { io.Copy(io.Discard, in) }
	hangsUp := func(*bufio.Reader, net.Conn) {}
	twice := func(in *bufio.Reader, out net.Conn) { refuses(in, out); fmt.Fprint(out, refusal) }
	continues := func(in *bufio.Reader, out net.Conn) {
		readHead(in)
		fmt.Fprint(out, "HTTP/1.1 100 Continue\r\n\r\n"+refusal)
	}
	babbles := func(in *bufio.Reader, out net.Conn) { readHead(in); fmt.Fprint(out, "SSH-2.0-OpenSSH\r\n") }
	const post = `"send":[{"lines":["POST /x HTTP/1.1","Host: ${node:1.host}",""]}]`
	const flooding = `"send":[{"lines":["POST /x HTTP/1.1","Host: x",""]},{"text":"${repeat:65536:x}","times":512}]`
	for name, test := range map[string]struct {
		serve func(in *bufio.Reader, out net.Conn)
		step  string
		wrong string
	}{
		"refused, and closed":            {refuses, `{"raw":{` + post + `,"must":{"closed":true,"answers":1,"statuses":[400],"malformed":false}},"expect":{"status":400,"body":{"error":"a"},"headers":{"Content-Type":{"contains":"json"}}}}`, ""},
		"refused, and left open":         {stays, `{"raw":{` + post + `,"must":{"closed":false,"answers":1}},"expect":{"status":400}}`, ""},
		"should be closed, and stays":    {stays, `{"raw":{` + post + `,"for":"300ms","must":{"closed":true}}}`, "closed by the node"},
		"no answer":                      {silent, `{"raw":{` + post + `,"for":"300ms"},"expect":{"status":400}}`, "status"},
		"closed without an answer":       {hangsUp, `{"raw":{` + post + `,"must":{"closed":true,"answers":0}},"expect":{"status":[0,400]}}`, ""},
		"a second answer":                {twice, `{"raw":{` + post + `,"must":{"answers":{"max":1}}}}`, "answers"},
		"statuses of all answers":        {twice, `{"raw":{` + post + `,"must":{"statuses":{"each":{"max":399}}}}}`, "statuses"},
		"told to continue":               {continues, `{"raw":{` + post + `,"must":{"continued":false}}}`, "continue"},
		"continued is no answer":         {continues, `{"raw":{` + post + `,"must":{"continued":true,"answers":1}},"expect":{"status":400}}`, ""},
		"no HTTP":                        {babbles, `{"raw":{` + post + `,"must":{"malformed":false}}}`, "not HTTP"},
		"what must not come":             {babbles, `{"raw":{` + post + `,"must":{"lacks":"SSH"}}}`, "SSH"},
		"all is read":                    {silent, `{"raw":{` + flooding + `,"for":"1s","must":{"taken":{"max":1048576}}}}`, "bytes taken"},
		"little is read":                 {refuses, `{"raw":{` + flooding + `,"must":{"closed":true,"taken":{"max":16777216}}}}`, ""},
		"in pieces":                      {refuses, `{"raw":{"send":[{"text":"POST /x HT"},{"pause":"20ms"},{"text":"TP/1.1\r\n"},{"lines":["X: y"],"times":3,"every":"5ms"},{"base64":"DQo="}]},"expect":{"status":400}}`, ""},
		"half a request, and its end":    {refuses, `{"raw":{"send":[{"text":"POST /x HTTP/1.1\r\n"},{"end":"write"}]},"expect":{"status":400}}`, ""},
		"gone":                           {refuses, `{"raw":{"send":[{"text":"POST /x"},{"end":"both"}],"connections":20,"must":{"closed":false,"answers":0}}}`, ""},
		"never read, and closed":         {refuses, `{"raw":{` + flooding + `,"read":"never","for":"1s","must":{"closed":true}}}`, ""},
		"never read, and waited for":     {silent, `{"raw":{` + post + `,"read":"never","for":"400ms","must":{"closed":true}}}`, "closed by the node"},
		"many are served":                {refuses, `{"raw":{` + post + `,"connections":9,"must":{"served":0}}}`, ""},
		"a bound of those that are":      {func(in *bufio.Reader, out net.Conn) { readHead(in); fmt.Fprint(out, "HTTP/1.1 204 No\r\n\r\n") }, `{"raw":{` + post + `,"connections":9,"must":{"served":{"max":8}}}}`, "of 9 connections"},
		"half a request":                 {refuses, `{"raw":{"send":[{"text":"POST /x"}],"for":"300ms","must":{"answers":{"min":1}}}}`, "answers"},
		"base64 that is none is a fault": {refuses, `{"raw":{"send":[{"base64":"%"}]}}`, "the case is wrong"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			expect(t, playAt(t, wild(t, test.serve), test.step), test.wrong)
		})
	}
}

func TestRawOverTLS(t *testing.T) {
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, r.URL.Path) }))
	t.Cleanup(server.Close)
	const step = `{"raw":{"send":[{"lines":["GET /x HTTP/1.1","Host: ${node:1.host}","Connection: close",""]}],"must":{"closed":true,"answers":1}},"expect":{"status":200,"contains":"/x"}}`
	roots := x509.NewCertPool()
	roots.AddCert(server.Certificate())
	expect(t, playIn(t, &scenario.World{Roots: roots}, server.URL, step), "")
}

func TestRawWatchesOthers(t *testing.T) {
	var open atomic.Int64
	narrow := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/slow" {
			open.Add(1)
			<-r.Context().Done() // the client goes away
			open.Add(-1)
			return
		}
		if open.Load() > 3 {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	}))
	t.Cleanup(narrow.Close)
	slow := func(n int) string {
		return fmt.Sprintf(`{"raw":{"send":[{"lines":["GET /slow HTTP/1.1","Host: x",""]}],"connections":%d,"for":"500ms","must":{"answers":0},"meanwhile":{"from":"another"}}}`, n)
	}
	expect(t, playAt(t, narrow.URL, slow(2)), "")
	expect(t, playAt(t, narrow.URL, slow(9)), "meanwhile")

	var dead atomic.Bool
	dies := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/x" {
			dead.Store(true)
		}
		if dead.Load() {
			w.WriteHeader(http.StatusInternalServerError)
		}
	}))
	t.Cleanup(dies.Close)
	expect(t, playAt(t, dies.URL, `{"raw":{"send":[{"lines":["GET /x HTTP/1.1","Host: x","Connection: close",""]}]}}`), "afterwards")
}

func TestFlood(t *testing.T) {
	var seen atomic.Int64
	limited := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.RawQuery != "" { // of another client; one of the test before may still be on its way
			return
		}
		switch n := seen.Add(1); {
		case r.URL.Path == "/limited" && n > 50:
			w.Header().Set("Retry-After", "1")
			w.WriteHeader(http.StatusTooManyRequests)
		case r.URL.Path == "/items" && n > 50:
			fmt.Fprint(w, `[{"status":429}]`)
		case r.URL.Path == "/broken" && n > 50:
			w.WriteHeader(http.StatusInternalServerError)
		case r.URL.Path == "/gone" && n > 50:
			panic(http.ErrAbortHandler)
		}
	}))
	t.Cleanup(limited.Close)
	flood := func(path, more string) string {
		return `{"flood":{"requests":[{"path":"` + path + `"}],"times":80,"atOnce":4,` + more + `},"expect":{"status":[200,429]}}`
	}
	for name, test := range map[string]struct{ step, wrong string }{
		"limited":               {`{"flood":{"requests":[{"path":"/limited","from":"a"}],"times":80,"until":429,"only":[200,429],"counts":{"200":50,"429":1}},"expect":{"status":429,"headers":{"Retry-After":"1"}}}`, ""},
		"limited, at once":      {flood("/limited", `"only":[200,429],"counts":{"200":50,"429":30}`), ""},
		"never limited":         {flood("/free", `"until":429`), "no answer is what"},
		"an item is refused":    {flood("/items", `"untilHolds":"\"status\":429"`), ""},
		"no item is refused":    {flood("/free", `"untilHolds":"\"status\":429"`), "no answer is what"},
		"too few are served":    {flood("/limited", `"counts":{"200":{"min":51}}`), "answers with 200"},
		"a fault among them":    {flood("/broken", `"only":[200,429]`), "one of"},
		"no answer among them":  {flood("/gone", `"only":[200,429]`), "one of"},
		"another is not served": {flood("/limited", `"meanwhile":{"path":"/x?y","status":418}`), "meanwhile"},
		"another is served":     {flood("/limited", `"meanwhile":{"from":"b"}`), ""},
		"bodies, in turn":       {`{"flood":{"requests":[{"path":"/a","json":{"a":1}},{"path":"/b","headers":{"X-A":"b"}}],"times":10,"only":200}}`, ""},
		"nothing to send":       {`{"flood":{"requests":[],"times":1}}`, "the case is wrong"},
	} {
		t.Run(name, func(t *testing.T) {
			seen.Store(0)
			expect(t, playAt(t, limited.URL, test.step), test.wrong)
		})
	}
}
