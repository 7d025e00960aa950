package api_test

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"mirnode/api"
	"mirnode/protocol"
)

// fetched is a line of the answer to POST /records/fetch.
type fetched struct {
	Record, Kind string
	Body         *string
	Erased       *struct{ Reason, At string }
	Missing      bool
}

// fetchBody asks for records by their hashes.
func fetchBody(hashes ...[32]byte) string {
	list := make([]string, len(hashes))
	for i, h := range hashes {
		list[i] = hex.EncodeToString(h[:])
	}
	body, _ := json.Marshal(map[string][]string{"records": list}) // strings never fail
	return string(body)
}

func (f *fixture) fetch(t testing.TB, hashes ...[32]byte) []fetched {
	t.Helper()
	w := f.post(t, "/records/fetch", fetchBody(hashes...), "Accept-Encoding", "identity")
	if w.Code != 200 {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	var list []fetched
	for line := range strings.Lines(w.Body.String()) {
		var one fetched
		if err := json.Unmarshal([]byte(line), &one); err != nil {
			t.Fatalf("%v: %q", err, line)
		}
		list = append(list, one)
	}
	return list
}

func TestFetchRecords(t *testing.T) {
	f := newFixture(t, unlimited)
	// White space, quotes, a backslash, controls and HTML: what was signed comes back byte for byte.
	odd := f.shop.sign(t, fmt.Sprintf("{\"mir\":1,\n\t\"type\":\"mir.account.created\",\"domain\":\"shop.example\",\"subject\":%q,\"timestamp\":\"2026-11-22T09:00:00Z\",\"metadata\":{\"note\":\"\\\"<b>\\\\ \\u0001 é \u2028\"}}", protocol.Subject("shop.example", "1")))
	if w := f.post(t, "/claims", string(odd.Raw())); w.Code != 201 {
		t.Fatal(w.Body)
	}
	gone := f.shop.claim(t)
	f.post(t, "/claims", string(gone.Raw()))
	if w := f.operate(t, "POST", "/admin/claims/"+gone.ID()+"/erase", `{"reason":"asked \"nicely\""}`); w.Code != 200 {
		t.Fatal(w.Body)
	}
	unknown := [32]byte{7}
	list := f.fetch(t, unknown, odd.RecordHash(), gone.RecordHash(), odd.RecordHash())
	if len(list) != 4 {
		t.Fatalf("%+v", list)
	}
	if !list[0].Missing || list[0].Record != hex.EncodeToString(unknown[:]) || list[0].Body != nil {
		t.Errorf("unknown: %+v", list[0])
	}
	for _, i := range []int{1, 3} {
		if list[i].Kind != "claim" || list[i].Body == nil || *list[i].Body != string(odd.Raw()) {
			t.Errorf("held: %+v", list[i])
		}
	}
	if list[2].Erased == nil || list[2].Erased.Reason != `asked "nicely"` || list[2].Body != nil {
		t.Errorf("erased: %+v", list[2])
	}
}

func TestFetchRequests(t *testing.T) {
	f := newFixture(t, unlimited)
	hash := `"` + strings.Repeat("0a", 32) + `"`
	for _, test := range []struct {
		name, body string
		status     int
	}{
		{"one", `{"records":[` + hash + `]}`, 200},
		{"1,000", `{"records":[` + strings.Repeat(hash+",", 999) + hash + `]}`, 200},
		{"1,001", `{"records":[` + strings.Repeat(hash+",", 1000) + hash + `]}`, 400},
		{"none", `{"records":[]}`, 400},
		{"nothing", `{}`, 400},
		{"no hash", `{"records":["x"]}`, 400},
		{"upper case", `{"records":["` + strings.Repeat("0A", 32) + `"]}`, 400},
		{"a member too many", `{"records":[` + hash + `],"all":true}`, 400},
		{"too much", `{"records":[` + strings.Repeat(" ", 100<<10) + `]}`, 413},
	} {
		if w := f.post(t, "/records/fetch", test.body); w.Code != test.status {
			t.Errorf("%s: %d, want %d: %.200s", test.name, w.Code, test.status, w.Body)
		}
	}
}

// An answer ends once it is long; what was not answered is asked for again.
func TestFetchEndsEarly(t *testing.T) {
	f := newFixture(t, unlimited)
	f.large(t, 700)
	var hashes [][32]byte
	for _, entry := range f.entries(t) {
		hashes = append(hashes, entry.Record)
	}
	first := f.post(t, "/records/fetch", fetchBody(hashes...), "Accept-Encoding", "identity")
	lines := strings.Count(first.Body.String(), "\n")
	if size := first.Body.Len(); lines == len(hashes) || size < 8<<20 || size > 8<<20+(33<<10) || !strings.HasSuffix(first.Body.String(), "}\n") {
		t.Errorf("%d lines of %d, %d bytes", lines, len(hashes), size)
	}
	if rest := f.fetch(t, hashes[lines:]...); len(rest) != len(hashes)-lines || rest[0].Record != hex.EncodeToString(hashes[lines][:]) {
		t.Errorf("%d lines for the rest", len(rest))
	}
}

// entries are those of the own log.
func (f *fixture) entries(t testing.TB) []protocol.Entry {
	t.Helper()
	entries, err := f.store.Entries(t.Context(), nodeOrigin.String(), 0, 4096)
	if err != nil {
		t.Fatal(err)
	}
	return entries
}

// What nodes ask of each other has a budget of its own, and many records or entries at once cost more than one.
func TestPeerBudget(t *testing.T) {
	f := newFixture(t, with(func(o *api.Options) {
		o.Limits = api.Limits{Peer: api.Rate{PerSecond: 1, Burst: 30}, Read: api.Rate{PerSecond: 1, Burst: 100}}
	}))
	f.submitted(t, 1100)
	hash := [32]byte{1}
	many := make([][32]byte, 500)
	for i := range many {
		many[i] = hash
	}
	w := f.post(t, "/records/fetch", fetchBody(many...))
	if w.Code != 200 || w.Header().Get("RateLimit") != `"peer";r=29;t=1` {
		t.Errorf("%d %v", w.Code, w.Header())
	}
	if w := f.get(t, "/log/entries"); w.Header().Get("RateLimit") != `"peer";r=18;t=12` {
		t.Errorf("500 records cost ten more than the one: %v", w.Header())
	}
	if w := f.post(t, "/hint", `{"from":"","hints":[]}`); w.Header().Get("RateLimit") != `"peer";r=16;t=14` {
		t.Errorf("1,100 entries cost one more than the one: %v", w.Header())
	}
	for _, target := range []string{"/log/checkpoint", "/log/tile/0/000", "/log/heads", "/log/forks", "/peers/descriptors"} {
		f.get(t, target)
	}
	w = f.post(t, "/records/fetch", fetchBody(many...))
	if w := f.post(t, "/records/fetch", fetchBody(many...)); w.Code != 429 || w.Header().Get("Retry-After") == "" {
		t.Errorf("used up: %d %v", w.Code, w.Header())
	}
	if w.Code != 200 && w.Code != 429 {
		t.Errorf("%d", w.Code)
	}
	if w := f.get(t, "/claims?domain=shop.example"); w.Code != 200 {
		t.Errorf("readers have a budget of their own: %d", w.Code)
	}
}

func FuzzAppendDocument(f *testing.F) {
	for _, seed := range []string{"", `{"a":"b\n"}`, "\x00\x1f\"\\/", "é\u2028\U0001F600", "\n\n"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, document string) {
		document = strings.ToValidUTF8(document, "?")
		var back string
		if err := json.Unmarshal(api.AppendDocument(nil, document), &back); err != nil || back != document {
			t.Errorf("%v: %q became %q", err, document, back)
		}
	})
}
