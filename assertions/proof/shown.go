package proof

import (
	"encoding/hex"
	"strconv"
	"time"

	"mirnode/internal/strictjson"
	"mirnode/protocol"
)

// shown compares what the answer says for people and programs with what its proof proves. What only the answering node can say (whether it saw the issuer's
// domain, by whom it finds the key anchored, when it took the record in) is left alone.
func (c *check) shown() error {
	v := &c.verified
	p := &v.Assertion.Payload
	shown := c.bundle.shown
	issuer, _ := shown.Lookup("issuer")
	signed, _ := shown.Lookup("signed")
	context, contextSigned := p.Context, "true"
	if context == "" && v.Metadata != nil {
		context, contextSigned = v.Metadata.Context, "false"
	}
	if context == "" {
		contextSigned = "null"
	}
	size := "" // as a number is spelled
	if p.ByteSize != nil {
		size = strconv.FormatUint(*p.ByteSize, 10)
	}
	for _, m := range []struct {
		of   strictjson.Value
		name string
		want string
		bare bool // not a string: compared as spelled
	}{
		{of: shown, name: "id", want: v.Assertion.ID()},
		{of: shown, name: "type", want: string(p.Type)},
		{of: shown, name: "artifactHash", want: hex.EncodeToString(p.Artifact[:])},
		{of: shown, name: "scope", want: p.Scope},
		{of: shown, name: "context", want: context},
		{of: shown, name: "contextSigned", want: contextSigned, bare: true},
		{of: shown, name: "createdAt", want: millis(v.Logged.At)},
		{of: shown, name: "revoked", want: strconv.FormatBool(v.Revocation != nil), bare: true},
		{of: shown, name: "keyFingerprint", want: v.Assertion.KeyFingerprint},
		{of: shown, name: "revokedAt", want: c.revokedAt()},
		{of: shown, name: "revocation", want: c.ending()},
		{of: shown, name: "supersededBy", want: c.successorID()},
		{of: issuer, name: "id", want: v.Issuer.ID},
		{of: issuer, name: "name", want: v.Issuer.Name},
		{of: issuer, name: "home", want: v.Issuer.Home},
		{of: signed, name: "timestamp", want: p.Timestamp},
		{of: signed, name: "scope", want: p.Scope},
		{of: signed, name: "context", want: p.Context},
		{of: signed, name: "disputes", want: p.Disputes},
		{of: signed, name: "supersedes", want: p.Supersedes},
		{of: signed, name: "artifactMimeType", want: p.MimeType},
		{of: signed, name: "artifactByteSize", want: size, bare: true},
	} {
		if !says(m.of, m.name, m.want, m.bare) {
			return fault(protocol.InvalidSchema, "the answer shows another %s than the records that it carries", m.name)
		}
	}
	if !c.shownKey(shown) {
		return fault(protocol.InvalidSchema, "the answer tells of the key, or of why the assertion ended, something else than the records that it carries")
	}
	if !c.shownBadge(issuer) {
		return fault(protocol.InvalidSchema, "the answer shows another badge of the issuer than its record has")
	}
	return c.shownMetadata(shown)
}

// shownBadge tells whether the issuer's badge is that of its record. A node that did not see the issuer's domain itself shows less: UNVERIFIED, and no verification.
func (c *check) shownBadge(issuer strictjson.Value) bool {
	record := c.verified.Issuer
	byDomain := record.VerifiedBy == protocol.ByDomain
	verification, there := issuer.Lookup("verification")
	status := record.Status
	if !there || verification.Kind() == strictjson.Null {
		if record.VerifiedBy != "" && !byDomain {
			return false
		}
		if byDomain && status == protocol.IssuerVerified {
			status = protocol.IssuerUnverified
		}
	} else {
		vouchedBy, since := record.Home, millis(record.VerifiedAt)
		if byDomain {
			vouchedBy = ""
		}
		if record.VerifiedBy == "" || !says(verification, "by", record.VerifiedBy, false) || !says(verification, "domain", record.Domain, false) ||
			!says(verification, "vouchedBy", vouchedBy, false) {
			return false
		}
		if shown, ok := verification.Lookup("since"); byDomain && ok && shown.Kind() == strictjson.String {
			// A node that saw the domain later than its home says shows its own first sight of it.
			if at, err := time.Parse(time.RFC3339, shown.Text()); err == nil && at.After(record.VerifiedAt) {
				since = millis(at)
			}
		}
		if !says(verification, "since", since, false) {
			return false
		}
	}
	return says(issuer, "status", string(status), false) && says(issuer, "verified", strconv.FormatBool(status == protocol.IssuerVerified), true)
}

// shownKey tells whether what is shown of the key's end, and of the reason for the assertion's, is so in the records. A node may have learned of the key's end just
// now, and not show it yet: the record tells it.
func (c *check) shownKey(shown strictjson.Value) bool {
	v, reason := &c.verified, ""
	if v.Revocation != nil {
		reason = v.Revocation.Reason
	}
	if !says(shown, "revocationReason", reason, false) {
		return false
	}
	for name, at := range map[string]time.Time{"keyRevokedAt": v.Key.RevokedAt, "keyCompromisedAt": v.Key.CompromisedAt} {
		if _, told := shown.Lookup(name); told && (at.IsZero() || !says(shown, name, millis(at), false)) {
			return false
		}
	}
	return true
}

// says tells whether a member has a value; the empty text stands for null, and for no member.
func says(of strictjson.Value, name, want string, bare bool) bool {
	v, ok := of.Lookup(name)
	switch {
	case want == "":
		return !ok || v.Kind() == strictjson.Null
	case bare:
		return v.Literal() == want
	}
	return v.Kind() == strictjson.String && !v.Bad() && v.Text() == want
}

func (c *check) shownMetadata(shown strictjson.Value) error {
	v, ok := shown.Lookup("metadata")
	want := c.verified.Metadata
	if !ok || v.Kind() == strictjson.Null {
		if want == nil {
			return nil
		}
	} else if want != nil {
		if m, err := protocol.ParseAssertionMetadata([]byte(v.Literal())); err == nil && string(m.Canonical()) == string(want.Canonical()) {
			return nil
		}
	}
	return fault(protocol.InvalidSchema, "the answer shows other metadata than the records that it carries")
}

func (c *check) revokedAt() string {
	if c.verified.Revocation == nil {
		return ""
	}
	return millis(c.verified.Revoked.At)
}

// ending is how answers name the end of an assertion.
func (c *check) ending() string {
	switch r := c.verified.Revocation; {
	case r == nil:
		return ""
	case r.Action == protocol.ActionSupersede:
		return "SUPERSEDED"
	}
	return "REVOKED"
}

func (c *check) successorID() string {
	if c.verified.Successor == nil {
		return ""
	}
	return c.verified.Successor.ID()
}

func millis(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }
