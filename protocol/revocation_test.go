package protocol_test

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"mirnode/protocol"
)

func TestRevocation(t *testing.T) {
	r := revocation(t)
	again, err := protocol.ParseRecord(protocol.KindRevocation, fmt.Appendf(nil, " %s\n", r.Raw()))
	if err != nil || !reflect.DeepEqual(again, protocol.Record(r)) || again.RecordHash() != sha256.Sum256(r.Raw()) {
		t.Fatalf("read again: %v", err)
	}
	want := revocationPayload()
	if r.Action != want.Action || r.AssertionID != want.AssertionID || r.IssuerID != want.IssuerID || r.Timestamp != want.Timestamp || r.Reason != want.Reason ||
		r.Time != noon || r.AssertionHash() != sha256.Sum256([]byte("x")) || r.IDHash() != sha256.Sum256(want.Encode()) {
		t.Errorf("revocation %+v", r)
	}
	if !ed25519.Verify(publicKey(2), r.Signed, r.Signature()) {
		t.Error("the signature does not verify")
	}
	sorted(t, r.Raw())
	sorted(t, r.Signed)
}

func TestRevocationPayloadEdges(t *testing.T) {
	good := string(revocationPayload().Encode())
	replaced := func(old, with string) string {
		other := strings.Replace(good, old, with, 1)
		if other == good {
			t.Fatalf("%s is not there", old)
		}
		return other
	}
	hash := good[strings.Index(good, "assertion_")+10:][:64]
	for name, c := range map[string]struct {
		payload string
		want    bool
	}{
		"a reason":                    {good, true},
		"no reason":                   {replaced(`"reason":"published by mistake",`, ""), true},
		"an empty reason":             {replaced("published by mistake", ""), false},
		"a reason of 500":             {replaced("published by mistake", strings.Repeat("\U0001F600", 500)), true},
		"a reason of 501":             {replaced("published by mistake", strings.Repeat("x", 501)), false},
		"a reason with a bell":        {replaced("published by mistake", `\u0007`), false},
		"supersede":                   {replaced("REVOKE", "SUPERSEDE"), true},
		"another action":              {replaced("REVOKE", "DELETE"), false},
		"an action with escapes":      {replaced("REVOKE", `R\u0045VOKE`), false},
		"no action":                   {replaced(`"action":"REVOKE",`, ""), false},
		"an ID in capitals":           {replaced(hash, strings.ToUpper(hash)), true},
		"an ID too short":             {replaced(hash, hash[1:]), false},
		"a claim's ID":                {replaced("assertion_", "claim_"), false},
		"an issuer's ID too short":    {replaced("issuer_8", "issuer_"), false},
		"no zone":                     {replaced(`.000Z"`, `.000"`), false},
		"version 2":                   {replaced(`"version":1`, `"version":2`), false},
		"a type":                      {replaced(`"version":1`, `"version":1,"type":"ISSUED_BY"`), false},
		"an artifact":                 {replaced(`"version":1`, `"version":1,"artifactHash":"`+zeroHash+`"`), false},
		"white space":                 {" " + strings.ReplaceAll(good, ",", ",\n"), true},
		"8 KiB":                       {good + strings.Repeat(" ", protocol.MaxPayloadBytes-len(good)), true},
		"8 KiB and a byte":            {good + strings.Repeat(" ", protocol.MaxPayloadBytes-len(good)+1), false},
		"an assertion's payload":      {payloadWith(), false},
		"nothing":                     {"", false},
		"a list":                      {"[" + good + "]", false},
		"a text that is no UTF-8":     {replaced("mistake", "\xff"), false},
		"a text of half a character":  {replaced("mistake", `\ud83d`), false},
		"a member twice with escapes": {replaced(`"version"`, `"\u0061ction":"REVOKE","version"`), false},
	} {
		p, err := protocol.ParseRevocationPayload([]byte(c.payload))
		if (err == nil) != c.want {
			t.Errorf("%s: %v", name, err)
		}
		if err != nil {
			wantCode(t, err, protocol.InvalidSchema)
			if _, err := protocol.NewRevocation([]byte(c.payload), zeroHash, make([]byte, 64)); err == nil {
				t.Errorf("%s: a record", name)
			}
			continue
		}
		form, err := protocol.CanonicalPayload([]byte(c.payload))
		if err != nil || p.IDHash() != sha256.Sum256(form) || p.AssertionID != "assertion_"+hash {
			t.Errorf("%s: %+v, %v", name, p, err)
		}
		r, err := protocol.NewRevocation([]byte(c.payload), zeroHash, make([]byte, 64))
		if err != nil || string(r.Signed) != c.payload || len(r.Raw()) > protocol.MaxRevocationBytes {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := protocol.NewRevocation([]byte(good), zeroHash, make([]byte, 63)); err == nil {
		t.Error("63 bytes of signature")
	}
	if _, err := protocol.NewRevocation([]byte(good+strings.Repeat("\n", 6000)), zeroHash, make([]byte, 64)); err == nil {
		t.Error("a record that is too long with its escapes")
	}
}

func FuzzParseRevocationPayload(f *testing.F) {
	f.Add(revocationPayload().Encode())
	f.Add(testPayload().Encode())
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := protocol.ParseRevocationPayload(data)
		if err != nil {
			mustBeRefusal(t, err, protocol.InvalidSchema)
			return
		}
		form, err := protocol.CanonicalPayload(data)
		if err != nil || p.IDHash() != sha256.Sum256(form) || meaning(t, data) != meaning(t, form) {
			t.Fatalf("%s became %s: %v", data, form, err)
		}
		if again, err := protocol.ParseRevocationPayload(p.Encode()); err != nil || !bytes.Equal(again.Encode(), p.Encode()) {
			t.Fatalf("%s became %s: %v", data, p.Encode(), err)
		}
	})
}
