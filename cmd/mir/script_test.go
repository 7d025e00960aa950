package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"mirnode/cluster"
	"mirnode/protocol"
)

// TestMain lets the scripts run this program as `mir`.
func TestMain(m *testing.M) {
	testscript.Main(tests{m}, map[string]func(){"mir": main})
}

// TestScripts runs the built program as the scripts of testdata/script say. Beside the usual commands they have:
//
//	plain                        from here on run the program without the race detector
//	exits CODE mir …             run the program and check its exit code
//	filemode MODE FILE           check a file's permissions, in octal
//	vectors                      all test vectors (those of MIR_VECTORS, else the project's), through verify and canonical
//	internet                     start a pretended DNS and HTTPS, which the program sees by its environment
//	publish DOMAIN KEYFILE HOW   publish a key there: dns, well-known or both
//	fakehome                     start the home of an issuer, which is at times busy; MIR_NODE and MIR_OPERATOR name it, ISSUER the issuer
//	fakenode                     start a node that takes any claim, and is at times busy; MIR_NODE names it
//	observed DOMAIN KEY OBSERVER OBSERVERKEY [gone|forged|now]   let the fake node tell who saw the domain publish a key
//	fakelog ORIGIN KEYFILE N [SALT]   start a node with a log of N entries; MIR_NODE names it, and files of its claims and receipts are written
//	logfault NAME                make the fake logs lie in some way, or not (none)
//	tessera LOG-URL KEY          check a log with Tessera's fsck and client, and x/mod's tlog
//	readenv FILE                 set the variables of a file with lines NAME=VALUE
//	alter WHAT RECEIPT NEW       alter a receipt: its entry, proof or signature
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 filepath.Join("testdata", "script"),
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(env *testscript.Env) error {
			dir, err := filepath.Abs(vectorsDir())
			env.Setenv("VECTORS", dir)
			docs, failed := filepath.Abs(filepath.Join("..", "..", "docs"))
			err = errors.Join(err, failed)
			env.Setenv("DOCS", docs)
			home := filepath.Join(env.WorkDir, ".home") // the program notes there which identities are the user's own
			for _, name := range []string{"HOME", "AppData"} {
				env.Setenv(name, home)
			}
			env.Setenv("XDG_CONFIG_HOME", "")
			env.Setenv("GORACE", "atexit_sleep_ms=0") // else each program under the race detector ends a second late
			return err
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"plain":    usePlain,
			"exits":    exits,
			"filemode": fileMode,
			"vectors":  allVectors,
			"internet": startInternet,
			"publish":  publishKey,
			"fakenode": startFakeNode,
			"fakehome": startFakeHome,
			"fakelog":  startFakeLog,
			"logfault": setFault,
			"alter":    alterReceipt,
			"tessera":  readWithTessera,
			"readenv":  readEnvironment,
			"observed": addObservation,
		},
	})
}

// vectorsDir names the folder of test vectors: that of MIR_VECTORS, such as the protocol's normative ones, or the project's own.
func vectorsDir() string {
	if dir := os.Getenv("MIR_VECTORS"); dir != "" {
		return dir
	}
	return filepath.Join("..", "..", "conformance", "vectors", "testdata", "layout")
}

// runProgram runs a command line and returns its exit code.
func runProgram(ts *testscript.TestScript, args ...string) int {
	err := ts.Exec(args[0], args[1:]...)
	var failed *exec.ExitError
	if errors.As(err, &failed) {
		return failed.ExitCode()
	}
	ts.Check(err)
	return 0
}

func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE COMMAND…")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	if got := runProgram(ts, args[1:]...); got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}

func fileMode(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: filemode MODE FILE")
	}
	info, err := os.Stat(ts.MkAbs(args[1]))
	ts.Check(err)
	if got := fmt.Sprintf("%o", info.Mode().Perm()); got != args[0] {
		ts.Fatalf("%s has the mode %s, want %s", args[1], got, args[0])
	}
}

