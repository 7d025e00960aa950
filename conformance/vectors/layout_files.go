package vectors

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	// maxLayout bounds all files of a folder of vectors together, in bytes.
	maxLayout = 64 << 20
	// maxLayoutFile bounds each of them, in bytes.
	maxLayoutFile = 1 << 20
	// maxKeyEntry bounds the entry of one key, in bytes: it is handed to a program with each of its cases.
	maxKeyEntry = 16 << 10
	// maxName bounds what is shown of a name, in bytes: folders' names are no longer on any usual file system.
	maxName = 255
	// maxNote bounds what is kept of a vector's note, in bytes.
	maxNote = 1000
)

// errTooMuch says that all files together are too large.
var errTooMuch = fmt.Errorf("the files together have more than %d bytes", maxLayout)

// layout is a folder of vectors that is being read.
type layout struct {
	fsys fs.FS
	left int // bytes that may still be read
	keys map[string]layoutKey
}

// layoutKey is a named key of keys.json.
type layoutKey struct {
	document json.RawMessage // a key document with this key alone, shared by all cases of it
	expires  bool
}

// vectors returns the names of the folders that hold a claim.json, sorted.
func (l *layout) vectors() ([]string, error) {
	root, err := l.fsys.Open(".")
	if err != nil {
		return nil, err
	}
	defer root.Close() //nolint:errcheck // it was only read
	dir, ok := root.(fs.ReadDirFile)
	if !ok {
		return nil, errors.New("the vectors do not lie in a folder")
	}
	entries, err := dir.ReadDir(maxLayoutVectors + 1)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	var folders []string
	for _, e := range entries {
		if e.Type()&fs.ModeSymlink != 0 {
			return nil, fmt.Errorf("%s is a symbolic link; none is followed", printable(e.Name(), maxName))
		}
		if !e.IsDir() {
			continue
		}
		if _, err := fs.Lstat(l.fsys, path.Join(e.Name(), "claim.json")); err == nil {
			folders = append(folders, e.Name())
		}
	}
	if len(folders) == 0 || len(entries) > maxLayoutVectors {
		return nil, fmt.Errorf("of %d files and folders, %d are folders with a claim.json; 1 to %d are expected", len(entries), len(folders), maxLayoutVectors)
	}
	slices.SortFunc(folders, cmp.Compare[string])
	return folders, nil
}

// readKeys reads keys.json.
func (l *layout) readKeys() error {
	data, err := l.read("keys.json")
	if err != nil {
		return err
	}
	var entries map[string]json.RawMessage
	if err := json.Unmarshal(data, &entries); err != nil {
		return fmt.Errorf("keys.json: %w", err)
	}
	l.keys = make(map[string]layoutKey, len(entries))
	for name, e := range entries {
		if len(name) > maxName || len(e) > maxKeyEntry {
			return fmt.Errorf("keys.json: the key %s: its name has %d bytes and its entry %d; at most %d and %d are allowed", printable(name, maxName), len(name), len(e), maxName, maxKeyEntry)
		}
		var key struct{ Expires *string }
		expires := json.Unmarshal(e, &key) == nil && key.Expires != nil
		l.keys[name] = layoutKey{document: slices.Concat([]byte(`{"keys":[`), e, []byte(`]}`)), expires: expires}
	}
	return nil
}

// read reads a regular file. The error names the file.
func (l *layout) read(name string) ([]byte, error) {
	info, err := fs.Lstat(l.fsys, name) // before it is opened: a pipe waits for whoever writes to it
	if err == nil {
		err = regular(info)
	}
	var data []byte
	if err == nil {
		data, err = readBounded(l.fsys, name, min(maxLayoutFile, l.left))
	}
	l.left -= len(data)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("%s: %w", printable(path.Base(name), maxName), fs.ErrNotExist)
	case errors.Is(err, errTooLarge) && l.left < 0:
		return nil, fmt.Errorf("%s: %w", printable(name, maxName), errTooMuch)
	case err != nil:
		return nil, fmt.Errorf("%s: %s", printable(path.Base(name), maxName), printable(err.Error(), maxNote))
	}
	return data, nil
}

var errTooLarge = fmt.Errorf("it has more than %d bytes", maxLayoutFile)

// readBounded reads a file of at most so many bytes. With [errTooLarge] come the bytes that were read, one more.
func readBounded(fsys fs.FS, name string, most int) ([]byte, error) {
	f, err := fsys.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close() //nolint:errcheck // it was only read
	info, err := f.Stat()
	if err == nil {
		err = regular(info) // it may have changed since
	}
	if err != nil {
		return nil, err
	}
	data := bytes.NewBuffer(make([]byte, 0, min(info.Size(), int64(most))+bytes.MinRead))
	_, err = data.ReadFrom(io.LimitReader(f, int64(most)+1))
	if err == nil && data.Len() > most {
		err = errTooLarge
	}
	return data.Bytes(), err
}

// regular says what a file is, where it is no regular one.
func regular(info fs.FileInfo) error {
	switch mode := info.Mode(); {
	case mode.IsRegular():
		return nil
	case mode&fs.ModeSymlink != 0:
		return errors.New("it is a symbolic link; none is followed")
	case mode.IsDir():
		return errors.New("it is a folder; a regular file is expected")
	case mode&fs.ModeNamedPipe != 0:
		return errors.New("it is a named pipe; a regular file is expected")
	default:
		return errors.New("it is a device or a socket; a regular file is expected")
	}
}

// printable makes a text of somebody else's fit for one line of a terminal: what cannot be printed is escaped, and what is too long is cut.
func printable(s string, most int) string {
	if len(s) > most {
		s = strings.ToValidUTF8(s[:most], "") + "…"
	}
	if utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return s
	}
	return strconv.Quote(s)
}

// oneLine puts a text on one line.
func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }
