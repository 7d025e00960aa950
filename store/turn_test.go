package store_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"mirnode/protocol"
	"mirnode/store"
)

// inTurn appends records as a home does.
func inTurn(ctx context.Context, s *store.Store, records ...protocol.Record) ([]store.Appended, error) {
	batch := make([]store.RecordToAppend, len(records))
	for i, r := range records {
		batch[i].Record = r
	}
	return s.AppendRecords(ctx, batch, store.InTurn)
}

func TestARecordOutOfTurnIsRefusedByTheStoreItself(t *testing.T) {
	s := open(t, t.TempDir(), withLog(store.Options{}))
	issuer := issuerOf(home.Domain, 0)
	first := said{context: "first"}.assertion(t)
	revoked := said{artifact: 1}.assertion(t)
	revocation := revoking(t, revoked.ID(), issuer, protocol.ActionRevoke, noon)
	successor := said{artifact: 1, context: "successor", supersedes: revoked.ID()}.assertion(t)
	replace := revoking(t, first.ID(), issuer, protocol.ActionSupersede, noon)
	edit := func(sequence uint64, name string) protocol.Record {
		return editing(t, first, home.Domain, issuer, sequence, protocol.AssertionMetadata{DisplayName: name})
	}
	for _, step := range []struct {
		name    string
		records []protocol.Record
		want    error
	}{
		{"the first", []protocol.Record{first}, nil},
		{"the same again", []protocol.Record{first}, nil},
		{"the same payload under another signature", []protocol.Record{said{context: "first", sig: 1}.assertion(t)}, nil},
		{"a second active one", []protocol.Record{said{context: "second"}.assertion(t)}, store.ErrConflict},
		{"another issuer's", []protocol.Record{said{issuer: 1}.assertion(t)}, nil},
		{"another type", []protocol.Record{said{kind: protocol.Method}.assertion(t)}, nil},
		{"two of one type at once", []protocol.Record{
			said{artifact: 7, context: "a"}.assertion(t), said{artifact: 7, context: "b"}.assertion(t),
		}, store.ErrConflict},
		{"about another artifact", []protocol.Record{revoked}, nil},
		{"a revocation", []protocol.Record{revocation}, nil},
		{"the same revocation", []protocol.Record{revocation}, nil},
		{"a second revocation", []protocol.Record{revoking(t, revoked.ID(), issuer, protocol.ActionRevoke, noon.Add(time.Second))}, store.ErrConflict},
		{"a revocation of what is not held", []protocol.Record{
			revoking(t, said{artifact: 9}.assertion(t).ID(), issuer, protocol.ActionRevoke, noon),
		}, store.ErrNotFound},
		{"a successor of what was revoked", []protocol.Record{successor}, nil},
		{"a second successor, of another type", []protocol.Record{
			said{artifact: 1, kind: protocol.Method, supersedes: revoked.ID()}.assertion(t),
		}, store.ErrConflict},
		{"an edit whose number leaves one out", []protocol.Record{edit(2, "b")}, store.ErrConflict},
		{"an edit", []protocol.Record{edit(1, "a")}, nil},
		{"the same edit", []protocol.Record{edit(1, "a")}, nil},
		{"another edit with its number", []protocol.Record{edit(1, "c")}, store.ErrConflict},
		{"two edits with one number at once", []protocol.Record{edit(2, "d"), edit(2, "e")}, store.ErrConflict},
		{"the next edit", []protocol.Record{edit(2, "f")}, nil},
		{"a replacement at one go", []protocol.Record{replace, said{context: "third", supersedes: first.ID()}.assertion(t)}, nil},
		{"what has no turn", []protocol.Record{issuerRecord(t, home.Domain, 0, 1)}, store.ErrInvalid},
	} {
		before, _ := s.Head(home.String())
		_, err := inTurn(t.Context(), s, step.records...)
		if !errors.Is(err, step.want) {
			t.Errorf("%s: %v", step.name, err)
		}
		if after, _ := s.Head(home.String()); err != nil && after.Size != before.Size {
			t.Errorf("%s: refused, and %d entries were written", step.name, after.Size-before.Size)
		}
	}
}

