package protocol

import (
	"slices"
	"strings"
	"time"

	"mirnode/internal/strictjson"
)

// Bounds of an issuer's record.
const (
	// MaxIssuerBytes bounds the record, without the white space around it.
	MaxIssuerBytes = 16 << 10
	// MaxIssuerKeys bounds the keys of an issuer, revoked ones included: none ever leaves the record.
	MaxIssuerKeys = 32
	// MaxIssuerName bounds an issuer's name, in characters.
	MaxIssuerName = 200

	// maxIssuerValues is above what a record has: 32 keys of seven values, 16 members, the object, the list.
	maxIssuerValues = 256
	// maxIssuerDepth is the record, the list, a key.
	maxIssuerDepth = 3
)

// IssuerStatus is an issuer's badge, as its home gives it. What each may do, the home decides.
type IssuerStatus string

// The badges.
const (
	IssuerVerified   IssuerStatus = "VERIFIED"
	IssuerUnverified IssuerStatus = "UNVERIFIED"
	IssuerRestricted IssuerStatus = "RESTRICTED" // under review
	IssuerSuspended  IssuerStatus = "SUSPENDED"
)

// How an issuer was verified, if at all.
const (
	ByDomain   = "domain"   // it showed that it holds a domain
	ByActivity = "activity" // it made assertions for long without disputes: its home's word alone
)

// Issuer is an issuer's record: who it is, by which keys its statements are checked, and what its home makes of it. The home
// signs it. Each change is a further record with a higher Sequence, held to [Issuer.Follows]. It must not be changed.
type Issuer struct {
	Home   string // the domain of the node that the issuer belongs to, in lower case
	ID     string // [IssuerID] of Home and Nonce
	Nonce  string // 32 lower-case hex digits
	Name   string // 1 to MaxIssuerName characters, none of them a control character, invisible, or one that turns text
	Status IssuerStatus
	// VerifiedBy is "", [ByDomain] or [ByActivity]: never "" for IssuerVerified, always "" for IssuerUnverified. The other badges
	// keep what was verified before.
	VerifiedBy string
	VerifiedAt time.Time // zero where VerifiedBy is ""
	// Domain is the one that the issuer showed to hold, in lower case, and DomainNonce the 32 lower-case hex digits that the
	// token was made from ([DomainToken]). They stand where VerifiedBy is ByDomain, and are "" else.
	Domain, DomainNonce string
	Keys                []IssuerKey // at most MaxIssuerKeys, in the order in which they were added; no fingerprint twice
	Sequence            uint64      // from 1 to 2^53-1
	Issued              time.Time   // UTC, in whole milliseconds; the signing key is judged at this time

	statement
}

var issuerShape = shape{
	what: "an issuer's record", version: "mirIssuer",
	required: []string{"mirIssuer", "id", "home", "network", "nonce", "name", "status", "keys", "sequence", "issuedAt", "keyFingerprint", "sig"},
	optional: []string{"verifiedBy", "verifiedAt", "domain", "domainNonce"},
	bytes:    MaxIssuerBytes, depth: maxIssuerDepth, values: maxIssuerValues,
}

// ParseIssuer reads an issuer's record. It does not look at the signature. The error is an [*Error] with [InvalidSchema].
func ParseIssuer(data []byte) (*Issuer, error) {
	r, err := readStatement(data, &issuerShape)
	if err != nil {
		return nil, err
	}
	i := &Issuer{
		Home: r.domain("home"), ID: r.text("id"), Nonce: r.nonce("nonce"), Name: r.text("name"), Status: IssuerStatus(r.text("status")),
		VerifiedBy: r.optionalText("verifiedBy"), VerifiedAt: r.optionalMoment("verifiedAt"),
		Keys: r.issuerKeys("keys"), Sequence: r.count("sequence"), Issued: r.moment("issuedAt"), statement: r.signed(),
	}
	if r.has("domain") || r.has("domainNonce") {
		i.Domain, i.DomainNonce = r.domain("domain"), r.nonce("domainNonce")
	}
	i.check(r)
	if err := r.err(); err != nil {
		return nil, err
	}
	if err := i.seal(i, r.root.Literal()); err != nil {
		return nil, err
	}
	return i, nil
}

