package assertions_test

import (
	"context"
	"testing"
	"time"

	"mirnode/assertions"
	"mirnode/protocol"
)

func TestVerifyWithoutKeeping(t *testing.T) {
	w := newWorld(t)
	one, away := w.issuer(), w.issuerOf(other)
	stranger := &issuer{w: w, id: protocol.IssuerID(other, "ffffffffffffffffffffffffffffffff"), signer: one.signer}
	ctx := context.Background()
	signed := func(i *issuer) assertions.Signed {
		in := i.submission(i.payload(protocol.IssuedBy, artifact(0)))
		return assertions.Signed{Payload: in.Payload, Signature: in.Signature}
	}
	for _, i := range []*issuer{one, away} {
		j, err := w.service.Verify(ctx, signed(i))
		must(t, err)
		if j.Kind != protocol.KindAssertion || j.Held || j.Issuer.ID != i.id || j.Key.Fingerprint != i.signer.key.Fingerprint {
			t.Errorf("%+v", j)
		}
	}
	if n := len(w.lookup(artifact(0)).Assertions); n != 0 {
		t.Fatalf("%d were kept", n)
	}
	kept := signed(one)
	id := one.say(protocol.IssuedBy, artifact(0)).State.SigHash
	revocation := one.revocation(id, protocol.ActionRevoke)
	w.clock.advance(time.Hour)
	j, err := w.service.Verify(ctx, kept)
	must(t, err) // it was in time when it was taken in
	if !j.Held || !j.JudgedAt.Equal(noon) || j.ID != id {
		t.Errorf("%+v", j)
	}
	_, err = w.service.Verify(ctx, revocation)
	wantRefusal(t, err, assertions.Invalid, "CLAIM_EXPIRED")
	j, err = w.service.Verify(ctx, one.revocation(id, protocol.ActionRevoke))
	must(t, err)
	if j.Kind != protocol.KindRevocation || j.ID != id {
		t.Errorf("%+v", j)
	}
	_, err = w.service.Verify(ctx, signed(stranger))
	wantRefusal(t, err, assertions.NotFound, "KEY_NOT_FOUND", stranger.id)
	forged := signed(one)
	forged.Signature = signed(away).Signature
	_, err = w.service.Verify(ctx, forged)
	wantRefusal(t, err, assertions.Invalid, "INVALID_SIGNATURE")
}
