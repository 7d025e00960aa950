package main

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"runtime/debug"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"mirnode/conformance"
	"mirnode/conformance/cases"
	"mirnode/conformance/report"
	"mirnode/conformance/vectors"
	"mirnode/protocol"
)

// defaultClusterNodes is how many nodes are started where no target is named: the least that can outvote one.
const defaultClusterNodes = 3

// conformanceRun is what the user asked of `mir conformance`.
type conformanceRun struct {
	chosenCases
	chosen                      string // the target's flag
	flags                       string // that a run of one of the cases needs too: see repeatedFlags
	cluster                     int
	program                     string
	nodes                       []string
	verifier, signer, canonical string
	suffix, seed                string
	targetName                  string
	operators                   []string
	issuer, apiKeyFile          string
	expected                    string
	vectors                     string
	dnsListen, httpsListen      string
	caOut                       string
	static, verbose             bool
	parallel                    int
	wait, timeout               time.Duration
	output                      conformanceOutput
	chaos                       chaosRun
}

func newConformanceCommand(s streams) *cobra.Command {
	var run conformanceRun
	cmd := &cobra.Command{
		Use:   "conformance",
		Short: "Test a node, a cluster or a program against the protocol, and report what conforms",
		Long: `Puts the cases of the conformance suite to a target and reports which of the protocol's requirements it meets. The target is a black box:

  --cluster N      nodes that are started for it on this machine (the default, with 3)
  --node URL       nodes that run already; with --dns-listen and --https-listen the suite serves them the names that they look up
  --verifier CMD   a program that judges the claim on its standard input; {keys} in CMD becomes the path of the domain's mir.json
  --signer CMD     a program that signs the draft on its standard input; {key} becomes the path of the private key in PEM
  --canonical CMD  a program that prints the canonical bytes of the claim on its standard input

What is done is told on standard error, the report goes to standard output or to --out.

Exit code 0: no MUST and no SHOULD failed. 1: a MUST failed, or a case passed that is expected to fail. 4: only SHOULDs failed. 2: misuse.
3: the target was not reached or gave no answer any more, the run was interrupted or its time was over, or nothing was tested; the report of what ran is
written all the same.`,
		Example: "  mir conformance\n" +
			"  mir conformance --node https://node.example --only registry\n" +
			"  mir conformance --verifier \"node verify.js {keys}\" --format html --out report.html",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := run.complete(cmd); err != nil {
				return err
			}
			run.seed = drawnSeed(run.seed, s.err)
			return runConformance(cmd.Context(), s, &run)
		},
	}
	run.addFlags(cmd)
	cmd.AddCommand(newConformanceListCommand(s), newConformanceShowCommand(s), newConformanceExportCommand(s), newConformancePublishCommand(s))
	return cmd
}

func (r *conformanceRun) addFlags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.IntVar(&r.cluster, "cluster", 0, fmt.Sprintf("start so many nodes and test them (default: %d, where no other target is named)", defaultClusterNodes))
	f.StringVar(&r.program, "program", "", "run this program as the --cluster's nodes, as PROGRAM node …: another build of this one (default: this one)")
	f.StringSliceVar(&r.nodes, "node", nil, "test the node at this URL; may be repeated for nodes of one federation")
	f.StringVar(&r.verifier, "verifier", "", "test this verifier: a command line, run once for each case")
	f.StringVar(&r.signer, "signer", "", "test this signer: a command line, run once for each case")
	f.StringVar(&r.canonical, "canonical", "", "test the canonical bytes that this program prints: a command line, run once for each case")
	r.chosenCases.addTo(cmd)
	f.StringVar(&r.suffix, "domain", vectors.DefaultSuffix, "the domain below which the cases' domains lie")
	f.StringVar(&r.seed, "seed", vectors.DefaultSeed, "what the suite's keys are made from, and with --chaos also what goes wrong and when; "+randomSeed+": one that is drawn and told")
	f.StringVar(&r.targetName, "target-name", "", "what the reports call the target, in the place of its URLs or its command line")
	f.StringSliceVar(&r.operators, "operator", nil, "the operator's URL of each --node, in the same order")
	f.StringVar(&r.issuer, "issuer", "", "the ID of an issuer at the first --node, for cases that need one where there is no --operator")
	f.StringVar(&r.apiKeyFile, "api-key-file", "", "the file with that issuer's API key")
	f.StringVar(&r.expected, "expected-failures", "", "a file with lines SECTION/NAME: REASON; that these fail is not held against the target, that they pass is")
	f.StringVar(&r.vectors, "vectors", "", "test with the vectors in this folder too, in the layout of the protocol's public draft")
	f.StringVar(&r.dnsListen, "dns-listen", "", "serve the --node's names here, HOST:PORT over UDP and TCP: set this as its resolver")
	f.StringVar(&r.httpsListen, "https-listen", "", "serve the domains' documents here, HOST:PORT: the port must be the --node's well-known port")
	f.StringVar(&r.caOut, "ca-out", "", "write the certificate of the authority behind --https-listen to this file, for the --node to trust")
	f.BoolVar(&r.static, "static", false, "what mir conformance publish wrote is published below --domain: test verdicts with them")
	f.DurationVar(&r.wait, "wait", 0, "wait for the --node to answer, for up to this long, such as 30s")
	f.DurationVar(&r.timeout, "timeout", conformance.DefaultTimeout, "end the run after this long, and report what ran")
	f.IntVar(&r.parallel, "parallel", conformance.DefaultParallel, fmt.Sprintf("how many cases run side by side, up to %d", conformance.MaxParallel))
	f.BoolVarP(&r.verbose, "verbose", "v", false, "tell of every case when it ends")
	r.output.addFlags(cmd)
	r.chaos.addFlags(cmd)
}

