package federation_test

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"math"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"mirnode/cluster"
)

// TestHostileHints: strangers send hints by the thousand, under made-up names and under those of honest nodes. They cost a look, and change nothing.
func TestHostileHints(t *testing.T) {
	w := startHostileWorld(t, cluster.Options{Nodes: 2})
	w.wantConverging()
	origins := []string{fmt.Sprintf("%x", w.origin(0).Hash()), fmt.Sprintf("%x", w.origin(1).Hash())}
	before, err := w.metrics(t.Context(), 0)
	w.must(err)
	for n := range 1000 {
		var hints []string
		for i := range 64 {
			var stranger [32]byte
			_, _ = rand.Read(stranger[:])
			origin, size := fmt.Sprintf("%x", stranger), uint64(n)<<20+uint64(i)
			if i < 2 {
				origin = origins[(n+i)%2]
			}
			hints = append(hints, fmt.Sprintf(`{"origin":%q,"size":%d,"root":"%08x"}`, origin, size, n))
		}
		from := []string{"node2.test", "node1.test", "", fmt.Sprintf("stranger%d.test", n)}[n%4]
		body := fmt.Sprintf(`{"from":%q,"hints":[%s]}`, from, strings.Join(hints, ","))
		for _, i := range w.running() {
			status, answer, err := w.do(t.Context(), http.MethodPost, i, "/hint", []byte(body))
			if err != nil || status != http.StatusAccepted && status != http.StatusTooManyRequests && status != http.StatusServiceUnavailable {
				t.Fatalf("hints: %d %v %.300s", status, err, answer)
			}
		}
		if n%250 == 0 {
			w.wantConverging()
		}
	}
	w.wantConverging()
	w.wantInContact("")
	w.wantSmall()
	after, err := w.metrics(t.Context(), 0)
	w.must(err)
	if got := after["go_goroutines"] - before["go_goroutines"]; got > 200 {
		t.Errorf("the hints left %.0f goroutines", got)
	}
}

// TestHostileSuspicion: whoever holds the consortium's key can have an honest node taken for dead, for good. Hints over HTTP and polls do not
// care: claims spread as before, and nobody's peers change.
func TestHostileSuspicion(t *testing.T) {
	w := startHostileWorld(t, cluster.Options{Nodes: 3})
	for _, i := range w.running() {
		w.awaitMember(i, "member")
	}
	accuse := w.accuser()
	defer accuse.conn.Close()
	w.await("node2 is taken for dead", func(ctx context.Context) error {
		for i := range 3 {
			accuse.send(w, i, accusation("node2.test", fmt.Sprintf("node%d.test", (i+1)%3+1)))
		}
		for _, i := range []int{0, 2} {
			s, err := w.peerStatus(ctx, i, "node2.test")
			if err != nil || s.Hints == "member" {
				return fmt.Errorf("%s: %s (%w)", w.node(i).Name, s.Hints, err)
			}
		}
		return nil
	})
	w.wantConverging()
	w.wantInContact("")
	w.wantSmall()
}

// wantInContact wants each node to be in contact with each other one, and to complain of nothing.
func (w *world) wantInContact(complaint string) {
	w.t.Helper()
	for _, i := range w.running() {
		for _, other := range w.running() {
			if i == other {
				continue
			}
			s, err := w.peerStatus(w.t.Context(), i, w.node(other).Domain)
			if err != nil || !s.Admitted || s.State != "in contact" || s.Failures != 0 || s.LagEntries != 0 || s.Complaint != complaint {
				w.t.Errorf("%s of %s: %+v (%v)", w.node(i).Name, w.node(other).Name, s, err)
			}
		}
	}
}

// awaitMember waits until the i-th node says so of all its peers in the hint channel.
func (w *world) awaitMember(i int, hints string) {
	w.t.Helper()
	w.await("the hint channel", func(ctx context.Context) error {
		for _, other := range w.running() {
			if s, err := w.peerStatus(ctx, i, w.node(other).Domain); other != i && (err != nil || s.Hints != hints) {
				return fmt.Errorf("%s of %s: %q (%w)", w.node(i).Name, w.node(other).Name, s.Hints, err)
			}
		}
		return nil
	})
}

// accuser holds the consortium's key and forges memberlist's packets.
type accuser struct {
	conn net.PacketConn
	gcm  cipher.AEAD
}

func (w *world) accuser() *accuser {
	w.t.Helper()
	text, err := os.ReadFile(filepath.Join(w.c.State().Dir, "gossip.key"))
	w.must(err)
	key, err := base64.StdEncoding.DecodeString(strings.TrimSpace(string(text)))
	w.must(err)
	block, err := aes.NewCipher(key)
	w.must(err)
	gcm, err := cipher.NewGCM(block)
	w.must(err)
	conn, err := new(net.ListenConfig).ListenPacket(w.t.Context(), "udp", "127.0.0.1:0")
	w.must(err)
	return &accuser{conn, gcm}
}

// send encrypts a message as members do, over the label that keeps networks apart, and sends it to the i-th node.
func (a *accuser) send(w *world, i int, message []byte) {
	const label = "mir/1/development"
	nonce := make([]byte, a.gcm.NonceSize())
	_, _ = rand.Read(nonce)
	packet := slices.Concat([]byte{244, byte(len(label))}, []byte(label), []byte{1}, nonce)
	packet = append(packet, a.gcm.Seal(nil, nonce, message, []byte(label))...)
	to, err := net.ResolveUDPAddr("udp", w.node(i).Gossip)
	w.must(err)
	_, err = a.conn.WriteTo(packet, to)
	w.must(err)
}

// accusation is memberlist's suspect message (3) in MessagePack, with an incarnation that nothing refutes.
func accusation(node, from string) []byte {
	text := func(s string) []byte { return append([]byte{0xa0 | byte(len(s))}, s...) }
	return slices.Concat([]byte{3, 0x83}, text("Incarnation"), binary.BigEndian.AppendUint32([]byte{0xce}, math.MaxUint32),
		text("Node"), text(node), text("From"), text(from))
}
