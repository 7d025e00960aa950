package strictjson

// Kind tells what a [Value] is.
type Kind byte

// The kinds of JSON value. The zero Kind belongs to the zero Value, which is no JSON at all.
const (
	Null   Kind = 'n'
	Bool   Kind = 'b'
	Number Kind = '0'
	String Kind = '"'
	Object Kind = '{'
	Array  Kind = '['
)

// String names the kind with its article, for error texts: "an object".
func (k Kind) String() string {
	switch k {
	case Null:
		return "null"
	case Bool:
		return "a boolean"
	case Number:
		return "a number"
	case String:
		return "a string"
	case Object:
		return "an object"
	case Array:
		return "an array"
	default:
		return "nothing"
	}
}

// Value is a JSON value out of [Parse]. It is immutable, and safe for concurrent use.
type Value struct {
	kind     Kind
	bad      bool   // String: no UTF-8 text holds it
	literal  string // as spelled in the document; containers without the space around them
	text     string // String: decoded
	children []Member
}

// Member is a member of an object. As an element of an array it has no name.
type Member struct {
	Name  Name
	Value Value
}

// Name is a member's name.
type Name struct {
	Text    string // decoded
	Literal string // as spelled, with its quotes
	Bad     bool   // as for [Value.Bad]
}

// Kind tells what the value is.
func (v Value) Kind() Kind { return v.kind }

// Literal returns the value as the document spells it.
func (v Value) Literal() string { return v.literal }

// Text returns a decoded string; "" for every other kind.
func (v Value) Text() string { return v.text }

// Bad reports whether a string holds a lone surrogate or bytes that are not UTF-8.
// Its Text then has U+FFFD in their place, so that different strings may look equal.
func (v Value) Bad() bool { return v.bad }

// Len returns the number of an object's members or an array's elements; 0 for every other kind.
func (v Value) Len() int { return len(v.children) }

// Member returns the i-th member of an object in order of arrival. It panics when i is out of range.
func (v Value) Member(i int) *Member { return &v.children[i] }

// Element returns the i-th element of an array. It panics when i is out of range.
func (v Value) Element(i int) Value { return v.children[i].Value }

// Lookup returns the member with the given name, or the zero Value.
func (v Value) Lookup(name string) (Value, bool) {
	if v.kind != Object {
		return Value{}, false
	}
	for i := range v.children {
		if m := &v.children[i]; m.Name.Text == name && !m.Name.Bad {
			return m.Value, true
		}
	}
	return Value{}, false
}