// complete fills in the defaults and refuses what does not go together.
func (r *conformanceRun) complete(cmd *cobra.Command) error {
	var targets []string
	for _, name := range []string{"cluster", "node", "verifier", "signer", "canonical"} {
		if cmd.Flags().Changed(name) {
			targets = append(targets, "--"+name)
		}
	}
	switch {
	case len(targets) > 1:
		return withHint(strings.Join(targets, " and ")+" are two targets", "A run tests one; start another one for the other.")
	case len(targets) == 0:
		r.cluster, targets = defaultClusterNodes, []string{"--cluster"}
	}
	r.chosen, r.flags = targets[0], repeatedFlags(cmd)
	if r.program != "" && r.cluster == 0 {
		return withHint("--program says nothing without --cluster", cmd.Flags().Lookup("program").Usage)
	}
	for _, only := range []struct{ flag, of string }{
		{"operator", "node"}, {"issuer", "node"}, {"api-key-file", "issuer"}, {"issuer", "api-key-file"}, {"dns-listen", "node"}, {"https-listen", "node"},
		{"ca-out", "https-listen"}, {"dns-listen", "https-listen"}, {"https-listen", "dns-listen"}, {"static", "node"}, {"wait", "node"},
	} {
		if cmd.Flags().Changed(only.flag) && !cmd.Flags().Changed(only.of) {
			return withHint(fmt.Sprintf("--%s says nothing without --%s", only.flag, only.of), fmt.Sprintf("--%s: %s", only.of, cmd.Flags().Lookup(only.of).Usage))
		}
	}
	suffix, err := protocol.ParseDomain(r.suffix)
	if err != nil {
		return withHint(fmt.Sprintf("--domain %q: %v", r.suffix, err), "Give a domain such as conformance.example.com.")
	}
	r.suffix = suffix
	if r.parallel < 1 || r.parallel > conformance.MaxParallel {
		return withHint(fmt.Sprintf("--parallel %d is not possible", r.parallel), fmt.Sprintf("Give a number from 1 to %d.", conformance.MaxParallel))
	}
	if r.timeout <= 0 {
		return withHint(fmt.Sprintf("--timeout %v is no time", r.timeout), "Give a duration such as 10m.")
	}
	if len(r.targetName) > maxTargetName {
		return withHint("--target-name is too long", fmt.Sprintf("It has up to %d bytes.", maxTargetName))
	}
	if len(r.operators) > len(r.nodes) {
		return withHint(fmt.Sprintf("%d --operator for %d --node", len(r.operators), len(r.nodes)), "Give one for each --node, in the same order.")
	}
	if r.vectors != "" && r.verifier == "" && r.canonical == "" {
		return withHint("--vectors is for --verifier and --canonical", "Such vectors hand a verifier its keys; nodes find keys by themselves. Try --verifier \"mir claim verify --json --keys {keys}\".")
	}
	if r.static && r.dnsListen != "" {
		return withHint("--static and --dns-listen exclude each other", "Either the domains are published, or the suite serves them.")
	}
	if r.static && r.seed == randomSeed {
		return withHint("--static and --seed "+randomSeed+" exclude each other", "The keys that are published are made from one seed: give the one with which mir conformance publish wrote them.")
	}
	if wantsJSON(cmd) && !cmd.Flags().Changed("format") {
		r.output.format = string(report.JSON)
	}
	return errors.Join(r.chaos.complete(cmd, r), r.output.complete(r.caOut))
}

// conformanceTarget is what is tested.
type conformanceTarget interface {
	// name says for people what it is.
	name() string
	// kinds are the kinds of cases that it takes.
	kinds() []cases.Kind
	// offers are the needs that it meets.
	offers() []cases.Need
	// open makes it ready for these cases and hands it to the run. It calls abort if the target breaks down. close ends what was begun.
	open(ctx context.Context, chosen []cases.Case, o *conformance.Options, abort func(error)) (close func() error, err error)
}

