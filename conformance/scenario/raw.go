package scenario

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"
)

// Bounds of the verb raw.
const (
	maxConnections = 512                    // that one step opens
	meanwhileEvery = 100 * time.Millisecond // between two requests of another client
	meanwhileTime  = 5 * time.Second        // that such a request may take where the case says nothing
	aliveTime      = 10 * time.Second       // after it all: for a plain request to be answered
)

// alivePath is what any registry answers: a look-up of a subject that nobody has.
var alivePath = "/claims?subject=" + strings.Repeat("0", 64)

// rawArgs are the members of "raw": bytes that go to a node over connections of their own, whatever HTTP makes of them. The answer, for "expect", is the first one on the
// first connection; its status is 0 where the node closed the connection without one. What all connections must show stands in "must". When all of it is over, the node must
// answer a plain request, or the step fails.
type rawArgs struct {
	Node        int             `json:"node,omitzero"`
	From        string          `json:"from,omitzero"`        // which client of the case
	Connections int             `json:"connections,omitzero"` // at one time, all alike; 0 is 1
	Send        []wirePiece     `json:"send"`
	Read        string          `json:"read,omitzero"` // "never": what the node says is left lying in the socket
	For         *pause          `json:"for,omitzero"`  // how long it may all take; nil is 10 s. Connections that nobody ends are held so long
	Must        *rawMust        `json:"must,omitzero"`
	Meanwhile   *meanwhileCheck `json:"meanwhile,omitzero"`
}

// rawMust is what each connection must show. Members are matchers.
type rawMust struct {
	Closed    json.RawMessage `json:"closed,omitzero"`    // the node ended the connection in time
	Answers   json.RawMessage `json:"answers,omitzero"`   // the number of answers
	Statuses  json.RawMessage `json:"statuses,omitzero"`  // the list of their statuses
	Continued json.RawMessage `json:"continued,omitzero"` // the node said 100 (Continue)
	Malformed json.RawMessage `json:"malformed,omitzero"` // what came was not HTTP
	Taken     json.RawMessage `json:"taken,omitzero"`     // bytes that went into the connection; those that wait in the system's buffers count
	Served    json.RawMessage `json:"served,omitzero"`    // the number of connections with an answer below 400. Looked at once
	Lacks     texts           `json:"lacks,omitzero"`     // texts that must not come, in a header or a body
}

// meanwhileCheck is another client, which must be served while the connections are open.
type meanwhileCheck struct {
	From   string          `json:"from,omitzero"`
	Path   string          `json:"path,omitzero"`   // "": a look-up of a subject that nobody has
	Within *pause          `json:"within,omitzero"` // for each answer; nil is 5 s
	Status json.RawMessage `json:"status,omitzero"` // a matcher; nil is 200
}

// raw uses connections as the case says, and holds what comes against what must.
func raw(ctx context.Context, p *play, args *rawArgs) error {
	node, err := p.node(args.Node)
	if err != nil {
		return err
	}
	if args.Connections < 0 || args.Connections > maxConnections {
		return fmt.Errorf("%w: connections: from 1 to %d", errSteps, maxConnections)
	}
	w, err := p.wireTo(node.URL)
	if err != nil {
		return err
	}
	w.from, w.pieces, w.silent, w.closes = p.address(args.From), args.Send, args.Read == "never", args.Must.wantsClose()
	if args.For != nil {
		w.limit = args.For.Duration
	}
	stop := p.meanwhile(ctx, node, args.Meanwhile)
	results, err := w.times(ctx, max(1, args.Connections))
	if err := errors.Join(err, stop()); err != nil {
		return err
	}
	for _, r := range results {
		p.world.secrets.learn(r.received)
	}
	p.answer = results[0].answer()
	p.exchanges.add(fmt.Sprintf("%d connection(s) to %s", len(results), w.address), results[0].sent, []byte(results[0].String()))
	if err := p.alive(ctx, node, args.From); err != nil {
		return err
	}
	return args.Must.hold(results)
}

// wireTo is a connection to a node, over TLS where its URL says so.
func (p *play) wireTo(nodeURL string) (*wire, error) {
	u, err := url.Parse(nodeURL)
	if err != nil {
		return nil, err
	}
	w, port := &wire{limit: wireTime}, "80"
	if u.Scheme == "https" {
		port = "443"
		w.tls = &tls.Config{RootCAs: p.world.Roots, ServerName: u.Hostname(), NextProtos: []string{"http/1.1"}, MinVersion: tls.VersionTLS12}
	}
	if u.Port() != "" {
		port = u.Port()
	}
	w.address = net.JoinHostPort(u.Hostname(), port)
	return w, nil
}

// times uses so many connections at one time. The results are in no order but that the first one is whole.
func (w *wire) times(ctx context.Context, n int) ([]*wireResult, error) {
	results := make([]*wireResult, n)
	faults := make([]error, n)
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() { results[i], faults[i] = w.run(ctx) })
	}
	all.Wait()
	return results, errors.Join(faults...)
}

