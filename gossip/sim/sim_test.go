package sim_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"mirnode/gossip/sim"
)

// small is a network that the tests can afford.
func small(seed uint64) sim.Config {
	return sim.Config{
		Seed: seed, Nodes: 50, Rate: 10, Away: 3, AwayFor: 5 * time.Second,
		WarmUp: 3 * time.Second, Measured: 8 * time.Second, Drain: 60 * time.Second,
	}
}

func run(t *testing.T, c sim.Config) sim.Report {
	t.Helper()
	r, err := sim.Run(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestEverythingReachesEverybody(t *testing.T) {
	for seed := range uint64(2) {
		r := run(t, small(seed+1))
		if r.Records < 50 || r.Incomplete != 0 || r.NotBack != 0 {
			t.Errorf("seed %d: %d of %d records did not reach everybody, %d nodes did not catch up", r.Seed, r.Incomplete, r.Records, r.NotBack)
		}
		if r.One.Count < (r.Records-20)*45 || r.All.Count != r.Records || r.CatchUp.Count != 3 {
			t.Errorf("seed %d: measured %d arrivals, %d records, %d returns", r.Seed, r.One.Count, r.All.Count, r.CatchUp.Count)
		}
		if r.One.P50 < 20*time.Millisecond || r.One.P50 > 600*time.Millisecond || r.One.P99 > 6*time.Second {
			t.Errorf("seed %d: a node is reached in %v, though a request to a node that left is given up after 5 s", r.Seed, r.One)
		}
		if r.CatchUp.Max > 15*time.Second {
			t.Errorf("seed %d: nodes that were away caught up in %v", r.Seed, r.CatchUp)
		}
	}
}

func TestFastAndWithoutAFlood(t *testing.T) {
	c := small(1)
	c.Away = -1
	r := run(t, c)
	if r.One.P99 > 1500*time.Millisecond || r.All.P50 > 1500*time.Millisecond {
		t.Errorf("a node is reached in %v, the last one in %v", r.One, r.All)
	}
	if r.Pulls > 1.5 {
		t.Errorf("%.2f pulls for each record and node, want little more than one", r.Pulls)
	}
	if r.Total.Messages > 30 || r.Total.Bytes > 12_000 {
		t.Errorf("%.1f messages of %.0f bytes for each record and node", r.Total.Messages, r.Total.Bytes)
	}
	if r.PeakUplink > 0.1 {
		t.Errorf("an uplink is in use for %.0f %% of a second", 100*r.PeakUplink)
	}
}

func TestASeedReplays(t *testing.T) {
	first, second, other := run(t, small(7)), run(t, small(7)), run(t, small(8))
	first.Wall, second.Wall = 0, 0
	if first.Digest != second.Digest || first.Events != second.Events || first.One != second.One || first.Total != second.Total {
		t.Errorf("the same seed gave %+v and %+v", first, second)
	}
	if other.Digest == first.Digest {
		t.Error("another seed gave the same run")
	}
}

func TestAQuietNetworkOnlyPolls(t *testing.T) {
	c := small(1)
	c.Rate, c.Away = 1e-9, -1
	r := run(t, c)
	for _, cost := range r.Costs {
		if cost.Kind != "polls" && cost.Kind != "handshakes" && cost.Messages != 0 {
			t.Errorf("%s go on when nothing happens: %+v", cost.Kind, cost)
		}
	}
}

func TestLossesDelayAndNoMore(t *testing.T) {
	c := small(1)
	c.Loss = 0.3
	c.Away = -1
	c.Drain = 3 * time.Minute
	if r := run(t, c); r.Incomplete != 0 {
		t.Errorf("with a third of all packets lost, %d records did not reach everybody", r.Incomplete)
	}
}

func TestImpossibleNetworksAreRefused(t *testing.T) {
	for name, c := range map[string]sim.Config{
		"one node":        {Nodes: 1},
		"too many":        {Nodes: sim.MaxNodes + 1},
		"no latency":      {LatencyMin: time.Second},
		"all is lost":     {Loss: 0.9},
		"everybody away":  {Nodes: 10, Away: 10},
		"a modem":         {Uplink: 9600},
		"endless records": {Rate: 1e12},
	} {
		if _, err := sim.Run(t.Context(), c); err == nil {
			t.Errorf("%s was simulated", name)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := sim.Run(ctx, small(1)); !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled run gave %v", err)
	}
}
