package vectors_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/fstest"
	"time"

	"mirnode/conformance/cases"
	"mirnode/conformance/vectors"
)

// TestLayoutRoundTrip writes the suite's verdicts in the public draft's layout, reads them back and judges them.
func TestLayoutRoundTrip(t *testing.T) {
	dir, all := t.TempDir(), generate(t, vectors.Options{})
	written, err := vectors.WriteLayout(dir, all)
	if err != nil {
		t.Fatal(err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	read, err := vectors.ReadLayout(root.FS())
	if err != nil {
		t.Fatal(err)
	}
	if len(read) != written || written < 400 {
		t.Errorf("%d vectors were written, and %d read", written, len(read))
	}
	byID := make(map[string]*cases.Case)
	for i := range all {
		byID[all[i].ID] = &all[i]
	}
	for i := range read {
		c := &read[i]
		section, name, _ := strings.Cut(c.ID, "/draft-")
		before := byID[section+"/"+name]
		if before == nil {
			t.Errorf("%s comes from nowhere", c.ID)
			continue
		}
		if string(c.Verdict.Bytes()) != string(before.Verdict.Bytes()) || c.Verdict.Canonical != before.Verdict.Canonical || c.Refused != before.Refused ||
			c.Requirement.Level != before.Requirement.Level && before.Requirement.Level != cases.Must {
			t.Errorf("%s has changed on the way", c.ID)
		}
		judge(t, c, vectors.DefaultNow())
	}
}

// TestDraftVectors runs the folder of MIR_VECTORS, such as the public draft's own vectors; or a vector with a verdict for each of two keys,
// which is the form of theirs that the suite does not write.
func TestDraftVectors(t *testing.T) {
	folder := rotation(t)
	if dir := os.Getenv("MIR_VECTORS"); dir != "" {
		folder = os.DirFS(dir)
	}
	read, err := vectors.ReadLayout(folder)
	if err != nil {
		t.Fatal(err)
	}
	for i := range read {
		judge(t, &read[i], vectors.DefaultNow())
	}
	if len(read) < 2 {
		t.Errorf("there are %d cases", len(read))
	}
}

// rotation is a folder with one vector: a claim that verifies with one key and not with another.
func rotation(t *testing.T) fs.FS {
	t.Helper()
	all := generate(t, vectors.Options{})
	at := slices.IndexFunc(all, func(c cases.Case) bool { return c.ID == "time/current-key" })
	if at < 0 {
		t.Fatal("there is no case of a rotation")
	}
	in := all[at].Verdict
	var document struct{ Keys []json.RawMessage }
	if err := json.Unmarshal(in.Keys, &document); err != nil || len(document.Keys) != 2 {
		t.Fatalf("%s: %v", in.Keys, err)
	}
	const want = `{"verifyWith_new":{"result":"ACCEPT","code":null},"verifyWith_old":{"result":"REJECT","code":"KEY_NOT_FOUND"},"note":"rotated"}`
	return fstest.MapFS{
		"keys.json":              {Data: fmt.Appendf(nil, `{"old":%s,"new":%s}`, document.Keys[0], document.Keys[1])},
		"05-rotation/claim.json": {Data: in.Bytes()}, "05-rotation/canonical.txt": {Data: []byte(in.Canonical + "\n")}, "05-rotation/expected.json": {Data: []byte(want)},
	}
}

// TestSample holds the shipped sample to what the generator writes today.
func TestSample(t *testing.T) {
	dir := t.TempDir()
	if err := vectors.WriteSample(dir, generate(t, vectors.Options{})); err != nil {
		t.Fatal(err)
	}
	shipped, written := files(t, filepath.Join("testdata", "layout")), files(t, dir)
	if !maps.Equal(shipped, written) || len(written) < 100 {
		t.Errorf("the sample of %d files is not what the generator writes, of %d: go generate ./conformance/vectors", len(shipped), len(written))
	}
}

// files reads all files of a folder.
func files(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := make(map[string]string)
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		name, _ := filepath.Rel(dir, path)
		all[name] = string(data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestReadLayoutRefuses(t *testing.T) {
	const keys, claim, want = `{"a":{"pub":"x","expires":null}}`, `{"sig":"s"}`, `{"result":"ACCEPT","code":null,"verifyWith":"a"}`
	for name, change := range map[string]struct {
		file, data, says string
	}{
		"no keys":              {"keys.json", "", "keys.json"},
		"keys that are no map": {"keys.json", "[]", "keys.json"},
		"no verdict":           {"01-x/expected.json", `{"note":"x"}`, "verifyWith"},
		"no expectation":       {"01-x/expected.json", "", "expected.json"},
		"an unknown key":       {"01-x/expected.json", strings.Replace(want, `"a"`, `"b"`, 1), `"b"`},
		"an unknown result":    {"01-x/expected.json", strings.Replace(want, "ACCEPT", "MAYBE", 1), "MAYBE"},
		"a refusal, no code":   {"01-x/expected.json", strings.Replace(want, "ACCEPT", "REJECT", 1), "codes"},
		"another signature":    {"01-x/signature.txt", "t", "signature.txt"},
		"no vector":            {"01-x/claim.json", "", "claim.json"},
		"a file too large":     {"01-x/canonical.txt", strings.Repeat("x", 1<<20+1), "canonical.txt"},
		"a broken expectation": {"01-x/expected.json", `{"verifyWith_a":7}`, "verifyWith_a"},
	} {
		t.Run(name, func(t *testing.T) {
			folder := fstest.MapFS{"keys.json": {Data: []byte(keys)}, "01-x/claim.json": {Data: []byte(claim)}, "01-x/expected.json": {Data: []byte(want)}}
			if _, err := vectors.ReadLayout(folder); err != nil {
				t.Fatalf("the folder is wrong before: %v", err)
			}
			folder[change.file] = &fstest.MapFile{Data: []byte(change.data)}
			if change.data == "" {
				delete(folder, change.file)
			}
			if _, err := vectors.ReadLayout(folder); err == nil || !strings.Contains(err.Error(), change.says) {
				t.Errorf("error %v, want one about %s", err, change.says)
			}
		})
	}
}

// TestReadLayoutReadsRegularFilesAlone: links lead out of the folder, and pipes wait for ever.
func TestReadLayoutReadsRegularFilesAlone(t *testing.T) {
	const keys, claim, want = `{"a":{"pub":"x","expires":null}}`, `{"sig":"s"}`, `{"result":"ACCEPT","code":null,"verifyWith":"a"}`
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte("secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		spoil func(dir string) error
		says  string
	}{
		"a link as canonical form":   {func(dir string) error { return os.Symlink(secret, filepath.Join(dir, "01-x", "canonical.txt")) }, "01-x: canonical.txt: it is a symbolic link"},
		"a link within the folder":   {func(dir string) error { return os.Symlink("claim.json", filepath.Join(dir, "01-x", "canonical.txt")) }, "canonical.txt: it is a symbolic link"},
		"a link as folder":           {func(dir string) error { return os.Symlink("01-x", filepath.Join(dir, "02-x")) }, "02-x is a symbolic link"},
		"a pipe as canonical form":   {func(dir string) error { return syscall.Mkfifo(filepath.Join(dir, "01-x", "canonical.txt"), 0o600) }, "canonical.txt: it is a named pipe"},
		"a folder as canonical form": {func(dir string) error { return os.Mkdir(filepath.Join(dir, "01-x", "canonical.txt"), 0o700) }, "canonical.txt: it is a folder"},
		"a pipe as keys": {func(dir string) error {
			path := filepath.Join(dir, "keys.json")
			return errors.Join(os.Remove(path), syscall.Mkfifo(path, 0o600))
		}, "keys.json: it is a named pipe"},
		"a link of an unfriendly name": {func(dir string) error { return os.Symlink("01-x", filepath.Join(dir, "02\x1b[2J\nok")) }, `"02\x1b[2J\nok" is a symbolic link`},
		"a folder of such a name": {func(dir string) error {
			return errors.Join(os.Rename(filepath.Join(dir, "01-x"), filepath.Join(dir, "01\nx")), os.Remove(filepath.Join(dir, "01\nx", "expected.json")))
		}, `vector "01\nx": expected.json`},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			err := os.Mkdir(filepath.Join(dir, "01-x"), 0o700)
			for name, data := range map[string]string{"keys.json": keys, "01-x/claim.json": claim, "01-x/expected.json": want} {
				err = errors.Join(err, os.WriteFile(filepath.Join(dir, name), []byte(data), 0o600))
			}
			root, openErr := os.OpenRoot(dir)
			if err := errors.Join(err, openErr); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = root.Close() })
			if _, err := vectors.ReadLayout(root.FS()); err != nil {
				t.Fatalf("the folder is wrong before: %v", err)
			}
			if err := test.spoil(dir); err != nil {
				t.Fatal(err)
			}
			if _, err := vectors.ReadLayout(root.FS()); err == nil || !strings.Contains(err.Error(), test.says) {
				t.Errorf("error %v, want one with %s", err, test.says)
			}
		})
	}
}

