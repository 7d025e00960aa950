package translog_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"mirnode/translog"
)

func TestAddCheckpoint(t *testing.T) {
	l := newLog(t, 300, "a")
	old := l.checkpoint
	l.grow(t, canonical(400, "b"))
	proof, err := translog.ConsistencyProof(t.Context(), l, old.Size, l.checkpoint.Size)
	if err != nil {
		t.Fatal(err)
	}
	good := translog.AddCheckpoint{OldSize: old.Size, Proof: proof, Note: l.checkpoint.Note}
	body := good.Marshal()
	if !strings.HasPrefix(string(body), "old 300\n") || !bytes.Contains(body, append([]byte("=\n\n"), l.checkpoint.Note...)) {
		t.Fatalf("%s", body)
	}
	read, err := translog.ParseAddCheckpoint(body)
	if err != nil || !bytes.Equal(read.Marshal(), body) {
		t.Fatal(err)
	}
	v := verifier(t, origin)
	if c, err := read.Verify(v, old.Size, old.Root); err != nil || c.Size != 700 {
		t.Fatalf("%+v, %v", c, err)
	}
	if name, err := translog.NoteOrigin(read.Note); err != nil || name != origin {
		t.Fatalf("%q, %v", name, err)
	}
	first := translog.AddCheckpoint{Note: old.Note}
	if c, err := first.Verify(v, 0, translog.Hash{}); err != nil || c.Size != 300 {
		t.Errorf("the first one: %+v, %v", c, err)
	}
	same := translog.AddCheckpoint{OldSize: 300, Note: old.Note}
	if _, err := same.Verify(v, 300, old.Root); err != nil {
		t.Errorf("the same one again: %v", err)
	}

	fork := newLog(t, 700, "c").checkpoint
	forged := bytes.Replace(good.Note, []byte("\n700\n"), []byte("\n701\n"), 1)
	isConflict := func(err error, size uint64, roots bool) bool {
		e, ok := errors.AsType[*translog.ConflictError](err)
		return ok && e.Size == size && e.Roots == roots && e.Error() != ""
	}
	if _, err := good.Verify(v, 299, old.Root); !isConflict(err, 299, false) {
		t.Errorf("another known size: %v", err)
	}
	if c, err := (translog.AddCheckpoint{OldSize: 700, Note: fork.Note}).Verify(v, 700, l.checkpoint.Root); !isConflict(err, 700, true) || c.Root != fork.Root {
		t.Errorf("another root: %v", err)
	}
	for name, c := range map[string]struct {
		request translog.AddCheckpoint
		want    error
	}{
		"signature":    {translog.AddCheckpoint{OldSize: 300, Proof: proof, Note: forged}, translog.ErrSignature},
		"old is newer": {translog.AddCheckpoint{OldSize: 701, Note: good.Note}, translog.ErrOldSize},
		"proof":        {translog.AddCheckpoint{OldSize: 300, Proof: withHash(proof, 1), Note: good.Note}, translog.ErrProof},
		"no proof":     {translog.AddCheckpoint{OldSize: 300, Note: good.Note}, translog.ErrProof},
		"a fork":       {translog.AddCheckpoint{OldSize: 300, Proof: proof, Note: fork.Note}, translog.ErrProof},
	} {
		if _, err := c.request.Verify(v, 300, old.Root); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
	if _, err := (translog.AddCheckpoint{Proof: proof, Note: good.Note}).Verify(v, 0, translog.Hash{}); !errors.Is(err, translog.ErrProof) {
		t.Errorf("a proof from nothing: %v", err)
	}
}

func TestRequestsThatAreNone(t *testing.T) {
	l := newLog(t, 3, "a")
	good := string(translog.AddCheckpoint{OldSize: 1, Proof: make([]translog.Hash, 2), Note: l.checkpoint.Note}.Marshal())
	if _, err := translog.ParseAddCheckpoint([]byte(good)); err != nil {
		t.Fatal(err)
	}
	hash := strings.Repeat("A", 43) + "=\n"
	for name, body := range map[string]string{
		"nothing":       "",
		"no note":       "old 1\n\n",
		"no empty line": strings.ReplaceAll(good, "\n\n", "\n"),
		"no old":        strings.TrimPrefix(good, "old "),
		"two spaces":    strings.Replace(good, "old ", "old  ", 1),
		"leading zero":  strings.Replace(good, "old 1", "old 01", 1),
		"a vast size":   strings.Replace(good, "old 1", "old 99999999999999999999", 1),
		"half a hash":   strings.Replace(good, hash, "AAAA\n", 1),
		"a carriage":    strings.Replace(good, hash, strings.TrimSuffix(hash, "\n")+"\r\n", 1),
		"64 hashes":     strings.Replace(good, hash, strings.Repeat(hash, translog.MaxProofHashes), 1),
		"endless":       good + strings.Repeat("x", translog.MaxAddCheckpointBytes),
		"not a note":    "old 1\n\nhello\n",
	} {
		if _, err := translog.ParseAddCheckpoint([]byte(body)); !errors.Is(err, translog.ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
