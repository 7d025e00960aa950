package sim

import (
	"slices"
	"time"
)

// record is one record's way through the network.
type record struct {
	origin  int32
	index   uint32
	made    int64
	last    int64 // when the last of the nodes present got it
	reached int32 // nodes that hold it, its own not counted
	counts  bool  // made in the measured time
}

// measures is what is counted while a simulation runs.
type measures struct {
	delays    []int32 // µs, of measured records at nodes that were present
	bytes     [kinds]int64
	messages  [kinds]int64
	pulls     int
	idlePulls int
	open      int  // measured records that have not reached everybody
	ended     bool // the measured time is over
}

// nextRecord draws the time of the next record.
func (w *world) nextRecord() int64 {
	if w.Rate <= 0 {
		return w.end + 1
	}
	return w.now + int64(w.random.ExpFloat64()/w.Rate*float64(time.Second))
}

// ingest has a node take a record from a client.
func (w *world) ingest() {
	if w.now >= int64(w.WarmUp+w.Measured) {
		w.measure.ended = true
		return
	}
	w.schedule(w.nextRecord(), recordIn, 0, 0)
	i := int32(w.random.IntN(w.Nodes))
	for w.away(i) {
		i = int32(w.random.IntN(w.Nodes))
	}
	n := &w.nodes[i]
	r := record{origin: i, index: n.held[i], made: w.now, counts: w.now >= int64(w.WarmUp)}
	if r.counts {
		w.measure.open++
	}
	w.ofOrigin[i] = append(w.ofOrigin[i], int32(len(w.records)))
	w.records = append(w.records, r)
	n.held[i]++
	n.version++
	n.changed[i] = n.version
	n.planner.Grew(w.time(), originID(i), uint64(n.held[i]), rootOf(i, n.held[i]), true)
	w.act(i)
}

// arrived notes that a node got the entries from..to of an origin.
func (m *measures) arrived(w *world, node, origin int32, from, to uint32) {
	n := &w.nodes[node]
	for _, ref := range w.ofOrigin[origin][from:to] {
		r := &w.records[ref]
		r.reached++
		if n.missing > 0 && r.made < n.returns {
			if n.missing--; n.missing == 0 {
				n.caughtUp = w.now
			}
		}
		if !r.counts {
			continue
		}
		if int(r.reached) == w.Nodes-1 {
			m.open--
		}
		if r.made < n.returns && w.now >= n.leaves {
			continue // it was away in between
		}
		r.last = max(r.last, w.now)
		m.delays = append(m.delays, int32((w.now-r.made)/int64(time.Microsecond)))
	}
}

// settled tells whether everything measured has arrived everywhere.
func (w *world) settled() bool { return w.measure.ended && w.measure.open == 0 }

// sent counts what goes over an uplink in the measured time.
func (m *measures) sent(w *world, n *node, bytes int, kind traffic, took int64) {
	n.busy[min(int(w.now/int64(time.Second)), len(n.busy)-1)] += took
	if w.now >= int64(w.WarmUp) && w.now < int64(w.WarmUp+w.Measured) {
		m.bytes[kind] += int64(bytes)
		m.messages[kind]++
	}
}

// quantile gives the value below which a part q of the sorted values lies.
func quantile[T int32 | int64](sorted []T, q float64) T {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[min(int(q*float64(len(sorted))), len(sorted)-1)]
}

// spread gives p50, p99 and the largest of values in units.
func spread[T int32 | int64](values []T, unit time.Duration) Spread {
	slices.Sort(values)
	return Spread{
		P50: time.Duration(quantile(values, 0.50)) * unit, P99: time.Duration(quantile(values, 0.99)) * unit,
		Max: time.Duration(quantile(values, 1)) * unit, Count: len(values),
	}
}
