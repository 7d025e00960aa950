package api_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/transparency-dev/merkle/rfc6962"
	tessera "github.com/transparency-dev/tessera/api"
	"github.com/transparency-dev/tessera/client"
	"github.com/transparency-dev/tessera/fsck"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"mirnode/protocol"
	"mirnode/store"
	"mirnode/translog"
)

// peerLog is the log of another node, which the fixture's store mirrors.
type peerLog struct {
	origin  protocol.Origin
	signer  *signer
	entries []protocol.Entry
	bodies  []protocol.Record
	tree    translog.Frontier
}

func newPeerLog(domain string) *peerLog {
	return &peerLog{origin: protocol.Origin{Domain: domain, Network: protocol.Development, Epoch: 1}, signer: newSigner(domain)}
}

func (l *peerLog) add(r protocol.Record) {
	entry := protocol.NewEntry(r, start)
	l.entries, l.bodies = append(l.entries, entry), append(l.bodies, r)
	l.tree.Append(translog.LeafHash(entry.Canonical()))
}

func (l *peerLog) checkpoint(t testing.TB) translog.Checkpoint {
	t.Helper()
	s, err := translog.NewSigner(l.origin.String(), l.signer.key)
	if err != nil {
		t.Fatal(err)
	}
	checkpoint, err := translog.SignCheckpoint(s, l.tree.Size(), l.tree.Root())
	if err != nil {
		t.Fatal(err)
	}
	return checkpoint
}

// mirror brings the fixture's mirror of the log up, with all bodies.
func (f *fixture) mirror(t testing.TB, l *peerLog) {
	t.Helper()
	if err := f.store.OpenMirror(t.Context(), l.origin); err != nil {
		t.Fatal(err)
	}
	name, checkpoint := l.origin.String(), l.checkpoint(t)
	head, _ := f.store.Head(name)
	if err := f.store.AppendEntries(t.Context(), name, head.Size, l.entries[head.Size:], l.tree.Root(), &checkpoint); err != nil {
		t.Fatal(err)
	}
	var outcomes []store.Outcome
	for i := head.Settled; i < uint64(len(l.bodies)); i++ {
		outcomes = append(outcomes, store.Outcome{Index: i, State: store.Held, Record: l.bodies[i], Provenance: store.Provenance{Channels: []protocol.Channel{protocol.DNS}, Form: "text"}})
	}
	if err := f.store.Settle(t.Context(), name, head.Settled, outcomes); err != nil {
		t.Fatal(err)
	}
}

// submitted submits so many claims, and gives them.
func (f *fixture) submitted(t testing.TB, n int) []*protocol.Claim {
	t.Helper()
	claims := make([]*protocol.Claim, n)
	toAppend := make([]store.ClaimToAppend, n)
	for i := range claims {
		claims[i] = f.shop.claim(t)
		toAppend[i] = store.ClaimToAppend{Claim: claims[i]}
	}
	for len(toAppend) > 0 {
		part := toAppend[:min(len(toAppend), 1000)]
		if _, err := f.store.AppendClaims(t.Context(), part); err != nil {
			t.Fatal(err)
		}
		toAppend = toAppend[len(part):]
	}
	return claims
}

func originPath(o protocol.Origin) string {
	hash := o.Hash()
	return "/mirror/" + hex.EncodeToString(hash[:])
}

