package store_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"go.etcd.io/bbolt"

	"mirnode/protocol"
	"mirnode/store"
)

// damages are what can happen to a file of this content.
var damages = map[string]func(data []byte) []byte{
	"emptied":                  func([]byte) []byte { return nil },
	"cut to a few bytes":       func(data []byte) []byte { return data[:100] },
	"cut to its header":        func(data []byte) []byte { return data[:3*4096] },
	"cut in half":              func(data []byte) []byte { return data[:usedPages(data)/2*4096] },
	"header zeroed":            func(data []byte) []byte { clear(data[:2*4096]); return data },
	"all noise":                func(data []byte) []byte { return noise(data, 0, len(data)) },
	"noise after the header":   func(data []byte) []byte { return noise(data, 2*4096, len(data)) },
	"noise in one page of two": noisyPages,
	"a text":                   func([]byte) []byte { return []byte(strings.Repeat("this is no database\n", 1_000)) },
}

func noise(data []byte, from, to int) []byte {
	random := rand.NewChaCha8([32]byte{1})
	_, _ = random.Read(data[from:to])
	return data
}

func noisyPages(data []byte) []byte {
	for page := 3; page < usedPages(data); page += 2 {
		noise(data, page*4096, (page+1)*4096)
	}
	return data
}

// usedPages is the number of pages up to the last that is not empty: the file is longer than what is in it.
func usedPages(data []byte) int {
	n := len(data) / 4096
	for n > 0 && binary.LittleEndian.Uint64(data[(n-1)*4096:]) == 0 && data[(n-1)*4096+8] == 0 {
		n--
	}
	return n
}

// damagedStore fills a store, closes it and damages one of its files.
func damagedStore(t *testing.T, file string, damage func([]byte) []byte) (dir string, claims []*protocol.Claim) {
	t.Helper()
	dir = t.TempDir()
	s := open(t, dir, crashOptions)
	for id := range uint64(600) {
		claims = append(claims, crashClaim(id).claim(t))
	}
	mustAppend(t, s, claims[:300]...)
	mustAppend(t, s, claims[300:]...)
	for range 2 { // the second start merges, if the first run did not come to it
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		s = open(t, dir, crashOptions)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, file)
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, damage(data), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir, claims
}

func TestADamagedIndexIsMadeAnew(t *testing.T) {
	for name, damage := range damages {
		t.Run(name, func(t *testing.T) {
			dir, claims := damagedStore(t, "index.db", damage)
			s := open(t, dir, crashOptions)
			// Damage that is not seen at the start is an error when it is met, and mended by the next start.
			for _, claim := range claims {
				if _, err := s.Claim(t.Context(), claim.SigHash()); err != nil {
					var corrupt *store.CorruptError
					if !errors.As(err, &corrupt) || !errors.As(s.Ready(), &corrupt) {
						t.Fatalf("Claim: %v; Ready: %v", err, s.Ready())
					}
					if err := s.Close(); err != nil {
						t.Fatal(err)
					}
					s = open(t, dir, crashOptions)
					break
				}
			}
			for _, claim := range claims {
				if _, err := s.Claim(t.Context(), claim.SigHash()); err != nil {
					t.Fatal(err)
				}
			}
			checkIndexAgainstLog(t, s)
			if appended := mustAppend(t, s, claims[0], made{id: 9_999}.claim(t)); !appended[0].Duplicate || appended[1].Duplicate {
				t.Errorf("appending afterwards: %+v", appended)
			}
		})
	}
}

func TestADamagedLogIsAnErrorAndNoPanic(t *testing.T) {
	for name, damage := range damages {
		t.Run(name, func(t *testing.T) {
			dir, claims := damagedStore(t, "log.db", damage)
			var corrupt *store.CorruptError
			s, err := store.Open(dir, crashOptions)
			if err != nil {
				if !errors.As(err, &corrupt) || !strings.Contains(err.Error(), "log.db") {
					t.Errorf("Open: %v", err)
				}
				return
			}
			defer func() { _ = s.Close() }()
			damaged := 0
			for _, claim := range claims {
				if _, err := s.Claim(t.Context(), claim.SigHash()); errors.As(err, &corrupt) {
					damaged++
				} else if err != nil {
					t.Fatalf("Claim: %v", err)
				}
			}
			if damaged == 0 {
				t.Error("no damage was noticed")
			}
		})
	}
}

// A changed byte is an error and not an altered claim. The log takes no more claims then; others are read as before.
func TestRotInOneClaim(t *testing.T) {
	const rotten = 7
	dir, claims := damagedStore(t, "log.db", func(data []byte) []byte {
		sig := []byte(crashClaim(rotten).claim(t).Sig)
		changed := bytes.Clone(sig)
		changed[0] ^= 1
		return bytes.ReplaceAll(data, sig, changed)
	})
	s := open(t, dir, crashOptions)
	if err := s.Ready(); err != nil {
		t.Fatal(err)
	}
	mustAppend(t, s, made{id: 9_998}.claim(t))
	var corrupt *store.CorruptError
	for range 2 {
		for i, claim := range claims {
			if _, err := s.Claim(t.Context(), claim.SigHash()); (err != nil) != (i == rotten) || err != nil && !errors.As(err, &corrupt) {
				t.Errorf("claim %d: %v", i, err)
			}
		}
	}
	if err := s.Ready(); !errors.Is(err, store.ErrReadOnly) || !errors.As(err, &corrupt) || !strings.Contains(err.Error(), "checksum") {
		t.Errorf("Ready: %v", err)
	}
	if stats := s.Stats(); stats.Damage != 2 || !stats.ReadOnly {
		t.Errorf("%+v", stats)
	}
	if _, err := s.AppendClaim(t.Context(), made{id: 9_999}.claim(t), store.Provenance{}); !errors.Is(err, store.ErrReadOnly) {
		t.Errorf("AppendClaim: %v", err)
	}
}

