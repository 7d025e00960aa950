package accounts_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"mirnode/accounts"
	"mirnode/protocol"
)

// TestDomain verifies a domain, and another one after it.
func TestDomain(t *testing.T) {
	w := newWorld(t)
	a := w.accounts(t)
	id, _ := create(t, a, "News")
	task, err := a.StartDomain(t.Context(), id, "News.Example")
	if err != nil {
		t.Fatal(err)
	}
	if task.Domain != "news.example" || task.Name != "_mir-verify.news.example" || !strings.HasPrefix(task.Value, "mir-verify=") || len(task.Value) != 43 ||
		task.Record != `_mir-verify.news.example. 300 IN TXT "`+task.Value+`"` || task.ExpiresAt.Sub(now()) < 167*time.Hour {
		t.Errorf("got %+v", task)
	}
	if again, err := a.StartDomain(t.Context(), id, "news.example"); err != nil || again != task {
		t.Errorf("asked again, another record is to be set: %+v, %v", again, err)
	}
	if check, err := a.CheckDomain(t.Context(), id); err != nil || check.Verified || !check.Answered || account(t, a, id).Record.Status != protocol.IssuerUnverified {
		t.Errorf("without the record: %+v, %v", check, err)
	}
	w.set(func() { w.txt[task.Name] = []string{"v=spf1", task.Value} })
	check, err := a.CheckDomain(t.Context(), id)
	if err != nil || !check.Verified || check.Hint != "" || !strings.Contains(check.Detail, "90 days") {
		t.Fatalf("%+v, %v", check, err)
	}
	view := account(t, a, id)
	r := view.Record
	if r.Status != protocol.IssuerVerified || r.VerifiedBy != protocol.ByDomain || r.Domain != "news.example" || protocol.DomainToken(id, r.Domain, r.DomainNonce) != task.Value {
		t.Errorf("the record says %+v", r)
	}
	if len(view.Pending) != 0 || view.NextCheck.Sub(now()) < 89*24*time.Hour {
		t.Errorf("afterwards: %+v", view)
	}
	if s, err := w.directory.Issuer(t.Context(), id); err != nil || !s.Verified || s.Domain != "news.example" {
		t.Errorf("the directory shows %+v, %v", s, err)
	}
	records := len(w.log)
	if check, err := a.CheckDomain(t.Context(), id); err != nil || !check.Verified || len(w.log) != records {
		t.Errorf("looked at again: %+v, %v", check, err)
	}
	w.verify(t, a, id, "shop.example")
	if s, err := w.directory.Issuer(t.Context(), id); err != nil || s.Domain != "shop.example" {
		t.Errorf("the second domain: %+v, %v", s, err)
	}
	other := mustOther(t, a)
	w.verify(t, a, other, "shop.example") // its own token beside the first issuer's
}

