package api

import (
	"context"
	"encoding/hex"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"mirnode/internal/strictjson"
	"mirnode/store"
)

const (
	// maxFetch is the number of records in one request.
	maxFetch = 1000
	// maxFetchBody bounds such a request in bytes: a hash in quotes and a comma for each, with room for white space.
	maxFetchBody = maxFetch*(hashDigits+4) + 4<<10
	// maxFetched ends an answer early, in bytes: after the line that reaches it.
	maxFetched = 8 << 20
	// fetchPiece and fetchPieceBytes bound what is read from the store at one go: it is not to wait while a client reads.
	fetchPiece      = 128
	fetchPieceBytes = 256 << 10
	// fetchesPerToken is how many records one token of the peers' budget buys.
	fetchesPerToken = 50
	// fetchTime bounds an answer, from the request's whole head to its last byte: who reads slower gets a part.
	fetchTime = time.Minute
)

type fetchBody struct {
	Records []string `json:"records"`
}

// fetchRecords is POST /records/fetch.
func (a *API) fetchRecords(c *gin.Context) error {
	hashes, err := a.readFetch(c)
	if err != nil {
		return err
	}
	if err := a.spend(c, a.peer, len(hashes)/fetchesPerToken); err != nil {
		return err
	}
	ctx := c.Request.Context()
	room, err := a.pages.take(ctx, clientKey(a.client(c)), pageReserve)
	if err != nil {
		return err
	}
	defer room.give()
	c.Writer.Header()["Cache-Control"] = noStore
	buffer := buffers.Get().(*[]byte)
	defer func() {
		if cap(*buffer) <= maxPooled {
			buffers.Put(buffer)
		}
	}()
	for sent := 0; len(hashes) > 0 && sent < maxFetched; sent += len(*buffer) {
		var told int
		enter := a.peerReads.enter
		if sent > 0 { // an answer that ends early without need costs the client another request, and us its good opinion
			enter = a.peerReads.wait
		}
		piece := fetchPieceOf{hashes: hashes[:min(len(hashes), fetchPiece)], bytes: min(fetchPieceBytes, maxFetched-sent)}
		*buffer, told, err = a.appendBodies(ctx, (*buffer)[:0], piece, enter)
		if told == 0 {
			if sent == 0 {
				return err
			}
			a.ended(c, err)
			return nil
		}
		hashes = hashes[told:]
		if sent == 0 {
			c.Writer.Header()["Content-Type"] = ndjsonType
			c.Writer.WriteHeader(http.StatusOK)
		}
		a.metrics.served.Add(float64(len(*buffer)))
		if writePiece(c, *buffer) != nil {
			return nil // the client is gone
		}
	}
	return nil
}

// ended logs why an answer ended before its time; the client asks again for the rest, and is told then.
func (a *API) ended(c *gin.Context, err error) {
	_ = a.problemOf(c.Request.Context(), requestID(c), err)
}

// readFetch reads the hashes that are asked for.
func (a *API) readFetch(c *gin.Context) ([][32]byte, error) {
	if err := noParameters(c); err != nil {
		return nil, err
	}
	document, err := a.readBody(c, maxFetchBody)
	if err != nil {
		return nil, err
	}
	const hint = `send {"records":["<64 hex digits>",…]}`
	var body fetchBody
	if err := strictjson.Unmarshal(document, &body); err != nil {
		return nil, badRequest(hint, "%v", err)
	}
	if len(body.Records) == 0 || len(body.Records) > maxFetch {
		return nil, badRequest(hint, "%d records, must be 1 to %d", len(body.Records), maxFetch)
	}
	hashes := make([][32]byte, len(body.Records))
	for i, record := range body.Records {
		var ok bool
		if hashes[i], ok = parseHash(record); !ok {
			return nil, badRequest(hint, "record %d is not a hash in lower-case hex", i)
		}
	}
	return hashes, nil
}

// fetchPieceOf is what is read of an answer at one go: these records, until their lines have so many bytes.
type fetchPieceOf struct {
	hashes [][32]byte
	bytes  int
}

// appendBodies writes a line for each of the first records, and tells how many: at least one unless there is an error.
func (a *API) appendBodies(ctx context.Context, b []byte, piece fetchPieceOf, enter func(context.Context) error) (lines []byte, told int, err error) {
	if err := enter(ctx); err != nil {
		return b, 0, err
	}
	defer a.peerReads.leave()
	err = a.Store.Bodies(ctx, piece.hashes, func(i int, body store.Body) bool {
		b = appendBody(b, piece.hashes[i], &body)
		told = i + 1
		return len(b) < piece.bytes
	})
	return b, told, err
}

func appendBody(b []byte, record [32]byte, body *store.Body) []byte {
	b = append(b, `{"record":"`...)
	b = hex.AppendEncode(b, record[:])
	switch {
	case body.Erased != nil:
		b = strictjson.AppendString(append(b, `","erased":{"reason":`...), body.Erased.Reason)
		b = strictjson.AppendTime(append(b, `,"at":`...), body.Erased.At)
		b = append(b, '}')
	case body.Missing:
		b = append(b, `","missing":true`...)
	default:
		b = append(b, `","kind":`...)
		b = strictjson.AppendString(b, string(body.Kind))
		b = append(b, `,"body":`...)
		b = appendDocument(b, body.Raw)
	}
	return append(b, "}\n"...)
}

// appendDocument writes a JSON document as a JSON string. The document is UTF-8, since it was parsed before it was kept.
func appendDocument[T string | []byte](b []byte, document T) []byte {
	const digits = "0123456789abcdef"
	b = append(b, '"')
	from := 0
	for i := 0; i < len(document); i++ {
		c := document[i]
		if c >= ' ' && c != '"' && c != '\\' {
			continue
		}
		b = append(b, document[from:i]...)
		from = i + 1
		switch c {
		case '\n':
			b = append(b, `\n`...)
		case '"', '\\':
			b = append(b, '\\', c)
		default:
			b = append(b, '\\', 'u', '0', '0', digits[c>>4], digits[c&15])
		}
	}
	return append(append(b, document[from:]...), '"')
}
