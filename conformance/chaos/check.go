package chaos

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"

	"mirnode/conformance/logread"
)

const (
	// perClaim is what the checks may take longer for each acknowledged claim: nodes let one client read some hundred a second.
	perClaim = 20 * time.Millisecond
	// lookPause is between two looks at a federation that is not in step yet.
	lookPause = 250 * time.Millisecond
)

// checking is the checks of a run that is over.
type checking struct {
	*run
	findings *findings
	deadline context.Context // until when the federation must be in step
	logs     []*finalLog     // of each node; nil: it has none, or it could not be read
}

// finalLog is a node's log at the end.
type finalLog struct {
	key  logread.Key
	head logread.Checkpoint
	tree *logread.LeafTree
	line func(index int64) []byte
}

// check asks the healed federation whether every promise was kept.
func (r *run) check(ctx context.Context) *Report {
	deadline, cancel := context.WithTimeout(ctx, r.Settle+perClaim*time.Duration(len(r.acks)))
	defer cancel()
	c := &checking{run: r, findings: newFindings(), deadline: deadline, logs: make([]*finalLog, len(r.Nodes))}
	c.tell("checking %d acknowledged claims, %d heads of logs", len(r.acks), r.counts.Heads)
	for _, w := range r.wrong {
		c.findings.fail(w)
	}
	c.recovered(ctx)
	c.agree(ctx)
	c.claims(ctx)
	for i := range r.Nodes {
		c.log(ctx, i)
	}
	c.mirrors(ctx)
	c.accusations(ctx)
	c.neverServed(ctx)
	c.tell("checked")
	return c.report()
}

// recovered waits until every node takes claims.
func (c *checking) recovered(ctx context.Context) {
	for i := range c.Nodes {
		for {
			status, answer, err := c.get(ctx, i, "/readyz")
			if err == nil && status == http.StatusOK {
				break
			}
			if !sleep(c.deadline, lookPause) {
				c.fail(recovered, answer, "node %d does not take claims, %v after everything was healed: its /readyz: %s", i+1, c.Settle, outcome(status, err))
				break
			}
		}
	}
}

func (c *checking) fail(promise string, got []byte, format string, args ...any) {
	c.findings.fail(wrong{promise: promise, what: fmt.Sprintf(format, args...), got: got, at: c.at()})
}

// promised gives each acknowledged claim once, with the nodes that acknowledged it.
func (c *checking) promised() (claims []ack, by map[string][]int) {
	by = make(map[string][]int)
	for _, a := range c.acks {
		id := a.claim.ID()
		if by[id] == nil {
			claims = append(claims, a)
		}
		by[id] = append(by[id], a.node)
	}
	return claims, by
}

// wasAhead tells whether the node's clock was ever further ahead than clocks may be. Its peers then wait with its log until the times in it have come, which is
// right, and longer than a run lasts.
func (c *checking) wasAhead(i int) bool {
	n := c.known(i)
	_, most := n.skew(0, c.at())
	return most > slightlyAhead
}

// claims wants every acknowledged claim at every node, byte for byte.
func (c *checking) claims(ctx context.Context) {
	claims, by := c.promised()
	var all sync.WaitGroup
	for i := range c.Nodes {
		all.Go(func() {
			for _, a := range claims {
				at := by[a.claim.ID()]
				switch {
				case slices.Contains(at, i):
					c.claim(ctx, i, kept, a)
				case !slices.ContainsFunc(at, func(i int) bool { return !c.wasAhead(i) }):
					// It stands only where its peers wait.
				default:
					c.claim(ctx, i, spread, a)
				}
			}
		})
	}
	all.Wait()
}

// claim waits until the node serves the claim. It looks once, even if the time is over.
func (c *checking) claim(ctx context.Context, i int, promise string, a ack) {
	path := "/claims/" + a.claim.ID()
	for {
		status, answer, err := c.get(ctx, i, path)
		if err == nil && status == http.StatusOK {
			var served struct {
				Claim json.RawMessage `json:"claim"`
			}
			if json.Unmarshal(answer, &served) != nil || !bytes.Equal(served.Claim, a.claim.Raw()) {
				c.fail(promise, answer, "node %d serves %s, and not as it came", i+1, a.claim.ID())
			}
			return
		}
		if !sleep(c.deadline, lookPause) {
			c.fail(promise, answer, "node %d does not serve %s, which node %d acknowledged at %.1fs: %s", i+1, a.claim.ID(), a.node+1, a.at.Seconds(), outcome(status, err))
			return
		}
	}
}

func outcome(status int, err error) string {
	if err != nil {
		return "there is no answer: " + err.Error()
	}
	return fmt.Sprintf("it answers %d", status)
}

