package bench

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"strings"
	"sync/atomic"

	"github.com/gin-gonic/gin"
)

// contestAnswers bounds how many of the node's answers the limit repeats, and contestBytes how large they are together.
const (
	contestAnswers = 4096
	contestBytes   = 64 << 20
)

// contest compares the node's answers to requests with those of a gin handler that returns such answers from memory, each in turn, with the same
// client. Unlike compareLookup's, its requests are different in each round, and the limit repeats answers of as many sizes as the node gives.
type contest struct {
	name     string
	address  string   // the node's
	requests [][]byte // whole; sent in turn, a like number in each round
	whole    string   // what each answer has in it: so a figure stands for true work
	target   float64  // of the ratio; 0: none
}

func (c contest) run(ctx context.Context) (_ []Measurement, err error) {
	answers, err := c.collect(ctx)
	if err != nil {
		return nil, err
	}
	gin.SetMode(gin.ReleaseMode)
	engine, next := gin.New(), atomic.Uint64{}
	engine.Any("/*any", func(g *gin.Context) {
		g.Data(http.StatusOK, "application/json", answers[next.Add(1)%uint64(len(answers))])
	})
	bare, stop, err := serve(ctx, engine)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, stop()) }()

	var ours, limit, p50, p99 []float64
	each := len(c.requests) / lookupRounds
	for round := range lookupRounds {
		requests := c.requests[round*each : (round+1)*each]
		for _, address := range []string{c.address, bare} {
			result, err := load{
				address: address, connections: serveConnections, total: each, want: http.StatusOK, request: func(i int) []byte { return requests[i] },
			}.run(ctx)
			switch {
			case err != nil:
				return nil, err
			case address == bare:
				limit = append(limit, result.rate)
			default:
				ours, p50, p99 = append(ours, result.rate), append(p50, milliseconds(result.p50)), append(p99, milliseconds(result.p99))
			}
		}
	}
	m := Measurement{Name: c.name, Value: median(ours), Unit: "/s"}
	words, met := "", func(Measurement) bool { return true }
	if c.target > 0 {
		words, met = "≥ "+strings.TrimRight(figure(c.target, ""), "0 ")+" ×", func(m Measurement) bool { return m.Ratio >= c.target }
	}
	return []Measurement{
		against(m, "gin, such answers from memory", median(limit), words, met),
		{Name: "p50 of these", Value: median(p50), Unit: "ms", Met: true},
		{Name: "p99 of these", Value: median(p99), Unit: "ms", Met: true},
	}, nil
}

// collect fetches the node's answers to the first requests.
func (c contest) collect(ctx context.Context) (answers [][]byte, err error) {
	size := 0
	for i := 0; i < min(len(c.requests), contestAnswers) && size < contestBytes; i++ {
		answer, err := exchange(ctx, c.address, c.requests[i])
		if err != nil {
			return nil, err
		}
		if !bytes.Contains(answer, []byte(c.whole)) {
			return nil, errors.New("the node's answer has no " + c.whole + ": " + string(answer[:min(len(answer), 300)]))
		}
		answers, size = append(answers, answer), size+len(answer)
	}
	return answers, nil
}
