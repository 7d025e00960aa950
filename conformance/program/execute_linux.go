package program

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"time"
)

const (
	// maxSweeps bounds how often what a program left behind is looked for: one that starts itself anew for ever gets away, and is told of.
	maxSweeps = 500
	// sweepPause is how long a process is given to be gone once it was killed.
	sweepPause = 2 * time.Millisecond
	// maxEnvironment bounds what is read of a process's environment, in bytes: Linux allows a quarter of the stack, as a rule 2 MiB.
	maxEnvironment = 4 << 20
)

// attributes put a program into a process group of its own, so that its children end with it, and let it end with the suite. The second
// means the thread that starts it, which must stay.
func attributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}

// sweep kills all processes that bear the mark, until there is none. It returns how many it killed and how many it saw last.
func sweep(m mark) (ended, left int) {
	killed := make(map[int]bool)
	for range maxSweeps {
		found := marked(m)
		left = len(found)
		if left == 0 {
			break
		}
		for _, pid := range found {
			if kill(pid, m) {
				killed[pid] = true
			}
		}
		time.Sleep(sweepPause)
	}
	return len(killed), left
}

// marked returns the processes that bear the mark. Those that have ended bear none, also where nobody has waited for them yet.
func marked(m mark) []int {
	proc, err := os.Open("/proc")
	if err != nil {
		return nil
	}
	defer proc.Close()                //nolint:errcheck // it was only read
	names, _ := proc.Readdirnames(-1) // as many as there are processes
	var found []int
	for _, name := range names {
		if pid, err := strconv.Atoi(name); err == nil && bears(pid, m) {
			found = append(found, pid)
		}
	}
	return found
}

// bears reports whether a process bears the mark, as far as its environment can be read.
func bears(pid int, m mark) bool {
	f, err := os.Open(filepath.Join("/proc", strconv.Itoa(pid), "environ"))
	if err != nil {
		return false
	}
	defer f.Close() //nolint:errcheck // it was only read
	environment, _ := io.ReadAll(io.LimitReader(f, maxEnvironment))
	return bytes.Contains(environment, []byte(m))
}

// kill kills a process if it bears the mark. It holds the process before it looks again, so that no other is hit that got its number.
func kill(pid int, m mark) bool {
	p, err := os.FindProcess(pid)
	if err != nil {
		return false
	}
	defer p.Release() //nolint:errcheck // nothing can be done
	return bears(pid, m) && p.Kill() == nil
}
