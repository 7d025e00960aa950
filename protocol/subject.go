package protocol

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"strings"
)

// Subject derives a subject by the protocol's basic derivation: the lower-case hex
// SHA-256 of "{domain}:{externalID}", with the domain in lower case. Whoever can guess
// the external ID can find the subject again, so below 128 bits of entropy, and for
// e-mail addresses and the like always, [SubjectHMAC] is required.
func Subject(domain, externalID string) string {
	sum := sha256.Sum256([]byte(strings.ToLower(domain) + ":" + externalID))
	return hex.EncodeToString(sum[:])
}

// SubjectHMAC derives a subject by the recommended derivation: the lower-case hex
// HMAC-SHA256 of "{domain}:{externalID}" under the domain's secret, with the domain in
// lower case. The secret must stay the same for as long as subjects have to match.
func SubjectHMAC(secret []byte, domain, externalID string) string {
	mac := hmac.New(sha256.New, secret)
	mac.Write([]byte(strings.ToLower(domain) + ":" + externalID))
	return hex.EncodeToString(mac.Sum(nil))
}
