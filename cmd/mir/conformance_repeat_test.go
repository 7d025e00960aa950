package main

import (
	"os/exec"
	"testing"

	"pgregory.net/rapid"
)

// TestShellWord asks a shell what it reads.
func TestShellWord(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		word := rapid.StringMatching(`[ -~\n\t]{0,12}`).Draw(t, "word")
		read, err := exec.Command("sh", "-c", "printf %s "+shellWord(word)+"x").Output() // the x keeps an empty word and its line breaks
		if err != nil || string(read) != word+"x" {
			t.Fatalf("%q is written as %s, and read as %q (%v)", word, shellWord(word), read, err)
		}
	})
}
