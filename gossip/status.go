package gossip

import (
	"context"
	"time"

	"golang.org/x/mod/sumdb/note"

	"mirnode/gossip/peers"
	"mirnode/gossip/planner"
	"mirnode/protocol"
	"mirnode/translog"
)

// statusTimeout bounds the wait for the planner's part of a status.
const statusTimeout = time.Second

// view is what the planner's goroutine knows of one peer and its log.
type view struct {
	peer   planner.PeerStatus
	origin planner.OriginStatus
	behind time.Time
}

// Peers tells how it stands with each peer: who it is, how we reach it, and how far its log is mirrored here.
func (f *Federation) Peers() []peers.Status {
	list := f.book.Status()
	views := f.views(list)
	cosigned := f.cosigned()
	var there map[string]bool
	if f.channel != nil {
		there = f.channel.members()
	}
	now := f.o.Now()
	for i := range list {
		s := &list[i]
		v := views[s.Domain]
		if s.Admitted && v.peer.Until.After(s.NextTry) && v.peer.Until.After(now) {
			s.NextTry = v.peer.Until.UTC().Truncate(time.Millisecond)
		}
		f.logStatus(s, v, now)
		s.CosignedUpTo, s.CosignedAt = cosigned[s.Domain].size, cosigned[s.Domain].at
		switch {
		case f.channel == nil:
			s.Hints = "off"
		case there[s.Domain]:
			s.Hints = "member"
		default:
			s.Hints = "not a member"
		}
	}
	return list
}

// logStatus fills in what concerns the peer's present log.
func (f *Federation) logStatus(s *peers.Status, v view, now time.Time) {
	if s.Origin == "" {
		return
	}
	h, _ := f.o.Store.Head(s.Origin)
	s.MirroredSize, s.Settled = h.Size, h.Settled
	s.HeadSize = max(h.Size, h.Checkpoint.Size, v.origin.Verified) // not what hints speak of: they prove nothing
	s.LagEntries = s.HeadSize - h.Size
	s.Quarantined, s.Missing = int(h.Quarantined), int(h.Missing)
	if s.LagEntries > 0 && !v.behind.IsZero() {
		s.LagSeconds = now.Sub(v.behind).Seconds()
	}
	if h.Frozen {
		s.Frozen = h.FrozenWhy
		s.State = "frozen: " + h.FrozenWhy
	}
}

// views asks the planner's goroutine. Without an answer in time they are empty.
func (f *Federation) views(list []peers.Status) map[string]view {
	answer := make(chan map[string]view, 1)
	ctx, cancel := context.WithTimeout(context.Background(), statusTimeout)
	defer cancel()
	f.do(ctx, func(d *driver) {
		views := make(map[string]view, len(list))
		for _, s := range list {
			v := view{}
			v.peer, _ = d.planner.Peer(planner.PeerID(s.Domain))
			if o, err := protocol.ParseOrigin(s.Origin); err == nil {
				id := planner.OriginID(o.Hash())
				v.origin, _ = d.planner.Origin(id)
				v.behind = d.behind[id]
			}
			views[s.Domain] = v
		}
		answer <- views
	})
	select {
	case views := <-answer:
		return views
	case <-ctx.Done():
	case <-f.stopped:
	}
	return nil
}

// cosignature is how far a peer cosigned our log.
type cosignature struct {
	size uint64
	at   time.Time
}

// cosigned reads our newest cosigned checkpoint.
func (f *Federation) cosigned() map[string]cosignature {
	h, ok := f.o.Store.Head(f.o.Origin.String())
	if !ok || len(h.Cosigned.Note) == 0 {
		return nil
	}
	out := make(map[string]cosignature)
	c := translog.Checkpoint{Note: h.Cosigned.Note}
	for _, p := range f.book.Admitted() {
		v, err := translog.NewCosignatureVerifier(p.Origin.String(), p.LogKey)
		if err != nil {
			continue
		}
		for _, s := range c.Cosigners([]note.Verifier{v}) {
			out[p.Domain] = cosignature{h.Cosigned.Size, s.Time}
		}
	}
	return out
}
