package logread_test

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"mirnode/conformance/logread"
)

const origin = "node.example/mir-dev"

// keyOf is a log's key pair.
func keyOf(name string) (ed25519.PrivateKey, logread.Key) {
	private := ed25519.NewKeyFromSeed([]byte(fmt.Sprintf("%-32.32s", name)))
	return private, logread.Key{Origin: origin, Public: private.Public().(ed25519.PublicKey)}
}

// sign signs a text as the log.
func sign(t testing.TB, private ed25519.PrivateKey, name, text string) string {
	t.Helper()
	key := logread.Key{Origin: name, Public: private.Public().(ed25519.PublicKey)}
	hash := key.String()[len(name)+1:][:8]
	signer, err := note.NewSigner("PRIVATE+KEY+" + name + "+" + hash + "+" + base64.StdEncoding.EncodeToString(append([]byte{1}, private.Seed()...)))
	if err != nil {
		t.Fatal(err)
	}
	signed, err := note.Sign(&note.Note{Text: text}, signer)
	if err != nil {
		t.Fatal(err)
	}
	return string(signed)
}

// shown is a log of some entries. Its parts may be altered before it is served.
type shown struct {
	lines   []string // of /entries
	bundles []string
	tree    *logread.LeafTree // of the tiles
	note    string
	text    string            // what the note signs
	pages   map[string]string // served in the place of what else stands there
}

// write makes an honest log.
func write(t testing.TB, lines ...string) *shown {
	t.Helper()
	l := &shown{lines: lines, bundles: lines, tree: &logread.LeafTree{}, pages: map[string]string{}}
	for _, line := range lines {
		l.tree.Add([]byte(line))
	}
	root := l.tree.Root()
	private, _ := keyOf("log")
	l.text = fmt.Sprintf("%s\n%d\n%s\n", origin, len(lines), base64.StdEncoding.EncodeToString(root[:]))
	l.note = sign(t, private, origin, l.text)
	return l
}

func linesTo(n int) (lines []string) {
	for i := range n {
		at := time.Date(2026, 11, 22, 7, 0, 0, i*1e6, time.UTC).Format("2006-01-02T15:04:05.000Z")
		lines = append(lines, fmt.Sprintf(`{"ingestedAt":"%s","kind":"claim","record":"%064x"}`, at, i))
	}
	return lines
}

func (l *shown) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	path := strings.TrimPrefix(r.URL.Path, "/log/")
	if page, ok := l.pages[path]; ok {
		_, _ = w.Write([]byte(page))
		return
	}
	switch {
	case path == "checkpoint":
		_, _ = w.Write([]byte(l.note))
	case path == "entries":
		start, _ := strconv.Atoi(r.URL.Query().Get("start"))
		end, _ := strconv.Atoi(r.URL.Query().Get("end"))
		for _, line := range l.lines[min(start, len(l.lines)):min(end, start+300, len(l.lines))] {
			_, _ = fmt.Fprintln(w, line)
		}
	case strings.HasPrefix(path, "tile/entries/"):
		tile, err := tlog.ParseTilePath("tile/8/0/" + strings.TrimPrefix(path, "tile/entries/"))
		if err != nil {
			http.NotFound(w, r)
			return
		}
		for _, line := range l.bundles[tile.N*256:][:tile.W] {
			_, _ = w.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(line))), line...))
		}
	default:
		tile, err := tlog.ParseTilePath("tile/8/" + strings.TrimPrefix(path, "tile/"))
		if err != nil {
			http.NotFound(w, r)
			return
		}
		data, err := tlog.ReadTileData(tile, l.tree.Reader())
		if err != nil {
			http.NotFound(w, r)
			return
		}
		_, _ = w.Write(data)
	}
}

// open serves the log and opens it with its key.
func open(t testing.TB, l http.Handler) *logread.Log {
	t.Helper()
	server := httptest.NewServer(l)
	t.Cleanup(server.Close)
	_, key := keyOf("log")
	log, err := logread.Open(logread.Options{URL: server.URL + "/log", Key: key, Client: server.Client()})
	if err != nil {
		t.Fatal(err)
	}
	return log
}

