package protocol

import (
	"bytes"
	"strconv"
	"strings"
)

// number is the exact value of a JSON number: ±0.DIGITS × 10^point.
type number struct {
	negative bool
	digits   []byte // no zero at either end; empty for zero
	point    int    // position of the decimal point, counted from before the first digit
}

const (
	// maxPoint and minPoint enclose every number that float64 can hold: 1.8e308 has point
	// 309, and 5e-324 has point -323. What lies outside need not be looked at further.
	maxPoint = 309
	minPoint = -330
	// maxExponent caps the exponents that are read. It is far beyond maxPoint plus the
	// longest literal in a claim, so that capping changes no verdict.
	maxExponent = 1 << 20
	// plainDigits is the most digits of an integer that float64 surely holds exactly.
	plainDigits = 15
)

// plainInteger reports whether a literal is an integer that both canonical forms print
// as it stands: no point, no exponent, no -0, and at most plainDigits digits.
func plainInteger(literal string) bool {
	digits := strings.TrimPrefix(literal, "-")
	if len(digits) > plainDigits || len(digits) < len(literal) && digits == "0" {
		return false
	}
	for i := range len(digits) {
		if !isDigit(digits[i]) {
			return false
		}
	}
	return true
}

// parseNumber reads a literal that is known to be a JSON number.
func parseNumber(literal string) number {
	unsigned, negative := strings.CutPrefix(literal, "-")
	mantissa, exponent := unsigned, 0
	if i := strings.IndexAny(unsigned, "eE"); i >= 0 {
		mantissa, exponent = unsigned[:i], parseExponent(unsigned[i+1:])
	}
	whole, fraction, _ := strings.Cut(mantissa, ".")
	digits := append(append(make([]byte, 0, len(mantissa)), whole...), fraction...)
	point := len(whole) + exponent
	significant := bytes.TrimLeft(digits, "0")
	point -= len(digits) - len(significant)
	significant = bytes.TrimRight(significant, "0")
	if len(significant) == 0 {
		return number{} // -0 is 0
	}
	return number{negative: negative, digits: significant, point: point}
}

func parseExponent(s string) int {
	n := 0
	for _, c := range []byte(strings.TrimLeft(s, "+-")) {
		n = min(n*10+int(c-'0'), maxExponent)
	}
	if s[0] == '-' {
		return -n
	}
	return n
}

func (n number) isZero() bool    { return len(n.digits) == 0 }
func (n number) isInteger() bool { return n.point >= len(n.digits) }
func (n number) isOne() bool {
	return !n.negative && n.point == 1 && string(n.digits) == "1"
}

func (n number) equal(m number) bool {
	return n.negative == m.negative && n.point == m.point && bytes.Equal(n.digits, m.digits)
}

// inRange reports whether float64 holds n as a finite number, and as zero only if it is zero.
func (n number) inRange() bool {
	if n.isZero() {
		return true
	}
	if n.point > maxPoint || n.point < minPoint {
		return false
	}
	f, err := n.float()
	return err == nil && f != 0
}

func (n number) float() (float64, error) {
	literal := append([]byte("0."), n.digits...)
	literal = strconv.AppendInt(append(literal, 'e'), int64(n.point), 10)
	f, err := strconv.ParseFloat(string(literal), 64)
	if n.negative {
		f = -f
	}
	return f, err
}

// isShortest reports whether n is the shortest decimal of its float64, that is, whether
// it is the one number among those that share the float64 that may be written through it.
func (n number) isShortest() bool {
	if n.isZero() {
		return true
	}
	f, err := n.float()
	if err != nil || f == 0 {
		return false
	}
	return n.equal(parseNumber(strconv.FormatFloat(f, 'e', -1, 64)))
}

// appendDecimal writes n without an exponent.
func (n number) appendDecimal(dst []byte) []byte {
	if n.isZero() {
		return append(dst, '0')
	}
	if n.negative {
		dst = append(dst, '-')
	}
	switch {
	case n.isInteger():
		return appendZeros(append(dst, n.digits...), n.point-len(n.digits))
	case n.point > 0:
		dst = append(append(dst, n.digits[:n.point]...), '.')
		return append(dst, n.digits[n.point:]...)
	default:
		dst = appendZeros(append(dst, "0."...), -n.point)
		return append(dst, n.digits...)
	}
}

// appendJavaScript writes n as JavaScript's Number::toString does (ECMA-262 section
// 6.1.6.1.20), given that n is the shortest decimal of its float64.
func (n number) appendJavaScript(dst []byte) []byte {
	if n.isZero() || -6 < n.point && n.point <= 21 {
		return n.appendDecimal(dst)
	}
	if n.negative {
		dst = append(dst, '-')
	}
	dst = append(dst, n.digits[0])
	if len(n.digits) > 1 {
		dst = append(append(dst, '.'), n.digits[1:]...)
	}
	dst = append(dst, 'e')
	if n.point > 0 {
		dst = append(dst, '+')
	}
	return strconv.AppendInt(dst, int64(n.point-1), 10)
}

func appendZeros(dst []byte, n int) []byte {
	for range n {
		dst = append(dst, '0')
	}
	return dst
}
