package translog_test

import (
	"crypto/ed25519"
	"testing"
	"time"

	cosig "github.com/transparency-dev/formats/note"
	"golang.org/x/mod/sumdb/note"

	"mirnode/translog"
)

// The key's text form is taken by other people's code, and verifies what the cosigner signs.
func TestCosignerVerifierKey(t *testing.T) {
	key := ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))
	cosigner, err := translog.NewCosigner("witness.test/mir", key, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	theirs, err := cosig.NewVerifierForCosignatureV1(cosigner.VerifierKey())
	if err != nil {
		t.Fatal(err)
	}
	signed, err := note.Sign(&note.Note{Text: "log.test/mir\n0\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n"}, cosigner)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := note.Open(signed, note.VerifierList(theirs)); err != nil {
		t.Error(err)
	}
}
