package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"mirnode/translog"
)

// TestForkOfThePage: the fork proof of docs/receipts.md is one, under the key that the page gives.
func TestForkOfThePage(t *testing.T) {
	page, err := os.ReadFile(filepath.Join("..", "..", "docs", "receipts.md"))
	if err != nil {
		t.Fatal(err)
	}
	document := regexp.MustCompile("(?s)```json\n(\\{\n.*?)```").FindSubmatch(page)
	key := regexp.MustCompile("```text\n(node1.*)\n```").FindSubmatch(page)
	if document == nil || key == nil {
		t.Fatal("the page has no fork proof, or no key: mend this test")
	}
	var fork translog.Fork
	if err := json.Unmarshal(document[1], &fork); err != nil {
		t.Fatal(err)
	}
	name, public, err := translog.ParseVerifierKey(string(key[1]))
	if err != nil {
		t.Fatal(err)
	}
	v, err := translog.NewVerifier(name, public)
	if err != nil {
		t.Fatal(err)
	}
	if err := fork.Verify(v); err != nil {
		t.Error(err)
	}
}
