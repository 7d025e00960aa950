package store_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"sync"
	"testing"

	"mirnode/protocol"
	"mirnode/store"
)

// crashOptions make merges small and many, so that a kill often lands in one.
var crashOptions = store.Options{MergeClaims: 64}

func crashClaim(id uint64) made {
	return made{id: id, subject: int(id % 10), domain: "crash.example", padding: 300}
}

// appendForever is the child: several writers append, one of them also erases, one asserts, and a mirror of another log comes on beside them. Each says on
// standard output what was acknowledged.
func appendForever(dir string) error {
	s, err := store.Open(dir, withLog(crashOptions))
	if err != nil {
		return err
	}
	start, err := strconv.ParseUint(os.Getenv("START"), 10, 64)
	if err != nil {
		return err
	}
	var all sync.WaitGroup
	all.Go(func() { mirrorForever(s) })
	all.Go(func() { assertForever(s, start) })
	for writer := range uint64(4) {
		all.Go(func() {
			for i := start + writer*1_000_000; ; i += 3 {
				batch, ids := make([]store.ClaimToAppend, 3), ""
				for n := range batch {
					claim, err := protocol.ParseClaim(crashClaim(i + uint64(n)).document())
					if err != nil {
						panic(err)
					}
					batch[n].Claim = claim
				}
				appended, err := s.AppendClaims(context.Background(), batch)
				if err != nil {
					panic(err)
				}
				for n, a := range appended {
					ids += fmt.Sprintf("have %d at %d\n", i+uint64(n), a.Index)
				}
				fmt.Print(ids)
				if writer == 0 && i%5 == 0 {
					if err := s.EraseClaim(context.Background(), batch[1].Claim.SigHash(), "crash", nil); err != nil {
						panic(err)
					}
					fmt.Printf("erased %d\n", i+1)
				}
			}
		})
	}
	all.Wait()
	return nil
}

func TestNothingAcknowledgedIsLostByAKill(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	allHave, allErased, asserted := map[uint64]uint64{}, map[uint64]bool{}, &assertionsSaid{map[uint64]uint64{}, map[uint64]bool{}}
	random := rand.New(rand.NewPCG(1, uint64(os.Getpid())))
	for round := range uint64(15) {
		have, erased, mirrored := map[uint64]uint64{}, map[uint64]bool{}, [2]uint64{}
		cmd, lines := child(t, "append", dir, fmt.Sprintf("START=%d", (round+1)*100_000_000))
		for n := random.IntN(400); lines.Scan(); n-- {
			var id, at uint64
			if _, err := fmt.Sscanf(lines.Text(), "have %d at %d", &id, &at); err == nil {
				have[id] = at
			} else if _, err := fmt.Sscanf(lines.Text(), "mirrored %d settled %d", &id, &at); err == nil {
				mirrored = [2]uint64{id, at}
			} else if _, err := fmt.Sscanf(lines.Text(), "erased %d", &id); err == nil {
				erased[id] = true
			}
			asserted.scan(lines.Text())
			if n == 0 {
				if err := cmd.Process.Kill(); err != nil {
					t.Fatal(err)
				}
			}
		}
		if err := cmd.Wait(); err == nil || cmd.ProcessState.ExitCode() != -1 {
			t.Fatalf("round %d: the child ended by itself: %v", round, err)
		}
		checkAfterCrash(t, dir, have, erased, mirrored, asserted)
		maps.Copy(allHave, have)
		maps.Copy(allErased, erased)
	}
	checkAfterCrash(t, dir, allHave, allErased, [2]uint64{}, asserted)
	t.Logf("%d claims were acknowledged, %d erased, %d assertions, %d superseded", len(allHave), len(allErased), len(asserted.at), len(asserted.superseded))
}

// checkAfterCrash sees that nothing that was acknowledged is lost. have are the claims with their places in the own log; mirrored is how far
// the mirror was said to be held and settled.
func checkAfterCrash(t *testing.T, dir string, have map[uint64]uint64, erased map[uint64]bool, mirrored [2]uint64, asserted *assertionsSaid) {
	t.Helper()
	s, err := store.Open(dir, withLog(crashOptions))
	if err != nil {
		t.Fatalf("Open after a kill: %v", err)
	}
	defer func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}()
	own := mustVerifier(home)
	for id, at := range have {
		claim := crashClaim(id).claim(t)
		_, err := s.Claim(t.Context(), claim.SigHash())
		var gone *store.ErasedError
		if err != nil && !errors.As(err, &gone) || erased[id] && err == nil {
			t.Fatalf("claim %d, acknowledged (erased: %v): %v", id, erased[id], err)
		}
		receipt, err := s.Receipt(t.Context(), claim.RecordHash())
		if err != nil || receipt.Index != at {
			t.Fatalf("claim %d was at %d: %+v, %v", id, at, receipt, err)
		}
		if _, _, err := receipt.Verify(own); err != nil {
			t.Fatalf("claim %d: %v", id, err)
		}
	}
	checkIndexAgainstLog(t, s)
	checkLog(t, s, home)
	checkMirrorAfterCrash(t, s, mirrored)
	checkAssertionsAfterCrash(t, s, asserted)
}

// checkIndexAgainstLog sees that the index leads to every record of the log, and that the log is in order.
func checkIndexAgainstLog(t *testing.T, s *store.Store) {
	t.Helper()
	stats := s.Stats()
	byDomain := findAll(t, s, store.Query{Domain: "crash.example", Limit: store.MaxLimit})
	var bySubject, byType []store.Record
	for n := range 10 {
		bySubject = append(bySubject, findAll(t, s, store.Query{Subject: subject(n), Limit: store.MaxLimit})...)
	}
	byType = findAll(t, s, store.Query{Domain: "crash.example", Type: "mir.transaction.completed", Limit: store.MaxLimit})
	if n := int(stats.Claims); len(byDomain) != n || len(bySubject) != n || len(byType) != n {
		t.Fatalf("the log has %d claims, the index %d by domain, %d by subject, %d by type", n, len(byDomain), len(bySubject), len(byType))
	}
	slices.SortFunc(byDomain, func(a, b store.Record) int { return int(a.Seq) - int(b.Seq) })
	for i := 1; i < len(byDomain); i++ {
		if before, r := byDomain[i-1], byDomain[i]; r.Seq == before.Seq || r.IngestedAt.Before(before.IngestedAt) {
			t.Fatalf("record %d at %s follows record %d at %s", r.Seq, r.IngestedAt, before.Seq, before.IngestedAt)
		}
	}
	if n := len(byDomain); n > 0 && byDomain[n-1].Seq > stats.LastSeq {
		t.Fatalf("the index knows of record %d, the log ends at %d", byDomain[n-1].Seq, stats.LastSeq)
	}
}
