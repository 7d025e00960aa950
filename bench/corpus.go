package bench

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"runtime"
	"time"

	"golang.org/x/sync/errgroup"

	"mirnode/protocol"
	"mirnode/verifier"
)

const (
	corpusDomains  = 50      // the domains that sign
	corpusSubjects = 200_000 // the subjects they write about
)

// corpus makes claims as they come in real life: some dozens of domains, many subjects, timestamps out of order over a year.
// Claim i is the same in every run. Safe for concurrent use.
type corpus struct {
	keys  []ed25519.PrivateKey
	types []string
	start time.Time
}

func newCorpus() *corpus {
	c := &corpus{types: protocol.CoreTypes(), start: time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC)}
	for d := range corpusDomains {
		seed := sha256.Sum256(fmt.Appendf(nil, "mirnode benchmark key %d", d))
		c.keys = append(c.keys, ed25519.NewKeyFromSeed(seed[:]))
	}
	return c
}

// domain names the domain of key d.
func (c *corpus) domain(d int) string { return fmt.Sprintf("shop-%02d.example.com", d) }

// spread turns claim number i into an even, unordered, repeatable number.
func spread(i int, what string) uint64 {
	h := sha256.Sum256(fmt.Appendf(nil, "%s %d", what, i))
	return binary.BigEndian.Uint64(h[:])
}

// subject is the subject that claim i is about.
func (c *corpus) subject(i int) string {
	return protocol.Subject("example.com", fmt.Sprint(spread(i, "subject")%corpusSubjects))
}

// claim makes and signs claim i.
func (c *corpus) claim(i int) (*protocol.Claim, error) {
	d := int(spread(i, "domain") % corpusDomains)
	draft := protocol.Draft{
		Type:      c.types[spread(i, "type")%uint64(len(c.types))],
		Domain:    c.domain(d),
		Subject:   c.subject(i),
		Timestamp: c.start.Add(time.Duration(spread(i, "time")%(365*24*3600)) * time.Second).Format(time.RFC3339),
		Metadata:  json.RawMessage(fmt.Sprintf(`{"count":%d,"currency":"USD","order":"o-%x"}`, i%9+1, spread(i, "order"))),
	}
	return draft.Sign(c.keys[d])
}

// claims makes the claims [from, to) on all cores.
func (c *corpus) claims(ctx context.Context, from, to int) ([]*protocol.Claim, error) {
	made := make([]*protocol.Claim, to-from)
	group, ctx := errgroup.WithContext(ctx)
	workers := runtime.GOMAXPROCS(0)
	for w := range workers {
		group.Go(func() error {
			for i := w; i < len(made) && ctx.Err() == nil; i += workers {
				var err error
				if made[i], err = c.claim(from + i); err != nil {
					return err
				}
			}
			return ctx.Err()
		})
	}
	return made, group.Wait()
}

// documents are the bytes of claims, as they come over the wire.
func documents(claims []*protocol.Claim) [][]byte {
	raw := make([][]byte, len(claims))
	for i, claim := range claims {
		raw[i] = claim.Raw()
	}
	return raw
}

// verifier returns a verifier that has all keys of the corpus at hand.
func (c *corpus) verifier() *verifier.Verifier {
	var keys []protocol.DomainKey
	for _, private := range c.keys {
		public := private.Public().(ed25519.PublicKey)
		keys = append(keys, protocol.DomainKey{Public: public, Fingerprint: protocol.Fingerprint(public), Channels: []protocol.Channel{protocol.File}})
	}
	return verifier.New(verifier.StaticKeys(keys...), verifier.Options{})
}
