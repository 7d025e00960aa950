package chaos

import (
	"context"
	"net/http"
	"slices"

	"mirnode/conformance/logread"
)

// mirrors wants every node to hold every other's log as that node shows it.
func (c *checking) mirrors(ctx context.Context) {
	for _, what := range c.apart(ctx) {
		c.fail(agree, nil, "%s, %v after everything was healed", what, c.Settle)
	}
	for i := range c.Nodes {
		all, err := logread.Heads(ctx, c.Client, c.Nodes[i].URL)
		if err != nil {
			continue // apart has said so
		}
		for _, h := range all {
			of := slices.IndexFunc(c.logs, func(l *finalLog) bool { return l != nil && l.key.Origin == h.Origin })
			if of < 0 {
				continue // a liar's, or one that could not be read
			}
			final := c.logs[of]
			head, err := h.Check(final.key)
			switch {
			case err != nil:
				c.fail(agree, []byte(h.Checkpoint), "node %d holds a head of the log of node %d that does not hold: %v", i+1, of+1, err)
			case head.Size <= final.head.Size && final.tree.RootAt(head.Size) != head.Root:
				c.fail(oneStory, []byte(h.Checkpoint), "node %d holds %d entries of the log of node %d that are not those of that log", i+1, head.Size, of+1)
			}
			if h.Frozen {
				c.fail(accused, []byte(h.Checkpoint), "node %d has frozen the log of node %d", i+1, of+1)
			}
		}
	}
}

// accusations wants no proof of a fork and no complaint about any of the nodes.
func (c *checking) accusations(ctx context.Context) {
	for i := range c.Nodes {
		forks, err := logread.Forks(ctx, c.Client, c.Nodes[i].URL)
		if err != nil {
			c.fail(accused, nil, "node %d does not say which forks it knows: %v", i+1, err)
		}
		for _, f := range forks {
			for j := range c.Nodes {
				if key := c.known(j).key; key != nil && key.Origin == f.Origin {
					c.fail(accused, []byte(f.First+"\n"+f.Second), "node %d says that the log of node %d forked", i+1, j+1)
				}
			}
		}
		var known struct {
			Peers []struct {
				Domain    string `json:"domain"`
				Complaint string `json:"complaint"`
			} `json:"peers"`
		}
		if err := c.getJSON(ctx, i, "/peers", &known); err != nil {
			c.fail(accused, nil, "node %d does not say whom it knows: %v", i+1, err)
		}
		for _, p := range known.Peers {
			for j, n := range c.Nodes {
				if n.Domain != "" && n.Domain == p.Domain && p.Complaint != "" && !c.wasAhead(j) { // that a clock is ahead is no false accusation
					c.fail(accused, []byte(p.Complaint), "node %d complains about node %d: %s", i+1, j+1, p.Complaint)
				}
			}
		}
	}
}

// neverServed asks every node for what was forged, invented or dated ahead.
func (c *checking) neverServed(ctx context.Context) {
	for _, bad := range c.bad {
		for i := range c.Nodes {
			if bad.promise == future && c.couldTake(i, bad) {
				continue // with that clock it was right to take it
			}
			status, answer, err := c.get(ctx, i, "/claims/"+bad.id)
			if err == nil && status == http.StatusOK {
				c.fail(bad.promise, answer, "node %d serves %s", i+1, bad.what)
			}
		}
	}
}

// couldTake tells whether the node's clock was ever so far ahead that the claim was none of the future.
func (c *checking) couldTake(i int, bad badClaim) bool {
	n := c.known(i)
	_, most := n.skew(0, c.at())
	return most+c.at()+tolerance >= bad.ahead
}
