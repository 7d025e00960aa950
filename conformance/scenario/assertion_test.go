package scenario_test

import (
	"bytes"
	"crypto"
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"

	"mirnode/conformance/cases"
	"mirnode/conformance/scenario"
	"mirnode/protocol"

	"pgregory.net/rapid"
)

// playRaw plays one step without checking it first.
func playRaw(t *testing.T, w *scenario.World, step json.RawMessage) cases.Finding {
	t.Helper()
	return w.Play(t.Context(), &cases.Case{ID: "assertions/test", Kind: cases.KindScenario, Steps: []json.RawMessage{step}})
}

// sealed is a body as a case sends it.
type sealed struct {
	Payload   json.RawMessage `json:"payload"`
	Signature string          `json:"signature"`
	Display   string          `json:"displayName"`
}

// text is the payload's bytes, of a text the text itself.
func (s sealed) text() []byte {
	var text string
	if json.Unmarshal(s.Payload, &text) == nil {
		return []byte(text)
	}
	return s.Payload
}

// canonicalOf sorts the members, as the standard library does; the tests' values need no escapes that it would write otherwise.
func canonicalOf(t *testing.T, payload []byte) []byte {
	t.Helper()
	var members map[string]any
	decoder := json.NewDecoder(bytes.NewReader(payload))
	decoder.UseNumber()
	if err := decoder.Decode(&members); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(members); err != nil {
		t.Fatal(err)
	}
	return bytes.TrimSpace(out.Bytes())
}

// assert makes an issuer and an assertion with these members, sends it, and gives the body with the issuer's key.
func assert(t *testing.T, algorithm, members string) (body sealed, id, payload string, key crypto.PublicKey) {
	t.Helper()
	d := newDesk(t)
	expect(t, play(t, d.world(), `{"issuer":{"as":"i1","algorithm":"`+algorithm+`"}}`, `{"assertion":{"as":"a1"`+members+`}}`,
		`{"request":{"path":"/assertions","body":"${a1}"}}`, `{"request":{"path":"/id","body":"${a1.id}"}}`, `{"request":{"path":"/payload","body":"${a1.payload}"}}`), "")
	if err := json.Unmarshal(d.sent["/assertions"], &body); err != nil {
		t.Fatalf("%v: %s", err, d.sent["/assertions"])
	}
	return body, string(d.sent["/id"]), string(d.sent["/payload"]), d.keys["issuer_"+strings.Repeat("0", 31)+"1"][0]
}

// TestAssertionsAreSigned: what is signed verifies over what the step says, and over nothing else; and the ID is the one that the protocol's package finds.
func TestAssertionsAreSigned(t *testing.T) {
	for name, c := range map[string]struct {
		members   string
		canonical bool // the signature is one of the canonical form
		literal   bool // it is one of the payload as it stands in the body
		isText    bool
	}{
		"plain":             {``, true, true, false},
		"more members":      {`,"set":{"scope":"ü “x” </a>","artifactByteSize":12,"context":"line\nline"}`, true, true, false},
		"another type":      {`,"type":"METHOD","artifact":"${upper:${hash:x}}","timestamp":"${now-4m}"`, true, true, false},
		"spaced":            {`,"layout":"spaced"`, true, false, false},
		"written, literal":  {`,"layout":"written","signs":"literal"`, false, true, false},
		"text":              {`,"payload":"text","layout":"spaced"`, false, true, true},
		"text of canonical": {`,"payload":"text","layout":"spaced","signs":"canonical"`, true, false, true},
		"tampered":          {`,"tamper":{"type":"METHOD"}`, false, false, false},
		"flipped":           {`,"spelling":["flip"]`, false, false, false},
		"replaced":          {`,"replace":[["ISSUED_BY","DISPUTE"]]`, false, false, false},
		"other key":         {`,"beside":{"displayName":"x"},"spelling":["zero"]`, false, false, false},
	} {
		for _, algorithm := range []string{"Ed25519", "ES256"} {
			body, id, signed, key := assert(t, algorithm, c.members)
			signature, err := base64.StdEncoding.DecodeString(body.Signature)
			if err != nil {
				t.Fatal(err)
			}
			payload := body.text()
			canonical := canonicalOf(t, payload)
			if got := verifies(key, canonical, signature); got != c.canonical {
				t.Errorf("%s, %s: verifies over the canonical form: %t, want %t", name, algorithm, got, c.canonical)
			}
			if got := verifies(key, payload, signature); got != c.literal {
				t.Errorf("%s, %s: verifies over the payload as it stands: %t, want %t", name, algorithm, got, c.literal)
			}
			if isText := body.Payload[0] == '"'; isText != c.isText {
				t.Errorf("%s: the payload is %s", name, body.Payload)
			}
			parsed, err := protocol.ParsePayload([]byte(signed))
			if err != nil || parsed.ID() != id {
				t.Errorf("%s: the ID is %s, and by the protocol %v, %v", name, id, parsed, err)
			}
		}
	}
}

