package planner_test

import (
	"container/heap"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"pgregory.net/rapid"

	"mirnode/gossip/planner"
)

// network is a small network of planners over one that loses, delays and fails as it is told to. Everything comes from one seed.
type network struct {
	random *rand.Rand
	now    time.Time
	queue  deliveries
	made   int
	nodes  []*member
	loss   float64
	trace  []string
}

type member struct {
	*planner.Planner
	held    []uint64
	changed []int
	version int
	wake    time.Time // the earliest that is scheduled; zero: none
	polls   int
	work    int // actions that are no polls
}

type delivery struct {
	at    time.Time
	order int
	do    func()
}

type deliveries []delivery

func (d deliveries) Len() int { return len(d) }
func (d deliveries) Less(i, j int) bool {
	return d[i].at.Before(d[j].at) || d[i].at.Equal(d[j].at) && d[i].order < d[j].order
}
func (d deliveries) Swap(i, j int) { d[i], d[j] = d[j], d[i] }
func (d *deliveries) Push(x any)   { *d = append(*d, x.(delivery)) }
func (d *deliveries) Pop() any {
	last := (*d)[len(*d)-1]
	*d = (*d)[:len(*d)-1]
	return last
}

func newNetwork(seed uint64, size int, loss float64) *network {
	n := &network{random: rand.New(rand.NewPCG(seed, 0)), now: t0, loss: loss}
	var infos []planner.PeerInfo
	for i := range size {
		infos = append(infos, planner.PeerInfo{ID: planner.PeerID('a' + rune(i)), Origins: []planner.OriginID{originOf('a' + rune(i))}})
	}
	for i := range size {
		m := &member{
			Planner: planner.New(infos[i].ID, planner.Options{BackoffMax: 20 * time.Second}, rand.New(rand.NewPCG(seed, uint64(i+1)))),
			held:    make([]uint64, size), changed: make([]int, size),
		}
		m.Holds(n.now, infos[i].Origins[0], 0, [4]byte{}, true)
		m.SetPeers(n.now, infos)
		n.nodes = append(n.nodes, m)
		n.after(0, func() { n.act(i) })
	}
	return n
}

func (n *network) after(d time.Duration, do func()) {
	n.made++
	heap.Push(&n.queue, delivery{n.now.Add(d), n.made, do})
}

// run lets the network run for a while.
func (n *network) run(d time.Duration) {
	end := n.now.Add(d)
	for n.queue.Len() > 0 && !n.queue[0].at.After(end) {
		next := heap.Pop(&n.queue).(delivery)
		n.now = next.at
		next.do()
	}
	n.now = end
}

func (n *network) delay() time.Duration {
	return time.Duration(1 + n.random.IntN(int(80*time.Millisecond)))
}
func (n *network) lost() bool { return n.random.Float64() < n.loss }

func (n *network) grow(i int) {
	m := n.nodes[i]
	n.hold(m, i, m.held[i]+1, true)
	n.act(i)
}

func (n *network) hold(m *member, origin int, size uint64, own bool) {
	m.held[origin] = size
	m.version++
	m.changed[origin] = m.version
	m.Grew(n.now, originOf('a'+rune(origin)), size, [4]byte{byte(size)}, own)
}

func (n *network) act(i int) {
	m := n.nodes[i]
	actions, wake := m.Next(n.now)
	for _, action := range actions {
		n.trace = append(n.trace, fmt.Sprint(n.now.Sub(t0), i, action))
		if _, poll := action.(planner.Poll); poll {
			m.polls++
		} else {
			m.work++
		}
		switch a := action.(type) {
		case planner.Poll:
			n.poll(i, int(a.Peer[0]-'a'), a)
		case planner.Pull:
			n.pull(i, int(a.Peer[0]-'a'), a)
		case planner.Tell:
			ok := !n.lost()
			n.after(n.delay(), func() {
				if ok {
					to := int(a.Peer[0] - 'a')
					n.nodes[to].Hinted(n.now, planner.PeerID('a'+rune(i)), a.Hints)
					n.act(to)
				}
				m.TellEnded(n.now, a.Peer, ok)
				n.act(i)
			})
		case planner.Broadcast:
			for to := range n.nodes {
				if to != i && !n.lost() {
					n.after(n.delay(), func() { n.nodes[to].Hinted(n.now, "", a.Hints); n.act(to) })
				}
			}
		}
	}
	if wake = wake.Add(time.Microsecond); m.wake.IsZero() || wake.Before(m.wake) {
		m.wake = wake
		n.after(wake.Sub(n.now), func() {
			if m.wake.Equal(wake) {
				m.wake = time.Time{}
				n.act(i)
			}
		})
	}
}

