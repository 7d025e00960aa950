package api

import (
	"bufio"
	"errors"
	"io"

	"mirnode/protocol"
)

// errNotABatch says that a body is neither an array nor lines; the text is for the client.
var (
	errNotABatch    = errors.New("the body is neither a JSON array nor NDJSON")
	errTooManyItems = errors.New("too many claims in one batch")
)

// maxItemBytes bounds one item of a batch. Of a longer one only the length counts: the rest of the batch is read all the same.
const maxItemBytes = protocol.MaxClaimBytes + bodySlack

// splitter cuts a batch into its items while it arrives, and holds one item at a time. It looks at brackets and strings alone; whether an item is a claim, or
// JSON at all, is seen when it is parsed. So one bad item does not spoil the others.
type splitter struct {
	in    *bufio.Reader
	array bool // a JSON array; else one document a line
	first bool
	item  []byte
}

// newSplitter looks at the first character to tell an array from lines.
func newSplitter(body io.Reader) (*splitter, error) {
	s := &splitter{in: bufio.NewReaderSize(body, 64<<10), first: true}
	c, err := s.skipSpace()
	switch {
	case errors.Is(err, io.EOF):
		return nil, errNotABatch
	case err != nil:
		return nil, err
	case c == '[':
		s.array = true
		return s, nil
	case c == '{':
		return s, s.in.UnreadByte()
	}
	return nil, errNotABatch
}

// next gives the next item, good until the next call; tooLong tells that it was cut. io.EOF after the last one.
func (s *splitter) next() (item []byte, tooLong bool, err error) {
	s.item = s.item[:0]
	if s.array {
		return s.nextElement()
	}
	return s.nextLine()
}

// nextLine reads up to a line feed; empty lines are no items.
func (s *splitter) nextLine() ([]byte, bool, error) {
	tooLong := false
	for {
		part, err := s.in.ReadSlice('\n')
		tooLong = s.keep(part) || tooLong
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
		case err != nil && err != io.EOF:
			return nil, false, err
		case len(trimSpace(s.item)) > 0:
			return trimSpace(s.item), tooLong, nil
		case err == io.EOF:
			return nil, false, io.EOF
		default:
			s.item = s.item[:0]
		}
	}
}

// keep adds bytes to the item as far as its bound allows, and tells whether it did not.
func (s *splitter) keep(part []byte) (cut bool) {
	room := maxItemBytes + 1 - len(s.item)
	if len(part) > room {
		part, cut = part[:room], true
	}
	s.item = append(s.item, part...)
	return cut || len(s.item) > maxItemBytes
}

// nextElement reads an array's element up to the comma or the bracket that ends it.
func (s *splitter) nextElement() ([]byte, bool, error) {
	c, err := s.skipSpace()
	if err != nil {
		return nil, false, early(err)
	}
	if c == ']' && s.first {
		return nil, false, s.end()
	}
	s.first = false
	tooLong, depth, inString, escaped := false, 0, false, false
	for ; ; c, err = s.in.ReadByte() {
		if err != nil {
			return nil, false, early(err)
		}
		switch {
		case inString:
			inString = escaped || c != '"'
			escaped = !escaped && c == '\\'
		case c == '"':
			inString = true
		case c == '{' || c == '[':
			depth++
		case depth > 0 && (c == '}' || c == ']'):
			depth--
		case depth == 0 && (c == ',' || c == ']'):
			return s.element(c, tooLong)
		}
		if len(s.item) <= maxItemBytes {
			s.item = append(s.item, c)
		}
		tooLong = len(s.item) > maxItemBytes
	}
}

// element ends an element at the character c. After the last one the array's end is read at once, so that what follows it is noticed before anything is kept.
func (s *splitter) element(c byte, tooLong bool) ([]byte, bool, error) {
	item := trimSpace(s.item)
	if len(item) == 0 {
		return nil, false, errNotABatch // [,] or [1,]
	}
	if c == ']' {
		if err := s.end(); !errors.Is(err, io.EOF) {
			return nil, false, err
		}
		s.array = false // nextLine finds the end
	}
	return item, tooLong, nil
}

// end reads what may follow an array, which is white space alone; io.EOF is good.
func (s *splitter) end() error {
	_, err := s.skipSpace()
	if err == nil {
		return errNotABatch
	}
	return err
}

// skipSpace gives the first character that is not JSON's white space.
func (s *splitter) skipSpace() (byte, error) {
	for {
		c, err := s.in.ReadByte()
		if err != nil || !isSpace(c) {
			return c, err
		}
	}
}

// early turns the end of the body, where an array has not ended, into the client's fault.
func early(err error) error {
	if errors.Is(err, io.EOF) {
		return errNotABatch
	}
	return err
}

func trimSpace(b []byte) []byte {
	for len(b) > 0 && isSpace(b[0]) {
		b = b[1:]
	}
	for len(b) > 0 && isSpace(b[len(b)-1]) {
		b = b[:len(b)-1]
	}
	return b
}

func isSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\n' || c == '\r' }
