// Package node is where the parts come together: settings, the store, discovery, the verifier, the API, and the listeners that they are served on.
//
// Settings come from defaults, a YAML file, MIR_* variables and flags, in this order, all along one table ([Config.Settings]). [New] opens
// everything, [Node.Run] serves until its context ends, and then stops in order: no new connections, running requests to their end within a deadline, the
// store closed last.
package node

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"mirnode/api"
	"mirnode/discovery"
	"mirnode/gossip"
	"mirnode/internal/pemfile"
	"mirnode/observer"
	"mirnode/protocol"
	"mirnode/store"
	"mirnode/verifier"
)

// Node is one running node. New opens it; Run serves and closes it.
type Node struct {
	config     Config
	logger     *slog.Logger
	store      *store.Store
	discoverer *discovery.Discoverer
	public     *server
	operator   *server // nil where no operator's listener is configured
	tls        *certificates
	verifier   *verifier.Verifier

	// Of a node with a domain; a node without one keeps no log and has no peers.
	key        ed25519.PrivateKey
	federation *gossip.Federation
	observer   *observer.Observer // a nil one observes nothing

	issuing issuing
}

// New opens the store, binds the listeners and puts everything together. The configuration must have been checked. After an error nothing is left open.
// ctx is for the opening alone.
func New(ctx context.Context, c Config, logger *slog.Logger) (*Node, error) {
	n := &Node{config: c, logger: logger}
	if err := n.open(ctx); err != nil {
		return nil, errors.Join(err, n.Close())
	}
	return n, nil
}

func (n *Node) open(ctx context.Context) (err error) {
	// What is looked up and accepted tells the observer, which is there before the first request.
	seen := func(r *discovery.Report) { n.observer.Observe(r) }
	if n.discoverer, err = n.config.newDiscoverer(n.logger, seen); err != nil {
		return err
	}
	n.verifier = verifier.New(n.discoverer, verifier.Options{Now: n.now, Accepted: func(found *protocol.FoundKey) { n.observer.Accepted(found) }})
	if n.config.TLS.Cert != "" {
		if n.tls, err = loadCertificates(n.config.TLS.Cert, n.config.TLS.Key, n.logger); err != nil {
			return err
		}
	}
	if err := os.MkdirAll(n.config.DataDir, 0o700); err != nil {
		return fmt.Errorf("data_dir: %w", err)
	}
	if n.config.Domain != "" {
		if n.key, err = n.config.openNodeKey(n.logger); err != nil {
			return err
		}
	}
	log, err := n.logOptions()
	if err != nil {
		return err
	}
	n.store, err = store.Open(filepath.Join(n.config.DataDir, "store"), store.Options{
		Log: log, Logger: n.logger.With("room", "store"), Now: n.now, MergeClaims: n.config.Store.MergeClaims, QueueRequests: n.config.Store.QueueRequests,
		Learned: n.issuing.learned,
	})
	if err != nil {
		return fmt.Errorf("data_dir: %w", err)
	}
	if n.key != nil {
		if err := n.openFederation(); err != nil {
			return err
		}
	}
	if err := n.openIssuing(ctx); err != nil {
		return err
	}
	handlers, err := n.newAPI()
	if err != nil {
		return err
	}
	return n.listen(ctx, handlers)
}

func (n *Node) newAPI() (*api.API, error) {
	c := &n.config
	published, err := c.Publish.documents()
	if err != nil {
		return nil, err
	}
	proxies, err := prefixes(c.TrustedProxies)
	if err != nil {
		return nil, fmt.Errorf("trusted_proxies: %w", err)
	}
	options := api.Options{
		Store:    n.store,
		Keys:     n.discoverer,
		Verifier: n.verifier,
		Logger:   n.logger.With("room", "api"),
		Now:      n.now,
		Checks:   []api.Check{{Name: "resolver", Ready: n.resolverAnswers}},
		Domain:   c.Domain, Network: c.Network, Version: api.BuildVersion(), Published: published,
		Limits: c.Limits.budgets(), TrustedProxies: proxies,
		Requests: api.RequestLog(c.Log.Requests), LogClients: c.Log.Clients,
	}
	if n.key != nil {
		if err := n.addFederation(&options); err != nil {
			return nil, err
		}
	}
	n.addIssuing(&options)
	return api.New(options)
}

// probeDomain is looked up where the node has no domain of its own: RFC 6761 has every resolver answer that it does not exist.
const probeDomain = "mir-node.invalid"

// resolverAnswers is a check of /readyz. Discovery's cache bounds how often it really asks.
func (n *Node) resolverAnswers(ctx context.Context) error {
	domain := n.config.Domain
	if domain == "" {
		domain = probeDomain
	}
	report, err := n.discoverer.Keys(ctx, domain)
	if err != nil {
		return errors.New("look-ups do not come through now")
	}
	if report.DNS.Status == discovery.StatusUnreachable {
		return fmt.Errorf("the DNS resolver does not answer for %s", domain)
	}
	return nil
}

