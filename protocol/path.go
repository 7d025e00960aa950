package protocol

import (
	"cmp"
	"strconv"
	"strings"

	"mirnode/internal/strictjson"
)

// path is the way to a value inside metadata, or another part of a document, for messages
// such as "metadata.items[2].price".
type path struct {
	root  string // "": metadata
	steps []step
}

// step is the name of a member, or the index of an element where name is nil.
type step struct {
	name  *strictjson.Name
	index int
}

func (p *path) enterMember(name *strictjson.Name) { p.steps = append(p.steps, step{name: name}) }
func (p *path) enterElement(i int)                { p.steps = append(p.steps, step{index: i}) }
func (p *path) leave()                            { p.steps = p.steps[:len(p.steps)-1] }

// String writes the path. Names that are no plain words stand in quotes.
func (p *path) String() string {
	var b strings.Builder
	b.WriteString(cmp.Or(p.root, "metadata"))
	for _, s := range p.steps {
		switch {
		case s.name == nil:
			b.WriteString("[" + strconv.Itoa(s.index) + "]")
		case isWord(s.name.Text):
			b.WriteString("." + s.name.Text)
		default:
			b.WriteString("[" + quote(s.name.Text) + "]")
		}
	}
	return b.String()
}

func isWord(s string) bool {
	const most = 40
	for i := range len(s) {
		if c := s[i]; !isLetter(c) && c != '_' && (i == 0 || !isDigit(c) && c != '-') {
			return false
		}
	}
	return s != "" && len(s) <= most
}
