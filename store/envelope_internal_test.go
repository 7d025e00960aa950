package store

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"mirnode/protocol"
)

const claimText = `{"mir":1,"type":"mir.account.created","domain":"Shop.Example","subject":"%s","timestamp":"2026-02-16T15:30:00.5+01:00",` +
	`"metadata":{"a":[1,{"b":null}]},"keyFingerprint":"%s","sig":"%s"}`

func parse(t testing.TB, text string) *protocol.Claim {
	t.Helper()
	c, err := protocol.ParseClaim(fmt.Appendf(nil, text, strings.Repeat("ab", 32), strings.Repeat("cd", 32), strings.Repeat("A", 86)))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// FuzzEnvelope: whatever stands in the file, decoding gives a record or an error.
func FuzzEnvelope(f *testing.F) {
	for _, text := range []string{claimText, strings.Replace(claimText, "Shop", `\u0053hop`, 1)} {
		provenance := Provenance{Channels: channelBits, DNSSEC: true, Form: "sdk", Flags: []string{"x", "yy"}}
		made, err := (&Store{}).claimItem(ClaimToAppend{Claim: parse(f, text), Provenance: provenance})
		if err != nil {
			f.Fatal(err)
		}
		envelope := made.envelope
		setIngested(envelope, 1_700_000_000_000)
		seal(7, envelope)
		f.Add(envelope)
		f.Add(encodeErased(envelope, time.UnixMilli(1_700_000_000_001), "reason"))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if b = bytes.Clone(b); len(b) >= fixedBytes {
			seal(7, b) // or nothing would get past the checksum
		}
		r, err := decodeEnvelope(7, b, false)
		if err != nil {
			return
		}
		copied, err := decodeEnvelope(7, b, true)
		if err != nil || !bytes.Equal(copied.Raw, r.Raw) || !bytes.Equal(copied.subject, r.subject) || copied.erased != r.erased {
			t.Errorf("decoding again: %+v, %v", copied, err)
		}
		if !r.erased && len(r.Raw) > len(b)-fixedBytes {
			t.Errorf("a body of %d bytes in an envelope of %d", len(r.Raw), len(b))
		}
	})
}

// A claim that spells what is indexed with escapes is parsed where others are cut out, to the same end.
func TestEscapedTextsAreIndexedAlike(t *testing.T) {
	plain, escaped := parse(t, claimText), parse(t, strings.NewReplacer("Shop", `\u0053hop`, "mir.account", `mir\u002eaccount`).Replace(claimText))
	hasher := termHasher{salt: [16]byte{1}}
	for _, c := range []*protocol.Claim{plain, escaped} {
		made, err := (&Store{terms: hasher}).claimItem(ClaimToAppend{Claim: c})
		if err != nil {
			t.Fatal(err)
		}
		seal(1, made.envelope)
		r, err := decodeEnvelope(1, made.envelope, true)
		if err != nil || !bytes.Equal(r.Raw, c.Raw()) || !r.ClaimedAt.Equal(c.Time()) {
			t.Errorf("decoded %+v, %v", r, err)
		}
		if got, err := hasher.ofRecord(&r); err != nil || got != hasher.ofClaim(plain) {
			t.Errorf("the keys are %v, want %v (%v)", got, hasher.ofClaim(plain), err)
		}
	}
}

// No byte of an envelope changes unnoticed, and none serves as another record's.
func TestEveryByteIsUnderTheChecksum(t *testing.T) {
	made, err := (&Store{}).claimItem(ClaimToAppend{Claim: parse(t, claimText), Provenance: Provenance{Flags: []string{"x"}}})
	if err != nil {
		t.Fatal(err)
	}
	for _, envelope := range [][]byte{made.envelope, encodeErased(made.envelope, time.UnixMilli(1), "reason")} {
		seal(7, envelope)
		if _, err := decodeEnvelope(7, envelope, false); err != nil {
			t.Fatal(err)
		}
		if _, err := decodeEnvelope(8, envelope, false); err == nil {
			t.Error("it passes for another record's")
		}
		for i := range envelope {
			envelope[i] ^= 1
			if _, err := decodeEnvelope(7, envelope, false); err == nil {
				t.Errorf("byte %d changed unnoticed", i)
			}
			envelope[i] ^= 1
		}
	}
}

func TestPositionsKeepTimeAndSequence(t *testing.T) {
	at := time.Date(2026, 2, 16, 15, 30, 0, 123_456_789, time.UTC)
	for _, at := range []time.Time{at, at.AddDate(-2026, 0, 0), at.AddDate(7973, 0, 0)} {
		p := positionOf(at, 77)
		if p.seq() != 77 || !p.time().Equal(at) {
			t.Errorf("%s: %s, %d", at, p.time(), p.seq())
		}
		newer := []position{positionOf(at, 78), positionOf(at.Add(1), 1), positionOf(at.Add(256), 1), positionOf(at.Add(time.Second), 1)}
		for _, q := range newer {
			if q.compare(p) >= 0 {
				t.Errorf("%s, %d does not come before %s, %d", q.time(), q.seq(), at, 77)
			}
		}
	}
}
