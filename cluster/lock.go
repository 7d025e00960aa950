package cluster

import (
	"errors"
	"os"
	"syscall"
)

// errLocked says that another process holds the lock.
var errLocked = errors.New("locked by another process")

// lockFile waits until this process alone holds the lock file at path. The kernel lets go of the lock when its holder dies, however it dies.
func lockFile(path string) (unlock func(), err error) { return lock(path, syscall.LOCK_EX) }

// tryLockFile is lockFile that returns errLocked in the place of waiting.
func tryLockFile(path string) (unlock func(), err error) {
	return lock(path, syscall.LOCK_EX|syscall.LOCK_NB)
}

func lock(path string, how int) (unlock func(), err error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600) // Go opens files close-on-exec: a child does not inherit the lock
	if err != nil {
		return nil, err
	}
	for {
		err = syscall.Flock(int(file.Fd()), how)
		if !errors.Is(err, syscall.EINTR) {
			break
		}
	}
	if err != nil {
		_ = file.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			err = errLocked
		}
		return nil, err
	}
	return func() { _ = file.Close() }, nil
}
