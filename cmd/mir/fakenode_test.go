package main

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"

	"github.com/rogpeppe/go-internal/testscript"

	"mirnode/protocol"
)

// fakeNode answers in the shapes of a node's HTTP interface and keeps claims in memory, without verifying them: the tests of the program's
// client need a node that misbehaves when it is told to.
type fakeNode struct {
	mu     sync.Mutex
	claims []*protocol.Claim // in order of arrival
	busy   map[string]int    // how often a path still answers that it is busy
}

const ingestedAt = "2026-11-01T00:00:00Z"

// startFakeNode starts a node. It is busy at the first try of each way of submission, and at every try about the domain busy.example.com; its
// answer about the domain liar.example.com is another claim, its pages for endless.example.com never end, and the claims of erased.example.com are erased.
func startFakeNode(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 0 {
		ts.Fatalf("usage: fakenode")
	}
	node := &fakeNode{busy: map[string]int{"/claims": 1, "/claims/batch": 1}}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /claims", node.submit)
	mux.HandleFunc("POST /claims/batch", node.batch)
	mux.HandleFunc("GET /claims/{id}", node.get)
	mux.HandleFunc("GET /claims", node.list)
	mux.HandleFunc("GET /domains/{domain}/keys", history(ts.MkAbs(".history")).serve)
	server := httptest.NewServer(mux)
	ts.Defer(server.Close)
	ts.Setenv(envNode, server.URL)
}

func (n *fakeNode) isBusy(w http.ResponseWriter, r *http.Request) bool {
	if n.busy[r.URL.Path] == 0 {
		return false
	}
	n.busy[r.URL.Path]--
	w.Header().Set("Retry-After", "1")
	w.WriteHeader(http.StatusServiceUnavailable)
	fmt.Fprint(w, `{"error":"the node is busy","hint":"come again"}`)
	return true
}

// keep files a claim and returns the members of the answer.
func (n *fakeNode) keep(document []byte) (status int, members string) {
	claim, err := protocol.ParseClaim(document)
	switch {
	case err != nil:
		return http.StatusBadRequest, `"error":"no claim","hint":"mend it","code":"INVALID_SCHEMA"`
	case claim.Host() == "refused.example.com":
		return http.StatusBadRequest, `"error":"no such key","hint":"publish it","code":"KEY_NOT_FOUND"`
	case claim.Host() == "busy.example.com":
		return http.StatusServiceUnavailable, `"error":"the domain does not answer","hint":"come again"`
	}
	status, duplicate := http.StatusCreated, slices.ContainsFunc(n.claims, func(c *protocol.Claim) bool { return c.ID() == claim.ID() })
	if duplicate {
		status = http.StatusOK
	} else {
		n.claims = append(n.claims, claim)
	}
	return status, fmt.Sprintf(`"claimId":%q,"sigHash":%q,"ingestedAt":%q,"duplicate":%v,"verified":{"channels":["dns"]},"newer":1`,
		claim.ID(), strings.TrimPrefix(claim.ID(), "claim_"), ingestedAt, duplicate)
}

func (n *fakeNode) submit(w http.ResponseWriter, r *http.Request) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.isBusy(w, r) {
		return
	}
	document, err := io.ReadAll(r.Body)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	status, members := n.keep(document)
	w.WriteHeader(status)
	fmt.Fprintf(w, "{%s}", members)
}

func (n *fakeNode) batch(w http.ResponseWriter, r *http.Request) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.isBusy(w, r) {
		return
	}
	lines := bufio.NewScanner(r.Body)
	for i := 0; lines.Scan(); i++ {
		status, members := n.keep(lines.Bytes())
		fmt.Fprintf(w, `{"index":%d,"status":%d,%s}`+"\n", i, status, members)
	}
}

func stored(c *protocol.Claim) string {
	return fmt.Sprintf(`{"claimId":%q,"ingestedAt":%q,"ageAtIngestSeconds":0,"verified":{"channels":["dns"],"flags":[]},"claim":%s}`,
		c.ID(), ingestedAt, c.Raw())
}

func (n *fakeNode) get(w http.ResponseWriter, r *http.Request) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for i, c := range n.claims {
		if c.ID() == r.PathValue("id") {
			if c.Host() == "liar.example.com" {
				c = n.claims[(i+1)%len(n.claims)]
			}
			if c.Host() == "erased.example.com" {
				w.WriteHeader(http.StatusGone)
				fmt.Fprint(w, `{"error":"this claim was erased","hint":"the reason says why","reason":"a court said so\u001b[31m","erasedAt":"2026-11-02T00:00:00Z"}`)
				return
			}
			fmt.Fprint(w, stored(c))
			return
		}
	}
	w.WriteHeader(http.StatusNotFound)
	fmt.Fprint(w, `{"error":"there is no such claim here","hint":"ask another node"}`)
}

// list answers in pages of two.
func (n *fakeNode) list(w http.ResponseWriter, r *http.Request) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if r.FormValue("domain") == "endless.example.com" {
		other := "0"
		if r.FormValue("cursor") == other {
			other = "1"
		}
		fmt.Fprintf(w, `{"claims":[],"nextCursor":%q}`, other)
		return
	}
	var matching []string
	for _, c := range slices.Backward(n.claims) {
		if domain := r.FormValue("domain"); domain == "" || domain == c.Host() {
			matching = append(matching, stored(c))
		}
	}
	from := 0
	if _, err := fmt.Sscanf(r.FormValue("cursor"), "from-%d", &from); err != nil {
		from = 0
	}
	next := "null"
	page := matching[min(from, len(matching)):]
	if len(page) > 2 {
		page, next = page[:2], fmt.Sprintf(`"from-%d"`, from+2)
	}
	fmt.Fprintf(w, `{"claims":[%s],"nextCursor":%s}`, strings.Join(page, ","), next)
}
