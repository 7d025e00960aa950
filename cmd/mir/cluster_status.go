package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"mirnode/cluster"
	"mirnode/gossip/peers"
)

// statusTimeout bounds what `mir cluster status` waits for a node: one that is paused never answers.
const statusTimeout = 2 * time.Second

func newClusterStatusCommand(s streams) *cobra.Command {
	var at clusterAddress
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Tell how the nodes of a running cluster are and how far behind each other, where its parts are, and what it publishes",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			state, err := at.running(cmd.Context())
			if err != nil {
				return err
			}
			published, err := cluster.ReadPublished(state.Dir)
			if err != nil {
				return &exit{exitRejected, err}
			}
			known := askPeers(cmd.Context(), state.Nodes)
			if wantsJSON(cmd) {
				return printJSON(s.out, map[string]any{"cluster": state, "published": published, "peers": known})
			}
			printStatus(s.out, state, known, published)
			return nil
		},
	}
	at.addTo(cmd)
	return cmd
}

// knownPeers is what a node says of its peers, or why it says nothing.
type knownPeers struct {
	Peers []peers.Status `json:"peers,omitempty"`
	Error string         `json:"error,omitempty"`
}

// askPeers asks every node that runs, by domain.
func askPeers(ctx context.Context, nodes []cluster.Node) map[string]knownPeers {
	client := &http.Client{Timeout: statusTimeout, Transport: &http.Transport{DisableKeepAlives: true}}
	answers := make([]knownPeers, len(nodes))
	var all sync.WaitGroup
	for i, n := range nodes {
		switch {
		case n.Status == cluster.Elsewhere:
			answers[i].Error = "it runs elsewhere"
			continue
		case n.PID == 0:
			answers[i].Error = "it does not run"
			continue
		}
		all.Go(func() {
			if err := getPeers(ctx, client, n.URL, &answers[i]); err != nil {
				answers[i] = knownPeers{Error: err.Error()}
			}
		})
	}
	all.Wait()
	known := make(map[string]knownPeers)
	for i, n := range nodes {
		known[n.Domain] = answers[i]
	}
	return known
}

func getPeers(ctx context.Context, client *http.Client, url string, into *knownPeers) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/peers", nil)
	if err != nil {
		return err
	}
	response, err := client.Do(request)
	if err != nil {
		return fmt.Errorf("no answer within %v", statusTimeout)
	}
	defer func() { _ = response.Body.Close() }() // it was only read
	body, err := io.ReadAll(io.LimitReader(response.Body, maxNodeAnswer))
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("it answers %s", answered(response.StatusCode))
	}
	if err != nil {
		return err
	}
	return json.Unmarshal(body, into)
}

// of leaves out whom the node remembers of an earlier run on the folder, which had more nodes.
func (k knownPeers) of(nodes []cluster.Node) knownPeers {
	k.Peers = slices.DeleteFunc(slices.Clone(k.Peers), func(p peers.Status) bool {
		return p.Domain != "" && !slices.ContainsFunc(nodes, func(n cluster.Node) bool { return n.Domain == p.Domain })
	})
	return k
}

// faults tells, by domain, which of the others node cannot be in step with, whatever it says itself: it needs some seconds to notice.
func faults(state *cluster.State, node cluster.Node) map[string]string {
	found := make(map[string]string)
	for _, other := range state.Nodes {
		cut := slices.ContainsFunc(state.Links, func(l cluster.Link) bool {
			return l.Cut && slices.Contains(l.Between[:], node.Name) && slices.Contains(l.Between[:], other.Name)
		})
		switch {
		case other.Name == node.Name:
		case other.PID == 0:
			found[other.Domain] = "does not run"
		case other.Status == cluster.Paused:
			found[other.Domain] = "stands still"
		case cut:
			found[other.Domain] = "is cut off"
		}
	}
	return found
}

// inWords sums up how a node stands with its peers: only who is not in step is named. The faults that are known for sure win over what it says.
func (k knownPeers) inWords(faults map[string]string) string {
	if k.Error != "" {
		return k.Error
	}
	var behind []string
	for _, domain := range slices.Sorted(maps.Keys(faults)) {
		behind = append(behind, domain+" "+faults[domain])
	}
	inStep := 0
	for _, p := range k.Peers {
		switch {
		case faults[p.Domain] != "":
		case p.Frozen != "":
			behind = append(behind, fmt.Sprintf("%s frozen (%s)", p.Domain, p.Frozen))
		case p.Failures > 0 || !p.Admitted:
			behind = append(behind, fmt.Sprintf("%s %s", p.Domain, p.State))
		case p.LagEntries > 0:
			behind = append(behind, fmt.Sprintf("%s behind by %s, for %.1f s", p.Domain, inEntries(p.LagEntries), p.LagSeconds))
		default:
			inStep++
		}
	}
	words := "in step with " + plural(inStep, "peer")
	return strings.Join(append([]string{words}, behind...), "; ")
}

// printStatus tells a person how the parts of a cluster are, and what it publishes.
func printStatus(out io.Writer, state *cluster.State, known map[string]knownPeers, published *cluster.Published) {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	up := "up since " + state.StartedAt.Format(time.RFC3339)
	if state.Walking {
		up += ", its walk is under way"
	}
	fmt.Fprintf(table, "cluster\tprocess %d, in %s, %s\n", state.PID, state.Dir, up)
	fmt.Fprintf(table, "DNS\t%s\nHTTPS\t%s, vouched for by %s\n", state.DNS, state.WellKnownAddress, state.CAFile)
	for _, n := range state.Nodes {
		if n.Status == cluster.Elsewhere {
			fmt.Fprintf(table, "%s\t%s, runs elsewhere, key %s\n", n.Name, n.URL, n.KeyFile)
			continue
		}
		how := string(n.Status)
		if n.PID != 0 {
			how += fmt.Sprintf(", process %d", n.PID)
		}
		fmt.Fprintf(table, "%s\t%s, %s, operator %s, log %s\n", n.Name, n.URL, how, n.Operator, n.LogFile)
		if n.PID != 0 && len(state.Nodes) > 1 {
			fmt.Fprintf(table, "\t%s\n", known[n.Domain].of(state.Nodes).inWords(faults(state, n)))
		}
	}
	if len(state.Nodes) > 1 && state.Control != "" {
		fmt.Fprintf(table, "links\t%s\n", linksInWords(state))
	}
	for _, name := range slices.Sorted(maps.Keys(published.Domains)) {
		fmt.Fprintf(table, "%s\t%s\n", name, domainInWords(published.Domains[name]))
	}
	_ = table.Flush() // as with every print: a broken pipe ends the program by itself
}

// domainInWords sums up what a domain publishes.
func domainInWords(d *cluster.Domain) string {
	words := []string{}
	for _, key := range d.Keys {
		channels := make([]string, len(key.Channels))
		for i, channel := range key.Channels {
			channels[i] = string(channel)
		}
		words = append(words, "key "+key.Public+" in "+strings.Join(channels, " and "))
	}
	if len(words) == 0 {
		words = append(words, "no key")
	}
	if d.Rcode != "" {
		words = append(words, "DNS answers "+d.Rcode)
	}
	if d.Document != nil {
		words = append(words, fmt.Sprintf("mir.json answers %d", d.Document.Status))
	}
	if n := len(d.Records); n > 0 {
		words = append(words, plural(n, "further DNS record"))
	}
	return strings.Join(words, "; ")
}
