package translog_test

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/transparency-dev/formats/log"
	cosig "github.com/transparency-dev/formats/note"
	"golang.org/x/mod/sumdb/note"

	"mirnode/translog"
)

// TestCheckpointIsC2SP: what is signed here is read by x/mod's note and by transparency-dev's formats, and the other way round.
func TestCheckpointIsC2SP(t *testing.T) {
	root := translog.LeafHash([]byte("x"))
	c, err := translog.SignCheckpoint(signer(t, origin), 1, root)
	if err != nil {
		t.Fatal(err)
	}
	theirs, err := note.NewVerifier(translog.VerifierKey(origin, public(origin)))
	if err != nil {
		t.Fatal(err)
	}
	read, rest, _, err := log.ParseCheckpoint(c.Note, origin, theirs)
	if err != nil || len(rest) > 0 || read.Size != 1 || !bytes.Equal(read.Hash, root[:]) {
		t.Fatalf("formats reads %+v, %q, %v", read, rest, err)
	}
	got, err := translog.ParseCheckpoint(c.Note, verifier(t, origin))
	if err != nil || got.Size != 1 || got.Root != root || got.Origin != origin || !bytes.Equal(got.Note, c.Note) {
		t.Fatalf("we read %+v, %v", got, err)
	}

	skey, vkey, err := note.GenerateKey(nil, "other.test/mir")
	if err != nil {
		t.Fatal(err)
	}
	s, err := note.NewSigner(skey)
	if err != nil {
		t.Fatal(err)
	}
	signed, err := note.Sign(&note.Note{Text: string(log.Checkpoint{Origin: "other.test/mir", Size: 7, Hash: root[:]}.Marshal())}, s)
	if err != nil {
		t.Fatal(err)
	}
	name, pub, err := translog.ParseVerifierKey(vkey)
	if err != nil || name != "other.test/mir" {
		t.Fatalf("%q, %v", name, err)
	}
	v, err := translog.NewVerifier(name, pub)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := translog.ParseCheckpoint(signed, v); err != nil || got.Size != 7 {
		t.Fatalf("of x/mod: %+v, %v", got, err)
	}
}

