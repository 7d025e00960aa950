package program_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"mirnode/conformance/cases"
	"mirnode/conformance/program"
	"mirnode/protocol"
)

// TestMain makes the test's own binary the programs under test: BINARY fake NAME [ARGUMENTS].
func TestMain(m *testing.M) {
	if len(os.Args) > 2 && os.Args[1] == "fake" {
		code, err := fake(os.Args[2], os.Args[3:])
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 70
		}
		os.Exit(code)
	}
	if err := os.Setenv("GORACE", "atexit_sleep_ms=0"); err != nil { // else each fake under the race detector ends a second late
		panic(err)
	}
	os.Exit(m.Run())
}

// fake is a program that somebody tests.
func fake(name string, args []string) (code int, err error) {
	if name == "deaf" { // does not read its input
		fmt.Println("ACCEPT")
		return 0, nil
	}
	if name == "child" {
		time.Sleep(time.Minute)
		return 0, nil
	}
	if name == "hold" { // holds a pipe open, and tells whoever started it, if that wants to know
		return hold(args[0], args[1] == "tell")
	}
	input, err := io.ReadAll(os.Stdin)
	if err != nil {
		return 0, err
	}
	switch name {
	case "say": // prints its first argument, and exits with 3: a verifier's exit code does not count
		fmt.Print(args[0])
		return 3, nil
	case "exit":
		fmt.Print(args[0])
		return strconv.Atoi(args[1])
	case "daemon": // leaves a process behind in a session of its own
		return 0, daemon(args[0])
	case "suite": // puts a program to a case, as the suite does
		return 0, suite(args[0])
	case "complain":
		fmt.Fprintln(os.Stderr, "no such file: "+args[0])
		return 1, nil
	case "traceback":
		fmt.Fprint(os.Stderr, strings.Repeat("  at some line\n", 1<<12)+"ValueError: nothing\n\n")
		return 1, nil
	case "args":
		fmt.Println("REJECT " + strings.Join(args, "|"))
	case "echo":
		_, err = os.Stdout.Write(input)
	case "flood":
		for err == nil {
			_, err = os.Stdout.Write(bytes.Repeat([]byte("x"), 1<<16))
		}
	case "hang":
		time.Sleep(time.Minute)
	case "spawn": // leaves a child behind, which writes its number to a file
		return spawn(args[0])
	case "crash":
		return 0, crash()
	case "sign", "sign-other":
		return sign(name, args[0], input)
	case "canonical":
		return canonical(input)
	default:
		return 0, errors.New("no such program: " + name)
	}
	return 0, err
}

func spawn(file string) (int, error) {
	self, err := os.Executable()
	if err != nil {
		return 0, err
	}
	child := exec.Command(self, "fake", "child")
	child.Stdout = os.Stdout
	if err := child.Start(); err != nil {
		return 0, err
	}
	if err := os.WriteFile(file, fmt.Appendf(nil, "%d", child.Process.Pid), 0o600); err != nil {
		return 0, err
	}
	time.Sleep(time.Minute)
	return 0, nil
}

func hold(pipe string, tell bool) (int, error) {
	f, err := os.OpenFile(pipe, os.O_WRONLY, 0)
	if err != nil {
		return 0, err
	}
	_, err = f.WriteString("held")
	if tell {
		fmt.Println("held")
	}
	time.Sleep(time.Minute)
	return 0, errors.Join(err, f.Close())
}

func daemon(pipe string) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	child := exec.Command(self, "fake", "hold", pipe, "tell")
	child.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	out, err := child.StdoutPipe()
	if err != nil {
		return err
	}
	if err := child.Start(); err != nil {
		return err
	}
	_, err = bufio.NewReader(out).ReadString('\n')
	fmt.Println("ACCEPT")
	return err
}

func suite(pipe string) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	v, err := program.NewVerifier("'"+self+"' fake hold '"+pipe+"'", program.Options{Timeout: time.Minute})
	if err != nil {
		return err
	}
	return errors.New(v.Verify(context.Background(), &cases.Case{Verdict: &cases.VerdictInput{}}).Message)
}

func crash() error {
	self, err := os.FindProcess(os.Getpid())
	if err != nil {
		return err
	}
	fmt.Println("about to")
	return errors.Join(self.Kill(), errors.New("still here"))
}

// sign is a signer that checks nothing but what it must to sign at all; sign-other says another thing than the draft.
func sign(name, keyFile string, input []byte) (int, error) {
	info, err := os.Stat(keyFile)
	if err != nil || info.Mode().Perm() != 0o600 {
		return 0, fmt.Errorf("the key is %v (%w)", info, err)
	}
	folder, err := os.Stat(filepath.Dir(keyFile))
	if err != nil || folder.Mode().Perm() != 0o700 {
		return 0, fmt.Errorf("the key's folder is %v (%w)", folder, err)
	}
	data, err := os.ReadFile(keyFile)
	if err != nil {
		return 0, err
	}
	block, _ := pem.Decode(data)
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return 0, err
	}
	var d struct {
		Type, Domain, Subject, Timestamp string
		Metadata                         json.RawMessage
	}
	if err := json.Unmarshal(input, &d); err != nil {
		return 0, err
	}
	if name == "sign-other" {
		d.Subject = strings.Repeat("0", 64)
	}
	draft := protocol.Draft{Type: d.Type, Domain: d.Domain, Subject: d.Subject, Timestamp: d.Timestamp, Metadata: d.Metadata}
	claim, err := draft.Sign(key.(ed25519.PrivateKey))
	if err != nil {
		return 0, err
	}
	_, err = os.Stdout.Write(append(claim.Raw(), '\n'))
	return 0, err
}

func canonical(input []byte) (int, error) {
	claim, err := protocol.ParseClaim(input)
	if err != nil {
		return 0, err
	}
	_, err = os.Stdout.Write(claim.Canonical())
	return 0, err
}
