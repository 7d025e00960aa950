package protocol

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
	"time"
)

// Follows reports, by nil, that the record may come after a previous one of the issuer: it is of the same home, nonce and
// network; its sequence is higher; it is not issued earlier; all keys are still there, in their places, and unchanged but for
// a revocation that is new, and not dated before the previous record, less the clocks' skew. So a home cannot take an issuer's
// past away. The error is an [*Error] with [InvalidSchema].
func (i *Issuer) Follows(previous *Issuer) error {
	switch {
	case i.ID != previous.ID || i.Home != previous.Home || i.Nonce != previous.Nonce:
		return noSuccessor("it is another issuer's")
	case i.network != previous.network:
		return noSuccessor("it is of another network")
	case i.Sequence <= previous.Sequence:
		return noSuccessor("its sequence %d is not above %d", i.Sequence, previous.Sequence)
	case i.Issued.Before(previous.Issued):
		return noSuccessor("it was issued before")
	case len(i.Keys) < len(previous.Keys):
		return noSuccessor("a key is gone")
	}
	for n := range previous.Keys {
		was, is := &previous.Keys[n], &i.Keys[n]
		switch {
		case is.Fingerprint != was.Fingerprint || is.Algorithm != was.Algorithm:
			return noSuccessor("the key %s is not in its place", was.Fingerprint)
		case !is.Created.Equal(was.Created):
			return noSuccessor("the key %s has another time of creation", was.Fingerprint)
		case !was.RevokedAt.IsZero():
			if !is.RevokedAt.Equal(was.RevokedAt) || !is.CompromisedAt.Equal(was.CompromisedAt) {
				return noSuccessor("the revocation of the key %s was changed", was.Fingerprint)
			}
		case !is.RevokedAt.IsZero() && is.RevokedAt.Before(previous.Issued.Add(-ClockSkew)):
			return noSuccessor("the key %s is revoked from a time before the record that still lists it as good", was.Fingerprint)
		}
	}
	return nil
}

func noSuccessor(format string, args ...any) *Error {
	return refuse(InvalidSchema, "", "the issuer's record cannot follow the one that is held: "+format, args...)
}

// IssuerDraft is an issuer's record that is not signed yet. Fields are those of [Issuer].
type IssuerDraft struct {
	Home, Nonce         string
	Network             Network
	Name                string
	Status              IssuerStatus
	VerifiedBy          string
	VerifiedAt          time.Time // truncated to milliseconds, as all times are
	Domain, DomainNonce string
	Keys                []IssuerKey // fingerprints are computed
	Sequence            uint64
	Issued              time.Time
}

// Draft returns what the record says, to be changed and signed anew. It shares no slice with the record.
func (i *Issuer) Draft() IssuerDraft {
	return IssuerDraft{
		Home: i.Home, Nonce: i.Nonce, Network: i.network, Name: i.Name, Status: i.Status, VerifiedBy: i.VerifiedBy, VerifiedAt: i.VerifiedAt,
		Domain: i.Domain, DomainNonce: i.DomainNonce, Keys: slices.Clone(i.Keys), Sequence: i.Sequence, Issued: i.Issued,
	}
}

// Sign makes the record. The same draft and key always give the same one. The error is an [*Error]: for a draft that breaks the
// bounds of [Issuer], or for a key that is none.
func (d IssuerDraft) Sign(key ed25519.PrivateKey) (*Issuer, error) {
	fingerprint, err := signingFingerprint(key)
	if err != nil {
		return nil, err
	}
	home := strings.ToLower(d.Home)
	i := &Issuer{
		Home: home, ID: IssuerID(home, d.Nonce), Nonce: d.Nonce, Name: d.Name, Status: d.Status, VerifiedBy: d.VerifiedBy, VerifiedAt: d.VerifiedAt,
		Domain: strings.ToLower(d.Domain), DomainNonce: d.DomainNonce, Keys: slices.Clone(d.Keys), Sequence: d.Sequence, Issued: d.Issued,
		statement: statement{network: d.Network, keyFingerprint: fingerprint},
	}
	for n := range i.Keys {
		sum := sha256.Sum256(i.Keys[n].Public)
		i.Keys[n].Fingerprint = hex.EncodeToString(sum[:])
	}
	return ParseIssuer(signStatement(i, key))
}
