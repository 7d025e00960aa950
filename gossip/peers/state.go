package peers

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"mirnode/protocol"
)

// kept is an entry's form in State.
type kept struct {
	Descriptor  string      `json:"descriptor,omitempty"` // the signed document
	Previous    string      `json:"previous,omitempty"`   // hex
	Logs        []keptLog   `json:"logs,omitempty"`
	Raises      []time.Time `json:"raises,omitempty"` // when its latest logs began
	Seed        bool        `json:"seed,omitempty"`   // by address: whom it turned out to be
	Blocked     bool        `json:"blocked,omitempty"`
	LastContact time.Time   `json:"lastContact,omitzero"`
	Failures    int         `json:"failures,omitempty"`
	Until       time.Time   `json:"until,omitzero"`
	LastError   string      `json:"lastError,omitempty"`
	Complaint   string      `json:"complaint,omitempty"`
	Complained  time.Time   `json:"complained,omitzero"`
	In          int64       `json:"in,omitempty"`
	Out         int64       `json:"out,omitempty"`
}

type keptLog struct {
	Origin string `json:"origin"`
	Key    string `json:"key"`
}

// load reads all entries. One that cannot be read is left out: its descriptor will be found again.
func (b *Book) load() error {
	all, err := b.o.State.State(stateSpace)
	if err != nil {
		return fmt.Errorf("peers: reading what is kept of them: %w", err)
	}
	for domain, value := range all {
		e, err := b.restore(domain, value)
		if err != nil {
			b.o.Logger.Warn("what is kept of a peer is not used", "peer", domain, "error", err)
			continue
		}
		b.entries[domain] = e
		if e.descriptor != nil {
			b.sources[domain] = &source{name: domain, domain: domain}
		}
	}
	return nil
}

func (b *Book) restore(domain string, value []byte) (*entry, error) {
	var k kept
	if err := json.Unmarshal(value, &k); err != nil {
		return nil, err
	}
	e := &entry{domain: domain, blocked: k.Blocked}
	e.health = health{
		lastContact: k.LastContact, keptContact: k.LastContact, failures: k.Failures, until: k.Until,
		lastError: k.LastError, in: k.In, out: k.Out, complaint: k.Complaint, complained: k.Complained,
	}
	if k.Descriptor == "" {
		return e, nil
	}
	d, err := protocol.ParseDescriptor([]byte(k.Descriptor))
	switch {
	case err != nil:
		return nil, err
	case d.Domain != domain || d.Network() != b.o.Network:
		return nil, errors.New("the descriptor is of another domain or network")
	}
	e.descriptor, e.raises = d, k.Raises[:min(len(k.Raises), MaxRaises)]
	if n, err := hex.Decode(e.previous[:], []byte(k.Previous)); err != nil || n != len(e.previous) {
		e.previous = [32]byte{}
	}
	for _, l := range k.Logs[:min(len(k.Logs), MaxEpochs)] {
		origin, err := protocol.ParseOrigin(l.Origin)
		if err != nil {
			return nil, err
		}
		key, err := protocol.ParsePublicKey(l.Key)
		if err != nil {
			return nil, err
		}
		e.logs = append(e.logs, logKey{origin, key})
	}
	return e, nil
}

// keep makes an entry's form in State; empty where nothing is worth keeping. The caller holds mu.
func (e *entry) keep() ([]byte, error) {
	if e.descriptor == nil && !e.blocked {
		return nil, nil
	}
	h := &e.health
	k := kept{
		Blocked: e.blocked, LastContact: h.lastContact, Failures: h.failures, Until: h.until, LastError: h.lastError, In: h.in, Out: h.out,
		Complaint: h.complaint, Complained: h.complained,
	}
	if e.descriptor != nil {
		k.Descriptor = string(e.descriptor.Raw())
		k.Raises = e.raises
		k.Previous = hex.EncodeToString(e.previous[:])
		for _, l := range e.logs {
			k.Logs = append(k.Logs, keptLog{l.origin.String(), protocol.EncodePublicKey(l.key)})
		}
	}
	h.keptContact = h.lastContact
	return json.Marshal(k)
}

// save keeps one entry.
func (b *Book) save(ctx context.Context, domain string) error {
	b.mu.Lock()
	e := b.entries[domain]
	if e == nil {
		b.mu.Unlock()
		return nil
	}
	value, err := e.keep()
	e.dirty = false
	b.mu.Unlock()
	if err != nil {
		return err
	}
	if err := b.o.State.PutState(ctx, stateSpace, domain, value); err != nil {
		b.mu.Lock()
		e.dirty = true
		b.mu.Unlock()
		return fmt.Errorf("peers: keeping what is known of %s: %w", domain, err)
	}
	return nil
}

// Flush keeps what changed since. It is called now and then, and before the store closes.
func (b *Book) Flush(ctx context.Context) error {
	b.mu.Lock()
	var domains []string
	for domain, e := range b.entries {
		if e.dirty {
			domains = append(domains, domain)
		}
	}
	b.mu.Unlock()
	for _, domain := range domains {
		if err := b.save(ctx, domain); err != nil {
			return err
		}
	}
	return nil
}
