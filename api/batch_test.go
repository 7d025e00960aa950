package api_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http/httptest"
	"strings"
	"testing"

	"mirnode/api"
	"mirnode/protocol"
)

type item struct {
	Index, Status int
	ClaimID       string
	Duplicate     bool
	Code          string
	Error, Hint   string
}

// items reads the answer to a batch in either form.
func items(t *testing.T, w *httptest.ResponseRecorder) []item {
	t.Helper()
	var list []item
	if w.Header().Get("Content-Type") == "application/json" {
		var answer struct{ Results []item }
		if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil {
			t.Fatalf("%v: %s", err, w.Body)
		}
		return answer.Results
	}
	for decoder := json.NewDecoder(w.Body); decoder.More(); {
		var i item
		if err := decoder.Decode(&i); err != nil {
			t.Fatal(err)
		}
		list = append(list, i)
	}
	return list
}

func TestBatch(t *testing.T) {
	f := newFixture(t, unlimited)
	known := f.shop.claim(t)
	f.post(t, "/claims", string(known.Raw()))
	a, b := f.shop.claim(t), f.shop.claim(t)
	forged := bytes.Replace(b.Raw(), []byte(`"EUR"`), []byte(`"USD"`), 1)
	parts := []struct {
		body   string
		status int
		code   string
	}{
		{string(a.Raw()), 201, ""},
		{string(known.Raw()), 200, ""},
		{string(a.Raw()), 200, ""}, // twice in one batch
		{string(forged), 400, "INVALID_SIGNATURE"},
		{string(b.Raw()), 201, ""}, // the same signature as the forged one before it
		{`{"mir":1}`, 400, "INVALID_SCHEMA"},
		{`{"mir":"` + strings.Repeat("x", 40<<10) + `"}`, 400, "INVALID_SCHEMA"},
		{string(newSigner("gone.example").claim(t).Raw()), 503, ""},
		{string(newSigner("none.example").claim(t).Raw()), 400, "KEY_NOT_FOUND"},
		{string(f.shop.claim(t).Raw()), 201, ""},
	}
	var bodies []string
	for _, p := range parts {
		bodies = append(bodies, p.body)
	}
	for _, test := range []struct{ name, body, kind string }{
		{"array", "[" + strings.Join(bodies, " ,\n") + "]\n", "application/json"},
		{"lines", "\n" + strings.Join(bodies, "\n\n \n"), "application/x-ndjson"},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := f.post(t, "/claims/batch", test.body, "Content-Type", test.kind)
			if w.Code != 200 || w.Header().Get("Content-Type") != test.kind {
				t.Fatalf("%d %v: %s", w.Code, w.Header(), w.Body)
			}
			got := items(t, w)
			if len(got) != len(parts) {
				t.Fatalf("%d answers for %d claims", len(got), len(parts))
			}
			for i, p := range parts {
				status := p.status
				if test.name == "lines" && status == 201 {
					status = 200 // the array before has brought it
				}
				if got[i].Index != i || got[i].Status != status || got[i].Code != p.code || got[i].Duplicate != (status == 200) || (got[i].Error == "") != (status < 300) {
					t.Errorf("item %d: %+v, want status %d, code %q", i, got[i], status, p.code)
				}
			}
		})
	}
}

