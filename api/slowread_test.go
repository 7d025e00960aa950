package api_test

import (
	"io"
	"net"
	"net/http"
	"testing"
	"testing/synctest"
	"time"
)

// pipeListener gives one connection that is in memory, so that time may be the test's own.
type pipeListener struct {
	connections chan net.Conn
	closed      chan struct{}
}

func (p *pipeListener) Accept() (net.Conn, error) {
	select {
	case c := <-p.connections:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipeListener) Close() error   { return nil }
func (p *pipeListener) Addr() net.Addr { return &net.TCPAddr{} }

// A client that stops to read loses its connection soon; one that reads slowly gets everything.
func TestAnswersThatAreReadSlowly(t *testing.T) {
	page := func(*testing.T, *fixture) *http.Request { return request("GET", "/claims?domain=shop.example", "") }
	records := func(t *testing.T, f *fixture) *http.Request {
		var hashes [][32]byte
		for _, e := range f.entries(t) {
			hashes = append(hashes, e.Record)
		}
		return request("POST", "/records/fetch", fetchBody(hashes...))
	}
	for _, test := range []struct {
		name    string
		request func(*testing.T, *fixture) *http.Request
		pause   time.Duration // between two pieces of 32 KiB
		cut     bool
	}{
		{"a page, slow", page, 4 * time.Second, false},
		{"a page, stopped", page, time.Hour, true},
		{"records, slow", records, 4 * time.Second, false},
		{"records, stopped", records, time.Hour, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFixture(t, unlimited)
				f.large(t, 15)
				whole := f.do(t, test.request(t, f)).Body.Len()
				listener := &pipeListener{make(chan net.Conn), make(chan struct{})}
				server, served := &http.Server{Handler: f.api.Handler(), WriteTimeout: 30 * time.Second}, make(chan error)
				go func() { served <- server.Serve(listener) }()
				client, end := net.Pipe()
				listener.connections <- end
				r := test.request(t, f)
				r.Close = true
				if err := r.Write(client); err != nil {
					t.Fatal(err)
				}
				read, piece := 0, make([]byte, 32<<10)
				for {
					n, err := io.ReadFull(client, piece)
					read += n
					if err != nil {
						break
					}
					time.Sleep(test.pause) // in the test's time
				}
				if (read < whole) != test.cut {
					t.Errorf("read %d of %d bytes", read, whole)
				}
				close(listener.closed)
				_ = server.Close()
				<-served
			})
		})
	}
}
