package assertions

import (
	"context"
	"errors"

	"mirnode/accounts"
	"mirnode/protocol"
	"mirnode/store"
)

// CheckPayload judges what a client without an API key may be told of a payload, a new assertion's or a revocation's: the parser's refusal, or that the issuer's
// home is another node. It is nil for what this node might take. The API asks it before it looks at the API key, so that whoever came to the wrong node
// hears where to go.
func (s *Service) CheckPayload(ctx context.Context, payload []byte) error {
	p, err := s.readSigned(payload, new(Judged))
	if err != nil {
		return err
	}
	_, err = s.atHome(ctx, p.issuer)
	return err
}

// CheckAssertion is CheckPayload for a request about an assertion that is held. One that is not held is no fault here: the request itself will tell.
func (s *Service) CheckAssertion(ctx context.Context, id [32]byte) error {
	state, err := s.held(ctx, id)
	if err != nil || state == nil {
		return err
	}
	_, err = s.atHome(ctx, string(state.Issuer))
	return err
}

// atHome finds an issuer, and refuses one whose home is another node. An unknown one is nil.
func (s *Service) atHome(ctx context.Context, id string) (*protocol.Issuer, error) {
	issuer, _, err := s.store.Issuer(ctx, id)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return nil, nil
	case err != nil:
		return nil, err
	case issuer.Home != s.home:
		return nil, s.elsewhere(issuer)
	}
	return issuer, nil
}

// elsewhere names the node that the issuer belongs to.
func (s *Service) elsewhere(issuer *protocol.Issuer) error {
	where := issuer.Home
	if url := s.nodeURL(issuer.Home); url != "" {
		where += ", at " + url
	}
	return forbidden("send the same request to the issuer's home: "+where, "the issuer %s belongs to the node %s, which alone takes what it says", issuer.ID, issuer.Home)
}

// author finds the issuer that a request is in the name of, and checks that its home is here, that the API key is its own, and that it may do this.
func (s *Service) author(ctx context.Context, caller accounts.Caller, id string, action accounts.Action) (*protocol.Issuer, error) {
	issuer, err := s.atHome(ctx, id)
	if err != nil {
		return nil, err
	}
	if caller.Issuer != id {
		return nil, forbidden("use an API key of the issuer in issuerId, or write the issuer of your API key there", "the API key belongs to %s, and the payload is in the name of %s",
			caller.Issuer, id)
	}
	if issuer == nil || s.accounts == nil {
		return nil, unknownIssuer(id)
	}
	if err := caller.Need(accounts.ScopeWrite); err != nil {
		return nil, err
	}
	return issuer, s.accounts.May(id, action)
}

func unknownIssuer(id string) error {
	return notFound("check issuerId; the node's operator makes issuers, and the portal or `mir issuer` shows the ID", "no issuer %s is known here", quote(id))
}

func unknownAssertion(id [32]byte) error {
	return notFound("check the ID; a new assertion reaches other nodes within about a second", "no assertion with the ID %s is kept here", protocol.AssertionID(id))
}
