package logread_test

import (
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"

	"mirnode/conformance/logread"
)

const documentedKey = "node1.example.com/mir+a2c00981+Ae/t0PkFlQntp8seeye1gh1HzACBPWi7GesiwZlg39Xs"

// documented gives a block of docs/receipts.md.
func documented(t testing.TB, language string) string {
	t.Helper()
	page, err := os.ReadFile("../../docs/receipts.md")
	if err != nil {
		t.Fatal(err)
	}
	for part := range strings.SplitSeq(string(page), "```"+language+"\n") {
		text, _, _ := strings.Cut(part, "\n```")
		if strings.HasPrefix(text, "c2sp.org/tlog-proof") || strings.HasPrefix(text, "{\n") {
			return text + "\n"
		}
	}
	t.Fatalf("docs/receipts.md has no %s", language)
	return ""
}

// TestReceipt verifies the receipt of docs/receipts.md, and wants every byte of it to matter.
func TestReceipt(t *testing.T) {
	key, err := logread.ParseKey(documentedKey)
	if err != nil {
		t.Fatal(err)
	}
	text := documented(t, "text")
	verify := func(text string) (logread.Entry, logread.Checkpoint, error) {
		r, err := logread.ParseReceipt([]byte(text))
		if err != nil {
			return logread.Entry{}, logread.Checkpoint{}, err
		}
		return r.Verify(key)
	}
	e, c, err := verify(text)
	if err != nil || c.Size != 7 || e.Kind != "claim" || len(c.Cosigners) != 1 {
		t.Fatalf("%+v %+v %v", e, c, err)
	}
	own := strings.Index(text, "— node2") // cosignatures are not checked
	for i := range own {
		for _, b := range []byte{text[i] ^ []byte{1, 0x20}[i%2]} { // one change a byte: each costs a signature's verification
			changed := text[:i] + string(rune(b)) + text[i+1:]
			if _, _, err := verify(changed); err == nil && b < 0x80 {
				t.Fatalf("byte %d can be %q:\n%s", i, b, changed)
			} else if b < 0x80 && !errors.Is(err, logread.ErrMalformed) && !errors.Is(err, logread.ErrSignature) && !errors.Is(err, logread.ErrProof) {
				t.Fatalf("byte %d as %q: %v", i, b, err)
			}
		}
	}
	for _, change := range [][2]string{
		{"index 4", "index 5"}, {"index 4", "index -4"}, {"index 4", "index 04"}, {"index 4", "index 9"}, {"@v1", "@v2"}, {"\n\n", "\n"},
		{"ELpJckXWjEiXtCyDpw1QW2aaRNKpkHJAaeFZoOs0hHw=\n", ""},
	} {
		if _, _, err := verify(strings.Replace(text, change[0], change[1], 1)); err == nil {
			t.Errorf("%q in the place of %q verifies", change[1], change[0])
		}
	}
}

// TestFork verifies the proof of docs/receipts.md.
func TestFork(t *testing.T) {
	key, err := logread.ParseKey(documentedKey)
	if err != nil {
		t.Fatal(err)
	}
	fork, err := logread.ParseFork([]byte(documented(t, "json")))
	if err != nil {
		t.Fatal(err)
	}
	if err := fork.Verify(key); err != nil {
		t.Error(err)
	}
	for name, change := range map[string]func(f *logread.Fork){
		"prefix":  func(f *logread.Fork) { f.Prefix = strings.Repeat("0", 64) },
		"no hash": func(f *logread.Fork) { f.Prefix = "x" },
		"proof":   func(f *logread.Fork) { f.Proof = f.Proof[1:] },
		"same":    func(f *logread.Fork) { f.Second = f.First },
		"order":   func(f *logread.Fork) { f.First, f.Second = f.Second, f.First },
		"origin":  func(f *logread.Fork) { f.Origin = "node2.example.com/mir" },
		"unsigned": func(f *logread.Fork) {
			f.Second = strings.Replace(f.Second, "\n9\n", "\n8\n", 1)
		},
	} {
		wrong := fork
		change(&wrong)
		if err := wrong.Verify(key); err == nil {
			t.Errorf("%s: the fork is proven", name)
		}
	}
}

// TestConsistentIsNoFork: two heads that can both be are no fork.
func TestConsistentIsNoFork(t *testing.T) {
	_, key := keyOf("log")
	first, second := write(t, linesTo(3)...), write(t, linesTo(5)...)
	root := first.tree.Root()
	fork := logread.Fork{Origin: origin, First: first.note, Second: second.note, Prefix: root.String()}
	if err := fork.Verify(key); err == nil {
		t.Error("a log that grew is a fork")
	}
	equal := write(t, linesTo(4)[1:]...)
	fork = logread.Fork{Origin: origin, First: first.note, Second: equal.note}
	if err := fork.Verify(key); err != nil {
		t.Errorf("two roots of one size are no fork: %v", err)
	}
}

func FuzzParseReceipt(f *testing.F) {
	f.Add([]byte("c2sp.org/tlog-proof@v1\nextra AAAA\nindex 4\n\nx"))
	f.Add([]byte(documented(f, "text")))
	key, err := logread.ParseKey(documentedKey)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		r, err := logread.ParseReceipt(text)
		if err != nil {
			return
		}
		if _, c, err := r.Verify(key); err == nil && c.Size != 7 {
			t.Errorf("a receipt of another tree verifies: %q", text)
		}
	})
}

func FuzzParseFork(f *testing.F) {
	f.Add([]byte(documented(f, "json")))
	f.Fuzz(func(t *testing.T, text []byte) {
		fork, err := logread.ParseFork(text)
		if err != nil {
			return
		}
		_, key := keyOf("log")
		if fork.Verify(key) == nil {
			t.Error("a proof without the key's signature verifies")
		}
		if _, err := json.Marshal(fork); err != nil {
			t.Error(err)
		}
	})
}
