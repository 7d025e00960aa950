package main

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestNodeItselfIsAwaited holds the first look at a node to the node: not to where it points, nor to a proxy.
func TestNodeItselfIsAwaited(t *testing.T) {
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("another server was asked") }))
	defer elsewhere.Close()
	node := httptest.NewServer(http.RedirectHandler(elsewhere.URL, http.StatusFound))
	defer node.Close()
	for _, proxy := range []string{"http_proxy", "HTTP_PROXY", "ALL_PROXY"} {
		t.Setenv(proxy, elsewhere.URL)
	}
	if err := awaitNode(t.Context(), node.URL, 0); err != nil {
		t.Error(err)
	}
}

func TestURLsOfNodes(t *testing.T) {
	for _, test := range []struct{ text, wrong string }{
		{"http://127.0.0.1:8080", ""},
		{"https://node.example/api", ""},
		{"https://node.example/@mir", ""},
		{"127.0.0.1:8080", "is no URL of a node"},
		{"ftp://node.example", "is no URL of a node"},
		{"https://node.example/?key=1", "is no URL of a node"},
		{"https://user:hunter2@node.example", "holds a user name or a password"},
		{"https://hunter2@node.example", "holds a user name or a password"},
		{"user:hunter2@node.example", "holds a user name or a password"},
		{"https://user:hunter2 @node.example", "holds a user name or a password"},
	} {
		_, err := nodeURL("--node", test.text)
		if (err != nil) != (test.wrong != "") || err != nil && (!strings.Contains(err.Error(), test.wrong) || strings.Contains(err.Error(), "hunter2")) {
			t.Errorf("%q: %v", test.text, err)
		}
	}
}

// TestRegularFilesAlone reads no file that could keep the program waiting, and names none whose name forges a line.
func TestRegularFilesAlone(t *testing.T) {
	dir := t.TempDir()
	path := func(name string) string { return filepath.Join(dir, name) }
	if err := syscall.Mkfifo(path("fifo"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, size := range map[string]int{"small": 10, "large": 11} {
		if err := os.WriteFile(path(name), make([]byte, size), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for name, want := range map[string]string{
		"small": "", "large": "too large: more than 10 bytes", "fifo": "no regular file", ".": "no regular file", "not\nthere": "no such file",
	} {
		data, err := readRegular(path(name), 10)
		if want == "" && (err != nil || len(data) != 10) || want != "" && (err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), dir)) {
			t.Errorf("%q: %d bytes, %v", name, len(data), err)
		}
	}
}

func TestSamePath(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	if err := os.WriteFile("a", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("a", "b"); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		a, b string
		same bool
	}{
		{"", "", false}, {"a", "", false}, {"a", "b", true}, {"a", "c", false}, {"c", "./c", true}, {"c", filepath.Join(dir, "c"), true}, {"c", "d/../c", true}, {"c", "C", false},
	} {
		if got := samePath(test.a, test.b); got != test.same {
			t.Errorf("%q and %q: %v", test.a, test.b, got)
		}
	}
}
