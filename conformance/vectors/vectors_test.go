package vectors_test

import (
	"crypto/ed25519"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"mirnode/conformance/cases"
	"mirnode/conformance/vectors"
	"mirnode/protocol"
	"mirnode/verifier"
)

// generated are the default cases, made once.
var generated = sync.OnceValues(func() ([]cases.Case, error) { return vectors.Generate(vectors.Options{}) })

// elsewhere is another suffix, seed and instant than the default.
func elsewhere() vectors.Options {
	now := time.Date(2031, 7, 9, 23, 58, 1, 999, time.UTC)
	return vectors.Options{Now: now, Suffix: "a-rather-long-suffix.of-a-tester.example.org", Seed: "2"}
}

// generatedElsewhere are the cases of elsewhere, made once.
var generatedElsewhere = sync.OnceValues(func() ([]cases.Case, error) { return vectors.Generate(elsewhere()) })

func generate(t *testing.T, opts vectors.Options) []cases.Case {
	t.Helper()
	all, err := generated()
	if opts == elsewhere() {
		all, err = generatedElsewhere()
	} else if opts != (vectors.Options{}) {
		t.Fatal("no test makes such cases yet")
	}
	if err != nil {
		t.Fatal(err)
	}
	return slices.Clone(all)
}

// TestReproducible: the same options give the same cases.
func TestReproducible(t *testing.T) {
	again, err := vectors.Generate(vectors.Options{Suffix: vectors.DefaultSuffix, Seed: vectors.DefaultSeed, Now: vectors.DefaultNow()})
	if err != nil || !reflect.DeepEqual(again, generate(t, vectors.Options{})) {
		t.Errorf("a second run gives other cases (%v)", err)
	}
}

// TestShippedFiles holds the shipped files to what the generator writes today.
func TestShippedFiles(t *testing.T) {
	all := generate(t, vectors.Options{})
	for i := range all {
		want, err := vectors.Encode(&all[i])
		if err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(filepath.Join("..", "cases", filepath.FromSlash(all[i].ID)+".json"))
		if err != nil || string(got) != string(want) {
			t.Errorf("%s is not what the generator writes (%v): go generate ./conformance/vectors", all[i].ID, err)
		}
	}
}

// TestShippedCasesAreGenerated: a file that is left behind by a case which is gone would run for ever.
func TestShippedCasesAreGenerated(t *testing.T) {
	generated := make(map[string]bool)
	for _, c := range generate(t, vectors.Options{}) {
		generated[c.ID] = true
	}
	embedded, err := cases.Embedded()
	if err != nil {
		t.Fatal(err)
	}
	for i := range embedded {
		if c := &embedded[i]; c.Kind != cases.KindScenario && !generated[c.ID] {
			t.Errorf("%s is not generated", c.ID)
		}
	}
}

func TestMoreThanHalfAreRefused(t *testing.T) {
	all := generate(t, vectors.Options{})
	refused := 0
	for i := range all {
		if all[i].Refused {
			refused++
		}
	}
	if 2*refused <= len(all) {
		t.Errorf("%d of %d cases are refused", refused, len(all))
	}
}

// TestNoTwoAcceptedShareASignature: a registry answers a second claim with the same sig with the first.
func TestNoTwoAcceptedShareASignature(t *testing.T) {
	seen := make(map[string]string)
	sig := regexp.MustCompile(`"sig"\s*:\s*"([^"]*)"`)
	for _, c := range generate(t, vectors.Options{}) {
		if c.Verdict == nil || c.Refused {
			continue
		}
		for _, match := range sig.FindAllStringSubmatch(string(c.Verdict.Bytes()), -1) {
			if other, ok := seen[match[1]]; ok && len(match[1]) > 80 {
				t.Errorf("%s has the signature of %s", c.ID, other)
			}
			seen[match[1]] = c.ID
		}
	}
}

// TestOneDocumentADomain: a domain publishes one document for all its cases, and stands below the suffix.
func TestOneDocumentADomain(t *testing.T) {
	suffix := elsewhere().Suffix
	documents := make(map[string]string)
	for _, c := range generate(t, elsewhere()) {
		if c.Verdict == nil || c.Verdict.Domain == "" {
			continue
		}
		domain, keys := c.Verdict.Domain, string(c.Verdict.Keys)
		if before, ok := documents[domain]; ok && before != keys {
			t.Errorf("%s: %s publishes another document than for a case before", c.ID, domain)
		}
		documents[domain] = keys
		if !strings.HasSuffix(domain, "."+suffix) {
			t.Errorf("%s: the domain %s is not below %s", c.ID, domain, suffix)
		}
		if _, err := protocol.ParseDomain(domain); err != nil || domain != strings.ToLower(domain) {
			t.Errorf("%s: %s is no domain (%v)", c.ID, domain, err)
		}
	}
}

// TestOwnVerifierAgrees: the verdicts hold, also for cases that are made for another instant, suffix and seed.
func TestOwnVerifierAgrees(t *testing.T) {
	for now, opts := range map[time.Time]vectors.Options{vectors.DefaultNow(): {}, elsewhere().Now: elsewhere()} {
		for _, c := range generate(t, opts) {
			if c.Verdict != nil {
				judge(t, &c, now)
			}
		}
	}
}

