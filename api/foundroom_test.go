package api_test

import (
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"mirnode/api"
)

// Answers about files are bounded as pages are: who does not read what was asked for keeps a client's part of the memory and no more.
func TestAnswersAboutFilesThatNobodyReads(t *testing.T) {
	f := newFixture(t, unlimited, with(func(o *api.Options) { o.Work = api.Work{ClientPages: 1, Patience: time.Millisecond} }))
	hash := file("a picture")
	wide := strings.Repeat("\U0001F600", 500)
	for i := range 20 {
		news := f.publisher(t, fmt.Sprint("Harbour News ", i))
		for _, typ := range []string{"INTENT", "METHOD"} {
			if w := news.post(t, "/assertions", encoded(news.signed(news.payload(typ, hash, "context", wide, "scope", wide)))); w.Code != 201 {
				t.Fatalf("%d %s", w.Code, w.Body)
			}
		}
	}
	slow := &stuck{httptest.NewRecorder(), make(chan struct{}, 1), make(chan struct{})}
	done := make(chan struct{})
	go func() {
		defer close(done)
		f.api.Handler().ServeHTTP(slow, request("GET", "/assertions?hash="+hash, ""))
	}()
	<-slow.began
	if w := f.get(t, "/assertions?hash="+hash); w.Code != 503 || w.Header().Get("Retry-After") == "" {
		t.Errorf("one more large answer: %d", w.Code)
	}
	other := request("GET", "/assertions?hash="+hash, "")
	other.RemoteAddr = "198.51.100.1:1"
	if w := f.do(t, other); w.Code != 200 {
		t.Errorf("another client's: %d", w.Code)
	}
	if small := f.get(t, "/assertions?hash="+file("nothing")); small.Code != 200 {
		t.Errorf("a small answer: %d", small.Code)
	}
	close(slow.read)
	<-done
	if w := f.get(t, "/assertions?hash="+hash); w.Code != 200 || w.Body.Len() < 256<<10 {
		t.Errorf("afterwards: %d, %d bytes", w.Code, w.Body.Len())
	}
}
