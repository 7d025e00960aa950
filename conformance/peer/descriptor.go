package peer

import (
	"crypto/ed25519"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"mirnode/conformance/vectors"
	"mirnode/protocol"
)

// descriptors are the descriptors that a peer can serve but the honest one, by name: what is changed in the draft, and who signs. A network is
// changed to one that is not the peer's.
var descriptors = map[string]struct { // never changed
	change func(p *Peer, d *protocol.DescriptorDraft)
	signer string // of a stranger; "": the peer
	raw    string // served as it is, in the place of a descriptor
}{
	"expired": {change: func(p *Peer, d *protocol.DescriptorDraft) {
		d.Issued, d.ExpiresAt = p.now().Add(-2*time.Hour), p.now().Add(-time.Hour)
	}},
	"future": {change: func(p *Peer, d *protocol.DescriptorDraft) {
		d.Issued, d.ExpiresAt = p.now().Add(2*time.Hour), p.now().Add(3*time.Hour)
	}},
	"other-network": {change: func(_ *Peer, d *protocol.DescriptorDraft) {
		if d.Origin.Network == protocol.Production {
			d.Origin.Network = protocol.Staging
		} else {
			d.Origin.Network = protocol.Production
		}
	}},
	"other-domain": {change: func(_ *Peer, d *protocol.DescriptorDraft) { d.Origin.Domain = "other." + d.Origin.Domain }},
	"wrong-signer": {signer: "stranger"},
	"other-log-key": {change: func(p *Peer, d *protocol.DescriptorDraft) {
		d.LogKey = vectors.Key("1", "log key "+p.domain).Public().(ed25519.PublicKey)
	}},
	// An earlier one than the first that the peer served, of a key that its log has no more: as from before the key was replaced.
	"older": {change: func(p *Peer, d *protocol.DescriptorDraft) {
		d.Sequence, d.Issued = 1, p.now().Add(-descriptorAge)
		d.LogKey = vectors.Key("1", "log key "+p.domain).Public().(ed25519.PublicKey)
	}},
	"garbage":  {raw: `{"mirNode":1,"domain":`},
	"unsigned": {raw: `{"mirNode":1}`},
}

// Descriptors are the names of what can be wrong with a peer's descriptor.
func Descriptors() []string { return slices.Sorted(maps.Keys(descriptors)) }

// Describe makes the descriptor that is served from now on: the honest one ("" ), or one of Descriptors. Each has a higher sequence than the one before, but for the older one.
func (p *Peer) Describe(name string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	wrong, ok := descriptors[name]
	if name != "" && !ok {
		return fmt.Errorf("there is no descriptor %q: it can be %s", name, strings.Join(Descriptors(), ", "))
	}
	if wrong.raw != "" {
		p.descriptor = []byte(wrong.raw)
		return nil
	}
	p.sequence++
	now := p.now()
	draft := protocol.DescriptorDraft{
		Origin: p.origin, URL: fmt.Sprintf("https://%s:%d", p.domain, p.names.HTTPS().Port()), LogKey: p.key.Public().(ed25519.PublicKey),
		Sequence: p.sequence, Issued: now, ExpiresAt: now.Add(descriptorLife),
	}
	if wrong.change != nil {
		wrong.change(p, &draft)
	}
	key := p.key
	if wrong.signer != "" {
		key = vectors.Key("1", wrong.signer+" "+p.domain)
	}
	d, err := draft.Sign(key)
	if err != nil {
		return err
	}
	p.descriptor = d.Raw()
	return nil
}
