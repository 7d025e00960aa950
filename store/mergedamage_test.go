package store_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"mirnode/store"
)

// Damage of the index that a merge meets ends the merge and nothing else: look-ups fail, the store says so, and it can be closed, though the
// damage is such that bbolt cannot even take its transaction back. The next start makes the index anew.
func TestDamageThatAMergeMeets(t *testing.T) {
	for name, damage := range map[string]func(data []byte, page int) bool{
		"every page but the header": func(_ []byte, page int) bool { return page >= 2 },
		"every page":                func([]byte, int) bool { return true },
		"leaves":                    func(data []byte, page int) bool { return page >= 2 && data[page*4096+8] == 2 },
	} {
		t.Run(name, func(t *testing.T) {
			dir, claims := damagedStore(t, "index.db", func(data []byte) []byte { return data })
			s, err := store.Open(dir, crashOptions)
			if err != nil {
				t.Fatal(err)
			}
			path := filepath.Join(dir, "index.db")
			data, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			for page := range usedPages(data) {
				if damage(data, page) {
					copy(data[page*4096+8:(page+1)*4096], bytes.Repeat([]byte{0xff}, 4096))
				}
			}
			file, err := os.OpenFile(path, os.O_WRONLY, 0)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := file.WriteAt(data, 0); err != nil || file.Close() != nil { // in place: the store has it mapped
				t.Fatal(err)
			}
			for id := uint64(10_000); s.Ready() == nil && id < 12_000; id++ {
				_, _ = s.AppendClaim(t.Context(), made{id: id}.claim(t), store.Provenance{})
			}
			var corrupt *store.CorruptError
			if !errors.As(s.Ready(), &corrupt) || corrupt.File != path {
				t.Fatalf("Ready: %v", s.Ready())
			}
			if err := s.Close(); err != nil { // it hung here
				t.Errorf("Close: %v", err)
			}
			s = open(t, dir, crashOptions)
			for _, claim := range claims {
				if _, err := s.Claim(t.Context(), claim.SigHash()); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}
