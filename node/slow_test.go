package node_test

import (
	"bufio"
	"errors"
	"io"
	"log/slog"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"mirnode/node"
)

// pipes is a listener whose connections are in memory, so that time may be the test's own.
type pipes struct {
	connections chan net.Conn
	closed      chan struct{}
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.connections:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error   { return nil }
func (p *pipes) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)} }

// slowServer serves a node in the test's time, and gives what dials it.
func slowServer(t *testing.T) (dial func() net.Conn, stop func()) {
	t.Helper()
	c := node.Default()
	c.DataDir, c.Listen = t.TempDir(), "127.0.0.1:0"
	n, err := node.New(t.Context(), c, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	listener := &pipes{connections: make(chan net.Conn), closed: make(chan struct{})}
	server := n.PublicServer()
	served := make(chan error)
	go func() { served <- server.Serve(listener) }()
	dial = func() net.Conn {
		client, end := net.Pipe()
		listener.connections <- end
		return client
	}
	stop = func() {
		close(listener.closed)
		_ = server.Close()
		<-served
		if err := n.Close(); err != nil {
			t.Error(err)
		}
	}
	return dial, stop
}

// Slow and greedy clients lose their connection after a chosen time, and cost no more than that.
func TestSlowAndGreedyClients(t *testing.T) {
	for _, test := range []struct {
		name   string
		send   func(w io.Writer) error // ends when the server hangs up, or when all is sent
		within time.Duration
		answer string // the first line, or a part of the answer
	}{
		{"sends nothing", func(io.Writer) error { return nil }, 6 * time.Second, ""},
		{"sends a head that does not end", drip("GET /node HTTP/1.1\r\nX: ", "x", time.Second), 6 * time.Second, ""},
		{"sends a body that drips", drip("POST /claims HTTP/1.1\r\nHost: x\r\nContent-Length: 4000\r\n\r\n", "{", 3*time.Second), 11 * time.Second, "408"},
		{"sends a batch that drips", drip("POST /claims/batch HTTP/1.1\r\nHost: x\r\nContent-Length: 4000\r\n\r\n[", " ", 3*time.Second), 6 * time.Second, "408"},
		{"sends a batch slowly", drip("POST /claims/batch HTTP/1.1\r\nHost: x\r\nContent-Length: 16000000\r\n\r\n[", strings.Repeat(" ", 70<<10), 4*time.Second), 61 * time.Second, "408"},
		{"sends an endless body", drip("POST /claims HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n", "400\r\n"+strings.Repeat("x", 1024)+"\r\n", 0), time.Second, "413"},
		{"announces a body that is too large", drip("POST /claims HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999\r\n\r\n", "", 0), time.Second, "413"},
		{"sends an endless body to a route without one", drip("POST /nothing HTTP/1.1\r\nHost: x\r\nContent-Length: 4000\r\n\r\n", "", 0), 31 * time.Second, "404"},
		{"sends a huge head", drip("GET /node HTTP/1.1\r\n", "X-A: "+strings.Repeat("x", 1024)+"\r\n", 0), time.Second, "431"},
		{"stays without asking", drip("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n", "", 0), 31 * time.Second, "200"},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				dial, stop := slowServer(t)
				defer stop()
				began := time.Now()
				client := dial()
				sent := make(chan error, 1)
				go func() { sent <- test.send(client) }()
				answer, err := io.ReadAll(bufio.NewReader(client))
				if err != nil && !errors.Is(err, io.ErrClosedPipe) {
					t.Error(err)
				}
				took := time.Since(began)
				_ = client.Close()
				<-sent
				if took > test.within || !strings.HasPrefix(string(answer), "HTTP/1.1 "+test.answer) && test.answer != "" {
					t.Errorf("after %v: %.200q", took, answer)
				}
			})
		})
	}
}

// drip sends a beginning, and then a piece again and again with a pause between; an empty piece is not sent.
func drip(first, piece string, pause time.Duration) func(io.Writer) error {
	return func(w io.Writer) error {
		_, err := io.WriteString(w, first)
		for range 4000 {
			if err != nil || piece == "" {
				return err
			}
			time.Sleep(pause) // in the test's time
			_, err = io.WriteString(w, piece)
		}
		return err
	}
}
