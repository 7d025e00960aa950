package program

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"mirnode/conformance/cases"
	"mirnode/protocol"
)

const (
	keysWord    = "{keys}"
	optionsWord = "{options}"
)

// Verifier puts cases of the kind verdict to a program. It may be used by several goroutines at once.
type Verifier struct{ command *command }

// NewVerifier returns a verifier for a command line. The error says what is wrong with it.
func NewVerifier(line string, o Options) (*Verifier, error) {
	c, err := newCommand(line, keysWord, o)
	if err != nil {
		return nil, err
	}
	return &Verifier{c}, nil
}

// Verify runs the program on the case's claim and keys, and judges its verdict.
func (v *Verifier) Verify(ctx context.Context, c *cases.Case) cases.Finding {
	in := c.Verdict
	if in == nil {
		return cases.Finding{Skipped: "the case holds no claim to verify"}
	}
	var options []string
	if in.Options != nil {
		if !v.command.has(optionsWord) {
			return cases.Finding{Skipped: "the command takes no options: put " + optionsWord + " where they belong"}
		}
		options = flags(in.Options)
	}
	var r ran
	err := withFile("keys.json", in.Keys, func(path string) error {
		r = v.command.run(ctx, v.command.filled(keysWord, path, options), in.Bytes())
		return nil
	})
	if err != nil {
		return cases.Finding{Message: "the suite could not write the file of keys: " + err.Error()}
	}
	f := judgeVerdict(c, &r)
	f.Exchanges = []cases.Exchange{r.exchange}
	return f
}

// flags writes a case's options as `mir claim verify` has them.
func flags(o *cases.VerdictOptions) []string {
	var out []string
	if o.MaxAge != "" {
		out = append(out, "--max-age", o.MaxAge)
	}
	if o.ExpectDomain != "" {
		out = append(out, "--expect-domain", o.ExpectDomain)
	}
	if o.NoExpiredKeys {
		out = append(out, "--no-expired-keys")
	}
	return out
}

// judgeVerdict compares what the program said with what it should have said.
func judgeVerdict(c *cases.Case, r *ran) cases.Finding {
	want := c.Verdict.Expect
	if r.trouble != "" {
		return cases.Finding{Message: fmt.Sprintf("%s; %s", r.trouble, r.printed())}
	}
	got, err := readVerdict(r.output)
	if err != nil {
		return cases.Finding{Message: fmt.Sprintf("no verdict: %v; %s", err, r.printed())}
	}
	if got.Result == cases.Reject && !slices.Contains(codes(), got.Code) && !slices.Contains(want.Codes, got.Code) {
		return cases.Finding{Message: fmt.Sprintf("no verdict: there is no code %s; the codes are %s", clip(got.Code, 50), strings.Join(codes(), ", "))}
	}
	if r.exit >= signalled {
		return cases.Finding{Message: fmt.Sprintf("it says %s, and then ends with the exit code %d, as what has crashed", got, r.exit)}
	}
	if c.Requirement.Level == cases.May {
		return cases.Finding{Passed: true, Choice: choice(got)}
	}
	right := got.Result == want.Result && (got.Result == cases.Accept || len(want.Codes) == 0 || slices.Contains(want.Codes, got.Code))
	if !right {
		said := fmt.Sprintf("it must be %s, and the program says %s", strings.TrimSpace(want.Result+" "+strings.Join(want.Codes, " or ")), got)
		if want.Result == cases.Accept {
			said += signedBytes(c.Verdict)
		}
		return cases.Finding{Message: said}
	}
	return cases.Finding{Passed: true}
}

// signedBytes shows what was signed, where it is known: most who refuse a sound claim make other bytes of it.
func signedBytes(in *cases.VerdictInput) string {
	const most = 1000 // bytes
	if in.Canonical == "" || in.Form == sdkForm {
		return ""
	}
	return fmt.Sprintf("; the signed bytes are %s (--canonical compares them)", clip(in.Canonical, most))
}

// sdkForm is the form of claims whose signature is over other bytes than the canonical ones that a case shows.
const sdkForm = "sdk"

// codes are the protocol's codes of refusal.
func codes() []string {
	return []string{
		string(protocol.InvalidSchema), string(protocol.CanonicalizationError), string(protocol.KeyNotFound), string(protocol.InvalidSignature),
		string(protocol.KeyExpired), string(protocol.ClaimExpired), string(protocol.DomainMismatch),
	}
}

func choice(v verdict) string {
	if v.Result == cases.Accept {
		return "accepts it"
	}
	return "refuses it with " + v.Code
}

// verdict is what a program said.
type verdict struct {
	Result string `json:"result"`
	Code   string `json:"code"`
}

func (v verdict) String() string { return strings.TrimSpace(v.Result + " " + v.Code) }

// readVerdict reads a program's output in either of the two forms.
func readVerdict(output []byte) (verdict, error) {
	text := strings.TrimSpace(string(output))
	var v verdict
	if strings.HasPrefix(text, "{") {
		if err := json.Unmarshal([]byte(text), &v); err != nil {
			return v, fmt.Errorf("the output is not one JSON object with result and code: %w", err)
		}
	} else if words := strings.Fields(text); len(words) >= 1 && len(words) <= 2 && !strings.Contains(text, "\n") {
		v.Result = words[0]
		v.Code = strings.Join(words[1:], "")
	} else if text == "" {
		return v, errors.New("there is no output")
	}
	switch {
	case v.Result == cases.Accept && v.Code != "":
		return v, errors.New("a claim that is accepted has no code")
	case v.Result == cases.Reject && v.Code == "":
		return v, errors.New("a claim is rejected with exactly one code")
	case v.Result != cases.Accept && v.Result != cases.Reject:
		return v, errors.New("the output is neither ACCEPT nor REJECT CODE, nor JSON with such a result")
	}
	return v, nil
}
