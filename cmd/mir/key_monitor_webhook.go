package main

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"mirnode/discovery"
	"mirnode/internal/strictjson"
)

const (
	// maxWebhookKeys and maxWebhookSightings bound what one POST says: some 100 KB. The rest of the keys follow with the next one.
	maxWebhookKeys, maxWebhookSightings = 20, 10
	// webhookTries is how often one POST is tried, with a pause of webhookPause that doubles each time.
	webhookTries = 3
	webhookPause = time.Second
)

// webhook is where strange keys are sent.
type webhook struct {
	url  string
	http *http.Client
	sent map[string]bool // fingerprints
	wait time.Duration   // before the second try
}

// webhookBody is what is posted.
type webhookBody struct {
	Event   string        `json:"event"` // strange_key
	Domain  string        `json:"domain"`
	At      time.Time     `json:"at"`
	Strange []*strangeKey `json:"strange"`
}

// newWebhook checks the URL. It is spoken to by the rules for hosts that others name: HTTPS, at a public address unless the flags allow more.
func newWebhook(text string, cfg discovery.Config) (*webhook, error) {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil {
		return nil, fmt.Errorf("--webhook %q: give an https:// URL without user and password", text)
	}
	client, err := discovery.NewHTTPClient(cfg)
	if err != nil {
		return nil, err
	}
	return &webhook{url: u.String(), http: client, sent: make(map[string]bool), wait: webhookPause}, nil
}

// send posts the strange keys that were not sent yet. Those that get through are not sent again.
func (h *webhook) send(ctx context.Context, r *monitorResult) error {
	defer h.http.CloseIdleConnections()
	for {
		body := webhookBody{Event: "strange_key", Domain: r.Domain, At: r.At}
		for _, k := range r.Strange {
			if len(body.Strange) == maxWebhookKeys {
				break
			}
			if !h.sent[k.Fingerprint] && len(h.sent)+len(body.Strange) < maxTold {
				short := *k
				short.Sightings = k.Sightings[:min(len(k.Sightings), maxWebhookSightings)]
				body.Strange = append(body.Strange, &short)
			}
		}
		if len(body.Strange) == 0 {
			return nil
		}
		data, err := strictjson.Marshal(body)
		if err != nil {
			return err
		}
		if err = h.post(ctx, data); err != nil {
			return err
		}
		for _, k := range body.Strange {
			h.sent[k.Fingerprint] = true
		}
	}
}

// post tries to deliver, a few times.
func (h *webhook) post(ctx context.Context, body []byte) error {
	wait := h.wait
	for try := 1; ; try++ {
		again, err := h.try(ctx, body)
		if err == nil || !again || try == webhookTries {
			return err
		}
		if !pauseFor(ctx, wait) {
			return err
		}
		wait *= 2
	}
}

// try delivers once, and tells whether it is worth trying again.
func (h *webhook) try(ctx context.Context, body []byte) (again bool, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, h.url, bytes.NewReader(body))
	if err != nil {
		return false, err
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("User-Agent", "mir")
	answer, err := h.http.Do(request)
	if err != nil {
		return true, err
	}
	_ = answer.Body.Close() // what it says does not matter
	switch {
	case answer.StatusCode < 300:
		return false, nil
	case answer.StatusCode >= 500 || answer.StatusCode == http.StatusTooManyRequests:
		return true, fmt.Errorf("it answered %d", answer.StatusCode)
	}
	return false, fmt.Errorf("it answered %d", answer.StatusCode)
}
