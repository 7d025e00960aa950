package protocol

import (
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

var (
	cardRun = regexp.MustCompile(`\d{4}[ -]\d{4}[ -]\d{4}[ -]\d{4}|\d{4}[ -]\d{6}[ -]\d{4,5}|\d{13,19}`)
	ssnRun  = regexp.MustCompile(`\d{3}[- ]\d{2}[- ]\d{4}`)
	ibanRun = regexp.MustCompile(`(?i)[A-Z]{2}\d{2}(?: ?[A-Z0-9]){11,30}`)
)

// anyRun reports whether a run of the expression stands alone in the text and passes the test.
func anyRun(re *regexp.Regexp, text string, test func(run string) bool) bool {
	for _, at := range re.FindAllStringIndex(text, -1) {
		if startsAlone(text[:at[0]]) && endsAlone(text[at[1]:]) && test(text[at[0]:at[1]]) {
			return true
		}
	}
	return false
}

// startsAlone and endsAlone judge what stands before and behind a run of digits: whether
// the run is a number of its own, and no piece of an identifier, a longer number, a
// version, a date or an amount. A label such as "tel:" may stand before it.
func startsAlone(before string) bool {
	last, n := utf8.DecodeLastRuneInString(before)
	joined, _ := utf8.DecodeLastRuneInString(before[:len(before)-n])
	switch last {
	case '-', '_', '.', '/', '#', '+', ',':
		return !isWordRune(joined)
	case ':':
		return !unicode.IsDigit(joined)
	default:
		return !isWordRune(last)
	}
}

func endsAlone(behind string) bool {
	first, n := utf8.DecodeRuneInString(behind)
	joined, _ := utf8.DecodeRuneInString(behind[n:])
	switch first {
	case '-', '_', '.', '/', '#', '+', ':':
		return !isWordRune(joined)
	default:
		return !isWordRune(first)
	}
}

func isWordRune(r rune) bool {
	return r != utf8.RuneError && (unicode.IsLetter(r) || unicode.IsDigit(r))
}

func hasSSN(text string) bool {
	return anyRun(ssnRun, text, func(run string) bool {
		area, group, serial := run[:3], run[4:6], run[7:]
		return run[3] == run[6] && area != "000" && area != "666" && area[0] != '9' && group != "00" && serial != "0000"
	})
}

func hasCardNumber(text string) bool {
	return anyRun(cardRun, text, func(run string) bool {
		digits := onlyDigits(run)
		return isCardPrefix(digits) && luhn(digits)
	})
}

// isCardPrefix knows the large networks by first digits and length.
func isCardPrefix(d string) bool {
	n, first2, first4 := len(d), d[:2], d[:4]
	switch {
	case d[0] == '4': // Visa
		return n == 13 || n == 16 || n == 19
	case "51" <= first2 && first2 <= "55", "2221" <= first4 && first4 <= "2720": // Mastercard
		return n == 16
	case first2 == "34" || first2 == "37": // American Express
		return n == 15
	case first4 == "6011", first2 == "65", "644" <= d[:3] && d[:3] <= "649", first2 == "62": // Discover, UnionPay
		return n >= 16
	case "3528" <= first4 && first4 <= "3589": // JCB
		return n >= 16
	case "300" <= d[:3] && d[:3] <= "305", first2 == "36", first2 == "38", first2 == "39": // Diners Club
		return n == 14
	default:
		return false
	}
}

// luhn checks the last digit (ISO/IEC 7812-1).
func luhn(digits string) bool {
	sum := 0
	for i := range len(digits) {
		d := int(digits[len(digits)-1-i] - '0')
		if i%2 == 1 {
			d *= 2
		}
		sum += d/10 + d%10
	}
	return sum%10 == 0
}

// ibanLengths tells the length of an IBAN by its country (ISO 13616 registry), which
// keeps other identifiers from passing for one.
var ibanLengths = ibanTable("NO15 BE16 DK18 FI18 FO18 GL18 NL18 SD18 MK19 SI19 AT20 BA20 EE20 KZ20 LT20 LU20 MN20 XK20 " +
	"CH21 CR21 HR21 LI21 LV21 BG22 BH22 DE22 GB22 GE22 IE22 ME22 RS22 VA22 AE23 GI23 IL23 IQ23 OM23 SO23 TL23 " +
	"AD24 CZ24 ES24 MD24 PK24 RO24 SA24 SE24 SK24 TN24 VG24 LY25 PT25 ST25 IS26 TR26 BI27 DJ27 FR27 GR27 IT27 MC27 MR27 SM27 " +
	"AL28 AZ28 BY28 CY28 DO28 GT28 HU28 LB28 NI28 PL28 SV28 BR29 EG29 PS29 QA29 UA29 JO30 KW30 MU30 YE30 FK18 HN28 MT31 SC31 LC32 RU33")

func ibanTable(list string) map[string]int {
	table := make(map[string]int)
	for _, entry := range strings.Fields(list) {
		n, _ := digits(entry[2:], 99)
		table[entry[:2]] = n
	}
	return table
}

func hasIBAN(text string) bool {
	// The expression may run into words that follow, so that the end is found by the length.
	for _, at := range ibanRun.FindAllStringIndex(text, -1) {
		run := strings.ToUpper(strings.ReplaceAll(text[at[0]:at[1]], " ", ""))
		n := ibanLengths[run[:2]]
		if n != 0 && n <= len(run) && startsAlone(text[:at[0]]) && mod97(run[4:n]+run[:4]) == 1 {
			return true
		}
	}
	return false
}

// mod97 is the remainder of ISO 7064, with letters counted as 10 to 35.
func mod97(s string) int {
	r := 0
	for _, c := range []byte(s) {
		if isDigit(c) {
			r = (r*10 + int(c-'0')) % 97
		} else {
			r = (r*100 + int(c-'A') + 10) % 97
		}
	}
	return r
}

func onlyDigits(s string) string {
	return strings.Map(func(r rune) rune {
		if '0' <= r && r <= '9' {
			return r
		}
		return -1
	}, s)
}
