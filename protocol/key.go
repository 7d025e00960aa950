package protocol

import (
	"crypto/ed25519"
	"time"
)

// Channel is a way in which a domain's key was found.
type Channel string

// The channels (docs/protocol.md, Keys), and a file that the caller named.
const (
	WellKnown Channel = "well-known"
	DNS       Channel = "dns"
	File      Channel = "file"
)

// DomainKey is a public key that a domain publishes. It is read only.
type DomainKey struct {
	Public      ed25519.PublicKey // checked by CheckPublicKey
	Fingerprint string            // of Public
	Created     time.Time         // UTC; zero where the channel does not say
	Expires     time.Time         // UTC; zero where the key has no end. Judged at a claim's timestamp
	Channels    []Channel         // where the key was seen; empty out of a parser
}

// FoundKey is the key that a claim names, and how it was found.
type FoundKey struct {
	Domain    string // in lower case
	Key       DomainKey
	FetchedAt time.Time // when the domain was asked
	Cached    bool      // the answer came from a cache
	DNSSEC    bool      // a validating resolver vouched for the TXT record
	Warnings  []string  // for people: such as a key that only one of two channels has
}
