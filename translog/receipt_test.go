package translog_test

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/transparency-dev/formats/proof"
	"pgregory.net/rapid"

	"mirnode/translog"
)

// receiptOf makes the receipt of one of the log's entries.
func receiptOf(t fataler, l *memLog, index uint64) translog.Receipt {
	t.Helper()
	p, err := translog.InclusionProof(background, l, index, l.frontier.Size())
	if err != nil {
		t.Fatal(err)
	}
	return translog.Receipt{Index: index, Entry: l.entries[index], Proof: p, Checkpoint: l.checkpoint.Note}
}

// TestReceiptIsC2SP: formats' reader takes our receipts, and says the same of them.
func TestReceiptIsC2SP(t *testing.T) {
	l := newLog(t, 300, "a")
	r := receiptOf(t, l, 299)
	text := r.Marshal()
	if !strings.HasPrefix(string(text), "c2sp.org/tlog-proof@v1\nextra ") {
		t.Fatalf("%s", text)
	}
	var theirs proof.TLogProof
	if err := theirs.Unmarshal(text); err != nil || theirs.Index != 299 || !slices.Equal(theirs.Hashes, r.Proof) ||
		!bytes.Equal(theirs.Checkpoint, r.Checkpoint) || !bytes.Equal(theirs.ExtraData, r.Entry) {
		t.Fatalf("formats reads %+v, %v", theirs, err)
	}
	if !bytes.Equal(theirs.Marshal(), text) {
		t.Fatalf("formats writes it differently: %s", text)
	}
	got, err := translog.ParseReceipt(text)
	if err != nil || !bytes.Equal(got.Marshal(), text) {
		t.Fatal(err)
	}
	entry, c, err := got.Verify(verifier(t, origin))
	if err != nil || c.Size != 300 || entry.Kind != "claim" || !bytes.Equal(entry.Canonical(), l.entries[299]) {
		t.Fatalf("%+v, %+v, %v", entry, c, err)
	}
}

// TestReceiptCannotBeAltered: no byte of a receipt can be another.
func TestReceiptCannotBeAltered(t *testing.T) {
	l := newLog(t, 5, "a")
	text := receiptOf(t, l, 2).Marshal()
	v := verifier(t, origin)
	for at := range text {
		bit := 8*at + at%8
		r, err := translog.ParseReceipt(changed(text, bit))
		if err == nil {
			_, _, err = r.Verify(v)
		}
		if !errors.Is(err, translog.ErrMalformed) && !errors.Is(err, translog.ErrProof) && !errors.Is(err, translog.ErrSignature) {
			t.Fatalf("bit %d of byte %d: %v", bit%8, bit/8, err)
		}
	}
}

// TestGrowthMakesReceipts: receipts made from memory while a log grows hold.
func TestGrowthMakesReceipts(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := newLog(t, rapid.IntRange(0, 600).Draw(t, "before"), "a")
		entries := canonical(rapid.IntRange(1, 300).Draw(t, "more"), "b")
		before := l.frontier.Size()
		g := l.grow(t, entries)
		i := rapid.IntRange(0, len(entries)-1).Draw(t, "i")
		r := translog.Receipt{Index: before + uint64(i), Entry: entries[i], Proof: g.Proof(i), Checkpoint: l.checkpoint.Note}
		if _, _, err := r.Verify(verifier(t, origin)); err != nil {
			t.Fatal(err)
		}
	})
}

func TestReceiptsThatAreNone(t *testing.T) {
	l := newLog(t, 5, "a")
	good := receiptOf(t, l, 2)
	text := string(good.Marshal())
	many := good
	many.Proof = make([]translog.Hash, translog.MaxProofHashes+1)
	empty, large, far := good, good, good
	empty.Entry, large.Entry, far.Index = nil, bytes.Repeat([]byte("x"), 2000), translog.MaxSize
	for name, data := range map[string]string{
		"nothing":          "",
		"another header":   strings.Replace(text, "v1", "v2", 1),
		"no extra":         string(empty.Marshal()),
		"a large extra":    string(large.Marshal()),
		"a far index":      string(far.Marshal()),
		"too many hashes":  string(many.Marshal()),
		"carriage returns": strings.ReplaceAll(text, "\n", "\r\n"),
		"leading zero":     strings.Replace(text, "index 2", "index 02", 1),
		"no checkpoint":    text[:strings.Index(text, "\n\n")+2],
		"no last newline":  strings.TrimSuffix(text, "\n"),
		"endless":          text + strings.Repeat("x", translog.MaxReceiptBytes),
	} {
		if _, err := translog.ParseReceipt([]byte(data)); !errors.Is(err, translog.ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
	foreign := good
	foreign.Entry = []byte(`{"kind":"claim"}`)
	l = &memLog{tiles: tileMap{}}
	l.grow(t, [][]byte{foreign.Entry})
	foreign.Index, foreign.Proof, foreign.Checkpoint = 0, nil, l.checkpoint.Note
	if _, _, err := foreign.Verify(verifier(t, origin)); !errors.Is(err, translog.ErrMalformed) {
		t.Errorf("a leaf that is no entry: %v", err)
	}
}
