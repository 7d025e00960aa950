package bench

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"time"

	"github.com/gin-gonic/gin"

	"mirnode/api"
	"mirnode/discovery"
	"mirnode/store"
)

const (
	serveConnections = 64 // connections that submit or look up at once
	lookupRounds     = 5  // turns that alternate between the node and the limit
)

// knownKeys stands in for discovery where all keys are known already.
type knownKeys struct{}

func (knownKeys) Keys(context.Context, string) (*discovery.Report, error) {
	return nil, errors.New("the benchmark looks nothing up")
}
func (knownKeys) Known(string, string) bool { return true }
func (knownKeys) Forget(string)             {}
func (knownKeys) Stats() discovery.Stats    { return discovery.Stats{} }

// serve serves a handler on a loopback port until stop is called.
func serve(ctx context.Context, handler http.Handler) (address string, stop func() error, err error) {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", nil, err
	}
	server := &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(listener) }()
	return listener.Addr().String(), func() error {
		err := server.Close()
		if served := <-ended; !errors.Is(served, http.ErrServerClosed) {
			err = errors.Join(err, served)
		}
		return err
	}, nil
}

// serveStore serves the node's API over a store, with keys known and without limits.
func (w *workshop) serveStore(ctx context.Context, over *store.Store) (address string, stop func() error, err error) {
	node, err := api.New(api.Options{
		Store:    over,
		Keys:     knownKeys{},
		Verifier: w.corpus.verifier(),
		Logger:   slog.New(slog.DiscardHandler),
		Now:      time.Now,
		Network:  "development",
		Domain:   benchOrigin().Domain,
		Origin:   benchOrigin(),
		Requests: api.LogNone,
	})
	if err != nil {
		return "", nil, err
	}
	return serve(ctx, node.Handler())
}

// submit sends claims [from, from+n) to the store in dir, one a request, and returns what the clients saw.
func (w *workshop) submit(ctx context.Context, dir string, from, n int) (result loadResult, stats store.Stats, err error) {
	claims, err := w.corpus.claims(ctx, from, from+n)
	if err != nil {
		return result, stats, err
	}
	over, err := openStore(dir)
	if err != nil {
		return result, stats, err
	}
	defer func() { err = errors.Join(err, over.Close()) }()
	address, stop, err := w.serveStore(ctx, over)
	if err != nil {
		return result, stats, err
	}
	defer func() { err = errors.Join(err, stop()) }()
	result, err = load{
		address: address, connections: serveConnections, total: n, want: http.StatusCreated,
		request: func(i int) []byte { return post("/claims", claims[i].Raw()) },
	}.run(ctx)
	return result, over.Stats(), err
}

// benchSubmitEmpty measures POST /claims on an empty store.
func benchSubmitEmpty(ctx context.Context, w *workshop) ([]Measurement, error) {
	result, _, err := w.submit(ctx, filepath.Join(w.dir, "empty"), 0, w.Requests)
	if err != nil {
		return nil, err
	}
	w.emptyRate = result.rate
	m := Measurement{Name: "POST /claims, 64 connections, empty store", Value: result.rate, Unit: "/s", Target: "≥ 5,000/s", Met: result.rate >= 5_000}
	return []Measurement{m, latency("p99 of these", result)}, nil
}

// benchSubmitHeld measures POST /claims with w.Held claims held, long enough for the indexes to be merged meanwhile. The limit is the rate
// on the empty store.
func benchSubmitHeld(ctx context.Context, w *workshop) ([]Measurement, error) {
	dir, err := w.hold(ctx)
	if err != nil {
		return nil, err
	}
	if w.emptyRate == 0 {
		if _, err := benchSubmitEmpty(ctx, w); err != nil {
			return nil, err
		}
	}
	result, stats, err := w.submit(ctx, dir, w.Held, w.Batch)
	if err != nil {
		return nil, err
	}
	w.say("  %d merges of the indexes, the last in %v", stats.Merges, stats.LastMerge.Round(time.Millisecond))
	m := Measurement{Name: fmt.Sprintf("POST /claims, 64 connections, %d claims held, indexes merging", w.Held), Value: result.rate, Unit: "/s"}
	w.Held += w.Batch
	return []Measurement{
		against(m, "the same on an empty store", w.emptyRate, "≥ 0.8 ×", func(m Measurement) bool { return m.Ratio >= 0.8 }),
		latency("p99 of these", result),
		{Name: "slowest of these", Value: milliseconds(result.max), Unit: "ms", Met: true},
	}, nil
}

func latency(name string, of loadResult) Measurement {
	return Measurement{Name: name, Value: milliseconds(of.p99), Unit: "ms", Target: "< 100 ms", Met: of.p99 < 100*time.Millisecond}
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// benchLookup measures look-ups by claim ID and by subject. The limit is a gin handler that returns one such answer from memory.
func benchLookup(ctx context.Context, w *workshop) (all []Measurement, err error) {
	dir, err := w.hold(ctx)
	if err != nil {
		return nil, err
	}
	over, err := openStore(dir)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, over.Close()) }()
	address, stop, err := w.serveStore(ctx, over)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, stop()) }()

	if err := settle(ctx, over); err != nil {
		return nil, err
	}
	known, err := w.corpus.claims(ctx, 0, min(5_000, w.Held))
	if err != nil {
		return nil, err
	}
	cases := []struct {
		name string
		path func(i int) string
	}{
		{"GET /claims/{id}", func(i int) string { return "/claims/" + known[i%len(known)].ID() }},
		{"GET /claims?subject=", func(i int) string { return "/claims?subject=" + known[i%len(known)].Subject }},
	}
	for _, c := range cases {
		m, err := w.compareLookup(ctx, address, fmt.Sprintf("%s, %d claims held", c.name, w.Held), c.path)
		if err != nil {
			return nil, err
		}
		all = append(all, m)
	}
	return all, nil
}

// settle waits until the index keys that the filling left are merged: else look-ups share the machine with that.
func settle(ctx context.Context, s *store.Store) error {
	for tick := time.NewTicker(100 * time.Millisecond); ; {
		if s.Stats().MergingClaims == 0 {
			tick.Stop()
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}

// compareLookup alternates between the node's answers and the limit's.
func (w *workshop) compareLookup(ctx context.Context, address, name string, path func(i int) string) (_ Measurement, err error) {
	answer, err := fetch(ctx, "http://"+address+path(0))
	if err != nil {
		return Measurement{}, err
	}
	gin.SetMode(gin.ReleaseMode)
	engine := gin.New()
	engine.GET("/*any", func(c *gin.Context) { c.Data(http.StatusOK, "application/json", answer) })
	bare, stop, err := serve(ctx, engine)
	if err != nil {
		return Measurement{}, err
	}
	defer func() { err = errors.Join(err, stop()) }()

	var ours, limit []float64
	for range lookupRounds {
		for _, side := range []struct {
			address string
			rates   *[]float64
		}{{address, &ours}, {bare, &limit}} {
			result, err := load{
				address: side.address, connections: serveConnections, total: w.Requests, want: http.StatusOK,
				request: func(i int) []byte { return get(path(i)) },
			}.run(ctx)
			if err != nil {
				return Measurement{}, err
			}
			*side.rates = append(*side.rates, result.rate)
		}
	}
	m := Measurement{Name: name, Value: median(ours), Unit: "/s"}
	return against(m, "gin, such an answer from memory", median(limit), "≥ 0.6 ×", func(m Measurement) bool { return m.Ratio >= 0.6 }), nil
}
