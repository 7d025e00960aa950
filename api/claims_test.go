package api_test

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"mirnode/protocol"
)

func TestSubmit(t *testing.T) {
	f := newFixture(t, unlimited)
	good := f.shop.claim(t)
	stranger := newSigner("shop.example")
	stranger.key = newSigner("other.example").key
	gone := newSigner("gone.example")
	future := f.shop.sign(t, fmt.Sprintf(`{"mir":1,"type":"mir.account.created","domain":"shop.example","subject":%q,"timestamp":"2026-11-22T10:05:01Z"}`, protocol.Subject("shop.example", "1")))
	forged := bytes.Replace(good.Raw(), []byte(`"count":1`), []byte(`"count":2`), 1)
	for _, test := range []struct {
		name, body  string
		status      int
		code        string
		contentType string
	}{
		{"new", string(good.Raw()), 201, "", ""},
		{"the same again", string(good.Raw()), 200, "", ""},
		{"with white space around it", " \n" + string(good.Raw()) + "\n", 200, "", ""},
		{"as curl labels it", string(f.shop.claim(t).Raw()), 201, "", "application/x-www-form-urlencoded"},
		{"known signature, other content", string(forged), 400, "INVALID_SIGNATURE", ""},
		{"no key", string(stranger.claim(t).Raw()), 400, "KEY_NOT_FOUND", ""},
		{"domain does not answer", string(gone.claim(t).Raw()), 503, "", ""},
		{"in the future", string(future.Raw()), 400, "CLAIM_EXPIRED", ""},
		{"not JSON", "{", 400, "INVALID_SCHEMA", ""},
		{"nothing", " ", 400, "INVALID_SCHEMA", ""},
		{"a member too many", `{"extra":1,` + string(good.Raw()[1:]), 400, "INVALID_SCHEMA", ""},
		{"the same member twice", `{"mir":1,` + string(good.Raw()[1:]), 400, "INVALID_SCHEMA", ""},
		{"bad UTF-8", "{\"mir\":\"\xff\"}", 400, "INVALID_SCHEMA", ""},
		{"too deep", strings.Repeat("[", 1000), 400, "INVALID_SCHEMA", ""},
		{"over 16 KiB", `{"a":"` + strings.Repeat("x", protocol.MaxClaimBytes) + `"}`, 400, "INVALID_SCHEMA", ""},
		{"far over 16 KiB", strings.Repeat(" ", 1<<20), 413, "INVALID_SCHEMA", ""},
		{"a form", "x", 415, "", "multipart/form-data; boundary=x"},
		{"another encoding", "x", 415, "", "application/json; charset=utf-16"},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := request("POST", "/claims", test.body)
			if test.contentType != "" {
				r.Header.Set("Content-Type", test.contentType)
			}
			w := f.do(t, r)
			answer := members(t, w)
			if code, _ := answer["code"].(string); w.Code != test.status || code != test.code {
				t.Fatalf("status %d, code %q, want %d, %q: %s", w.Code, code, test.status, test.code, w.Body)
			}
			if retry := w.Header().Get("Retry-After"); test.status == 503 && retry != "7" {
				t.Errorf("Retry-After is %q", retry)
			}
			if test.status < 300 && (answer["duplicate"] != (test.status == 200) || w.Header().Get("Location") != "/claims/"+answer["claimId"].(string)) {
				t.Errorf("%s, Location %s", w.Body, w.Header().Get("Location"))
			}
		})
	}
}

// A duplicate costs no look-up and no verification: its domain may be gone by then.
func TestDuplicateIsNotVerified(t *testing.T) {
	f := newFixture(t, unlimited)
	claim := string(f.shop.claim(t).Raw())
	first := members(t, f.post(t, "/claims", claim))
	f.domains.unreachable["shop.example"] = true
	f.clock.advance(time.Hour)
	w := f.post(t, "/claims", claim)
	second := members(t, w)
	if w.Code != 200 || second["ingestedAt"] != first["ingestedAt"] {
		t.Errorf("%d %v, first %v", w.Code, second, first)
	}
}

