package assertions_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"mirnode/accounts"
	"mirnode/assertions"
	"mirnode/protocol"
)

func TestEveryTypeIsTakenAndShown(t *testing.T) {
	w := newWorld(t)
	one := w.issuer()
	for n, typ := range protocol.AssertionTypes() {
		made := one.say(typ, artifact(n))
		if made.Receipt == nil || made.State.Revocation != nil {
			t.Errorf("%s: %+v", typ, made)
		}
		a := w.lookup(artifact(n))
		if len(a.Assertions) != 1 || a.Assertions[0].Type != string(typ) || a.Assertions[0].ID != protocol.AssertionID(made.State.SigHash) ||
			a.Assertions[0].Issuer.ID != one.id || a.Assertions[0].Revoked || a.Assertions[0].CreatedAt != millis(noon) {
			t.Errorf("%s: %+v", typ, a)
		}
	}
	p := one.payload("OWNED_BY", artifact(0))
	_, err := one.create(p)
	wantRefusal(t, err, assertions.Invalid, "OWNED_BY", "ISSUED_BY")
}

func TestSignatures(t *testing.T) {
	w := newWorld(t)
	edwards, curve := newEd25519(t, 200), newES256(t)
	one := w.issuer(edwards, curve)
	std, url := base64.StdEncoding.EncodeToString, base64.RawURLEncoding.EncodeToString
	der := curve.sign(one.payload(protocol.IssuedBy, artifact(1)).Encode())
	edSig := edwards.sign(one.payload(protocol.IssuedBy, artifact(0)).Encode())
	for _, c := range []struct {
		name      string
		artifact  int
		signature string
		duplicate bool
	}{
		{"Ed25519", 0, std(edSig), false},
		{"Ed25519 in base64url, not padded", 0, url(edSig), true},
		{"ES256 in DER", 1, std(der), false},
		{"ES256 in DER with the other s", 1, std(flipped(t, der)), true},
		{"ES256 raw", 1, std(raw(t, der, false)), true},
		{"ES256 raw with the other s", 1, url(raw(t, der, true)), true},
		{"the same payload under the other key", 1, std(edwards.sign(one.payload(protocol.IssuedBy, artifact(1)).Encode())), true},
		{"ES256 signed again", 1, std(curve.sign(one.payload(protocol.IssuedBy, artifact(1)).Encode())), true},
	} {
		t.Run(c.name, func(t *testing.T) {
			in := one.submission(one.payload(protocol.IssuedBy, artifact(c.artifact)))
			in.Signature = c.signature
			made, err := w.service.Create(context.Background(), one.caller(), in)
			if err != nil {
				t.Fatal(err)
			}
			if made.Duplicate != c.duplicate || made.Receipt == nil {
				t.Errorf("duplicate: %t, receipt: %v", made.Duplicate, made.Receipt)
			}
			if n := len(w.lookup(artifact(c.artifact)).Assertions); n != 1 {
				t.Errorf("%d assertions", n)
			}
		})
	}
	for _, c := range []struct {
		name, signature, fingerprint, algorithm string
		words                                   []string
	}{
		{"of another payload", std(edSig), "", "", []string{"INVALID_SIGNATURE", "canonical"}},
		{"no base64", "?", "", "", []string{"INVALID_SIGNATURE"}},
		{"cut", std(edSig[:63]), edwards.key.Fingerprint, "", []string{"INVALID_SIGNATURE", "64 bytes"}},
		{"by a key that is not the one named", std(edwards.sign(one.payload(protocol.IssuedBy, artifact(2)).Encode())), curve.key.Fingerprint, "", []string{"INVALID_SIGNATURE", curve.key.Fingerprint}},
		{"by a key that nobody registered", std(edSig), strings.Repeat("0", 64), "", []string{"KEY_NOT_FOUND", "/keys"}},
		{"algorithm and key differ", std(edSig), edwards.key.Fingerprint, "ES256", []string{"Ed25519"}},
		{"no such algorithm", std(edSig), "", "RSA", []string{"RSA"}},
		{"missing", "", "", "", []string{"signature is missing"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			in := one.submission(one.payload(protocol.IssuedBy, artifact(2)))
			in.Signature, in.KeyFingerprint, in.Algorithm = c.signature, c.fingerprint, c.algorithm
			_, err := w.service.Create(context.Background(), one.caller(), in)
			wantRefusal(t, err, assertions.Invalid, c.words...)
		})
	}
	in := one.submission(one.payload(protocol.IssuedBy, artifact(2)))
	in.KeyFingerprint, in.Algorithm = strings.ToUpper(edwards.key.Fingerprint), "EdDSA"
	if _, err := w.service.Create(context.Background(), one.caller(), in); err != nil {
		t.Errorf("a named key: %v", err)
	}
}

