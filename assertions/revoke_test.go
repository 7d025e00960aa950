package assertions_test

import (
	"context"
	"encoding/base64"
	"sync"
	"testing"
	"time"

	"mirnode/accounts"
	"mirnode/assertions"
	"mirnode/protocol"
	"mirnode/store"
)

func TestRevoke(t *testing.T) {
	w := newWorld(t)
	one, two := w.issuer(), w.issuer()
	id := one.say(protocol.IssuedBy, artifact(0)).State.SigHash
	ctx := context.Background()

	_, err := w.service.Revoke(ctx, two.caller(), id, one.revocation(id, protocol.ActionRevoke))
	wantRefusal(t, err, assertions.Forbidden, one.id, two.id)
	_, err = w.service.Revoke(ctx, two.caller(), id, two.revocation(id, protocol.ActionRevoke))
	wantRefusal(t, err, assertions.Forbidden, "DISPUTE")
	forged := one.revocation(id, protocol.ActionRevoke)
	forged.Signature = two.revocation(id, protocol.ActionRevoke).Signature
	_, err = w.service.Revoke(ctx, one.caller(), id, forged)
	wantRefusal(t, err, assertions.Invalid, "INVALID_SIGNATURE")
	_, err = w.service.Revoke(ctx, one.caller(), [32]byte{5}, one.revocation(id, protocol.ActionRevoke))
	wantRefusal(t, err, assertions.Invalid, "path")
	_, err = w.service.Revoke(ctx, one.caller(), [32]byte{5}, one.revocation([32]byte{5}, protocol.ActionRevoke))
	wantRefusal(t, err, assertions.NotFound, protocol.AssertionID([32]byte{5}))
	_, err = w.service.Revoke(ctx, one.caller(), id, one.revocation(id, protocol.ActionSupersede))
	wantRefusal(t, err, assertions.Invalid, "SUPERSEDE", "/supersede")
	if w.lookup(artifact(0)).Assertions[0].Revoked {
		t.Fatal("revoked by a refused call")
	}

	w.clock.advance(time.Second)
	first, err := one.revoke(id)
	must(t, err)
	if first.Duplicate || first.Receipt == nil || first.State.Revocation == nil {
		t.Errorf("the first: %+v", first)
	}
	w.clock.advance(time.Minute)
	again, err := one.revoke(id)
	must(t, err)
	if !again.Duplicate || again.State.Revocation.RecordHash != first.State.Revocation.RecordHash || again.Receipt.Index != first.Receipt.Index {
		t.Errorf("the second: %+v", again)
	}
	a := w.lookup(artifact(0)).Assertions[0]
	if !a.Revoked || a.RevokedAt != millis(noon.Add(time.Second)) || a.Revocation != "REVOKED" || a.SupersededBy != "" {
		t.Errorf("%+v", a)
	}
	same := one.payload(protocol.IssuedBy, artifact(0))
	same.Timestamp = millis(noon)
	back, err := one.create(same)
	must(t, err)
	if !back.Duplicate || back.State.Revocation == nil {
		t.Errorf("the same payload again brings a revoked assertion back: %+v", back)
	}
}

