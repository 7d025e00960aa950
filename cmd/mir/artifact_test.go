package main

import (
	"bytes"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"pgregory.net/rapid"

	"mirnode/protocol"
)

// TestMediaType: the content decides, and the name where the content says it only roughly; neither can make an image of a text.
func TestMediaType(t *testing.T) {
	const jpeg, png, zip = "\xff\xd8\xff\xe0\x00\x10JFIF\x00", "\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR", "PK\x03\x04\x14\x00\x00\x00\x00\x00"
	for _, test := range []struct{ name, content, want string }{
		{"photo.jpg", jpeg, "image/jpeg"},
		{"photo", jpeg, "image/jpeg"},
		{"photo.txt", jpeg, "image/jpeg"},
		{"photo.png", png, "image/png"},
		{"photo.jpg", "hello", "text/plain"},
		{"notes.md", "# hello", "text/markdown"},
		{"NOTES.MD", "# hello", "text/markdown"},
		{"data.csv", "a,b\n1,2\n", "text/csv"},
		{"x.json", `{"a":1}`, "application/json"},
		{"x.yaml", "a: 1\n", "application/yaml"},
		{"page.html", "<!doctype html><p>x", "text/html"},
		{"x.pdf", "%PDF-1.7\n", "application/pdf"},
		{"x.docx", zip, "application/vnd.openxmlformats-officedocument.wordprocessingml.document"},
		{"x.zip", zip, "application/zip"},
		{"x.md", zip, "application/zip"},
		{"x.mp4", "\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00", "video/mp4"},
		{"x.m4a", "\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00", "audio/mp4"},
		{"x.bin", "\x00\x01\x02\x03", "application/octet-stream"},
		{"x.md", "\x00\x01\x02\x03", "application/octet-stream"},
		{"empty.txt", "", "text/plain"},
	} {
		if got := mediaType(test.name, []byte(test.content)); got != test.want {
			t.Errorf("%s with %q is %s, want %s", test.name, test.content, got, test.want)
		}
	}
}

// TestMediaTypeIsOne: whatever a file is, its type can be signed.
func TestMediaTypeIsOne(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		name, head := rapid.String().Draw(t, "name"), rapid.SliceOfN(rapid.Byte(), 0, 600).Draw(t, "head")
		m := protocol.AssertionMetadata{ArtifactMimeType: mediaType(name, head)}
		if err := m.Check(); err != nil {
			t.Fatalf("%q: %v", m.ArtifactMimeType, err)
		}
	})
}

// TestPlainName: whatever a file is called, metadata can hold its name.
func TestPlainName(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		name := string(rapid.SliceOfN(rapid.Byte(), 1, 400).Draw(t, "name"))
		if rapid.Bool().Draw(t, "text") {
			name = rapid.StringN(1, 400, -1).Draw(t, "chars")
		} else if rapid.Bool().Draw(t, "turning") {
			name = rapid.StringOfN(rapid.SampledFrom([]rune("aم\u200c\u200d\u202e\u2066\u061c.")), 1, 400, -1).Draw(t, "chars")
		}
		m := protocol.AssertionMetadata{OriginalFilename: plainName(name, protocol.MaxFilename), DisplayName: plainName(name, protocol.MaxDisplayName)}
		if err := m.Check(); err != nil || !utf8.ValidString(m.DisplayName) || m.DisplayName == "" {
			t.Fatalf("%q: %v", name, err)
		}
	})
	if got, want := plainName(strings.Repeat("x", 300)+".jpeg", 255), ".jpeg"; !strings.HasSuffix(got, want) || len([]rune(got)) != 255 {
		t.Errorf("%q of %d characters", got, len([]rune(got)))
	}
}

// TestHashMeter: it says how far it is once that takes a while, and clears its line.
func TestHashMeter(t *testing.T) {
	var out bytes.Buffer
	began := time.Now().Add(-2 * time.Second)
	m := &hashMeter{out: &out, name: "film\x1b.mov", whole: 4e9, began: began}
	m.add(1e9)
	m.end()
	if line := out.String(); !strings.HasPrefix(line, "\r\x1b[Khashing film\\u001b.mov: 25 % of 4000 MB, ") || !strings.Contains(line, " left") || !strings.HasSuffix(line, "\r\x1b[K") {
		t.Errorf("%q", line)
	}
	if line := m.line(began.Add(2 * time.Second)); line != `hashing film\u001b.mov: 25 % of 4000 MB, 500 MB/s, 6s left` {
		t.Errorf("%q", line)
	}
	out.Reset()
	quick := &hashMeter{out: &out, name: "x", began: time.Now()}
	quick.add(10)
	quick.end()
	if out.Len() > 0 {
		t.Errorf("a quick one says %q", out.String())
	}
}
