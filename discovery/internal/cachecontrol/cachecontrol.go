// Package cachecontrol reads how long an HTTP answer stays fresh for a cache that is
// shared by many clients: Cache-Control and Age (RFC 9111 sections 4.2 and 5.2).
//
// Expires is left alone: key documents state their lifetime in Cache-Control. Where
// directives contradict each other, the shortest lifetime counts.
package cachecontrol

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

const (
	// maxHeader bounds the text that is looked at; what lies behind it is ignored.
	maxHeader = 1024
	// maxSeconds is where delta-seconds are cut off (RFC 9111 section 1.2.2).
	maxSeconds = 1 << 31
)

// Lifetime returns how long the answer may be kept from now on, never negative.
// given is false if the headers do not say.
func Lifetime(header http.Header) (lifetime time.Duration, given bool) {
	text := strings.Join(header.Values("Cache-Control"), ",")
	if len(text) > maxHeader {
		text = text[:maxHeader]
	}
	maxAge, sharedMaxAge := int64(-1), int64(-1)
	for text != "" {
		var name, value string
		name, value, text = directive(text)
		switch name {
		case "no-store", "no-cache", "private":
			return 0, true
		case "max-age":
			maxAge = shortest(maxAge, value)
		case "s-maxage":
			sharedMaxAge = shortest(sharedMaxAge, value)
		}
	}
	if sharedMaxAge >= 0 {
		maxAge = sharedMaxAge // meant for caches like ours (section 5.2.2.10)
	}
	if maxAge < 0 {
		return 0, false
	}
	if age := header.Get("Age"); age != "" {
		maxAge -= seconds(age)
	}
	return time.Duration(max(maxAge, 0)) * time.Second, true
}

// directive cuts the first directive off a list: name in lower case, value without quotes.
func directive(text string) (name, value, rest string) {
	end := strings.IndexAny(text, ",=")
	if end < 0 {
		return clean(text), "", ""
	}
	name = clean(text[:end])
	if text[end] == ',' {
		return name, "", text[end+1:]
	}
	text = strings.TrimLeft(text[end+1:], " \t")
	if strings.HasPrefix(text, `"`) {
		value, text = quoted(text[1:])
		_, rest, _ = strings.Cut(text, ",")
		return name, value, rest
	}
	value, rest, _ = strings.Cut(text, ",")
	return name, strings.TrimSpace(value), rest
}

// quoted reads a quoted-string up to its closing quote.
func quoted(text string) (value, rest string) {
	var out strings.Builder
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '"':
			return out.String(), text[i+1:]
		case '\\':
			if i++; i == len(text) {
				return out.String(), ""
			}
		}
		out.WriteByte(text[i])
	}
	return out.String(), ""
}

func clean(name string) string { return strings.ToLower(strings.TrimSpace(name)) }

func shortest(current int64, value string) int64 {
	n := seconds(value)
	if current >= 0 && current < n {
		return current
	}
	return n
}

// seconds reads delta-seconds: cut off at maxSeconds, and 0 where it is no number, so
// that a faulty lifetime is a short one.
func seconds(value string) int64 {
	value = strings.TrimSpace(value)
	if value == "" || strings.Trim(value, "0123456789") != "" {
		return 0
	}
	n, err := strconv.ParseInt(value, 10, 64)
	if err != nil || n > maxSeconds {
		return maxSeconds
	}
	return n
}
