package assertions_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"mirnode/accounts"
	"mirnode/assertions"
	"mirnode/protocol"
)

// leaving are accounts at which the client goes away when its write begins, and which look at the end of it.
type leaving struct {
	leave    context.CancelFunc
	released func()
}

func (*leaving) May(string, accounts.Action) error { return nil }

func (l *leaving) Steady(context.Context, string) (func(), error) {
	l.leave()
	return l.released, nil
}

// Until the store has answered, the issuer's record must stay as it is, and so must what was checked: a write that has begun is finished.
func TestAWriteThatHasBegunIsFinished(t *testing.T) {
	w := newWorld(t)
	i := w.issuer()
	l := new(leaving)
	w.service = w.serviceWith(l)
	ctx := func() context.Context {
		ctx, cancel := context.WithCancel(t.Context())
		l.leave = cancel
		return ctx
	}
	releases := 0
	created := i.submission(i.payload(protocol.IssuedBy, artifact(1)))
	payload, err := protocol.ParsePayload(created.Payload)
	must(t, err)
	created.Note = "for us"
	l.released = func() {
		releases++
		_, err := w.store.Assertion(context.Background(), payload.IDHash())
		must(t, err)
		note, err := w.store.Note(context.Background(), payload.IDHash())
		if err != nil || note == "" {
			t.Errorf("the note is %q, %v", note, err)
		}
	}
	written, err := w.service.Create(ctx(), i.caller(), created)
	must(t, err)
	id := written.State.SigHash

	l.released = func() {
		releases++
		if state, err := w.store.Assertion(context.Background(), id); err != nil || state.MetadataSequence != 1 {
			t.Errorf("the edit is not there: %v", err)
		}
	}
	patch, err := assertions.ParsePatch([]byte(`{"displayName":"a name"}`))
	must(t, err)
	_, err = w.service.Edit(ctx(), i.caller(), id, patch)
	must(t, err)

	l.released = func() {
		releases++
		if state, err := w.store.Assertion(context.Background(), id); err != nil || state.Revocation == nil {
			t.Errorf("the revocation is not there: %v", err)
		}
	}
	next := i.payload(protocol.IssuedBy, artifact(1))
	next.Supersedes = protocol.AssertionID(id)
	successor, err := w.service.Supersede(ctx(), i.caller(), id, i.revocation(id, protocol.ActionSupersede), i.submission(next))
	must(t, err)
	id = successor.State.SigHash
	_, err = w.service.Revoke(ctx(), i.caller(), id, i.revocation(id, protocol.ActionRevoke))
	must(t, err)
	if releases != 4 {
		t.Errorf("%d writes let go of the issuer", releases)
	}
}

// Of writes at once one is taken, whoever goes away.
func TestOneIsTakenThoughClientsGoAway(t *testing.T) {
	w := newWorld(t)
	i := w.issuer()
	for round := range 20 {
		var group sync.WaitGroup
		for n := range 8 {
			p := i.payload(protocol.IssuedBy, artifact(round))
			p.Context = fmt.Sprint(n)
			submission := i.submission(p)
			group.Go(func() {
				ctx, cancel := context.WithCancel(context.Background())
				defer cancel()
				if n%2 == 0 {
					go cancel()
				}
				_, err := w.service.Create(ctx, i.caller(), submission)
				var refusal *assertions.Refusal
				if err != nil && !errors.As(err, &refusal) && !errors.Is(err, context.Canceled) {
					t.Error(err)
				}
			})
		}
		group.Wait()
		if got := w.lookup(artifact(round)); len(got.Assertions) != 1 {
			t.Errorf("%d are active: %+v", len(got.Assertions), got.Assertions)
		}
	}
}