func TestSupersede(t *testing.T) {
	w := newWorld(t)
	one, two := w.issuer(), w.issuer()
	old := one.say(protocol.IssuedBy, artifact(0))
	id := old.State.SigHash
	ctx := context.Background()
	w.clock.advance(time.Second)

	successor := func() *protocol.AssertionPayload {
		p := one.payload(protocol.IssuedBy, artifact(0))
		p.Supersedes, p.Scope = protocol.AssertionID(id), "corrected"
		return p
	}
	for _, c := range []struct {
		name   string
		change func(p *protocol.AssertionPayload, r *assertions.Signed)
		words  []string
	}{
		{"no name of the old one", func(p *protocol.AssertionPayload, _ *assertions.Signed) { p.Supersedes = "" }, []string{`"supersedes":"` + protocol.AssertionID(id)}},
		{"another old one", func(p *protocol.AssertionPayload, _ *assertions.Signed) {
			p.Supersedes = protocol.AssertionID([32]byte{3})
		}, []string{"path"}},
		{"another issuer", func(p *protocol.AssertionPayload, _ *assertions.Signed) { p.IssuerID = two.id }, []string{two.id}},
		{"another file", func(p *protocol.AssertionPayload, _ *assertions.Signed) { p.Artifact = artifact(1) }, []string{"another artifact"}},
		{"a plain revocation", func(_ *protocol.AssertionPayload, r *assertions.Signed) {
			*r = one.revocation(id, protocol.ActionRevoke)
		}, []string{"REVOKE", "SUPERSEDE"}},
		{"a revocation of another", func(_ *protocol.AssertionPayload, r *assertions.Signed) {
			*r = one.revocation([32]byte{3}, protocol.ActionSupersede)
		}, []string{"path"}},
		{"a forged revocation", func(_ *protocol.AssertionPayload, r *assertions.Signed) {
			r.Signature = base64.StdEncoding.EncodeToString(make([]byte, 64))
		}, []string{"INVALID_SIGNATURE"}},
		{"an unknown dispute", func(p *protocol.AssertionPayload, _ *assertions.Signed) {
			p.Disputes = protocol.AssertionID([32]byte{3})
		}, []string{"disputes"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			p, r := successor(), one.revocation(id, protocol.ActionSupersede)
			c.change(p, &r)
			_, err := w.service.Supersede(ctx, one.caller(), id, r, one.submission(p))
			wantRefusal(t, err, assertions.Invalid, c.words...)
			if w.lookup(artifact(0)).Assertions[0].Revoked {
				t.Fatal("revoked by a refused call")
			}
		})
	}
	forged := one.submission(successor())
	forged.Signature = base64.StdEncoding.EncodeToString(make([]byte, 64))
	_, err := w.service.Supersede(ctx, one.caller(), id, one.revocation(id, protocol.ActionSupersede), forged)
	wantRefusal(t, err, assertions.Invalid, "INVALID_SIGNATURE")

	made, err := one.supersede(id, successor())
	must(t, err)
	if made.Duplicate || made.Receipt == nil || made.Revoked == nil || made.Receipt.Index != made.Revoked.Index+1 {
		t.Errorf("the successor: %+v", made)
	}
	a := w.lookup(artifact(0))
	newer, older := a.Assertions[0], a.Assertions[1]
	if newer.Revoked || !older.Revoked || older.Revocation != "SUPERSEDED" || older.SupersededBy != newer.ID || newer.Signed["supersedes"] != older.ID {
		t.Errorf("%+v", a)
	}
	again, err := w.service.Supersede(ctx, one.caller(), id, one.revocation(id, protocol.ActionSupersede), one.submission(successor()))
	must(t, err)
	if !again.Duplicate || again.State.SigHash != made.State.SigHash || again.Receipt.Index != made.Receipt.Index {
		t.Errorf("again: %+v", again)
	}
	w.clock.advance(time.Second)
	_, err = one.supersede(id, successor())
	wantRefusal(t, err, assertions.Invalid, "superseded by "+newer.ID)
	_, err = one.revoke(id)
	must(t, err)

	other := one.say(protocol.Method, artifact(0)).State.SigHash
	w.clock.advance(time.Second)
	clash := one.payload(protocol.IssuedBy, artifact(0))
	_, err = one.supersede(other, clash)
	wantRefusal(t, err, assertions.Invalid, newer.ID, "active")
	_, err = one.supersede(other, one.payload(protocol.NotIssuedBy, artifact(0)))
	must(t, err) // a successor may be of another type
}

// TestEndsRace has many writers end one assertion: one end counts, and everybody is told of it or of the assertion that is active then.
func TestEndsRace(t *testing.T) {
	w := newWorld(t)
	one := w.issuer()
	id := one.say(protocol.IssuedBy, artifact(0)).State.SigHash
	w.clock.advance(time.Second)
	var together sync.WaitGroup
	first := make([]bool, 12)
	for n := range first {
		p := one.payload(protocol.IssuedBy, artifact(0))
		p.Scope = string(rune('a' + n))
		together.Go(func() {
			var made *assertions.Written
			var err error
			if n%2 == 0 {
				made, err = one.revoke(id)
			} else {
				made, err = one.supersede(id, p)
			}
			first[n] = err == nil && !made.Duplicate
		})
	}
	together.Wait()
	won := 0
	for _, f := range first {
		if f {
			won++
		}
	}
	if won != 1 {
		t.Errorf("%d ends", won)
	}
}

func TestBadgesAndPlansAreAsked(t *testing.T) {
	w := newWorld(t)
	one := w.issuer()
	id := one.say(protocol.IssuedBy, artifact(0)).State.SigHash
	asked := make(map[accounts.Action]int)
	s := w.serviceWith(asking(asked))
	ctx := context.Background()
	p := one.payload(protocol.NotIssuedBy, artifact(0))
	_, err := s.Create(ctx, one.caller(), one.submission(p))
	must(t, err)
	_, err = s.Create(ctx, one.caller(), one.submission(one.payload(protocol.Method, artifact(0))))
	must(t, err)
	_, err = s.Edit(ctx, one.caller(), id, assertions.Patch{DisplayName: assertions.Change[string]{Set: true, Value: "x"}})
	must(t, err)
	p = one.payload(protocol.NotIssuedBy, artifact(0))
	p.Supersedes = protocol.AssertionID(id)
	w.clock.advance(time.Second)
	_, err = s.Supersede(ctx, one.caller(), id, one.revocation(id, protocol.ActionSupersede), one.submission(p))
	wantRefusal(t, err, assertions.Invalid, "active NOT_ISSUED_BY")
	_, err = s.Revoke(ctx, one.caller(), id, one.revocation(id, protocol.ActionRevoke))
	must(t, err)
	want := map[accounts.Action]int{accounts.ActionDeny: 2, accounts.ActionCreate: 1, accounts.ActionEdit: 1, accounts.ActionRevoke: 1}
	for action, n := range want {
		if asked[action] != n {
			t.Errorf("asked %d times whether the issuer may %s, want %d", asked[action], action, n)
		}
	}
}

// asking lets everything pass and counts what it is asked.
type asking map[accounts.Action]int

func (a asking) May(_ string, action accounts.Action) error {
	a[action]++
	return nil
}

func (asking) Steady(context.Context, string) (func(), error) { return func() {}, nil }

func appendRecord(w *world, record protocol.Record) {
	w.t.Helper()
	_, err := w.store.AppendRecords(context.Background(), []store.RecordToAppend{{Record: record}})
	must(w.t, err)
}
