package planner_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"mirnode/gossip/planner"
)

func TestAFalseHintCostsOneLookAndNobodyHisName(t *testing.T) {
	p := sit(t, planner.Options{LookPause: time.Second}, "abc")
	p.Hinted(p.now, "b", hintOf('a', 1<<60))
	lie := p.pull(p.next())
	if lie.Peer != "b" && lie.Peer != "a" {
		t.Fatalf("looked at %s", lie.Peer)
	}
	p.end(lie, planner.PullResult{Behind: true})
	for _, id := range []planner.PeerID{"a", "b"} {
		if s, _ := p.Peer(id); !s.Distrust.IsZero() || s.Failures != 0 {
			t.Fatalf("%s is blamed for a hint that anybody can have sent in its name: %+v", id, s)
		}
	}
	for range 100 {
		p.Hinted(p.now, "b", hintOf('a', 1<<60))
		if pulls := only[planner.Pull](p.next()); len(pulls) != 0 {
			t.Fatalf("the same lie caused %v", pulls)
		}
	}
	p.HeadsAnswered(p.now, "c", hintOf('a', 5), "c") // what a checkpoint shows is not doubted
	p.pull(p.next())
}

// Forged hints, in everybody's name and in nobody's: looks at their own pace, and the truth comes with the next one.
func TestForgedHintsDoNotHoldTheNewsUp(t *testing.T) {
	p := sit(t, planner.Options{PollEvery: time.Hour}, "abc")
	held, looks, worst := uint64(0), 0, time.Duration(0)
	var since time.Time
	for step := range 6000 { // ten minutes
		truth := uint64(step/50 + 1) // the log grows every 5 s
		if since.IsZero() && held < truth {
			since = p.now
			p.Hinted(p.now, "a", hintOf('a', truth))
		}
		for _, name := range []planner.PeerID{"a", "b", "c", ""} {
			p.Hinted(p.now, name, hintOf('a', 1<<60))
			p.Hinted(p.now, name, []planner.Hint{{Origin: originOf('a'), Size: held, Root: [4]byte{0xff}}})
		}
		for _, pull := range only[planner.Pull](p.pass(100 * time.Millisecond)) {
			looks++
			if pull.Peer == "a" {
				held = truth
			}
			p.Grew(p.now, originOf('a'), held, [4]byte{}, false)
			p.end(pull, planner.PullResult{Size: held, Behind: true})
		}
		if held == truth && !since.IsZero() {
			worst, since = max(worst, p.now.Sub(since)), time.Time{}
		}
	}
	if worst > 1500*time.Millisecond {
		t.Errorf("news took up to %v", worst)
	}
	if looks > 1800 {
		t.Errorf("24,000 forged hints caused %d looks in ten minutes", looks)
	}
}

func TestLiesOfManyLogsShareTheLooks(t *testing.T) {
	names := "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+/=?$%&(){}[]<>#*~-_.:;,!|^"
	p := sit(t, planner.Options{PollEvery: time.Hour, LookPauseMax: 250 * time.Millisecond}, names)
	looks := 0
	for range 600 {
		for _, name := range names {
			p.Hinted(p.now, "a", hintOf(name, 1<<60))
		}
		for _, pull := range only[planner.Pull](p.pass(100 * time.Millisecond)) {
			looks++
			p.end(pull, planner.PullResult{Behind: true})
		}
	}
	if looks < 600 || looks > 64*60+4*len(names) {
		t.Errorf("%d looks in a minute of lies about %d logs, want at most 64 a second", looks, len(names))
	}
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
