// Package store keeps everything that a node must not lose, in two bbolt files of one folder.
//
// log.db is the truth: records in the order of their arrival, each under an 8-byte big-endian sequence number, as a small binary
// envelope (see envelope.go) around the document's bytes exactly as they came. It only ever grows at its end, which is what a B+tree of
// whole pages does fast. index.db is derived and may be deleted at any time: it leads from a record's hash, and a claim's identity, subject,
// domain and type, to sequence numbers. Its keys are random, which is what a B+tree of whole pages does slowly; so they gather in memory
// first and are written behind, many at once and in key order. Until then memory answers, and after a crash the missing rest is read from the log.
//
// Beside the records log.db has logs: the node's own, and mirrors of other nodes'. A log is a list of entries, each of which commits to a
// record by its hash, and the tiles of the Merkle tree over them (package translog). The own log grows with what this node takes in itself:
// record, entry, tree and signed head are one transaction, and the answer holds a receipt, made from memory. A mirror grows by entries whose
// tree was proved (AppendEntries); what became of their bodies follows (Settle): verified and served, in quarantine, missing, or refused. A
// record that several logs have lies once.
//
// Appends pass through one goroutine, which takes whatever waits into one transaction, syncs it to disk and only then answers: many
// waiters share one sync, and none waits for a timer. What mirrors bring comes after what clients bring. docs/storage.md has the formats, the bounds and the reasons.
//
// A [Store] is safe for concurrent use.
package store

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/semaphore"
)

// Store holds the records of one node. Open makes it; Close ends it.
type Store struct {
	options Options
	logger  *slog.Logger
	log     *logFile
	index   *indexFile
	terms   termHasher

	// queue carries requests to the committer, which is the only goroutine that appends to the log and to the active table.
	queue  chan *request
	queued *semaphore.Weighted // bytes of records that wait or are being written
	// mirrored and mirrorRoom are the same for what is done on behalf of mirrors: it comes second.
	mirrored   chan *request
	mirrorRoom *semaphore.Weighted
	turn       int // counts transactions; the committer's

	logs logs

	// state guards the tables' contents and which of them is which.
	state struct {
		sync.RWMutex
		active  *table // takes what is appended; changed by the committer alone
		merging *table // being written to index.db, unchanging; nil when there is nothing to merge
	}
	mergeWanted chan struct{} // wakes the merger
	roomMade    chan struct{} // wakes a committer that waits for room in the tables

	// Owned by the committer after Open.
	lastSeq      uint64
	lastIngested int64 // Unix milliseconds; ingestedAt never steps back

	readers readers

	fault  faults
	counts counters

	quit     chan struct{} // closed by Close
	closing  sync.Once
	stopped  chan struct{} // closed when the committer has answered everybody
	routines sync.WaitGroup
	closeErr error
}

// Open opens or creates the store in the folder dir and brings its index up to date with its log, rebuilding the index where it is
// missing or damaged. The folder is created with mode 0700 and the files with 0600. Errors: ErrLocked when another process has the
// store open, ErrNewerFormat when a later version wrote it, *CorruptError when the log is damaged.
func Open(dir string, options Options) (*Store, error) {
	options, err := options.withDefaults()
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("creating the store's folder: %w", err)
	}
	log, err := openLog(filepath.Join(dir, logName), options)
	if err != nil {
		return nil, err
	}
	s := &Store{
		options:     options,
		logger:      options.Logger,
		log:         log,
		terms:       termHasher{salt: log.identity},
		queue:       make(chan *request, options.QueueRequests),
		queued:      semaphore.NewWeighted(options.QueueBytes),
		mirrored:    make(chan *request, mirrorRequests),
		mirrorRoom:  semaphore.NewWeighted(options.QueueBytes),
		mergeWanted: make(chan struct{}, 1),
		roomMade:    make(chan struct{}, 1),
		quit:        make(chan struct{}),
		stopped:     make(chan struct{}),
	}
	s.fault.changed = make(chan struct{}, 1)
	s.state.active = newTable()
	s.logs.init()
	if err := s.start(dir); err != nil {
		return nil, errors.Join(err, s.log.close())
	}
	return s, nil
}

// start reads the log's end, opens the index, catches it up and starts the goroutines.
func (s *Store) start(dir string) error {
	began := time.Now()
	end, err := s.log.end()
	if err != nil {
		return err
	}
	s.lastSeq, s.lastIngested = end.seq, end.ingested
	s.counts.lastSeq.Store(end.seq)
	s.counts.erased.Store(end.erased)
	s.counts.statements.Store(end.statements)
	s.logs.tombstones.Store(end.tombstones)
	if err := s.loadLogs(); err != nil {
		return err
	}
	if err := s.openOwn(); err != nil {
		return err
	}
	if s.index, err = openIndex(dir, s.log, end.seq, s.options); err != nil {
		return err
	}
	caughtUp, err := s.catchUp()
	if err != nil {
		return errors.Join(err, s.index.close())
	}
	s.readers.roomy = mapBytes / 2
	s.log.readers, s.index.readers = &s.readers, &s.readers
	s.logger.Info("store open", "records", end.seq, "erased", end.erased, "caught_up", caughtUp, "took", time.Since(began).Round(time.Millisecond))
	s.routines.Add(2)
	go s.commitLoop()
	go s.mergeLoop()
	return nil
}

// Close ends the store: requests that are being written are finished and answered, those still waiting get ErrClosed, a merge stops
// after its current slice (the log has what it leaves undone). It waits for reads in flight. A second call does nothing and returns the
// same error.
func (s *Store) Close() error {
	s.closing.Do(func() {
		close(s.quit)
		s.routines.Wait()
		s.readers.end()
		s.closeErr = errors.Join(s.index.close(), s.log.close())
	})
	return s.closeErr
}

// counters are what Stats tells; each is changed by the goroutine that does the work.
type counters struct {
	lastSeq, erased, statements      atomic.Uint64
	commits, committed               atomic.Uint64
	batchSizes                       [len(BatchBounds) + 1]atomic.Uint64
	merges, mergedClaims, mergeSlice atomic.Uint64
	lastMerge, slowed                atomic.Int64
}
