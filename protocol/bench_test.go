package protocol_test

import (
	"crypto/ed25519"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"mirnode/protocol"
)

func benchmarkDocument(b *testing.B) []byte {
	b.Helper()
	data, err := os.ReadFile(filepath.Join(vectorsDir(), "01-valid-claim", "claim.json"))
	if err != nil {
		b.Fatal(err)
	}
	return data
}

// BenchmarkParseClaim includes the canonical form, which parsing makes.
func BenchmarkParseClaim(b *testing.B) {
	data := benchmarkDocument(b)
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		c, err := protocol.ParseClaim(data)
		if err != nil || len(c.Canonical()) == 0 {
			b.Fatal(err)
		}
	}
}

// BenchmarkParseClaimCompact parses the spelling that Sign makes.
func BenchmarkParseClaimCompact(b *testing.B) {
	c, err := testDraft(`{"count":1,"currency":"USD"}`).Sign(testKey(1))
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(c.Raw())))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := protocol.ParseClaim(c.Raw()); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkParseManyValues parses what costs most for its size: the most values that a claim can hold, and a document full of them.
func BenchmarkParseManyValues(b *testing.B) {
	for name, count := range map[string]int{"valid": 2000, "refused": 7900} {
		data := document(`{"a":[` + strings.Repeat("1,", count) + `1]}`)
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := protocol.ParseClaim(data); (err == nil) != (name == "valid") {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkRecordHash(b *testing.B) {
	c, err := protocol.ParseClaim(benchmarkDocument(b))
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		c.RecordHash()
	}
}

func BenchmarkSign(b *testing.B) {
	d, key := testDraft(`{"count":1,"currency":"USD"}`), testKey(1)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := d.Sign(key); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkVerifySignature is the measure for the others: what crypto/ed25519 takes.
func BenchmarkVerifySignature(b *testing.B) {
	c, err := testDraft(`{"count":1,"currency":"USD"}`).Sign(testKey(1))
	if err != nil {
		b.Fatal(err)
	}
	pub := testKey(1).Public().(ed25519.PublicKey)
	for b.Loop() {
		if !ed25519.Verify(pub, c.Canonical(), c.Signature()) {
			b.Fatal("not valid")
		}
	}
}
