package api

import (
	"context"
	"encoding/hex"
	"errors"
	"net/http"
	"net/netip"
	"strconv"

	"github.com/gin-gonic/gin"

	"mirnode/protocol"
	"mirnode/store"
	"mirnode/translog"
)

const (
	// maxEntries is the number of entries in one answer.
	maxEntries = 4096
	// entriesPerToken is how many entries one token of the peers' budget buys.
	entriesPerToken = 1024
	// hashDigits is the length of a hash in hex.
	hashDigits = 64
)

// Logs are the origin logs that a node holds: its own and the mirrors of others. Methods are safe for concurrent use, and cost no more than what they give.
type Logs interface {
	// Head gives what is held of a log, by its origin or by the SHA-256 of that.
	Head(origin string) (store.Head, bool)
	HeadByHash(hash [32]byte) (store.Head, bool)
	// Heads gives heads that have changed since a version (0: all), and the version to ask with next.
	Heads(since uint64, limit int) (heads []store.Head, next uint64)
	// Entries gives entries [start, end), at most maxEntries.
	Entries(ctx context.Context, origin string, start, end uint64) ([]protocol.Entry, error)
	// Tiles reads a log's tiles; store.ErrNotFound for what the log has not reached.
	Tiles(origin string) translog.TileReader
	// EntryBundle gives the first entries of a bundle in the form of C2SP tlog-tiles; store.ErrNotFound.
	EntryBundle(ctx context.Context, origin string, index uint64, width int) ([]byte, error)
	// Receipt proves that a record stands in the own log; store.ErrNotFound.
	Receipt(ctx context.Context, record [32]byte) (translog.Receipt, error)
	// Bodies shows what is held for each hash, in order, until visit returns false. A body is good until visit returns.
	Bodies(ctx context.Context, records [][32]byte, visit func(i int, b store.Body) bool) error
	// Forks gives the proofs that are kept.
	Forks(ctx context.Context) ([]store.SavedFork, error)
}

// The ways in which answers about logs may be kept. What is full never changes; a checkpoint is old after a moment.
var (
	foreverCaching    = []string{"public, max-age=31536000, immutable"}
	partialCaching    = []string{"public, max-age=86400, immutable"}
	checkpointCaching = []string{"public, no-cache"}

	plainText  = []string{"text/plain; charset=utf-8"}
	octets     = []string{"application/octet-stream"}
	ndjsonType = []string{"application/x-ndjson"}
)

// logOf finds the log that a request is about: the node's own, or the one that the path names.
func (a *API) logOf(c *gin.Context) (store.Head, error) {
	name := c.Param("origin")
	if name == "" {
		if head, ok := a.Store.Head(a.origin); ok && a.origin != "" {
			return head, nil
		}
		return store.Head{}, &problem{status: http.StatusNotFound, message: "this node keeps no log of its own", hint: "GET /log/heads names the logs that it holds"}
	}
	hash, ok := parseHash(name)
	if !ok {
		return store.Head{}, badRequest("a log is named by the hex SHA-256 of its origin, as in /mirror/{64 hex digits}/checkpoint", "this is not a hash")
	}
	if head, ok := a.Store.HeadByHash(hash); ok {
		return head, nil
	}
	return store.Head{}, &problem{status: http.StatusNotFound, message: "this node does not mirror that log", hint: "GET /log/heads names the logs that it holds"}
}

// parseHash reads a hash in lower-case hex.
func parseHash(s string) (hash [32]byte, ok bool) {
	if !isHash(s) {
		return hash, false
	}
	_, err := hex.Decode(hash[:], []byte(s))
	return hash, err == nil
}

// checkpoint is GET /log/checkpoint and GET /mirror/{origin}/checkpoint. Cosignatures take a moment to gather, so that the newest checkpoint of a busy log
// has none yet: ?cosigned=true asks for the newest one that has.
func (a *API) checkpoint(c *gin.Context) error {
	values, err := parameters(c, []string{"cosigned"})
	if err != nil {
		return err
	}
	cosigned, err := truthParameter(values, "cosigned", false)
	if err != nil {
		return err
	}
	head, err := a.logOf(c)
	if err != nil {
		return err
	}
	note := newestNote(&head)
	if cosigned {
		note = head.Cosigned.Note
	}
	if len(note) == 0 {
		return &problem{status: http.StatusNotFound, message: "no such checkpoint of this log is held yet", hint: "ask again later, or ask the log's own node"}
	}
	answer := newAsset(note, plainText[0])
	answer.serve(c, checkpointCaching)
	return nil
}

// newestNote is the newest checkpoint, with cosignatures where there are some for its size.
func newestNote(h *store.Head) []byte {
	if len(h.Cosigned.Note) > 0 && h.Cosigned.Size == h.Checkpoint.Size {
		return h.Cosigned.Note
	}
	return h.Checkpoint.Note
}