// judge puts a case to the project's own verifier.
func judge(t *testing.T, c *cases.Case, now time.Time) {
	t.Helper()
	in := c.Verdict
	keys, err := protocol.ParseKeyDocument(in.Keys)
	if err != nil {
		t.Errorf("%s: %v", c.ID, err)
	}
	var policy verifier.Policy
	if o := in.Options; o != nil {
		policy.ExpectDomain, policy.NoExpiredKeys = o.ExpectDomain, o.NoExpiredKeys
		if o.MaxAge != "" {
			if policy.MaxAge, err = time.ParseDuration(o.MaxAge); err != nil {
				t.Errorf("%s: %v", c.ID, err)
			}
		}
	}
	v := verifier.New(verifier.StaticKeys(keys.Keys...), verifier.Options{Now: func() time.Time { return now }})
	verdict, err := v.Verify(t.Context(), in.Bytes(), policy)
	if err != nil {
		t.Errorf("%s: %v", c.ID, err)
	}
	if verdict.Result() != in.Expect.Result {
		t.Errorf("%s: %s %s (%s), want %s %q", c.ID, verdict.Result(), verdict.Code, verdict.Reason, in.Expect.Result, in.Expect.Codes)
		return
	}
	// The first code is the one that the project's page has; others may stand behind it.
	if c.Refused && string(verdict.Code) != in.Expect.Codes[0] {
		t.Errorf("%s: code %s (%s), want %q", c.ID, verdict.Code, verdict.Reason, in.Expect.Codes)
	}
	if form := string(verdict.Form); !c.Refused && in.Form != "" && form != in.Form {
		t.Errorf("%s: signed in the form %s, want %s", c.ID, form, in.Form)
	}
	claim, err := protocol.ParseClaim(in.Bytes())
	if err == nil && string(claim.Canonical()) != in.Canonical {
		t.Errorf("%s: canonical form\n%s, want\n%s", c.ID, claim.Canonical(), in.Canonical)
	}
	if err != nil && in.Canonical != "" {
		t.Errorf("%s: it has the canonical form %s, and the verifier has none: %v", c.ID, in.Canonical, err)
	}
	if in.Domain != "" && claim != nil && claim.Host() != in.Domain {
		t.Errorf("%s: the claim's domain is %s, and the keys are %s's", c.ID, claim.Host(), in.Domain)
	}
}

// TestOwnSignerAgrees puts the drafts to the project's own signer.
func TestOwnSignerAgrees(t *testing.T) {
	for _, c := range generate(t, vectors.Options{}) {
		if c.Signer == nil || c.ID == "signer/future" { // whether a time is in the future is for the program to say: the package has no clock
			continue
		}
		var key struct{ Seed string }
		if err := json.Unmarshal(c.Signer.Key, &key); err != nil {
			t.Fatal(err)
		}
		seed, err := hex.DecodeString(key.Seed)
		if err != nil {
			t.Fatal(err)
		}
		signed := func() (string, error) {
			draft, err := protocol.ParseDraft([]byte(c.Signer.Draft))
			if err != nil {
				return "", err
			}
			claim, err := draft.Sign(ed25519.NewKeyFromSeed(seed))
			if err != nil {
				return "", err
			}
			return string(claim.Canonical()), nil
		}
		form, err := signed()
		if (err != nil) != c.Refused || form != c.Signer.Expect.Canonical {
			t.Errorf("%s: %s, %v; want %s\n%s", c.ID, form, err, c.Signer.Expect.Result, c.Signer.Expect.Canonical)
		}
	}
}

// TestQuotes looks up what the cases quote from the project's own page.
func TestQuotes(t *testing.T) {
	data, err := os.ReadFile(filepath.Join("..", "..", "docs", "protocol.md"))
	if err != nil {
		t.Fatal(err)
	}
	plain := func(s string) string {
		return strings.Join(strings.Fields(strings.ReplaceAll(s, "`", "")), " ")
	}
	page := plain(string(data))
	checked := make(map[string]bool)
	for _, c := range generate(t, vectors.Options{}) {
		heading, ours := strings.CutPrefix(c.Requirement.Section, "Protocol, ")
		if !ours || checked[c.Requirement.Words] {
			continue
		}
		checked[c.Requirement.Words] = true
		if !strings.Contains(string(data), "# "+heading+"\n") {
			t.Errorf("%s: the page has no section %q", c.ID, heading)
		}
		if !strings.Contains(page, plain(c.Requirement.Words)) {
			t.Errorf("%s: the page does not say %q", c.ID, c.Requirement.Words)
		}
	}
}

func TestBadKeysAreBad(t *testing.T) {
	var names []string
	for _, bad := range vectors.BadKeys() {
		if len(bad.Public) != 32 || slices.Contains(names, bad.Name) {
			t.Errorf("%s: %x", bad.Name, bad.Public)
		}
		names = append(names, bad.Name)
		if protocol.CheckPublicKey(bad.Public) == nil {
			t.Errorf("%s passes for a key", bad.Name)
		}
	}
}

func TestGenerateRefusesALongSuffix(t *testing.T) {
	if _, err := vectors.Generate(vectors.Options{Suffix: strings.Repeat("a.", 100) + "test"}); err == nil {
		t.Error("it makes domains that are too long")
	}
}
