package main

import (
	"context"
	"net/url"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/transparency-dev/merkle/rfc6962"
	"github.com/transparency-dev/tessera/api"
	"github.com/transparency-dev/tessera/client"
	"github.com/transparency-dev/tessera/fsck"
	sumdb "golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// readWithTessera lets code that is not ours read and check a log over HTTP: Tessera's fsck recomputes all of it, its client makes an inclusion
// proof of the last entry, and x/mod's tlog checks that one.
func readWithTessera(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: tessera LOG-URL VERIFIER-KEY")
	}
	ctx := context.Background()
	u, err := url.Parse(args[0])
	ts.Check(err)
	fetcher, err := client.NewHTTPFetcher(u, nil)
	ts.Check(err)
	v, err := sumdb.NewVerifier(args[1])
	ts.Check(err)
	hashes := func(b []byte) ([][]byte, error) {
		var bundle api.EntryBundle
		if err := bundle.UnmarshalText(b); err != nil {
			return nil, err
		}
		var leaves [][]byte
		for _, e := range bundle.Entries {
			leaves = append(leaves, rfc6962.DefaultHasher.HashLeaf(e))
		}
		return leaves, nil
	}
	ts.Check(fsck.New(v.Name(), v, fetcher, hashes, fsck.Opts{N: 2}).Check(ctx))

	head, _, _, err := client.FetchCheckpoint(ctx, fetcher.ReadCheckpoint, v, v.Name())
	ts.Check(err)
	builder, err := client.NewProofBuilder(ctx, head.Size, fetcher.ReadTile)
	ts.Check(err)
	proof, err := builder.InclusionProof(ctx, head.Size-1)
	ts.Check(err)
	bundle, err := client.GetEntryBundle(ctx, fetcher.ReadEntryBundle, (head.Size-1)/256, head.Size)
	ts.Check(err)
	record := make(tlog.RecordProof, len(proof))
	for i := range proof {
		record[i] = tlog.Hash(proof[i])
	}
	last := tlog.RecordHash(bundle.Entries[len(bundle.Entries)-1])
	ts.Check(tlog.CheckRecord(record, int64(head.Size), tlog.Hash(head.Hash), int64(head.Size-1), last))
}

// readEnvironment sets the variables that a program wrote down.
func readEnvironment(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: readenv FILE")
	}
	for line := range strings.Lines(ts.ReadFile(args[0])) {
		name, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "=")
		ts.Setenv(name, value)
	}
}
