package scenario_test

import (
	"net/http"
	"strings"
	"testing"

	"mirnode/conformance/scenario"
)

// TestUnanswered tells a node that is gone from one that answers, by what the engine ends a run; and its requests say nothing of a test.
func TestUnanswered(t *testing.T) {
	agents := make(chan string, 1)
	w := stage(t, 1, func(rw http.ResponseWriter, r *http.Request) {
		agents <- r.UserAgent()
		rw.WriteHeader(http.StatusInternalServerError)
	})
	for name, test := range map[string]struct {
		node       string
		unanswered bool
	}{"a node that is wrong": {w.Nodes[0].URL, false}, "a node that is gone": {"http://127.0.0.1:1", true}} {
		w.Nodes = []scenario.NodeAddress{{URL: test.node}}
		found := w.Play(t.Context(), scene(`{"request":{"path":"/"}}`))
		if found.Passed == test.unanswered || len(found.Exchanges) != 1 || found.Exchanges[0].Unanswered != test.unanswered {
			t.Errorf("%s: %+v", name, found)
		}
	}
	if agent := <-agents; strings.Contains(agent, "conformance") {
		t.Errorf("the requests come from %q", agent)
	}
}
