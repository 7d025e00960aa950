package verifier

import (
	"crypto/ed25519"
	"fmt"
	"sync/atomic"

	lru "github.com/hashicorp/golang-lru/v2"

	"mirnode/protocol"
	"mirnode/verifier/internal/hotkey"
)

const (
	// promoteAfter is how often a key must come before a table is made for it. A table costs about three plain verifications, so
	// from twice that on it has paid; and a flood of keys that come once makes no table and pushes none out.
	promoteAfter = 6
	// seenPerExpanded is how many more keys are remembered (some 200 bytes each) than tables are held.
	seenPerExpanded = 16
)

type publicKey = [ed25519.PublicKeySize]byte

// preparedKeys remembers the public keys that came, and holds tables of those that come often. All of it is a function of the key
// alone, so nothing here can go stale: whether a domain still publishes a key is the source's to say, at every claim.
type preparedKeys struct {
	hot  *lru.Cache[publicKey, *hotKey]
	seen *lru.Cache[publicKey, *seenKey]
}

// seenKey is a checked public key.
type seenKey struct {
	fingerprint string
	refusal     error         // of protocol.CheckPublicKey; nil for a good key
	uses        atomic.Uint32 // counts up to promoteAfter
}

// hotKey is a good key with its table.
type hotKey struct {
	table       *hotkey.Key
	fingerprint string
}

func (k *hotKey) verify(message, sig []byte) bool { return k.table.Verify(message, sig) }

func newPreparedKeys(size int) *preparedKeys {
	hot, err := lru.New[publicKey, *hotKey](size)
	if err != nil {
		panic(err) // only for a size below 1, which New does not pass on
	}
	seen, err := lru.New[publicKey, *seenKey](size * seenPerExpanded)
	if err != nil {
		panic(err)
	}
	return &preparedKeys{hot: hot, seen: seen}
}

// get returns the key ready for use. It refuses, with KEY_NOT_FOUND, a key that is none by the protocol's rules or has another
// fingerprint: a source should never hand one out, and if it does, no signature by it counts.
func (p *preparedKeys) get(public ed25519.PublicKey, fingerprint string) (signatureKey, error) {
	if len(public) != ed25519.PublicKeySize {
		return nil, noKey("it has %d bytes, not %d", len(public), ed25519.PublicKeySize)
	}
	id := publicKey(public)
	if hot, ok := p.hot.Get(id); ok {
		if hot.fingerprint != fingerprint {
			return nil, noKey("its fingerprint is %s", hot.fingerprint)
		}
		return hot, nil
	}
	seen, ok := p.seen.Get(id)
	if !ok {
		seen = &seenKey{fingerprint: protocol.Fingerprint(public), refusal: protocol.CheckPublicKey(public)}
		p.seen.Add(id, seen)
	}
	switch {
	case seen.refusal != nil:
		return nil, noKey("%v", seen.refusal)
	case seen.fingerprint != fingerprint:
		return nil, noKey("its fingerprint is %s", seen.fingerprint)
	}
	if seen.uses.Add(1) == promoteAfter {
		if table, err := hotkey.New(public); err == nil {
			hot := &hotKey{table: table, fingerprint: seen.fingerprint}
			p.hot.Add(id, hot)
			p.seen.Remove(id) // counts anew once the table was pushed out
			return hot, nil
		}
	}
	return plainKey(public), nil
}

func noKey(format string, args ...any) error {
	return &protocol.Error{
		Code:    protocol.KeyNotFound,
		Message: "the key that was found cannot be used: " + fmt.Sprintf(format, args...),
		Hint:    "Publish a key that `mir key new` made.",
	}
}
