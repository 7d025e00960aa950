package protocol_test

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"mirnode/protocol"
)

// payloadWith is a payload with members put in front of it, or in the place of those of the same name.
func payloadWith(members ...string) string {
	fields := []string{
		`"version":1`, `"artifactHash":"` + zeroHash + `"`, `"type":"ISSUED_BY"`, `"issuerId":"issuer_8bcab9f7de068448394faf5baf53f5ec"`,
		`"timestamp":"2026-11-22T12:00:00.000Z"`,
	}
	for _, m := range members {
		name, _, _ := strings.Cut(m, ":")
		replaced := false
		for i := range fields {
			if strings.HasPrefix(fields[i], name+":") {
				fields[i], replaced = m, true
			}
		}
		if !replaced {
			fields = append(fields, m)
		}
	}
	return "{" + strings.Join(fields, ",") + "}"
}

func text(name, value string) string { return strconv.Quote(name) + `:"` + value + `"` }

// TestPayloadEdges tries each limit at its edge, each type, and each spelling that is taken.
func TestPayloadEdges(t *testing.T) {
	wide := "\U0001F600"
	id := "assertion_" + zeroHash
	for _, c := range []struct {
		name, payload string
		want          bool
	}{
		{"the five fields", payloadWith(), true},
		{"version 2", payloadWith(`"version":2`), false},
		{"version 1.0", payloadWith(`"version":1.0`), false},
		{"version as text", payloadWith(`"version":"1"`), false},
		{"an upper-case hash", payloadWith(text("artifactHash", strings.Repeat("AbCdEf01", 8))), true},
		{"63 digits", payloadWith(text("artifactHash", zeroHash[1:])), false},
		{"65 digits", payloadWith(text("artifactHash", zeroHash+"0")), false},
		{"no hex", payloadWith(text("artifactHash", "g"+zeroHash[1:])), false},
		{"a hash with escapes", payloadWith(text("artifactHash", `\u0030`+zeroHash[1:])), false},
		{"a type with escapes", payloadWith(text("type", `\u0049SSUED_BY`)), false},
		{"another type", payloadWith(text("type", "OWNED_BY")), false},
		{"a type in small letters", payloadWith(text("type", "issued_by")), false},
		{"no type", payloadWith(`"type":null`), false},
		{"an issuer that is none", payloadWith(text("issuerId", "your-issuer-id")), false},
		{"an issuer in capitals", payloadWith(text("issuerId", "issuer_8BCAB9F7DE068448394FAF5BAF53F5EC")), false},
		{"an issuer with escapes", payloadWith(text("issuerId", `\u0069ssuer_8bcab9f7de068448394faf5baf53f5ec`)), false},
		{"a time without fraction", payloadWith(text("timestamp", "2026-11-22T12:00:00Z")), true},
		{"a time as Python writes it", payloadWith(text("timestamp", "2026-11-22T12:00:00.123456+00:00")), true},
		{"a time of 64 characters", payloadWith(text("timestamp", "2026-11-22T12:00:00."+strings.Repeat("0", 43)+"Z")), true},
		{"a time of 65 characters", payloadWith(text("timestamp", "2026-11-22T12:00:00."+strings.Repeat("0", 44)+"Z")), false},
		{"a time without zone", payloadWith(text("timestamp", "2026-11-22T12:00:00")), false},
		{"a time with escapes", payloadWith(text("timestamp", `2026-11-22T12:00:00\u005a`)), false},
		{"a time as a number", payloadWith(`"timestamp":1795348800`), false},
		{"context of 500 wide characters", payloadWith(text("context", strings.Repeat(wide, 500))), true},
		{"context of 500 escaped ones", payloadWith(text("context", strings.Repeat(`\ud83d\ude00`, 500))), true},
		{"context of 501", payloadWith(text("context", strings.Repeat("x", 501))), false},
		{"context of none", payloadWith(text("context", "")), false},
		{"context null", payloadWith(`"context":null`), false},
		{"context with a line break", payloadWith(text("context", `a\n\tb`)), true},
		{"context with a carriage return", payloadWith(text("context", `a\r\nb`)), false},
		{"context with an escape sequence", payloadWith(text("context", `\u001b[2J`)), false},
		{"context with half a character", payloadWith(text("context", `\ud83d`)), false},
		{"context that is no UTF-8", payloadWith(text("context", "\xff")), false},
		{"scope of 500", payloadWith(text("scope", strings.Repeat("ä", 500))), true},
		{"scope of 501", payloadWith(text("scope", strings.Repeat("ä", 501))), false},
		{"disputes", payloadWith(text("type", "DISPUTE"), text("disputes", id)), true},
		{"disputes in capitals", payloadWith(text("disputes", "assertion_"+strings.Repeat("A", 64))), true},
		{"disputes a hash", payloadWith(text("disputes", zeroHash)), false},
		{"disputes nothing", payloadWith(text("disputes", "")), false},
		{"supersedes", payloadWith(text("supersedes", id)), true},
		{"supersedes a claim", payloadWith(text("supersedes", "claim_"+zeroHash)), false},
		{"a media type of 127 and 127", payloadWith(text("artifactMimeType", strings.Repeat("a", 127)+"/"+strings.Repeat("b", 127))), true},
		{"a media type of 128", payloadWith(text("artifactMimeType", strings.Repeat("a", 128)+"/b")), false},
		{"a subtype of 128", payloadWith(text("artifactMimeType", "a/"+strings.Repeat("b", 128))), false},
		{"a media type with all signs", payloadWith(text("artifactMimeType", "Application/vnd.a-b+c!#$&^_1")), true},
		{"a media type with parameters", payloadWith(text("artifactMimeType", "text/plain;charset=utf-8")), false},
		{"a media type without subtype", payloadWith(text("artifactMimeType", "image/")), false},
		{"a media type without slash", payloadWith(text("artifactMimeType", "image")), false},
		{"a media type with two slashes", payloadWith(text("artifactMimeType", "a/b/c")), false},
		{"a media type that starts with a sign", payloadWith(text("artifactMimeType", "a/.b")), false},
		{"0 bytes", payloadWith(`"artifactByteSize":0`), true},
		{"2^53-1 bytes", payloadWith(`"artifactByteSize":9007199254740991`), true},
		{"2^53 bytes", payloadWith(`"artifactByteSize":9007199254740992`), false},
		{"1e3 bytes", payloadWith(`"artifactByteSize":1e3`), true},
		{"-1 bytes", payloadWith(`"artifactByteSize":-1`), false},
		{"half a byte", payloadWith(`"artifactByteSize":0.5`), false},
		{"1e999 bytes", payloadWith(`"artifactByteSize":1e999`), false},
		{"bytes as text", payloadWith(`"artifactByteSize":"1"`), false},
		{"another member", payloadWith(`"note":"x"`), false},
		{"an action", payloadWith(`"action":"REVOKE"`), false},
		{"a nested member", payloadWith(`"metadata":{"a":[{}]}`), false},
		{"a name in capitals", payloadWith(`"Context":"x"`), false},
		{"a member twice", strings.Replace(payloadWith(), "{", `{"type":"DISPUTE",`, 1), false},
		{"a member twice, escaped", strings.Replace(payloadWith(), "{", `{"t\u0079pe":"DISPUTE",`, 1), false},
		{"a name with escapes", strings.Replace(payloadWith(), `"type"`, `"t\u0079pe"`, 1), true},
		{"white space", " \r\n\t" + strings.ReplaceAll(payloadWith(), ",", " ,\n  ") + "\n", true},
		{"8 KiB", payloadWith() + strings.Repeat(" ", protocol.MaxPayloadBytes-len(payloadWith())), true},
		{"8 KiB and a byte", payloadWith() + strings.Repeat(" ", protocol.MaxPayloadBytes-len(payloadWith())+1), false},
		{"nothing", "", false},
		{"a list", "[" + payloadWith() + "]", false},
		{"two", payloadWith() + payloadWith(), false},
		{"a byte order mark", "\ufeff" + payloadWith(), false},
		{"cut off", payloadWith()[:50], false},
	} {
		p, err := protocol.ParsePayload([]byte(c.payload))
		if (err == nil) != c.want {
			t.Errorf("%s: %v", c.name, err)
		}
		if err != nil {
			wantCode(t, err, protocol.InvalidSchema)
			continue
		}
		form, err := protocol.CanonicalPayload([]byte(c.payload))
		if err != nil || p.IDHash() != sha256.Sum256(form) {
			t.Errorf("%s: canonical form %s, %v", c.name, form, err)
		}
	}
	for _, name := range []string{"version", "artifactHash", "type", "issuerId", "timestamp"} {
		cut := strings.Replace(payloadWith(), `"`+name+`"`, `"context"`, 1)
		if _, err := protocol.ParsePayload([]byte(cut)); err == nil {
			t.Errorf("without %s: accepted", name)
		}
	}
}

