package node_test

import (
	"encoding/json"
	"net/http"
	"testing"
	"time"
)

// A node judges, and says, what time it is by its own clock.
func TestClockOffset(t *testing.T) {
	w := newWorld(t)
	w.publish(t, "shop.test")
	w.config.ClockOffset = -2 * time.Hour // claims are of an hour ago
	n := w.run(t)
	if status, _, answer := post(t, n.URL()+"/claims", claim(t, "shop.test", 1).Raw()); status != 400 || answer["code"] != "CLAIM_EXPIRED" {
		t.Errorf("a claim of an hour ahead: %d %v", status, answer)
	}
	_, body := get(t, http.DefaultClient, n.URL()+"/node")
	var about struct{ Time time.Time }
	if err := json.Unmarshal([]byte(body), &about); err != nil {
		t.Fatal(err)
	}
	if behind := time.Since(about.Time); behind < 115*time.Minute || behind > 125*time.Minute {
		t.Errorf("the node's time is %v behind, not two hours", behind)
	}
}
