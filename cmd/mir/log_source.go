package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	sumdb "golang.org/x/mod/sumdb/note"

	"mirnode/translog"
)

const (
	// logReaders is how many resources of a log are read at a time.
	logReaders = 8
	// maxLogWait bounds how long one resource waits for a busy node, in all.
	maxLogWait = 5 * time.Minute
)

// ownLog is where a node serves its own log.
const ownLog = "log"

// logSource reads a log over HTTP, as C2SP tlog-tiles serves it. It is a translog.LogSource.
type logSource struct {
	client *nodeClient
	prefix string
	origin string // which the log must be of; "" any
	signed []byte // the checkpoint that was read
}

func newLogSource(client *nodeClient, prefix, origin string) *logSource {
	if transport, ok := client.http.Transport.(*http.Transport); ok {
		transport.MaxIdleConnsPerHost = logReaders + 1 // else most connections are used once
	}
	return &logSource{client: client, prefix: prefix, origin: origin}
}

// head reads the checkpoint and checks it with the key of its log.
func (s *logSource) head(ctx context.Context, keys *logKeys) (logKey, sumdb.Verifier, translog.Checkpoint, error) {
	none := func(err error) (logKey, sumdb.Verifier, translog.Checkpoint, error) {
		return logKey{}, nil, translog.Checkpoint{}, err
	}
	signed, err := s.Checkpoint(ctx)
	if gone, ok := errors.AsType[*notThere](err); ok {
		if s.prefix == ownLog && s.client.hasNoDomain(ctx) {
			return none(&rejection{fault: "missing", message: "this node has no domain, so it keeps no log",
				hint: "`mir node --domain` gives it one; --" + flagMirror + " reads its mirror of another's log."})
		}
		return none(&rejection{fault: "missing", message: gone.Error(), hint: "Does it keep this log? A log has its epoch in its name, and a mirror the log's whole name."})
	} else if err != nil {
		return none(err)
	}
	origin, err := translog.NoteOrigin(signed)
	switch {
	case err != nil:
		return none(&rejection{fault: "checkpoint", message: err.Error()})
	case s.origin != "" && origin != s.origin:
		return none(&rejection{fault: "checkpoint", message: fmt.Sprintf("the node gives a checkpoint of %s", origin)})
	}
	return keys.of(ctx, origin, signed)
}

// Checkpoint reads the signed head, once.
func (s *logSource) Checkpoint(ctx context.Context) ([]byte, error) {
	if s.signed != nil {
		return s.signed, nil
	}
	var err error
	s.signed, err = s.read(ctx, "checkpoint", translog.MaxCheckpointBytes)
	return s.signed, err
}

// ReadTile reads a tile.
func (s *logSource) ReadTile(ctx context.Context, t translog.Tile) ([]byte, error) {
	data, whole, err := s.readEither(ctx, t, translog.Tile.Path, translog.TileWidth*translog.HashSize)
	if whole {
		data = data[:min(len(data), t.Width*translog.HashSize)]
	}
	return data, err
}

// ReadEntries reads a bundle of entries.
func (s *logSource) ReadEntries(ctx context.Context, t translog.Tile) ([]byte, error) {
	data, whole, err := s.readEither(ctx, t, translog.Tile.EntriesPath, translog.MaxBundleBytes)
	if whole {
		data = firstEntries(data, t.Width)
	}
	return data, err
}

// readEither reads a tile or a bundle; the full one where a partial one is gone because it has grown (C2SP tlog-tiles, "Partial Tiles").
func (s *logSource) readEither(ctx context.Context, t translog.Tile, path func(translog.Tile) string, most int) (data []byte, whole bool, err error) {
	data, err = s.read(ctx, path(t), most)
	if _, gone := errors.AsType[*notThere](err); !gone || t.Width == translog.TileWidth {
		return data, false, err
	}
	t.Width = translog.TileWidth
	if full, err := s.read(ctx, path(t), most); err == nil {
		return full, true, nil
	}
	return nil, false, err
}

// firstEntries cuts a bundle behind its first n entries. What is wrong with it, its reader says.
func firstEntries(bundle []byte, n int) []byte {
	end := 0
	for range n {
		if len(bundle)-end < 2 {
			return bundle
		}
		end = min(len(bundle), end+2+int(binary.BigEndian.Uint16(bundle[end:])))
	}
	return bundle[:end]
}

// hasNoDomain reports whether the node says so of itself (GET /node): such a one keeps no log.
func (c *nodeClient) hasNoDomain(ctx context.Context) bool {
	answer, err := c.ask(ctx, http.MethodGet, "/node", nil, "", nil)
	if err != nil || answer.err() != nil {
		return false
	}
	var node struct {
		Domain json.RawMessage `json:"domain"`
	}
	return json.Unmarshal(answer.body, &node) == nil && string(node.Domain) == "null"
}

// notThere says that the node does not have what the log's checkpoint says that it has.
type notThere struct{ path string }

func (e *notThere) Error() string { return "the node has no " + e.path }

// read gets one resource of at most most bytes. A node that is busy is asked again when it says so.
func (s *logSource) read(ctx context.Context, path string, most int) ([]byte, error) {
	return s.request(ctx, http.MethodGet, s.prefix+"/"+path, nil, most)
}

func (s *logSource) request(ctx context.Context, method, path string, body []byte, most int) ([]byte, error) {
	for waited := time.Duration(0); ; {
		data, answer, err := s.once(ctx, method, path, body, most)
		if err != nil {
			return nil, err
		}
		pause := min(max(answer.retryAfter, time.Second), maxRetryAfter)
		if !answer.busy() || waited+pause > maxLogWait {
			if answer.status == http.StatusNotFound {
				return nil, &notThere{path}
			}
			return data, answer.err()
		}
		waited += pause
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return nil, ctx.Err()
		}
	}
}

// once makes one request.
func (s *logSource) once(ctx context.Context, method, path string, body []byte, most int) ([]byte, *nodeAnswer, error) {
	request, err := http.NewRequestWithContext(ctx, method, s.client.base.JoinPath(path).String(), bytes.NewReader(body))
	if err != nil {
		return nil, nil, err
	}
	request.Header.Set("User-Agent", "mir")
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	response, err := s.client.http.Do(request)
	if err != nil {
		return nil, nil, s.broken(ctx, err)
	}
	defer response.Body.Close() //nolint:errcheck // it was only read
	data, err := io.ReadAll(io.LimitReader(response.Body, int64(most)+1))
	if err != nil {
		return nil, nil, s.broken(ctx, err)
	}
	if len(data) > most {
		return nil, nil, &rejection{fault: "size", message: fmt.Sprintf("the answer for %s is larger than %d bytes", path, most)}
	}
	answer := &nodeAnswer{status: response.StatusCode, body: data}
	if seconds, err := strconv.ParseUint(response.Header.Get("Retry-After"), 10, 31); err == nil {
		answer.retryAfter = time.Duration(seconds) * time.Second
	}
	return data, answer, nil
}

// broken tells an interrupt from a node that does not answer.
func (s *logSource) broken(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return s.client.unreachable(err)
}
