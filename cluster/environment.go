package cluster

import (
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net/netip"
	"os"
	"strconv"
	"time"

	"mirnode/discovery"
)

// loopback is what a cluster's look-ups may reach, beside what is public.
var loopback = netip.MustParsePrefix("127.0.0.0/8")

// keyTTL bounds how long a cluster's nodes and tools keep what they found: a script that publishes must not wait for caches.
const keyTTL = time.Second

// Environment returns the variables that make every command of the program work against the cluster's first node, in a fixed order.
func (s *State) Environment() [][2]string {
	environment := [][2]string{
		{"MIR_RESOLVERS", "udp://" + s.DNS},
		{"MIR_CA_FILE", s.CAFile},
		{"MIR_ALLOW_RANGES", loopback.String()},
		{"MIR_WELL_KNOWN_PORT", strconv.Itoa(s.WellKnownPort)},
	}
	if len(s.Nodes) > 0 {
		if operator := s.Nodes[0].Operator; operator != "" {
			environment = append([][2]string{{"MIR_OPERATOR", operator}}, environment...)
		}
		environment = append([][2]string{{"MIR_NODE", s.Nodes[0].URL}}, environment...)
	}
	return environment
}

// Discovery returns the settings with which a program in Go looks keys up in the cluster.
func (s *State) Discovery() (discovery.Config, error) {
	data, err := os.ReadFile(s.CAFile)
	if err != nil {
		return discovery.Config{}, err
	}
	block, _ := pem.Decode(data)
	if block == nil {
		return discovery.Config{}, fmt.Errorf("%s: no PEM block", s.CAFile)
	}
	authority, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return discovery.Config{}, fmt.Errorf("%s: %w", s.CAFile, err)
	}
	return discovery.Config{
		Resolvers: []string{"udp://" + s.DNS}, AllowRanges: []netip.Prefix{loopback}, ExtraCAs: []*x509.Certificate{authority},
		WellKnownPort: s.WellKnownPort, MinTTL: keyTTL, MaxTTL: keyTTL, DefaultTTL: keyTTL, NegativeTTL: keyTTL,
	}, nil
}