// Times that are further apart than a time.Duration reaches are told as they are.
func TestAgeOfAnOldClaim(t *testing.T) {
	f := newFixture(t, unlimited)
	delete(f.domains.keys, "shop.example")
	f.domains.keys["shop.example"] = []protocol.DomainKey{{Public: f.shop.published().Public, Fingerprint: f.shop.published().Fingerprint}}
	signed := f.shop.sign(t, fmt.Sprintf(`{"mir":1,"type":"mir.account.created","domain":"shop.example","subject":%q,"timestamp":"0000-01-01T00:00:00Z"}`, protocol.Subject("shop.example", "1")))
	if w := f.post(t, "/claims", string(signed.Raw())); w.Code != 201 {
		t.Fatal(w.Code, w.Body)
	}
	age := start.Unix() - time.Date(0, 1, 1, 0, 0, 0, 0, time.UTC).Unix()
	if answer := members(t, f.get(t, "/claims/"+signed.ID())); answer["ageAtIngestSeconds"] != float64(age) {
		t.Errorf("%v, want %d", answer["ageAtIngestSeconds"], age)
	}
}

func TestGetClaim(t *testing.T) {
	f := newFixture(t, unlimited)
	// Members in an order of their own, white space, HTML: all that an encoder would change.
	signed := f.shop.sign(t, fmt.Sprintf(`{"mir":1,"type":"mir.account.created","domain":"shop.example","subject":%q,"timestamp":"2026-11-22T09:59:58Z","metadata":{"note":"a<b>&é\u2028"}}`, protocol.Subject("shop.example", "1")))
	document := strings.Replace(string(signed.Raw()), `"mir":1`, "\"mir\" : 1 \n", 1)
	if w := f.post(t, "/claims", document); w.Code != 201 {
		t.Fatal(w.Body)
	}
	id := signed.ID()
	upper := "claim_" + strings.ToUpper(strings.TrimPrefix(id, "claim_"))
	w := f.get(t, "/claims/"+id)
	if !strings.HasSuffix(w.Body.String(), `,"claim":`+document+`}`) {
		t.Errorf("the claim did not leave as it came: %s", w.Body)
	}
	answer := members(t, w)
	if answer["ageAtIngestSeconds"] != 2.0 || answer["ingestedAt"] != "2026-11-22T10:00:00.000Z" || answer["claimId"] != id {
		t.Errorf("%s", w.Body)
	}
	etag := w.Header().Get("ETag")
	for _, test := range []struct {
		name, target, ifNoneMatch string
		status                    int
	}{
		{"upper case", "/claims/" + upper, "", 200},
		{"held already", "/claims/" + id, etag, 304},
		{"held already, among others", "/claims/" + id, `"x", W/` + etag, 304},
		{"held already, whatever it is", "/claims/" + id, "*", 304},
		{"another held", "/claims/" + id, `"x"`, 200},
		{"unknown", "/claims/claim_" + strings.Repeat("0", 64), "", 404},
		{"unknown, whatever is held", "/claims/claim_" + strings.Repeat("0", 64), "*", 404},
		{"no ID", "/claims/17", "", 400},
		{"short", "/claims/" + id[:60], "", 400},
		{"with a parameter", "/claims/" + id + "?subject=1", "", 400},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := f.get(t, test.target, "If-None-Match", test.ifNoneMatch)
			if w.Code != test.status {
				t.Errorf("status %d, want %d: %s", w.Code, test.status, w.Body)
			}
			if w.Code == 304 && (w.Body.Len() > 0 || w.Header().Get("ETag") != etag) {
				t.Errorf("304 with %q and %v", w.Body, w.Header())
			}
		})
	}
}

func TestErasedClaim(t *testing.T) {
	f := newFixture(t, unlimited)
	claim := f.shop.claim(t)
	if w := f.post(t, "/claims", string(claim.Raw())); w.Code != 201 {
		t.Fatal(w.Body)
	}
	etag := f.get(t, "/claims/"+claim.ID()).Header().Get("ETag")
	order := httptest.NewRequest(http.MethodPost, "http://127.0.0.1/admin/claims/"+claim.ID()+"/erase", strings.NewReader(`{"reason":"court order 4711"}`))
	order.Header.Set("Content-Type", "application/json")
	w := httptest.NewRecorder()
	f.api.Operator().ServeHTTP(w, order)
	if w.Code != 200 {
		t.Fatal(w.Body)
	}
	for _, w := range []*httptest.ResponseRecorder{
		f.get(t, "/claims/"+claim.ID()),
		f.get(t, "/claims/"+claim.ID(), "If-None-Match", etag),
		f.post(t, "/claims", string(claim.Raw())),
	} {
		if w.Code != http.StatusGone || members(t, w)["reason"] != "court order 4711" {
			t.Errorf("%d %s", w.Code, w.Body)
		}
	}
	if w := f.get(t, "/claims?domain=shop.example"); w.Body.String() != `{"claims":[],"nextCursor":null}` {
		t.Errorf("%s", w.Body)
	}
}

