package node_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
)

// open opens a connection and asks something on it; it gives the connection, or nil when the node has closed it.
func openConnection(t *testing.T, n running) net.Conn {
	t.Helper()
	connection, err := net.Dial("tcp", strings.TrimPrefix(n.URL(), "http://"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := fmt.Fprint(connection, "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
		return nil
	}
	answer, err := http.ReadResponse(bufio.NewReader(connection), nil)
	if err != nil {
		_ = connection.Close()
		return nil
	}
	_, _ = io.Copy(io.Discard, answer.Body)
	_ = answer.Body.Close()
	t.Cleanup(func() { _ = connection.Close() })
	return connection
}

// One client cannot take all the connections; what it has too many of is closed at once.
func TestConnectionsOfOneClient(t *testing.T) {
	for _, test := range []struct {
		name    string
		most    int
		proxies []string
		want    int // connections of five that are answered
	}{
		{"three", 3, nil, 3},
		{"any number", 0, nil, 5},
		{"a trusted proxy", 3, []string{"127.0.0.1"}, 5},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t)
			w.config.Limits.ConnectionsPerClient, w.config.TrustedProxies = test.most, test.proxies
			n := w.run(t)
			var open []net.Conn
			for range 5 {
				if c := openConnection(t, n); c != nil {
					open = append(open, c)
				}
			}
			if len(open) != test.want {
				t.Fatalf("%d connections, want %d", len(open), test.want)
			}
			// A place comes back when the node has seen that its connection is gone.
			if _, err := fmt.Fprint(open[0], "GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"); err != nil {
				t.Fatal(err)
			}
			_, _ = io.Copy(io.Discard, open[0])
			if openConnection(t, n) == nil {
				t.Error("the place did not come back")
			}
		})
	}
}
