package store

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync/atomic"

	"go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"
)

const (
	indexName = "index.db"
	// suspectName is an empty file that says that index.db was found damaged while in use: the next Open rebuilds it.
	suspectName = "index.suspect"
)

var (
	// ids: first 8 bytes of sigHash, sequence → nothing.
	idsBucket = []byte("ids")
	// hashes: first 8 bytes of record hash, sequence → nothing.
	hashesBucket = []byte("hashes")
	// terms: key → tag for subjects, nothing for others.
	termsBucket = []byte("terms")

	// mark: the last sequence whose keys, and those of all before it, are in the file. reach: the last whose keys may be. Each is followed
	// by the record's hash, which tells whether the log is still the one that the index was made from.
	markKey  = []byte("mark")
	reachKey = []byte("reach")
	// log: what the log's identity hashes to.
	logKey = []byte("log")
)

// indexSteps are the versions of index.db. A step may also answer errRebuild where keys cannot be carried over.
func indexSteps(log *logFile) []step {
	create := func(tx *bbolt.Tx) error {
		for _, name := range [][]byte{metaBucket, idsBucket, hashesBucket, termsBucket} {
			if _, err := tx.CreateBucket(name); err != nil {
				return err
			}
		}
		return tx.Bucket(metaBucket).Put(logKey, log.fingerprint())
	}
	addHashes := func(tx *bbolt.Tx) error {
		if tx.Bucket(hashesBucket) == nil {
			return fmt.Errorf("%w: it has no record hashes, being of an earlier version", errRebuild)
		}
		return nil
	}
	addObservers := hasNoStatements(log, "it does not tell observers apart")
	// What was wanted of the assertions about an artifact changed with the fourth version: see standing.go.
	return []step{create, addHashes, addObservers, hasNoStatements(log, "it does not tell active assertions from ended ones")}
}

// hasNoStatements is the step to a version that keeps other keys of statements: what has any of them is made anew.
func hasNoStatements(log *logFile, lacks string) step {
	return func(tx *bbolt.Tx) error {
		if meta := tx.Bucket(metaBucket); meta.Get(markKey) == nil && meta.Get(reachKey) == nil {
			return nil // it is new
		}
		return log.view(func(tx *bbolt.Tx) error {
			if value := tx.Bucket(metaBucket).Get(statementsKey); len(value) == 8 && beUint64(value) > 0 {
				return fmt.Errorf("%w: %s, being of an earlier version", errRebuild, lacks)
			}
			return nil
		})
	}
}

// errRebuild: the file is of no use, for the reason that the error which wraps it gives.
var errRebuild = errors.New("the index must be made anew")

// indexFile is index.db: what leads from a claim's properties to its place in the log.
type indexFile struct {
	*boltFile
	dir     string
	logger  *slog.Logger
	mark    uint64      // see markKey; changed by Open and then by the merger alone
	suspect atomic.Bool // damage was found; nothing is answered any more
}

// openIndex opens index.db, and makes it anew, empty, where it is missing, damaged, or not of this log.
func openIndex(dir string, log *logFile, lastSeq uint64, options Options) (*indexFile, error) {
	x := &indexFile{dir: dir, boltFile: &boltFile{path: filepath.Join(dir, indexName)}, logger: options.Logger}
	err := x.open(log, lastSeq, options)
	if err == nil || errors.Is(err, ErrLocked) || errors.Is(err, ErrNewerFormat) || errors.Is(err, fs.ErrPermission) {
		return x, err
	}
	options.Logger.Warn("making the index anew from the log", "why", err, "records", lastSeq)
	if err := x.discard(); err != nil {
		return nil, err
	}
	return x, x.open(log, lastSeq, options)
}

func (x *indexFile) open(log *logFile, lastSeq uint64, options Options) error {
	if _, err := os.Stat(filepath.Join(x.dir, suspectName)); err == nil {
		return fmt.Errorf("%w: it was found damaged while in use", errRebuild)
	}
	if _, err := os.Stat(x.path); errors.Is(err, fs.ErrNotExist) && lastSeq > 0 {
		options.Logger.Warn("the index is missing: making it from the log", "records", lastSeq)
	}
	file, err := openBolt(x.path, indexPageBytes, options.LockTimeout)
	if err != nil {
		return err
	}
	x.boltFile = file
	err = x.upgrade(indexSteps(log))
	if err == nil {
		err = x.check(log, lastSeq)
	}
	if err != nil {
		return errors.Join(err, x.close())
	}
	return nil
}

