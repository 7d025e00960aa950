package store

import (
	"errors"
	"fmt"
	"time"

	"mirnode/protocol"
	"mirnode/translog"
)

// Provenance says how a claim was verified when it was taken in. It is kept beside the claim in a few bytes.
type Provenance struct {
	// Channels are where the key was found; any of the protocol's three. Those of a record that was read must not be changed.
	Channels []protocol.Channel
	// DNSSEC tells that the DNS answer was validated.
	DNSSEC bool
	// Form is the canonical form whose signature verified: "text", "sdk", or "" when that was not said.
	Form string
	// Flags are the verifier's remarks: at most MaxFlags, each of 1 to MaxFlagBytes bytes.
	Flags []string
	// Quorum names the observers whose logged observations stood for the key, where it was not found by discovery; at most MaxQuorum
	// domains.
	Quorum []string
}

// Bounds of Provenance.
const (
	MaxFlags     = 16
	MaxFlagBytes = 64
	MaxQuorum    = 8

	maxObserverBytes = 253 // of a domain
)

// Place is where a record stands in a node's log.
type Place struct {
	Origin     string // the log's name
	Index      uint64
	IngestedAt time.Time // when that node took the record in, as it says: UTC, whole milliseconds
}

// Record is a claim, what an issuer signed, or a node's statement, as the store has it.
type Record struct {
	// Seq is the record's number in this store, in order of arrival, from 1. It means nothing to other nodes.
	Seq  uint64
	Kind protocol.Kind
	// IngestedAt is when this node took the record in: UTC, whole milliseconds. Where the own log has the record, it is the time that its
	// entry there says.
	IngestedAt time.Time
	// ClaimedAt is the record's own timestamp, UTC; of a statement, the time at which it was issued.
	ClaimedAt time.Time
	// RecordHash is the record's identity: SHA-256 of its canonical bytes with the signature.
	RecordHash [32]byte
	// SigHash is the SHA-256 of the claim's sig string; the claim ID is made from it. Of an assertion and a revocation it is the hash in the ID:
	// the SHA-256 of the canonical payload. Zero for a statement.
	SigHash [32]byte
	// Raw is the document exactly as it was received. Callers must not change it.
	Raw        []byte
	Provenance Provenance
	// Places are where logs have the record: the one that brought it here first, then the others by the order in which their mirrors were
	// opened. Empty only in a store without logs.
	Places []Place
	// Own tells that the present own log has the record, and so a receipt for it.
	Own bool
}

// ClaimToAppend is a verified claim on its way in.
type ClaimToAppend struct {
	Claim      *protocol.Claim
	Provenance Provenance
}

// RecordToAppend is a verified record of any kind on its way in.
type RecordToAppend struct {
	Record     protocol.Record
	Provenance Provenance
}

// Appended is the answer for one claim or record.
type Appended struct {
	Record Record
	// Duplicate tells that a claim with this sigHash was there already; Record is the first one then. In a store with an own log: that this
	// log has it already. What only mirrors brought so far is no duplicate: it gets an entry of its own.
	Duplicate bool
	// Index is the place in the own log, where there is one.
	Index uint64
	// Receipt proves the entry in the own log: the first one, for a duplicate. Nil without an own log, and where Err is not nil.
	Receipt *translog.Receipt
	// Err is why this claim was not taken while others of the batch were: *ErasedError. Nil otherwise.
	Err error
}

var (
	// ErrNotFound means that no such record was ever taken in.
	ErrNotFound = errors.New("no such record")
	// ErrClosed means that the store was closed. An append that got it was not written.
	ErrClosed = errors.New("the store is closed")
	// ErrReadOnly means that the disk does not take writes at the moment; reads go on, and writing starts again by itself when the disk takes it.
	// Errors that wrap it say the cause.
	ErrReadOnly = errors.New("the store is read-only")
	// ErrLocked means that another process has the store open.
	ErrLocked = errors.New("the store is locked by another process")
	// ErrNewerFormat means that the files were written by a later version of this program.
	ErrNewerFormat = errors.New("the store has a newer format than this program knows")
	// ErrNotConfirmed means that the own log takes no entries yet: whether peers hold a longer one is not known. See Store.StartWriting.
	ErrNotConfirmed = errors.New("the own log is not confirmed yet")
	// ErrFrozen means that the log is frozen, after a fork or by hand: it takes no more entries.
	ErrFrozen = errors.New("the log is frozen")
	// ErrNotNext means that the entries or outcomes do not start where the log stands; ask for its Head and start there.
	ErrNotNext = errors.New("not the next of this log")
	// ErrFull means that a bound on what one origin, or all together, may make this store keep is reached; the error that wraps it says which.
	ErrFull = errors.New("as much is kept as may be")
	// ErrNotHeld means that a body was said to be held, and is not: it must be handed in.
	ErrNotHeld = errors.New("the body is not held")
	// ErrConflict means that what was to be appended InTurn is not, since another record came first; the error that wraps it says which.
	ErrConflict = errors.New("another record came first")
	// ErrInvalid means that the call's arguments are out of bounds; the error that wraps it says which.
	ErrInvalid = errors.New("invalid request to the store")
)

// ErasedError tells that the claim was erased, why and when. Its body is gone; its place in the log and its sigHash stay.
type ErasedError struct {
	Reason string
	At     time.Time
}

func (e *ErasedError) Error() string {
	return fmt.Sprintf("the claim was erased at %s: %s", e.At.Format(time.RFC3339), e.Reason)
}

// RootError tells that entries do not make the tree that they were said to make: whoever gave them, or the log itself, lies.
type RootError struct {
	Origin    string
	Size      uint64        // of the tree with the entries
	Got, Want translog.Hash // computed from the entries, and what was said
}

func (e *RootError) Error() string {
	return fmt.Sprintf("the first %d entries of %s have the root %x, not %x", e.Size, e.Origin, e.Got, e.Want)
}

// CorruptError tells that a file does not hold what it must. For index.db the remedy is to start again: Open rebuilds it from the log.
// For log.db it is a backup.
type CorruptError struct {
	File   string // the path of the file
	Reason string
}

func (e *CorruptError) Error() string { return fmt.Sprintf("%s is damaged: %s", e.File, e.Reason) }
