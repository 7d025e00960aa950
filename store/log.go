package store

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"go.etcd.io/bbolt"
)

const logName = "log.db"

var (
	// records: sequence → envelope.
	recordsBucket = []byte("records")
	// unindexed: sequence of an erased record → its three index keys, until they are gone from index.db too.
	unindexedBucket = []byte("unindexed")

	identityKey = []byte("identity") // 16 random bytes, kept secret: see termHasher
	erasedKey   = []byte("erased")   // number of erased records
)

// logSteps are the versions of log.db.
var logSteps = []step{createLog}

func createLog(tx *bbolt.Tx) error {
	for _, name := range [][]byte{metaBucket, recordsBucket, unindexedBucket} {
		if _, err := tx.CreateBucket(name); err != nil {
			return err
		}
	}
	identity := make([]byte, 16)
	_, _ = rand.Read(identity) // never fails
	return tx.Bucket(metaBucket).Put(identityKey, identity)
}

// logFile is log.db: the records, in the order of their arrival.
type logFile struct {
	db       *bbolt.DB
	path     string
	identity [16]byte
	damage   damage
}

// openLog opens log.db, and makes it under another name first where it does not exist, so that a crash cannot leave half a file.
func openLog(path string, options Options) (*logFile, error) {
	switch info, err := os.Stat(path); {
	case err == nil && info.Size() == 0:
		return nil, &CorruptError{File: path, Reason: "it is empty; restore it from a backup"}
	case errors.Is(err, fs.ErrNotExist):
		if err := makeLog(path, options); err != nil {
			return nil, err
		}
	}
	db, err := openBolt(path, logPageBytes, options.LockTimeout)
	if err != nil {
		return nil, err
	}
	l := &logFile{db: db, path: path, damage: damage{logger: options.Logger}}
	if err := upgrade(db, path, logSteps); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	err = l.view(func(tx *bbolt.Tx) error {
		identity := tx.Bucket(metaBucket).Get(identityKey)
		if len(identity) != 16 || tx.Bucket(recordsBucket) == nil || tx.Bucket(unindexedBucket) == nil {
			return &CorruptError{File: path, Reason: "its identity or one of its buckets is missing"}
		}
		l.identity = [16]byte(identity)
		return nil
	})
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return l, nil
}

func makeLog(path string, options Options) error {
	if _, err := os.Stat(filepath.Join(filepath.Dir(path), indexName)); err == nil {
		return &CorruptError{File: path, Reason: "it is missing, though its index is here; restore it from a backup, or remove " + indexName + " to begin anew"}
	}
	unfinished := path + ".new"
	db, err := openBolt(unfinished, logPageBytes, options.LockTimeout)
	if err != nil {
		return err
	}
	if err := errors.Join(upgrade(db, unfinished, logSteps), db.Close()); err != nil {
		return err
	}
	if err := os.Rename(unfinished, path); err != nil {
		return fmt.Errorf("creating the log: %w", err)
	}
	return syncDir(filepath.Dir(path))
}

func (l *logFile) view(fn func(tx *bbolt.Tx) error) error {
	return l.noted(closedError(guard(l.path, func() error { return l.db.View(fn) })))
}

func (l *logFile) update(fn func(tx *bbolt.Tx) error) error {
	return l.noted(closedError(guard(l.path, func() error { return l.db.Update(fn) })))
}

// logEnd is where the log stands.
type logEnd struct {
	seq      uint64 // of the last record; 0 when there is none
	ingested int64  // of the last record, Unix milliseconds
	erased   uint64
}

func (l *logFile) end() (end logEnd, err error) {
	err = l.view(func(tx *bbolt.Tx) error {
		if erased := tx.Bucket(metaBucket).Get(erasedKey); len(erased) == 8 {
			end.erased = beUint64(erased)
		}
		k, v := tx.Bucket(recordsBucket).Cursor().Last()
		if k == nil {
			return nil
		}
		if len(k) != 8 || len(v) < fixedBytes {
			return &CorruptError{File: l.path, Reason: "its last record is not a record"}
		}
		end.seq, end.ingested = beUint64(k), int64(beUint64(v[ingestedOffset:]))
		return nil
	})
	return end, err
}

// record reads the record with this sequence, which an index named: that it is missing is damage.
func (l *logFile) record(seq uint64) (r logRecord, err error) {
	err = l.view(func(tx *bbolt.Tx) error {
		r, err = l.recordAt(tx.Bucket(recordsBucket).Cursor(), seq)
		return err
	})
	return r, err
}

// recordAt is record by a cursor of the records' bucket, which it moves.
func (l *logFile) recordAt(cursor *bbolt.Cursor, seq uint64) (logRecord, error) {
	return l.readAt(cursor, seq, true)
}

// readAt is recordAt whose Raw, without copyRaw, lies in the file's pages: good until the transaction ends.
func (l *logFile) readAt(cursor *bbolt.Cursor, seq uint64, copyRaw bool) (logRecord, error) {
	var name [8]byte
	binary.BigEndian.PutUint64(name[:], seq)
	k, v := cursor.Seek(name[:])
	if !bytes.Equal(k, name[:]) {
		return logRecord{}, &CorruptError{File: l.path, Reason: fmt.Sprintf("record %d is missing", seq)}
	}
	return l.decode(seq, v, copyRaw)
}

func (l *logFile) decode(seq uint64, envelope []byte, copyRaw bool) (logRecord, error) {
	r, err := decodeEnvelope(seq, envelope, copyRaw)
	if err != nil {
		return r, &CorruptError{File: l.path, Reason: fmt.Sprintf("record %d: %v", seq, err)}
	}
	return r, nil
}

// fingerprint tells this log from others without giving its identity away.
func (l *logFile) fingerprint() []byte {
	sum := sha256.Sum256(append([]byte("mirnode index of log\n"), l.identity[:]...))
	return sum[:]
}

// bytes is the size of the file's used part.
func (l *logFile) bytes() int64 { return usedBytes(l.view) }

func usedBytes(view func(func(*bbolt.Tx) error) error) (n int64) {
	_ = view(func(tx *bbolt.Tx) error { // a closed file has no size to tell
		n = tx.Size()
		return nil
	})
	return n
}

func (l *logFile) close() error { return l.db.Close() }

func beUint64(b []byte) uint64 { return binary.BigEndian.Uint64(b) }

func beBytes(n uint64) []byte { return binary.BigEndian.AppendUint64(nil, n) }
