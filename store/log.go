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

	// logs: number of a log → its header.
	logsBucket = []byte("logs")
	// entries: number of a log → bucket of index → entry.
	entriesBucket = []byte("entries")
	// tiles: number of a log → bucket of level, index → hashes.
	tilesBucket = []byte("tiles")
	// cosigned: number of a log → size and checkpoint with cosignatures.
	cosignedBucket = []byte("cosigned")
	// places: sequence, number of a log → index and time there, besides the place that the envelope has.
	placesBucket = []byte("places")
	// quarantine: record hash → what waits there; by the time it is due; by the key that it waits for; where it stands; by the
	// issuer or assertion that it is a record of.
	quarantineBucket       = []byte("quarantine")
	quarantineDueBucket    = []byte("quarantine due")
	wantedBucket           = []byte("quarantine wanted")
	quarantinePlacesBucket = []byte("quarantine places")
	offeredBucket          = []byte("quarantine offered")
	// missing: number of a log, index → attempts and time of the next; by that time.
	missingBucket    = []byte("missing")
	missingDueBucket = []byte("missing due")
	// tombstones: record hash → time and reason of the erasure of what was never held. This bucket's sequence, and those of the next ones, is the
	// number of its keys.
	tombstonesBucket = []byte("tombstones")
	// forks: hash of an origin, 8 bytes of the proof's → the proof.
	forksBucket = []byte("forks")
	// descriptors: domain → sequence number of its newest node descriptor, and the record's.
	descriptorsBucket = []byte("descriptors")
	// state: space → bucket of key → value.
	stateBucket = []byte("state")
	// notes: hash in an assertion's ID → this node's own note on it.
	notesBucket = []byte("notes")

	identityKey   = []byte("identity")   // 16 random bytes, kept secret: see termHasher
	erasedKey     = []byte("erased")     // number of erased records
	statementsKey = []byte("statements") // number of records that are no claims
	oldKey        = []byte("old")        // see oldRecords
)

// logSteps are the versions of log.db.
var logSteps = []step{createRecords, createLogs, knowAssertions}

// createLogs makes room for logs. The records that are there keep their envelopes; how many there are is noted for the own log, which enters
// them when it is first opened.
func createLogs(tx *bbolt.Tx) error {
	for _, name := range [][]byte{
		logsBucket, entriesBucket, tilesBucket, cosignedBucket, placesBucket, quarantineBucket, quarantineDueBucket, wantedBucket,
		quarantinePlacesBucket, missingBucket, missingDueBucket, tombstonesBucket, forksBucket, descriptorsBucket, stateBucket,
	} {
		if _, err := tx.CreateBucket(name); err != nil {
			return err
		}
	}
	last, _ := tx.Bucket(recordsBucket).Cursor().Last()
	if last == nil {
		return nil
	}
	if len(last) != 8 {
		return errors.New("its last record is not a record")
	}
	return tx.Bucket(metaBucket).Put(oldKey, oldRecords{records: beUint64(last)}.value())
}

// oldRecords are the records from before there were logs: the first ones. The first own log takes them over, and has each at its sequence
// less one.
type oldRecords struct {
	records uint64
	log     uint32 // the own log that took them, or is about to; 0: none yet
}

func (o oldRecords) value() []byte { return binary.BigEndian.AppendUint32(beBytes(o.records), o.log) }

func createRecords(tx *bbolt.Tx) error {
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
	*boltFile
	identity [16]byte
	damage   damage
	old      oldRecords // set before the goroutines run
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
	file, err := openBolt(path, logPageBytes, options.LockTimeout)
	if err != nil {
		return nil, err
	}
	l := &logFile{boltFile: file, damage: damage{logger: options.Logger}}
	if err := l.upgrade(logSteps); err != nil {
		return nil, errors.Join(err, l.close())
	}
	err = l.view(func(tx *bbolt.Tx) error {
		identity := tx.Bucket(metaBucket).Get(identityKey)
		if len(identity) != 16 || tx.Bucket(recordsBucket) == nil || tx.Bucket(unindexedBucket) == nil {
			return &CorruptError{File: path, Reason: "its identity or one of its buckets is missing"}
		}
		l.identity = [16]byte(identity)
		for _, name := range [][]byte{logsBucket, entriesBucket, tilesBucket, placesBucket, quarantineBucket, missingBucket, tombstonesBucket, stateBucket, notesBucket, offeredBucket} {
			if tx.Bucket(name) == nil {
				return &CorruptError{File: path, Reason: fmt.Sprintf("its bucket %s is missing", name)}
			}
		}
		if old := tx.Bucket(metaBucket).Get(oldKey); len(old) == 12 {
			l.old = oldRecords{records: beUint64(old), log: binary.BigEndian.Uint32(old[8:])}
		}
		return nil
	})
	if err != nil {
		return nil, errors.Join(err, l.close())
	}
	return l, nil
}