func (n *network) poll(i, to int, a planner.Poll) {
	var since int
	_, _ = fmt.Sscan(a.Since, &since)
	ok := !n.lost()
	n.after(n.delay(), func() {
		if m := n.nodes[i]; !ok {
			m.PollFailed(n.now, a.Peer)
		} else {
			var heads []planner.Hint
			for o, changed := range n.nodes[to].changed {
				if changed > since {
					heads = append(heads, planner.Hint{Origin: originOf('a' + rune(o)), Size: n.nodes[to].held[o]})
				}
			}
			m.HeadsAnswered(n.now, a.Peer, heads, fmt.Sprint(n.nodes[to].version))
		}
		n.act(i)
	})
}

func (n *network) pull(i, to int, a planner.Pull) {
	ok := !n.lost()
	n.after(n.delay(), func() {
		m, o := n.nodes[i], int(a.Origin[0]-'a')
		result := planner.PullResult{Outcome: planner.Unreachable}
		if ok {
			theirs := n.nodes[to].held[o]
			if theirs > m.held[o] {
				n.hold(m, o, min(theirs, m.held[o]+1000), false)
			}
			result = planner.PullResult{Behind: theirs < a.To}
		}
		result.Size = m.held[o]
		m.PullEnded(n.now, a.Peer, a.Origin, result)
		n.act(i)
	})
}

// TestNetworksConvergeAndRest is the promise of the package: whatever is lost and fails on the way, in the end all nodes hold the same, and then only
// polls remain.
func TestNetworksConvergeAndRest(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		size := rapid.IntRange(2, 12).Draw(t, "nodes")
		loss := rapid.SampledFrom([]float64{0, 0.1, 0.5, 1}).Draw(t, "loss")
		n := newNetwork(rapid.Uint64().Draw(t, "seed"), size, loss)
		for range rapid.IntRange(1, 30).Draw(t, "growths") {
			n.grow(rapid.IntRange(0, size-1).Draw(t, "who"))
			n.run(time.Duration(rapid.IntRange(0, 3000).Draw(t, "pause")) * time.Millisecond)
		}
		if loss == 0 {
			n.run(2 * time.Second) // without a loss, hints alone do it
		} else {
			n.loss = 0
			n.run(90 * time.Second)
		}
		for i, m := range n.nodes {
			for o := range n.nodes {
				if want := n.nodes[o].held[o]; m.held[o] != want {
					t.Fatalf("node %d holds %d entries of %d's log, want %d", i, m.held[o], o, want)
				}
			}
		}
		n.run(30 * time.Second)
		for _, m := range n.nodes {
			m.polls, m.work = 0, 0
		}
		n.run(2 * time.Minute)
		for i, m := range n.nodes {
			if m.work != 0 {
				t.Errorf("node %d does not rest: %d actions that are no polls", i, m.work)
			}
			if most := 16 * min(3, size-1); m.polls > most || m.polls < most/2 {
				t.Errorf("node %d polled %d times in two minutes, want about %d", i, m.polls, 12*min(3, size-1))
			}
		}
	})
}

func TestSameSeedSameActions(t *testing.T) {
	run := func(seed uint64) []string {
		n := newNetwork(seed, 10, 0.2)
		for i := range 20 {
			n.grow(i % 10)
			n.run(700 * time.Millisecond)
		}
		n.run(time.Minute)
		return n.trace
	}
	first, second, other := run(7), run(7), run(8)
	if len(first) < 100 || fmt.Sprint(first) != fmt.Sprint(second) {
		t.Error("the same seed gave other actions")
	}
	if fmt.Sprint(first) == fmt.Sprint(other) {
		t.Error("another seed gave the same actions: it decides nothing")
	}
}
