package scenario

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// requestArgs are the members of "request".
type requestArgs struct {
	Node     int             `json:"node,omitzero"`     // 0 is the first, or the one that "each" is at
	Operator bool            `json:"operator,omitzero"` // at the operator's listener
	URL      string          `json:"url,omitzero"`      // in place of node and path
	Method   string          `json:"method,omitzero"`   // "" is GET, or POST where there is a body
	Path     string          `json:"path,omitzero"`     // may hold a query of its own
	Query    map[string]any  `json:"query,omitzero"`    // escaped; a list gives the parameter several times
	Headers  map[string]text `json:"headers,omitzero"`
	Body     *text           `json:"body,omitzero"`   // these bytes
	Base64   string          `json:"base64,omitzero"` // bytes that are no UTF-8
	JSON     json.RawMessage `json:"json,omitzero"`   // this value, in any spelling
	Most     int             `json:"most,omitzero"`   // bytes of the answer, where it may be longer than 1 MiB
	From     string          `json:"from,omitzero"`   // which client of the case; those of other names have other addresses
}

// request sends an HTTP request. Its answer is the HTTP answer.
func request(ctx context.Context, p *play, args *requestArgs) error {
	target, err := p.target(args)
	if err != nil {
		return err
	}
	header := http.Header{"User-Agent": {userAgent}}
	body, err := args.body(header)
	if err != nil {
		return err
	}
	for name, value := range args.Headers {
		header.Set(name, string(value))
		if value == "" {
			header.Del(name)
		}
	}
	method := args.Method
	switch {
	case method == "" && body != nil:
		method = http.MethodPost
	case method == "":
		method = http.MethodGet
	}
	if args.Most < 0 || args.Most > maxLongAnswer {
		return fmt.Errorf("%w: most: up to %d bytes", errSteps, maxLongAnswer)
	}
	sent := sending{client: args.From, method: method, url: target, header: header, body: body, limited: p.step0.Limited, most: args.Most}
	if p.answer, err = p.ask(ctx, sent); err != nil {
		return err
	}
	if node, err := p.node(args.Node); err == nil {
		p.leaveNoKeys(ctx, node, sent, p.answer)
	}
	return nil
}

// body gives the bytes to send, and sets the content type that goes with them.
func (args *requestArgs) body(header http.Header) ([]byte, error) {
	given := 0
	for _, has := range []bool{args.Body != nil, args.Base64 != "", args.JSON != nil} {
		if has {
			given++
		}
	}
	switch {
	case given > 1:
		return nil, fmt.Errorf("%w: one of body, base64, json", errSteps)
	case given == 0:
		return nil, nil
	}
	header.Set("Content-Type", "application/json")
	switch {
	case args.Body != nil:
		return []byte(*args.Body), nil
	case args.Base64 != "":
		return base64.StdEncoding.DecodeString(args.Base64)
	}
	return args.JSON, nil
}

// target is the request's URL.
func (p *play) target(args *requestArgs) (string, error) {
	at := args.URL
	if at == "" {
		node, err := p.node(args.Node)
		if err != nil {
			return "", err
		}
		base := node.URL
		if args.Operator {
			if base = node.Operator; base == "" {
				return "", errors.New("the node's operator cannot be reached")
			}
		}
		at = base + args.Path
	}
	if len(args.Query) == 0 {
		return at, nil
	}
	query := url.Values{}
	for name, value := range args.Query {
		list, isList := value.([]any)
		if !isList {
			list = []any{value}
		}
		for _, v := range list {
			t, err := textOf(v)
			if err != nil {
				return "", err
			}
			query.Add(name, t)
		}
	}
	joint := "?"
	if strings.Contains(at, "?") {
		joint = "&"
	}
	return at + joint + query.Encode(), nil
}

// expectSame takes the names of saved values, all of which must be equal.
func expectSame(_ context.Context, p *play, list *[]string) error {
	if len(*list) < 2 {
		return fmt.Errorf("%w: names of two values or more", errSteps)
	}
	var first any
	for i, name := range *list {
		v, err := p.saved(name)
		if err != nil {
			return fmt.Errorf("%w: %w", errSteps, err)
		}
		if i == 0 {
			first = v
		} else if !equal(first, v) {
			return fmt.Errorf("%s and %s are not the same: %s, and %s", (*list)[0], name, show(first), show(v))
		}
	}
	return nil
}

// choiceArgs are the members of "choice".
type choiceArgs struct {
	When expectation `json:"when"`
	Says string      `json:"says"` // what the target does where the last answer is like this
	Else string      `json:"else"` // what it does otherwise
}

// choose tells what the target does where it may choose, by the last answer. It fails where the node did not come to choose.
func choose(_ context.Context, p *play, args *choiceArgs) error {
	if p.answer == nil {
		return fmt.Errorf("%w: no answer was given before", errSteps)
	}
	if p.answer.limited {
		return errors.New("there is no telling what the target chose" + p.answer.tail())
	}
	when, err := p.expandExpectation(&args.When)
	if err != nil {
		return fmt.Errorf("%w: %w", errSteps, err)
	}
	said := args.Says
	if when.holds(p.answer) != nil {
		said = args.Else
	}
	if said, err = p.expandText(said, 0); err != nil {
		return fmt.Errorf("%w: %w", errSteps, err)
	}
	if said != "" {
		p.choice = strings.Join(append(slices.DeleteFunc([]string{p.choice}, func(s string) bool { return s == "" }), said), "; ")
	}
	return nil
}
