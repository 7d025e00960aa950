package accounts_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"mirnode/accounts"
	"mirnode/protocol"
	"mirnode/store"
)

// TestMay is the table of badges and actions.
func TestMay(t *testing.T) {
	const yes, no = accounts.Kind(0), accounts.Forbidden
	actions := []accounts.Action{
		accounts.ActionLookup, accounts.ActionCreate, accounts.ActionDeny, accounts.ActionEdit, accounts.ActionRevoke, accounts.ActionRevokeKey,
		accounts.ActionManageKeys, accounts.ActionAddKey, accounts.ActionNewAPIKey, accounts.ActionVerifyDomain,
	}
	table := map[protocol.IssuerStatus][]accounts.Kind{
		//                            look create deny edit revoke rkey manage addkey newapi domain
		protocol.IssuerVerified:   {yes, yes, yes, yes, yes, yes, yes, yes, yes, yes},
		protocol.IssuerUnverified: {yes, yes, yes, yes, yes, yes, yes, yes, yes, yes},
		protocol.IssuerRestricted: {yes, no, yes, no, yes, yes, yes, no, no, yes},
		protocol.IssuerSuspended:  {yes, no, no, no, yes, yes, yes, no, no, no},
	}
	for _, plan := range []string{"free for all", "none", "some"} {
		for status, row := range table {
			w := newWorld(t)
			a := w.accounts(t, func(o *accounts.Options) { o.Policy.RequirePlan = plan != "free for all" })
			id, _ := create(t, a, "News")
			w.verify(t, a, id, "news.example")
			if _, err := a.SetStatus(t.Context(), id, status, "spam reports"); err != nil {
				t.Fatal(err)
			}
			if plan == "some" {
				if err := a.SetPlan(t.Context(), id, "press"); err != nil {
					t.Fatal(err)
				}
			}
			for i, action := range actions {
				want := row[i]
				if plan == "none" && want == yes && (action == accounts.ActionCreate || action == accounts.ActionDeny) {
					want = accounts.PaymentRequired
				}
				err := a.May(id, action)
				wantKind(t, fmt.Sprintf("%s, plan %s: %s", status, plan, action), err, want)
				var r *accounts.Refusal
				if want == no && errors.As(err, &r) && !strings.Contains(r.Hint, "spam reports") {
					t.Errorf("%s, %s: the hint does not give the operator's reason: %s", status, action, r.Hint)
				}
			}
		}
	}
	for _, typ := range protocol.AssertionTypes() {
		if want := typ == protocol.NotIssuedBy; (accounts.CreateAction(typ) == accounts.ActionDeny) != want {
			t.Errorf("making a %s is %q", typ, accounts.CreateAction(typ))
		}
	}
}

// TestStatus sets badges one after the other, and looks at what becomes of the verification.
func TestStatus(t *testing.T) {
	type step struct {
		status protocol.IssuerStatus
		kind   accounts.Kind
		by     string // afterwards
	}
	const v, u, r, s = protocol.IssuerVerified, protocol.IssuerUnverified, protocol.IssuerRestricted, protocol.IssuerSuspended
	for name, c := range map[string]struct {
		verified bool
		steps    []step
	}{
		"a review leaves the verification": {true, []step{{r, 0, "domain"}, {s, 0, "domain"}, {v, 0, "domain"}}},
		"taken away":                       {true, []step{{s, 0, "domain"}, {u, 0, ""}, {v, accounts.Invalid, ""}}},
		"from VERIFIED":                    {true, []step{{u, 0, ""}}},
		"never verified":                   {false, []step{{v, accounts.Invalid, ""}, {r, 0, ""}, {v, accounts.Invalid, ""}, {u, 0, ""}}},
		"no badge":                         {false, []step{{"GOLD", accounts.Invalid, ""}}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			a := w.accounts(t)
			id, _ := create(t, a, "News")
			if c.verified {
				w.verify(t, a, id, "news.example")
			}
			for i, step := range c.steps {
				_, err := a.SetStatus(t.Context(), id, step.status, "")
				wantKind(t, fmt.Sprint("step ", i), err, step.kind)
				record := account(t, a, id).Record
				if record.VerifiedBy != step.by || step.kind == 0 && record.Status != step.status {
					t.Errorf("step %d: %s by %q", i, record.Status, record.VerifiedBy)
				}
			}
			before := len(w.log)
			if _, err := a.SetStatus(t.Context(), id, account(t, a, id).Record.Status, "as it is"); err != nil || len(w.log) != before {
				t.Errorf("the same badge again made a record, or failed: %v", err)
			}
		})
	}
}

