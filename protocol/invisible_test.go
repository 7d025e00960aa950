package protocol_test

import (
	"crypto/ed25519"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"mirnode/protocol"
)

// TestTurningAndHiding tries texts that could pass for others, and texts of many scripts that are as they must be.
func TestTurningAndHiding(t *testing.T) {
	for _, c := range []struct {
		what, text     string
		good, goodName bool // as a text, as a name
	}{
		{"plain", "News of the day", true, true},
		{"accents and symbols", "Zoë & Söhne, Ŝtàt™ №1 – “x”", true, true},
		{"Persian, with a non-joiner", "می\u200cخواهم", true, true},
		{"Hindi, with a joiner", "क्\u200dष", true, true},
		{"Malayalam, with a joiner at the end", "അവന്\u200d പറഞ്ഞു", true, true},
		{"Hebrew and Arabic", "חדשות أخبار", true, true},
		{"a family", "👨\u200d👩\u200d👧 News", true, true},
		{"a heart of emoji form", "I \u2764\ufe0f\u200d🔥 it", true, true},
		{"a variant of Han", "渡邉\U000e0100", true, true},
		{"Mongolian variant", "ᠭ\u180b", true, true},
		{"Thai with a word space", "ข่าว\u200bด่วน", true, false},
		{"zero width space", "Ne\u200bws", true, false},
		{"byte order mark", "\ufeffNews", true, false},
		{"word joiner", "Ne\u2060ws", true, false},
		{"soft hyphen", "Ne\u00adws", true, false},
		{"invisible times", "Ne\u2062ws", true, false},
		{"Hangul filler", "Ne\u3164ws", true, false},
		{"grapheme joiner", "Ne\u034fws", true, false},
		{"empty braille", "Ne\u2800ws", true, false},
		{"form after a letter", "Ne\ufe0fws", true, false},
		{"tag", "News\U000e0041", true, false},
		{"private use", "News\ue000", true, false},
		{"not assigned yet", "News\u0378", true, true},
		{"line separator", "Ne\u2028ws", true, false},
		{"joiner in Latin", "Ne\u200dws", false, false},
		{"non-joiner in Latin", "Ne\u200cws", false, false},
		{"non-joiner in Cyrillic", "но\u200cвости", false, false},
		{"joiner at the end", "News\u200d", false, false},
		{"joiner at the beginning", "\u200dखबर", false, false},
		{"two joiners", "می\u200c\u200cخواهم", false, false},
		{"left-to-right mark", "Ne\u200ews", false, false},
		{"right-to-left mark", "Ne\u200fws", false, false},
		{"Arabic letter mark", "Ne\u061cws", false, false},
		{"embedding", "Ne\u202aws", false, false},
		{"override", "Ne\u202egpj.exe", false, false},
		{"isolate", "Ne\u2066ws\u2069", false, false},
	} {
		t.Run(c.what, func(t *testing.T) {
			for member, m := range map[string]protocol.AssertionMetadata{
				"displayName": {DisplayName: c.text}, "originalFilename": {OriginalFilename: c.text}, "context": {Context: c.text}, "tags": {Tags: []string{c.text}},
			} {
				if err := m.Check(); (err == nil) != c.good {
					t.Errorf("%s: %v", member, err)
				}
			}
			quoted, err := json.Marshal(c.text)
			if err != nil {
				t.Fatal(err)
			}
			for _, member := range []string{"scope", "context"} {
				payload := `{"version":1,"artifactHash":"` + strings.Repeat("ab", 32) + `","type":"INTENT","issuerId":"` + protocol.IssuerID("node1.test", strings.Repeat("0", 32)) +
					`","timestamp":"2026-11-22T10:00:00Z","` + member + `":` + string(quoted) + `}`
				if _, err := protocol.ParsePayload([]byte(payload)); (err == nil) != c.good {
					t.Errorf("signed %s: %v", member, err)
				}
			}
			_, err = protocol.IssuerDraft{Home: "node1.test", Nonce: strings.Repeat("0", 32), Network: protocol.Development, Name: c.text, Status: protocol.IssuerUnverified,
				Sequence: 1, Issued: time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)}.Sign(ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize)))
			if (err == nil) != c.goodName {
				t.Errorf("name: %v", err)
			}
		})
	}
}