// TestPayloadsThatAreNone: members can be missing, doubled, or of other types; the body too.
func TestPayloadsThatAreNone(t *testing.T) {
	body, _, _, key := assert(t, "Ed25519", `,"payload":"text","remove":["version"],"set":{"timestamp":17},"rewrite":[["{","{\"type\":1,"]]`)
	signature, err := base64.StdEncoding.DecodeString(body.Signature)
	text := string(body.text())
	if err != nil || !verifies(key, []byte(text), signature) || strings.Contains(text, "version") || !strings.HasPrefix(text, `{"type":1,"artifactHash":`) || !strings.Contains(text, `"timestamp":17`) {
		t.Errorf("%v: %s", err, text)
	}
	body, _, _, _ = assert(t, "Ed25519", `,"leave":["payload"],"beside":{"displayName":"x"},"signature":"none"`)
	if body.Payload != nil || body.Signature != "none" || body.Display != "x" {
		t.Errorf("the body is %+v", body)
	}
	body, _, _, _ = assert(t, "Ed25519", `,"leave":["signature"]`)
	if body.Payload == nil || body.Signature != "" {
		t.Errorf("the body is %+v", body)
	}
}

// TestIdentityOfAnyText: whatever text is signed, the suite's canonical form is the protocol's.
func TestIdentityOfAnyText(t *testing.T) {
	d := newDesk(t)
	w := d.world()
	rapid.Check(t, func(r *rapid.T) {
		context := rapid.StringOfN(rapid.SampledFrom([]rune("aZ09 \"\\/<>&'\n\té“”😀～\u2028{}[]")), 1, 40, -1).Draw(r, "context")
		quoted, err := json.Marshal(context)
		if err != nil {
			r.Fatal(err)
		}
		expect(t, play(t, w, `{"issuer":{"as":"i1"}}`, `{"assertion":{"as":"a1","set":{"context":`+string(quoted)+`}}}`,
			`{"request":{"path":"/payload","body":"${a1.payload}"}}`, `{"request":{"path":"/id","body":"${a1.id}"}}`), "")
		parsed, err := protocol.ParsePayload(d.sent["/payload"])
		if err != nil && strings.Contains(context, "\u2028") {
			return // the protocol does not take it
		}
		if err != nil || parsed.ID() != string(d.sent["/id"]) || parsed.Context != context || string(parsed.Encode()) != string(d.sent["/payload"]) {
			r.Errorf("%q: %v, %s", context, err, d.sent["/payload"])
		}
	})
}

// TestRevocations: a revocation names its assertion, and with a successor both stand in one body, each signed.
func TestRevocations(t *testing.T) {
	d := newDesk(t)
	expect(t, play(t, d.world(), `{"issuer":{"as":"i1"}}`, `{"assertion":{"as":"a1"}}`, `{"revocation":{"as":"r1","assertion":"${a1.id}","set":{"reason":"x"}}}`,
		`{"assertion":{"as":"a2","set":{"supersedes":"${a1.id}"},"beside":{"displayName":"x"}}}`, `{"revocation":{"as":"r2","assertion":"${a1.id}","successor":"a2"}}`,
		`{"request":{"path":"/id","body":"${a1.id}"}}`, `{"request":{"path":"/revoke","body":"${r1}"}}`, `{"request":{"path":"/supersede","body":"${r2}"}}`), "")
	var both struct {
		Revocation sealed `json:"revocation"`
		sealed
	}
	var alone sealed
	if err := json.Unmarshal(d.sent["/supersede"], &both); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(d.sent["/revoke"], &alone); err != nil {
		t.Fatal(err)
	}
	key := d.keys["issuer_"+strings.Repeat("0", 31)+"1"][0]
	for action, s := range map[string]sealed{"REVOKE": alone, "SUPERSEDE": both.Revocation} {
		p, err := protocol.ParseRevocationPayload(s.text())
		if err != nil || string(p.Action) != action || p.AssertionID != string(d.sent["/id"]) {
			t.Errorf("%s: %+v, %v", action, p, err)
		}
		if signature, _ := base64.StdEncoding.DecodeString(s.Signature); !verifies(key, s.Payload, signature) {
			t.Errorf("%s is not signed: %s", action, s.Payload)
		}
	}
	next, err := protocol.ParsePayload(both.text())
	if signature, _ := base64.StdEncoding.DecodeString(both.Signature); err != nil || next.Supersedes != string(d.sent["/id"]) || both.Display != "x" || !verifies(key, both.Payload, signature) {
		t.Errorf("the successor is %s, %v", d.sent["/supersede"], err)
	}
}

// TestStepsThatAreWrong: a case that would not test what its author meant fails, and says why.
func TestStepsThatAreWrong(t *testing.T) {
	d := newDesk(t)
	for step, wrong := range map[string]string{
		`{"assertion":{"as":"a1","issuer":"nobody"}}`:                     `no issuer called "nobody"`,
		`{"assertion":{"as":"a1","with":"nothing"}}`:                      `called "nothing"`,
		`{"assertion":{"as":"a1","layout":"pretty"}}`:                     `no layout "pretty"`,
		`{"assertion":{"as":"a1","payload":"list"}}`:                      "object or text",
		`{"assertion":{"as":"a1","signs":"all"}}`:                         "canonical or literal",
		`{"assertion":{"as":"a1","spelling":["upside-down"]}}`:            "no such way to spell",
		`{"assertion":{"as":"a1","spelling":["cut","plus-order"]}}`:       "64 bytes",
		`{"assertion":{"as":"a1","replace":[["what is not there","x"]]}}`: "does not stand in",
		`{"assertion":{"as":"a1","rewrite":[["what is not there","x"]]}}`: "does not stand in",
		`{"assertion":{}}`: `"as" names`,
		`{"revocation":{"as":"r1","assertion":"x","successor":"nothing"}}`: `no assertion called "nothing"`,
		`{"revocation":{"as":"r1","assertion":"x","issuer":"nobody"}}`:     `no issuer called "nobody"`,
	} {
		expect(t, play(t, d.world(), `{"issuer":{"as":"i1"}}`, step), wrong)
	}
}
