package sim

type eventKind uint8

const (
	wakeUp     eventKind = iota // a planner asked to be called
	gossipTick                  // memberlist's gossip
	probeTick                   // memberlist's probe
	datagramIn                  // ref: the datagram
	requestIn                   // ref: the exchange
	answerIn
	timedOut
	committed
	recordIn
	leaves
	returns
)

// event is something that happens at a node at a time.
type event struct {
	at    int64 // ns
	order uint64
	ref   int32
	node  int32
	kind  eventKind
}

// eventHeap is a heap with four children a place (shallower, and kinder to the caches than two): the earliest event first, among equals the one made first.
type eventHeap []event

func (a *event) before(b *event) bool { return a.at < b.at || (a.at == b.at && a.order < b.order) }

func (h *eventHeap) push(e event) {
	heap := append(*h, e)
	i := len(heap) - 1
	for i > 0 {
		parent := (i - 1) / 4
		if !e.before(&heap[parent]) {
			break
		}
		heap[i] = heap[parent]
		i = parent
	}
	heap[i] = e
	*h = heap
}

func (h *eventHeap) pop() event {
	heap := *h
	first := heap[0]
	last := heap[len(heap)-1]
	heap = heap[:len(heap)-1]
	*h = heap
	if len(heap) == 0 {
		return first
	}
	i := 0
	for {
		child := 4*i + 1
		if child >= len(heap) {
			break
		}
		least := child
		for c := child + 1; c < min(child+4, len(heap)); c++ {
			if heap[c].before(&heap[least]) {
				least = c
			}
		}
		if !heap[least].before(&last) {
			break
		}
		heap[i] = heap[least]
		i = least
	}
	heap[i] = last
	return first
}

// schedule has something happen.
func (w *world) schedule(at int64, kind eventKind, node, ref int32) {
	w.made++
	w.events.push(event{at: at, order: w.made, kind: kind, node: node, ref: ref})
}
