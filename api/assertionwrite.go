package api

import (
	"context"
	"net/http"

	"github.com/gin-gonic/gin"

	"mirnode/accounts"
	"mirnode/assertions"
	"mirnode/protocol"
)

// The outcomes of writes in the metrics.
const (
	writeCreated    = "created"
	writeSuperseded = "superseded"
	writeRevoked    = "revoked"
	writeEdited     = "edited"
	writeDuplicate  = "duplicate" // of any of them
)

// errNoHome is the answer of a node without a domain, which no issuer belongs to.
var errNoHome = &problem{status: http.StatusForbidden, message: "this node has no domain, and no issuer belongs to it", hint: "send the request to the issuer's home node; GET /issuers/{id} names it"}

// createAssertion is POST /assertions.
func (a *API) createAssertion(c *gin.Context) error {
	document, err := a.readWrite(c)
	if err != nil {
		return err
	}
	submission, err := decodeSubmission(document)
	if err != nil {
		return err
	}
	caller, err := a.writer(c, func(ctx context.Context) error { return a.Assertions.CheckPayload(ctx, submission.Payload) })
	if err != nil {
		return err
	}
	return a.carryOut(c, writeCreated, func(ctx context.Context) (*assertions.Written, error) {
		return a.Assertions.Create(ctx, caller, submission)
	})
}

// revokeAssertion is POST /assertions/{assertionId}/revoke.
func (a *API) revokeAssertion(c *gin.Context) error {
	id, err := assertionParameter(c)
	if err != nil {
		return err
	}
	document, err := a.readWrite(c)
	if err != nil {
		return err
	}
	revocation, err := decodeRevocation(document)
	if err != nil {
		return err
	}
	caller, err := a.writer(c, func(ctx context.Context) error { return a.Assertions.CheckPayload(ctx, revocation.Payload) })
	if err != nil {
		return err
	}
	return a.carryOut(c, writeRevoked, func(ctx context.Context) (*assertions.Written, error) {
		return a.Assertions.Revoke(ctx, caller, id, revocation)
	})
}

// supersedeAssertion is POST /assertions/{assertionId}/supersede.
func (a *API) supersedeAssertion(c *gin.Context) error {
	id, err := assertionParameter(c)
	if err != nil {
		return err
	}
	document, err := a.readWrite(c)
	if err != nil {
		return err
	}
	revocation, successor, err := decodeSupersession(document)
	if err != nil {
		return err
	}
	caller, err := a.writer(c, func(ctx context.Context) error { return a.Assertions.CheckPayload(ctx, successor.Payload) })
	if err != nil {
		return err
	}
	return a.carryOut(c, writeSuperseded, func(ctx context.Context) (*assertions.Written, error) {
		return a.Assertions.Supersede(ctx, caller, id, revocation, successor)
	})
}

// editAssertion is PATCH /assertions/{assertionId}.
func (a *API) editAssertion(c *gin.Context) error {
	id, err := assertionParameter(c)
	if err != nil {
		return err
	}
	document, err := a.readWrite(c)
	if err != nil {
		return err
	}
	patch, err := assertions.ParsePatch(document)
	if err != nil {
		return err
	}
	caller, err := a.writer(c, func(ctx context.Context) error { return a.Assertions.CheckAssertion(ctx, id) })
	if err != nil {
		return err
	}
	return a.carryOut(c, writeEdited, func(ctx context.Context) (*assertions.Written, error) {
		return a.Assertions.Edit(ctx, caller, id, patch)
	})
}

// getAssertion is GET /assertions/{assertionId}.
func (a *API) getAssertion(c *gin.Context) error {
	if a.Assertions == nil {
		return errNoAssertions
	}
	id, err := assertionParameter(c)
	if err != nil {
		return err
	}
	if err := noParameters(c); err != nil {
		return err
	}
	caller, err := a.noteReader(c)
	if err != nil {
		return err
	}
	c.Writer.Header()["Cache-Control"] = noStore
	return a.writeFound(c, nil, func(ctx context.Context, b []byte) ([]byte, error) { return a.Assertions.AppendGet(ctx, b, id, caller) })
}

// noteReader is whose notes an answer may have: nobody's where the request shows no API key, or one that neither writes nor manages. A key for look-ups alone is given
// to machines that need not know what the team thinks.
func (a *API) noteReader(c *gin.Context) (*accounts.Caller, error) {
	caller, shown, err := a.maybeCaller(c)
	if err != nil || !shown || !caller.Has(accounts.ScopeWrite) && !caller.Has(accounts.ScopeManage) {
		return nil, err
	}
	return &caller, nil
}

func assertionParameter(c *gin.Context) ([32]byte, error) {
	id, err := protocol.ParseAssertionID(c.Param("assertionId"))
	if err != nil {
		return id, badRequest("an assertion ID is assertion_ and 64 hex digits", "this is not an assertion ID")
	}
	return id, nil
}

// readWrite reads the body of a request that writes. That comes before the API key, so that a mistake in it, and above all the wrong node, is told first.
func (a *API) readWrite(c *gin.Context) ([]byte, error) {
	if a.Assertions == nil {
		return nil, errNoAssertions
	}
	if err := noParameters(c); err != nil {
		return nil, err
	}
	return a.readBody(c, maxAssertionBody)
}

// writer finds who writes, after check has told whoever came to the wrong node, and counts the request against the issuer's budget.
func (a *API) writer(c *gin.Context, check func(context.Context) error) (caller accounts.Caller, err error) {
	if err := check(c.Request.Context()); err != nil {
		return caller, err
	}
	if a.Accounts == nil {
		return caller, errNoHome
	}
	if caller, err = a.caller(c); err != nil {
		return caller, err
	}
	return caller, a.spendIssuer(c, a.assertionWrite, &caller)
}

// carryOut writes, and answers with what was written. A gate bounds the signatures that are being checked.
func (a *API) carryOut(c *gin.Context, outcome string, write func(context.Context) (*assertions.Written, error)) error {
	ctx := c.Request.Context()
	if err := a.writes.enter(ctx); err != nil {
		return err
	}
	written, err := write(ctx)
	a.writes.leave()
	if err != nil {
		return err
	}
	status := http.StatusOK
	h := c.Writer.Header()
	if outcome == writeCreated || outcome == writeSuperseded {
		h["Location"] = []string{assertionPath(written.State.SigHash)}
		if !written.Duplicate {
			status = http.StatusCreated
		}
	}
	if written.Duplicate {
		outcome = writeDuplicate
	}
	a.metrics.written.WithLabelValues(outcome).Inc()
	h["Cache-Control"] = noStore
	return writeBuilt(c, status, func(b []byte) ([]byte, error) { return a.Assertions.AppendWritten(ctx, b, written) })
}
