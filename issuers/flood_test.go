package issuers_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"mirnode/issuers"
	"mirnode/protocol"
)

// TestFlood lets hostile homes log issuers by the thousand that claim names below one domain, and looks at what the domain's servers are asked, and at
// the honest issuer beside them.
func TestFlood(t *testing.T) {
	for _, c := range []struct {
		name, below string
		homes, each int
		most        int // questions in the first hour: a burst of 20, and one a minute
	}{
		{"one home, one domain", "victim.example", 1, 1_200, 5 + 6 + 1},
		{"many homes, one domain", "victim.example", 40, 15, 20 + 60 + 1},
		{"many homes, one domain and below", "victim.example", 40, 15, 20 + 60 + 1},
		{"names of a company's suffix", "github.io", 40, 15, 20 + 60 + 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld()
				d := w.directory(t)
				for home := range c.homes {
					for i := range c.each {
						domain := fmt.Sprintf("a%d-%d.%s", home, i, c.below)
						if i%2 == 1 && strings.HasSuffix(c.name, "and below") {
							domain = c.below
						}
						d.Learned(w.add(t, draft(fmt.Sprintf("hostile%d.test", home), i, domain)))
					}
				}
				honest := w.add(t, draft("home.test", 1, "news.example"))
				w.publish(honest)
				if standing(t, d, honest.ID); c.homes > 1 {
					time.Sleep(10 * time.Second) // what one home has to wait for, with 40 before it
				}
				synctest.Wait()
				if s := standing(t, d, honest.ID); !s.Verified {
					t.Errorf("the honest home's issuer waits: %s", s.Detail)
				}
				time.Sleep(time.Hour)
				asked := 0
				w.set(func() {
					for name, n := range w.asked {
						if strings.HasSuffix(name, "."+c.below) {
							asked += n
						}
					}
				})
				if asked > c.most || asked == 0 {
					t.Errorf("%s was asked %d times in an hour, at most %d are right", c.below, asked, c.most)
				}
			})
		})
	}
}

// TestManyTargets bounds what a home causes that names another domain each time.
func TestManyTargets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		d := w.directory(t)
		for i := range 500 {
			d.Learned(w.add(t, draft("hostile.test", i, fmt.Sprintf("victim%d.example", i))))
		}
		time.Sleep(5 * time.Minute)
		w.set(func() {
			asked := 0
			for _, n := range w.asked {
				asked += n
			}
			if asked > 30+5*60+1 || asked < 300 {
				t.Errorf("asked %d times in five minutes", asked)
			}
		})
	})
}

// TestBounds loads more than is kept, and sees to it that the disk is cleared too.
func TestBounds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		asked := time.Now().Format(time.RFC3339)
		state := func(home string) []byte {
			return fmt.Appendf(nil, `{"home":%q,"domain":"a.example","nonce":%q,"since":%q,"seen":%q,"asked":%q}`, home, nonce(1), asked, asked, asked)
		}
		for i := range issuers.MaxSeenOfHome + 50 {
			w.state[fmt.Sprintf("issuer_big%d", i)] = state("hostile.test")
		}
		for i := range 20 {
			w.state[fmt.Sprintf("issuer_small%d", i)] = state("home.test")
		}
		d := w.directory(t)
		d.Confirmed("issuer_mine", "b.example", nonce(2), time.Now()) // sets the writing off
		synctest.Wait()
		w.set(func() {
			big, small := 0, 0
			for id := range w.state {
				if strings.HasPrefix(id, "issuer_big") {
					big++
				} else if strings.HasPrefix(id, "issuer_small") {
					small++
				}
			}
			if big != issuers.MaxSeenOfHome || small != 20 {
				t.Errorf("kept %d of the one home and %d of the other", big, small)
			}
		})
	})
}

