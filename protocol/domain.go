package protocol

import "strings"

const (
	maxDomainBytes = 253 // RFC 1035 section 2.3.4, without the trailing dot
	maxLabelBytes  = 63
)

const domainHint = "a domain is two or more labels of letters, digits and hyphens, such as shop.example.com, " +
	"without a port, path, wildcard or trailing dot; write international names in their xn-- form"

// ParseDomain checks the rule of docs/protocol.md for a claim's domain, and returns
// it in lower case, which is how domains are compared and indexed. The error is an
// [*Error] with [InvalidSchema].
func ParseDomain(s string) (string, error) {
	if !validDomain(s) {
		return "", refuse(InvalidSchema, domainHint, "%s is not a DNS host name", quote(s))
	}
	return strings.ToLower(s), nil
}

// validDomain reports whether s is two or more labels, the last one alphabetic or an
// xn-- label. That rules IP addresses out.
func validDomain(s string) bool {
	if len(s) > maxDomainBytes {
		return false
	}
	rest, labels := s, 0
	for {
		label, after, more := strings.Cut(rest, ".")
		if !validLabel(label) {
			return false
		}
		labels++
		if !more {
			return labels > 1 && validLastLabel(label)
		}
		rest = after
	}
}

func validLabel(label string) bool {
	if label == "" || len(label) > maxLabelBytes || label[0] == '-' || label[len(label)-1] == '-' {
		return false
	}
	for i := range len(label) {
		if c := label[i]; !isLetter(c) && !isDigit(c) && c != '-' {
			return false
		}
	}
	return true
}

func validLastLabel(label string) bool {
	if len(label) > 4 && strings.EqualFold(label[:4], "xn--") {
		return true
	}
	for i := range len(label) {
		if !isLetter(label[i]) {
			return false
		}
	}
	return len(label) >= 2
}

func isLetter(c byte) bool { return 'a' <= c|0x20 && c|0x20 <= 'z' }
func isDigit(c byte) bool  { return '0' <= c && c <= '9' }

// validLowerDomain reports whether s is a domain in the spelling that statements and logs use.
func validLowerDomain(s string) bool { return validDomain(s) && strings.ToLower(s) == s }
