package bench

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// unmerged is how many claims a child writes before it is killed: nearly as many as the store keeps index keys of in memory alone.
const unmerged = 80_000

// benchStart measures how long a store with all claims held takes to open: after a clean stop, and after its process was killed.
func benchStart(ctx context.Context, w *workshop) ([]Measurement, error) {
	dir, err := w.hold(ctx)
	if err != nil {
		return nil, err
	}
	clean, err := openTime(dir)
	if err != nil {
		return nil, err
	}
	all := []Measurement{under3("start after a clean stop, %d claims held", w.Held, clean)}
	if w.Kill == nil {
		return all, nil
	}
	if err := w.Kill(ctx, dir, w.Held, min(unmerged, w.Held)); err != nil {
		return nil, err
	}
	killed, err := openTime(dir)
	if err != nil {
		return nil, err
	}
	return append(all, under3("start after kill -9, %d claims held and more in memory", w.Held, killed)), nil
}

func under3(format string, held int, took time.Duration) Measurement {
	return Measurement{Name: fmt.Sprintf(format, held), Value: took.Seconds(), Unit: "s", Target: "< 3 s", Met: took < 3*time.Second}
}

// openTime opens the store, closes it, and returns how long the opening took.
func openTime(dir string) (time.Duration, error) {
	start := time.Now()
	opened, err := openStore(dir)
	if err != nil {
		return 0, err
	}
	return time.Since(start), opened.Close()
}

// AppendForever is what the child of the start benchmark does: it appends claims to the store in dir, from the
// given number on, calls ready once it has written enough, and goes on until it is killed.
func AppendForever(ctx context.Context, dir string, from, enough int, ready func()) (err error) {
	opened, err := openStore(dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, opened.Close()) }()
	corpus, told := newCorpus(), false
	for n := 0; ; n += ingestBatch {
		claims, err := corpus.claims(ctx, from+n, from+n+ingestBatch)
		if err != nil {
			return err
		}
		if _, err := opened.AppendClaims(ctx, toAppend(claims)); err != nil {
			return err
		}
		if n+ingestBatch >= enough && !told {
			told = true
			ready()
		}
	}
}
