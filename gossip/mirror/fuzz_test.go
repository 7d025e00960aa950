package mirror_test

import (
	"bytes"
	"context"
	"testing"

	"mirnode/gossip/mirror"
	"mirnode/gossip/peers"
	"mirnode/protocol"
)

// parrot is a client to which every peer answers the same, but for what is in honest.
type parrot struct {
	answer []byte
	honest map[string][]byte
}

func (p *parrot) Get(_ context.Context, _ peers.Peer, path string, limit int64) ([]byte, error) {
	if data, ok := p.honest[path]; ok {
		return data, nil
	}
	if int64(len(p.answer)) > limit {
		return nil, &peers.TooLargeError{Limit: limit}
	}
	return p.answer, nil
}

func (p *parrot) Post(ctx context.Context, peer peers.Peer, path, _ string, _ []byte, limit int64) ([]byte, error) {
	return p.Get(ctx, peer, path, limit)
}

// FuzzAnswers feeds answers of any form to everything that reads a peer's: nothing may panic, and nothing that is not proven may be kept.
func FuzzAnswers(f *testing.F) {
	w := newWorld(f)
	one := w.node("node1.test")
	first, second := claim(f, 0), claim(f, 1)
	one.takes(first, second)
	talk := &parrot{}
	two := w.node("node2.test", func(o *mirror.Options) { o.Client = talk })
	checkpoint := one.head(one.origin).Checkpoint.Note
	entries, err := one.store.Entries(f.Context(), one.origin.String(), 0, 2)
	if err != nil {
		f.Fatal(err)
	}
	honest := map[string][]byte{
		"/log/checkpoint":            checkpoint,
		"/log/entries?start=0&end=2": append(append(append(entries[0].Canonical(), '\n'), entries[1].Canonical()...), '\n'),
	}
	f.Add([]byte(`{"heads":[{"origin":"node1.test/mir-dev","checkpoint":"` + string(bytes.ReplaceAll(checkpoint, []byte("\n"), []byte(`\n`))) + `"}],"next":"2"}`))
	f.Add([]byte(`{"record":"00","kind":"claim","body":"{}"}` + "\n"))
	f.Add([]byte(`{"forks":[{"origin":"node1.test/mir-dev","proof":{}}]}`))
	f.Add(checkpoint)
	f.Add(honest["/log/entries?start=0&end=2"])
	f.Add([]byte("— node1.test/mir-dev AAAA\n"))
	f.Fuzz(func(t *testing.T, answer []byte) {
		talk.answer, talk.honest = answer, nil
		_, _, _ = two.mirror.Heads(t.Context(), one.peer, "")
		_, _ = two.mirror.LearnForks(t.Context(), one.peer)
		_, _, _ = two.mirror.AddCheckpoint(t.Context(), answer)
		_, _ = two.mirror.Pull(t.Context(), one.peer, one.origin, 2)
		talk.honest = honest // but for the bodies
		_, _ = two.mirror.Pull(t.Context(), one.peer, one.origin, 2)
		if two.head(one.origin).Frozen {
			t.Error("nonsense froze a log")
		}
		for _, c := range []*protocol.Claim{first, second} {
			if record, err := two.store.Claim(t.Context(), c.SigHash()); err == nil && record.RecordHash != c.RecordHash() {
				t.Error("a body that is not what the log commits to is served")
			}
		}
	})
}