// tile is GET /log/tile/{tile} and GET /mirror/{origin}/tile/{tile}.
func (a *API) tile(c *gin.Context) error {
	if err := noParameters(c); err != nil {
		return err
	}
	tile, entries, err := translog.ParseTilePath("tile" + c.Param("tile"))
	if err != nil {
		return badRequest("as in tile/0/x001/234, tile/0/x001/234.p/5 or tile/entries/x001/234 (C2SP tlog-tiles)", "this is not the path of a tile")
	}
	head, err := a.logOf(c)
	if err != nil {
		return err
	}
	ctx := c.Request.Context()
	if err := a.peerReads.enter(ctx); err != nil {
		return err
	}
	var body []byte
	if entries {
		body, err = a.Store.EntryBundle(ctx, head.Origin, tile.Index, tile.Width)
	} else {
		body, err = a.Store.Tiles(head.Origin).ReadTile(ctx, tile)
	}
	a.peerReads.leave()
	if errors.Is(err, store.ErrNotFound) {
		return &problem{status: http.StatusNotFound, message: "the log has not reached this tile", hint: "its checkpoint tells how far the log reaches"}
	}
	if err != nil {
		return err
	}
	h := c.Writer.Header()
	h["Cache-Control"] = foreverCaching
	if tile.Width < translog.TileWidth {
		h["Cache-Control"] = partialCaching
	}
	a.metrics.served.Add(float64(len(body)))
	writeBody(c, http.StatusOK, octets, body)
	return nil
}

// rangeParameters are the query parameters of the routes for entries.
var rangeParameters = []string{"start", "end"}

// entries is GET /log/entries and GET /mirror/{origin}/entries.
func (a *API) entries(c *gin.Context) error {
	start, end, err := entryRange(c)
	if err != nil {
		return err
	}
	head, err := a.logOf(c)
	if err != nil {
		return err
	}
	h := c.Writer.Header()
	h["Cache-Control"] = noStore
	end = min(end, head.Size)
	if start >= end {
		writeBody(c, http.StatusOK, ndjsonType, nil)
		return nil
	}
	count := int(end - start)
	if err := a.spend(c, a.peer, count/entriesPerToken); err != nil {
		return err
	}
	ctx := c.Request.Context()
	room, err := a.pages.take(ctx, clientKey(a.client(c)), int64(count*(protocol.MaxEntryBytes+1)))
	if err != nil {
		return err
	}
	defer room.give()
	return writeBuiltAs(c, http.StatusOK, ndjsonType, func(b []byte) ([]byte, error) {
		b, err := a.appendEntries(ctx, b, head.Origin, start, end)
		a.metrics.served.Add(float64(len(b)))
		return b, err
	})
}

func (a *API) appendEntries(ctx context.Context, b []byte, origin string, start, end uint64) ([]byte, error) {
	if err := a.peerReads.enter(ctx); err != nil {
		return b, err
	}
	defer a.peerReads.leave()
	entries, err := a.Store.Entries(ctx, origin, start, end)
	for _, e := range entries {
		b = append(e.AppendCanonical(b), '\n')
	}
	return b, err
}

// entryRange reads start and end; end is past what one answer holds where it is not given.
func entryRange(c *gin.Context) (start, end uint64, err error) {
	values, err := parameters(c, rangeParameters)
	if err != nil {
		return 0, 0, err
	}
	if start, err = indexParameter(values, "start", 0); err != nil {
		return 0, 0, err
	}
	if end, err = indexParameter(values, "end", translog.MaxSize); err != nil {
		return 0, 0, err
	}
	if start > end {
		return 0, 0, badRequest("start is the first index, end the one past the last", "start is after end")
	}
	return start, min(end, start+maxEntries), nil
}

func indexParameter(values parameterValues, name string, fallback uint64) (uint64, error) {
	if !values.Has(name) {
		return fallback, nil
	}
	index, err := strconv.ParseUint(values.Get(name), 10, 64)
	if err != nil || index > translog.MaxSize {
		return 0, badRequest(name+" is the index of an entry, from 0", "%s is not a number that an entry can have", name)
	}
	return index, nil
}

// spend takes what a request costs more than the one token that every request does.
func (a *API) spend(c *gin.Context, b *budget[netip.Addr], more int) error {
	if b == nil || more <= 0 {
		return nil
	}
	key, now := clientKey(a.client(c)), a.Now()
	more = min(more, b.rate.Burst) // a bucket may be smaller than the dearest request
	if !b.take(key, more, now) {
		return a.exhausted(b.name, b.does, b.wait(key, more, now))
	}
	return nil
}
