package scenario

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
)

// Bounds of the verb flood.
const (
	maxFlood  = 20_000 // requests of one step
	maxAtOnce = 64     // under way at one time
)

// floodArgs are the members of "flood": many requests of one client, several at one time, none of which waits where it is told to. The answer, for "expect", is the first that ends
// the flood, or else that of the last request. Where a request gets no answer at all its status is 0.
type floodArgs struct {
	Requests  []requestArgs              `json:"requests"`            // taken in turn
	Times     int                        `json:"times"`               // requests in all
	AtOnce    int                        `json:"atOnce,omitzero"`     // 0: one after the other
	Until     int                        `json:"until,omitzero"`      // ends with the first answer of this status, which must come
	Holding   string                     `json:"untilHolds,omitzero"` // ends with the first answer that holds this text; either is enough
	Only      json.RawMessage            `json:"only,omitzero"`       // a matcher for the status of every answer; a list is any of its members
	Counts    map[string]json.RawMessage `json:"counts,omitzero"`     // by status: a matcher for the number of answers
	Meanwhile *meanwhileCheck            `json:"meanwhile,omitzero"`  // another client, which must be served
}

// flooding is a flood under way.
type flooding struct {
	p      *play
	args   *floodArgs
	next   atomic.Int64
	ctx    context.Context // ends when the flood does
	cancel context.CancelFunc

	mu     sync.Mutex // guards what follows
	counts map[int]int
	last   *answer
	found  *answer // the one that ended the flood
	fault  error
}

// flood sends the requests and counts the answers.
func flood(ctx context.Context, p *play, args *floodArgs) error {
	if len(args.Requests) == 0 || args.Times < 1 || args.Times > maxFlood || args.AtOnce < 0 || args.AtOnce > maxAtOnce {
		return fmt.Errorf("%w: flood takes requests, times from 1 to %d, and atOnce up to %d", errSteps, maxFlood, maxAtOnce)
	}
	node, err := p.node(args.Requests[0].Node)
	if err != nil {
		return err
	}
	f := &flooding{p: p, args: args, counts: map[int]int{}}
	f.ctx, f.cancel = context.WithCancel(ctx)
	defer f.cancel()
	stop := p.meanwhile(ctx, node, args.Meanwhile)
	var all sync.WaitGroup
	for range max(1, args.AtOnce) {
		all.Go(f.work)
	}
	all.Wait()
	if err := errors.Join(f.fault, stop()); err != nil {
		return err
	}
	if ctx.Err() != nil {
		return fmt.Errorf("the flood did not end in the case's time: %d answers", len(f.counts))
	}
	if p.answer = f.found; p.answer == nil {
		p.answer = f.last
	}
	if err := p.alive(ctx, node, args.Requests[0].From); err != nil {
		return err
	}
	return f.judge()
}

// work sends one request after the other.
func (f *flooding) work() {
	for f.ctx.Err() == nil {
		i := f.next.Add(1) - 1
		if i >= int64(f.args.Times) {
			return
		}
		got, err := f.one(&f.args.Requests[i%int64(len(f.args.Requests))])
		f.took(got, err)
	}
}

// one sends one request. That nobody answers is an answer of the status 0.
func (f *flooding) one(r *requestArgs) (*answer, error) {
	target, err := f.p.target(r)
	if err != nil {
		return nil, err
	}
	header := http.Header{"User-Agent": {userAgent}}
	body, err := r.body(header)
	if err != nil {
		return nil, err
	}
	for name, value := range r.Headers {
		header.Set(name, string(value))
	}
	method := r.Method
	if method == "" {
		method = http.MethodGet
		if body != nil {
			method = http.MethodPost
		}
	}
	got, err := f.p.sendOnce(f.ctx, sending{client: r.From, method: method, url: target, header: header, body: body})
	if err != nil && !errors.Is(err, errSteps) {
		return &answer{header: http.Header{}}, nil
	}
	return got, err
}

// took counts an answer; those of requests that the end of the flood broke off do not count.
func (f *flooding) took(got *answer, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.ctx.Err() != nil {
		return
	}
	if err != nil {
		f.fault = err
		f.cancel()
		return
	}
	f.counts[got.status]++
	f.last = got
	ends := f.args.Until != 0 && got.status == f.args.Until || f.args.Holding != "" && strings.Contains(string(got.body), f.args.Holding)
	if ends && f.found == nil {
		f.found = got
		f.cancel()
	}
}

// judge holds the statuses against what must be.
func (f *flooding) judge() error {
	said := f.tell()
	if (f.args.Until != 0 || f.args.Holding != "") && f.found == nil {
		return fmt.Errorf("no answer is what the flood was to end with (of %s)", said)
	}
	for _, status := range slices.Sorted(maps.Keys(f.counts)) {
		if f.args.Only == nil {
			break
		}
		if err := matchStatus(f.args.Only, status); err != nil {
			return fmt.Errorf("%w (of %s)", err, said)
		}
	}
	for _, status := range slices.Sorted(maps.Keys(f.args.Counts)) {
		n, err := strconv.Atoi(status)
		if err != nil {
			return fmt.Errorf("%w: counts: %q is no status", errSteps, status)
		}
		if err := match(f.args.Counts[status], json.Number(strconv.Itoa(f.counts[n])), true); err != nil {
			return fmt.Errorf("answers with %s: %w (of %s)", status, err, said)
		}
	}
	return nil
}

// tell lists the counts.
func (f *flooding) tell() string {
	all, list := 0, ""
	for _, status := range slices.Sorted(maps.Keys(f.counts)) {
		all += f.counts[status]
		list += fmt.Sprintf(", %d with %d", f.counts[status], status)
	}
	return fmt.Sprintf("%d answers%s", all, list)
}
