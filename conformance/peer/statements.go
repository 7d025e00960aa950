package peer

import (
	"crypto/ed25519"

	"mirnode/protocol"
)

// Key is the private key that the peer's domain publishes: it signs the peer's statements. It follows from the run's seed, which everybody can read.
func (p *Peer) Key() ed25519.PrivateKey { return p.key }

// Network is the network that the peer is in.
func (p *Peer) Network() protocol.Network { return p.origin.Network }
