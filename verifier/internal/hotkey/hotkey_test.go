package hotkey_test

import (
	"crypto/ed25519"
	"crypto/rand"
	"testing"

	"pgregory.net/rapid"

	"mirnode/verifier/internal/hotkey"
)

// agree fails the test unless the package and crypto/ed25519 give the same verdict, and returns it.
func agree(t interface{ Fatalf(string, ...any) }, public, message, sig []byte) bool {
	want := ed25519.Verify(public, message, sig)
	key, err := hotkey.New(public)
	got := err == nil && key.Verify(message, sig)
	if got != want {
		t.Fatalf("public %x, message %x, signature %x: verified %v (%v), crypto/ed25519 says %v", public, message, sig, got, err, want)
	}
	return got
}

func TestSignedMessagesVerify(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		seed := rapid.SliceOfN(rapid.Byte(), ed25519.SeedSize, ed25519.SeedSize).Draw(t, "seed")
		message := rapid.SliceOfN(rapid.Byte(), 0, 600).Draw(t, "message")
		private := ed25519.NewKeyFromSeed(seed)
		if !agree(t, private.Public().(ed25519.PublicKey), message, ed25519.Sign(private, message)) {
			t.Fatalf("an honest signature was refused")
		}
	})
}

// TestMutationsAgree changes a few bytes anywhere in key, message or signature; the verdicts stay the same as the standard library's.
func TestMutationsAgree(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		seed := rapid.SliceOfN(rapid.Byte(), ed25519.SeedSize, ed25519.SeedSize).Draw(t, "seed")
		message := rapid.SliceOfN(rapid.Byte(), 1, 64).Draw(t, "message")
		private := ed25519.NewKeyFromSeed(seed)
		public := append([]byte(nil), private.Public().(ed25519.PublicKey)...)
		sig := ed25519.Sign(private, message)
		for range rapid.IntRange(1, 3).Draw(t, "changes") {
			target := rapid.SampledFrom([][]byte{public, message, sig}).Draw(t, "target")
			at := rapid.IntRange(0, len(target)-1).Draw(t, "at")
			target[at] = rapid.Byte().Draw(t, "byte")
		}
		agree(t, public, message, sig)
	})
}

func FuzzAgreesWithStandardLibrary(f *testing.F) {
	public, private, _ := ed25519.GenerateKey(rand.Reader)
	f.Add([]byte(public), []byte("message"), ed25519.Sign(private, []byte("message")))
	for _, encoding := range smallOrderEncodings() {
		f.Add(encoding, []byte("message"), append(encoding, make([]byte, 32)...))
	}
	f.Fuzz(func(t *testing.T, public, message, sig []byte) {
		if len(public) != ed25519.PublicKeySize {
			if _, err := hotkey.New(public); err == nil {
				t.Fatalf("a key of %d bytes was taken", len(public))
			}
			return
		}
		agree(t, public, message, sig)
	})
}

func TestOtherLengthsAreRefused(t *testing.T) {
	public, private, _ := ed25519.GenerateKey(rand.Reader)
	sig := ed25519.Sign(private, nil)
	for _, sig := range [][]byte{nil, sig[:63], append(sig, 0)} {
		if agree(t, public, nil, sig) {
			t.Errorf("a signature of %d bytes verified", len(sig))
		}
	}
	for _, public := range [][]byte{nil, public[:31], append(public, 0)} {
		if _, err := hotkey.New(public); err == nil {
			t.Errorf("a key of %d bytes was taken", len(public))
		}
	}
}

func BenchmarkVerify(b *testing.B) {
	public, private, _ := ed25519.GenerateKey(rand.Reader)
	message := make([]byte, 330) // a usual claim's canonical form
	sig := ed25519.Sign(private, message)
	b.Run("standard library", func(b *testing.B) {
		for b.Loop() {
			if !ed25519.Verify(public, message, sig) {
				b.Fatal("refused")
			}
		}
	})
	b.Run("table", func(b *testing.B) {
		key, err := hotkey.New(public)
		if err != nil {
			b.Fatal(err)
		}
		for b.Loop() {
			if !key.Verify(message, sig) {
				b.Fatal("refused")
			}
		}
	})
	b.Run("making the table", func(b *testing.B) {
		for b.Loop() {
			if _, err := hotkey.New(public); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(hotkey.Size), "table-bytes")
	})
}
