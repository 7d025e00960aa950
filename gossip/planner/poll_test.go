package planner_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"mirnode/gossip/planner"
)

func TestPollsAtTheStartAndThenAtTheirInterval(t *testing.T) {
	p := &table{Planner: planner.New("self", planner.Options{PollEvery: 10 * time.Second}, rand.New(rand.NewPCG(1, 2))), t: t, now: t0}
	p.SetPeers(p.now, infosOf("ab"))
	start := only[planner.Poll](p.pass(2 * time.Second))
	if len(start) < 2 || start[0].Peer == start[1].Peer || start[0].Since != "" {
		t.Fatalf("polled %v at the start, want everybody from the beginning", start)
	}
	count := map[planner.PeerID]int{}
	for _, poll := range only[planner.Poll](p.pass(100 * time.Second)) {
		if count[poll.Peer]++; poll.Since != "c" {
			t.Errorf("polled since %q, want the cursor that was given", poll.Since)
		}
	}
	for name, n := range count {
		if n < 8 || n > 13 {
			t.Errorf("%s was polled %d times in 100 s, want about 10", name, n)
		}
	}
}

func TestFullPageIsFollowedByTheNext(t *testing.T) {
	p := sit(t, planner.Options{PollEvery: time.Hour}, "ab")
	p.Reset(p.now, "a")
	for page := range 3 {
		actions, _ := p.Next(p.now)
		polls := only[planner.Poll](actions)
		if len(polls) != 1 || polls[0].Peer != "a" {
			t.Fatalf("page %d: polled %v", page, polls)
		}
		heads := make([]planner.Hint, planner.HeadsPage)
		if page == 2 {
			heads = heads[:10]
		}
		p.HeadsAnswered(p.now, "a", heads, fmt.Sprint(page))
	}
	if polls := only[planner.Poll](p.next()); len(polls) != 0 {
		t.Errorf("polled %v after the last page", polls)
	}
}

func TestPollingAloneConverges(t *testing.T) {
	p := sit(t, planner.Options{}, "abcdefghijklmnop")
	for _, name := range "bdf" {
		p.HeadsAnswered(p.now, "a", hintOf(name, 5), "c")
	}
	pulled := map[planner.OriginID]bool{}
	for range 10 {
		for _, pull := range only[planner.Pull](p.pass(time.Second)) {
			pulled[pull.Origin] = true
			p.end(pull, planner.PullResult{Size: 5})
		}
	}
	if len(pulled) != 3 {
		t.Errorf("pulled %d origins, want 3", len(pulled))
	}
}

func TestHealIsNoticed(t *testing.T) {
	p := sit(t, planner.Options{PollEvery: 10 * time.Second, BackoffMax: 10 * time.Minute}, "abc")
	for range 20 {
		for _, name := range []planner.PeerID{"a", "b", "c"} {
			p.PeerDown(p.now, name)
		}
		p.now = p.now.Add(10 * time.Minute)
	}
	for _, name := range []planner.PeerID{"a", "b", "c"} {
		p.PeerDown(p.now, name)
	}
	p.Next(p.now)
	p.now = p.now.Add(time.Second)
	if polls := only[planner.Poll](p.next()); len(polls) != 0 {
		t.Fatalf("polled %v although everybody is backed off", polls)
	}
	for range 100 {
		p.Hinted(p.now, "", hintOf('a', 5))
	}
	actions, _ := p.Next(p.now)
	probes := only[planner.Poll](actions)
	if len(probes) != 1 {
		t.Fatalf("a sign of life led to polls %v, want one", probes)
	}
	p.HeadsAnswered(p.now, probes[0].Peer, hintOf('a', 5), "c")
	polled := map[planner.PeerID]bool{}
	for _, poll := range only[planner.Poll](p.pass(2 * time.Second)) {
		polled[poll.Peer] = true
	}
	if len(polled) < 3 {
		t.Errorf("after the heal %v were polled within two seconds, want everybody", polled)
	}
}

func TestABackedOffPeerThatSpeaksIsTriedAgain(t *testing.T) {
	p := sit(t, planner.Options{PollEvery: time.Hour, BackoffFirst: time.Hour, BackoffMax: time.Hour}, "ab")
	p.PeerDown(p.now, "a")
	for range 100 {
		p.Hinted(p.now, "a", hintOf('a', 5))
	}
	actions, _ := p.Next(p.now)
	if polls := only[planner.Poll](actions); len(polls) != 1 || polls[0].Peer != "a" {
		t.Fatalf("polled %v, want a once", polls)
	}
	p.HeadsAnswered(p.now, "a", nil, "c")
	if s, _ := p.Peer("a"); s.Failures != 0 {
		t.Error("it answered, and is backed off all the same")
	}
	p.end(p.pull(actions), planner.PullResult{Behind: true}) // b was asked on a chance
	if pull := p.pull(p.next()); pull.Peer != "a" {
		t.Errorf("pulled from %s, want a, who can be reached again", pull.Peer)
	}
}

func TestNothingIsPulledWhileCutOff(t *testing.T) {
	p := sit(t, planner.Options{}, "abc")
	for _, name := range []planner.PeerID{"a", "b", "c"} {
		p.PeerDown(p.now, name)
	}
	p.Hinted(p.now, "b", hintOf('a', 5))
	actions, _ := p.Next(p.now)
	polls := only[planner.Poll](actions)
	if len(polls) != 1 || len(only[planner.Pull](actions)) != 0 {
		t.Fatalf("%v, want one poll to see whether the network is back", actions)
	}
	p.HeadsAnswered(p.now, polls[0].Peer, nil, "c")
	p.pull(p.pass(time.Second))
}

func TestLongListsAreCut(t *testing.T) {
	p := planner.New("self", planner.Options{}, rand.New(rand.NewPCG(1, 2)))
	infos := make([]planner.PeerInfo, planner.MaxPeers+10)
	for i := range infos {
		infos[i].ID = planner.PeerID(fmt.Sprintf("%06d", i))
		for n := range planner.MaxOriginsPerPeer + 4 {
			infos[i].Origins = append(infos[i].Origins, planner.OriginID{byte(i >> 8), byte(i), byte(n + 1)})
		}
	}
	infos = append(infos, planner.PeerInfo{ID: "self"}, planner.PeerInfo{ID: ""}, infos[0])
	p.SetPeers(t0, infos)
	if _, known := p.Peer(infos[planner.MaxPeers].ID); known {
		t.Error("a peer beyond the bound is known")
	}
	if _, known := p.Peer("self"); known {
		t.Error("we are our own peer")
	}
	if _, known := p.Origin(planner.OriginID{0, 0, planner.MaxOriginsPerPeer + 1}); known {
		t.Error("an origin beyond the bound of a peer is known")
	}
	for range 3 { // others come and go: what nobody owns gives way
		p.SetPeers(t0, infosOf("a"))
		if _, known := p.Origin(originOf('a')); !known {
			t.Error("there is no room for a new peer's origin")
		}
		p.SetPeers(t0, infos)
	}
}
