package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"mirnode/discovery"
)

// maxHealthBody bounds what is read and shown of an answer.
const maxHealthBody = 4 << 10

func newHealthCommand(s streams) *cobra.Command {
	var timeout time.Duration
	cmd := &cobra.Command{
		Use:   "health URL",
		Short: "Ask a server whether it is well, for supervisors and containers that have no curl",
		Long: "Asks one server once. https:// URLs are reached as a node's peers reach it: by the resolvers, authorities and address ranges of the flags and\n" +
			"MIR_* variables. http:// URLs are reached as they are. dns://ADDR:PORT/NAME asks a DNS server for the addresses of a name.\n\n" +
			"Exit code 0: it is well (200, or the name has an address). 1: it answers, and is not. 3: it does not answer.",
		Example: "  mir health http://127.0.0.1:8080/readyz\n  mir health https://node.example/readyz\n  mir health dns://127.0.0.1:5353/node.example",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			target, err := url.Parse(args[0])
			if err != nil || target.Host == "" {
				return fmt.Errorf("%q is no URL: write it like http://127.0.0.1:8080/readyz", args[0])
			}
			if timeout <= 0 {
				return errors.New("--timeout must be more than nothing")
			}
			ctx, cancel := context.WithTimeout(cmd.Context(), timeout)
			defer cancel()
			answer, err := askHealth(ctx, cmd, target)
			if err != nil {
				return err
			}
			if wantsJSON(cmd) {
				return printJSON(s.out, map[string]any{"healthy": true, "answer": answer})
			}
			fmt.Fprintln(s.out, answer)
			return nil
		},
	}
	cmd.Flags().DurationVar(&timeout, "timeout", 5*time.Second, "wait for the answer for so long")
	addDiscoveryFlags(cmd)
	return cmd
}

// askHealth gives the answer of a server that is well.
func askHealth(ctx context.Context, cmd *cobra.Command, target *url.URL) (string, error) {
	switch target.Scheme {
	case "dns":
		return askDNS(ctx, target)
	case "http":
		transport := &http.Transport{DisableKeepAlives: true}
		return askHTTP(ctx, target, (&http.Client{Transport: transport}).Do)
	case "https":
		settings, err := discoveryConfig(cmd)
		if err != nil {
			return "", err
		}
		client, err := discovery.NewPeerClient(settings, discovery.PeerOptions{})
		if err != nil {
			return "", err
		}
		defer client.CloseIdleConnections()
		return askHTTP(ctx, target, func(r *http.Request) (*http.Response, error) { return client.Do(r, maxHealthBody) })
	}
	return "", fmt.Errorf("%s: the URL starts with https, http or dns", target.Scheme)
}

func askHTTP(ctx context.Context, target *url.URL, do func(*http.Request) (*http.Response, error)) (string, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, target.String(), nil)
	if err != nil {
		return "", err
	}
	response, err := do(request)
	if err != nil {
		return "", &exit{exitUnreachable, err}
	}
	defer func() { _ = response.Body.Close() }() // it was only read
	body, err := io.ReadAll(io.LimitReader(response.Body, maxHealthBody))
	if err != nil {
		return "", &exit{exitUnreachable, err}
	}
	if response.StatusCode != http.StatusOK {
		return "", &exit{exitRejected, fmt.Errorf("it is not well: %s %s", answered(response.StatusCode), printable(string(bytes.TrimSpace(body))))}
	}
	return answered(response.StatusCode), nil
}

// askDNS asks the server that target names, and no other.
func askDNS(ctx context.Context, target *url.URL) (string, error) {
	name := strings.TrimPrefix(target.Path, "/")
	resolver := &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, target.Host)
	}}
	addresses, err := resolver.LookupHost(ctx, strings.TrimSuffix(name, ".")+".")
	var failed *net.DNSError
	switch {
	case errors.As(err, &failed) && failed.IsNotFound:
		return "", &exit{exitRejected, fmt.Errorf("it is not well: there is no %s", name)}
	case err != nil:
		return "", &exit{exitUnreachable, err}
	}
	return strings.Join(addresses, " "), nil
}
