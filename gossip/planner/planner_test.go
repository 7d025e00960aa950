package planner_test

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"mirnode/gossip/planner"
)

var (
	t0   = time.Date(2026, 11, 22, 7, 0, 0, 0, time.UTC)
	home = planner.OriginID{1}
)

// table is a planner on the test's table, and the time there. Polls are answered at once with nothing new, and Tells with success, unless they
// are asked for.
type table struct {
	*planner.Planner
	t   *testing.T
	now time.Time
}

// sit makes the planner of "self" with some peers: peer a owns origin {'a'}, and so on. The polls of the start are over.
func sit(t *testing.T, o planner.Options, peers string) *table {
	t.Helper()
	p := &table{Planner: planner.New("self", o, rand.New(rand.NewPCG(1, 2))), t: t, now: t0}
	p.SetPeers(t0, infosOf(peers))
	p.pass(5 * time.Second)
	return p
}

func infosOf(peers string) (infos []planner.PeerInfo) {
	for _, name := range peers {
		infos = append(infos, planner.PeerInfo{ID: planner.PeerID(name), Origins: []planner.OriginID{originOf(name)}})
	}
	return infos
}

func originOf(name rune) planner.OriginID { return planner.OriginID{byte(name)} }

func hintOf(name rune, size uint64) []planner.Hint {
	return []planner.Hint{{Origin: originOf(name), Size: size}}
}

// next gives what is due now, but for polls and tells, which it answers.
func (p *table) next() []planner.Action {
	p.t.Helper()
	actions, wake := p.Next(p.now)
	if wake.Before(p.now) {
		p.t.Fatalf("Next wants to be called at %v, which has passed", wake)
	}
	actions = slices.Clone(actions)
	for _, a := range only[planner.Poll](actions) {
		p.HeadsAnswered(p.now, a.Peer, nil, "c")
	}
	for _, a := range only[planner.Tell](actions) {
		p.TellEnded(p.now, a.Peer, true)
	}
	return actions
}

// pass lets time go by, and gives what came due.
func (p *table) pass(d time.Duration) (all []planner.Action) {
	p.t.Helper()
	end := p.now.Add(d)
	for range 10_000 {
		all = append(all, p.next()...)
		_, wake := p.Next(p.now)
		if wake.After(end) {
			p.now = end
			return all
		}
		p.now = wake.Add(time.Nanosecond)
	}
	p.t.Fatal("the planner does not come to rest")
	return nil
}

// only gives the actions of one kind.
func only[A planner.Action](actions []planner.Action) (found []A) {
	for _, action := range actions {
		if a, is := action.(A); is {
			found = append(found, a)
		}
	}
	return found
}

// pull expects one pull, and gives it.
func (p *table) pull(actions []planner.Action) planner.Pull {
	p.t.Helper()
	pulls := only[planner.Pull](actions)
	if len(pulls) != 1 {
		p.t.Fatalf("%d pulls, want one: %v", len(pulls), pulls)
	}
	return pulls[0]
}

// end answers a pull.
func (p *table) end(a planner.Pull, r planner.PullResult) { p.PullEnded(p.now, a.Peer, a.Origin, r) }

func TestOwnGrowthIsTold(t *testing.T) {
	p := sit(t, planner.Options{}, "abc")
	p.Grew(p.now, home, 7, [4]byte{1, 2, 3, 4}, true)
	actions := p.next()
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
	p.Grew(p.now, home, 7, [4]byte{1, 2, 3, 4}, true)
	if again := p.pass(time.Second); len(only[planner.Tell](again))+len(only[planner.Broadcast](again)) != 0 {
		t.Errorf("the same head was told again: %v", again)
	}
}

