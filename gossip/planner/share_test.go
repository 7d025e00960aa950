package planner_test

import (
	"testing"
	"time"

	"mirnode/gossip/planner"
)

// crowd makes a planner whose peers each own some logs, of which all have something to pull.
func crowd(t *testing.T, o planner.Options, infos ...planner.PeerInfo) *table {
	t.Helper()
	p := sit(t, o, "")
	p.SetPeers(p.now, infos)
	p.pass(5 * time.Second)
	return p
}

func logs(first byte, n int) (ids []planner.OriginID) {
	for i := range n {
		ids = append(ids, planner.OriginID{first, byte(i + 1)})
	}
	return ids
}

// grow shows a new head of each of a peer's logs.
func (p *table) grow(peer planner.PeerInfo, size uint64) {
	for _, id := range peer.Origins {
		p.HeadsAnswered(p.now, peer.ID, []planner.Hint{{Origin: id, Size: size}}, "c")
	}
}

func TestOneLogOfAPeerIsPulledAtATime(t *testing.T) {
	a := planner.PeerInfo{ID: "a", Origins: logs('a', 8)}
	p := crowd(t, planner.Options{}, a)
	p.grow(a, 9)
	seen := map[planner.OriginID]bool{}
	for range 8 {
		pull := p.pull(p.pass(100 * time.Millisecond))
		seen[pull.Origin] = true
		p.end(pull, planner.PullResult{Size: 9})
	}
	if len(seen) != 8 {
		t.Errorf("%d of 8 logs were pulled", len(seen))
	}
}

// Peers that hold their places for as long as they can, under many names and epochs: an honest one that was quick gets its place at once.
func TestPlacesAreKeptForQuickPeers(t *testing.T) {
	honest := planner.PeerInfo{ID: "honest", Origins: logs('h', 1)}
	infos := []planner.PeerInfo{honest}
	for i := range byte(60) {
		infos = append(infos, planner.PeerInfo{ID: planner.PeerID("liar" + string(rune('A'+i))), Origins: logs(i, 8)})
	}
	p := crowd(t, planner.Options{PollEvery: time.Hour}, infos...)
	p.grow(honest, 1)
	p.end(p.pull(p.next()), planner.PullResult{Size: 1})
	for _, liar := range infos[1:] {
		p.grow(liar, 1<<40)
	}
	held := 0
	for _, pull := range only[planner.Pull](p.pass(time.Second)) {
		if pull.Peer == "honest" { // it may have them, for all that one knows
			p.end(pull, planner.PullResult{Behind: true})
			continue
		}
		held++
	}
	if held != 24 {
		t.Fatalf("%d places are held by who was never quick, want three quarters of 32", held)
	}
	p.grow(honest, 2)
	if pull := p.pull(p.next()); pull.Peer != "honest" {
		t.Errorf("pulled from %s", pull.Peer)
	}
}

func TestASiteSharesItsPlaces(t *testing.T) {
	var infos []planner.PeerInfo
	for i := range byte(40) {
		infos = append(infos, planner.PeerInfo{ID: planner.PeerID("p" + string(rune('A'+i))), Site: "attacker.example", Origins: logs(i, 1)})
	}
	other := planner.PeerInfo{ID: "x", Site: "other.example", Origins: logs('x', 1)}
	p := crowd(t, planner.Options{PollEvery: time.Hour}, append(infos, other)...)
	for _, i := range infos {
		p.grow(i, 7)
	}
	held := only[planner.Pull](p.pass(time.Second))
	if len(held) == 0 || len(held) > 6 {
		t.Fatalf("one site holds %d places of 32, want a small share", len(held))
	}
	p.grow(other, 7)
	if pull := p.pull(p.next()); pull.Peer != "x" {
		t.Errorf("pulled from %s", pull.Peer)
	}
	for range len(infos) - len(held) { // each place that is given back serves the next of them
		p.end(held[0], planner.PullResult{Size: 7})
		held = append(held[1:], only[planner.Pull](p.next())...)
	}
	if len(held) == 0 {
		t.Error("those who waited were forgotten")
	}
}

