package gossip

import (
	"errors"
	"io"
	"log"
	"log/slog"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/hashicorp/memberlist"
)

var loopback = netip.MustParsePrefix("127.0.0.0/16")

// permitLoopback permits 127.0.0.0/16 alone.
func permitLoopback(ip netip.Addr) error {
	if loopback.Contains(ip) {
		return nil
	}
	return errors.New("not permitted")
}

func listenLoopback(t *testing.T, source netip.Addr) *transport {
	t.Helper()
	tr, err := listen(netip.MustParseAddrPort("127.0.0.1:0"), source, permitLoopback, log.New(io.Discard, "", 0))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(tr.Shutdown(), tr.Shutdown()); err != nil {
			t.Error(err)
		}
	})
	return tr
}

// TestTransportRules: what members' messages name is not reached when it may not be, and connections leave from the given address.
func TestTransportRules(t *testing.T) {
	a, b := listenLoopback(t, netip.MustParseAddr("127.0.3.3")), listenLoopback(t, netip.Addr{})
	for _, to := range []string{"127.9.0.1:1", "10.0.0.1:1", "169.254.169.254:80", "[::1]:1", "localhost:1", "nonsense"} {
		if _, err := a.WriteToAddress([]byte("x"), memberlist.Address{Addr: to}); !errors.Is(err, errForbidden) {
			t.Errorf("a packet to %s: %v", to, err)
		}
		if _, err := a.DialAddressTimeout(memberlist.Address{Addr: to}, time.Second); !errors.Is(err, errForbidden) {
			t.Errorf("a connection to %s: %v", to, err)
		}
	}
	at := netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), uint16(b.port())).String()
	if _, err := a.WriteTo([]byte("x"), at); err != nil {
		t.Error(err)
	}
	if packet := <-b.PacketCh(); string(packet.Buf) != "x" {
		t.Errorf("%q", packet.Buf)
	}
	conn, err := a.DialTimeout(at, time.Second)
	if err != nil {
		t.Fatal(err)
	}
	taken := <-b.StreamCh()
	if from, _, _ := net.SplitHostPort(taken.RemoteAddr().String()); from != "127.0.3.3" {
		t.Errorf("from %s", from)
	}
	_, _ = conn.Close(), taken.Close()
}

// TestTransportStreams: connections are bounded in number and in size.
func TestTransportStreams(t *testing.T) {
	tr := listenLoopback(t, netip.Addr{})
	var taken []net.Conn
	dial := func() net.Conn {
		conn, err := net.Dial("tcp", netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), uint16(tr.port())).String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close() })
		return conn
	}
	first := dial()
	taken = append(taken, <-tr.StreamCh())
	for range maxStreams - 1 {
		dial()
		taken = append(taken, <-tr.StreamCh())
	}
	if _, err := dial().Read(make([]byte, 1)); err == nil || errors.Is(err, net.ErrClosed) {
		t.Errorf("one connection too many: %v", err)
	}
	_ = taken[1].Close()
	_ = taken[1].Close() // counts once
	dial()
	taken = append(taken, <-tr.StreamCh())
	if n := tr.open.Load(); n != maxStreams {
		t.Errorf("%d are open, want %d", n, maxStreams)
	}
	go func() {
		_, _ = first.Write(make([]byte, maxStreamBytes+1)) // it is cut off
	}()
	if n, err := io.Copy(io.Discard, taken[0]); n != maxStreamBytes || !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("%d bytes, %v", n, err)
	}
	for _, c := range taken {
		_ = c.Close()
	}
}

// book knows one descriptor.
type book struct {
	domain string
	hash   [32]byte
	woken  []string
}

func (b *book) KnownDescriptor(domain string, hash [32]byte) bool {
	return domain == b.domain && hash == b.hash
}
func (b *book) Wake(domain string) { b.woken = append(b.woken, domain) }

// TestDelegate: only peers whose descriptor is known become members.
func TestDelegate(t *testing.T) {
	known := &book{domain: "node2.test", hash: [32]byte{1}}
	d := &delegate{
		self: "node1.test", meta: func() [32]byte { return [32]byte{9} }, book: known, permit: permitLoopback, intake: newIntake(), log: slog.New(slog.DiscardHandler),
	}
	member := func(name, addr string, meta ...byte) *memberlist.Node {
		return &memberlist.Node{Name: name, Addr: net.ParseIP(addr), Meta: meta}
	}
	good, other := append([]byte{1}, make([]byte, 31)...), append([]byte{2}, make([]byte, 31)...)
	for name, c := range map[string]struct {
		node  *memberlist.Node
		taken bool
		wakes bool
	}{
		"ourselves":          {member("node1.test", "10.0.0.1"), true, false},
		"a peer":             {member("node2.test", "127.0.0.1", good...), true, false},
		"a peer's other one": {member("node2.test", "127.0.0.1", other...), false, true},
		"no metadata":        {member("node2.test", "127.0.0.1"), false, true},
		"too much of it":     {member("node2.test", "127.0.0.1", append(good, 0)...), false, true},
		"a stranger":         {member("node3.test", "127.0.0.1", good...), false, true},
		"inside":             {member("node2.test", "10.0.0.1", good...), false, false},
		"no address":         {&memberlist.Node{Name: "node2.test", Meta: good}, false, false},
	} {
		known.woken = nil
		if err := d.NotifyAlive(c.node); (err == nil) != c.taken || (len(known.woken) > 0) != c.wakes {
			t.Errorf("%s: %v, woke %v", name, err, known.woken)
		}
	}
	crowd := make([]*memberlist.Node, maxMembers+1)
	for i := range crowd {
		crowd[i] = member("node2.test", "127.0.0.1", good...)
	}
	for name, c := range map[string]struct {
		list  []*memberlist.Node
		taken bool
	}{
		"nobody":              {nil, false},
		"strangers":           {[]*memberlist.Node{member("node3.test", "127.0.0.1", good...), member("node1.test", "127.0.0.1", good...)}, false},
		"a peer among others": {[]*memberlist.Node{member("node3.test", "127.0.0.1", other...), member("node2.test", "127.0.0.1", good...)}, true},
		"a crowd":             {crowd, false},
	} {
		if err := d.NotifyMerge(c.list); (err == nil) != c.taken {
			t.Errorf("merge with %s: %v", name, err)
		}
	}
	if meta := d.NodeMeta(512); len(meta) != 32 || meta[0] != 9 {
		t.Errorf("%x", meta)
	}
	if d.LocalState(true) != nil || d.AckPayload() != nil {
		t.Error("something is carried by the exchange of members")
	}
	d.NotifyMsg([]byte("nonsense"))
	if hints, _ := d.intake.take(); len(hints) != 0 {
		t.Errorf("%v", hints)
	}
}