// check finds whether the index is whole, as far as that is cheap to see, and was made from this log.
func (x *indexFile) check(log *logFile, lastSeq uint64) error {
	var mark, reach []byte
	err := x.boltFile.view(func(tx *bbolt.Tx) error {
		meta := tx.Bucket(metaBucket)
		if !bytes.Equal(meta.Get(logKey), log.fingerprint()) {
			return errors.New("it was made from another log")
		}
		mark, reach = bytes.Clone(meta.Get(markKey)), bytes.Clone(meta.Get(reachKey))
		for name, size := range map[string]int{string(idsBucket): 16, string(hashesBucket): 16, string(termsBucket): keyBytes} {
			if err := checkBucket(tx, name, size, len(mark) > 0 && name == string(hashesBucket)); err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil {
		_, err = checkMark(log, lastSeq, reach)
	}
	if err == nil {
		x.mark, err = checkMark(log, lastSeq, mark)
	}
	if err != nil {
		return fmt.Errorf("%w: %w", errRebuild, err)
	}
	return nil
}

// checkMark reads a mark or reach, and sees whether the log has that record.
func checkMark(log *logFile, lastSeq uint64, value []byte) (seq uint64, err error) {
	if len(value) == 0 {
		return 0, nil
	}
	if len(value) != 8+32 {
		return 0, errors.New("its mark is not one")
	}
	if seq = beUint64(value); seq > lastSeq {
		return 0, fmt.Errorf("it knows record %d, the log ends at %d", seq, lastSeq)
	}
	record, err := log.record(seq)
	if err != nil {
		return 0, err
	}
	if !bytes.Equal(record.RecordHash[:], value[8:]) {
		return 0, fmt.Errorf("its record %d is not the log's", seq)
	}
	return seq, nil
}

// checkBucket looks at a bucket's two ends.
func checkBucket(tx *bbolt.Tx, name string, keySize int, filled bool) error {
	bucket := tx.Bucket([]byte(name))
	if bucket == nil {
		return fmt.Errorf("its bucket %s is missing", name)
	}
	first, _ := bucket.Cursor().First()
	last, _ := bucket.Cursor().Last()
	switch {
	case first == nil && last == nil && !filled:
		return nil
	case len(first) != keySize || len(last) != keySize:
		return fmt.Errorf("its bucket %s is not what it should be", name)
	}
	return nil
}

// discard removes the file and what was noted about it.
func (x *indexFile) discard() error {
	for _, path := range []string{x.path, filepath.Join(x.dir, suspectName)} {
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("removing a damaged index: %w", err)
		}
	}
	x.mark = 0
	return syncDir(x.dir)
}

// view reads the index. On damage it marks the index as suspect, for good.
func (x *indexFile) view(fn func(tx *bbolt.Tx) error) error {
	return x.use(x.boltFile.view, fn)
}

func (x *indexFile) update(fn func(tx *bbolt.Tx) error) error {
	return x.use(x.boltFile.update, fn)
}

// healthy is nil or the *CorruptError that ended the use of the index.
func (x *indexFile) healthy() error {
	if x.suspect.Load() {
		return &CorruptError{File: x.path, Reason: "damage was found; start again to have it made anew from the log"}
	}
	return nil
}

func (x *indexFile) use(access func(func(*bbolt.Tx) error) error, fn func(*bbolt.Tx) error) error {
	if err := x.healthy(); err != nil {
		return err
	}
	return x.noted(access(fn))
}

// noted passes the outcome of a read or write on, and keeps in mind that it was damage of this file.
func (x *indexFile) noted(err error) error {
	if err == nil {
		return nil
	}
	var corrupt *CorruptError
	if errors.As(err, &corrupt) && corrupt.File == x.path && !x.suspect.Swap(true) {
		x.logger.Error("the index is damaged; start again to have it made anew from the log", "why", corrupt.Reason)
		if note := os.WriteFile(filepath.Join(x.dir, suspectName), nil, fileMode); note != nil {
			x.logger.Error("noting that the index is damaged", "error", note)
		}
	}
	return err
}

func (x *indexFile) bytes() int64 { return usedBytes(x.view) }

// closedError tells in the store's own terms that the file was closed.
func closedError(err error) error {
	if errors.Is(err, berrors.ErrDatabaseNotOpen) {
		return ErrClosed
	}
	return err
}
