package planner_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"mirnode/gossip/planner"
)

var (
	t0   = time.Date(2026, 11, 22, 7, 0, 0, 0, time.UTC)
	home = planner.OriginID{1}
)

// newPlanner makes the planner of "self" with some peers: peer a owns origin {'a'}, and so on.
func newPlanner(t *testing.T, o planner.Options, peers string) *planner.Planner {
	t.Helper()
	p := planner.New("self", o, rand.New(rand.NewPCG(1, 2)))
	var infos []planner.PeerInfo
	for _, name := range peers {
		infos = append(infos, planner.PeerInfo{ID: planner.PeerID(name), Origins: []planner.OriginID{originOf(name)}})
	}
	p.SetPeers(t0, infos)
	return p
}

func originOf(name rune) planner.OriginID { return planner.OriginID{byte(name)} }

// only gives the actions of one kind.
func only[A planner.Action](actions []planner.Action) (found []A) {
	for _, action := range actions {
		if a, is := action.(A); is {
			found = append(found, a)
		}
	}
	return found
}

func TestOwnGrowthIsTold(t *testing.T) {
	p := newPlanner(t, planner.Options{}, "abc")
	p.Grew(t0, home, 7, [4]byte{1, 2, 3, 4}, true)
	actions, _ := p.Next(t0)
	want := planner.Hint{Origin: home, Size: 7, Root: [4]byte{1, 2, 3, 4}}
	if b := only[planner.Broadcast](actions); len(b) != 1 || len(b[0].Hints) != 1 || b[0].Hints[0] != want {
		t.Errorf("broadcasts %v, want one of %v", b, want)
	}
	tells := only[planner.Tell](actions)
	if len(tells) != 3 {
		t.Fatalf("told %d peers, want all three", len(tells))
	}
	for _, tell := range tells {
		if len(tell.Hints) != 1 || tell.Hints[0] != want {
			t.Errorf("%s was told %v, want %v", tell.Peer, tell.Hints, want)
		}
	}
}
