package program

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"syscall"
	"time"
)

// closeGrace is how long a program's children may keep its output open once it has ended.
const closeGrace = time.Second

// execute runs a program with the input on its standard input. The program and all that it started are killed when its time is over, when
// ctx ends, and when it prints too much; what it left behind is killed once it has ended.
func execute(ctx context.Context, words []string, input []byte, timeout time.Duration) ran {
	within, cancel := context.WithTimeoutCause(ctx, timeout, fmt.Errorf("it did not end within %v", timeout))
	defer cancel()
	within, stop := context.WithCancelCause(within)
	defer stop(nil)
	tooMuch := fmt.Errorf("it printed more than %d bytes", MaxOutput)
	out := &bounded{most: MaxOutput, full: func() { stop(tooMuch) }}
	errs := &tail{most: maxErrors}
	mark := newMark()
	cmd := exec.CommandContext(within, words[0], words[1:]...) //nolint:gosec // the program under test, named by whoever runs the suite
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(input), out, errs
	cmd.Env = append(os.Environ(), string(mark))
	cmd.SysProcAttr = attributes()
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = closeGrace
	err := run(cmd)
	r := ran{exit: -1}
	if cmd.Process != nil {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // what it left behind; as a rule there is nothing
		var left int
		r.swept, left = sweep(mark)
		if left > 0 {
			r.trouble = fmt.Sprintf("it left %d processes behind, which could not be ended", left)
		}
	}
	r.output, r.stderr = out.kept.Bytes(), errs.text()
	if cmd.ProcessState != nil {
		r.exit = cmd.ProcessState.ExitCode()
	}
	var ended *exec.ExitError
	switch {
	case within.Err() != nil && ctx.Err() == nil:
		r.trouble = context.Cause(within).Error()
	case ctx.Err() != nil:
		r.trouble = "the run was interrupted"
	case errors.As(err, &ended) && !ended.Exited():
		r.trouble = "it was ended by the signal " + ended.Sys().(syscall.WaitStatus).Signal().String()
	case errors.Is(err, exec.ErrWaitDelay):
		r.trouble = "it ended, and left a child behind that kept its output open"
	case r.exit > signalled && r.exit <= signalled+maxSignal:
		r.trouble = fmt.Sprintf("its exit code %d is that of a program which the signal %d ended", r.exit, r.exit-signalled)
	case err != nil && !errors.As(err, &ended) && !errors.Is(err, syscall.EPIPE): // a program need not read all of its input
		r.trouble = "it could not be run: " + err.Error()
	}
	return r
}

const (
	// signalled is what shells and others add to the number of a signal that ended a program, and exit with.
	signalled = 128
	// maxSignal is the highest number that a signal has.
	maxSignal = 64
	// notExecutable and notFound are what shells, env and others exit with where they could not run a program.
	notExecutable, notFound = 126, 127
)

// run runs the program. The thread that starts it stays until it has ended: see [attributes].
func run(cmd *exec.Cmd) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	return cmd.Run()
}

// mark is a variable of the environment, NAME=1, by which all that a program started is known to belong to this run. Its name is the run's
// own, so that a program under test which runs programs under test takes away nothing.
type mark string

func newMark() mark { return mark("MIR_CONFORMANCE_RUN_" + rand.Text() + "=1") }

// bounded keeps the beginning of what is written to it, and says once that it is full. It is written to by one goroutine, and read when
// that has ended.
type bounded struct {
	kept bytes.Buffer
	most int
	over bool
	full func()
}

// Write never fails, so that the program is not stopped by a broken pipe before it is stopped by us.
func (b *bounded) Write(p []byte) (int, error) {
	room := b.most - b.kept.Len()
	b.kept.Write(p[:min(room, len(p))])
	if len(p) > room && !b.over {
		b.over = true
		b.full()
	}
	return len(p), nil
}

// tail keeps the end of what is written to it. It is used as [bounded] is.
type tail struct {
	kept []byte // at most twice as much as is asked for, and one write
	most int
}

// Write never fails.
func (t *tail) Write(p []byte) (int, error) {
	t.kept = append(t.kept, p[max(0, len(p)-t.most):]...)
	if len(t.kept) > 2*t.most {
		t.kept = slices.Clone(t.kept[len(t.kept)-t.most:])
	}
	return len(p), nil
}

func (t *tail) text() string { return string(t.kept[max(0, len(t.kept)-t.most):]) }
