package federation_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"mirnode/cluster"
	"mirnode/protocol"
	"mirnode/translog"
)

var chaosSeed = flag.Uint64("chaos-seed", 0, "seed of what goes wrong in TestChaos; 0: a new one")

const (
	chaosNodes = 4
	chaosTime  = 35 * time.Second // of things going wrong
	chaosPace  = 15 * time.Millisecond
	// clientPatience is when a client gives a node up, and goes to another one.
	clientPatience = time.Second
	// stepPatience is when the next thing goes wrong although no client gets an answer.
	stepPatience = 800 * time.Millisecond
)

// answered is a claim that a node promised to keep, and its proof.
type answered struct {
	node   int
	claim  *protocol.Claim
	answer submitted
}

// chaos is a federation that things happen to, and its clients.
type chaos struct {
	*world
	random *rand.Rand
	down   map[int]bool // nodes that were killed, or are paused (true)
	done   []string     // what happened

	answers atomic.Int64
	mu      sync.Mutex
	kept    []answered // guarded by mu
}

// TestChaos kills nodes, freezes them and cuts the network between them, again and again, while clients submit to all. In the end nothing that was
// answered is lost, all nodes hold the same, every receipt holds, and nobody looks like a forger.
func TestChaos(t *testing.T) {
	seed := *chaosSeed
	for seed == 0 {
		seed = rand.Uint64()
	}
	t.Logf("-chaos-seed %d", seed)
	c := &chaos{world: startWorld(t, cluster.Options{Nodes: chaosNodes}), random: rand.New(rand.NewPCG(seed, 0)), down: make(map[int]bool)}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("what happened: %q", c.done)
		}
	})
	ctx, cancel := context.WithTimeout(t.Context(), chaosTime)
	defer cancel()
	var clients sync.WaitGroup
	for client := range chaosNodes {
		random := rand.New(rand.NewPCG(seed, uint64(client)+1))
		clients.Go(func() { c.submitAtRandom(ctx, random) })
	}
	for ctx.Err() == nil {
		c.goWrong()
		c.pass(ctx, int64(c.random.IntN(100)))
	}
	clients.Wait()
	c.mend()
	t.Logf("%d claims answered, %d events", len(c.kept), len(c.done))
	if len(c.kept) < 100 {
		t.Fatalf("only %d claims were answered: the nodes were not there", len(c.kept))
	}
	everybody := c.everybody()
	c.awaitAgreement(everybody)
	records := c.wantSameRecords(everybody)
	var claims []*protocol.Claim
	for _, k := range c.kept {
		if hash := k.claim.RecordHash(); !records[fmt.Sprintf("%x", hash)] {
			t.Errorf("claim %s, which %s promised to keep, is in no log", k.claim.ID(), c.node(k.node).Name)
		}
		claims = append(claims, k.claim)
	}
	c.wantClaimsBy(everybody, claims, "discovery", "quorum") // a node that was frozen in the middle of a look-up had no answer in time
	for _, i := range everybody {
		c.wantReceipts(i, c.kept)
		c.wantNoForks(i)
	}
	c.wantVerified(everybody)
}

