package scenario

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"mirnode/internal/strictjson"
)

// Bounds of the JSON in an answer. Some thousand records are an answer's most.
const (
	maxAnswerDepth  = 64
	maxAnswerValues = 100_000
)

// answer is what came back. One goroutine uses it.
type answer struct {
	status int
	header http.Header
	body   []byte
	// limited says that the node limits how often it is asked, and the case ended before it might have been asked again: it answers nothing that was asked.
	limited bool

	isRead bool // the body was looked at as JSON
	tree   strictjson.Value
	parsed any
	fault  error
}

// read reads the body as JSON, when it is first asked for: strictly, since of a document that two readers read in two ways nothing can be said.
func (a *answer) read() error {
	if a.isRead {
		return a.fault
	}
	a.isRead = true
	a.tree, a.fault = strictjson.Parse(a.body, strictjson.Limits{Depth: maxAnswerDepth, Values: maxAnswerValues})
	if a.fault != nil {
		a.fault = fmt.Errorf("the body is no JSON: %w", a.fault)
		return a.fault
	}
	a.parsed = valueOf(a.tree)
	return nil
}

// valueOf is a value as parseJSON gives it: numbers as they are spelled.
func valueOf(v strictjson.Value) any {
	switch v.Kind() {
	case strictjson.Object:
		members := make(map[string]any, v.Len())
		for i := range v.Len() {
			m := v.Member(i)
			members[m.Name.Text] = valueOf(m.Value)
		}
		return members
	case strictjson.Array:
		list := make([]any, v.Len())
		for i := range list {
			list[i] = valueOf(v.Element(i))
		}
		return list
	case strictjson.String:
		return v.Text()
	case strictjson.Number:
		return json.Number(v.Literal())
	case strictjson.Bool:
		return v.Literal() == "true"
	default:
		return nil
	}
}

// text gives the text at a path, "" where there is none.
func (a *answer) text(path string) string {
	if a.read() != nil {
		return ""
	}
	v, _ := lookUp(a.parsed, path)
	s, _ := v.(string)
	return s
}

// number gives the whole number at a path.
func (a *answer) number(path string) (int64, error) {
	if err := a.read(); err != nil {
		return 0, err
	}
	v, _ := lookUp(a.parsed, path)
	n, ok := v.(json.Number)
	if !ok {
		return 0, fmt.Errorf("%s: should be a number, and is %s", path, show(v))
	}
	return n.Int64()
}

var errNoObject = errors.New("the body is no JSON object")

// object reads the body as an object.
func (a *answer) object() (strictjson.Value, error) {
	if err := a.read(); err != nil {
		return a.tree, err
	}
	if a.tree.Kind() != strictjson.Object {
		return a.tree, errNoObject
	}
	return a.tree, nil
}

// retryAfter says how long a node asks to wait (RFC 9110, 10.2.3: seconds or a date). A node that says nothing, or 0, is given a moment all the same, and a longer one each time.
func (a *answer) retryAfter(now time.Time, try int) time.Duration {
	moment := longestRetry
	if try < 4 {
		moment = firstRetry << try
	}
	said := a.header.Get("Retry-After")
	if seconds, err := strconv.ParseUint(said, 10, 31); err == nil {
		return max(time.Duration(seconds)*time.Second, moment)
	}
	if at, err := http.ParseTime(said); err == nil {
		return max(at.Sub(now)+dateGrain, moment)
	}
	return moment
}
