package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// plain is the program as users build it, made when the first test asks for it. The program that scripts run otherwise is this test binary, under the
// race detector when the tests are: where one script starts many nodes, or derives keys from passphrases, that costs minutes, and the detector sees
// no more than in the tests of the rooms, which run nodes in their own process.
type plain struct {
	once sync.Once
	dir  string
	err  error
}

// folder builds the program at the first call, and names the folder that holds it as `mir`.
func (p *plain) folder() (string, error) {
	p.once.Do(func() {
		if p.dir, p.err = os.MkdirTemp("", "mir-plain-"); p.err != nil {
			return
		}
		if out, err := exec.Command("go", "build", "-o", filepath.Join(p.dir, "mir"), ".").CombinedOutput(); err != nil {
			p.err = fmt.Errorf("build the program: %w\n%s", err, out)
		}
	})
	return p.dir, p.err
}

// program is built once for all tests of the package.
var program plain

// tests runs them, and removes the program afterwards.
type tests struct{ testscript.TestingM }

func (t tests) Run() int {
	code := t.TestingM.Run()
	if program.dir != "" {
		_ = os.RemoveAll(program.dir) // a folder of temporary files
	}
	return code
}

// usePlain is the scripts' command `plain`.
func usePlain(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 0 {
		ts.Fatalf("usage: plain")
	}
	dir, err := program.folder()
	ts.Check(err)
	ts.Setenv("PATH", dir+string(os.PathListSeparator)+ts.Getenv("PATH"))
}

// asUser is the environment of somebody who has the program in the PATH, and this home.
func asUser(t *testing.T, home string) []string {
	t.Helper()
	dir, err := program.folder()
	if err != nil {
		t.Fatal(err)
	}
	return append(os.Environ(), "PATH="+dir+string(os.PathListSeparator)+os.Getenv("PATH"),
		"HOME="+home, "XDG_CONFIG_HOME=") // the program notes there which identities are the user's own
}
