package observer_test

import (
	"context"
	"crypto/ed25519"
	"sync"
	"testing"
	"time"

	"mirnode/observer"
	"mirnode/protocol"
	"mirnode/store"
	"mirnode/translog"
)

// appended tells of each statement that a store has taken.
type appended struct {
	*store.Store
	events chan protocol.Statement
}

func (a appended) AppendStatement(ctx context.Context, st protocol.Statement) (store.Appended, error) {
	answer, err := a.Store.AppendStatement(ctx, st)
	a.events <- st
	return answer, err
}

// TestInStore runs the observer over a real store, and again over the same store: what was logged is known.
func TestInStore(t *testing.T) {
	key, w := newKey(1), newWorld(t)
	origin := protocol.Origin{Domain: node, Network: protocol.Development, Epoch: 1}
	signer, err := translog.NewSigner(origin.String(), key)
	if err != nil {
		t.Fatal(err)
	}
	s, err := store.Open(t.TempDir(), store.Options{Log: &store.LogOptions{Origin: origin, Signer: signer}})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}()
	log := appended{s, make(chan protocol.Statement, 16)}
	run := func(act func(*observer.Observer)) {
		t.Helper()
		ob, err := observer.New(observer.Options{Node: node, Network: protocol.Development, Key: key, Log: log, Keys: w})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() {
			if err := ob.Run(ctx); err != nil {
				t.Error(err)
			}
		})
		act(ob)
		cancel()
		running.Wait()
	}
	logged := func() string { return (<-log.events).(*protocol.Observation).Key.Fingerprint }
	name := func(seed byte) string { return protocol.Fingerprint(newKey(seed).Public().(ed25519.PublicKey)) }

	expires := time.Now().Add(time.Hour)
	w.report(shop, published{seed: 2, channels: inBoth, expires: expires})
	run(func(ob *observer.Observer) {
		ob.Accepted(accepted(shop))
		if logged() != name(2) {
			t.Error("logged another key")
		}
	})
	w.report(shop, published{seed: 2, channels: inBoth, expires: expires}, published{seed: 3, channels: inDNS})
	run(func(ob *observer.Observer) {
		ob.Accepted(accepted(shop))
		if logged() != name(3) {
			t.Error("logged again what the store has")
		}
	})
	found, _, err := s.Observations(t.Context(), shop, 10, "")
	if err != nil || len(found) != 2 || found[0].Key.Fingerprint != name(3) || found[0].Place.Origin != origin.String() || found[0].Place.Index != 1 {
		t.Errorf("the store has %+v, %v", found, err)
	}
}