func TestFind(t *testing.T) {
	f := newFixture(t, unlimited)
	var ids []string
	for range 5 {
		claim := f.shop.claim(t)
		f.post(t, "/claims", string(claim.Raw()))
		ids = append([]string{claim.ID()}, ids...) // newest first
	}
	subject := protocol.Subject("shop.example", "4711")
	for _, test := range []struct {
		name, query string
		status      int
		want        []string
	}{
		{"by subject", "subject=" + subject, 200, ids},
		{"by subject in upper case", "subject=" + strings.ToUpper(subject), 200, ids},
		{"by domain in upper case", "domain=SHOP.example", 200, ids},
		{"by both", "domain=shop.example&subject=" + subject, 200, ids},
		{"by another domain", "domain=other.example", 200, nil},
		{"by type", "domain=shop.example&type=mir.transaction.completed", 200, ids},
		{"by another type", "domain=shop.example&type=mir.account.created", 200, nil},
		{"between times", "domain=shop.example&after=2026-11-22T09:00:01Z&before=2026-11-22T11:00:04%2B02:00", 200, ids[2:4]},
		{"one", "domain=shop.example&limit=1", 200, ids[:1]},
		{"nothing named", "", 400, nil},
		{"no type", "domain=shop.example&type=nope", 400, nil},
		{"an empty type", "domain=shop.example&type=", 400, nil},
		{"an extension's type", "domain=shop.example&type=shop.example:review.submitted", 200, nil},
		{"times the wrong way round", "domain=shop.example&after=2026-11-22T09:00:02Z&before=2026-11-22T09:00:01Z", 400, nil},
		{"before the first time", "domain=shop.example&before=0001-01-01T00:00:00Z", 400, nil},
		{"after a time before the first", "domain=shop.example&after=0001-01-01T00:00:00%2B14:00", 400, nil},
		{"from long ago", "domain=shop.example&after=0002-01-01T00:00:00Z", 200, ids},
		{"type alone", "type=mir.account.created", 400, nil},
		{"empty subject", "subject=", 400, nil},
		{"bad subject", "subject=alice", 400, nil},
		{"bad domain", "domain=127.0.0.1", 400, nil},
		{"no zone", "domain=shop.example&after=2026-11-22T09:00:01", 400, nil},
		{"no page", "domain=shop.example&limit=0", 400, nil},
		{"too long a page", "domain=shop.example&limit=201", 400, nil},
		{"bad cursor", "domain=shop.example&cursor=x", 400, nil},
		{"twice", "domain=shop.example&domain=other.example", 400, nil},
		{"unknown", "domain=shop.example&subjct=1", 400, nil},
		{"not to be read", "domain=shop.example&%zz", 400, nil},
		{"endless", "domain=shop.example&cursor=" + strings.Repeat("x", 5000), 400, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := f.get(t, "/claims?"+test.query)
			if w.Code != test.status {
				t.Fatalf("status %d, want %d: %s", w.Code, test.status, w.Body)
			}
			if test.status == 200 {
				if got := idsOf(t, w); fmt.Sprint(got) != fmt.Sprint(test.want) {
					t.Errorf("got %v, want %v", got, test.want)
				}
			}
		})
	}
	if hint := members(t, f.get(t, "/claims?domain=shop.example&subjct=1"))["hint"]; hint != `did you mean "subject"?` {
		t.Errorf("the hint is %q", hint)
	}
}

func TestPagesDoNotShift(t *testing.T) {
	f := newFixture(t, unlimited)
	want := make(map[string]bool)
	for range 7 {
		claim := f.shop.claim(t)
		f.post(t, "/claims", string(claim.Raw()))
		want[claim.ID()] = true
	}
	target := "/claims?domain=shop.example&limit=3"
	for cursor := ""; ; {
		w := f.get(t, target+cursor)
		for _, id := range idsOf(t, w) {
			if !want[id] {
				t.Errorf("%s stands twice, or came later", id)
			}
			delete(want, id)
		}
		next, more := members(t, w)["nextCursor"].(string)
		if !more {
			break
		}
		cursor = "&cursor=" + next
		f.post(t, "/claims", string(f.shop.claim(t).Raw())) // newer than all: it must not shift the pages
	}
	if len(want) > 0 {
		t.Errorf("%d claims were on no page", len(want))
	}
}

func idsOf(t *testing.T, w *httptest.ResponseRecorder) []string {
	t.Helper()
	var ids []string
	for _, item := range members(t, w)["claims"].([]any) {
		ids = append(ids, item.(map[string]any)["claimId"].(string))
	}
	return ids
}