// TestFormsThatAreSigned sends objects as encoders write them, and texts.
func TestFormsThatAreSigned(t *testing.T) {
	w := newWorld(t)
	one := w.issuer()
	for n, c := range []struct {
		name   string
		sent   func(canonical []byte) []byte // the payload as it is sent
		signed func(canonical []byte) []byte // the bytes that are signed
		text   bool
		good   bool
	}{
		{"the canonical form", same, same, false, true},
		{"an object in its own order, the canonical form signed", reversed, same, false, true},
		{"JSON.stringify of the payload signed", reversed, reversed, false, true},
		{"json.dumps signed, which writes blanks", spaced, spaced, false, true},
		{"the compact form signed, the whole body written with blanks", spacedReversed, reversed, false, true},
		{"a text, exactly", spacedReversed, spacedReversed, true, true},
		{"a text whose canonical form was signed", spaced, same, true, false},
		{"another text", same, spaced, false, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			canonical := one.payload(protocol.IssuedBy, artifact(n)).Encode()
			in := assertions.Submission{Payload: c.sent(canonical), PayloadIsText: c.text, Signature: base64.StdEncoding.EncodeToString(one.signer.sign(c.signed(canonical)))}
			made, err := w.service.Create(context.Background(), one.caller(), in)
			if !c.good {
				wantRefusal(t, err, assertions.Invalid, "INVALID_SIGNATURE")
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			record, err := protocol.ParseAssertion(made.State.Raw)
			must(t, err)
			if !bytes.Equal(record.Signed, c.signed(canonical)) {
				t.Errorf("the record has %s", record.Signed)
			}
			again, err := one.create(one.payload(protocol.IssuedBy, artifact(n)))
			if err != nil || !again.Duplicate || again.State.RecordHash != made.State.RecordHash {
				t.Errorf("the canonical form afterwards: %v, %v", again, err)
			}
		})
	}
}

func same(b []byte) []byte { return b }

func reversed(canonical []byte) []byte {
	members := bytes.Split(bytes.Trim(canonical, "{}"), []byte(`,"`))
	members[0] = bytes.TrimPrefix(members[0], []byte(`"`))
	out := []byte("{")
	for i := len(members) - 1; i >= 0; i-- {
		out = append(append(out, '"'), members[i]...)
		if i > 0 {
			out = append(out, ',')
		}
	}
	return append(out, '}')
}

func spaced(b []byte) []byte {
	return bytes.ReplaceAll(bytes.ReplaceAll(b, []byte(`,"`), []byte(`, "`)), []byte(`":`), []byte(`": `))
}

func spacedReversed(b []byte) []byte { return spaced(reversed(b)) }

func TestTimestampMustBeNow(t *testing.T) {
	const edge = 5 * time.Minute
	for _, c := range []struct {
		name  string
		apart time.Duration
		good  bool
	}{
		{"now", 0, true}, {"five minutes before", -edge, true}, {"five minutes after", edge, true},
		{"a moment more before", -edge - time.Millisecond, false}, {"a moment more after", edge + time.Millisecond, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			one := w.issuer()
			old := one.say(protocol.Method, artifact(0)).State.SigHash
			at := w.clock.Now().Add(c.apart)
			check := func(what string, err error) {
				t.Helper()
				if c.good {
					if err != nil {
						t.Errorf("%s: %v", what, err)
					}
					return
				}
				wantRefusal(t, err, assertions.Invalid, what, millis(at), millis(noon), "5 minutes", "clock")
			}
			p := one.payload(protocol.IssuedBy, artifact(0))
			p.Timestamp = millis(at)
			_, err := one.create(p)
			check("payload", err)

			p = one.payload(protocol.Method, artifact(0))
			p.Timestamp, p.Scope = millis(at), "again"
			_, err = one.supersede(old, p)
			check("successor", err)

			revocation := protocol.RevocationPayload{Action: protocol.ActionRevoke, AssertionID: protocol.AssertionID(old), IssuerID: one.id, Timestamp: millis(at)}
			signed := revocation.Encode()
			_, err = w.service.Revoke(context.Background(), one.caller(), old, assertions.Signed{Payload: signed, Signature: base64.StdEncoding.EncodeToString(one.signer.sign(signed))})
			check("revocation", err)
		})
	}
}

