package api_test

import (
	"bufio"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/gin-gonic/gin"

	"mirnode/api"
	"mirnode/protocol"
	"mirnode/store"
)

const (
	benchClaims      = 20_000
	benchPerSubject  = 10
	benchConnections = 16
	benchSlice       = 64 // requests of one connection before the other server has its turn
)

// BenchmarkLookup compares look-ups with a gin handler that answers with the same bytes from memory and does nothing else. Both are asked
// over real connections, in turns, by a client that spends as little as it can; "ratio" is our throughput over the bare handler's,
// "cpu-ratio" the bare handler's CPU time over ours, client included.
func BenchmarkLookup(b *testing.B) {
	devNull, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = devNull.Close() })
	f := newFixture(b, with(func(o *api.Options) {
		plenty := api.Rate{PerSecond: 1e9, Burst: 1e9} // counted like any other, and never used up
		o.Limits = api.Limits{Read: plenty}
		o.Logger = slog.New(slog.NewTextHandler(devNull, nil))
		o.Now, o.Requests = time.Now, api.LogErrors
	}), func(s *setup) { s.store.Now = time.Now })
	claims := make([]store.ClaimToAppend, benchClaims)
	for i := range claims {
		subject := protocol.Subject("shop.example", strconv.Itoa(i/benchPerSubject))
		claims[i] = store.ClaimToAppend{Claim: f.shop.sign(b, fmt.Sprintf(
			`{"mir":1,"type":"mir.transaction.completed","domain":"shop.example","subject":%q,"timestamp":%q,"metadata":{"currency":"EUR","count":%d}}`,
			subject, start.Add(time.Duration(i)*time.Second).Format(time.RFC3339), i))}
	}
	for part := 0; part < len(claims); part += 5000 {
		if _, err := f.store.AppendClaims(b.Context(), claims[part:part+5000]); err != nil {
			b.Fatal(err)
		}
	}
	middle := claims[benchClaims/2].Claim
	news, hash := f.publisher(b, "Harbour News"), file("a picture")
	if w := news.post(b, "/assertions", encoded(news.signed(news.payload("ISSUED_BY", hash, "timestamp", time.Now().UTC().Format(time.RFC3339)), "displayName", "The harbour"))); w.Code != 201 {
		b.Fatal(w.Body)
	}
	b.Run("assertion", func(b *testing.B) { compare(b, f.api.Handler(), "/assertions?hash="+hash) })
	b.Run("assertion-none", func(b *testing.B) { compare(b, f.api.Handler(), "/assertions?hash="+file("nothing")) })
	b.Run("claim", func(b *testing.B) { compare(b, f.api.Handler(), "/claims/"+middle.ID()) })
	b.Run("subject", func(b *testing.B) { compare(b, f.api.Handler(), "/claims?subject="+middle.Subject) })
}

func compare(b *testing.B, ours http.Handler, target string) {
	recorder := httptest.NewRecorder()
	ours.ServeHTTP(recorder, httptest.NewRequest(http.MethodGet, target, nil))
	if recorder.Code != 200 {
		b.Fatal(recorder.Body)
	}
	bare := gin.New()
	body := recorder.Body.Bytes()
	bare.GET(strings.Split(target, "?")[0], func(c *gin.Context) { c.Data(200, "application/json", body) })
	var times, cpu [2]time.Duration
	var clients [2][]*leanClient
	for i, handler := range []http.Handler{bare, ours} {
		server := httptest.NewServer(handler)
		defer server.Close()
		for range benchConnections {
			clients[i] = append(clients[i], newLeanClient(b, server.Listener.Addr().String(), target))
		}
	}
	b.ResetTimer()
	requests := 0
	for ; requests < b.N; requests += benchConnections * benchSlice {
		for i := range times {
			began, used := time.Now(), cpuTime()
			var group sync.WaitGroup
			for _, c := range clients[i] {
				group.Go(func() { c.ask(benchSlice) })
			}
			group.Wait()
			times[i] += time.Since(began)
			cpu[i] += cpuTime() - used
		}
	}
	b.ReportMetric(float64(requests)/times[0].Seconds(), "bare/s")
	b.ReportMetric(float64(requests)/times[1].Seconds(), "ours/s")
	b.ReportMetric(float64(times[0])/float64(times[1]), "ratio")
	b.ReportMetric(float64(cpu[0])/float64(cpu[1]), "cpu-ratio")
	b.ReportMetric(float64(len(body)), "bytes")
}

// cpuTime is what this process has used, client and server: on a machine with other work it says more than the clock.
func cpuTime() time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		return 0
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// leanClient sends one request again and again over one connection, and reads no more of the answer than its length.
type leanClient struct {
	b          *testing.B
	connection net.Conn
	reader     *bufio.Reader
	request    []byte
}

func newLeanClient(b *testing.B, address, target string) *leanClient {
	b.Helper()
	connection, err := net.Dial("tcp", address)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = connection.Close() })
	return &leanClient{b: b, connection: connection, reader: bufio.NewReaderSize(connection, 64<<10),
		request: []byte("GET " + target + " HTTP/1.1\r\nHost: localhost\r\n\r\n")}
}

func (c *leanClient) ask(times int) {
	for range times {
		if _, err := c.connection.Write(c.request); err != nil {
			c.b.Error(err)
			return
		}
		if err := c.skipAnswer(); err != nil {
			c.b.Error(err)
			return
		}
	}
}

func (c *leanClient) skipAnswer() error {
	length := -1
	for first := true; ; first = false {
		line, err := c.reader.ReadSlice('\n')
		switch {
		case err != nil:
			return err
		case first && !strings.HasPrefix(string(line), "HTTP/1.1 200"):
			return fmt.Errorf("answer %q", line)
		case len(line) == 2:
			_, err = c.reader.Discard(length)
			return err
		}
		if value, ok := strings.CutPrefix(string(line), "Content-Length: "); ok {
			if length, err = strconv.Atoi(strings.TrimSpace(value)); err != nil {
				return err
			}
		}
		if length < 0 && strings.HasPrefix(string(line), "Transfer-Encoding") {
			return io.ErrUnexpectedEOF
		}
	}
}
