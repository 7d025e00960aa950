package protocol_test

import (
	"crypto/ed25519"
	"strings"
	"testing"

	"mirnode/protocol"
)

func TestSignMakesClaimsThatVerify(t *testing.T) {
	key := testKey(1)
	for _, typ := range append(protocol.CoreTypes(), "shop.example.com:loyalty.points_earned", "mir.com:a.b") {
		d := testDraft(`{"zebra":1,"alpha":{"n":-0.50,"s":"\u00e9\/"}}`)
		d.Type = typ
		c, err := d.Sign(key)
		if err != nil {
			t.Fatalf("%s: %v", typ, err)
		}
		if !ed25519.Verify(key.Public().(ed25519.PublicKey), c.Canonical(), c.Signature()) {
			t.Errorf("%s: the signature does not verify", typ)
		}
		if !strings.Contains(string(c.Canonical()), `"metadata":{"alpha":{"n":-0.5,"s":"é/"},"zebra":1}`) {
			t.Errorf("canonical form %s", c.Canonical())
		}
		again, err := d.Sign(key)
		if err != nil || string(again.Raw()) != string(c.Raw()) {
			t.Errorf("%s: signed differently the second time: %v", typ, err)
		}
		parsed, err := protocol.ParseClaim(c.Raw())
		if err != nil || parsed.KeyFingerprint != protocol.Fingerprint(key.Public().(ed25519.PublicKey)) {
			t.Errorf("%s: %v", typ, err)
		}
	}
	if len(protocol.CoreTypes()) != 15 {
		t.Errorf("%d core types, want 15", len(protocol.CoreTypes()))
	}
}

func TestSignRefuses(t *testing.T) {
	fingerprint := protocol.Fingerprint(testKey(1).Public().(ed25519.PublicKey))
	tests := []struct {
		name          string
		change        func(d *protocol.Draft)
		code          protocol.Code
		message, hint string // parts
	}{
		{"foreign mir. type", func(d *protocol.Draft) { d.Type = "mir.transaction.escrowed" }, protocol.InvalidSchema, "not defined by the protocol", "mir.transaction.completed"},
		{"type without prefix", func(d *protocol.Draft) { d.Type = "transaction.completed" }, protocol.InvalidSchema, "type", "category.action"},
		{"address", func(d *protocol.Draft) { d.Domain = "192.0.2.1" }, protocol.InvalidSchema, "domain", "shop.example.com"},
		{"subject", func(d *protocol.Draft) { d.Subject = strings.ToUpper(d.Subject) }, protocol.InvalidSchema, "subject", "lower-case"},
		{"timestamp without zone", func(d *protocol.Draft) { d.Timestamp = "2026-02-16T15:30:00" }, protocol.InvalidSchema, "timestamp", "Z"},
		{"metadata null", func(d *protocol.Draft) { d.Metadata = []byte("null") }, protocol.InvalidSchema, "metadata is null", ""},
		{"metadata broken", func(d *protocol.Draft) { d.Metadata = []byte(`{"a":`) }, protocol.InvalidSchema, "metadata:", ""},
		{"metadata twice", func(d *protocol.Draft) { d.Metadata = []byte(`{"a":1,"a":1}`) }, protocol.InvalidSchema, "twice", ""},
		{"metadata too large", func(d *protocol.Draft) { d.Metadata = []byte(`{"a":"` + strings.Repeat("x", 4096) + `"}`) }, protocol.InvalidSchema, "4096", "hash"},
		{"metadata too deep", func(d *protocol.Draft) {
			d.Metadata = []byte(`{"a":` + strings.Repeat("[", 31) + strings.Repeat("]", 31) + `}`)
		}, protocol.InvalidSchema, "deep", ""},
		{"lone surrogate", func(d *protocol.Draft) { d.Metadata = []byte(`{"a":"\ud800"}`) }, protocol.CanonicalizationError, "metadata.a", "UTF-8"},
		{"integer-like names", func(d *protocol.Draft) { d.Metadata = []byte(`{"10":1,"9":1}`) }, protocol.CanonicalizationError, "two canonical forms", "names"},
		{"names above U+FFFF", func(d *protocol.Draft) { d.Metadata = []byte(`{"😀":1,"～":1}`) }, protocol.CanonicalizationError, "two canonical forms", "U+E000"},
		{"exponent", func(d *protocol.Draft) { d.Metadata = []byte(`{"a":1e-7}`) }, protocol.CanonicalizationError, "two canonical forms", "1e-7"},
		{"large integer", func(d *protocol.Draft) { d.Metadata = []byte(`{"a":[9007199254740993]}`) }, protocol.CanonicalizationError, "metadata.a[0]", "string"},
		{"other key", func(d *protocol.Draft) { d.KeyFingerprint = strings.Repeat("0", 64) }, protocol.KeyNotFound, fingerprint, "keyFingerprint"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d := testDraft("")
			tt.change(d)
			_, err := d.Sign(testKey(1))
			refusal := wantCode(t, err, tt.code)
			if !strings.Contains(refusal.Message, tt.message) || !strings.Contains(refusal.Hint, tt.hint) {
				t.Errorf("message %q, hint %q", refusal.Message, refusal.Hint)
			}
		})
	}
	named := testDraft("")
	named.KeyFingerprint = fingerprint
	if _, err := named.Sign(testKey(1)); err != nil {
		t.Errorf("refused the key that the draft names: %v", err)
	}
	for _, harmless := range []string{`{"9":1}`, `{"1":1,"2":[{"😀":1}]}`, `{"😀":1,"a":2}`, `{"a":1.5,"b":1e20,"__proto__":1}`} {
		if _, err := testDraft(harmless).Sign(testKey(1)); err != nil {
			t.Errorf("%s: %v", harmless, err)
		}
	}
}

func TestSignRefusesBrokenKeys(t *testing.T) {
	mixed := append(append(ed25519.PrivateKey{}, testKey(1)[:32]...), testKey(2)[32:]...)
	for name, key := range map[string]ed25519.PrivateKey{"none": nil, "seed": ed25519.PrivateKey(testKey(1).Seed()), "mixed": mixed} {
		_, err := testDraft("").Sign(key)
		if refusal := wantCode(t, err, protocol.KeyNotFound); strings.Contains(refusal.Error(), string(key)) && key != nil {
			t.Errorf("%s: the error holds the key", name)
		}
	}
}

func TestParseDraft(t *testing.T) {
	signed, err := testDraft(`{"b":1,"a":2}`).Sign(testKey(1))
	if err != nil {
		t.Fatal(err)
	}
	unsigned := string(signed.Canonical())
	d, err := protocol.ParseDraft([]byte(" " + unsigned + "\n"))
	if err != nil {
		t.Fatal(err)
	}
	if form, err := d.Canonical(); err != nil || string(form) != unsigned {
		t.Errorf("canonical form %s, %v", form, err)
	}
	if again, err := d.Sign(testKey(1)); err != nil || again.Sig != signed.Sig {
		t.Errorf("signed again: %v", err)
	}
	withoutKey := strings.Replace(unsigned, `"keyFingerprint":"`+signed.KeyFingerprint+`",`, "", 1)
	if d, err = protocol.ParseDraft([]byte(withoutKey)); err != nil || d.KeyFingerprint != "" {
		t.Fatalf("without keyFingerprint: %v", err)
	}
	if again, err := d.Sign(testKey(1)); err != nil || again.Sig != signed.Sig {
		t.Errorf("signed without keyFingerprint: %v", err)
	}
	if _, err := d.Canonical(); err == nil {
		t.Error("a canonical form without keyFingerprint")
	}
	for name, doc := range map[string]string{
		"signed":            string(signed.Raw()),
		"no timestamp":      strings.Replace(unsigned, `"timestamp":"2026-02-16T15:30:00Z",`, "", 1),
		"no version":        strings.Replace(unsigned, `"mir":1,`, "", 1),
		"empty fingerprint": strings.Replace(unsigned, signed.KeyFingerprint, "", 1),
		"unknown member":    strings.Replace(unsigned, `"mir":1`, `"mir":1,"x":1`, 1),
		"not an object":     `[]`,
	} {
		if _, err := protocol.ParseDraft([]byte(doc)); err == nil {
			t.Errorf("%s: accepted", name)
		} else {
			wantCode(t, err, protocol.InvalidSchema)
		}
	}
	_, err = protocol.ParseDraft([]byte(strings.Replace(unsigned, `"a":2`, `"a":"\ud800"`, 1)))
	wantCode(t, err, protocol.CanonicalizationError)
}

func TestSubjects(t *testing.T) {
	// sha256("shop.example.com:user-1"), and its HMAC under "secret", by openssl.
	const plain, keyed = "12258d3665bf8eb9033fca747fbba9f899bcc32592cc4eb189f4cb8400ae1b3c", "65e626dd524689c17cf9f2b378f9287566b38d08158a34d5de8e1c8765ba2815"
	if got := protocol.Subject("Shop.Example.com", "user-1"); got != plain {
		t.Errorf("subject %s, want %s", got, plain)
	}
	if got := protocol.SubjectHMAC([]byte("secret"), "Shop.Example.com", "user-1"); got != keyed {
		t.Errorf("HMAC subject %s, want %s", got, keyed)
	}
	if protocol.Subject("shop.example.com", "User-1") == plain {
		t.Error("the external ID's case does not matter, but must")
	}
}
