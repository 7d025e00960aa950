package protocol_test

import (
	"crypto/ed25519"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"mirnode/protocol"
)

// readPage returns the page on the protocol, and its fenced blocks by the word behind the language.
func readPage(t *testing.T) (page string, blocks map[string]string) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("..", "docs", "protocol.md"))
	if err != nil {
		t.Fatal(err)
	}
	blocks = make(map[string]string)
	for _, m := range regexp.MustCompile("(?s)```[a-z]+ ([a-z.-]+)\n(.*?)\n```").FindAllStringSubmatch(string(data), -1) {
		blocks[m[1]] = m[2]
	}
	return string(data), blocks
}

func TestPageExamples(t *testing.T) {
	_, blocks := readPage(t)
	key := testKey(1)
	pub := key.Public().(ed25519.PublicKey)
	c, err := protocol.ParseClaim([]byte(blocks["claim"]))
	if err != nil {
		t.Fatal(err)
	}
	d := &protocol.Draft{Type: c.Type, Domain: c.Domain, Subject: c.Subject, Timestamp: c.Timestamp, Metadata: c.Metadata()}
	signed, err := d.Sign(key)
	if err != nil || signed.Sig != c.Sig || signed.KeyFingerprint != c.KeyFingerprint {
		t.Errorf("the claim is not what its key signs: %v", err)
	}
	const secret, domain, id = "an example secret of 32 characters", "shop.example.com", "f81d4fae-7dec-11d0-a765-00a0c91e6bf6"
	for name, want := range map[string]string{
		"canonical":    string(c.Canonical()),
		"id":           c.ID(),
		"subject":      protocol.Subject(domain, id),
		"subject-hmac": protocol.SubjectHMAC([]byte(secret), domain, id),
		"dns":          protocol.KeyRecord(pub),
	} {
		if blocks[name] != want {
			t.Errorf("block %s is\n%s, want\n%s", name, blocks[name], want)
		}
	}
	if c.Subject != blocks["subject-hmac"] {
		t.Error("the claim has another subject than the page derives")
	}
	doc, err := protocol.ParseKeyDocument([]byte(blocks["mir.json"]))
	if err != nil || len(doc.Problems) != 0 || strings.TrimSpace(string(doc.JSON())) != blocks["mir.json"] {
		t.Errorf("mir.json: %v, %q, %s", err, doc.Problems, doc.JSON())
	}
	file, err := protocol.ParseKeyFile([]byte(blocks["keys.json"]))
	if err != nil || len(file.Keys) != 1 || file.Keys[0].Key.Fingerprint != c.KeyFingerprint {
		t.Errorf("keys.json: %v", err)
	}
}

func TestPageTableOfForms(t *testing.T) {
	page, _ := readPage(t)
	rows := regexp.MustCompile("(?m)^\\| `(\\{.*?\\})` \\| (?:`(.*?)`|none) \\| (?:`(.*?)`|none) \\|$").FindAllStringSubmatch(page, -1)
	if len(rows) < 10 {
		t.Fatalf("found %d rows", len(rows))
	}
	for _, row := range rows {
		if text, sdk, _, _ := forms(t, row[1]); text != row[2] || sdk != row[3] {
			t.Errorf("%s has the forms %q and %q; the page says %q and %q", row[1], text, sdk, row[2], row[3])
		}
	}
}

// TestPageStatements signs what the page's examples say, and wants the examples.
func TestPageStatements(t *testing.T) {
	_, blocks := readPage(t)
	e, err := protocol.ParseEntry([]byte(blocks["entry"]))
	if err != nil || string(e.Canonical()) != blocks["entry"] {
		t.Errorf("entry: %v", err)
	}
	for name, kind := range map[string]protocol.Kind{
		"observation": protocol.KindObservation, "erasure": protocol.KindErasure, "descriptor": protocol.KindDescriptor,
		"issuer": protocol.KindIssuer, "metadata-edit": protocol.KindMetadata,
	} {
		if want := string(statements(t)[kind].Raw()); blocks[name] != want {
			t.Errorf("block %s is\n%s, want\n%s", name, blocks[name], want)
		}
	}
}

// TestPageAssertions makes what the page's examples say of issuers, and wants the examples.
func TestPageAssertions(t *testing.T) {
	page, blocks := readPage(t)
	issuer, err := protocol.ParseIssuer([]byte(blocks["issuer"]))
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"token":              protocol.DomainToken(issuer.ID, issuer.Domain, issuer.DomainNonce),
		"payload":            string(testPayload().Encode()),
		"assertion":          string(assertion(t).Raw()),
		"assertion-id":       assertion(t).ID(),
		"revocation-payload": string(revocationPayload().Encode()),
		"revocation":         string(revocation(t).Raw()),
	} {
		if blocks[name] != want {
			t.Errorf("block %s is\n%s, want\n%s", name, blocks[name], want)
		}
	}
	for _, kind := range kinds {
		if !strings.Contains(page, "`"+string(kind)+"`") {
			t.Errorf("the page does not name the kind %s", kind)
		}
	}
	for _, kind := range protocol.AssertionTypes() {
		if !strings.Contains(page, "`"+string(kind)+"`") {
			t.Errorf("the page does not name the type %s", kind)
		}
	}
}
