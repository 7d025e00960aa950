package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"mirnode/cluster"
)

const (
	flagOperator = "operator"
	envOperator  = "MIR_OPERATOR"
	// defaultOperator is where the operator's listener is in the example configuration of one's own machine.
	defaultOperator = "http://127.0.0.1:8081"

	// maxReadyBytes bounds a node's ready file.
	maxReadyBytes = 64 << 10
)

// addOperatorFlag gives a command the flag that newOperatorClient reads.
func addOperatorFlag(cmd *cobra.Command) {
	cmd.Flags().String(flagOperator, defaultOperator, "the node's operator listener: its URL, unix:PATH, its ready file, or a cluster's folder for its first node (env "+envOperator+")")
}

// newOperatorClient makes a client of a node's operator listener. Who reaches it is let in: there is no key.
func newOperatorClient(cmd *cobra.Command) (*nodeClient, error) {
	value, err := operatorAddress(setting(cmd, flagOperator, envOperator))
	if err != nil {
		return nil, err
	}
	c := &nodeClient{what: "the operator listener", hint: "It is where the node's operator_listen says, on the node's own machine: --" + flagOperator + " names it, or the folder of a running `mir cluster`."}
	c.http = &http.Client{Timeout: nodeTimeout, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	if path, ok := strings.CutPrefix(value, "unix:"); ok {
		c.base = &url.URL{Scheme: "http", Host: "localhost"}
		c.shown = value
		c.http.Transport = &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", path)
		}}
		return c, nil
	}
	c.base, err = url.Parse(value)
	if err != nil || c.base.Scheme != "http" || c.base.Host == "" || c.base.RawQuery != "" || c.base.Fragment != "" || c.base.User != nil {
		return nil, withHint(fmt.Sprintf("--%s %q is no operator listener", flagOperator, value), "Write a URL like "+defaultOperator+", unix:PATH, or name a node's ready file or a cluster's folder.")
	}
	c.http.Transport = new(http.Transport) // no proxy: it is on this machine
	return c, nil
}

// operatorAddress reads the address out of a ready file or a cluster's folder, where one is named.
func operatorAddress(value string) (string, error) {
	if strings.HasPrefix(value, "unix:") || strings.Contains(value, "://") {
		return value, nil
	}
	info, err := os.Stat(value)
	if errors.Is(err, fs.ErrNotExist) {
		return "", &exit{exitUnreachable, withHint(fmt.Sprintf("--%s: there is no %s", flagOperator, value), "A node's ready file is there while it runs.")}
	} else if err != nil {
		return "", fmt.Errorf("--%s: %w", flagOperator, err)
	}
	if info.IsDir() {
		state, err := cluster.ReadState(value)
		if err != nil {
			return "", &exit{exitUnreachable, fmt.Errorf("--%s: %w", flagOperator, err)}
		}
		return orNoOperator(state.Nodes[0].Operator, value)
	}
	data, err := readFile(value, maxReadyBytes)
	if err != nil {
		return "", fmt.Errorf("--%s: %w", flagOperator, err)
	}
	var ready struct {
		Operator string `json:"operator"`
	}
	if err := json.Unmarshal(data, &ready); err != nil {
		return "", withHint(fmt.Sprintf("--%s %s is no ready file of a node", flagOperator, value), "A node writes one where its setting ready_file says.")
	}
	return orNoOperator(ready.Operator, value)
}

func orNoOperator(address, from string) (string, error) {
	if address == "" {
		return "", withHint("the node of "+from+" has no operator listener", "Its setting operator_listen gives it one.")
	}
	return address, nil
}
