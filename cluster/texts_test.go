package cluster_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
	"pgregory.net/rapid"

	"mirnode/cluster"
)

// texts asks for the TXT records at name, each joined to one string, in what DNS says of escapes.
func texts(t *testing.T, names *cluster.Names, name string) []string {
	t.Helper()
	var all []string
	for _, record := range ask(t, names, "tcp", name, "TXT").Answer {
		all = append(all, strings.Join(record.(*dns.TXT).Txt, ""))
	}
	return all
}

func TestTexts(t *testing.T) {
	names, dir := startNames(t, time.Now)
	publish(t, dir, "news.test", func(d *cluster.Domain) {
		d.SetText("_mir-verify.news.test", "mir-verify=1", "other=2")
		d.SetText("news.test", strings.Repeat("v", 300), `back\slash "quoted"`)
	})
	want := func(name string, want ...string) {
		t.Helper()
		if got := texts(t, names, name); strings.Join(got, "|") != strings.Join(want, "|") {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	want("_MIR-verify.news.test.", "mir-verify=1", "other=2")
	want("news.test.", strings.Repeat("v", 300), `back\\slash \"quoted\"`) // as a zone file writes them
	publish(t, dir, "news.test", func(d *cluster.Domain) {
		d.SetText("_mir-verify.news.test", "mir-verify=3")
		d.SetText("news.test")
	})
	want("_mir-verify.news.test.", "mir-verify=3")
	want("news.test.")
	publish(t, dir, "news.test", func(d *cluster.Domain) {
		if err := d.RemoveText("_mir-verify.news.test", "mir-verify=1"); !errors.Is(err, cluster.ErrNotPublished) {
			t.Errorf("a value that is not there was removed: %v", err)
		}
		if err := d.RemoveText("_mir-verify.news.test", "mir-verify=3"); err != nil {
			t.Error(err)
		}
	})
	if answer := ask(t, names, "udp", "_mir-verify.news.test.", "TXT"); answer.Rcode != dns.RcodeNameError {
		t.Errorf("after the last value: %v", answer)
	}
}

func TestTextsThatCannotBeServed(t *testing.T) {
	_, dir := startNames(t, time.Now)
	for name, change := range map[string]func(*cluster.Domain){
		"at another's name":    func(d *cluster.Domain) { d.SetText("b.test", "x") },
		"at a name that looks": func(d *cluster.Domain) { d.SetText("xa.test", "x") },
		"in upper case":        func(d *cluster.Domain) { d.SetText("_X.a.test", "x") },
		"an empty label":       func(d *cluster.Domain) { d.SetText("x..a.test", "x") },
		"a wildcard":           func(d *cluster.Domain) { d.SetText("*.a.test", "x") },
		"an escape":            func(d *cluster.Domain) { d.SetText(`\046.a.test`, "x") },
		"a long label":         func(d *cluster.Domain) { d.SetText(strings.Repeat("x", 64)+".a.test", "x") },
		"an empty value":       func(d *cluster.Domain) { d.SetText("x.a.test", "") },
		"no value":             func(d *cluster.Domain) { d.Texts = map[string][]string{"x.a.test": nil} },
		"a long value":         func(d *cluster.Domain) { d.SetText("x.a.test", strings.Repeat("x", 4097)) },
		"no UTF-8":             func(d *cluster.Domain) { d.SetText("x.a.test", "\xff") },
		"too many":             func(d *cluster.Domain) { d.SetText("x.a.test", strings.Split(strings.Repeat("x", 65), "")...) },
	} {
		t.Run(name, func(t *testing.T) {
			if err := cluster.UpdatePublished(dir, func(p *cluster.Published) error { change(p.Domain("a.test")); return nil }); err == nil {
				t.Error("was accepted")
			}
		})
	}
}

func TestTextName(t *testing.T) {
	for name, want := range map[string]string{
		"_mir-verify": "_mir-verify.news.test", "_MIR-Verify.News.test": "_mir-verify.news.test", "_mir-verify.news.test.": "_mir-verify.news.test",
		"a._b": "a._b.news.test", "@": "news.test", "news.test": "news.test", "xnews.test": "xnews.test.news.test",
		"": "", "other.test.": "", "x y": "", "-.": "", ".": "", "a..b": "",
	} {
		got, err := cluster.TextName("news.test", name)
		if (err != nil) != (want == "") || err == nil && got != want {
			t.Errorf("%q: %q %v, want %q", name, got, err, want)
		}
	}
}

// TestTextNamesAreServed: every name that TextName gives is found in DNS with the value that was published there.
func TestTextNamesAreServed(t *testing.T) {
	names, dir := startNames(t, time.Now)
	rapid.Check(t, func(r *rapid.T) {
		name, err := cluster.TextName("a.test", rapid.StringMatching(`[_A-Za-z0-9-]{1,20}(\.[_a-z0-9-]{1,20}){0,3}`).Draw(r, "name"))
		if err != nil {
			r.Fatal(err)
		}
		value := rapid.StringMatching(`[A-Za-z0-9=;:/+ -]{1,600}`).Draw(r, "value")
		publish(t, dir, "a.test", func(d *cluster.Domain) { d.Texts = map[string][]string{name: {value}} })
		if got := texts(t, names, name+"."); len(got) != 1 || got[0] != value {
			r.Errorf("%s: %q, want %q", name, got, value)
		}
	})
}