// agree waits until every node's mirror of every other's log is as long as that log. Which are not, is found by mirrors.
func (c *checking) agree(ctx context.Context) {
	for ctx.Err() == nil && len(c.apart(c.deadline)) > 0 && sleep(c.deadline, lookPause) {
	}
}

// apart lists where nodes do not hold the same logs. It asks each node for all heads once; what grows meanwhile is seen the next time.
func (c *checking) apart(ctx context.Context) (list []string) {
	heads := make([]map[string]logread.Head, len(c.Nodes))
	for i := range c.Nodes {
		all, err := logread.Heads(ctx, c.Client, c.Nodes[i].URL)
		if err != nil {
			list = append(list, fmt.Sprintf("node %d does not say which logs it holds: %v", i+1, err))
		}
		heads[i] = make(map[string]logread.Head)
		for _, h := range all {
			heads[i][h.Origin] = h
		}
	}
	for i := range c.Nodes {
		key := c.known(i).key
		if key == nil || c.wasAhead(i) {
			continue
		}
		own := heads[i][key.Origin]
		for j := range c.Nodes {
			held := heads[j][key.Origin]
			switch {
			case held.Size < own.Size:
				list = append(list, fmt.Sprintf("node %d holds %d of the %d entries of node %d", j+1, held.Size, own.Size, i+1))
			case held.Size == own.Size && held.Root != own.Root:
				list = append(list, fmt.Sprintf("node %d holds another log of %d entries of node %d than that node", j+1, held.Size, i+1))
			}
		}
	}
	return list
}

// log reads a node's whole log, and holds it to what the node showed and signed before.
func (c *checking) log(ctx context.Context, i int) {
	n := c.known(i)
	if n.key == nil {
		return
	}
	reader, err := logread.Open(logread.Options{URL: c.Nodes[i].URL + "/log", Key: *n.key, Client: c.Client})
	if err != nil {
		c.fail(oneStory, nil, "the log of node %d cannot be read: %v", i+1, err)
		return
	}
	head, err := reader.Checkpoint(ctx)
	if err != nil {
		c.fail(oneStory, nil, "the head of the log of node %d cannot be read: %v", i+1, err)
		return
	}
	entries, err := reader.CheckAll(ctx, head)
	if err != nil {
		c.fail(oneStory, nil, "the log of node %d does not hold: %v", i+1, err)
		return
	}
	c.logs[i] = &finalLog{*n.key, head, logread.Tree(entries), func(index int64) []byte { return entries[index].Line }}
	c.heads(i, n.heads)
	for _, a := range c.acks {
		if a.node == i && a.receipt != "" {
			c.receipt(c.logs[i], a)
		}
	}
}

// heads holds what a node showed on the way to its final log.
func (c *checking) heads(i int, heads []seen) {
	final, longest := c.logs[i], seen{}
	for _, h := range append(heads, seen{at: c.at(), size: final.head.Size, root: final.head.Root}) {
		if h.size < longest.size {
			c.fail(onlyGrow, nil, "node %d showed a log of %d entries at %.1fs, and one of %d at %.1fs", i+1, longest.size, longest.at.Seconds(), h.size, h.at.Seconds())
		} else {
			longest = h
		}
		if h.size <= final.head.Size && final.tree.RootAt(h.size) != h.root {
			c.fail(oneStory, nil, "node %d showed a head of %d entries at %.1fs that its final log of %d has not grown from", i+1, h.size, h.at.Seconds(), final.head.Size)
		}
	}
}

// receipt holds a receipt to the final log of the node that gave it.
func (c *checking) receipt(final *finalLog, a ack) {
	bad := func(format string, args ...any) {
		c.fail(receipts, []byte(a.receipt), "the receipt of %s by node %d: %s", a.claim.ID(), a.node+1, fmt.Sprintf(format, args...))
	}
	receipt, err := logread.ParseReceipt([]byte(a.receipt))
	if err != nil {
		bad("%v", err)
		return
	}
	entry, head, err := receipt.Verify(final.key)
	switch {
	case err != nil:
		bad("%v", err)
	case entry.Record != a.claim.RecordHash() || receipt.Index != a.index || a.origin != final.key.Origin:
		bad("it is about record %x at %d, the answer said %d of %s", entry.Record, receipt.Index, a.index, a.origin)
	case head.Size > final.head.Size:
		bad("it proves a log of %d entries, the final one has %d", head.Size, final.head.Size)
	case final.tree.RootAt(head.Size) != head.Root:
		c.fail(oneStory, []byte(a.receipt), "node %d signed a head of %d entries in a receipt that its final log has not grown from", a.node+1, head.Size)
	case !bytes.Equal(final.line(receipt.Index), receipt.Line):
		bad("at %d stands another entry in the final log", receipt.Index)
	}
}
