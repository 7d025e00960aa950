package protocol_test

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"mirnode/protocol"
)

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

func publicKey(seed byte) ed25519.PublicKey { return testKey(seed).Public().(ed25519.PublicKey) }

func observationDraft() protocol.ObservationDraft {
	return protocol.ObservationDraft{
		Observer: "node1.test", Network: protocol.Development, Domain: "shop.example.com",
		Key:       protocol.DomainKey{Public: publicKey(2), Channels: []protocol.Channel{protocol.WellKnown, protocol.DNS}},
		FirstSeen: noon, LastSeen: noon.Add(time.Hour),
	}
}

func erasureDraft() protocol.ErasureDraft {
	return protocol.ErasureDraft{
		Node: "shop.example.com", Network: protocol.Production, Record: sha256.Sum256([]byte("x")), ClaimDomain: "shop.example.com",
		Reason: `a "court" order, of Köln \ 2026`, ErasedAt: noon,
	}
}

func descriptorDraft() protocol.DescriptorDraft {
	return protocol.DescriptorDraft{
		Origin: protocol.Origin{Domain: "node1.test", Network: protocol.Staging, Epoch: 2}, URL: "https://node1.test:8443", Gossip: "127.0.0.1:7946",
		LogKey: publicKey(1), Sequence: 7, Issued: noon, ExpiresAt: noon.Add(24 * time.Hour),
	}
}

// statements has one statement of each kind, all signed with the test key 1.
func statements(t testing.TB) map[protocol.Kind]protocol.Statement {
	t.Helper()
	o, err := observationDraft().Sign(testKey(1))
	if err != nil {
		t.Fatal(err)
	}
	e, err := erasureDraft().Sign(testKey(1))
	if err != nil {
		t.Fatal(err)
	}
	d, err := descriptorDraft().Sign(testKey(1))
	if err != nil {
		t.Fatal(err)
	}
	i, err := issuerDraft(t).Sign(testKey(1))
	if err != nil {
		t.Fatal(err)
	}
	m, err := metadataEditDraft().Sign(testKey(1))
	if err != nil {
		t.Fatal(err)
	}
	return map[protocol.Kind]protocol.Statement{
		protocol.KindObservation: o, protocol.KindErasure: e, protocol.KindDescriptor: d, protocol.KindIssuer: i, protocol.KindMetadata: m,
	}
}

func TestStatements(t *testing.T) {
	wantNetwork := map[protocol.Kind]protocol.Network{
		protocol.KindObservation: protocol.Development, protocol.KindErasure: protocol.Production, protocol.KindDescriptor: protocol.Staging,
		protocol.KindIssuer: protocol.Development, protocol.KindMetadata: protocol.Development,
	}
	wantSigner := map[protocol.Kind]string{
		protocol.KindObservation: "node1.test", protocol.KindErasure: "shop.example.com", protocol.KindDescriptor: "node1.test",
		protocol.KindIssuer: "node1.test", protocol.KindMetadata: "node1.test",
	}
	wantIssued := map[protocol.Kind]time.Time{
		protocol.KindObservation: noon.Add(time.Hour), protocol.KindErasure: noon, protocol.KindDescriptor: noon,
		protocol.KindIssuer: noon, protocol.KindMetadata: noon,
	}
	for kind, s := range statements(t) {
		t.Run(string(kind), func(t *testing.T) {
			if !ed25519.Verify(publicKey(1), s.Canonical(), s.Signature()) {
				t.Error("the signature does not verify")
			}
			if domain, fingerprint := s.Signer(); domain != wantSigner[kind] || fingerprint != protocol.Fingerprint(publicKey(1)) {
				t.Errorf("signed by %s with %s", domain, fingerprint)
			}
			if s.Kind() != kind || s.Network() != wantNetwork[kind] || !s.IssuedAt().Equal(wantIssued[kind]) {
				t.Errorf("kind %s, network %s, issued at %v", s.Kind(), s.Network(), s.IssuedAt())
			}
			again, err := protocol.ParseRecord(kind, fmt.Appendf(nil, "\n%s \n", s.Raw()))
			if err != nil || !bytes.Equal(again.Raw(), s.Raw()) || again.RecordHash() != s.RecordHash() || s.RecordHash() != sha256.Sum256(s.Raw()) {
				t.Errorf("read again: %v", err)
			}
			sig, _, _ := strings.Cut(strings.SplitAfter(string(s.Raw()), `"sig":"`)[1], `"`)
			if without := strings.Replace(string(s.Raw()), `,"sig":"`+sig+`"`, "", 1); without != string(s.Canonical()) {
				t.Errorf("canonical form %s", s.Canonical())
			}
			sorted(t, s.Raw())
		})
	}
}

