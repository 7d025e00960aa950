package protocol

import (
	"slices"

	"mirnode/internal/strictjson"
)

// writer writes a JSON value in one of the two canonical forms. Both keep every value
// exactly, so either form, read back, gives the value that was written.
//
// A fault does not stop the writer, so that the size of what it writes, which is a
// matter of format and comes first, can be judged all the same.
type writer struct {
	out     []byte
	sdk     bool // write the SDK's form instead of the text's
	limit   int  // stop once out is longer than this
	differs bool // something was written that may look different in the other form
	fault   *Error
	path    path
}

func (w *writer) value(v strictjson.Value) {
	if len(w.out) > w.limit {
		return
	}
	switch v.Kind() {
	case strictjson.Object:
		w.object(v)
	case strictjson.Array:
		w.out = append(w.out, '[')
		for i := range v.Len() {
			if i > 0 {
				w.out = append(w.out, ',')
			}
			w.path.enterElement(i)
			w.value(v.Element(i))
			w.path.leave()
		}
		w.out = append(w.out, ']')
	case strictjson.String:
		if v.Bad() {
			w.badText("a string")
		}
		w.out = appendString(w.out, v.Text(), v.Literal())
	case strictjson.Number:
		w.number(v.Literal())
	default:
		w.out = append(w.out, v.Literal()...)
	}
}

func (w *writer) object(v strictjson.Value) {
	var few [16]*strictjson.Member
	members := few[:0]
	for i := range v.Len() {
		members = append(members, v.Member(i))
	}
	order := byCodePoint
	if w.sdk {
		order = byJavaScript
	}
	slices.SortFunc(members, order)
	w.out = append(w.out, '{')
	for i, m := range members {
		if i > 0 {
			w.out = append(w.out, ',')
		}
		w.path.enterMember(&m.Name)
		if m.Name.Bad {
			w.badText("a member's name")
		}
		w.differs = w.differs || !sortsAlike(m.Name.Text)
		w.out = append(appendString(w.out, m.Name.Text, m.Name.Literal), ':')
		w.value(m.Value)
		w.path.leave()
	}
	w.out = append(w.out, '}')
}

func (w *writer) badText(what string) {
	w.report("write the text in valid UTF-8, and each \\ud8xx escape with its second half",
		what+" holds a lone surrogate or bytes that are not UTF-8, so that it cannot be signed")
}

const numberHint = "write the number as a string, or as an integer of minor units such as cents"

// number writes a literal. What may be written is what keeps the value: else two
// different claims could share their signed bytes.
func (w *writer) number(literal string) {
	if plainInteger(literal) {
		w.out = append(w.out, literal...)
		return
	}
	w.differs = true
	n := parseNumber(literal)
	switch {
	case !n.inRange():
		w.report(numberHint, "a number is out of the range of a 64-bit floating point number")
	case (w.sdk || !n.isInteger()) && !n.isShortest():
		w.report(numberHint, "a number has more digits than a 64-bit floating point number can hold")
	case w.sdk:
		w.out = n.appendJavaScript(w.out)
	default:
		w.out = n.appendDecimal(w.out)
	}
}

// report keeps the first fault.
func (w *writer) report(hint, message string) {
	if w.fault == nil {
		w.fault = refuse(CanonicalizationError, hint, "%s: %s", w.path.String(), message)
	}
}

// appendString writes a string in canonical form. A literal without escapes is its own
// canonical form; an escape is always longer than what it stands for.
func appendString(dst []byte, text, literal string) []byte {
	if len(text) == len(literal)-2 {
		return append(dst, literal...)
	}
	dst = append(dst, '"')
	for i := range len(text) {
		switch c := text[i]; c {
		case '"', '\\':
			dst = append(dst, '\\', c)
		case '\b':
			dst = append(dst, '\\', 'b')
		case '\t':
			dst = append(dst, '\\', 't')
		case '\n':
			dst = append(dst, '\\', 'n')
		case '\f':
			dst = append(dst, '\\', 'f')
		case '\r':
			dst = append(dst, '\\', 'r')
		default:
			if c < 0x20 {
				const hex = "0123456789abcdef"
				dst = append(dst, '\\', 'u', '0', '0', hex[c>>4], hex[c&0xF])
			} else {
				dst = append(dst, c)
			}
		}
	}
	return append(dst, '"')
}
