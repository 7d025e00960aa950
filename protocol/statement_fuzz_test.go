package protocol_test

import (
	"bytes"
	"testing"

	"mirnode/protocol"
)

// fuzzStatement holds a parser to one spelling for all that it takes, and to taking nothing of another kind.
func fuzzStatement(f *testing.F, kind protocol.Kind) {
	for _, s := range statements(f) {
		f.Add(s.Raw())
	}
	f.Add([]byte(`{"mirObservation":1,"mirErasure":1,"mirNode":1}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := protocol.ParseRecord(kind, data)
		if err != nil {
			mustBeRefusal(t, err, protocol.InvalidSchema)
			return
		}
		if string(r.Raw()) != string(bytes.Trim(data, " \t\r\n")) || len(r.Raw()) > protocol.MaxIssuerBytes {
			t.Fatalf("%q is another spelling of %s", data, r.Raw())
		}
		s := r.(protocol.Statement)
		if bytes.Contains(s.Canonical(), []byte(`"sig":`)) || !bytes.Contains(s.Canonical(), []byte(`"network":"`+string(s.Network())+`"`)) {
			t.Fatalf("canonical form %s", s.Canonical())
		}
		for _, other := range kinds {
			for _, document := range [][]byte{s.Raw(), s.Canonical()} {
				if _, err := protocol.ParseRecord(other, document); err == nil && (other != kind || len(document) != len(s.Raw())) {
					t.Fatalf("a %s passes for a %s: %s", kind, other, document)
				}
			}
		}
	})
}

func FuzzParseObservation(f *testing.F)  { fuzzStatement(f, protocol.KindObservation) }
func FuzzParseErasure(f *testing.F)      { fuzzStatement(f, protocol.KindErasure) }
func FuzzParseDescriptor(f *testing.F)   { fuzzStatement(f, protocol.KindDescriptor) }
func FuzzParseIssuer(f *testing.F)       { fuzzStatement(f, protocol.KindIssuer) }
func FuzzParseMetadataEdit(f *testing.F) { fuzzStatement(f, protocol.KindMetadata) }