// Turns go by peer: one with many logs does not come before those that waited for their first.
func TestTurnsGoByPeer(t *testing.T) {
	many := planner.PeerInfo{ID: "many", Origins: logs('m', 8)}
	infos := []planner.PeerInfo{many}
	for _, name := range "abcd" {
		infos = append(infos, planner.PeerInfo{ID: planner.PeerID(name), Origins: logs(byte(name), 1)})
	}
	p := crowd(t, planner.Options{PollEvery: time.Hour, MaxPulls: 1, HoldOff: time.Nanosecond}, infos...)
	for _, i := range infos {
		p.grow(i, 7)
	}
	var order []planner.PeerID
	for range 6 {
		pull := p.pull(p.next())
		order = append(order, pull.Peer)
		p.end(pull, planner.PullResult{Size: 7})
	}
	for i, id := range order[1:5] {
		if id == "many" {
			t.Errorf("in turn %d it was many's again: %v", i+1, order)
		}
	}
}

// A peer that drips is left for longer each time, though it answers every poll; and it is no reason to think that our own link is cut.
func TestDripsAreLeftForLonger(t *testing.T) {
	p := sit(t, planner.Options{PollEvery: time.Second}, "ab")
	drips := 0
	for range 600 {
		p.HeadsAnswered(p.now, "a", hintOf('a', 1<<40), "c")
		for _, pull := range only[planner.Pull](p.pass(time.Second)) {
			if pull.Peer != "a" {
				p.end(pull, planner.PullResult{Behind: true})
				continue
			}
			drips++
			p.now = p.now.Add(3 * time.Second)
			p.end(pull, planner.PullResult{Outcome: planner.Slow})
		}
	}
	if drips < 5 || drips > 60 {
		t.Errorf("dripped on %d times in ten minutes, want few", drips)
	}
	p.HeadsAnswered(p.now, "b", hintOf('b', 1), "c")
	if pull := p.pull(p.next()); pull.Peer != "b" {
		t.Errorf("pulled from %s", pull.Peer)
	}
}

// What a cut made of a peer is over with its first answer, whether a hint, a probe or a poll led to it.
func TestAfterACutOneAnswerIsEnough(t *testing.T) {
	for name, wake := range map[string]func(*table){
		"a hint in its name":   func(p *table) { p.Hinted(p.now, "a", hintOf('a', 5)) },
		"a probe that it took": func(p *table) { p.Measured(p.now, "a", time.Millisecond) },
	} {
		p := sit(t, planner.Options{PollEvery: time.Hour, BackoffFirst: time.Minute, BackoffMax: time.Hour}, "abc")
		p.HeadsAnswered(p.now, "a", hintOf('a', 5), "c")
		p.end(p.pull(p.next()), planner.PullResult{Outcome: planner.Unreachable})
		for range 20 { // an hour of cut, for a and nobody else
			p.PollFailed(p.now, "a")
			for _, pull := range only[planner.Pull](p.pass(time.Second)) {
				p.end(pull, planner.PullResult{Outcome: planner.Unreachable})
			}
			p.HeadsAnswered(p.now, "b", nil, "c")
		}
		p.pass(2 * time.Second)
		wake(p)
		actions := p.pass(time.Second)
		if polls := only[planner.Poll](actions); len(polls) == 0 || polls[0].Peer != "a" {
			t.Errorf("%s: polled %v, want a", name, polls)
		}
		if s, _ := p.Peer("a"); !s.Until.IsZero() {
			t.Errorf("%s: a answered and is left alone until %v", name, s.Until)
		}
		p.now = p.now.Add(3 * time.Second)
		p.HeadsAnswered(p.now, "a", hintOf('a', 5), "c")
		if pull := p.pull(append(actions, p.next()...)); pull.Peer != "a" {
			t.Errorf("%s: pulled from %s", name, pull.Peer)
		}
	}
}