// sorted wants the members' names in the order of code points, as MCJ has them: the form in which a claim's writer would put them.
func sorted(t *testing.T, raw []byte) {
	t.Helper()
	claim, err := protocol.ParseClaim(document(string(raw)))
	if err != nil || string(claim.Metadata()) != string(raw) {
		t.Errorf("%s is not in canonical form: %v", raw, err)
	}
}

// kinds are all that this version knows.
var kinds = []protocol.Kind{
	protocol.KindClaim, protocol.KindObservation, protocol.KindErasure, protocol.KindDescriptor,
	protocol.KindAssertion, protocol.KindRevocation, protocol.KindIssuer, protocol.KindMetadata,
}

// TestKindsNeverMix holds each parser to documents of its own kind.
func TestKindsNeverMix(t *testing.T) {
	claim, err := testDraft(`{}`).Sign(testKey(1))
	if err != nil {
		t.Fatal(err)
	}
	records := []protocol.Record{claim, assertion(t), revocation(t)}
	for _, s := range statements(t) {
		records = append(records, s)
	}
	for _, r := range records {
		for _, kind := range kinds {
			got, err := protocol.ParseRecord(kind, r.Raw())
			if kind == r.Kind() {
				if err != nil || got.Kind() != kind {
					t.Errorf("%s: %v", kind, err)
				}
				continue
			}
			wantCode(t, err, protocol.InvalidSchema)
			if got != nil {
				t.Errorf("a %s passes for a %s", r.Kind(), kind)
			}
		}
	}
	got, err := protocol.ParseRecord("metadata", claim.Raw())
	if wantCode(t, err, protocol.InvalidSchema); got != nil {
		t.Error("a record of an unknown kind")
	}
}

// TestStatementsHaveOneSpelling tries other spellings of what a statement says.
func TestStatementsHaveOneSpelling(t *testing.T) {
	for kind, s := range statements(t) {
		raw := string(s.Raw())
		_, rest, _ := strings.Cut(raw, ",")
		first := strings.TrimSuffix(raw[1:], ","+rest)
		for name, other := range map[string]string{
			"white space":      strings.Replace(raw, ":", ": ", 1),
			"other order":      "{" + strings.TrimSuffix(rest, "}") + "," + first + "}",
			"escape":           strings.Replace(raw, "test", `t\u0065st`, 1),
			"escape in a name": strings.Replace(raw, `"network"`, `"n\u0065twork"`, 1),
			"version 1.0":      strings.Replace(raw, `":1,`, `":1.0,`, 1),
			"version 2":        strings.Replace(raw, `":1,`, `":2,`, 1),
			"twice":            strings.Replace(raw, `"network"`, `"network":"development","network"`, 1),
			"unknown member":   strings.Replace(raw, `"network"`, `"metadata":{},"network"`, 1),
			"missing member":   strings.Replace(raw, first+",", "", 1),
			"no zone":          strings.Replace(raw, `.000Z"`, `.000"`, 1),
			"another zone":     strings.Replace(raw, `.000Z"`, `.000+00:00"`, 1),
			"no millis":        strings.Replace(raw, `.000Z"`, `Z"`, 1),
			"micros":           strings.Replace(raw, `.000Z"`, `.000000Z"`, 1),
			"padded sig":       strings.Replace(raw, `"sig":"`, `"sig":"=`, 1),
			"byte order mark":  "\ufeff" + raw,
			"array":            "[" + raw + "]",
			"cut off":          raw[:len(raw)-1],
			"data behind":      raw + "{}",
			"too long":         raw[:len(raw)-1] + `,"x":"` + strings.Repeat("x", protocol.MaxStatementBytes) + `"}`,
		} {
			if other == raw {
				if name == "escape" { // not all have such a domain
					continue
				}
				t.Errorf("%s: %s changes nothing", kind, name)
			}
			_, err := protocol.ParseRecord(kind, []byte(other))
			if err == nil {
				t.Errorf("%s: %s is accepted: %s", kind, name, other)
				continue
			}
			wantCode(t, err, protocol.InvalidSchema)
		}
	}
}

