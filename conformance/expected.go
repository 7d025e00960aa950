package conformance

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"strings"
)

// MaxExpected bounds a file of expected failures, in bytes: a line for each case there is, with room for long reasons.
const MaxExpected = 1 << 20

// ParseExpected reads a file of expected failures. A line is the ID of a case, a colon and the reason, which must be given; empty lines and
// those that begin with # say nothing. It gives the reason by ID. Whether there are such cases is the caller's to check.
func ParseExpected(data []byte) (map[string]string, error) {
	if len(data) > MaxExpected {
		return nil, fmt.Errorf("larger than %d bytes", MaxExpected)
	}
	expected := map[string]string{}
	var wrong []error
	lines := bufio.NewScanner(bytes.NewReader(data))
	lines.Buffer(nil, MaxExpected+1)
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		id, reason, _ := strings.Cut(line, ":")
		id, reason = strings.TrimSpace(id), strings.TrimSpace(reason)
		_, twice := expected[id]
		switch {
		case reason == "":
			wrong = append(wrong, fmt.Errorf("line %d: %q has no reason: write SECTION/NAME: why it is expected to fail", n, id))
		case twice:
			wrong = append(wrong, fmt.Errorf("line %d: %q stands there twice", n, id))
		}
		expected[id] = reason
	}
	if err := errors.Join(append(wrong, lines.Err())...); err != nil {
		return nil, err
	}
	return expected, nil
}
