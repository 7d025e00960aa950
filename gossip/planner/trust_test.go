package planner_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"mirnode/gossip/planner"
)

func TestAFalseHintCostsOneLook(t *testing.T) {
	p := sit(t, planner.Options{}, "abc")
	p.Hinted(p.now, "b", hintOf('a', 1<<60))
	lie := p.pull(p.next())
	if lie.Peer != "b" && lie.Peer != "a" {
		t.Fatalf("looked at %s", lie.Peer)
	}
	p.end(lie, planner.PullResult{Behind: true})
	if s, _ := p.Peer("b"); !s.Distrust.After(p.now) {
		t.Fatal("the liar is believed on")
	}
	for range 100 {
		p.Hinted(p.now, "b", hintOf('a', 1<<60))
		if pulls := only[planner.Pull](p.next()); len(pulls) != 0 {
			t.Fatalf("the same lie caused %v", pulls)
		}
	}
	p.Hinted(p.now, "c", hintOf('a', 5)) // the truth gets through
	if pull := p.pull(p.next()); pull.To != 5 {
		t.Errorf("a pull up to %d, want 5", pull.To)
	}
}

func TestTheLiarIsForgivenAndRememberedLonger(t *testing.T) {
	p := sit(t, planner.Options{DistrustFirst: time.Second, DistrustMax: time.Minute}, "ab")
	var gaps []time.Duration
	last := p.now
	for range 600 {
		p.Hinted(p.now, "b", hintOf('a', 99))
		for _, pull := range only[planner.Pull](p.pass(time.Second)) {
			p.end(pull, planner.PullResult{Behind: true})
			gaps, last = append(gaps, p.now.Sub(last)), p.now
		}
	}
	if len(gaps) < 5 || len(gaps) > 40 {
		t.Fatalf("%d looks in ten minutes of lies, want few: %v", len(gaps), gaps)
	}
	if longest := gaps[len(gaps)-1]; longest < 20*time.Second || longest > 2*time.Minute {
		t.Errorf("the last lies were looked at every %v, want about a minute", longest)
	}
}

func TestNamelessLies(t *testing.T) {
	p := sit(t, planner.Options{}, "abc")
	looks := 0
	for range 60 {
		for range 20 {
			p.Hinted(p.now, "", hintOf('a', 1<<60))
		}
		for _, pull := range only[planner.Pull](p.pass(time.Second)) {
			if looks++; pull.Peer != "a" {
				t.Errorf("looked at %s, want the origin's own node", pull.Peer)
			}
			p.end(pull, planner.PullResult{Behind: true})
		}
	}
	if looks == 0 || looks > 8 {
		t.Errorf("1,200 nameless lies in a minute caused %d looks, want a few", looks)
	}
	p.HeadsAnswered(p.now, "b", hintOf('a', 3), "c") // what a checkpoint shows is not doubted
	p.pull(p.next())
}

func TestStrangersCountAsNameless(t *testing.T) {
	p := sit(t, planner.Options{}, "ab")
	p.Hinted(p.now, "nobody", hintOf('a', 5))
	if pull := p.pull(p.next()); pull.Peer != "a" {
		t.Errorf("looked at %s, want the origin's own node", pull.Peer)
	}
}

func TestAnotherRootIsLookedAt(t *testing.T) {
	p := sit(t, planner.Options{PollEvery: time.Hour}, "ab")
	p.Grew(p.now, originOf('a'), 5, [4]byte{1}, false)
	p.pass(time.Second)
	other := []planner.Hint{{Origin: originOf('a'), Size: 5, Root: [4]byte{2}}}
	p.Hinted(p.now, "b", other)
	if polls := only[planner.Poll](p.next()); len(polls) != 1 || polls[0].Peer != "b" {
		t.Errorf("polled %v, want b, who speaks of another tree", polls)
	}
	p.Hinted(p.now, "b", other)
	if polls := only[planner.Poll](p.next()); len(polls) != 0 {
		t.Errorf("polled %v again at once", polls)
	}
	p.Hinted(p.now, "", other)
	if polls := only[planner.Poll](p.next()); len(polls) != 1 || polls[0].Peer != "a" {
		t.Errorf("polled %v, want the origin's own node", polls)
	}
}

