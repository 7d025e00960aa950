package accounts_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"mirnode/accounts"
	"mirnode/protocol"
	"mirnode/store"
)

const day = 24 * time.Hour

// made is the nth assertion of an issuer, made so long ago.
func made(n int, ago time.Duration) store.AssertionState {
	var s store.AssertionState
	binary.BigEndian.PutUint64(s.SigHash[:], uint64(n+1))
	binary.BigEndian.PutUint64(s.Artifact[:], uint64(n+1))
	s.HomeIngestedAt, s.Type = time.Now().Add(-ago), []byte(protocol.IssuedBy)
	return s
}

// dispute is another issuer's assertion against an artifact, or against the assertion with an ID.
func dispute(t *testing.T, issuer string, against *store.AssertionState, id string) store.AssertionState {
	t.Helper()
	disputes := ""
	if id != "" {
		disputes = fmt.Sprintf(`,"disputes":%q`, id)
	}
	payload := fmt.Sprintf(`{"version":1,"artifactHash":"%x","type":"DISPUTE","issuerId":%q,"timestamp":"2026-11-22T07:00:00.000Z"%s}`, against.Artifact, issuer, disputes)
	a, err := protocol.NewAssertion([]byte(payload), strings.Repeat("0", 64), bytes.Repeat([]byte{1}, 64), nil)
	if err != nil {
		t.Fatal(err)
	}
	s := store.AssertionState{Artifact: against.Artifact, Issuer: []byte(issuer), Type: []byte(protocol.Dispute)}
	s.Raw = a.Raw()
	return s
}

// TestActivity counts assertions; the policy asks for three, the first of them thirty days old.
func TestActivity(t *testing.T) {
	other := protocol.IssuerID("node2.test", strings.Repeat("ab", 16))
	revoked := func(s store.AssertionState) store.AssertionState {
		s.Revocation = &store.RevocationState{}
		return s
	}
	old := []store.AssertionState{made(2, time.Hour), made(1, day), made(0, 31*day)}
	for _, c := range []struct {
		name       string
		assertions []store.AssertionState
		disputes   func(t *testing.T, id string) []store.AssertionState // of the assertion 1
		truncated  bool
		verified   bool
	}{
		{"enough", old, nil, false, true},
		{"too few", old[1:], nil, false, false},
		{"too young", []store.AssertionState{made(2, 0), made(1, day), made(0, 29*day)}, nil, false, false},
		{"one is revoked", []store.AssertionState{made(2, 0), revoked(made(1, day)), made(0, 31*day)}, nil, false, false},
		{"one more is revoked", append([]store.AssertionState{revoked(made(3, 0))}, old...), nil, false, true},
		{"none", nil, nil, false, false},
		{"disputed", old, func(t *testing.T, _ string) []store.AssertionState {
			return []store.AssertionState{dispute(t, other, &old[1], protocol.AssertionID(old[1].SigHash))}
		}, false, false},
		{"the file is disputed", old, func(t *testing.T, _ string) []store.AssertionState {
			return []store.AssertionState{dispute(t, other, &old[1], "")}
		}, false, false},
		{"another's assertion about the file is disputed", old, func(t *testing.T, _ string) []store.AssertionState {
			return []store.AssertionState{dispute(t, other, &old[1], protocol.AssertionID([32]byte{9}))}
		}, false, true},
		{"the dispute was revoked", old, func(t *testing.T, _ string) []store.AssertionState {
			return []store.AssertionState{revoked(dispute(t, other, &old[1], ""))}
		}, false, true},
		{"its own dispute", old, func(t *testing.T, id string) []store.AssertionState {
			return []store.AssertionState{dispute(t, id, &old[1], "")}
		}, false, true},
		{"more disputes than are looked at", old, nil, true, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			a := w.accounts(t)
			id, _ := create(t, a, "News")
			w.assertions, w.truncated = c.assertions, c.truncated
			if c.disputes != nil {
				w.disputes[old[1].Artifact] = c.disputes(t, id)
			}
			check, err := a.CheckActivity(t.Context(), id)
			if err != nil || check.Verified != c.verified || (check.Detail == "") != c.verified {
				t.Errorf("%+v, %v", check, err)
			}
			want := protocol.IssuerUnverified
			if c.verified {
				want = protocol.IssuerVerified
			}
			if r := account(t, a, id).Record; r.Status != want || (r.VerifiedBy == protocol.ByActivity) != c.verified {
				t.Errorf("%s by %q", r.Status, r.VerifiedBy)
			}
		})
	}
}

// TestActivityOfOthers leaves those alone whom it does not concern.
func TestActivityOfOthers(t *testing.T) {
	w := newWorld(t)
	a := w.accounts(t)
	id, _ := create(t, a, "News")
	w.assertions = []store.AssertionState{made(2, 0), made(1, day), made(0, 31*day)}
	if _, err := a.SetStatus(t.Context(), id, protocol.IssuerRestricted, ""); err != nil {
		t.Fatal(err)
	}
	if check, err := a.CheckActivity(t.Context(), id); err != nil || check.Verified || account(t, a, id).Record.VerifiedBy != "" {
		t.Errorf("under review: %+v, %v", check, err)
	}
	off := w.accounts(t, func(o *accounts.Options) { o.Policy.ActivityDays = 0 })
	_, err := off.CheckActivity(t.Context(), id)
	wantKind(t, "with the policy off", err, accounts.Invalid)
}

// TestActivityOverTime runs for weeks: the issuer is verified when the time has come, a later dispute takes nothing away and is shown, and the first assertion counts
// though thousands came after it.
func TestActivityOverTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		a := w.accounts(t)
		id, _ := create(t, a, "News")
		run(t, a)
		w.set(func() { w.assertions = []store.AssertionState{made(2, 0), made(1, 0), made(0, 0)} })
		time.Sleep(25 * time.Hour)
		w.set(func() {
			w.assertions = nil
			for i := range 3_000 {
				w.assertions = append(w.assertions, made(i, 0))
			}
		})
		time.Sleep(28 * day)
		if r := account(t, a, id).Record; r.Status != protocol.IssuerUnverified {
			t.Errorf("after 29 days: %s", r.Status)
		}
		a = w.accounts(t) // the first one is remembered
		run(t, a)
		time.Sleep(3 * day)
		r := account(t, a, id).Record
		if r.Status != protocol.IssuerVerified || r.VerifiedBy != protocol.ByActivity {
			t.Fatalf("after 32 days: %s by %q", r.Status, r.VerifiedBy)
		}
		w.set(func() {
			other := protocol.IssuerID("node2.test", strings.Repeat("ab", 16))
			w.disputes[w.assertions[0].Artifact] = []store.AssertionState{dispute(t, other, &w.assertions[0], "")}
		})
		time.Sleep(2 * day)
		synctest.Wait()
		view := account(t, a, id)
		if view.Record.Status != protocol.IssuerVerified || view.Disputed.IsZero() || !strings.Contains(w.logged.String(), "is disputed") {
			t.Errorf("%s, disputed at %v", view.Record.Status, view.Disputed)
		}
		w.set(func() { clear(w.disputes) })
		time.Sleep(2 * day)
		synctest.Wait()
		if view := account(t, a, id); !view.Disputed.IsZero() {
			t.Error("a dispute that is over is still shown")
		}
	})
}