func TestPayloadTypes(t *testing.T) {
	want := []protocol.AssertionType{"ISSUED_BY", "NOT_ISSUED_BY", "DISPUTE", "ROLE_SCOPE", "INTENT", "METHOD", "LICENSED_TO", "TRANSFORMED_BY"}
	if got := protocol.AssertionTypes(); !reflect.DeepEqual(got, want) {
		t.Errorf("types %v", got)
	}
	for _, kind := range want {
		p, err := protocol.ParsePayload([]byte(payloadWith(text("type", string(kind)))))
		if err != nil || p.Type != kind {
			t.Errorf("%s: %v", kind, err)
		}
	}
	if again := protocol.AssertionTypes(); &again[0] == &protocol.AssertionTypes()[0] {
		t.Error("the slice is shared")
	}
}

// TestPayloadNormalises: what may arrive in capitals is kept in small letters, and the bytes that were signed count for the ID.
func TestPayloadNormalises(t *testing.T) {
	upper := strings.Repeat("AB", 32)
	payload := payloadWith(text("artifactHash", upper), text("disputes", "assertion_"+upper), text("supersedes", "assertion_"+upper))
	p, err := protocol.ParsePayload([]byte(payload))
	if err != nil {
		t.Fatal(err)
	}
	if hex.EncodeToString(p.Artifact[:]) != strings.ToLower(upper) || p.Disputes != "assertion_"+strings.ToLower(upper) || p.Supersedes != p.Disputes {
		t.Errorf("payload %+v", p)
	}
	if want := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC); p.Time != want {
		t.Errorf("time %v", p.Time)
	}
	form, err := protocol.CanonicalPayload([]byte(payload))
	if err != nil || !strings.Contains(string(form), upper) || p.ID() != protocol.AssertionID(sha256.Sum256(form)) {
		t.Errorf("the form %s is not what was sent: %v", form, err)
	}
	for name, s := range map[string]string{
		"capitals": "assertion_" + upper, "prefix in capitals": "ASSERTION_" + upper, "no prefix": upper, "a digit less": "assertion_" + upper[1:],
		"no hex": "assertion_" + strings.Repeat("x", 64), "nothing": "",
	} {
		if id, err := protocol.ParseAssertionID(s); (err == nil) != (name == "capitals") || err == nil && id != p.Artifact {
			t.Errorf("%s: %x, %v", name, id, err)
		}
	}
}

