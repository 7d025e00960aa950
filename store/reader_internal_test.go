package store

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"sync"
	"testing"

	"go.etcd.io/bbolt"

	"mirnode/protocol"
)

// numbered is a claim with a signature of its own. The store does not verify.
func numbered(t testing.TB, n int) *protocol.Claim {
	t.Helper()
	sig := sha256.Sum256(fmt.Append(nil, n))
	c, err := protocol.ParseClaim(fmt.Appendf(nil, claimText, fmt.Sprintf("%064x", n%7), fmt.Sprintf("%064x", 1),
		base64.RawURLEncoding.EncodeToString(append(sig[:], sig[:]...))))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func openForReading(t testing.TB) *Store {
	t.Helper()
	s, err := Open(t.TempDir(), Options{MergeClaims: 16})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func (p *readers) kept() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.count
}

func mustFind(t testing.TB, s *Store, c *protocol.Claim) {
	t.Helper()
	if record, err := s.Claim(context.Background(), c.SigHash()); err != nil || record.SigHash != c.SigHash() {
		t.Fatalf("%x: %v", c.SigHash(), err)
	}
}

func mustAdd(t testing.TB, s *Store, c *protocol.Claim) {
	t.Helper()
	if _, err := s.AppendClaim(context.Background(), c, Provenance{}); err != nil {
		t.Fatal(err)
	}
}

// A view is used again while nothing is written, and never after.
func TestViewsAreUsedAgainUntilAWrite(t *testing.T) {
	s := openForReading(t)
	first := numbered(t, 1)
	mustAdd(t, s, first)
	mustFind(t, s, first)
	if s.readers.kept() != 1 {
		t.Fatalf("%d views are kept", s.readers.kept())
	}
	view := s.readers.idle[0].log
	mustFind(t, s, first)
	if s.readers.kept() != 1 || s.readers.idle[0].log != view {
		t.Error("the view was not used again")
	}
	mustAdd(t, s, numbered(t, 2))
	if s.readers.kept() != 0 {
		t.Errorf("%d views are kept after a write", s.readers.kept())
	}
	mustFind(t, s, numbered(t, 2))
}

// Those that are in use while something is written are not kept afterwards, and there is a bound on how many are kept.
func TestViewsAreKeptWithinBounds(t *testing.T) {
	s := openForReading(t)
	take := func(n int) (used []*reader) {
		for range n {
			r, err := s.read()
			if err != nil {
				t.Fatal(err)
			}
			used = append(used, r)
		}
		return used
	}
	give := func(used []*reader) {
		for _, r := range used {
			var err error
			r.end(&err)
		}
	}
	give(take(maxIdleReaders + 3))
	if s.readers.kept() != maxIdleReaders {
		t.Errorf("%d views are kept", s.readers.kept())
	}
	used := take(2)
	mustAdd(t, s, numbered(t, 1))
	give(used)
	if s.readers.kept() != 0 {
		t.Errorf("%d views are kept that do not show what was written", s.readers.kept())
	}
}

// What was seen of a page of damage is not used again, and a panic of a visitor passes through.
func TestViewsThatEndBadlyAreClosed(t *testing.T) {
	s := openForReading(t)
	mustAdd(t, s, numbered(t, 1))
	for _, reason := range []any{"bad page", filePanic{file: s.log.path, reason: "bad page"}} {
		err := func() (err error) {
			r, err := s.read()
			if err != nil {
				return err
			}
			defer r.end(&err)
			panic(reason)
		}()
		if corrupt, ok := errors.AsType[*CorruptError](err); !ok || corrupt.File != s.log.path || s.readers.kept() != 0 {
			t.Errorf("%v, %d kept", err, s.readers.kept())
		}
	}
	func() {
		defer func() {
			if p, ok := recover().(callerPanic); !ok || p.reason != "mine" {
				t.Errorf("recovered %v", p)
			}
		}()
		_, _ = s.Visit(context.Background(), Query{Subject: fmt.Sprintf("%064x", 1)}, func(*Record) { panic("mine") })
	}()
	if s.readers.kept() != 0 {
		t.Errorf("%d kept", s.readers.kept())
	}
	mustFind(t, s, numbered(t, 1))
}

// Past the size at which a write could outgrow the map of its file, no view is kept during one: bbolt would wait for it for ever.
func TestNoViewIsKeptWhileAFileMayBeMappedAnew(t *testing.T) {
	s := openForReading(t)
	mustAdd(t, s, numbered(t, 1))
	kept := func() (n int) {
		if err := s.log.update(func(*bbolt.Tx) error {
			mustFind(t, s, numbered(t, 1))
			n = s.readers.kept()
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		return n
	}
	if n := kept(); n != 1 {
		t.Errorf("%d views are kept while a small file is written", n)
	}
	s.readers.roomy = 0
	mustFind(t, s, numbered(t, 1))
	if n := kept(); n != 0 {
		t.Errorf("%d views are kept while a large file is written", n)
	}
	mustFind(t, s, numbered(t, 1))
	if n := s.readers.kept(); n != 1 {
		t.Errorf("%d views are kept after it", n)
	}
}

// What an append or a merge told is found at once, by whoever looks up meanwhile.
func TestLookUpsBesideWritesMissNothing(t *testing.T) {
	const claims, watchers = 400, 4
	s := openForReading(t)
	made := make([]*protocol.Claim, claims)
	for n := range made {
		made[n] = numbered(t, n)
	}
	var all sync.WaitGroup
	written := make([]chan struct{}, claims) // closed once the claim is told to be written
	for n := range written {
		written[n] = make(chan struct{})
	}
	for range watchers {
		all.Go(func() {
			for n := range made {
				<-written[n]
				for _, old := range []int{n, n / 2, 0} {
					if _, err := s.Claim(context.Background(), made[old].SigHash()); err != nil {
						t.Errorf("claim %d after %d: %v", old, n, err)
						return
					}
				}
			}
		})
	}
	for n, c := range made {
		mustAdd(t, s, c)
		close(written[n])
	}
	all.Wait()
	if s.Stats().Merges == 0 {
		t.Error("nothing was merged meanwhile")
	}
}

// Close waits for no view but those in use, and lets none be opened afterwards.
func TestCloseEndsViews(t *testing.T) {
	s := openForReading(t)
	mustAdd(t, s, numbered(t, 1))
	mustFind(t, s, numbered(t, 1))
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Claim(context.Background(), numbered(t, 1).SigHash()); !errors.Is(err, ErrClosed) {
		t.Errorf("Claim: %v", err)
	}
	if s.readers.kept() != 0 {
		t.Errorf("%d views are kept", s.readers.kept())
	}
}

// Views that are kept do not make a file grow: what a write gives up is used by the next ones.
func TestKeptViewsLetPagesBeUsedAgain(t *testing.T) {
	s := openForReading(t)
	grow := func(look bool) int64 {
		for range 50 {
			if err := s.log.update(func(tx *bbolt.Tx) error { return tx.Bucket(metaBucket).Put(probeKey, make([]byte, 64<<10)) }); err != nil {
				t.Fatal(err)
			}
			if look {
				_, _ = s.Claim(context.Background(), [32]byte{1})
			}
		}
		return s.log.bytes()
	}
	without := grow(false)
	if with := grow(true); with > without+128<<10 {
		t.Errorf("the file grows from %d to %d bytes", without, with)
	}
}
