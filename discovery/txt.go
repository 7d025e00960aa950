package discovery

import (
	"context"
	"time"

	"mirnode/protocol"
)

// TXTAnswer is what the resolvers say of the TXT records of a name.
type TXTAnswer struct {
	Values []string      // each record's strings joined; none where the name or the records do not exist
	Chain  []string      // the CNAME targets on the way
	TTL    time.Duration // as published; of the absence, where there are no records
}

// TXT asks the resolvers for the TXT records of any name, past the cache and the report: whoever helps a person whose keys are not
// found looks at the names where they may stand by mistake. Where nobody answers the error is a *protocol.UnreachableError.
func (d *Discoverer) TXT(ctx context.Context, name string) (TXTAnswer, error) {
	answer, err := d.dns.TXT(ctx, name)
	if err != nil {
		return TXTAnswer{}, &protocol.UnreachableError{Domain: name, RetryAfter: d.cfg.FailureTTL, Err: err}
	}
	return TXTAnswer{Values: answer.TXT, Chain: answer.Chain, TTL: answer.TTL}, nil
}
