package api

import (
	"fmt"
	"io"
	"net/http"

	"mirnode/internal/strictjson"
	"mirnode/protocol"
)

// operatorIssuers are the orders about issuers whose home this node is.
func (a *API) operatorIssuers(mux *http.ServeMux) {
	for pattern, order := range map[string]issuerOrder{
		"GET /admin/issuers":                                a.adminList,
		"POST /admin/issuers":                               a.adminCreate,
		"GET /admin/issuers/{issuerId}":                     a.adminGet,
		"POST /admin/issuers/{issuerId}/status":             a.adminStatus,
		"POST /admin/issuers/{issuerId}/plan":               a.adminPlan,
		"POST /admin/issuers/{issuerId}/api-keys":           a.adminAPIKey,
		"DELETE /admin/issuers/{issuerId}/api-keys/{keyId}": a.adminRevokeAPIKey,
		"POST /admin/issuers/{issuerId}/domain/recheck":     a.adminRecheck,
	} {
		mux.HandleFunc(pattern, a.operatorIssuer(order))
	}
}

// issuerOrder carries out an order, and gives the answer's JSON. id is the issuer that the path names, "" where it names none.
type issuerOrder func(r *http.Request, id string) ([]byte, error)

// operatorIssuer answers an order about issuers.
func (a *API) operatorIssuer(order issuerOrder) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		body, err := a.orderIssuer(r, order)
		if err != nil {
			a.operatorFail(w, r, err)
			return
		}
		w.Header()["Content-Type"] = jsonType
		_, _ = w.Write(append(body, '\n')) //nolint:gosec // JSON, labelled so, with nosniff; an error means that the client is gone
	}
}

func (a *API) orderIssuer(r *http.Request, order issuerOrder) ([]byte, error) {
	if a.Accounts == nil {
		return nil, &problem{status: http.StatusNotFound, message: "this node has no issuers of its own", hint: "give it a domain in its settings"}
	}
	id := r.PathValue("issuerId")
	if id != "" {
		if _, err := issuerID(id); err != nil {
			return nil, err
		}
	}
	return order(r, id)
}

// readOrder reads the body of an order.
func readOrder(r *http.Request, hint string, s shape) error {
	body, err := io.ReadAll(http.MaxBytesReader(nil, r.Body, maxOperatorBody))
	if err != nil {
		return bodyError(err)
	}
	return readShape(body, issuerLimits, hint, s)
}

// adminListParameters are the query parameters of GET /admin/issuers.
var adminListParameters = []string{"after", "limit"}

// adminList is GET /admin/issuers?after=&limit=.
func (a *API) adminList(r *http.Request, _ string) ([]byte, error) {
	query, err := parametersOf(r.URL.RawQuery, adminListParameters)
	if err != nil {
		return nil, err
	}
	limit, err := pageSize(query)
	if err != nil {
		return nil, err
	}
	list, err := a.Accounts.Accounts(r.Context(), query.Get("after"), limit)
	if err != nil {
		return nil, err
	}
	b := []byte(`{"issuers":[`)
	for i := range list {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendAccount(b, &list[i])
	}
	b = append(b, `],"nextAfter":`...)
	if len(list) < limit {
		return append(b, "null}"...), nil
	}
	return append(strictjson.AppendString(b, list[len(list)-1].Record.ID), '}'), nil
}

// adminCreate is POST /admin/issuers. The answer shows the issuer's first API key, this once.
func (a *API) adminCreate(r *http.Request, _ string) ([]byte, error) {
	var name string
	if err := readOrder(r, `send {"name":"Harbour News"}`, shape{{name: "name", required: true, take: takeText(&name)}}); err != nil {
		return nil, err
	}
	account, secret, err := a.Accounts.Create(r.Context(), name)
	if err != nil {
		return nil, err
	}
	b := appendAccount([]byte(`{"issuer":`), &account)
	return append(strictjson.AppendString(append(b, `,"apiKey":`...), secret), '}'), nil
}

// adminGet is GET /admin/issuers/{issuerId}.
func (a *API) adminGet(r *http.Request, id string) ([]byte, error) {
	account, err := a.Accounts.Account(r.Context(), id)
	if err != nil {
		return nil, err
	}
	return append(appendAccount([]byte(`{"issuer":`), &account), '}'), nil
}

// badges are what an operator may set.
var badges = []protocol.IssuerStatus{protocol.IssuerVerified, protocol.IssuerUnverified, protocol.IssuerRestricted, protocol.IssuerSuspended}

// adminStatus is POST /admin/issuers/{issuerId}/status.
func (a *API) adminStatus(r *http.Request, id string) ([]byte, error) {
	var status, reason string
	err := readOrder(r, `send {"status":"SUSPENDED","reason":"…"}`, shape{
		{name: "status", required: true, take: takeText(&status)}, {name: "reason", take: takeText(&reason)},
	})
	if err != nil {
		return nil, err
	}
	for _, badge := range badges {
		if status == string(badge) {
			if _, err := a.Accounts.SetStatus(r.Context(), id, badge, reason); err != nil {
				return nil, err
			}
			return a.adminGet(r, id)
		}
	}
	return nil, badRequest(fmt.Sprintf("a status is one of %q", badges), "%.60q is no status", status)
}

// adminPlan is POST /admin/issuers/{issuerId}/plan.
func (a *API) adminPlan(r *http.Request, id string) ([]byte, error) {
	var plan string
	err := readOrder(r, `send {"plan":"newsroom"}, or "" for none`, shape{{name: "plan", required: true, take: takeText(&plan)}})
	if err != nil {
		return nil, err
	}
	if err := a.Accounts.SetPlan(r.Context(), id, plan); err != nil {
		return nil, err
	}
	return a.adminGet(r, id)
}

// adminAPIKey is POST /admin/issuers/{issuerId}/api-keys: the operator may always make one.
func (a *API) adminAPIKey(r *http.Request, id string) ([]byte, error) {
	body, err := io.ReadAll(http.MaxBytesReader(nil, r.Body, maxOperatorBody))
	if err != nil {
		return nil, bodyError(err)
	}
	k, err := decodeNewAPIKey(body)
	if err != nil {
		return nil, err
	}
	secret, key, err := a.Accounts.GiveAPIKey(r.Context(), id, k.label, k.scopes, k.expires)
	if err != nil {
		return nil, err
	}
	return appendFreshKey(nil, secret, &key), nil
}

// adminRevokeAPIKey is DELETE /admin/issuers/{issuerId}/api-keys/{keyId}.
func (a *API) adminRevokeAPIKey(r *http.Request, id string) ([]byte, error) {
	key := r.PathValue("keyId")
	if err := a.Accounts.RevokeAPIKey(r.Context(), id, key); err != nil {
		return nil, err
	}
	return append(strictjson.AppendString([]byte(`{"revoked":`), key), '}'), nil
}

// adminRecheck is POST /admin/issuers/{issuerId}/domain/recheck.
func (a *API) adminRecheck(r *http.Request, id string) ([]byte, error) {
	check, err := a.Accounts.RecheckDomain(r.Context(), id)
	if err != nil {
		return nil, err
	}
	return appendCheck(nil, &check), nil
}
