package store

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"slices"
	"time"

	"go.etcd.io/bbolt"

	"mirnode/protocol"
)

const (
	// MaxQuarantine bounds the bodies in quarantine that one log brought; what exceeds it counts as Missing.
	MaxQuarantine = 10_000
	// MaxQuarantineAll bounds those of all logs together.
	MaxQuarantineAll = 100_000
	// maxQuarantinePlaces bounds the logs that are remembered for one body in quarantine.
	maxQuarantinePlaces = 64

	// firstRetry is when what is in quarantine or missing is tried for the first time.
	firstRetry = 10 * time.Second
)

// QuarantinedRecord is a body that is kept and not served, since its key cannot be found now, or the record that it depends on is not here.
type QuarantinedRecord struct {
	Hash     [32]byte
	Kind     protocol.Kind
	Raw      []byte
	Origin   string // the log that brought it first, and its index there
	Index    uint64
	Since    time.Time
	Attempts int // that were made since, to find its key
	Domain   string
	// Fingerprint and Domain name the key that is wanted; ClaimedAt is the time at which it must have been good. Where a record waits for another, Domain is
	// the ID of that issuer or assertion, and Fingerprint is empty (see Outcome.Wants).
	Fingerprint string
	ClaimedAt   time.Time
	// Places are where logs have it, at most 64: that at Origin and Index first, then the others by the order in which their mirrors were opened.
	Places []Place
	Code   protocol.Code // why it was not accepted at once
	Reason string
}

// quarantined is what is kept of a body in quarantine, as JSON, with the body behind it after a newline.
type quarantined struct {
	Kind        protocol.Kind `json:"kind"`
	Log         uint32        `json:"log"`
	Index       uint64        `json:"index"`
	Since       int64         `json:"since"` // Unix milliseconds, as Next
	Next        int64         `json:"next"`
	Attempts    int           `json:"attempts"`
	Domain      string        `json:"domain"`
	Fingerprint string        `json:"fingerprint"`
	Code        protocol.Code `json:"code,omitempty"`
	Reason      string        `json:"reason,omitempty"`
	Offers      string        `json:"offers,omitempty"` // the ID of the issuer or the assertion that it is a record of
	raw         []byte
}

func (q *quarantined) value() ([]byte, error) {
	head, err := json.Marshal(q)
	return append(append(head, '\n'), q.raw...), err
}

func (l *logFile) decodeQuarantined(value []byte) (q quarantined, err error) {
	head, raw, found := bytes.Cut(value, []byte("\n"))
	if err := json.Unmarshal(head, &q); err != nil || !found {
		return q, &CorruptError{File: l.path, Reason: "a record in quarantine is not one"}
	}
	q.raw = raw
	return q, nil
}

// wantedKey names a key in the index of quarantine.
func wantedKey(domain, fingerprint string) []byte {
	sum := sha256.Sum256([]byte(domain + "\n" + fingerprint))
	return sum[:8]
}

func dueKey(milli int64, what []byte) []byte { return append(beBytes(uint64(milli)), what...) }

// waitsFor is what a record in quarantine waits for as a rule: the key that it names, by domain and fingerprint; an assertion for its issuer's record, a
// revocation for its assertion, by that ID and no fingerprint.
func waitsFor(r protocol.Record) (domain, fingerprint string) {
	switch r := r.(type) {
	case *protocol.Claim:
		return r.Host(), r.KeyFingerprint
	case *protocol.Assertion:
		return r.Payload.IssuerID, ""
	case *protocol.Revocation:
		return r.AssertionID, ""
	case protocol.Statement:
		return r.Signer()
	}
	return "", ""
}

// offeredBy is what others may wait for that a record brings: the ID of an issuer or an assertion.
func offeredBy(r protocol.Record) string {
	switch r := r.(type) {
	case *protocol.Issuer:
		return r.ID
	case *protocol.Assertion:
		return r.ID()
	}
	return ""
}

// quarantineFull tells whether the log has as much in quarantine as it may.
func (t *transaction) quarantineFull(log *originLog) bool {
	all := t.store.logs.quarantined.Load() + uint64(t.quarantined)
	return t.peek(log).Quarantined >= MaxQuarantine || all >= MaxQuarantineAll
}

// quarantine keeps a body without serving it, or notes a further place of one that is kept, served or not.
func (t *transaction) quarantine(c *logChange, st *settlement) error {
	hash := st.known.hash
	held, found, err := t.find(&st.known)
	if err != nil {
		return err
	}
	if found {
		return t.addPlace(&held, st.place)
	}
	if _, yes := t.buried(hash); yes {
		return nil
	}
	bucket := t.log.Bucket(quarantineBucket)
	now := t.store.options.Now()
	if bucket.Get(hash[:]) != nil {
		// Where other logs, which may name what counts in its home's alone, have taken all room, or the home named it before, the entry is looked at once more.
		if noted, err := t.addQuarantinePlace(hash, st.place, st.entry.Kind); noted || err != nil || !homely(st.entry.Kind) {
			return err
		}
		return t.miss(c, st.Index, now.Add(firstRetry))
	}
	if t.quarantineFull(c.log) {
		return t.miss(c, st.Index, now.Add(firstRetry))
	}
	q := quarantined{
		Kind: st.entry.Kind, Log: c.log.number, Index: st.Index, Since: now.UnixMilli(), Next: now.Add(firstRetry).UnixMilli(),
		Code: st.Code, Reason: clipped(st.Reason), raw: st.Record.Raw(),
	}
	if q.Domain = st.Wants; q.Domain == "" {
		q.Domain, q.Fingerprint = waitsFor(st.Record)
	}
	q.Offers = offeredBy(st.Record)
	c.state.Quarantined++
	t.quarantined++
	if err := t.putQuarantined(hash, &q); err != nil {
		return err
	}
	if err := t.log.Bucket(wantedBucket).Put(append(wantedKey(q.Domain, q.Fingerprint), hash[:]...), nil); err != nil {
		return err
	}
	if q.Offers != "" {
		if err := t.log.Bucket(offeredBucket).Put(append(wantedKey(q.Offers, ""), hash[:]...), nil); err != nil {
			return err
		}
	}
	_, err = t.addQuarantinePlace(hash, st.place, st.entry.Kind)
	return err
}

