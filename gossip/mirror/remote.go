package mirror

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"golang.org/x/mod/sumdb/note"

	"mirnode/gossip/peers"
	"mirnode/protocol"
	"mirnode/translog"
)

// remoteLog is an origin's log as one peer serves it: its own, or its mirror of another's.
type remoteLog struct {
	m      *Mirror
	peer   peers.Peer
	origin protocol.Origin
	prefix string // of its paths: "/log" or "/mirror/{hex}"
	key    note.Verifier
}

func (m *Mirror) remote(p peers.Peer, origin protocol.Origin, key note.Verifier) *remoteLog {
	prefix := "/log"
	if p.Origin != origin {
		prefix = hashPath(origin)
	}
	return &remoteLog{m: m, peer: p, origin: origin, prefix: prefix, key: key}
}

// get asks the peer, within CallTimeout.
func (m *Mirror) get(ctx context.Context, p peers.Peer, path string, limit int64) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, m.limits.CallTimeout)
	defer cancel()
	data, err := m.client.Get(ctx, p, path, limit)
	m.stats.received.Add(uint64(len(data)))
	return data, m.endless(p, path, err)
}

func (m *Mirror) post(ctx context.Context, p peers.Peer, path, contentType string, body []byte, limit int64) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, m.limits.CallTimeout)
	defer cancel()
	data, err := m.client.Post(ctx, p, path, contentType, body, limit)
	m.stats.received.Add(uint64(len(data)))
	m.stats.sent.Add(uint64(len(body)))
	return data, m.endless(p, path, err)
}

// endless makes an answer that is larger than any honest one a lie, and leaves other errors as they are.
func (m *Mirror) endless(p peers.Peer, path string, err error) error {
	if large, ok := errors.AsType[*peers.TooLargeError](err); ok {
		return m.lied(p.Domain, "its answer to %s has more than %d bytes", path, large.Limit)
	}
	return err
}

// checkpoint reads the log's head, and checks that the origin signed it. A peer that does not mirror the origin is behind.
func (r *remoteLog) checkpoint(ctx context.Context) (translog.Checkpoint, error) {
	data, err := r.m.get(ctx, r.peer, r.prefix+"/checkpoint", translog.MaxCheckpointBytes)
	if status, ok := errors.AsType[*peers.StatusError](err); ok && status.Code == 404 {
		return translog.Checkpoint{}, ErrBehind
	}
	if err != nil {
		return translog.Checkpoint{}, fmt.Errorf("reading the checkpoint of %s at %s: %w", r.origin, r.peer.Domain, err)
	}
	c, err := translog.ParseCheckpoint(data, r.key)
	if err != nil {
		return translog.Checkpoint{}, lie(r.peer.Domain, "its checkpoint of %s: %v", r.origin, err)
	}
	return c, nil
}

// entries reads entries from start on, up to end: at least one, or ErrBehind. Fewer than asked for is no fault.
func (r *remoteLog) entries(ctx context.Context, start, end uint64) ([]protocol.Entry, error) {
	end = min(end, start+rangeEntries)
	data, err := r.m.get(ctx, r.peer, fmt.Sprintf("%s/entries?start=%d&end=%d", r.prefix, start, end), maxRangeBytes)
	if err != nil {
		return nil, fmt.Errorf("reading entries of %s at %s: %w", r.origin, r.peer.Domain, err)
	}
	if len(data) == 0 {
		return nil, ErrBehind
	}
	r.m.stats.entryBytes.Add(uint64(len(data)))
	entries := make([]protocol.Entry, 0, min(end-start, uint64(len(data)/100)+1))
	for len(data) > 0 {
		line, rest, whole := bytes.Cut(data, []byte{'\n'})
		data = rest
		if uint64(len(entries)) == end-start {
			return nil, lie(r.peer.Domain, "it answered more entries of %s than the %d asked for", r.origin, end-start)
		}
		entry, err := protocol.ParseEntry(line)
		if err != nil || !whole {
			return nil, lie(r.peer.Domain, "entry %d of %s is malformed: %v", start+uint64(len(entries)), r.origin, err)
		}
		entries = append(entries, entry)
	}
	return entries, nil
}

// ReadTile is a translog.TileReader's method. What it answers is not trusted.
func (r *remoteLog) ReadTile(ctx context.Context, t translog.Tile) ([]byte, error) {
	want := t.Width * translog.HashSize
	data, err := r.m.get(ctx, r.peer, r.prefix+"/"+t.Path(), translog.TileWidth*translog.HashSize)
	if err != nil {
		return nil, err
	}
	if len(data) < want {
		return nil, lie(r.peer.Domain, "%s of %s has %d bytes", t.Path(), r.origin, len(data))
	}
	return data[:want], nil
}

// tileCache keeps the tiles of one pull, which asks for the same few again and again. Used by one goroutine.
type tileCache struct {
	from  translog.TileReader
	tiles map[translog.Tile][]byte
}

// maxCachedTiles bounds a tileCache: 64 tiles of 8 KiB.
const maxCachedTiles = 64

func cacheTiles(from translog.TileReader) *tileCache {
	return &tileCache{from: from, tiles: make(map[translog.Tile][]byte)}
}

// ReadTile is a translog.TileReader's method.
func (c *tileCache) ReadTile(ctx context.Context, t translog.Tile) ([]byte, error) {
	if data, ok := c.tiles[t]; ok {
		return data, nil
	}
	data, err := c.from.ReadTile(ctx, t)
	if err != nil {
		return nil, err
	}
	if len(c.tiles) >= maxCachedTiles {
		clear(c.tiles)
	}
	c.tiles[t] = data
	return data, nil
}
