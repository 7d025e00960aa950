package store_test

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"testing"
)

// childVariable tells the test binary that it is the child of a test, and which part it plays.
const childVariable = "MIR_STORE_TEST_CHILD"

// runChild runs the child's part where this process is one: tests that kill a process, or take the disk from it, need one of their own.
func runChild() bool {
	part := os.Getenv(childVariable)
	if part == "" {
		return false
	}
	parts := map[string]func(dir string) error{"append": appendForever, "disk full": fillTheDisk}
	if err := parts[part](os.Getenv(childVariable + "_DIR")); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	return true
}

// child starts a child with the folder, and gives its standard output line by line.
func child(t *testing.T, part, dir string, env ...string) (*exec.Cmd, *bufio.Scanner) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), self)
	cmd.Env = append(append(os.Environ(), childVariable+"="+part, childVariable+"_DIR="+dir), env...)
	cmd.Stderr = os.Stderr
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if cmd.ProcessState == nil {
			_ = errors.Join(cmd.Process.Kill(), cmd.Wait())
		}
	})
	return cmd, bufio.NewScanner(stdout)
}
