package api

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"net/http"
	"strconv"

	"github.com/gin-gonic/gin"

	"mirnode/accounts"
	"mirnode/internal/strictjson"
	"mirnode/issuers"
	"mirnode/protocol"
	"mirnode/store"
	"mirnode/translog"
)

// Issuers knows what this node may say of an issuer. It never waits for the network, and is safe for concurrent use; store.ErrNotFound.
type Issuers interface {
	Issuer(ctx context.Context, id string) (*issuers.Standing, error)
}

// Proofs prove that records stand in the logs of their homes. Its method is safe for concurrent use.
type Proofs interface {
	// LogReceipt is the receipt of the log that has the record, the own or a mirror; store.ErrNotFound where none that is wholly held has it.
	LogReceipt(ctx context.Context, recordHash [32]byte) (translog.Receipt, error)
}

// listReserve is what each assertion of a page may need while it is made, in bytes: a record of 16 KiB, its metadata, and what is told of it.
const listReserve = 32 << 10

// noSignUp is POST /issuers.
func (a *API) noSignUp(c *gin.Context) error {
	c.Writer.Header()["Www-Authenticate"] = authenticate
	return badKey("ask the operator, who makes one with `mir admin issuer new`, and gives you its API key", "issuers are made by the node's operator")
}

// getIssuer is GET /issuers/{issuerId}.
func (a *API) getIssuer(c *gin.Context) error {
	id, err := issuerParameter(c)
	if err != nil {
		return err
	}
	if err := noParameters(c); err != nil {
		return err
	}
	ctx := c.Request.Context()
	standing, err := a.standing(ctx, id)
	if err != nil {
		return err
	}
	receipt, err := a.Store.LogReceipt(ctx, standing.Record.RecordHash())
	proven := err == nil
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return err
	}
	c.Writer.Header()["Cache-Control"] = noStore
	return writeBuilt(c, http.StatusOK, func(b []byte) ([]byte, error) {
		b = appendIssuer(append(b, '{'), standing)
		if proven {
			b = strictjson.AppendString(append(b, `,"origin":`...), originOf(&receipt))
			b = strconv.AppendUint(append(b, `,"index":`...), receipt.Index, 10)
			b = appendDocument(append(b, `,"receipt":`...), receipt.Marshal())
		}
		return append(b, '}'), nil
	})
}

// standing is what this node knows of an issuer.
func (a *API) standing(ctx context.Context, id string) (*issuers.Standing, error) {
	if a.Issuers == nil {
		return nil, unknownIssuer(id)
	}
	standing, err := a.Issuers.Issuer(ctx, id)
	if errors.Is(err, store.ErrNotFound) {
		return nil, unknownIssuer(id)
	}
	return standing, err
}

func unknownIssuer(id string) error {
	return &problem{status: http.StatusNotFound, message: "no issuer " + id + " is known here", hint: "check the ID; a new issuer reaches other nodes within about a second"}
}

// appendIssuer writes the members of an issuer's answer.
func appendIssuer(b []byte, s *issuers.Standing) []byte {
	b = append(append(b, `"issuer":`...), s.JSON...)
	b = append(appendSomeText(b[:len(b)-1], "detail", s.Detail), '}')
	if !s.SeenAt.IsZero() {
		b = strictjson.AppendTime(append(b, `,"domainSeenAt":`...), s.SeenAt)
	}
	b = append(b, `,"keys":[`...)
	for i := range s.Record.Keys {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendKey(b, &s.Record.Keys[i])
		anchor := `,"anchor":"home"}`
		if s.Anchored(s.Record.Keys[i].Fingerprint) {
			anchor = `,"anchor":"domain"}`
		}
		b = append(b[:len(b)-1], anchor...)
	}
	b = strconv.AppendUint(append(b, `],"sequence":`...), s.Record.Sequence, 10)
	b = strictjson.AppendTime(append(b, `,"issuedAt":`...), s.Record.Issued)
	return appendDocument(append(b, `,"record":`...), s.Record.Raw())
}

