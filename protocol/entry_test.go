package protocol_test

import (
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"mirnode/protocol"
)

const entryText = `{"ingestedAt":"2026-11-22T07:00:00.000Z","kind":"claim","record":"` + zeroHash + `"}`

const zeroHash = "0000000000000000000000000000000000000000000000000000000000000000"

func TestEntry(t *testing.T) {
	e := protocol.Entry{IngestedAt: time.Date(2026, 11, 22, 7, 0, 0, 0, time.UTC), Kind: protocol.KindClaim}
	if got := string(e.Canonical()); got != entryText {
		t.Errorf("canonical form %s", got)
	}
	if got, err := protocol.ParseEntry([]byte(entryText)); err != nil || got != e {
		t.Errorf("read %+v, %v", got, err)
	}
	c, err := testDraft(`{}`).Sign(testKey(1))
	if err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, 11, 22, 8, 0, 0, 1_999_999, time.FixedZone("", 3600))
	e = protocol.NewEntry(c, at)
	if e.Kind != protocol.KindClaim || e.Record != c.RecordHash() || e.IngestedAt != time.Date(2026, 11, 22, 7, 0, 0, 1_000_000, time.UTC) {
		t.Errorf("entry %+v", e)
	}
}

func TestParseEntryRefuses(t *testing.T) {
	replaced := func(old, with string) string { return strings.Replace(entryText, old, with, 1) }
	for name, text := range map[string]string{
		"empty":             "",
		"white space":       entryText + "\n",
		"space inside":      replaced(":", ": "),
		"cut off":           entryText[:len(entryText)-1],
		"other order":       `{"kind":"claim","ingestedAt":"2026-11-22T07:00:00.000Z","record":"` + zeroHash + `"}`,
		"further member":    replaced(`"}`, `","x":1}`),
		"no kind":           replaced("claim", ""),
		"kind in capitals":  replaced("claim", "Claim"),
		"kind with a digit": replaced("claim", "claim2"),
		"kind with a quote": replaced("claim", `cl"im`),
		"hyphen first":      replaced("claim", "-claim"),
		"33 letters":        replaced("claim", strings.Repeat("a", 33)),
		"record in capital": replaced(zeroHash, strings.Repeat("A", 64)),
		"record too short":  replaced(zeroHash, zeroHash[1:]),
		"no hex":            replaced(zeroHash, strings.Repeat("g", 64)),
		"no millis":         replaced(".000Z", "Z"),
		"micros":            replaced(".000Z", ".000000Z"),
		"offset":            replaced("00.000Z", "00+00:00"),
		"no zone":           replaced("000Z", "0000"),
		"before 1970":       replaced("2026", "1969"),
		"month 13":          replaced("-11-", "-13-"),
		"February 30":       replaced("11-22", "02-30"),
		"leap second":       replaced("07:00:00", "23:59:60"),
		"lower-case z":      replaced("000Z", "000z"),
		"much too long":     entryText + strings.Repeat(" ", 1<<20),
	} {
		if e, err := protocol.ParseEntry([]byte(text)); err == nil {
			t.Errorf("%s: %+v", name, e)
		} else {
			wantCode(t, err, protocol.InvalidSchema)
		}
	}
}

func TestEntryRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		e := protocol.Entry{
			IngestedAt: time.UnixMilli(rapid.Int64Range(0, 253402300799999).Draw(t, "at")).UTC(),
			Kind:       protocol.Kind(rapid.StringMatching(`[a-z][a-z-]{0,31}`).Draw(t, "kind")),
			Record:     [32]byte(rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "record")),
		}
		form := e.Canonical()
		if got, err := protocol.ParseEntry(form); err != nil || got != e || len(form) > protocol.MaxEntryBytes {
			t.Fatalf("%+v became %s, and that %+v: %v", e, form, got, err)
		}
	})
}

func FuzzParseEntry(f *testing.F) {
	f.Add([]byte(entryText))
	f.Add([]byte(strings.Replace(entryText, "claim", "key-observation", 1)))
	f.Add([]byte(strings.Replace(entryText, "07:00:00", "23:59:60", 1)))
	f.Fuzz(func(t *testing.T, data []byte) {
		e, err := protocol.ParseEntry(data)
		if err != nil {
			mustBeRefusal(t, err, protocol.InvalidSchema)
			return
		}
		if string(e.Canonical()) != string(data) {
			t.Fatalf("%q is another spelling of %s", data, e.Canonical())
		}
	})
}

func TestKinds(t *testing.T) {
	for s, want := range map[string]bool{"claim": true, "a": true, "a-": true, strings.Repeat("z", 32): true, "": false, "a b": false, "ä": false, "A": false} {
		if k, err := protocol.ParseKind(s); (err == nil) != want || want && string(k) != s {
			t.Errorf("%q: %v", s, err)
		}
	}
	for kind, want := range map[protocol.Kind]bool{
		"claim": true, "key-observation": true, "erasure": true, "node": true, "assertion": true, "revocation": true, "issuer": true,
		"assertion-metadata": true, "metadata": false, "": false,
	} {
		if kind.Known() != want {
			t.Errorf("%q is known: %v", kind, !want)
		}
	}
}