// flood lets homes log issuers that claim names below victim.example, or itself.
func (w *world) flood(t *testing.T, d *issuers.Directory, homes, each int, exact bool) {
	t.Helper()
	for home := range homes {
		for i := range each {
			domain := fmt.Sprintf("a%d-%d.victim.example", home, i)
			if exact {
				domain = "victim.example"
			}
			d.Learned(w.add(t, draft(fmt.Sprintf("hostile%d.test", home), i, domain)))
		}
	}
}

// TestTurns floods a domain that an honest issuer verifies meanwhile: it waits for one look-up of each home at most, and for none where the others
// claim names below its domain only.
func TestTurns(t *testing.T) {
	for _, c := range []struct {
		name   string
		homes  int
		exact  bool // what the flood claims
		domain string
		most   time.Duration
	}{
		{"one home, below", 1, false, "victim.example", 0},
		{"12 homes, below", 12, false, "victim.example", 10 * time.Second},
		{"40 homes, below", 40, false, "victim.example", 10 * time.Second},
		{"40 homes, the same name", 40, true, "victim.example", 90 * time.Minute},
		{"40 homes, a name beside", 40, false, "news.victim.example", 90 * time.Minute},
	} {
		for _, after := range []time.Duration{0, 26 * time.Hour} {
			t.Run(fmt.Sprint(c.name, ", after ", after), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					w := newWorld()
					d := w.directory(t)
					w.flood(t, d, c.homes, 30, c.exact)
					time.Sleep(after)
					honest := w.add(t, draft("home.test", 1, c.domain))
					w.publish(honest)
					d.Learned(honest)
					time.Sleep(c.most)
					synctest.Wait()
					if s := standing(t, d, honest.ID); !s.Verified {
						t.Errorf("not verified after %v: %s", c.most, s.Detail)
					}
				})
			})
		}
	}
}

// TestTurnsOfHomes lets homes name thousands of domains, none of which answers, beside an honest home.
func TestTurnsOfHomes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		d := w.directory(t)
		for home := range 12 {
			for i := range 300 {
				domain := fmt.Sprintf("d%d-%d.example", home, i)
				w.set(func() { w.mute[protocol.VerifyLabel+domain] = true })
				d.Learned(w.add(t, draft(fmt.Sprintf("hostile%d.test", home), i, domain)))
			}
		}
		time.Sleep(time.Minute)
		honest := w.add(t, draft("home.test", 1, "news.example"))
		w.publish(honest)
		d.Learned(honest)
		time.Sleep(30 * time.Second)
		if s := standing(t, d, honest.ID); !s.Verified {
			t.Error(s.Detail)
		}
	})
}

// TestSeenIsApart follows an issuer that was seen while others flood its domain: one answer without the token ends nothing, a withdrawn token
// ends within about a day, and one that is back is found soon.
func TestSeenIsApart(t *testing.T) {
	for _, exact := range []bool{false, true} {
		t.Run(fmt.Sprint("exact ", exact), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld()
				d := w.directory(t)
				honest := w.add(t, draft("home.test", 1, "victim.example"))
				w.publish(honest)
				settled(t, d, honest.ID)
				w.flood(t, d, 40, 30, exact)
				const name = protocol.VerifyLabel + "victim.example"
				w.set(func() { w.once[name] = 1 })
				left := func() (n int) { w.set(func() { n = w.once[name] }); return n }
				verified := func() bool { synctest.Wait(); return standing(t, d, honest.ID).Verified }
				time.Sleep(20 * time.Hour) // the recheck comes after a day, more or less a tenth
				for range 8 * 60 {
					if time.Sleep(time.Minute); !verified() {
						t.Fatal("one answer without the token ended the badge: ", standing(t, d, honest.ID).Detail)
					}
				}
				if left() != 0 {
					t.Fatal("the domain was not asked again")
				}
				w.set(func() { delete(w.txt, name) })
				if time.Sleep(27 * time.Hour); verified() {
					t.Error("a withdrawn token is still shown after 27 hours")
				}
				w.publish(honest)
				time.Sleep(24 * time.Hour)
				if !verified() {
					t.Error("a token that is back was not found: ", standing(t, d, honest.ID).Detail)
				}
			})
		})
	}
}
