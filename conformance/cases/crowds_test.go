package cases_test

import (
	"encoding/json"
	"slices"
	"testing"

	"mirnode/conformance/cases"
)

// Bounds of what a case may do to a node while others run from the same address.
const (
	fewConnections = 16 // at one time
	fewRequests    = 64 // one after the other
)

// TestCrowdsKeepApart holds cases with many connections or requests to having the node for themselves, or an address: most targets see the whole suite as one client, whose
// connections and requests they may bound.
func TestCrowdsKeepApart(t *testing.T) {
	all, err := cases.Embedded()
	if err != nil {
		t.Fatal(err)
	}
	crowds := 0
	for _, c := range all {
		for i, raw := range c.Steps {
			var step struct {
				Raw   struct{ Connections int }
				Flood struct{ Times, AtOnce int }
			}
			_ = json.Unmarshal(raw, &step) // steps of other verbs have what does not fit; the tests of package scenario hold steps to their form
			if step.Raw.Connections <= fewConnections && step.Flood.AtOnce <= fewConnections && step.Flood.Times <= fewRequests {
				continue
			}
			crowds++
			if !c.Alone && !slices.Contains(c.Needs, cases.NeedAddresses) {
				t.Errorf("%s: step %d comes as a crowd: the case must be \"alone\", or need \"addresses\"", c.ID, i+1)
			}
		}
	}
	if crowds < 5 {
		t.Errorf("only %d crowds were seen: do the verbs still have these members?", crowds)
	}
}
