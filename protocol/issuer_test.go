package protocol_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"encoding/hex"
	"math/big"
	"reflect"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"mirnode/protocol"
)

const issuerNonce = "00112233445566778899aabbccddeeff"

// ecKey is the same key for each run.
func ecKey(t testing.TB, seed byte) *ecdsa.PrivateKey {
	t.Helper()
	scalar := sha256.Sum256([]byte{'k', seed})
	key, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), scalar[:])
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func ecIssuerKey(t testing.TB, seed byte) protocol.IssuerKey {
	t.Helper()
	point, err := ecKey(t, seed).PublicKey.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	key, err := protocol.NewIssuerKey(protocol.ES256, point)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func edIssuerKey(t testing.TB, seed byte) protocol.IssuerKey {
	t.Helper()
	key, err := protocol.NewIssuerKey(protocol.Ed25519, publicKey(seed))
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// signES256 returns r and s.
func signES256(t interface{ Fatal(...any) }, key *ecdsa.PrivateKey, message []byte) (r, s *big.Int) {
	digest := sha256.Sum256(message)
	r, s, err := ecdsa.Sign(nil, key, digest[:]) // without a source of randomness, the signature is that of RFC 6979
	if err != nil {
		t.Fatal(err)
	}
	return r, s
}

func issuerDraft(t testing.TB) protocol.IssuerDraft {
	t.Helper()
	first, second := edIssuerKey(t, 2), ecIssuerKey(t, 1)
	first.Created, first.RevokedAt, first.CompromisedAt = noon.Add(-48*time.Hour), noon, noon.Add(-time.Hour)
	second.Created = noon.Add(-time.Hour)
	return protocol.IssuerDraft{
		Home: "node1.test", Nonce: issuerNonce, Network: protocol.Development, Name: "News “Köln” Ltd", Status: protocol.IssuerVerified,
		VerifiedBy: protocol.ByDomain, VerifiedAt: noon.Add(-time.Hour), Domain: "news.example", DomainNonce: issuerNonce,
		Keys: []protocol.IssuerKey{first, second}, Sequence: 3, Issued: noon,
	}
}

func TestIssuer(t *testing.T) {
	d := issuerDraft(t)
	i, err := d.Sign(testKey(1))
	if err != nil {
		t.Fatal(err)
	}
	if i.ID != protocol.IssuerID("node1.test", issuerNonce) || !protocol.IsIssuerID(i.ID) || i.Name != d.Name || i.Domain != "news.example" {
		t.Errorf("issuer %+v", i)
	}
	again, err := i.Draft().Sign(testKey(1))
	if err != nil || string(again.Raw()) != string(i.Raw()) {
		t.Errorf("its draft signs another record: %v", err)
	}
	for n, want := range d.Keys {
		got, ok := i.Key(want.Fingerprint)
		if !ok || got != &i.Keys[n] || !got.Created.Equal(want.Created) || !got.RevokedAt.Equal(want.RevokedAt) || !got.CompromisedAt.Equal(want.CompromisedAt) {
			t.Errorf("key %d is %+v", n, got)
		}
	}
	if _, ok := i.Key(zeroHash); ok {
		t.Error("a key that it has not")
	}
}

func TestIssuerIDs(t *testing.T) {
	sum := sha256.Sum256([]byte("node1.test\n" + issuerNonce))
	id := protocol.IssuerID("node1.test", issuerNonce)
	if want := "issuer_" + hex.EncodeToString(sum[:16]); id != want {
		t.Errorf("ID %s, want %s", id, want)
	}
	sum = sha256.Sum256([]byte("mir-verify\n" + id + "\nnews.example\n" + issuerNonce))
	if got, want := protocol.DomainToken(id, "news.example", issuerNonce), "mir-verify="+hex.EncodeToString(sum[:16]); got != want {
		t.Errorf("token %s, want %s", got, want)
	}
	for s, want := range map[string]bool{
		id: true, "": false, "issuer_": false, id[1:]: false, id + "0": false, id[:len(id)-1]: false, strings.ToUpper(id): false,
		"issuer_" + strings.Repeat("A", 32): false, "issuer_" + strings.Repeat("g", 32): false,
	} {
		if protocol.IsIssuerID(s) != want {
			t.Errorf("%q: want %v", s, want)
		}
	}
}

func TestIssuerBounds(t *testing.T) {
	key := func(d *protocol.IssuerDraft, n int) *protocol.IssuerKey { return &d.Keys[n] }
	for name, change := range map[string]func(*protocol.IssuerDraft){
		"no home":                      func(d *protocol.IssuerDraft) { d.Home = "" },
		"no network":                   func(d *protocol.IssuerDraft) { d.Network = "" },
		"no nonce":                     func(d *protocol.IssuerDraft) { d.Nonce = "" },
		"31 digits of nonce":           func(d *protocol.IssuerDraft) { d.Nonce = issuerNonce[1:] },
		"a nonce in capitals":          func(d *protocol.IssuerDraft) { d.Nonce = strings.ToUpper(issuerNonce) },
		"no name":                      func(d *protocol.IssuerDraft) { d.Name = "" },
		"201 characters":               func(d *protocol.IssuerDraft) { d.Name = strings.Repeat("ä", protocol.MaxIssuerName+1) },
		"a line break in the name":     func(d *protocol.IssuerDraft) { d.Name = "a\nb" },
		"an escape sequence":           func(d *protocol.IssuerDraft) { d.Name = "\x1b[2J" },
		"a name that reads backwards":  func(d *protocol.IssuerDraft) { d.Name = "a\u202eb" },
		"an isolate in the name":       func(d *protocol.IssuerDraft) { d.Name = "a\u2067b" },
		"a name that is no UTF-8":      func(d *protocol.IssuerDraft) { d.Name = "\xff" },
		"a blank around the name":      func(d *protocol.IssuerDraft) { d.Name = "BBC " },
		"a name of blanks":             func(d *protocol.IssuerDraft) { d.Name = "\u00a0" },
		"no status":                    func(d *protocol.IssuerDraft) { d.Status = "" },
		"another status":               func(d *protocol.IssuerDraft) { d.Status = "TRUSTED" },
		"verified by nothing":          func(d *protocol.IssuerDraft) { d.VerifiedBy, d.Domain, d.DomainNonce = "", "", "" },
		"verified by word":             func(d *protocol.IssuerDraft) { d.VerifiedBy = "word" },
		"verified at no time":          func(d *protocol.IssuerDraft) { d.VerifiedAt = time.Time{} },
		"unverified by a domain":       func(d *protocol.IssuerDraft) { d.Status = protocol.IssuerUnverified },
		"verified by no domain":        func(d *protocol.IssuerDraft) { d.Domain, d.DomainNonce = "", "" },
		"by activity, with a domain":   func(d *protocol.IssuerDraft) { d.VerifiedBy = protocol.ByActivity },
		"a domain without its nonce":   func(d *protocol.IssuerDraft) { d.DomainNonce = "" },
		"a nonce without its domain":   func(d *protocol.IssuerDraft) { d.Domain = "" },
		"a domain of one label":        func(d *protocol.IssuerDraft) { d.Domain = "news" },
		"a key twice":                  func(d *protocol.IssuerDraft) { d.Keys[1] = d.Keys[0] },
		"a key without an algorithm":   func(d *protocol.IssuerDraft) { key(d, 1).Algorithm = "" },
		"a key of another algorithm":   func(d *protocol.IssuerDraft) { key(d, 0).Algorithm = protocol.ES256 },
		"a key of small order":         func(d *protocol.IssuerDraft) { key(d, 0).Public = append([]byte{1}, make([]byte, 31)...) },
		"a key without a creation":     func(d *protocol.IssuerDraft) { key(d, 0).Created = time.Time{} },
		"a key created before 1970":    func(d *protocol.IssuerDraft) { key(d, 1).Created = time.Unix(0, -1) },
		"revoked before its creation":  func(d *protocol.IssuerDraft) { key(d, 1).RevokedAt = key(d, 1).Created.Add(-time.Millisecond) },
		"compromised, not revoked":     func(d *protocol.IssuerDraft) { key(d, 1).CompromisedAt = noon },
		"compromised after revocation": func(d *protocol.IssuerDraft) { key(d, 0).CompromisedAt = noon.Add(time.Millisecond) },
		"sequence 0":                   func(d *protocol.IssuerDraft) { d.Sequence = 0 },
		"sequence 2^53":                func(d *protocol.IssuerDraft) { d.Sequence = 1 << 53 },
		"issued at no time":            func(d *protocol.IssuerDraft) { d.Issued = time.Time{} },
		"33 keys":                      func(d *protocol.IssuerDraft) { d.Keys = manyKeys(t, protocol.MaxIssuerKeys+1) },
	} {
		d := issuerDraft(t)
		change(&d)
		if _, err := d.Sign(testKey(1)); err == nil {
			t.Errorf("%s: signed", name)
		} else {
			wantCode(t, err, protocol.InvalidSchema)
		}
	}
	_, err := issuerDraft(t).Sign(testKey(1)[:32])
	wantCode(t, err, protocol.KeyNotFound)
}

func manyKeys(t testing.TB, n int) []protocol.IssuerKey {
	keys := make([]protocol.IssuerKey, n)
	for i := range keys {
		keys[i] = ecIssuerKey(t, byte(i))
		keys[i].Created, keys[i].RevokedAt, keys[i].CompromisedAt = noon, noon, noon
	}
	return keys
}

func TestIssuerEdges(t *testing.T) {
	for name, change := range map[string]func(*protocol.IssuerDraft){
		"the most of everything": func(d *protocol.IssuerDraft) {
			d.Keys, d.Name, d.Sequence = manyKeys(t, protocol.MaxIssuerKeys), strings.Repeat("\U0001F4F0", protocol.MaxIssuerName), 1<<53-1
			d.Home = strings.Repeat(strings.Repeat("a", 62)+".", 3) + strings.Repeat("b", 60) + ".ab"
			d.Domain = d.Home
		},
		"the least of everything": func(d *protocol.IssuerDraft) {
			d.Keys, d.Name, d.Status, d.VerifiedBy, d.VerifiedAt, d.Domain, d.DomainNonce = nil, "x", protocol.IssuerUnverified, "", time.Time{}, "", ""
			d.Sequence = 1
		},
		"by activity": func(d *protocol.IssuerDraft) { d.VerifiedBy, d.Domain, d.DomainNonce = protocol.ByActivity, "", "" },
		"restricted":  func(d *protocol.IssuerDraft) { d.Status = protocol.IssuerRestricted },
		"suspended, never verified": func(d *protocol.IssuerDraft) {
			d.Status, d.VerifiedBy, d.VerifiedAt, d.Domain, d.DomainNonce = protocol.IssuerSuspended, "", time.Time{}, "", ""
		},
		"a domain in capitals":           func(d *protocol.IssuerDraft) { d.Domain = "News.Example" },
		"compromised before it was made": func(d *protocol.IssuerDraft) { d.Keys[0].CompromisedAt = d.Keys[0].Created.Add(-time.Hour) },
	} {
		d := issuerDraft(t)
		change(&d)
		i, err := d.Sign(testKey(1))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if i.Name != d.Name || i.Status != d.Status || i.VerifiedBy != d.VerifiedBy || i.Domain != strings.ToLower(d.Domain) || len(i.Keys) != len(d.Keys) {
			t.Errorf("%s: %+v", name, i)
		}
		if again, err := protocol.ParseIssuer(i.Raw()); err != nil || again.RecordHash() != i.RecordHash() || len(i.Raw()) > protocol.MaxIssuerBytes {
			t.Errorf("%s: %d bytes, %v", name, len(i.Raw()), err)
		}
	}
}

// TestIssuerKeysHaveOneSpelling tries other spellings inside the list of keys.
func TestIssuerKeysHaveOneSpelling(t *testing.T) {
	i, err := issuerDraft(t).Sign(testKey(1))
	if err != nil {
		t.Fatal(err)
	}
	raw := string(i.Raw())
	for name, other := range map[string]string{
		"unknown member": strings.Replace(raw, `{"algorithm"`, `{"a":1,"algorithm"`, 1),
		"missing member": strings.Replace(raw, `{"algorithm":"Ed25519",`, `{`, 1),
		"other order":    strings.Replace(raw, `"algorithm":"ES256","created":"2026-11-22T11:00:00.000Z"`, `"created":"2026-11-22T11:00:00.000Z","algorithm":"ES256"`, 1),
		"white space":    strings.Replace(raw, `},{`, `}, {`, 1),
		"null":           strings.Replace(raw, `"algorithm":"Ed25519"`, `"algorithm":null`, 1),
		"a string":       strings.Replace(raw, `"keys":[`, `"keys":["",`, 1),
		"a list":         strings.Replace(raw, `"keys":[`, `"keys":[[],`, 1),
		"no list":        strings.Replace(strings.Replace(raw, `"keys":[`, `"keys":{"a":`, 1), `}],"mirIssuer"`, `}},"mirIssuer"`, 1),
		"another print":  strings.Replace(raw, protocol.Fingerprint(publicKey(2)), zeroHash, 1),
		"padded":         strings.Replace(raw, `"pub":"`, `"pub":"=`, 1),
		"deeper":         strings.Replace(raw, `"keys":[`, `"keys":[[[[]]],`, 1),
		"null domain":    strings.Replace(raw, `"domain":"news.example"`, `"domain":null`, 1),
		"too long":       raw + strings.Repeat(" ", 9) + strings.Repeat("x", protocol.MaxIssuerBytes),
	} {
		if other == raw {
			t.Errorf("%s changes nothing", name)
		}
		if _, err := protocol.ParseIssuer([]byte(other)); err == nil {
			t.Errorf("%s is accepted: %s", name, other)
		} else {
			wantCode(t, err, protocol.InvalidSchema)
		}
	}
}

func TestFollows(t *testing.T) {
	first := issuerDraft(t)
	next := func(change func(*protocol.IssuerDraft)) protocol.IssuerDraft {
		d := issuerDraft(t)
		d.Sequence++
		d.Issued = d.Issued.Add(time.Hour)
		change(&d)
		return d
	}
	revoked := func(at time.Duration) func(*protocol.IssuerDraft) {
		return func(d *protocol.IssuerDraft) {
			d.Keys[1].RevokedAt = first.Issued.Add(at)
		}
	}
	for _, c := range []struct {
		name   string
		change func(*protocol.IssuerDraft)
		want   bool
	}{
		{"nothing but the number", func(*protocol.IssuerDraft) {}, true},
		{"a higher number", func(d *protocol.IssuerDraft) { d.Sequence += 100 }, true},
		{"issued at the same time", func(d *protocol.IssuerDraft) { d.Issued = first.Issued }, true},
		{"a name, a status", func(d *protocol.IssuerDraft) { d.Name, d.Status = "Other", protocol.IssuerSuspended }, true},
		{"a verification lost", func(d *protocol.IssuerDraft) {
			d.Status, d.VerifiedBy, d.VerifiedAt, d.Domain, d.DomainNonce = protocol.IssuerUnverified, "", time.Time{}, "", ""
		}, true},
		{"a key more", func(d *protocol.IssuerDraft) { d.Keys = append(d.Keys, manyKeys(t, 1)...) }, true},
		{"a key revoked", revoked(time.Hour), true},
		{"a key revoked a little before", revoked(-protocol.ClockSkew), true},
		{"a key revoked long before", revoked(-protocol.ClockSkew - time.Millisecond), false},
		{"the same number", func(d *protocol.IssuerDraft) { d.Sequence = first.Sequence }, false},
		{"a lower number", func(d *protocol.IssuerDraft) { d.Sequence = first.Sequence - 1 }, false},
		{"issued before", func(d *protocol.IssuerDraft) { d.Issued = first.Issued.Add(-time.Millisecond) }, false},
		{"another network", func(d *protocol.IssuerDraft) { d.Network = protocol.Production }, false},
		{"another home", func(d *protocol.IssuerDraft) { d.Home = "node2.test" }, false},
		{"another nonce", func(d *protocol.IssuerDraft) { d.Nonce = strings.Repeat("0", 32) }, false},
		{"a key gone", func(d *protocol.IssuerDraft) { d.Keys = d.Keys[:1] }, false},
		{"a key in another place", func(d *protocol.IssuerDraft) { d.Keys[0], d.Keys[1] = d.Keys[1], d.Keys[0] }, false},
		{"a key in place of another", func(d *protocol.IssuerDraft) { d.Keys[0] = manyKeys(t, 1)[0] }, false},
		{"another creation", func(d *protocol.IssuerDraft) { d.Keys[1].Created = d.Keys[1].Created.Add(time.Millisecond) }, false},
		{"a revocation taken back", func(d *protocol.IssuerDraft) { d.Keys[0].RevokedAt, d.Keys[0].CompromisedAt = time.Time{}, time.Time{} }, false},
		{"a revocation moved", func(d *protocol.IssuerDraft) { d.Keys[0].RevokedAt = d.Keys[0].RevokedAt.Add(time.Millisecond) }, false},
		{"a compromise moved", func(d *protocol.IssuerDraft) { d.Keys[0].CompromisedAt = d.Keys[0].Created }, false},
	} {
		previous, err := first.Sign(testKey(1))
		if err != nil {
			t.Fatal(err)
		}
		i, err := next(c.change).Sign(testKey(1))
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		err = i.Follows(previous)
		if (err == nil) != c.want {
			t.Errorf("%s: %v", c.name, err)
		}
		if err != nil {
			wantCode(t, err, protocol.InvalidSchema)
		}
	}
}

// TestIssuerRoundTrip signs drafts of all sorts, and wants what was said back.
func TestIssuerRoundTrip(t *testing.T) {
	all := manyKeys(t, protocol.MaxIssuerKeys)
	rapid.Check(t, func(t *rapid.T) {
		instant := func(name string) time.Time {
			return time.UnixMilli(rapid.Int64Range(0, 253402300799999).Draw(t, name)).UTC()
		}
		name := rapid.StringMatching(`[ -~äß€😀]{1,60}`).Filter(func(s string) bool { return strings.TrimSpace(s) == s }).Draw(t, "name")
		d := protocol.IssuerDraft{
			Home: "node1.test", Nonce: rapid.StringMatching(`[0-9a-f]{32}`).Draw(t, "nonce"), Network: protocol.Staging, Name: name,
			Status: protocol.IssuerUnverified, Sequence: rapid.Uint64Range(1, 1<<53-1).Draw(t, "sequence"), Issued: instant("issued"),
		}
		if rapid.Bool().Draw(t, "verified") {
			d.Status, d.VerifiedBy, d.VerifiedAt = protocol.IssuerVerified, protocol.ByActivity, instant("verified at")
		}
		for _, key := range all[:rapid.IntRange(0, len(all)).Draw(t, "keys")] {
			key.Created, key.RevokedAt, key.CompromisedAt = instant("created"), time.Time{}, time.Time{}
			if at := instant("revoked"); !at.Before(key.Created) {
				key.RevokedAt, key.CompromisedAt = at, key.Created
			}
			d.Keys = append(d.Keys, key)
		}
		i, err := d.Sign(testKey(1))
		if err != nil {
			t.Fatal(err)
		}
		if got := i.Draft(); !reflect.DeepEqual(got, d) && (len(d.Keys) > 0 || len(got.Keys) > 0) {
			t.Fatalf("%+v became %+v", d, got)
		}
	})
}