func verifierOf(t testing.TB, o protocol.Origin, key ed25519.PrivateKey) note.Verifier {
	t.Helper()
	v, err := translog.NewVerifier(o.String(), key.Public().(ed25519.PublicKey))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// Programs that are not ours read and check the own log and a mirror over HTTP: tessera's client and its fsck, and the tile reader of x/mod.
func TestOthersReadTheLogs(t *testing.T) {
	f := newFixture(t, unlimited)
	f.submitted(t, 700)
	peer := newPeerLog("peer.example")
	for range 300 {
		peer.add(f.shop.claim(t))
	}
	f.mirror(t, peer)
	server := httptest.NewServer(f.api.Handler())
	defer server.Close()
	for _, log := range []struct {
		name, prefix string
		origin       protocol.Origin
		key          ed25519.PrivateKey
		size         uint64
	}{
		{"own", "/log/", nodeOrigin, nodeKey, 700},
		{"mirror", originPath(peer.origin) + "/", peer.origin, peer.signer.key, 300},
	} {
		t.Run(log.name, func(t *testing.T) {
			prefix, err := url.Parse(server.URL + log.prefix)
			if err != nil {
				t.Fatal(err)
			}
			fetcher, err := client.NewHTTPFetcher(prefix, nil)
			if err != nil {
				t.Fatal(err)
			}
			v := verifierOf(t, log.origin, log.key)
			if err := fsck.New(log.origin.String(), v, fetcher, leafHashes, fsck.Opts{N: 2}).Check(t.Context()); err != nil {
				t.Fatalf("fsck: %v", err)
			}
			tracker, err := client.NewLogStateTracker(t.Context(), fetcher.ReadTile, nil, v, log.origin.String(), client.UnilateralConsensus(fetcher.ReadCheckpoint))
			if err != nil || tracker.Latest().Size != log.size {
				t.Fatalf("%v", err)
			}
			tree := tlog.Tree{N: int64(log.size), Hash: tlog.Hash(tracker.Latest().Hash)}
			reader := tlog.TileHashReader(tree, &httpTiles{t: t, prefix: server.URL + log.prefix})
			proof, err := tlog.ProveRecord(tree.N, 7, reader)
			if err != nil {
				t.Fatalf("x/mod: %v", err)
			}
			bundle, err := client.GetEntryBundle(t.Context(), fetcher.ReadEntryBundle, 0, log.size)
			if err != nil {
				t.Fatal(err)
			}
			if err := tlog.CheckRecord(proof, tree.N, tree.Hash, 7, tlog.RecordHash(bundle.Entries[7])); err != nil {
				t.Errorf("x/mod: %v", err)
			}
			lines := strings.SplitAfter(f.get(t, log.prefix+"entries?start=7&end=8").Body.String(), "\n")
			if len(lines) != 2 || lines[0] != string(bundle.Entries[7])+"\n" {
				t.Errorf("the entries are %q, those of the bundle %q", lines, bundle.Entries[7])
			}
		})
	}
}

// leafHashes are a bundle's leaves as tessera makes them.
func leafHashes(data []byte) ([][]byte, error) {
	var bundle tessera.EntryBundle
	if err := bundle.UnmarshalText(data); err != nil {
		return nil, err
	}
	leaves := make([][]byte, len(bundle.Entries))
	for i, e := range bundle.Entries {
		leaves[i] = rfc6962.DefaultHasher.HashLeaf(e)
	}
	return leaves, nil
}

// httpTiles is a tlog.TileReader over HTTP.
type httpTiles struct {
	t      *testing.T
	prefix string
}

func (h *httpTiles) Height() int { return translog.TileHeight }

func (h *httpTiles) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	var list [][]byte
	for _, tile := range tiles {
		path := translog.Tile{Level: tile.L, Index: uint64(tile.N), Width: tile.W}.Path()
		status, body := fetch(h.t.Context(), h.prefix+path)
		if status != http.StatusOK {
			return nil, fmt.Errorf("%s: %d", path, status)
		}
		list = append(list, body)
	}
	return list, nil
}

func (h *httpTiles) SaveTiles([]tlog.Tile, [][]byte) {}

func fetch(ctx context.Context, target string) (int, []byte) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, target, nil)
	if err != nil {
		return 0, nil
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, nil
	}
	defer func() { _ = answer.Body.Close() }()
	var body bytes.Buffer
	_, _ = body.ReadFrom(answer.Body)
	return answer.StatusCode, body.Bytes()
}

