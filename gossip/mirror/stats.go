package mirror

import "sync/atomic"

// Stats are a Mirror's figures since it was made, for metrics and for the price of a record.
type Stats struct {
	Sent, Received         uint64 // bytes of request bodies and of answers, as the client hands them over
	EntryBytes, BodyBytes  uint64 // of Received: entries, and bodies with their JSON around them
	Entries                uint64 // appended to mirrors
	Bodies                 uint64 // received and found to be what was asked for
	Held, Refused          uint64 // records settled
	Quarantined, Missing   uint64
	Released, Resolved     uint64 // out of quarantine; missing ones that were found
	Lies, Forks            uint64
	OwnAhead               uint64 // times that a peer showed more of our own log than we hold
	Cosigned, Cosignatures uint64 // checkpoints that we cosigned for others, and that others cosigned for us
}

// counters are Stats while they grow.
type counters struct {
	sent, received, entryBytes, bodyBytes, entries, bodies  atomic.Uint64
	held, refused, quarantined, missing, released, resolved atomic.Uint64
	lies, forks, ownAhead, cosigned, cosignatures           atomic.Uint64
}

// Stats returns the figures. They are read one after the other, so that one may be a moment older than another.
func (m *Mirror) Stats() Stats {
	c := &m.stats
	return Stats{
		Sent: c.sent.Load(), Received: c.received.Load(), EntryBytes: c.entryBytes.Load(), BodyBytes: c.bodyBytes.Load(),
		Entries: c.entries.Load(), Bodies: c.bodies.Load(), Held: c.held.Load(), Refused: c.refused.Load(),
		Quarantined: c.quarantined.Load(), Missing: c.missing.Load(), Released: c.released.Load(), Resolved: c.resolved.Load(),
		Lies: c.lies.Load(), Forks: c.forks.Load(), OwnAhead: c.ownAhead.Load(), Cosigned: c.cosigned.Load(), Cosignatures: c.cosignatures.Load(),
	}
}
