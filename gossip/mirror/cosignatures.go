package mirror

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"mirnode/gossip/peers"
	"mirnode/store"
	"mirnode/translog"
)

// collectedSpace is where it stands which size of our own log each peer cosigned last.
const collectedSpace = "cosigned-by"

// maxSizeAnswer bounds what a witness says with 409: a size.
const maxSizeAnswer = 32

// maxCollectWait is how long a peer that did not cosign is left alone at most.
const maxCollectWait = 10 * time.Minute

// collectState is what collecting cosignatures, and Confirm, which counts on them, remember. The zero value is ready.
type collectState struct {
	mu    sync.Mutex
	last  time.Time             // owned by mu: of the last round
	size  uint64                // owned by mu: of our log in that round
	lines map[string][]byte     // owned by mu: the cosignatures of that size, by peer
	old   map[string]uint64     // owned by mu: by peer, the size that it cosigned last
	tries map[string]collectTry // owned by mu: of peers that did not cosign when they were asked last

	confirming time.Time // owned by our own log's lock: when Confirm was first called
}

// collectTry says when a peer is asked again.
type collectTry struct {
	failed int
	next   time.Time
}

// asking is one peer being asked for a cosignature.
type asking struct {
	peer peers.Peer
	old  uint64 // the size that it is thought to know, and afterwards knows
	line []byte
}

// CollectCosignatures asks the admitted peers to cosign our own log's head, and keeps what they answer with the checkpoint, so that it says
// who vouches for it. It does nothing while the head is unchanged and cosigned by all, and nothing within CollectEvery of the last round.
// Peers that are behind or away are asked again in later rounds, less and less often. It returns how many cosigned in this round.
func (m *Mirror) CollectCosignatures(ctx context.Context) (int, error) {
	head, ok := m.store.Head(m.own.Origin.String())
	c := &m.collect
	c.mu.Lock()
	defer c.mu.Unlock()
	now := m.now()
	if !ok || head.Frozen || head.Size == 0 || head.Checkpoint.Note == nil || now.Sub(c.last) < m.limits.CollectEvery {
		return 0, nil
	}
	if err := m.loadCollected(); err != nil {
		return 0, err
	}
	if c.size != head.Checkpoint.Size {
		c.size, c.lines = head.Checkpoint.Size, make(map[string][]byte)
	}
	var round []*asking
	for _, p := range m.book.Admitted() {
		if c.lines[p.Domain] == nil && !now.Before(c.tries[p.Domain].next) {
			round = append(round, &asking{peer: p, old: c.old[p.Domain]})
		}
	}
	if len(round) == 0 {
		return 0, nil
	}
	c.last = now
	var wait sync.WaitGroup
	room := make(chan struct{}, 8) // peers that are asked at once
	for _, a := range round {
		wait.Go(func() {
			room <- struct{}{}
			defer func() { <-room }()
			if err := m.askCosignature(ctx, a, head.Checkpoint); err != nil {
				m.log.Debug("a peer did not cosign our head", "peer", a.peer.Domain, "size", head.Checkpoint.Size, "error", err)
			}
		})
	}
	wait.Wait()
	return m.keepCosignatures(ctx, head.Checkpoint, round)
}

// keepCosignatures keeps what a round brought. The caller holds collect.mu.
func (m *Mirror) keepCosignatures(ctx context.Context, head translog.Checkpoint, round []*asking) (count int, err error) {
	c := &m.collect
	for _, a := range round {
		domain := a.peer.Domain
		if c.old[domain] != a.old {
			c.old[domain] = a.old
		}
		if a.line != nil { // the size that a peer only says, with 409, is no more than its word
			if err := m.store.PutState(ctx, collectedSpace, domain, fmt.Appendf(nil, "%d %s", a.old, head.Origin)); err != nil {
				return count, stored("keeping a witness's size", err)
			}
		}
		if a.line == nil {
			failed := c.tries[domain].failed
			c.tries[domain] = collectTry{failed + 1, c.last.Add(backoff(m.limits.CollectEvery, 2, failed, maxCollectWait))}
			continue
		}
		delete(c.tries, domain)
		c.lines[domain] = a.line
		count++
	}
	if count == 0 {
		return 0, nil
	}
	signed := head
	for _, domain := range slices.Sorted(maps.Keys(c.lines)) {
		if more, err := translog.AddSignatures(signed, c.lines[domain]); err == nil { // else there is no room for more
			signed = more
		}
	}
	m.stats.cosignatures.Add(uint64(count))
	return count, stored("keeping cosignatures", m.store.SetCosignatures(ctx, head.Origin, head.Size, signed.Note))
}

// askCosignature asks one peer, building on the size that it is thought to know.
func (m *Mirror) askCosignature(ctx context.Context, a *asking, c translog.Checkpoint) error {
	verifier, err := translog.NewCosignatureVerifier(a.peer.Origin.String(), a.peer.LogKey)
	if err != nil {
		return err
	}
	for range 2 { // once more with the size that the peer says
		if a.old > c.Size {
			return fmt.Errorf("it cosigned %d entries of this log, which has %d", a.old, c.Size)
		}
		proof, err := translog.ConsistencyProof(ctx, m.store.Tiles(c.Origin), a.old, c.Size)
		if err != nil {
			return stored("proving our own log", err)
		}
		body := translog.AddCheckpoint{OldSize: a.old, Proof: proof, Note: c.Note}.Marshal()
		answer, err := m.post(ctx, a.peer, "/witness/add-checkpoint", "text/plain; charset=utf-8", body, translog.MaxCheckpointBytes)
		status, refused := errors.AsType[*peers.StatusError](err)
		if refused && status.Code == http.StatusConflict {
			size, err := strconv.ParseUint(strings.TrimSpace(string(status.Body[:min(len(status.Body), maxSizeAnswer)])), 10, 64)
			if err != nil || size == a.old {
				return errors.New("it refused without saying which size it knows")
			}
			a.old = size
			continue
		}
		if err != nil {
			return err
		}
		line, _, err := translog.VerifyCosignature(c, answer, verifier)
		if err != nil {
			return m.lied(a.peer.Domain, "it answered no cosignature of its own: %v", err)
		}
		a.old, a.line = c.Size, line
		return nil
	}
	return errors.New("it named two sizes that it knows")
}

// loadCollected reads what the peers cosigned before. The caller holds collect.mu.
func (m *Mirror) loadCollected() error {
	if m.collect.old != nil {
		return nil
	}
	head, _ := m.store.Head(m.own.Origin.String())
	old, err := m.cosignedBy(head)
	if err != nil {
		return err
	}
	m.collect.old, m.collect.tries = old, make(map[string]collectTry)
	return nil
}

// cosignedBy reads which size of our own log each peer cosigned last, by domain.
func (m *Mirror) cosignedBy(head store.Head) (map[string]uint64, error) {
	kept, err := m.store.State(collectedSpace)
	if err != nil {
		return nil, stored("reading the witnesses' sizes", err)
	}
	sizes := make(map[string]uint64, len(kept))
	for domain, value := range kept {
		text, origin, _ := strings.Cut(string(value), " ")
		if size, err := strconv.ParseUint(text, 10, 64); err == nil && size <= head.Size && origin == head.Origin { // else of an earlier epoch
			sizes[domain] = size
		}
	}
	return sizes, nil
}