// check reports what no single member tells.
func (i *Issuer) check(r *memberReader) {
	if i.ID != IssuerID(i.Home, i.Nonce) {
		r.fail("", "id is not the one of home and nonce")
	}
	if !validLine(i.Name, MaxIssuerName) || strings.TrimSpace(i.Name) != i.Name || hidesText(i.Name) {
		r.fail("", "name is not 1 to %d characters without control characters, without ones that are invisible or turn text, and without space around it", MaxIssuerName)
	}
	switch i.Status {
	case IssuerVerified, IssuerUnverified, IssuerRestricted, IssuerSuspended:
	default:
		r.fail("a status is VERIFIED, UNVERIFIED, RESTRICTED or SUSPENDED", "status %s is none", quote(string(i.Status)))
	}
	if i.VerifiedBy != "" && i.VerifiedBy != ByDomain && i.VerifiedBy != ByActivity {
		r.fail("", "verifiedBy is neither domain nor activity")
	}
	verified := i.VerifiedBy != ""
	if i.Status == IssuerVerified && !verified || i.Status == IssuerUnverified && verified || verified == i.VerifiedAt.IsZero() {
		r.fail("", "status, verifiedBy and verifiedAt do not go together")
	}
	if (i.VerifiedBy == ByDomain) != (i.Domain != "") {
		r.fail("", "domain stands where verifiedBy is domain, and only there")
	}
}

func (r *memberReader) nonce(name string) string {
	s := r.text(name)
	if !validHex(s, nonceDigits) {
		r.fail("", "%s is not %d lower-case hex digits", name, nonceDigits)
	}
	return s
}

func (r *memberReader) issuerKeys(name string) []IssuerKey {
	list, _ := r.root.Lookup(name)
	if list.Kind() != strictjson.Array || list.Len() > MaxIssuerKeys {
		r.fail("", "%s is no list of at most %d keys", name, MaxIssuerKeys)
		return nil
	}
	keys := make([]IssuerKey, 0, list.Len())
	for i := range list.Len() {
		entry := r.inside(list.Element(i), &issuerKeyShape)
		if entry == nil {
			return nil
		}
		key := entry.issuerKey()
		if slices.ContainsFunc(keys, func(k IssuerKey) bool { return k.Fingerprint == key.Fingerprint }) {
			r.fail("", "%s holds a key twice", name)
		}
		keys = append(keys, key)
	}
	return keys
}

func (i *Issuer) write(w *memberWriter) {
	w.optionalText("domain", i.Domain)
	w.optionalText("domainNonce", i.DomainNonce)
	w.text("home", i.Home)
	w.text("id", i.ID)
	w.time("issuedAt", i.Issued)
	w.text("keyFingerprint", i.keyFingerprint)
	w.name("keys")
	w.out = append(w.out, '[')
	for n := range i.Keys {
		if n > 0 {
			w.out = append(w.out, ',')
		}
		w.element(&i.Keys[n])
	}
	w.out = append(w.out, ']')
	w.number("mirIssuer", 1)
	w.text("name", i.Name)
	w.text("network", string(i.network))
	w.text("nonce", i.Nonce)
	w.number("sequence", i.Sequence)
	w.signature()
	w.text("status", string(i.Status))
	w.optionalTime("verifiedAt", i.VerifiedAt)
	w.optionalText("verifiedBy", i.VerifiedBy)
}

// Kind returns [KindIssuer].
func (i *Issuer) Kind() Kind { return KindIssuer }

// Signer returns the home and the fingerprint of its key.
func (i *Issuer) Signer() (domain, fingerprint string) { return i.Home, i.keyFingerprint }

// IssuedAt returns Issued.
func (i *Issuer) IssuedAt() time.Time { return i.Issued }

// Key returns the issuer's key with a fingerprint, revoked ones included.
func (i *Issuer) Key(fingerprint string) (*IssuerKey, bool) {
	for n := range i.Keys {
		if i.Keys[n].Fingerprint == fingerprint {
			return &i.Keys[n], true
		}
	}
	return nil, false
}