// TestPayloadSpellings: a payload in another spelling is the same assertion.
func TestPayloadSpellings(t *testing.T) {
	want, err := protocol.ParsePayload([]byte(payloadWith(`"context":"é/😀"`, `"artifactByteSize":1000`)))
	if err != nil {
		t.Fatal(err)
	}
	for name, other := range map[string]string{
		"escapes":         payloadWith(`"context":"\u00e9\/\ud83d\ude00"`, `"artifactByteSize":1000`),
		"another number":  payloadWith(`"context":"é/😀"`, `"artifactByteSize":1.0e3`),
		"white space":     " " + strings.ReplaceAll(payloadWith(`"context":"é/😀"`, `"artifactByteSize":1000`), ",", ", "),
		"canonical":       string(want.Encode()),
		"names escaped":   strings.Replace(payloadWith(`"context":"é/😀"`, `"artifactByteSize":1000`), `"version"`, `"versio\u006e"`, 1),
		"as JSON indents": indented(t, payloadWith(`"context":"é/😀"`, `"artifactByteSize":1000`)),
	} {
		got, err := protocol.ParsePayload([]byte(other))
		if err != nil || got.IDHash() != want.IDHash() || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
}

func indented(t testing.TB, s string) string {
	t.Helper()
	return strings.NewReplacer("{", "{\n  ", ",\"", ",\n  \"", "}", "\n}").Replace(s)
}

func TestCanonicalPayloadRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		payload string
		code    protocol.Code
	}{
		"a list":         {`[]`, protocol.InvalidSchema},
		"nothing":        {``, protocol.InvalidSchema},
		"a member twice": {`{"a":1,"a":2}`, protocol.InvalidSchema},
		"too deep":       {`{"a":{"b":{}}}`, protocol.InvalidSchema},
		"too long":       {`{"a":"` + strings.Repeat("x", protocol.MaxPayloadBytes) + `"}`, protocol.InvalidSchema},
		"many values":    {`{"a":[` + strings.Repeat("1,", 40) + `1]}`, protocol.InvalidSchema},
		"no UTF-8":       {"{\"a\":\"\xff\"}", protocol.CanonicalizationError},
		"out of range":   {`{"a":1e400}`, protocol.CanonicalizationError},
		"long numbers":   {`{"a":[` + strings.Repeat("1e308,", 29) + `1]}`, protocol.InvalidSchema},
	} {
		form, err := protocol.CanonicalPayload([]byte(c.payload))
		if err == nil {
			t.Errorf("%s became %s", name, form)
			continue
		}
		if refusal := wantCode(t, err, c.code); strings.Contains(refusal.Message, "metadata") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if form, err := protocol.CanonicalPayload([]byte(` {"b": 1.0, "a": [2, "\/"]} `)); err != nil || string(form) != `{"a":[2,"/"],"b":1}` {
		t.Errorf("form %s, %v", form, err)
	}
}

