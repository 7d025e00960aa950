package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"runtime"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"mirnode/gossip/sim"
)

// maxSimulatedRates bounds the networks of one call: one of a thousand nodes takes about a gigabyte of memory.
const maxSimulatedRates = 8

// newSimulateCommand builds `mir bench simulate`.
func newSimulateCommand(s streams) *cobra.Command {
	config := sim.DefaultConfig()
	rates := []float64{5, 20}
	cmd := &cobra.Command{
		Use:   "simulate",
		Short: "Simulate gossip in a network of a thousand nodes",
		Long: "Runs the decisions of gossip in a simulated network (latency, loss, uplinks, nodes that are away), and tells how long records take\n" +
			"to reach everybody and what that costs. The same seed gives the same run, event by event.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if len(rates) == 0 || len(rates) > maxSimulatedRates {
				return withHint(fmt.Sprintf("%d rates were given", len(rates)), fmt.Sprintf("Give 1 to %d, such as --rate 5,20.", maxSimulatedRates))
			}
			if config.Nodes < 2 || config.Nodes > sim.MaxNodes { // before zero would mean the default
				return withHint(fmt.Sprintf("%d nodes make no network to simulate", config.Nodes), fmt.Sprintf("Give 2 to %d, such as --nodes 1000.", sim.MaxNodes))
			}
			fmt.Fprintf(s.err, "Simulating %d nodes for %s, %d rates: about a minute.\n", config.Nodes, config.Measured, len(rates))
			if config.Loss == 0 {
				config.Loss = -1 // zero would mean the default
			}
			if config.Away == 0 {
				config.Away = -1
			}
			reports, err := simulate(cmd.Context(), config, rates)
			if errors.Is(err, context.Canceled) {
				return err
			}
			if err != nil {
				return withHint(err.Error(), "See mir bench simulate --help for what can be set.")
			}
			if wantsJSON(cmd) {
				encoder := json.NewEncoder(s.out)
				encoder.SetIndent("", "  ")
				return encoder.Encode(reports)
			}
			return sim.Print(s.out, reports)
		},
	}
	flags := cmd.Flags()
	flags.Uint64Var(&config.Seed, "seed", config.Seed, "what everything is drawn from")
	flags.IntVar(&config.Nodes, "nodes", config.Nodes, "nodes of the network")
	flags.Float64SliceVar(&rates, "rate", rates, "records a second over the whole network; a simulation for each")
	flags.DurationVar(&config.Measured, "for", config.Measured, "how long records are measured, in simulated time")
	flags.IntVar(&config.Away, "away", config.Away, "nodes that are away once")
	flags.DurationVar(&config.AwayFor, "away-for", config.AwayFor, "how long they are away")
	flags.Float64Var(&config.Loss, "loss", config.Loss, "share of packets that are lost")
	flags.DurationVar(&config.LatencyMin, "latency-min", config.LatencyMin, "the shortest one-way latency of a pair")
	flags.DurationVar(&config.LatencyMax, "latency-max", config.LatencyMax, "the longest")
	flags.DurationVar(&config.GossipInterval, "interval", config.GossipInterval, "memberlist's gossip interval")
	return cmd
}

// simulate runs a simulation for each rate, as many at once as there are processors.
func simulate(ctx context.Context, config sim.Config, rates []float64) ([]sim.Report, error) {
	reports := make([]sim.Report, len(rates))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(runtime.GOMAXPROCS(0))
	for i := len(rates) - 1; i >= 0; i-- { // the last is the longest, as a rule
		group.Go(func() (err error) {
			c := config
			c.Rate = rates[i]
			reports[i], err = sim.Run(ctx, c)
			return err
		})
	}
	return reports, group.Wait()
}