// TestExplain tells those who set the record wrong what they did.
func TestExplain(t *testing.T) {
	const domain = "shop.news.example"
	const name = "_mir-verify." + domain
	for what, c := range map[string]struct {
		at, value    string // %s: the token; %S: in upper case
		silent       bool
		detail, hint string
	}{
		"nothing":               {"", "", false, "there is no TXT record at " + name, "set the TXT record " + name + " to mir-verify="},
		"no answer":             {"", "", true, "did not answer; nothing was decided", "try again"},
		"another's token":       {name, protocol.DomainToken("issuer_x", domain, ""), false, "holds another token", "can stay"},
		"other records":         {name, "v=spf1 -all", false, "none of them is the token", "set the TXT record"},
		"hostile records":       {name, "\x1b[31m\u202e" + strings.Repeat("x", 60_000), false, `\x1b[31m\u202e`, "set the TXT record"},
		"with quotation marks":  {name, `"%s"`, false, "something around it", "without quotation marks"},
		"in upper case":         {name, "%S", false, "or in upper case", "write exactly mir-verify="},
		"zone appended":         {name + ".news.example", "%s", false, "it stands at " + name + ".news.example: the domain was appended twice", "enter only _mir-verify.shop"},
		"domain appended":       {name + "." + domain, "%s", false, "the domain was appended twice", "enter only _mir-verify.shop"},
		"at the domain":         {domain, "%s", false, "it stands at shop.news.example itself", "set the TXT record " + name},
		"no underscore":         {"mir-verify." + domain, "%s", false, "the underscore is missing", "set the TXT record " + name},
		"at the parent":         {"_mir-verify.news.example", "%s", false, "news.example does not cover shop.news.example", "set the TXT record " + name},
		"white space around it": {name, " %s\t", false, "has the record", ""},
	} {
		t.Run(what, func(t *testing.T) {
			w := newWorld(t)
			a := w.accounts(t)
			id, _ := create(t, a, "News")
			task, err := a.StartDomain(t.Context(), id, domain)
			if err != nil {
				t.Fatal(err)
			}
			w.silent = c.silent
			w.txt[c.at] = []string{strings.NewReplacer("%s", task.Value, "%S", strings.ToUpper(task.Value)).Replace(c.value)}
			check, err := a.CheckDomain(t.Context(), id)
			if err != nil || check.Verified != (c.hint == "") || !strings.Contains(check.Detail, c.detail) || !strings.Contains(check.Hint, c.hint) {
				t.Errorf("%v\ndetail %q\nhint   %q", err, check.Detail, check.Hint)
			}
			if w.asked > 6 || len(check.Detail)+len(check.Hint) > 1_000 || len(fmt.Sprint(check.Found)) > 1_000 {
				t.Errorf("%d questions, and an answer of %d bytes", w.asked, len(check.Detail)+len(fmt.Sprint(check.Found)))
			}
		})
	}
}

// TestDomainBounds refuses what is no domain, too much, and too old.
func TestDomainBounds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		a := w.accounts(t)
		id, _ := create(t, a, "News")
		_, err := a.CheckDomain(t.Context(), id)
		wantKind(t, "nothing awaited", err, accounts.Invalid)
		for _, odd := range []string{"", "localhost", "https://news.example/", "192.0.2.1", "*.news.example", "münchen.example", strings.Repeat("a.", 118) + "example"} {
			_, err := a.StartDomain(t.Context(), id, odd)
			wantKind(t, odd, err, accounts.Invalid)
		}
		first, err := a.StartDomain(t.Context(), id, "d0.example")
		if err != nil {
			t.Fatal(err)
		}
		for i := range accounts.MaxPendingDomains {
			if _, err := a.StartDomain(t.Context(), id, fmt.Sprintf("d%d.example", i+1)); err != nil {
				t.Fatal(err)
			}
		}
		if view := account(t, a, id); len(view.Pending) != accounts.MaxPendingDomains || view.Pending[0].Domain != "d1.example" {
			t.Errorf("awaited: %+v", view.Pending)
		}
		w.txt[first.Name] = []string{first.Value}
		if check, err := a.CheckDomain(t.Context(), id); err != nil || check.Verified {
			t.Errorf("a displaced token is taken: %+v, %v", check, err)
		}
		for err == nil {
			_, err = a.CheckDomain(t.Context(), id)
		}
		wantKind(t, "too many checks", err, accounts.TooMany)
		time.Sleep(7 * 24 * time.Hour)
		_, err = a.CheckDomain(t.Context(), id)
		wantKind(t, "after seven days", err, accounts.Invalid)
		if again, err := a.StartDomain(t.Context(), id, "d4.example"); err != nil || !again.ExpiresAt.After(time.Now()) {
			t.Errorf("started again: %+v, %v", again, err)
		}
	})
}

// TestDomainUnderReview verifies a domain without lifting the review; a suspended issuer verifies none.
func TestDomainUnderReview(t *testing.T) {
	w := newWorld(t)
	a := w.accounts(t)
	id, _ := create(t, a, "News")
	if _, err := a.SetStatus(t.Context(), id, protocol.IssuerRestricted, ""); err != nil {
		t.Fatal(err)
	}
	w.verify(t, a, id, "news.example")
	if r := account(t, a, id).Record; r.Status != protocol.IssuerRestricted || r.VerifiedBy != protocol.ByDomain {
		t.Errorf("%s by %q", r.Status, r.VerifiedBy)
	}
	if _, err := a.SetStatus(t.Context(), id, protocol.IssuerSuspended, ""); err != nil {
		t.Fatal(err)
	}
	_, err := a.StartDomain(t.Context(), id, "shop.example")
	wantKind(t, "starting", err, accounts.Forbidden)
	_, err = a.CheckDomain(t.Context(), id)
	wantKind(t, "checking", err, accounts.Forbidden)
}

