package gossip

import (
	"errors"
	"log/slog"
	"net/netip"
	"time"

	"github.com/hashicorp/memberlist"

	"mirnode/gossip/planner"
)

// members says what of memberlist's messages may be believed. [*peers.Book] does. It answers from memory.
type members interface {
	KnownDescriptor(domain string, hash [32]byte) bool
	Wake(domain string)
}

var (
	errStranger = errors.New("its name and metadata are not those of a peer's descriptor that is known here")
	errCrowd    = errors.New("it speaks of more members than there may be")
)

// maxMembers bounds the members in one message of another node.
const maxMembers = 4096

// delegate is what memberlist calls. Nothing in it blocks, verifies or asks anybody.
type delegate struct {
	self   string
	meta   func() [32]byte // hash of our present descriptor
	book   members
	permit func(netip.Addr) error
	queue  *memberlist.TransmitLimitedQueue
	intake *intake
	log    *slog.Logger
}

var (
	_ memberlist.Delegate      = (*delegate)(nil)
	_ memberlist.AliveDelegate = (*delegate)(nil)
	_ memberlist.MergeDelegate = (*delegate)(nil)
	_ memberlist.PingDelegate  = (*delegate)(nil)
	_ memberlist.EventDelegate = (*delegate)(nil)
)

// NodeMeta implements memberlist.Delegate.
func (d *delegate) NodeMeta(limit int) []byte {
	hash := d.meta()
	return hash[:min(limit, len(hash))]
}

// NotifyMsg implements memberlist.Delegate: it copies and queues. Hints are not passed on as such; what they lead to is.
func (d *delegate) NotifyMsg(message []byte) {
	if hints, err := parseHints(message); err == nil {
		d.intake.add("", hints)
	}
}

// GetBroadcasts implements memberlist.Delegate.
func (d *delegate) GetBroadcasts(overhead, limit int) [][]byte {
	return d.queue.GetBroadcasts(overhead, limit)
}

// LocalState implements memberlist.Delegate: there is nothing that the exchange of members should carry.
func (d *delegate) LocalState(bool) []byte { return nil }

// MergeRemoteState implements memberlist.Delegate.
func (d *delegate) MergeRemoteState([]byte, bool) {}

// NotifyAlive implements memberlist.AliveDelegate: only peers whose descriptor is known become members. Another descriptor than the one
// that is known has that peer's read again.
func (d *delegate) NotifyAlive(n *memberlist.Node) error {
	if n.Name == d.self {
		return nil
	}
	if ip, ok := netip.AddrFromSlice(n.Addr); !ok || d.permit(ip.Unmap()) != nil {
		return errForbidden
	}
	if d.knows(n) {
		return nil
	}
	d.book.Wake(n.Name)
	return errStranger
}

// NotifyMerge implements memberlist.MergeDelegate: whoever has no peer of ours among its members is of another federation.
func (d *delegate) NotifyMerge(list []*memberlist.Node) error {
	if len(list) > maxMembers {
		return errCrowd
	}
	for _, n := range list {
		if n.Name != d.self && d.knows(n) {
			return nil
		}
	}
	for _, n := range list[:min(len(list), maxWaitingTimes)] {
		d.book.Wake(n.Name) // perhaps its descriptor is only new
	}
	return errStranger
}

func (d *delegate) knows(n *memberlist.Node) bool {
	return len(n.Meta) == 32 && d.book.KnownDescriptor(n.Name, [32]byte(n.Meta))
}

// AckPayload implements memberlist.PingDelegate.
func (d *delegate) AckPayload() []byte { return nil }

// NotifyPingComplete implements memberlist.PingDelegate.
func (d *delegate) NotifyPingComplete(other *memberlist.Node, roundTrip time.Duration, _ []byte) {
	d.intake.measured(planner.PeerID(other.Name), roundTrip)
}

// NotifyJoin implements memberlist.EventDelegate.
func (d *delegate) NotifyJoin(n *memberlist.Node) {
	d.log.Debug("a member of the hint channel came", "member", n.Name)
}

// NotifyLeave implements memberlist.EventDelegate.
func (d *delegate) NotifyLeave(n *memberlist.Node) {
	d.log.Debug("a member of the hint channel went, or is said to have gone", "member", n.Name)
}

// NotifyUpdate implements memberlist.EventDelegate.
func (d *delegate) NotifyUpdate(*memberlist.Node) {}

// broadcast is one hint in memberlist's queue.
type broadcast struct {
	name    string // of the origin
	message []byte
}

var _ memberlist.NamedBroadcast = (*broadcast)(nil)

// Invalidates implements memberlist.Broadcast: the newest hint of an origin takes the place of older ones.
func (b *broadcast) Invalidates(other memberlist.Broadcast) bool {
	o, ok := other.(memberlist.NamedBroadcast)
	return ok && o.Name() == b.name
}

// Name implements memberlist.NamedBroadcast.
func (b *broadcast) Name() string { return b.name }

// Message implements memberlist.Broadcast.
func (b *broadcast) Message() []byte { return b.message }

// Finished implements memberlist.Broadcast.
func (b *broadcast) Finished() {}
