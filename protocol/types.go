package protocol

import (
	"slices"
	"strings"
)

// coreTypes are the claim types that protocol version 1 defines.
var coreTypes = [...]string{
	"mir.transaction.initiated",
	"mir.transaction.completed",
	"mir.transaction.fulfilled",
	"mir.transaction.cancelled",
	"mir.transaction.refunded",
	"mir.transaction.disputed",
	"mir.transaction.chargeback",
	"mir.account.created",
	"mir.account.updated",
	"mir.account.verified",
	"mir.account.suspended",
	"mir.account.closed",
	"mir.message.sent",
	"mir.message.received",
	"mir.response.provided",
}

const corePrefix = "mir."

// CoreTypes returns the 15 claim types that the protocol defines, in its order. The
// caller may change the slice.
func CoreTypes() []string { return slices.Clone(coreTypes[:]) }

// IsCoreType reports whether t is one of [CoreTypes]. Other well-formed mir. types
// verify as well, but a conformant signer does not make them.
func IsCoreType(t string) bool { return slices.Contains(coreTypes[:], t) }

// IsType reports whether t is well-formed, as mir.category.action or HOST:category.action (section 1).
func IsType(t string) bool { return validType(t) }

// validType reports whether t is well-formed: a core type "mir.category.action", or an
// extension type "HOST:category.action". mir.com:a.b is an extension type of the host mir.com.
func validType(t string) bool {
	if host, suffix, ok := strings.Cut(t, ":"); ok {
		return validDomain(host) && validTypeSuffix(suffix)
	}
	suffix, ok := strings.CutPrefix(t, corePrefix)
	return ok && validTypeSuffix(suffix)
}

// validTypeSuffix matches [a-z][a-z0-9]*\.[a-z][a-z0-9_]*.
func validTypeSuffix(s string) bool {
	category, action, ok := strings.Cut(s, ".")
	return ok && validWord(category, false) && validWord(action, true)
}

func validWord(s string, underscore bool) bool {
	for i := range len(s) {
		switch c := s[i]; {
		case 'a' <= c && c <= 'z':
		case i > 0 && (isDigit(c) || underscore && c == '_'):
		default:
			return false
		}
	}
	return s != ""
}