// TestRecheck follows a verified domain over the months.
func TestRecheck(t *testing.T) {
	const day = 24 * time.Hour
	gone := func(w *world, name string) { delete(w.txt, name) }
	silent := func(w *world, _ string) { w.silent = true }
	for _, c := range []struct {
		name   string
		status protocol.IssuerStatus // that the operator gave
		at     time.Duration
		change func(w *world, name string)
		until  time.Duration
		want   protocol.IssuerStatus
		by     string
	}{
		{"stays", "", 0, func(*world, string) {}, 400 * day, protocol.IssuerVerified, "domain"},
		{"gone, not yet looked for", "", day, gone, 89 * day, protocol.IssuerVerified, "domain"},
		{"gone", "", day, gone, 91 * day, protocol.IssuerUnverified, ""},
		{"gone after the first recheck", "", 100 * day, gone, 179 * day, protocol.IssuerVerified, "domain"},
		{"gone, found out by the second recheck", "", 100 * day, gone, 181 * day, protocol.IssuerUnverified, ""},
		{"silent for six days", "", 89 * day, silent, 96 * day, protocol.IssuerVerified, "domain"},
		{"silent for more than seven days", "", 89 * day, silent, 98 * day, protocol.IssuerUnverified, ""},
		{"gone under review", protocol.IssuerRestricted, day, gone, 91 * day, protocol.IssuerRestricted, ""},
		{"gone while suspended", protocol.IssuerSuspended, day, gone, 91 * day, protocol.IssuerSuspended, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				a := w.accounts(t)
				id, _ := create(t, a, "News")
				name := w.verify(t, a, id, "news.example")
				if c.status != "" {
					if _, err := a.SetStatus(t.Context(), id, c.status, ""); err != nil {
						t.Fatal(err)
					}
				}
				a = w.accounts(t) // what is due is known after a restart
				run(t, a)
				time.Sleep(c.at)
				w.set(func() { c.change(w, name) })
				time.Sleep(c.until - c.at + 20*time.Minute)
				synctest.Wait()
				r := account(t, a, id).Record
				if r.Status != c.want || r.VerifiedBy != c.by || (r.Domain == "") != (c.by == "") {
					t.Errorf("%s by %q, %q", r.Status, r.VerifiedBy, r.Domain)
				}
			})
		})
	}
}

// TestSilenceEnds lets a domain answer again on the fourth day: it is asked in 90 days next. The operator can ask at any time.
func TestSilenceEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		a := w.accounts(t)
		id, _ := create(t, a, "News")
		_, err := a.RecheckDomain(t.Context(), id)
		wantKind(t, "no domain", err, accounts.Invalid)
		name := w.verify(t, a, id, "news.example")
		run(t, a)
		w.set(func() { w.silent = true })
		time.Sleep(93 * 24 * time.Hour)
		if view := account(t, a, id); view.SilentSince.IsZero() || time.Until(view.NextCheck) > 24*time.Hour {
			t.Errorf("silent since %v, next at %v", view.SilentSince, view.NextCheck)
		}
		w.set(func() { w.silent, w.asked = false, 0 })
		time.Sleep(60 * 24 * time.Hour)
		if view := account(t, a, id); !view.SilentSince.IsZero() || w.asked != 1 || view.Record.Status != protocol.IssuerVerified {
			t.Errorf("silent since %v, asked %d times, %s", view.SilentSince, w.asked, view.Record.Status)
		}
		w.set(func() { delete(w.txt, name) })
		check, err := a.RecheckDomain(t.Context(), id)
		if err != nil || check.Verified || account(t, a, id).Record.Status != protocol.IssuerUnverified || !strings.Contains(check.Detail, "no longer verified") {
			t.Errorf("%+v, %v", check, err)
		}
	})
}
