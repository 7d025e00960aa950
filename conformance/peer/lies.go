package peer

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"mirnode/conformance/logread"
	"mirnode/conformance/vectors"
)

const (
	// endless is how much a peer sends of an answer that does not end, in bytes, so that a node which reads all of it costs the suite no more: far
	// more than any page that a node should read.
	endless = 64 << 20
	// dripEvery is the pause between two bytes of a slow answer.
	dripEvery = 500 * time.Millisecond
	// dripFor bounds a slow answer: longer than a case waits.
	dripFor = 2 * time.Minute
)

// lie is what a peer says in the place of the truth.
type lie struct {
	log   *log                                              // shown in the place of the peer's; nil: the peer's own
	size  int64                                             // said in hints; 0: the log's
	serve func(w http.ResponseWriter, r *http.Request) bool // answers in the place of the honest answer, or says false; nil: never
}

// lies are the lies that can be told, by name. Each is made out of the peer as it is; the peer's mu is held.
var lies = map[string]func(p *Peer) (*lie, error){ // never changed
	"altered-entry":    alteredEntry,
	"altered-tile":     alteredTile,
	"wrong-root":       wrongRoot,
	"wrong-signer":     wrongSigner,
	"wrong-origin":     wrongOrigin,
	"unsigned":         unsigned,
	"other-size":       otherSize,
	"withheld-bodies":  serving(fetchPath, missing),
	"withheld-entries": serving(entriesPath, http.NotFound),
	"endless":          serving("", forever("x\n")),
	"endless-line":     serving(entriesPath, forever("{")),
	"endless-entries":  endlessEntries,
	"endless-records":  serving(fetchPath, forever("{")),
	"compressed":       serving("", compressed),
	"redirect":         serving("", redirected),
	"garbage":          serving("", garbage),
	"slow":             serving("", slow),
	"server-error":     serving("", broken),
}

// Lies are the names of what a peer can lie about, in the order of the alphabet:
// entries, tiles or heads that do not belong together; heads of another signer or log; answers that never end, lead elsewhere or are none.
func Lies() []string { return slices.Sorted(maps.Keys(lies)) }

// changed is the peer's log with a change that its head does not know of.
func (p *Peer) changed(change func(l *log)) *lie {
	l := &log{lines: slices.Clone(p.log.lines), bodies: maps.Clone(p.log.bodies), tree: p.log.tree, note: p.log.note}
	change(l)
	return &lie{log: l}
}

// alteredEntry: the first entry says that it was taken in a second earlier than what the head commits to.
func alteredEntry(p *Peer) (*lie, error) {
	if len(p.log.lines) == 0 {
		return nil, fmt.Errorf("the log has no entry to alter")
	}
	e, err := logread.ParseEntry(p.log.lines[0])
	if err != nil {
		return nil, err
	}
	return p.changed(func(l *log) { l.lines[0] = line(e.IngestedAt.Add(-time.Second), e.Kind, e.Record) }), nil
}

// alteredTile: the tiles are of other entries than the head.
func alteredTile(p *Peer) (*lie, error) {
	return p.changed(func(l *log) {
		l.tree = &logread.LeafTree{}
		for range l.lines {
			l.tree.Add([]byte("another leaf"))
		}
	}), nil
}

func (p *Peer) headOf(key string, origin string, size int64, root logread.Hash) (*lie, error) {
	signer := p.key
	if key != "" {
		signer = vectors.Key("1", key+" "+p.domain)
	}
	note, err := head(origin, signer, size, root)
	if err != nil {
		return nil, err
	}
	told := p.changed(func(l *log) { l.note = note })
	told.size = size
	return told, nil
}

// wrongRoot: the head is signed, and its root is of no entries.
func wrongRoot(p *Peer) (*lie, error) {
	return p.headOf("", p.Origin(), p.log.tree.Size(), sha256.Sum256([]byte("no tree's root")))
}

// wrongSigner: the head is right, and signed by somebody else under the log's name.
func wrongSigner(p *Peer) (*lie, error) {
	return p.headOf("stranger", p.Origin(), p.log.tree.Size(), p.log.tree.Root())
}

