package protocol

import (
	"regexp"
	"strings"

	"mirnode/internal/strictjson"
)

// The screen looks for personal data in metadata before it is signed: e-mail, phone and ID
// patterns (docs/protocol.md, What the signer refuses). What is signed is public for good,
// so that there is no way around the screen; what it takes for personal data must therefore
// nearly always be such.

// pattern is one kind of personal data.
type pattern struct {
	what  string // for messages: "an e-mail address"
	found func(text string) bool
}

// patterns are tried in this order. A text is normalised by [unveil] first.
var patterns = [...]pattern{
	{"an e-mail address", emailPattern.MatchString},
	{"a payment card number", hasCardNumber},
	{"an IBAN", hasIBAN},
	{"a US social security number", hasSSN},
	{"a phone number", hasPhoneNumber},
}

var (
	emailPattern = regexp.MustCompile(`(?i)[\pL\pN._%+'-]+(?:@|%40)(?:[\pL\pN](?:[\pL\pN-]*[\pL\pN])?\.)+(?:xn--[a-z0-9-]+|\pL{2,})(?:[^\pL\pN]|$)`)
	// opaque is what people do not read as numbers, although it is made of digits: UUIDs
	// and hex hashes.
	opaque = regexp.MustCompile(`(?i)\b(?:[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|[0-9a-f]{32,})\b`)
)

// screenMetadata refuses metadata that looks like it holds personal data, in any name or
// value at any depth. The error is an *Error with InvalidSchema that says where, and does
// not repeat the data.
func screenMetadata(metadata strictjson.Value) error {
	s := new(screen)
	s.value(metadata, "")
	if s.found == "" {
		return nil
	}
	return refuse(InvalidSchema, "a signed claim is public for good: leave personal data out, or refer to it by an opaque ID or a keyed hash",
		"%s looks like %s", s.where, s.found)
}

// screen walks metadata until it has found something.
type screen struct {
	path  path
	where string
	found string
}

// value screens v, which is the value of a member called name, or an element of one.
func (s *screen) value(v strictjson.Value, name string) {
	switch v.Kind() {
	case strictjson.Object:
		for i := 0; i < v.Len() && s.found == ""; i++ {
			m := v.Member(i)
			if found := personal(m.Name.Text); found != "" {
				s.where, s.found = "a member's name in "+s.path.String(), found
				return
			}
			s.path.enterMember(&m.Name)
			s.value(m.Value, m.Name.Text)
			s.path.leave()
		}
	case strictjson.Array:
		for i := 0; i < v.Len() && s.found == ""; i++ {
			s.path.enterElement(i)
			s.value(v.Element(i), name)
			s.path.leave()
		}
	case strictjson.String:
		s.scalar(v.Text(), personal(v.Text()), name)
	case strictjson.Number:
		found := ""
		if hasCardNumber(v.Literal()) {
			found = "a payment card number"
		}
		s.scalar(v.Literal(), found, name)
	}
}

func (s *screen) scalar(text, found, name string) {
	if named := personalByName(name, text); named != "" {
		found = named // the name knows better than the digits, of which some phone numbers pass for cards
	}
	if found != "" {
		s.where, s.found = s.path.String(), found
	}
}

// personal tells what kind of personal data is in a text, or "".
func personal(text string) string {
	text = unveil(text)
	for _, p := range patterns {
		if p.found(text) {
			return p.what
		}
	}
	return ""
}

// lookAlikes maps characters that people and programs write for plain ones.
var lookAlikes = strings.NewReplacer(
	"\u00a0", " ", "\u2007", " ", "\u2009", " ", "\u202f", " ", // spaces
	"\u2010", "-", "\u2011", "-", "\u2012", "-", "\u2013", "-", "\u2212", "-", // hyphens, dashes, minus
	"\u200b", "", "\u200d", "", "\u2060", "", "\ufeff", "", // of no width
	"\uff20", "@", "\uff0b", "+", "\uff0e", ".", "\uff0d", "-", // full width
	"\uff10", "0", "\uff11", "1", "\uff12", "2", "\uff13", "3", "\uff14", "4",
	"\uff15", "5", "\uff16", "6", "\uff17", "7", "\uff18", "8", "\uff19", "9",
)

// unveil takes look-alikes and opaque identifiers out of a text.
func unveil(text string) string {
	return opaque.ReplaceAllString(lookAlikes.Replace(text), "#")
}
