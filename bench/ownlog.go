package bench

import (
	"crypto/ed25519"
	"crypto/sha256"

	"mirnode/protocol"
	"mirnode/store"
	"mirnode/translog"
)

// openStore opens a store as a node does: with a log of its own, so that each claim gets an entry, a proof and a receipt.
func openStore(dir string) (*store.Store, error) {
	origin := benchOrigin()
	signer, err := translog.NewSigner(origin.String(), nodeKey())
	if err != nil {
		return nil, err
	}
	return store.Open(dir, store.Options{Log: &store.LogOptions{Origin: origin, Signer: signer}})
}

func benchOrigin() protocol.Origin {
	return protocol.Origin{Domain: "node.example.com", Network: protocol.Development, Epoch: 1}
}

// nodeKey is the key of the node whose store is measured.
func nodeKey() ed25519.PrivateKey {
	seed := sha256.Sum256([]byte("mirnode benchmark node key"))
	return ed25519.NewKeyFromSeed(seed[:])
}
