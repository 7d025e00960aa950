package node

import (
	"context"
	"fmt"
	"net/url"
	"sync"

	"mirnode/accounts"
	"mirnode/api"
	"mirnode/assertions"
	"mirnode/discovery"
	"mirnode/issuers"
	"mirnode/protocol"
	"mirnode/store"
)

// issuing is what a node knows of issuers and keeps for its own. A node without a domain is nobody's home, and holds no issuer's record.
type issuing struct {
	directory  *issuers.Directory // nil without a domain; so are the accounts
	accounts   *accounts.Accounts
	assertions *assertions.Service
}

// learned is the store's hook. The store opens before the directory is there, and tells nothing while it opens.
func (i *issuing) learned(r protocol.Record) {
	if i.directory != nil {
		i.directory.Learned(r)
	}
	if i.accounts != nil {
		i.accounts.Learned(r)
	}
}

// openIssuing makes what answers for issuers and their assertions. It asks nobody anything yet.
func (n *Node) openIssuing(ctx context.Context) (err error) {
	c := &n.config
	options := assertions.Options{
		Store: n.store, Issuers: noIssuers{}, Home: c.Domain, Network: protocol.Network(c.Network), LookupURL: c.lookupURL(),
		Now: n.now, Logger: n.logger.With("room", "assertions"),
	}
	if n.key != nil {
		if err := n.openAccounts(ctx); err != nil {
			return err
		}
		options.Issuers, options.Accounts, options.NodeURL = n.issuing.directory, n.issuing.accounts, n.peerURL
		options.Sign = func(draft protocol.MetadataEditDraft) (*protocol.MetadataEdit, error) { return draft.Sign(n.key) }
	}
	n.issuing.assertions, err = assertions.New(options)
	return err
}

func (n *Node) openAccounts(ctx context.Context) (err error) {
	c, texts := &n.config, texts{n.discoverer}
	n.issuing.directory, err = issuers.New(issuers.Options{
		Store: n.store, DNS: texts, Keys: n.discoverer, Home: c.Domain, Now: n.now, Logger: n.logger.With("room", "issuers"),
	})
	if err != nil {
		return err
	}
	n.issuing.accounts, err = accounts.New(ctx, accounts.Options{
		Store: n.store, Directory: n.issuing.directory, DNS: texts, Home: c.Domain, Network: protocol.Network(c.Network),
		Sign:   func(draft protocol.IssuerDraft) (*protocol.Issuer, error) { return draft.Sign(n.key) },
		Policy: c.Issuers.policy(), Now: n.now, Logger: n.logger.With("room", "accounts"),
	})
	return err
}

func (i *Issuers) policy() accounts.Policy {
	return accounts.Policy{
		RequirePlan: i.RequirePlan, ActivityAssertions: i.ActivityAssertions, ActivityDays: i.ActivityDays, TokenLife: i.TokenLife, Recheck: i.DomainRecheck,
	}
}

// addIssuing tells the API of issuers and assertions.
func (n *Node) addIssuing(o *api.Options) {
	o.Assertions = n.issuing.assertions
	o.Policy = n.config.Issuers.policy()
	if n.issuing.accounts != nil { // a nil pointer in an interface would not be nil
		o.Issuers, o.Accounts = n.issuing.directory, n.issuing.accounts
	}
}

// watchIssuers looks after issuers until ctx ends. The returned function waits for that.
func (n *Node) watchIssuers(ctx context.Context) (wait func()) {
	var running sync.WaitGroup
	if n.issuing.accounts != nil {
		for what, run := range map[string]func(context.Context) error{"looking at issuers' domains": n.issuing.directory.Run, "looking after issuers": n.issuing.accounts.Run} {
			running.Go(func() {
				if err := run(ctx); err != nil && ctx.Err() == nil {
					n.logger.Error(what+" has stopped", "error", err)
				}
			})
		}
	}
	return running.Wait
}

// peerURL is where a node's API is, "" where that is not known.
func (n *Node) peerURL(domain string) string {
	peer, known := n.federation.Book().Peer(domain)
	if !known {
		return ""
	}
	if u, err := url.Parse(peer.URL); err != nil || u.Scheme != "https" {
		return ""
	}
	return peer.URL
}

// texts asks for TXT records past discovery's cache.
type texts struct{ discoverer *discovery.Discoverer }

// TXT gives the records at a name.
func (t texts) TXT(ctx context.Context, name string) ([]string, error) {
	answer, err := t.discoverer.TXT(ctx, name)
	return answer.Values, err
}

// noIssuers is what a node without a log knows of issuers.
type noIssuers struct{}

// Issuer finds none.
func (noIssuers) Issuer(_ context.Context, id string) (*issuers.Standing, error) {
	return nil, fmt.Errorf("the issuer %.60q: %w", id, store.ErrNotFound)
}
