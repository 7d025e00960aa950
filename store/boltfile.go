package store

import (
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"time"

	"go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"
)

// pageBytes is the page size of new files. An existing file keeps its own.
const (
	logPageBytes   = 4096
	indexPageBytes = 4096
	fileMode       = 0o600
	// mapBytes is how much address space a file's memory map takes at once. It costs no memory, and saves the stop of all readers that
	// growing the map would be.
	mapBytes = 64 << 30
)

// guard runs fn, which reads or writes the bbolt file, and turns what bbolt and the operating system do on a damaged file (panics,
// faults on mapped pages) into a *CorruptError.
func guard(file string, fn func() error) (err error) {
	faults := debug.SetPanicOnFault(true)
	defer debug.SetPanicOnFault(faults)
	defer func() {
		reason := recover()
		switch p := reason.(type) {
		case callerPanic:
			panic(p)
		case filePanic:
			if p.file != file {
				panic(p)
			}
			reason = p.reason
		}
		if reason != nil {
			err = &CorruptError{File: file, Reason: fmt.Sprint(reason)}
		}
	}()
	return fn()
}

// callerPanic is a panic of code that a caller handed in: no damage, and none of guard's business.
type callerPanic struct{ reason any }

// filePanic is a panic that came of reading this file, within a guard of another file maybe.
type filePanic struct {
	file   string
	reason any
}

// ascribe, deferred, tells guards which file was read when a panic came.
func ascribe(file string) {
	switch reason := recover().(type) {
	case nil:
	case filePanic:
		panic(reason)
	default:
		panic(filePanic{file: file, reason: reason})
	}
}

// openBolt opens or creates a bbolt file, waiting at most the given time for its lock.
func openBolt(path string, pageSize int, lockTimeout time.Duration) (f *boltFile, err error) {
	var opened *os.File
	var db *bbolt.DB
	options := &bbolt.Options{
		Timeout: lockTimeout,
		// The free list is written with each commit: it is short here, and without it a start would scan the whole file.
		NoFreelistSync:  false,
		FreelistType:    bbolt.FreelistMapType,
		PageSize:        pageSize,
		InitialMmapSize: mapBytes,
		NoStatistics:    true,
		OpenFile: func(name string, flag int, mode os.FileMode) (*os.File, error) {
			file, err := os.OpenFile(name, flag, mode)
			opened = file
			return file, err
		},
	}
	err = guard(path, func() error {
		db, err = bbolt.Open(path, fileMode, options)
		return err
	})
	var corrupt *CorruptError
	switch {
	case err == nil:
		f = &boltFile{path: path, db: db, file: opened, page: int64(db.Info().PageSize)}
		return f, f.checkLength()
	case errors.As(err, &corrupt):
		// bbolt panicked and left its file open and locked.
		return nil, errors.Join(err, opened.Close())
	case errors.Is(err, berrors.ErrTimeout):
		return nil, fmt.Errorf("%w: %s is in use (waited %s); stop the other process or choose another folder", ErrLocked, path, lockTimeout)
	case errors.Is(err, berrors.ErrInvalid), errors.Is(err, berrors.ErrVersionMismatch), errors.Is(err, berrors.ErrChecksum):
		return nil, &CorruptError{File: path, Reason: err.Error()}
	default:
		return nil, fmt.Errorf("opening %s: %w", path, err)
	}
}

// checkLength refuses a file that is shorter than its pages: reading the missing ones would fault.
func (f *boltFile) checkLength() error {
	info, err := f.file.Stat()
	if err == nil {
		err = f.view(func(tx *bbolt.Tx) error {
			if info.Size() < tx.Size() {
				return &CorruptError{File: f.path, Reason: fmt.Sprintf("it is cut short: %d bytes of %d", info.Size(), tx.Size())}
			}
			return nil
		})
	}
	if err != nil {
		return errors.Join(err, f.close())
	}
	return nil
}

// syncDir makes the creation, renaming or removal of a file in the folder durable.
func syncDir(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// step brings a file's contents from one format version to the next, within the transaction it is given.
type step func(tx *bbolt.Tx) error

var (
	metaBucket = []byte("meta")
	versionKey = []byte("version")
)

// upgrade runs the steps from the file's version on, each in a transaction of its own, so that a crash leaves a version that is known.
// steps[v] leads from version v to v+1; version 0 is an empty file. A file of a version past the last step is refused.
func (f *boltFile) upgrade(steps []step) error {
	for {
		done := false
		err := f.update(func(tx *bbolt.Tx) error {
			version := uint64(0)
			if meta := tx.Bucket(metaBucket); meta != nil {
				value := meta.Get(versionKey)
				if len(value) != 8 {
					return &CorruptError{File: f.path, Reason: "it has no format version"}
				}
				version = beUint64(value)
			}
			if version > uint64(len(steps)) {
				return fmt.Errorf("%w: %s has version %d, this program knows up to %d", ErrNewerFormat, f.path, version, len(steps))
			}
			if done = version == uint64(len(steps)); done {
				return errNothingToDo
			}
			if err := steps[version](tx); err != nil {
				return fmt.Errorf("upgrading %s from version %d: %w", f.path, version, err)
			}
			return tx.Bucket(metaBucket).Put(versionKey, beBytes(version+1))
		})
		if done {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// errNothingToDo rolls a transaction back that found nothing to write.
var errNothingToDo = errors.New("nothing to do")
