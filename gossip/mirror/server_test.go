package mirror_test

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"

	"mirnode/protocol"
	"mirnode/store"
	"mirnode/translog"
)

// serve answers like a node, and then lies about it.
func (n *node) serve(w http.ResponseWriter, r *http.Request) {
	n.mu.Lock()
	n.asked[r.URL.Path]++
	lie, stall, busy, absent, conflict := n.lie, n.stall, n.busy, n.absent, n.claims
	n.mu.Unlock()
	if stall != "" && strings.HasSuffix(r.URL.Path, stall) {
		io.Copy(io.Discard, r.Body)
		<-r.Context().Done()
		return
	}
	if busy != "" && strings.HasSuffix(r.URL.Path, busy) {
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	if absent != "" && strings.HasPrefix(r.URL.Path, absent) {
		http.NotFound(w, r)
		return
	}
	if conflict != "" && r.URL.Path == "/witness/add-checkpoint" {
		w.WriteHeader(http.StatusConflict)
		io.WriteString(w, conflict)
		return
	}
	answer := httptest.NewRecorder()
	n.honest(answer, r)
	body := answer.Body.Bytes()
	if lie != nil && answer.Code == http.StatusOK {
		body = lie(r.URL.Path, body)
	}
	w.WriteHeader(answer.Code)
	w.Write(body)
}

func (n *node) honest(w http.ResponseWriter, r *http.Request) {
	path := r.URL.Path
	switch path {
	case "/log/heads":
		n.serveHeads(w, r)
		return
	case "/log/forks":
		n.serveForks(w, r)
		return
	case "/records/fetch":
		n.serveBodies(w, r)
		return
	case "/witness/add-checkpoint":
		body, _ := io.ReadAll(r.Body)
		reply, status, _ := n.mirror.AddCheckpoint(r.Context(), body)
		w.WriteHeader(status)
		w.Write(reply)
		return
	}
	switch {
	case strings.HasPrefix(path, "/log/"):
		n.serveLog(w, r, n.shown(), strings.TrimPrefix(path, "/log/"))
	case strings.HasPrefix(path, "/mirror/"):
		name, rest, _ := strings.Cut(strings.TrimPrefix(path, "/mirror/"), "/")
		hash, _ := hex.DecodeString(name)
		if len(hash) != 32 {
			http.NotFound(w, r)
			return
		}
		head, ok := n.store.HeadByHash([32]byte(hash))
		if !ok || head.Checkpoint.Note == nil {
			http.NotFound(w, r)
			return
		}
		n.serveLog(w, r, head, rest)
	default:
		http.NotFound(w, r)
	}
}

func (n *node) serveLog(w http.ResponseWriter, r *http.Request, head store.Head, path string) {
	switch path {
	case "checkpoint":
		w.Write(head.Checkpoint.Note)
	case "entries":
		var from, to uint64
		fmt.Sscan(r.URL.Query().Get("start"), &from)
		fmt.Sscan(r.URL.Query().Get("end"), &to)
		page := uint64(4_096)
		if n.page > 0 {
			page = uint64(n.page)
		}
		entries, err := n.entriesShown(r.Context(), head.Origin, from, min(to, head.Size, from+page))
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
		}
		for _, e := range entries {
			w.Write(append(e.Canonical(), '\n'))
		}
	default:
		tile, _, err := translog.ParseTilePath(path)
		if err != nil {
			http.NotFound(w, r)
			return
		}
		data, err := n.store.Tiles(head.Origin).ReadTile(r.Context(), tile)
		if err != nil {
			http.Error(w, err.Error(), http.StatusNotFound)
			return
		}
		w.Write(data)
	}
}

func (n *node) serveHeads(w http.ResponseWriter, r *http.Request) {
	var since uint64
	fmt.Sscan(r.URL.Query().Get("since"), &since)
	heads, next := n.store.Heads(since, 256)
	list := []map[string]any{}
	for _, h := range heads {
		list = append(list, map[string]any{"origin": h.Origin, "size": h.Checkpoint.Size, "checkpoint": string(h.Checkpoint.Note), "frozen": h.Frozen})
	}
	json.NewEncoder(w).Encode(map[string]any{"heads": list, "next": fmt.Sprint(next)})
}

