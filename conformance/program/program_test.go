package program_test

import (
	"context"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"mirnode/conformance/cases"
	"mirnode/conformance/program"
	"mirnode/conformance/vectors"
)

// fakeLine is the command line of a fake program; each argument is quoted.
func fakeLine(t *testing.T, name string, args ...string) string {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	words := []string{"'" + self + "'", "fake", name}
	for _, a := range args {
		words = append(words, "'"+a+"'")
	}
	return strings.Join(words, " ")
}

// generated are the default cases, made once.
var generated = sync.OnceValues(func() ([]cases.Case, error) { return vectors.Generate(vectors.Options{}) })

// aCase is a generated case.
func aCase(t *testing.T, id string) *cases.Case {
	t.Helper()
	all, err := generated()
	if err != nil {
		t.Fatal(err)
	}
	for i := range all {
		if all[i].ID == id {
			return &all[i]
		}
	}
	t.Fatalf("there is no case %s", id)
	return nil
}

func verifier(t *testing.T, line string, o program.Options) *program.Verifier {
	t.Helper()
	v, err := program.NewVerifier(line, o)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// check compares a finding: that it passed, or what its message says.
func check(t *testing.T, f cases.Finding, want string) {
	t.Helper()
	switch {
	case f.Passed != (want == ""):
		t.Errorf("passed %t: %s (skipped: %s), want %q", f.Passed, f.Message, f.Skipped, want)
	case want != "" && !strings.Contains(f.Message, want):
		t.Errorf("message %q, want one with %q", f.Message, want)
	case f.Skipped == "" && (len(f.Exchanges) != 1 || !strings.Contains(f.Exchanges[0].What, "fake")):
		t.Errorf("exchanges %v", f.Exchanges)
	}
}

func TestVerifierReadsVerdicts(t *testing.T) {
	accept, reject := aCase(t, "claim-schema/ordinary"), aCase(t, "claim-schema/version-2")
	for _, test := range []struct {
		says string
		c    *cases.Case
		want string // "": passed
	}{
		{"ACCEPT", accept, ""},
		{`{"result":"ACCEPT"}`, accept, ""},
		{"  {\n  \"result\": \"ACCEPT\",\n  \"code\": null, \"claimId\": \"x\"}\n", accept, ""},
		{"REJECT INVALID_SCHEMA\n", reject, ""},
		{`{"result":"REJECT","code":"INVALID_SCHEMA","error":"…"}`, reject, ""},
		{"REJECT INVALID_SCHEMA", accept, "must be ACCEPT, and the program says REJECT INVALID_SCHEMA"},
		{"ACCEPT", reject, "must be REJECT INVALID_SCHEMA, and the program says ACCEPT"},
		{"REJECT KEY_NOT_FOUND", reject, "the program says REJECT KEY_NOT_FOUND"},
		{"REJECT INVALID_SIGNATURE", accept, "; the signed bytes are “{\"domain\":\"shop."},
		{"REJECT anything", reject, "there is no code “anything”; the codes are INVALID_SCHEMA, "},
		{"REJECT", reject, "exactly one code"},
		{`{"result":"REJECT"}`, reject, "exactly one code"},
		{"ACCEPT INVALID_SCHEMA", accept, "has no code"},
		{"accept", accept, "neither ACCEPT nor REJECT"},
		{"ok, ACCEPT", accept, "neither ACCEPT nor REJECT"},
		{"ACCEPT\nREJECT X", accept, "neither ACCEPT nor REJECT"},
		{`{"result":"UNREACHABLE"}`, accept, "neither ACCEPT nor REJECT"},
		{`{"result":"ACCEPT"}{"result":"REJECT"}`, accept, "not one JSON object"},
		{`{"result":["ACCEPT"]}`, accept, "not one JSON object"},
		{"", accept, "no output"},
		{"\xff\xfe", accept, "printed"},
	} {
		v := verifier(t, fakeLine(t, "say", test.says), program.Options{})
		t.Run(test.says, func(t *testing.T) { check(t, v.Verify(t.Context(), test.c), test.want) })
	}
}

func TestVerifierOfAChoice(t *testing.T) {
	c := aCase(t, "claim-schema/version-spelled-1-0")
	for says, want := range map[string]string{"ACCEPT": "accepts it", "REJECT INVALID_SCHEMA": "refuses it with INVALID_SCHEMA"} {
		f := verifier(t, fakeLine(t, "say", says), program.Options{}).Verify(t.Context(), c)
		if !f.Passed || f.Choice != want {
			t.Errorf("%s: %+v, want the choice %q", says, f, want)
		}
	}
	if f := verifier(t, fakeLine(t, "say", "maybe"), program.Options{}).Verify(t.Context(), c); f.Passed {
		t.Error("garbage passes for a choice")
	}
}

// TestVerifierArguments: where the file of keys and the options go.
func TestVerifierArguments(t *testing.T) {
	plain, options := aCase(t, "claim-schema/version-2"), aCase(t, "time/max-age-beyond")
	said := func(line string, c *cases.Case) []string {
		f := verifier(t, line, program.Options{}).Verify(t.Context(), c)
		if f.Skipped != "" {
			return []string{f.Skipped}
		}
		_, args, _ := strings.Cut(strings.TrimSpace(string(f.Exchanges[0].Received)), "REJECT ")
		return strings.Split(args, "|")
	}
	for _, test := range []struct {
		line string
		c    *cases.Case
		want []string // PATH stands for a path that ends in keys.json
	}{
		{fakeLine(t, "args"), plain, []string{"PATH"}},
		{fakeLine(t, "args", "--keys={keys}", "-v"), plain, []string{"--keys=PATH", "-v"}},
		{fakeLine(t, "args", "{keys}", "a b"), plain, []string{"PATH", "a b"}},
		{fakeLine(t, "args", "{keys}", "{options}"), plain, []string{"PATH"}},
		{fakeLine(t, "args", "{options}", "{keys}"), options, []string{"--max-age", "1h", "PATH"}},
		{fakeLine(t, "args", "{keys}"), options, []string{"the command takes no options: put {options} where they belong"}},
	} {
		got := said(test.line, test.c)
		if len(got) != len(test.want) {
			t.Errorf("%s: %q, want %q", test.line, got, test.want)
			continue
		}
		for i := range got {
			prefix, isPath := strings.CutSuffix(test.want[i], "PATH")
			right := got[i] == test.want[i] || isPath && strings.HasPrefix(got[i], prefix) && strings.HasSuffix(got[i], "keys.json")
			if !right {
				t.Errorf("%s: %q, want %q", test.line, got, test.want)
			}
			if _, err := os.Stat(strings.TrimPrefix(got[i], prefix)); isPath && err == nil {
				t.Errorf("%s is still there", got[i])
			}
		}
	}
}

// TestVerifierGetsItsInput: exactly the bytes of the case.
func TestVerifierGetsItsInput(t *testing.T) {
	for _, id := range []string{"claim-schema/ordinary", "canonical/invalid-utf8", "claim-schema/nul-behind", "claim-schema/empty"} {
		c := aCase(t, id)
		f := verifier(t, fakeLine(t, "echo"), program.Options{}).Verify(t.Context(), c)
		if string(f.Exchanges[0].Sent) != string(c.Verdict.Bytes()) || string(f.Exchanges[0].Received) != string(c.Verdict.Bytes()) {
			t.Errorf("%s: sent %q, received %q", id, f.Exchanges[0].Sent, f.Exchanges[0].Received)
		}
	}
}

func TestBrokenPrograms(t *testing.T) {
	c, large := aCase(t, "claim-schema/ordinary"), aCase(t, "claim-schema/size-16384")
	brief := program.Options{Timeout: 100 * time.Millisecond}
	hung := verifier(t, fakeLine(t, "hang"), brief).Verify(t.Context(), c)
	check(t, hung, "did not end within 100ms; no output")
	if strings.Contains(hung.Message, "exit code") {
		t.Errorf("what was ended has an exit code: %s", hung.Message)
	}
	check(t, verifier(t, fakeLine(t, "flood"), program.Options{}).Verify(t.Context(), c), "printed more than 65536 bytes")
	check(t, verifier(t, fakeLine(t, "crash"), program.Options{}).Verify(t.Context(), c), "ended by the signal killed; it printed “about to”")
	check(t, verifier(t, fakeLine(t, "complain", "x"), program.Options{}).Verify(t.Context(), c), "no output; standard error ends: “no such file: x” (exit code 1)")
	f := verifier(t, fakeLine(t, "traceback"), program.Options{}).Verify(t.Context(), c)
	check(t, f, "standard error ends: “ValueError: nothing” (exit code 1)")
	if kept := len(f.Exchanges[0].Received); kept > 5000 {
		t.Errorf("%d bytes of standard error were kept", kept)
	}
	check(t, verifier(t, fakeLine(t, "deaf"), program.Options{}).Verify(t.Context(), large), "")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	check(t, verifier(t, fakeLine(t, "hang"), program.Options{}).Verify(ctx, c), "interrupted")
}

// TestCrashesAreNoVerdicts: whoever prints a verdict and then crashes has given none; a shell in between tells of a signal by the exit code.
func TestCrashesAreNoVerdicts(t *testing.T) {
	accept, refused := aCase(t, "claim-schema/ordinary"), aCase(t, "signer/version-2")
	for code, want := range map[string]string{
		"0": "", "1": "", "127": "", "128": "says ACCEPT, and then ends with the exit code 128", "139": "the signal 11 ended", "255": "the exit code 255",
	} {
		check(t, verifier(t, fakeLine(t, "exit", "ACCEPT", code), program.Options{}).Verify(t.Context(), accept), want)
	}
	canonicalRefused := aCase(t, "canonical/number-too-large")
	for code, want := range map[string]string{
		"1": "", "125": "", "126": "could not be run", "127": "could not be run", "128": "has crashed", "139": "the signal 11 ended", "255": "has crashed",
	} {
		s, err := program.NewSigner(fakeLine(t, "exit", "", code), program.Options{})
		if err != nil {
			t.Fatal(err)
		}
		check(t, s.Sign(t.Context(), refused), want)
		k, err := program.NewCanonicaliser(fakeLine(t, "exit", "", code), program.Options{})
		if err != nil {
			t.Fatal(err)
		}
		check(t, k.Verify(t.Context(), canonicalRefused), want)
	}
}

// TestChildrenEndToo: what a program started is killed with it.
func TestChildrenEndToo(t *testing.T) {
	file := filepath.Join(t.TempDir(), "child")
	v := verifier(t, fakeLine(t, "spawn", file), program.Options{Timeout: 2 * time.Second})
	check(t, v.Verify(t.Context(), aCase(t, "claim-schema/ordinary")), "did not end")
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	child, err := strconv.Atoi(string(data))
	if err != nil {
		t.Fatal(err)
	}
	// A killed child that nobody has waited for yet is still there, as a zombie: its state says so.
	if state, err := os.ReadFile(filepath.Join("/proc", string(data), "stat")); err == nil && !strings.Contains(string(state), ") Z ") {
		t.Errorf("the child %d lives: %s", child, state)
		_ = syscall.Kill(child, syscall.SIGKILL)
	}
}

func TestSigner(t *testing.T) {
	good, bad, choice := aCase(t, "signer/unsorted"), aCase(t, "signer/version-2"), aCase(t, "signer/foreign-extension-type")
	for _, test := range []struct {
		line   string
		c      *cases.Case
		want   string
		choice string
	}{
		{fakeLine(t, "sign"), good, "", ""},
		{fakeLine(t, "sign", "{key}", "-v"), good, "", ""},
		{fakeLine(t, "sign-other"), good, "its sig is not over", ""},
		{fakeLine(t, "echo"), good, "the signed claim is wrong", ""},
		{fakeLine(t, "complain"), good, "must sign the draft, and refused", ""},
		{fakeLine(t, "sign"), bad, "must refuse the draft, and signed it", ""},
		{fakeLine(t, "echo"), bad, "must refuse the draft, and signed it", ""},
		{fakeLine(t, "complain"), bad, "", ""},
		{fakeLine(t, "crash"), bad, "ended by the signal", ""},
		{fakeLine(t, "sign"), choice, "", "signs it"},
		{fakeLine(t, "complain"), choice, "", "refuses it"},
		{fakeLine(t, "echo"), choice, "the signed claim is wrong", ""},
	} {
		s, err := program.NewSigner(test.line, program.Options{})
		if err != nil {
			t.Fatal(err)
		}
		f := s.Sign(t.Context(), test.c)
		check(t, f, test.want)
		if f.Choice != test.choice {
			t.Errorf("the choice is %q, want %q", f.Choice, test.choice)
		}
	}
}

func TestCanonicaliser(t *testing.T) {
	form, none, other := aCase(t, "canonical/large-exponents-text"), aCase(t, "canonical/number-too-large"), aCase(t, "claim-schema/version-2")
	for _, test := range []struct {
		line, want string
		c          *cases.Case
	}{
		{fakeLine(t, "canonical"), "", form},
		{fakeLine(t, "say", form.Verdict.Canonical), "was refused", form}, // it exits with 3
		{fakeLine(t, "echo"), "differs from the canonical form at byte 1, where that has “{\"domain\"", form},
		{fakeLine(t, "exit", form.Verdict.Canonical[:100], "0"), "at byte 100, where that has ", form},
		{fakeLine(t, "exit", form.Verdict.Canonical+"x", "0"), " ends and it has “", form},
		{fakeLine(t, "canonical"), "", none},
		{fakeLine(t, "echo"), "has no canonical form, and must be refused", none},
		{fakeLine(t, "hang"), "did not end", form},
	} {
		k, err := program.NewCanonicaliser(test.line, program.Options{Timeout: 5 * time.Second})
		if strings.Contains(test.line, "hang") {
			k, err = program.NewCanonicaliser(test.line, program.Options{Timeout: 50 * time.Millisecond})
		}
		if err != nil {
			t.Fatal(err)
		}
		check(t, k.Verify(t.Context(), test.c), test.want)
		if f := k.Verify(t.Context(), other); f.Skipped == "" {
			t.Errorf("a case without canonical form is judged: %+v", f)
		}
	}
}

func TestOtherKindsAreSkipped(t *testing.T) {
	verdict, draft := aCase(t, "claim-schema/ordinary"), aCase(t, "signer/ordinary")
	s, err := program.NewSigner(fakeLine(t, "echo"), program.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if f := s.Sign(t.Context(), verdict); f.Skipped == "" {
		t.Error("a signer takes a claim")
	}
	if f := verifier(t, fakeLine(t, "echo"), program.Options{}).Verify(t.Context(), draft); f.Skipped == "" {
		t.Error("a verifier takes a draft")
	}
}

// TestTry: what takes nothing is known before the run, what only does it wrong is not held up.
func TestTry(t *testing.T) {
	draft, claim := aCase(t, "signer/ordinary"), aCase(t, "claim-schema/ordinary")
	for line, want := range map[string]string{
		fakeLine(t, "echo"): "", fakeLine(t, "complain", "x.py"): "standard error ends: “no such file: x.py” (exit code 1)", fakeLine(t, "crash"): "the signal killed",
		fakeLine(t, "exit", "", "127"): "could not be run",
	} {
		s, err := program.NewSigner(line, program.Options{})
		if err != nil {
			t.Fatal(err)
		}
		k, err := program.NewCanonicaliser(line, program.Options{})
		if err != nil {
			t.Fatal(err)
		}
		for what, err := range map[string]error{"draft": s.Try(t.Context(), draft), "claim": k.Try(t.Context(), claim)} {
			if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
				t.Errorf("%s, sound %s: error %v, want %q", line, what, err, want)
			}
		}
	}
}

// TestUnknownPlaces: a misspelt place is told before the run; braces of another language are none.
func TestUnknownPlaces(t *testing.T) {
	verifies := func(line string) error { _, err := program.NewVerifier(line, program.Options{}); return err }
	signs := func(line string) error { _, err := program.NewSigner(line, program.Options{}); return err }
	canonical := func(line string) error { _, err := program.NewCanonicaliser(line, program.Options{}); return err }
	for _, test := range []struct {
		open func(string) error
		line string
		want string
	}{
		{verifies, "cat {keyz}", "{keyz}: here {keys} and {options} are filled in"},
		{verifies, "cat --keys={key}", "the command has {key}"},
		{verifies, "cat --o={options}", "must be a word of its own"},
		{verifies, "cat --k={keys} {options}", ""},
		{verifies, "cat 'a {keys}' 'awk {print}' {} '{a, b}' '{1}'", ""},
		{signs, "cat {keys}", "here {key} alone"},
		{signs, "cat {options}", "here {key} alone"},
		{signs, "cat {key}", ""},
		{canonical, "cat {claim}", "nothing is filled in"},
		{canonical, "cat", ""},
	} {
		if err := test.open(test.line); (err == nil) != (test.want == "") || err != nil && !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: error %v, want %q", test.line, err, test.want)
		}
	}
}

func TestNoSuchProgram(t *testing.T) {
	for line, want := range map[string]string{
		"": "names no program", "  ''": "names no program", "/no/such/program x": "cannot be run", "a 'b": "without its end", `a\`: "backslash",
		"a\x00b": "NUL", strings.Repeat("a", program.MaxCommand+1): "at most",
	} {
		if _, err := program.NewVerifier(line, program.Options{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.40q: error %v, want one with %q", line, err, want)
		}
	}
}
