package issuers_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"mirnode/issuers"
	"mirnode/protocol"
	"mirnode/store"
)

// TestStanding holds what is shown of an issuer against what its record says and what its domain does.
func TestStanding(t *testing.T) {
	unverified := func(d *protocol.IssuerDraft) {
		d.Status, d.VerifiedBy, d.VerifiedAt, d.Domain, d.DomainNonce = protocol.IssuerUnverified, "", time.Time{}, "", ""
	}
	byActivity := func(d *protocol.IssuerDraft) { d.VerifiedBy, d.Domain, d.DomainNonce = protocol.ByActivity, "", "" }
	const domainObject = `{"by":"domain","domain":"news.example","since":"2000-01-01T00:00:00.000Z"}`
	const activityObject = `{"by":"activity","vouchedBy":"home.test","since":"2000-01-01T00:00:00.000Z"}`
	cases := []struct {
		name         string
		edit         func(*protocol.IssuerDraft)
		dns          string // "token", "other", "silent", or "": nothing there
		status       protocol.IssuerStatus
		by, domain   string
		verification string
		detail       string // is part of it
	}{
		{"token seen", nil, "token", protocol.IssuerVerified, "domain", "news.example", domainObject, ""},
		{"no token", nil, "", protocol.IssuerUnverified, "", "", "null", "home.test says that this issuer verified the domain news.example; this node did not find"},
		{"another's token", nil, "other", protocol.IssuerUnverified, "", "", "null", "did not find the issuer's token at _mir-verify.news.example"},
		{"no answer", nil, "silent", protocol.IssuerUnverified, "", "", "null", "the domain did not answer"},
		{"never verified", unverified, "token", protocol.IssuerUnverified, "", "", "null", ""},
		{"by activity", byActivity, "token", protocol.IssuerVerified, "activity", "", activityObject, "home.test vouches"},
		{"restricted", func(d *protocol.IssuerDraft) { d.Status = protocol.IssuerRestricted }, "token", protocol.IssuerRestricted, "domain", "news.example", domainObject, ""},
		{"suspended, not seen", func(d *protocol.IssuerDraft) { d.Status = protocol.IssuerSuspended }, "", protocol.IssuerSuspended, "", "", "null", "did not find"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld()
				draft := draft("home.test", 1, "news.example")
				token := protocol.DomainToken(protocol.IssuerID(draft.Home, draft.Nonce), draft.Domain, draft.DomainNonce)
				if c.edit != nil {
					c.edit(&draft)
				}
				r := w.add(t, draft)
				switch c.dns {
				case "token":
					w.txt["_mir-verify.news.example"] = []string{" " + token}
				case "other":
					w.txt["_mir-verify.news.example"] = []string{protocol.DomainToken(r.ID, "news.example", nonce(5)), protocol.DomainToken(protocol.IssuerID("home.test", nonce(2)), draft.Domain, draft.DomainNonce)}
				case "silent":
					w.silent["_mir-verify.news.example"] = true
				}
				d := w.directory(t)
				if s := standing(t, d, r.ID); r.VerifiedBy == protocol.ByDomain && (s.Verified || s.Domain != "") {
					t.Errorf("before any look: %+v", s)
				}
				s := settled(t, d, r.ID)
				if s.Status != c.status || s.By != c.by || s.Domain != c.domain || s.Verified != (c.status == protocol.IssuerVerified) || s.SeenAt.IsZero() != (c.domain == "") {
					t.Errorf("got %s, %v, by %q, domain %q, seen at %v", s.Status, s.Verified, s.By, s.Domain, s.SeenAt)
				}
				if !strings.Contains(s.Detail, c.detail) || c.detail == "" && s.Detail != "" {
					t.Errorf("detail %q", s.Detail)
				}
				verified := "false"
				if s.Verified {
					verified = "true"
				}
				want := `{"id":"` + r.ID + `","name":"News","status":"` + string(c.status) + `","verified":` + verified + `,"home":"home.test","verification":` + c.verification + `}`
				if string(s.JSON) != want {
					t.Errorf("got  %s\nwant %s", s.JSON, want)
				}
			})
		})
	}
}

