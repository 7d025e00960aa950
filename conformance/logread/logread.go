// Package logread reads a transparency log over HTTP and believes nothing of it: neither the node that serves it, nor the node's own idea of what
// a tree is. It is written after the public documents alone (C2SP tlog-tiles, tlog-checkpoint, tlog-proof, signed-note; RFC 6962) with the
// libraries of Go's checksum database, and shares no code with the node.
//
// # What a log serves
//
// Below one URL, a node's /log or a mirror's /mirror/{hex SHA-256 of the origin}:
//
//	checkpoint            origin, size, root in base64, each a line; an empty line; signatures
//	tile/L/N[.p/W]        256 hashes (W in the last tile of a level) of level 8·L, 32 bytes each
//	tile/entries/N[.p/W]  256 (or W) entries, each behind its length in two bytes, the higher one first
//	entries?start=&end=   the entries, one a line (this project's own; no part of C2SP)
//
// # API
//
// Open gives a Log. Log.Checkpoint reads the signed head. Log.Entries and Log.Bundle read entries, RootOf makes their root, Log.TreeRoot that of the
// tiles. Log.CheckIncluded and Log.CheckConsistent prove with tiles alone. Log.CheckAll does all of it. ParseReceipt and ParseFork read proofs that
// stand alone. Every error of a kind ErrMalformed, ErrSignature, ErrProof or ErrStatus is the log's fault; others say that it was not reached.
package logread

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// Bounds against a log that is hostile or broken.
const (
	maxCheckpointBytes = 64 << 10 // a checkpoint: three lines, and signatures of hundreds of witnesses
	maxEntriesBytes    = 4 << 20  // one answer of /entries, or of a bundle: 4,096 lines of less than 1 KiB
	maxJSONBytes       = 8 << 20  // heads and forks
	maxEntryBytes      = 1 << 10  // one entry: one line of JSON with a time, a kind and a hash
	maxSize            = 1 << 40  // entries of a log that are believed before anything is computed from the number
	maxProofHashes     = 64       // of an inclusion or consistency proof: twice the height of a tree of 2^32
	maxReceiptBytes    = 64 << 10
	maxForks           = 1000 // of one answer

	// MaxRead is the most entries that are read of one log by CheckAll, and by Entries at once. A larger log is refused, since its root could not
	// be computed from all of its entries within a case's time.
	MaxRead = 200_000

	// TileHeight is the height of a tile: 256 hashes are a full one (C2SP tlog-tiles).
	TileHeight = 8
	tileWidth  = 1 << TileHeight
)

// What a log can do wrong.
var (
	// ErrMalformed says that a document is not in its form.
	ErrMalformed = errors.New("malformed")
	// ErrSignature says that a signature is missing or wrong.
	ErrSignature = errors.New("not signed by the log's key")
	// ErrProof says that documents contradict each other: a root and its entries, tiles, or another root.
	ErrProof = errors.New("proof does not hold")
	// ErrStatus says that the log answered with another status than 200. errors.As with *StatusError tells which.
	ErrStatus = errors.New("unexpected status")
)

// StatusError is an answer with another status than 200.
type StatusError struct {
	URL    string
	Status int
}

// Error implements error.
func (e *StatusError) Error() string { return fmt.Sprintf("%s answers %d", e.URL, e.Status) }

// Is makes it an ErrStatus.
func (e *StatusError) Is(target error) bool { return target == ErrStatus }

// Doer sends requests: *http.Client, or the suite's recorder of exchanges. It must bound the time of an exchange.
type Doer interface {
	Do(*http.Request) (*http.Response, error)
}

// Options say which log is read.
type Options struct {
	URL    string // of the log: https://node.example/log, or https://node.example/mirror/{hash}; no slash behind it
	Key    Key    // the log's own: its name is the origin
	Client Doer   // nil: http.DefaultClient
}

// Log is a log that is read. It may be used from several goroutines.
type Log struct {
	url      string
	key      Key
	verifier note.Verifier
	client   Doer
}

// Open makes the reader; it asks nothing yet.
func Open(o Options) (*Log, error) {
	verifier, err := o.Key.verifier()
	if err != nil {
		return nil, err
	}
	if o.Client == nil {
		o.Client = http.DefaultClient
	}
	return &Log{url: strings.TrimSuffix(o.URL, "/"), key: o.Key, verifier: verifier, client: o.Client}, nil
}

// Key returns the key by which the log is judged.
func (l *Log) Key() Key { return l.key }

// get reads what stands at a path below the log. An answer of another status than 200, or of more than most bytes, is an error.
func (l *Log) get(ctx context.Context, path string, most int64) ([]byte, error) {
	return fetch(ctx, l.client, l.url+"/"+path, most)
}

func fetch(ctx context.Context, client Doer, url string, most int64) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	response, err := client.Do(request)
	if err != nil {
		return nil, err
	}
	defer func() { _ = response.Body.Close() }() // it was read as far as it is wanted
	if response.StatusCode != http.StatusOK {
		_, _ = io.Copy(io.Discard, io.LimitReader(response.Body, most)) // so that the connection can be used again
		return nil, &StatusError{URL: url, Status: response.StatusCode}
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, most+1))
	if err != nil {
		return nil, err
	}
	if int64(len(body)) > most {
		return nil, fmt.Errorf("%w: %s has more than %d bytes", ErrMalformed, url, most)
	}
	return body, nil
}

// Hash is a node of the tree: SHA-256 as RFC 6962, 2.1 has it.
type Hash = tlog.Hash