// Appending a claim that is there, but damaged, is that claim's error.
func TestAppendingWhatIsDamaged(t *testing.T) {
	dir, claims := damagedStore(t, "log.db", func(data []byte) []byte {
		sig := []byte(crashClaim(7).claim(t).Sig)
		return bytes.ReplaceAll(data, sig, bytes.Repeat([]byte("A"), len(sig)))
	})
	s := open(t, dir, crashOptions)
	var corrupt *store.CorruptError
	if _, err := s.AppendClaim(t.Context(), claims[7], store.Provenance{}); !errors.As(err, &corrupt) {
		t.Errorf("AppendClaim: %v", err)
	}
	if err := s.Ready(); !errors.Is(err, store.ErrReadOnly) {
		t.Errorf("Ready: %v", err)
	}
}

// Damage that a query meets in the index is not taken for the log's, which nothing but a backup would mend.
func TestAQueryBlamesTheRightFile(t *testing.T) {
	dir, _ := damagedStore(t, "index.db", func(data []byte) []byte { return data })
	s := open(t, dir, store.Options{}) // which has nothing to merge
	path := spoilLeaves(t, dir)
	_, err := s.Find(t.Context(), store.Query{Subject: subject(1)})
	if corrupt, ok := errors.AsType[*store.CorruptError](err); !ok || corrupt.File != path {
		t.Errorf("Find: %v", err)
	}
	if s.Stats().Damage != 0 || errors.Is(s.Ready(), store.ErrReadOnly) || s.Ready() == nil {
		t.Errorf("Ready: %v; %+v", s.Ready(), s.Stats())
	}
}

// Nor is damage that a look-up of an artifact meets; and what it meets in the log is an error and no altered assertion.
func TestALookUpOfAnArtifactBlamesTheRightFile(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, withLog(store.Options{MergeClaims: 16}))
	for i := range 40 {
		appendRecords(t, s, said{artifact: i, name: "genuine"}.assertion(t))
	}
	for stats := s.Stats(); stats.ActiveClaims >= 16 || stats.MergingClaims > 0; stats = s.Stats() { // then artifact 3 is on disk, and nothing is left to merge
		runtime.Gosched()
	}
	log := filepath.Join(dir, "log.db")
	spoil(t, log, func(data []byte) { copy(data, bytes.ReplaceAll(data, []byte("genuine"), []byte("altered"))) })
	see := func(a *store.AssertionState) { t.Errorf("%s is told", a.Raw) }
	_, err := s.VisitArtifact(t.Context(), artifactOf(3), store.ArtifactQuery{}, see)
	if corrupt, ok := errors.AsType[*store.CorruptError](err); !ok || corrupt.File != log || s.Stats().Damage != 1 {
		t.Errorf("VisitArtifact: %v", err)
	}
	index := spoilLeaves(t, dir)
	_, err = s.VisitArtifact(t.Context(), artifactOf(3), store.ArtifactQuery{}, see)
	if corrupt, ok := errors.AsType[*store.CorruptError](err); !ok || corrupt.File != index || s.Stats().Damage != 1 {
		t.Errorf("VisitArtifact: %v", err)
	}
}

// spoilLeaves damages the index's leaf pages in place, and gives the file's path.
func spoilLeaves(t *testing.T, dir string) (path string) {
	t.Helper()
	path = filepath.Join(dir, "index.db")
	spoil(t, path, func(data []byte) {
		const leaf = 2 // bbolt's flag
		for page := 2; page < usedPages(data); page++ {
			if at := page * 4096; data[at+8] == leaf {
				copy(data[at+16:at+4096], bytes.Repeat([]byte{0xff}, 4096))
			}
		}
	})
	return path
}

// spoil changes a file in place, while the store has it mapped.
func spoil(t *testing.T, path string, change func(data []byte)) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	change(data)
	file, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := file.WriteAt(data, 0); err != nil || file.Close() != nil {
		t.Fatal(err)
	}
}

func TestAnIndexOfAnotherLogIsMadeAnew(t *testing.T) {
	stranger, _ := damagedStore(t, "index.db", func(data []byte) []byte { return data })
	other := t.TempDir()
	s := open(t, other, crashOptions)
	claims := make([]*protocol.Claim, 700)
	for id := range claims {
		claims[id] = crashClaim(uint64(id) + 5_000).claim(t)
	}
	mustAppend(t, s, claims...)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(filepath.Join(stranger, "index.db"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(other, "index.db"), data, 0o600); err != nil {
		t.Fatal(err)
	}
	said := make(events, 100)
	options := crashOptions
	options.Logger = slog.New(said)
	checkIndexAgainstLog(t, open(t, other, options))
	said.await("making the index anew")
}

func TestANewerFormatIsRefused(t *testing.T) {
	for _, file := range []string{"log.db", "index.db"} {
		dir, _ := damagedStore(t, file, func(data []byte) []byte { return data })
		db, err := bbolt.Open(filepath.Join(dir, file), 0o600, nil)
		if err != nil {
			t.Fatal(err)
		}
		err = db.Update(func(tx *bbolt.Tx) error {
			return tx.Bucket([]byte("meta")).Put([]byte("version"), []byte{0, 0, 0, 0, 0, 0, 0, 99})
		})
		if err := errors.Join(err, db.Close()); err != nil {
			t.Fatal(err)
		}
		if s, err := store.Open(dir, crashOptions); !errors.Is(err, store.ErrNewerFormat) {
			t.Errorf("%s: Open gives %v", file, err)
			_ = s.Close()
		}
	}
}
