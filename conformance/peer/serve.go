package peer

import (
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/tlog"

	"mirnode/conformance/logread"
)

const (
	maxAsked    = 1000    // records in one request
	maxRequest  = 1 << 20 // bytes of a request
	perAnswer   = 4096    // entries in one answer
	maxCounted  = 64      // paths whose requests are counted
	wellKnown   = "/.well-known/mir-node.json"
	fetchPath   = "/records/fetch"
	entriesPath = "/log/entries"
)

// ServeHTTP implements http.Handler: what a node serves to its peers, and the lie in its place.
func (p *Peer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	shown, told, descriptor := p.shownTo(r)
	if told != nil && told.serve != nil && told.serve(w, r) {
		return
	}
	if told != nil && told.log != nil {
		shown = told.log
	}
	switch r.URL.Path {
	case wellKnown:
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(descriptor)
	case "/log/heads":
		p.serveHeads(w, shown)
	case "/log/forks":
		_, _ = io.WriteString(w, `{"forks":[]}`)
	case "/peers/descriptors":
		_, _ = io.WriteString(w, `{"descriptors":[]}`)
	case "/log/checkpoint":
		_, _ = w.Write(shown.note)
	case entriesPath:
		start, _ := strconv.ParseInt(r.URL.Query().Get("start"), 10, 64)
		end, _ := strconv.ParseInt(r.URL.Query().Get("end"), 10, 64)
		start = min(max(0, start), int64(len(shown.lines))) // before anything is added to it
		for _, line := range shown.entries(start, min(end, start+perAnswer)) {
			_, _ = w.Write(append(line[:len(line):len(line)], '\n')) // several may be reading it
		}
	case fetchPath:
		serveBodies(w, r, shown)
	case "/hint":
		w.WriteHeader(http.StatusAccepted)
	default:
		serveTile(w, r, shown)
	}
}

// shownTo is what a caller is shown, and counts the request.
func (p *Peer) shownTo(r *http.Request) (shown *log, told *lie, descriptor []byte) {
	caller, _, _ := net.SplitHostPort(r.RemoteAddr)
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, known := p.asked[r.URL.Path]; known || len(p.asked) < maxCounted {
		p.asked[r.URL.Path]++
	}
	shown = p.log
	if p.other != nil {
		if p.first == "" && strings.HasPrefix(r.URL.Path, "/log/") {
			p.first = caller
		}
		if p.first != caller {
			shown = p.other
		}
	}
	return shown, p.lie, p.descriptor
}

func (p *Peer) serveHeads(w http.ResponseWriter, shown *log) {
	root := shown.tree.Root()
	_ = json.NewEncoder(w).Encode(map[string]any{"next": strconv.FormatInt(shown.tree.Size(), 10), "heads": []any{map[string]any{
		"origin": p.Origin(), "size": shown.tree.Size(), "root": hex.EncodeToString(root[:]), "checkpoint": string(shown.note), "frozen": false,
	}}})
}

// serveTile answers for tiles of hashes; everything else is not there, as a node that mirrors nothing has it.
func serveTile(w http.ResponseWriter, r *http.Request, shown *log) {
	path, ok := strings.CutPrefix(r.URL.Path, "/log/tile/")
	if bundle, isBundle := strings.CutPrefix(path, "entries/"); isBundle {
		serveBundle(w, bundle, shown)
		return
	}
	tile, err := tlog.ParseTilePath("tile/8/" + path)
	if !ok || err != nil || tile.L < 0 || tile.H != logread.TileHeight {
		http.Error(w, "there is no such page", http.StatusNotFound)
		return
	}
	data, err := shown.tile(tile)
	if err != nil {
		http.Error(w, err.Error(), http.StatusNotFound)
		return
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	_, _ = w.Write(data) //nolint:gosec // hashes, labelled as no page
}

// serveBundle answers for entries in bundles (C2SP tlog-tiles).
func serveBundle(w http.ResponseWriter, path string, shown *log) {
	tile, err := tlog.ParseTilePath("tile/8/0/" + path)
	if err != nil || tile.N < 0 || tile.N > int64(len(shown.lines)) || tile.N*256+int64(tile.W) > int64(len(shown.lines)) {
		http.Error(w, errNoTile.Error(), http.StatusNotFound)
		return
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	for _, line := range shown.entries(tile.N*256, tile.N*256+int64(tile.W)) {
		_, _ = w.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(line))), line...))
	}
}

// serveBodies answers POST /records/fetch.
func serveBodies(w http.ResponseWriter, r *http.Request, shown *log) {
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	for _, hash := range askedFor(r) {
		line := map[string]any{"record": hex.EncodeToString(hash[:])}
		switch record, ok := shown.bodies[hash]; {
		case !ok || record.Body == nil:
			line["missing"] = true
		case record.BodyKind != "":
			line["kind"], line["body"] = record.BodyKind, string(record.Body)
		default:
			line["kind"], line["body"] = record.Kind, string(record.Body)
		}
		_ = encoder.Encode(line)
	}
}

func askedFor(r *http.Request) (hashes [][32]byte) {
	var request struct {
		Records []string `json:"records"`
	}
	_ = json.NewDecoder(io.LimitReader(r.Body, maxRequest)).Decode(&request)
	for _, text := range request.Records[:min(len(request.Records), maxAsked)] {
		raw, err := hex.DecodeString(text)
		if err == nil && len(raw) == 32 {
			hashes = append(hashes, [32]byte(raw))
		}
	}
	return hashes
}
