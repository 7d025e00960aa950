package store_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"

	"mirnode/protocol"
	"mirnode/store"
	"mirnode/translog"
)

// A flood of what strangers' logs bring does not keep this node's own clients waiting, nor does a flood of clients shut mirrors out. Merges are of
// few claims, so that the tables are crowded nearly all the time.
func TestMirrorsComeAfterClientsAndStill(t *testing.T) {
	s := open(t, t.TempDir(), withLog(store.Options{MergeClaims: 16}))
	ctx, stop := context.WithCancel(t.Context())
	var mirrored atomic.Int64
	var all sync.WaitGroup
	for n := range 8 {
		other := newOtherLog(string(rune('a'+n)) + ".example")
		if err := s.OpenMirror(t.Context(), other.origin); err != nil {
			t.Fatal(err)
		}
		all.Go(func() {
			for id := uint64(n+1) << 32; ctx.Err() == nil; id += 50 {
				if err := flood(ctx, s, other, id); err != nil && ctx.Err() == nil {
					t.Error(err)
					return
				}
				mirrored.Add(50)
			}
		})
	}
	answered := 0
	for id := uint64(0); answered < 60 || mirrored.Load() < 200; id++ {
		if a := mustAppend(t, s, made{id: id}.claim(t))[0]; a.Index != id {
			t.Fatalf("%+v", a)
		}
		answered++
	}
	stop()
	all.Wait()
	checkLog(t, s, home)
	t.Logf("%d claims of clients, one at a time, beside %d of mirrors", answered, mirrored.Load())
}

// flood brings 50 claims of another log.
func flood(ctx context.Context, s *store.Store, other *otherLog, from uint64) error {
	var outcomes []store.Outcome
	start := uint64(len(other.entries))
	for id := from; id < from+50; id++ {
		claim, err := protocol.ParseClaim(made{id: id, padding: 100}.document())
		if err != nil {
			return err
		}
		other.add(claim)
		outcomes = append(outcomes, store.Outcome{Index: uint64(len(other.entries)) - 1, State: store.Held, Record: claim})
	}
	c, err := translog.SignCheckpoint(mustSigner(other.origin), other.tree.Size(), other.tree.Root())
	if err != nil {
		return err
	}
	return errors.Join(s.AppendEntries(ctx, other.name(), start, other.entries[start:], c.Root, &c), s.Settle(ctx, other.name(), start, outcomes))
}
