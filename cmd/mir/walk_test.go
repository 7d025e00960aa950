package main

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"mirnode/cluster"
)

// TestWalkTellsWhichStepFailed walks past nodes that are not what they should be.
func TestWalkTellsWhichStepFailed(t *testing.T) {
	kept := func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusCreated)
		_, _ = w.Write([]byte(`{"claimId":"claim_x","verified":{"channels":["dns"]}}`))
	}
	for _, test := range []struct {
		name   string
		node   http.HandlerFunc
		failed string
		passed int // steps before it
	}{
		{"a node that is broken", func(w http.ResponseWriter, _ *http.Request) {
			http.Error(w, "out of luck", http.StatusInternalServerError)
		},
			"step 4 of the walk (The claim is submitted to node1.test, which finds the key and verifies) failed: the node answered 500 Internal Server Error instead of 201 Created: out of luck", 3},
		{"a node that changes what it keeps", func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodPost {
				kept(w, r)
				return
			}
			_, _ = w.Write([]byte(`{"claim":{"mir":1}}`))
		}, "the node gave back other bytes than were submitted", 4},
	} {
		t.Run(test.name, func(t *testing.T) {
			node := httptest.NewServer(test.node)
			defer node.Close()
			dir := t.TempDir()
			served, err := cluster.StartNames(dir, time.Now, slog.New(slog.DiscardHandler))
			if err != nil {
				t.Fatal(err)
			}
			defer func() {
				if err := served.Close(); err != nil {
					t.Error(err)
				}
			}()
			var out bytes.Buffer
			w, err := newWalk(&out, cluster.State{Dir: dir, DNS: served.DNS().String(), WellKnownAddress: served.WellKnown().String(),
				WellKnownPort: int(served.WellKnown().Port()), CAFile: served.CAFile(), Nodes: []cluster.Node{{Domain: "node1.test", URL: node.URL}}}, clusterRun{json: true})
			if err != nil {
				t.Fatal(err)
			}
			defer func() {
				if err := w.Close(); err != nil {
					t.Error(err)
				}
			}()
			if err := w.walk(t.Context()); err == nil || !strings.Contains(err.Error(), test.failed) {
				t.Errorf("%v", err)
			}
			var report struct{ Walk walkResult }
			if err := json.Unmarshal(out.Bytes(), &report); err != nil {
				t.Fatalf("%s: %v", out.Bytes(), err)
			}
			steps := report.Walk.Steps
			if report.Walk.Passed || len(steps) != test.passed+1 || steps[test.passed].OK || steps[test.passed].Error == "" {
				t.Errorf("%+v", report.Walk)
			}
		})
	}
}

func TestShellQuote(t *testing.T) {
	for text, want := range map[string]string{"/tmp/a-b_c.d": "/tmp/a-b_c.d", "": "''", "a b": "'a b'", "it's": `'it'\''s'`, "$x": "'$x'"} {
		if got := shellQuote(text); got != want {
			t.Errorf("%q: %s, want %s", text, got, want)
		}
	}
}