func TestObservationBounds(t *testing.T) {
	for name, change := range map[string]func(*protocol.ObservationDraft){
		"no observer":            func(d *protocol.ObservationDraft) { d.Observer = "" },
		"no network":             func(d *protocol.ObservationDraft) { d.Network = "" },
		"unknown network":        func(d *protocol.ObservationDraft) { d.Network = "test" },
		"a domain in quotes":     func(d *protocol.ObservationDraft) { d.Domain = `a.example","gone":true` },
		"no channel":             func(d *protocol.ObservationDraft) { d.Key.Channels = nil },
		"a file":                 func(d *protocol.ObservationDraft) { d.Key.Channels = []protocol.Channel{protocol.File} },
		"no key":                 func(d *protocol.ObservationDraft) { d.Key.Public = nil },
		"a key of small order":   func(d *protocol.ObservationDraft) { d.Key.Public = append([]byte{1}, make([]byte, 31)...) },
		"no time":                func(d *protocol.ObservationDraft) { d.FirstSeen = time.Time{} },
		"seen last before first": func(d *protocol.ObservationDraft) { d.LastSeen = d.FirstSeen.Add(-time.Millisecond) },
		"before 1970":            func(d *protocol.ObservationDraft) { d.FirstSeen = time.Unix(0, -1) },
		"after 9999":             func(d *protocol.ObservationDraft) { d.LastSeen = time.Date(10_000, 1, 1, 0, 0, 0, 0, time.UTC) },
		"created before year 1":  func(d *protocol.ObservationDraft) { d.Key.Created = time.Date(0, 12, 31, 0, 0, 0, 0, time.UTC) },
	} {
		d := observationDraft()
		change(&d)
		if _, err := d.Sign(testKey(1)); err == nil {
			t.Errorf("%s: signed", name)
		} else {
			wantCode(t, err, protocol.InvalidSchema)
		}
	}
	_, err := observationDraft().Sign(testKey(1)[:32])
	wantCode(t, err, protocol.KeyNotFound)
}

func TestErasureBounds(t *testing.T) {
	for name, change := range map[string]func(*protocol.ErasureDraft){
		"no node":                func(d *protocol.ErasureDraft) { d.Node = "" },
		"no domain of the claim": func(d *protocol.ErasureDraft) { d.ClaimDomain = "" },
		"no reason":              func(d *protocol.ErasureDraft) { d.Reason = "" },
		"too long a reason":      func(d *protocol.ErasureDraft) { d.Reason = strings.Repeat("x", protocol.MaxErasureReason+1) },
		"a line break":           func(d *protocol.ErasureDraft) { d.Reason = "a\nb" },
		"an escape sequence":     func(d *protocol.ErasureDraft) { d.Reason = "\x1b[2J" },
		"no UTF-8":               func(d *protocol.ErasureDraft) { d.Reason = "\xff" },
		"no time":                func(d *protocol.ErasureDraft) { d.ErasedAt = time.Time{} },
	} {
		d := erasureDraft()
		change(&d)
		if _, err := d.Sign(testKey(1)); err == nil {
			t.Errorf("%s: signed", name)
		} else {
			wantCode(t, err, protocol.InvalidSchema)
		}
	}
	d := erasureDraft()
	d.Reason = strings.Repeat("x", protocol.MaxErasureReason)
	if e, err := d.Sign(testKey(1)); err != nil || e.Record != d.Record || e.Reason != d.Reason {
		t.Errorf("the longest reason: %v", err)
	}
}