// Whoever comes at once, and whoever goes away meanwhile: one is taken, and each who is told of success was.
func TestOfManyAtOnceOneIsTakenThoughTheirContextsEnd(t *testing.T) {
	s := open(t, t.TempDir(), withLog(store.Options{}))
	const rounds, writers = 30, 8
	for round := range rounds {
		var taken atomic.Int64
		var group sync.WaitGroup
		for writer := range writers {
			a := said{artifact: round, context: fmt.Sprint(writer)}.assertion(t)
			group.Go(func() {
				ctx, cancel := context.WithCancel(t.Context())
				if writer%2 == 0 {
					go cancel()
				}
				defer cancel()
				switch _, err := inTurn(ctx, s, a); {
				case err == nil:
					taken.Add(1)
				case !errors.Is(err, store.ErrConflict) && !errors.Is(err, context.Canceled):
					t.Error(err)
				}
			})
		}
		group.Wait()
		held := 0
		if _, err := s.VisitArtifact(t.Context(), artifactOf(round), store.ArtifactQuery{}, func(*store.AssertionState) { held++ }); err != nil {
			t.Fatal(err)
		}
		if held != 1 || taken.Load() != 1 {
			t.Errorf("%d are held, and %d were answered as taken", held, taken.Load())
		}
	}
}

// The clock is read while the transaction is made: there the waiter goes away.
func TestAppendRecordsStaysUntilItIsKnown(t *testing.T) {
	var leave atomic.Pointer[context.CancelFunc]
	s := open(t, t.TempDir(), withLog(store.Options{Now: func() time.Time {
		if cancel := leave.Load(); cancel != nil {
			(*cancel)()
		}
		return noon
	}}))
	ctx, cancel := context.WithCancel(t.Context())
	leave.Store(&cancel)
	a := said{}.assertion(t)
	appended, err := inTurn(ctx, s, a)
	if err != nil || ctx.Err() == nil {
		t.Fatalf("%v, the context: %v", err, ctx.Err())
	}
	checkReceipt(t, appended[0])
	if _, err := inTurn(ctx, s, said{artifact: 1}.assertion(t)); !errors.Is(err, context.Canceled) {
		t.Fatalf("of a context that ended before: %v", err)
	}
	if _, err := s.Assertion(t.Context(), said{artifact: 1}.assertion(t).IDHash()); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("it was written: %v", err)
	}
}

// A home that once took two edits with one number shows the first, and so does whoever mirrors it, though the bodies came the other way round.
func TestOfEditsWithOneNumberTheFirstInTheHomesLogCounts(t *testing.T) {
	a, issuer := said{}.assertion(t), issuerOf(home.Domain, 0)
	edit := func(name string) *protocol.MetadataEdit {
		return editing(t, a, home.Domain, issuer, 1, protocol.AssertionMetadata{DisplayName: name})
	}
	one, two := edit("one"), edit("two")
	metadata := func(s *store.Store) string {
		t.Helper()
		state, err := s.Assertion(t.Context(), a.IDHash())
		if err != nil {
			t.Fatal(err)
		}
		return string(state.Metadata)
	}
	at := open(t, t.TempDir(), withLog(store.Options{}))
	appendRecords(t, at, a)
	appendRecords(t, at, one)
	appendRecords(t, at, two)
	if got := metadata(at); !strings.Contains(got, "one") {
		t.Errorf("at home: %s", got)
	}
	log := &otherLog{origin: home}
	for _, r := range []protocol.Record{a, one, two} {
		log.addEntry(protocol.NewEntry(r, noon), r)
	}
	replica := open(t, t.TempDir(), store.Options{})
	log.mirror(t, replica)
	if err := replica.Settle(t.Context(), log.name(), 0, []store.Outcome{
		{Index: 0, State: store.Held, Record: a}, {Index: 1, State: store.Missing}, {Index: 2, State: store.Held, Record: two},
	}); err != nil {
		t.Fatal(err)
	}
	if err := replica.ResolveMissing(t.Context(), log.name(), 1, store.Outcome{State: store.Held, Record: one}, time.Time{}); err != nil {
		t.Fatal(err)
	}
	if got := metadata(replica); !strings.Contains(got, "one") {
		t.Errorf("at the replica: %s", got)
	}
}