// wrongOrigin: the head is right, and signed by the right key as the head of a log of another name.
func wrongOrigin(p *Peer) (*lie, error) {
	return p.headOf("", "other."+p.Origin(), p.log.tree.Size(), p.log.tree.Root())
}

// otherSize: the head is signed and has the right root, of a size that is one less than that tree's.
func otherSize(p *Peer) (*lie, error) {
	if p.log.tree.Size() < 2 {
		return nil, fmt.Errorf("the log has no two entries")
	}
	return p.headOf("", p.Origin(), p.log.tree.Size()-1, p.log.tree.Root())
}

// unsigned: the signature's bytes are zero.
func unsigned(p *Peer) (*lie, error) {
	return p.changed(func(l *log) {
		text, signature, _ := bytes.Cut(l.note, []byte("\n\n"))
		words := strings.Fields(string(signature))
		raw, _ := base64.StdEncoding.DecodeString(words[2]) // it is our own: dash, name, key hash and signature
		clear(raw[4:])
		l.note = fmt.Appendf(nil, "%s\n\n%s %s %s\n", text, words[0], words[1], base64.StdEncoding.EncodeToString(raw))
	}), nil
}

// endlessEntries: the answer goes on after the entries that the head commits to.
func endlessEntries(p *Peer) (*lie, error) {
	more := forever(string(line(p.now(), "claim", [32]byte{1})) + "\n")
	return &lie{serve: at(entriesPath, more)}, nil
}

// serving answers a path, or all but the descriptor, with a lie.
func serving(path string, answer http.HandlerFunc) func(*Peer) (*lie, error) {
	return func(*Peer) (*lie, error) { return &lie{serve: at(path, answer)}, nil }
}

func at(path string, answer http.HandlerFunc) func(http.ResponseWriter, *http.Request) bool {
	return func(w http.ResponseWriter, r *http.Request) bool {
		lied := path == r.URL.Path || path == "" && !strings.HasPrefix(r.URL.Path, "/.well-known/") && r.URL.Path != "/hint"
		if lied {
			answer(w, r)
		}
		return lied
	}
}

// forever sends the text again and again, until the caller has enough or endless is reached.
func forever(text string) http.HandlerFunc {
	block := []byte(strings.Repeat(text, 1+(32<<10)/len(text)))
	return func(w http.ResponseWriter, r *http.Request) {
		for sent := 0; sent < endless && r.Context().Err() == nil; sent += len(block) {
			if _, err := w.Write(block); err != nil {
				return
			}
		}
	}
}

func missing(w http.ResponseWriter, r *http.Request) {
	for _, hash := range askedFor(r) {
		_, _ = fmt.Fprintf(w, `{"record":"%x","missing":true}`+"\n", hash)
	}
}

// compressed sends a megabyte of zeros as a page that nobody asked to be compressed.
func compressed(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Encoding", "gzip")
	packed := gzip.NewWriter(w)
	defer func() { _ = packed.Close() }() // whoever listens may have gone
	_, _ = packed.Write(make([]byte, 1<<20))
}

func redirected(w http.ResponseWriter, r *http.Request) {
	http.Redirect(w, r, "https://10.1.2.3"+r.URL.Path, http.StatusFound) //nolint:gosec // it is the lie
}

func garbage(w http.ResponseWriter, r *http.Request) {
	block := sha256.Sum256([]byte(r.URL.Path))
	for range 128 {
		_, _ = w.Write(block[:]) //nolint:gosec // it is the lie
		block = sha256.Sum256(block[:])
	}
}

func broken(w http.ResponseWriter, _ *http.Request) {
	http.Error(w, "out of order", http.StatusInternalServerError)
}

// slow sends a byte at a time.
func slow(w http.ResponseWriter, r *http.Request) {
	controller := http.NewResponseController(w)
	tick := time.NewTicker(dripEvery)
	defer tick.Stop()
	for range dripFor / dripEvery {
		_, err := w.Write([]byte(" "))
		if err != nil || controller.Flush() != nil {
			return
		}
		select {
		case <-tick.C:
		case <-r.Context().Done():
			return
		}
	}
}
