package program

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"syscall"
	"time"
)

// closeGrace is how long a program's children may keep its output open once it has ended.
const closeGrace = time.Second

// execute runs a program with the input on its standard input. The program and all that it started are killed when its time is over, when
// ctx ends, and when it prints too much.
func execute(ctx context.Context, words []string, input []byte, timeout time.Duration) ran {
	within, cancel := context.WithTimeoutCause(ctx, timeout, fmt.Errorf("it did not end within %v", timeout))
	defer cancel()
	within, stop := context.WithCancelCause(within)
	defer stop(nil)
	tooMuch := fmt.Errorf("it printed more than %d bytes", MaxOutput)
	out := &bounded{most: MaxOutput, full: func() { stop(tooMuch) }}
	errs := &bounded{most: maxErrors, full: func() {}}
	cmd := exec.CommandContext(within, words[0], words[1:]...) //nolint:gosec // the program under test, named by whoever runs the suite
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(input), out, errs
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // a group of its own, so that its children end with it
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = closeGrace
	err := cmd.Run()
	if cmd.Process != nil {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // what it left behind; as a rule there is nothing
	}
	r := ran{output: out.kept.Bytes(), stderr: errs.kept.String(), exit: -1}
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
	case err != nil && !errors.As(err, &ended) && !errors.Is(err, syscall.EPIPE): // a program need not read all of its input
		r.trouble = "it could not be run: " + err.Error()
	}
	return r
}

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
