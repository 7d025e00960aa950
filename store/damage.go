package store

import (
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
)

// loggedDamage is how many times damage is written to the program's log; Stats counts on.
const loggedDamage = 16

// damage is what was found wrong with log.db while in use. The log then takes no more writes: what is lost can come from a backup alone,
// and what is appended until somebody looks would be missing there.
type damage struct {
	logger *slog.Logger
	first  atomic.Pointer[CorruptError]
	times  atomic.Uint64 // that a damaged record or page was met
}

// noted passes the outcome of a read or write on, and keeps in mind that it was damage of this file.
func (l *logFile) noted(err error) error {
	if err == nil {
		return nil
	}
	corrupt, ok := errors.AsType[*CorruptError](err)
	if !ok || corrupt.File != l.path {
		return err
	}
	l.damage.first.CompareAndSwap(nil, corrupt)
	if l.damage.times.Add(1) <= loggedDamage {
		l.damage.logger.Error("read-only: the log is damaged; restore it from a backup", "why", corrupt.Reason)
	}
	return err
}

// healthy is nil, or wraps ErrReadOnly and the first *CorruptError that was met.
func (l *logFile) healthy() error {
	if first := l.damage.first.Load(); first != nil {
		return fmt.Errorf("%w: %w", ErrReadOnly, first)
	}
	return nil
}
