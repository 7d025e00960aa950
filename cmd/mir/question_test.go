package main

import (
	"encoding/binary"
	"strings"
	"testing"
	"unicode/utf16"

	"pgregory.net/rapid"
)

const someHash = "87428fc522803d31065e7bce3cf03fe475096631e5e07bbd7a0fde60c4cf25c7"

// encodings write a text as shells and editors do.
func encodings() map[string]func(string) []byte {
	wide := func(order binary.AppendByteOrder, text string) []byte {
		var out []byte
		for _, unit := range utf16.Encode([]rune(text)) {
			out = order.AppendUint16(out, unit)
		}
		return out
	}
	return map[string]func(string) []byte{
		"UTF-8":           func(s string) []byte { return []byte(s) },
		"UTF-8 with mark": func(s string) []byte { return []byte("\ufeff" + s) },
		"UTF-16LE":        func(s string) []byte { return wide(binary.LittleEndian, "\ufeff"+s) },
		"UTF-16BE":        func(s string) []byte { return wide(binary.BigEndian, "\ufeff"+s) },
		"bare UTF-16LE":   func(s string) []byte { return wide(binary.LittleEndian, s) },
		"bare UTF-16BE":   func(s string) []byte { return wide(binary.BigEndian, s) },
	}
}

func TestTextThatIsAHashIsTakenAsOne(t *testing.T) {
	big := strings.ToUpper(someHash)
	table := "\r\nAlgorithm       Hash                                                                   Path\r\n---------       ----                                                                   ----\r\n"
	hashes := []string{
		someHash, someHash + "\r\n", "  " + big + "\n\n", "sha256:" + someHash, "SHA256:" + big, someHash + "  a.txt\n", "\\" + someHash + " *a\\nb\n",
		"SHA256(a.txt)= " + someHash, "SHA256 (a.txt) = " + someHash + "\n", "SHA2-256(a (1).txt)= " + someHash,
		table + "SHA256          " + big + "       C:\\Users\\a b\\a.txt\r\n\r\n\r\n",
		"\r\nAlgorithm : SHA256\r\nHash      : " + big + "\r\nPath      : C:\\a.txt\r\n\r\n",
	}
	others := []string{"", "\n", someHash[1:], someHash + "0", "The hash is " + someHash, "x" + someHash, someHash + "x", "SHA1 " + someHash, "word\n" + someHash, "assertion_" + someHash}
	lists := []string{someHash + "\n" + big, someHash + "  a\n" + someHash + "  b\n", table + "SHA256          87428FC522803D31065E7BCE3CF03FE475096631E5E0...       C:\\a.txt"}
	for name, encode := range encodings() {
		for _, text := range hashes {
			if hash, _ := onlyHash(encode(text)); hash != someHash {
				t.Errorf("%s: %q: %q", name, text, hash)
			}
		}
		for _, text := range others {
			if hash, list := onlyHash(encode(text)); hash != "" || list {
				t.Errorf("%s: %q: %q, %v", name, text, hash, list)
			}
		}
		for _, text := range lists {
			if hash, list := onlyHash(encode(text)); hash != "" || !list {
				t.Errorf("%s: %q: %q, %v", name, text, hash, list)
			}
		}
	}
}

func TestNothingButAHashIsTakenAsOne(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.SliceOfN(rapid.Byte(), 0, 300).Draw(t, "text")
		if hash, list := onlyHash(text); hash != "" || list {
			if !strings.Contains(strings.ToLower(decodeText(text)), hash) || hash != "" && !hashPattern.MatchString(hash) {
				t.Fatalf("%q is said to be %q", text, hash)
			}
		}
	})
}
