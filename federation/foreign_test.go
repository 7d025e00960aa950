package federation_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	formats "github.com/transparency-dev/formats/log"
	receipts "github.com/transparency-dev/formats/proof"
	"github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"
	"github.com/transparency-dev/tessera/api"
	"github.com/transparency-dev/tessera/client"
	"github.com/transparency-dev/tessera/fsck"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"mirnode/cluster"
	"mirnode/protocol"
)

// foreign reads one log of a live node as programs do that know nothing of this one.
type foreign struct {
	w       *world
	base    *url.URL
	fetcher *client.HTTPFetcher
	v       note.Verifier
}

// foreign reads the log of the node of at the i-th node. Of ours it takes nothing but the key that the log's domain publishes.
func (w *world) foreign(i, of int) *foreign {
	w.t.Helper()
	published, err := cluster.ReadPublished(w.c.State().Dir)
	w.must(err)
	public, err := protocol.ParsePublicKey(published.Domains[w.node(of).Domain].Keys[0].Public)
	w.must(err)
	key, err := note.NewEd25519VerifierKey(w.node(of).Domain+"/mir-dev", public)
	w.must(err)
	v, err := note.NewVerifier(key)
	w.must(err)
	prefix := "/log/"
	if i != of {
		prefix = fmt.Sprintf("/mirror/%x/", sha256.Sum256([]byte(v.Name())))
	}
	base, err := url.Parse(w.node(i).URL + prefix)
	w.must(err)
	fetcher, err := client.NewHTTPFetcher(base, nil)
	w.must(err)
	return &foreign{w, base, fetcher, v}
}

// TestForeignReaders: a live node's log, and its mirror at another node, pass the checks of Tessera's fsck and client, and of x/mod's tlog; a client
// that follows it while it grows finds each step consistent; the receipts are proofs to other libraries.
func TestForeignReaders(t *testing.T) {
	t.Parallel()
	w := startWorld(t, cluster.Options{Nodes: 2})
	own := w.foreign(0, 0)
	var answers []submitted
	var claims []*protocol.Claim
	submit := func(n int) {
		more := w.claims(n)
		claims, answers = append(claims, more...), append(answers, w.mustSubmit(0, more...)...)
	}
	submit(3)
	tracker, err := client.NewLogStateTracker(t.Context(), own.fetcher.ReadTile, nil, own.v, own.v.Name(), client.UnilateralConsensus(own.fetcher.ReadCheckpoint))
	w.must(err)
	for _, step := range []int{1, 250, 7, 300, 1} {
		old := tracker.Latest()
		submit(step)
		_, steps, _, err := tracker.Update(t.Context())
		w.must(err)
		now := tracker.Latest()
		if now.Size < old.Size+uint64(step) {
			t.Errorf("after %d claims more the log went from %d to %d entries", step, old.Size, now.Size)
		}
		w.must(proof.VerifyConsistency(rfc6962.DefaultHasher, old.Size, now.Size, steps, old.Hash, now.Hash))
	}
	for i, answer := range answers {
		own.wantReceipt(answer, claims[i])
	}
	w.awaitAgreement(w.everybody())
	for _, f := range []*foreign{own, w.foreign(1, 0), w.foreign(1, 1)} {
		f.wantSound()
	}
}

