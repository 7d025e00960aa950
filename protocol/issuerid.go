package protocol

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
)

const (
	issuerIDPrefix = "issuer_"
	nonceDigits    = 32 // of a nonce, of what an issuer's ID has behind its prefix, and of a token, in hex

	// VerifyLabel stands before a domain in the name of the TXT record that shows who holds it.
	VerifyLabel = "_mir-verify."
	// VerifyPrefix starts the value of that record; the token's 32 hex digits follow.
	VerifyPrefix = "mir-verify="
)

// IssuerID returns the ID of an issuer: "issuer_" and the first 32 hex digits of SHA-256(home, newline, nonce), the home in lower
// case. So it is bound to its home: no other node can issue a record with this ID.
func IssuerID(home, nonce string) string { return issuerIDPrefix + shortHash(home+"\n"+nonce) }

// IsIssuerID reports whether s has the form of an issuer's ID.
func IsIssuerID(s string) bool {
	digits, ok := strings.CutPrefix(s, issuerIDPrefix)
	return ok && validHex(digits, nonceDigits)
}

// DomainToken returns the value of the TXT record at [VerifyLabel]+domain by which the issuer shows that it holds the domain:
// [VerifyPrefix] and the first 32 hex digits of SHA-256("mir-verify", newline, ID, newline, domain, newline, nonce). Being bound
// to issuer and domain, it serves nobody else who finds it there. The domain is in lower case, the nonce 32 hex digits.
func DomainToken(issuerID, domain, nonce string) string {
	return VerifyPrefix + shortHash("mir-verify\n"+issuerID+"\n"+domain+"\n"+nonce)
}

func shortHash(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:])[:nonceDigits]
}
