package store_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os/signal"
	"strings"
	"syscall"
	"testing"
	"time"

	"mirnode/protocol"
	"mirnode/store"
)

// events is a log handler that passes on what the store says.
type events chan string

func (e events) Enabled(context.Context, slog.Level) bool { return true }
func (e events) WithAttrs([]slog.Attr) slog.Handler       { return e }
func (e events) WithGroup(string) slog.Handler            { return e }
func (e events) Handle(_ context.Context, r slog.Record) error {
	select {
	case e <- r.Message:
	default:
	}
	return nil
}

// await waits until the store has said this.
func (e events) await(start string) {
	for message := range e {
		if strings.HasPrefix(message, start) {
			return
		}
	}
}

// fillTheDisk is the child: it stands in for a full disk with a limit on the size of files, which needs no rights.
func fillTheDisk(dir string) error {
	signal.Ignore(syscall.SIGXFSZ)
	said := make(events, 1_000)
	s, err := store.Open(dir, store.Options{MergeClaims: 64, ProbeInterval: time.Millisecond, Logger: slog.New(said)})
	if err != nil {
		return err
	}
	var kept, lost []*protocol.Claim
	for id := uint64(0); ; id += 20 {
		batch, claims := diskBatch(id)
		if id == 400 {
			if err := limitFiles(s.Stats().LogBytes + 300<<10); err != nil {
				return err
			}
		}
		if _, err = s.AppendClaims(context.Background(), batch); err != nil {
			lost = claims
			break
		}
		kept = append(kept, claims...)
	}
	if !errors.Is(err, store.ErrReadOnly) || !errors.Is(err, syscall.EFBIG) && !strings.Contains(err.Error(), "file too large") {
		return fmt.Errorf("the append that did not fit: %w", err)
	}
	if err := checkReadable(s, kept, lost); err != nil {
		return fmt.Errorf("while the disk is full: %w", err)
	}
	if err := limitFiles(-1); err != nil {
		return err
	}
	for s.Ready() != nil {
		said.await("writing again")
	}
	batch, more := diskBatch(1_000_000)
	if _, err := s.AppendClaims(context.Background(), batch); err != nil {
		return fmt.Errorf("after there was room again: %w", err)
	}
	if err := checkReadable(s, append(kept, more...), lost); err != nil {
		return fmt.Errorf("after there was room again: %w", err)
	}
	if err := s.Close(); err != nil {
		return err
	}
	if s, err = store.Open(dir, store.Options{}); err != nil {
		return err
	}
	return errors.Join(checkReadable(s, append(kept, more...), lost), s.Close())
}

func diskBatch(from uint64) (batch []store.ClaimToAppend, claims []*protocol.Claim) {
	for id := from; id < from+20; id++ {
		claim, err := protocol.ParseClaim(made{id: id, domain: "full.example", padding: 2_000}.document())
		if err != nil {
			panic(err)
		}
		batch, claims = append(batch, store.ClaimToAppend{Claim: claim}), append(claims, claim)
	}
	return batch, claims
}

// limitFiles lets files grow to this size at most; -1 takes the limit away.
func limitFiles(bytes int64) error {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
		return err
	}
	if limit.Cur = limit.Max; bytes >= 0 {
		limit.Cur = uint64(bytes)
	}
	return syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit)
}

func checkReadable(s *store.Store, kept, lost []*protocol.Claim) error {
	for _, claim := range kept {
		if _, err := s.Claim(context.Background(), claim.SigHash()); err != nil {
			return fmt.Errorf("a claim that was acknowledged: %w", err)
		}
	}
	for _, claim := range lost {
		if _, err := s.Claim(context.Background(), claim.SigHash()); !errors.Is(err, store.ErrNotFound) {
			return fmt.Errorf("a claim that was refused: %w", err)
		}
	}
	found := 0
	for q := (store.Query{Domain: "full.example", Limit: store.MaxLimit}); ; {
		page, err := s.Find(context.Background(), q)
		if err != nil {
			return err
		}
		found += len(page.Records)
		if q.Cursor = page.Cursor; q.Cursor == "" {
			break
		}
	}
	if found != len(kept) || s.Stats().Claims != uint64(found) {
		return fmt.Errorf("%d claims were acknowledged, %d are found, %d counted", len(kept), found, s.Stats().Claims)
	}
	return nil
}

func TestAFullDiskMakesTheStoreReadOnlyUntilThereIsRoom(t *testing.T) {
	cmd, lines := child(t, "disk full", t.TempDir())
	for lines.Scan() {
		t.Log(lines.Text())
	}
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
}
