package strictjson

import (
	"strconv"
	"time"
)

// AppendString appends s as a JSON string; the strings of answers are nearly all plain ASCII, and cost a copy. What is not UTF-8 is written with its bytes spelled out.
func AppendString(b []byte, s string) []byte {
	for i := 0; i < len(s); i++ {
		if s[i] < ' ' || s[i] > '~' || s[i] == '"' || s[i] == '\\' {
			return appendEscaped(b, s)
		}
	}
	b = append(b, '"')
	b = append(b, s...)
	return append(b, '"')
}

func appendEscaped(b []byte, s string) []byte {
	quoted, err := Marshal(s)
	if err != nil { // not UTF-8
		return AppendString(b, strconv.QuoteToASCII(s))
	}
	return append(b, quoted...)
}

// AppendTime appends a time in UTC with milliseconds as a JSON string, always of one length: "2006-01-02T15:04:05.000Z". It takes a third of the time of
// time.AppendFormat, which is longer than all the rest of an item in an answer. The year must be one of four digits.
func AppendTime(b []byte, t time.Time) []byte {
	t = t.UTC()
	year, month, day := t.Date()
	hour, minute, second := t.Clock()
	b = append(b, '"')
	b = appendDigits(appendDigits(b, year/100), year%100)
	b = appendDigits(append(b, '-'), int(month))
	b = appendDigits(append(b, '-'), day)
	b = appendDigits(append(b, 'T'), hour)
	b = appendDigits(append(b, ':'), minute)
	b = appendDigits(append(b, ':'), second)
	millis := t.Nanosecond() / int(time.Millisecond)
	return append(appendDigits(append(b, '.', byte('0'+millis/100)), millis%100), 'Z', '"')
}

// appendDigits writes two digits.
func appendDigits(b []byte, n int) []byte { return append(b, byte('0'+n/10), byte('0'+n%10)) }
