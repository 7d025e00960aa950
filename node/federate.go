package node

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"sync"
	"time"

	"mirnode/api"
	"mirnode/discovery"
	"mirnode/gossip"
	"mirnode/gossip/mirror"
	"mirnode/gossip/peers"
	"mirnode/gossip/planner"
	"mirnode/observer"
	"mirnode/protocol"
	"mirnode/store"
	"mirnode/translog"
)

// maxGossipKeysBytes bounds the file of gossip keys.
const maxGossipKeysBytes = 64 << 10

// origin names the node's log. The zero value: a node without a domain has none.
func (c *Config) origin() protocol.Origin {
	if c.Domain == "" {
		return protocol.Origin{}
	}
	return protocol.Origin{Domain: c.Domain, Network: protocol.Network(c.Network), Epoch: c.Origin.Epoch}
}

// logOptions are those of the node's log, nil without one. It takes no entries until the federation has confirmed where it ends.
func (n *Node) logOptions() (*store.LogOptions, error) {
	if n.key == nil {
		return nil, nil
	}
	origin := n.config.origin()
	signer, err := translog.NewSigner(origin.String(), n.key)
	if err != nil {
		return nil, err
	}
	return &store.LogOptions{Origin: origin, Signer: signer, Confirm: true}, nil
}

// openFederation makes what keeps the node among its peers, and what logs the keys that it sees. It sends nothing yet.
func (n *Node) openFederation() (err error) {
	c := &n.config
	settings, err := c.discovery(n.logger)
	if err != nil {
		return err
	}
	source, err := c.Peers.source()
	if err != nil {
		return err
	}
	outside, err := discovery.NewPeerClient(settings, discovery.PeerOptions{Source: source})
	if err != nil {
		return err
	}
	hints, err := c.Gossip.options()
	if err != nil {
		return err
	}
	logger := n.logger.With("room", "gossip")
	n.federation, err = gossip.New(gossip.Options{
		Origin: c.origin(), Key: n.key, URL: c.publicURL(), Source: source, Hints: hints, StartAlone: c.Origin.StartAlone,
		Peers: gossip.PeerOptions{
			Domains: c.Peers.Domains, Addresses: c.Peers.Addresses, Admission: peers.Admission(c.Peers.Admission), Block: c.Peers.Block, Max: c.Peers.Max,
		},
		Store: n.store, Outside: outside, Verifier: n.verifier, Planner: c.Peers.planner(), Now: n.now, Logger: logger,
		Mirror: func(book *peers.Book, client *peers.Client) (gossip.Mirror, error) {
			return mirror.New(mirror.Options{
				Store: n.store, Verifier: n.verifier, Client: client, Book: book, Home: outside, Own: mirror.Own{Origin: c.origin(), Key: n.key},
				TrustErasures: c.Peers.TrustErasures, Quorum: c.Peers.Quorum, Now: n.now, Logger: logger,
			})
		},
	})
	if err != nil {
		return err
	}
	n.observer, err = observer.New(observer.Options{
		Node: c.Domain, Network: c.origin().Network, Key: n.key, Log: n.store, Keys: n.discoverer, Domains: []string{c.Domain},
		Logged: n.federation.Observed, Now: n.now, Logger: n.logger.With("room", "observer"),
	})
	return err
}

// addFederation tells the API of the node's log and its peers.
func (n *Node) addFederation(o *api.Options) error {
	o.Origin = n.config.origin()
	name := o.Origin.String()
	cosigner, err := translog.NewCosigner(name, n.key, n.now)
	if err != nil {
		return err
	}
	o.LogKey, o.Witness = translog.VerifierKey(name, n.key.Public().(ed25519.PublicKey)), cosigner.VerifierKey()
	o.Federation = n.federation
	o.SignErasure = func(draft protocol.ErasureDraft) (*protocol.Erasure, error) { return draft.Sign(n.key) }
	return nil
}

// takePart runs the federation and the observer until ctx ends. The returned function waits for them.
func (n *Node) takePart(ctx context.Context) (wait func()) {
	if n.federation == nil {
		return func() {}
	}
	var running sync.WaitGroup
	running.Go(func() {
		if err := n.federation.Run(ctx); err != nil {
			n.logger.Warn("leaving the federation", "error", err)
		}
	})
	running.Go(func() {
		if err := n.observer.Run(ctx); err != nil && ctx.Err() == nil {
			n.logger.Error("key observations have stopped", "error", err)
		}
	})
	running.Go(func() { n.watchOwnKey(ctx) })
	return running.Wait
}

// How often the node looks whether its domain publishes its key: soon again until it does.
const (
	ownKeyMissing = time.Minute
	ownKeyFound   = time.Hour
)

// watchOwnKey warns while the node's domain does not publish the node's key: its peers believe none of its statements then.
func (n *Node) watchOwnKey(ctx context.Context) {
	public := n.key.Public().(ed25519.PublicKey)
	wait := time.NewTimer(0)
	defer wait.Stop()
	for warned := false; ; {
		select {
		case <-ctx.Done():
			return
		case <-wait.C:
		}
		_, err := n.discoverer.FindKey(ctx, n.config.Domain, protocol.Fingerprint(public))
		refusal, missing := errors.AsType[*protocol.Error](err)
		switch {
		case missing && !warned:
			warned = true
			n.logger.Warn("the node's key is not published for its domain: peers will not mirror this node until it is",
				"domain", n.config.Domain, "why", refusal.Message, "name", "_mir-key."+n.config.Domain, "txt", protocol.KeyRecord(public))
		case err == nil && warned:
			warned = false
			n.logger.Info("the node's key is published for its domain", "domain", n.config.Domain)
		}
		if err != nil {
			wait.Reset(ownKeyMissing)
		} else {
			wait.Reset(ownKeyFound)
		}
	}
}

// GossipAddress is where hints of other nodes are heard, "" for nowhere.
func (n *Node) GossipAddress() string {
	if n.federation == nil {
		return ""
	}
	address, ok := n.federation.HintAddress()
	if !ok {
		return ""
	}
	return address.String()
}

func (c *Config) publicURL() string {
	if c.PublicURL != "" {
		return c.PublicURL
	}
	return "https://" + c.Domain
}

// source is the address that connections to peers come from; the zero Addr for the system's choice.
func (p *Peers) source() (netip.Addr, error) {
	if p.OutgoingAddress == "" {
		return netip.Addr{}, nil
	}
	address, err := netip.ParseAddr(p.OutgoingAddress)
	if err != nil {
		return address, fmt.Errorf("peers.outgoing_address: %w", err)
	}
	return address, nil
}

func (g *Gossip) options() (gossip.HintOptions, error) {
	o := gossip.HintOptions{Listen: g.Listen, Advertise: g.Advertise, Interval: g.Interval}
	if g.Listen == "" || g.Keys == "" {
		return o, nil
	}
	info, err := os.Stat(g.Keys)
	if err == nil && info.Size() > maxGossipKeysBytes {
		err = fmt.Errorf("%s is larger than %d bytes", g.Keys, maxGossipKeysBytes)
	}
	if err != nil {
		return o, fmt.Errorf("gossip.keys: %w", err)
	}
	file, err := os.ReadFile(g.Keys)
	if err == nil {
		o.Keys, err = gossip.ParseKeys(file)
	}
	if err != nil {
		return o, fmt.Errorf("gossip.keys: %w", err)
	}
	return o, nil
}

func (p *Peers) planner() planner.Options { return planner.Options{PollEvery: p.PollEvery} }
