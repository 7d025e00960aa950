package protocol

import "time"

// parseTimestamp reads an RFC 3339 date-time with upper-case T and Z, any number of
// fraction digits (those past the nanosecond do not count), and offsets to ±23:59. Second
// 60 is taken only where it is 23:59:60 UTC, and counts as the second after.
// time.Parse takes lower-case letters, commas and hours of one digit, hence this reader.
func parseTimestamp(s string) (time.Time, bool) {
	const fixed = len("2006-01-02T15:04:05")
	if len(s) < fixed+1 || s[4] != '-' || s[7] != '-' || s[10] != 'T' || s[13] != ':' || s[16] != ':' {
		return time.Time{}, false
	}
	year, ok0 := digits(s[0:4], 9999)
	month, ok1 := digits(s[5:7], 12)
	day, ok2 := digits(s[8:10], 31)
	hour, ok3 := digits(s[11:13], 23)
	minute, ok4 := digits(s[14:16], 59)
	second, ok5 := digits(s[17:19], 60)
	if allOK := ok0 && ok1 && ok2 && ok3 && ok4 && ok5; !allOK || month == 0 || day == 0 || day > daysIn(year, time.Month(month)) {
		return time.Time{}, false
	}
	nanos, rest, ok := parseFraction(s[fixed:])
	if !ok {
		return time.Time{}, false
	}
	offset, ok := parseOffset(rest)
	if !ok {
		return time.Time{}, false
	}
	t := time.Date(year, time.Month(month), day, hour, minute, second, nanos, time.UTC).Add(-offset)
	if second == 60 && (t.Hour() != 0 || t.Minute() != 0) { // time.Date carried 23:59:60 into 00:00:00
		return time.Time{}, false
	}
	return t, true
}

// digits reads a number of fixed width, at most most.
func digits(s string, most int) (int, bool) {
	n := 0
	for i := range len(s) {
		if !isDigit(s[i]) {
			return 0, false
		}
		n = n*10 + int(s[i]-'0')
	}
	return n, n <= most
}

// parseFraction reads ".digits" where s starts with it.
func parseFraction(s string) (nanos int, rest string, ok bool) {
	if s == "" || s[0] != '.' {
		return 0, s, true
	}
	i := 1
	for unit := 100_000_000; i < len(s) && isDigit(s[i]); i++ {
		nanos += int(s[i]-'0') * unit
		unit /= 10
	}
	return nanos, s[i:], i > 1
}

// parseOffset reads "Z" or "±hh:mm".
func parseOffset(s string) (time.Duration, bool) {
	if s == "Z" {
		return 0, true
	}
	if len(s) != len("+hh:mm") || s[0] != '+' && s[0] != '-' || s[3] != ':' {
		return 0, false
	}
	hours, ok0 := digits(s[1:3], 23)
	minutes, ok1 := digits(s[4:6], 59)
	offset := time.Duration(hours)*time.Hour + time.Duration(minutes)*time.Minute
	if s[0] == '-' {
		offset = -offset
	}
	return offset, ok0 && ok1
}

func daysIn(year int, month time.Month) int {
	return time.Date(year, month+1, 0, 0, 0, 0, 0, time.UTC).Day()
}
