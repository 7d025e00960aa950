package scenario

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"slices"

	"mirnode/conformance/names"
)

// insidePrefix is where the suite listens for connections that must not come: addresses of this machine that no node is allowed to connect to. It is apart
// from where a cluster's nodes, their links and the suite's clients are.
var insidePrefix = netip.MustParsePrefix("127.32.0.0/16")

// insideTries is how many addresses are tried for a listener: another run may have the first.
const insideTries = 8

// insideArgs are the members of "inside": the suite listens at an address of its machine that nodes must not connect to, as a server of all that the case
// publishes. ${NAME} is the address, and ${NAME.outside} that of the suite's other server, to which nodes may connect.
type insideArgs struct {
	As string `json:"as"`
}

// inside listens until the case ends.
func inside(_ context.Context, p *play, args *insideArgs) error {
	if p.world.Names == nil || !p.world.Addresses.IsValid() {
		return errors.New("there is nowhere to listen: the case lacks \"names\" or \"addresses\" under needs")
	}
	var failed error
	for i := range insideTries {
		sum := sha256.Sum256(fmt.Appendf(nil, "inside %s %s %d", p.unique, args.As, i))
		b := insidePrefix.Addr().As4()
		b[2], b[3] = sum[0], min(max(sum[1], 1), 254)
		listener, err := p.world.Names.ListenInside(netip.AddrFrom4(b))
		if err == nil {
			p.cleanups = append(p.cleanups, func() { _ = listener.Close() }) // the case is over: nobody asks
			outside := p.world.Names.HTTPS().Addr().String()
			return p.make(args.As, &object{text: netip.AddrFrom4(b).String(), parts: map[string]string{"outside": outside}, held: listener})
		}
		failed = err
	}
	return failed
}

// expectInsideArgs are the members of "expectInside".
type expectInsideArgs struct {
	At          []string        `json:"at"`          // the names of listeners that "inside" made
	Connections json.RawMessage `json:"connections"` // a matcher for the number of connections that came to each
}

// expectInside looks at what connected inside.
func expectInside(_ context.Context, p *play, args *expectInsideArgs) error {
	if len(args.At) == 0 || args.Connections == nil {
		return fmt.Errorf("%w: expectInside takes at and connections", errSteps)
	}
	for _, name := range slices.Sorted(slices.Values(args.At)) {
		made, ok := p.vars[name].(*object)
		if !ok {
			return fmt.Errorf("%w: nothing listens as %q", errSteps, name)
		}
		listener, ok := made.held.(*names.Inside)
		if !ok {
			return fmt.Errorf("%w: nothing listens as %q", errSteps, name)
		}
		if err := match(args.Connections, json.Number(fmt.Sprint(listener.Connections())), true); err != nil {
			return fmt.Errorf("connections to %s, an address inside that no look-up may lead to (unless the node's settings allow it: then they are too wide for this test): %w",
				listener.Address(), err)
		}
	}
	return nil
}
