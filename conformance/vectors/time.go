package vectors

import (
	"strings"
	"time"

	"mirnode/conformance/cases"
)

// times returns the cases of the section time. The zone "rotated" has a key that ended with 2025-12-31T23:59:59Z.
func (m *maker) times() []vector {
	retired := func(name, timestamp, title, why string, codes ...string) vector {
		return vector{name: name, zone: "rotated", key: "retired", timestamp: timestamp, title: title, why: why, codes: codes}
	}
	all := under(ruleKeyValidity(), nil, []vector{
		retired("retired-key-old-claim", "2025-06-01T12:00:00Z", "a retired key, and a timestamp from its life",
			"A rotation of keys must not wipe out everything that was signed before: people would lose years of history."),
		retired("retired-key-last-second", "2025-12-31T23:59:59Z", "a retired key, and a timestamp at its very end", "A bound that is off by one loses the records of a key's last moment."),
		retired("retired-key-within-skew", "2026-01-01T00:04:59Z", "a timestamp 5 minutes after the key's end",
			"Clocks differ. Without tolerance honest records from the day of a rotation are lost."),
		retired("retired-key-beyond-skew", "2026-01-01T00:05:00Z", "a timestamp 5 minutes and a second after the key's end",
			"A retired key is often a stolen one. Whoever has it could go on signing.", tooOld),
		retired("retired-key-10-minutes", "2026-01-01T00:10:00Z", "a timestamp 10 minutes after the key's end",
			"A retired key is often a stolen one. Whoever has it could go on signing.", tooOld),
		retired("retired-key-fraction-beyond-skew", "2026-01-01T00:04:59.001Z", "a timestamp a millisecond beyond 5 minutes after the key's end",
			"Fractions that are dropped move the bound, and verdicts differ by machine.", tooOld),
		retired("retired-key-new-claim", "2026-03-01T12:00:00Z", "a retired key, and a timestamp two months after its end",
			"A retired key is often a stolen one. Whoever has it could go on signing.", tooOld),
		retired("retired-key-offset", "2026-01-01T12:59:59+13:00", "a timestamp of the year after the key's end, that is before it in UTC",
			"Comparing the texts of times loses the records of half the world's zones."),
		retired("retired-key-offset-beyond", "2025-12-31T23:00:00-11:00", "a timestamp of the key's last day, that is after its end in UTC",
			"Comparing the texts of times lets a retired key go on for half a day.", tooOld),
		retired("retired-key-offset-minutes", "2026-01-01T05:49:00+05:45", "4 minutes after the key's end, written with an offset of minutes too",
			"Nepal is 5 hours and 45 minutes ahead. A reader that drops the minutes loses the records of its night."),
		retired("retired-key-offset-minutes-beyond", "2025-12-31T18:50:00-05:30", "20 minutes after the key's end, before it if the offset's minutes are dropped",
			"Whoever has a retired key could go on for up to an hour.", tooOld),
		{name: "retired-key-and-changed", zone: "rotated", key: "retired", title: "a retired key, a timestamp two months after its end, and a type changed after signing",
			rule: should(orderPage, "A claim with several faults gets the code of the first step that fails"), codes: []string{tooOld},
			tamper: func(doc string) string {
				return strings.Replace(doc, `"mir.transaction.completed"`, `"mir.transaction.refunded"`, 1)
			},
			why: "Verifiers that look in another order give one claim two codes, and whoever mends one fault finds the next."},
		retired("retired-key-at-birth", "2025-01-01T00:00:00Z", "a timestamp at the moment at which the key was made", "Domains sign with a key as soon as they have it."),
		{name: "current-key", zone: "rotated", key: "beta", title: "the current key beside a retired one", rule: ruleFingerprintSelects(),
			why: "A retired neighbour says nothing about the key that signs now."},
		{name: "before-created-within-skew", zone: "rotated", key: "beta", timestamp: "2025-12-31T23:55:00Z", title: "a timestamp 5 minutes before the key was made",
			why: "Clocks differ. Without tolerance honest records from the day of a rotation are lost."},
		{name: "before-created", zone: "rotated", key: "beta", timestamp: "2025-06-01T12:00:00Z", title: "a timestamp half a year before the key was made",
			why: "Domains sign events of the past when they join, with the key of today. Refusing them shuts out everybody's earlier history."},
	})
	return append(append(all, m.future()...), m.policies()...)
}

// stamp writes an instant at a distance from now.
func (m *maker) stamp(distance time.Duration) string {
	return m.Now.Add(distance).UTC().Truncate(time.Second).Format(time.RFC3339)
}