// TestReadLayoutBounds: a small folder must not fill the memory.
func TestReadLayoutBounds(t *testing.T) {
	const want = `{"result":"ACCEPT","code":null,"verifyWith":"a"}`
	mebibyte := &fstest.MapFile{Data: bytes.Repeat([]byte("x"), 1<<20)}
	large := fstest.MapFS{"keys.json": {Data: []byte(`{"a":{"pub":"x"}}`)}}
	for i := range 22 { // 66 MiB
		folder := fmt.Sprintf("%02d", i)
		large[folder+"/claim.json"], large[folder+"/canonical.txt"], large[folder+"/signature.txt"] = mebibyte, mebibyte, mebibyte
		large[folder+"/expected.json"] = &fstest.MapFile{Data: []byte(want)}
	}
	many := make(map[string]json.RawMessage)
	for i := range 65 {
		many[fmt.Sprintf("verifyWith_%d", i)] = json.RawMessage(`{"result":"ACCEPT"}`)
	}
	verdicts, err := json.Marshal(many)
	if err != nil {
		t.Fatal(err)
	}
	folder := func(keys, want string) fstest.MapFS {
		return fstest.MapFS{"keys.json": {Data: []byte(keys)}, "01-x/claim.json": {Data: []byte("{}")}, "01-x/expected.json": {Data: []byte(want)}}
	}
	for name, test := range map[string]struct {
		folder fs.FS
		says   string
	}{
		"all files":    {large, "together have more than 67108864 bytes"},
		"one's keys":   {folder(`{"a":{}}`, string(verdicts)), "more than 64 members verifyWith_NAME"},
		"codes":        {folder(`{"a":{}}`, `{"result":"REJECT","verifyWith":"a","codes":["X"`+strings.Repeat(`,"X"`, 16)+`]}`), "17 codes"},
		"a key":        {folder(`{"a":{"x":"`+strings.Repeat("x", 16<<10)+`"}}`, want), "keys.json: the key a"},
		"a key's name": {folder(`{"`+strings.Repeat("a", 256)+`":{}}`, want), "its name has 256 bytes"},
	} {
		if _, err := vectors.ReadLayout(test.folder); err == nil || !strings.Contains(err.Error(), test.says) {
			t.Errorf("%s: error %v, want one with %s", name, err, test.says)
		}
	}
}

