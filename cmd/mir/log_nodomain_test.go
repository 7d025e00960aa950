package main

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// TestLogOfANodeWithoutDomain asks a node that keeps no log for it.
func TestLogOfANodeWithoutDomain(t *testing.T) {
	for domain, want := range map[string]string{
		"null":         "this node has no domain, so it keeps no log",
		`"node1.test"`: "the node has no log/checkpoint",
	} {
		node := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path != "/node" {
				http.NotFound(w, r)
				return
			}
			_, _ = w.Write([]byte(`{"domain":` + domain + `}`))
		}))
		for _, command := range []string{"verify", "checkpoint"} {
			code, out, errors := runHere(t, "log", command, node.URL)
			if code != exitRejected || !strings.Contains(out+errors, want) {
				t.Errorf("%s, domain %s: %d\n%s%s", command, domain, code, out, errors)
			}
		}
		node.Close()
	}
}