func (m *maker) future() []vector {
	late := []string{expired}
	return under(ruleFuture(), nil, []vector{
		{name: "future-far", timestamp: "9999-12-31T23:59:59Z", title: "the last second of the year 9999", codes: late,
			why: "Records from the future stay on top of every list, and outlive every recency window."},
		{name: "future-day", timestamp: m.stamp(24 * time.Hour), live: true, title: "a timestamp a day in the future", codes: late,
			why: "A record can be prepared before anything happened, and a stolen key's records dated past its discovery."},
		{name: "future-6-minutes", timestamp: m.stamp(6 * time.Minute), live: true, title: "a timestamp 6 minutes in the future", codes: late,
			why: "What one verifier's clock lets pass and another's does not is a record that comes and goes."},
		{name: "future-4-minutes", timestamp: m.stamp(4 * time.Minute), live: true, title: "a timestamp 4 minutes in the future",
			why: "Clocks differ by minutes. Refusing such records punishes people for a server's clock."},
		{name: "now", timestamp: m.stamp(0), live: true, title: "a timestamp of this very moment",
			why: "Records are submitted as things happen. One that is refused at first is often never sent again."},
		{name: "future-offset", timestamp: m.Now.Add(6 * time.Minute).In(time.FixedZone("", -11*3600)).Truncate(time.Second).Format(time.RFC3339),
			live: true, title: "6 minutes in the future, written in a zone where it is yesterday", codes: late,
			why: "Comparing the texts of times lets the future in through another zone."},
	})
}

// policies are what a verifier may be told to ask for beside the protocol's checks.
func (m *maker) policies() []vector {
	opts := func(o cases.VerdictOptions) *cases.VerdictOptions { return &o }
	rule := should("Protocol, Verification, in order", "times, and what the verifier asks for beside them")
	old := []string{expired}
	hour := opts(cases.VerdictOptions{MaxAge: "1h"})
	return under(rule, nil, []vector{
		{name: "max-age-within", timestamp: m.stamp(-30 * time.Minute), live: true, options: hour, title: "maxAge of an hour, and a claim of half an hour ago",
			why: "A window that is too tight hides what the reader asked for."},
		{name: "max-age-beyond", timestamp: m.stamp(-2 * time.Hour), live: true, options: hour, title: "maxAge of an hour, and a claim of two hours ago", codes: old,
			why: "Who asked for fresh records would act on stale ones."},
		{name: "expect-domain", options: opts(cases.VerdictOptions{ExpectDomain: m.domain("shop")}), title: "the expected domain",
			why: "The right answer must not be lost to the check."},
		{name: "expect-domain-upper-case", options: opts(cases.VerdictOptions{ExpectDomain: strings.ToUpper(m.domain("shop"))}), title: "the expected domain in upper case",
			why: "Names in DNS have no case."},
		{name: "expect-domain-of-upper-case", domain: "SHOP." + strings.ToUpper(m.Suffix), options: opts(cases.VerdictOptions{ExpectDomain: m.domain("shop")}),
			title: "the expected domain, which the claim writes in upper case", why: "Names in DNS have no case."},
		{name: "expect-domain-other", options: opts(cases.VerdictOptions{ExpectDomain: m.domain("twin")}), title: "another domain than the expected one", codes: []string{mismatch},
			why: "Another shop's record, with a good signature, would be taken for this one's."},
		{name: "expect-domain-other-and-no-key", key: "retired", options: opts(cases.VerdictOptions{ExpectDomain: m.domain("twin")}),
			title: "another domain than the expected one, and a key that it does not publish", codes: []string{mismatch, notFound},
			rule: should(orderPage, "What the verifier asks for and needs no key, such as an expected domain, may be judged before the key is looked for"),
			why:  "Either code is right, and the record is refused. A look-up for a claim that is refused anyway is one that a stranger chose."},
		{name: "expect-domain-parent", options: opts(cases.VerdictOptions{ExpectDomain: m.Suffix}), title: "a subdomain of the expected domain", codes: []string{mismatch},
			why: "A domain does not speak for its subdomains, which may be rented out to anybody."},
		{name: "expect-domain-child", options: opts(cases.VerdictOptions{ExpectDomain: "www." + m.domain("shop")}), title: "the parent of the expected domain", codes: []string{mismatch},
			why: "A subdomain's reader asked for the subdomain's records."},
		{name: "no-expired-keys", zone: "rotated", key: "retired", timestamp: "2025-06-01T12:00:00Z", options: opts(cases.VerdictOptions{NoExpiredKeys: true}),
			title: "no expired keys, and a retired key's old claim", codes: []string{tooOld}, why: "Who asked for keys in force would rely on one that may have been stolen."},
		{name: "no-expired-keys-current", zone: "rotated", key: "beta", options: opts(cases.VerdictOptions{NoExpiredKeys: true}),
			title: "no expired keys, and the current key", why: "The stricter check must not hide what is in order."},
	})
}