// vectorVerdict is what a vector expects, of one key.
type vectorVerdict struct {
	Result string
	Code   string
}

func allVectors(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 0 {
		ts.Fatalf("usage: vectors")
	}
	dir := ts.Getenv("VECTORS")
	claims, err := filepath.Glob(filepath.Join(dir, "*", "claim.json"))
	ts.Check(err)
	if len(claims) < 6 {
		ts.Fatalf("%d vectors in %s", len(claims), dir)
	}
	for _, claim := range claims {
		vector := filepath.Dir(claim)
		for key, want := range vectorVerdicts(ts, vector) {
			code := runProgram(ts, "mir", "claim", "verify", "--json", "--keys", filepath.Join(dir, "keys.json"), "--key-name", key, claim)
			var got vectorVerdict
			ts.Check(json.Unmarshal([]byte(ts.ReadFile("stdout")), &got))
			if got != want || (code == 0) != (want.Result == "ACCEPT") || code > exitRejected {
				ts.Fatalf("%s with %s: %+v and exit code %d, want %+v", vector, key, got, code, want)
			}
		}
		if canonical, err := os.ReadFile(filepath.Join(vector, "canonical.txt")); err == nil {
			if code := runProgram(ts, "mir", "claim", "canonical", claim); code != 0 || ts.ReadFile("stdout") != string(canonical) {
				ts.Fatalf("%s: another canonical form, exit code %d", vector, code)
			}
		}
	}
}

func vectorVerdicts(ts *testscript.TestScript, vector string) map[string]vectorVerdict {
	data, err := os.ReadFile(filepath.Join(vector, "expected.json"))
	ts.Check(err)
	var members map[string]json.RawMessage
	ts.Check(json.Unmarshal(data, &members))
	verdicts := map[string]vectorVerdict{}
	for name, value := range members {
		key, several := strings.CutPrefix(name, "verifyWith_")
		switch {
		case several:
		case name == "verifyWith":
			ts.Check(json.Unmarshal(value, &key))
			value = data
		default:
			continue
		}
		var verdict vectorVerdict
		ts.Check(json.Unmarshal(value, &verdict))
		verdicts[key] = verdict
	}
	if len(verdicts) == 0 {
		ts.Fatalf("%s expects nothing", vector)
	}
	return verdicts
}

func startInternet(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 0 {
		ts.Fatalf("usage: internet")
	}
	dir := ts.MkAbs(".internet")
	ts.Check(os.MkdirAll(dir, 0o700))
	served, err := cluster.StartNames(dir, time.Now, slog.New(slog.DiscardHandler))
	ts.Check(err)
	ts.Defer(func() { ts.Check(served.Close()) })
	ts.Setenv(envResolvers, "udp://"+served.DNS().String())
	ts.Setenv(envCAFile, served.CAFile())
	ts.Setenv(envAllowRanges, "127.0.0.0/8")
	ts.Setenv(envWellKnownPort, fmt.Sprint(served.WellKnown().Port()))
}

func publishKey(ts *testscript.TestScript, neg bool, args []string) {
	channels := map[string][]protocol.Channel{
		"dns": {protocol.DNS}, "well-known": {protocol.WellKnown}, "both": {protocol.DNS, protocol.WellKnown},
	}
	if neg || len(args) != 3 || !slices.Contains([]string{"dns", "well-known", "both"}, args[2]) {
		ts.Fatalf("usage: publish DOMAIN KEYFILE dns|well-known|both")
	}
	public, err := readPublicKey(ts.MkAbs(args[1]))
	ts.Check(err)
	ts.Check(cluster.UpdatePublished(ts.MkAbs(".internet"), func(p *cluster.Published) error {
		p.Domain(args[0]).SetKey(cluster.Key{Public: protocol.EncodePublicKey(public), Channels: channels[args[2]]})
		return nil
	}))
}
