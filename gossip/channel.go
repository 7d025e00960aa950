package gossip

import (
	"bytes"
	"context"
	"fmt"
	"log"
	"log/slog"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/hashicorp/memberlist"

	"mirnode/gossip/peers"
	"mirnode/gossip/planner"
	"mirnode/protocol"
)

// Settings of memberlist.
const (
	// DefaultHintInterval is how often queued hints are sent on.
	DefaultHintInterval = 50 * time.Millisecond
	// DefaultProbeEvery is how often one member is probed.
	DefaultProbeEvery = 2 * time.Second
	packetBytes       = 1400
	// maxQueuedHints bounds the origins whose hints are queued; the newest are kept.
	maxQueuedHints = 2048
	leaveTimeout   = time.Second
	updateTimeout  = 2 * time.Second
	streamTimeout  = 5 * time.Second
	resolveTimeout = 3 * time.Second
	// joinAtOnce bounds the peers that one round tries to join, one after the other.
	joinAtOnce = 4
)

// HintOptions are the settings of the hint channel.
type HintOptions struct {
	// Listen is where packets and connections are taken, as in 0.0.0.0:7946. "": there is no hint channel; the node converges by polling and by
	// hints over HTTP.
	Listen string
	// Advertise is host:port where other nodes reach Listen; it stands in the descriptor. "": Listen, which must then name one address.
	Advertise string
	// Keys are the consortium's keys (ParseKeys); the first one encrypts. None: nothing is encrypted, and whoever reaches Listen takes part.
	Keys [][]byte
	// Interval is how often queued hints are sent on. 0: DefaultHintInterval.
	Interval time.Duration
	// ProbeEvery is how often one member is probed. 0: DefaultProbeEvery.
	ProbeEvery time.Duration
}

// channel carries hints by memberlist. It is never an authority: who is a member follows from the book, and nothing follows from who is one.
type channel struct {
	list     *memberlist.Memberlist
	queue    *memberlist.TransmitLimitedQueue
	at       netip.AddrPort // where it listens
	resolve  func(ctx context.Context, host string) ([]netip.Addr, error)
	log      *slog.Logger
	attempts map[string]attempt // owned by the goroutine that calls join
}

// attempt is how joining a peer went so far.
type attempt struct {
	failures int
	next     time.Time
}

// label keeps networks and versions of the protocol apart: what bears another one is dropped unread.
func label(n protocol.Network) string {
	return fmt.Sprintf("mir/%d/%s", hintVersion, n)
}

// hintSocket is what is open before the channel starts: the descriptor that it shows needs the port.
type hintSocket struct {
	transport *transport
	at        netip.AddrPort
	logger    *log.Logger
}

// listenForHints opens the sockets. It sends nothing.
func (f *Federation) listenForHints() (*hintSocket, error) {
	o := f.o.Hints
	at, err := netip.ParseAddrPort(o.Listen)
	if err != nil {
		return nil, fmt.Errorf("gossip: %q is no address and port to listen on", o.Listen)
	}
	logger := log.New(&logBridge{f.log}, "", 0)
	source := f.o.Source
	if ip := at.Addr().Unmap(); !source.IsValid() && !ip.IsUnspecified() {
		source = ip
	}
	t, err := listen(at, source, f.o.Outside.Permit, logger)
	if err != nil {
		return nil, fmt.Errorf("gossip: listening for hints on %s: %w", o.Listen, err)
	}
	return &hintSocket{t, netip.AddrPortFrom(at.Addr(), uint16(t.port())), logger}, nil
}

// address is what stands in the descriptor: host:port where others send their hints.
func (s *hintSocket) address(o *Options) string {
	port := strconv.Itoa(int(s.at.Port()))
	switch {
	case o.Hints.Advertise != "":
		return o.Hints.Advertise
	case !s.at.Addr().IsUnspecified():
		return s.at.String()
	}
	if u, err := url.Parse(o.URL); err == nil {
		return net.JoinHostPort(u.Hostname(), port)
	}
	return ""
}

// openChannel starts memberlist on the sockets.
func (f *Federation) openChannel(s *hintSocket, meta func() [32]byte) (err error) {
	o := f.o.Hints
	c := &channel{at: s.at, resolve: f.o.Outside.Resolve, log: f.log, attempts: make(map[string]attempt)}
	c.queue = &memberlist.TransmitLimitedQueue{RetransmitMult: 4, NumNodes: func() int { return c.list.NumMembers() }}
	d := &delegate{self: f.o.Origin.Domain, meta: meta, book: f.book, permit: f.o.Outside.Permit, queue: c.queue, intake: f.intake, log: f.log}
	config := memberlistConfig(f.o, d, s.transport, s.logger)
	config.AdvertiseAddr, config.AdvertisePort = f.advertised(s.at)
	if len(o.Keys) > 0 {
		if config.Keyring, err = memberlist.NewKeyring(o.Keys, o.Keys[0]); err != nil {
			return fmt.Errorf("gossip: the keys of the hint channel: %w", err)
		}
	} else if !s.at.Addr().IsLoopback() {
		f.log.Warn("hints are not encrypted: whoever reaches the port can send them", "listen", s.at.String())
	}
	if c.list, err = memberlist.Create(config); err != nil {
		return fmt.Errorf("gossip: starting the hint channel: %w", err)
	}
	f.channel = c
	return nil
}

