package protocol_test

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/hex"
	"strings"
	"testing"
	"time"

	"mirnode/protocol"
)

func TestPublicKeys(t *testing.T) {
	pub := testKey(1).Public().(ed25519.PublicKey)
	encoded := protocol.EncodePublicKey(pub)
	got, err := protocol.ParsePublicKey(encoded)
	if err != nil || !got.Equal(pub) || len(encoded) != 43 {
		t.Fatalf("%s came back as %x, %v", encoded, got, err)
	}
	second := encoded[:42] + string(encoded[42]+1)
	for name, s := range map[string]string{
		"empty": "", "short": encoded[:42], "padded": encoded + "=", "trailing bits": second, "space": " " + encoded[:42],
		"line break": encoded[:42] + "\n", "standard alphabet": "+" + encoded[1:], "hex": hex.EncodeToString(pub),
	} {
		if _, err := protocol.ParsePublicKey(s); err == nil {
			t.Errorf("%s: accepted %q", name, s)
		} else {
			wantCode(t, err, protocol.KeyNotFound)
		}
	}
}

// TestPointsThatAreNoKeys has all points of small order, in all their encodings, and the
// non-canonical encodings beside them.
func TestPointsThatAreNoKeys(t *testing.T) {
	for _, tt := range []struct{ key, message string }{
		{"0100000000000000000000000000000000000000000000000000000000000000", "small order"},
		{"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", "small order"},
		{"0000000000000000000000000000000000000000000000000000000000000000", "small order"},
		{"0000000000000000000000000000000000000000000000000000000000000080", "small order"},
		{"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05", "small order"},
		{"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85", "small order"},
		{"c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a", "small order"},
		{"c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa", "small order"},
		{"0100000000000000000000000000000000000000000000000000000000000080", "non-canonical"},
		{"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff", "non-canonical"},
		{"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", "non-canonical"},
		{"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff", "non-canonical"},
		{"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", "non-canonical"},
		{"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff", "non-canonical"},
		{"f0ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", "non-canonical"},
		{"0200000000000000000000000000000000000000000000000000000000000000", "not a point"},
		{"00", "1 bytes"},
	} {
		pub, err := hex.DecodeString(tt.key)
		if err != nil {
			t.Fatal(err)
		}
		err = protocol.CheckPublicKey(pub)
		if refusal := wantCode(t, err, protocol.KeyNotFound); !strings.Contains(refusal.Message, tt.message) {
			t.Errorf("%s: %q does not say %q", tt.key, refusal.Message, tt.message)
		}
	}
	for b := range byte(32) {
		if err := protocol.CheckPublicKey(testKey(b).Public().(ed25519.PublicKey)); err != nil {
			t.Errorf("key %d: %v", b, err)
		}
	}
}

func TestKeyRecords(t *testing.T) {
	pub := testKey(1).Public().(ed25519.PublicKey)
	record := protocol.KeyRecord(pub)
	if got, ok, err := protocol.ParseKeyRecord(record); !ok || err != nil || !got.Equal(pub) {
		t.Errorf("%s: %v %v", record, ok, err)
	}
	for _, other := range []string{"", "v=spf1 -all", "mir-keys=x", "mir-verify=00", "mir-key", "google-site-verification=mir-key="} {
		if _, ok, err := protocol.ParseKeyRecord(other); ok || err != nil {
			t.Errorf("%q: %v %v, want a record of another kind", other, ok, err)
		}
	}
	for _, broken := range []string{
		"mir-key=", "mir-key=abc", record + " ", " " + record, `"` + record + `"`, "MIR-KEY=" + record[8:], "mir-key = " + record[8:], record + record,
		"mir-key=" + strings.Repeat("A", 43),
	} {
		_, ok, err := protocol.ParseKeyRecord(broken)
		if !ok {
			t.Errorf("%q passes for a record of another kind", broken)
			continue
		}
		wantCode(t, err, protocol.KeyNotFound)
	}
}

func entryJSON(b byte, change ...string) string {
	pub := testKey(b).Public().(ed25519.PublicKey)
	return strings.NewReplacer(change...).Replace(`{"pub":"` + protocol.EncodePublicKey(pub) + `","fingerprint":"` + protocol.Fingerprint(pub) +
		`","alg":"Ed25519","created":"2026-01-01T00:00:00Z","expires":null,"comment":{"ignored":[1]}}`)
}

