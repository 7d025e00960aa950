package protocol

import (
	"strconv"
	"time"
)

// written is a record that can write its members in canonical order.
type written interface{ write(*memberWriter) }

// encode returns the canonical form of s; without its sig where sig is "".
func encode(s written, sig string) []byte {
	w := memberWriter{out: append(make([]byte, 0, 1024), '{'), sig: sig}
	s.write(&w)
	return append(w.out, '}')
}

// checkSpelling takes a document only if it is exactly the record's one form.
func checkSpelling(form []byte, literal string) error {
	if string(form) == literal {
		return nil
	}
	at := 0
	for at < min(len(form), len(literal)) && form[at] == literal[at] {
		at++
	}
	return refuse(InvalidSchema, "a record is written in its canonical form alone: sorted members, no white space, times like 2026-11-22T07:00:00.000Z",
		"the record is not in canonical form from byte %d on", at)
}

// memberWriter writes an object's members in the order in which they come. The outermost object's first brace is there already.
type memberWriter struct {
	out []byte
	sig string // "": leave sig out
}

func (w *memberWriter) name(name string) {
	if w.out[len(w.out)-1] != '{' { // no value ends with one
		w.out = append(w.out, ',')
	}
	w.out = append(append(append(w.out, '"'), name...), `":`...)
}

func (w *memberWriter) text(name, value string) {
	w.name(name)
	w.out = appendString(w.out, value, "")
}

func (w *memberWriter) optionalText(name, value string) {
	if value != "" {
		w.text(name, value)
	}
}

func (w *memberWriter) texts(name string, values []string) {
	w.name(name)
	w.out = append(w.out, '[')
	for i, v := range values {
		if i > 0 {
			w.out = append(w.out, ',')
		}
		w.out = appendString(w.out, v, "")
	}
	w.out = append(w.out, ']')
}

func (w *memberWriter) time(name string, t time.Time) { w.text(name, t.UTC().Format(millisForm)) }

func (w *memberWriter) optionalTime(name string, t time.Time) {
	if !t.IsZero() {
		w.time(name, t)
	}
}

func (w *memberWriter) flag(name string, value bool) {
	w.name(name)
	w.out = strconv.AppendBool(w.out, value)
}

func (w *memberWriter) number(name string, n uint64) {
	w.name(name)
	w.out = strconv.AppendUint(w.out, n, 10)
}

func (w *memberWriter) optionalNumber(name string, n *uint64) {
	if n != nil {
		w.number(name, *n)
	}
}

// object writes a member that is an object.
func (w *memberWriter) object(name string, of written) {
	w.name(name)
	w.element(of)
}

// element writes an object alone.
func (w *memberWriter) element(of written) {
	w.out = append(w.out, '{')
	of.write(w)
	w.out = append(w.out, '}')
}

func (w *memberWriter) signature() {
	if w.sig != "" {
		w.text("sig", w.sig)
	}
}
