package assertions

import (
	"bytes"
	"time"

	"mirnode/internal/strictjson"
	"mirnode/issuers"
	"mirnode/protocol"
	"mirnode/store"
)

// guidanceStolen is what a reader should know of a key whose owner reported it: a good signature says nothing then.
const guidanceStolen = "An issuer reports that a key was not in its own hands alone when something said here was signed with it: see keyCompromisedAt, and do not take that for the issuer's word."

// appendGuidance writes the text for a reader.
func appendGuidance(b []byte, s *standing, stolen bool) []byte {
	if !stolen {
		return append(b, s.guidance()...)
	}
	b = append(b, guidanceStolen...)
	if s.conflicts() {
		b = append(append(b, ' '), s.guidance()...)
	}
	return b
}

// keyIn finds the issuer's key with this fingerprint if there is something to tell of it: it is revoked, as each that was reported is.
func keyIn(issuer *issuers.Standing, fingerprint []byte) *protocol.IssuerKey {
	if issuer == nil || issuer.Record == nil {
		return nil
	}
	keys := issuer.Record.Keys
	for i := range keys {
		if !keys[i].RevokedAt.IsZero() && keys[i].Fingerprint == string(fingerprint) {
			return &keys[i]
		}
	}
	return nil
}

// appendKey writes since when a key is good no more, and since when its owner thinks that others had it.
func appendKey(b []byte, key *protocol.IssuerKey) []byte {
	b = strictjson.AppendTime(append(b, `,"keyRevokedAt":`...), key.RevokedAt)
	if !key.CompromisedAt.IsZero() {
		b = strictjson.AppendTime(append(b, `,"keyCompromisedAt":`...), key.CompromisedAt)
	}
	return b
}

// compromised tells whether a key was, by its owner's report, in other hands when the home took in what it signed.
func compromised(key *protocol.IssuerKey, taken time.Time) bool {
	return !key.CompromisedAt.IsZero() && !taken.Before(key.CompromisedAt)
}

// Compromised tells whether the issuer has reported, in the record that was used, that others may have had the key by then.
func (j *Judged) Compromised() bool { return compromised(&j.Key, j.JudgedAt) }

// reasonMark stands in the record of a revocation that gives a reason: the payload is a string there, with its quotes escaped.
var reasonMark = []byte(`\"reason\"`)

// appendReason writes why the issuer ended the assertion, if it says so. Few do, and no other's revocation is parsed.
func appendReason(b []byte, a *store.AssertionState) ([]byte, error) {
	if a.Revocation == nil || !bytes.Contains(a.Revocation.Raw, reasonMark) {
		return b, nil
	}
	r, err := protocol.ParseRevocation(a.Revocation.Raw)
	if err != nil || r.Reason == "" {
		return b, err
	}
	return strictjson.AppendString(append(b, `,"revocationReason":`...), r.Reason), nil
}