func (n *node) serveForks(w http.ResponseWriter, r *http.Request) {
	forks, err := n.store.Forks(r.Context())
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	list := []map[string]any{}
	for _, f := range forks {
		list = append(list, map[string]any{"origin": f.Proof.Origin, "proof": f.Proof})
	}
	json.NewEncoder(w).Encode(map[string]any{"forks": list})
}

func (n *node) serveBodies(w http.ResponseWriter, r *http.Request) {
	var request struct{ Records []string }
	json.NewDecoder(r.Body).Decode(&request)
	n.mu.Lock()
	n.records += len(request.Records)
	made := n.made
	n.mu.Unlock()
	hashes := make([][32]byte, len(request.Records))
	for i, text := range request.Records {
		hex.Decode(hashes[i][:], []byte(text))
	}
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	n.store.Bodies(r.Context(), hashes, func(i int, b store.Body) bool {
		line := map[string]any{"record": request.Records[i]}
		if made != nil && b.Missing {
			b = made.body(n, hashes[i])
		}
		switch {
		case b.Erased != nil:
			line["erased"] = map[string]any{"reason": b.Erased.Reason, "at": b.Erased.At}
		case b.Missing:
			line["missing"] = true
		default:
			line["kind"], line["body"] = b.Kind, string(b.Raw)
		}
		encoder.Encode(line)
		return true
	})
}

// shown is the head of the log that the node shows as its own.
func (n *node) shown() store.Head {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.made != nil {
		return n.made.head(n)
	}
	return n.head(n.origin)
}

// entriesShown reads a log as the node shows it.
func (n *node) entriesShown(ctx context.Context, origin string, from, to uint64) ([]protocol.Entry, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.made != nil && origin == n.origin.String() {
		return slices.Clone(n.made.entries[from:to]), nil
	}
	return n.store.Entries(ctx, origin, from, to)
}

// body is one of a made-up log.
func (l *made) body(n *node, hash [32]byte) store.Body {
	n.mu.Lock()
	defer n.mu.Unlock()
	b, here := l.bodies[hash]
	b.Missing = !here || n.withholds[hash]
	return b
}

// withhold has the node say that the bodies of records in its made-up log are missing, and only these.
func (n *node) withhold(list ...protocol.Record) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.withholds = make(map[[32]byte]bool)
	for _, r := range list {
		n.withholds[r.RecordHash()] = true
	}
}

// isBusy has the node answer a path with 503 from now on; "" for none.
func (n *node) isBusy(path string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.busy = path
}

// away has the node not find paths that begin so.
func (n *node) away(prefix string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.absent = prefix
}

// conflicts has the node say that it cosigned that size already, whatever it is asked to cosign.
func (n *node) conflicts(size string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.claims = size
}

// shows has the node show a log of exactly these entries in the place of its own.
func (n *node) shows(entries ...protocol.Entry) {
	n.t.Helper()
	signer, err := translog.NewSigner(n.origin.String(), n.key)
	if err != nil {
		n.t.Fatal(err)
	}
	var lines []byte
	leaves := make([]translog.Hash, len(entries))
	for i, e := range entries {
		lines = append(append(lines, e.Canonical()...), '\n')
		leaves[i] = translog.LeafHash(e.Canonical())
	}
	c, err := translog.SignCheckpoint(signer, uint64(len(entries)), translog.Grow(translog.Frontier{}, translog.Tails{}, leaves).Root())
	if err != nil {
		n.t.Fatal(err)
	}
	n.lies(func(path string, honest []byte) []byte {
		switch path {
		case "/log/checkpoint":
			return c.Note
		case "/log/entries":
			return lines
		}
		return honest
	})
}

// missing makes an answer of bodies say that one is missing.
func missing(honest []byte, c *protocol.Claim) []byte {
	hash := c.RecordHash()
	name := hex.EncodeToString(hash[:])
	lines := strings.SplitAfter(string(honest), "\n")
	for i, line := range lines {
		if strings.Contains(line, `"record":"`+name) {
			lines[i] = `{"record":"` + name + `","missing":true}` + "\n"
		}
	}
	return []byte(strings.Join(lines, ""))
}
