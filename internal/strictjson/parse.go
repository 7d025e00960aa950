package strictjson

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// readOptions leave to this package what it judges itself: text that is not UTF-8 gets a
// flag, and duplicates are found on the tree, where bad names can be told apart.
var readOptions = json.JoinOptions(
	jsontext.AllowInvalidUTF8(true),
	jsontext.AllowDuplicateNames(true),
)

// parser turns the tokens of one document into a tree. Parsers are pooled.
type parser struct {
	dec   jsontext.Decoder
	buf   bytes.Buffer
	doc   string   // the document; every literal is a part of it
	stack []Member // the children of containers that are still open
	depth int
	count int // of values so far
	limit Limits
}

// Limits bound a document. Values cost about 100 bytes of memory each while the tree lives,
// which is fifty times what the shortest take in the document.
type Limits struct {
	Depth  int // levels of objects and arrays, the outermost being level 1
	Values int // values of all kinds, with those that hold others
}

// maxPooledMembers bounds the scratch stack that a pooled parser keeps (about 100 bytes
// each): twice what append may leave unused behind the largest claim's values.
const maxPooledMembers = 4096

var parsers = sync.Pool{New: func() any { return new(parser) }}

// Parse reads one JSON value within the limits. It stops at the first value that is past
// them. The error is an [*Error]. The tree does not alias data.
func Parse(data []byte, limits Limits) (Value, error) {
	if bytes.HasPrefix(data, []byte("\xef\xbb\xbf")) {
		return Value{}, &Error{Kind: ErrSyntax, Detail: "the document starts with a byte order mark"}
	}
	p := parsers.Get().(*parser)
	defer p.release()
	p.buf = *bytes.NewBuffer(data)
	p.dec.Reset(&p.buf, readOptions)
	p.doc, p.depth, p.count, p.limit = string(data), 0, 0, limits
	v, err := p.value()
	if err != nil {
		return Value{}, err
	}
	if _, err := p.dec.ReadToken(); !errors.Is(err, io.EOF) {
		return Value{}, &Error{Kind: ErrTrailingData, Offset: p.dec.InputOffset(), Detail: "there is more after the JSON value"}
	}
	return v, nil
}

func (p *parser) release() {
	if cap(p.stack) > maxPooledMembers {
		p.stack = nil
	}
	clear(p.stack) // hold on to no document
	p.stack = p.stack[:0]
	p.doc = ""
	p.buf = bytes.Buffer{}
	p.dec.Reset(&p.buf)
	parsers.Put(p)
}

func (p *parser) value() (Value, error) {
	if p.count++; p.count > p.limit.Values {
		return Value{}, &Error{
			Kind: ErrTooMany, Offset: p.dec.InputOffset(),
			Detail: fmt.Sprintf("there are more than %d values", p.limit.Values),
		}
	}
	switch kind := p.dec.PeekKind(); kind {
	case '{', '[':
		return p.container(Kind(kind))
	default:
		literal, err := p.scalar()
		if err != nil {
			return Value{}, err
		}
		switch kind {
		case '"':
			text, bad := unquote(literal)
			return Value{kind: String, literal: literal, text: text, bad: bad}, nil
		case 't', 'f':
			return Value{kind: Bool, literal: literal}, nil
		case 'n':
			return Value{kind: Null, literal: literal}, nil
		default:
			return Value{kind: Number, literal: literal}, nil
		}
	}
}

// scalar reads a value that is no container, or a name, and returns its spelling.
func (p *parser) scalar() (string, error) {
	raw, err := p.dec.ReadValue()
	if err != nil {
		return "", p.fault(err)
	}
	end := int(p.dec.InputOffset())
	return p.doc[end-len(raw) : end], nil
}

