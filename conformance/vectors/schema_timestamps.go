package vectors

import "mirnode/conformance/cases"

func timestamps() []vector {
	one := func(name, timestamp, title, why string) vector {
		return vector{name: "timestamp-" + name, timestamp: timestamp, title: title, why: why}
	}
	all := under(ruleTimestamp(), nil, []vector{
		one("offset", "2026-03-01T13:30:00+01:30", "an offset from UTC", "Domains write their own local time. The signed bytes must stay as they wrote them."),
		one("offset-negative", "2026-03-01T04:00:00-08:00", "a negative offset", "A verifier that reads the sign wrong moves the event by hours, past a key's end."),
		one("offset-zero", "2026-03-01T12:00:00+00:00", "the offset +00:00", "It is UTC like Z. Rewriting one to the other breaks the signature."),
		one("offset-minus-zero", "2026-03-01T12:00:00-00:00", "the offset -00:00", "RFC 3339 has it for an unknown local zone; the instant is as good as any."),
		one("offset-23-59", "2026-03-01T12:00:00+23:59", "the offset +23:59", "The bound must be the same everywhere, or the record exists on half the network."),
		one("fraction", "2026-03-01T12:00:00.123Z", "milliseconds", "JavaScript writes them into every timestamp; refusing them refuses most of the web."),
		one("fraction-long", "2026-03-01T12:00:00.123456789012345678Z", "a fraction of 18 digits", "Clocks get finer. Digits that are dropped must not break the record."),
		one("fraction-zeros", "2026-03-01T12:00:00.000Z", "a fraction of zeros", "Writing the time again without them breaks the signature."),
		one("leap-day", "2024-02-29T12:00:00Z", "the 29th of February of a leap year", "Refusing it loses a day of everybody's history every four years."),
		one("leap-day-2000", "2000-02-29T12:00:00Z", "the 29th of February of 2000", "Every fourth century has its leap day: refusing it loses a day of everybody's history."),
		one("first-year", "1970-01-01T00:00:00Z", "the first second of 1970", "Zero is a time like any other; a program that takes it for 'missing' drops the record."),
	})
	all = append(all, vector{name: "timestamp-leap-second", timestamp: "2016-12-31T23:59:60Z", title: "a leap second", rule: ruleTimestamp(), level: cases.May,
		why: "Events happen in leap seconds too, though many libraries cannot hold one."},
		vector{name: "timestamp-year-0001", timestamp: "0001-01-01T00:00:00Z", title: "the year 1", rule: ruleTimestamp(), level: cases.May,
			why: "Some libraries take the first instant of the year 1 for 'no time'."})
	for i := range all {
		all[i].zone = "undated" // whose key has no beginning that old claims would lie before
	}
	return all
}

func timestampFaults() []vector {
	one := func(name, timestamp, title, why string) vector {
		return vector{name: "timestamp-" + name, timestamp: timestamp, title: title, why: why}
	}
	all := under(ruleZone(), invalid(), []vector{
		one("no-zone", "2026-03-01T12:00:00", "no zone", "The reader's zone would be assumed: the event moves by hours, and with it whether the key was valid."),
		one("zone-name", "2026-03-01T12:00:00 UTC", "the zone as a word", "Names of zones mean different hours in different places."),
		one("date-only", "2026-03-01", "a date without a time", "Whether the key was valid then cannot be judged within a day."),
	})
	all = append(all, under(ruleTimestamp(), invalid(), []vector{
		one("space", "2026-03-01 12:00:00Z", "a space in place of T", "Databases write it. Two spellings of one time make two records of one event."),
		one("no-seconds", "2026-03-01T12:00Z", "no seconds", "Readers fill the seconds in differently."),
		one("basic-form", "20260301T120000Z", "ISO 8601's basic form", "Only some libraries read it: the record exists on half the network."),
		one("week-date", "2026-W09-7T12:00:00Z", "an ISO 8601 week date", "Only some libraries read it: the record exists on half the network."),
		one("unix", "1772366400", "seconds since 1970 as text", "Read as milliseconds it is January 1970, under another key."),
		one("zone-without-colon", "2026-03-01T12:00:00+0100", "an offset without a colon", "Libraries differ over it, and so would verdicts."),
		one("zone-hours", "2026-03-01T12:00:00+01", "an offset of hours alone", "Libraries differ over it, and so would verdicts."),
		one("zone-24", "2026-03-01T12:00:00+24:00", "the offset +24:00", "There is no such zone; a lenient reader moves the event by a day."),
		one("zone-minutes-60", "2026-03-01T12:00:00+01:60", "an offset of 60 minutes", "There is no such zone; readers carry it over or not."),
		one("zone-unicode-minus", "2026-03-01T12:00:00−01:00", "a Unicode minus in the offset", "It looks right to people and is dropped by parsers."),
		one("month-13", "2026-13-01T12:00:00Z", "the 13th month", "Lenient readers carry it into the next year: the event moves past the key's end."),
		one("month-0", "2026-00-10T12:00:00Z", "month 0", "Lenient readers carry it into the year before."),
		one("day-31", "2026-02-31T12:00:00Z", "the 31st of February", "Lenient readers make it a day in March."),
		one("day-29", "2026-02-29T12:00:00Z", "the 29th of February of a common year", "Lenient readers make it the 1st of March."),
		one("day-29-century", "1900-02-29T12:00:00Z", "the 29th of February of 1900, which was no leap year", "Lenient readers make it the 1st of March."),
		one("hour-24", "2026-03-01T24:00:00Z", "hour 24", "Some take it for midnight of the next day and some refuse it."),
		one("minute-60", "2026-03-01T12:60:00Z", "minute 60", "Lenient readers carry it over, others refuse it: two verdicts on one record."),
		one("second-60", "2026-03-01T12:00:60Z", "second 60 where there is no leap second", "Lenient readers carry it over, others refuse it: two verdicts on one record."),
		one("second-61", "2016-12-31T23:59:61Z", "second 61", "No such second ever was."),
		one("empty-fraction", "2026-03-01T12:00:00.Z", "a point without a fraction", "Libraries differ over it, and so would verdicts."),
		one("comma", "2026-03-01T12:00:00,5Z", "a comma before the fraction", "ISO 8601 allows it and RFC 3339 does not: libraries differ."),
		one("year-5-digits", "12026-03-01T12:00:00Z", "a year of five digits", "Cut to four it is another year."),
		one("hour-1-digit", "2026-03-01T9:00:00Z", "an hour of one digit", "Some libraries read it and most refuse it."),
		one("space-behind", "2026-03-01T12:00:00Z ", "a space behind the timestamp", "Trimmed in one place and not in another, it is two records."),
		one("full-width", "２026-03-01T12:00:00Z", "a full-width digit", "People see a time, and strict readers see none."),
	})...)
	lower := one("lower-case", "2026-03-01t12:00:00z", "lower-case t and z", "Two spellings of one time; RFC 3339 lets a protocol insist on upper case, and this one does.")
	lower.rule, lower.codes, lower.level = ruleTimestamp(), invalid(), cases.Should
	return append(all, lower)
}
