package api

import (
	"context"
	"errors"
	"time"

	"github.com/gin-gonic/gin"

	"mirnode/gossip/mirror"
	"mirnode/internal/strictjson"
	"mirnode/protocol"
)

// freshTime bounds the wait for a domain's home node.
const freshTime = 5 * time.Second

// freshen asks the domain's home node for what is new, where the query says fresh=true; else it gives nil. It costs the client a look-up: another machine is
// asked. That it cannot be reached is part of the answer, and no error.
func (a *API) freshen(c *gin.Context, values parameterValues) (*mirror.Fresh, error) {
	wanted, err := truthParameter(values, "fresh", false)
	if err != nil || !wanted {
		return nil, err
	}
	if !values.Has("domain") {
		return nil, badRequest("name the domain whose node is to be asked: &domain=shop.example", "fresh without a domain")
	}
	domain, err := domainOf(values.Get("domain"))
	if err != nil {
		return nil, err
	}
	if a.Federation == nil {
		return &mirror.Fresh{Detail: "this node has no peers: it answers from what it holds"}, nil
	}
	if err := a.spendLookup(clientKey(a.client(c))); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(c.Request.Context(), freshTime)
	defer cancel()
	if err := a.lookups.enter(ctx); err != nil {
		return nil, err
	}
	defer a.lookups.leave()
	fresh, err := a.Federation.Fresh(ctx, domain)
	if err != nil {
		if c.Request.Context().Err() != nil {
			return nil, err
		}
		fresh.Reached = false
		fresh.Detail = orDefault(fresh.Detail, freshFault(err))
	}
	return &fresh, nil
}

// freshFault words an error for anybody.
func freshFault(err error) string {
	if errors.Is(err, context.DeadlineExceeded) {
		return "the home node did not answer in time"
	}
	if _, ok := errors.AsType[*protocol.UnreachableError](err); ok {
		return "the domain's home node cannot be found now"
	}
	return "the home node could not be asked"
}

// appendFresh writes the member of an answer, with a comma before it; nothing for nil.
func appendFresh(b []byte, f *mirror.Fresh) []byte {
	if f == nil {
		return b
	}
	b = strictjson.AppendString(append(b, `,"fresh":{"node":`...), f.Node)
	b = append(b, `,"reached":`...)
	if f.Reached {
		b = append(b, "true"...)
	} else {
		b = append(b, "false"...)
	}
	b = strictjson.AppendString(append(b, `,"detail":`...), orDefault(f.Detail, "no more is known"))
	return append(b, '}')
}

// truthParameter reads a parameter that is true or false.
func truthParameter(values parameterValues, name string, fallback bool) (bool, error) {
	switch values.Get(name) {
	case "":
		if values.Has(name) {
			break
		}
		return fallback, nil
	case "false":
		return false, nil
	case "true":
		return true, nil
	}
	return false, badRequest("send true or false", "%s is neither true nor false", name)
}
