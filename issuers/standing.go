package issuers

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"mirnode/protocol"
)

// timeForm is how answers write times: UTC, milliseconds.
const timeForm = "2006-01-02T15:04:05.000Z"

// Standing is what this node says of an issuer. It is read only.
type Standing struct {
	Record   *protocol.Issuer
	Status   protocol.IssuerStatus // the record's, but UNVERIFIED where it claims a domain that this node has not seen
	Verified bool                  // Status is VERIFIED
	By       string                // "domain", "activity", or "" where nothing was shown; a review leaves it as it is
	Domain   string                // the issuer's domain, only where this node saw its token in DNS; else ""
	SeenAt   time.Time             // when this node last saw the token; zero where Domain is ""
	Detail   string                // for people: whose word it is, and where a look-up stands; "" where there is nothing to say
	JSON     []byte                // the issuer object of answers

	anchors []string // fingerprints of keys that the domain publishes
	made    time.Time
}

// Anchored tells that the issuer's own domain publishes the key, as this node saw: nobody has to take the home's word that it is the issuer's. Keys
// of other algorithms than Ed25519 are not published, and so never anchored.
func (s *Standing) Anchored(fingerprint string) bool { return slices.Contains(s.anchors, fingerprint) }

// object is the issuer object of answers: seed 001's four members first.
type object struct {
	ID           string                `json:"id"`
	Name         string                `json:"name"`
	Status       protocol.IssuerStatus `json:"status"`
	Verified     bool                  `json:"verified"`
	Home         string                `json:"home"`
	Verification *verification         `json:"verification"`
}

type verification struct {
	By        string `json:"by"`
	Domain    string `json:"domain,omitempty"`
	VouchedBy string `json:"vouchedBy,omitempty"`
	Since     string `json:"since"`
}

// seenLate is how much later than the home this node may have seen the domain first before its own time is shown.
const seenLate = 24 * time.Hour

// render says what the record and this node's own sight of the domain come to; seen may be nil. Both are only read. The time since which an issuer is verified
// is the record's, so that all nodes give the same answer; but it is the home's word, and one that began its log today can write any time into it: where this node saw the
// domain more than a day later only, it shows since when it has.
func render(record *protocol.Issuer, seen *sight, now time.Time) *Standing {
	s := &Standing{Record: record, Status: record.Status, made: now}
	o := object{ID: record.ID, Name: record.Name, Home: record.Home}
	switch since := record.VerifiedAt.UTC().Format(timeForm); {
	case record.VerifiedBy == protocol.ByDomain && seen.shows(record):
		s.By, s.Domain, s.SeenAt = protocol.ByDomain, record.Domain, seen.seen
		s.anchors = slices.Clone(seen.anchors)
		if seen.since.Sub(record.VerifiedAt) > seenLate {
			since = seen.since.UTC().Format(timeForm)
		}
		o.Verification = &verification{By: protocol.ByDomain, Domain: record.Domain, Since: since}
	case record.VerifiedBy == protocol.ByDomain:
		s.Detail = seen.missing(record)
		if s.Status == protocol.IssuerVerified {
			s.Status = protocol.IssuerUnverified
		}
	case record.VerifiedBy == protocol.ByActivity:
		s.By = protocol.ByActivity
		s.Detail = fmt.Sprintf("%s vouches that this issuer was active and undisputed; no domain was shown", record.Home)
		o.Verification = &verification{By: protocol.ByActivity, VouchedBy: record.Home, Since: since}
	}
	s.Verified = s.Status == protocol.IssuerVerified
	o.Status, o.Verified = s.Status, s.Verified
	var err error
	if s.JSON, err = json.Marshal(&o); err != nil {
		panic(err) // strings and booleans
	}
	return s
}

// shows tells that this node saw what the record claims. A nil sight shows nothing.
func (s *sight) shows(record *protocol.Issuer) bool {
	return s != nil && s.isSeen() && s.domain == record.Domain && s.nonce == record.DomainNonce
}

// missing says why an issuer is not shown as verified by its domain though its home says so.
func (s *sight) missing(record *protocol.Issuer) string {
	says := fmt.Sprintf("%s says that this issuer verified the domain %s", record.Home, record.Domain)
	name := protocol.VerifyLabel + record.Domain
	switch {
	case s == nil || s.domain != record.Domain || s.nonce != record.DomainNonce || s.asked.IsZero():
		return says + "; this node has not asked the domain yet"
	case s.silent:
		return fmt.Sprintf("%s; this node could not ask %s: the domain did not answer at %s", says, name, s.asked.UTC().Format(timeForm))
	default:
		return fmt.Sprintf("%s; this node did not find the issuer's token at %s at %s", says, name, s.asked.UTC().Format(timeForm))
	}
}
