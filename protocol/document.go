package protocol

import (
	"bytes"
	"strings"

	"mirnode/internal/strictjson"
)

// The members of a claim, in canonical order.
const (
	memberDomain = iota
	memberKeyFingerprint
	memberMetadata
	memberMir
	memberSig
	memberSubject
	memberTimestamp
	memberType
	memberCount
)

var memberNames = [memberCount]string{
	"domain", "keyFingerprint", "metadata", "mir", "sig", "subject", "timestamp", "type",
}

// claimMembers and draftMembers are what must be there, in the order of the protocol's page.
var (
	claimMembers = []int{memberMir, memberType, memberDomain, memberSubject, memberTimestamp, memberKeyFingerprint, memberSig}
	draftMembers = []int{memberMir, memberType, memberDomain, memberSubject, memberTimestamp}
)

// maxClaimValues bounds the values of a document while it is parsed. It refuses nothing that
// would pass otherwise: n values take at least 2n-1 bytes, so that metadata has no more than
// 2,048 of them, and the claim has eight beside these.
const maxClaimValues = MaxMetadataBytes/2 + memberCount

// document is a claim, signed or not, as it arrived: steps 1 and 2 of verification.
type document struct {
	literal string // the whole object as spelled
	values  [memberCount]strictjson.Value
}

// read parses JSON and sorts an object's members into their places.
func (d *document) read(data []byte) error {
	data = bytes.Trim(data, " \t\r\n")
	if len(data) > MaxClaimBytes {
		return refuse(InvalidSchema, "keep large content out of a claim and refer to it by its hash",
			"the document has %d bytes; at most %d are allowed", len(data), MaxClaimBytes)
	}
	root, err := strictjson.Parse(data, strictjson.Limits{Depth: MaxDepth, Values: maxClaimValues})
	if err != nil {
		return refuse(InvalidSchema, "a claim is one JSON object in UTF-8, without a byte order mark, and each member once", "%v", err)
	}
	if root.Kind() != strictjson.Object {
		return refuse(InvalidSchema, "a claim is one JSON object", "the document is %v instead of an object", root.Kind())
	}
	d.literal = root.Literal()
	for i := range root.Len() {
		m := root.Member(i)
		at := memberIndex(m.Name.Text)
		if at < 0 || m.Name.Bad {
			return unknownMember(m.Name.Text)
		}
		d.values[at] = m.Value
	}
	return nil
}

func memberIndex(name string) int {
	for i, known := range memberNames {
		if name == known {
			return i
		}
	}
	return -1
}

func unknownMember(name string) error {
	hint := "a claim has the members " + strings.Join(memberNames[:], ", ") + " and no others; everything else belongs into metadata"
	for _, known := range memberNames {
		if strings.EqualFold(name, known) {
			hint = "did you mean " + known + "?"
		}
	}
	return refuse(InvalidSchema, hint, "unknown member %s", quote(name))
}

func (d *document) has(member int) bool { return d.values[member].Kind() != 0 }

// require names all required members that are missing.
func (d *document) require(members []int) error {
	var missing []string
	for _, m := range members {
		if !d.has(m) {
			missing = append(missing, memberNames[m])
		}
	}
	if missing != nil {
		return refuse(InvalidSchema, "add what is missing, and sign the claim again", "missing: %s", strings.Join(missing, ", "))
	}
	return nil
}

// claim takes the members over into a Claim: their kinds, and the protocol's version.
func (d *document) claim() (*Claim, error) {
	if err := checkVersion(d.values[memberMir]); err != nil {
		return nil, err
	}
	c := new(Claim)
	for _, f := range [...]struct {
		member int
		text   *string
	}{
		{memberType, &c.Type}, {memberDomain, &c.Domain}, {memberSubject, &c.Subject},
		{memberTimestamp, &c.Timestamp}, {memberKeyFingerprint, &c.KeyFingerprint}, {memberSig, &c.Sig},
	} {
		v := d.values[f.member]
		if d.has(f.member) && v.Kind() != strictjson.String {
			return nil, refuse(InvalidSchema, "write "+memberNames[f.member]+" as a text in double quotes", "%s is %v instead of a string", memberNames[f.member], v.Kind())
		}
		*f.text = v.Text()
	}
	if d.has(memberMetadata) {
		if err := checkMetadataKind(d.values[memberMetadata]); err != nil {
			return nil, err
		}
	}
	return c, nil
}

func checkVersion(v strictjson.Value) error {
	const hint = "the only version of the protocol is the number 1"
	if v.Literal() == "1" {
		return nil
	}
	if v.Kind() != strictjson.Number {
		return refuse(InvalidSchema, hint, "mir is %v instead of the number 1", v.Kind())
	}
	if !parseNumber(v.Literal()).isOne() { // JSON has several spellings of 1, such as 1.0
		return refuse(InvalidSchema, hint, "mir is %s: this version of the protocol is not known", clip(v.Literal()))
	}
	return nil
}

func checkMetadataKind(v strictjson.Value) error {
	if v.Kind() != strictjson.Object {
		return refuse(InvalidSchema, "leave metadata out where there is none", "metadata is %v instead of an object", v.Kind())
	}
	return nil
}

// metadata returns the metadata, or nil if there is none.
func (d *document) metadata() *strictjson.Value {
	if !d.has(memberMetadata) {
		return nil
	}
	return &d.values[memberMetadata]
}