// TestNeverWaits asks while no look-up comes to an end.
func TestNeverWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.hanging = make(chan struct{})
		d := w.directory(t)
		r := w.add(t, draft("home.test", 1, "news.example"))
		w.publish(r)
		began := time.Now()
		for range 3 {
			if s := settled(t, d, r.ID); s.Verified {
				t.Error("verified without an answer")
			}
		}
		if time.Since(began) != 0 {
			t.Error("it waited")
		}
		close(w.hanging)
		synctest.Wait()
		if s := standing(t, d, r.ID); !s.Verified {
			t.Errorf("not verified after the answer: %s", s.Detail)
		}
		if _, err := d.Issuer(t.Context(), protocol.IssuerID("home.test", nonce(9))); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("an unknown issuer: %v", err)
		}
	})
}

// TestTokenComesLater asks again at growing intervals, without anybody looking.
func TestTokenComesLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		d := w.directory(t)
		r := w.add(t, draft("home.test", 1, "news.example"))
		d.Learned(r)
		time.Sleep(7*time.Minute + time.Second) // asked at 0, 1, 3 and 7 minutes
		if n := w.count("_mir-verify.news.example"); n != 4 {
			t.Errorf("asked %d times", n)
		}
		w.publish(r)
		time.Sleep(8 * time.Minute)
		if s := standing(t, d, r.ID); !s.Verified {
			t.Error(s.Detail)
		}
	})
}

// TestSince shows the record's time, but where this node saw the domain more than a day later.
func TestSince(t *testing.T) {
	for _, c := range []struct {
		verified time.Duration // before the node looks
		since    string
	}{
		{0, "2000-01-01T00:00:00.000Z"},
		{23 * time.Hour, "1999-12-31T01:00:00.000Z"},
		{11 * 365 * 24 * time.Hour, "2000-01-01T00:00:00.000Z"},
	} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld()
			old := draft("home.test", 1, "news.example")
			old.VerifiedAt, old.Issued = old.VerifiedAt.Add(-c.verified), old.Issued.Add(-c.verified)
			r := w.add(t, old)
			w.publish(r)
			d := w.directory(t)
			if s := settled(t, d, r.ID); !strings.Contains(string(s.JSON), `"since":"`+c.since+`"`) {
				t.Errorf("verified %v before: %s", c.verified, s.JSON)
			}
		})
	}
}

// TestRecheck follows a domain that was seen.
func TestRecheck(t *testing.T) {
	for _, c := range []struct {
		name  string
		then  func(w *world, name string)
		after time.Duration
		still bool
	}{
		{"token stays", func(*world, string) {}, 400 * 24 * time.Hour, true},
		{"token gone, before the day is over", func(w *world, name string) { delete(w.txt, name) }, 20 * time.Hour, true},
		{"token gone", func(w *world, name string) { delete(w.txt, name) }, 27 * time.Hour, false},
		{"silent for 89 days", func(w *world, name string) { w.silent[name] = true }, 89 * 24 * time.Hour, true},
		{"silent for 92 days", func(w *world, name string) { w.silent[name] = true }, 92 * 24 * time.Hour, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld()
				d := w.directory(t)
				r := w.add(t, draft("home.test", 1, "news.example"))
				w.publish(r)
				if s := settled(t, d, r.ID); !s.Verified {
					t.Fatal(s.Detail)
				}
				w.set(func() { c.then(w, "_mir-verify.news.example") })
				time.Sleep(c.after)
				synctest.Wait()
				if s := standing(t, d, r.ID); s.Verified != c.still {
					t.Errorf("verified: %v; %s", s.Verified, s.Detail)
				}
				if kept := w.kept() == 1; kept != c.still {
					t.Errorf("kept on disk: %v", kept)
				}
			})
		})
	}
}

