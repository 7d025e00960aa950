package chaos

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
	"time"

	"mirnode/protocol"
)

// clientPatience is when a client gives an answer up. It bounds what is under way at one time: fifty submissions, at ten a second.
const clientPatience = 5 * time.Second

// tolerance is how far clocks may differ (Protocol, Verification), and what is allowed on top for the time that a request is under way.
const tolerance = 5*time.Minute + clientPatience

// ack is a good claim that a node promised to keep.
type ack struct {
	node    int // from 0
	claim   *protocol.Claim
	receipt string // "": none
	origin  string
	index   int64
	at      time.Duration
}

// badClaim is a claim that must never be served.
type badClaim struct {
	promise string
	id      string
	what    string
	ahead   time.Duration // of a claim dated ahead: by how much, when it was submitted
}

// submit sends the plan's submissions, each when its time comes, whatever became of the ones before.
func (r *run) submit(ctx context.Context, under *sync.WaitGroup) {
	claims := make([]*protocol.Claim, len(r.Plan.Submissions)) // the good ones, for who repeats them
	for _, s := range r.Plan.Submissions {
		if !r.sleepUntil(ctx, s.At) {
			return
		}
		claim, body, err := r.compose(s, claims)
		if err != nil {
			r.goesWrong(wrong{promise: taken, what: fmt.Sprintf("the suite itself failed: claim %d could not be made: %v", s.Number, err)})
			continue
		}
		claims[s.Number] = claim
		under.Go(func() { r.submitOne(ctx, s, claim, body) })
	}
}

// compose makes what a submission sends.
func (r *run) compose(s Submission, claims []*protocol.Claim) (*protocol.Claim, []byte, error) {
	if s.Sort == Again {
		return claims[s.Of], claims[s.Of].Raw(), nil
	}
	claim, err := r.issuers[s.Domain].claim(string(s.Sort), s.Number, r.Now().Add(s.Ahead))
	if err != nil {
		return nil, nil, err
	}
	body := claim.Raw()
	if s.Sort == Forged {
		body = altered(claim, string(Forged))
	}
	if s.Sort == Forged || s.Sort == Future {
		r.mu.Lock()
		r.bad = append(r.bad, badClaim{promise: map[Sort]string{Forged: forged, Future: future}[s.Sort], id: claim.ID(), what: fmt.Sprintf("%s claim %s", s.Sort, claim.ID()), ahead: s.Ahead})
		r.mu.Unlock()
	}
	return claim, body, nil
}

// submission's answer, as far as it matters.
type submitted struct {
	ClaimID string `json:"claimId"`
	Origin  string `json:"origin"`
	Index   int64  `json:"index"`
	Receipt string `json:"receipt"`
	Code    string `json:"code"`
}

// submitOne sends one claim and judges what comes of it.
func (r *run) submitOne(ctx context.Context, s Submission, claim *protocol.Claim, body []byte) {
	from := r.at()
	asking, cancel := context.WithTimeout(ctx, clientPatience)
	defer cancel()
	status, answer, err := r.ask(asking, http.MethodPost, r.Nodes[s.Node-1].URL+"/claims", body)
	if ctx.Err() != nil {
		return
	}
	r.count(status, err)
	if err != nil || status >= http.StatusInternalServerError || status == http.StatusTooManyRequests || status == http.StatusRequestTimeout {
		return // nothing was promised
	}
	node := r.known(s.Node - 1)
	least, most := node.skew(from, r.at())
	took := status == http.StatusOK || status == http.StatusCreated
	problem := wrong{sent: body, got: fmt.Appendf(nil, "HTTP %d\n%s", status, answer)}
	switch {
	case took && s.Sort == Forged:
		problem.promise, problem.what = forged, fmt.Sprintf("node %d took claim %d, which was changed after it was signed", s.Node, s.Number)
	case took && s.Sort == Future && most+tolerance < s.Ahead:
		problem.promise, problem.what = future, fmt.Sprintf("node %d took claim %d, dated %v ahead, with its clock at %+v", s.Node, s.Number, s.Ahead, most)
	case took && s.Sort != Future:
		r.acknowledged(s, claim, answer, problem)
		return
	case !took && (s.Sort == Good || s.Sort == Again) && least == 0 && most == 0:
		problem.promise, problem.what = taken, fmt.Sprintf("node %d refused claim %d, which is good, with %d", s.Node, s.Number, status)
	default:
		return
	}
	r.goesWrong(problem)
}

func (r *run) count(status int, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.counts.Submitted++
	switch {
	case err != nil || status >= http.StatusInternalServerError:
		r.counts.Unanswered++
	case status >= http.StatusBadRequest:
		r.counts.Refused++
	}
}

// acknowledged keeps what a node promised.
func (r *run) acknowledged(s Submission, claim *protocol.Claim, answer []byte, problem wrong) {
	var said submitted
	if err := json.Unmarshal(answer, &said); err != nil || said.ClaimID != claim.ID() {
		problem.promise, problem.what = kept, fmt.Sprintf("node %d acknowledged %s as %.100q", s.Node, claim.ID(), said.ClaimID)
		r.goesWrong(problem)
		return
	}
	at := r.at()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.counts.Acknowledged++
	r.acks = append(r.acks, ack{node: s.Node - 1, claim: claim, receipt: said.Receipt, origin: said.Origin, index: said.Index, at: at})
}
