package program

import (
	"errors"
	"fmt"
	"os/exec"
	"strings"
)

// MaxCommand bounds a command line, in bytes.
const MaxCommand = 16 << 10

// Split splits a command line into words as POSIX shells do, and does nothing else that shells do: blanks separate words; within single
// quotes everything stands for itself; within double quotes a backslash takes the special meaning from a quote, a backslash, a dollar and a
// backquote; elsewhere it does so from any character. Variables, globs and pipes are not known: they stand for themselves. The error says
// what is open at the end, or that there is no word.
func Split(line string) ([]string, error) {
	if len(line) > MaxCommand {
		return nil, fmt.Errorf("the command has %d bytes; at most %d are allowed", len(line), MaxCommand)
	}
	if strings.ContainsRune(line, 0) {
		return nil, errors.New("the command holds a NUL byte")
	}
	var words []string
	var word strings.Builder
	begun := false // a word has begun, though it may be empty: ''
	for i := 0; i < len(line); i++ {
		switch c := line[i]; c {
		case ' ', '\t', '\n', '\r':
			if begun {
				words = append(words, word.String())
			}
			word.Reset()
			begun = false
		case '\'', '"':
			text, length, err := quotedPart(line[i:])
			if err != nil {
				return nil, err
			}
			word.WriteString(text)
			i += length - 1
			begun = true
		case '\\':
			if i++; i == len(line) {
				return nil, errors.New("the command ends with a backslash")
			}
			if line[i] != '\n' { // which a backslash takes away
				word.WriteByte(line[i])
				begun = true
			}
		default:
			word.WriteByte(c)
			begun = true
		}
	}
	if begun {
		words = append(words, word.String())
	}
	if len(words) == 0 || words[0] == "" {
		return nil, errors.New("the command names no program")
	}
	return words, nil
}

// quotedPart reads what stands between the quote that s begins with and its end, and tells how many bytes it took with the quotes.
func quotedPart(s string) (text string, length int, err error) {
	quote := s[0]
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		switch c := s[i]; {
		case c == quote:
			return b.String(), i + 1, nil
		case c == '\\' && quote == '"' && i+1 < len(s) && strings.IndexByte("\"\\$`\n", s[i+1]) >= 0:
			if i++; s[i] != '\n' {
				b.WriteByte(s[i])
			}
		default:
			b.WriteByte(c)
		}
	}
	return "", 0, fmt.Errorf("the command has a %c without its end", quote)
}

// quoted writes words so that Split reads them back.
func quoted(words []string) []string {
	out := make([]string, len(words))
	for i, w := range words {
		if w == "" || strings.ContainsAny(w, " \t\r\n'\"\\$`*?[]{}()<>|&;#~!") {
			w = "'" + strings.ReplaceAll(w, "'", `'\''`) + "'"
		}
		out[i] = w
	}
	return out
}

// knownPlaces tells before the run of a place that nothing is filled into: a misspelt one, another kind's, or options within a word. A place
// is a word {letters}, or what a word ends with behind an equals sign.
func knownPlaces(words []string, placeholder string) error {
	for _, word := range words[1:] {
		place := word[strings.LastIndexByte(word, '=')+1:]
		inner, opens := strings.CutPrefix(place, "{")
		inner, closes := strings.CutSuffix(inner, "}")
		if !opens || !closes || inner == "" || strings.Trim(inner, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_-") != "" || place == placeholder {
			continue
		}
		switch {
		case placeholder == "":
			return fmt.Errorf("the command has %s, and here nothing is filled in", place)
		case placeholder == keyWord:
			return fmt.Errorf("the command has %s: here %s alone is filled in", place, placeholder)
		case place == optionsWord && word != place:
			return fmt.Errorf("%s must be a word of its own: it becomes several, or none", place)
		case place != optionsWord:
			return fmt.Errorf("the command has %s: here %s and %s are filled in", place, placeholder, optionsWord)
		}
	}
	return nil
}

// findProgram tells before the run that there is no such program, in place of as many findings as there are cases.
func findProgram(name string) error {
	if _, err := exec.LookPath(name); err != nil {
		if errors.Is(err, exec.ErrDot) {
			return fmt.Errorf("the program %s is in the current folder: write ./%s", name, name)
		}
		return fmt.Errorf("the program %s cannot be run: %w", name, err)
	}
	return nil
}