// meanwhile starts another client's requests, one after the other; stop ends them and tells what was wrong with the first that failed. Where the suite has one address
// alone nothing is asked: to the node that is the same client, whose connections may be used up.
func (p *play) meanwhile(ctx context.Context, node NodeAddress, m *meanwhileCheck) (stop func() error) {
	if m == nil || m.From != "" && !p.world.Addresses.IsValid() {
		return func() error { return nil }
	}
	path, within, want := m.Path, meanwhileTime, m.Status
	if path == "" {
		path = alivePath
	}
	if m.Within != nil {
		within = m.Within.Duration
	}
	if want == nil {
		want = json.RawMessage("200")
	}
	ctx, cancel := context.WithCancel(ctx)
	fault := make(chan error, 1)
	go func() { fault <- p.askOften(ctx, m.From, node.URL+path, within, want) }()
	return func() error {
		cancel()
		return <-fault
	}
}

// askOften asks until the context ends or an answer is not as it must be.
func (p *play) askOften(ctx context.Context, from, at string, within time.Duration, want json.RawMessage) error {
	for ctx.Err() == nil {
		mark := p.exchanges.mark()
		if err := p.askOnce(ctx, from, at, within, want); err != nil && ctx.Err() == nil { // the end breaks a request off, which is no fault
			return fmt.Errorf("meanwhile another client was not served: %w", err)
		}
		p.exchanges.cut(mark) // those that are as they must be would hide the others
		sleep(ctx, meanwhileEvery)
	}
	return nil
}

func (p *play) askOnce(ctx context.Context, from, at string, within time.Duration, want json.RawMessage) error {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	got, err := p.sendOnce(ctx, sending{client: from, method: http.MethodGet, url: at})
	if err != nil {
		return fmt.Errorf("within %v: %w", within, err)
	}
	if err := matchStatus(want, got.status); err != nil {
		return fmt.Errorf("%w%s", err, got.tail())
	}
	return nil
}

// alive asks the node for something plain. Its own client has used up its connections or its budget, perhaps: a refusal is an answer, too.
func (p *play) alive(ctx context.Context, node NodeAddress, from string) error {
	ctx, cancel := context.WithTimeout(ctx, aliveTime)
	defer cancel()
	for {
		mark := p.exchanges.mark()
		got, err := p.sendOnce(ctx, sending{client: from, method: http.MethodGet, url: node.URL + alivePath})
		if err == nil && (got.status == http.StatusOK || got.status == http.StatusTooManyRequests) {
			p.exchanges.cut(mark)
			return nil
		}
		if !sleep(ctx, meanwhileEvery) {
			if err == nil {
				err = errors.New(got.tail())
			}
			return fmt.Errorf("afterwards the node does not answer a plain look-up: %w", err)
		}
	}
}

// wantsClose tells whether the connection is to be watched until the node ends it.
func (m *rawMust) wantsClose() bool {
	return m != nil && slices.Equal(m.Closed, json.RawMessage("true"))
}

// hold judges the connections.
func (m *rawMust) hold(results []*wireResult) error {
	if m == nil {
		return nil
	}
	served := 0
	for i, r := range results {
		if len(r.answers) > 0 && r.answers[0].status < http.StatusBadRequest {
			served++
		}
		if err := m.holdOne(r); err != nil {
			return fmt.Errorf("connection %d: %w (%s)", i+1, err, clip(r.String()))
		}
	}
	if m.Served == nil {
		return nil
	}
	if err := match(m.Served, json.Number(fmt.Sprint(served)), true); err != nil {
		return fmt.Errorf("of %d connections, those that were served: %w", len(results), err)
	}
	return nil
}

func (m *rawMust) holdOne(r *wireResult) error {
	statuses := make([]any, len(r.answers))
	for i, a := range r.answers {
		statuses[i] = json.Number(fmt.Sprint(a.status))
	}
	for _, one := range []struct {
		what string
		want json.RawMessage
		got  any
	}{
		{"closed by the node", m.Closed, r.closed || r.refused}, {"answers", m.Answers, json.Number(fmt.Sprint(len(r.answers)))}, {"statuses", m.Statuses, statuses},
		{"told to continue", m.Continued, r.continued}, {"not HTTP", m.Malformed, r.malformed}, {"bytes taken", m.Taken, json.Number(fmt.Sprint(r.taken))},
	} {
		if one.want == nil {
			continue
		}
		if err := match(one.want, one.got, true); err != nil {
			return fmt.Errorf("%s: %w", one.what, err)
		}
	}
	for _, unwanted := range m.Lacks {
		if strings.Contains(string(r.received), unwanted) {
			return fmt.Errorf("what came holds %q", clip(unwanted))
		}
	}
	return nil
}

// answer is the first answer as "expect" sees it.
func (r *wireResult) answer() *answer {
	if len(r.answers) == 0 {
		return &answer{header: http.Header{}}
	}
	first := r.answers[0]
	return &answer{status: first.status, header: first.header, body: first.body}
}

// String tells what came of a connection, for a report.
func (r *wireResult) String() string {
	end := "still open"
	switch {
	case r.refused:
		end = "never came about"
	case r.gone:
		end = "ended by the client"
	case r.closed:
		end = "ended by the node"
	}
	return fmt.Sprintf("%d bytes went out, %d answer(s), the connection %s\n%s", r.taken, len(r.answers), end, r.received)
}
