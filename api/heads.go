package api

import (
	"bytes"
	"encoding/hex"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"mirnode/internal/strictjson"
	"mirnode/protocol"
	"mirnode/store"
	"mirnode/translog"
)

const (
	// maxHeads is the number of heads in one answer.
	maxHeads = 256
	// maxHeadBytes ends an answer of heads early, in bytes: after the head that reaches it. Cosignatures make a checkpoint up to 16 KiB long.
	maxHeadBytes = 1 << 20
	// maxForks and maxForkBytes bound the proofs in one answer. One a log is told: it is enough.
	maxForks     = 64
	maxForkBytes = 3 << 20
)

// heads is GET /log/heads. A cursor is a version of the store, which knows one of an earlier run for what it is, and gives everything then.
func (a *API) heads(c *gin.Context) error {
	values, err := parameters(c, []string{"since"})
	if err != nil {
		return err
	}
	since, err := strconv.ParseUint(values.Get("since"), 10, 64)
	if err != nil {
		since = 0 // a cursor of another node, or none: everything
	}
	heads, next := a.Store.Heads(since, maxHeads)
	c.Writer.Header()["Cache-Control"] = noStore
	return writeBuilt(c, http.StatusOK, func(b []byte) ([]byte, error) {
		b = append(b, `{"heads":[`...)
		first := len(b)
		for i := range heads {
			if len(heads[i].Checkpoint.Note) == 0 {
				continue // a mirror that has nothing yet
			}
			if len(b) > first {
				b = append(b, ',')
			}
			if b = appendHead(b, &heads[i]); len(b) >= maxHeadBytes {
				next = heads[i].Version // they come in the order of their versions
				break
			}
		}
		b = append(b, `],"next":"`...)
		return append(strconv.AppendUint(b, next, 10), `"}`...), nil
	})
}

func appendHead(b []byte, h *store.Head) []byte {
	b = strictjson.AppendString(append(b, `{"origin":`...), h.Origin)
	b = strconv.AppendUint(append(b, `,"size":`...), h.Checkpoint.Size, 10)
	b = hex.AppendEncode(append(b, `,"root":"`...), h.Checkpoint.Root[:])
	b = appendDocument(append(b, `","checkpoint":`...), newestNote(h))
	b = strconv.AppendBool(append(b, `,"frozen":`...), h.Frozen)
	return append(b, '}')
}

// proof is GET /log/proof.
func (a *API) proof(c *gin.Context) error {
	values, err := parameters(c, []string{"id"})
	if err != nil {
		return err
	}
	record, err := a.recordOf(c, values.Get("id"))
	if err != nil {
		return err
	}
	receipt, err := a.receipt(c.Request.Context(), record)
	if errors.Is(err, store.ErrNotFound) {
		return &problem{status: http.StatusNotFound, message: "this record does not stand in this node's own log",
			hint: `GET /claims/{id} tells in which logs a claim stands ("places"), GET /assertions/{id} has an assertion's receipt; or ask the record's own node`}
	}
	if err != nil {
		return err
	}
	c.Writer.Header()["Cache-Control"] = noStore
	return writeBuilt(c, http.StatusOK, func(b []byte) ([]byte, error) {
		b = strictjson.AppendString(append(b, `{"origin":`...), originOf(&receipt))
		b = strconv.AppendUint(append(b, `,"index":`...), receipt.Index, 10)
		b = append(append(b, `,"entry":`...), receipt.Entry...)
		b = appendDocument(append(b, `,"receipt":`...), receipt.Marshal())
		return append(b, '}'), nil
	})
}

// recordOf reads what ?id= names: a record's hash, or the ID of a claim or an assertion, whose record the store knows.
func (a *API) recordOf(c *gin.Context, id string) ([32]byte, error) {
	if record, ok := parseHash(strings.ToLower(id)); ok {
		return record, nil
	}
	if assertion, err := protocol.ParseAssertionID(id); err == nil {
		held, err := a.Store.Assertion(c.Request.Context(), assertion)
		return held.RecordHash, err
	}
	sigHash, err := protocol.ParseClaimID(id)
	if err != nil {
		return sigHash, badRequest("?id= is the ID of a claim or an assertion, or a record's hash in hex", "this is neither an ID nor a hash")
	}
	record, err := a.Store.Claim(c.Request.Context(), sigHash)
	return record.RecordHash, err
}

// originOf is the log that a receipt is about: the first line of its checkpoint.
func originOf(r *translog.Receipt) string {
	line, _, _ := bytes.Cut(r.Checkpoint, []byte{'\n'})
	return string(line)
}

type forkAnswer struct {
	Origin  string        `json:"origin"`
	FoundAt time.Time     `json:"foundAt"`
	FoundBy string        `json:"foundBy"`
	Proof   translog.Fork `json:"proof"`
}

// forks is GET /log/forks.
func (a *API) forks(c *gin.Context) error {
	if err := noParameters(c); err != nil {
		return err
	}
	ctx := c.Request.Context()
	room, err := a.pages.take(ctx, clientKey(a.client(c)), maxForkBytes)
	if err != nil {
		return err
	}
	defer room.give()
	if err := a.peerReads.enter(ctx); err != nil {
		return err
	}
	saved, err := a.Store.Forks(ctx)
	a.peerReads.leave()
	if err != nil {
		return err
	}
	c.Writer.Header()["Cache-Control"] = noStore
	return writeBuilt(c, http.StatusOK, func(b []byte) ([]byte, error) { return appendForks(b, saved) })
}

// appendForks writes a proof for each log, as many as one answer holds.
func appendForks(b []byte, saved []store.SavedFork) ([]byte, error) {
	b = append(b, `{"forks":[`...)
	told := make(map[string]bool)
	for _, f := range saved {
		if told[f.Proof.Origin] || len(told) == maxForks {
			continue
		}
		item, err := strictjson.Marshal(forkAnswer{Origin: f.Proof.Origin, FoundAt: f.FoundAt.UTC().Truncate(time.Millisecond), FoundBy: f.FoundBy, Proof: f.Proof})
		if err != nil {
			return b, err
		}
		if len(b)+len(item) > maxForkBytes {
			break
		}
		if len(told) > 0 {
			b = append(b, ',')
		}
		b, told[f.Proof.Origin] = append(b, item...), true
	}
	return append(b, `]}`...), nil
}
