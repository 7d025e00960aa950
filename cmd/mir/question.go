package main

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"regexp"
	"strings"
	"unicode/utf16"

	"github.com/spf13/cobra"
)

// question is a file that is asked about.
type question struct {
	name, hash string
	node       string // URL of the node of a look-up link; "" of anything else
}

// newQuestion hashes a file, or takes a hash as it is: by itself, in a look-up link, or as all that standard input holds. A file that is called like a hash is told
// from one by its path: ./NAME.
func newQuestion(cmd *cobra.Command, arg string) (question, error) {
	text := strings.TrimSpace(arg)
	if hash, ok := hashArgument(text); ok {
		return question{name: hash, hash: hash}, nil
	}
	if strings.HasPrefix(text, "https://") || strings.HasPrefix(text, "http://") {
		return linkQuestion(text)
	}
	if text == stdinName {
		return inputQuestion(cmd)
	}
	if _, err := os.Lstat(arg); errors.Is(err, fs.ErrNotExist) {
		arg = text
	}
	hash, err := hashFile(cmd, arg)
	if errors.Is(err, fs.ErrNotExist) {
		return question{}, withHint(fmt.Sprintf("%q is neither a file nor a SHA-256", arg), "A SHA-256 has 64 hex digits. A look-up link is taken too: https://…/assertions?hash=…")
	}
	return question{name: arg, hash: hash}, err
}

// linkQuestion reads a public link to a look-up, as `mir assert` prints it.
func linkQuestion(text string) (question, error) {
	link, err := url.Parse(text)
	if err != nil || link.Host == "" || link.User != nil {
		return question{}, errors.New("this is no look-up link: it has no host, or a user before it") // not shown: it may have a password
	}
	hash, ok := hashArgument(strings.TrimSpace(link.Query().Get("hash")))
	if !ok {
		return question{}, withHint(fmt.Sprintf("the link %s names no SHA-256", text), "A look-up link ends in /assertions?hash= and 64 hex digits. Of a file that is on the web: get it first, and look up the file.")
	}
	node := &url.URL{Scheme: link.Scheme, Host: link.Host}
	for _, path := range []string{"/assertions/lookup", "/assertions"} {
		if prefix, ok := strings.CutSuffix(strings.TrimRight(link.Path, "/"), path); ok {
			node.Path = prefix
			return question{name: hash, hash: hash, node: node.String()}, nil
		}
	}
	return question{name: hash, hash: hash}, nil
}

// maxHashTextBytes is how much of standard input may be a text with a hash in it: a table of PowerShell, in UTF-16, has less.
const maxHashTextBytes = 4 << 10

// inputQuestion reads standard input: a file, unless it is a text that holds nothing but one hash. That one is what is asked about: nobody asserts anything of the text,
// and the answer that nothing is said would be taken as one about the file.
func inputQuestion(cmd *cobra.Command) (question, error) {
	in := standardInput(cmd)
	head, err := io.ReadAll(io.LimitReader(in, maxHashTextBytes+1))
	if err != nil {
		return question{}, fmt.Errorf("standard input: %w", err)
	}
	if len(head) <= maxHashTextBytes {
		hash, hashes := onlyHash(head)
		switch {
		case hash != "":
			note(cmd, "Standard input is a SHA-256, and the look-up is about that file. About the text itself: mir hash - prints its hash.")
			return question{name: hash, hash: hash}, nil
		case hashes:
			return question{}, withHint("standard input is a list of hashes, or a table with a hash cut off", "Give each hash as an argument; a list that is meant itself is looked up by its name. PowerShell: mir lookup (Get-FileHash FILE).Hash")
		}
	}
	a, err := hashStream(cmd, stdinName, io.MultiReader(bytes.NewReader(head), in), 0)
	if err != nil {
		return question{}, err
	}
	return question{name: stdinName, hash: a.hash}, nil
}

var (
	// sumLine is a line of sha256sum and shasum, one of openssl and of BSD's sha256, and a row of PowerShell's Get-FileHash.
	sumLine = regexp.MustCompile(`(?i)^(?:(?:sha256:)?([0-9a-f]{64})(?: [ *].*)?|\\([0-9a-f]{64}) [ *].*|SHA(?:2-)?256 ?\(.*\) ?= ([0-9a-f]{64})|SHA256 +([0-9a-f]{64})(?: .*)?|Hash *: *([0-9a-f]{64}))$`)
	// tableLine is what stands around the row or the lines of Get-FileHash.
	tableLine = regexp.MustCompile(`^(?:Algorithm +Hash( +Path)? *|[- ]+|(?:Algorithm|Path) *:.*)$`)
	// cutRow is a row of it whose hash does not fit on the terminal.
	cutRow = regexp.MustCompile(`^SHA256 +[0-9A-F]+(?:\.\.\.|…)`)
)

// onlyHash finds the one hash that a text consists of. With none, hashes tells that the text is of hashes all the same, though not of one whole one.
func onlyHash(text []byte) (hash string, hashes bool) {
	found, broken := 0, false
	for line := range strings.Lines(decodeText(text)) {
		line = strings.TrimSpace(line)
		if line == "" || tableLine.MatchString(line) {
			continue
		}
		if cutRow.MatchString(line) {
			broken = true
			continue
		}
		parts := sumLine.FindStringSubmatch(line)
		if parts == nil {
			return "", false
		}
		found++
		hash = strings.ToLower(strings.Join(parts[1:], "")) // one of them is not empty
	}
	if found == 1 && !broken {
		return hash, true
	}
	return "", found > 0 || broken
}

// decodeText reads UTF-8, and UTF-16 as PowerShell redirects it: with its mark, or told by the zeros of hex digits.
func decodeText(text []byte) string {
	var order binary.ByteOrder
	switch {
	case bytes.HasPrefix(text, []byte{0xff, 0xfe}):
		order = binary.LittleEndian
	case bytes.HasPrefix(text, []byte{0xfe, 0xff}):
		order = binary.BigEndian
	case len(text) > 1 && text[0] != 0 && text[1] == 0:
		order = binary.LittleEndian
	case len(text) > 1 && text[0] == 0 && text[1] != 0:
		order = binary.BigEndian
	default:
		return strings.TrimLeft(string(text), "\ufeff")
	}
	var units []uint16
	for i := 0; i+1 < len(text); i += 2 {
		units = append(units, order.Uint16(text[i:]))
	}
	return strings.TrimLeft(string(utf16.Decode(units)), "\ufeff")
}
