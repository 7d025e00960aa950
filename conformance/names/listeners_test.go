package names_test

import (
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"net/netip"
	"strings"
	"testing"

	"mirnode/conformance/names"
)

// A node that connects inside finds a good certificate and the domain's document, and each connection is counted, those that say nothing too.
func TestInside(t *testing.T) {
	n, err := names.Start(names.Options{Suffix: "conformance.test", Address: netip.MustParseAddr("192.0.2.1")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = n.Close() })
	if err := n.Publish("shop.conformance.test", names.Domain{Document: &names.Document{Body: `{"keys":[]}`}}); err != nil {
		t.Fatal(err)
	}
	// Every machine has this address too, and the port is free there, since the names listen for IPv4 alone.
	inside, err := n.ListenInside(netip.IPv6Loopback())
	if err != nil {
		if inside, err = n.ListenInside(netip.MustParseAddr("127.32.0.9")); err != nil {
			t.Fatal(err)
		}
	}
	if inside.Address().Port() != n.HTTPS().Port() || inside.Connections() != 0 {
		t.Errorf("it listens on %v with %d connections", inside.Address(), inside.Connections())
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(n.CAPEM())
	connection, err := tls.Dial("tcp", inside.Address().String(), &tls.Config{RootCAs: roots, ServerName: "shop.conformance.test"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(connection, "GET /.well-known/mir.json HTTP/1.1\r\nHost: shop.conformance.test\r\nConnection: close\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	if answer, err := io.ReadAll(connection); err != nil || !strings.Contains(string(answer), `{"keys":[]}`) || !strings.HasPrefix(string(answer), "HTTP/1.1 200") {
		t.Errorf("got %q, %v", answer, err)
	}
	_ = connection.Close()
	const silent = 20 // more than it holds
	for range silent {
		c, err := net.Dial("tcp", inside.Address().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close() })
	}
	last, err := net.Dial("tcp", inside.Address().String())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := last.Read(make([]byte, 1)); err == nil {
		t.Error("it says something to a client that says nothing")
	}
	_ = last.Close()
	// Connections are taken in their order, so those before the last have been seen when that one ends.
	if got := inside.Connections(); got != 1+silent+1 {
		t.Errorf("%d connections are counted", got)
	}
	if err := inside.Close(); err != nil {
		t.Error(err)
	}
	if c, err := net.Dial("tcp", inside.Address().String()); err == nil {
		_ = c.Close()
		t.Error("it still listens")
	}
}