func TestDescriptorBounds(t *testing.T) {
	refused := map[string]func(*protocol.DescriptorDraft){
		"no origin":         func(d *protocol.DescriptorDraft) { d.Origin = protocol.Origin{} },
		"an epoch too high": func(d *protocol.DescriptorDraft) { d.Origin.Epoch = protocol.MaxEpoch + 1 },
		"sequence 0":        func(d *protocol.DescriptorDraft) { d.Sequence = 0 },
		"sequence 2^53":     func(d *protocol.DescriptorDraft) { d.Sequence = 1 << 53 },
		"no log key":        func(d *protocol.DescriptorDraft) { d.LogKey = nil },
		"no life":           func(d *protocol.DescriptorDraft) { d.ExpiresAt = d.Issued },
		"too long a life": func(d *protocol.DescriptorDraft) {
			d.ExpiresAt = d.Issued.Add(protocol.MaxDescriptorLife + time.Millisecond)
		},
	}
	for _, url := range []string{
		"", "http://node1.test", "https://", "https://node1", "https://node1.test/", "https://node1.test/a", "https://node1.test?a", "https://node1.test#a",
		"https://u@node1.test", "https://Node1.test", "https://node1.test:", "https://node1.test:0", "https://node1.test:080", "https://node1.test:65536",
		"https://127.0.0.1", "https://[::1]:443", "https://node1.test.", "https://node1.test:443:443", "HTTPS://node1.test", " https://node1.test",
	} {
		refused["URL "+url] = func(d *protocol.DescriptorDraft) { d.URL = url }
	}
	for _, gossip := range []string{
		":", ":7946", "node1.test", "node1.test:", "node1.test:0", "node1:7946", "127.0.0.1", "127.0.0.1:0", "::1:7946", "[::1%eth0]:7946", "[0:0::1]:7946",
		"Node1.test:7946", "127.0.0.01:7946",
	} {
		refused["gossip "+gossip] = func(d *protocol.DescriptorDraft) { d.Gossip = gossip }
	}
	for name, change := range refused {
		d := descriptorDraft()
		change(&d)
		if _, err := d.Sign(testKey(1)); err == nil {
			t.Errorf("%s: signed", name)
		} else {
			wantCode(t, err, protocol.InvalidSchema)
		}
	}
	for _, gossip := range []string{"", "node1.test:7946", "[::1]:7946", "192.0.2.1:1"} {
		d := descriptorDraft()
		d.Gossip = gossip
		if got, err := d.Sign(testKey(1)); err != nil || got.Gossip != gossip || got.Origin != d.Origin || got.Sequence != 7 {
			t.Errorf("gossip %q: %v", gossip, err)
		}
	}
	signed, err := descriptorDraft().Sign(testKey(1))
	if err != nil {
		t.Fatal(err)
	}
	other := strings.Replace(string(signed.Raw()), "node1.test/mir-staging", "node2.test/mir-staging", 1)
	_, err = protocol.ParseDescriptor([]byte(other))
	wantCode(t, err, protocol.InvalidSchema)
	other = strings.Replace(string(signed.Raw()), "node1.test/mir-staging", "node1.test/mir", 1)
	_, err = protocol.ParseDescriptor([]byte(other))
	wantCode(t, err, protocol.InvalidSchema)
}

