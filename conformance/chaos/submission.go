package chaos

import (
	"math/rand/v2"
	"time"
)

// Sort says what is submitted.
type Sort string

// The sorts of submissions.
const (
	Good   Sort = "good"   // a claim that is right, dated now
	Future Sort = "future" // a claim dated beyond the 5 minutes that clocks may differ: CLAIM_EXPIRED, where the clock is right
	Forged Sort = "forged" // a claim that was changed after it was signed: INVALID_SIGNATURE, wherever
	Again  Sort = "again"  // an earlier good claim once more, at another node: no fault, and no second claim
)

// Submission is one claim that is sent to one node.
type Submission struct {
	At     time.Duration `json:"at"`
	Number int           `json:"number"` // from 0, in order
	Node   int           `json:"node"`   // from 1
	Domain int           `json:"domain"` // which of the domains, from 0 to Domains-1
	Sort   Sort          `json:"sort"`
	Ahead  time.Duration `json:"ahead,omitempty"` // Future: how far ahead the claim is dated
	Of     int           `json:"of,omitempty"`    // Again: the number of the submission that is repeated
}

// Domains is how many domains issue claims in a run.
const Domains = 3

// spacing is the mean time between two submissions: ten a second are enough to hit every moment of a fault, and leave a small machine to the nodes.
const spacing = 100 * time.Millisecond

// Who wants a claim dated ahead, dates it between these: with the lower, a claim is still ahead of its time when a short run is checked.
const (
	leastAhead = 90 * time.Minute
	mostAhead  = 24 * time.Hour
)

// submissions draws them: nine in ten are good.
func submissions(s Settings, random *rand.Rand) []Submission {
	var list []Submission
	var good []int
	for at := time.Duration(0); at < s.Duration; at += spacing/2 + time.Duration(random.Int64N(int64(spacing/time.Millisecond)+1))*time.Millisecond {
		next := Submission{At: at, Number: len(list), Node: 1 + random.IntN(s.Nodes), Domain: random.IntN(Domains), Sort: Good}
		switch sort := random.IntN(20); {
		case sort == 0:
			next.Sort, next.Ahead = Future, leastAhead+time.Duration(random.Int64N(int64((mostAhead-leastAhead)/time.Second)))*time.Second
		case sort == 1:
			next.Sort = Forged
		case sort == 2 && len(good) > 0:
			next.Sort, next.Of = Again, good[random.IntN(len(good))]
			next.Domain = list[next.Of].Domain
		default:
			good = append(good, next.Number)
		}
		list = append(list, next)
	}
	return list
}