func drawPayload(t *rapid.T) *protocol.AssertionPayload {
	words := rapid.StringMatching(`[ -~\n\täß€😀]{0,20}`)
	id := rapid.SampledFrom([]string{"", "assertion_" + zeroHash, "assertion_" + strings.Repeat("ab", 32)})
	p := &protocol.AssertionPayload{
		Artifact: [32]byte{rapid.Byte().Draw(t, "artifact")}, Type: rapid.SampledFrom(protocol.AssertionTypes()).Draw(t, "type"),
		IssuerID:  protocol.IssuerID("node1.test", rapid.SampledFrom([]string{"a", "b"}).Draw(t, "issuer")),
		Timestamp: millis(time.UnixMilli(rapid.Int64Range(0, 2).Draw(t, "time"))),
		Context:   words.Draw(t, "context"), Scope: words.Draw(t, "scope"), Disputes: id.Draw(t, "disputes"), Supersedes: id.Draw(t, "supersedes"),
		MimeType: rapid.SampledFrom([]string{"", "image/jpeg", "image/png"}).Draw(t, "media type"),
	}
	if rapid.Bool().Draw(t, "sized") {
		p.ByteSize = ptr(rapid.Uint64Range(0, protocol.MaxArtifactBytes).Draw(t, "size"))
	}
	return p
}

// fields is a payload without what parsing adds.
func fields(p protocol.AssertionPayload) string {
	size := "none"
	if p.ByteSize != nil {
		size = fmt.Sprint(*p.ByteSize)
	}
	return fmt.Sprintf("%x %q %q %q %q %q %q %q %q %s", p.Artifact, p.Type, p.IssuerID, p.Timestamp, p.Context, p.Scope, p.Disputes, p.Supersedes, p.MimeType, size)
}

// TestPayloadRoundTrip writes payloads and reads them; and payloads that differ never share an ID.
func TestPayloadRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var ids, says [2]string
		for i := range ids {
			p := drawPayload(t)
			got, err := protocol.ParsePayload(p.Encode())
			if err != nil || fields(*got) != fields(*p) || string(got.Encode()) != string(p.Encode()) {
				t.Fatalf("%+v became %+v: %v", p, got, err)
			}
			if form, err := protocol.CanonicalPayload(p.Encode()); err != nil || string(form) != string(p.Encode()) {
				t.Fatalf("%s is no canonical form but %s: %v", p.Encode(), form, err)
			}
			ids[i], says[i] = got.ID(), fields(*p)
		}
		if (ids[0] == ids[1]) != (says[0] == says[1]) {
			t.Fatalf("%s and %s have the IDs %v", says[0], says[1], ids)
		}
	})
}

func FuzzParsePayload(f *testing.F) {
	f.Add([]byte(foreignPayload), []byte(payloadWith(`"context":"\u00e9\/"`, `"artifactByteSize":1e3`)))
	f.Add(testPayload().Encode(), []byte(payloadWith(`"artifactByteSize":1000.0`)))
	f.Add([]byte(" "+foreignPayload+"\n"), []byte(payloadWith(`"version":1.0`)))
	f.Add(revocationPayload().Encode(), []byte(`{"version":1}`))
	f.Fuzz(func(t *testing.T, a, b []byte) {
		pa, err := protocol.ParsePayload(a)
		if err != nil {
			mustBeRefusal(t, err, protocol.InvalidSchema)
			return
		}
		form, err := protocol.CanonicalPayload(a)
		if err != nil || pa.IDHash() != sha256.Sum256(form) || meaning(t, a) != meaning(t, form) {
			t.Fatalf("%s became %s: %v", a, form, err)
		}
		again, err := protocol.ParsePayload(form)
		if err != nil || !reflect.DeepEqual(pa, again) {
			t.Fatalf("the form %s is %+v: %v", form, again, err)
		}
		if _, err := protocol.ParseRevocationPayload(a); err == nil {
			t.Fatalf("%s is a revocation too", a)
		}
		if pb, err := protocol.ParsePayload(b); err == nil && (pa.IDHash() == pb.IDHash()) != (meaning(t, a) == meaning(t, b)) {
			t.Fatalf("%s and %s share an ID, or mean the same and do not", a, b)
		}
	})
}