func (r *conformanceRun) target(s streams) (conformanceTarget, error) {
	switch r.chosen {
	case "--node":
		return newNodesTarget(r, s)
	case "--cluster":
		return newClusterTarget(r, s)
	}
	return newProgramTarget(r)
}

// runConformance chooses, tells what it is going to do, opens the target, runs and reports. The end of the context ends the run, not the report.
func runConformance(ctx context.Context, s streams, r *conformanceRun) (err error) {
	ctx, stop := withoutLeftovers(ctx)
	defer stop()
	if r.chaos.on {
		return runChaos(ctx, s, r)
	}
	target, err := r.target(s)
	if err != nil {
		return err
	}
	plan, err := r.plan(target, s.err)
	if err != nil {
		return err
	}
	plan.target = cmp.Or(r.targetName, plan.target)
	plan.tell(s.err)
	out, err := r.output.open(s)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	progress := newCaseProgress(s.err, r.verbose)
	options := conformance.Options{Parallel: r.parallel, Timeout: r.timeout, Expected: plan.expected, Offers: target.offers(), Progress: progress.event}
	closeTarget, err := target.open(ctx, plan.chosen, &options, cancel)
	if err != nil {
		return errors.Join(err, out.discard())
	}
	defer func() { err = worse(err, closeTarget()) }()
	if options.Cases, err = r.remade(plan.chosen); err != nil {
		return errors.Join(err, out.discard())
	}
	if options.Verifier != nil {
		options.Verifier = vectors.Fresh(options.Verifier, r.made(), time.Now)
	}
	result, err := conformance.Run(ctx, options)
	progress.end()
	if err != nil {
		return errors.Join(err, out.discard())
	}
	if program, ok := target.(*programTarget); ok && r.targetName != "" {
		program.hide(result, r.targetName)
	}
	result.Selection, result.Repeat = r.selection(plan), r.again()
	return r.report(ctx, out, result, plan.target)
}

// report writes what came of a run, and gives its exit code as an error.
func (r *conformanceRun) report(ctx context.Context, out *conformanceFiles, result *conformance.Result, target string) error {
	result.Target, result.Seed, result.Suffix, result.Version = target, r.seed, r.suffix, suiteVersion()
	if err := out.write(result); err != nil {
		return &exit{exitMisuse, err}
	}
	return runVerdict(ctx, result)
}

// made says how the verdicts and the drafts are made.
func (r *conformanceRun) made() vectors.Options {
	return vectors.Options{Suffix: r.suffix, Seed: r.seed, Now: time.Now()}
}

// remade gives the cases as they are put to the target: for its domain, seed and time, and with the needs that the plan has found.
func (r *conformanceRun) remade(chosen []cases.Case) ([]cases.Case, error) {
	made, err := vectors.Remake(chosen, r.made())
	if err != nil {
		return nil, withHint("--domain: "+err.Error(), "")
	}
	for i := range made {
		made[i].Needs = chosen[i].Needs
	}
	return made, nil
}

// runVerdict is the exit code of a run as an error.
func runVerdict(ctx context.Context, result *conformance.Result) error {
	switch {
	case result.Broke != "":
		return &exit{exitRejected, errors.New(result.Broke)}
	case result.Interrupted && ctx.Err() != nil:
		return errInterrupted
	case result.Interrupted:
		return &exit{exitUnreachable, withHint("the run was not finished: "+result.Stopped, "The report holds what ran until then.")}
	case result.Counts().Ran() == 0:
		return &exit{exitUnreachable, withHint("nothing was tested: all cases were skipped", "The report says of each what it would have needed.")}
	}
	if code := result.Code(); code != conformance.CodeConforms {
		return &exit{code: code} // the report has said why
	}
	return nil
}

// randomSeed asks for a seed that nobody knows before the run, so that no target can have learnt the answers by heart.
const randomSeed = "random"

// maxTargetName bounds --target-name, in bytes: it is the title of reports.
const maxTargetName = 200

// drawnSeed is the seed of a run. One that is drawn is told, since only with it the run can be repeated.
func drawnSeed(seed string, out io.Writer) string {
	if seed != randomSeed {
		return seed
	}
	var drawn [8]byte
	_, _ = rand.Read(drawn[:]) // never fails
	seed = hex.EncodeToString(drawn[:])
	fmt.Fprintf(out, "Drew the seed %s; --seed %[1]s repeats the run.\n", seed)
	return seed
}

// suiteVersion is the version of the program, which is that of the suite.
func suiteVersion() string { return readVersion(debug.ReadBuildInfo()).Version }
