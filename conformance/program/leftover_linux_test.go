package program_test

import (
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"mirnode/conformance/program"
)

// aPipe makes a named pipe, and opens it: what is read from it ends once keep is closed and nobody else holds it open any more.
func aPipe(t *testing.T) (path string, pipe, keep *os.File) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	pipe, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = pipe.Close() })
	keep, keepErr := os.OpenFile(path, os.O_WRONLY, 0)
	if err := errors.Join(keepErr, pipe.SetReadDeadline(time.Now().Add(20*time.Second))); err != nil { // else a failure lasts a minute
		t.Fatal(err)
	}
	return path, pipe, keep
}

// ended waits until nobody holds a pipe, and checks that somebody did.
func ended(t *testing.T, pipe io.Reader) {
	t.Helper()
	if said, err := io.ReadAll(pipe); err != nil || string(said) != "held" {
		t.Errorf("the process lives on, or never lived: %q, %v", said, err)
	}
}

// TestDaemonsEndToo: a process in a session of its own is killed with the program that started it, and the report says so.
func TestDaemonsEndToo(t *testing.T) {
	path, pipe, keep := aPipe(t)
	f := verifier(t, fakeLine(t, "daemon", path), program.Options{}).Verify(t.Context(), aCase(t, "claim-schema/ordinary"))
	check(t, f, "")
	if said := string(f.Exchanges[0].Received); !strings.Contains(said, "left behind, and that were ended: 1") {
		t.Errorf("the exchange says %q", said)
	}
	_ = keep.Close()
	ended(t, pipe)
}

// TestProgramsEndWithTheSuite: also with one that is killed, and can do nothing more.
func TestProgramsEndWithTheSuite(t *testing.T) {
	path, pipe, keep := aPipe(t)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	suite := exec.CommandContext(t.Context(), self, "fake", "suite", path)
	suite.Env = append(os.Environ(), "TMPDIR="+t.TempDir()) // its folder stays behind
	if err := suite.Start(); err != nil {
		t.Fatal(err)
	}
	first := make([]byte, 1)
	_, err = pipe.Read(first)
	_ = keep.Close()
	_ = suite.Process.Kill()
	_ = suite.Wait()
	if err != nil {
		t.Fatal(err)
	}
	ended(t, io.MultiReader(strings.NewReader(string(first)), pipe))
}
