package bench

import (
	"context"
	"encoding/hex"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strings"
	"time"

	"mirnode/accounts"
	"mirnode/api"
	"mirnode/assertions"
	"mirnode/issuers"
	"mirnode/protocol"
	"mirnode/store"
)

const (
	batchHashes   = assertions.MaxBatch
	batchesShare  = 20  // of the requests for one artifact, one in so many is measured with batches
	zipfExponent  = 1.1 // of the choice in which few artifacts are asked for most often
	lookupsTarget = 0.6
)

// desk is the node's API over a store with assertions, without limits.
type desk struct {
	corpus  *assertionCorpus
	address string
	apiKey  string
	stop    func() error
}

// silence stands for DNS and for the domains' keys: nobody answers, so that issuers stand as their home says.
type silence struct{}

func (silence) TXT(_ context.Context, name string) ([]string, error) {
	return nil, &protocol.UnreachableError{Domain: name}
}

func (silence) FindKey(_ context.Context, domain, _ string) (protocol.FoundKey, error) {
	return protocol.FoundKey{}, &protocol.UnreachableError{Domain: domain}
}

// openDesk serves the API with all that a node with issuers has, and makes an issuer whose API key batches are asked for with.
func (w *workshop) openDesk(ctx context.Context, over *store.Store, corpus *assertionCorpus) (*desk, error) {
	home := benchOrigin()
	directory, err := issuers.New(issuers.Options{Store: over, DNS: silence{}, Keys: silence{}, Home: home.Domain})
	if err != nil {
		return nil, err
	}
	own, err := accounts.New(ctx, accounts.Options{
		Store: over, Directory: directory, DNS: silence{}, Home: home.Domain, Network: home.Network,
		Sign: func(draft protocol.IssuerDraft) (*protocol.Issuer, error) { return draft.Sign(corpus.node) },
	})
	if err != nil {
		return nil, err
	}
	_, apiKey, err := own.Create(ctx, "Whoever asks for batches")
	if err != nil {
		return nil, err
	}
	service, err := assertions.New(assertions.Options{
		Store: over, Issuers: directory, Accounts: own, Home: home.Domain, Network: home.Network,
		Sign: func(draft protocol.MetadataEditDraft) (*protocol.MetadataEdit, error) { return draft.Sign(corpus.node) },
	})
	if err != nil {
		return nil, err
	}
	node, err := api.New(api.Options{
		Store: over, Keys: knownKeys{}, Verifier: w.corpus.verifier(), Assertions: service, Issuers: directory, Accounts: own,
		Logger: slog.New(slog.DiscardHandler), Now: time.Now, Network: string(home.Network), Domain: home.Domain, Origin: home, Requests: api.LogNone,
	})
	if err != nil {
		return nil, err
	}
	d := &desk{corpus: corpus, apiKey: apiKey}
	d.address, d.stop, err = serve(ctx, node.Handler())
	return d, err
}

// contests are what is measured with so many requests a round.
func (d *desk) contests(requests int) []contest {
	held := fmt.Sprintf("%d assertions held", d.corpus.count)
	single := `"assertions":[{"id":"assertion_`
	return []contest{
		{
			name: "GET /assertions?hash=, any artifact, " + held, address: d.address, whole: single, target: lookupsTarget,
			requests: d.lookups(requests*lookupRounds, d.uniform(1)),
		}, {
			name: "GET /assertions?hash=, some far more often than others, " + held, address: d.address, whole: single, target: lookupsTarget,
			requests: d.lookups(requests*lookupRounds, d.zipf(2)),
		}, {
			name: fmt.Sprintf("POST /assertions/lookup of %d, any artifacts, %s", min(batchHashes, d.corpus.artifacts()), held), address: d.address,
			whole:    fmt.Sprintf(`"hashesQueried":%d`, min(batchHashes, d.corpus.artifacts())),
			requests: d.batches(max(requests/batchesShare, 1)*lookupRounds, d.uniform(3)),
		},
	}
}

// uniform chooses every artifact as often as any other. The same seed gives the same choice.
func (d *desk) uniform(seed uint64) func() int {
	dice := rand.New(rand.NewPCG(seed, 0)) //nolint:gosec // a choice that is the same in every run
	return func() int { return dice.IntN(d.corpus.artifacts()) }
}

// zipf chooses the k-th artifact in proportion to 1/k^zipfExponent, in an order that is not the log's.
func (d *desk) zipf(seed uint64) func() int {
	count := d.corpus.artifacts()
	stride := coprime(count)
	choice := rand.NewZipf(rand.New(rand.NewPCG(seed, 0)), zipfExponent, 1, uint64(count-1)) //nolint:gosec // as above
	return func() int { return int(choice.Uint64()%uint64(count)) * stride % count }
}

// lookups makes requests for one artifact each.
func (d *desk) lookups(count int, choose func() int) [][]byte {
	requests := make([][]byte, count)
	for i := range requests {
		hash := artifact(choose())
		requests[i] = get("/assertions?hash=" + hex.EncodeToString(hash[:]))
	}
	return requests
}

// batches makes requests for a hundred different artifacts each, or for all where there are fewer.
func (d *desk) batches(count int, choose func() int) [][]byte {
	requests := make([][]byte, count)
	for i := range requests {
		chosen, hashes := map[int]bool{}, []string{}
		for len(hashes) < min(batchHashes, d.corpus.artifacts()) {
			a := choose()
			if !chosen[a] {
				hash := artifact(a)
				hashes = append(hashes, hex.EncodeToString(hash[:]))
			}
			chosen[a] = true
		}
		requests[i] = post("/assertions/lookup", []byte(`{"hashes":["`+strings.Join(hashes, `","`)+`"]}`), "x-api-key: "+d.apiKey)
	}
	return requests
}
