package cluster_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"mirnode/cluster"
)

// town is some nodes that are nothing but an HTTP server and a UDP socket, with their edges before them.
type town struct {
	*cluster.TestEdges
	servers []*httptest.Server
	packets []*net.UDPConn
}

// newTown opens n nodes. Each answers /stream with the lines that it is told to send, /echo with what it was sent, and all else with the
// caller's address.
func newTown(t *testing.T, n int, lines <-chan string) *town {
	t.Helper()
	w := &town{}
	var api, gossip []netip.AddrPort
	for i := range n {
		server := httptest.NewServer(http.HandlerFunc(func(out http.ResponseWriter, r *http.Request) {
			switch r.URL.Path {
			case "/stream":
				out.(http.Flusher).Flush()
				for line := range lines {
					fmt.Fprintln(out, line)
					out.(http.Flusher).Flush()
				}
			case "/echo":
				_, _ = io.Copy(out, r.Body)
			default:
				fmt.Fprint(out, r.RemoteAddr)
			}
		}))
		t.Cleanup(server.Close)
		packets, err := net.ListenUDP("udp4", net.UDPAddrFromAddrPort(netip.AddrPortFrom(cluster.Source(i), 0)))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = packets.Close() })
		w.servers, w.packets = append(w.servers, server), append(w.packets, packets)
		api = append(api, netip.MustParseAddrPort(server.Listener.Addr().String()))
		gossip = append(gossip, packets.LocalAddr().(*net.UDPAddr).AddrPort())
	}
	w.TestEdges = cluster.NewTestEdges(t, api, gossip)
	return w
}

// as is a client that talks from the i-th node's address; -1: from where users do.
func (w *town) as(t *testing.T, i int) *http.Client {
	dialer := &net.Dialer{}
	if i >= 0 {
		dialer.LocalAddr = net.TCPAddrFromAddrPort(netip.AddrPortFrom(cluster.Source(i), 0))
	}
	transport := &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: w.Roots, ClientSessionCache: tls.NewLRUClientSessionCache(8)},
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			_, port, _ := net.SplitHostPort(address)
			return dialer.DialContext(ctx, network, net.JoinHostPort("127.0.0.1", port))
		},
	}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

func (w *town) get(ctx context.Context, client *http.Client, url string) (*http.Response, string, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, "", err
	}
	answer, err := client.Do(request)
	if err != nil {
		return nil, "", err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	return answer, string(body), err
}

func TestEdgeHandsOnUnderTheCallersAddress(t *testing.T) {
	w := newTown(t, 2, nil)
	client := w.as(t, 0)
	for _, resumed := range []bool{false, true} {
		answer, body, err := w.get(t.Context(), client, w.URL(1)+"/")
		if err != nil || !strings.HasPrefix(body, "127.0.1.1:") {
			t.Fatalf("%q %v", body, err)
		}
		if got := answer.TLS.DidResume; got != resumed || answer.TLS.PeerCertificates[0].DNSNames[0] != "node2.test" || answer.ProtoMajor != 1 {
			t.Errorf("resumed %t, want %t; %v %s", got, resumed, answer.TLS.PeerCertificates[0].DNSNames, answer.Proto)
		}
		client.CloseIdleConnections()
	}
	if _, body, err := w.get(t.Context(), w.as(t, -1), w.URL(0)+"/"); err != nil || !strings.HasPrefix(body, "127.0.0.1:") {
		t.Errorf("a stranger: %q %v", body, err)
	}
	large := make([]byte, 3<<20+17)
	for i := range large {
		large[i] = byte(rand.Uint32())
	}
	for name, delay := range map[string]time.Duration{"at once": 0, "slowed down": time.Millisecond} {
		w.Delay(0, 1, delay)
		answer, err := client.Post(w.URL(1)+"/echo", "application/octet-stream", bytes.NewReader(large))
		if err != nil {
			t.Fatal(err)
		}
		back, err := io.ReadAll(answer.Body)
		answer.Body.Close()
		if err != nil || !bytes.Equal(back, large) {
			t.Errorf("%s: %d bytes came back of %d: %v", name, len(back), len(large), err)
		}
	}
}

func TestSilentCutHoldsWhatIsUnderWay(t *testing.T) {
	lines := make(chan string)
	w := newTown(t, 3, lines)
	client := w.as(t, 0)
	answer, err := client.Get(w.URL(1) + "/stream")
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	arriving := make(chan string, 8)
	go func() {
		defer close(arriving)
		for scanner := bufio.NewScanner(answer.Body); scanner.Scan(); {
			arriving <- scanner.Text()
		}
	}()
	lines <- "before"
	if got := <-arriving; got != "before" {
		t.Fatalf("%q", got)
	}
	w.Cut(cluster.Silent, []int{0})
	lines <- "during"

	// Others get through, in every direction that was not cut, and this one does not, however it tries.
	if _, body, err := w.get(t.Context(), w.as(t, 2), w.URL(1)+"/"); err != nil || body == "" {
		t.Errorf("node3 to node2: %v", err)
	}
	for _, way := range [][2]int{{0, 1}, {1, 0}, {0, 2}} {
		hurried, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		if _, _, err := w.get(hurried, w.as(t, way[0]), w.URL(way[1])+"/"); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("node%d to node%d: %v", way[0]+1, way[1]+1, err)
		}
		cancel()
	}
	select {
	case line := <-arriving:
		t.Errorf("%q came over a cut link", line)
	default:
	}
	late := make(chan error, 1)
	go func() { // begun while it is cut, and carried through after
		_, _, err := w.get(t.Context(), w.as(t, 0), w.URL(1)+"/")
		late <- err
	}()
	w.Heal(0, 1)
	if got := <-arriving; got != "during" {
		t.Errorf("after the heal: %q", got)
	}
	if err := <-late; err != nil {
		t.Errorf("a call that was held: %v", err)
	}
	close(lines)
	if line, more := <-arriving; more {
		t.Errorf("and then %q", line)
	}
}

