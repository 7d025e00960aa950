package bench

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"mirnode/protocol"
	"mirnode/store"
	"mirnode/store/baseline"
	"mirnode/verifier"
)

const (
	buildChunk    = 50_000 // claims made and written at a time while a store is filled
	ingestBatch   = 1_000  // claims of one batch, and of one transaction of the plain layout
	ingestClients = 4      // batches under way at once
	plainBatches  = 30     // batches that the plain layout is measured with
)

// hold gives the folder of a store that holds w.Held claims. It is built once in a run, beside the plain layout with the same claims.
func (w *workshop) hold(ctx context.Context) (string, error) {
	if w.held != "" {
		return w.held, nil
	}
	dir := filepath.Join(w.dir, "held")
	held, err := openStore(dir)
	if err != nil {
		return "", err
	}
	plain, err := baseline.Open(w.plainPath())
	if err != nil {
		return "", errors.Join(err, held.Close())
	}
	err = w.fill(ctx, held, plain.Filler())
	if err = errors.Join(err, held.Close(), plain.Close()); err != nil {
		return "", err
	}
	w.held = dir
	return dir, nil
}

func (w *workshop) plainPath() string { return filepath.Join(w.dir, "plain.db") }

func (w *workshop) fill(ctx context.Context, held *store.Store, plain *baseline.Filler) error {
	for from := 0; from < w.Held; from += buildChunk {
		claims, err := w.corpus.claims(ctx, from, min(from+buildChunk, w.Held))
		if err != nil {
			return err
		}
		for at := 0; at < len(claims); at += store.MaxBatch {
			if _, err := held.AppendClaims(ctx, toAppend(claims[at:min(at+store.MaxBatch, len(claims))])); err != nil {
				return err
			}
		}
		if err := plain.Add(claims); err != nil {
			return err
		}
		w.say("  %d of %d claims built", min(from+buildChunk, w.Held), w.Held)
	}
	return plain.Finish()
}

func toAppend(claims []*protocol.Claim) []store.ClaimToAppend {
	batch := make([]store.ClaimToAppend, len(claims))
	for i, claim := range claims {
		batch[i] = store.ClaimToAppend{Claim: claim, Provenance: store.Provenance{Channels: []protocol.Channel{protocol.DNS}, Form: "text"}}
	}
	return batch
}

// benchIngest measures durable ingestion in batches at w.Held claims: bytes in; parsed, verified, written, synced, indexed. The limit
// is the plain layout, which verifies nothing.
func benchIngest(ctx context.Context, w *workshop) ([]Measurement, error) {
	dir, err := w.hold(ctx)
	if err != nil {
		return nil, err
	}
	more, err := w.corpus.claims(ctx, w.Held, w.Held+w.Batch)
	if err != nil {
		return nil, err
	}
	plain, err := w.plainRate(more)
	if err != nil {
		return nil, err
	}
	held, err := openStore(dir)
	if err != nil {
		return nil, err
	}
	rate, err := ingest(ctx, held, w.corpus.verifier(), documents(more))
	stats := held.Stats()
	if err = errors.Join(err, held.Close()); err != nil {
		return nil, err
	}
	w.say("  %d merges of the indexes, the last in %v", stats.Merges, stats.LastMerge.Round(time.Millisecond))
	w.Held += w.Batch
	m := Measurement{Name: fmt.Sprintf("ingest in batches of 1,000 at %d claims held (verify, fsync, indexes)", w.Held-w.Batch), Value: rate, Unit: "/s"}
	return []Measurement{
		against(m, "plain bbolt layout, no verification", plain, "≥ 15,000/s and ≥ 3 ×", func(m Measurement) bool { return m.Value >= 15_000 && m.Ratio >= 3 }),
	}, nil
}

// plainRate measures the plain layout: one transaction for each batch, four random index keys for each claim.
func (w *workshop) plainRate(claims []*protocol.Claim) (float64, error) {
	info, err := os.Stat(w.plainPath())
	if err != nil {
		return 0, err
	}
	w.say("  plain layout: %d MiB", info.Size()>>20)
	plain, err := baseline.Open(w.plainPath())
	if err != nil {
		return 0, err
	}
	claims = claims[:min(len(claims), plainBatches*ingestBatch)]
	start := time.Now()
	for at := 0; at < len(claims) && err == nil; at += ingestBatch {
		err = plain.Append(claims[at:min(at+ingestBatch, len(claims))])
	}
	elapsed := time.Since(start)
	return float64(len(claims)) / elapsed.Seconds(), errors.Join(err, plain.Close())
}

// ingest takes the documents in, in batches of ingestBatch, several at once as several clients would send them.
func ingest(ctx context.Context, to *store.Store, check *verifier.Verifier, raw [][]byte) (float64, error) {
	var next atomic.Int64
	group, ctx := errgroup.WithContext(ctx)
	start := time.Now()
	for range ingestClients {
		group.Go(func() error {
			for {
				at := int(next.Add(ingestBatch) - ingestBatch)
				if at >= len(raw) || ctx.Err() != nil {
					return ctx.Err()
				}
				if err := ingestOne(ctx, to, check, raw[at:min(at+ingestBatch, len(raw))]); err != nil {
					return err
				}
			}
		})
	}
	err := group.Wait()
	return float64(len(raw)) / time.Since(start).Seconds(), err
}

func ingestOne(ctx context.Context, to *store.Store, check *verifier.Verifier, raw [][]byte) error {
	claims := make([]*protocol.Claim, 0, len(raw))
	for _, document := range raw {
		verdict, err := check.Verify(ctx, document, verifier.Policy{})
		if err != nil {
			return err
		}
		if !verdict.Accepted() {
			return fmt.Errorf("a good claim was refused: %s", verdict.Reason)
		}
		claims = append(claims, verdict.Claim)
	}
	answers, err := to.AppendClaims(ctx, toAppend(claims))
	if err != nil {
		return err
	}
	for _, answer := range answers {
		if answer.Duplicate || answer.Err != nil {
			return errors.New("a new claim was not taken as new")
		}
	}
	return nil
}
