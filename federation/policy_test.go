package federation_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"mirnode/cluster"
)

const (
	// restPolls is how often each node is polled while nothing else may be asked of it.
	restPolls = 5
	// pollEvery is how often a node of this test asks each peer what is new, and pollShortest the least with its jitter.
	pollEvery    = 500 * time.Millisecond
	pollShortest = pollEvery / 2
)

// routine are the routes that nodes go on asking when all is at rest: what is new, and, further apart, who is there, whether a log forked, and for
// cosignatures that a peer did not give yet.
var routine = []string{"/witness/add-checkpoint", "/log/heads", "/log/forks", "/.well-known/mir-node.json", "/.well-known/mir.json", "/peers/descriptors"}

// TestPoliciesComeToRest: four nodes that do not agree on whom to mirror, one of which hears no hints, all hold what their policies let them, and then
// ask each other for nothing but what is new, though some records cannot be verified and some logs are not wanted.
func TestPoliciesComeToRest(t *testing.T) {
	t.Parallel()
	policies := [][]string{
		{"--peers-domains", "node2.test,node3.test"},                              // some
		{"--peers-domains", "node1.test,node3.test", "--peers-admission", "open"}, // all that it hears of
		{"--peers-block", "node1.test"},                                           // all but one
		withoutGossip,                                                             // all, and without gossip
	}
	mirrors := [][]int{{0, 1, 2}, {0, 1, 2, 3}, {1, 2, 3}, {0, 1, 2, 3}}
	w := startWorld(t, cluster.Options{Nodes: 4, Idle: []int{1}, Flags: func(i int) []string {
		return append([]string{"--peers-poll-every", pollEvery.String()}, policies[i]...)
	}})
	holds := func(i int) func(context.Context) error {
		return func(ctx context.Context) error { return w.holdsLogs(ctx, i, mirrors[i]) }
	}
	w.await("node3 knows node4", func(ctx context.Context) error { return w.holdsLogs(ctx, 2, []int{2, 3}) })
	w.start(1) // the open one comes last: whom it is not told of it hears of at once
	for i := range mirrors {
		w.await(w.node(i).Name+" holds the logs that it wants", holds(i))
	}

	// Claims under a key that nobody can find any more, and that one node alone has seen: they are mirrored, and stay in quarantine.
	gone := w.newShop("gone.example")
	w.must(w.c.Partition([][]int{{0}}, cluster.Reset))
	for range 20 {
		claim, err := w.claimOf(gone)
		w.must(err)
		w.mustSubmit(0, claim)
	}
	w.must(cluster.UpdatePublished(w.c.State().Dir, func(p *cluster.Published) error { delete(p.Domains, gone.domain); return nil }), w.c.Heal())
	for i := range mirrors {
		w.mustSubmit(i, w.claims(30)...)
	}
	for i := range mirrors {
		w.await(w.node(i).Name+" holds the logs that it wants", holds(i))
	}
	for _, i := range []int{1, 3} {
		w.await(w.node(i).Name+" has the claims that it cannot verify in quarantine", func(ctx context.Context) error {
			metrics, err := w.metrics(ctx, i)
			if n := metrics[fmt.Sprintf("mir_log_quarantined_records{origin=%q}", w.origin(0))]; err == nil && n != 20 {
				err = fmt.Errorf("%g are", n)
			}
			return err
		})
	}
	w.wantRest()

	// And they are at rest, not dead.
	w.mustSubmit(1, w.claims(1)...)
	for i := range mirrors {
		w.await(w.node(i).Name+" goes on", holds(i))
	}
}

// holdsLogs complains while the i-th node does not hold exactly the logs of those nodes, whole and settled.
func (w *world) holdsLogs(ctx context.Context, i int, of []int) error {
	mirrored, err := w.heads(ctx, i)
	if err != nil {
		return err
	}
	if len(mirrored) != len(of) {
		return fmt.Errorf("it holds %q", slices.Sorted(maps.Keys(mirrored)))
	}
	metrics, err := w.metrics(ctx, i)
	if err != nil {
		return err
	}
	for _, owner := range of {
		origin := w.origin(owner).String()
		own, err := w.heads(ctx, owner)
		if err != nil {
			return err
		}
		unsettled := metrics[fmt.Sprintf("mir_log_unsettled_entries{origin=%q}", origin)]
		if mirrored[origin].Root != own[origin].Root || own[origin].Size == 0 || unsettled > 0 {
			return fmt.Errorf("it holds %d of %d entries of %s, %g not settled", mirrored[origin].Size, own[origin].Size, origin, unsettled)
		}
	}
	return nil
}

// asked is what a node was asked, by route, at a time.
type asked struct {
	at      time.Time
	routes  map[string]float64
	entries float64 // of all logs that it holds
}

func (w *world) asked(ctx context.Context) (all []asked, err error) {
	for _, i := range w.everybody() {
		a := asked{at: time.Now(), routes: make(map[string]float64)}
		metrics, err := w.metrics(ctx, i)
		if err != nil {
			return nil, err
		}
		for series, n := range metrics {
			if strings.HasPrefix(series, "mir_log_entries{") {
				a.entries += n
			}
			if labels, ok := strings.CutPrefix(series, "mir_http_requests_total{"); ok {
				_, route, _ := strings.Cut(labels, `route="`)
				route, _, _ = strings.Cut(route, `"`)
				a.routes[route] += n
			}
		}
		all = append(all, a)
	}
	return all, nil
}

// restAfter is how long after a log grew others may still ask for what is new in it.
const restAfter = 5 * time.Second

// wantRest waits until nodes ask each other for nothing but routine while each is polled restPolls times, and wants that it stays so as long again,
// and that polls come no more often than they should.
func (w *world) wantRest() {
	w.t.Helper()
	var before []asked
	grew := time.Now() // when a log last grew
	rest := func(strict bool) func(context.Context) error {
		return func(ctx context.Context) error {
			now, err := w.asked(ctx)
			if err != nil {
				return err
			}
			if before == nil {
				before = now
			}
			for i := range now {
				if now[i].entries != before[i].entries { // a node has logged what it saw, which is news
					before, grew = now, now[i].at
					return fmt.Errorf("%s holds more entries than before", w.node(i).Name)
				}
			}
			for i := range now {
				for route, n := range now[i].routes {
					if more := n - before[i].routes[route]; more > 0 && !slices.Contains(routine, route) {
						before = now
						if strict && now[i].at.Sub(grew) > restAfter {
							w.t.Errorf("at rest, %s was asked for %s %g times", w.node(i).Name, route, more)
						}
						return fmt.Errorf("%s was asked for %s %g times", w.node(i).Name, route, more)
					}
				}
			}
			for i := range now {
				polls, took := now[i].routes["/log/heads"]-before[i].routes["/log/heads"], now[i].at.Sub(before[i].at)
				others := float64(len(now) - 1)
				if most := others * (float64(took/pollShortest) + 1); strict && polls > most {
					w.t.Errorf("%s was polled %g times in %v by %g others", w.node(i).Name, polls, took, others)
				}
				if polls < restPolls || took < restAfter {
					return fmt.Errorf("%s was polled only %g times", w.node(i).Name, polls)
				}
			}
			return nil
		}
	}
	w.await("the nodes come to rest", rest(false))
	before = nil
	w.await("the nodes stay at rest", rest(true))
}
