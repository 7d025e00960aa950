package gossip_test

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"math"
	"net"
	"slices"
	"testing"
	"time"

	"mirnode/gossip"
)

// The messages of memberlist's protocol that are forged here, and their first bytes.
const (
	suspectMessage = 3
	aliveMessage   = 4
	deadMessage    = 5
	userMessage    = 8
)

// attacker holds the consortium's key and forges packets.
type attacker struct {
	t     *testing.T
	key   []byte
	label string
	conn  net.PacketConn
}

func newAttacker(t *testing.T, key []byte) *attacker {
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return &attacker{t, key, "mir/1/development", conn}
}

// send encrypts a message as members do (AES-GCM over the label) and sends it to a node.
func (a *attacker) send(to *node, message []byte) {
	a.t.Helper()
	block, err := aes.NewCipher(a.key)
	if err != nil {
		a.t.Fatal(err)
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		a.t.Fatal(err)
	}
	nonce := make([]byte, gcm.NonceSize())
	_, _ = rand.Read(nonce)
	packet := append([]byte{244, byte(len(a.label))}, a.label...)
	packet = append(append(packet, 1), nonce...)
	packet = append(packet, gcm.Seal(nil, nonce, message, []byte(a.label))...)
	at, _ := to.f.HintAddress()
	if _, err := a.conn.WriteTo(packet, net.UDPAddrFromAddrPort(at)); err != nil {
		a.t.Fatal(err)
	}
}

// text and number are MessagePack.
func text(s string) []byte { return append([]byte{0xa0 | byte(len(s))}, s...) }

func binaryText(b []byte) []byte { return append([]byte{0xda, 0, byte(len(b))}, b...) }

func number(n uint32) []byte { return binary.BigEndian.AppendUint32([]byte{0xce}, n) }

// accusation is a suspect or dead message with the highest incarnation there is.
func accusation(kind byte, node, from string) []byte {
	return slices.Concat([]byte{kind, 0x83}, text("Incarnation"), number(math.MaxUint32), text("Node"), text(node), text("From"), text(from))
}

// alive is an alive message of a node at an address where nobody is.
func alive(node string, incarnation uint32, meta []byte) []byte {
	return slices.Concat([]byte{aliveMessage, 0x86}, text("Incarnation"), number(incarnation), text("Node"), text(node),
		text("Addr"), binaryText([]byte{127, 0, 0, 1}), text("Port"), number(9), text("Meta"), binaryText(meta),
		text("Vsn"), binaryText([]byte{1, 5, 2, 0, 0, 0}))
}

// federated are three nodes whose hint channels know each other, and an attacker who has their key.
func federated(t *testing.T, change func(*gossip.Options)) (*world, []*node, *attacker) {
	w := newWorld(t, three...)
	key := slices.Repeat([]byte{7}, 32)
	var nodes []*node
	for _, d := range three {
		nodes = append(nodes, w.node(d, three, func(o *gossip.Options) { change(o); o.Hints.Keys = [][]byte{key} }))
	}
	introduce(t, nodes...)
	for _, n := range nodes {
		await(t, n.domain+" has all members", n.there.reached(three...))
	}
	return w, nodes, newAttacker(t, key)
}

// TestForgedAccusations: whoever holds the key can have a node taken for dead by all, for good. Nothing follows from it: hints over HTTP
// reach it, and where those are not heard either, polls do; nobody's peers change.
func TestForgedAccusations(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*gossip.Options)
		deaf   bool
		kind   byte
	}{
		"dead, hints over HTTP": {quiet, false, deadMessage},
		"dead, polls alone":     {func(o *gossip.Options) { o.Planner.PollEvery = 50 * time.Millisecond }, true, deadMessage},
		"suspect": {func(o *gossip.Options) {
			quiet(o)
			o.Hints.ProbeEvery = 50 * time.Millisecond // and the suspicion lasts six of them
		}, false, suspectMessage},
	} {
		t.Run(name, func(t *testing.T) {
			_, nodes, mallory := federated(t, c.change)
			for _, n := range nodes {
				n.mu.Lock()
				n.deaf = c.deaf
				n.mu.Unlock()
			}
			spreads(t, 1, nodes...)
			one, two, three := nodes[0], nodes[1], nodes[2]
			mallory.send(one, accusation(c.kind, "node2.test", "node3.test"))
			mallory.send(three, accusation(c.kind, "node2.test", "node1.test"))
			mallory.send(two, accusation(c.kind, "node2.test", "node1.test"))
			await(t, "node1 takes node2 for dead", one.there.reached("node1.test", "node3.test"))
			await(t, "node3 takes node2 for dead", three.there.reached("node1.test", "node3.test"))
			for size := uint64(2); size < 6; size++ {
				spreads(t, size, nodes...)
				mallory.send(one, accusation(c.kind, "node2.test", "node3.test"))
				mallory.send(three, accusation(c.kind, "node2.test", "node1.test"))
			}
			for _, n := range nodes {
				for _, s := range n.f.Peers() {
					if !s.Admitted || s.State != "in contact" || s.Failures != 0 {
						t.Errorf("%s: %+v", n.domain, s)
					}
				}
			}
		})
	}
}

// TestForgedMembersAndHints: made-up members, members at made-up addresses, and made-up hints change nothing that matters.
func TestForgedMembersAndHints(t *testing.T) {
	_, nodes, mallory := federated(t, quiet)
	spreads(t, 1, nodes...)
	one := nodes[0]
	meta := nodes[1].f.Descriptor().RecordHash()
	absurd := append([]byte{userMessage, 1, 1}, sha256Of(nodes[1].origin())...)
	absurd = append(binary.BigEndian.AppendUint64(absurd, math.MaxUint64), 1, 2, 3, 4)
	stranger := append([]byte{userMessage, 1, 1}, sha256Of("stranger.test/mir-dev")...)
	stranger = append(binary.BigEndian.AppendUint64(stranger, 5), 1, 2, 3, 4)
	for _, message := range [][]byte{
		alive("stranger.test", 1, meta[:]),
		alive("node2.test", math.MaxUint32, make([]byte, 32)),
		alive("node2.test", math.MaxUint32-1, meta[:]),
		absurd, stranger, {userMessage}, {userMessage, 1, 9, 9}, {255, 255}, {}, {userMessage, 2, 1},
	} {
		for range 20 {
			mallory.send(one, message)
		}
	}
	spreads(t, 2, nodes...)
	spreads(t, 3, nodes...)
	if list := one.f.Peers(); len(list) != 2 {
		t.Errorf("%+v", list)
	}
	for _, s := range one.f.Peers() {
		if !s.Admitted || s.HeadSize != 3 || s.LagEntries != 0 {
			t.Errorf("%+v", s)
		}
	}
	one.mu.Lock()
	defer one.mu.Unlock()
	if n := one.pulls[nodes[1].origin()]; n > 40 {
		t.Errorf("hints that say absurd things caused %d pulls", n)
	}
}

func sha256Of(s string) []byte {
	sum := sha256.Sum256([]byte(s))
	return sum[:]
}
