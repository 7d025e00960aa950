package api

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"sync"
	"time"

	"github.com/gin-gonic/gin"

	"mirnode/gossip/mirror"
	"mirnode/gossip/peers"
	"mirnode/gossip/planner"
	"mirnode/internal/strictjson"
	"mirnode/protocol"
)

const (
	// maxHints is the number of hints in one request.
	maxHints = 64
	// maxHintBody bounds such a request, in bytes.
	maxHintBody = 16 << 10
)

// Federation is the node's part among its peers. Methods are safe for concurrent use.
type Federation interface {
	// Hint takes note that logs may have grown, as a node says of itself (from: its domain, or ""). It never blocks.
	Hint(from string, hints []planner.Hint)
	// Peers tells how it stands with each peer.
	Peers() []peers.Status
	// Fresh brings the log of a domain's home node up to date, within a bounded time.
	Fresh(ctx context.Context, domain string) (mirror.Fresh, error)
	// AddCheckpoint answers a witness's request (C2SP tlog-witness): the answer's body and its status. Without a body the error is for who sent the
	// request; without a status it is a fault of the node.
	AddCheckpoint(ctx context.Context, body []byte) (answer []byte, status int, err error)
	// Descriptor is the node's own; nil where it has none.
	Descriptor() *protocol.Descriptor
	// Descriptors are the documents of all nodes that are known.
	Descriptors() [][]byte
	// Retry forgets that a peer failed, so that it is asked at once. Block and Unblock change whether it is one. The error is peers.ErrUnknown for a
	// domain that is none.
	Retry(domain string) error
	Block(ctx context.Context, domain string) error
	Unblock(ctx context.Context, domain string) error
}

type hintsBody struct {
	From  string     `json:"from"`
	Hints []hintBody `json:"hints"`
}

type hintBody struct {
	Origin string `json:"origin"`
	Size   uint64 `json:"size"`
	Root   string `json:"root"`
}

// hint is POST /hint. Anybody may send one: it can wake a look, and nothing else.
func (a *API) hint(c *gin.Context) error {
	if err := noParameters(c); err != nil {
		return err
	}
	document, err := a.readBody(c, maxHintBody)
	if err != nil {
		return err
	}
	from, hints, err := parseHints(document)
	if err != nil {
		return err
	}
	a.metrics.hints.Add(float64(len(hints)))
	if a.Federation != nil && len(hints) > 0 {
		a.Federation.Hint(from, hints)
	}
	c.Writer.Header()["Cache-Control"] = noStore
	writeJSON(c, http.StatusAccepted, []byte("{}"))
	return nil
}

func parseHints(document []byte) (from string, hints []planner.Hint, err error) {
	const hint = `send {"from":"node.example","hints":[{"origin":"<64 hex digits>","size":12,"root":"<8 hex digits>"}]}`
	var body hintsBody
	if err := strictjson.Unmarshal(document, &body); err != nil {
		return "", nil, badRequest(hint, "%v", err)
	}
	if body.From != "" {
		if from, err = domainOf(body.From); err != nil {
			return "", nil, err
		}
	}
	if len(body.Hints) > maxHints {
		return "", nil, badRequest(hint, "%d hints, must be at most %d", len(body.Hints), maxHints)
	}
	hints = make([]planner.Hint, len(body.Hints))
	for i, h := range body.Hints {
		origin, ok := parseHash(h.Origin)
		root, err := hex.DecodeString(h.Root)
		if !ok || err != nil || len(root) != len(hints[i].Root) {
			return "", nil, badRequest(hint, "hint %d has no origin or root as it must be", i)
		}
		hints[i] = planner.Hint{Origin: planner.OriginID(origin), Size: h.Size, Root: [4]byte(root)}
	}
	return from, hints, nil
}

// peerListAge is how long the list of peers is kept: to make it the federation asks around, and checks cosignatures.
const peerListAge = time.Second

// peerList keeps the list of peers for a moment. It is safe for concurrent use.
type peerList struct {
	api *API

	mu   sync.Mutex // guards what follows; held while the list is made, so that one request at a time makes it
	made time.Time
	list []peers.Status
}

// now is the list of peers, at most peerListAge old; empty for a node without peers. It must not be changed.
func (p *peerList) now() []peers.Status {
	if p.api.Federation == nil {
		return nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.api.Now()
	if age := now.Sub(p.made); p.made.IsZero() || age < 0 || age >= peerListAge {
		p.list, p.made = p.api.Federation.Peers(), now
	}
	return p.list
}

type peersAnswer struct {
	Domain  *string        `json:"domain"`
	Origin  *string        `json:"origin"`
	Network string         `json:"network"`
	Peers   []peers.Status `json:"peers"`
}

// listPeers is GET /peers.
func (a *API) listPeers(c *gin.Context) error {
	if err := noParameters(c); err != nil {
		return err
	}
	answer := peersAnswer{Network: orDefault(a.Network, "production"), Peers: []peers.Status{}}
	if a.Domain != "" {
		answer.Domain = &a.Domain
	}
	if a.origin != "" {
		answer.Origin = &a.origin
	}
	answer.Peers = append(answer.Peers, a.peerList.now()...)
	body, err := json.Marshal(answer) // the status of a peer has its own form
	if err != nil {
		return err
	}
	c.Writer.Header()["Cache-Control"] = noStore
	writeJSON(c, http.StatusOK, body)
	return nil
}

// descriptors is GET /peers/descriptors: the node's own and those of its peers.
func (a *API) descriptors(c *gin.Context) error {
	if err := noParameters(c); err != nil {
		return err
	}
	c.Writer.Header()["Cache-Control"] = noStore
	return writeBuilt(c, http.StatusOK, func(b []byte) ([]byte, error) {
		b = append(b, `{"descriptors":[`...)
		if a.Federation != nil {
			for i, document := range a.Federation.Descriptors() {
				if i > 0 {
					b = append(b, ',')
				}
				b = appendDocument(b, document)
			}
		}
		return append(b, `]}`...), nil
	})
}

// nodeDescriptor is GET /.well-known/mir-node.json.
func (a *API) nodeDescriptor(c *gin.Context) error {
	var own *protocol.Descriptor
	if a.Federation != nil {
		own = a.Federation.Descriptor()
	}
	if own == nil {
		return &problem{status: http.StatusNotFound, message: "this node has no descriptor", hint: "it has no domain, or no peers; GET /node tells what it is"}
	}
	document := newAsset(own.Raw(), jsonType[0])
	document.serve(c, documentCaching)
	return nil
}
