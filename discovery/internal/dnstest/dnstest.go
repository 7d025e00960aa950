// Package dnstest starts DNS servers for tests: Debian's bind9 as an authoritative server,
// unbound as a validating resolver in front of it, and a server in this process for
// answers that no decent server gives. All listen on free loopback ports, keep their files in
// the test's folder, and are gone when the test ends.
package dnstest

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

const (
	// startTimeout bounds a server's start, stopTimeout its end after SIGTERM.
	startTimeout = 20 * time.Second
	stopTimeout  = 10 * time.Second
	// startTries is how often a server is started that lost its port to somebody else.
	startTries = 3
)

// binary finds a program that the tests need.
func binary(t testing.TB, name, debianPackage string) string {
	t.Helper()
	for _, path := range []string{name, "/usr/sbin/" + name, "/usr/local/sbin/" + name} {
		if found, err := exec.LookPath(path); err == nil {
			return found
		}
	}
	t.Fatalf("%s is not installed; these tests need it (Debian: apt-get install %s; `make test` does that)", name, debianPackage)
	return ""
}

// run carries a tool out and fails the test with its output where the tool fails.
func run(t testing.TB, path string, args ...string) string {
	t.Helper()
	var errors strings.Builder
	cmd := exec.CommandContext(t.Context(), path, args...) //nolint:gosec // the DNSSEC tools, from the system's folders
	cmd.Stderr = &errors
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", path, strings.Join(args, " "), err, errors.String())
	}
	return string(out)
}

// freePort returns a loopback port that is free for both UDP and TCP.
func freePort(t testing.TB) int {
	t.Helper()
	for range 50 {
		tcp, err := net.ListenTCP("tcp4", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
		if err != nil {
			t.Fatal(err)
		}
		port := tcp.Addr().(*net.TCPAddr).Port
		udp, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: port})
		closeAll(tcp)
		if err == nil {
			closeAll(udp)
			return port
		}
	}
	t.Fatal("no loopback port is free for both UDP and TCP")
	return 0
}

func closeAll(list ...io.Closer) {
	for _, c := range list {
		_ = c.Close() // a test's socket: nothing to lose
	}
}

// daemon is a server process.
type daemon struct {
	cmd    *exec.Cmd
	exited chan struct{}

	mu  sync.Mutex
	log strings.Builder // owned by mu
}

// start runs a server in the foreground until the test's end. It is up when a line of
// its log holds ready. arguments is asked anew for each try, since ports can be lost.
func start(t testing.TB, ready, path string, arguments func() []string) {
	t.Helper()
	var last string
	for range startTries {
		d, err := launch(ready, path, arguments()...)
		if err == nil {
			t.Cleanup(func() { d.stop(t) })
			return
		}
		last = err.Error()
	}
	t.Fatal(last)
}

func launch(ready, path string, arguments ...string) (*daemon, error) {
	// Not the test's context: its end would kill the server, which is to stop by itself.
	cmd := exec.CommandContext(context.Background(), path, arguments...) //nolint:gosec // the DNS servers, from the system's folders
	d := &daemon{cmd: cmd, exited: make(chan struct{})}
	pipe, err := cmd.StderrPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	up := make(chan struct{})
	go func() {
		defer close(d.exited)
		lines := bufio.NewScanner(pipe)
		seen := false
		for lines.Scan() {
			d.mu.Lock()
			fmt.Fprintln(&d.log, lines.Text())
			d.mu.Unlock()
			if !seen && strings.Contains(lines.Text(), ready) {
				seen = true
				close(up)
			}
		}
		_ = cmd.Wait() // it was told to stop, or its log says why it ended
	}()
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	select {
	case <-up:
		return d, nil
	case <-d.exited:
	case <-ctx.Done():
		_ = cmd.Process.Kill() // it has not come up
		<-d.exited
	}
	return nil, fmt.Errorf("%s did not start:\n%s", cmd.Path, d.text())
}

func (d *daemon) text() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.log.String()
}

func (d *daemon) stop(t testing.TB) {
	_ = d.cmd.Process.Signal(syscall.SIGTERM) // it may be gone already
	timer := time.NewTimer(stopTimeout)
	defer timer.Stop()
	select {
	case <-d.exited:
	case <-timer.C:
		_ = d.cmd.Process.Kill()
		<-d.exited
	}
	if t.Failed() {
		t.Logf("the log of %s:\n%s", d.cmd.Path, d.text())
	}
}
