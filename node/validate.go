package node

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"mirnode/protocol"
)

// minClients is the least number of clients whose budgets are remembered: with fewer, clients would wipe out one another's.
const minClients = 16

// With fewer than minMergeClaims the index is written again and again; maxMergeClaims take a gigabyte of memory at worst.
const (
	minMergeClaims = 1_000
	maxMergeClaims = 1_000_000
)

// Validate checks the settings by themselves and together; its error lists everything that is wrong, each with what to write instead. Files are not opened: Check does that.
func (c *Config) Validate() error {
	return errors.Join(c.checkIdentity(), c.checkListeners(), c.checkLog(), c.checkDiscovery(), c.checkFederation(), c.checkIssuers(), c.checkNumbers())
}

func (c *Config) checkIdentity() error {
	var faults []error
	if c.Domain != "" {
		if domain, err := protocol.ParseDomain(c.Domain); err != nil {
			faults = append(faults, fmt.Errorf("domain: %q is no domain: write it like example.org", c.Domain))
		} else {
			c.Domain = domain
		}
	}
	if err := oneOf("network", c.Network, Production, Staging, Development); err != nil {
		faults = append(faults, err)
	} else if c.Domain == "" && c.Network != Development {
		faults = append(faults, fmt.Errorf("domain: a %s node belongs to a domain: set it, or network: development", c.Network))
	}
	if c.ClockOffset != 0 && c.Network != Development {
		faults = append(faults, fmt.Errorf("clock_offset: a %s node has the right time: leave it out, and let the machine keep its clock", c.Network))
	}
	if c.DataDir == "" {
		faults = append(faults, errors.New("data_dir: name a folder, as in /var/lib/mirnode"))
	}
	return errors.Join(faults...)
}

func (c *Config) checkListeners() error {
	var faults []error
	if err := checkAddress(c.Listen); err != nil {
		faults = append(faults, fmt.Errorf("listen: %w", err))
	}
	if (c.TLS.Cert == "") != (c.TLS.Key == "") {
		faults = append(faults, errors.New("tls: set both cert and key, or none"))
	}
	if _, err := prefixes(c.TrustedProxies); err != nil {
		faults = append(faults, fmt.Errorf("trusted_proxies: %w", err))
	}
	if err := c.checkOperator(); err != nil {
		faults = append(faults, fmt.Errorf("operator_listen: %w", err))
	}
	return errors.Join(faults...)
}

func (c *Config) checkOperator() error {
	if path, ok := strings.CutPrefix(c.OperatorListen, "unix:"); ok {
		if path == "" {
			return errors.New("name the socket, as in unix:/run/mirnode/operator.sock")
		}
		return nil
	}
	if c.OperatorListen == "" {
		return nil
	}
	if err := checkAddress(c.OperatorListen); err != nil {
		return err
	}
	host, _, _ := net.SplitHostPort(c.OperatorListen)
	address, err := netip.ParseAddr(host)
	if samePlace(c.Listen, c.OperatorListen) {
		return fmt.Errorf("%s is where listen is: write another port, or unix:PATH", c.OperatorListen)
	}
	if loopback := host == "localhost" || err == nil && address.IsLoopback(); !loopback && !c.OperatorAllowRemote {
		return fmt.Errorf("%s is reached from other machines, and there is no log-in: write 127.0.0.1:PORT or unix:PATH, or set operator_allow_remote: true behind a firewall", c.OperatorListen)
	}
	return nil
}

func (c *Config) checkLog() error {
	return errors.Join(
		oneOf("log.level", c.Log.Level, "debug", "info", "warn", "error"),
		oneOf("log.format", c.Log.Format, "text", "json"),
		oneOf("log.requests", c.Log.Requests, "all", "errors", "none"))
}

func (c *Config) checkDiscovery() error {
	var faults []error
	d := &c.Discovery
	if _, err := prefixes(d.AllowRanges); err != nil {
		faults = append(faults, fmt.Errorf("discovery.allow_ranges: %w", err))
	}
	if d.WellKnownPort < 1 || d.WellKnownPort > 65535 {
		faults = append(faults, errors.New("discovery.well_known_port: write a port from 1 to 65535"))
	}
	if d.MinTTL > d.MaxTTL || d.DefaultTTL < d.MinTTL || d.DefaultTTL > d.MaxTTL {
		faults = append(faults, fmt.Errorf("discovery: min_ttl (%s) ≤ default_ttl (%s) ≤ max_ttl (%s) must hold", shortDuration(d.MinTTL), shortDuration(d.DefaultTTL), shortDuration(d.MaxTTL)))
	}
	return errors.Join(faults...)
}