func TestResetCutBreaksConnections(t *testing.T) {
	lines := make(chan string)
	defer close(lines)
	w := newTown(t, 2, lines)
	client := w.as(t, 0)
	answer, err := client.Get(w.URL(1) + "/stream")
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	lines <- "before"
	w.Cut(cluster.Reset, []int{0}, []int{1})
	if rest, err := io.ReadAll(answer.Body); err == nil {
		t.Errorf("the stream ended well, after %q", rest)
	}
	if _, _, err := w.get(t.Context(), client, w.URL(1)+"/"); err == nil {
		t.Error("a new connection came through")
	}
	w.Heal(0, 1)
	if _, _, err := w.get(t.Context(), client, w.URL(1)+"/"); err != nil {
		t.Errorf("after the heal: %v", err)
	}
}

func TestDelayedLink(t *testing.T) {
	w := newTown(t, 2, nil)
	client := w.as(t, 1)
	const delay = 50 * time.Millisecond
	w.Delay(0, 1, delay)
	began := time.Now()
	if _, _, err := w.get(t.Context(), client, w.URL(0)+"/"); err != nil || time.Since(began) < 6*delay {
		t.Errorf("over a new connection: %v, after %v", err, time.Since(began))
	}
	began = time.Now()
	if _, _, err := w.get(t.Context(), client, w.URL(0)+"/"); err != nil || time.Since(began) < 2*delay {
		t.Errorf("over a connection that stands: %v, after %v", err, time.Since(began))
	}
}

// hears waits for a packet; "" if none comes in time.
func hears(t *testing.T, at *net.UDPConn, within time.Duration) string {
	t.Helper()
	if err := at.SetReadDeadline(time.Now().Add(within)); err != nil {
		t.Fatal(err)
	}
	buffer := make([]byte, 2048)
	n, _, err := at.ReadFromUDPAddrPort(buffer)
	if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatal(err)
	}
	return string(buffer[:n])
}

func TestRelay(t *testing.T) {
	w := newTown(t, 3, nil)
	send := func(from, to int, text string) {
		t.Helper()
		if _, err := w.packets[from].WriteToUDPAddrPort([]byte(text), w.Gossip(to)); err != nil {
			t.Fatal(err)
		}
	}
	send(0, 1, "hello")
	if got := hears(t, w.packets[1], 5*time.Second); got != "hello" {
		t.Errorf("%q", got)
	}
	w.Cut(cluster.Silent, []int{0}, []int{1, 2})
	send(0, 1, "lost")
	send(2, 1, "not cut")
	if got := hears(t, w.packets[1], 5*time.Second); got != "not cut" {
		t.Errorf("%q", got)
	}
	w.Heal(0, 1)
	const delay = 30 * time.Millisecond
	w.Delay(0, 1, delay)
	began := time.Now()
	send(0, 1, "late")
	if got := hears(t, w.packets[1], 5*time.Second); got != "late" || time.Since(began) < delay {
		t.Errorf("%q after %v", got, time.Since(began))
	}
	// Gossip over TCP goes the same ways.
	listener, err := net.Listen("tcp4", w.packets[1].LocalAddr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	w.Cut(cluster.Silent, []int{1})
	connection, err := (&net.Dialer{LocalAddr: net.TCPAddrFromAddrPort(netip.AddrPortFrom(cluster.Source(2), 0))}).Dial("tcp4", w.Gossip(1).String())
	if err != nil {
		t.Fatal(err)
	}
	defer connection.Close()
	if _, err := connection.Write([]byte("push\n")); err != nil {
		t.Fatal(err)
	}
	w.Heal(1, 2)
	taken, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	if line, err := bufio.NewReader(taken).ReadString('\n'); line != "push\n" {
		t.Errorf("%q %v", line, err)
	}
}

func BenchmarkRelay(b *testing.B) {
	packets, err := net.ListenUDP("udp4", net.UDPAddrFromAddrPort(netip.AddrPortFrom(cluster.Source(0), 0)))
	if err != nil {
		b.Fatal(err)
	}
	defer packets.Close()
	at := packets.LocalAddr().(*net.UDPAddr).AddrPort()
	edges := cluster.NewTestEdges(b, []netip.AddrPort{at}, []netip.AddrPort{at})
	packet, buffer := make([]byte, 200), make([]byte, 2048)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := packets.WriteToUDPAddrPort(packet, edges.Gossip(0)); err != nil {
			b.Fatal(err)
		}
		if _, _, err := packets.ReadFromUDPAddrPort(buffer); err != nil {
			b.Fatal(err)
		}
	}
}