// pass waits until clients got so many answers more.
func (c *chaos) pass(ctx context.Context, answers int64) {
	ctx, cancel := context.WithTimeout(ctx, stepPatience)
	defer cancel()
	until := c.answers.Load() + answers
	tick := time.NewTicker(look)
	defer tick.Stop()
	for c.answers.Load() < until {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// goWrong does one thing at random.
func (c *chaos) goWrong() {
	i := c.random.IntN(chaosNodes)
	for c.isDown(i) == (len(c.down) < 2) && c.random.IntN(3) > 0 {
		i = c.random.IntN(chaosNodes) // most of the time most nodes are there
	}
	paused, isDown := c.down[i]
	var what string
	var err error
	switch choice := c.random.IntN(10); {
	case isDown && paused && choice < 8:
		what, err = "resume", c.c.Resume(i)
		delete(c.down, i)
	case isDown && !paused && choice < 2:
		what = "kill while it starts"
		ctx, cancel := context.WithTimeout(c.t.Context(), time.Duration(c.random.IntN(150))*time.Millisecond)
		if c.c.Start(ctx, i) == nil {
			delete(c.down, i)
		}
		cancel()
	case isDown && !paused && choice < 8:
		what, err = "start", c.c.Start(c.t.Context(), i)
		delete(c.down, i)
	case choice < 5 && !paused && !isDown:
		what, err = "kill", c.c.Kill(i)
		c.down[i] = false
	case choice == 5 && !isDown:
		what, err = "pause", c.c.Pause(i)
		c.down[i] = true
	case choice < 8:
		groups := make([][]int, 2)
		for n := range chaosNodes {
			side := c.random.IntN(2)
			groups[side] = append(groups[side], n)
		}
		if len(groups[0]) == 0 || len(groups[1]) == 0 {
			groups = [][]int{{i}}
		}
		how := []cluster.Break{cluster.Silent, cluster.Reset}[c.random.IntN(2)]
		what, err = fmt.Sprint("partition ", groups, how), c.c.Partition(groups, how)
	default:
		what, err = "heal", c.c.Heal()
	}
	c.done = append(c.done, fmt.Sprintf("%s node%d", what, i+1))
	c.must(err)
}

func (c *chaos) isDown(i int) bool {
	_, isDown := c.down[i]
	return isDown
}

// mend makes all whole.
func (c *chaos) mend() {
	c.t.Helper()
	c.must(c.c.Heal())
	for i, paused := range c.down {
		if paused {
			c.must(c.c.Resume(i))
		} else {
			c.must(c.c.Start(c.t.Context(), i))
		}
	}
	for _, i := range c.everybody() {
		c.awaitOpen(i)
	}
}

// submitAtRandom submits claims until ctx ends, each to any node, and to another one while there is no answer.
func (c *chaos) submitAtRandom(ctx context.Context, random *rand.Rand) {
	tick := time.NewTicker(chaosPace)
	defer tick.Stop()
	for {
		claim, err := c.claimOf(c.domains[random.IntN(len(c.domains))])
		if err != nil {
			c.t.Error(err)
			return
		}
		for kept := false; !kept; {
			select {
			case <-tick.C:
			case <-ctx.Done():
				return
			}
			kept = c.try(ctx, random.IntN(chaosNodes), claim)
		}
	}
}

// try submits a claim once, and remembers what a node answered.
func (c *chaos) try(ctx context.Context, node int, claim *protocol.Claim) bool {
	ctx, cancel := context.WithTimeout(ctx, clientPatience)
	defer cancel()
	answer, status, err := c.submit(ctx, node, claim)
	if err != nil {
		if errors.Is(err, errNotKept) && status < http.StatusInternalServerError && status != http.StatusTooManyRequests {
			c.t.Errorf("a good claim was refused: %v", err)
		}
		return false
	}
	c.mu.Lock()
	c.kept = append(c.kept, answered{node, claim, answer})
	c.mu.Unlock()
	c.answers.Add(1)
	return true
}

// wantReceipts holds the receipts that the i-th node gave to its final log: each is signed by it, its entry stands at its index, and the tree that it was
// proved in is one that the log has grown from.
func (w *world) wantReceipts(i int, kept []answered) {
	w.t.Helper()
	lines, _, err := w.entries(w.t.Context(), i, w.origin(i).String())
	w.must(err)
	roots := make([]translog.Hash, 1, len(lines)+1)
	var tree translog.Frontier
	roots[0] = tree.Root()
	for _, line := range lines {
		tree.Append(translog.LeafHash(line))
		roots = append(roots, tree.Root())
	}
	v, checked := w.verifier(i), 0
	for _, k := range kept {
		if k.node != i {
			continue
		}
		checked++
		receipt, err := translog.ParseReceipt([]byte(k.answer.Receipt))
		if err != nil {
			w.t.Errorf("%s: %v", k.claim.ID(), err)
			continue
		}
		entry, checkpoint, err := receipt.Verify(v)
		switch {
		case err != nil:
			w.t.Errorf("%s: %v", k.claim.ID(), err)
		case entry.Record != k.claim.RecordHash() || receipt.Index != k.answer.Index || k.answer.Origin != w.origin(i).String():
			w.t.Errorf("the receipt of %s is about record %x at %d, the answer said %d of %s", k.claim.ID(), entry.Record, receipt.Index, k.answer.Index, k.answer.Origin)
		case checkpoint.Size > uint64(len(lines)) || checkpoint.Root != roots[checkpoint.Size]:
			w.t.Errorf("%s forked: a receipt's head of %d entries is not that of its final log of %d", w.node(i).Name, checkpoint.Size, len(lines))
		case string(lines[receipt.Index]) != string(receipt.Entry):
			w.t.Errorf("at %d of %s stands %s, a receipt promised %s", receipt.Index, w.node(i).Name, lines[receipt.Index], receipt.Entry)
		}
	}
	w.t.Logf("%s: %d receipts hold, of a log of %d", w.node(i).Name, checked, len(lines))
}

// wantNoForks wants that the i-th node knows of none.
func (w *world) wantNoForks(i int) {
	w.t.Helper()
	var answer struct{ Forks []any }
	if err := w.read(w.t.Context(), i, "/log/forks", &answer); err != nil || len(answer.Forks) > 0 {
		w.t.Errorf("%s: forks %v, %v", w.node(i).Name, answer.Forks, err)
	}
}