// discovery makes discovery's settings.
func (c *Config) discovery(logger *slog.Logger) (discovery.Config, error) {
	d := &c.Discovery
	ranges, err := prefixes(d.AllowRanges)
	if err != nil {
		return discovery.Config{}, fmt.Errorf("discovery.allow_ranges: %w", err)
	}
	authorities, err := pemfile.ReadCertificates(d.ExtraCAFile)
	if err != nil {
		return discovery.Config{}, fmt.Errorf("discovery.extra_ca_file: %w", err)
	}
	return discovery.Config{
		Resolvers: d.Resolvers, AllowRanges: ranges, ExtraCAs: authorities, WellKnownPort: d.WellKnownPort,
		MinTTL: d.MinTTL, MaxTTL: d.MaxTTL, DefaultTTL: d.DefaultTTL, NegativeTTL: d.NegativeTTL, FailureTTL: d.FailureTTL, Timeout: d.Timeout,
		RefetchAge: d.RefetchAge, RefetchEvery: d.RefetchEvery, RefetchBurst: d.RefetchBurst,
		CacheDomains: d.CacheDomains, MaxLookups: d.MaxLookups, MaxWaiting: d.MaxWaiting,
		Now: c.now, Logger: logger.With("room", "discovery"),
	}, nil
}

// now is the node's clock: the machine's, moved by clock_offset.
func (n *Node) now() time.Time { return n.config.now() }

func (c *Config) now() time.Time { return time.Now().Add(c.ClockOffset) }

// URL is where the public API is, as a program on this machine reaches it.
func (n *Node) URL() string {
	scheme := "http"
	if n.tls != nil {
		scheme = "https"
	}
	return scheme + "://" + reachable(n.public.listener.Addr())
}

// Operator is where the operator's routes are: http://ADDR:PORT, unix:PATH, or "" for nowhere.
func (n *Node) Operator() string {
	if n.operator == nil {
		return ""
	}
	address := n.operator.listener.Addr()
	if address.Network() == "unix" {
		return "unix:" + address.String()
	}
	return "http://" + reachable(address)
}

// Reload reads the certificate's files again. It may be called from any goroutine.
func (n *Node) Reload() {
	if n.tls != nil {
		n.tls.reload()
	}
}

// Run serves until ctx ends or a listener fails, then stops: no new connections, requests under way to their end or to the deadline, the store last.
// It returns nil after a stop in order. Run is called once.
func (n *Node) Run(ctx context.Context) error {
	failed := make(chan error, 2)
	servers := []*server{n.public}
	if n.operator != nil {
		servers = append(servers, n.operator)
	}
	for _, s := range servers {
		go func() {
			if err := s.serve(); !errors.Is(err, http.ErrServerClosed) {
				failed <- err
			}
		}()
	}
	if n.tls != nil {
		watching, stop := context.WithCancel(ctx)
		defer stop()
		go n.tls.watch(watching)
	}
	federating, leave := context.WithCancel(ctx)
	left, unwatched := n.takePart(federating), n.watchIssuers(federating)
	var fault error
	select {
	case <-ctx.Done():
		n.logger.Info("stopping", "deadline", n.config.ShutdownTimeout)
	case fault = <-failed:
		n.logger.Error("a listener failed", "error", fault)
	}
	leave()
	left()
	unwatched()
	return errors.Join(fault, n.stop(context.WithoutCancel(ctx), servers))
}

// stop ends the servers side by side, then closes what they stood on.
func (n *Node) stop(ctx context.Context, servers []*server) error {
	ctx, cancel := context.WithTimeout(ctx, n.config.ShutdownTimeout)
	defer cancel()
	done := make(chan error, len(servers))
	for _, s := range servers {
		go func() { done <- s.shutdown(ctx) }()
	}
	for range servers {
		if err := <-done; err != nil {
			n.logger.Warn("requests were cut off at the deadline", "error", err)
		}
	}
	err := n.Close()
	if err == nil {
		n.logger.Info("stopped")
	}
	return err
}

// Close closes a node that Run was not called on; Run does it by itself.
func (n *Node) Close() error {
	var faults []error
	for _, s := range []*server{n.public, n.operator} {
		if s != nil {
			_ = s.listener.Close() // closed already after a stop in order
		}
	}
	if n.federation != nil {
		faults = append(faults, n.federation.Close())
	}
	if n.discoverer != nil {
		faults = append(faults, n.discoverer.Close())
	}
	if n.store != nil {
		faults = append(faults, n.store.Close())
	}
	return errors.Join(faults...)
}

// reachable writes an address as a client on this machine names it.
func reachable(a net.Addr) string {
	tcp, ok := a.(*net.TCPAddr)
	if !ok || !tcp.IP.IsUnspecified() {
		return a.String()
	}
	loopback := net.IPv4(127, 0, 0, 1)
	return (&net.TCPAddr{IP: loopback, Port: tcp.Port}).String()
}