// TestOrderOfChecks breaks several rules at once: the first in the order is the answer.
func TestOrderOfChecks(t *testing.T) {
	w := newWorld(t)
	one, two, away := w.issuer(), w.issuer(), w.issuerOf(other)
	one.say(protocol.IssuedBy, artifact(0))
	suspended := &accounts.Refusal{Kind: accounts.Forbidden, Message: "suspended", Hint: "ask"}
	ctx := context.Background()
	bad := func(p *protocol.AssertionPayload) assertions.Submission {
		in := one.submission(p)
		in.Signature = base64.StdEncoding.EncodeToString(make([]byte, 64))
		return in
	}
	late := func(i *issuer) *protocol.AssertionPayload {
		p := i.payload(protocol.IssuedBy, artifact(0))
		p.Timestamp, p.Disputes = millis(noon.Add(-time.Hour)), protocol.AssertionID([32]byte{1})
		return p
	}
	unknown := one.payload(protocol.IssuedBy, artifact(0))
	unknown.IssuerID = protocol.IssuerID(home, strings.Repeat("f", 32))

	malformed := bad(late(away))
	malformed.Payload = []byte(`{"version":2}`)
	_, err := w.service.Create(ctx, two.caller(), malformed)
	wantRefusal(t, err, assertions.Invalid, "INVALID_SCHEMA")

	_, err = w.service.Create(ctx, two.caller(), bad(late(away)))
	wantRefusal(t, err, assertions.Forbidden, other, "https://"+other, away.id)

	w.refusals[one.id] = suspended
	_, err = w.service.Create(ctx, two.caller(), bad(late(one)))
	wantRefusal(t, err, assertions.Forbidden, one.id, two.id)

	_, err = w.service.Create(ctx, accounts.Caller{Issuer: unknown.IssuerID, Scopes: one.caller().Scopes}, bad(unknown))
	wantRefusal(t, err, assertions.NotFound, unknown.IssuerID)

	if _, err = w.service.Create(ctx, one.caller(), bad(late(one))); !errors.Is(err, suspended) {
		t.Errorf("a suspended issuer: %v", err)
	}
	delete(w.refusals, one.id)
	_, err = w.service.Create(ctx, one.caller(), bad(late(one)))
	wantRefusal(t, err, assertions.Invalid, "timestamp")

	wrong := one.payload(protocol.IssuedBy, artifact(0))
	wrong.Disputes, wrong.Scope = protocol.AssertionID([32]byte{1}), "another"
	_, err = w.service.Create(ctx, one.caller(), bad(wrong))
	wantRefusal(t, err, assertions.Invalid, "INVALID_SIGNATURE")

	_, err = w.service.Create(ctx, one.caller(), one.submission(wrong))
	wantRefusal(t, err, assertions.Invalid, "disputes", "not kept here")

	wrong.Disputes = ""
	_, err = w.service.Create(ctx, one.caller(), one.submission(wrong))
	wantRefusal(t, err, assertions.Invalid, "active", "/supersede")

	readOnly := accounts.Caller{Issuer: one.id, Scopes: []accounts.Scope{accounts.ScopeLookup}}
	var refusal *accounts.Refusal
	if _, err = w.service.Create(ctx, readOnly, one.submission(wrong)); !errors.As(err, &refusal) || refusal.Kind != accounts.Forbidden {
		t.Errorf("a key that may not write: %v", err)
	}
}

