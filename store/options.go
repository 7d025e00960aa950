package store

import (
	"fmt"
	"log/slog"
	"time"

	"golang.org/x/mod/sumdb/note"

	"mirnode/protocol"
)

// Options tune a store. The zero value is right for a node; each zero field takes its default.
type Options struct {
	// Log is the own log. Nil: there is none, so records get no entries and no receipts.
	Log *LogOptions
	// Logger hears of opening, rebuilding, read-only mode. Default: nothing is logged.
	Logger *slog.Logger
	// Now is the clock that ingestedAt is read from. Default: time.Now.
	Now func() time.Time
	// Learned hears of each issuer record that is newly held, this node's own and mirrored ones, in the order in which they came, once it is safe on
	// disk and readable. It must neither block nor call the store. Nil: nobody.
	Learned func(protocol.Record)
	// MergeClaims is how many claims gather in memory before their index keys are written to disk; four times as many can be there at
	// worst, of about 240 bytes each (docs/storage.md). More is faster at many millions of claims. Default 200,000; at least 16.
	MergeClaims int
	// QueueRequests bounds the append calls that wait. Default 1,024.
	QueueRequests int
	// QueueBytes bounds the record bytes that wait or are being written; callers beyond it wait for room. As many again are
	// for mirrors. Default 64 MiB.
	QueueBytes int64
	// ScanKeys bounds the index keys that one Find looks at before it answers with what it has and a cursor. Default 10,000.
	ScanKeys int
	// LockTimeout is how long Open waits for another process to let go of the folder. Default 2 s.
	LockTimeout time.Duration
	// ProbeInterval is how often a store in read-only mode tries whether the disk takes writes again. Default 5 s.
	ProbeInterval time.Duration
}

// LogOptions are those of the own log.
type LogOptions struct {
	// Origin is the log's name. With another epoch than before the store begins another log, and keeps the earlier one as it is.
	Origin protocol.Origin
	// Signer signs the log's checkpoints; its name is the origin's.
	Signer note.Signer
	// Confirm makes the log take no entries until Store.StartWriting, so that a node which was restored from an older backup can learn its own
	// longer log from its peers first.
	Confirm bool
}

const (
	// MaxBatch is the most claims that one AppendClaims takes.
	MaxBatch = 10_000
	// MaxAppendRecords is the most records that one AppendRecords takes.
	MaxAppendRecords = 16
	// DefaultLimit is how many records a page has when the query does not say.
	DefaultLimit = 50
	// MaxLimit is the most records of a page.
	MaxLimit = 1_000

	minMergeClaims = 16
	// mirrorRequests bounds the calls on behalf of mirrors that wait.
	mirrorRequests = 256
	// maxCommitClaims and maxCommitBytes end the gathering of requests into one transaction; a single larger request still fits alone.
	maxCommitClaims = 4_096
	maxCommitBytes  = 16 << 20
)

func (o Options) withDefaults() (Options, error) {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	setDefault(&o.MergeClaims, 200_000)
	setDefault(&o.QueueRequests, 1_024)
	setDefault(&o.QueueBytes, 64<<20)
	setDefault(&o.ScanKeys, 10_000)
	setDefault(&o.LockTimeout, 2*time.Second)
	setDefault(&o.ProbeInterval, 5*time.Second)
	switch {
	case o.MergeClaims < minMergeClaims:
		return o, fmt.Errorf("store: MergeClaims is %d, must be at least %d", o.MergeClaims, minMergeClaims)
	case o.QueueRequests < 0 || o.QueueBytes < 0 || o.ScanKeys < 0 || o.LockTimeout < 0 || o.ProbeInterval < 0:
		return o, fmt.Errorf("store: options must not be negative")
	}
	return o, nil
}

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}