// wantSound has the whole log checked by Tessera's fsck, and some of its proofs made and checked by Tessera's client and x/mod's tlog.
func (f *foreign) wantSound() {
	t := f.w.t
	t.Helper()
	ctx := t.Context()
	hashes := func(b []byte) (leaves [][]byte, err error) {
		var bundle api.EntryBundle
		if err = bundle.UnmarshalText(b); err == nil {
			for _, e := range bundle.Entries {
				leaves = append(leaves, rfc6962.DefaultHasher.HashLeaf(e))
			}
		}
		return leaves, err
	}
	if err := fsck.New(f.v.Name(), f.v, f.fetcher, hashes, fsck.Opts{N: 2}).Check(ctx); err != nil {
		t.Errorf("fsck of %s: %v", f.base, err)
	}
	head, _, _, err := client.FetchCheckpoint(ctx, f.fetcher.ReadCheckpoint, f.v, f.v.Name())
	f.w.must(err)
	builder, err := client.NewProofBuilder(ctx, head.Size, f.fetcher.ReadTile)
	f.w.must(err)
	tree := tlog.Tree{N: int64(head.Size), Hash: tlog.Hash(head.Hash)}
	reader := tlog.TileHashReader(tree, &tileReader{ctx: ctx, f: f})
	for _, index := range []uint64{0, head.Size / 2, head.Size - 1} {
		bundle, err := client.GetEntryBundle(ctx, f.fetcher.ReadEntryBundle, index/256, head.Size)
		f.w.must(err)
		leaf := bundle.Entries[index%256]
		path, err := builder.InclusionProof(ctx, index)
		f.w.must(err)
		if err := proof.VerifyInclusion(rfc6962.DefaultHasher, index, head.Size, rfc6962.DefaultHasher.HashLeaf(leaf), path, head.Hash); err != nil {
			t.Errorf("entry %d of %s: %v", index, f.base, err)
		}
		record, err := tlog.ProveRecord(tree.N, int64(index), reader)
		f.w.must(err)
		if err := tlog.CheckRecord(record, tree.N, tree.Hash, int64(index), tlog.RecordHash(leaf)); err != nil {
			t.Errorf("entry %d of %s, by x/mod: %v", index, f.base, err)
		}
		old, err := tlog.TreeHash(int64(index)+1, reader)
		f.w.must(err)
		steps, err := tlog.ProveTree(tree.N, int64(index)+1, reader)
		f.w.must(err)
		if err := tlog.CheckTree(steps, tree.N, tree.Hash, int64(index)+1, old); err != nil {
			t.Errorf("the first %d entries of %s, by x/mod: %v", index+1, f.base, err)
		}
	}
}

// tileReader lets x/mod read tiles as c2sp.org/tlog-tiles serves them, where their height is not told.
type tileReader struct {
	ctx context.Context
	f   *foreign
}

func (r *tileReader) Height() int { return 8 }

func (r *tileReader) ReadTiles(tiles []tlog.Tile) (all [][]byte, err error) {
	for _, tile := range tiles {
		path := "tile/" + strings.TrimPrefix(tile.Path(), "tile/8/")
		status, data, err := r.f.w.fetch(r.ctx, http.MethodGet, r.f.base.JoinPath(path).String(), nil)
		if err != nil || status != http.StatusOK {
			return nil, fmt.Errorf("%s: %d %w", path, status, err)
		}
		all = append(all, data)
	}
	return all, nil
}

func (r *tileReader) SaveTiles([]tlog.Tile, [][]byte) {}

// wantReceipt holds a receipt to be a proof that the claim's entry is in the log.
func (f *foreign) wantReceipt(answer submitted, claim *protocol.Claim) {
	t := f.w.t
	t.Helper()
	var receipt receipts.TLogProof
	f.w.must(receipt.Unmarshal([]byte(answer.Receipt)))
	head, _, _, err := formats.ParseCheckpoint(receipt.Checkpoint, f.v.Name(), f.v)
	f.w.must(err)
	path := make([][]byte, len(receipt.Hashes))
	for i := range path {
		path[i] = receipt.Hashes[i][:]
	}
	if err := proof.VerifyInclusion(rfc6962.DefaultHasher, receipt.Index, head.Size, rfc6962.DefaultHasher.HashLeaf(receipt.ExtraData), path, head.Hash); err != nil {
		t.Errorf("receipt of entry %d: %v", receipt.Index, err)
	}
	record := claim.RecordHash()
	if receipt.Index != answer.Index || !bytes.Contains(receipt.ExtraData, fmt.Appendf(nil, "%x", record)) {
		t.Errorf("the receipt is about entry %d, %s; the answer about %d, %x", receipt.Index, receipt.ExtraData, answer.Index, record)
	}
}