func TestRefusedIsNotAskedAgainSoon(t *testing.T) {
	p := sit(t, planner.Options{DistrustFirst: time.Minute}, "ab")
	p.HeadsAnswered(p.now, "b", hintOf('a', 5), "c")
	first := p.pull(p.next())
	p.end(first, planner.PullResult{Outcome: planner.Refused})
	second := p.pull(p.pass(time.Second))
	if second.Peer == first.Peer {
		t.Fatalf("%s, who gave what does not prove itself, was asked again", first.Peer)
	}
	p.end(second, planner.PullResult{Size: 5})
	if pulls := only[planner.Pull](p.pass(time.Minute)); len(pulls) != 0 {
		t.Errorf("pulled %v with nothing missing", pulls)
	}
}

func TestBackoff(t *testing.T) {
	p := sit(t, planner.Options{BackoffFirst: time.Second, BackoffMax: 10 * time.Second}, "ab")
	for i := range 8 {
		p.PeerDown(p.now, "a")
		s, _ := p.Peer("a")
		pause, most := s.Until.Sub(p.now), min(time.Second<<i, 10*time.Second)
		if pause < most/2 || pause > most {
			t.Errorf("pause %v after failure %d, want %v to %v", pause, i+1, most/2, most)
		}
		p.PeerDown(p.now, "a")
		if again, _ := p.Peer("a"); again != s {
			t.Error("what was in flight together counts more than once")
		}
		p.now = s.Until.Add(time.Millisecond)
	}
	states := p.Export()
	if len(states) != 1 || states[0].Peer != "a" || states[0].Failures != 8 {
		t.Fatalf("exported %+v", states)
	}

	fresh := &table{Planner: planner.New("self", planner.Options{BackoffMax: 10 * time.Second}, rand.New(rand.NewPCG(1, 2))), t: t, now: p.now}
	fresh.SetPeers(fresh.now, infosOf("ab"))
	states[0].Until = fresh.now.Add(time.Hour) // a clock that was wrong
	fresh.Import(fresh.now, append(states, planner.PeerState{Peer: "z", Failures: 1}))
	fresh.Next(fresh.now)
	if s, _ := fresh.Peer("a"); s.Failures != 8 || s.Until.Sub(fresh.now) > 10*time.Second || !s.Until.After(fresh.now) {
		t.Errorf("imported %+v", s)
	}
	fresh.Reset(fresh.now, "a")
	if s, _ := fresh.Peer("a"); s.Failures != 0 || !s.Until.IsZero() {
		t.Errorf("after Reset: %+v", s)
	}
	if polls := only[planner.Poll](fresh.next()); len(polls) == 0 || polls[0].Peer != "a" {
		t.Errorf("Reset led to %v, want a poll of a", polls)
	}
	p.PeerUp(p.now, "a")
	if s, _ := p.Peer("a"); s.Failures != 0 {
		t.Error("a success did not end the backoff")
	}
}

func TestBusyPeerIsLeftAlone(t *testing.T) {
	p := sit(t, planner.Options{}, "ab")
	p.HeadsAnswered(p.now, "b", hintOf('a', 5), "c")
	first := p.pull(p.next())
	p.end(first, planner.PullResult{Outcome: planner.Busy})
	second := p.pull(p.next())
	if second.Peer == first.Peer {
		t.Errorf("%s said that it is busy, and was asked again at once", first.Peer)
	}
	if s, _ := p.Peer(first.Peer); s.Failures != 0 {
		t.Error("being busy counts as a failure")
	}
	p.end(second, planner.PullResult{Outcome: planner.Local})
	if s, _ := p.Peer(second.Peer); s.Failures != 0 {
		t.Error("our own failure counts as the peer's")
	}
	p.pull(p.pass(2 * time.Second))
}