// TestNames holds names to the protocol, and other texts to their bounds.
func TestNames(t *testing.T) {
	w := newWorld(t)
	a := w.accounts(t)
	for _, name := range []string{"News", strings.Repeat("ü", 200)} {
		_, _, err := a.Create(t.Context(), name)
		wantKind(t, fmt.Sprintf("creating %.10q", name), err, 0)
	}
	for _, name := range []string{"", " x", "a\nb", "a\u202eb", strings.Repeat("ü", 201)} {
		_, _, err := a.Create(t.Context(), name)
		wantKind(t, fmt.Sprintf("creating %.10q", name), err, accounts.Invalid)
	}
	id, _ := create(t, a, "News")
	if _, err := a.Rename(t.Context(), id, "Daily News"); err != nil || account(t, a, id).Record.Name != "Daily News" {
		t.Error(err)
	}
	_, err := a.Rename(t.Context(), id, "")
	wantKind(t, "no name", err, accounts.Invalid)
	_, err = a.SetStatus(t.Context(), id, protocol.IssuerSuspended, strings.Repeat("x", 501))
	wantKind(t, "a long reason", err, accounts.Invalid)
	wantKind(t, "a plan of two lines", a.SetPlan(t.Context(), id, "a\nb"), accounts.Invalid)
}

// TestStrangers asks about issuers that are not this home's.
func TestStrangers(t *testing.T) {
	w := newWorld(t)
	a := w.accounts(t)
	other, err := protocol.IssuerDraft{
		Home: "node2.test", Nonce: strings.Repeat("ab", 16), Network: protocol.Development, Name: "Other", Status: protocol.IssuerUnverified, Sequence: 1, Issued: now(),
	}.Sign(nodeKey)
	if err != nil {
		t.Fatal(err)
	}
	w.log = append(w.log, other)
	err = a.May(other.ID, accounts.ActionCreate)
	wantKind(t, "another home's issuer", err, accounts.Forbidden)
	if !strings.Contains(err.Error(), "node2.test") {
		t.Errorf("the home is not named: %v", err)
	}
	for _, id := range []string{"", "issuer_x", protocol.IssuerID(home, strings.Repeat("00", 16))} {
		wantKind(t, "an unknown issuer", a.May(id, accounts.ActionLookup), accounts.NotFound)
		_, err := a.Account(t.Context(), id)
		wantKind(t, "an unknown account", err, accounts.NotFound)
		_, err = a.RevokeKey(t.Context(), id, "", time.Time{})
		wantKind(t, "an unknown issuer's key", err, accounts.NotFound)
	}
}

// TestList pages through issuers.
func TestList(t *testing.T) {
	a := newWorld(t).accounts(t, func(o *accounts.Options) { o.Policy.MaxIssuers = 7 })
	for i := range 7 {
		create(t, a, fmt.Sprint("Issuer ", i))
	}
	_, _, err := a.Create(t.Context(), "one too many")
	wantKind(t, "an eighth of seven issuers", err, accounts.Forbidden)
	var ids []string
	for after := ""; ; {
		page, err := a.Accounts(t.Context(), after, 3)
		if err != nil {
			t.Fatal(err)
		}
		if len(page) == 0 {
			break
		}
		for _, one := range page {
			if one.Record.ID <= after {
				t.Errorf("%s comes behind %s", one.Record.ID, after)
			}
			after = one.Record.ID
			ids = append(ids, after)
		}
	}
	if len(ids) != 7 {
		t.Errorf("listed %d issuers", len(ids))
	}
	for _, odd := range []int{-1, 0} {
		if page, err := a.Accounts(t.Context(), "", odd); err != nil || len(page) != 0 {
			t.Errorf("a page of %d: %d issuers, %v", odd, len(page), err)
		}
	}
}

// TestCutOff fails at each point of making an issuer, and starts again.
func TestCutOff(t *testing.T) {
	broken := errors.New("disk")
	t.Run("before the document", func(t *testing.T) {
		w := newWorld(t)
		a := w.accounts(t)
		w.failPut = broken
		if _, _, err := a.Create(t.Context(), "News"); !errors.Is(err, broken) || len(w.log) != 0 {
			t.Errorf("%v, %d records", err, len(w.log))
		}
	})
	t.Run("before the record", func(t *testing.T) {
		w := newWorld(t)
		a := w.accounts(t)
		w.failAppend = broken
		if _, _, err := a.Create(t.Context(), "News"); !errors.Is(err, broken) || len(w.state) != 0 {
			t.Errorf("%v, %d documents", err, len(w.state))
		}
		if page, err := a.Accounts(t.Context(), "", 10); err != nil || len(page) != 0 {
			t.Errorf("%v, %v", page, err)
		}
	})
	t.Run("killed before the record", func(t *testing.T) {
		w := newWorld(t)
		create(t, w.accounts(t), "News")
		w.log = nil
		w.accounts(t)
		if len(w.state) != 0 {
			t.Error("what is left of an issuer that was never made is kept")
		}
	})
	t.Run("the document was lost", func(t *testing.T) {
		w := newWorld(t)
		id, key := create(t, w.accounts(t), "News")
		clear(w.state)
		a := w.accounts(t)
		_, err := a.Authenticate(key)
		wantKind(t, "a key of the lost document", err, accounts.Unauthenticated)
		wantKind(t, "writing", a.May(id, accounts.ActionCreate), 0)
		secret, _, err := a.NewAPIKey(t.Context(), id, "again", []accounts.Scope{accounts.ScopeWrite}, time.Time{})
		if err != nil {
			t.Fatal(err)
		}
		if caller, err := w.accounts(t).Authenticate(secret); err != nil || caller.Issuer != id {
			t.Errorf("%+v, %v", caller, err)
		}
	})
	t.Run("a later program's document", func(t *testing.T) {
		w := newWorld(t)
		id, _ := create(t, w.accounts(t), "News")
		w.state[id] = []byte(`{"version":2}`)
		_, err := accounts.New(t.Context(), accounts.Options{
			Store: w, Directory: w.directory, DNS: w, Home: home, Network: protocol.Development, Sign: func(protocol.IssuerDraft) (*protocol.Issuer, error) { return nil, broken },
		})
		if err == nil || !strings.Contains(err.Error(), "later version") {
			t.Errorf("started: %v", err)
		}
	})
	t.Run("a record that failed changes nothing", func(t *testing.T) {
		w := newWorld(t)
		a := w.accounts(t)
		id, _ := create(t, a, "News")
		w.failAppend = store.ErrReadOnly
		if _, err := a.Rename(t.Context(), id, "Other"); !errors.Is(err, store.ErrReadOnly) || account(t, a, id).Record.Name != "News" {
			t.Error(err)
		}
		w.failAppend = nil
		if _, err := a.Rename(t.Context(), id, "Other"); err != nil {
			t.Error(err)
		}
	})
}

