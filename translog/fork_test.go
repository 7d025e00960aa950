package translog_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"mirnode/translog"
)

var background = context.Background()

// TestForks: two histories of a log are proved to be two whatever their sizes, the proof survives its JSON, and no part of it can be altered.
func TestForks(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		size := rapid.OneOf(rapid.IntRange(1, 20), rapid.IntRange(250, 700))
		shared := canonical(rapid.IntRange(0, 300).Draw(t, "shared"), "shared")
		one, two := &memLog{tiles: tileMap{}}, &memLog{tiles: tileMap{}}
		one.grow(t, append(shared, canonical(size.Draw(t, "one"), "one")...))
		two.grow(t, append(shared, canonical(size.Draw(t, "two"), "two")...))
		larger := one
		if two.checkpoint.Size > one.checkpoint.Size {
			larger = two
		}
		fork, err := translog.ProveFork(background, larger, one.checkpoint, two.checkpoint)
		if err != nil {
			t.Fatal(err)
		}
		text, err := json.Marshal(fork)
		if err != nil || len(text) > translog.MaxForkBytes {
			t.Fatal(err)
		}
		var read translog.Fork
		if err := json.Unmarshal(text, &read); err != nil {
			t.Fatal(err)
		}
		v := verifier(t, origin)
		if err := read.Verify(v); err != nil {
			t.Fatal(err)
		}
		altered := read
		altered.Prefix[3] ^= 1
		wrong := map[string]error{"prefix": altered.Verify(v), "key": read.Verify(verifier(t, "node2.test/mir"))}
		altered = read
		altered.Second = altered.First
		wrong["one head twice"] = altered.Verify(v)
		altered = read
		altered.Origin = "node2.test/mir"
		wrong["origin"] = altered.Verify(v)
		altered = read
		altered.Proof = append(altered.Proof, translog.Hash{})
		wrong["longer proof"] = altered.Verify(v)
		if one.checkpoint.Size != two.checkpoint.Size {
			altered = read
			altered.First, altered.Second = read.Second, read.First
			wrong["turned"] = altered.Verify(v)
		}
		for what, err := range wrong {
			if err == nil {
				t.Fatalf("wrong %s: verified", what)
			}
		}
	})
}

// TestHonestLogsHaveNoForks: no proof can be made about a log that only grew, neither by us nor out of altered tiles.
func TestHonestLogsHaveNoForks(t *testing.T) {
	l := newLog(t, 300, "a")
	old := l.checkpoint
	l.grow(t, canonical(400, "b"))
	for _, first := range []translog.Checkpoint{old, l.checkpoint, newLog(t, 0, "").checkpoint} {
		if _, err := translog.ProveFork(t.Context(), l, first, l.checkpoint); !errors.Is(err, translog.ErrConsistent) {
			t.Errorf("from %d entries: %v", first.Size, err)
		}
	}
	altered := &liar{l, translog.Tile{Level: 0, Index: 1}, 77}
	if _, err := translog.ProveFork(t.Context(), altered, old, l.checkpoint); !errors.Is(err, translog.ErrProof) {
		t.Errorf("out of altered tiles: %v", err)
	}
	proof, err := translog.ConsistencyProof(t.Context(), l, 300, 700)
	if err != nil {
		t.Fatal(err)
	}
	for _, prefix := range []translog.Hash{{}, l.checkpoint.Root} {
		if _, err := translog.NewFork(l.checkpoint, old, prefix, proof); !errors.Is(err, translog.ErrProof) {
			t.Errorf("another prefix: %v", err)
		}
	}
	other, err := translog.SignCheckpoint(signer(t, "node2.test/mir"), 700, translog.Hash{1})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := translog.NewFork(l.checkpoint, other, translog.Hash{}, nil); !errors.Is(err, translog.ErrProof) {
		t.Errorf("of two logs: %v", err)
	}
}

func TestForkJSONThatIsNone(t *testing.T) {
	a, b := newLog(t, 5, "a"), newLog(t, 5, "b")
	fork, err := translog.NewFork(a.checkpoint, b.checkpoint, translog.Hash{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(fork)
	if err != nil {
		t.Fatal(err)
	}
	good := string(text)
	hashes := strings.TrimSuffix(strings.Repeat(`"`+strings.Repeat("0", 64)+`",`, translog.MaxProofHashes+1), ",")
	for name, doc := range map[string]string{
		"nothing":        `{}`,
		"an array":       `[]`,
		"unknown member": strings.Replace(good, `{`, `{"more":1,`, 1),
		"member twice":   strings.Replace(good, `{`, `{"proof":[],`, 1),
		"other origin":   strings.Replace(good, `{"origin":"node1`, `{"origin":"node2`, 1),
		"no note":        strings.Replace(good, `"first":"node1`, `"first":"`, 1),
		"short hash":     strings.Replace(good, `"prefix":"`, `"prefix":"0`, 1),
		"capital hash":   strings.Replace(good, `"proof":[]`, `"proof":["`+strings.Repeat("A", 64)+`"]`, 1),
		"64 hashes":      strings.Replace(good, `"proof":[]`, `"proof":[`+hashes+`]`, 1),
		"endless":        strings.Replace(good, `{`, `{`+strings.Repeat(" ", translog.MaxForkBytes), 1),
	} {
		var f translog.Fork
		if err := f.UnmarshalJSON([]byte(doc)); !errors.Is(err, translog.ErrMalformed) || f.First != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}
