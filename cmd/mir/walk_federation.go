package main

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	sumdb "golang.org/x/mod/sumdb/note"

	"mirnode/cluster"
	"mirnode/gossip/peers"
	"mirnode/protocol"
	"mirnode/translog"
)

// maxNodesTold is how many nodes the walk tells of one by one.
const maxNodesTold = 4

// readElsewhere waits until each of the other nodes answers with the claim, and tells how long that took since it was taken.
func (w *walk) readElsewhere(ctx context.Context) error {
	last := w.others[len(w.others)-1]
	path := "/claims/" + w.claim.ID()
	w.line("GET", last.URL+path)
	answers, took, failed := make([]claimAnswer, len(w.others)), make([]time.Duration, len(w.others)), make([]error, len(w.others))
	var all sync.WaitGroup
	for i, node := range w.others {
		all.Go(func() { answers[i], took[i], failed[i] = w.awaitClaim(ctx, node, path) })
	}
	all.Wait()
	if err := firstOf(failed); err != nil {
		return err
	}
	w.result.Reached = make(map[string]float64)
	for i, node := range w.others {
		if err := w.check(answers[i]); err != nil {
			return fmt.Errorf("%s: %w", node.Domain, err)
		}
		w.result.Reached[node.Domain] = float64(took[i].Microseconds()) / 1000
		if len(w.others) <= maxNodesTold {
			w.line("", fmt.Sprintf("%s had it %s after %s took it", node.Domain, inShort(took[i]), w.node.Domain))
		}
	}
	if len(w.others) > maxNodesTold {
		w.line("", fmt.Sprintf("the others had it %s to %s after %s took it", inShort(slices.Min(took)), inShort(slices.Max(took)), w.node.Domain))
	}
	answer := answers[len(answers)-1]
	w.line(answered(http.StatusOK), "the very bytes that were signed")
	w.line("verified by", fmt.Sprintf("%s (key found in %s)", answer.Verified.By, strings.Join(answer.Verified.Channels, " and ")))
	return w.findBySubject(ctx, w.others[0])
}

// firstOf sums up what went wrong with several nodes.
func firstOf(failed []error) error {
	failed = slices.DeleteFunc(failed, func(err error) bool { return err == nil })
	switch len(failed) {
	case 0:
		return nil
	case 1:
		return failed[0]
	}
	return fmt.Errorf("%w (and so with %s more)", failed[0], plural(len(failed)-1, "node"))
}

func inShort(d time.Duration) string { return d.Round(time.Millisecond).String() }

// awaitClaim asks a node until it has the claim.
func (w *walk) awaitClaim(ctx context.Context, node cluster.Node, path string) (answer claimAnswer, took time.Duration, err error) {
	ctx, cancel := context.WithTimeout(ctx, w.patience())
	defer cancel()
	for {
		status, body, err := w.request(ctx, node, http.MethodGet, path, nil)
		took = time.Since(w.accepted)
		if err == nil && status != http.StatusNotFound {
			return answer, took, expect(status, http.StatusOK, body, &answer)
		}
		if !w.pause(ctx) {
			return answer, took, fmt.Errorf("%s has not got the claim within %v", node.Domain, w.patience())
		}
	}
}

// nodeVerifier makes a verifier of the node's log from a key that its domain publishes.
func (w *walk) nodeVerifier(ctx context.Context, signed []byte) (sumdb.Verifier, protocol.DomainKey, error) {
	report, err := w.discoverer.Keys(ctx, w.node.Domain)
	if err != nil {
		return nil, protocol.DomainKey{}, err
	}
	origin := w.origin().String()
	for _, key := range report.Keys {
		v, err := translog.NewVerifier(origin, key.Public)
		if err != nil {
			return nil, key, err
		}
		if _, err := translog.ParseCheckpoint(signed, v); err == nil {
			return v, key, nil
		}
	}
	return nil, protocol.DomainKey{}, fmt.Errorf("the log's head is signed by no key that %s publishes", w.node.Domain)
}

func (w *walk) origin() protocol.Origin {
	return protocol.Origin{Domain: w.node.Domain, Network: protocol.Development, Epoch: 1}
}

// verifyReceipt checks the node's promise by the node's key alone.
func (w *walk) verifyReceipt(ctx context.Context) error {
	receipt, err := translog.ParseReceipt(w.receipt)
	if err != nil {
		return err
	}
	v, key, err := w.nodeVerifier(ctx, receipt.Checkpoint)
	if err != nil {
		return err
	}
	entry, head, err := receipt.Verify(v)
	if err != nil {
		return err
	}
	if entry.Kind != protocol.KindClaim || entry.Record != w.claim.RecordHash() || receipt.Index != w.entry {
		return errors.New("the receipt is about another record")
	}
	w.line("it proves", fmt.Sprintf("the claim is entry %d of %s, taken at %s", receipt.Index, head.Origin, entry.IngestedAt.Format(time.RFC3339)))
	w.line("signed by", fmt.Sprintf("%s…, found in %s", key.Fingerprint[:16], channelWords(key.Channels)))
	w.line("verdict", w.paint.green("the receipt holds")+", and the node was not asked")
	return nil
}

