package guard_test

import (
	"errors"
	"net"
	"net/netip"
	"testing"
	"time"

	"mirnode/discovery/internal/guard"
)

// forbidden is every kind of address that must not be reached, and its edges.
var forbidden = []string{
	"0.0.0.0", "0.1.2.3", "10.0.0.1", "10.255.255.255", "100.64.0.1", "100.127.255.255", "127.0.0.1", "127.255.255.254",
	"169.254.169.254", "172.16.0.1", "172.31.255.255", "192.0.0.1", "192.0.0.170", "192.0.2.1", "192.88.99.1", "192.168.0.1",
	"192.168.255.255", "198.18.0.1", "198.19.255.255", "198.51.100.1", "203.0.113.1", "224.0.0.1", "239.255.255.255",
	"240.0.0.1", "255.255.255.255",
	"::", "::1", "fe80::1", "fe80::1%lo", "febf::1", "fec0::1", "fc00::1", "fd00::1", "fdff::1", "ff02::1", "ff0e::1",
	"100::1", "2001:db8::1", "3fff::1",
	"::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:8.8.8.8", // mapped
	"::127.0.0.1", "::8.8.8.8", // compatible
	"::ffff:0:127.0.0.1",                                      // translated (RFC 2765)
	"64:ff9b::7f00:1", "64:ff9b::808:808", "64:ff9b:1::a00:1", // NAT64
	"2002:7f00:1::", "2002:808:808::1", // 6to4
	"2001::7f00:1", "2001:0:53aa:64c::1", // Teredo
	"2001:10::1", "2001:20::1", // ORCHID
	"4000::1", "5f00::1", "2000::1%eth0",
}

func TestForbiddenAddresses(t *testing.T) {
	g := guard.New(443, nil)
	for _, text := range forbidden {
		if err := g.Check(netip.MustParseAddr(text)); !errors.Is(err, guard.ErrForbidden) {
			t.Errorf("%s may be connected to", text)
		}
	}
	for _, text := range []string{"1.1.1.1", "8.8.8.8", "9.255.255.255", "11.0.0.1", "100.63.255.255", "100.128.0.1", "126.1.1.1", "128.0.0.1",
		"169.253.1.1", "172.15.1.1", "172.32.0.1", "192.167.1.1", "223.255.255.255", "2606:4700::1111", "2a00:1450::1", "2003::1"} {
		if err := g.Check(netip.MustParseAddr(text)); err != nil {
			t.Errorf("%s may not be connected to: %v", text, err)
		}
	}
}

func TestAllowedRanges(t *testing.T) {
	g := guard.New(443, []netip.Prefix{netip.MustParsePrefix("10.1.2.3/16"), netip.MustParsePrefix("fd00::/8")})
	for text, want := range map[string]bool{
		"10.1.0.1": true, "10.2.0.1": false, "fd12::1": true, "fc00::1": false, "::ffff:10.1.0.1": false, "127.0.0.1": false, "8.8.8.8": true,
	} {
		if err := g.Check(netip.MustParseAddr(text)); (err == nil) != want {
			t.Errorf("%s: %v, want allowed: %v", text, err, want)
		}
	}
}

// TestDialer connects for real: the check must hold for the socket, whatever was checked before.
func TestDialer(t *testing.T) {
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	address := listener.Addr().(*net.TCPAddr)
	loopback := []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
	mapped := []netip.Prefix{netip.MustParsePrefix("::ffff:127.0.0.0/104")}
	port := uint16(address.Port)
	for name, c := range map[string]struct {
		guard  guard.Guard
		target string
		want   bool
	}{
		"loopback":                  {guard.New(port, nil), address.String(), false},
		"loopback allowed":          {guard.New(port, loopback), address.String(), true},
		"another port":              {guard.New(443, loopback), address.String(), false},
		"mapped":                    {guard.New(port, nil), net.JoinHostPort("::ffff:127.0.0.1", address.AddrPort().String()[len("127.0.0.1:"):]), false},
		"mapped, with range mapped": {guard.New(port, mapped), net.JoinHostPort("::ffff:127.0.0.1", address.AddrPort().String()[len("127.0.0.1:"):]), false},
	} {
		conn, err := c.guard.Dialer(5*time.Second).DialContext(t.Context(), "tcp", c.target)
		if (err == nil) != c.want {
			t.Errorf("%s: %v, want a connection: %v", name, err, c.want)
		}
		if err == nil {
			_ = conn.Close()
		}
	}
}
