package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"mirnode/protocol"
	"mirnode/verifier"
)

const (
	catchUpBatch = 1_000                  // claims of one POST /claims/batch
	catchUpLook  = 100 * time.Millisecond // how often the node is asked how far it is
	// catchUpPatience is when a node that has not caught up counts as stuck.
	catchUpPatience = 5 * time.Minute
	// statusAge is more than a node's answer about its peers may be old.
	statusAge = 3 * time.Second
	// away is the node that is killed, of three.
	away = 2
)

// benchCatchUp kills one of three nodes, lets w.Missed claims arrive, starts it again, and measures how fast it comes to hold them all, each verified. The
// limit is the verification of the same claims alone, on all cores, which the three nodes share.
func benchCatchUp(ctx context.Context, w *workshop) (_ []Measurement, err error) {
	claims, err := w.corpus.claims(ctx, 0, w.Missed+spreadFirst)
	if err != nil {
		return nil, err
	}
	alone, err := w.verifyAlone(ctx, claims[spreadFirst:])
	if err != nil {
		return nil, err
	}
	c, err := w.federation(ctx, "catch-up", 3)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	client := &http.Client{Timeout: catchUpPatience}
	defer client.CloseIdleConnections()
	urls := urlsOf(c)
	if err := warmUp(ctx, client, urls, claims[:spreadFirst]); err != nil {
		return nil, err
	}
	if err := c.Kill(away); err != nil {
		return nil, err
	}
	if err := sendBatches(ctx, client, urls[0], claims[spreadFirst:]); err != nil {
		return nil, err
	}
	if err := holds(ctx, client, urls[1], len(claims)); err != nil {
		return nil, err
	}
	if err := c.Start(ctx, away); err != nil {
		return nil, err
	}
	began := time.Now()
	url := c.State().Nodes[away].URL
	if err := holds(ctx, client, url, len(claims)); err != nil {
		return nil, err
	}
	took := time.Since(began)
	select { // the answer about the peers is a moment old
	case <-time.After(statusAge):
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	moved, err := bytesMoved(ctx, client, url)
	if err != nil {
		return nil, err
	}
	size := 0
	for _, claim := range claims[spreadFirst:] {
		size += len(claim.Raw())
	}
	missed := float64(w.Missed)
	name := fmt.Sprintf("catching up with %d claims, of 3 nodes: ", w.Missed)
	rate := Measurement{Name: name + "each verified, synced, indexed", Value: missed / took.Seconds(), Unit: "/s"}
	return []Measurement{
		against(rate, "verifying them alone, all cores", alone, "≥ 8,000/s", func(m Measurement) bool { return m.Value >= 8_000 }),
		against(Measurement{Name: name + "bytes to and from peers a claim", Value: moved / missed, Unit: "bytes"}, "the claim itself", float64(size)/missed, "",
			func(Measurement) bool { return true }),
	}, nil
}

// verifyAlone is how many of the claims are verified a second on all cores, from bytes to verdict, while nothing else is done.
func (w *workshop) verifyAlone(ctx context.Context, claims []*protocol.Claim) (float64, error) {
	v := w.corpus.verifier()
	began := time.Now()
	for at := 0; at < len(claims); at += catchUpBatch {
		for _, o := range v.VerifyBatch(ctx, claims[at:min(at+catchUpBatch, len(claims))], verifier.Policy{}) {
			if o.Err != nil {
				return 0, o.Err
			}
			if !o.Verdict.Accepted() {
				return 0, fmt.Errorf("a good claim was refused: %s", o.Verdict.Reason)
			}
		}
	}
	return float64(len(claims)) / time.Since(began).Seconds(), nil
}

// sendBatches submits claims in batches, and wants each claim kept.
func sendBatches(ctx context.Context, client *http.Client, url string, claims []*protocol.Claim) error {
	for at := 0; at < len(claims); at += catchUpBatch {
		documents := documents(claims[at:min(at+catchUpBatch, len(claims))])
		body := append(append([]byte("["), bytes.Join(documents, []byte(","))...), ']')
		status, answer, err := send(ctx, client, http.MethodPost, url+"/claims/batch?receipts=false", body)
		if err != nil {
			return err
		}
		if kept := bytes.Count(answer, []byte(`"status":201`)); status != http.StatusOK || kept != len(documents) {
			return fmt.Errorf("a batch was answered %d, %d of %d claims kept: %.300s", status, kept, len(documents), answer)
		}
	}
	return nil
}

// holds waits until the node holds so many claims.
func holds(ctx context.Context, client *http.Client, url string, claims int) error {
	ctx, cancel := context.WithTimeout(ctx, catchUpPatience)
	defer cancel()
	for {
		var answer struct {
			Storage struct{ Claims int }
		}
		if err := read(ctx, client, url+"/node", &answer); err != nil {
			return err
		}
		if answer.Storage.Claims >= claims {
			return nil
		}
		select {
		case <-time.After(catchUpLook):
		case <-ctx.Done():
			return fmt.Errorf("%s holds %d of %d claims after %v: %w", url, answer.Storage.Claims, claims, catchUpPatience, ctx.Err())
		}
	}
}

// bytesMoved is what the node received from its peers and sent to them over HTTP since its start, without heads and encryption.
func bytesMoved(ctx context.Context, client *http.Client, url string) (float64, error) {
	var answer struct {
		Peers []struct{ BytesIn, BytesOut float64 }
	}
	err := read(ctx, client, url+"/peers", &answer)
	sum := 0.0
	for _, p := range answer.Peers {
		sum += p.BytesIn + p.BytesOut
	}
	return sum, err
}

func read(ctx context.Context, client *http.Client, url string, into any) error {
	status, body, err := send(ctx, client, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	if status != http.StatusOK {
		return fmt.Errorf("%s was answered %d: %s", url, status, body)
	}
	return json.Unmarshal(body, into)
}
