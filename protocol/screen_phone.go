package protocol

import (
	"regexp"
	"strings"
)

const (
	minPhoneDigits = 8
	maxPhoneDigits = 15 // ITU-T E.164
)

var (
	phoneRuns = [...]*regexp.Regexp{
		// International: +49 30 1234567, +1 (415) 555-2671, +14155552671. Without groups it
		// takes nine digits, since +12345678 may be a difference.
		regexp.MustCompile(`\+[1-9]\d{8,14}|\+[1-9]\d{0,2}(?:[ ./()-]{1,3}\d{1,8}){1,6}`),
		// International with 00: 0044 20 7946 0958, 0049/30/1234567.
		regexp.MustCompile(`00[1-9]\d{0,2}[ /](?:[ ./()-]{0,3}\d){6,12}`),
		// North America: (415) 555-2671, 415-555-2671, 415.555.2671, 1-415-555-2671.
		regexp.MustCompile(`(?:1[ .-])?(?:\([2-9]\d{2}\)[ .-]?|[2-9]\d{2}[ .-])[2-9]\d{2}[ .-]\d{4}`),
		// A trunk 0 and groups: 030 1234567, 0171/1234567, (030) 1234567, 020 7946 0958, 06.12.34.56.78.
		regexp.MustCompile(`\(?0[1-9]\d{0,4}\)?[ ./-]{1,3}\d{2,8}(?:[ ./-]\d{2,8}){0,4}`),
	}
	// amount is a signed decimal, such as +12345678.90.
	amount = regexp.MustCompile(`^[+-]?\d+\.\d{1,8}$`)
	// dayFirst is a date, such as 01.02.2026.
	dayFirst = regexp.MustCompile(`^\d{1,2}[ ./-]\d{1,2}[ ./-](?:19|20)\d{2}(?:\D|$)`)
)

func hasPhoneNumber(text string) bool {
	if amount.MatchString(text) {
		return false
	}
	for _, re := range phoneRuns {
		if anyRun(re, text, func(run string) bool {
			n := len(onlyDigits(run))
			return minPhoneDigits <= n && n <= maxPhoneDigits && !dayFirst.MatchString(run)
		}) {
			return true
		}
	}
	return false
}

// personalNames are words in a member's name that make a bare number personal.
var personalNames = []struct {
	words    []string
	least    int // digits
	most     int
	whatItIs string
}{
	{[]string{"phone", "telephone", "tel", "mobile", "cellphone", "fax", "msisdn", "whatsapp"}, 7, 15, "a phone number"},
	{[]string{"ssn", "nin", "passport"}, 7, 11, "an ID number"},
}

// personalByName judges a bare number by the name of its member: "phone": "4155552671".
func personalByName(name, value string) string {
	number := onlyDigits(value)
	if strings.Trim(value, "0123456789 -./()+") != "" {
		return ""
	}
	for _, word := range words(name) {
		for _, p := range personalNames {
			for _, w := range p.words {
				if word == w && p.least <= len(number) && len(number) <= p.most {
					return p.whatItIs
				}
			}
		}
	}
	return ""
}

// words splits a name such as contactPhone, contact_phone or phone2 into lower-case words.
func words(name string) []string {
	var b strings.Builder
	for i := range len(name) {
		c := name[i]
		upper := 'A' <= c && c <= 'Z'
		if upper && i > 0 && 'a' <= name[i-1] && name[i-1] <= 'z' {
			b.WriteByte(' ')
		}
		if isLetter(c) {
			b.WriteByte(c | 0x20)
		} else {
			b.WriteByte(' ')
		}
	}
	return strings.Fields(b.String())
}