func TestWhereToGoIsToldWithoutAKey(t *testing.T) {
	w := newWorld(t)
	one, away := w.issuer(), w.issuerOf(other)
	ctx := context.Background()
	wantRefusal(t, w.service.CheckPayload(ctx, away.payload(protocol.IssuedBy, artifact(0)).Encode()), assertions.Forbidden, other, "https://"+other)
	wantRefusal(t, w.service.CheckPayload(ctx, []byte("{}")), assertions.Invalid, "missing")
	must(t, w.service.CheckPayload(ctx, one.payload(protocol.IssuedBy, artifact(0)).Encode()))
	must(t, w.service.CheckPayload(ctx, one.revocation([32]byte{1}, protocol.ActionRevoke).Payload))
	wantRefusal(t, w.service.CheckPayload(ctx, away.revocation([32]byte{1}, protocol.ActionRevoke).Payload), assertions.Forbidden, other)
	wantRefusal(t, w.service.CheckPayload(ctx, []byte(`{"action":"UNDO"}`)), assertions.Invalid, "revocation")
	must(t, w.service.CheckAssertion(ctx, one.say(protocol.IssuedBy, artifact(0)).State.SigHash))
	must(t, w.service.CheckAssertion(ctx, [32]byte{9}))
}

func TestOneActiveOfAType(t *testing.T) {
	w := newWorld(t)
	one, two := w.issuer(), w.issuer()
	first := one.say(protocol.IssuedBy, artifact(0)).State.SigHash
	again := func() (*assertions.Written, error) {
		w.clock.advance(time.Second)
		return one.create(one.payload(protocol.IssuedBy, artifact(0)))
	}
	_, err := again()
	id := protocol.AssertionID(first)
	wantRefusal(t, err, assertions.Invalid, "ISSUED_BY", id, "POST /assertions/"+id+"/supersede", "POST /assertions/"+id+"/revoke")
	one.say(protocol.Intent, artifact(0))
	one.say(protocol.IssuedBy, artifact(1))
	two.say(protocol.IssuedBy, artifact(0))
	if _, err := one.revoke(first); err != nil {
		t.Fatal(err)
	}
	second, err := again()
	if err != nil {
		t.Fatalf("after the revocation: %v", err)
	}
	_, err = again()
	wantRefusal(t, err, assertions.Invalid, protocol.AssertionID(second.State.SigHash))
	upper := one.payload(protocol.IssuedBy, artifact(1))
	b := bytes.Replace(upper.Encode(), []byte(hex.EncodeToString(upper.Artifact[:])), []byte(strings.ToUpper(hex.EncodeToString(upper.Artifact[:]))), 1)
	_, err = w.service.Create(context.Background(), one.caller(), assertions.Submission{Payload: b, Signature: base64.StdEncoding.EncodeToString(one.signer.sign(b))})
	wantRefusal(t, err, assertions.Invalid, "active ISSUED_BY")
}

func TestUpperCaseHashes(t *testing.T) {
	w := newWorld(t)
	one := w.issuer()
	p := one.payload(protocol.IssuedBy, artifact(0))
	digits := hex.EncodeToString(p.Artifact[:])
	b := bytes.Replace(p.Encode(), []byte(digits), []byte(strings.ToUpper(digits)), 1)
	made, err := w.service.Create(context.Background(), one.caller(), assertions.Submission{Payload: b, Signature: base64.StdEncoding.EncodeToString(one.signer.sign(b))})
	must(t, err)
	if a := w.lookup(artifact(0)); len(a.Assertions) != 1 || a.ArtifactHash != digits {
		t.Errorf("%+v", a)
	}
	answer, err := w.service.AppendWritten(context.Background(), nil, made)
	must(t, err)
	if !json.Valid(answer) || !bytes.Contains(answer, []byte(`"lookup":"https://mir.example/assertions?hash=`+digits+`"`)) {
		t.Errorf("%s", answer)
	}
}

func TestConcurrentCreates(t *testing.T) {
	w := newWorld(t)
	one := w.issuer()
	const writers = 16
	results := make([]error, writers)
	var together sync.WaitGroup
	for n := range writers {
		p := one.payload(protocol.IssuedBy, artifact(0))
		p.Scope = fmt.Sprintf("writer %d", n)
		in := one.submission(p)
		together.Go(func() { _, results[n] = w.service.Create(context.Background(), one.caller(), in) })
	}
	together.Wait()
	won := 0
	for _, err := range results {
		if err == nil {
			won++
			continue
		}
		wantRefusal(t, err, assertions.Invalid, "active")
	}
	if won != 1 || len(w.lookup(artifact(0)).Assertions) != 1 {
		t.Errorf("%d writers won", won)
	}
}