// clipped keeps a reason that comes from elsewhere within bounds.
func clipped(reason string) string { return reason[:min(len(reason), 256)] }

func (t *transaction) putQuarantined(hash [32]byte, q *quarantined) error {
	value, err := q.value()
	if err != nil {
		return err
	}
	t.changed = true
	if err := t.log.Bucket(quarantineBucket).Put(hash[:], value); err != nil {
		return err
	}
	return t.log.Bucket(quarantineDueBucket).Put(dueKey(q.Next, hash[:]), binary.BigEndian.AppendUint32(nil, q.Log))
}

// addQuarantinePlace notes where a body in quarantine stands. One place for each log is kept: the first. False: there is no room for it, and what it says would be
// lost: the place in one more log, or another one in the same log of what is judged by its place.
func (t *transaction) addQuarantinePlace(hash [32]byte, p place, kind protocol.Kind) (noted bool, err error) {
	places, err := t.store.log.quarantinePlaces(t.log, hash)
	if err != nil {
		return false, err
	}
	at := slices.IndexFunc(places, func(q place) bool { return q.log == p.log })
	switch {
	case at >= 0:
		return !homely(kind) || places[at].index == p.index, nil
	case len(places) >= maxQuarantinePlaces:
		return false, nil
	}
	t.changed = true
	return true, t.log.Bucket(quarantinePlacesBucket).Put(binary.BigEndian.AppendUint32(hash[:], p.log), p.value())
}

func (l *logFile) quarantinePlaces(tx *bbolt.Tx, hash [32]byte) (places []place, err error) {
	cursor := tx.Bucket(quarantinePlacesBucket).Cursor()
	for k, v := cursor.Seek(hash[:]); len(k) == 36 && bytes.HasPrefix(k, hash[:]); k, v = cursor.Next() {
		if len(v) != placeValueBytes {
			return nil, &CorruptError{File: l.path, Reason: "a place in quarantine is not one"}
		}
		places = append(places, place{log: binary.BigEndian.Uint32(k[32:]), index: beUint64(v), ingested: int64(beUint64(v[8:]))})
	}
	return places, nil
}

// firstOf is the place of a record in the log of p: p, unless the log had it before, when it went to quarantine.
func (t *transaction) firstOf(hash [32]byte, p place) place {
	if t.store.logs.quarantined.Load()+uint64(t.quarantined) == 0 {
		return p
	}
	v := t.log.Bucket(quarantinePlacesBucket).Get(binary.BigEndian.AppendUint32(hash[:], p.log))
	if len(v) != placeValueBytes {
		return p
	}
	return place{log: p.log, index: beUint64(v), ingested: int64(beUint64(v[8:]))}
}

// dismiss takes a body out of quarantine. ErrNotFound: it is not there.
func (t *transaction) dismiss(hash [32]byte) (quarantined, []place, error) {
	bucket := t.log.Bucket(quarantineBucket)
	value := bucket.Get(hash[:])
	if value == nil {
		return quarantined{}, nil, ErrNotFound
	}
	q, err := t.store.log.decodeQuarantined(bytes.Clone(value))
	if err != nil {
		return q, nil, err
	}
	places, err := t.store.log.quarantinePlaces(t.log, hash)
	if err != nil {
		return q, nil, err
	}
	for _, p := range places {
		if err := t.log.Bucket(quarantinePlacesBucket).Delete(binary.BigEndian.AppendUint32(hash[:], p.log)); err != nil {
			return q, nil, err
		}
	}
	for _, gone := range []struct{ bucket, key []byte }{
		{quarantineBucket, hash[:]},
		{quarantineDueBucket, dueKey(q.Next, hash[:])},
		{wantedBucket, append(wantedKey(q.Domain, q.Fingerprint), hash[:]...)},
		{offeredBucket, append(wantedKey(q.Offers, ""), hash[:]...)},
	} {
		if err := t.log.Bucket(gone.bucket).Delete(gone.key); err != nil {
			return q, nil, err
		}
	}
	t.quarantined--
	t.changed = true
	if log := t.store.logs.numbered(q.Log); log != nil {
		t.change(log).state.Quarantined--
	}
	return q, places, nil
}

// release takes a record that was just appended, with its first place, out of quarantine, if it is there, and notes the places that it was known by. What an
// issuer's home keeps counts in that node's logs alone: others name it in vain.
func (t *transaction) release(hash [32]byte, kind protocol.Kind, seq uint64, first place) error {
	if t.store.logs.quarantined.Load()+uint64(t.quarantined) == 0 || t.log.Bucket(quarantineBucket).Get(hash[:]) == nil {
		return nil
	}
	_, places, err := t.dismiss(hash)
	if err != nil {
		return err
	}
	home := t.store.logs.numbered(first.log)
	for _, p := range places {
		if log := t.store.logs.numbered(p.log); homely(kind) && log != nil && home != nil && log.origin.Domain != home.origin.Domain {
			t.change(log).state.Refused++
			continue
		}
		r, err := t.read(seq)
		if err != nil {
			return err
		}
		if err := t.addPlace(&r, p); err != nil {
			return err
		}
	}
	return nil
}
