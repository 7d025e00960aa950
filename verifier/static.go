package verifier

import (
	"context"
	"fmt"
	"time"

	"mirnode/protocol"
)

// StaticKeys returns a source that knows the given keys, for any domain, and asks nobody. Of entries with one fingerprint the
// widest validity counts. The source never fails but with KEY_NOT_FOUND, and may be used by several goroutines.
func StaticKeys(keys ...protocol.DomainKey) KeySource {
	source := make(staticKeys, len(keys))
	for _, key := range keys {
		if first, ok := source[key.Fingerprint]; ok {
			key.Created, key.Expires = widest(first, key)
		}
		source[key.Fingerprint] = key
	}
	return source
}

// staticKeys maps fingerprints to keys; it is only read.
type staticKeys map[string]protocol.DomainKey

func (s staticKeys) FindKey(_ context.Context, domain, fingerprint string) (protocol.FoundKey, error) {
	key, ok := s[fingerprint]
	if !ok {
		return protocol.FoundKey{}, &protocol.Error{
			Code:    protocol.KeyNotFound,
			Message: fmt.Sprintf("no given key has the fingerprint %s that the claim names", fingerprint),
			Hint:    "Give the key that signed the claim, or verify without a key file to look it up where the domain publishes it.",
		}
	}
	return protocol.FoundKey{Domain: domain, Key: key, Cached: true}, nil
}

// widest returns the earliest beginning and the latest end of two entries of one key; a time that is not said has no bound.
func widest(a, b protocol.DomainKey) (created, expires time.Time) {
	created, expires = a.Created, a.Expires
	if b.Created.IsZero() || !created.IsZero() && b.Created.Before(created) {
		created = b.Created
	}
	if b.Expires.IsZero() || !expires.IsZero() && b.Expires.After(expires) {
		expires = b.Expires
	}
	return created, expires
}
