package scenario

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Bounds of taking back what a case left behind: a node that is down must not hold the suite up.
const (
	revokeTime = 5 * time.Second // for all keys of a case
	maxRevoked = 32              // keys of an issuer
)

// leaveNoKeys has the API keys that an answer tells of revoked when the case has ended: those of an issuer that the operator made, and those that were made for the issuer that
// was given to the suite. It is an attempt: what a broken node keeps, it keeps.
func (p *play) leaveNoKeys(ctx context.Context, node NodeAddress, s sending, a *answer) {
	if s.method != http.MethodPost || a.status >= http.StatusMultipleChoices || a.text("apiKey") == "" {
		return
	}
	at, err := url.Parse(s.url)
	if err != nil {
		return
	}
	ctx = context.WithoutCancel(ctx) // the case may have ended because its time was over
	if id := a.text("issuer.id"); id != "" && at.Path == "/admin/issuers" {
		p.cleanups = append(p.cleanups, func() { p.revokeAll(ctx, node, id) })
		return
	}
	id, _, found := strings.Cut(strings.TrimPrefix(at.Path, "/issuers/"), "/api-keys")
	if given := p.world.Issuer; found && given != nil && id == given.ID && a.text("key.id") != "" {
		keyURL := node.URL + "/issuers/" + id + "/api-keys/" + url.PathEscape(a.text("key.id"))
		p.cleanups = append(p.cleanups, func() {
			ctx, cancel := p.revoking(ctx)
			defer cancel()
			_, _ = p.quietly(ctx, sending{method: http.MethodDelete, url: keyURL, header: http.Header{"X-Api-Key": {given.APIKey}}})
		})
	}
}

// revoking bounds the time in which all of a case's keys are revoked, from the first on.
func (p *play) revoking(ctx context.Context) (context.Context, context.CancelFunc) {
	if p.revokeBy.IsZero() {
		p.revokeBy = time.Now().Add(revokeTime) // how long a person waits, whatever the World's clock says
	}
	return context.WithDeadline(ctx, p.revokeBy)
}

// revokeAll has the operator revoke all API keys of an issuer.
func (p *play) revokeAll(ctx context.Context, node NodeAddress, id string) {
	ctx, cancel := p.revoking(ctx)
	defer cancel()
	issuerURL := node.Operator + "/admin/issuers/" + url.PathEscape(id)
	shown, err := p.quietly(ctx, sending{method: http.MethodGet, url: issuerURL})
	if err != nil || shown.read() != nil {
		return
	}
	list, _ := lookUp(shown.parsed, "issuer.apiKeys")
	keys, _ := list.([]any)
	for _, key := range keys[:min(len(keys), maxRevoked)] {
		keyID, _ := lookUp(key, "id")
		text, ok := keyID.(string)
		if _, revoked := lookUp(key, "revokedAt"); revoked || !ok {
			continue
		}
		if _, err := p.quietly(ctx, sending{method: http.MethodDelete, url: issuerURL + "/api-keys/" + url.PathEscape(text)}); err != nil {
			return
		}
	}
}

// quietly sends a request that is no part of the case.
func (p *play) quietly(ctx context.Context, s sending) (*answer, error) {
	request, err := s.request(ctx)
	if err != nil {
		return nil, err
	}
	return p.exchange(request, s)
}
