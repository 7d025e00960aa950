package scenario_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	"mirnode/conformance/cases"
	"mirnode/conformance/names"
)

// registry is a node that judges as it is told, and may do what no node should.
type registry struct {
	result, code string // what it says of every claim
	other        string // what POST /claims says in place of result
	status       int    // of every answer, where it is not 0
	keeps        bool   // what it refused
	changes      bool   // what it keeps
	loses        bool   // what it accepted
	form         string // that it says was signed

	mu   sync.Mutex
	kept map[string]string
	seen []string // the queries of POST /verify
}

func (r *registry) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	r.mu.Lock()
	defer r.mu.Unlock()
	body, _ := io.ReadAll(request.Body)
	var claim struct{ Sig string }
	_ = json.Unmarshal(body, &claim)
	id := "claim_" + hashed(claim.Sig)
	switch {
	case request.Method == http.MethodGet:
		if have, ok := r.kept[strings.TrimPrefix(request.URL.Path, "/claims/")]; ok {
			_, _ = fmt.Fprintf(w, `{"claim":%s}`, have)
			return
		}
		w.WriteHeader(http.StatusNotFound)
		return
	case r.status != 0:
		w.WriteHeader(r.status)
		return
	case request.URL.Path == "/verify":
		r.seen = append(r.seen, request.URL.RawQuery)
		_, _ = fmt.Fprintf(w, `{"result":%q,"code":%q,"form":%q}`, r.result, r.code, r.form)
		return
	}
	result := r.result
	if r.other != "" {
		result = r.other
	}
	text := string(body)
	if r.changes {
		text = strings.Replace(text, ":", ": ", 1)
	}
	if result == cases.Accept && !r.loses || r.keeps {
		r.kept[id] = text
	}
	if result == cases.Reject {
		w.WriteHeader(http.StatusBadRequest)
		_, _ = fmt.Fprintf(w, `{"error":"no","code":%q}`, r.code)
		return
	}
	w.WriteHeader(http.StatusCreated)
	_, _ = fmt.Fprintf(w, `{"claimId":%q}`, id)
}

func TestNodeVerifier(t *testing.T) {
	accept := cases.Verdict{Result: cases.Accept}
	reject := cases.Verdict{Result: cases.Reject, Codes: []string{"INVALID_SCHEMA", "KEY_NOT_FOUND"}}
	for name, test := range map[string]struct {
		node   *registry
		expect cases.Verdict
		wrong  string // in the message; "" passes
	}{
		"accepts":             {&registry{result: cases.Accept}, accept, ""},
		"refuses":             {&registry{result: cases.Reject, code: "KEY_NOT_FOUND"}, reject, ""},
		"accepts what is bad": {&registry{result: cases.Accept}, reject, "POST /verify: should be REJECT"},
		"refuses what is good": {&registry{result: cases.Reject, code: "KEY_NOT_FOUND"}, accept,
			"POST /verify: should be ACCEPT"},
		"another code":        {&registry{result: cases.Reject, code: "INVALID_SIGNATURE"}, reject, "REJECT INVALID_SIGNATURE"},
		"takes what it calls": {&registry{result: cases.Reject, code: "KEY_NOT_FOUND", other: cases.Accept}, reject, "POST /claims: should be REJECT"},
		"keeps what is bad":   {&registry{result: cases.Reject, code: "KEY_NOT_FOUND", keeps: true}, reject, "should not be found"},
		"loses":               {&registry{result: cases.Accept, loses: true}, accept, "should be found"},
		"changes":             {&registry{result: cases.Accept, changes: true}, accept, "byte for byte"},
		"the form":            {&registry{result: cases.Accept, form: "sdk"}, accept, ""},
		"another form":        {&registry{result: cases.Accept, form: "text"}, accept, "the sdk form was signed"},
		"no verdict":          {&registry{status: http.StatusServiceUnavailable}, reject, "no verdict"},
		"too large":           {&registry{status: http.StatusRequestEntityTooLarge}, reject, "should be REJECT INVALID_SCHEMA"},
		"not readable":        {&registry{status: http.StatusOK}, accept, "not readable"},
	} {
		t.Run(name, func(t *testing.T) {
			test.node.kept = map[string]string{}
			w := stage(t, 1, test.node.ServeHTTP)
			c := &cases.Case{ID: "time/" + name, Kind: cases.KindVerdict,
				Verdict: &cases.VerdictInput{Claim: `{"mir":1,"sig":"x"}` + "\n", Form: "sdk", Expect: test.expect}}
			found := w.NodeVerifier().Verify(t.Context(), c)
			if found.Passed != (test.wrong == "") || !strings.Contains(found.Message, test.wrong) {
				t.Errorf("passed %v, %q", found.Passed, found.Message)
			}
			if len(found.Exchanges) == 0 {
				t.Error("nothing is told of what was sent")
			}
		})
	}
}