func TestHintsGatherWhileATellIsUnderWay(t *testing.T) {
	p := sit(t, planner.Options{}, "a")
	p.Grew(p.now, home, 1, [4]byte{}, true)
	actions, _ := p.Next(p.now)
	if len(only[planner.Tell](actions)) != 1 {
		t.Fatalf("%v, want a tell", actions)
	}
	for size := uint64(2); size < 100; size++ {
		p.Grew(p.now, home, size, [4]byte{}, true)
		if actions, _ := p.Next(p.now); len(only[planner.Tell](actions)) != 0 {
			t.Fatal("two tells to one peer at a time")
		}
	}
	p.TellEnded(p.now, "a", true)
	tells := only[planner.Tell](p.pass(time.Second))
	if len(tells) != 1 || len(tells[0].Hints) != 1 || tells[0].Hints[0].Size != 99 {
		t.Errorf("told %v, want the newest size once", tells)
	}
}

func TestPulledGrowthIsPassedOnOnce(t *testing.T) {
	p := sit(t, planner.Options{}, "abc")
	p.Hinted(p.now, "b", hintOf('a', 5))
	actions := p.next()
	if len(only[planner.Broadcast](actions)) != 0 {
		t.Error("a hint was passed on before what it speaks of was here")
	}
	pull := p.pull(actions)
	p.Grew(p.now, originOf('a'), 5, [4]byte{9}, false)
	p.end(pull, planner.PullResult{Size: 5})
	actions = p.pass(time.Second)
	if b := only[planner.Broadcast](actions); len(b) != 1 {
		t.Errorf("%d broadcasts, want one", len(b))
	}
	tells := only[planner.Tell](actions)
	if len(tells) != 1 || tells[0].Peer != "c" { // a owns it, b had it first
		t.Errorf("told %v, want c alone", tells)
	}
	p.Hinted(p.now, "c", hintOf('a', 5))
	if actions := p.pass(time.Second); len(actions) != len(only[planner.Poll](actions)) {
		t.Errorf("old news caused %v", actions)
	}
}

func TestGrowthDuringAPullStartsTheNext(t *testing.T) {
	p := sit(t, planner.Options{}, "ab")
	p.Hinted(p.now, "a", hintOf('a', 5))
	first := p.pull(p.next())
	p.Hinted(p.now, "a", hintOf('a', 9))
	p.Hinted(p.now, "b", hintOf('a', 9))
	if actions := p.pass(time.Second); len(only[planner.Pull](actions)) != 0 {
		t.Fatal("two pulls of one origin at a time")
	}
	p.end(first, planner.PullResult{Size: 5})
	if second := p.pull(p.pass(time.Second)); second.To != 9 {
		t.Errorf("the second pull is up to %d, want 9", second.To)
	}
}

func TestNothingIsPulledThatIsNotWanted(t *testing.T) {
	for _, test := range []struct {
		name string
		act  func(p *table)
	}{
		{"an origin that nobody owns", func(p *table) { p.Hinted(p.now, "a", hintOf('x', 5)) }},
		{"our own origin", func(p *table) {
			p.Holds(p.now, home, 3, [4]byte{}, true)
			p.Hinted(p.now, "a", []planner.Hint{{Origin: home, Size: 9}})
		}},
		{"what is held", func(p *table) {
			p.Holds(p.now, originOf('a'), 5, [4]byte{}, false)
			p.Hinted(p.now, "b", hintOf('a', 4))
			p.HeadsAnswered(p.now, "b", hintOf('a', 5), "c")
		}},
		{"a frozen origin", func(p *table) {
			p.Freeze(p.now, originOf('a'), true)
			p.Hinted(p.now, "b", hintOf('a', 5))
			p.HeadsAnswered(p.now, "b", hintOf('a', 5), "c")
		}},
		{"a forgotten peer's origin", func(p *table) {
			p.SetPeers(p.now, infosOf("b"))
			p.Hinted(p.now, "b", hintOf('a', 5))
		}},
		{"beyond the bound of hints", func(p *table) {
			p.Hinted(p.now, "b", append(make([]planner.Hint, planner.MaxHints), hintOf('a', 5)...))
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := sit(t, planner.Options{}, "ab")
			test.act(p)
			if pulls := only[planner.Pull](p.pass(time.Minute)); len(pulls) != 0 {
				t.Errorf("pulled %v", pulls)
			}
		})
	}
}

