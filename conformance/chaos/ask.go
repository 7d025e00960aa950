package chaos

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"mirnode/conformance/logread"
)

const (
	maxAnswer = 16 << 20 // bytes of one answer; more is cut, and is then no JSON
	// askPatience bounds one request of the checks.
	askPatience = 10 * time.Second
	// maxRetryAfter bounds what is waited where a node's budget is used up.
	maxRetryAfter = 10 * time.Second
)

// ask sends one request and reads its answer. An error says that there was none.
func (r *run) ask(ctx context.Context, method, url string, body []byte) (int, []byte, error) {
	status, answer, _, err := r.exchange(ctx, method, url, body)
	return status, answer, err
}

func (r *run) exchange(ctx context.Context, method, url string, body []byte) (int, []byte, http.Header, error) {
	request, err := http.NewRequestWithContext(ctx, method, url, bytes.NewReader(body))
	if err != nil {
		return 0, nil, nil, err
	}
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	response, err := r.Client.Do(request)
	if err != nil {
		return 0, nil, nil, err
	}
	defer func() { _ = response.Body.Close() }() // the answer is read, or not wanted
	answer, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	return response.StatusCode, answer, response.Header, err
}

// get asks a node for a path, and again where its budget is used up.
func (r *run) get(ctx context.Context, i int, path string) (int, []byte, error) {
	for {
		asking, cancel := context.WithTimeout(ctx, askPatience)
		status, answer, header, err := r.exchange(asking, http.MethodGet, r.Nodes[i].URL+path, nil)
		cancel()
		if err != nil || status != http.StatusTooManyRequests {
			return status, answer, err
		}
		seconds, err := strconv.Atoi(header.Get("Retry-After"))
		if err != nil || seconds < 1 {
			seconds = 1
		}
		if !sleep(ctx, min(time.Duration(seconds)*time.Second, maxRetryAfter)) {
			return status, answer, ctx.Err()
		}
	}
}

// getJSON reads an answer with the status 200.
func (r *run) getJSON(ctx context.Context, i int, path string, into any) error {
	status, answer, err := r.get(ctx, i, path)
	switch {
	case err != nil:
		return err
	case status != http.StatusOK:
		return fmt.Errorf("GET %s answers %d", path, status)
	}
	if err := json.Unmarshal(answer, into); err != nil {
		return fmt.Errorf("GET %s: %w", path, err)
	}
	return nil
}

// logKey asks a node for its log's key; nil: it has none.
func (r *run) logKey(ctx context.Context, i int) (*logread.Key, error) {
	var info struct {
		Log struct {
			Key string `json:"key"`
		} `json:"log"`
	}
	if err := r.getJSON(ctx, i, "/node", &info); err != nil || info.Log.Key == "" {
		return nil, err
	}
	key, err := logread.ParseKey(info.Log.Key)
	if err != nil {
		return nil, err
	}
	return &key, nil
}
