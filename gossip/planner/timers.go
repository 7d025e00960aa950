package planner

import "time"

// timer is a moment at which something about an origin or a peer is due. A timer that was overtaken by a newer one stays in the heap and is
// passed over when it comes up: what counts is the moment that the origin or peer itself remembers.
type timer struct {
	at    time.Duration
	index int32 // of the origin or peer
	kind  timerKind
}

type timerKind uint8

const (
	pullDue   timerKind = iota // origin.due
	spreadDue                  // origin.spreadAt
	tellDue                    // peer.tellAt
	retryDue                   // peer.until
)

// timerHeap is a binary heap, the earliest timer first; among equals, the lower kind and index first.
type timerHeap []timer

func (a timer) before(b timer) bool {
	if a.at != b.at {
		return a.at < b.at
	}
	if a.kind != b.kind {
		return a.kind < b.kind
	}
	return a.index < b.index
}

func (h *timerHeap) push(t timer) {
	heap := append(*h, t)
	child := len(heap) - 1
	for child > 0 {
		parent := (child - 1) / 2
		if !heap[child].before(heap[parent]) {
			break
		}
		heap[child], heap[parent] = heap[parent], heap[child]
		child = parent
	}
	*h = heap
}

func (h *timerHeap) pop() timer {
	heap := *h
	first, last := heap[0], len(heap)-1
	heap[0] = heap[last]
	heap = heap[:last]
	for parent := 0; ; {
		child := 2*parent + 1
		if child >= last {
			break
		}
		if child+1 < last && heap[child+1].before(heap[child]) {
			child++
		}
		if !heap[child].before(heap[parent]) {
			break
		}
		heap[child], heap[parent] = heap[parent], heap[child]
		parent = child
	}
	*h = heap
	return first
}
