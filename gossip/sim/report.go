package sim

import (
	"fmt"
	"time"
)

// Spread is a distribution of times.
type Spread struct {
	P50   time.Duration `json:"p50"`
	P99   time.Duration `json:"p99"`
	Max   time.Duration `json:"max"`
	Count int           `json:"count"`
}

// Cost is what a kind of traffic takes in the measured time, sent, per record and node.
type Cost struct {
	Kind     string  `json:"kind"`
	Messages float64 `json:"messagesPerRecordAndNode"` // datagrams, requests and answers
	Bytes    float64 `json:"bytesPerRecordAndNode"`
}

// Report is what a simulation found.
type Report struct {
	Seed       uint64        `json:"seed"`
	Nodes      int           `json:"nodes"`
	Rate       float64       `json:"recordsPerSecond"`
	Records    int           `json:"records"`    // measured
	Incomplete int           `json:"incomplete"` // of those, how many had not reached every node at the end
	One        Spread        `json:"reachOne"`   // until a record reached a node, over records and present nodes
	All        Spread        `json:"reachAll"`   // until a record reached the last present node, over records
	CatchUp    Spread        `json:"catchUp"`    // until a node that was away held all that was made before it came back
	NotBack    int           `json:"notCaughtUp"`
	Costs      []Cost        `json:"costs"`
	Total      Cost          `json:"total"`
	Pulls      float64       `json:"pullsPerRecordAndNode"`
	IdlePulls  float64       `json:"idlePullsPerRecordAndNode"` // pulls that brought nothing
	PeakUplink float64       `json:"peakUplink"`                // the busiest uplink's use in its busiest second, 1 is full
	MeanUplink float64       `json:"meanUplink"`                // of all uplinks, in the measured time
	Events     uint64        `json:"events"`
	Digest     string        `json:"digest"` // over all events: equal for equal Configs
	Simulated  time.Duration `json:"simulated"`
	Wall       time.Duration `json:"wall"`
}

func (w *world) report() Report {
	m := &w.measure
	r := Report{
		Seed: w.Seed, Nodes: w.Nodes, Rate: w.Rate, Incomplete: m.open, Events: w.handled,
		Digest: fmt.Sprintf("%016x", w.digest), Simulated: time.Duration(w.now),
	}
	var all []int64
	for i := range w.records {
		if one := &w.records[i]; one.counts {
			r.Records++
			all = append(all, one.last-one.made)
		}
	}
	r.One, r.All = spread(m.delays, time.Microsecond), spread(all, 1)
	w.reportNodes(&r)
	share := 1 / (float64(max(r.Records, 1)) * float64(w.Nodes))
	names := [kinds]string{"hints by memberlist", "hints by HTTP", "pulls", "polls", "handshakes"}
	for kind, name := range names {
		cost := Cost{Kind: name, Messages: float64(m.messages[kind]) * share, Bytes: float64(m.bytes[kind]) * share}
		r.Costs = append(r.Costs, cost)
		r.Total.Messages += cost.Messages
		r.Total.Bytes += cost.Bytes
	}
	r.Total.Kind = "total"
	everything := float64(max(len(w.records), 1)) * float64(w.Nodes)
	r.Pulls, r.IdlePulls = float64(m.pulls)/everything, float64(m.idlePulls)/everything
	return r
}

// reportNodes sums up what is kept by node.
func (w *world) reportNodes(r *Report) {
	first, last := int(w.WarmUp/time.Second), int((w.WarmUp+w.Measured)/time.Second)
	var catchUp []int64
	var busy int64
	for i := range w.nodes {
		n := &w.nodes[i]
		for second := first; second < last; second++ {
			busy += n.busy[second]
			r.PeakUplink = max(r.PeakUplink, float64(n.busy[second])/float64(time.Second))
		}
		switch {
		case n.returns > w.end:
		case n.caughtUp == 0:
			r.NotBack++
		default:
			catchUp = append(catchUp, n.caughtUp-n.returns)
		}
	}
	r.CatchUp = spread(catchUp, 1)
	r.MeanUplink = float64(busy) / float64(time.Second) / float64(max(1, last-first)) / float64(w.Nodes)
}
