package main

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"net/http"
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
	report, err := breakCluster(ctx, s, r, plan)
	if err != nil {
		return errors.Join(err, out.discard())
	}
	fmt.Fprintf(s.err, "%d claims acknowledged, %d refused, %d without an answer, of %d.\n", report.Counts.Acknowledged, report.Counts.Refused, report.Counts.Unanswered, report.Counts.Submitted)
	progress := newCaseProgress(s.err, r.verbose)
	result, err := conformance.Run(ctx, conformance.Options{Cases: chosen, Player: report, Offers: cases.Needs(), Expected: expected, Parallel: 1, Progress: progress.event})
	if err != nil {
		return errors.Join(err, out.discard())
	}
	result.Started, result.Took = began, time.Since(began)
	result.Target, result.Seed, result.Suffix, result.Version = fmt.Sprintf("a cluster of %s, broken for %v", plural(r.cluster, "node"), r.chaos.time), r.seed, r.suffix, suiteVersion()
	if err := out.write(result); err != nil {
		return &exit{exitMisuse, err}
	}
	return runVerdict(ctx, result)
}

// breakCluster starts the cluster for the plan, and goes through it.
func breakCluster(ctx context.Context, s streams, r *conformanceRun, plan *chaos.Plan) (report *chaos.Report, err error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	up, err := startTestCluster(ctx, r, s, chaos.PeerPlans(r.suffix))
	if err != nil {
		return nil, err
	}
	defer func() { err = worse(err, up.Close()) }()
	go func() {
		if <-up.cluster.Done(); up.cluster.Err() != nil {
			cancel(up.cluster.Err()) // a node ended by itself
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
		if o.Liars, err = chaos.PlayLiars(up.peers, r.seed, r.suffix, chaos.Audience{Client: client, Nodes: o.Nodes, Now: time.Now}); err != nil {
			return nil, err
		}
	}
	if report, err = chaos.Run(ctx, o); err != nil && context.Cause(ctx) != nil {
		err = context.Cause(ctx)
	}
	return report, err
}