// sealed signs any text with the log's key.
func sealed(t fataler, text string) string {
	t.Helper()
	b, err := note.Sign(&note.Note{Text: text}, signer(t, origin))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestCheckpointsThatAreNone(t *testing.T) {
	root := translog.LeafHash(nil)
	text := func(size string) string {
		return origin + "\n" + size + "\n" + base64.StdEncoding.EncodeToString(root[:]) + "\n"
	}
	good := sealed(t, text("5"))
	other, err := translog.SignCheckpoint(signer(t, "node2.test/mir"), 5, root)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := translog.ParseCheckpoint([]byte(good), verifier(t, origin)); err != nil {
		t.Fatal(err)
	}
	lines := strings.SplitAfter(good, "\n")
	signature := lines[4]
	for name, c := range map[string]struct {
		note string
		want error
	}{
		"empty":              {"", translog.ErrMalformed},
		"no signature":       {text("5"), translog.ErrMalformed},
		"no signature lines": {text("5") + "\n", translog.ErrMalformed},
		"last line open":     {strings.TrimSuffix(good, "\n"), translog.ErrMalformed},
		"extension line":     {sealed(t, text("5")+"more\n"), translog.ErrMalformed},
		"two lines":          {sealed(t, origin+"\n5\n"), translog.ErrMalformed},
		"empty line inside":  {sealed(t, origin+"\n\n5\n"+lines[2]), translog.ErrMalformed},
		"leading zero":       {sealed(t, text("05")), translog.ErrMalformed},
		"plus":               {sealed(t, text("+5")), translog.ErrMalformed},
		"negative":           {sealed(t, text("-5")), translog.ErrMalformed},
		"too large":          {sealed(t, text(fmt.Sprint(uint64(translog.MaxSize)+1))), translog.ErrMalformed},
		"2^64":               {sealed(t, text("18446744073709551616")), translog.ErrMalformed},
		"empty, other root":  {sealed(t, text("0")), translog.ErrMalformed},
		"short root":         {sealed(t, origin+"\n5\nAAAA\n"), translog.ErrMalformed},
		"loose base64":       {sealed(t, origin+"\n5\n"+strings.Repeat("A", 42)+"B=\n"), translog.ErrMalformed},
		"carriage returns":   {strings.ReplaceAll(good, "\n", "\r\n"), translog.ErrMalformed},
		"not UTF-8":          {good + "\xff\n", translog.ErrMalformed},
		"other origin":       {sealed(t, strings.Replace(text("5"), "node1", "node2", 1)), translog.ErrSignature},
		"other key":          {string(other.Note), translog.ErrSignature},
		"size changed":       {strings.Replace(good, "\n5\n", "\n6\n", 1), translog.ErrSignature},
		"foreign line only":  {text("5") + "\n" + string(other.Note[bytes.LastIndexByte(other.Note[:len(other.Note)-1], '\n')+1:]), translog.ErrSignature},
		"a line of nothing":  {good + "\u2014 \n", translog.ErrMalformed},
		"too many lines":     {good + strings.Repeat(signature, translog.MaxSignatures), translog.ErrMalformed},
		"too long":           {good + strings.Repeat(strings.Repeat("x", 1023)+"\n", 17), translog.ErrMalformed},
	} {
		if _, err := translog.ParseCheckpoint([]byte(c.note), verifier(t, origin)); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
	if _, err := translog.SignCheckpoint(signer(t, origin), 0, root); err == nil {
		t.Error("signed an empty tree with a root")
	}
	if _, err := translog.SignCheckpoint(signer(t, origin), translog.MaxSize+1, root); err == nil {
		t.Error("signed a tree that is too large")
	}
}

func TestNames(t *testing.T) {
	for _, name := range []string{"", "a b", "a+b", "a\nb", "a\u00a0b", "\xff", strings.Repeat("a", translog.MaxNameBytes+1)} {
		if _, err := translog.NewSigner(name, key("k")); err == nil {
			t.Errorf("a signer named %q", name)
		}
		if _, err := translog.NewVerifier(name, public("k")); err == nil {
			t.Errorf("a verifier named %q", name)
		}
		if _, err := translog.NewCosigner(name, key("k"), time.Now); err == nil {
			t.Errorf("a cosigner named %q", name)
		}
	}
	if _, err := translog.NewSigner(origin, key("k")[:31]); err == nil {
		t.Error("a signer with half a key")
	}
	for _, text := range []string{"", "a", "a+1+b", translog.VerifierKey("a b", public("k")), translog.VerifierKey(origin, public("k"))[1:], strings.Repeat("a", 9000)} {
		if _, _, err := translog.ParseVerifierKey(text); !errors.Is(err, translog.ErrMalformed) {
			t.Errorf("verifier key %.40q: %v", text, err)
		}
	}
}

// cosigner makes the test's cosigner of that name, at a fixed time.
func cosigner(t fataler, name string) *translog.Cosigner {
	t.Helper()
	c, err := translog.NewCosigner(name, key(name), func() time.Time { return time.Unix(1_795_330_800, 999) })
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func cosignatureVerifier(t fataler, name string) note.Verifier {
	t.Helper()
	v, err := translog.NewCosignatureVerifier(name, public(name))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestCosignatures(t *testing.T) {
	c := newLog(t, 3, "a").checkpoint
	var lines []byte
	for _, name := range []string{"node2.test/mir", "node3.test/mir"} {
		line, err := cosigner(t, name).Cosign(c)
		if err != nil {
			t.Fatal(err)
		}
		lines = append(lines, line...)
	}
	v2, v3, v4 := cosignatureVerifier(t, "node2.test/mir"), cosignatureVerifier(t, "node3.test/mir"), cosignatureVerifier(t, "node4.test/mir")
	line, found, err := translog.VerifyCosignature(c, lines, v3)
	if err != nil || found.Name != "node3.test/mir" || !found.Time.Equal(time.Unix(1_795_330_800, 0)) || !bytes.HasSuffix(lines, line) {
		t.Fatalf("%q, %+v, %v", line, found, err)
	}
	both, err := translog.AddSignatures(c, lines)
	if err != nil {
		t.Fatal(err)
	}
	if got := both.Cosigners([]note.Verifier{v4, v3, v2}); len(got) != 2 || got[0].Name != "node2.test/mir" || got[1].Name != "node3.test/mir" {
		t.Fatalf("cosigners: %+v", got)
	}
	if got := both.ClaimedCosigners(); len(got) != 2 || got[1].Name != "node3.test/mir" || got[1].Time.Unix() != 1_795_330_800 {
		t.Fatalf("claimed cosigners: %+v", got)
	}
	// The note with all of them is one that x/mod opens with the keys of the log and both cosigners.
	if n, err := note.Open(both.Note, note.VerifierList(verifier(t, origin), v2, v3)); err != nil || len(n.Sigs) != 3 {
		t.Fatalf("x/mod: %v", err)
	}
	again, err := translog.AddSignatures(both, lines)
	if err != nil || !bytes.Equal(again.Note, both.Note) {
		t.Errorf("the same signatures again changed the note: %v", err)
	}
	if _, err := translog.ParseCheckpoint(both.Note, verifier(t, origin)); err != nil {
		t.Errorf("with cosignatures: %v", err)
	}
	// A false cosignature counts for none, and spoils neither the other nor the log's own.
	grown := newLog(t, 4, "a").checkpoint
	elsewhere, err := cosigner(t, "node2.test/mir").Cosign(grown)
	if err != nil {
		t.Fatal(err)
	}
	mixed, err := translog.AddSignatures(both, elsewhere)
	if err != nil {
		t.Fatal(err)
	}
	if got := mixed.Cosigners([]note.Verifier{v2, v3, v4}); len(got) != 1 || got[0].Name != "node3.test/mir" {
		t.Errorf("with a false one: %+v", got)
	}
	if _, err := translog.ParseCheckpoint(mixed.Note, verifier(t, origin)); err != nil {
		t.Errorf("with a false cosignature: %v", err)
	}
	// A cosignature is of one head, and no other.
	for name, err := range map[string]error{
		"other head": verifyErr(grown, lines, v2),
		"no line":    verifyErr(c, lines, v4),
		"no text":    verifyErr(c, nil, v2),
		"a word":     verifyErr(c, []byte("yes\n"), v2),
		"endless":    verifyErr(c, bytes.Repeat(lines, 1000), v2),
	} {
		if err == nil {
			t.Errorf("%s: verified", name)
		}
	}
	for name, lines := range map[string][]byte{"none": nil, "a word": []byte("yes\n"), "two notes": append([]byte("\n"), lines...), "endless": bytes.Repeat(lines, 100)} {
		if got, err := translog.AddSignatures(c, lines); !errors.Is(err, translog.ErrMalformed) || got.Note != nil {
			t.Errorf("adding %s: %v", name, err)
		}
	}
}

func verifyErr(c translog.Checkpoint, lines []byte, v note.Verifier) error {
	_, _, err := translog.VerifyCosignature(c, lines, v)
	return err
}

// TestCosignatureIsC2SP holds our cosigner to the specification's message, and our reading to transparency-dev's signer.
func TestCosignatureIsC2SP(t *testing.T) {
	c := newLog(t, 3, "a").checkpoint
	text, _, _ := bytes.Cut(c.Note, []byte("\n\n"))
	sig, err := cosigner(t, "w.test/w1").Sign(append(text, '\n'))
	if err != nil {
		t.Fatal(err)
	}
	message := "cosignature/v1\ntime 1795330800\n" + string(text) + "\n"
	if binary.BigEndian.Uint64(sig) != 1_795_330_800 || !ed25519.Verify(public("w.test/w1"), []byte(message), sig[8:]) {
		t.Error("not a signature of the message in c2sp.org/tlog-cosignature")
	}
	skey, vkey, err := note.GenerateKey(nil, "w.test/w2")
	if err != nil {
		t.Fatal(err)
	}
	s, err := cosig.NewSignerForCosignatureV1(skey)
	if err != nil {
		t.Fatal(err)
	}
	n, err := note.Open(c.Note, note.VerifierList(verifier(t, origin)))
	if err != nil {
		t.Fatal(err)
	}
	signed, err := note.Sign(n, s)
	if err != nil {
		t.Fatal(err)
	}
	name, pub, err := translog.ParseVerifierKey(vkey)
	if err != nil {
		t.Fatal(err)
	}
	v, err := translog.NewCosignatureVerifier(name, pub)
	if err != nil {
		t.Fatal(err)
	}
	c, err = translog.ParseCheckpoint(signed, verifier(t, origin))
	if err != nil {
		t.Fatal(err)
	}
	if got := c.Cosigners([]note.Verifier{v}); len(got) != 1 || time.Since(got[0].Time) > time.Hour {
		t.Errorf("cosigners: %+v", got)
	}
}
