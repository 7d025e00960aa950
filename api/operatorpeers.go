package api

import (
	"errors"
	"net/http"

	"mirnode/gossip/peers"
)

// peerOrder is an order about one peer: POST /admin/peers/{domain}/….
func (a *API) peerOrder(carryOut func(r *http.Request, domain string) (done string, err error)) func(r *http.Request) (any, error) {
	return func(r *http.Request) (any, error) {
		domain, err := domainOf(r.PathValue("domain"))
		if err != nil {
			return nil, err
		}
		if a.Federation == nil {
			return nil, &problem{status: http.StatusNotFound, message: "this node has no peers", hint: "give it a domain, and peers in its settings"}
		}
		done, err := carryOut(r, domain)
		if errors.Is(err, peers.ErrUnknown) {
			return nil, &problem{status: http.StatusNotFound, message: "there is no such peer", hint: "GET /peers lists them"}
		}
		if err != nil {
			return nil, err
		}
		a.Logger.WarnContext(r.Context(), "order about a peer", "peer", domain, "done", done)
		return map[string]string{done: domain}, nil
	}
}

// retryPeer forgets the peer's failures.
func (a *API) retryPeer(_ *http.Request, domain string) (string, error) {
	return "asked", a.Federation.Retry(domain)
}

func (a *API) blockPeer(r *http.Request, domain string) (string, error) {
	return "blocked", a.Federation.Block(r.Context(), domain)
}

func (a *API) unblockPeer(r *http.Request, domain string) (string, error) {
	return "unblocked", a.Federation.Unblock(r.Context(), domain)
}

// logStatus is one log in GET /admin/status.
type logStatus struct {
	Origin         string `json:"origin"`
	Own            bool   `json:"own"`
	Size           uint64 `json:"size"`
	CheckpointSize uint64 `json:"checkpointSize"`
	CosignedSize   uint64 `json:"cosignedSize"`
	Settled        uint64 `json:"settled"`
	Quarantined    uint64 `json:"quarantined"`
	Missing        uint64 `json:"missing"`
	Refused        uint64 `json:"refused"`
	GivenUp        uint64 `json:"givenUp"`
	Frozen         string `json:"frozen,omitzero"` // why
}

func (a *API) logStatuses() []logStatus {
	heads, _ := a.Store.Heads(0, maxLogSeries)
	list := make([]logStatus, len(heads))
	for i, h := range heads {
		list[i] = logStatus{
			Origin: h.Origin, Own: h.Own, Size: h.Size, CheckpointSize: h.Checkpoint.Size, CosignedSize: h.Cosigned.Size, Settled: h.Settled,
			Quarantined: h.Quarantined, Missing: h.Missing, Refused: h.Refused, GivenUp: h.GivenUp,
		}
		if h.Frozen {
			list[i].Frozen = orDefault(h.FrozenWhy, "frozen")
		}
	}
	return list
}

func (a *API) peerStatuses() []peers.Status {
	return append([]peers.Status{}, a.peerList.now()...)
}