func TestTilesAndCheckpoints(t *testing.T) {
	f := newFixture(t, unlimited)
	f.submitted(t, 257)
	empty := newPeerLog("empty.example")
	if err := f.store.OpenMirror(t.Context(), empty.origin); err != nil {
		t.Fatal(err)
	}
	unknown := "/mirror/" + strings.Repeat("0", 64)
	for _, test := range []struct {
		target  string
		status  int
		kind    string
		caching string
		bytes   int
	}{
		{"/log/checkpoint", 200, "text/plain; charset=utf-8", "public, no-cache", 0},
		{"/log/checkpoint?cosigned=true", 404, "", "", 0},
		{"/log/checkpoint?cosigned=1", 400, "", "", 0},
		{"/log/tile/0/000", 200, "application/octet-stream", "public, max-age=31536000, immutable", 256 * 32},
		{"/log/tile/0/000.p/255", 200, "application/octet-stream", "public, max-age=86400, immutable", 255 * 32},
		{"/log/tile/0/001.p/1", 200, "application/octet-stream", "public, max-age=86400, immutable", 32},
		{"/log/tile/1/000.p/1", 200, "application/octet-stream", "public, max-age=86400, immutable", 32},
		{"/log/tile/entries/000", 200, "application/octet-stream", "public, max-age=31536000, immutable", 0},
		{"/log/tile/entries/001.p/1", 200, "application/octet-stream", "public, max-age=86400, immutable", 0},
		{"/log/tile/0/001", 404, "", "", 0},
		{"/log/tile/0/001.p/2", 404, "", "", 0},
		{"/log/tile/1/000", 404, "", "", 0},
		{"/log/tile/5/000", 404, "", "", 0},
		{"/log/tile/entries/001.p/2", 404, "", "", 0},
		{"/log/tile/0/x999/x999/999", 404, "", "", 0},
		{"/log/tile/0/0", 400, "", "", 0},
		{"/log/tile/0/001.p/256", 400, "", "", 0},
		{"/log/tile/0/../0/000", 400, "", "", 0},
		{"/log/tile/64/000", 400, "", "", 0},
		{"/log/tile/0/000?x=1", 400, "", "", 0},
		{"/log/tile/", 400, "", "", 0},
		{originPath(nodeOrigin) + "/checkpoint", 200, "text/plain; charset=utf-8", "public, no-cache", 0},
		{originPath(empty.origin) + "/checkpoint", 404, "", "", 0},
		{originPath(empty.origin) + "/tile/0/000.p/1", 404, "", "", 0},
		{originPath(empty.origin) + "/entries", 200, "application/x-ndjson", "no-store", 0},
		{unknown + "/checkpoint", 404, "", "", 0},
		{unknown + "/tile/0/000", 404, "", "", 0},
		{unknown + "/entries", 404, "", "", 0},
		{"/mirror/node.example/checkpoint", 400, "", "", 0},
	} {
		t.Run(test.target, func(t *testing.T) {
			w := f.get(t, test.target)
			if w.Code != test.status {
				t.Fatalf("%d, want %d: %.200s", w.Code, test.status, w.Body)
			}
			h := w.Header()
			if test.status == 200 && (h.Get("Content-Type") != test.kind || h.Get("Cache-Control") != test.caching || test.bytes > 0 && w.Body.Len() != test.bytes) {
				t.Errorf("%v, %d bytes", h, w.Body.Len())
			}
		})
	}
	w := f.get(t, "/log/checkpoint")
	if _, err := translog.ParseCheckpoint(w.Body.Bytes(), verifierOf(t, nodeOrigin, nodeKey)); err != nil {
		t.Error(err)
	}
	if again := f.get(t, "/log/checkpoint", "If-None-Match", w.Header().Get("ETag")); again.Code != 304 {
		t.Errorf("%d", again.Code)
	}
}

func TestEntries(t *testing.T) {
	f := newFixture(t, unlimited)
	claims := f.submitted(t, 4100)
	for _, test := range []struct {
		query  string
		status int
		lines  int
	}{
		{"", 200, 4096}, {"?start=0", 200, 4096}, {"?start=4", 200, 4096}, {"?start=5", 200, 4095}, {"?start=7&end=9", 200, 2}, {"?end=3", 200, 3},
		{"?start=7&end=7", 200, 0}, {"?start=4100", 200, 0}, {"?start=5000&end=6000", 200, 0}, {"?start=281474976710656", 200, 0},
		{"?start=9&end=7", 400, 0}, {"?start=-1", 400, 0}, {"?start=x", 400, 0}, {"?end=18446744073709551615", 400, 0}, {"?begin=1", 400, 0},
	} {
		w := f.get(t, "/log/entries"+test.query)
		if lines := strings.Count(w.Body.String(), "\n"); w.Code != test.status || w.Code == 200 && lines != test.lines {
			t.Errorf("%s: %d, %d lines, want %d, %d: %.200s", test.query, w.Code, lines, test.status, test.lines, w.Body)
		}
	}
	line, _, _ := strings.Cut(f.get(t, "/log/entries?start=4099").Body.String(), "\n")
	entry, err := protocol.ParseEntry([]byte(line))
	if err != nil || entry.Kind != protocol.KindClaim || entry.Record != claims[4099].RecordHash() {
		t.Errorf("%v %q", err, line)
	}
}
