package protocol_test

import (
	"testing"

	"mirnode/protocol"
)

// BenchmarkParseAssertion is what each replicated record and each rebuild of an index costs.
func BenchmarkParseAssertion(b *testing.B) {
	raw := assertion(b).Raw()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := protocol.ParseAssertion(raw); err != nil {
			b.Fatal(err)
		}
	}
}
