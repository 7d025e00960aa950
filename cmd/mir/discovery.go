package main

import (
	"crypto/x509"
	"fmt"
	"net/netip"
	"os"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"mirnode/discovery"
	"mirnode/internal/pemfile"
)

// The flags of every command that looks keys up, and the environment variables that stand in where a flag is not given.
const (
	flagResolver      = "resolver"
	flagCAFile        = "ca-file"
	flagAllowRange    = "allow-range"
	flagWellKnownPort = "well-known-port"

	envResolvers     = "MIR_RESOLVERS"       // comma-separated
	envCAFile        = "MIR_CA_FILE"         // a path
	envAllowRanges   = "MIR_ALLOW_RANGES"    // comma-separated
	envWellKnownPort = "MIR_WELL_KNOWN_PORT" // a number
)

// addDiscoveryFlags gives a command the flags that discoveryConfig reads.
func addDiscoveryFlags(cmd *cobra.Command) {
	cmd.Flags().StringArray(flagResolver, nil,
		"ask this resolver: udp://ADDR:53, tcp://ADDR:53 or tls://ADDR:853#NAME; may be repeated (env "+envResolvers+"; default: the system's)")
	cmd.Flags().StringArray(flagAllowRange, nil,
		"allow connections to this address range though it is not public, such as 127.0.0.0/8; may be repeated (env "+envAllowRanges+")")
	cmd.Flags().Int(flagWellKnownPort, 0, "port of the domains' HTTPS servers, for closed networks (env "+envWellKnownPort+"; default 443)")
	addCAFlag(cmd)
}

// addCAFlag gives a command --ca-file, unless it has it.
func addCAFlag(cmd *cobra.Command) {
	if cmd.Flags().Lookup(flagCAFile) == nil {
		cmd.Flags().String(flagCAFile, "", "trust the certificate authorities of this PEM file beside the system's (env "+envCAFile+")")
	}
}

// discoveryConfig makes a configuration out of the flags and the environment; what is wrong there is misuse.
func discoveryConfig(cmd *cobra.Command) (discovery.Config, error) {
	var cfg discovery.Config
	cfg.Resolvers = listSetting(cmd, flagResolver, envResolvers)
	for _, text := range listSetting(cmd, flagAllowRange, envAllowRanges) {
		prefix, err := netip.ParsePrefix(text)
		if err != nil {
			return cfg, fmt.Errorf("--%s %q is no address range: write it like 127.0.0.0/8 or fd00::/8", flagAllowRange, text)
		}
		cfg.AllowRanges = append(cfg.AllowRanges, prefix)
	}
	if text := setting(cmd, flagWellKnownPort, envWellKnownPort); text != "" {
		port, err := strconv.ParseUint(text, 10, 16)
		if err != nil || port == 0 {
			return cfg, fmt.Errorf("--%s %q is no port: give a number from 1 to 65535", flagWellKnownPort, text)
		}
		cfg.WellKnownPort = int(port)
	}
	authorities, err := extraAuthorities(cmd)
	cfg.ExtraCAs = authorities
	return cfg, err
}

// extraAuthorities reads the certificates of --ca-file; none where it is not given.
func extraAuthorities(cmd *cobra.Command) ([]*x509.Certificate, error) {
	path := setting(cmd, flagCAFile, envCAFile)
	if path == "" {
		return nil, nil
	}
	certificates, err := pemfile.ReadCertificates(path)
	if err != nil {
		return nil, fmt.Errorf("--%s: %w", flagCAFile, err)
	}
	return certificates, nil
}

// setting returns the flag's value if it was given, else the environment variable's, else the flag's default where that says anything.
func setting(cmd *cobra.Command, flag, env string) string {
	f := cmd.Flags().Lookup(flag)
	switch value := os.Getenv(env); {
	case f != nil && f.Changed:
		return f.Value.String()
	case value != "":
		return value
	case f != nil && f.DefValue != "0":
		return f.DefValue
	}
	return ""
}

// listSetting returns the values of a repeatable flag if it was given, else the environment variable's, between commas.
func listSetting(cmd *cobra.Command, flag, env string) []string {
	if cmd.Flags().Changed(flag) {
		values, err := cmd.Flags().GetStringArray(flag)
		if err != nil {
			return nil
		}
		return values
	}
	var values []string
	for value := range strings.SplitSeq(os.Getenv(env), ",") {
		if value = strings.TrimSpace(value); value != "" {
			values = append(values, value)
		}
	}
	return values
}
