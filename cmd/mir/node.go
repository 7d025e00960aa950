package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"mirnode/node"
)

const envConfig = "MIR_CONFIG"

// foreignVariables are MIR_* variables that are no settings of a node.
var foreignVariables = []string{envConfig, envNode, envOperator, envIdentity, envAPIKey, "MIR_VECTORS"}

func newNodeCommand(s streams) *cobra.Command {
	var file string
	var check, stopWithStdin bool
	given := make(map[string]*givenValues)
	cmd := &cobra.Command{
		Use:   "node",
		Short: "Run a node: verify claims, keep them, serve them",
		Long: `Run a node: verify claims, keep them, serve them.

Settings come from the flags, then from the MIR_* variables, then from the YAML file, then from the defaults. Without any of them this is
a development node on 127.0.0.1:8080 that keeps its data in ./mir-data.

SIGTERM and Ctrl-C stop the node in order: requests under way are answered. A second signal ends it at once; nothing that was answered is lost
then either. SIGHUP reads the certificate again.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			sources := node.Sources{File: orEnvironment(file, envConfig), Environ: os.Environ(), Foreign: foreignVariables, Flags: flagValues(given)}
			config, err := node.Load(sources)
			if err != nil {
				return &exit{exitMisuse, err}
			}
			if check {
				if err := config.Check(); err != nil {
					return &exit{exitMisuse, err}
				}
				fmt.Fprintln(s.out, "the configuration is good")
				return nil
			}
			ctx := cmd.Context()
			if stopWithStdin {
				ctx = untilEnd(ctx, s.in)
			}
			return runNode(ctx, config, s)
		},
	}
	cmd.Flags().StringVar(&file, "config", "", "YAML file with settings (env "+envConfig+")")
	cmd.Flags().BoolVar(&check, "check", false, "check the configuration and exit")
	cmd.Flags().BoolVar(&stopWithStdin, "stop-with-stdin", false, "stop when standard input ends, for programs that start nodes")
	addSettingFlags(cmd.Flags(), given)
	return cmd
}

// runNode serves until ctx ends.
func runNode(ctx context.Context, config node.Config, s streams) (err error) {
	signal.Ignore(syscall.SIGXFSZ) // a file-size limit is an error of a write then, and not the process's death
	logger := node.NewLogger(s.err, config.Log)
	n, err := node.New(ctx, config, logger)
	if err != nil {
		return &exit{exitMisuse, err}
	}
	reload := make(chan os.Signal, 1)
	signal.Notify(reload, syscall.SIGHUP)
	defer signal.Stop(reload)
	go func() {
		for range reload {
			n.Reload()
		}
	}()
	fmt.Fprintln(s.out, announcement(config, n))
	if err := n.WriteReady(); err != nil {
		return &exit{exitMisuse, errors.Join(fmt.Errorf("ready_file: %w", err), n.Close())}
	}
	if err := errors.Join(n.Run(ctx), n.RemoveReady()); err != nil {
		return &exit{exitUnreachable, err}
	}
	return nil
}

// announcement is the one line that tells people where the node is.
func announcement(c node.Config, n *node.Node) string {
	who := "development node"
	if c.Domain != "" {
		who = fmt.Sprintf("%s node of %s", c.Network, c.Domain)
	}
	line := fmt.Sprintf("mir: %s on %s (to read: %s/docs), data in %s", who, n.URL(), n.URL(), c.DataDir)
	if operator := n.Operator(); operator != "" {
		line += ", operator on " + operator
	}
	return line
}

// untilEnd gives a context that ends with the input, or with ctx.
func untilEnd(ctx context.Context, in io.Reader) context.Context {
	ctx, cancel := context.WithCancel(ctx)
	go func() {
		_, _ = io.Copy(io.Discard, in) // its end counts, however it comes
		cancel()
	}()
	return ctx
}

// givenValues takes what a flag is given, as it is: it is read together with the file and the environment.
type givenValues struct {
	setting node.Setting
	values  []string
}

func (g *givenValues) String() string {
	if g.setting.Key == "" {
		return "" // pflag asks a zero value
	}
	return g.setting.Value()
}

func (g *givenValues) Set(value string) error { g.values = append(g.values, value); return nil }

func (g *givenValues) Type() string { return g.setting.Unit }

// addSettingFlags adds a flag for each setting.
func addSettingFlags(flags *pflag.FlagSet, given map[string]*givenValues) {
	defaults := node.Default()
	for _, setting := range defaults.Settings() {
		value := &givenValues{setting: setting}
		given[setting.Key] = value
		flag := flags.VarPF(value, setting.Flag(), "", setting.Help+" (env "+setting.Env()+")")
		if setting.IsSwitch() {
			flag.NoOptDefVal = "true"
		}
	}
}

func flagValues(given map[string]*givenValues) map[string][]string {
	flags := make(map[string][]string)
	for key, g := range given {
		if len(g.values) > 0 {
			flags[key] = g.values
		}
	}
	return flags
}

// orEnvironment is a flag's value, or the variable's where the flag was not given.
func orEnvironment(value, variable string) string {
	if value != "" {
		return value
	}
	return strings.TrimSpace(os.Getenv(variable))
}
