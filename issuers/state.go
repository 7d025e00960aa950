package issuers

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"time"
)

// stateSpace is where the store keeps what was seen: a key for each issuer.
const stateSpace = "issuers"

// maxAnchors is as many keys as an issuer record has.
const maxAnchors = 32

// saveRetry is when what could not be written is tried again, such as on a full disk.
const saveRetry = 30 * time.Second

// kept is a sight's form on disk.
type kept struct {
	Home    string    `json:"home"`
	Domain  string    `json:"domain"`
	Nonce   string    `json:"nonce"`
	Since   time.Time `json:"since"`
	Seen    time.Time `json:"seen"`
	Asked   time.Time `json:"asked"`
	Silent  bool      `json:"silent,omitempty"`
	Fails   int       `json:"failures,omitempty"`
	Misses  int       `json:"misses,omitempty"`
	Anchors []string  `json:"anchors,omitempty"`
	Keys    uint64    `json:"sequence,omitempty"`
}

// load reads what was seen before the last stop. One that cannot be read is left out: its domain will be asked again.
func (d *Directory) load() error {
	all, err := d.options.Store.State(stateSpace)
	if err != nil {
		return err
	}
	now := d.options.Now()
	for id, value := range all {
		var k kept
		if err := json.Unmarshal(value, &k); err != nil || k.Since.IsZero() || len(k.Anchors) > maxAnchors {
			d.options.Logger.Warn("what was seen of an issuer cannot be read", "issuer", id, "error", err)
			d.dirty[id] = true
			continue
		}
		s := &sight{
			id: id, home: k.Home, domain: k.Domain, nonce: k.Nonce, since: k.Since, seen: k.Seen, asked: k.Asked, silent: k.Silent,
			failures: k.Fails, misses: k.Misses, once: true, anchors: k.Anchors, sequence: k.Keys,
		}
		s.due = k.Asked.Add(d.options.RecheckEvery)
		if s.failures > 0 || s.misses > 0 || s.due.After(now.Add(2*d.options.RecheckEvery)) {
			s.due = now
		}
		d.add(s)
	}
	return nil
}

// saveLoop writes what changed, until the context ends.
func (d *Directory) saveLoop(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-d.unsaved:
		}
		for !d.save(ctx) {
			select {
			case <-ctx.Done():
				return
			case <-time.After(saveRetry):
			}
		}
	}
}

// save writes all that is dirty now, and tells whether it could.
func (d *Directory) save(ctx context.Context) bool {
	d.mu.Lock()
	ids := slices.Collect(maps.Keys(d.dirty))
	d.mu.Unlock()
	for _, id := range ids {
		d.mu.Lock()
		value := d.seen[id].keep()
		delete(d.dirty, id)
		d.mu.Unlock()
		if err := d.options.Store.PutState(ctx, stateSpace, id, value); err != nil {
			d.mu.Lock()
			d.dirty[id] = true
			d.mu.Unlock()
			if ctx.Err() == nil {
				d.options.Logger.Warn("what was seen of an issuer could not be kept", "issuer", id, "error", err)
			}
			return false
		}
	}
	return true
}

// keep makes a sight's form on disk; empty where there is nothing to keep.
func (s *sight) keep() []byte {
	if s == nil || !s.isSeen() {
		return nil
	}
	value, err := json.Marshal(&kept{
		Home: s.home, Domain: s.domain, Nonce: s.nonce, Since: s.since, Seen: s.seen, Asked: s.asked, Silent: s.silent, Fails: s.failures, Misses: s.misses,
		Anchors: s.anchors, Keys: s.sequence,
	})
	if err != nil {
		panic(err) // strings, numbers and times
	}
	return value
}
