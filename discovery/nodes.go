package discovery

import (
	"cmp"
	"context"
	"net"
	"net/url"
	"slices"
	"strconv"

	"mirnode/discovery/internal/dnsclient"
	"mirnode/protocol"
)

// Where a domain's node is found (PROTOCOL.md; DESIGN.md "Peers").
const (
	// NodeService is the SRV name below which a domain names its nodes.
	NodeService = "_mir-node._tcp."
	// NodePath is where a node's descriptor lies, on the host that SRV names or on the domain itself.
	NodePath = "/.well-known/mir-node.json"
	// maxNodeURLs bounds the places that are tried for one domain.
	maxNodeURLs = 4
)

// NodeURLs says where the domain's node descriptor may be read, best place first: at the hosts that its SRV records name, in their
// order (RFC 2782; equal priorities by falling weight), then at the domain itself. A resolver that gives no answer leaves the last
// alone, with err saying why; err is a *protocol.Error for a malformed domain, and then there is no URL.
func (c *PeerClient) NodeURLs(ctx context.Context, domain string) (urls []string, err error) {
	domain, err = protocol.ParseDomain(domain)
	if err != nil {
		return nil, err
	}
	services, err := c.services(ctx, domain)
	for _, s := range services {
		urls = append(urls, nodeURL(s.Host, int(s.Port)))
	}
	if own := nodeURL(domain, c.port); !slices.Contains(urls, own) {
		urls = append(urls, own)
	}
	return urls, err
}

// HomeNodes returns the hosts that the domain's SRV records name as its nodes, best first; none where it names none. The error is a
// *protocol.Error for a malformed domain, or a *protocol.UnreachableError.
func (c *PeerClient) HomeNodes(ctx context.Context, domain string) ([]string, error) {
	domain, err := protocol.ParseDomain(domain)
	if err != nil {
		return nil, err
	}
	services, err := c.services(ctx, domain)
	hosts := make([]string, 0, len(services))
	for _, s := range services {
		if !slices.Contains(hosts, s.Host) {
			hosts = append(hosts, s.Host)
		}
	}
	return hosts, err
}

// services reads the domain's SRV records, best first, few.
func (c *PeerClient) services(ctx context.Context, domain string) ([]dnsclient.Service, error) {
	answer, err := c.resolve.Services(ctx, NodeService+domain)
	if err != nil {
		return nil, &protocol.UnreachableError{Domain: domain, RetryAfter: busyRetry, Err: err}
	}
	services := slices.DeleteFunc(answer.Services, func(s dnsclient.Service) bool { return s.Host == "" || s.Port == 0 })
	slices.SortStableFunc(services, func(a, b dnsclient.Service) int {
		return cmp.Or(cmp.Compare(a.Priority, b.Priority), cmp.Compare(b.Weight, a.Weight))
	})
	return services[:min(len(services), maxNodeURLs-1)], nil
}

// nodeURL is a descriptor's URL; the port shows only where it is not HTTPS's own.
func nodeURL(host string, port int) string {
	if port != 443 {
		host = net.JoinHostPort(host, strconv.Itoa(port))
	}
	return (&url.URL{Scheme: "https", Host: host, Path: NodePath}).String()
}
