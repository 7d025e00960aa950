package chaos_test

import (
	"errors"
	"net/http"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"mirnode/conformance/chaos"
	"mirnode/conformance/peer"
)

// deaf is nodes that are all away.
type deaf struct{}

func (deaf) Do(*http.Request) (*http.Response, error) { return nil, errors.New("connection refused") }

// TestLiarsTellAllTheirLies has the run's peers tell each lie after each other, and then be honest.
func TestLiarsTellAllTheirLies(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		plans := chaos.PeerPlans("chaos.test")
		peers, err := peer.Start(noNames{}, plans, peer.Options{})
		if err != nil {
			t.Fatal(err)
		}
		nodes := []chaos.Node{{URL: "http://node1.test"}, {URL: "http://node2.test"}}
		players, err := chaos.PlayLiars(peers, "1", "chaos.test", chaos.Audience{Client: deaf{}, Nodes: nodes, Now: time.Now})
		if err != nil {
			t.Fatal(err)
		}
		var invented []string
		for _, liar := range chaos.Liars() {
			for range 2 {
				for _, lie := range liar.Lies {
					ids, err := players[liar.Name].Lie(t.Context(), lie)
					if err != nil {
						t.Errorf("%s does not tell %s: %v", liar.Name, lie, err)
					}
					invented = append(invented, ids...)
				}
			}
			if err := players[liar.Name].Honest(); err != nil {
				t.Errorf("%s: %v", liar.Name, err)
			}
		}
		slices.Sort(invented)
		if len(slices.Compact(invented)) != len(invented) || len(invented) < 20 || len(plans) != len(players) {
			t.Errorf("%d liars of %d invented %d claims: %q", len(players), len(plans), len(invented), invented)
		}
		for _, p := range plans {
			reader := peers.Get(p.Domain)
			if reader.Size() == 0 {
				t.Errorf("the log of %s is empty", p.Domain)
			}
		}
	})
}

func TestPlayLiarsNeedsPeers(t *testing.T) {
	peers, err := peer.Start(noNames{}, nil, peer.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := chaos.PlayLiars(peers, "1", "chaos.test", chaos.Audience{Now: time.Now}); err == nil {
		t.Error("liars that nobody plays were found")
	}
}
