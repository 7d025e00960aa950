package issuers_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"mirnode/issuers"
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
		{"names of a company's suffix", "github.io", 40, 15, 20 + 60 + 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld()
				d := w.directory(t)
				for home := range c.homes {
					for i := range c.each {
						d.Learned(w.add(t, draft(fmt.Sprintf("hostile%d.test", home), i, fmt.Sprintf("a%d-%d.%s", home, i, c.below))))
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