func TestThawedOriginIsPulled(t *testing.T) {
	p := sit(t, planner.Options{}, "ab")
	p.HeadsAnswered(p.now, "b", hintOf('a', 5), "c")
	p.end(p.pull(p.next()), planner.PullResult{Outcome: planner.Frozen})
	if pulls := only[planner.Pull](p.pass(time.Hour)); len(pulls) != 0 {
		t.Fatalf("pulled %v although it is frozen", pulls)
	}
	p.Freeze(p.now, originOf('a'), false)
	p.pull(p.next())
}

func TestPullsAreBounded(t *testing.T) {
	peers := "abcdefghij"
	p := sit(t, planner.Options{MaxPulls: 5, MaxPullsPerPeer: 2}, peers)
	for _, name := range peers[1:] {
		p.HeadsAnswered(p.now, "a", hintOf(name, 5), "c") // a has them all
	}
	var under []planner.Pull
	order := map[planner.OriginID]int{}
	for range 100 {
		for _, pull := range only[planner.Pull](p.pass(50 * time.Millisecond)) {
			order[pull.Origin] = len(order)
			under = append(under, pull)
		}
		count := map[planner.PeerID]int{}
		for _, pull := range under {
			if count[pull.Peer]++; count[pull.Peer] > 2 {
				t.Fatalf("%d pulls at %s", count[pull.Peer], pull.Peer)
			}
		}
		if len(under) > 5 {
			t.Fatalf("%d pulls in flight", len(under))
		}
		if len(under) > 0 {
			p.end(under[0], planner.PullResult{Size: 5})
			under = under[1:]
		}
	}
	if len(order) != len(peers)-1 {
		t.Fatalf("%d origins were pulled, want %d", len(order), len(peers)-1)
	}
	for i, name := range peers[1:] {
		if got := order[originOf(name)]; got > i+5 || got < i-5 {
			t.Errorf("origin %c came at place %d, want about %d: those who wait longest go first", name, got, i)
		}
	}
}

func TestOtherSourcesAreAsked(t *testing.T) {
	p := sit(t, planner.Options{}, "abcd")
	p.Hinted(p.now, "b", hintOf('a', 5))
	p.Hinted(p.now, "c", hintOf('a', 5))
	asked := map[planner.PeerID]bool{}
	for range 3 {
		pull := p.pull(p.pass(100 * time.Millisecond))
		asked[pull.Peer] = true
		p.end(pull, planner.PullResult{Outcome: planner.Unreachable})
		p.PeerUp(p.now, "d") // we are not cut off
	}
	if !asked["a"] || !asked["b"] || !asked["c"] {
		t.Errorf("asked %v, want both that have it and the origin's own node", asked)
	}
	if pull := p.pull(p.pass(100 * time.Millisecond)); pull.Peer != "d" {
		t.Errorf("then asked %s, want the last one who may have it", pull.Peer)
	}
}

func TestWhatOnlyHintsSpeakOfIsGivenUp(t *testing.T) {
	p := sit(t, planner.Options{BackoffFirst: time.Millisecond, BackoffMax: time.Millisecond}, "abcd")
	p.Hinted(p.now, "b", hintOf('a', 5))
	looks := 0
	for range 50 {
		p.PeerUp(p.now, "d")
		for _, pull := range only[planner.Pull](p.pass(time.Second)) {
			looks++
			p.end(pull, planner.PullResult{Outcome: planner.Unreachable})
		}
	}
	if looks == 0 || looks > 8 {
		t.Errorf("%d looks for what only a hint spoke of, want a few", looks)
	}
	p.HeadsAnswered(p.now, "b", hintOf('a', 5), "c")
	looks = 0
	for range 600 {
		p.PeerUp(p.now, "d")
		for _, pull := range only[planner.Pull](p.pass(time.Second)) {
			looks++
			p.end(pull, planner.PullResult{Outcome: planner.Unreachable})
		}
	}
	if looks < 10 || looks > 60 {
		t.Errorf("%d looks in ten minutes for what a checkpoint proves, want them to go on, ever slower", looks)
	}
}
