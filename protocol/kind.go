package protocol

// Kind tells what a record is.
type Kind string

// The kinds that this version knows.
const (
	KindClaim       Kind = "claim"
	KindObservation Kind = "key-observation"
	KindErasure     Kind = "erasure"
	KindDescriptor  Kind = "node"
	KindAssertion   Kind = "assertion"
	KindRevocation  Kind = "revocation"
	KindIssuer      Kind = "issuer"
	KindMetadata    Kind = "assertion-metadata"
)

// maxKindBytes bounds a kind's name.
const maxKindBytes = 32

// ParseKind reads a kind: a lower-case letter and up to 31 lower-case letters and hyphens. A kind need not be
// [Kind.Known]: later versions have more, and the logs that hold them stay readable. The error is an [*Error]
// with [InvalidSchema].
func ParseKind(s string) (Kind, error) {
	if !validKind(s) {
		return "", refuse(InvalidSchema, "a kind is a lower-case word, such as claim or key-observation", "%s is no kind of record", quote(s))
	}
	return Kind(s), nil
}

func validKind(s string) bool {
	if s == "" || len(s) > maxKindBytes || s[0] == '-' {
		return false
	}
	for i := range len(s) {
		if c := s[i]; (c < 'a' || c > 'z') && c != '-' {
			return false
		}
	}
	return true
}

// Known reports whether [ParseRecord] can read records of this kind.
func (k Kind) Known() bool {
	switch k {
	case KindClaim, KindObservation, KindErasure, KindDescriptor, KindAssertion, KindRevocation, KindIssuer, KindMetadata:
		return true
	}
	return false
}

// Record is what an entry of a log commits to: a [*Claim], an [*Observation], an [*Erasure], a [*Descriptor], an
// [*Assertion], a [*Revocation], an [*Issuer] or a [*MetadataEdit]. It is read only, and safe for concurrent use.
type Record interface {
	Kind() Kind
	// Raw returns the document as it was received, without the white space around it.
	Raw() []byte
	// RecordHash returns the SHA-256 of the record's canonical bytes, signature included: its identity.
	RecordHash() [32]byte
}

// ParseRecord reads a record of a kind. The error is an [*Error]: that of the kind's parser, or one with
// [InvalidSchema] where the kind is not known.
func ParseRecord(kind Kind, data []byte) (Record, error) {
	switch kind {
	case KindClaim:
		return recordOf(ParseClaim(data))
	case KindObservation:
		return recordOf(ParseObservation(data))
	case KindErasure:
		return recordOf(ParseErasure(data))
	case KindDescriptor:
		return recordOf(ParseDescriptor(data))
	case KindAssertion:
		return recordOf(ParseAssertion(data))
	case KindRevocation:
		return recordOf(ParseRevocation(data))
	case KindIssuer:
		return recordOf(ParseIssuer(data))
	case KindMetadata:
		return recordOf(ParseMetadataEdit(data))
	}
	return nil, refuse(InvalidSchema, "a newer version of this program may know it", "records of the kind %s are not known", quote(string(kind)))
}

// recordOf keeps a nil pointer from becoming a Record that is not nil.
func recordOf[T Record](record T, err error) (Record, error) {
	if err != nil {
		return nil, err
	}
	return record, nil
}
