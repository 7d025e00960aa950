// Package program puts cases to programs, in whatever language they are written: verifiers, signers, and writers of canonical forms.
//
// A program is named by a command line, which is split into words as a shell does ([Split]) but not given to one. It is run anew for each
// case, in a folder that is removed afterwards, with bounds on its time and its output. Exit codes count for signers and canonicalisers
// alone: 0 is that they did it, 1 to 125 that they refuse. What ends with a code from 128 on is broken, and its verdict does not count; of
// signers and canonicalisers also what ends with 126 or 127, by which shells say that they could not run a program. What a program prints is
// never trusted: one that crashes, hangs or prints garbage gives a finding that says so. Many crashes have the exit code of a refusal,
// hence [Signer.Try] and [Canonicaliser.Try].
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
// refuses by an exit code from 1 to 125.
//
// # Canonicalisers
//
// A claim comes on standard input. The program prints the bytes that are signed, with or without a line feed at the end, and exits with 0,
// or tells by one from 1 to 125 that the claim has no canonical form.
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
	// maxErrors bounds what is kept of the end of standard error, in bytes.
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
	if err := knownPlaces(words, placeholder); err != nil {
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
	stderr   string // the end of standard error
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

// broken says why a run of a signer or a canonicaliser is neither a result nor a refusal, or "".
func (r *ran) broken() string {
	switch {
	case r.trouble != "":
		return r.trouble
	case r.exit == notExecutable || r.exit == notFound:
		return fmt.Sprintf("its exit code %d is that of a program which could not be run", r.exit)
	case r.exit >= signalled:
		return fmt.Sprintf("its exit code %d is that of a program which has crashed: refusals have 1 to %d", r.exit, notExecutable-1)
	}
	return ""
}

// refusal says as an error that the program did not take what it must take.
func (r *ran) refusal(what string) error {
	if broken := r.broken(); broken != "" {
		return fmt.Errorf("at %s %s; %s", what, broken, r.printed())
	}
	if r.exit != 0 {
		return fmt.Errorf("it refuses %s: %s", what, r.printed())
	}
	return nil
}

// printed says what a program printed, and how it ended where it came to its own end.
func (r *ran) printed() string {
	const most = 200
	said := "no output"
	if text := strings.TrimSpace(string(r.output)); text != "" {
		said = "it printed " + clip(text, most)
	} else if last := lastLine(r.stderr); last != "" {
		said = "no output; standard error ends: " + clip(last, most)
	}
	if r.exit < 0 {
		return said
	}
	return fmt.Sprintf("%s (exit code %d)", said, r.exit)
}

// lastLine is the last line of a text that is not blank: what crashes says there what was wrong, below the way to it.
func lastLine(text string) string {
	text = strings.TrimSpace(text)
	return strings.TrimSpace(text[strings.LastIndexAny(text, "\r\n")+1:])
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
