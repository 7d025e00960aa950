package gossip

import (
	"sync"
	"time"

	"mirnode/gossip/planner"
)

// Bounds of what waits for the planner. What comes beyond is dropped: a hint is no more than that.
const (
	maxWaitingHints = 4096
	maxWaitingTimes = 512
)

// intake is where hints wait for the planner's goroutine, the newest of each teller and origin. Adding never blocks. It may be used from
// several goroutines.
type intake struct {
	wake chan struct{} // capacity 1

	mu      sync.Mutex
	hints   map[hintKey]planner.Hint         // owned by mu
	times   map[planner.PeerID]time.Duration // owned by mu; round trips
	dropped uint64                           // owned by mu
}

type hintKey struct {
	from   planner.PeerID
	origin planner.OriginID
}

func newIntake() *intake {
	return &intake{
		wake: make(chan struct{}, 1), hints: make(map[hintKey]planner.Hint), times: make(map[planner.PeerID]time.Duration),
	}
}

// add takes hints in. Of those that wait in one name the one that speaks of most counts: packets overtake each other, and a name proves nothing,
// so that a forged word must not take a true one's place.
func (in *intake) add(from planner.PeerID, hints []planner.Hint) {
	in.mu.Lock()
	for _, h := range hints {
		key := hintKey{from, h.Origin}
		old, waits := in.hints[key]
		switch {
		case !waits && len(in.hints) >= maxWaitingHints:
			in.dropped++
		case waits && old.Size > h.Size:
		default:
			in.hints[key] = h
		}
	}
	in.mu.Unlock()
	in.signal()
}

// measured takes in how fast a peer answered memberlist's probe.
func (in *intake) measured(peer planner.PeerID, took time.Duration) {
	in.mu.Lock()
	if _, waits := in.times[peer]; waits || len(in.times) < maxWaitingTimes {
		in.times[peer] = took
	}
	in.mu.Unlock()
	in.signal()
}

func (in *intake) signal() {
	select {
	case in.wake <- struct{}{}:
	default:
	}
}

// take empties the intake.
func (in *intake) take() (hints map[planner.PeerID][]planner.Hint, times map[planner.PeerID]time.Duration) {
	in.mu.Lock()
	defer in.mu.Unlock()
	hints = make(map[planner.PeerID][]planner.Hint)
	for key, h := range in.hints {
		hints[key.from] = append(hints[key.from], h)
	}
	times = in.times
	in.hints, in.times = make(map[hintKey]planner.Hint), make(map[planner.PeerID]time.Duration)
	return hints, times
}
