package main

import (
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"strings"

	"github.com/spf13/cobra"

	"mirnode/cluster"
	"mirnode/protocol"
)

// clusterNamesFlags are the flags of `mir cluster names`.
type clusterNamesFlags struct {
	dir, address string
	dns, https   uint16
	nodes        []string
}

func newClusterNamesCommand(s streams) *cobra.Command {
	var f clusterNamesFlags
	cmd := &cobra.Command{
		Use:   "names --dir DIR",
		Short: "Serve the names alone: DNS and HTTPS documents for nodes that run by themselves, as in docker-compose.yml",
		Long: "Serves, in the place of the internet, DNS and the domains' HTTPS documents, for nodes that run elsewhere, and stays up until interrupted. For\n" +
			"each --node it makes a folder DIR/DOMAIN with all that the node needs: node-key.pem, mir.json, tls-cert.pem and tls-key.pem (renewed in\n" +
			"time), ca.pem and gossip.key. What is published is changed with mir cluster publish and unpublish.\n\n" +
			"Exit code 0: it ran, and was stopped. 1: it could not start, or a certificate could not be written.",
		Example: "  mir cluster names --dir DIR --address 172.30.53.2 --dns-port 5353 --https-port 8443 --node node1.test=172.30.53.11:8443",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			options, nodes, err := f.read()
			if err != nil {
				return err
			}
			options.Logger = slog.New(slog.NewTextHandler(s.err, &slog.HandlerOptions{Level: slog.LevelWarn}))
			service, err := cluster.StartService(options, nodes)
			if err != nil {
				return &exit{exitRejected, err}
			}
			fmt.Fprintf(s.out, "mir: DNS on %s, HTTPS on %s, %s, in %s\n", service.Names().DNS(), service.Names().WellKnown(), plural(len(nodes), "node"), f.dir)
			if err := errors.Join(service.Run(cmd.Context()), service.Close()); err != nil {
				return &exit{exitRejected, err}
			}
			return nil
		},
	}
	addClusterDirFlag(cmd, &f.dir)
	cmd.Flags().StringVar(&f.address, "address", "127.0.0.1", "where both servers listen, and the address of every domain that names no other")
	cmd.Flags().Uint16Var(&f.dns, "dns-port", 0, "the port of DNS, UDP and TCP; 0 takes any free one")
	cmd.Flags().Uint16Var(&f.https, "https-port", 0, "the port of HTTPS; 0 takes any free one")
	cmd.Flags().StringArrayVar(&f.nodes, "node", nil, "DOMAIN=ADDR:PORT, a node's domain and where it serves its API; may be repeated (required)")
	return cmd
}

func (f *clusterNamesFlags) read() (cluster.NamesOptions, []cluster.Outsider, error) {
	o := cluster.NamesOptions{Dir: f.dir, DNSPort: f.dns, HTTPSPort: f.https}
	var err error
	if o.Address, err = netip.ParseAddr(f.address); err != nil || o.Address.IsUnspecified() {
		return o, nil, fmt.Errorf("--address %q is no address that others can reach", f.address)
	}
	var nodes []cluster.Outsider
	for _, text := range f.nodes {
		name, at, _ := strings.Cut(text, "=")
		outsider := cluster.Outsider{}
		if outsider.Domain, err = protocol.ParseDomain(name); err == nil {
			outsider.At, err = netip.ParseAddrPort(at)
		}
		if err != nil {
			return o, nil, fmt.Errorf("--node %q: write it like node1.test=172.30.53.11:8443", text)
		}
		nodes = append(nodes, outsider)
	}
	if len(nodes) == 0 {
		return o, nil, errors.New("for which nodes? Give --node once for each, like --node node1.test=172.30.53.11:8443")
	}
	if len(nodes) > cluster.MaxNodes {
		return o, nil, fmt.Errorf("%d nodes: %d are the most", len(nodes), cluster.MaxNodes)
	}
	return o, nodes, nil
}