func TestBatchAsAWhole(t *testing.T) {
	f := newFixture(t, unlimited)
	claim := string(f.shop.claim(t).Raw())
	for _, test := range []struct {
		name, body string
		status     int
		items      int
		kind       string
	}{
		{"empty array", "[]", 200, 0, ""},
		{"empty array, spaced", " [ ] ", 200, 0, ""},
		{"nothing", "", 400, 0, ""},
		{"neither", "17", 400, 0, ""},
		{"array that does not end", "[" + claim, 400, 0, ""},
		{"array with a hole", "[" + claim + ",,]", 400, 0, ""},
		{"array that ends in a comma", "[" + claim + ",]", 400, 0, ""},
		{"something after the array", "[" + claim + "] x", 400, 0, ""},
		{"1,000", "[" + strings.Repeat("1,", 999) + "1]", 200, 1000, ""},
		{"1,001", "[" + strings.Repeat("1,", 1000) + "1]", 400, 0, ""},
		{"a line of garbage", claim + "\n}{\n", 200, 2, "application/x-ndjson"},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := f.post(t, "/claims/batch", test.body, "Content-Type", test.kind)
			if w.Code != test.status {
				t.Fatalf("status %d, want %d: %.300s", w.Code, test.status, w.Body)
			}
			if got := 0; test.status == 200 {
				if strings.Contains(w.Body.String(), "index") {
					got = len(items(t, w))
				}
				if got != test.items {
					t.Errorf("%d answers, want %d", got, test.items)
				}
			}
		})
	}
	if claims := f.store.Stats().Claims; claims != 1 {
		t.Errorf("%d claims are kept: a body that is no batch must leave nothing behind", claims)
	}
}

func TestBatchBudgets(t *testing.T) {
	f := newFixture(t, with(func(o *api.Options) {
		o.Limits = api.Limits{Submit: api.Rate{PerSecond: 1, Burst: 4}, Domain: api.Rate{PerSecond: 1, Burst: 2}, Lookup: api.Rate{PerSecond: 1, Burst: 1}}
	}))
	var bodies []string
	for range 5 {
		bodies = append(bodies, string(f.shop.claim(t).Raw()))
	}
	statuses := func(w *httptest.ResponseRecorder) (list []int) {
		for _, i := range items(t, w) {
			list = append(list, i.Status)
		}
		return list
	}
	batch := "[" + strings.Join(bodies, ",") + "]"
	if got := fmt.Sprint(statuses(f.post(t, "/claims/batch", batch))); got != "[201 201 429 429 429]" {
		t.Errorf("four are let in, and two for the domain: %s", got)
	}
	w := f.post(t, "/claims/batch", batch)
	if w.Code != 429 || w.Header().Get("Retry-After") != "1" {
		t.Errorf("%d %v", w.Code, w.Header())
	}
	// Two unknown domains, and one look-up allowed.
	f.clock.advance(1000 * 1e9)
	f.domains.cold["x.example"], f.domains.cold["y.example"] = true, true
	cold := "[" + string(newSigner("x.example").claim(t).Raw()) + "," + string(newSigner("y.example").claim(t).Raw()) + "]"
	if got := fmt.Sprint(statuses(f.post(t, "/claims/batch", cold))); got != "[400 429]" || f.domains.lookups != 1 {
		t.Errorf("%s after %d look-ups", got, f.domains.lookups)
	}
}

func FuzzSplitBatch(f *testing.F) {
	for _, seed := range []string{`[]`, `[1,2]`, `[{"a":"]\\\"}"},[[]]] `, "{}\n{}\n\n", `[,]`, `[1]]`, " [\"\xff\"]"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		split, err := api.SplitBatch(bytes.NewReader(body))
		if err != nil {
			return
		}
		var parts []json.RawMessage
		for {
			part, tooLong, err := split.Next()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				if json.Valid(body) && bytes.HasPrefix(bytes.TrimSpace(body), []byte("[")) {
					t.Fatalf("a JSON array was refused: %v", err)
				}
				return
			}
			if len(part) == 0 || len(part) > protocol.MaxClaimBytes+1025 || tooLong && len(part) <= protocol.MaxClaimBytes {
				t.Fatalf("a part of %d bytes, too long: %v", len(part), tooLong)
			}
			parts = append(parts, bytes.Clone(part))
		}
		var want []json.RawMessage
		if len(body) < 1000 && json.Unmarshal(body, &want) == nil && fmt.Sprintf("%q", parts) != fmt.Sprintf("%q", want) {
			t.Fatalf("parts %q, want %q", parts, want)
		}
	})
}
