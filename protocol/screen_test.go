package protocol_test

import (
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"mirnode/protocol"
)

// testKey makes a key out of one byte, so that tests are the same each time.
func testKey(b byte) ed25519.PrivateKey {
	seed := make([]byte, ed25519.SeedSize)
	for i := range seed {
		seed[i] = b
	}
	return ed25519.NewKeyFromSeed(seed)
}

// testDraft returns a draft that can be signed, with the given metadata.
func testDraft(metadata string) *protocol.Draft {
	return &protocol.Draft{
		Type:      "mir.transaction.completed",
		Domain:    "marketplace.example.com",
		Subject:   protocol.Subject("marketplace.example.com", "user-1"),
		Timestamp: "2026-02-16T15:30:00Z",
		Metadata:  json.RawMessage(metadata),
	}
}

func asJSON(t *testing.T, v any) string {
	t.Helper()
	out, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

func TestScreenFinds(t *testing.T) {
	const email, phone, card, iban, ssn, id = "an e-mail address", "a phone number", "a payment card number",
		"an IBAN", "a US social security number", "an ID number"
	for text, want := range map[string]string{
		"alice@example.com":                       email,
		"Alice <alice.b+shop@mail.example.co.uk>": email,
		"mailto:alice@example.com?subject=x":      email,
		"alice%40example.com":                     email,
		"björn@exämple.de":                        email,
		"a@xn--exmple-cua.com":                    email,
		"alice＠example.com":                       email,
		"write to o'neil@example.com.":            email,
		"ali\u200bce@exam\u200bple.com":           email,

		"+14155552671":              phone,
		"+1 (415) 555-2671":         phone,
		"+49 30 12345678":           phone,
		"+49 (0)30 123456":          phone,
		"+49-171-1234567":           phone,
		"+33 6 12 34 56 78":         phone,
		"tel:+442079460958":         phone,
		"0044 20 7946 0958":         phone,
		"0049/30/1234567":           phone,
		"(415) 555-2671":            phone,
		"415-555-2671":              phone,
		"415.555.2671":              phone,
		"1-415-555-2671":            phone,
		"call 415-555-2671 today.":  phone,
		"Tel: 030 1234567":          phone,
		"0171/1234567":              phone,
		"(030) 1234567":             phone,
		"020 7946 0958":             phone,
		"07911 123456":              phone,
		"06 12 34 56 78":            phone,
		"06.12.34.56.78":            phone,
		"+49\u00a030\u00a012345678": phone,
		"＋49 30 12345678":           phone,
		"415‑555‑2671":              phone,

		"4111111111111111":                            card,
		"4111 1111 1111 1111":                         card,
		"5500-0000-0000-0004":                         card,
		"card: 3782 822463 10005":                     card,
		"6011000990139424":                            card,
		"3530111333300000":                            card,
		"4111 1111 1111 1111 12/27":                   card,
		"30569309025904":                              card,
		"DE89370400440532013000":                      iban,
		"DE89 3704 0044 0532 0130 00":                 iban,
		"de89370400440532013000":                      iban,
		"GB82 WEST 1234 5698 7654 32":                 iban,
		"IBAN:FR1420041010050500013M02606, thank you": iban,
		"NO9386011117947":                             iban,
		"123-45-6789":                                 ssn,
		"SSN 078 05 1120":                             ssn,
		"ssn:078-05-1120":                             ssn,
	} {
		for _, where := range []struct{ metadata, path string }{
			{`{"note":` + asJSON(t, text) + `}`, "metadata.note"},
			{`{"a":[{"b c":[1,` + asJSON(t, "see "+text) + `]}]}`, `metadata.a[0]["b c"][1]`},
			{`{"m":{` + asJSON(t, text) + `:1}}`, "a member's name in metadata.m"},
		} {
			_, err := testDraft(where.metadata).Sign(testKey(1))
			var refusal *protocol.Error
			if !errors.As(err, &refusal) || refusal.Code != protocol.InvalidSchema || refusal.Hint == "" {
				t.Errorf("%s: error %v", where.metadata, err)
				continue
			}
			if want := where.path + " looks like " + want; refusal.Message != want {
				t.Errorf("%s: says %q, want %q", where.metadata, refusal.Message, want)
			}
			if strings.Contains(err.Error(), text) {
				t.Errorf("the error repeats the data: %v", err)
			}
		}
	}
	for metadata, want := range map[string]string{
		`{"phone":"4155552671"}`:              "metadata.phone looks like " + phone,
		`{"phone":4915112345678}`:             "metadata.phone looks like " + phone, // passes for a card by its digits
		`{"mobileNumber":"4915112345678"}`:    "metadata.mobileNumber looks like " + phone,
		`{"tel":[4915112345678]}`:             "metadata.tel[0] looks like " + phone,
		`{"contactPhone":"415 5552671"}`:      "metadata.contactPhone looks like " + phone,
		`{"buyer":{"mobile_2":[4155552671]}}`: "metadata.buyer.mobile_2[0] looks like " + phone,
		`{"ssn":"078051120"}`:                 "metadata.ssn looks like " + id,
		`{"card":4111111111111111}`:           "metadata.card looks like " + card,
	} {
		_, err := testDraft(metadata).Sign(testKey(1))
		var refusal *protocol.Error
		if !errors.As(err, &refusal) || refusal.Message != want {
			t.Errorf("%s: error %v, want %q", metadata, err, want)
		}
	}
}

func TestScreenPasses(t *testing.T) {
	for _, text := range []string{
		"", "USD", "149.99", "14999", "-14999", "+14999", "+12345678", "12345678901", "1234567890123456", "+12345678.90", "0.12345678",
		"2026-02-16", "2026-02-16T15:30:00Z", "2026-02-16T15:30:00.123456789+01:00", "20260216T153000+0100", "01.02.2026", "01/02/2026",
		"01.02.2026 10:30", "05-11-2026", "1760000000", "1760000000000", "1760000000000000", "15:30", "09:30-17:00",
		"550e8400-e29b-41d4-a716-446655440000", "12345678-1234-1234-1234-123456789012", "019a2b3c-4155-7552-8671-000000000001",
		"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", "00000000000000004111111111111111",
		"4111111111111112", "4111 1111 1111 1112", "411111111111111", "DE89370400440532013001", "XX89370400440532013000",
		"000-12-3456", "666-12-3456", "900-12-3456", "123-00-4567", "123-45-0000", "123-45-67890", "1123-45-6789",
		"978-0-306-40615-7", "0-306-40615-2", "9780306406157", "192.168.100.200", "2001:db8::1", "v1.22.333-rc.4", "10.1000/xyz123",
		"INV-415-555-2671", "order_415-555-2671-1", "SKU 0412", "ISO 8601-1:2019", "1Z999AA10123456784", "48.8566, 2.3522", "415-555-26711",
		"react@18.2.0", "@handle", "a@b", "user@localhost", "50% off @ 10", "image@sha256:e3b0c4", "https://example.com/@handle",
		"1,234,567.89", "1 234 567", "1.234.567", "100-200-300", "3:2", "½ price", "#0171", "A0171-123", "0x0171 12",
		"size 38-40-42", "matches 2026-2027", "Q1 2026 / Q2 2026", "lat=52.520008&lon=13.404954",
	} {
		metadata := `{"note":` + asJSON(t, text) + `,"list":[` + asJSON(t, text) + `]}`
		if _, err := testDraft(metadata).Sign(testKey(1)); err != nil {
			t.Errorf("%s: %v", metadata, err)
		}
	}
	for _, metadata := range []string{
		`{"count":1,"cents":14999,"big":415555267100,"at":1760000000000,"us":1760000000000000,"ratio":0.12345678}`,
		`{"phone":true,"fax":null,"mobile":"verified","tel":12,"telephone":"number on file"}`,
		`{"telemetry":"1234567890","smartphones":"1234567890","550e8400-e29b-41d4-a716-446655440000":1}`,
		`{"email":"verified","emailHash":"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"}`,
	} {
		if _, err := testDraft(metadata).Sign(testKey(1)); err != nil {
			t.Errorf("%s: %v", metadata, err)
		}
	}
}