// TestGood reads honest logs of sizes at which trees and tiles differ.
func TestGood(t *testing.T) {
	for _, size := range []int{0, 1, 2, 3, 255, 256, 257, 700} {
		l := write(t, linesTo(size)...)
		log := open(t, l)
		c, err := log.Checkpoint(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		entries, err := log.CheckAll(t.Context(), c)
		if err != nil || len(entries) != size || int(c.Size) != size {
			t.Fatalf("size %d: %d entries of %d: %v", size, len(entries), c.Size, err)
		}
		if err := log.TreeRoot(t.Context(), c); err != nil {
			t.Errorf("size %d: the tiles: %v", size, err)
		}
		if got := logread.RootOf(entries); got != c.Root {
			t.Errorf("size %d: root %s, and not %s", size, got, c.Root)
		}
		for _, i := range []int64{0, int64(size) / 2, int64(size) - 1} {
			if size == 0 {
				break
			}
			if err := log.CheckIncluded(t.Context(), c, i, entries[i].Line); err != nil {
				t.Errorf("size %d: entry %d: %v", size, i, err)
			}
			older := logread.Checkpoint{Origin: origin, Size: i, Root: l.tree.RootAt(i)}
			if err := log.CheckConsistent(t.Context(), older, c); err != nil {
				t.Errorf("size %d: from %d: %v", size, i, err)
			}
		}
	}
}

// TestCorrupted: each part of a log that does not belong to the others is found.
func TestCorrupted(t *testing.T) {
	cases := map[string]struct {
		change func(t *testing.T, l *shown)
		want   error
	}{
		"entry":          {func(_ *testing.T, l *shown) { l.lines = append(linesTo(100), linesTo(300)[101:]...) }, logread.ErrMalformed},
		"entry changed":  {func(_ *testing.T, l *shown) { l.lines = linesTo(300); l.lines[7] = l.lines[8] }, logread.ErrProof},
		"entry's form":   {func(_ *testing.T, l *shown) { l.lines = linesTo(300); l.lines[7] += " " }, logread.ErrMalformed},
		"bundle changed": {func(_ *testing.T, l *shown) { l.bundles = linesTo(300); l.bundles[299] = l.bundles[8] }, logread.ErrProof},
		"bundle short":   {func(_ *testing.T, l *shown) { l.pages["tile/entries/001.p/44"] = "\x00\x05abc" }, logread.ErrMalformed},
		"bundle long": {func(_ *testing.T, l *shown) {
			l.pages["tile/entries/001.p/44"] = strings.Repeat("\x00\x00", 45)
		}, logread.ErrMalformed},
		"tile changed": {func(_ *testing.T, l *shown) { l.tree = &logread.LeafTree{}; fill(l.tree, 300) }, logread.ErrProof},
		"tile short":   {func(_ *testing.T, l *shown) { l.pages["tile/0/000"] = strings.Repeat("x", 255*32) }, logread.ErrMalformed},
		"tile long":    {func(_ *testing.T, l *shown) { l.pages["tile/0/000"] = strings.Repeat("x", 257*32) }, logread.ErrMalformed},
		"upper tile":   {func(_ *testing.T, l *shown) { l.pages["tile/1/000.p/1"] = strings.Repeat("x", 32) }, logread.ErrProof},
		"no tile":      {func(_ *testing.T, l *shown) { l.tree = &logread.LeafTree{} }, logread.ErrStatus},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			l := write(t, linesTo(300)...)
			log := open(t, l)
			head, err := log.Checkpoint(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			c.change(t, l)
			if _, err := log.CheckAll(t.Context(), head); !errors.Is(err, c.want) {
				t.Errorf("%v, and not: %v", err, c.want)
			}
		})
	}
}

