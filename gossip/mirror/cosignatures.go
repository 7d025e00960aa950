package mirror

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"mirnode/gossip/peers"
	"mirnode/translog"
)

// collectedSpace is where it stands which size of our own log each peer cosigned last.
const collectedSpace = "cosigned-by"

// maxSizeAnswer bounds what a witness says with 409: a size.
const maxSizeAnswer = 32

// collectState is what collecting cosignatures remembers. The zero value is ready.
type collectState struct {
	mu   sync.Mutex
	last time.Time         // owned by mu: of the last round
	size uint64            // owned by mu: of our log in that round
	full bool              // owned by mu: all peers cosigned it
	old  map[string]uint64 // owned by mu: by peer, the size that it cosigned last
}

// CollectCosignatures asks the admitted peers to cosign our own log's head, and keeps what they answer with the checkpoint, so that it says
// who vouches for it. It does nothing while the head is unchanged and cosigned, and nothing within CollectEvery of the last round. Peers that
// are behind or away are left out until the next round. It returns how many cosigned.
func (m *Mirror) CollectCosignatures(ctx context.Context) (int, error) {
	own := m.own.Origin.String()
	head, ok := m.store.Head(own)
	c := &m.collect
	c.mu.Lock()
	defer c.mu.Unlock()
	now := m.now()
	if !ok || head.Frozen || head.Checkpoint.Note == nil || head.Size == 0 || head.Size == c.size && c.full || now.Sub(c.last) < m.limits.CollectEvery {
		return 0, nil
	}
	if err := m.loadCollected(); err != nil {
		return 0, err
	}
	c.last, c.size = now, head.Checkpoint.Size
	all := m.book.Admitted()
	lines := make([][]byte, len(all))
	sizes := make([]uint64, len(all))
	for i, p := range all {
		sizes[i] = c.old[p.Domain]
	}
	var wait sync.WaitGroup
	room := make(chan struct{}, 8) // peers that are asked at once
	for i, p := range all {
		wait.Go(func() {
			room <- struct{}{}
			defer func() { <-room }()
			line, err := m.askCosignature(ctx, p, head.Checkpoint, &sizes[i])
			if err != nil {
				m.log.Debug("a peer did not cosign our head", "peer", p.Domain, "size", head.Checkpoint.Size, "error", err)
			}
			lines[i] = line
		})
	}
	wait.Wait()
	return m.keepCosignatures(ctx, head.Checkpoint, all, lines, sizes)
}

// keepCosignatures adds the lines that came to the checkpoint. The caller holds collect.mu.
func (m *Mirror) keepCosignatures(ctx context.Context, c translog.Checkpoint, all []peers.Peer, lines [][]byte, sizes []uint64) (int, error) {
	signed, count := c, 0
	for i, line := range lines {
		if m.collect.old[all[i].Domain] != sizes[i] {
			m.collect.old[all[i].Domain] = sizes[i]
			if err := m.store.PutState(ctx, collectedSpace, all[i].Domain, strconv.AppendUint(nil, sizes[i], 10)); err != nil {
				return count, stored("keeping a witness's size", err)
			}
		}
		if line == nil {
			continue
		}
		if more, err := translog.AddSignatures(signed, line); err == nil {
			signed = more
			count++
		}
	}
	m.collect.full = count == len(all)
	if count == 0 {
		return 0, nil
	}
	m.stats.cosignatures.Add(uint64(count))
	return count, stored("keeping cosignatures", m.store.SetCosignatures(ctx, c.Origin, c.Size, signed.Note))
}

// askCosignature asks one peer, building on the size that it is thought to know; old is set to what it knows after the call.
func (m *Mirror) askCosignature(ctx context.Context, p peers.Peer, c translog.Checkpoint, old *uint64) ([]byte, error) {
	verifier, err := translog.NewCosignatureVerifier(p.Origin.String(), p.LogKey)
	if err != nil {
		return nil, err
	}
	for range 2 { // once more with the size that the peer says
		if *old > c.Size {
			return nil, fmt.Errorf("it cosigned %d entries of this log, which has %d", *old, c.Size)
		}
		proof, err := translog.ConsistencyProof(ctx, m.store.Tiles(c.Origin), *old, c.Size)
		if err != nil {
			return nil, stored("proving our own log", err)
		}
		body := translog.AddCheckpoint{OldSize: *old, Proof: proof, Note: c.Note}.Marshal()
		answer, err := m.post(ctx, p, "/witness/add-checkpoint", "text/plain; charset=utf-8", body, translog.MaxCheckpointBytes)
		status, refused := errors.AsType[*peers.StatusError](err)
		if refused && status.Code == http.StatusConflict {
			size, err := strconv.ParseUint(strings.TrimSpace(string(status.Body[:min(len(status.Body), maxSizeAnswer)])), 10, 64)
			if err != nil || size == *old {
				return nil, errors.New("it refused without saying which size it knows")
			}
			*old = size
			continue
		}
		if err != nil {
			return nil, err
		}
		line, _, err := translog.VerifyCosignature(c, answer, verifier)
		if err != nil {
			return nil, m.lied(p.Domain, "it answered no cosignature of its own: %v", err)
		}
		*old = c.Size
		return line, nil
	}
	return nil, errors.New("it named two sizes that it knows")
}

// loadCollected reads what the peers cosigned before. The caller holds collect.mu.
func (m *Mirror) loadCollected() error {
	if m.collect.old != nil {
		return nil
	}
	kept, err := m.store.State(collectedSpace)
	if err != nil {
		return stored("reading the witnesses' sizes", err)
	}
	m.collect.old = make(map[string]uint64, len(kept))
	for domain, value := range kept {
		if size, err := strconv.ParseUint(string(value), 10, 64); err == nil {
			m.collect.old[domain] = size
		}
	}
	return nil
}
