package api_test

import (
	"fmt"
	"io"
	"net"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
)

// sendAndLeave sends a request over a connection of its own, and closes it: at once, or when the answer has begun.
func sendAndLeave(t *testing.T, address, method, target, apiKey, body string, stay bool) {
	connection, err := net.Dial("tcp", address)
	if err != nil {
		t.Error(err)
		return
	}
	_, err = fmt.Fprintf(connection, "%s %s HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nX-Api-Key: %s\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s",
		method, target, apiKey, len(body), body)
	if err != nil {
		t.Error(err)
	}
	if stay {
		_, _ = io.ReadAll(connection)
	}
	_ = connection.Close()
}

// Clients that hang up do not get past the rule that an issuer says a thing once at a time, nor past the order of edits.
func TestClientsThatHangUp(t *testing.T) {
	f := newFixture(t, unlimited)
	news := f.publisher(t, "Harbour News")
	server := httptest.NewServer(f.api.Handler())
	address := strings.TrimPrefix(server.URL, "http://")
	all := func(method, target string, body func(n int) string) {
		var group sync.WaitGroup
		for n := range 8 {
			text := body(n)
			group.Go(func() { sendAndLeave(t, address, method, target, news.apiKey, text, n%4 == 0) })
		}
		group.Wait()
	}
	var hashes, ids []string
	for round := range 10 {
		hash := file(fmt.Sprint("picture ", round))
		all("POST", "/assertions", func(n int) string {
			return encoded(news.signed(news.payload("ISSUED_BY", hash, "context", fmt.Sprint(n))))
		})
		said := members(t, f.get(t, "/assertions?hash="+hash))["assertions"].([]any)
		if len(said) == 0 {
			t.Fatal("nothing was taken, though some clients stayed")
		}
		id := said[0].(map[string]any)["id"].(string)
		all("PATCH", "/assertions/"+id, func(n int) string { return encoded(map[string]any{"displayName": fmt.Sprint("name ", n)}) })
		all("POST", "/assertions/"+id+"/supersede", func(n int) string {
			body := news.signed(news.payload("ISSUED_BY", hash, "supersedes", id, "context", fmt.Sprint("next ", n)))
			body["revocation"] = news.revocation(id, "SUPERSEDE")
			return encoded(body)
		})
		hashes, ids = append(hashes, hash), append(ids, id)
	}
	server.Close() // waits for those whose clients have gone
	for i, hash := range hashes {
		active := 0
		for _, one := range members(t, f.get(t, "/assertions?hash="+hash))["assertions"].([]any) {
			if !one.(map[string]any)["revoked"].(bool) {
				active++
			}
		}
		if active != 1 {
			t.Errorf("%d are active about %s, first %s", active, hash, ids[i])
		}
	}
}
