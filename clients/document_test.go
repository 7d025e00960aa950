package clients_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
)

// member is a member of a JSON object, in the document's order.
type member struct {
	name  string
	value any // []member, []any, string, json.Number, bool or nil
}

// members reads a document that is an object.
func members(t *testing.T, document string) []member {
	t.Helper()
	decoder := json.NewDecoder(strings.NewReader(document))
	decoder.UseNumber()
	value, err := readValue(decoder)
	if _, end := decoder.Token(); err == nil && !errors.Is(end, io.EOF) {
		err = fmt.Errorf("something follows the document: %w", end)
	}
	object, ok := value.([]member)
	if err != nil || !ok {
		t.Fatalf("no JSON object (%v): %s", err, document)
	}
	return object
}

// readValue reads one value, and keeps the order of members, which encoding/json forgets.
func readValue(decoder *json.Decoder) (any, error) {
	token, err := decoder.Token()
	if err != nil {
		return nil, err
	}
	switch token {
	case json.Delim('{'):
		object := []member{}
		for decoder.More() {
			name, err := decoder.Token()
			if err != nil {
				return nil, err
			}
			value, err := readValue(decoder)
			if err != nil {
				return nil, err
			}
			object = append(object, member{name.(string), value})
		}
		_, err = decoder.Token()
		return object, err
	case json.Delim('['):
		list := []any{}
		for decoder.More() {
			value, err := readValue(decoder)
			if err != nil {
				return nil, err
			}
			list = append(list, value)
		}
		_, err = decoder.Token()
		return list, err
	}
	return token, nil
}

// wantPrinted wants of an answer that each object has the printed members first, in their order and with their values; others may follow, but for "meta" and
// "results", which have no others.
func wantPrinted(t *testing.T, answer, want string) {
	t.Helper()
	if complaint := differs("", members(t, answer), members(t, want)); complaint != "" {
		t.Errorf("%s in %s\nprinted is %s", complaint, answer, want)
	}
}

func differs(at string, got, want any) string {
	switch want := want.(type) {
	case []member:
		got, ok := got.([]member)
		if !ok || len(got) < len(want) {
			return fmt.Sprintf("%s has not all members", at)
		}
		if closed := at == ".meta" || at == ".results"; closed && len(got) != len(want) {
			return fmt.Sprintf("%s has more members", at)
		}
		return differsInOrder(at, got, want)
	case []any:
		got, ok := got.([]any)
		if !ok || len(got) != len(want) {
			return fmt.Sprintf("%s has not %d items", at, len(want))
		}
		for i := range want {
			if complaint := differs(fmt.Sprintf("%s[%d]", at, i), got[i], want[i]); complaint != "" {
				return complaint
			}
		}
		return ""
	}
	if got != want {
		return fmt.Sprintf("%s is %v, want %v", at, got, want)
	}
	return ""
}

// differsInOrder finds the wanted members in their order. An entry of a batch is printed without the members that only the single answer has, so others may stand
// between them there.
func differsInOrder(at string, got, want []member) string {
	batched := strings.HasPrefix(at, ".results.") && strings.Count(at, ".") == 2
	next := 0
	for i, m := range want {
		for batched && next < len(got) && got[next].name != m.name {
			next++
		}
		if next >= len(got) || got[next].name != m.name {
			return fmt.Sprintf("member %d of %q is not %s", i, at, m.name)
		}
		if complaint := differs(at+"."+m.name, got[next].value, m.value); complaint != "" {
			return complaint
		}
		next++
	}
	return ""
}
