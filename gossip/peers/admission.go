package peers

import (
	"context"
	"strings"

	"mirnode/protocol"
)

// policy says why a domain may be no peer, whatever its descriptor says; nil where it may. The caller holds mu.
func (b *Book) policy(domain string) error {
	e := b.entries[domain]
	switch {
	case domain == b.o.Domain:
		return refuse("it is this node itself")
	case b.blocked(domain):
		return refuse("blocked by this node's operator")
	case b.o.Admission == Open || e != nil && e.seed:
		return nil
	}
	return refuse("not on this node's allowlist")
}

// blocked tells whether the domain, or one that it lies below, is blocked. The caller holds mu.
func (b *Book) blocked(domain string) bool {
	for _, name := range b.o.Block {
		if covers(name, domain) {
			return true
		}
	}
	for name := domain; name != ""; _, name, _ = strings.Cut(name, ".") {
		if e := b.entries[name]; e != nil && e.blocked {
			return true
		}
	}
	return false
}

func covers(name, domain string) bool {
	return domain == name || strings.HasSuffix(domain, "."+name)
}

// room says why there is no place for one more peer; nil where there is. Seeds always have one. The caller holds mu.
func (b *Book) room(domain string) error {
	if e := b.entries[domain]; e != nil && (e.seed || e.descriptor != nil) {
		return nil
	}
	total, below, site := 0, 0, Site(domain)
	for name, e := range b.entries {
		if !e.seed && e.descriptor == nil {
			continue // a block, not a peer
		}
		total++
		if !e.seed && Site(name) == site {
			below++
		}
	}
	for _, s := range b.sources {
		if s.seed && s.domain == "" {
			total++ // an address that nothing was read from yet
		}
	}
	switch {
	case total >= b.o.Max:
		return refuse("this node has as many peers as it takes (%d)", b.o.Max)
	case below >= b.o.PerSite:
		return refuse("this node has as many peers below %s as it takes (%d)", site, b.o.PerSite)
	}
	return nil
}

// Block makes a domain, and all names below it, no peer from now on, and keeps that.
func (b *Book) Block(ctx context.Context, domain string) error {
	return b.setBlocked(ctx, domain, true)
}

// Unblock ends what Block did. A block by configuration stays. ErrUnknown: the domain is not blocked.
func (b *Book) Unblock(ctx context.Context, domain string) error {
	return b.setBlocked(ctx, domain, false)
}

func (b *Book) setBlocked(ctx context.Context, domain string, blocked bool) error {
	domain, err := protocol.ParseDomain(domain)
	if err != nil {
		return err
	}
	b.mu.Lock()
	if e := b.entries[domain]; !blocked && (e == nil || !e.blocked) {
		b.mu.Unlock()
		return ErrUnknown
	}
	if blocked && b.entries[domain] == nil && b.blocks() >= maxBlocks {
		b.mu.Unlock()
		return refuse("this node has as many blocks as it takes (%d)", maxBlocks)
	}
	e := b.entry(domain)
	e.blocked, e.dirty = blocked, true
	b.settle()
	b.mu.Unlock()
	b.poke()
	return b.Flush(ctx)
}

// maxBlocks bounds the blocks at run time of domains that the book knows nothing else of.
const maxBlocks = 4096

func (b *Book) blocks() (n int) {
	for _, e := range b.entries {
		if e.blocked {
			n++
		}
	}
	return n
}