func (p *parser) container(kind Kind) (Value, error) {
	if p.depth++; p.depth > p.limit.Depth {
		return Value{}, &Error{
			Kind: ErrTooDeep, Offset: p.dec.InputOffset(),
			Detail: fmt.Sprintf("objects and arrays are nested more than %d levels deep", p.limit.Depth),
		}
	}
	if _, err := p.dec.ReadToken(); err != nil {
		return Value{}, p.fault(err)
	}
	start, base := int(p.dec.InputOffset())-1, len(p.stack)
	for {
		next := p.dec.PeekKind()
		if next == '}' || next == ']' {
			break
		}
		var m Member
		if kind == Object {
			literal, err := p.scalar()
			if err != nil {
				return Value{}, err
			}
			m.Name.Literal = literal
			m.Name.Text, m.Name.Bad = unquote(literal)
		}
		v, err := p.value()
		if err != nil {
			return Value{}, err
		}
		m.Value = v
		p.stack = append(p.stack, m)
	}
	if _, err := p.dec.ReadToken(); err != nil {
		return Value{}, p.fault(err)
	}
	p.depth--
	children := append([]Member(nil), p.stack[base:]...)
	clear(p.stack[base:])
	p.stack = p.stack[:base]
	if kind == Object {
		if err := p.checkNames(children); err != nil {
			return Value{}, err
		}
	}
	return Value{kind: kind, literal: p.doc[start:p.dec.InputOffset()], children: children}, nil
}

// linearNames is the number of members up to which comparing each with each beats a map.
const linearNames = 16

func (p *parser) checkNames(members []Member) error {
	if len(members) <= linearNames {
		for i := range members {
			for j := range i {
				if members[i].Name.same(members[j].Name) {
					return p.duplicate(members[i].Name)
				}
			}
		}
		return nil
	}
	seen := make(map[string]struct{}, len(members))
	for i := range members {
		id := members[i].Name.identity()
		if _, dup := seen[id]; dup {
			return p.duplicate(members[i].Name)
		}
		seen[id] = struct{}{}
	}
	return nil
}

// identity is equal for equal names. Bad names count as equal only when spelled alike:
// U+FFFD stands in the text of several.
func (n Name) identity() string {
	if n.Bad {
		return n.Literal // starts with a quote and holds a fault: no good name's text equals it
	}
	return n.Text
}

func (n Name) same(m Name) bool { return n.Bad == m.Bad && n.identity() == m.identity() }

func (p *parser) duplicate(n Name) error {
	return &Error{
		Kind: ErrDuplicateName, Offset: p.dec.InputOffset(), Path: string(p.dec.StackPointer()),
		Detail: fmt.Sprintf("the member %s stands twice in one object", clip(n.Literal)),
	}
}

// fault turns a fault of the tokenizer into an *Error.
func (p *parser) fault(err error) error {
	e := &Error{Kind: ErrSyntax, Offset: p.dec.InputOffset(), Path: string(p.dec.StackPointer())}
	var syntactic *jsontext.SyntacticError
	switch {
	case errors.Is(err, io.EOF):
		e.Detail = "the document is empty"
	case errors.Is(err, io.ErrUnexpectedEOF):
		e.Detail = "the document ends in the middle"
	case errors.As(err, &syntactic):
		e.Detail, e.Offset, e.Path = "not valid JSON: "+syntactic.Err.Error(), syntactic.ByteOffset, string(syntactic.JSONPointer)
	default:
		e.Detail = "not valid JSON"
	}
	return e
}

// clip makes a name from outside fit for an error text: short, and valid UTF-8.
func clip(s string) string {
	const most = 64
	if len(s) > most {
		s = s[:most] + "…"
	}
	return strings.ToValidUTF8(s, "\ufffd")
}

// unquote decodes a string literal, and reports whether no UTF-8 text holds it.
func unquote(literal string) (text string, bad bool) {
	inner := literal[1 : len(literal)-1]
	if plain(inner) {
		return inner, false
	}
	decoded, err := jsontext.AppendUnquote(nil, literal)
	return string(decoded), err != nil
}

// plain reports whether a literal's inside is ASCII without escapes, which is its own decoding.
func plain(s string) bool {
	for i := range len(s) {
		if s[i] == '\\' || s[i] >= 0x80 {
			return false
		}
	}
	return true
}