func memberlistConfig(o Options, d *delegate, t memberlist.Transport, logger *log.Logger) *memberlist.Config {
	c := memberlist.DefaultLANConfig()
	c.Name, c.Label, c.Transport, c.Logger = o.Origin.Domain, label(o.Origin.Network), t, logger
	c.Delegate, c.Alive, c.Merge, c.Ping, c.Events = d, d, d, d, d
	c.GossipInterval = o.Hints.Interval
	c.GossipNodes = 4
	c.GossipToTheDeadTime = time.Minute
	c.ProbeInterval, c.ProbeTimeout, c.SuspicionMult = o.Hints.ProbeEvery, o.Hints.ProbeEvery/2, 6
	c.PushPullInterval, c.TCPTimeout = time.Minute, streamTimeout
	c.UDPBufferSize, c.HandoffQueueDepth = packetBytes, 1024
	c.EnableCompression = false // hashes do not compress
	c.DeadNodeReclaimTime = 30 * time.Second
	return c
}

// advertised is the address that other members are told: that of gossip.advertise, the one that is listened on, or that of the node's URL.
// "" leaves it to memberlist, which looks for an address of this machine.
func (f *Federation) advertised(at netip.AddrPort) (string, int) {
	host, port := at.Addr().String(), strconv.Itoa(int(at.Port()))
	if o := f.o.Hints.Advertise; o != "" {
		host, port, _ = net.SplitHostPort(o) // checked with the options, as its number is
	} else if u, err := url.Parse(f.o.URL); err == nil && at.Addr().IsUnspecified() {
		host = u.Hostname()
	}
	number, _ := strconv.ParseUint(port, 10, 16)
	if ip, err := netip.ParseAddr(host); err == nil {
		return ip.String(), int(number)
	}
	ctx, cancel := context.WithTimeout(context.Background(), resolveTimeout)
	defer cancel()
	if list, err := f.o.Outside.Resolve(ctx, host); err == nil && len(list) > 0 {
		return list[0].String(), int(number)
	}
	f.log.Warn("the advertised address of the hint channel cannot be resolved now", "host", host)
	return "", int(number)
}

// send queues hints for everybody, the newest of each origin.
func (c *channel) send(hints []planner.Hint) {
	for _, h := range hints {
		c.queue.QueueBroadcast(&broadcast{name: string(h.Origin[:]), message: marshalHints([]planner.Hint{h})})
	}
	if c.queue.NumQueued() > maxQueuedHints {
		c.queue.Prune(maxQueuedHints)
	}
}

// members are the names of those that are thought to be there. Nothing may follow from it.
func (c *channel) members() map[string]bool {
	names := make(map[string]bool)
	for _, n := range c.list.Members() {
		names[n.Name] = true
	}
	return names
}

// join has peers that are no members yet, or no more, be joined: a few, one after the other, with a pause that grows where it is in vain. It
// returns when to come again. Whoever holds a key can keep a peer out for good; it costs nothing but these attempts.
func (c *channel) join(ctx context.Context, list []peers.Peer, now time.Time, most time.Duration) (next time.Time) {
	next = now.Add(most)
	there, tried := c.members(), 0
	known := make(map[string]bool, len(list))
	for _, p := range list {
		known[p.Domain] = true
		gossip := p.Descriptor.Gossip
		if gossip == "" || there[p.Domain] {
			delete(c.attempts, p.Domain)
			continue
		}
		a := c.attempts[p.Domain]
		if a.next.After(now) {
			next = earlier(next, a.next)
			continue
		}
		if tried++; tried > joinAtOnce || ctx.Err() != nil {
			next = now
			break
		}
		if err := c.joinOne(ctx, p.Domain, gossip); err != nil {
			c.log.Debug("a peer cannot be joined", "peer", p.Domain, "error", err)
		}
		a.failures++ // until it shows among the members
		a.next = now.Add(min(time.Second<<min(a.failures-1, 16), most))
		next = earlier(next, a.next)
		c.attempts[p.Domain] = a
	}
	for domain := range c.attempts {
		if !known[domain] {
			delete(c.attempts, domain)
		}
	}
	return next
}

func (c *channel) joinOne(ctx context.Context, domain, gossip string) error {
	host, port, err := net.SplitHostPort(gossip)
	if err != nil {
		return err
	}
	addresses, err := c.resolve(ctx, host)
	if err != nil {
		return err
	}
	for _, ip := range addresses[:min(len(addresses), 2)] {
		if _, err = c.list.Join([]string{domain + "/" + net.JoinHostPort(ip.String(), port)}); err == nil {
			return nil
		}
	}
	return err
}

// renamed tells the members that our descriptor is another one.
func (c *channel) renamed() {
	if err := c.list.UpdateNode(updateTimeout); err != nil {
		c.log.Debug("the members have not heard of the new descriptor yet", "error", err)
	}
}

// close leaves, and ends the sockets and goroutines.
func (c *channel) close() error {
	if err := c.list.Leave(leaveTimeout); err != nil {
		c.log.Debug("nobody heard that we leave", "error", err)
	}
	return c.list.Shutdown()
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// logBridge makes memberlist's lines records of ours, for who looks closely: what strangers do must not fill the log.
type logBridge struct{ log *slog.Logger }

// maxLogLine bounds what a stranger's message can put into a line.
const maxLogLine = 300

// Write implements io.Writer.
func (b *logBridge) Write(line []byte) (int, error) {
	text := bytes.TrimSpace(line)
	text = text[:min(len(text), maxLogLine)]
	b.log.Debug("memberlist", "said", strings.ToValidUTF8(string(text), "?"))
	return len(line), nil
}
