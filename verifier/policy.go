package verifier

import (
	"fmt"
	"strings"
	"time"

	"mirnode/protocol"
)

// Policy holds the checks that a verifier may add to the protocol's. The zero value adds none.
type Policy struct {
	// MaxAge rejects a claim whose timestamp is older than this, with CLAIM_EXPIRED; 0 takes any age.
	MaxAge time.Duration
	// ExpectDomain rejects the claims of any other domain, with DOMAIN_MISMATCH; case does not matter, subdomains do. Empty takes all.
	ExpectDomain string
	// NoExpiredKeys rejects a claim whose key has expired by now, with KEY_EXPIRED, though it was valid at the claim's timestamp.
	NoExpiredKeys bool
}

func (p Policy) checkDomain(c *protocol.Claim) *protocol.Error {
	if p.ExpectDomain == "" || strings.EqualFold(p.ExpectDomain, c.Host()) {
		return nil
	}
	return &protocol.Error{
		Code:    protocol.DomainMismatch,
		Message: fmt.Sprintf("the claim is %s's, and one of %s was expected", c.Host(), p.ExpectDomain),
		Hint:    "A domain does not speak for its subdomains, nor they for it.",
	}
}

// stamp is when something was signed, by its own account.
type stamp struct {
	what, text string // "the claim's timestamp", and how it is spelled
	at         time.Time
}

func stampOf(c *protocol.Claim) stamp {
	return stamp{what: "the claim's timestamp", text: c.Timestamp, at: c.Time()}
}

// checkTimes is step 6 of the verification.
func (p Policy) checkTimes(s stamp, key *protocol.DomainKey, now time.Time) *protocol.Error {
	switch {
	case expired(key, s.at):
		return &protocol.Error{
			Code:    protocol.KeyExpired,
			Message: fmt.Sprintf("the key expired on %s, before %s %s", instant(key.Expires), s.what, s.text),
			Hint:    "Sign with a key that is valid at the time of signing: sign it again with the domain's current key.",
		}
	case p.NoExpiredKeys && expired(key, now):
		return &protocol.Error{
			Code:    protocol.KeyExpired,
			Message: fmt.Sprintf("the key expired on %s, and expired keys are not accepted here", instant(key.Expires)),
			Hint:    "The key was valid at the claim's timestamp: without the policy on expired keys the claim's signature would decide.",
		}
	case s.at.After(now.Add(protocol.ClockSkew)):
		return &protocol.Error{
			Code:    protocol.ClaimExpired,
			Message: fmt.Sprintf("%s %s is more than %v in the future", s.what, s.text, protocol.ClockSkew),
			Hint:    "Check the clock of the machine that signed, and of the one that verifies.",
		}
	case p.MaxAge > 0 && now.Sub(s.at) > p.MaxAge:
		return &protocol.Error{
			Code:    protocol.ClaimExpired,
			Message: fmt.Sprintf("%s %s is older than %v", s.what, s.text, p.MaxAge),
			Hint:    "The limit on age is this verifier's own; a longer one would let the claim's signature decide.",
		}
	}
	return nil
}

// expired reports whether the key's validity had ended at the time, the clocks' skew allowed for.
func expired(key *protocol.DomainKey, at time.Time) bool {
	return !key.Expires.IsZero() && at.After(key.Expires.Add(protocol.ClockSkew))
}

func instant(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// isMIRType reports whether a well-formed type is in the protocol's namespace: "mir.a.b" is, the extension "mir.com:a.b" is not.
func isMIRType(t string) bool { return strings.HasPrefix(t, "mir.") && !strings.Contains(t, ":") }