// checkNumbers bounds what is a number or a duration, and has no rule of its own.
func (c *Config) checkNumbers() error {
	var faults []error
	for _, setting := range c.Settings() {
		value := setting.Value()
		switch {
		case setting.Key == "clock_offset": // back or forth, or not at all
		case setting.Unit == "DURATION" && (strings.HasPrefix(value, "-") || value == "0s"):
			faults = append(faults, fmt.Errorf("%s: write a time above zero, as in 10s", setting.Key))
		case setting.Key == "issuers.activity_days": // 0 is a choice
		case setting.Key == "limits.connections_per_client":
			if c.Limits.ConnectionsPerClient < 0 {
				faults = append(faults, fmt.Errorf("%s: write a number, or 0 for no limit", setting.Key))
			}
		case setting.Unit == "NUMBER" && !strings.HasSuffix(setting.Key, "_per_second") && (strings.HasPrefix(value, "-") || value == "0"):
			faults = append(faults, fmt.Errorf("%s: write a number above zero", setting.Key))
		case strings.HasSuffix(setting.Key, "_per_second") && (strings.HasPrefix(value, "-") || value == "NaN" || strings.HasSuffix(value, "Inf")):
			faults = append(faults, fmt.Errorf("%s: write a number, or 0 for no limit", setting.Key))
		}
	}
	if n := c.Store.MergeClaims; n < minMergeClaims || n > maxMergeClaims {
		faults = append(faults, fmt.Errorf("store.merge_claims: %d is out of bounds: write a number from %d to %d", n, minMergeClaims, maxMergeClaims))
	}
	if len(faults) == 0 && c.Limits.Clients < minClients {
		faults = append(faults, fmt.Errorf("limits.clients: write at least %d", minClients))
	}
	return errors.Join(faults...)
}

// samePlace tells whether two listeners would want the same address: port 0 is any free one.
func samePlace(a, b string) bool {
	hostA, portA, _ := net.SplitHostPort(a)
	hostB, portB, _ := net.SplitHostPort(b)
	return portA == portB && portA != "0" && (hostA == hostB || everywhere(hostA) || everywhere(hostB) || loopbackName(hostA) && loopbackName(hostB))
}

// everywhere tells whether a host to listen on stands for all addresses.
func everywhere(host string) bool {
	address, err := netip.ParseAddr(host)
	return host == "" || err == nil && address.IsUnspecified()
}

func loopbackName(host string) bool { return host == "localhost" || host == "127.0.0.1" }

func oneOf(key, value string, choices ...string) error {
	if slices.Contains(choices, value) {
		return nil
	}
	return fmt.Errorf("%s: %q is none of %s", key, value, strings.Join(choices, ", "))
}

// checkAddress wants HOST:PORT with an address, localhost, or nothing for all addresses.
func checkAddress(s string) error {
	host, port, err := net.SplitHostPort(s)
	if err != nil {
		return fmt.Errorf("%q: write ADDR:PORT, as in 127.0.0.1:8080 or [::]:443", s)
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		return fmt.Errorf("%q: %q is no port", s, port)
	}
	if _, err := netip.ParseAddr(host); err != nil && host != "" && host != "localhost" {
		return fmt.Errorf("%q: write an address of this machine, as in ::, 0.0.0.0 or 127.0.0.1", s)
	}
	return nil
}

// prefixes reads address ranges; a single address is a range of one.
func prefixes(texts []string) ([]netip.Prefix, error) {
	list := make([]netip.Prefix, 0, len(texts))
	for _, t := range texts {
		if address, err := netip.ParseAddr(t); err == nil {
			list = append(list, netip.PrefixFrom(address, address.BitLen()))
			continue
		}
		prefix, err := netip.ParsePrefix(t)
		if err != nil {
			return nil, fmt.Errorf("%q is no address range: write it like 10.0.0.0/8 or fd00::/8", t)
		}
		list = append(list, prefix.Masked())
	}
	return list, nil
}
