package assertions_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"strings"
	"testing"
	"time"

	"mirnode/protocol"
	"mirnode/store"
	"mirnode/translog"
)

// TestSeenAt mirrors a log that another home began just now, and in which entries say other times.
func TestSeenAt(t *testing.T) {
	for _, c := range []struct {
		name string
		ago  time.Duration // what the home says
		seen string
	}{
		{"now", 0, ""},
		{"a day ago", 24 * time.Hour, ""},
		{"more than a day ago", 24*time.Hour + time.Millisecond, `"seenAt":"` + millis(noon) + `"`},
		{"years ago", 11 * 365 * 24 * time.Hour, `"seenAt":"` + millis(noon) + `"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			said := w.clock.Now().Add(-c.ago)
			answer := w.mirrored(said)
			if !strings.Contains(answer, `"createdAt":"`+millis(said)+`"`) || strings.Contains(answer, "seenAt") != (c.seen != "") || !strings.Contains(answer, c.seen) {
				t.Errorf("answer %s", answer)
			}
		})
	}
}

// mirrored takes an assertion in from the log of another home, which says when it was, and gives what is looked up then.
func (w *world) mirrored(said time.Time) string {
	w.t.Helper()
	other := protocol.Origin{Domain: "other.test", Network: protocol.Development, Epoch: 1}
	home := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{5}, ed25519.SeedSize))
	signer := newEd25519(w.t, 77)
	key := signer.key
	key.Created = said
	record, err := protocol.IssuerDraft{
		Home: other.Domain, Network: other.Network, Nonce: strings.Repeat("0", 32), Name: "Old", Status: protocol.IssuerUnverified,
		Keys: []protocol.IssuerKey{key}, Sequence: 1, Issued: said,
	}.Sign(home)
	must(w.t, err)
	p := &protocol.AssertionPayload{Artifact: artifact(0), Type: protocol.IssuedBy, IssuerID: record.ID, Timestamp: millis(said)}
	a, err := protocol.NewAssertion(p.Encode(), key.Fingerprint, signer.sign(p.Encode()), nil)
	must(w.t, err)
	entries := []protocol.Entry{protocol.NewEntry(record, said), protocol.NewEntry(a, said)}
	grown := translog.Grow(translog.Frontier{}, translog.Tails{}, []translog.Hash{translog.LeafHash(entries[0].Canonical()), translog.LeafHash(entries[1].Canonical())})
	log, err := translog.NewSigner(other.String(), home)
	must(w.t, err)
	checkpoint, err := translog.SignCheckpoint(log, 2, grown.Root())
	must(w.t, err)
	ctx := context.Background()
	must(w.t, w.store.OpenMirror(ctx, other))
	must(w.t, w.store.AppendEntries(ctx, other.String(), 0, entries, grown.Root(), &checkpoint))
	must(w.t, w.store.Settle(ctx, other.String(), 0, []store.Outcome{{Index: 0, State: store.Held, Record: record}, {Index: 1, State: store.Held, Record: a}}))
	answer, err := w.service.AppendLookup(ctx, nil, artifact(0), "")
	must(w.t, err)
	return string(answer)
}