func TestLateRepetitions(t *testing.T) {
	w := newWorld(t)
	one := w.issuer()
	p := one.payload(protocol.IssuedBy, artifact(0))
	first, err := one.create(p)
	must(t, err)
	w.clock.advance(4 * time.Minute)
	again, err := one.create(p)
	must(t, err)
	if !again.Duplicate || again.State.RecordHash != first.State.RecordHash || again.Receipt.Index != first.Receipt.Index {
		t.Errorf("within the time: %+v", again)
	}
	w.clock.advance(2 * time.Minute)
	_, err = one.create(p)
	wantRefusal(t, err, assertions.Invalid, "timestamp", "was taken in at "+millis(noon), protocol.AssertionID(first.State.SigHash))
}

func TestConcurrentDuplicates(t *testing.T) {
	w := newWorld(t)
	one := w.issuer()
	in := one.submission(one.payload(protocol.IssuedBy, artifact(0)))
	const writers = 16
	first := make([]bool, writers)
	var together sync.WaitGroup
	for n := range writers {
		together.Go(func() {
			made, err := w.service.Create(context.Background(), one.caller(), in)
			if err != nil || made.Receipt == nil {
				t.Errorf("%v, %v", made, err)
				return
			}
			first[n] = !made.Duplicate
		})
	}
	together.Wait()
	if n := strings.Count(fmt.Sprint(first), "true"); n != 1 {
		t.Errorf("%d were the first", n)
	}
}

func TestReferences(t *testing.T) {
	w := newWorld(t)
	one, two := w.issuer(), w.issuer()
	target := one.say(protocol.IssuedBy, artifact(0)).State.SigHash
	elsewhere := one.say(protocol.IssuedBy, artifact(1)).State.SigHash
	for _, c := range []struct {
		name   string
		change func(p *protocol.AssertionPayload)
		words  []string // nil: taken
	}{
		{"disputes what is there", func(p *protocol.AssertionPayload) { p.Disputes = protocol.AssertionID(target) }, nil},
		{"disputes what nobody knows", func(p *protocol.AssertionPayload) { p.Disputes = protocol.AssertionID([32]byte{7}) }, []string{"disputes", "not kept here"}},
		{"disputes what is about another file", func(p *protocol.AssertionPayload) { p.Disputes = protocol.AssertionID(elsewhere) }, []string{"another artifact"}},
		{"supersedes another issuer's", func(p *protocol.AssertionPayload) { p.Supersedes = protocol.AssertionID(target) }, []string{"another issuer", "DISPUTE"}},
		{"supersedes what nobody knows", func(p *protocol.AssertionPayload) { p.Supersedes = protocol.AssertionID([32]byte{7}) }, []string{"supersedes", "not kept here"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := two.payload(protocol.Dispute, artifact(0))
			c.change(p)
			_, err := two.create(p)
			if c.words == nil {
				must(t, err)
				return
			}
			wantRefusal(t, err, assertions.Invalid, c.words...)
		})
	}
	active := one.payload(protocol.Intent, artifact(0))
	active.Supersedes = protocol.AssertionID(target)
	_, err := one.create(active)
	wantRefusal(t, err, assertions.Invalid, "active", "/supersede", "SUPERSEDE")
	_, err = one.revoke(target)
	must(t, err)
	_, err = one.create(active)
	must(t, err)
	second := one.payload(protocol.Method, artifact(0))
	second.Supersedes = protocol.AssertionID(target)
	_, err = one.create(second)
	wantRefusal(t, err, assertions.Invalid, "has a successor already")
}

func TestRevokedKeysSignNothing(t *testing.T) {
	w := newWorld(t)
	one := w.issuer(newEd25519(t, 201), newEd25519(t, 202))
	w.clock.advance(time.Minute)
	one.draft.Keys[0].RevokedAt = w.clock.Now()
	one.publish()
	_, err := one.create(one.payload(protocol.IssuedBy, artifact(0)))
	wantRefusal(t, err, assertions.Invalid, "KEY_EXPIRED", "revoked at "+w.clock.Now().Format(time.RFC3339), one.draft.Keys[0].Fingerprint)
	one.signer = newEd25519(t, 202)
	one.say(protocol.IssuedBy, artifact(0))
}
