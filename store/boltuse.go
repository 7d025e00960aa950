package store

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"io/fs"
	"os"
	"sync"
	"sync/atomic"

	"go.etcd.io/bbolt"
)

// boltFile is a bbolt file in use. It stands between bbolt and damage: bbolt panics on a damaged file, and where it does so while it holds its
// locks, it holds them for good, and whoever comes next waits for ever. So it is not let into a file whose header is bad, and a file that it
// panicked on in a write is lost: nothing touches it any more, not even bbolt's Close.
type boltFile struct {
	path string
	db   *bbolt.DB
	file *os.File // the one that db has open
	page int64    // bytes of a page

	writing sync.Mutex // one write at a time, so that none waits within bbolt when the file is lost
	lost    atomic.Bool
	readers *readers // which keep views of the file open; nil where nobody does
}

// view reads the file in a transaction. Panics and faults come back as a *CorruptError.
func (f *boltFile) view(fn func(tx *bbolt.Tx) error) error {
	return closedError(guard(f.path, func() error {
		if err := f.usable(); err != nil {
			return err
		}
		return f.db.View(fn)
	}))
}

// begin opens a view that stays open until rollback, and has use look at it. After an error too there may be one. Panics and faults come back as a *CorruptError.
func (f *boltFile) begin(tx **bbolt.Tx, use func() error) error {
	return closedError(guard(f.path, func() (err error) {
		if err := f.usable(); err != nil {
			return err
		}
		if *tx, err = f.db.Begin(false); err != nil {
			return err
		}
		return use()
	}))
}

// rollback ends a view. That of a file that is lost stays: bbolt may hold its locks.
func (f *boltFile) rollback(tx *bbolt.Tx) {
	if tx != nil && !f.lost.Load() {
		_ = tx.Rollback() // of a view that is open it never fails
	}
}

// update changes the file in a transaction.
func (f *boltFile) update(fn func(tx *bbolt.Tx) error) error {
	f.writing.Lock()
	defer f.writing.Unlock()
	if f.lost.Load() {
		return f.isLost()
	}
	ended := false
	defer func() {
		if !ended { // by a panic, guarded or not: bbolt may hold its locks
			f.lost.Store(true)
		}
		if f.readers != nil {
			f.readers.renew()
		}
	}()
	return closedError(guard(f.path, func() error {
		if err := f.usable(); err != nil {
			ended = true
			return err
		}
		tx, err := f.db.Begin(true)
		if err != nil {
			ended = true
			return err
		}
		if f.readers != nil && tx.Size() > f.readers.roomy {
			f.readers.hold()
			defer f.readers.release()
		}
		if err = fn(tx); err != nil {
			err = errors.Join(err, tx.Rollback())
		} else {
			err = tx.Commit()
		}
		ended = true
		return err
	}))
}

func (f *boltFile) isLost() error {
	return &CorruptError{File: f.path, Reason: "damage was met while it was written; start again"}
}

// usable tells whether bbolt may be let into the file: whether one of its two headers is good, as bbolt asks for.
func (f *boltFile) usable() error {
	if f.lost.Load() {
		return f.isLost()
	}
	for page := range int64(2) {
		switch good, err := f.header(page); {
		case good:
			return nil
		case errors.Is(err, fs.ErrClosed):
			return ErrClosed
		}
	}
	return &CorruptError{File: f.path, Reason: "neither of its headers is good"}
}

// Where bbolt has its header in the first and the second page, and what of it.
const (
	boltPageHead  = 16
	boltMetaBytes = 64
	boltSummed    = 56 // bytes of it that the checksum behind them is of
	boltMagic     = 0xED0CDAED
)

func (f *boltFile) header(page int64) (good bool, err error) {
	var meta [boltMetaBytes]byte
	if _, err := f.file.ReadAt(meta[:], page*f.page+boltPageHead); err != nil {
		return false, err
	}
	sum := fnv.New64a()
	_, _ = sum.Write(meta[:boltSummed]) // a hash never fails
	return binary.NativeEndian.Uint32(meta[:]) == boltMagic && binary.NativeEndian.Uint64(meta[boltSummed:]) == sum.Sum64(), nil
}

// close closes the file. One that is lost keeps its memory map, which somebody may be caught in, until the process ends.
func (f *boltFile) close() error {
	if f.lost.Load() {
		if err := f.file.Close(); err != nil && !errors.Is(err, fs.ErrClosed) {
			return fmt.Errorf("closing %s: %w", f.path, err)
		}
		return nil
	}
	return f.db.Close()
}
