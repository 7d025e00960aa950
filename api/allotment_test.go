package api_test

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"mirnode/api"
	"mirnode/protocol"
	"mirnode/store"
)

// large keeps n claims of nearly 16 KiB each.
func (f *fixture) large(t *testing.T, n int) {
	t.Helper()
	for range n {
		raw := f.shop.claim(t).Raw()
		padding := strings.Repeat(" ", protocol.MaxClaimBytes-len(raw))
		claim, err := protocol.ParseClaim([]byte(strings.Replace(string(raw), `"mir":1`, `"mir":`+padding+`1`, 1)))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.store.AppendClaim(t.Context(), claim, store.Provenance{}); err != nil {
			t.Fatal(err)
		}
	}
}

// Large claims make short pages, so that an answer stays small; together they hold everything.
func TestPagesOfLargeClaims(t *testing.T) {
	f := newFixture(t, unlimited)
	f.large(t, 40)
	found, pages := 0, 0
	for target := "/claims?domain=shop.example&limit=200"; target != ""; pages++ {
		w := f.get(t, target)
		if w.Body.Len() > 300<<10 {
			t.Errorf("a page has %d bytes", w.Body.Len())
		}
		answer := members(t, w)
		found += len(answer["claims"].([]any))
		target = ""
		if cursor, more := answer["nextCursor"].(string); more {
			target = "/claims?domain=shop.example&limit=200&cursor=" + cursor
		}
	}
	if found != 40 || pages != 3 {
		t.Errorf("%d claims in %d pages", found, pages)
	}
}

// stuck is a client that does not read its answer until it is told to.
type stuck struct {
	*httptest.ResponseRecorder
	began, read chan struct{}
}

func (s *stuck) Write(p []byte) (int, error) {
	select {
	case s.began <- struct{}{}:
	default:
	}
	<-s.read
	return s.ResponseRecorder.Write(p)
}

// Pages that nobody reads are bounded for each client and in all; who wants one more is told to come again, and others go on.
func TestPagesThatNobodyReads(t *testing.T) {
	for _, test := range []struct {
		name   string
		work   api.Work
		same   int // the status for the client that does not read
		others int
	}{
		{"one client's part", api.Work{PageBytes: 2 << 20, ClientPages: 1, Patience: time.Millisecond}, 503, 200},
		{"all", api.Work{PageBytes: 1, Patience: time.Millisecond}, 503, 503},
		{"room for more", api.Work{}, 200, 200},
	} {
		t.Run(test.name, func(t *testing.T) {
			f := newFixture(t, unlimited, with(func(o *api.Options) { o.Work = test.work }))
			f.large(t, 10)
			slow := &stuck{httptest.NewRecorder(), make(chan struct{}, 1), make(chan struct{})}
			done := make(chan struct{})
			go func() {
				defer close(done)
				f.api.Handler().ServeHTTP(slow, request("GET", "/claims?domain=shop.example", ""))
			}()
			<-slow.began
			other := request("GET", "/claims?domain=shop.example", "")
			other.RemoteAddr = "198.51.100.1:1"
			same, others := f.get(t, "/claims?domain=shop.example"), f.do(t, other)
			if same.Code != test.same || others.Code != test.others || same.Code == 503 && same.Header().Get("Retry-After") == "" {
				t.Errorf("the same client: %d, others: %d", same.Code, others.Code)
			}
			close(slow.read)
			<-done
			if w := f.get(t, "/claims?domain=shop.example"); w.Code != 200 {
				t.Errorf("afterwards: %d", w.Code)
			}
		})
	}
}

// slowBody is a body that arrives when it is told to.
type slowBody struct{ began, release chan struct{} }

func (s *slowBody) Read([]byte) (int, error) {
	select {
	case s.began <- struct{}{}:
	default:
	}
	<-s.release
	return 0, http.ErrBodyReadAfterClose
}

func (s *slowBody) Close() error { return nil }

// Batches that do not arrive take two places from the others, and no more, however many one client begins.
func TestBatchesThatDoNotArrive(t *testing.T) {
	f := newFixture(t, unlimited, with(func(o *api.Options) { o.Work = api.Work{Batches: 3, Patience: time.Millisecond} }))
	body := &slowBody{make(chan struct{}, 2), make(chan struct{})}
	done := make(chan struct{})
	for range 2 {
		go func() {
			r := request("POST", "/claims/batch", "x")
			r.Body = body
			f.api.Handler().ServeHTTP(httptest.NewRecorder(), r)
			done <- struct{}{}
		}()
		<-body.began
	}
	batch := "[" + string(f.shop.claim(t).Raw()) + "]"
	if w := f.post(t, "/claims/batch", batch); w.Code != 503 || w.Header().Get("Retry-After") == "" {
		t.Errorf("the third batch of the client: %d", w.Code)
	}
	other := request("POST", "/claims/batch", batch)
	other.RemoteAddr = "198.51.100.1:1"
	if w := f.do(t, other); w.Code != 200 || !bytes.Contains(w.Body.Bytes(), []byte(`"status":201`)) {
		t.Errorf("another client's: %d %s", w.Code, w.Body)
	}
	close(body.release)
	<-done
	<-done
	if w := f.post(t, "/claims/batch", batch); w.Code != 200 {
		t.Errorf("afterwards: %d", w.Code)
	}
}
