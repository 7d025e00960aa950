package main

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"mirnode/protocol"
)

// artifact is a file as an assertion speaks of it. The file itself never leaves the machine.
type artifact struct {
	path   string // as it was named; "-" is standard input
	hash   string // SHA-256, in lower-case hex
	remote bool   // only the hash is known
	size   uint64
	mime   string // type/subtype
}

// name is the file's name without its folders, cut down to what metadata may hold; "" of standard input, and where nothing is left of it.
func (a *artifact) name(most int) string {
	if a.path == stdinName || a.remote {
		return ""
	}
	return plainName(filepath.Base(a.path), most)
}

// plainName replaces what no metadata may hold, and cuts from the middle of what is too long, so that the extension stays.
func plainName(name string, most int) string {
	runes := []rune(strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) || r == utf8.RuneError {
			return '_'
		}
		return r
	}, name))
	if len(runes) > most {
		end := most / 3
		runes = append(append(slices.Clone(runes[:most-end-1]), '…'), runes[len(runes)-end:]...)
	}
	name = string(runes)
	if (&protocol.AssertionMetadata{OriginalFilename: name}).Check() == nil {
		return name
	}
	return strings.NewReplacer("\u200c", "_", "\u200d", "_").Replace(name) // joiners where no script needs them
}

// readArtifact reads a file once, as a stream: hash, size, type.
func readArtifact(cmd *cobra.Command, path string) (*artifact, error) {
	in, err := openInput(cmd, path)
	if err != nil {
		return nil, err
	}
	defer in.Close() //nolint:errcheck // a file that was only read
	whole := int64(0)
	if f, ok := in.(*os.File); ok {
		info, err := f.Stat()
		if err != nil {
			return nil, err
		}
		if info.IsDir() {
			return nil, withHint(path+" is a folder", "Name the files in it, or an archive of them.")
		}
		whole = info.Size()
	}
	return hashStream(cmd, path, in, whole)
}

// hashStream is readArtifact of what is open already; whole is its size, 0 where that is not known.
func hashStream(cmd *cobra.Command, path string, in io.Reader, whole int64) (*artifact, error) {
	meter := newHashMeter(cmd, path, whole)
	buffered := bufio.NewReaderSize(&readMeter{cmd.Context(), in, meter}, hashBufferBytes)
	head, err := buffered.Peek(sniffBytes)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	a := &artifact{path: path, mime: mediaType(path, head)}
	h := sha256.New()
	size, err := io.Copy(h, buffered)
	meter.end()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	a.hash, a.size = hex.EncodeToString(h.Sum(nil)), uint64(size)
	return a, nil
}

const (
	// hashBufferBytes is read of a file at a time: enough that SHA-256 is what takes the time.
	hashBufferBytes = 1 << 20
	// hashQuiet is how long a file is hashed without a word: most are done by then.
	hashQuiet = time.Second
)

// readMeter reads until the context ends, and counts.
type readMeter struct {
	ctx   context.Context
	in    io.Reader
	meter *hashMeter
}

func (r *readMeter) Read(p []byte) (int, error) {
	if r.ctx.Err() != nil {
		return 0, errInterrupted
	}
	n, err := r.in.Read(p)
	r.meter.add(int64(n))
	return n, err
}

// hashMeter tells on a terminal how far a large file is hashed. Elsewhere it is silent.
type hashMeter struct {
	out         io.Writer // nil: silent
	name        string
	done, whole int64 // bytes; whole is 0 where it is not known
	began       time.Time
	shown       time.Time
}

func newHashMeter(cmd *cobra.Command, name string, whole int64) *hashMeter {
	m := &hashMeter{name: name, whole: whole, began: time.Now()}
	if file, ok := cmd.ErrOrStderr().(*os.File); ok && term.IsTerminal(int(file.Fd())) {
		m.out = file
	}
	return m
}

func (m *hashMeter) add(n int64) {
	m.done += n
	if now := time.Now(); m.out != nil && now.Sub(m.began) > hashQuiet && now.Sub(m.shown) > progressEvery {
		m.shown = now
		fmt.Fprintf(m.out, "\r\x1b[K%s", m.line(now))
	}
}

// line is the present state in words.
func (m *hashMeter) line(now time.Time) string {
	const megabyte = 1e6
	rate := float64(m.done) / max(now.Sub(m.began).Seconds(), 0.001)
	line := fmt.Sprintf("hashing %s: %.0f MB, %.0f MB/s", printable(m.name), float64(m.done)/megabyte, rate/megabyte)
	if m.whole > m.done {
		left := time.Duration(float64(m.whole-m.done) / max(rate, 1) * float64(time.Second))
		line = fmt.Sprintf("hashing %s: %d %% of %.0f MB, %.0f MB/s, %v left", printable(m.name), m.done*100/m.whole, float64(m.whole)/megabyte, rate/megabyte, left.Round(time.Second))
	}
	return line
}

// end clears the line.
func (m *hashMeter) end() {
	if !m.shown.IsZero() {
		fmt.Fprint(m.out, "\r\x1b[K")
	}
}
