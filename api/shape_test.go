package api_test

import (
	"encoding/hex"
	"errors"
	"net/http"
	"strings"
	"testing"
	"unicode/utf8"

	"mirnode/api"
	"mirnode/internal/strictjson"
)

func TestParseArtifact(t *testing.T) {
	lower := file("a picture")
	for _, test := range []struct {
		name, hash string
		ok         bool
	}{
		{"lower case", lower, true}, {"upper case", strings.ToUpper(lower), true}, {"mixed", strings.ToUpper(lower[:32]) + lower[32:], true},
		{"short", lower[1:], false}, {"long", lower + "0", false}, {"empty", "", false},
		{"past the digits", ":" + lower[1:], false}, {"before the digits", "/" + lower[1:], false},
		{"past f", "g" + lower[1:], false}, {"past F", "G" + lower[1:], false}, {"before a", "`" + lower[1:], false}, {"before A", "@" + lower[1:], false},
		{"high bit", "\xb0" + lower[1:], false}, {"at the end", lower[:63] + "x", false},
	} {
		hash, ok := api.ParseArtifact(test.hash)
		if ok != test.ok || ok && hex.EncodeToString(hash[:]) != lower {
			t.Errorf("%s: %x, %v", test.name, hash, ok)
		}
	}
}

// refusedWell holds what every decoder promises: a refusal is the client's fault, and says what is wrong and how to mend it, in UTF-8.
func refusedWell(t *testing.T, body []byte, err error) {
	t.Helper()
	status, message, hint, ok := api.Problem(err)
	if !ok || status != http.StatusBadRequest || message == "" || hint == "" || !utf8.ValidString(message) || !utf8.ValidString(hint) || len(message) > 2000 {
		t.Errorf("%q is refused with %d %q %q: %v", body, status, message, hint, err)
	}
}

// strictlyGood tells whether a strict reader takes a body at all: what a decoder takes, that one must.
func strictlyGood(body []byte) bool {
	v, err := strictjson.Parse(body, strictjson.Limits{Depth: 64, Values: 1 << 20})
	return err == nil && v.Kind() == strictjson.Object
}

func FuzzDecodeLookup(f *testing.F) {
	hash := file("a picture")
	for _, seed := range []string{hashes(hash), hashes(hash, strings.ToUpper(hash)), `{"hashes":[]}`, `{"hashes":null}`, `{"hashes":[1]}`, `{"hash":[]}`, `[`, "", `{"hashes":["\ud800"]}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		list, err := api.DecodeLookup(body)
		if err != nil {
			refusedWell(t, body, err)
			return
		}
		if len(list) == 0 || len(list) > 100 || !strictlyGood(body) {
			t.Errorf("%d hashes out of %q", len(list), body)
		}
		for _, hash := range list {
			if !strings.Contains(strings.ToLower(string(body)), hex.EncodeToString(hash[:])) && !strings.Contains(string(body), `\u`) {
				t.Errorf("%x does not stand in %q", hash, body)
			}
		}
	})
}

func FuzzDecodeWrite(f *testing.F) {
	for _, seed := range []string{
		`{"payload":{"version":1},"signature":"x"}`, `{"payload":"{}","signature":"x","keyFingerprint":null,"tags":["a"],"artifactByteSize":1,"note":"n"}`,
		`{"revocation":{"payload":{},"signature":"x"},"payload":{},"signature":"x"}`, `{"payload":[],"signature":1}`, `{"payload":{"payload":{"payload":{}}},"signature":"x"}`,
		`{"publicKey":{"kty":"EC"},"challenge":"c","signature":"s"}`, `{"label":"x","scopes":["lookup"],"expires":"2026-12-01T00:00:00Z"}`, `{"compromisedAt":"2026-12-01T00:00:00+01:00"}`, `{"domain":"news.example"}`,
		`{"payload":"\ud800","signature":""}`, `{"artifactByteSize":9007199254740993,"payload":{},"signature":""}`, `{"artifactByteSize":1e3}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		for name, decode := range api.Decoders {
			err := decode(body)
			if err != nil {
				refusedWell(t, body, err)
			} else if !strictlyGood(body) {
				t.Errorf("%s takes %q", name, body)
			}
		}
		submission, err := api.DecodeSubmission(body)
		if err != nil {
			return
		}
		if !submission.PayloadIsText && !strictlyGood(submission.Payload) || submission.PayloadIsText && !utf8.Valid(submission.Payload) || len(submission.Metadata.Tags) > 10 {
			t.Errorf("%q gives %+v", body, submission)
		}
	})
}

func TestProblemsOfShapes(t *testing.T) {
	_, err := api.DecodeLookup([]byte(`{"hashes":[` + strings.Repeat("0,", 500) + `0]}`))
	if errors.Is(err, strictjson.ErrTooMany) {
		t.Error("the number of values is told instead of the number of hashes")
	}
	refusedWell(t, nil, err)
}