// TestReadLayoutSharesKeys: a thousand cases of one key hold it once.
func TestReadLayoutSharesKeys(t *testing.T) {
	const want = `{"result":"ACCEPT","code":null,"verifyWith":"a","note":"one\nforged\u001b[2J"}`
	read, err := vectors.ReadLayout(fstest.MapFS{
		"keys.json": {Data: []byte(`{"a":{"pub":"x"}}`)}, "1\nforged/claim.json": {Data: []byte("{}")}, "1\nforged/expected.json": {Data: []byte(want)},
		"2/claim.json": {Data: []byte("{}")}, "2/expected.json": {Data: []byte(want)},
	})
	if err != nil || len(read) != 2 {
		t.Fatalf("%d cases, %v", len(read), err)
	}
	if one, other := read[0].Verdict.Keys, read[1].Verdict.Keys; &one[0] != &other[0] {
		t.Error("the cases of one key do not share it")
	}
	for _, c := range read {
		if said := c.Title + c.Why + c.Requirement.Words + c.Requirement.Section; strings.ContainsAny(said, "\n\x1b") {
			t.Errorf("%s says %q", c.ID, said)
		}
	}
}

// seen keeps the claims that a verifier was given.
type seen map[string]string

func (s seen) Verify(_ context.Context, c *cases.Case) cases.Finding {
	s[c.ID] = string(c.Verdict.Bytes())
	return cases.Finding{Passed: true}
}

// TestFresh: live cases follow the clock, and others do not.
func TestFresh(t *testing.T) {
	all := generate(t, vectors.Options{})
	now, got := time.Date(2030, 5, 6, 7, 8, 9, 0, time.UTC), make(seen)
	fresh := vectors.Fresh(got, vectors.Options{}, func() time.Time { return now })
	live := 0
	for i := range all {
		c := &all[i]
		if c.Verdict == nil {
			continue
		}
		fresh.Verify(t.Context(), c)
		same := got[c.ID] == string(c.Verdict.Bytes())
		if same == c.Verdict.Live {
			t.Errorf("%s: live is %t, and it went through unchanged is %t", c.ID, c.Verdict.Live, same)
		}
		if c.Verdict.Live {
			live++
		}
	}
	if live < 5 {
		t.Errorf("there are %d live cases", live)
	}
	if want := "2030-05-06T07:14:09Z"; !strings.Contains(got["time/future-6-minutes"], want) {
		t.Errorf("the claim of six minutes ahead is not of %s: %s", want, got["time/future-6-minutes"])
	}
}

// TestRemake replaces what is generated and nothing else.
func TestRemake(t *testing.T) {
	other := cases.Case{ID: "registry/by-hand", Title: "kept"}
	before := append(generate(t, vectors.Options{}), other)
	after, err := vectors.Remake(before, vectors.Options{Suffix: "example.net"})
	if err != nil {
		t.Fatal(err)
	}
	for i := range after {
		switch c := &after[i]; {
		case c.ID != before[i].ID:
			t.Errorf("%s has become %s", before[i].ID, c.ID)
		case c.ID == other.ID && c.Title != other.Title:
			t.Error("a case was replaced that nobody generates")
		case c.Verdict != nil && c.Verdict.Domain != "" && !strings.HasSuffix(c.Verdict.Domain, ".example.net"):
			t.Errorf("%s is of %s", c.ID, c.Verdict.Domain)
		}
	}
}