func TestKeyDocument(t *testing.T) {
	entries := []struct {
		entry   string
		problem string // part; "" is accepted
	}{
		{entryJSON(1), ""},
		{entryJSON(2, `"expires":null`, `"expires":"2027-01-01T00:00:00+01:00"`), ""},
		{entryJSON(3, `"created":"2026-01-01T00:00:00Z",`, ``, `"expires":null,`, ``), ""},
		{entryJSON(1), "same key"},
		{entryJSON(4, `"fingerprint":"`, `"fingerprint":"0`), "its fingerprint is"},
		{entryJSON(4, `"fingerprint"`, `"fingerprints"`), "its fingerprint is"},
		{entryJSON(4, `"Ed25519"`, `"ed25519"`), "its alg is"},
		{entryJSON(4, `"pub":"`, `"pub":"A`), "44 characters"},
		{entryJSON(4, `"pub"`, `"public"`), "0 characters"},
		{entryJSON(4, `null`, `"soon"`), "its expires is no RFC 3339 time"},
		{entryJSON(4, `null`, `1767225600`), "its expires is no RFC 3339 time"},
		{entryJSON(4, `2026-01-01T00:00:00Z`, `2026-01-01`), "its created is no RFC 3339 time"},
		{entryJSON(4, `2026-01-01T00:00:00Z`, `9999-12-31T23:59:59-23:59`), "its created is not in the years 1 to 9999"},
		{entryJSON(4, `null`, `"0000-01-01T00:00:00+23:59"`), "its expires is not in the years 1 to 9999"},
		{entryJSON(4, `null`, `"0001-01-01T00:00:00Z"`), "its expires is not in the years 1 to 9999"},
		{`"key"`, "a string instead of an object"},
		{`{"pub":"` + base64.RawURLEncoding.EncodeToString(append([]byte{1}, make([]byte, 31)...)) + `","alg":"Ed25519"}`, "small order"},
	}
	var list []string
	for _, e := range entries {
		list = append(list, e.entry)
	}
	doc, err := protocol.ParseKeyDocument([]byte(`{"keys":[` + strings.Join(list, ",") + `],"version":7}`))
	if err != nil {
		t.Fatal(err)
	}
	problems := doc.Problems
	for i, e := range entries {
		if e.problem == "" {
			continue
		}
		if len(problems) == 0 || !strings.Contains(problems[0], e.problem) {
			t.Fatalf("entry %d: problems %q, want %q first", i, problems, e.problem)
		}
		problems = problems[1:]
	}
	if len(doc.Keys) != 3 || len(problems) != 0 {
		t.Fatalf("%d keys, problems left %q", len(doc.Keys), problems)
	}
	if k := doc.Keys[1]; !k.Expires.Equal(time.Date(2026, 12, 31, 23, 0, 0, 0, time.UTC)) || k.Fingerprint != protocol.Fingerprint(k.Public) {
		t.Errorf("second key %+v", k)
	}
	if k := doc.Keys[2]; !k.Created.IsZero() || !k.Expires.IsZero() {
		t.Errorf("third key %+v", k)
	}
	again, err := protocol.ParseKeyDocument(doc.JSON())
	if err != nil || len(again.Keys) != 3 || string(again.JSON()) != string(doc.JSON()) {
		t.Errorf("written and read again: %v, %s", err, again.JSON())
	}
}

func TestKeyDocumentsThatAreNone(t *testing.T) {
	for _, doc := range []string{
		``, `[]`, `{}`, `{"keys":{}}`, `{"keys":null}`, `{"keys":[],"keys":[]}`, `{"keys":[]} x`, `<html>`,
		`{"keys":[]` + strings.Repeat(" ", protocol.MaxKeyDocumentBytes) + `}`,
	} {
		_, err := protocol.ParseKeyDocument([]byte(doc))
		wantCode(t, err, protocol.KeyNotFound)
	}
	if doc, err := protocol.ParseKeyDocument([]byte(`{"keys":[]}`)); err != nil || len(doc.Keys) != 0 {
		t.Errorf("a document without keys: %v", err)
	}
}

func TestKeyFile(t *testing.T) {
	file, err := protocol.ParseKeyFile([]byte(`{"new":` + entryJSON(1) + `,"old":` + entryJSON(1, "null", `"2026-06-01T00:00:00Z"`) + `,"bad":7}`))
	if err != nil || len(file.Keys) != 2 || file.Keys[0].Name != "new" || file.Keys[1].Name != "old" || file.Keys[1].Key.Expires.IsZero() {
		t.Errorf("map of names: %+v, %v", file, err)
	}
	if len(file.Problems) != 1 || !strings.Contains(file.Problems[0], `"bad"`) {
		t.Errorf("problems %q", file.Problems)
	}
	file, err = protocol.ParseKeyFile([]byte(`{"keys":[` + entryJSON(1) + `,` + entryJSON(2) + `,7]}`))
	if err != nil || len(file.Keys) != 2 || file.Keys[0].Name != "" || len(file.Problems) != 1 {
		t.Errorf("key document: %+v, %v", file, err)
	}
	if file, err = protocol.ParseKeyFile([]byte(`{"keys":` + entryJSON(1) + `}`)); err != nil || len(file.Keys) != 1 || file.Keys[0].Name != "keys" {
		t.Errorf("a key that is called keys: %+v, %v", file, err)
	}
	_, err = protocol.ParseKeyFile([]byte(`[]`))
	wantCode(t, err, protocol.KeyNotFound)
}
