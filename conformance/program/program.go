// Package program puts cases to programs, in whatever language they are written: verifiers, signers, and writers of canonical forms.
//
// A program is named by a command line, which is split into words as a shell does ([Split]) but not given to one. It is run anew for each
// case, in a folder that is removed afterwards, with bounds on its time and its output; its exit code counts for signers and canonicalisers
// alone, but that a code above 127 is never a verifier's, and 129 to 192 nobody's: a crash. What it prints is never trusted: a program that crashes,
// hangs or prints garbage gives a finding that says so.
//
// What a program leaves behind is ended with the run. On Linux these are also processes that have left its process group, known by a variable
// that they have inherited, MIR_CONFORMANCE_RUN_ and the run's own letters: those that clear their environment and leave the group, or run
// as another user, stay behind. And the program ends with the suite, however that ends. On other systems this is so of the process group
// alone, and a suite that is killed leaves the program to its own end. A suite that is killed also leaves the folder of the running case,
// mir-conformance-… in the folder for temporary files.
//
// # Verifiers
//
// The claim comes on standard input, exactly as it was received. {keys} in the command stands for the path of a file with the key document
// of the claim's domain, in the form of mir.json; without {keys} the path is added as the last word. On standard output the program prints
// its verdict, in either of two forms:
//
//	{"result":"ACCEPT"}                           ACCEPT
//	{"result":"REJECT","code":"INVALID_SCHEMA"}   REJECT INVALID_SCHEMA
//
// Further members are ignored. {options}, as a word of its own, stands for the verifier's options where a case has some: --max-age 1h,
// --expect-domain shop.example.com, --no-expired-keys. Without {options} such cases are skipped.
//
// # Signers
//
// The draft, a claim without sig and as a rule without keyFingerprint, comes on standard input; {key} stands for the path of a file with the
// private key, PKCS #8 in PEM (RFC 8410), or the path is added as the last word. The program prints the signed claim and exits with 0, or
// refuses by any other exit code.
//
// # Canonicalisers
//
// A claim comes on standard input. The program prints the bytes that are signed, with or without a line feed at the end, and exits with 0,
// or tells by any other exit code that the claim has no canonical form.
package program

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"mirnode/conformance/cases"
)

const (
	// DefaultTimeout bounds one run of a program.
	DefaultTimeout = 10 * time.Second
	// MaxOutput bounds what a program may print on standard output, in bytes: a claim has 16 KiB at most.
	MaxOutput = 64 << 10
	// maxErrors bounds what is kept of standard error, in bytes.
	maxErrors = 4 << 10
)

// Options are the bounds of a program's runs.
type Options struct {
	Timeout time.Duration // of one run; 0 is DefaultTimeout
}

// command is a command line with places to fill in.
type command struct {
	words   []string
	timeout time.Duration
}

// newCommand splits a command line, in which placeholder stands for a file, and finds the program.
func newCommand(line, placeholder string, o Options) (*command, error) {
	words, err := Split(line)
	if err != nil {
		return nil, err
	}
	if !slices.ContainsFunc(words, func(w string) bool { return strings.Contains(w, placeholder) }) && placeholder != "" {
		words = append(words, placeholder)
	}
	c := &command{words: words, timeout: o.Timeout}
	if c.timeout <= 0 {
		c.timeout = DefaultTimeout
	}
	return c, findProgram(words[0])
}

// has reports whether a word stands in the command.
func (c *command) has(word string) bool { return slices.Contains(c.words, word) }

// filled returns the words of one run: the file's path in the place of the placeholder, and the options in the place of {options}.
func (c *command) filled(placeholder, path string, options []string) []string {
	var words []string
	for _, w := range c.words {
		if w == optionsWord {
			words = append(words, options...)
			continue
		}
		if placeholder != "" {
			w = strings.ReplaceAll(w, placeholder, path)
		}
		words = append(words, w)
	}
	return words
}

// withFile calls use with the path of a file that the program may read and nobody else, and removes it afterwards.
func withFile(name string, data []byte, use func(path string) error) error {
	dir, err := os.MkdirTemp("", "mir-conformance-") // 0700
	if err != nil {
		return err
	}
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, data, 0o600); err != nil {
		return errors.Join(err, os.RemoveAll(dir))
	}
	return errors.Join(use(path), os.RemoveAll(dir))
}

// ran is what came of one run.
type ran struct {
	output   []byte
	exit     int    // the exit code; -1 where a signal ended it
	swept    int    // processes that it left behind outside its process group, and that were ended
	trouble  string // the program did not come to its own end, or printed too much: a finding
	stderr   string // the beginning of standard error
	exchange cases.Exchange
}

// run runs the program once.
func (c *command) run(ctx context.Context, words []string, input []byte) ran {
	r := execute(ctx, words, input, c.timeout)
	received := r.output
	if r.stderr != "" {
		received = slices.Concat(received, []byte("\n[standard error]\n"+r.stderr))
	}
	if r.swept > 0 {
		received = fmt.Appendf(received, "\n[processes that it left behind, and that were ended: %d]\n", r.swept)
	}
	r.exchange = cases.Exchange{What: strings.Join(quoted(words), " "), Sent: cases.Cut(input), Received: cases.Cut(received), Unanswered: r.trouble != "" && len(r.output) == 0}
	return r
}

// printed says what a program printed, for a finding.
func (r *ran) printed() string {
	const most = 200
	text := strings.TrimSpace(string(r.output))
	if text == "" {
		text = strings.TrimSpace(r.stderr)
		if text == "" {
			return fmt.Sprintf("it printed nothing (exit code %d)", r.exit)
		}
		return fmt.Sprintf("it printed nothing but, on standard error, %s (exit code %d)", clip(text, most), r.exit)
	}
	return fmt.Sprintf("it printed %s (exit code %d)", clip(text, most), r.exit)
}

// clip quotes the beginning of a text: as it is where it can be printed, else with escapes.
func clip(s string, most int) string {
	s, more := strings.ToValidUTF8(s, "\ufffd"), ""
	if len(s) > most {
		s, more = strings.ToValidUTF8(s[:most], ""), " …"
	}
	if strconv.CanBackquote(s) {
		return "“" + s + "”" + more
	}
	return strconv.Quote(s) + more
}
