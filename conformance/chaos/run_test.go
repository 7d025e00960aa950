package chaos_test

import (
	"context"
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"mirnode/conformance"
	"mirnode/conformance/cases"
	"mirnode/conformance/chaos"
)

// options are those of a run on the fake federation.
func (f *federation) options(t *testing.T, seed string) chaos.Options {
	t.Helper()
	s := chaos.Settings{Seed: seed, Nodes: len(f.nodes), Duration: 12 * time.Second, Liars: []chaos.Liar{{Name: "mallory", Lies: []string{"a", "b"}}}}
	plan, err := chaos.Draw(s)
	if err != nil {
		t.Fatal(err)
	}
	o := chaos.Options{Plan: plan, Faults: f, Liars: map[string]chaos.Lying{"mallory": &fakeLiar{f: f}}, Suffix: "chaos.test", Publish: f.publish, Client: f}
	for _, n := range f.nodes {
		o.Nodes = append(o.Nodes, chaos.Node{URL: n.url, Domain: n.domain})
	}
	return o
}

func TestHonestFederation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFederation(t, 3, breach{})
		report, err := chaos.Run(t.Context(), f.options(t, "1"))
		if err != nil {
			t.Fatal(err)
		}
		all := chaos.Cases()
		result, err := conformance.Run(t.Context(), conformance.Options{Cases: all, Player: report, Offers: cases.Needs()})
		if err != nil {
			t.Fatal(err)
		}
		for _, o := range result.Outcomes {
			if o.Status != conformance.Pass {
				t.Errorf("%s: %s: %s%s", o.Status, o.Case.ID, o.Finding.Message, o.Finding.Skipped)
			}
		}
		if c := report.Counts; len(result.Outcomes) != len(all) || c.Acknowledged < 50 || c.Refused < 5 || c.Heads < 20 || c.Events != len(report.Plan.Events) {
			t.Errorf("of %d cases, %+v", len(result.Outcomes), c)
		}
	})
}

// TestSameSeedReplays wants the same faults and submissions, at the same times, of two runs.
func TestSameSeedReplays(t *testing.T) {
	var runs [2][]string
	for i := range runs {
		synctest.Test(t, func(t *testing.T) {
			f := newFederation(t, 3, breach{})
			if _, err := chaos.Run(t.Context(), f.options(t, "42")); err != nil {
				t.Fatal(err)
			}
			slices.Sort(f.done) // what comes at one moment has no order
			runs[i] = f.done
		})
	}
	if len(runs[0]) < 100 || !reflect.DeepEqual(runs[0], runs[1]) {
		t.Errorf("%d and %d things happened, not the same", len(runs[0]), len(runs[1]))
	}
}

// TestBreachesAreFound has federations break promises, each of them several that do not hide each other: a run costs seconds under the race detector.
func TestBreachesAreFound(t *testing.T) {
	for name, test := range map[string]struct {
		breach breach
		want   map[string][]string // by promise: what its finding says
	}{
		"believes and accuses anybody": {breach{takesAnything: true, servesInvented: true, complains: true, freezes: true, tellsOfForks: true}, map[string][]string{
			"forged-claims-refused": {"took claim", "serves forged claim"}, "future-claims-refused": {"took claim", "serves future claim"}, "lies-not-served": {"mallory invented"},
			"nobody-honest-accused": {"complains about node 1: it lies", "has frozen the log of", "says that the log of node 1 forked"},
		}},
		"refuses, alters, and never gets ready": {breach{refuses: true, alters: true, neverReady: true, wrongReceipts: true}, map[string][]string{
			"good-claims-taken": {"which is good, with 400"}, "acknowledged-claims-kept": {"not as it came"}, "nodes-come-back": {"does not take claims"}, "receipts-prove": {"proof does not hold"},
		}},
		"keeps to itself, and not even that": {breach{losesOnKill: true, keepsToItself: true}, map[string][]string{
			"acknowledged-claims-kept": {"does not serve"}, "acknowledged-claims-spread": {"does not serve"},
		}},
		"rewinds its log":         {breach{rewinds: true}, map[string][]string{"logs-only-grow": {"showed a log of"}, "no-second-history": {"has not grown from"}}},
		"rewrites its log":        {breach{rewrites: true}, map[string][]string{"no-second-history": {"has not grown from"}}},
		"does not start any more": {breach{doesNotStart: true}, map[string][]string{"nodes-come-back": {"failed: it does not start"}, "mirrors-agree": {"does not say which logs it holds"}}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				report, err := chaos.Run(t.Context(), newFederation(t, 3, test.breach).options(t, "1"))
				if err != nil {
					t.Fatal(err)
				}
				for promise, says := range test.want {
					finding := report.Play(t.Context(), &cases.Case{ID: "chaos/" + promise})
					for _, said := range says {
						if finding.Passed || !strings.Contains(finding.Message, said) {
							t.Errorf("%s does not say %q, but: %s", promise, said, finding.Message)
						}
					}
				}
			})
		})
	}
}

// TestInterruptedRunHeals ends a run in the middle: what it broke is whole again.
func TestInterruptedRunHeals(t *testing.T) {
	for _, after := range []time.Duration{0, 2 * time.Second, 5 * time.Second, 8 * time.Second} {
		synctest.Test(t, func(t *testing.T) {
			f := newFederation(t, 3, breach{})
			ctx, cancel := context.WithTimeout(t.Context(), after)
			defer cancel()
			if _, err := chaos.Run(ctx, f.options(t, "3")); err == nil || !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("after %v: %v", after, err)
			}
			for i, n := range f.nodes {
				if n.down || n.paused != nil || n.offset != 0 || f.cut != nil {
					t.Errorf("after %v node %d is left as %+v", after, i+1, n)
				}
			}
		})
	}
}

func TestRunRefuses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newFederation(t, 3, breach{}).options(t, "1")
		fewer, unplayed := o, o
		fewer.Nodes, unplayed.Liars = o.Nodes[:2], nil
		for name, o := range map[string]chaos.Options{"a node less": fewer, "a liar that nobody plays": unplayed} {
			if _, err := chaos.Run(t.Context(), o); err == nil {
				t.Errorf("%s was taken", name)
			}
		}
	})
}