func channelWords(channels []protocol.Channel) string {
	words := make([]string, len(channels))
	for i, channel := range channels {
		words[i] = string(channel)
	}
	return strings.Join(words, " and ")
}

// askPeers asks a node about its peers of this run.
func (w *walk) askPeers(ctx context.Context, node cluster.Node) ([]peers.Status, error) {
	status, body, err := w.request(ctx, node, http.MethodGet, "/peers", nil)
	if err != nil {
		return nil, err
	}
	var answer knownPeers
	err = expect(status, http.StatusOK, body, &answer)
	return answer.of(w.state.Nodes).Peers, err
}

// awaitStep waits until a node is in contact with all others, and has all that they have.
func (w *walk) awaitStep(ctx context.Context, node cluster.Node) ([]peers.Status, error) {
	ctx, cancel := context.WithTimeout(ctx, w.patience())
	defer cancel()
	for {
		known, err := w.askPeers(ctx, node)
		behind := slices.ContainsFunc(known, func(p peers.Status) bool {
			return !p.Admitted || p.LastContact.IsZero() || p.Failures > 0 || p.LagEntries > 0
		})
		if err == nil && len(known) == len(w.others) && !behind {
			return known, nil
		}
		if !w.pause(ctx) {
			return known, fmt.Errorf("%s is not in step with its peers after %v: %s", node.Domain, w.patience(), knownPeers{Peers: known}.inWords(nil))
		}
	}
}

// meet waits until the nodes have found each other, so that what follows shows how they are and not how they begin.
func (w *walk) meet(ctx context.Context) error {
	if len(w.others) == 0 {
		return nil
	}
	began := time.Now()
	failed := make([]error, len(w.state.Nodes))
	var all sync.WaitGroup
	for i, node := range w.state.Nodes {
		all.Go(func() { _, failed[i] = w.awaitStep(ctx, node) })
	}
	all.Wait()
	if err := firstOf(failed); err != nil {
		return fmt.Errorf("the nodes do not find each other: %w", err)
	}
	w.line("", fmt.Sprintf("each found the others, %s later", inShort(time.Since(began))))
	return nil
}

// lookAtPeers shows how a node stands with its peers, as soon as it has all that they have.
func (w *walk) lookAtPeers(ctx context.Context) error {
	node := w.others[len(w.others)-1]
	w.line("GET", node.URL+"/peers")
	known, err := w.awaitStep(ctx, node)
	if err != nil {
		return err
	}
	for i, p := range known {
		if i == maxNodesTold {
			w.line("", fmt.Sprintf("and %d more", len(known)-i))
			break
		}
		w.line(p.Domain, fmt.Sprintf("%s; %s of its log mirrored here, %s behind", p.State, inEntries(p.MirroredSize), inEntries(p.LagEntries)))
	}
	return nil
}

func inEntries(n uint64) string {
	if n == 1 {
		return "1 entry"
	}
	return fmt.Sprintf("%d entries", n)
}

// verifyLog re-reads the node's log from another node's mirror, and recomputes all of it.
func (w *walk) verifyLog(ctx context.Context) error {
	mirror := w.others[0]
	base, err := url.Parse(mirror.URL)
	if err != nil {
		return err
	}
	hash := w.origin().Hash()
	prefix := "mirror/" + hex.EncodeToString(hash[:])
	w.line("GET", fmt.Sprintf("%s/%s/checkpoint", mirror.URL, prefix)+", and the tiles beside it")
	log, v, err := w.awaitHead(ctx, &nodeClient{base: base, http: w.api}, prefix)
	if err != nil {
		return err
	}
	report, err := translog.Audit(ctx, log, v, translog.AuditOptions{CheckTiles: true})
	if err != nil {
		return err
	}
	w.line("it holds", fmt.Sprintf("%s in %s; their root is the one that %s signed", inEntries(report.Entries), plural(int(report.Tiles), "tile"), w.node.Domain))
	w.line("verdict", w.paint.green("the log verifies")+fmt.Sprintf(": nothing is missing, changed or out of order (root %x…)", report.Checkpoint.Root[:8]))
	return nil
}

// awaitHead waits until the mirror has a signed head that covers the claim.
func (w *walk) awaitHead(ctx context.Context, client *nodeClient, prefix string) (*logSource, sumdb.Verifier, error) {
	ctx, cancel := context.WithTimeout(ctx, w.patience())
	defer cancel()
	for {
		log := newLogSource(client, prefix, w.origin().String())
		signed, err := log.Checkpoint(ctx)
		if err == nil {
			var v sumdb.Verifier
			if v, _, err = w.nodeVerifier(ctx, signed); err == nil {
				head, _ := translog.ParseCheckpoint(signed, v) // nodeVerifier has done so
				if head.Size > w.entry {
					return log, v, nil
				}
				err = fmt.Errorf("the mirror's head has %s, and the claim is entry %d", inEntries(head.Size), w.entry)
			}
		}
		if !w.pause(ctx) {
			return nil, nil, err
		}
	}
}