func makeLog(path string, options Options) error {
	if _, err := os.Stat(filepath.Join(filepath.Dir(path), indexName)); err == nil {
		return &CorruptError{File: path, Reason: "it is missing, though its index is here; restore it from a backup, or remove " + indexName + " to begin anew"}
	}
	unfinished := path + ".new"
	file, err := openBolt(unfinished, logPageBytes, options.LockTimeout)
	if err != nil {
		return err
	}
	if err := errors.Join(file.upgrade(logSteps), file.close()); err != nil {
		return err
	}
	if err := os.Rename(unfinished, path); err != nil {
		return fmt.Errorf("creating the log: %w", err)
	}
	return syncDir(filepath.Dir(path))
}

func (l *logFile) view(fn func(tx *bbolt.Tx) error) error {
	return l.noted(l.boltFile.view(fn))
}

func (l *logFile) update(fn func(tx *bbolt.Tx) error) error {
	return l.noted(l.boltFile.update(fn))
}

// logEnd is where the log stands.
type logEnd struct {
	seq                    uint64 // of the last record; 0 when there is none
	ingested               int64  // of the last record, Unix milliseconds
	erased                 uint64
	statements, tombstones uint64
}

func (l *logFile) end() (end logEnd, err error) {
	err = l.view(func(tx *bbolt.Tx) error {
		if erased := tx.Bucket(metaBucket).Get(erasedKey); len(erased) == 8 {
			end.erased = beUint64(erased)
		}
		if statements := tx.Bucket(metaBucket).Get(statementsKey); len(statements) == 8 {
			end.statements = beUint64(statements)
		}
		end.tombstones = tx.Bucket(tombstonesBucket).Sequence()
		k, v := tx.Bucket(recordsBucket).Cursor().Last()
		if k == nil {
			return nil
		}
		if len(k) != 8 || len(v) < oldFixedBytes {
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
func (l *logFile) readAt(cursor *bbolt.Cursor, seq uint64, copyRaw bool) (r logRecord, err error) {
	err = l.readInto(&r, new([8]byte), cursor, seq, copyRaw)
	return r, err
}

// readInto is readAt into memory of the caller's: for the record, and for the name that it is looked for by.
func (l *logFile) readInto(r *logRecord, name *[8]byte, cursor *bbolt.Cursor, seq uint64, copyRaw bool) error {
	binary.BigEndian.PutUint64(name[:], seq)
	k, v := cursor.Seek(name[:])
	if !bytes.Equal(k, name[:]) {
		*r = logRecord{}
		return &CorruptError{File: l.path, Reason: fmt.Sprintf("record %d is missing", seq)}
	}
	return l.decodeInto(r, seq, v, copyRaw)
}

func (l *logFile) decode(seq uint64, envelope []byte, copyRaw bool) (r logRecord, err error) {
	err = l.decodeInto(&r, seq, envelope, copyRaw)
	return r, err
}

func (l *logFile) decodeInto(r *logRecord, seq uint64, envelope []byte, copyRaw bool) error {
	if err := r.decode(seq, envelope, copyRaw); err != nil {
		*r = logRecord{}
		return l.corrupt(seq, err)
	}
	if r.old && seq <= l.old.records && l.old.log != 0 {
		r.first = place{log: l.old.log, index: seq - 1, ingested: r.IngestedAt.UnixMilli()}
	}
	return nil
}

// corrupt says that a record is not what it must be.
func (l *logFile) corrupt(seq uint64, why error) error {
	return &CorruptError{File: l.path, Reason: fmt.Sprintf("record %d: %v", seq, why)}
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

func beUint64(b []byte) uint64 { return binary.BigEndian.Uint64(b) }

func beBytes(n uint64) []byte { return binary.BigEndian.AppendUint64(nil, n) }