// What a case's domain publishes is published, and the verifier's policy is passed on.
func TestNodeVerifierPublishes(t *testing.T) {
	node := registry{result: cases.Accept, kept: map[string]string{}}
	w := stage(t, 1, node.ServeHTTP)
	var err error
	if w.Names, err = names.Start(names.Options{Suffix: w.Suffix}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.Names.Close() })
	c := &cases.Case{ID: "time/options", Kind: cases.KindVerdict, Verdict: &cases.VerdictInput{Domain: "shop.suite.test", Claim: `{}`, Keys: json.RawMessage(`{"keys":[]}`),
		Options: &cases.VerdictOptions{MaxAge: "24h", ExpectDomain: "shop.suite.test", NoExpiredKeys: true}, Expect: cases.Verdict{Result: cases.Accept}}}
	if found := w.NodeVerifier().Verify(t.Context(), c); !found.Passed {
		t.Error(found.Message)
	}
	if want := "expectDomain=shop.suite.test&maxAge=24h&noExpiredKeys=true"; len(node.seen) != 1 || node.seen[0] != want || len(node.kept) != 0 {
		t.Errorf("asked %q, kept %q", node.seen, node.kept)
	}
	for _, c := range []*cases.Case{{ID: "keys/none"}, {ID: "x/y", Verdict: &cases.VerdictInput{Domain: "*", Keys: json.RawMessage(`{}`)}}} {
		c.Kind = cases.KindVerdict
		if found := w.NodeVerifier().Verify(t.Context(), c); found.Passed {
			t.Errorf("%s passed", c.ID)
		}
	}
}

// Of a MAY either verdict is right, but the node must judge alike where it takes claims in.
func TestNodeVerifierOfAChoice(t *testing.T) {
	for name, test := range map[string]struct {
		node          *registry
		choice, wrong string
	}{
		"accepts":             {&registry{result: cases.Accept}, "accepts it", ""},
		"refuses":             {&registry{result: cases.Reject, code: "INVALID_SCHEMA"}, "refuses it with INVALID_SCHEMA", ""},
		"takes what it calls": {&registry{result: cases.Reject, code: "INVALID_SCHEMA", other: cases.Accept}, "", "POST /claims: should be REJECT"},
	} {
		test.node.kept = map[string]string{}
		w := stage(t, 1, test.node.ServeHTTP)
		c := &cases.Case{
			ID: "time/choice", Kind: cases.KindVerdict, Requirement: cases.Requirement{Level: cases.May},
			Verdict: &cases.VerdictInput{Claim: `{"mir":1,"sig":"x"}` + "\n", Expect: cases.Verdict{Result: cases.Accept}},
		}
		found := w.NodeVerifier().Verify(t.Context(), c)
		if found.Passed != (test.wrong == "") || found.Choice != test.choice || !strings.Contains(found.Message, test.wrong) {
			t.Errorf("%s: passed %v, %q, choice %q", name, found.Passed, found.Message, found.Choice)
		}
	}
}
