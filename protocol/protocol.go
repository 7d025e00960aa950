// Package protocol holds the formats of the MIR protocol as pure values: claims,
// their canonical forms, subjects, domain keys, what nodes write into their logs, and the
// codes of refusal.
//
// # Claim
//
// A claim is a JSON object of at most 16 KiB that a domain signed with Ed25519:
//
//	{"mir":1,"type":"mir.transaction.completed","domain":"shop.example.com",
//	 "subject":"<64 hex>","timestamp":"2026-02-16T15:30:00Z","metadata":{"count":1},
//	 "keyFingerprint":"<64 hex>","sig":"<86 base64url>"}
//
// Every member but metadata is required, and no other member is allowed. What is
// signed is the canonical form: the claim without its top-level sig, as JSON
// without white space, keys sorted by code point, numbers without exponents. The
// protocol's JavaScript SDK writes a few rare documents differently; that second
// form is available as well, so that a verifier can try it (see [Claim.CanonicalSDK]).
// Both forms keep every value exactly, so two different claims never share
// signed bytes, whichever forms they were signed in.
//
// # Keys
//
// A domain publishes its keys as TXT records at _mir-key.{domain}, each
// "mir-key=" and 43 base64url characters, and in the document
// https://{domain}/.well-known/mir.json. A claim names its key by fingerprint:
// the SHA-256 of the raw key in lower-case hex.
//
// # What nodes write
//
// A node's log is named by an [Origin]; its leaves are each an [Entry], which commits to a
// [Record] by hash. Beside what others sign, records are what nodes sign themselves, each a
// [Statement]: an [Observation] of a domain's key, an [Erasure] notice, a [Descriptor] of
// the node. Entries and statements have one spelling each:
//
//	{"ingestedAt":"2026-11-22T07:00:00.000Z","kind":"claim","record":"<64 hex>"}
//
// # Issuers and assertions
//
// An [Issuer] is an organisation that says of files whether it made them; its home node signs
// its record, which lists its keys. What it says is an [Assertion], and taken back by a
// [Revocation]: each holds, byte for byte, a payload that the issuer signed with Ed25519 or
// ES256. An assertion's identity is the SHA-256 of its canonical payload, whatever signature
// it came with. A [MetadataEdit] changes what stands beside the payload, unsigned.
//
// # API
//
// [ParseClaim] carries out steps 1 to 4 of verification and yields a [Claim] that
// is only read from then on. [Draft.Sign] makes claims, and refuses those that a
// conformant signer must not make. [ParseKeyRecord], [ParseKeyDocument] and
// [ParseKeyFile] read published keys; [ParseIssuerKey] and [ParseSignature] read what
// clients of many kinds send. A refusal is always an [*Error].
//
// The package does no I/O, reads no clock and keeps no state. All its functions
// may be called from several goroutines.
package protocol

import "time"

// Limits of the format (docs/protocol.md, A claim).
const (
	// MaxClaimBytes bounds a claim document as received, without the white space around it.
	MaxClaimBytes = 16 << 10
	// MaxMetadataBytes bounds a claim's metadata in canonical form.
	MaxMetadataBytes = 4096
	// MaxDepth bounds the nesting of objects and arrays; the claim itself is level 1.
	MaxDepth = 32
	// MaxKeyDocumentBytes bounds a key document (mir.json) or key file.
	MaxKeyDocumentBytes = 64 << 10
	// ClockSkew is the difference between two parties' clocks that verification tolerates.
	ClockSkew = 5 * time.Minute
)
