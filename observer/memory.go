package observer

import (
	"cmp"
	"context"
	"slices"
	"time"

	"mirnode/discovery"
	"mirnode/protocol"
)

// memory is what this node knows of one domain's keys.
type memory struct {
	keys   map[string]*sight // those that are published, by fingerprint
	looked time.Time         // when the report was fetched that was looked at last
	day    budget
}

// sight is a key that is published.
type sight struct {
	draft    protocol.ObservationDraft // as logged last: Key, DNSSEC, FirstSeen, LastSeen
	lastSeen time.Time                 // since then
}

// reason is why an observation is logged, in the order of importance.
type reason string

const (
	isNew   reason = "new"
	isGone  reason = "gone"
	isOther reason = "changed"
	isOld   reason = "old"
)

var importance = map[reason]int{isNew: 0, isGone: 1, isOther: 2, isOld: 3}

// change is an observation to log.
type change struct {
	why         reason
	fingerprint string
	draft       protocol.ObservationDraft
}

// recall reads the node's own last observations of a domain out of the log. What lies too far back counts as new.
func recall(ctx context.Context, log Log, domain string, o Options) (*memory, error) {
	m := &memory{keys: make(map[string]*sight), day: budget{most: o.PerDomain}}
	seen := make(map[string]bool)
	err := log.Observed(ctx, domain, "", []string{o.Node}, func(ob *protocol.Observation) bool {
		if ob.Network() != o.Network || seen[ob.Key.Fingerprint] {
			return true
		}
		seen[ob.Key.Fingerprint] = true
		if !ob.Gone {
			m.keep(change{fingerprint: ob.Key.Fingerprint, draft: protocol.ObservationDraft{
				Key: ob.Key, DNSSEC: ob.DNSSEC, FirstSeen: ob.FirstSeen, LastSeen: ob.LastSeen,
			}})
		}
		return true
	})
	return m, err
}

// keep remembers what was logged.
func (m *memory) keep(c change) {
	if c.draft.Gone {
		delete(m.keys, c.fingerprint)
		return
	}
	m.keys[c.fingerprint] = &sight{draft: c.draft, lastSeen: c.draft.LastSeen}
}

// compare returns what the report says that is not logged yet, the most important first, and notes when the keys were seen.
func (m *memory) compare(r *discovery.Report, refresh time.Duration) []change {
	var changes []change
	published := make(map[string]bool, len(r.Keys))
	for _, key := range r.Keys {
		published[key.Fingerprint] = true
		if c, ok := m.compareKey(r, key, refresh); ok {
			changes = append(changes, c)
		}
	}
	if answered(r) {
		for fingerprint, s := range m.keys {
			if !published[fingerprint] {
				draft := s.draft
				draft.LastSeen, draft.Gone = s.lastSeen, true
				changes = append(changes, change{isGone, fingerprint, draft})
			}
		}
	}
	slices.SortFunc(changes, func(a, b change) int {
		return cmp.Or(importance[a.why]-importance[b.why], cmp.Compare(a.fingerprint, b.fingerprint))
	})
	return changes
}

// answered tells whether a key that is not in the report is not published.
func answered(r *discovery.Report) bool {
	return r.WellKnown.Status != discovery.StatusUnreachable && r.DNS.Status != discovery.StatusUnreachable
}

// compareKey returns what there is to log of a key that is published.
func (m *memory) compareKey(r *discovery.Report, key protocol.DomainKey, refresh time.Duration) (change, bool) {
	draft := draftOf(r, key)
	before, known := m.keys[key.Fingerprint]
	if !known {
		draft.FirstSeen = draft.LastSeen
		return change{isNew, key.Fingerprint, draft}, true
	}
	before.lastSeen = later(before.lastSeen, draft.LastSeen)
	draft.FirstSeen, draft.LastSeen = before.draft.FirstSeen, before.lastSeen
	standing(r, &draft, &before.draft)
	switch {
	case !alike(&draft, &before.draft):
		return change{isOther, key.Fingerprint, draft}, true
	case draft.LastSeen.Sub(before.draft.LastSeen) >= refresh:
		return change{isOld, key.Fingerprint, draft}, true
	}
	return change{}, false
}

// draftOf says what the report says of a key. LastSeen is when the channels were read that have it.
func draftOf(r *discovery.Report, key protocol.DomainKey) protocol.ObservationDraft {
	key.Channels = slices.Sorted(slices.Values(key.Channels))
	key.Created, key.Expires = key.Created.Truncate(time.Millisecond), key.Expires.Truncate(time.Millisecond)
	draft := protocol.ObservationDraft{Key: key}
	for _, channel := range key.Channels {
		c := &r.WellKnown
		if channel == protocol.DNS {
			c, draft.DNSSEC = &r.DNS, r.DNS.DNSSEC
		}
		draft.LastSeen = later(draft.LastSeen, c.FetchedAt)
	}
	draft.LastSeen = draft.LastSeen.UTC().Truncate(time.Millisecond)
	return draft
}

// standing takes over what a channel said last that says nothing now.
func standing(r *discovery.Report, now, before *protocol.ObservationDraft) {
	silent := func(c *discovery.ChannelReport, channel protocol.Channel) bool {
		return c.Status == discovery.StatusUnreachable && slices.Contains(before.Key.Channels, channel) && !slices.Contains(now.Key.Channels, channel)
	}
	if silent(&r.DNS, protocol.DNS) {
		now.Key.Channels = append(now.Key.Channels, protocol.DNS)
		now.DNSSEC = before.DNSSEC
	}
	if silent(&r.WellKnown, protocol.WellKnown) {
		now.Key.Channels = append(now.Key.Channels, protocol.WellKnown)
		now.Key.Created, now.Key.Expires = before.Key.Created, before.Key.Expires
	}
	slices.Sort(now.Key.Channels)
}

// alike tells whether two observations say the same but for the times of the looks.
func alike(a, b *protocol.ObservationDraft) bool {
	return a.DNSSEC == b.DNSSEC && slices.Equal(a.Key.Channels, b.Key.Channels) &&
		a.Key.Created.Equal(b.Key.Created) && a.Key.Expires.Equal(b.Key.Expires)
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
