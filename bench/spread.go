package bench

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"mirnode/cluster"
	"mirnode/protocol"
)

const (
	// spreadLook is how soon a claim is asked for again at a node that does not have it yet. Later looks wait a fifth of the time that has passed, so that
	// asking does not keep the nodes from their work: the figures are that coarse.
	spreadLook = 10 * time.Millisecond
	// spreadPause is the time between two claims, for each node: all nodes are asked for every claim, on the cores that they share.
	spreadPause = 10 * time.Millisecond
	// spreadFirst is how many claims go before those that are counted: enough for each of the corpus's domains to be seen.
	spreadFirst = 6 * corpusDomains
	// spreadPatience is when a claim that is not there counts as lost.
	spreadPatience = 30 * time.Second
)

// federation starts a cluster of so many nodes that knows the corpus's domains, in a folder of that name.
func (w *workshop) federation(ctx context.Context, name string, nodes int) (*cluster.Cluster, error) {
	c, err := cluster.Start(ctx, cluster.Options{
		Dir: filepath.Join(w.dir, name), Nodes: nodes, Program: w.Program,
		// A cluster's nodes forget keys after a second; those on the internet keep them for an hour.
		Flags: func(int) []string {
			return []string{"--discovery-max-ttl", "1h", "--discovery-default-ttl", "1h", "--discovery-min-ttl", "1h"}
		},
	})
	if err != nil {
		return nil, err
	}
	err = cluster.UpdatePublished(c.State().Dir, func(p *cluster.Published) error {
		for d, key := range w.corpus.keys {
			p.Domain(w.corpus.domain(d)).SetKey(cluster.Key{
				Public: protocol.EncodePublicKey(key.Public().(ed25519.PublicKey)), Channels: []protocol.Channel{protocol.DNS, protocol.WellKnown},
			})
		}
		return nil
	})
	if err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return c, nil
}

// benchSpread measures how long a claim that one node accepted takes to be readable at all others, one at a time for each of w.Spread claims.
func benchSpread(ctx context.Context, w *workshop) (all []Measurement, err error) {
	for _, nodes := range w.Nodes {
		times, err := w.spread(ctx, nodes)
		if err != nil {
			return nil, err
		}
		slices.Sort(times)
		at := func(share float64) time.Duration { return times[int(share*float64(len(times)-1))] }
		name := fmt.Sprintf("%d nodes, from a claim's answer until all others have it: ", nodes)
		all = append(all,
			Measurement{Name: name + "median", Value: milliseconds(at(0.5)), Unit: "ms", Target: "≤ 1,000 ms", Met: at(0.5) <= time.Second},
			Measurement{Name: name + "p99", Value: milliseconds(at(0.99)), Unit: "ms", Met: true},
			Measurement{Name: name + "longest", Value: milliseconds(at(1)), Unit: "ms", Met: true})
	}
	return all, nil
}

func (w *workshop) spread(ctx context.Context, nodes int) (_ []time.Duration, err error) {
	c, err := w.federation(ctx, fmt.Sprintf("spread-%d", nodes), nodes)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	claims, err := w.corpus.claims(ctx, 0, w.Spread+spreadFirst)
	if err != nil {
		return nil, err
	}
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}, Timeout: spreadPatience}
	defer client.CloseIdleConnections()
	urls := urlsOf(c)
	if err := warmUp(ctx, client, urls, claims[:spreadFirst]); err != nil {
		return nil, err
	}
	claims = claims[spreadFirst:]
	times := make([]time.Duration, len(claims))
	group, ctx := errgroup.WithContext(ctx)
	tick := time.NewTicker(time.Duration(nodes) * spreadPause)
	defer tick.Stop()
	for i, claim := range claims {
		select {
		case <-ctx.Done():
			return nil, group.Wait()
		case <-tick.C:
		}
		group.Go(func() (err error) {
			times[i], err = reach(ctx, client, urls, i%nodes, claim)
			return err
		})
	}
	return times, group.Wait()
}

// ready waits until every node takes claims: first its peers confirm where its log ends.
func ready(ctx context.Context, client *http.Client, urls []string) error {
	ctx, cancel := context.WithTimeout(ctx, spreadPatience)
	defer cancel()
	for _, url := range urls {
		for {
			status, body, err := send(ctx, client, http.MethodGet, url+"/readyz", nil)
			if err != nil {
				return err
			}
			if status == http.StatusOK {
				break
			}
			select {
			case <-time.After(catchUpLook):
			case <-ctx.Done():
				return fmt.Errorf("%s takes no claims: %s", url, body)
			}
		}
	}
	return nil
}

// warmUp lets every node see claims of every domain: connections are open then, and keys found. It waits until all have them.
func warmUp(ctx context.Context, client *http.Client, urls []string, claims []*protocol.Claim) error {
	if err := ready(ctx, client, urls); err != nil {
		return err
	}
	if err := sendBatches(ctx, client, urls[0], claims); err != nil {
		return err
	}
	for _, url := range urls[1:] {
		if err := holds(ctx, client, url, len(claims)); err != nil {
			return err
		}
	}
	return nil
}

func urlsOf(c *cluster.Cluster) []string {
	var urls []string
	for _, node := range c.State().Nodes {
		urls = append(urls, node.URL)
	}
	return urls
}

// reach submits a claim to one node, and returns how long after the answer the last of the others had it.
func reach(ctx context.Context, client *http.Client, urls []string, home int, claim *protocol.Claim) (time.Duration, error) {
	status, body, err := send(ctx, client, http.MethodPost, urls[home]+"/claims", claim.Raw())
	if err == nil && status != http.StatusCreated {
		err = fmt.Errorf("a claim was answered %d: %s", status, body)
	}
	if err != nil {
		return 0, err
	}
	answered := time.Now()
	group, ctx := errgroup.WithContext(ctx)
	for i, url := range urls {
		if i == home {
			continue
		}
		group.Go(func() error { return await(ctx, client, url+"/claims/"+claim.ID()) })
	}
	err = group.Wait()
	return time.Since(answered), err
}

// await asks until there is an answer of 200.
func await(ctx context.Context, client *http.Client, url string) error {
	ctx, cancel := context.WithTimeout(ctx, spreadPatience)
	defer cancel()
	for began := time.Now(); ; {
		status, body, err := send(ctx, client, http.MethodGet, url, nil)
		switch {
		case err != nil:
			return err
		case status == http.StatusOK:
			return nil
		case status != http.StatusNotFound:
			return fmt.Errorf("%s was answered %d: %s", url, status, body)
		}
		select {
		case <-time.After(max(spreadLook, time.Since(began)/5)):
		case <-ctx.Done():
			return fmt.Errorf("%s is not there after %v: %w", url, spreadPatience, ctx.Err())
		}
	}
}

// send sends one request and reads its whole answer.
func send(ctx context.Context, client *http.Client, method, url string, body []byte) (int, []byte, error) {
	request, err := http.NewRequestWithContext(ctx, method, url, bytes.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	answer, err := client.Do(request)
	if err != nil {
		return 0, nil, err
	}
	read, err := io.ReadAll(io.LimitReader(answer.Body, 64<<20))
	return answer.StatusCode, read, errors.Join(err, answer.Body.Close())
}
