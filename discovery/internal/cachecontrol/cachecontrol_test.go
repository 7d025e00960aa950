package cachecontrol_test

import (
	"net/http"
	"testing"
	"time"

	"mirnode/discovery/internal/cachecontrol"
)

func TestLifetime(t *testing.T) {
	const none = -1
	for _, c := range []struct {
		control []string
		age     string
		want    int // seconds, or none
	}{
		{nil, "", none},
		{[]string{""}, "", none},
		{[]string{"public"}, "", none},
		{[]string{"max-age=300"}, "", 300},
		{[]string{"public, max-age=300"}, "", 300},
		{[]string{"Public , MAX-AGE = 300 "}, "", 300},
		{[]string{`max-age="300"`}, "", 300},
		{[]string{`ext="a, no-store", max-age=300`}, "", 300},
		{[]string{`ext="a\", no-store", max-age=300`}, "", 300},
		{[]string{"public", "max-age=300"}, "", 300},
		{[]string{"max-age=300, max-age=60"}, "", 60},
		{[]string{"max-age=60, s-maxage=300"}, "", 300},
		{[]string{"max-age=300"}, "100", 200},
		{[]string{"max-age=300"}, "400", 0},
		{[]string{"max-age=300"}, "nonsense", 300},
		{[]string{"max-age=0"}, "", 0},
		{[]string{"max-age=-5"}, "", 0},
		{[]string{"max-age=soon"}, "", 0},
		{[]string{"max-age="}, "", 0},
		{[]string{"max-age"}, "", 0},
		{[]string{"max-age=99999999999999999999999999"}, "", 1 << 31},
		{[]string{"max-age=300, no-store"}, "", 0},
		{[]string{"no-cache"}, "", 0},
		{[]string{`no-cache="Set-Cookie", max-age=9`}, "", 0},
		{[]string{"private, max-age=300"}, "", 0},
		{[]string{`max-age=5, "`}, "", 5},
		{[]string{`x="unterminated`}, "", none},
		{[]string{`x="\`}, "", none},
	} {
		header := http.Header{"Cache-Control": c.control}
		if c.age != "" {
			header.Set("Age", c.age)
		}
		lifetime, given := cachecontrol.Lifetime(header)
		want := time.Duration(max(c.want, 0)) * time.Second
		if lifetime != want || given != (c.want != none) {
			t.Errorf("%q, age %q: %v, given %v; want %d s", c.control, c.age, lifetime, given, c.want)
		}
	}
}

func FuzzLifetime(f *testing.F) {
	for _, s := range []string{"max-age=300, public", `a="b\"c", no-store`, "s-maxage=1,max-age=2", `"`, ",,=,=\"\\"} {
		f.Add(s, "7")
	}
	f.Fuzz(func(t *testing.T, control, age string) {
		lifetime, given := cachecontrol.Lifetime(http.Header{"Cache-Control": {control}, "Age": {age}})
		if lifetime < 0 || lifetime > 1<<31*time.Second || !given && lifetime != 0 {
			t.Errorf("%q, %q: %v, given %v", control, age, lifetime, given)
		}
		stricter, given := cachecontrol.Lifetime(http.Header{"Cache-Control": {"no-store, " + control}, "Age": {age}})
		if stricter != 0 || !given {
			t.Errorf("no-store, %q: %v", control, stricter)
		}
	})
}
