package cluster

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
)

const (
	readyPoll   = 20 * time.Millisecond
	stopGrace   = 8 * time.Second // a node that was told to stop and did not is killed
	logTailSize = 2 << 10         // bytes of a dead node's log that are shown
)

// process is a node that runs as a child of this process.
//
// It must not outlive its parent, however the parent dies. Its standard input is a pipe whose other end the parent alone holds and
// never writes to: when the parent is gone, also by kill -9, the kernel closes that end, and the node, which was started with
// --stop-with-stdin, reads the end of file and stops as it does at SIGTERM. Linux's Pdeathsig would kill it in the middle of a write, watches
// the thread that forked and not the process, and is not there on a Mac.
type process struct {
	name    string
	command *exec.Cmd
	alive   io.Closer     // the pipe's end; closing it stops the node
	exited  chan struct{} // closed once the node has ended and err is set
	err     error         // how it ended; read it after exited is closed
	logFile string

	expected atomic.Bool // somebody has told it to end: its end is no news
}

// startProcess runs program with args; its output is appended to logFile.
func startProcess(name, program string, args []string, logFile string) (*process, error) {
	log, err := os.OpenFile(logFile, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	defer func() { _ = log.Close() }() // the child has its own descriptor, and nothing is written by this one
	p := &process{name: name, exited: make(chan struct{}), logFile: logFile}
	p.command = exec.Command(program, args...) //nolint:gosec,noctx // this very program, unless the caller names another; it lives until stop
	p.command.Stdout, p.command.Stderr = log, log
	p.command.Env = withoutSettings(os.Environ())
	// A group of its own: Ctrl-C in a terminal reaches this process alone, which then stops its nodes in order.
	p.command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if p.alive, err = p.command.StdinPipe(); err != nil {
		return nil, err
	}
	if err := p.command.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	go func() {
		p.err = p.command.Wait()
		close(p.exited)
	}()
	return p, nil
}

// withoutSettings takes the MIR_* variables out: they would win over the node's file, and are meant for the user's own commands.
func withoutSettings(environ []string) []string {
	return slices.DeleteFunc(environ, func(variable string) bool { return strings.HasPrefix(variable, "MIR_") })
}

// logTail returns the last lines of the log.
func (p *process) logTail() string {
	file, err := os.Open(p.logFile)
	if err != nil {
		return err.Error()
	}
	defer func() { _ = file.Close() }() // a file that was only read
	if info, err := file.Stat(); err == nil && info.Size() > logTailSize {
		_, _ = file.Seek(-logTailSize, io.SeekEnd)
	}
	data, _ := io.ReadAll(io.LimitReader(file, logTailSize))
	if len(data) == logTailSize {
		_, data, _ = bytes.Cut(data, []byte("\n")) // the first line is cut
	}
	return string(bytes.TrimSpace(data))
}

// stop ends the node: as at SIGTERM, and with SIGKILL if that takes too long. It reports a node that did not end well; one that had ended
// before has been reported then.
func (p *process) stop() error {
	select {
	case <-p.exited:
		return nil
	default:
	}
	p.expected.Store(true)
	_ = p.command.Process.Signal(syscall.SIGCONT) // a node that is paused would not notice
	_ = p.alive.Close()                           // fails only if it is closed already
	timer := time.NewTimer(stopGrace)
	defer timer.Stop()
	select {
	case <-p.exited:
	case <-timer.C:
		_ = p.command.Process.Kill()
		<-p.exited
		return fmt.Errorf("%s did not stop within %v and was killed; see %s", p.name, stopGrace, filepath.Base(p.logFile))
	}
	if p.err != nil {
		return fmt.Errorf("%s: %w; the end of its log:\n%s", p.name, p.err, p.logTail())
	}
	return nil
}

// kill ends the node as kill -9 does, and waits until it is gone.
func (p *process) kill() {
	p.expected.Store(true)
	_ = p.command.Process.Kill() // it may have ended
	<-p.exited
}