// appendKey writes an issuer's key as its record has it.
func appendKey(b []byte, k *protocol.IssuerKey) []byte {
	b = strictjson.AppendString(append(b, `{"algorithm":`...), string(k.Algorithm))
	b = strictjson.AppendTime(append(b, `,"created":`...), k.Created)
	b = strictjson.AppendString(append(b, `,"fingerprint":`...), k.Fingerprint)
	b = strictjson.AppendString(append(b, `,"pub":`...), base64.RawURLEncoding.EncodeToString(k.Public))
	if !k.RevokedAt.IsZero() {
		b = strictjson.AppendTime(append(b, `,"revokedAt":`...), k.RevokedAt)
	}
	if !k.CompromisedAt.IsZero() {
		b = strictjson.AppendTime(append(b, `,"compromisedAt":`...), k.CompromisedAt)
	}
	return append(b, '}')
}

// listParameters are the query parameters of GET /issuers/{issuerId}/assertions.
var listParameters = []string{"limit", "cursor"}

// listAssertions is GET /issuers/{issuerId}/assertions.
func (a *API) listAssertions(c *gin.Context) error {
	if a.Assertions == nil {
		return errNoAssertions
	}
	id, err := issuerParameter(c)
	if err != nil {
		return err
	}
	values, err := parameters(c, listParameters)
	if err != nil {
		return err
	}
	limit, err := pageSize(values)
	if err != nil {
		return err
	}
	caller, err := a.noteReader(c)
	if err != nil {
		return err
	}
	ctx := c.Request.Context()
	room, err := a.pages.take(ctx, clientKey(a.client(c)), int64(limit)*listReserve)
	if err != nil {
		return err
	}
	defer room.give()
	c.Writer.Header()["Cache-Control"] = noStore
	return writeBuilt(c, http.StatusOK, func(b []byte) ([]byte, error) {
		b, err := a.Assertions.AppendList(ctx, b, id, limit, values.Get("cursor"), caller)
		room.shrink(int64(cap(b)))
		return b, err
	})
}

func issuerParameter(c *gin.Context) (string, error) { return issuerID(c.Param("issuerId")) }

// issuerID reads an issuer's ID that a client named.
func issuerID(id string) (string, error) {
	if !protocol.IsIssuerID(id) {
		return "", badRequest("an issuer ID is issuer_ and 32 hex digits", "this is not an issuer ID")
	}
	return id, nil
}

// ownIssuer finds who changes something of an issuer's own: the issuer that the path names, at its home, with an API key of its own that may manage it, and with a
// badge that lets it do this. The request counts against the key's budget.
func (a *API) ownIssuer(c *gin.Context, action accounts.Action) (id string, err error) {
	if id, err = issuerParameter(c); err != nil {
		return "", err
	}
	if err := noParameters(c); err != nil {
		return "", err
	}
	if err := a.atHome(c.Request.Context(), id); err != nil {
		return "", err
	}
	caller, err := a.callerFor(c, accounts.ScopeManage)
	if err != nil {
		return "", err
	}
	if caller.Issuer != id {
		hint := "use a key of " + id + ", or name your own issuer in the path: " + caller.Issuer
		return "", &problem{status: http.StatusForbidden, message: "the API key belongs to another issuer", hint: hint}
	}
	if err := a.spendIssuer(c, a.assertionWrite, &caller); err != nil {
		return "", err
	}
	return id, a.Accounts.May(id, action)
}

// atHome refuses an issuer whose home is another node, and names that one.
func (a *API) atHome(ctx context.Context, id string) error {
	if a.Issuers != nil {
		standing, err := a.Issuers.Issuer(ctx, id)
		switch {
		case errors.Is(err, store.ErrNotFound):
		case err != nil:
			return err
		case standing.Record.Home != a.Domain:
			return a.elsewhere(standing.Record.Home)
		}
	}
	if a.Accounts == nil {
		return errNoHome
	}
	return nil
}

// elsewhere names the node that takes what an issuer sends.
func (a *API) elsewhere(home string) error {
	where := home
	for _, peer := range a.peerList.now() {
		if peer.Domain == home && peer.URL != "" {
			where = peer.URL
		}
	}
	return &problem{status: http.StatusForbidden, message: "the issuer's home is another node, " + home, hint: "send the same request there: " + where}
}

// fingerprintParameter reads a key's fingerprint out of the path, in either case.
func fingerprintParameter(c *gin.Context) (string, error) {
	sum, ok := parseArtifact(c.Param("fingerprint"))
	if !ok {
		return "", badRequest("a fingerprint is 64 hex digits, the SHA-256 of the key's raw bytes", "this is not a fingerprint")
	}
	return hex.EncodeToString(sum[:]), nil
}
