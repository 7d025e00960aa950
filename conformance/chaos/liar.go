package chaos

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"mirnode/conformance/logread"
	"mirnode/conformance/peer"
)

// The lies that a peer of package peer tells beside its own (peer.Lies).
const (
	lieForge  = "forge"  // its log has a claim that its domain never signed like that
	lieFork   = "fork"   // it shows two logs
	lieRewind = "rewind" // its log has fewer entries than it had
)

// liarLies are the lies of each of the run's peers. Who forks is found out, and nobody listens to it any more; so that is a peer of its own.
var liarLies = map[string][]string{ // never changed
	"forger": {lieForge, "altered-entry", "altered-tile", "wrong-root", "wrong-signer", "garbage", "withheld-bodies", "server-error", lieForge},
	"forker": {lieForge, lieFork, lieRewind},
}

// Liars gives the peers that lie in a run, for its plan.
func Liars() []Liar {
	var list []Liar
	for _, name := range []string{"forger", "forker"} {
		list = append(list, Liar{Name: name, Lies: slices.Clone(liarLies[name])})
	}
	return list
}

// liarCase stands in the place of a case's ID in the peers' domains.
const liarCase = "chaos/chaos"

// PeerPlans gives the peers that the nodes of a run must name as theirs, for peer.Start.
func PeerPlans(suffix string) []peer.Plan {
	var list []peer.Plan
	for _, l := range Liars() {
		list = append(list, peer.Plan{Domain: peer.Domain(liarCase, l.Name, suffix)})
	}
	return list
}

// peerLiar is a liar that package peer plays.
type peerLiar struct {
	peer  *peer.Peer
	is    issuer
	count int // claims that were made for it
	hints sync.WaitGroup
	Audience
}

// Audience is who is lied to.
type Audience struct {
	Client logread.Doer
	Nodes  []Node
	Now    func() time.Time
}

// hintPatience bounds how long a node has to hear that there is something to see.
const hintPatience = 500 * time.Millisecond

// PlayLiars finds the players of all [Liars] among the suite's peers. seed and suffix are the run's.
func PlayLiars(peers *peer.Peers, seed, suffix string, to Audience) (map[string]Lying, error) {
	players := make(map[string]Lying)
	for _, l := range Liars() {
		p := peers.Get(peer.Domain(liarCase, l.Name, suffix))
		if p == nil {
			return nil, fmt.Errorf("chaos: nobody plays the peer %s", l.Name)
		}
		liar := &peerLiar{peer: p, is: newIssuer(seed, 0, suffix), Audience: to}
		honest, _, err := liar.records(1, false)
		if err == nil {
			err = p.Append(to.Now(), honest...)
		}
		if err != nil {
			return nil, fmt.Errorf("chaos: %w", err)
		}
		players[l.Name] = liar
	}
	return players, nil
}

// records makes so many claims of the run's first domain; with forge, they were changed after they were signed.
func (l *peerLiar) records(n int, forge bool) (list []peer.Record, ids []string, err error) {
	for range n {
		l.count++
		purpose := "lie of " + l.peer.Domain()
		claim, err := l.is.claim(purpose, l.count, l.Now())
		if err != nil {
			return nil, nil, err
		}
		body := claim.Raw()
		if forge {
			body = altered(claim, purpose)
			ids = append(ids, claim.ID())
		}
		record, err := peer.NewRecord("claim", body)
		if err != nil {
			return nil, nil, err
		}
		list = append(list, record)
	}
	return list, ids, nil
}

// Lie implements Lying. It does not wait until the nodes have heard that there is something to see: what comes next must not be held up.
func (l *peerLiar) Lie(ctx context.Context, lie string) ([]string, error) {
	ids, err := l.tell(lie)
	more := l.peer.Size() + 1 // nobody follows a hint about what is known already
	for _, n := range l.Nodes {
		l.hints.Go(func() {
			hinting, cancel := context.WithTimeout(context.WithoutCancel(ctx), hintPatience)
			defer cancel()
			_ = l.peer.Hint(hinting, l.Client, n.URL, more) // a node that is away finds out by itself
		})
	}
	return ids, err
}

func (l *peerLiar) tell(lie string) ([]string, error) {
	if err := l.peer.Lie(""); err != nil {
		return nil, err
	}
	switch lie {
	case lieForge:
		list, ids, err := l.records(3, true)
		if err != nil {
			return nil, err
		}
		return ids, l.peer.Append(l.Now(), list...)
	case lieFork:
		first, _, err := l.records(2, false)
		if err != nil {
			return nil, err
		}
		second, ids, err := l.records(2, true)
		if err != nil {
			return nil, err
		}
		return ids, l.peer.Fork(l.Now(), first, second)
	case lieRewind:
		return nil, l.peer.Rewind(1)
	}
	return nil, l.peer.Lie(lie)
}

// Honest implements Lying. What the log holds, it holds; a fork stays one.
func (l *peerLiar) Honest() error {
	l.hints.Wait()
	return l.peer.Lie("")
}

// Heard implements Lying.
func (l *peerLiar) Heard() int {
	return l.peer.Asked("/log/checkpoint") + l.peer.Asked("/log/entries") + l.peer.Asked("/records/fetch")
}
