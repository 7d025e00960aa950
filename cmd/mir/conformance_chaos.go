package main

import (
	"cmp"
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"mirnode/conformance"
	"mirnode/conformance/cases"
	"mirnode/conformance/chaos"
	conformancenames "mirnode/conformance/names"
	"mirnode/protocol"
)

// chaosRun is what the user asked of `mir conformance --chaos`.
type chaosRun struct {
	on   bool
	time time.Duration
}

// defaultChaosTime is how long things go wrong: enough for each kind of fault to come up.
const defaultChaosTime = time.Minute

func (c *chaosRun) addFlags(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&c.on, "chaos", false, "kill, stop, freeze and cut off a cluster's nodes, set their clocks wrong and lie to them, by --seed; then see whether they kept their word")
	cmd.Flags().DurationVar(&c.time, "chaos-time", defaultChaosTime, fmt.Sprintf("how long things go wrong, %v to %v", chaos.MinDuration, chaos.MaxDuration))
}

func (c *chaosRun) complete(cmd *cobra.Command, r *conformanceRun) error {
	switch {
	case !c.on && cmd.Flags().Changed("chaos-time"):
		return withHint("--chaos-time says nothing without --chaos", "")
	case !c.on:
		return nil
	case r.cluster == 0:
		return withHint("--chaos needs a --cluster", "The suite breaks only nodes that it has started.")
	case !clientAddresses().IsValid():
		return withHint("--chaos needs several loopback addresses, as Linux has them", "")
	}
	if _, err := chaos.Draw(c.settings(r)); err != nil {
		return withHint("--chaos: "+err.Error(), "")
	}
	return nil
}

func (c *chaosRun) settings(r *conformanceRun) chaos.Settings {
	s := chaos.Settings{Seed: r.seed, Nodes: r.cluster, Duration: c.time}
	if r.cluster > 1 {
		s.Liars = chaos.Liars() // a single node has no peers
	}
	return s
}

// runChaos starts a cluster, lets happen to it what the seed says, and reports which promises held.
func runChaos(ctx context.Context, s streams, r *conformanceRun) (err error) {
	plan, err := chaos.Draw(r.chaos.settings(r))
	if err != nil {
		return err
	}
	all := chaos.Cases()
	chosen, err := r.choose(all)
	if err != nil {
		return err
	}
	expected, err := r.expectedFailures(all)
	if err != nil {
		return err
	}
	out, err := r.output.open(s)
	if err != nil {
		return err
	}
	fmt.Fprintf(s.err, "Starting %s, to break them for %v by the seed %q: %s, %s.\n", plural(r.cluster, "node"), r.chaos.time, r.seed,
		plural(len(plan.Events), "event"), plural(len(plan.Submissions), "submission"))
	began := time.Now()
	within, over := context.WithTimeoutCause(ctx, r.timeout, fmt.Errorf("its time of %v was over", r.timeout))
	defer over()
	up, err := startTestCluster(within, r, s, chaos.PeerPlans(r.suffix))
	if err != nil {
		return errors.Join(err, out.discard())
	}
	defer func() { err = worse(err, up.Close()) }()
	report, err := up.breakBy(within, s, plan)
	ended, early := errors.AsType[*endedEarly](err)
	if err != nil && !early {
		return errors.Join(err, out.discard())
	}
	options := conformance.Options{Cases: chosen, Player: ended, Offers: cases.Needs(), Expected: expected, Parallel: 1, Progress: newCaseProgress(s.err, r.verbose).event}
	if report != nil {
		fmt.Fprintf(s.err, "%d claims acknowledged, %d refused, %d without an answer, of %d.\n", report.Counts.Acknowledged, report.Counts.Refused, report.Counts.Unanswered, report.Counts.Submitted)
		options.Player = report
	}
	result, err := conformance.Run(ctx, options)
	if err != nil {
		return errors.Join(err, out.discard())
	}
	if early {
		ended.mark(result, report != nil)
	}
	result.Started, result.Took = began, time.Since(began)
	return r.report(ctx, out, result, cmp.Or(r.targetName, fmt.Sprintf("a cluster of %s, broken for %v", plural(r.cluster, "node"), r.chaos.time)))
}

// endedEarly is why a run did not come to its checks. It plays their cases: none of them was.
type endedEarly struct {
	cause error
	died  bool // a node ended by itself
}

// Error gives the cause.
func (e *endedEarly) Error() string { return e.cause.Error() }

// why is the cause in one line.
func (e *endedEarly) why() string {
	if errors.Is(e.cause, context.Canceled) {
		return "the run was interrupted"
	}
	line, _, _ := strings.Cut(e.cause.Error(), "\n")
	return line
}

// Play implements conformance.Player.
func (e *endedEarly) Play(context.Context, *cases.Case) cases.Finding {
	return cases.Finding{Skipped: e.why()}
}

// mark says so in the result. A node may also have died when all had been checked.
func (e *endedEarly) mark(result *conformance.Result, checked bool) {
	if !checked {
		result.Interrupted, result.Stopped = true, e.why()
	}
	if e.died {
		result.Broke = e.cause.Error()
	}
}

// breakBy goes through the plan and checks. That it did not come to that, or that a node died meanwhile, is an *endedEarly.
func (up *testCluster) breakBy(ctx context.Context, s streams, plan *chaos.Plan) (*chaos.Report, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	r := up.run
	go func() {
		if <-up.cluster.Done(); up.cluster.Err() != nil {
			cancel(&endedEarly{cause: up.cluster.Err(), died: true})
		}
	}()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}} // no connection outlives the node that it led to
	o := chaos.Options{
		Plan: plan, Faults: up.faults, Suffix: r.suffix, Client: client,
		Publish: func(domain string, key ed25519.PublicKey) error {
			return up.names.Publish(domain, conformancenames.Domain{TTL: 3600, Keys: []conformancenames.PublishedKey{{Public: protocol.EncodePublicKey(key), Fingerprint: protocol.Fingerprint(key)}}})
		},
		Tell: func(at time.Duration, what string) { fmt.Fprintf(s.err, "%7.1fs  %s\n", at.Seconds(), printable(what)) },
	}
	for _, n := range up.cluster.State().Nodes {
		o.Nodes = append(o.Nodes, chaos.Node{URL: n.URL, Domain: n.Domain})
	}
	if len(plan.Settings.Liars) > 0 {
		var err error
		if o.Liars, err = chaos.PlayLiars(up.peers, r.seed, r.suffix, chaos.Audience{Client: client, Nodes: o.Nodes, Now: time.Now}); err != nil {
			return nil, err
		}
	}
	report, err := chaos.Run(ctx, o)
	cause := context.Cause(ctx)
	if died, ok := errors.AsType[*endedEarly](cause); ok {
		return report, died
	}
	if err != nil && cause != nil {
		return nil, &endedEarly{cause: cause}
	}
	return report, err
}