// TestTilesLie: what is computed out of tiles alone does not hold with tiles that are not the head's.
func TestTilesLie(t *testing.T) {
	l := write(t, linesTo(300)...)
	log := open(t, l)
	c, err := log.Checkpoint(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	older := logread.Checkpoint{Origin: origin, Size: 200, Root: l.tree.RootAt(200)}
	line := []byte(l.lines[7])
	if err := log.CheckIncluded(t.Context(), c, 7, []byte(l.lines[8])); !errors.Is(err, logread.ErrProof) {
		t.Errorf("another entry is included: %v", err)
	}
	for _, index := range []int64{-1, 8, 300} {
		if err := log.CheckIncluded(t.Context(), c, index, line); !errors.Is(err, logread.ErrProof) {
			t.Errorf("entry 7 stands at %d: %v", index, err)
		}
	}
	for name, wrong := range map[string]logread.Checkpoint{
		"another root":    {Origin: origin, Size: 200, Root: l.tree.RootAt(199)},
		"another log":     {Origin: "other/mir", Size: 200, Root: l.tree.RootAt(200)},
		"larger":          {Origin: origin, Size: 301, Root: c.Root},
		"another of same": {Origin: origin, Size: 300, Root: older.Root},
		"an empty root":   {Origin: origin, Size: 0, Root: c.Root},
	} {
		if err := log.CheckConsistent(t.Context(), wrong, c); !errors.Is(err, logread.ErrProof) {
			t.Errorf("%s: consistent: %v", name, err)
		}
	}
	l.tree = &logread.LeafTree{}
	fill(l.tree, 300)
	for name, err := range map[string]error{
		"root": log.TreeRoot(t.Context(), c), "inclusion": log.CheckIncluded(t.Context(), c, 7, line), "consistency": log.CheckConsistent(t.Context(), older, c),
	} {
		if !errors.Is(err, logread.ErrProof) {
			t.Errorf("%s with other tiles: %v", name, err)
		}
	}
}

func fill(tree *logread.LeafTree, n int) {
	for range n {
		tree.Add([]byte("x"))
	}
}

// TestCheckpoints: heads that are not the log's own, or not in their form, are refused.
func TestCheckpoints(t *testing.T) {
	private, key := keyOf("log")
	stranger, _ := keyOf("stranger")
	l := write(t, linesTo(3)...)
	good := l.note
	head, signature, _ := strings.Cut(good, "\n\n")
	c, err := key.ParseCheckpoint([]byte(good + "— witness.example/mir ySJQdwAAAABqAAAA\n"))
	if err != nil || len(c.Cosigners) != 1 || c.Cosigners[0] != "witness.example/mir" {
		t.Errorf("cosigned: %+v %v", c, err)
	}
	lines := strings.Split(l.text, "\n")
	for name, c := range map[string]struct {
		text string
		want error
	}{
		"empty":           {"", logread.ErrMalformed},
		"stranger":        {sign(t, stranger, origin, l.text), logread.ErrSignature},
		"other name":      {sign(t, private, "other.example/mir", l.text), logread.ErrSignature},
		"no signature":    {head + "\n\n", logread.ErrMalformed},
		"changed size":    {strings.Replace(good, "\n3\n", "\n4\n", 1), logread.ErrSignature},
		"other origin":    {sign(t, private, origin, strings.Replace(l.text, origin, "other.example/mir", 1)), logread.ErrSignature},
		"one more line":   {sign(t, private, origin, l.text+"more\n"), logread.ErrMalformed},
		"leading zero":    {sign(t, private, origin, lines[0]+"\n03\n"+lines[2]+"\n"), logread.ErrMalformed},
		"negative":        {sign(t, private, origin, lines[0]+"\n-3\n"+lines[2]+"\n"), logread.ErrMalformed},
		"huge":            {sign(t, private, origin, lines[0]+"\n9223372036854775807\n"+lines[2]+"\n"), logread.ErrMalformed},
		"short root":      {sign(t, private, origin, lines[0]+"\n3\nAAAA\n"), logread.ErrMalformed},
		"no text":         {"\n" + signature, logread.ErrMalformed},
		"too long":        {good + strings.Repeat("x", 100<<10), logread.ErrMalformed},
		"carriage return": {strings.ReplaceAll(good, "\n", "\r\n"), logread.ErrMalformed},
	} {
		if got, err := key.ParseCheckpoint([]byte(c.text)); !errors.Is(err, c.want) {
			t.Errorf("%s: %+v, %v, and not: %v", name, got, err, c.want)
		}
	}
}

// TestKeys: a key's text names it whole.
func TestKeys(t *testing.T) {
	_, key := keyOf("log")
	if got, err := logread.ParseKey(key.String()); err != nil || got.String() != key.String() {
		t.Errorf("%v %v", got, err)
	}
	for _, text := range []string{"", "a+b+c", strings.Replace(key.String(), "node", "mode", 1), key.String() + "A"} {
		if got, err := logread.ParseKey(text); !errors.Is(err, logread.ErrMalformed) {
			t.Errorf("%q is the key %v (%v)", text, got, err)
		}
	}
	if _, err := logread.Open(logread.Options{Key: logread.Key{Origin: origin, Public: []byte{1}}}); !errors.Is(err, logread.ErrMalformed) {
		t.Errorf("a key of one byte: %v", err)
	}
}

// TestEndless: a log that does not end costs no more than a bounded answer.
func TestEndless(t *testing.T) {
	log := open(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		block := []byte(strings.Repeat("x", 64<<10))
		for r.Context().Err() == nil {
			if _, err := w.Write(block); err != nil {
				return
			}
		}
	}))
	_, head := log.Checkpoint(t.Context())
	_, tile := log.Tile(t.Context(), 0, 0, 256)
	_, entries := log.Entries(t.Context(), 0, 10)
	_, bundle := log.Bundle(t.Context(), 0, 256)
	for name, err := range map[string]error{"checkpoint": head, "tile": tile, "entries": entries, "bundle": bundle} {
		if !errors.Is(err, logread.ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := log.Entries(t.Context(), 0, logread.MaxRead+1); err == nil {
		t.Error("more than MaxRead entries are read")
	}
	if _, err := log.CheckAll(t.Context(), logread.Checkpoint{Size: logread.MaxRead + 1}); err == nil {
		t.Error("a log of more than MaxRead entries is read")
	}
}

// TestEntriesOfNone: a log that gives nothing below its head, or more than was asked for, is found out, and does not loop.
func TestEntriesOfNone(t *testing.T) {
	for name, page := range map[string]string{"none": "", "more": strings.Join(linesTo(11), "\n") + "\n", "no end": linesTo(1)[0]} {
		l := write(t, linesTo(10)...)
		l.pages["entries"] = page
		if got, err := open(t, l).Entries(t.Context(), 0, 10); !errors.Is(err, logread.ErrMalformed) {
			t.Errorf("%s: %d entries: %v", name, len(got), err)
		}
	}
}

// TestPaths are C2SP's.
func TestPaths(t *testing.T) {
	for want, got := range map[string]string{
		"tile/0/000":               logread.TilePath(0, 0, 256),
		"tile/1/x001/x234/067.p/5": logread.TilePath(1, 1234067, 5),
		"tile/entries/x001/067":    logread.BundlePath(1067, 256),
		"tile/entries/000.p/255":   logread.BundlePath(0, 255),
	} {
		if got != want {
			t.Errorf("%s, and not %s", got, want)
		}
	}
	if got := len(logread.Tiles(65536 + 257)); got != 256+1+1+1+1+1 {
		t.Errorf("%d tiles", got)
	}
}

// TestHeads: what a node says of the logs that it holds must be what their checkpoints say.
func TestHeads(t *testing.T) {
	_, key := keyOf("log")
	l := write(t, linesTo(3)...)
	root := l.tree.Root()
	good := logread.Head{Origin: origin, Size: 3, Root: hex.EncodeToString(root[:]), Checkpoint: l.note}
	page, err := json.Marshal(map[string]any{"heads": []logread.Head{good}, "next": "3"})
	if err != nil {
		t.Fatal(err)
	}
	l.pages["heads"] = string(page)
	server := httptest.NewServer(l)
	t.Cleanup(server.Close)
	heads, err := logread.Heads(t.Context(), server.Client(), server.URL)
	if err != nil || len(heads) != 1 || heads[0] != good {
		t.Fatalf("%+v %v", heads, err)
	}
	if _, err := good.Check(key); err != nil {
		t.Error(err)
	}
	for _, change := range []func(h *logread.Head){
		func(h *logread.Head) { h.Size++ }, func(h *logread.Head) { h.Root = strings.Repeat("0", 64) }, func(h *logread.Head) { h.Origin = "x" },
	} {
		wrong := good
		change(&wrong)
		if _, err := wrong.Check(key); !errors.Is(err, logread.ErrProof) {
			t.Errorf("%+v: %v", wrong, err)
		}
	}
	if got := logread.MirrorURL("http://n", "node2.example.com/mir"); !strings.HasPrefix(got, "http://n/mirror/") || len(got) != len("http://n/mirror/")+64 {
		t.Error(got)
	}
}
