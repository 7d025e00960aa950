package main

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"mirnode/cluster"
)

// newClusterControlCommands are the commands that play what goes wrong in a cluster that is up.
func newClusterControlCommands(s streams) []*cobra.Command {
	ofNodes := func(do, short string) *cobra.Command {
		return orderCommand(s, &cobra.Command{
			Use:   do + " NODE… --dir DIR",
			Short: short,
			Args:  cobra.MinimumNArgs(1),
		}, func(_ *cobra.Command, args []string) (cluster.Order, error) {
			return cluster.Order{Do: do, Nodes: args}, nil
		})
	}
	return []*cobra.Command{
		ofNodes("kill", "End nodes of a cluster as kill -9 does"),
		ofNodes("stop", "Stop nodes of a cluster in order"),
		ofNodes("start", "Start nodes of a cluster that do not run: with their data, at their old addresses"),
		ofNodes("pause", "Let nodes of a cluster stand still: they hold their connections and do nothing"),
		ofNodes("resume", "Let nodes of a cluster that were paused go on"),
		newClusterPartitionCommand(s), newClusterCutCommand(s), newClusterDelayCommand(s), newClusterHealCommand(s),
	}
}

// orderCommand gives a command its flags and its work: an order to the cluster's process.
func orderCommand(s streams, cmd *cobra.Command, order func(*cobra.Command, []string) (cluster.Order, error)) *cobra.Command {
	var dir string
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		o, err := order(cmd, args)
		if err != nil {
			return err
		}
		state, err := cluster.Send(cmd.Context(), dir, o)
		switch {
		case errors.Is(err, cluster.ErrNotRunning):
			return &exit{exitUnreachable, fmt.Errorf("%w (start one with: mir cluster --dir %s)", err, shellQuote(dir))}
		case err != nil:
			return &exit{exitRejected, err}
		case wantsJSON(cmd):
			return printJSON(s.out, map[string]any{"nodes": state.Nodes, "links": orNone(state.Links)})
		}
		printNodesAndLinks(s.out, state)
		return nil
	}
	addClusterDirFlag(cmd, &dir)
	return cmd
}

// orNone writes no links as an empty list.
func orNone(links []cluster.Link) []cluster.Link {
	if links == nil {
		return []cluster.Link{}
	}
	return links
}

// printNodesAndLinks tells how the nodes are, and which links are not as they should be.
func printNodesAndLinks(out io.Writer, state *cluster.State) {
	for _, n := range state.Nodes {
		fmt.Fprintf(out, "%s: %s\n", n.Name, n.Status)
	}
	fmt.Fprintln(out, "links: "+linksInWords(state))
}

// linksInWords sums up the links between nodes.
func linksInWords(state *cluster.State) string {
	if len(state.Links) == 0 {
		return "all whole"
	}
	words := make([]string, len(state.Links))
	for i, l := range state.Links {
		words[i] = l.Between[0] + "–" + l.Between[1]
		if l.Cut {
			words[i] += " cut"
		}
		if l.DelayMs > 0 {
			words[i] += fmt.Sprintf(" slower by %g ms each way", l.DelayMs)
		}
	}
	return strings.Join(words, ", ")
}

const resetHelp = "break the connections over the cut links; else they hang, as they do when a network goes away"

func newClusterPartitionCommand(s streams) *cobra.Command {
	var reset bool
	cmd := orderCommand(s, &cobra.Command{
		Use:   "partition GROUP/GROUP… --dir DIR",
		Short: "Cut a cluster's nodes into groups that do not reach each other",
		Long: "Cuts all links between nodes of different groups, and heals those within one: node1,node2/node3. Nodes that are in no group make one more\n" +
			"together, so node3 alone cuts node3 off. DNS, the well-known documents and the nodes' own listeners stay within reach.",
		Example: "  mir cluster partition node1,node2/node3 --dir DIR\n  mir cluster partition node3 --reset --dir DIR",
		Args:    cobra.ExactArgs(1),
	}, func(_ *cobra.Command, args []string) (cluster.Order, error) {
		o := cluster.Order{Do: "partition", Reset: reset}
		for group := range strings.SplitSeq(args[0], "/") {
			o.Groups = append(o.Groups, strings.FieldsFunc(group, func(r rune) bool { return r == ',' }))
		}
		return o, nil
	})
	cmd.Flags().BoolVar(&reset, "reset", false, resetHelp)
	return cmd
}

func newClusterCutCommand(s streams) *cobra.Command {
	var reset bool
	cmd := orderCommand(s, &cobra.Command{
		Use:   "cut NODE NODE --dir DIR",
		Short: "Cut the link between two nodes of a cluster, and no other",
		Args:  cobra.ExactArgs(2),
	}, func(_ *cobra.Command, args []string) (cluster.Order, error) {
		return cluster.Order{Do: "cut", Nodes: args, Reset: reset}, nil
	})
	cmd.Flags().BoolVar(&reset, "reset", false, resetHelp)
	return cmd
}

func newClusterDelayCommand(s streams) *cobra.Command {
	return orderCommand(s, &cobra.Command{
		Use:   "delay DURATION [NODE NODE] --dir DIR",
		Short: "Slow down the link between two nodes of a cluster, or all links; 0 ends that",
		Long:  "What passes over the link takes so much longer, each way: 50ms makes a round trip 100 ms longer. Ten seconds are the most.",
		Args:  oneOrThree,
	}, func(_ *cobra.Command, args []string) (cluster.Order, error) {
		delay, err := time.ParseDuration(args[0])
		if err != nil {
			return cluster.Order{}, fmt.Errorf("%q is no duration: write it like 50ms or 1s", args[0])
		}
		return cluster.Order{Do: "delay", Nodes: args[1:], DelayMs: float64(delay.Microseconds()) / 1000}, nil
	})
}

func oneOrThree(_ *cobra.Command, args []string) error {
	if len(args) != 1 && len(args) != 3 {
		return errors.New("a link is between two nodes: name both, or none for all links")
	}
	return nil
}

func newClusterHealCommand(s streams) *cobra.Command {
	return orderCommand(s, &cobra.Command{
		Use:   "heal [NODE NODE] --dir DIR",
		Short: "Make the link between two nodes of a cluster whole and quick again, or all links",
		Args: func(cmd *cobra.Command, args []string) error {
			return oneOrThree(cmd, append([]string{""}, args...))
		},
	}, func(_ *cobra.Command, args []string) (cluster.Order, error) {
		return cluster.Order{Do: "heal", Nodes: args}, nil
	})
}
