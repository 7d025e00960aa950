package peers

import (
	"slices"
	"strings"
	"time"
)

// Status is what a person sees of one peer (GET /peers). The book fills in who and how; the federation what concerns its log.
type Status struct {
	Domain   string `json:"domain,omitempty"` // "" for an address that nothing was read from yet
	Address  string `json:"address,omitempty"`
	Origin   string `json:"origin,omitempty"`
	URL      string `json:"url,omitempty"`
	Admitted bool   `json:"admitted"`
	State    string `json:"state"` // in words

	LastContact time.Time `json:"lastContact,omitzero"`
	NextTry     time.Time `json:"nextTry,omitzero"` // set while it is left alone after failures
	LastError   string    `json:"lastError,omitempty"`
	Failures    int       `json:"failures,omitempty"` // since the last answer
	// Complaint is what it did wrong last although it answers, in words: a lie, or a log that cannot be taken as it is. It stays until the
	// operator has the peer tried again.
	Complaint    string    `json:"complaint,omitempty"`
	ComplainedAt time.Time `json:"complainedAt,omitzero"`
	BytesIn      int64     `json:"bytesIn"`
	BytesOut     int64     `json:"bytesOut"`
	Expires      time.Time `json:"descriptorExpires,omitzero"`
	Sequence     uint64    `json:"descriptorSequence,omitempty"`
	Hints        string    `json:"hints,omitempty"` // what the hint channel says of it, in words; nothing follows from it

	MirroredSize uint64    `json:"mirroredSize"` // entries of its log that are held here
	HeadSize     uint64    `json:"headSize"`     // the newest head that was heard of
	LagEntries   uint64    `json:"lagEntries"`
	LagSeconds   float64   `json:"lagSeconds"` // since when the mirror has been behind; 0 while it is not
	Settled      uint64    `json:"settledSize"`
	Quarantined  int       `json:"quarantined"`
	Missing      int       `json:"missing"`
	Frozen       string    `json:"frozen,omitempty"` // why
	CosignedUpTo uint64    `json:"cosignedUpTo"`     // the size of our log that it cosigned
	CosignedAt   time.Time `json:"cosignedAt,omitzero"`
}

// Status lists all that the book has, by domain: peers, seeds that were not found yet, and blocks.
func (b *Book) Status() []Status {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.expire()
	now := b.o.Now()
	var list []Status
	for _, e := range b.entries {
		if e.seed || e.descriptor != nil || e.blocked {
			list = append(list, b.status(e, now))
		}
	}
	for _, s := range b.sources {
		if s.domain == "" {
			list = append(list, Status{Address: s.url, State: "not found yet", LastError: s.lastError, Failures: s.failures, NextTry: s.next})
		}
	}
	for i := range list {
		list[i].LastContact, list[i].NextTry = millis(list[i].LastContact), millis(list[i].NextTry)
		list[i].ComplainedAt = millis(list[i].ComplainedAt)
	}
	slices.SortFunc(list, func(a, b Status) int { return strings.Compare(a.Domain+a.Address, b.Domain+b.Address) })
	return list
}

// status describes one entry. The caller holds mu.
func (b *Book) status(e *entry, now time.Time) Status {
	h := &e.health
	s := Status{
		Domain: e.domain, LastContact: h.lastContact, LastError: h.lastError, Failures: h.failures, BytesIn: h.in, BytesOut: h.out,
	}
	s.Complaint, s.ComplainedAt = h.troubled()
	if h.until.After(now) {
		s.NextTry = h.until
	}
	if d := e.descriptor; d != nil {
		s.Origin, s.URL, s.Expires, s.Sequence = d.Origin.String(), d.URL, d.ExpiresAt, d.Sequence
	}
	switch err := b.policy(e.domain); {
	case err != nil:
		s.State = err.Error()
	case e.descriptor == nil && e.refusal != "":
		s.State = "refused: " + e.refusal
	case e.descriptor == nil:
		s.State = "not found yet"
		b.explain(e, &s)
	case !e.descriptor.Valid(now):
		s.State = "its descriptor expired on " + e.descriptor.ExpiresAt.Format(time.RFC3339) + ", and no newer one was found"
		b.explain(e, &s)
	default:
		s.Admitted = true
		s.State = b.contact(h)
		if e.refusal != "" {
			s.LastError = "its newest descriptor is refused: " + e.refusal
		}
	}
	return s
}

// contact says how it stands with an admitted peer.
func (b *Book) contact(h *health) string {
	switch {
	case h.failures > 0 && h.lastContact.IsZero():
		return "never answered so far"
	case h.failures > 0:
		return "does not answer since " + h.lastContact.UTC().Format(time.RFC3339)
	case h.lastContact.IsZero():
		return "known, not asked yet"
	}
	return "in contact"
}

// explain says why the descriptor was not found. The caller holds mu.
func (b *Book) explain(e *entry, s *Status) {
	for _, src := range b.sources {
		if src.domain == e.domain {
			s.LastError, s.Failures, s.NextTry = src.lastError, src.failures, src.next
		}
	}
}

// millis is a time as all our JSON has it: UTC, in whole milliseconds. The zero time stays.
func millis(t time.Time) time.Time { return t.UTC().Truncate(time.Millisecond) }