// TestTogether changes one issuer from many sides at once: each change makes the next record, and none is lost.
func TestTogether(t *testing.T) {
	w := newWorld(t)
	a := w.accounts(t)
	id, _ := create(t, a, "News")
	var running sync.WaitGroup
	for i := range 20 {
		running.Go(func() {
			if _, err := a.Rename(t.Context(), id, fmt.Sprint("News ", i)); err != nil {
				t.Error(err)
			}
			if _, _, err := a.NewAPIKey(t.Context(), id, fmt.Sprint(i), []accounts.Scope{accounts.ScopeLookup}, time.Time{}); err != nil {
				t.Error(err)
			}
			if err := a.May(id, accounts.ActionCreate); err != nil {
				t.Error(err)
			}
		})
	}
	running.Wait()
	for i, r := range w.log {
		if r.Sequence != uint64(i+1) {
			t.Errorf("record %d has the sequence %d", i, r.Sequence)
		}
	}
	if view := account(t, a, id); len(w.log) != 21 || len(view.APIKeys) != 21 {
		t.Errorf("%d records, %d keys", len(w.log), len(view.APIKeys))
	}
}

// TestGoneCaller lets the caller go away while the record is being written: what has begun is finished, and the next change comes after it.
func TestGoneCaller(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		a := w.accounts(t)
		id, _ := create(t, a, "News")
		w.hold, w.waiting = make(chan struct{}), make(chan struct{}, 1)
		ctx, cancel := context.WithCancel(t.Context())
		first := make(chan error, 1)
		go func() {
			_, err := a.Rename(ctx, id, "First")
			first <- err
		}()
		<-w.waiting
		cancel()
		impatient, stop := context.WithTimeout(t.Context(), time.Second)
		defer stop()
		if _, err := a.Rename(impatient, id, "Second"); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("a second change did not wait for the first: %v", err)
		}
		close(w.hold)
		if err := <-first; err != nil || account(t, a, id).Record.Name != "First" {
			t.Errorf("the record is %q, %v", account(t, a, id).Record.Name, err)
		}
	})
}

// TestSteady keeps a revocation from coming between reading the record and appending what its key signed.
func TestSteady(t *testing.T) {
	w := newWorld(t)
	a := w.accounts(t)
	id, _ := create(t, a, "News")
	var running sync.WaitGroup
	done := make(chan struct{})
	running.Go(func() {
		defer close(done)
		for i := range 50 {
			if _, err := a.Rename(t.Context(), id, fmt.Sprint("News ", i)); err != nil {
				t.Error(err)
			}
		}
	})
	records := func() (n int) {
		w.set(func() { n = len(w.log) })
		return n
	}
	for range 4 {
		running.Go(func() {
			for open := true; open; {
				select {
				case <-done:
					open = false
				default:
				}
				release, err := a.Steady(t.Context(), id)
				if err != nil {
					t.Error(err)
					return
				}
				before := records()
				for range 20 {
					runtime.Gosched()
				}
				if records() != before {
					t.Error("the record changed meanwhile")
				}
				release()
			}
		})
	}
	running.Wait()
}

// TestClockSetBack makes records that follow although the clock does not.
func TestClockSetBack(t *testing.T) {
	w := newWorld(t)
	clock := now()
	a := w.accounts(t, func(o *accounts.Options) { o.Now = func() time.Time { return clock } })
	id, _ := create(t, a, "News")
	clock = clock.Add(-time.Hour)
	record, err := a.Rename(t.Context(), id, "Other")
	if err != nil || record.Issued.Before(w.log[0].Issued) {
		t.Errorf("issued at %v, %v", record.Issued, err)
	}
}