func TestDescriptorValid(t *testing.T) {
	d, err := descriptorDraft().Sign(testKey(1))
	if err != nil {
		t.Fatal(err)
	}
	for offset, want := range map[time.Duration]bool{
		-protocol.ClockSkew - 1: false, -protocol.ClockSkew: true, 0: true, 24*time.Hour - 1: true, 24 * time.Hour: false,
	} {
		if d.Valid(noon.Add(offset)) != want {
			t.Errorf("valid %v after its issue: want %v", offset, want)
		}
	}
}

func TestCovers(t *testing.T) {
	const day = protocol.ObservationRefresh
	for _, c := range []struct {
		name             string
		created, expires time.Duration // from the first sight; 0 is not said
		at               time.Duration
		want             bool
	}{
		{name: "between", at: time.Minute, want: true},
		{name: "a day before the first sight", at: -day, want: true},
		{name: "more than a day before", at: -day - 1},
		{name: "a day after the last sight", at: time.Hour + day, want: true},
		{name: "more than a day after", at: time.Hour + day + 1},
		{name: "since its creation", created: -100 * day, at: -100 * day, want: true},
		{name: "before its creation", created: -100 * day, at: -100*day - 1},
		{name: "created after it was seen", created: day, at: -day, want: true},
		{name: "until its end", expires: time.Minute, at: time.Minute + protocol.ClockSkew, want: true},
		{name: "past its end", expires: time.Minute, at: time.Minute + protocol.ClockSkew + time.Millisecond},
		{name: "its end lies far off", expires: 100 * day, at: 2 * day},
	} {
		d := observationDraft()
		if c.created != 0 {
			d.Key.Created = noon.Add(c.created)
		}
		if c.expires != 0 {
			d.Key.Expires = noon.Add(c.expires)
		}
		o, err := d.Sign(testKey(1))
		if err != nil {
			t.Fatal(err)
		}
		if o.Covers(noon.Add(c.at)) != c.want {
			t.Errorf("%s: want %v", c.name, c.want)
		}
	}
}

// TestObservationRoundTrip signs drafts of all sorts, and wants what was said back.
func TestObservationRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		instant := func(name string) time.Time {
			return time.UnixMilli(rapid.Int64Range(0, 253402300799999).Draw(t, name)).UTC()
		}
		maybe := func(name string) time.Time {
			if rapid.Bool().Draw(t, "no "+name) {
				return time.Time{}
			}
			return instant(name)
		}
		d := observationDraft()
		d.Key.Created, d.Key.Expires, d.Gone, d.DNSSEC = maybe("created"), maybe("expires"), rapid.Bool().Draw(t, "gone"), rapid.Bool().Draw(t, "dnssec")
		d.Key.Channels = rapid.SliceOfN(rapid.SampledFrom([]protocol.Channel{protocol.DNS, protocol.WellKnown}), 1, 4).Draw(t, "channels")
		d.FirstSeen, d.LastSeen = instant("a"), instant("b")
		if d.LastSeen.Before(d.FirstSeen) {
			d.FirstSeen, d.LastSeen = d.LastSeen, d.FirstSeen
		}
		o, err := d.Sign(testKey(1))
		if err != nil {
			t.Fatal(err)
		}
		if !o.Key.Created.Equal(d.Key.Created) || !o.Key.Expires.Equal(d.Key.Expires) || o.Gone != d.Gone || o.DNSSEC != d.DNSSEC ||
			!o.FirstSeen.Equal(d.FirstSeen) || !o.LastSeen.Equal(d.LastSeen) || !bytes.Equal(o.Key.Public, d.Key.Public) {
			t.Fatalf("%+v became %s", d, o.Raw())
		}
		for _, c := range d.Key.Channels {
			if !slices.Contains(o.Key.Channels, c) {
				t.Fatalf("%v became %v", d.Key.Channels, o.Key.Channels)
			}
		}
	})
}