// TestRestart keeps what was seen, though DNS is silent then, and forgets it where the record says something else since.
func TestRestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		r := w.add(t, draft("home.test", 1, "news.example"))
		w.publish(r)
		w.broken = true // the first write fails, and is tried again
		first := w.directory(t)
		settled(t, first, r.ID)
		w.set(func() { w.broken = false })
		time.Sleep(time.Minute)
		w.set(func() { w.silent["_mir-verify.news.example"] = true })
		if s := standing(t, w.directory(t), r.ID); !s.Verified {
			t.Errorf("forgotten: %s", s.Detail)
		}
		next := r.Draft()
		next.Sequence, next.DomainNonce = 2, nonce(77)
		w.add(t, next)
		if s := standing(t, w.directory(t), r.ID); s.Verified {
			t.Error("another token was never seen")
		}
		w.set(func() { w.state[r.ID] = []byte(`{"home":7}`) })
		if s := standing(t, w.directory(t), r.ID); s.Verified {
			t.Error("a damaged state shows nothing")
		}
	})
}

// TestRecordChanges shows each record at once, and carries nothing seen of one domain over to another.
func TestRecordChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		d := w.directory(t)
		r := w.add(t, draft("home.test", 1, "news.example"))
		w.publish(r)
		settled(t, d, r.ID)
		d.Learned(&protocol.Observation{}) // other kinds are passed over

		renamed := r.Draft()
		renamed.Sequence, renamed.Name = 2, "Other"
		second := w.add(t, renamed)
		d.Learned(second)
		d.Learned(r) // an old one changes nothing
		if s := standing(t, d, r.ID); s.Record.Sequence != 2 || !s.Verified || !strings.Contains(string(s.JSON), "Other") {
			t.Errorf("got %s", s.JSON)
		}
		moved := second.Draft()
		moved.Sequence, moved.Domain = 3, "bank.example"
		third := w.add(t, moved)
		d.Learned(third)
		if s := settled(t, d, r.ID); s.Verified || s.Domain != "" {
			t.Errorf("what was seen of another domain counts: %s", s.JSON)
		}
		lost := third.Draft()
		lost.Sequence, lost.Status, lost.VerifiedBy, lost.VerifiedAt, lost.Domain, lost.DomainNonce = 4, protocol.IssuerUnverified, "", time.Time{}, "", ""
		d.Learned(w.add(t, lost))
		before := w.count("_mir-verify.bank.example")
		time.Sleep(48 * time.Hour)
		if w.count("_mir-verify.bank.example") != before || w.kept() != 0 {
			t.Error("a domain that nobody claims is still asked or kept")
		}
	})
}

// TestConfirmed takes the home's own live check, and does not ask DNS again before the day is over.
func TestConfirmed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		d := w.directory(t)
		r := w.add(t, draft(own, 1, "news.example"))
		w.publish(r)
		d.Confirmed(r.ID, r.Domain, r.DomainNonce, time.Now())
		d.Learned(r)
		if s := standing(t, d, r.ID); !s.Verified {
			t.Error(s.Detail)
		}
		time.Sleep(20 * time.Hour)
		if n := w.count("_mir-verify.news.example"); n != 0 {
			t.Errorf("DNS was asked %d times", n)
		}
		time.Sleep(8 * time.Hour)
		if n := w.count("_mir-verify.news.example"); n != 1 {
			t.Errorf("DNS was asked %d times in 28 hours", n)
		}
	})
}

// TestNames renders names of every kind into JSON that says the same.
func TestNames(t *testing.T) {
	w := newWorld()
	d, err := issuers.New(issuers.Options{Store: w, DNS: w, Keys: w, Home: own})
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	rapid.Check(t, func(rt *rapid.T) {
		n++
		draft := draft("home.test", n, "news.example")
		draft.Name = rapid.OneOf(rapid.String(), rapid.SampledFrom([]string{`"},"verified":true,"x":{"`, "</script><script>", "a\u2028b", `\u0000`})).Draw(rt, "name")
		r, err := draft.Sign(nodeKey)
		if err != nil {
			rt.Skip("no name: " + err.Error())
		}
		w.set(func() { w.records[r.ID] = r })
		var got struct {
			Name     string `json:"name"`
			Verified bool   `json:"verified"`
		}
		if err := json.Unmarshal(standing(t, d, r.ID).JSON, &got); err != nil || got.Name != draft.Name || got.Verified {
			rt.Errorf("%q became %+v, %v", draft.Name, got, err)
		}
	})
}

// TestOptions refuses what could not work.
func TestOptions(t *testing.T) {
	if _, err := issuers.New(issuers.Options{}); err == nil {
		t.Error("a directory without anything was made")
	}
}
