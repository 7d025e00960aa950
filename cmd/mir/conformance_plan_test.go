package main

import (
	"encoding/json"
	"strings"
	"testing"

	"mirnode/conformance/cases"
)

// TestBrokenCases: a case that is wrong in itself is told of before the run.
func TestBrokenCases(t *testing.T) {
	steps := func(step string) []cases.Case {
		return []cases.Case{{ID: "keys/mine", Kind: cases.KindScenario, Steps: []json.RawMessage{json.RawMessage(step)}}}
	}
	if err := soundCases(steps(`{"note":"nothing"}`)); err != nil {
		t.Error(err)
	}
	err := soundCases(steps(`{"requst":{"node":1}}`))
	if err == nil || !strings.Contains(err.Error(), "keys/mine") || !strings.Contains(err.Error(), "requst") {
		t.Errorf("error %v, want one that names the case and the verb", err)
	}
}
