package peers

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"mirnode/protocol"
)

// The life of this node's own descriptor.
const (
	// DescriptorLife is how long a descriptor is good for.
	DescriptorLife = 30 * 24 * time.Hour
	// descriptorRenew is the age at which it is made anew. What is between the two is how long a node may be away before its peers
	// stop asking it.
	descriptorRenew = 10 * 24 * time.Hour
	// selfRetry is the wait after a descriptor could not be kept or logged.
	selfRetry = 5 * time.Second
	// selfSpace is where it lies in State, under these keys: the signed document, and the hash of the content that the log has.
	selfSpace, selfKey, selfLogged = "node", "descriptor", "logged"
)

// SelfOptions say what a node's own descriptor holds. All but Gossip, Append, Now and Logger are required.
type SelfOptions struct {
	Origin protocol.Origin // with the node's domain and network
	URL    string          // https://host or https://host:port
	Gossip string          // host:port of the hint channel, or ""
	Key    ed25519.PrivateKey
	State  State
	// Append puts the descriptor into the node's own log. nil: there is none. It is called again later when it fails.
	Append func(ctx context.Context, d *protocol.Descriptor) error
	Now    func() time.Time
	Logger *slog.Logger
}

// Self makes this node's own descriptor, and keeps it fresh: a new one whenever what it says changed, and before it expires. Its
// sequence number grows over restarts, and, being no less than the seconds since 1970, over a lost disk too. Into the log goes only a
// descriptor that says something new. It may be used from several goroutines.
type Self struct {
	o SelfOptions

	mu      sync.Mutex
	current *protocol.Descriptor // owned by mu; never nil
}

// NewSelf reads or makes the descriptor, and keeps it. The error is that of State, or a *protocol.Error about the options.
func NewSelf(ctx context.Context, o SelfOptions) (*Self, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.State == nil {
		return nil, errors.New("peers: this node's descriptor needs a state")
	}
	s := &Self{o: o}
	kept, err := o.State.State(selfSpace)
	if err != nil {
		return nil, fmt.Errorf("peers: reading this node's descriptor: %w", err)
	}
	old, err := protocol.ParseDescriptor(kept[selfKey])
	if err != nil {
		old = nil // there is none, or it is of no use
	}
	if err := s.renew(ctx, old); err != nil {
		return nil, err
	}
	return s, nil
}

// Descriptor returns the present one.
func (s *Self) Descriptor() *protocol.Descriptor {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.current
}

// Ensure renews the descriptor when its time has come, and puts it into the log where that has not got it. changed: Descriptor
// returns another one now. next is when to call it again, also after an error.
func (s *Self) Ensure(ctx context.Context) (changed bool, next time.Time, err error) {
	before := s.Descriptor()
	retry := s.o.Now().Add(selfRetry)
	if err := s.renew(ctx, before); err != nil {
		return false, retry, err
	}
	now := s.Descriptor()
	if err := s.log(ctx, now); err != nil {
		return now != before, retry, err
	}
	return now != before, now.Issued.Add(descriptorRenew), nil
}

// renew makes a descriptor unless old says the same and is young enough.
func (s *Self) renew(ctx context.Context, old *protocol.Descriptor) error {
	now := s.o.Now()
	if old != nil && s.content(old) == s.wanted() && old.Valid(now) && now.Before(old.Issued.Add(descriptorRenew)) {
		s.set(old)
		return nil
	}
	sequence := uint64(max(now.Unix(), 1))
	if old != nil && old.Sequence >= sequence {
		sequence = old.Sequence + 1
	}
	made, err := protocol.DescriptorDraft{
		Origin: s.o.Origin, URL: s.o.URL, Gossip: s.o.Gossip, LogKey: s.o.Key.Public().(ed25519.PublicKey), Sequence: sequence,
		Issued: now, ExpiresAt: now.Add(DescriptorLife),
	}.Sign(s.o.Key)
	if err != nil {
		return fmt.Errorf("peers: this node's descriptor: %w", err)
	}
	if err := s.o.State.PutState(ctx, selfSpace, selfKey, made.Raw()); err != nil {
		return fmt.Errorf("peers: keeping this node's descriptor: %w", err)
	}
	s.set(made)
	s.o.Logger.Info("made this node's descriptor", "sequence", sequence, "url", made.URL, "origin", made.Origin.String(), "expires", made.ExpiresAt)
	return nil
}

func (s *Self) set(d *protocol.Descriptor) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.current = d
}

// content is what a descriptor says, apart from its time.
type content struct{ origin, url, gossip, key, signer string }

func (s *Self) content(d *protocol.Descriptor) content {
	_, signer := d.Signer()
	return content{d.Origin.String(), d.URL, d.Gossip, string(d.LogKey), signer}
}

func (s *Self) wanted() content {
	pub := s.o.Key.Public().(ed25519.PublicKey)
	return content{s.o.Origin.String(), s.o.URL, s.o.Gossip, string(pub), protocol.Fingerprint(pub)}
}

// log puts the descriptor into the log where it says something that the log's latest one does not.
func (s *Self) log(ctx context.Context, d *protocol.Descriptor) error {
	if s.o.Append == nil {
		return nil
	}
	kept, err := s.o.State.State(selfSpace)
	if err != nil {
		return fmt.Errorf("peers: reading which descriptor was logged: %w", err)
	}
	said := fmt.Appendf(nil, "%q", s.content(d))
	if bytes.Equal(kept[selfLogged], said) {
		return nil
	}
	if err := s.o.Append(ctx, d); err != nil {
		return fmt.Errorf("peers: logging this node's descriptor: %w", err)
	}
	return s.o.State.PutState(ctx, selfSpace, selfLogged, said)
}
