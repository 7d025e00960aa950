package store

import (
	"errors"
	"fmt"
	"time"

	"mirnode/protocol"
)

// Provenance says how a claim was verified when it was taken in. It is kept beside the claim in a few bytes.
type Provenance struct {
	// Channels are where the key was found; any of the protocol's three.
	Channels []protocol.Channel
	// DNSSEC tells that the DNS answer was validated.
	DNSSEC bool
	// Form is the canonical form whose signature verified: "text", "sdk", or "" when that was not said.
	Form string
	// Flags are the verifier's remarks: at most MaxFlags, each of 1 to MaxFlagBytes bytes.
	Flags []string
}

// Bounds of Provenance.Flags.
const (
	MaxFlags     = 16
	MaxFlagBytes = 64
)

// Record is a claim as the store has it.
type Record struct {
	// Seq is the record's place in this node's log, from 1.
	Seq uint64
	// IngestedAt is when this node took the claim in: UTC, whole milliseconds, never before that of an earlier Seq.
	IngestedAt time.Time
	// ClaimedAt is the claim's own timestamp, UTC.
	ClaimedAt time.Time
	// RecordHash is the record's identity: SHA-256 of its canonical bytes with the signature.
	RecordHash [32]byte
	// SigHash is the SHA-256 of the claim's sig string; the claim ID is made from it.
	SigHash [32]byte
	// Raw is the claim exactly as it was received. Callers must not change it.
	Raw        []byte
	Provenance Provenance
}

// ClaimToAppend is a verified claim on its way in.
type ClaimToAppend struct {
	Claim      *protocol.Claim
	Provenance Provenance
}

// Appended is the answer for one claim.
type Appended struct {
	Record Record
	// Duplicate tells that a claim with this sigHash was there already; Record is the first one then.
	Duplicate bool
	// Err is why this claim was not taken while others of the batch were: *ErasedError. Nil otherwise.
	Err error
}

var (
	// ErrNotFound means that no such claim was ever taken in.
	ErrNotFound = errors.New("no such claim")
	// ErrClosed means that the store was closed. An append that got it was not written.
	ErrClosed = errors.New("the store is closed")
	// ErrReadOnly means that the disk does not take writes at the moment; reads go on, and writing starts again by itself when the disk takes it.
	// Errors that wrap it say the cause.
	ErrReadOnly = errors.New("the store is read-only")
	// ErrLocked means that another process has the store open.
	ErrLocked = errors.New("the store is locked by another process")
	// ErrNewerFormat means that the files were written by a later version of this program.
	ErrNewerFormat = errors.New("the store has a newer format than this program knows")
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

// CorruptError tells that a file does not hold what it must. For index.db the remedy is to start again: Open rebuilds it from the log.
// For log.db it is a backup.
type CorruptError struct {
	File   string // the path of the file
	Reason string
}

func (e *CorruptError) Error() string { return fmt.Sprintf("%s is damaged: %s", e.File, e.Reason) }
